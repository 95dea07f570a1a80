"""What the operator reads about refusals: every kind of them, and never a flood."""

from __future__ import annotations

import logging
from collections import Counter

from stormdoor.core.address import rate_key
from stormdoor.core.bucket import Rate
from stormdoor.core.denial import Refusal
from stormdoor.core.origin import quote
from stormdoor.guard.budget import Budget
from stormdoor.ports import Clock

__all__ = ["OperatorLog"]

_log = logging.getLogger("stormdoor.refused")

_SHOWN = Rate.parse("10/min burst 10")


class OperatorLog:
    """Writes refusals to the log, at most so many a minute for each cause and client.

    The trail has them all. A log line for each would let whoever is refused fill the disk, and would cost
    more than the refusal.
    """

    __slots__ = ("_budget", "_clock", "_hidden")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._budget = Budget(_SHOWN, capacity=4096)
        self._hidden: Counter[str] = Counter()

    def refused(self, refusal: Refusal, *, path: str, address: str, principal: str = "") -> None:
        """Write one refusal, unless many like it were written just now."""
        if not _log.isEnabledFor(logging.WARNING):
            return
        key = f"{refusal.denial.value} {rate_key(address, 64)}"
        if not self._budget.spend(key, self._clock.monotonic()):
            self._hidden[key] += 1
            if len(self._hidden) > 4096:
                self._hidden.clear()
            return
        hidden = self._hidden.pop(key, 0)
        _log.warning(
            "refused %s %s from %s%s: %s%s",
            refusal.denial.value,
            quote(path),
            address,
            f" ({quote(principal)})" if principal else "",
            refusal.detail,
            f" [and {hidden} like it]" if hidden else "",
        )
