"""Wait until every live node has applied a change, or cannot act without it any more."""

from __future__ import annotations

import asyncio
import math
from typing import NamedTuple

from stormdoor.core.log_position import LogPosition
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.observed_rows import ObservedRows
from stormdoor.ports import StoredState

__all__ = ["ANOTHER_EPOCH", "Acknowledgement", "Nodes", "wait_for_nodes"]

ANOTHER_EPOCH = (
    "the log of revocations began another epoch: repeat the change to wait for all nodes"
)
_LOOK_SECONDS = 0.005
_SOON_SECONDS = 0.1
"""Seconds in which a node that beats reports a change. Later, the looks become rarer."""
_LONGEST_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 10.0
"""Longest wait in seconds beyond the leases of all nodes."""


class Nodes(NamedTuple):
    """The nodes of an installation after a change.

    Attributes:
        applied: Number of nodes that have applied it.
        lapsed: Number of nodes that were declared lapsed: they hold no lease, so they send nothing.
    """

    applied: int
    lapsed: int


class Acknowledgement(NamedTuple):
    """The result of a revocation.

    Attributes:
        closed: Number of connections that this process closed.
        applied: As of `Nodes`; 0 if it did not wait for the cluster.
        lapsed: Likewise.
        known: Whether there is, or was, a principal of the revoked name. None if the store did not answer
            that, and for all targets but a principal.
    """

    closed: int
    applied: int = 0
    lapsed: int = 0
    known: bool | None = None


async def wait_for_nodes(
    state: StoredState, position: LogPosition, rows: ObservedRows, here: str = ""
) -> Nodes:
    """Wait until each node has applied the log up to `position`, or is declared lapsed and its lease ended.

    A node that does not report the position within twice its lease is declared lapsed, also if it beats. It
    counts as lapsed when this process has seen it declared for the length of its lease.

    Args:
        state: State of members and revocations.
        position: The position of an entry, or a head that was read after it was added.
        rows: The rows that earlier calls have seen.
        here: The instance of this process, if it has applied the log up to `position`; else "". It need not
            report that.

    Raises:
        StoreUnavailable: The store does not answer; or the log began another epoch, which may lack the
            entry: repeat the change. It is stored, and the nodes that answer apply it.
    """
    loop, pause = asyncio.get_running_loop(), _LOOK_SECONDS
    began = loop.time()
    while True:
        members = await state.members.members()
        rows.look(members, position.epoch)
        applied = [
            one
            for one in members
            if (here and one.status.instance == here) or one.status.applied.includes(position)
        ]
        waited = loop.time() - began
        others = [one for one in members if one not in applied]
        waiting = [one for one in others if not (one.declared and rows.outlast_lease(one))]
        # INVARIANT: the epoch is read after the members, so their positions are of this epoch or older.
        if (not waiting or waited > _SOON_SECONDS) and (
            (await state.revocations.log_position()).epoch != position.epoch
        ):
            raise StoreUnavailable(ANOTHER_EPOCH)
        if not waiting:
            return Nodes(len(applied), len(others))
        for one in waiting:
            silent = one.age > one.status.lease or waited > 2 * one.status.lease
            if silent and not one.declared:
                await state.members.declare_lapsed(one.node, one.beat)
        leases = [one.status.lease for one in waiting if one.status.lease < math.inf]
        if waited > _PATIENCE_SECONDS + 4 * max(leases, default=0.0):
            names = ", ".join(one.node for one in waiting)
            raise StoreUnavailable(f"these nodes have not applied the change: {names}")
        await asyncio.sleep(pause)
        if waited > _SOON_SECONDS:
            pause = min(pause * 1.5, _LONGEST_LOOK_SECONDS)
