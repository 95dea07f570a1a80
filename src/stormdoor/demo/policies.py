"""The policies of the demo: RBAC and ABAC in one set."""

from __future__ import annotations

from stormdoor import PolicySet, forbid, permit, role

__all__ = ["POLICIES", "ROOMS"]

ROOMS = ("lobby", "ops", "random")

POLICIES = PolicySet(
    [
        role("member", "chat:connect", "chat:join", "chat:hear", "chat:say"),
        role("moderator", "dashboard:connect", "dashboard:rooms", inherits=["member"]),
        role(
            "administrator",
            "chat:announce",
            "dashboard:connect",
            "dashboard:rooms",
            "dashboard:stats",
            "dashboard:connections",
            "dashboard:readings",
            "dashboard:events",
            "metrics:read",
            inherits=["member"],
        ),
        # A device may connect to the dashboard and report. No role lets it receive anything there.
        role("device", "dashboard:connect", "dashboard:report"),
        # A moderator moderates the rooms that are assigned to it, and those that it is in.
        permit(
            "chat:kick",
            roles=["moderator"],
            when=lambda request: (
                request.resource is not None
                and (
                    request.resource.id in _list(request.principal.attributes["moderates"])
                    or request.principal.id in _list(request.resource.attributes["members"])
                )
            ),
            id="moderators-of-the-room",
        ),
        # A removed member cannot speak there until it has joined again, which all members see.
        forbid(
            "chat:say",
            when=lambda request: (
                request.resource is not None
                and request.principal.id in _list(request.resource.attributes["expelled"])
            ),
            id="not-after-a-kick",
        ),
    ]
)


def _list(value: object) -> list[object]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"expected a list, not {type(value).__name__}")
    return list(value)
