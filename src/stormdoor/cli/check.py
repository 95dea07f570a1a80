"""`stormdoor check`: find unsafe settings of a configuration file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cyclopts import App

from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import CONFIG

if TYPE_CHECKING:
    from stormdoor.settings.finding import Finding

__all__ = ["app"]

app = App(name="check", help_format="markdown")

_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


@app.default
def check(
    config: Path | None = None,
    /,
    *,
    fail_on: Literal["error", "warning", "note"] = "warning",
    without_secrets: bool = False,
    json: bool = False,
    schema: bool = False,
) -> int:
    """Find mistakes and unsafe settings in a configuration file, with the line to write.

    Ends with 1 if it finds one.

    Args:
        config: The file [env: STORMDOOR_CONFIG].
        fail_on: The least level that counts: error, warning (if left out) or note.
        without_secrets: Secrets may be missing: for a check on the machine where the file is written.
        json: Print JSON, for scripts.
        schema: Print the JSON Schema of configuration files, for an editor, and check none.
    """
    from stormdoor.cli.output import print_json
    from stormdoor.config.check import check_file
    from stormdoor.settings.finding import LEVELS

    if schema:
        from stormdoor.config.schema import config_schema

        print_json(config_schema())
        return 0
    path = config or Path(os.environ.get(CONFIG) or "")
    if path == Path():
        raise UsageError(f"which file? Name it, or set {CONFIG}")
    if not path.exists():
        raise UsageError(f"there is no file {path}")
    found = check_file(path, secrets=not without_secrets)
    if not without_secrets and not any(one.level == "error" for one in found):
        found += _check_standby(path)
    if json:
        print_json(
            [
                {
                    "id": one.id,
                    "level": one.level,
                    "line": one.line,
                    "place": one.place,
                    "what": one.what,
                    "write": one.write,
                }
                for one in found
            ]
        )
    else:
        _print(path, found)
    counts = LEVELS[: LEVELS.index(fail_on) + 1]
    return 1 if any(one.level in counts for one in found) else 0


def _check_standby(path: Path) -> list[Finding]:
    """Return the finding about the standby of the store that a correct file names."""
    import asyncio

    from stormdoor.config.document import read_document
    from stormdoor.config.file import build_options
    from stormdoor.runtime.guarantee import look_for_standby

    options = build_options(read_document(path), operating=True, trail_key=False)
    finding = asyncio.run(look_for_standby(str(options.arguments.get("store", ""))))
    return [] if finding is None else [finding]


def _print(path: Path, found: list[Finding]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from stormdoor.cli.effect import counted
    from stormdoor.cli.output import clean, console
    from stormdoor.settings.finding import LEVELS

    out = console()
    for one in found:
        where = f"{path}:{one.line}" if one.line else str(path)
        head = Text.assemble(
            (f"{one.level} ", _STYLES[one.level]), (clean(where), "bold"), (f" {one.id}", "dim")
        )
        if one.place:
            head.append(clean(f" {one.place}"))
        out.print(head, soft_wrap=True)
        out.print(Padding(Text(clean(one.what)), (0, 0, 0, 2)))
        if one.write:
            write = Text.assemble(("write: ", "dim"), (clean(one.write), "green"))
            out.print(Padding(write, (0, 0, 0, 2)))
        out.print()
    numbers = [counted(n, level) for level in LEVELS if (n := sum(f.level == level for f in found))]
    summary = ", ".join(numbers) if numbers else clean(f"{path}: nothing to report")
    out.print(Text(summary), soft_wrap=True)
