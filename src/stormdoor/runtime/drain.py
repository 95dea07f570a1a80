"""Close the connections of a process at a pace that other processes can take."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections import deque
from collections.abc import Callable

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.drain import plan_drain
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.connection import Connection
from stormdoor.runtime.guard import Guard

__all__ = ["close_gradually"]

_log = logging.getLogger("stormdoor.serve")

_SLICE_SECONDS = 0.05
_ALIVE_SECONDS = 15.0
_ANSWER_SECONDS = 2.0


async def close_gradually(
    guard: Guard, *, together: int, seconds: float, arriving: Callable[[], bool]
) -> None:
    """Close all connections with 1012, each with a random time after which its client may return.

    Handshakes that are on their way are still accepted, and closed in turn: a client is never refused for the
    reason that it was just too late.

    Args:
        guard: The guard. Its listener is closed already.
        together: Processes that drain at the same time, this one included.
        seconds: Time limit.
        arriving: Returns whether further handshakes may come.
    """
    others = await _others(guard, together)
    plan = plan_drain(len(guard.registry), others=others, together=together, seconds=seconds)
    _log.info(
        "closing %d connections; %d other processes can take their clients",
        len(guard.registry),
        others,
    )
    monotonic = guard.clock.monotonic
    began, closed = monotonic(), 0
    waiting: deque[Connection] = deque()
    while len(guard.registry) or arriving():
        elapsed = monotonic() - began
        if elapsed >= seconds:
            break
        if not waiting:
            waiting.extend(one for one in guard.registry if one.state is not State.ENDED)
        while waiting and (plan.rate == math.inf or closed <= plan.rate * elapsed):
            why = Refusal(
                Denial.RESTART,
                "the process restarts",
                retry_after=1 + secrets.randbelow(plan.spread),
            )
            closed += guard.registry.end(waiting.popleft(), why)
        await asyncio.sleep(_SLICE_SECONDS)


async def _others(guard: Guard, together: int) -> int:
    """Return the number of processes that continue to serve."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            members = await guard.state.members.members()
    except (StoreUnavailable, TimeoutError):
        return 1  # unknown: assume one that needs time
    alive = [one for one in members if not one.declared and one.age <= _ALIVE_SECONDS]
    return max(0, len(alive) - together)
