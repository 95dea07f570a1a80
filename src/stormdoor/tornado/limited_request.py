"""The limits on one HTTP request: its rate, and the size and the duration of its body."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol, cast

from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)

from stormdoor.core.address import client_address
from stormdoor.core.denial import ANSWERS, Denial, Refusal
from stormdoor.guard.listener_limits import ListenerLimits
from stormdoor.guard.references import REFERENCE_LENGTH, referenced
from stormdoor.guard.tcp_connections import Progress, TcpConnection
from stormdoor.guard.unfinished_bodies import UnfinishedBody

__all__ = ["LimitedRequest", "Listener", "prepared"]


def prepared(refusal: Refusal) -> bytes:
    """Return the bytes of the answer to a refused request. The connection closes after it."""
    return _PREPARED[refusal.denial] % (referenced(refusal).ref.encode(),)


def _prepare(denial: Denial) -> bytes:
    """Return the answer with a place for the reference."""
    answer = ANSWERS[denial]
    body = Refusal(denial, ref="%b").text.encode() + b"\n"
    size = len(body) - len("%b") + REFERENCE_LENGTH
    again = b"Retry-After: 1\r\n" if answer.status in (429, 503) else b""
    return (
        b"HTTP/1.1 %d Refused\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Cache-Control: no-store\r\n%bConnection: close\r\nContent-Length: %d\r\n\r\n%b"
        % (answer.status, again, size, body)
    )


_PREPARED = {denial: _prepare(denial) for denial in Denial}


class Listener(Protocol):
    """Interface of the server to the requests that it received."""

    front: ListenerLimits
    max_body_size: int

    def watch(self) -> None:
        """Start the periodic check for bodies that arrive too slowly."""
        ...

    async def authenticated(self, request: HTTPServerRequest) -> bool:
        """Return whether a request presents an active session."""
        ...


class LimitedRequest(HTTPMessageDelegate):
    """Applies the limits to a request, between the connection and the application.

    Args:
        server: The server that received it.
        tcp: The TCP connection in the counts of `TcpConnections`.
        connection: Tornado's object of the connection.
        address: Address of the peer.
        delegate: Receiver of the request in the application.
    """

    def __init__(
        self,
        server: Listener,
        tcp: TcpConnection,
        connection: HTTP1Connection,
        address: str,
        delegate: HTTPMessageDelegate,
    ) -> None:
        self._server = server
        self._tcp = tcp
        self._connection = connection
        self._address = address
        self._delegate = delegate
        self._path = ""
        self._body: UnfinishedBody | None = None
        self._kept = True
        self._abandoned = False
        self._passed_on = False

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Refuse the request, or pass it on."""
        front, line = self._server.front, cast(RequestStartLine, start_line)
        self._path = line.path.partition("?")[0]
        key = self._tcp.address_key
        if self._tcp.proxy:
            forwarded = ",".join(headers.get_list("X-Forwarded-For")).split(",")
            self._address = client_address(
                self._address, [one.strip() for one in forwarded if one], front.trusted_proxies
            )
            key = front.key(self._address)
        refusal = front.request(key)
        length = headers.get_list("Content-Length")
        chunked = bool(headers.get_list("Transfer-Encoding"))
        if refusal is None and (chunked or (length and length != ["0"])):
            refusal = front.body(key)
            if refusal is None:
                self._tcp.progress = Progress.BODY
                size = int(length[0]) if length and length[0].isdecimal() else None
                return self._begin_body(key, size, line, headers)
        if refusal is not None:
            self._refuse(refusal)
            return None
        return self._pass_on(line, headers)

    def _begin_body(
        self, key: str, size: int | None, line: RequestStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Pass on a request with a body, if its announced size is permitted.

        Args:
            key: Key of the client.
            size: Bytes that the client announces; None if it announces none.
            line: The request line.
            headers: The headers.
        """
        server = self._server
        largest, limit = server.max_body_size, server.front.limits.unauthenticated_body_bytes
        if size is not None and size > largest:
            self._refuse(
                Refusal(
                    Denial.MESSAGE_TOO_LARGE,
                    f"a body of {size} bytes; guarded_server(max_body_size={largest}) allows less",
                )
            )
            return None
        # INVARIANT: counted before anything is awaited, so that parallel requests do not all find room.
        self._body = UnfinishedBody(key, server.front.clock.monotonic(), self._abandon)
        server.front.bodies.begin(self._body)
        server.watch()
        if largest > limit and (size is None or size > limit):
            return self._ask_for_session(size, line, headers)
        return self._pass_on(line, headers)

    async def _ask_for_session(
        self, size: int | None, line: RequestStartLine, headers: HTTPHeaders
    ) -> None:
        limit = self._server.front.limits.unauthenticated_body_bytes
        request = HTTPServerRequest(
            connection=self._connection, start_line=line, headers=headers.copy()
        )
        authenticated = await self._server.authenticated(request)
        if self._abandoned:
            return
        if not authenticated:
            if size is not None:
                self._refuse(
                    Refusal(
                        Denial.MESSAGE_TOO_LARGE,
                        f"a body of {size} bytes without a living session; "
                        f"limits.unauthenticated_body_bytes = {limit} allows less",
                    )
                )
                return
            self._connection.set_max_body_size(limit)
        passed = self._pass_on(line, headers)
        if passed is not None:
            await passed

    def _pass_on(self, line: RequestStartLine, headers: HTTPHeaders) -> Awaitable[None] | None:
        self._passed_on = True
        passed = self._delegate.headers_received(line, headers)
        # If the handler takes the body as it arrives, nothing waits in memory.
        target = getattr(self._delegate, "delegate", self._delegate)
        self._kept = not getattr(target, "stream_request_body", False)
        return passed

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Count a part of the body."""
        if self._body is not None:
            self._server.front.bodies.received(self._body, len(chunk), kept=self._kept)
        if self._abandoned:
            return None
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        """Pass on the request: its body is complete."""
        if self._abandoned:
            # Tornado continues with what it has buffered. INVARIANT: no handler runs with a part of the body.
            self.on_connection_close()
            return
        self._end_body()
        self._tcp.progress = Progress.ANSWERING
        self._delegate.finish()

    def on_connection_close(self) -> None:
        """Release the request: the client disconnected before its body was complete."""
        self._end_body()
        if self._passed_on:
            self._delegate.on_connection_close()

    def _end_body(self) -> None:
        if self._body is not None:
            self._server.front.bodies.end(self._body)
            self._body = None

    def _abandon(self, why: str) -> None:
        """End a request with an incomplete body."""
        self._body, self._abandoned = None, True
        refusal = Refusal(Denial.SLOW_REQUEST, why)
        refusal = self._server.front.record(refusal, self._address, self._path)
        _write_and_close(self._connection.stream, prepared(refusal))

    def _refuse(self, refusal: Refusal) -> None:
        self._end_body()
        refusal = self._server.front.record(refusal, self._address, self._path)
        # Not its own method, which refuses to detach from a handshake.
        _write_and_close(HTTP1Connection.detach(self._connection), prepared(refusal))


def _write_and_close(stream: Any, answer: bytes) -> None:
    """Send as much of a short answer as the kernel takes at once, and close."""
    if stream is not None and not stream.closed():
        stream.write(answer)
        stream.close()
