"""Positions in the log of revocations, which order an issue and a revocation without a clock."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["LogPosition", "earlier"]


class LogPosition(NamedTuple):
    """The head of the log of revocations at some moment.

    Positions of different epochs cannot be compared.

    Attributes:
        epoch: Identifies the log. A restart with a store in memory, a restored backup and a copied file
            start another epoch.
        seq: The position of the last entry; 0 for an empty log.
    """

    epoch: str
    seq: int

    def includes(self, other: LogPosition) -> bool:
        """Return whether every entry up to `other` is one of those up to this position."""
        return self.epoch == other.epoch and self.seq >= other.seq


def earlier(one: LogPosition | None, other: LogPosition | None) -> LogPosition | None:
    """Return the earlier of two positions; None if they cannot be compared."""
    if one is None or other is None or one.epoch != other.epoch:
        return None
    return one if one.seq <= other.seq else other
