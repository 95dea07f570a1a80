"""What a guard has recorded, for a test that asks whether somebody would notice."""

from __future__ import annotations

from stormdoor.config.guard import Guard
from stormdoor.core.event import Event

__all__ = ["trail_of"]

_MOST = 10_000


async def trail_of(guard: Guard, *names: str) -> list[Event]:
    """The events in the trail, oldest first.

    Args:
        guard: Whose.
        names: Only these, such as `session_use_after_expire`; all if left out.
    """
    await guard.trail.flush()
    entries = await guard.store.entries(limit=_MOST)
    return [one.event for one in entries if not names or one.event.name in names]
