"""Transport sessions: conversations over several HTTP requests, each bound to its owner."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.principal import Authentication
from stormdoor.guard.connection import Connection
from stormdoor.guard.handshake import same_credential
from stormdoor.guard.registry import Registry

__all__ = ["TransportSession", "TransportSessions"]

_REMEMBERED = 16_384
"""Number of sessions without a connection that keep their owner."""
_PASSED_ON = frozenset({Denial.REVOKED, Denial.EXPIRED})


class TransportSession:
    """One conversation.

    Attributes:
        id: Its id in the library.
        members: Its open connections.
        polling: The connection that its HTTP requests count for; None if there are no such requests, as after
            an upgrade to a WebSocket.
        ended: The refusal of each further request; None while the session lasts.
    """

    __slots__ = ("_owner", "ended", "id", "members", "polling")

    def __init__(self, id: str, connection: Connection) -> None:
        self.id = id
        self._owner = connection.authentication
        self.members: set[Connection] = {connection}
        self.polling: Connection | None = None
        self.ended: Refusal | None = None

    @property
    def owner(self) -> Authentication:
        """Authentication of the client that began it, with the present id of its login session."""
        for one in self.members:
            self._owner = one.authentication
            break
        return self._owner

    @property
    def refusal(self) -> Refusal | None:
        """The refusal of its further requests; None while it lasts."""
        if self.ended is None:
            for one in self.members:
                if one.closed_by is not None:
                    return _why(one.closed_by)
        return self.ended


class TransportSessions:
    """The transport sessions of one server object of a library.

    INVARIANT: only one principal, with one credential, can use an id that is in here.

    Args:
        registry: The registry of the connections.
        close: Ends the session of an id in the library.
    """

    def __init__(self, registry: Registry, close: Callable[[str], None]) -> None:
        self._registry = registry
        self._close = close
        self._sessions: dict[str, TransportSession] = {}
        self._by_connection: dict[str, TransportSession] = {}
        self._resting: OrderedDict[str, TransportSession] = OrderedDict()
        registry.on_end.append(self._on_end)

    def __len__(self) -> int:
        return len(self._sessions)

    def get(self, id: str) -> TransportSession | None:
        """Return the session of that id, even if it has ended."""
        return self._sessions.get(id) or self._resting.get(id)

    def begin(self, id: str, connection: Connection) -> TransportSession:
        """Begin the session of `id`; its owner is the client of `connection`."""
        session = self._sessions[id] = TransportSession(id, connection)
        self._by_connection[connection.id] = session
        return session

    def join(self, session: TransportSession, connection: Connection) -> Refusal | None:
        """Add another connection to `session`.

        Returns:
            The refusal, or None.
        """
        if not same_credential(connection.authentication, session.owner):
            return Refusal(
                Denial.FORBIDDEN,
                "the transport session belongs to another principal or credential",
            )
        refusal = session.refusal
        if refusal is None:
            session.members.add(connection)
            self._by_connection[connection.id] = session
            self._resting.pop(session.id, None)
            self._sessions[session.id] = session
        return refusal

    def end_polling(self, session: TransportSession) -> None:
        """Release the quota of the HTTP requests: the session goes on over its socket."""
        if session.polling is not None:
            self._registry.end(session.polling)

    def leave(self, session: TransportSession) -> None:
        """Release the quota of a client that stopped polling without closing the session."""
        if session.polling is not None:
            self._registry.end(session.polling, code=1001)
        if not session.members:
            self._close(session.id)

    def _on_end(self, connection: Connection) -> None:
        session = self._by_connection.pop(connection.id, None)
        if session is None:
            return
        session.owner  # noqa: B018 - keeps the owner before the member is removed
        session.members.discard(connection)
        if session.polling is connection:
            session.polling = None
        if connection.closed_by is not None and session.ended is None:
            self._end(session, _why(connection.closed_by))
        if not session.members:
            self._rest(session)

    def _end(self, session: TransportSession, refusal: Refusal) -> None:
        session.ended = refusal
        for one in list(session.members):
            if one.state is not State.ENDED:
                self._registry.end(one, refusal)
        self._close(session.id)

    def _rest(self, session: TransportSession) -> None:
        """Keep the owner of a session without connections: its client may return."""
        self._sessions.pop(session.id, None)
        self._resting[session.id] = session
        if len(self._resting) > _REMEMBERED:
            self._resting.popitem(last=False)


def _why(closed_by: Refusal) -> Refusal:
    if closed_by.denial in _PASSED_ON:
        return closed_by
    detail = f"the transport session has ended: {closed_by.denial.value}: {closed_by.detail}"
    return Refusal(Denial.ENDED, detail)
