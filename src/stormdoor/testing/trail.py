"""The events that a guard has recorded, for tests of the audit trail."""

from __future__ import annotations

from stormdoor.core.event import Event
from stormdoor.runtime.guard import Guard

__all__ = ["trail_of"]

_MOST = 10_000


async def trail_of(guard: Guard, *names: str) -> list[Event]:
    """Return the events in the trail, oldest first.

    Args:
        guard: The guard.
        names: Names of events, such as `session_use_after_expire`; by default all.
    """
    await guard.trail.flush()
    entries = await guard.state.trail.entries(limit=_MOST)
    return [one.event for one in entries if not names or one.event.name in names]
