"""The errors that type checkers find in programs of users."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from mypy import api

from tests.support.project import ROOT

__all__ = ["pyright_errors", "type_errors"]


def type_errors(home: Path, programs: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the errors in each program, as "line: text". One run: mypy reads stormdoor once.

    Args:
        home: An empty folder for the programs.
        programs: Source code by name.
    """
    _write(home, programs)
    out, err, _ = api.run(
        ["--strict", "--no-error-summary", "--hide-error-context", "--config-file=",
         f"--cache-dir={ROOT / 'build' / 'mypy-programs'}", str(home)]
    )  # fmt: skip
    assert not err, err
    found: dict[str, list[str]] = {name: [] for name in programs}
    for file, line, text in re.findall(r"^(.*)\.py:(\d+): error: (.*)$", out, re.MULTILINE):
        name = Path(file).name.replace("_", " ")
        found[name].append(f"{line}: {text}")
    return found


def pyright_errors(home: Path, programs: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the errors that the installed pyright finds in each program, as "line: text".

    Args:
        home: An empty folder for the programs.
        programs: Source code by name.
    """
    _write(home, programs)
    command = ["pyright", "--outputjson", "--pythonpath", sys.executable, str(home)]
    out = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found: dict[str, list[str]] = {name: [] for name in programs}
    for one in json.loads(out)["generalDiagnostics"]:
        if one["severity"] == "error":
            line = one["range"]["start"]["line"] + 1
            found[Path(one["file"]).stem.replace("_", " ")].append(f"{line}: {one['message']}")
    return found


def _write(home: Path, programs: Mapping[str, str]) -> None:
    for name, text in programs.items():
        (home / f"{name.replace(' ', '_')}.py").write_text(text, encoding="utf-8")
