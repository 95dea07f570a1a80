"""One TCP connection from its acceptance until it is a WebSocket, has been refused, or belongs to Tornado."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tornado.http1connection import HTTP1Connection, HTTP1ServerConnection
from tornado.httpserver import _HTTPRequestContext
from tornado.httputil import (
    HTTPHeaders,
    HTTPServerRequest,
    RequestStartLine,
    parse_request_start_line,
)
from tornado.iostream import IOStream

from stormdoor.guard.tcp_connections import TcpConnection

__all__ = ["FrontConnection", "FrontRequest", "request_of_path"]

_PARSED = frozenset(
    {
        "method",
        "uri",
        "version",
        "headers",
        "body",
        "remote_ip",
        "protocol",
        "host",
        "host_name",
        "files",
        "_finish_time",
        "path",
        "query",
        "arguments",
        "query_arguments",
        "body_arguments",
    }
)
"""Attributes that `HTTPServerRequest` sets from the head."""


class FrontConnection:
    """A connection with the bytes that were read from it.

    Args:
        server: The server that accepted it.
        sock: The socket, non-blocking.
        address: Its address, as `accept` returned it.
        peer: The same as text.
        key: Its key for limits by address.
        proxy: Whether it comes from a trusted proxy.

    Attributes:
        data: The bytes that were read: the head of its request.
        started: Unix seconds of the request.
        switched: Whether it is a WebSocket now.
        tcp: Its count, while it waits.
    """

    __slots__ = (
        "_connection",
        "_context",
        "address",
        "data",
        "key",
        "peer",
        "proxy",
        "server",
        "sock",
        "started",
        "switched",
        "tcp",
    )

    def __init__(
        self, server: Any, sock: socket.socket, address: Any, peer: str, key: str, *, proxy: bool
    ) -> None:
        self.server = server
        self.sock = sock
        self.address = address
        self.peer = peer
        self.key = key
        self.proxy = proxy
        self.data = b""
        self.started = 0.0
        self.switched = False
        self.tcp: TcpConnection | None = None
        self._context: Any = None
        self._connection: HTTP1Connection | None = None

    def add(self, data: bytes) -> None:
        """Keep bytes of the request."""
        self.data += data
        self.started = time.time()  # as Tornado: `request_time` reads this clock

    @property
    def context(self) -> Any:
        """Tornado's object with the address and the scheme."""
        if self._context is None:
            server = self.server
            self._context = _HTTPRequestContext(
                SimpleNamespace(socket=self.sock),  # type: ignore[arg-type]  # it reads the family alone
                self.address,
                server.protocol,
                server.trusted_downstream,
            )
        return self._context

    def start(self) -> tuple[RequestStartLine, HTTPHeaders]:
        """Return the request line and the headers, parsed as Tornado does."""
        line, _, rest = self.data.decode("latin-1").partition("\r\n")
        return parse_request_start_line(line), HTTPHeaders.parse(rest)

    def new_stream(self) -> IOStream:
        """Return a stream of Tornado for the socket."""
        server = self.server
        return IOStream(
            self.sock,
            max_buffer_size=server.max_buffer_size,
            read_chunk_size=server.read_chunk_size,
        )

    def connection(self, line: RequestStartLine, headers: HTTPHeaders) -> HTTP1Connection:
        """Return Tornado's object of the connection as it is after the head; detached for a WebSocket.

        Args:
            line: The request line.
            headers: The headers.
        """
        if self._connection is None:
            stream: Any = SimpleNamespace(
                max_buffer_size=self.server.max_buffer_size, set_close_callback=lambda _: None
            )
            if not self.switched:
                stream = self.new_stream()
            made = HTTP1Connection(stream, False, self.server.conn_params, self.context)
            inside: Any = made
            inside._request_start_line, inside._request_headers = line, headers  # noqa: SLF001 - see `compat`
            inside._read_finished = True  # noqa: SLF001 - likewise
            inside._disconnect_on_finish = not inside._can_keep_alive(line, headers)  # noqa: SLF001 - likewise
            self._connection = made
            if self.switched:
                self.detach()
        return self._connection

    def detach(self) -> None:
        """Take the socket away from Tornado's objects, which stay as they are for an open WebSocket."""
        self.switched = True
        if self._connection is not None and self._connection.stream is not None:
            HTTP1Connection.detach(self._connection)


class FrontRequest(HTTPServerRequest):
    """The request of an arrival, parsed on the first access."""

    def __init__(self, arrival: FrontConnection) -> None:
        self._arrival = arrival
        self._start_time = arrival.started

    def parse(self) -> None:
        """Set the attributes that come from the head.

        Raises:
            HTTPInputError: Tornado refuses the request.
        """
        own = self.__dict__
        line, headers = own["_arrival"].start()
        stub: Any = SimpleNamespace(context=own["_arrival"].context)
        made = vars(HTTPServerRequest(start_line=line, headers=headers, connection=stub))
        del made["connection"], made["server_connection"], made["_start_time"]
        self.__dict__ = made | own

    def connect(self) -> None:
        """Set the attributes with Tornado's objects of the connection."""
        line = RequestStartLine(self.method or "", self.uri or "", self.version)
        own = self.__dict__  # after `parse`, which replaces it
        connection = own["connection"] = own["_arrival"].connection(line, self.headers)
        own["server_connection"] = HTTP1ServerConnection(
            connection.stream, connection.params, connection.context
        )


def request_of_path(arrival: FrontConnection, path: str) -> FrontRequest:
    """Return a request that finds its route without parsed headers, and without objects of a connection.

    Args:
        arrival: Its connection.
        path: The path of its target.
    """
    request = FrontRequest(arrival)
    stub = SimpleNamespace(context=arrival.context)
    vars(request).update(method="GET", path=path, connection=stub)
    return request


class _OnAccess:
    """An attribute that is set on the first access, with others."""

    __slots__ = ("_make", "_name")

    def __init__(self, name: str, make: Callable[[FrontRequest], None]) -> None:
        self._name = name
        self._make = make

    def __get__(self, request: FrontRequest | None, _owner: type) -> Any:
        """Called on access to an instance without the attribute."""
        if request is None:
            return self
        self._make(request)
        return request.__dict__[self._name]


# Not `__getattr__`: some releases of Tornado have a default in the class.
for _name in _PARSED:
    setattr(FrontRequest, _name, _OnAccess(_name, FrontRequest.parse))
for _name in ("connection", "server_connection"):
    setattr(FrontRequest, _name, _OnAccess(_name, FrontRequest.connect))
