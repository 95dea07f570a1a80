"""Rates of many keys (addresses, accounts) in bounded memory."""

from __future__ import annotations

from collections import OrderedDict

from stormdoor.core.bucket import Rate, retry_after, spend

__all__ = ["Budget"]


class Budget:
    """One GCRA bucket for each key, the least recently used forgotten first.

    Args:
        rate: The limit of each key.
        capacity: The most keys that are remembered.
    """

    __slots__ = ("_capacity", "_rate", "_tats")

    def __init__(self, rate: Rate, capacity: int = 65_536) -> None:
        self._rate = rate
        self._capacity = capacity
        self._tats: OrderedDict[str, float] = OrderedDict()

    def spend(self, key: str, now: float, cost: float = 1.0) -> bool:
        """Take `cost` units of `key` at `now` (monotonic seconds); False if it has none left."""
        tats = self._tats
        after = spend(tats.get(key, 0.0), now, self._rate, cost)
        if after is None:
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
