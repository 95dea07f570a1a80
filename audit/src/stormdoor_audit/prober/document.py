"""Files of the operator: read within bounds, and refused with a reason where they make no sense."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from stormdoor_audit.report.installation import install_command

__all__ = ["BadDocument", "parse_json", "parse_yaml", "read_any", "read_text", "read_toml"]

_YAML = "'stormdoor-audit[yaml]'"

LONGEST = 64 * 1024 * 1024
"""A browser session is long, in bytes."""
_LONGEST_YAML = 1024 * 1024
"""YAML is read slowly; no description of an interface is longer."""


class BadDocument(Exception):
    """The file cannot be read, or is not what it should be. The message names it, and says what is wrong."""


def read_text(path: Path, longest: int = LONGEST) -> str:
    """The text of a file.

    Raises:
        BadDocument: It is not there, too long, or no UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(longest + 1)
    except OSError as error:
        raise BadDocument(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > longest:
        raise BadDocument(f"{path} has more than {longest // 1024 // 1024} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDocument(f"{path} is no UTF-8 text, at byte {error.start}") from error


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number in JSON")


def parse_json(text: str, name: str) -> Any:
    """Parse a JSON text.

    Raises:
        BadDocument: It is none, or nested more deeply than any such file needs.
    """
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError as error:
        raise BadDocument(f"{name} is nested too deeply") from error
    except ValueError as error:
        raise BadDocument(f"{name} is no JSON: {error}") from error


def parse_yaml(text: str, name: str) -> Any:
    """Parse a YAML text without aliases: a few lines of those are gigabytes.

    Raises:
        BadDocument: It is none, or PyYAML is not installed.
    """
    if len(text) > _LONGEST_YAML:
        raise BadDocument(
            f"{name} has more than 1 MiB, which is too long for YAML; give it as JSON"
        )
    try:
        import yaml  # noqa: PLC0415 - an extra: JSON needs nothing of it
    except ImportError as error:
        raise BadDocument(
            f"{name} is YAML, which needs PyYAML: {install_command(_YAML)}; or give it as JSON"
        ) from error

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise BadDocument(f"{name} has YAML aliases, which are not read; write them out")
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Loader)  # noqa: S506 - a subclass of SafeLoader
    except RecursionError as error:
        raise BadDocument(f"{name} is nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:
        raise BadDocument(f"{name} is no YAML: {' '.join(str(error).split())}") from error


def read_any(path: Path) -> Any:
    """Read a JSON or YAML file.

    Raises:
        BadDocument: It is neither.
    """
    text = read_text(path)
    if text.lstrip()[:1] in {"{", "["}:
        return parse_json(text, str(path))
    return parse_yaml(text, str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        BadDocument: It is none.
    """
    text = read_text(path, _LONGEST_YAML)
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise BadDocument(f"{path} is nested too deeply") from error
    except tomllib.TOMLDecodeError as error:
        raise BadDocument(f"{path} is no TOML: {error}") from error
