"""Since when this process has seen the row of each node as it is: the proof that a lease is over."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable

from stormdoor.ports import Member, Members

__all__ = ["ObservedRows", "remove_silent"]

_SILENT_SECONDS = 60.0
"""Seconds after its last beat after which a node is declared lapsed, also if no change waits for it."""
_LISTED_SECONDS = 3600.0
"""Seconds for which a node stays in the list after it was declared lapsed."""


class ObservedRows:
    """The rows of the nodes, and since when this process has read each of them unchanged.

    INVARIANT: no clock of a store says that a lease is over. An operator may set that clock, and after a
    failover it is another one. A row was committed before this process has read it. If the row declares a
    node lapsed, the node renews no lease after that commit, and this process waits for the lease from then.

    Assumes only that the clocks of two machines run at the same rate. The clock of the event loop stands
    still while its machine is suspended, so the wait is longer then, never shorter.
    """

    __slots__ = ("_epoch", "_since")

    def __init__(self) -> None:
        self._epoch = ""
        self._since: dict[tuple[str, str, int, bool], float] = {}

    def look(self, members: Iterable[Member], epoch: str = "") -> None:
        """Note the rows that were just read.

        Args:
            members: All nodes.
            epoch: Epoch of the log of revocations, if it is known. In another one, the server may have lost
                rows that were read before, and number beats a second time.
        """
        now = asyncio.get_running_loop().time()
        known = self._since if epoch == self._epoch else {}
        self._epoch = epoch
        self._since = {key: known.get(key, now) for key in map(_key, members)}

    def outlast_lease(self, member: Member) -> bool:
        """Return whether each `look` has found the row as it is, for longer than the lease of its node."""
        since = self._since.get(_key(member), math.inf)
        return asyncio.get_running_loop().time() - since > member.status.lease


async def remove_silent(members: Members, rows: ObservedRows) -> None:
    """Declare nodes lapsed that no longer beat, and remove those that were lapsed for an hour.

    INVARIANT: only a node that two calls found as it is, and in between for longer than its lease. A clock
    that was set may let it come too early, but not while the node has a lease.

    Args:
        members: The nodes.
        rows: Their rows, as the last call has seen them.
    """
    found = await members.members()
    rows.look(found)
    for one in filter(rows.outlast_lease, found):
        if one.declared and one.age > _LISTED_SECONDS:
            await members.remove_lapsed(one)
        elif not one.declared and one.age > _SILENT_SECONDS:
            await members.declare_lapsed(one.node, one.beat)


def _key(member: Member) -> tuple[str, str, int, bool]:
    return member.node, member.status.instance, member.beat, member.declared
