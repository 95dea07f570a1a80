"""Transport sessions: conversations that go over several HTTP requests, each with its owner."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.principal import Authentication
from stormdoor.guard.admission import same_credential
from stormdoor.guard.connection import Connection
from stormdoor.guard.registry import Registry

__all__ = ["TransportSession", "TransportSessions"]

_REMEMBERED = 16_384
"""Number of sessions without a connection that keep their owner."""
_PASSED_ON = frozenset({Denial.REVOKED, Denial.EXPIRED})


class TransportSession:
    """One conversation.

    Attributes:
        id: The id by which the library knows it.
        members: Its open connections.
        polling: The one that its HTTP requests count for; None while they have stopped, as after an upgrade.
        ended: Why requests of this session are refused from now on; None while it goes on.
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
        """How its client was authenticated; a session that got another id counts by the new one."""
        for one in self.members:
            self._owner = one.authentication
            break
        return self._owner

    @property
    def refusal(self) -> Refusal | None:
        """Why its requests are refused, though the registry may not have told of it yet."""
        if self.ended is None:
            for one in self.members:
                if one.closed_by is not None:
                    return _why(one.closed_by)
        return self.ended


class TransportSessions:
    """The transport sessions of one server object of a library.

    INVARIANT: an id that is in here is of use to one principal with one credential only.

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
        """Return the session of that id, also one that has ended."""
        return self._sessions.get(id) or self._resting.get(id)

    def begin(self, id: str, connection: Connection) -> TransportSession:
        """Let the session of `id`, which is new, belong to the client of `connection`."""
        session = self._sessions[id] = TransportSession(id, connection)
        self._by_connection[connection.id] = session
        return session

    def join(self, session: TransportSession, connection: Connection) -> Refusal | None:
        """Let another connection take part in `session`.

        Returns:
            Why it may not, or None.
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
        """Give the quota of the HTTP requests back: the session goes on over its socket."""
        if session.polling is not None:
            self._registry.end(session.polling)

    def leave(self, session: TransportSession) -> None:
        """Give the quota of a client back that polls no more, and has not said that it leaves."""
        if session.polling is not None:
            self._registry.end(session.polling, code=1001)
        if not session.members:
            self._close(session.id)

    def _on_end(self, connection: Connection) -> None:
        session = self._by_connection.pop(connection.id, None)
        if session is None:
            return
        session.owner  # noqa: B018 - noted before the member is gone
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
        """Remember the owner: the library may know the session for some time, and its client come back."""
        self._sessions.pop(session.id, None)
        self._resting[session.id] = session
        if len(self._resting) > _REMEMBERED:
            self._resting.popitem(last=False)


def _why(closed_by: Refusal) -> Refusal:
    if closed_by.denial in _PASSED_ON:
        return closed_by
    detail = f"the transport session has ended: {closed_by.denial.value}: {closed_by.detail}"
    return Refusal(Denial.ENDED, detail)
