"""What a look at a configuration finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["LEVELS", "Finding", "Level"]

Level = Literal["error", "warning", "note"]

LEVELS: tuple[Level, ...] = ("error", "warning", "note")
"""The gravest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that should be otherwise, or known.

    Attributes:
        id: Name of the check, stable.
        level: `error`: unsafe, or will not start. `warning`: weaker than need be. `note`: to know.
        what: What is the matter, in one sentence.
        place: Where in the file (`limits.message_bytes`); empty for the file as a whole.
        line: The line there, or None.
        write: What to write instead, or to run; empty if nothing need be.
    """

    id: str
    level: Level
    what: str
    place: str = ""
    line: int | None = None
    write: str = ""
