"""The policies of the demo: RBAC and ABAC in one set."""

from __future__ import annotations

from stormdoor import PolicySet, Principal, forbid, permit, role

__all__ = ["POLICIES", "ROOMS", "is_removed", "removed_role"]

ROOMS = ("lobby", "ops", "random")


def removed_role(room: str) -> str:
    """Return the role of a principal that a moderator has removed from a room.

    It is a role, because the store adds and removes one role in one step: two moderators in two workers, each
    with a room of its own, cannot undo each other's removal. Each worker learns of it from the log.
    """
    return f"removed-from-{room}"


def is_removed(principal: Principal, room: str) -> bool:
    """Return whether a principal was removed from a room and has not joined it again."""
    return removed_role(room) in principal.roles


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
        # A removed member cannot speak or hear there until it has joined again, which all members see.
        forbid(
            "chat:say",
            "chat:hear",
            when=lambda request: (
                request.resource is not None and is_removed(request.principal, request.resource.id)
            ),
            id="not-after-a-kick",
        ),
    ]
)


def _list(value: object) -> list[object]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"expected a list, not {type(value).__name__}")
    return list(value)
