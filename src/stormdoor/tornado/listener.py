"""An HTTP server that counts connections, requests and bodies of each address before any handler runs."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, cast
from weakref import WeakKeyDictionary

from tornado.http1connection import HTTP1Connection, HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream
from tornado.web import Application

from stormdoor.core.denial import Refusal
from stormdoor.core.limits import Limits
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.listener_limits import ListenerLimits
from stormdoor.guard.tcp_connections import Progress, TcpConnection
from stormdoor.ports import SystemClock
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.acceptor import Acceptor
from stormdoor.tornado.answer_check import check_answer
from stormdoor.tornado.descriptors import descriptors_for
from stormdoor.tornado.front import Front, can_serve
from stormdoor.tornado.front.arrival import FrontConnection
from stormdoor.tornado.limited_request import LimitedRequest, prepared
from stormdoor.tornado.session_handler import session_parser, session_secret

__all__ = ["GuardedServer"]

_log = logging.getLogger("stormdoor.listener")

_WATCH_SECONDS = 1.0
_UNIX = "127.0.0.1"  # a UNIX socket has no address; its clients are on this machine

_fronts: WeakKeyDictionary[Guard, ListenerLimits] = WeakKeyDictionary()
"""The limits by guard: all listeners of a guard share them."""


def _front_of(guard: Guard | None) -> ListenerLimits:
    if guard is None:
        return ListenerLimits(Limits(), (), SystemClock())
    front = _fronts.get(guard)
    if front is None:
        front = _fronts[guard] = ListenerLimits(
            guard.limits,
            guard.trusted_proxies,
            guard.clock,
            registry=guard.registry,
            trail=guard.trail,
            statistics=guard.statistics,
        )
    return front


class GuardedServer(HTTPServer):
    """Tornado's server, with the limits of a guard on connections, requests and bodies.

    Attributes:
        front: The limits and their counters.
        max_body_size: The largest body of any request.
    """

    def initialize(  # type: ignore[override]
        self, application: Application, *, guard: Guard | None, max_body_size: int, **options: Any
    ) -> None:
        """Called by Tornado with the arguments of the constructor."""
        super().initialize(application, max_body_size=max_body_size, **options)
        self._guard = guard
        self._application = application
        self.front = _front_of(guard)
        self.max_body_size = max_body_size
        self._tcp: dict[object, TcpConnection] = {}
        """By stream of Tornado, or by `FrontConnection` of the front."""
        self._front: Front | None = None
        self._watching = False

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections on these sockets; see Tornado."""
        if self._guard is None:
            self._guard = _guard_of(self._application)
            self.front = _front_of(self._guard)
        self.front.fit(descriptors_for(self.front.wanted))
        if isinstance(self.ssl_options, dict):
            _log.warning(
                "ssl_options is a dictionary: Tornado loads the certificate for each connection, before any "
                "check. Write context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); "
                "context.load_cert_chain(certfile, keyfile); ssl_options=context, and call load_cert_chain "
                "again when the certificate is renewed"
            )
        if self._front is None and self._has_front():
            self._front = Front(self, self, self.front)
        for sock in sockets:
            number = sock.fileno()
            self._sockets[number] = sock
            self._handlers[number] = Acceptor(sock, self._accept, self.front.tcp.give_way).stop

    def _has_front(self) -> bool:
        """Return whether a front may serve."""
        return type(self) is GuardedServer and can_serve(self)

    def _accept(self, connection: socket.socket, address: Any) -> None:
        peer = _peer(address)
        key, proxy = self.front.key(peer), self.front.trusts(peer)
        refusal = self.front.connect(key, proxy=proxy)
        if refusal is not None:
            self._refuse_connection(connection, peer, refusal)
            return
        if self._front is not None:
            self._front.accept(connection, address, peer, key, proxy=proxy)
            return
        try:
            self._handle_connection(connection, address)
        except OSError as error:  # an error of TLS, or the client disconnected
            _log.debug("a connection from %s failed: %s", peer, error)
            connection.close()

    def _refuse_connection(self, connection: socket.socket, peer: str, refusal: Refusal) -> None:
        """Answer without reading the request, and close."""
        refusal = self.front.record(refusal, peer)
        if self.ssl_options is None:
            with suppress(OSError):
                connection.setblocking(False)
                connection.send(prepared(refusal))
        connection.close()

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Serve a connection; see Tornado."""
        peer = _peer(address)
        tcp = TcpConnection(self.front.key(peer), stream.close, proxy=self.front.trusts(peer))
        self.count(stream, tcp)
        super().handle_stream(stream, address)

    def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        """Called by Tornado when it begins to wait for a request."""
        if not isinstance(self.request_callback, Application):
            check_answer(
                request_conn, self.request_callback
            )  # an application checks its own answers
        delegate = super().start_request(server_conn, request_conn)
        tcp = self._tcp.get(cast(HTTP1ServerConnection, server_conn).stream)
        if tcp is None:
            return delegate
        tcp.progress = Progress.IDLE
        tcp.requests += 1
        connection: HTTP1Connection = request_conn
        address = _peer(getattr(connection.context, "address", None))
        return LimitedRequest(self, tcp, connection, address, delegate)

    def on_close(self, server_conn: object) -> None:
        """Called by Tornado when a connection is closed, or has become a WebSocket."""
        self.forget(cast(HTTP1ServerConnection, server_conn).stream)
        super().on_close(server_conn)

    def count(self, one: object, tcp: TcpConnection) -> None:
        """Count a connection, by its stream or its arrival."""
        self._tcp[one] = tcp
        self.front.tcp.add(tcp)

    def forget(self, one: object) -> None:
        """Count it no more; safe to call twice."""
        tcp = self._tcp.pop(one, None)
        if tcp is not None:
            self.front.tcp.remove(tcp)

    async def close_all_connections(self) -> None:
        """Close all connections that carry no WebSocket; see Tornado."""
        for one, tcp in list(self._tcp.items()):
            if isinstance(one, FrontConnection):
                tcp.close()
        await super().close_all_connections()

    @property
    def unfinished(self) -> int:
        """Connections without a WebSocket: with a request, or waiting for one."""
        return len(self._tcp)

    def stop_keeping_alive(self) -> None:
        """Answer only requests that are on their way: close idle connections, others after their answer."""
        self.conn_params.no_keep_alive = True
        for tcp in list(self._tcp.values()):
            if tcp.kept_alive:
                tcp.close()

    def watch(self) -> None:
        """Check each second for bodies that arrive too slowly, as long as there are bodies."""
        if not self._watching:
            self._watching = True
            IOLoop.current().call_later(_WATCH_SECONDS, self._look)

    def _look(self) -> None:
        self._watching = False
        self.front.bodies.abandon_slow(self.front.clock.monotonic())
        if len(self.front.bodies):
            self.watch()

    async def authenticated(self, request: HTTPServerRequest) -> bool:
        """Return whether a request presents an active session of the guard."""
        guard = self._guard
        if guard is None or not guard.running:
            return False
        secret = session_secret(guard, session_parser(guard).parse(request))
        try:
            return secret is not None and await guard.sessions.find(secret) is not None
        except StoreUnavailable:
            return False


def _guard_of(router: Any) -> Guard | None:
    """Return the guard of an application, or of the first guarded one in a router."""
    guard = getattr(router, "settings", {}).get("stormdoor_guard")
    if isinstance(guard, Guard):
        return guard
    inner = (_guard_of(rule.target) for rule in getattr(router, "rules", ()))
    return next((found for found in inner if found is not None), None)


def _peer(address: Any) -> str:
    return str(address[0]) if isinstance(address, tuple) and address else _UNIX
