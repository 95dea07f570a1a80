"""Rate limits by key, such as an address or an account, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict

from stormdoor.core.bucket import Rate, retry_after

__all__ = ["KeyedRateLimiter", "LocalRateLimits"]


class KeyedRateLimiter:
    """One GCRA bucket for each key. Beyond the capacity, the least recently used key is forgotten.

    Args:
        rate: The limit of each key.
        capacity: Largest number of keys.
    """

    __slots__ = ("_capacity", "_interval", "_rate", "_tats", "_tolerance")

    def __init__(self, rate: Rate, capacity: int = 65_536) -> None:
        self._rate = rate
        self._interval = rate.interval
        self._tolerance = rate.tolerance + 1e-6
        self._capacity = capacity
        self._tats: OrderedDict[str, float] = OrderedDict()

    def spend(self, key: str, now: float, cost: float = 1.0) -> bool:
        """Take `cost` units of `key` at `now` (monotonic seconds); False if it has none left.

        The arithmetic of `core.bucket.spend`, inlined: it runs at every handshake. A test keeps both equal.
        """
        tats = self._tats
        tat = tats.get(key, 0.0)
        start = now if now >= tat else tat
        after = start + cost * self._interval
        if not (after >= start and after - now <= self._tolerance):
            return False
        tats[key] = after
        tats.move_to_end(key)
        if len(tats) > self._capacity:
            tats.popitem(last=False)
        return True

    def wait(self, key: str, now: float) -> float:
        """Seconds until `key` has a unit again; 0.0 if it has one."""
        tat = self._tats.get(key)
        return 0.0 if tat is None else retry_after(tat, now, self._rate)

    def __len__(self) -> int:
        return len(self._tats)


class LocalRateLimits:
    """Implements `RateLimits` in the memory of this process. Guards with the same object share the limits."""

    def __init__(self) -> None:
        self._limits: dict[tuple[str, Rate], KeyedRateLimiter] = {}

    def limit(self, name: str, rate: Rate) -> KeyedRateLimiter:
        """See `RateLimits.limit`."""
        return self._limits.setdefault((name, rate), KeyedRateLimiter(rate))
