"""The bytes that the process buffers for its connections, and their common limit."""

from __future__ import annotations

from stormdoor.core.denial import Denial, Refusal
from stormdoor.guard.connection import Connection
from stormdoor.guard.registry import Registry

__all__ = ["Buffers"]


class Buffers:
    """Counts the buffered bytes, and ends connections when they exceed the limit.

    It ends the connection with the most bytes of the principal with the most bytes, not the connection that
    needs the next byte. So a client that fills the memory cannot end the connections of others.

    Args:
        bound: Largest number of buffered bytes.
        registry: Ends connections.

    Attributes:
        total: Buffered bytes now.
    """

    def __init__(self, bound: int, registry: Registry) -> None:
        self._bound = bound
        self._registry = registry
        self._kept: dict[Connection, int] = {}
        self._ending = False
        self.total = 0

    def keep(self, connection: Connection, size: int) -> None:
        """Set the number of bytes that are buffered for `connection`, and enforce the limit."""
        was = self._kept.pop(connection, 0)
        if size:
            self._kept[connection] = size
        self.total += size - was
        if self.total > self._bound and size > was and not self._ending:
            self._ending = True
            try:
                self._make_room()
            finally:
                self._ending = False

    def _make_room(self) -> None:
        while self.total > self._bound:
            by_principal: dict[str, int] = {}
            for one, size in self._kept.items():
                if one.open:
                    key = one.shared.key
                    by_principal[key] = by_principal.get(key, 0) + size
            if not by_principal:
                return  # what is left belongs to connections that are ending
            most = max(by_principal, key=by_principal.__getitem__)
            largest = max(
                (one for one in self._kept if one.open and one.shared.key == most),
                key=self._kept.__getitem__,
            )
            self._end(largest, by_principal[most])

    def _end(self, connection: Connection, of_principal: int) -> None:
        size = self._kept[connection]
        if connection.sink is not None:
            connection.sink.drop()
        self._registry.end(
            connection,
            Refusal(
                Denial.BUSY,
                f"limits.buffered_bytes = {self._bound} are in use: {size} by this connection, "
                f"{of_principal} by its principal, which has the most",
            ),
        )
        self.total -= self._kept.pop(connection, 0)
