"""`[tool.stormdoor.scan]` in pyproject.toml: what every scan of a project shall do.

    [tool.stormdoor.scan]
    paths = ["src"]
    exclude = ["src/vendored/*"]
    ignore = ["SD7"]
    baseline = "stormdoor-baseline.json"

The file is looked for in the directory the scan is started in, then above it, up to the root of the
repository. It is never looked for in what is scanned: other people's code does not configure this.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec

from stormdoor_audit.auditor.reading.budget import ENDPOINT_STEPS

__all__ = ["Configuration", "SettingsError", "find_configuration", "read_configuration"]

FailOn = Literal["error", "warning", "note", "never"]
Origin = Annotated[str, msgspec.Meta(pattern=r"^https?://[^/?#*\s]+$")]
"""As browsers send it: an origin without a scheme, or with a slash behind it, is never sent."""


class SettingsError(Exception):
    """The settings cannot be used; the message says why and what to write."""


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Content of the table.

    Attributes:
        paths: What to scan where the command names nothing.
        select: Rules to run: ids, beginnings of ids, or slugs.
        ignore: Rules to leave out.
        exclude: Glob patterns of files and directories to leave out.
        python: Environment in which the bases of handlers are looked up.
        knowledge: TOML files about well-known base classes.
        jobs: Worker processes; 0 for one a core.
        steps: Steps that the analysis of one endpoint may take.
        fail_on: The least level that makes the command end with 1.
        allow_not_analysed: Whether the command may end with 0 although something was not analysed.
        baseline: File of known findings.
        origins: Origins of the project's pages, for --fix.
        audience: What `aud` of its tokens is, for --fix.
        issuer: What `iss` of its tokens is, for --fix.
    """

    paths: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    python: str | None = None
    knowledge: tuple[str, ...] = ()
    jobs: Annotated[int, msgspec.Meta(ge=0)] = 0
    steps: Annotated[int, msgspec.Meta(ge=1)] = ENDPOINT_STEPS
    fail_on: FailOn = "warning"
    allow_not_analysed: bool = False
    baseline: str | None = None
    origins: tuple[Origin, ...] = ()
    audience: str = ""
    issuer: str = ""


def find_configuration(start: Path) -> Path | None:
    """The nearest pyproject.toml that has the table, from `start` up to the root of the repository."""
    for directory in (start, *start.parents):
        file = directory / "pyproject.toml"
        if file.is_file() and _table(file) is not None:
            return file
        if (directory / ".git").exists():
            break
    return None


def read_configuration(file: Path | None) -> Configuration:
    """Read the table of this file; return the defaults without one.

    Raises:
        SettingsError: A name is unknown, or a value has the wrong type.
    """
    if file is None:
        return Configuration()
    try:
        return msgspec.convert(_table(file) or {}, Configuration)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{file}: [tool.stormdoor.scan]: {error}{_hint(str(error))}") from error


def _hint(error: str) -> str:
    """Suggest a correction, where the error has none."""
    if "unknown field" in error:
        names = (one.encode_name for one in msgspec.structs.fields(Configuration))
        return f"; there are {', '.join(sorted(names))}"
    if "enum" in error:
        return f"; it is one of {', '.join(get_args(FailOn))}"
    if "regex" in error:
        return '; an origin is written as "https://app.example"'
    return ""


def _table(file: Path) -> object | None:
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
    match document:
        case {"tool": {"stormdoor": dict() as ours}}:
            unknown = sorted(ours.keys() - {"scan"})
            if unknown:
                raise SettingsError(
                    f"{file}: there is no [tool.stormdoor.{unknown[0]}], only .scan"
                )
            found: object = ours.get("scan")
            return found
        case _:
            return None
