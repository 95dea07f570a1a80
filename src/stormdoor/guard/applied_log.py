"""Position up to which this node has applied the log of revocations."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation

__all__ = ["AppliedLog", "LogQuestion"]


class LogQuestion(NamedTuple):
    """A read of the log of revocations: its sequence number in `ORDER`, and its time (Unix seconds)."""

    order: int
    at: float


class AppliedLog:
    """The entries of the log that this node has applied.

    Attributes:
        applied: The head of the log, up to which every entry has been applied.
        epochs: Epochs with all entries applied; of the epoch of `applied`, those up to its position.
        on_applied: Called after each read of the log that was applied.
    """

    def __init__(self) -> None:
        self.applied = LogPosition("", 0)
        self._own = LogPosition("", 0)
        """The newest entry that was given to `note`. Changes of this node are, before it reads the log."""
        self.epochs: set[str] = set()
        self.on_applied: Callable[[], None] = lambda: None

    @property
    def newest(self) -> LogPosition:
        """The position for messages after the changes of this node: `applied`, or its own later entry."""
        own, seen = self._own, self.applied
        return own if own.epoch == seen.epoch and own.seq > seen.seq else seen

    def note(self, entry: Revocation) -> None:
        """Note an entry that this process is about to apply."""
        own = LogPosition(entry.epoch, entry.seq)
        if own.epoch == self.applied.epoch and (own.epoch != self._own.epoch or own > self._own):
            self._own = own

    def has_left(self, epoch: str) -> bool:
        """Return whether this node followed a log of that epoch, and now follows another one."""
        return epoch in self.epochs and epoch != self.applied.epoch
