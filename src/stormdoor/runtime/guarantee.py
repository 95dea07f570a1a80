"""The guarantee about revocations that is in force in an installation."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from stormdoor.ports import StoredState
from stormdoor.ports.members import Member
from stormdoor.ports.replicated import Replicated

__all__ = ["Guarantee", "guarantee_of"]

_BEYOND_LEASE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Guarantee:
    """The bound on staleness after a revocation.

    Attributes:
        seconds: After a revocation is acknowledged, no node starts a `send()` to the revoked principal later
            than this.
        across_failover: Whether it holds across a failover of the store's server; None if there is no
            failover, because the store is a file or the memory of one process.
    """

    seconds: float
    across_failover: bool | None

    def __str__(self) -> str:
        """The guarantee in a sentence, for the operator."""
        if math.isinf(self.seconds):
            return (
                "All nodes are one process, which applies a revocation before it is acknowledged."
            )
        said = (
            f"After a revocation is acknowledged, no node sends to the revoked principal later than "
            f"{self.seconds * 1000:.0f} ms."
        )
        match self.across_failover:
            case None:
                return said
            case True:
                return f"{said} This holds across a failover to a synchronous standby."
            case False:
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
    leases = [one.status.lease for one in members if not one.lapsed]
    lease = max(leases, default=state.members.lease_seconds)
    engine: object = state.members
    confirmed = await engine.commits_wait_for_standby() if isinstance(engine, Replicated) else None
    return Guarantee(lease + _BEYOND_LEASE_SECONDS, confirmed)
