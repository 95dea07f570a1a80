"""Wrap handlers: a subclass of the application's handler class serves each guarded request."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, cast

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.web import RequestHandler, _has_stream_request_body
from tornado.websocket import WebSocketHandler

from stormdoor.errors import ConfigurationError
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.transport_sessions import TransportSessions
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.answer_check import admit_socket
from stormdoor.tornado.declarations import Declarations
from stormdoor.tornado.guarded_class import guarded_class
from stormdoor.tornado.handshake_parser import HandshakeParser
from stormdoor.tornado.inspection import FoundRoute
from stormdoor.tornado.interception import leads_to_guarded, limit_body_bytes, upgrades
from stormdoor.tornado.page_rules import PageRules, exempt
from stormdoor.tornado.pages import DecidesBeforeExecute, GuardedPage
from stormdoor.tornado.passed_on import PassedOn
from stormdoor.tornado.session_handler import SessionHandler, limit_body
from stormdoor.tornado.socket.handler import HANDLER_CLASS, HandlerCalls
from stormdoor.tornado.socket_of_page import SocketOfPage
from stormdoor.tornado.traced import decision_mixins, page_class
from stormdoor.tornado.transports import Transport
from stormdoor.tornado.transports.handlers import (
    CompanionPage,
    HttpTransport,
    derive,
    join_session,
)
from stormdoor.tornado.transports.table import TransportTable

__all__ = ["HandlerWrapper"]

_log = logging.getLogger("stormdoor.protect")

_KNOWN_PATHS = 1024
_KNOWN_LENGTH = 256
_HIDDEN = "a WebSocket of an object without a handler class"
_POLL_BYTES = 1024 * 1024
"""Default limit for the body of a poll, in bytes, since it is read before its client is authenticated."""

_Handler = type[RequestHandler]


class HandlerWrapper:
    """Creates the guarded subclasses of handlers, one for each class, declaration and transport."""

    def __init__(
        self,
        guard: Guard,
        declarations: Declarations,
        transports: TransportTable,
        page_rules: PageRules,
        *,
        guards_pages: bool,
    ) -> None:
        self._guard = guard
        self._page_rules = page_rules
        self.guards_pages = guards_pages
        """Whether HTTP handlers that are no transport need a permission, too."""
        self._declarations = declarations
        self._transports = transports
        self._parser = HandshakeParser.for_guard(guard)
        self._sessions: dict[int, TransportSessions] = {}
        self._made: dict[tuple[type, _Handler, Endpoint | None, int], _Handler] = {}
        self.known: dict[tuple[_Handler, str], _Handler] = {}
        """See `Wrapper`. Bounded: clients choose paths."""
        self._version = transports.version

    def endpoint(self, route: FoundRoute) -> Endpoint | None:
        """Return the declared endpoint of a route; None if the route is not guarded."""
        transport = self._transports.find(route.handler, route.pattern, route.arguments)
        if transport is None and not issubclass(route.handler, WebSocketHandler):
            return None
        return self._endpoint(route.handler, route.pattern, route.arguments)

    def _endpoint(self, handler: _Handler, path: str, arguments: Mapping[str, Any]) -> Endpoint:
        endpoint = self._declarations.of(handler, path)
        if endpoint.declared and endpoint.messages is not None:
            return endpoint
        # A transport without a declaration needs the permission of its socket, and so does each message.
        socket = self._transports.socket(arguments)
        if socket is None or socket.handler is handler:
            return endpoint
        of_socket = self._declarations.of(socket.handler, socket.pattern)
        if not endpoint.declared:
            endpoint = self._declarations.like(handler, path, of_socket)
        if endpoint.messages is None and of_socket.messages is not None:
            endpoint = replace(endpoint, messages=of_socket.messages)
        return endpoint

    def wrap(
        self, request: HTTPServerRequest, target: _Handler, arguments: Mapping[str, Any]
    ) -> _Handler:
        """Return the guarded class for a request; handlers of ordinary pages stay as they are."""
        if issubclass(target, (HandlerCalls, HttpTransport, GuardedPage, SocketOfPage)):
            return target
        transport = self._transports.find(target, request.path, arguments)
        if self._version != self._transports.version:
            self.known.clear()
            self._version = self._transports.version
        socket = issubclass(target, WebSocketHandler)
        if transport is not None and not (socket and _opens_socket(request)):
            endpoint = self._endpoint(target, request.path, arguments)
            polls = self._http_class(target, endpoint, transport)
            limit_body_bytes(request, target, _poll_bytes(endpoint))
            if isinstance(request.connection, HTTP1Connection):
                request.connection.set_body_timeout(self._guard.limits.body_seconds)
            return polls
        if not socket:
            return self._wrap_page(request, target, arguments)
        endpoint = self._endpoint(target, request.path, arguments)
        serves_page = transport is None and _serves_page(target, request)
        if serves_page and not upgrades(request):
            return self._page(target, endpoint)
        limit_body_bytes(request, target)
        made = self.socket_class(cast(type[WebSocketHandler], target), endpoint, transport)
        if transport is None and not serves_page:
            if len(self.known) >= _KNOWN_PATHS:
                self.known.clear()
            if len(request.path) <= _KNOWN_LENGTH:
                # An application asks twice: for the class itself, and for the delegate that has the result.
                self.known[target, request.path] = self.known[made, request.path] = made
        return made

    def _wrap_page(
        self, request: HTTPServerRequest, target: _Handler, arguments: Mapping[str, Any]
    ) -> _Handler:
        if issubclass(target, SessionHandler):
            limit_body(request, self._guard.limits.body_seconds)
        if self._transports.is_companion(target, arguments):
            return self._companion(target)
        if exempt(target):
            return target
        endpoint = self._socket_of_page(request, target)
        if endpoint is not None and endpoint.public is None:
            limit_body_bytes(request, target)
            return self._page(target, socket=endpoint)
        return self._page(target) if self.guards_pages else target

    def wrap_unknown(
        self, request: HTTPServerRequest, delegate: HTTPMessageDelegate
    ) -> _Handler | None:
        """Decide about a request for something that has no handler class.

        A handshake is refused, unless its path is declared. Every other request needs the permission of a
        page, if pages are guarded.
        """
        if leads_to_guarded(delegate):
            return None
        endpoint = self._socket_of_page(request, None)
        if endpoint is not None and endpoint.declared:
            return None if endpoint.public is not None else self._page(PassedOn, socket=endpoint)
        if upgrades(request):
            return self.socket_class(WebSocketHandler, Endpoint(_HIDDEN), None)
        return self._page(PassedOn) if self.guards_pages else None

    def _socket_of_page(
        self, request: HTTPServerRequest, target: _Handler | None
    ) -> Endpoint | None:
        """Return the declared endpoint of an upgrade; None if there is none. A public one may answer 101."""
        if "Upgrade" not in request.headers:
            return None
        endpoint = self._declarations.socket_of_page(target, request.path)
        if endpoint is not None and endpoint.public is not None:
            admit_socket(request.connection)
        return endpoint

    def make(self, route: FoundRoute, endpoint: Endpoint) -> None:
        """Create the class for a route at the start, so that a mistake in a declaration shows then."""
        transport = self._transports.find(route.handler, route.pattern, route.arguments)
        if endpoint.messages is not None:
            self._declarations.keep_messages(route.handler, endpoint.messages)
        if issubclass(route.handler, WebSocketHandler):
            self.socket_class(route.handler, endpoint, transport)
        if transport is not None:
            if transport.reads_body and _has_stream_request_body(route.handler):
                raise ConfigurationError(
                    f"transports: {route.handler.__qualname__} has @stream_request_body, so that its body is "
                    "not there when the guard decides; let the path or the query name the session"
                )
            # That of SockJS's sockets answers errors, and calls Tornado's.
            if _executes_itself(route.handler) and not issubclass(route.handler, WebSocketHandler):
                raise ConfigurationError(
                    f"transports: {route.handler.__qualname__} has an _execute of its own, which need not "
                    "call prepare(), where the guard decides; do its work in prepare()"
                )
            self._http_class(route.handler, endpoint, transport)

    def socket_class(
        self, handler: type[WebSocketHandler], endpoint: Endpoint, transport: Transport | None
    ) -> _Handler:
        """Return the class in front of a WebSocket handler."""
        key = (HandlerCalls, handler, endpoint, id(transport))
        made = self._made.get(key)
        if made is None:
            join = None
            if transport is not None:
                join = partial(join_session, transport, self._sessions_of(transport))
            made = guarded_class(handler, endpoint, self._guard, self._parser, join)
            self._made[key] = made
        return made

    def _http_class(self, handler: _Handler, endpoint: Endpoint, transport: Transport) -> _Handler:
        # A poll has no first message that could carry its credential.
        endpoint = replace(endpoint, first_message=False)
        key = (HttpTransport, handler, endpoint, id(transport))
        made = self._made.get(key)
        if made is None:
            facts: dict[str, object] = {
                "__class__": HANDLER_CLASS,
                "_door_handler": handler,
                "_door_guard": self._guard,
                "_door_endpoint": endpoint,
                "_door_parser": self._parser,
                "_door_transport": transport,
                "_door_sessions": self._sessions_of(transport),
            }
            first = (*decision_mixins(self._guard.tracing), HttpTransport)
            made = self._made[key] = derive(first, handler, **facts)
        return made

    def _page(
        self, handler: _Handler, endpoint: Endpoint | None = None, *, socket: Endpoint | None = None
    ) -> _Handler:
        """Return the class in front of a page.

        Args:
            handler: Its handler.
            endpoint: The endpoint of a WebSocket handler that serves it.
            socket: The endpoint of its handshakes. Without `pages`, this alone decides about them.
        """
        base = GuardedPage if socket is None else SocketOfPage
        key = (base, handler, endpoint or socket, 0)
        made = self._made.get(key)
        if made is None:
            first: tuple[type[RequestHandler], ...] = ()
            if socket is None or self.guards_pages:
                first = (page_class(self._guard.tracing),)
                if _executes_itself(handler):
                    first = (DecidesBeforeExecute, *first)
            if socket is not None:
                first = (*first, *decision_mixins(self._guard.tracing), SocketOfPage)
            made = self._made[key] = derive(
                first,
                handler,
                _door_guard=self._guard,
                _door_parser=self._parser,
                _door_rules=self._page_rules,
                _door_handler=handler,
                _door_otherwise=endpoint and (endpoint.public or endpoint.permission),
                _door_socket=socket,
            )
        return made

    def _companion(self, handler: _Handler) -> _Handler:
        key = (CompanionPage, handler, None, 0)
        made = self._made.get(key)
        if made is None:
            pages = [
                one
                for one in self._guard.handshake_policy.origins.entries
                if one.startswith("http")
            ]
            ancestors = " ".join(["'self'", *pages])
            made = self._made[key] = derive(CompanionPage, handler, _door_ancestors=ancestors)
        return made

    def _sessions_of(self, transport: Transport) -> TransportSessions:
        sessions = self._sessions.get(id(transport))
        if sessions is None:
            sessions = self._sessions[id(transport)] = TransportSessions(
                self._guard.registry, _Closer(transport).close
            )
        return sessions


class _Closer:
    """Ends sessions of a transport library, in a later iteration of the event loop."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self, id: str) -> None:
        """End the session of that id."""
        if self._transport.close is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # nothing is served
        task = loop.create_task(self._close(id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self, id: str) -> None:
        try:
            closing = None if self._transport.close is None else self._transport.close(id)
            if inspect.isawaitable(closing):
                await closing
        except Exception:  # noqa: BLE001 - any error of a library; for the guard the session is over
            _log.exception("a transport session could not be closed in its library")


def _serves_page(handler: _Handler, request: HTTPServerRequest) -> bool:
    """Return whether a WebSocket handler has code of its own for the method of a request."""
    method = (request.method or "").lower()
    return getattr(handler, method, None) is not getattr(WebSocketHandler, method, None)


def _executes_itself(handler: _Handler) -> bool:
    """Return whether a handler replaces the method of Tornado that calls `prepare`."""
    return handler._execute is not RequestHandler._execute  # noqa: SLF001 - there is no other way


def _opens_socket(request: HTTPServerRequest) -> bool:
    return ",".join(request.headers.get_list("Upgrade")).lower() == "websocket"


def _poll_bytes(endpoint: Endpoint) -> int:
    limits = endpoint.limits
    if limits is None:
        return _POLL_BYTES
    return (
        limits.message_bytes if limits.message_bytes_set else min(limits.message_bytes, _POLL_BYTES)
    )
