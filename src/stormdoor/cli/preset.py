"""`stormdoor preset`: the configurations of known applications."""

from __future__ import annotations

import sys
import tomllib

from cyclopts import App

from stormdoor.cli.output import print_json, table
from stormdoor.config.preset import preset_file, preset_names

__all__ = ["app"]

app = App(name="preset", help_format="markdown")


@app.command(name="list")
def list_(*, json: bool = False) -> int:
    """List the presets, with the application that each is for.

    Args:
        json: Print JSON, for scripts.
    """
    found = [(name, *_described(name)) for name in preset_names()]
    if json:
        print_json(
            [
                {"name": name, "for": application, "roles": roles}
                for name, application, roles in found
            ]
        )
    else:
        table(
            ["preset", "for", "roles"],
            [(name, application, ", ".join(roles)) for name, application, roles in found],
        )
    return 0


@app.command
def show(name: str, /) -> int:
    """Print a preset as TOML, so that it can be read, copied and changed.

    Args:
        name: Name of the preset, which a configuration file names as preset = "NAME".
    """
    sys.stdout.write(preset_file(name).read_text(encoding="utf-8"))
    return 0


def _described(name: str) -> tuple[str, list[str]]:
    """Return the first sentence of a preset, which names its application, and its roles."""
    text = preset_file(name).read_text(encoding="utf-8")
    comment = [one.removeprefix("# ") for one in text.partition("\n\n")[0].splitlines()]
    sentence, dot, _ = " ".join(comment).partition(". ")
    roles = tomllib.loads(text)["policies"]["role"]
    return sentence + dot.strip(), [one["name"] for one in roles]
