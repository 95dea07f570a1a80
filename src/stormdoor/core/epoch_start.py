"""The moment since which a node follows the present log of revocations.

A failover to an asynchronous standby, or the restore of a backup, loses the last uses of values that are
accepted once. Each of both begins another epoch of the log. So a node refuses such a value if it was issued
before the present epoch: its use may be lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["EpochStart"]


@dataclass(slots=True)
class EpochStart:
    """The beginning of the present epoch, as this node knows it. Mutable: the node moves it.

    Attributes:
        epoch: The epoch of the log that the node has applied. None before its start, "" while it changes.
        at: Unix seconds at which a node first saw the epoch; minus infinity if none has seen it begin.
    """

    epoch: str | None = None
    at: float = -math.inf

    def change(self, now: float) -> None:
        """Note at `now` (Unix seconds) that the log is another one, of which no entry is applied yet."""
        self.epoch, self.at = "", now

    def is_later_than(self, epoch: object) -> bool:
        """Return whether a value that the store holds is of another epoch than the present one."""
        return self.epoch is not None and epoch != self.epoch

    def may_have_lost(self, issued_at: float) -> bool:
        """Return whether a use may be lost of a value from outside the store.

        Args:
            issued_at: The earliest time of its issue in Unix seconds, if its issuer's clock was ahead.
        """
        return issued_at <= self.at
