"""Count events by network, in bounded memory, and name the largest networks.

The algorithm is that of Misra and Gries (1982): if too many networks are counted, an equal number is
subtracted from each, and those without a rest are forgotten. So a client with any number of addresses cannot
hide a network that causes more than one in 257 of all events, and no count is too high.
"""

from __future__ import annotations

from heapq import nsmallest
from ipaddress import IPv6Address

from stormdoor.core.address import parse_address

__all__ = ["LargestNetworks"]

_NAMED = 20
_KEPT = 256
_IPV4_PREFIX = 24
_IPV6_PREFIX = 48
"""Bits of the networks that registries give to one site."""


class LargestNetworks:
    """Counts by network: 24 bits of an IPv4 address, 48 bits of an IPv6 address."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[tuple[int, int], int] = {}

    def add(self, address: str, count: int = 1) -> None:
        """Count `count` events of an address. A text that is not an address is not counted."""
        parsed = parse_address(address)
        if parsed is None:
            return
        if isinstance(parsed, IPv6Address):
            key = 6, int(parsed) >> (128 - _IPV6_PREFIX)
        else:
            key = 4, int(parsed) >> (32 - _IPV4_PREFIX)
        counts = self._counts
        counts[key] = counts.get(key, 0) + count
        if len(counts) > 2 * _KEPT:
            least = sorted(counts.values(), reverse=True)[_KEPT]
            self._counts = {one: n - least for one, n in counts.items() if n > least}

    def __str__(self) -> str:
        """The 20 largest networks, each with a lower bound of its events; "" if there is none."""
        largest = nsmallest(_NAMED, self._counts.items(), key=lambda one: (-one[1], one[0]))
        return ", ".join(f"{_network(*key)} {count}" for key, count in largest)


def _network(version: int, bits: int) -> str:
    # Not by `ipaddress`, which takes twenty times as long: a flood of many causes asks for it often.
    if version == 4:
        return f"{bits >> 16}.{bits >> 8 & 255}.{bits & 255}.0/{_IPV4_PREFIX}"
    groups = f"{bits >> 32:x}:{bits >> 16 & 0xFFFF:x}:{bits & 0xFFFF:x}"
    while groups.endswith(":0"):
        groups = groups[:-2]
    return f"{groups}::/{_IPV6_PREFIX}"
