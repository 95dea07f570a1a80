"""The findings of a configuration check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["LEVELS", "Finding", "Level"]

Level = Literal["error", "warning", "note"]

LEVELS: tuple[Level, ...] = ("error", "warning", "note")
"""The most serious first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding.

    Attributes:
        id: Name of the check, stable.
        level: `error`: unsafe, or will not start. `warning`: weaker than necessary. `note`: for
            information.
        what: The problem, in one sentence.
        place: Place in the file (`limits.message_bytes`); empty for the file as a whole.
        line: The line there, or None.
        write: The line to write, or the command to run; empty if none is necessary.
    """

    id: str
    level: Level
    what: str
    place: str = ""
    line: int | None = None
    write: str = ""
