"""Index of the connections of this process by the names that a revocation can have."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from stormdoor.core.principal import Authentication, Principal

__all__ = ["ConnectionIndex"]


class _Known(Protocol):
    """The part of a connection by which a revocation finds it."""

    @property
    def authentication(self) -> Authentication: ...

    @property
    def principal(self) -> Principal: ...


T = TypeVar("T", bound=_Known)


class ConnectionIndex(Generic[T]):
    """Finds connections by the id of their session, credential or device, token hash, tenant or role.

    INVARIANT: each registered connection is under all names of its present authentication and principal.
    `Connection` removes itself before it changes one of them, and adds itself again afterwards.

    All names but roles share one dictionary, because a session is often also the credential. So its user
    checks which kind of name a connection has.
    """

    __slots__ = ("_named", "_roles", "changed", "moved", "rechecked")

    def __init__(self) -> None:
        self._named: dict[str, T | set[T]] = {}
        self._roles: dict[frozenset[str], set[T]] = {}
        """The connections of each combination of roles; there are few combinations."""
        self.changed: set[T] = set()
        """Open connections that got other names since the list for operators was written."""
        self.moved: set[T] = set()
        """Connections with a deadline that has moved since `Deadlines` looked at them."""
        self.rechecked: set[T] = set()
        """Connections with a `recheck` that `TokenRevalidation` has not seen."""

    def add(self, connection: T) -> None:
        """Add a connection under all its names."""
        authentication, principal = connection.authentication, connection.principal
        group = self._roles.get(principal.roles)
        if group is None:
            self._roles[principal.roles] = {connection}
        else:
            group.add(connection)
        if authentication.recheck is not None:
            self.rechecked.add(connection)
        # One condition for each name: a loop would cost a handshake more.
        put = self._named.setdefault
        credential_id, session_id = authentication.credential_id, authentication.session_id
        if put(credential_id, connection) is not connection:
            self._share(credential_id, connection)
        if session_id is not None and put(session_id, connection) is not connection:
            self._share(session_id, connection)
        name = authentication.token_hash
        if name is not None and put(name, connection) is not connection:
            self._share(name, connection)
        name = authentication.device_id
        if name is not None and put(name, connection) is not connection:
            self._share(name, connection)
        name = principal.tenant
        if name is not None and put(name, connection) is not connection:
            self._share(name, connection)

    def _share(self, name: str, connection: T) -> None:
        known = self._named[name]
        # Most names have one connection: no set for it.
        if isinstance(known, set):
            known.add(connection)
        else:
            self._named[name] = {known, connection}

    def remove(self, connection: T) -> None:
        """Remove a connection from all its present names. It may be under none of them."""
        authentication, principal = connection.authentication, connection.principal
        group = self._roles.get(principal.roles)
        if group is not None:
            group.discard(connection)
            if not group:
                del self._roles[principal.roles]
        self._drop(authentication.credential_id, connection)
        name = authentication.session_id
        if name is not None and name is not authentication.credential_id:
            self._drop(name, connection)
        if authentication.token_hash is not None:
            self._drop(authentication.token_hash, connection)
        if authentication.device_id is not None:
            self._drop(authentication.device_id, connection)
        if principal.tenant is not None:
            self._drop(principal.tenant, connection)

    def _drop(self, name: str, connection: T) -> None:
        known = self._named.get(name)
        if known is connection:
            del self._named[name]
        elif isinstance(known, set):
            known.discard(connection)
            if not known:
                del self._named[name]

    def find(self, name: str) -> list[T]:
        """Return the connections with a session, credential, token, device or tenant of that name."""
        known = self._named.get(name)
        if known is None:
            return []
        return list(known) if isinstance(known, set) else [known]

    def with_role(self, role: str) -> list[T]:
        """Return the connections with a role."""
        return [one for roles, group in self._roles.items() if role in roles for one in group]
