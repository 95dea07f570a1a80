"""Wait until every live node has applied a revocation, or cannot act without it any more."""

from __future__ import annotations

import asyncio
import math
from typing import NamedTuple

from stormdoor.core.revocation import Revocation
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import StoredState

__all__ = ["Acknowledgement", "Nodes", "wait_for_nodes"]

_LOOK_SECONDS = 0.01
_LONGEST_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 10.0
"""Longest wait in seconds beyond the leases of all nodes."""


class Nodes(NamedTuple):
    """The nodes of an installation after a revocation.

    Attributes:
        applied: Number of nodes that have applied it.
        lapsed: Number of nodes that were declared lapsed: they hold no lease, so they send nothing.
    """

    applied: int
    lapsed: int


class Acknowledgement(NamedTuple):
    """The result of a revocation that waits for the cluster.

    Attributes:
        closed: Number of connections that this process closed.
        applied: As of `Nodes`.
        lapsed: As of `Nodes`.
    """

    closed: int
    applied: int
    lapsed: int


async def wait_for_nodes(state: StoredState, entry: Revocation) -> Nodes:
    """Wait until each node has applied `entry`, or is declared lapsed and its lease has ended.

    A node that does not report the entry within twice its lease is declared lapsed, also if it beats. By
    then it holds no lease: the head that any later beat returns contains the entry.

    A node that was declared lapsed under another epoch counts as lapsed after this call has waited for the
    length of its lease. After a failover, the age of its declaration comes from two clocks.

    Args:
        state: State of members and revocations.
        entry: A revocation as the log has it.

    Raises:
        StoreUnavailable: The store does not answer; or the log began another epoch, which may lack the
            entry: repeat the revocation. It is stored, and the nodes that answer apply it.
    """
    loop, pause = asyncio.get_running_loop(), _LOOK_SECONDS
    began = loop.time()
    while True:
        # INVARIANT: the epoch is read after the members, so their positions are of this epoch or older.
        members = await state.members.members()
        if (await state.revocations.log_position()).epoch != entry.epoch:
            raise StoreUnavailable(
                "the log of revocations began another epoch: repeat the revocation to wait for all nodes"
            )
        applied = [
            one
            for one in members
            if one.status.applied.epoch == entry.epoch and one.status.applied.seq >= entry.seq
        ]
        waited = loop.time() - began
        others = [one for one in members if one not in applied]
        waiting = [
            one
            for one in others
            if not one.lapsed
            or (one.status.applied.epoch != entry.epoch and waited < one.status.lease)
        ]
        if not waiting:
            return Nodes(len(applied), len(others))
        for one in waiting:
            silent = one.age > one.status.lease or waited > 2 * one.status.lease
            if silent and not one.declared:
                await state.members.declare_lapsed(one.node, one.beat)
        leases = [one.status.lease for one in waiting if one.status.lease < math.inf]
        if waited > _PATIENCE_SECONDS + 4 * max(leases, default=0.0):
            names = ", ".join(one.node for one in waiting)
            raise StoreUnavailable(f"these nodes have not applied the revocation: {names}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_LOOK_SECONDS)
