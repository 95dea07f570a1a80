"""Find the connections of this process that a revocation names."""

from __future__ import annotations

from typing import assert_never

from stormdoor.core.revocation import Revocation, Target
from stormdoor.guard.connection import Connection
from stormdoor.guard.registry import Registry

__all__ = ["named_by", "of_session", "revocation_time", "sessions_of"]


def named_by(revocation: Revocation, connections: Registry) -> list[Connection]:
    """Return the connections that a revocation names (see `Revocation.names`), by their present roles.

    Its cost depends on their number alone. The checks are inlined, since there may be ten thousand.
    """
    value = revocation.value
    match revocation.target:
        case Target.EVERYTHING:
            return list(connections)
        case Target.PRINCIPAL:
            return connections.of_principal(value)
        case Target.CONNECTION:
            one = connections.get(value)
            return [] if one is None else [one]
        case Target.ROLE:
            return connections.with_role(value)
        case Target.CHANGED:
            return []
        case Target.MOVED:
            value = revocation.moved[0]
        case _:
            pass
    found = connections.named(value)
    match revocation.target:
        case Target.SESSION | Target.MOVED:
            return [one for one in found if one.authentication.session_id == value]
        case Target.CREDENTIAL:
            return [one for one in found if one.authentication.credential_id == value]
        case Target.TOKEN:
            return [one for one in found if one.authentication.token_hash == value]
        case Target.DEVICE:
            return [one for one in found if one.authentication.device_id == value]
        case Target.TENANT:
            return [one for one in found if one.principal.tenant == value]
        case _:
            assert_never(revocation.target)


def revocation_time(target: Target, value: str, connections: Registry, now: float) -> float:
    """Return the time (Unix seconds) for a new revocation, when the clock shows `now`.

    The time is never before the issue of a credential that it names: the clock may have been set back.

    Args:
        target: Kind of the target.
        value: Id of the target.
        connections: The open connections of this process.
        now: Unix seconds.
    """
    named = named_by(Revocation(target, value, float("inf")), connections)
    issued = (one.authentication.issued_at for one in named)
    return max(now, max(issued, default=now))


def of_session(session_id: str, connections: Registry) -> list[Connection]:
    """Return the connections of this process that belong to a login session."""
    return named_by(Revocation(Target.SESSION, session_id, 0.0), connections)


def sessions_of(principal_id: str, connections: Registry) -> set[str]:
    """Return the ids of the login sessions of a principal that have a connection in this process."""
    found = (one.authentication.session_id for one in connections.of_principal(principal_id))
    return {one for one in found if one is not None}
