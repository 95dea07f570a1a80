"""The pace at which a process that stops closes its connections, so that other processes can take them."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["HANDSHAKES_PER_SECOND", "DrainPlan", "plan_drain", "retry_spread"]

HANDSHAKES_PER_SECOND = 500
"""Handshakes that one process can take beside its work: a small part of what fills a processor."""
_SHORTEST_SPREAD = 5
_LONGEST_SPREAD = 300


@dataclass(frozen=True, slots=True)
class DrainPlan:
    """The pace of a drain.

    Attributes:
        rate: Connections to close in a second; infinite if no other process takes them.
        spread: Whole seconds: each client is told to return after a random time between 1 and this.
    """

    rate: float
    spread: int


def retry_spread(seconds: float) -> int:
    """Return the whole seconds over which clients that were closed together are told to return.

    Args:
        seconds: Time in which the other processes can take them.
    """
    return min(_LONGEST_SPREAD, max(_SHORTEST_SPREAD, math.ceil(seconds)))


def plan_drain(connections: int, *, others: int, together: int, seconds: float) -> DrainPlan:
    """Return the pace at which one process closes its connections.

    Args:
        connections: Open connections of this process.
        others: Processes that continue to serve.
        together: Processes that drain at the same time, this one included; the others are shared by them.
        seconds: Time after which all connections must be closed.
    """
    # Without others, the clients return to the processes that start next.
    takers = others or together
    sustained = HANDSHAKES_PER_SECOND * takers / together
    rate = max(sustained, connections / seconds) if others and seconds > 0 else math.inf
    # Connections that close faster than the takers accept them are spread over the missing time.
    missing = connections / sustained - (connections / rate if rate < math.inf else 0.0)
    return DrainPlan(rate, retry_spread(missing))
