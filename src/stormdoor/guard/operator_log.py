"""Log warnings about refusals and closed connections, at most ten a minute of each cause."""

from __future__ import annotations

import logging
from collections import Counter

from stormdoor.core.address import rate_key
from stormdoor.core.bucket import Rate, spend
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.origin import quote
from stormdoor.guard.connection import Connection
from stormdoor.guard.rate_limiter import KeyedRateLimiter
from stormdoor.ports import Clock

__all__ = ["OperatorLog"]

_refused = logging.getLogger("stormdoor.refused")
_closed = logging.getLogger("stormdoor.closed")

_SHOWN = Rate.parse("10/min burst 10")


class _Causes:
    """Counts warnings by cause, and decides which are written: ten a minute of each cause."""

    __slots__ = ("_hidden", "_tats")

    def __init__(self) -> None:
        self._tats: dict[Denial, float] = {}
        self._hidden: dict[Denial, int] = {}

    def show(self, cause: Denial, now: float) -> int | None:
        """Return the number of warnings skipped since the last one of this cause; None to skip this one."""
        tat = spend(self._tats.get(cause, 0.0), now, _SHOWN)
        if tat is None:
            self._hidden[cause] = self._hidden.get(cause, 0) + 1
            return None
        self._tats[cause] = tat
        return self._hidden.pop(cause, 0)


class OperatorLog:
    """Writes refusals and closes to the log, a limited number a minute.

    The trail counts them all. A log line for each would let a refused client fill the disk, and would cost
    more than the refusal.
    """

    __slots__ = ("_budget", "_clock", "_closes", "_hidden", "_messages")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._budget = KeyedRateLimiter(_SHOWN, capacity=4096)
        self._hidden: Counter[str] = Counter()
        self._messages = _Causes()
        self._closes = _Causes()

    def refused(self, refusal: Refusal, *, path: str, address: str, principal: str = "") -> None:
        """Write a refused handshake, unless many of this cause and client were written just now."""
        if not _refused.isEnabledFor(logging.WARNING):
            return
        key = f"{refusal.denial._value_} {rate_key(address, 64)}"
        if not self._budget.spend(key, self._clock.monotonic()):
            self._hidden[key] += 1
            if len(self._hidden) > 4096:
                self._hidden.clear()
            return
        hidden = self._hidden.pop(key, 0)
        _refused.warning(
            "refused %s %s from %s%s: %s%s",
            refusal.denial.value,
            quote(path),
            address,
            f" ({quote(principal)})" if principal else "",
            refusal.detail,
            _and(hidden),
        )

    def refused_message(self, refusal: Refusal, connection: Connection, now: float) -> None:
        """Write a refused message, unless many of this cause were written just now (monotonic seconds)."""
        hidden = self._messages.show(refusal.denial, now)
        if hidden is not None:
            _refused.warning(
                "refused a message, %s: %s%s", *_about(refusal, connection), _and(hidden)
            )

    def closed(self, refusal: Refusal, connection: Connection) -> None:
        """Write a close by the guard, unless many of this cause were written just now."""
        if refusal.denial is Denial.SHUTDOWN:
            return  # the operator has stopped the server
        hidden = self._closes.show(refusal.denial, self._clock.monotonic())
        if hidden is not None:
            _closed.warning(
                "closed a connection, %s: %s%s", *_about(refusal, connection), _and(hidden)
            )


def _about(refusal: Refusal, connection: Connection) -> tuple[str, str]:
    who = quote(connection.principal.id)
    where = f"{quote(connection.path)} from {connection.address} ({who})"
    return f"{refusal.denial.value} {where}", refusal.detail


def _and(hidden: int) -> str:
    return f" [and {hidden} like it]" if hidden else ""
