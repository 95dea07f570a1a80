"""The readiness of a process for new clients."""

from __future__ import annotations

from stormdoor.runtime.guard import Guard

__all__ = ["why_not_ready"]


def why_not_ready(guard: Guard) -> str | None:
    """Return why this process should get no new clients; None if it is ready.

    It reads what the guard knows and asks no store: a load balancer may ask often. The text is for the
    operator only.
    """
    if not guard.running:
        return "the guard has not started, or has ended"
    if guard.draining or guard.checks.closing:
        return "the process is stopping"
    refusal = guard.checks.unavailable(guard.lease)
    if refusal is not None:
        return refusal.detail
    return "the trail cannot be written" if guard.trail.failing else None
