"""Presets: configurations of known applications, and how a configuration file overrides one."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from stormdoor.errors import ConfigurationError
from stormdoor.settings.place import Place, find_line, lines_of
from stormdoor.settings.section import close_match

__all__ = ["Preset", "override", "preset_file", "preset_names", "read_preset"]

_FOLDER = Path(__file__).parent / "presets"


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset, as the base of one configuration file.

    Attributes:
        name: Its name.
        data: Its content, as `tomllib` reads it.
        lines: The line of each place in it.
        used: The places that count, because the file does not replace them; with all that is in them.
    """

    name: str
    data: Mapping[str, Any]
    lines: Mapping[Place, int]
    used: set[Place] = field(default_factory=set)

    def line(self, place: Place) -> int | None:
        """Return the line of a place that the preset sets; None if the file sets it, or neither does."""
        if not any(place[:end] in self.used for end in range(1, len(place) + 1)):
            return None
        return find_line(dict(self.lines), place)


@cache
def preset_names() -> tuple[str, ...]:
    """Return the names of all presets, in alphabetical order."""
    return tuple(sorted(one.stem for one in _FOLDER.glob("*.toml")))


def preset_file(name: str) -> Path:
    """Return the path of a preset, which is a complete configuration file.

    Raises:
        ConfigurationError: There is no preset of that name.
    """
    names = preset_names()
    if name not in names:
        hint = close_match(name, names) or f"; there are: {', '.join(names)}"
        raise ConfigurationError(f"there is no preset {name!r}{hint}")
    return _FOLDER / f"{name}.toml"


def read_preset(name: str) -> Preset:
    """Return the preset of that name.

    Raises:
        ConfigurationError: There is none.
    """
    text = preset_file(name).read_text(encoding="utf-8")
    return Preset(name, tomllib.loads(text), lines_of(text))


def override(own: dict[str, Any], preset: Preset) -> dict[str, Any]:
    """Return the content of a file together with that of its preset; `preset.used` is filled.

    A table of both is merged key by key, at every depth. Any other value of the file replaces that of the
    preset as a whole: a list and an array of tables too. The keys of the file come first, since the first
    matching path pattern counts.
    """
    return _merged(own, preset.data, (), preset.used)


def _merged(
    own: Mapping[str, Any], base: Mapping[str, Any], place: Place, used: set[Place]
) -> dict[str, Any]:
    merged = dict(own)
    for name, value in base.items():
        written = own.get(name)
        if name not in own:
            used.add((*place, name))
            merged[name] = value
        elif isinstance(written, dict) and isinstance(value, dict):
            merged[name] = _merged(written, value, (*place, name), used)
    return merged
