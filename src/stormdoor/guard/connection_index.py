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
        put = self._named.setdefault
        for name in _names(connection):
            # Most names have one connection: no dictionary for it.
            if (known := put(name, connection)) is not connection:
                if isinstance(known, dict):
                    known[connection] = None
                else:
                    self._named[name] = {known: None, connection: None}

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
    # One condition for each: a loop would cost a handshake twice as much.
    authentication, principal = connection.authentication, connection.principal
    names = [*principal.roles, authentication.credential_id]
    session_id = authentication.session_id
    if session_id is not None and session_id is not authentication.credential_id:
        names.append(session_id)
    if authentication.token_hash is not None:
        names.append(authentication.token_hash)
    if authentication.device_id is not None:
        names.append(authentication.device_id)
    if principal.tenant is not None:
        names.append(principal.tenant)
    return names
