"""Index of the connections of this process by the names that a revocation can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormdoor.guard.connection import Connection

__all__ = ["ConnectionIndex"]


class ConnectionIndex:
    """Finds connections by the id of their session, credential or device, token hash, tenant or role.

    INVARIANT: each registered connection is under all names of its present authentication and principal.
    `Connection` removes itself before it changes one of them, and adds itself again afterwards.

    All kinds of names share one dictionary, because a session is often also the credential. So its user
    checks which kind of name a connection has.
    """

    __slots__ = ("_named",)

    def __init__(self) -> None:
        self._named: dict[str, Connection | dict[Connection, None]] = {}

    def add(self, connection: Connection) -> None:
        """Add a connection under all its names."""
        named = self._named
        for name in _names(connection):
            known = named.get(name)
            if known is None:
                named[name] = connection  # most names have one connection: no dictionary for it
            elif isinstance(known, dict):
                known[connection] = None
            elif known is not connection:
                named[name] = {known: None, connection: None}

    def remove(self, connection: Connection) -> None:
        """Remove a connection from all its present names. It may be under none of them."""
        named = self._named
        for name in _names(connection):
            known = named.get(name)
            if known is connection:
                del named[name]
            elif isinstance(known, dict):
                known.pop(connection, None)
                if not known:
                    del named[name]

    def find(self, name: str) -> list[Connection]:
        """Return the connections that have `name` as a name of any kind."""
        known = self._named.get(name)
        if known is None:
            return []
        return list(known) if isinstance(known, dict) else [known]


def _names(connection: Connection) -> list[str]:
    authentication, principal = connection.authentication, connection.principal
    names = (
        authentication.session_id,
        authentication.credential_id,
        authentication.token_hash,
        authentication.device_id,
        principal.tenant,
        *principal.roles,
    )
    return [one for one in names if one is not None]
