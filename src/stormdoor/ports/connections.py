"""The open connections on all nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from stormdoor.core.principal import Authentication, Principal
from stormdoor.core.revocation import Target

__all__ = ["Connections", "LiveConnection", "as_listed"]


def as_listed(text: str) -> str:
    """Return a text as the list of open connections has it.

    A token's JSON can name a principal with half of a surrogate pair or U+0000. A database may not store it;
    it must not prevent the rest of a batch from being stored.
    """
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConnection:
    """An open connection as operators see it.

    Attributes:
        id: Its id.
        node: The process that holds it.
        principal_id: Its principal.
        kind: Kind of credential.
        endpoint: Path of the endpoint.
        address: The client's address.
        opened_at: Unix seconds.
        issued_at: Unix seconds of the issue of its credential; None if a node of an older release holds it,
            which does not list this field and the following ones.
        tenant: Tenant of its principal.
        roles: The present roles of its principal.
        session_id: Its login session.
        credential_id: The id of its credential; None if that is the session.
        device_id: The device of its credential.
        token_hash: SHA-256 of its token in hex.
    """

    id: str
    node: str
    principal_id: str
    kind: str
    endpoint: str
    address: str
    opened_at: float
    issued_at: float | None = None
    tenant: str | None = None
    roles: frozenset[str] = frozenset()
    session_id: str | None = None
    credential_id: str | None = None
    device_id: str | None = None
    token_hash: str | None = None

    @property
    def authentication(self) -> Authentication:
        """The names by which a revocation finds the connection, as its node listed them."""
        return Authentication(
            Principal(self.principal_id, self.roles, self.tenant),
            self.kind,
            credential_id=self.credential_id or self.session_id or "",
            ambient=False,
            authenticated_at=0.0,
            issued_at=self.issued_at or 0.0,
            session_id=self.session_id,
            device_id=self.device_id,
            token_hash=self.token_hash,
        )


class Connections(Protocol):
    """The open connections on all nodes. Written in batches, never per handshake.

    In doubt, call `sync_connections` again with the same connections.
    """

    async def sync_connections(
        self, node: str, opened: Iterable[LiveConnection], closed: Iterable[str]
    ) -> None:
        """Record the connections that a node, which is a member, opened and closed since the last call.

        A connection that is listed already is replaced: its credential or its roles have changed.
        """
        ...

    async def live_connections(self, nodes: Iterable[str]) -> list[LiveConnection]:
        """Return the open connections of `nodes`, the oldest first."""
        ...

    async def connections_after(
        self, place: tuple[str, str], *, limit: int
    ) -> list[LiveConnection]:
        """Return the next connections of all nodes, in the order of node and id.

        Args:
            place: Node and id of the last connection of the page before; two empty texts for the first page.
            limit: The greatest number of connections.
        """
        ...

    async def tenants_of_connections(self, target: Target, value: str) -> set[str | None]:
        """Return the tenants of the listed connections that a revocation names; None for those without one.

        Args:
            target: Kind of the target; not one that only the guard writes.
            value: Id of the target.
        """
        ...
