"""Classes that `protect` puts in front of the handlers of HTTP transports, and the sessions of sockets."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, cast

from tornado.iostream import IOStream
from tornado.web import Finish, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler, WebSocketProtocol

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.frame import Prepared
from stormdoor.core.handshake import Handshake
from stormdoor.core.origin import request_as_handshake
from stormdoor.guard.connection import Connection
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.inbound import Refused
from stormdoor.guard.message_types import MessageTypes, is_offence
from stormdoor.guard.pause import FENCED, PauseReading
from stormdoor.guard.transport_sessions import TransportSession, TransportSessions
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.answers import cut_off, discard_output, finish_refusal
from stormdoor.tornado.client_left import end_with_client
from stormdoor.tornado.handshake_parser import HandshakeParser
from stormdoor.tornado.socket.guarded import route_groups
from stormdoor.tornado.socket.handshake import refuse
from stormdoor.tornado.stream_check import StreamCheck
from stormdoor.tornado.transports.transport import MalformedRequest, Transport

__all__ = ["CompanionPage", "HttpTransport", "derive", "join_session"]


class _Polls:
    """`stormdoor.guard.connection.Sink` of the HTTP requests of one session, or of one request alone."""

    def __init__(self, guard: Guard, handshake: Handshake, leave: Callable[[], None]) -> None:
        self._guard = guard
        self._handshake = handshake
        self.on_away = leave
        self.handlers: set[RequestHandler] = set()
        self._stream_checks: dict[RequestHandler, StreamCheck] = {}
        self._left_at = guard.clock.monotonic()

    def join(self, handler: RequestHandler, connection: Connection) -> None:
        """Note a request of the connection, and check each `send()` of its answer."""
        self.handlers.add(handler)
        stream = getattr(handler.request.connection, "stream", None)
        if isinstance(stream, IOStream):
            self._stream_checks[handler] = StreamCheck(
                stream, connection, partial(self._guard.fence.hold, connection)
            )

    def waits(self, handler: RequestHandler) -> bool:
        """Return whether part of the answer has not been sent."""
        return handler in self._stream_checks and self._stream_checks[handler].unsent

    def leave(self, handler: RequestHandler, connection: Connection) -> None:
        """Note that a request of `connection` has been answered, and its answer been sent."""
        self.handlers.discard(handler)
        if handler in self._stream_checks:
            self._stream_checks.pop(handler).remove()
        self._left_at = self._guard.clock.monotonic()
        connection.look_soon()

    def deliver(self, payload: bytes | str | Prepared) -> bool:
        """See `Sink`. Does nothing: the guard does not know the protocol of the library."""
        return False

    def shut(self, code: int, reason: str) -> None:
        """See `Sink`. An answer that is under way is cut off."""
        for one in list(self.handlers):
            cut_off(one)

    def withdraw(self) -> None:
        """See `Sink`. Only answers under way are in memory, and `shut` cuts them off."""

    def drop(self) -> None:
        """See `Sink`. Only answers under way are in memory."""
        self.shut(1001, "")

    def resume(self) -> None:
        """See `Sink`."""
        for one in list(self._stream_checks.values()):
            one.resume()

    def stalled(self) -> float | None:
        """See `Sink`. A client that does not poll counts as one that does not read."""
        if self.handlers:
            return None
        away = self._guard.clock.monotonic() - self._left_at
        if away < self._guard.limits.outbound_seconds:
            return self._left_at
        self.on_away()
        return None

    def sent_at(self) -> float:
        """See `Sink`. Each answer counts as a message."""
        return self._left_at

    def expiring(self, seconds: float) -> None:
        """See `Sink`."""

    def handshake(self) -> Handshake:
        """See `Sink`."""
        return self._handshake


def _nothing() -> None:
    """Do nothing: a request without a session has nothing to end."""


def _is_polling(connection: Connection) -> bool:
    """Return whether a request of the connection is being answered."""
    return isinstance(connection.sink, _Polls) and bool(connection.sink.handlers)


class HttpTransport(RequestHandler):
    """Decides about each request of an HTTP transport before its handler sees it.

    Its names begin with `_door_`, so that they cannot collide with those of the handler behind it.
    """

    _door_guard: ClassVar[Guard]
    _door_endpoint: ClassVar[Endpoint]
    _door_parser: ClassVar[HandshakeParser]
    _door_transport: ClassVar[Transport]
    _door_sessions: ClassVar[TransportSessions]

    _door_admitted: Connection | None = None
    _door_session: TransportSession | None = None
    _door_refused = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Skip the hook of the application: the class that `protect` makes is not one of its classes."""

    async def prepare(self) -> None:
        """Decide about the request, and only then let the handler process it."""
        guard = self._door_guard
        handshake = request_as_handshake(self._door_parser.parse(self.request))
        if not (guard.running or await guard.ready()):
            refusal = Refusal(Denial.UNAVAILABLE, "the store does not answer", retry_after=5)
            self._door_refuse(self._door_record(handshake, refusal))
            return
        if self._door_is_preflight():
            # It has no credential and belongs to no session. Its answer lists the requests that a page may
            # send.
            public = self._door_endpoint.public is not None
            if not public and not guard.handshake_policy.origins.allows(handshake.origin or ""):
                refusal = Refusal(Denial.ORIGIN, "a preflight of a page that is not allowed")
                self._door_refuse(self._door_record(handshake, refusal))
            return
        outcome = await self._door_find_session(handshake)
        if isinstance(outcome, Refusal):
            self._door_refuse(outcome)
            return
        prepared = super().prepare()
        if prepared is not None:
            await prepared

    def _door_is_preflight(self) -> bool:
        headers = self.request.headers
        return (
            self.request.method == "OPTIONS"
            and "Origin" in headers
            and "Access-Control-Request-Method" in headers
        )

    def _door_record(
        self, handshake: Handshake, refusal: Refusal, connection: Connection | None = None
    ) -> Refusal:
        return self._door_guard.admission.refused(
            handshake,
            refusal,
            permission=self._door_endpoint.permission or "",
            principal="" if connection is None else connection.principal.id,
        )

    async def _door_find_session(self, handshake: Handshake) -> Connection | Refusal:
        """Find or begin the session of the request, and charge its client."""
        guard, sessions = self._door_guard, self._door_sessions
        try:
            id = self._door_transport.session(self)
        except MalformedRequest as error:
            return self._door_record(handshake, Refusal(Denial.MALFORMED, str(error)))
        session = None if id is None else sessions.get(id)
        if session is not None:
            if session.polling is not None:
                await guard.fence.wait(session.polling)
            refusal = await guard.admission.admit_again(
                handshake, self._door_endpoint, session.owner, partial(end_with_client, self)
            )
            if refusal is not None:
                return refusal
            if session.refusal is not None:
                return self._door_record(handshake, session.refusal)
        if session is None or session.polling is None:
            entered = await self._door_begin_session(handshake, id)
            if isinstance(entered, Refusal):
                return entered
            session = entered
        connection = self._door_use_session(handshake, session)
        return await self._door_charge(connection) or connection

    async def _door_begin_session(
        self, handshake: Handshake, id: str | None
    ) -> TransportSession | Refusal | None:
        """Admit the client, as for a handshake; then begin the session, or join it."""
        guard, sessions = self._door_guard, self._door_sessions
        connection = await guard.admission.admit(
            handshake, self._door_endpoint, partial(end_with_client, self)
        )
        if isinstance(connection, Refusal):
            return connection
        guard.registry.opened(connection)
        self._door_admitted = connection
        if id is None:
            self._door_forbid_compression()
            return None
        session, refusal = sessions.get(id), None
        if session is None:
            if self._door_transport.issued is not None or self._door_transport.known(id):
                refusal = Refusal(Denial.FORBIDDEN, "no client has begun this transport session")
            else:
                session = sessions.begin(id, connection)
        else:
            refusal = sessions.join(session, connection)
        if refusal is not None:
            refusal = self._door_record(handshake, refusal, connection)
            guard.registry.end(connection, refusal)
            return refusal
        if session is not None and session.polling is None:
            session.polling = connection
        return session

    def _door_use_session(
        self, handshake: Handshake, session: TransportSession | None
    ) -> Connection:
        """Count the request for the connection of its session."""
        own = self._door_admitted
        self._door_session = session
        connection = own if session is None or session.polling is None else session.polling
        if connection is None:
            raise Finish  # not reached: a session without polling has just got one
        if own is not None and own is not connection:
            self._door_guard.registry.end(own)  # another request was faster
        self._door_admitted = connection
        if not isinstance(connection.sink, _Polls):
            leave = partial(self._door_sessions.leave, session) if session else _nothing
            connection.sink = _Polls(self._door_guard, handshake, leave)
        connection.sink.join(self, connection)
        return connection

    async def _door_charge(self, connection: Connection) -> Refusal | None:
        """Evaluate the body of the request as one message. An empty body does not extend the login."""
        inbound, body = self._door_guard.inbound, self.request.body or b""
        while True:
            last = connection.last_message
            verdict = inbound.receive_raw(connection, body, self._door_endpoint.permission)
            if not isinstance(verdict, PauseReading):
                break
            if verdict is FENCED:
                await self._door_guard.fence.wait(connection)
            else:
                await asyncio.sleep(verdict.seconds)
        if not body:
            connection.forget_use(last)
        if verdict is True:
            refusal = self._door_check_types(connection, body)
            if refusal is not None:
                connection.forget_use(last)
            return refusal
        if isinstance(verdict, Refused):
            return verdict.refusal
        return connection.closed_by or Refusal(Denial.ENDED, "the transport session has ended")

    def _door_check_types(self, connection: Connection, body: bytes) -> Refusal | None:
        """Refuse the request if one of the messages in its body has a type that is not permitted."""
        declared = self._door_endpoint.messages
        if declared is None or not body:
            return None
        guard = self._door_guard
        types = MessageTypes(declared, None, route_groups(self))
        refused = types.check_body(connection, body, guard.clock.now())
        if refused is None or refused.refusal is None:
            return None
        refusal = refused.refusal
        ended = guard.inbound.reject(
            connection, refusal, permission=refused.permission, offence=is_offence(refusal)
        )
        if declared.refused == "close" and not ended:
            guard.registry.end(connection, refusal)
        return refusal

    def _door_forbid_compression(self) -> None:
        """Disable compression of the answer, to read the id of a new session in it."""
        if self._door_transport.issued is not None and "Accept-Encoding" in self.request.headers:
            # Set first: Tornado 6.5 cannot delete a header that came twice and was not read.
            self.request.headers["Accept-Encoding"] = ""
            del self.request.headers["Accept-Encoding"]

    def _door_refuse(self, refusal: Refusal) -> None:
        """Answer with a status and a generic line, without output of the handler."""
        self._door_refused = True
        finish_refusal(self, refusal)

    def flush(self, include_footers: bool = False) -> asyncio.Future[None]:  # noqa: FBT001, FBT002 - as Tornado's
        """Send the written output, as long as the session lasts.

        INVARIANT: a client learns the id of a new session only when the session has its owner.
        """
        connection = self._door_admitted
        if connection is not None and not self._door_refused:
            clock = self._door_guard.clock
            if connection.open and connection.is_expired(clock.now(), clock.monotonic()):
                why = Refusal(Denial.EXPIRED, "the credential has expired")
                self._door_guard.registry.end(connection, why)
            if not connection.open:
                return discard_output(self)
            self._door_note_issued(connection)
        return super().flush(include_footers)

    def _door_note_issued(self, connection: Connection) -> None:
        issued = self._door_transport.issued
        if self._door_session is not None or issued is None or self.get_status() >= 300:
            return
        id = issued(b"".join(self._write_buffer))
        if id is not None and self._door_sessions.get(id) is None:
            self._door_session = session = self._door_sessions.begin(id, connection)
            session.polling = connection
            if isinstance(connection.sink, _Polls):
                connection.sink.on_away = partial(self._door_sessions.leave, session)

    def on_finish(self) -> None:
        """Release the request: its answer is complete. INVARIANT: not before it has been sent.

        Otherwise a revocation would not find the connection, and the client would read the rest.
        """
        connection = self._door_admitted
        if (
            connection is not None
            and isinstance(connection.sink, _Polls)
            and connection.sink.waits(self)
        ):
            stream: Any = self.request.connection
            stream.stream.write(b"").add_done_callback(lambda _: self._door_end_request())
        else:
            self._door_end_request()
        super().on_finish()

    def on_connection_close(self) -> None:
        """Release the request: the client disconnected."""
        self._door_end_request()
        super().on_connection_close()

    def _door_end_request(self) -> None:
        connection, session = self._door_admitted, self._door_session
        if connection is None:
            return
        if isinstance(connection.sink, _Polls):
            connection.sink.leave(self, connection)
        if session is None:
            self._door_guard.registry.end(connection)
        elif not _is_polling(connection):
            over = self._door_transport.tells_known and not self._door_transport.known(session.id)
            if over or len(session.members) > 1:  # otherwise the session continues on its socket
                self._door_sessions.end_polling(session)

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """Open no socket: the request was admitted as an ordinary HTTP request."""
        raise HTTPError(400)


def join_session(
    transport: Transport, sessions: TransportSessions, socket: Any, handler: WebSocketHandler
) -> None:
    """Let a WebSocket join the transport session that its handshake may name.

    Raises:
        Finish: It is the session of another client. The refusal was sent.
    """
    connection: Connection = socket.connection
    refusal = _join(transport, sessions, handler, connection)
    if refusal is None:
        return
    guard = socket.guard
    refusal = guard.admission.refused(
        socket.handshake(),
        refusal,
        permission=socket.facts.endpoint.permission or "",
        principal=connection.principal.id,
    )
    guard.registry.end(connection, refusal)
    if connection.state is State.ENDED and not handler._finished:  # noqa: SLF001 - there is no other way to see it
        refuse(socket, handler, refusal)
    raise Finish


def _join(
    transport: Transport,
    sessions: TransportSessions,
    handler: RequestHandler,
    connection: Connection,
) -> Refusal | None:
    try:
        id = transport.session(handler)
    except MalformedRequest as error:
        return Refusal(Denial.MALFORMED, str(error))
    if id is None:
        return None
    session = sessions.get(id)
    if session is not None:
        refusal = sessions.join(session, connection)
        polling = session.polling
        if refusal is None and polling is not None and not _is_polling(polling):
            sessions.end_polling(session)
        return refusal
    if transport.issued is not None or transport.known(id):
        return Refusal(Denial.FORBIDDEN, "no client has begun this transport session")
    sessions.begin(id, connection)
    return None


class CompanionPage(RequestHandler):
    """Guards a page of a transport that has no access to sessions, such as SockJS's iframe.

    A foreign page that frames it could use the sockets with the origin of the application.
    """

    _door_ancestors: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Skip the hook of the application: the class that `protect` makes is not one of its classes."""

    def flush(self, include_footers: bool = False) -> asyncio.Future[None]:  # noqa: FBT001, FBT002 - as Tornado's
        """Send the written output, with a header that names the pages that may frame it."""
        if not self._headers_written:
            self.add_header("Content-Security-Policy", f"frame-ancestors {self._door_ancestors}")
        return super().flush(include_footers)


def derive(
    first: type | tuple[type, ...], handler: type[RequestHandler], **facts: object
) -> type[RequestHandler]:
    """Return a subclass of `handler` in which the methods of `first` come first."""
    before = first if isinstance(first, tuple) else (first,)
    facts |= {
        "__module__": handler.__module__,
        "__qualname__": handler.__qualname__,
        "__doc__": handler.__doc__,
    }
    made = types.new_class(
        handler.__name__, (*before, handler), {}, lambda namespace: namespace.update(facts)
    )
    return cast(type[RequestHandler], made)
