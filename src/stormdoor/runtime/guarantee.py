"""The guarantee about revocations that is in force in an installation."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from dataclasses import dataclass

from stormdoor.core.lease import bound_of
from stormdoor.errors import StormdoorError
from stormdoor.ports import StoredState
from stormdoor.ports.members import Member
from stormdoor.ports.replicated import Confirmation, Replicated
from stormdoor.settings.finding import Finding
from stormdoor.stores import on_postgresql, open_store

__all__ = ["Guarantee", "guarantee_of", "look_for_standby"]

_ANSWER_SECONDS = 5.0
_NONE = (
    "commits wait for no standby, so a failover may lose acknowledged revocations. Patroni sets the names: "
    "there, set its synchronous_mode and synchronous_mode_strict"
)
_SOME = (
    "a commit waits for some of the standbys: after a failover to one, another may confirm an old primary. "
    "Patroni sets the names: there, change its mode; see the how-to PostgreSQL"
)


@dataclass(frozen=True, slots=True)
class Guarantee:
    """The bound on staleness after a revocation.

    Attributes:
        seconds: After a revocation is acknowledged, no node starts a `send()` to the revoked principal later
            than this.
        confirmation: The standbys that a commit of the store's server waits for; None if there is no
            failover, because the store is a file or the memory of one process.
    """

    seconds: float
    confirmation: Confirmation | None

    @property
    def across_failover(self) -> bool | None:
        """Whether it holds across a failover; None if there is none."""
        return None if self.confirmation is None else self.confirmation is Confirmation.EVERY

    def __str__(self) -> str:
        """The guarantee in a sentence, for the operator."""
        if math.isinf(self.seconds):
            return (
                "All nodes are one process, which applies a revocation before it is acknowledged."
            )
        said = (
            f"After a revocation is acknowledged, no node sends to the revoked principal later than "
            f"{self.seconds:g} s."
        )
        match self.confirmation:
            case None:
                return said
            case Confirmation.EVERY:
                return f"{said} This holds across a failover to a synchronous standby."
            case Confirmation.SOME:
                return (
                    f"{said} This does NOT hold across a failover by itself: a commit waits for some of the "
                    "standbys in synchronous_standby_names. Before you promote one, stop the replication of "
                    "the others. Or let each commit wait for all of them, as for a single one."
                )
            case Confirmation.NONE:
                return (
                    f"{said} This does NOT hold across a failover: commits wait for no standby. Set "
                    "synchronous_standby_names, and promote only such a standby."
                )


async def guarantee_of(state: StoredState, members: Iterable[Member]) -> Guarantee:
    """Return the guarantee in force: that of the node with the longest lease.

    Args:
        state: The stored state of the installation.
        members: Its nodes.

    Raises:
        StoreUnavailable: The server of the store does not answer.
    """
    leases = [one.status.lease for one in members if not one.declared]
    lease = max(leases, default=state.members.lease_seconds)
    engine: object = state.members
    confirmed = await engine.confirmation() if isinstance(engine, Replicated) else None
    return Guarantee(bound_of(lease), confirmed)


async def look_for_standby(url: str) -> Finding | None:
    """Return a note if a failover of a store may lose revocations, or if that cannot be determined.

    Args:
        url: The URL of the store. One that has no standby servers is not opened.
    """
    if not on_postgresql(url):
        return None
    store = open_store(url)
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await store.open()
            guarantee = await guarantee_of(StoredState.of(store), [])
    except (StormdoorError, TimeoutError) as error:
        why = str(error) or f"no answer within {_ANSWER_SECONDS:g} s"
        what = f"the store does not say whether commits wait for a standby: {why}"
        return Finding(id="standby-unknown", level="note", place="store", what=what)
    finally:
        await store.close()
    if guarantee.across_failover:
        return None
    some = guarantee.confirmation is Confirmation.SOME
    return Finding(
        id="some-standbys" if some else "no-standby",
        level="note",
        place="store",
        what=_SOME if some else _NONE,
        write="synchronous_standby_names = 'standby1'  # postgresql.conf; then SELECT pg_reload_conf()",
    )
