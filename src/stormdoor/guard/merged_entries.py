"""Events of the trail that become one entry."""

from __future__ import annotations

import msgspec

from stormdoor.core.event import Event
from stormdoor.core.largest_networks import LargestNetworks

__all__ = ["MergedEntries"]


class MergedEntries:
    """Counts events of one name and cause, and of one principal if they are proven.

    The entry has no other data of the clients than their largest networks, and the reference of the first.
    It has the node of the first, which is that of all.

    Args:
        first: The first event; `add` counts it, too.
        why: Why they are merged, for the operator.
    """

    __slots__ = ("_count", "_event", "_networks", "_why")

    def __init__(self, first: Event, why: str) -> None:
        self._event = Event(
            time=first.time,
            name=first.name,
            cause=first.cause,
            node=first.node,
            principal=first.principal if first.proven else "",
            ref=first.ref,
            proven=first.proven,
        )
        self._why = why
        self._count = 0
        self._networks = LargestNetworks()

    @property
    def time(self) -> float:
        """The time of the first event, in Unix seconds."""
        return self._event.time

    def add(self, event: Event) -> None:
        """Count an event, and the network of its client."""
        self._count += event.count
        self._networks.add(event.address, event.count)

    def entry(self) -> Event:
        """Return the event that stands for all."""
        networks = str(self._networks)
        detail = f"merged: {self._why}"
        if networks:
            detail += f"; largest networks, at least: {networks}"
        return msgspec.structs.replace(self._event, count=self._count, detail=detail)
