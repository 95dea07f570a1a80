"""TCP connections without a WebSocket: counted by address, and closed when there are too many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum

__all__ = ["Progress", "TcpConnection", "TcpConnections"]


class Progress(Enum):
    """Progress of the request on a connection."""

    IDLE = "idle"
    """The server waits for the headers of a request."""
    BODY = "body"
    """The headers are there, the body is not."""
    ANSWERING = "answering"
    """The request is complete, and a handler works on it."""


class TcpConnection:
    """One TCP connection without a WebSocket.

    Args:
        address_key: Key of the client (`stormdoor.core.address.rate_key`).
        close: Closes the connection.
        proxy: Whether it comes from a trusted proxy, so that it counts for no address.

    Attributes:
        requests: Requests that it has begun or waits for.
    """

    __slots__ = ("address_key", "close", "progress", "proxy", "requests")

    def __init__(self, address_key: str, close: Callable[[], None], *, proxy: bool = False) -> None:
        self.address_key = address_key
        self.close = close
        self.proxy = proxy
        self.progress = Progress.IDLE
        self.requests = 0

    @property
    def kept_alive(self) -> bool:
        """Whether it is open only for a possible further request."""
        return self.progress is Progress.IDLE and self.requests > 1


class TcpConnections:
    """The connections of a process before they become WebSockets.

    If there is no room for a new connection, an idle one is closed: one of the same address if that has
    reached its limit, else one of the address with the most connections. Connections with a WebSocket are not
    counted here, so they are never closed.

    Args:
        per_address: Connections of one address at most.
        total: Connections of all addresses at most, those of trusted proxies left out.

    Attributes:
        total: See the argument; less if the process may open fewer file descriptors.
    """

    __slots__ = ("_by_address", "_by_count", "_counted", "_per_address", "_proxies", "total")

    def __init__(self, per_address: int, total: int) -> None:
        self._per_address = per_address
        self.total = total
        self._by_address: dict[str, dict[TcpConnection, None]] = {}
        self._by_count: list[dict[str, None]] = [{}, {}]
        """At index n: the addresses with n connections, in the order in which they reached n."""
        self._counted = 0
        self._proxies: set[TcpConnection] = set()

    def __len__(self) -> int:
        return self._counted + len(self._proxies)

    def count(self, address_key: str) -> int:
        """Return the number of connections of that address."""
        return len(self._by_address.get(address_key, ()))

    def room(self, address_key: str) -> bool:
        """Return whether a new connection of that address fits, after closing an idle one if necessary."""
        if self.count(address_key) >= self._per_address:
            return self._close(_first_idle(self._by_address[address_key]))
        if self._counted < self.total:
            return True
        return self.give_way(self.count(address_key))

    def give_way(self, newcomer: int = 0) -> bool:
        """Close the oldest idle connection of the address with the most connections.

        If none is idle, close the oldest connection of that address, but only if the address keeps more than
        `newcomer` connections.

        Args:
            newcomer: Number of connections of the address that opens another one.

        Returns:
            Whether a connection was closed.
        """
        for key in self._fullest_first():
            if (victim := _first_idle(self._by_address[key])) is not None:
                return self._close(victim)
        fullest = next(self._fullest_first(), None)
        if fullest is not None and self.count(fullest) > newcomer + 1:
            return self._close(next(iter(self._by_address[fullest])))
        return False

    def _fullest_first(self) -> Iterator[str]:
        return (key for keys in reversed(self._by_count) for key in keys)

    def add(self, connection: TcpConnection) -> None:
        """Count a connection."""
        if connection.proxy:
            self._proxies.add(connection)
            return
        key = connection.address_key
        self._counted += 1
        self._by_address.setdefault(key, {})[connection] = None
        self._move(key, self.count(key) - 1, self.count(key))

    def remove(self, connection: TcpConnection) -> None:
        """Forget a connection; safe to call twice."""
        self._proxies.discard(connection)
        key = connection.address_key
        own = self._by_address.get(key)
        if own is None or connection not in own:
            return
        del own[connection]
        self._counted -= 1
        self._move(key, len(own) + 1, len(own))
        if not own:
            del self._by_address[key]

    def _move(self, key: str, before: int, after: int) -> None:
        counts = self._by_count
        counts[before].pop(key, None)
        if after == len(counts):
            counts.append({})
        if after:
            counts[after][key] = None

    def _close(self, victim: TcpConnection | None) -> bool:
        if victim is None:
            return False
        self.remove(victim)
        victim.close()
        return True


def _first_idle(connections: dict[TcpConnection, None]) -> TcpConnection | None:
    return next((one for one in connections if one.progress is Progress.IDLE), None)
