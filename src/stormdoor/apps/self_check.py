"""Ask the code of a host, before it serves, for one request in memory that an adapter relies on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, TypeVar

from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Application

from stormdoor.errors import ConfigurationError

__all__ = ["HostChangedError", "body_of", "memory_request", "run_apart"]

_SECONDS = 20.0
"""The longest duration of one check; a host answers within milliseconds."""

_Result = TypeVar("_Result")


class HostChangedError(ConfigurationError):
    """The code of the host does not behave as its adapter needs."""


class _Connection(HTTPConnection):
    """Connection without a client, which keeps the answer."""

    def __init__(self) -> None:
        self.context = SimpleNamespace(remote_ip="127.0.0.1", protocol="http")
        self.body = b""
        self.finished = asyncio.Event()

    def write_headers(
        self, start_line: Any, headers: HTTPHeaders, chunk: bytes | None = None
    ) -> asyncio.Future[None]:
        """Keep the first part of the body."""
        return self.write(chunk or b"")

    def write(self, chunk: bytes) -> asyncio.Future[None]:
        """Keep a part of the body."""
        self.body += chunk
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def finish(self) -> None:
        """Let `body_of` return."""
        self.finished.set()

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Do nothing: this connection is never closed."""


def memory_request(
    path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
) -> HTTPServerRequest:
    """Return a request of this machine that comes from no client.

    Args:
        path: Path, with the query.
        method: Method.
        headers: Headers in addition to `Host`.
    """
    return HTTPServerRequest(
        start_line=RequestStartLine(method, path, "HTTP/1.1"),
        headers=HTTPHeaders({"Host": "localhost", **(headers or {})}),
        connection=_Connection(),
    )


async def body_of(application: Application, request: HTTPServerRequest) -> bytes:
    """Return the body of the answer of an application to a request of `memory_request`."""
    connection = request.connection
    assert isinstance(connection, _Connection)  # noqa: S101 - for type checkers
    # `stormdoor run` would guard an application that is called.
    delegate: Any = application.find_handler(request)
    delegate.execute()
    await connection.finished.wait()
    return connection.body


def run_apart(check: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    """Run a coroutine to its end, in a thread with an event loop of its own.

    The loop of the server may be the caller's, or may not run yet.

    Raises:
        HostChangedError: The code of the host did not end in time.
    """

    async def within_seconds() -> _Result:
        try:
            return await asyncio.wait_for(check(), _SECONDS)
        except TimeoutError:
            raise HostChangedError(f"a request in memory did not end in {_SECONDS:.0f} s") from None

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, within_seconds()).result()
