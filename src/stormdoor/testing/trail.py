"""The events that a guard has recorded, for tests of the audit trail."""

from __future__ import annotations

from stormdoor.core.event import Event
from stormdoor.ports.trail import all_pages
from stormdoor.runtime.guard import Guard

__all__ = ["trail_of"]


async def trail_of(guard: Guard, *names: str) -> list[Event]:
    """Return the events in the trail, oldest first.

    Args:
        guard: The guard.
        names: Names of events, such as `session_use_after_expire`; by default all.
    """
    await guard.trail.flush()
    found = [one.event async for page in all_pages(guard.state.trail) for one in page]
    return [one for one in found if not names or one.name in names]
