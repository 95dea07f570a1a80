"""Authorization matrix of a probe: actions against identities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["AccessCell", "AccessMatrix", "AccessRow", "AccessState"]

AccessState = Literal["allowed", "refused", "silent", "unknown", "not-tried"]


@dataclass(frozen=True, slots=True)
class AccessCell:
    """The result of one action by one identity.

    Args:
        identity: Its name; `nobody` has no credential.
        state: It was delivered what the rightful identity gets; it was told no, or ended; nothing came;
            it could not be told; it was not sent.
        why: In a few words.
        meant: What was declared: `allowed`, `refused`, or "" where that is not declared.
        transcript: How it went.
    """

    identity: str
    state: AccessState
    why: str = ""
    meant: Literal["", "allowed", "refused"] = ""
    transcript: tuple[str, ...] = ()

    @property
    def wrong(self) -> bool:
        """Return True if an identity may do what it was not meant to."""
        return self.state == "allowed" and self.meant == "refused"


@dataclass(frozen=True, slots=True)
class AccessRow:
    """One action.

    Args:
        action: What it is called.
        of: Owner of the object; "" where it is about none.
        reads: Whether it was declared to read only.
        cells: One for each identity, in the order of the matrix.
    """

    action: str
    of: str
    reads: bool
    cells: tuple[AccessCell, ...]

    @property
    def title(self) -> str:
        """The action, and the owner of its object."""
        return f"{self.action} (of {self.of})" if self.of else self.action


@dataclass(frozen=True, slots=True)
class AccessMatrix:
    """All actions of a recorded conversation, by all identities.

    Args:
        identities: The columns: the owner first, the one without a credential last.
        rows: In the order of the conversation.
    """

    identities: tuple[str, ...]
    rows: tuple[AccessRow, ...]

    @property
    def doubts(self) -> tuple[tuple[str, AccessCell], ...]:
        """The cells that could not be told, each with the title of its row."""
        return tuple(
            (row.title, cell) for row in self.rows for cell in row.cells if cell.state == "unknown"
        )
