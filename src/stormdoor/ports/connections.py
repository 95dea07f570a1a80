"""The open connections on all nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Connections", "LiveConnection"]


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
    """

    id: str
    node: str
    principal_id: str
    kind: str
    endpoint: str
    address: str
    opened_at: float


class Connections(Protocol):
    """The open connections on all nodes. Written in batches, never per handshake.

    In doubt, call `sync_connections` again with the same connections.
    """

    async def sync_connections(
        self, node: str, opened: Iterable[LiveConnection], closed: Iterable[str]
    ) -> None:
        """Record the connections that a node, which is a member, opened and closed since the last call."""
        ...

    async def live_connections(self, nodes: Iterable[str]) -> list[LiveConnection]:
        """Return the open connections of `nodes`, the oldest first."""
        ...
