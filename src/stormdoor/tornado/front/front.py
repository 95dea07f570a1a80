"""Serve ordinary upgrade requests without Tornado's connection objects, and hand everything else to Tornado.

The steps of a handshake, in order: `accept`, `_read`, `_decide`, then `_refuse` or `_open`. Record 115 of
`docs/decisions/` says which requests the front serves. `tests/tornado/front/` compares both ways.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from tornado import gen, httputil
from tornado.web import Application
from tornado.websocket import _raise_not_supported_for_websockets

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.guard.connection import Connection
from stormdoor.guard.listener_limits import ListenerLimits
from stormdoor.guard.tcp_connections import Progress, TcpConnection
from stormdoor.guard.timeout import continue_in_task
from stormdoor.tornado.answer_check import check_answer
from stormdoor.tornado.answers import log_refused, refusal_bytes, switching_bytes
from stormdoor.tornado.fast import FastProtocol, fits_loop
from stormdoor.tornado.fast.loop_queues import FixedTimeoutQueue
from stormdoor.tornado.front.arrival import FrontConnection, FrontRequest
from stormdoor.tornado.front.head import Head, read_head
from stormdoor.tornado.front.routes import Route, Routes
from stormdoor.tornado.interception import intercepted
from stormdoor.tornado.limited_request import prepared
from stormdoor.tornado.socket import handshake
from stormdoor.tornado.socket.output import SocketOutput

__all__ = ["ConnectionCounter", "Front", "can_serve"]

_log = logging.getLogger("stormdoor.listener")

_END = re.compile(rb"\r?\n\r?\n")
"""The end of a head, as Tornado finds it."""

_CHUNK = 16 * 1024
"""Bytes that are read at once."""

_BEFORE_ANSWER: dict[str, object] = {
    "_headers_written": False,
    "_finished": False,
    "_status_code": 200,
    "_reason": "OK",
}
"""Attributes of a handler before its answer; its class has those after the 101."""


_NOT_OF_SOCKETS = dict.fromkeys(
    ("write", "redirect", "set_header", "set_cookie", "set_status", "flush", "finish"),
    _raise_not_supported_for_websockets,
)
"""Methods that raise an error after the 101, as `_detach_stream` of Tornado sets them."""


_READING = frozenset({"handle_stream", "start_request", "on_close"})
"""Methods of a server that take part in a request."""


def can_serve(server: Any) -> bool:
    """Return whether a front may serve: nothing of this server is replaced, or reads requests itself.

    Args:
        server: A server of Tornado. The caller knows its class.
    """
    application = server.request_callback
    return (
        isinstance(application, Application)
        and intercepted(application)
        and _READING.isdisjoint(vars(server))
        and server.ssl_options is None
        and not server.xheaders
        and not server.conn_params.decompress
        and fits_loop(asyncio.get_running_loop())
    )


class ConnectionCounter(Protocol):
    """Interface of the connections of a server that are no open WebSocket."""

    def count(self, one: object, tcp: TcpConnection) -> None:
        """Count a connection, which the server closes with its other ones."""
        ...

    def forget(self, one: object) -> None:
        """Count it no more."""
        ...


class Front:
    """The front of one server.

    Args:
        server: The server. Its application is guarded.
        connections: Its connections.
        limits: The limits of its listener; None for a server of Tornado, which has none.
    """

    def __init__(
        self, server: Any, connections: ConnectionCounter, limits: ListenerLimits | None
    ) -> None:
        self._server = server
        self._connections = connections
        self._limits = limits
        self.application: Application = server.request_callback
        self._routes = Routes(self.application)
        self._loop = asyncio.get_running_loop()
        self._scheme = server.protocol or "http"
        params = server.conn_params
        self._most = params.max_header_size
        self._heads: FixedTimeoutQueue[FrontConnection] = FixedTimeoutQueue(
            self._loop, params.header_timeout, self.close
        )
        """Connections without a complete first head."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.served = 0
        """Requests that the front has decided."""
        self.handed_over = 0
        """Connections that it has handed to Tornado."""

    # -- accept and read ---------------------------------------------------------------------------

    def accept(
        self, sock: socket.socket, address: Any, peer: str, key: str, *, proxy: bool
    ) -> None:
        """Serve a connection that the limits have let in.

        Args:
            sock: The connection.
            address: Its address, as `accept` returned it.
            peer: The same as text.
            key: Its key for limits by address.
            proxy: Whether it comes from a trusted proxy.
        """
        sock.setblocking(False)
        arrival = FrontConnection(self._server, sock, address, peer, key, proxy=proxy)
        self._read(arrival)

    def _wait(self, arrival: FrontConnection) -> None:
        """Wait for the rest of the head, as long as Tornado would from the beginning of the connection."""
        if arrival.tcp is None:
            self._count(arrival, Progress.IDLE)
            self._heads.add(arrival)
            self._loop.add_reader(arrival.sock.fileno(), self._read, arrival)

    def _count(self, arrival: FrontConnection, progress: Progress) -> None:
        if arrival.tcp is None:
            arrival.tcp = TcpConnection(
                arrival.key, partial(self.close, arrival), proxy=arrival.proxy
            )
            arrival.tcp.requests = 1
            self._connections.count(arrival, arrival.tcp)
        arrival.tcp.progress = progress

    def _read(self, arrival: FrontConnection) -> None:
        """Read, and serve the request once its head is complete."""
        before = len(arrival.data)
        try:
            data = arrival.sock.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            self._wait(arrival)
            return
        except OSError:
            data = b""
        if not data:
            self.close(arrival)
            return
        arrival.add(data)
        data = arrival.data
        if data[-4:] != b"\r\n\r\n" and _END.search(data, max(0, before - 3)) is None:
            if len(data) < self._most:
                self._wait(arrival)
                return
            _log.info(
                "closed a connection: its head is longer than max_header_size = %d", self._most
            )
            self.close(arrival)
            return
        self._heads.drop(arrival)
        try:
            self._serve(arrival, data)
        except BaseException:
            self.close(arrival)
            raise

    def _serve(self, arrival: FrontConnection, data: bytes) -> None:
        """Serve a request if it is an ordinary handshake; else hand the connection to Tornado."""
        head = read_head(data) if len(data) <= self._most else None
        route = None if head is None else self._route(arrival, head)
        if head is None or route is None:
            self._hand_over(arrival)
        else:
            self._decide(arrival, head, route)

    def _route(self, arrival: FrontConnection, head: Head) -> Route | None:
        """Return the route of a request; None if Tornado must serve it."""
        if self._server.request_callback is not self.application:
            return None
        if self._limits is None and _too_many_arguments(head.target) is not None:
            return None
        route = self._routes.find(head, arrival)
        return route if route is not None and route.facts.guard.running else None

    def _hand_over(self, arrival: FrontConnection) -> None:
        """Let Tornado serve the connection, with the bytes that were read."""
        self.handed_over += 1
        self._release(arrival)
        stream: Any = arrival.new_stream()
        stream._read_buffer += arrival.data  # noqa: SLF001 - see `compat`
        stream._read_buffer_size = len(arrival.data)  # noqa: SLF001 - likewise
        try:
            self._server.handle_stream(stream, arrival.address)
        except Exception:  # noqa: BLE001 - as Tornado's `_handle_connection`
            _log.exception("a connection could not be served")
            stream.close()

    def _release(self, arrival: FrontConnection) -> None:
        """Neither read nor count the connection any more."""
        if arrival.tcp is not None:
            self._loop.remove_reader(arrival.sock.fileno())
            self._forget(arrival)

    def _forget(self, arrival: FrontConnection) -> None:
        if arrival.tcp is not None:
            arrival.tcp = None
            self._connections.forget(arrival)

    def close(self, arrival: FrontConnection) -> None:
        """Close a connection that is no open WebSocket."""
        self._heads.drop(arrival)
        number = arrival.sock.fileno()
        if number >= 0:
            self._loop.remove_reader(number)
            self._forget(arrival)
            arrival.sock.close()

    # -- the decision ------------------------------------------------------------------------------

    def _decide(self, arrival: FrontConnection, head: Head, route: Route) -> None:
        """Decide about a handshake: at once, or in a task if the decision waits for a store or an issuer."""
        self.served += 1
        facts = route.facts
        request = facts.parser.parse_head(
            head.values, head.path, head.target, arrival.peer, self._scheme
        )
        if self._limits is not None and self._exceeds(self._limits, arrival, head, request.address):
            return
        guard = facts.guard
        deciding = guard.admission.admit(
            request, facts.endpoint, partial(self._end_with_client, arrival)
        )
        if guard.admits_without_task:
            try:
                waits_for = deciding.send(None)
            except StopIteration as stop:
                self._follow(arrival, head, route, stop.value)
                return
            deciding = continue_in_task(deciding, waits_for)
        if arrival.tcp is not None:
            self._loop.remove_reader(arrival.sock.fileno())
        self._count(arrival, Progress.ANSWERING)
        self._start(self._follow_later(arrival, head, route, deciding))

    def _exceeds(
        self, limits: ListenerLimits, arrival: FrontConnection, head: Head, address: str
    ) -> bool:
        """Refuse a request beyond the limits of the listener, and return whether it is one."""
        key = arrival.key if address == arrival.peer else limits.key(address)
        refusal = limits.request(key) or _too_many_arguments(head.target)
        if refusal is None:
            return False
        self._answer(arrival, prepared(limits.record(refusal, address, head.path)))
        return True

    async def _follow_later(
        self,
        arrival: FrontConnection,
        head: Head,
        route: Route,
        deciding: Awaitable[Connection | Refusal],
    ) -> None:
        try:
            outcome = await deciding
        except BaseException:
            self.close(arrival)
            raise
        if arrival.sock.fileno() < 0 or self._has_left(arrival):
            if isinstance(outcome, Connection):
                route.facts.guard.registry.end(outcome, code=1006)
            self.close(arrival)
            return
        # Outside of this task: a handler runs in a context of its own.
        self._loop.call_soon(self._follow, arrival, head, route, outcome)

    def _follow(
        self, arrival: FrontConnection, head: Head, route: Route, outcome: Connection | Refusal
    ) -> None:
        if isinstance(outcome, Refusal):
            self._refuse(arrival, route, outcome)
        elif route.opens:
            self._open(arrival, head, route, outcome)
        else:
            self._pass_on(arrival, route, outcome)

    def _has_left(self, arrival: FrontConnection) -> bool:
        """Return whether the client has closed the connection."""
        try:
            return arrival.sock.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _end_with_client(self, arrival: FrontConnection, wait: asyncio.Future[bool]) -> None:
        """End `wait`, that of the handshake, when its client disconnects. See `OnWait`."""
        number = arrival.sock.fileno()
        if number < 0:
            wait.set_result(False)
            return

        def look() -> None:
            self._loop.remove_reader(number)
            if self._has_left(arrival) and not wait.done():
                wait.set_result(False)

        self._loop.add_reader(number, look)
        wait.add_done_callback(lambda _: self._loop.remove_reader(number))

    def _start(
        self, coroutine: Coroutine[Any, Any, None], context: contextvars.Context | None = None
    ) -> None:
        task = self._loop.create_task(coroutine, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- the refusal -------------------------------------------------------------------------------

    def _refuse(self, arrival: FrontConnection, route: Route, refusal: Refusal) -> None:
        """Answer with the refusal and close the connection; the handler does not run."""
        if route.refuses:
            handler = self._make_handler(arrival, route)
            if refusal.ref and not refusal.headers:
                self._answer_refusal(arrival, handler, refusal)
                return
        else:
            handler = self._construct_handler(arrival, route)
        refuse = partial(handshake.refuse, handler._door_socket, handler, refusal)  # noqa: SLF001 - of a guarded handler
        self._execute(arrival, route, handler, refuse)

    def _answer_refusal(self, arrival: FrontConnection, handler: Any, refusal: Refusal) -> None:
        """Answer with a refusal that has no headers of its own."""
        now = handler._door_facts.guard.clock.now()  # noqa: SLF001 - of a guarded handler
        self._answer(arrival, refusal_bytes(refusal, now))
        handler.__dict__["_status_code"] = refusal.answer.status
        log_refused(handler)

    def _refuse_foreign(
        self, arrival: FrontConnection, guarded: SocketOutput, connection: Connection
    ) -> None:
        """Refuse a page by the `check_origin` of its handler, which has been initialized."""
        handler = guarded.handler
        refusal = handshake.end_foreign(guarded, handler, connection)
        self._answer_refusal(arrival, handler, refusal)
        try:
            handshake.end_unless_switched(handler)
        except Exception:  # noqa: BLE001 - the application may raise anything
            handler.log_exception(*sys.exc_info())

    def _answer(self, arrival: FrontConnection, answer: bytes) -> None:
        """Send a short answer and close."""
        self._release(arrival)
        with suppress(OSError):
            arrival.sock.send(answer)
        arrival.sock.close()

    def _make_handler(self, arrival: FrontConnection, route: Route) -> Any:
        """Return a handler as it is before `initialize`. Its `__init__` is Tornado's, and is not called."""
        made = route.made
        handler = made.__new__(made)
        own = handler.__dict__
        own["application"] = self.application
        own["request"] = FrontRequest(arrival)
        return handler

    def _construct_handler(self, arrival: FrontConnection, route: Route) -> Any:
        """Return a handler as Tornado makes it: its class may have an `__init__` of its own."""
        try:
            return route.made(self.application, FrontRequest(arrival), **route.arguments)
        except BaseException:
            self.close(arrival)
            raise

    # -- the admission -----------------------------------------------------------------------------

    def _open(
        self, arrival: FrontConnection, head: Head, route: Route, connection: Connection
    ) -> None:
        """Initialize the handler of an admitted client, write the 101, and open the socket."""
        handler = self._make_handler(arrival, route)
        context = contextvars.copy_context()
        handler.__dict__["ws_connection"] = None
        guarded = handler._door_socket  # noqa: SLF001 - of a guarded handler
        guarded.contexts = (context, context.copy())
        handshake.admit(guarded, handler, connection)
        context.run(self._enter, arrival, head, route, guarded, connection)

    def _enter(
        self,
        arrival: FrontConnection,
        head: Head,
        route: Route,
        guarded: SocketOutput,
        connection: Connection,
    ) -> None:
        """Run the handler's code before the 101, in its context, and write the 101."""
        handler = guarded.handler
        own = handler.__dict__
        own.update(_BEFORE_ANSWER)
        if route.args or route.kwargs:
            own["path_args"], own["path_kwargs"] = list(route.args), route.kwargs
        try:
            if route.initializes:
                handshake.initialize(handler, route.arguments)
            if not connection.awaiting_authentication:
                handshake.prepare(guarded, handler)
            foreign = route.checks_origin and handshake.refuses_origin(handler)
            if (route.initializes or route.checks_origin) and not _is_untouched(
                handler, connection
            ):
                self._execute(arrival, route, handler, partial(_resume, guarded, handler))
                return
            if foreign:
                self._refuse_foreign(arrival, guarded, connection)
                return
            protocol = handshake.fast_protocol(guarded, handler)
            values = head.headers.get
            answer = protocol.negotiate(
                head.headers["sec-websocket-key"],
                values("sec-websocket-protocol", ""),
                values("sec-websocket-extensions", ""),
            )
            for cookie in own.get("_new_cookie", {}).values():
                handler.add_header("Set-Cookie", cookie.OutputString(None))
            now = route.facts.guard.clock.now()
            switching = switching_bytes(own.get("_door_headers"), now, answer)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - a handler may raise anything
            self._execute(arrival, route, handler, partial(_resume, guarded, handler, error))
            return
        self._switch(arrival, route, guarded, protocol, switching)

    def _switch(
        self,
        arrival: FrontConnection,
        route: Route,
        guarded: SocketOutput,
        protocol: FastProtocol,
        switching: bytes,
    ) -> None:
        """Write the 101, and open the socket."""
        handler = guarded.handler
        own, sock = handler.__dict__, arrival.sock
        arrival.detach()
        with suppress(OSError):  # a Unix socket has no such option
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            # A new connection has room for so few bytes.
            sent = sock.send(switching) == len(switching)
        except OSError:
            sent = False
        for name in _BEFORE_ANSWER:
            del own[name]
        try:
            handler._log()  # noqa: SLF001 - as `finish` does
            handshake.end_unless_switched(handler)
        except Exception:  # noqa: BLE001 - the application may raise anything
            handler.log_exception(*sys.exc_info())
            sent = False
        if not sent:
            self._abandon(arrival, guarded)
            return
        own["ws_connection"] = protocol
        own.update(_NOT_OF_SOCKETS)
        if route.args or route.kwargs:
            own["open_args"], own["open_kwargs"] = route.args, route.kwargs
        self._forget(arrival)
        try:
            protocol.attach(sock)
        except OSError:
            self._abandon(arrival, guarded)
            return
        except BaseException:
            self._abandon(arrival, guarded)
            raise
        protocol.start_pinging()
        try:
            opened = handshake.open_socket(handler, *route.args, **route.kwargs)
        except Exception:  # noqa: BLE001 - a handler may raise anything
            protocol.fail_to_open()
            return
        if opened is None:
            protocol.begin()
        else:
            self._start(self._finish_open(protocol, opened), guarded.contexts[0])

    def _abandon(self, arrival: FrontConnection, guarded: SocketOutput) -> None:
        """End an admitted connection that cannot be opened."""
        guarded.leave(None)
        self.close(arrival)

    async def _finish_open(self, protocol: FastProtocol, opened: Awaitable[None]) -> None:
        try:
            await opened
        except asyncio.CancelledError:
            protocol.on_connection_close()
            raise
        except Exception:  # noqa: BLE001 - a handler may raise anything
            protocol.fail_to_open()
            return
        protocol.begin()

    # -- in doubt, Tornado -------------------------------------------------------------------------

    def _pass_on(self, arrival: FrontConnection, route: Route, connection: Connection) -> None:
        """Let Tornado execute a handler, which may override anything, for an admitted client."""
        try:
            handler = self._construct_handler(arrival, route)
            enter = partial(handshake.enter, handler, connection)
            self._execute(arrival, route, handler, enter, connection)
        except BaseException:
            route.facts.guard.registry.end(connection)
            self.close(arrival)
            raise

    def _execute(
        self,
        arrival: FrontConnection,
        route: Route,
        handler: Any,
        prepare: Callable[[], object],
        admitted: Connection | None = None,
    ) -> None:
        """Let Tornado execute the handler after the decision.

        Args:
            arrival: The connection.
            route: Its route.
            handler: The handler.
            prepare: Takes the place of `prepare`, where the guard has decided.
            admitted: A connection that the handler does not have yet.
        """
        self._release(arrival)
        own = handler.__dict__
        own.update({name: own.get(name, usual) for name, usual in _BEFORE_ANSWER.items()})
        connection = handler.request.connection
        check_answer(connection, type(handler))
        connection.set_close_callback(handler.on_connection_close)
        connection.stream.set_close_callback(connection._on_connection_close)  # noqa: SLF001 - see `compat`
        own["prepare"] = prepare
        args, kwargs = route.raw
        transforms = [make(handler.request) for make in self.application.transforms]
        # An `_execute` of the application need not be a coroutine.
        executing = gen.convert_yielded(handler._execute(transforms, *args, **kwargs))  # noqa: SLF001 - as Tornado
        self._start(self._finish(arrival, handler, executing, admitted))

    async def _finish(
        self,
        arrival: FrontConnection,
        handler: Any,
        executing: Awaitable[None],
        admitted: Connection | None,
    ) -> None:
        """Wait for the answer. Afterwards Tornado serves the further requests of the connection."""
        try:
            await executing
        finally:
            handler.__dict__.pop("prepare", None)
            if admitted is not None and handler._door_socket.connection is None:  # noqa: SLF001 - of a guarded handler
                # Tornado has failed before `prepare`, for example in `decode_argument`.
                handler._door_facts.guard.registry.end(admitted)  # noqa: SLF001 - likewise
        connection = handler.request.connection
        if connection.stream is None:
            return  # it is a WebSocket
        await connection._finish_future  # noqa: SLF001 - see `compat`
        if not connection.stream.closed():
            self._server.handle_stream(connection.stream, arrival.address)


async def _resume(guarded: SocketOutput, handler: Any, error: BaseException | None = None) -> None:
    """Go on where the front has stopped: takes the place of `prepare`.

    Raises:
        BaseException: `error`, which the handler has raised.
    """
    try:
        if error is not None:
            raise error
        handshake.stop_if_ended(guarded, handler)
    except BaseException:
        if guarded.connection is not None:
            guarded.guard.registry.end(guarded.connection)
        raise


def _too_many_arguments(target: str) -> Refusal | None:
    """Return the refusal of a target with more arguments than Tornado parses."""
    if "&" not in target:
        return None
    config = getattr(httputil, "_DEFAULT_PARSE_BODY_CONFIG", None)  # since Tornado 6.5.8
    most = getattr(getattr(config, "urlencoded", None), "max_arguments", None)
    if most is None or target.count("&") < most:
        return None
    return Refusal(Denial.MALFORMED, f"more than {most} arguments")


def _is_untouched(handler: Any, connection: Connection) -> bool:
    """Return whether `initialize` has left the answer and the connection as they were."""
    own = handler.__dict__
    return (
        all(own[name] == usual for name, usual in _BEFORE_ANSWER.items())
        and not own.get("_write_buffer")
        and connection.state is not State.ENDED
        and connection.monotonic() < connection.lease.until
    )
