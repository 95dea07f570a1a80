"""The events that a guard has recorded, for tests of the audit trail."""

from __future__ import annotations

from stormdoor.core.event import Event
from stormdoor.runtime.guard import Guard

__all__ = ["trail_of"]


async def trail_of(guard: Guard, *names: str) -> list[Event]:
    """Return the events in the trail, oldest first.

    Args:
        guard: The guard.
        names: Names of events, such as `session_use_after_expire`; by default all.
    """
    await guard.trail.flush()
    trail = guard.state.trail
    page = await trail.entries()
    found = [*page]
    while page.cursor is not None:
        page = await trail.entries(cursor=page.cursor)
        found += page
    return [one.event for one in found if not names or one.event.name in names]
