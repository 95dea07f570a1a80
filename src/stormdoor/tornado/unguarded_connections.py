"""End the sockets and requests that an application accepted before `protect` was called."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Collection, Iterator
from typing import Any

from tornado.httputil import HTTPMessageDelegate
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler, WebSocketProtocol

from stormdoor.tornado.answer_check import check_answer
from stormdoor.tornado.interception import Unavailable
from stormdoor.tornado.socket.handler import HandlerCalls

__all__ = ["end_unguarded_connections"]

_log = logging.getLogger("stormdoor.protect")

_GOING_AWAY = 1001


def end_unguarded_connections(
    applications: Collection[Application], polls: Collection[type[RequestHandler]] = ()
) -> int:
    """Close the unguarded sockets of `applications`, and refuse requests that arrive for one.

    Tornado keeps no list of its sockets. The garbage collector lists every object, except those hidden by
    `gc.freeze()`. It is used only if a server may have accepted a connection: it takes about half a second
    for a million objects.

    Args:
        applications: The applications.
        polls: Handler classes of HTTP transports; their requests end as well.

    Returns:
        The number of sockets and unfinished handshakes that it closed.
    """
    if _nothing_listens():
        return 0
    known = {id(one) for one in applications}
    wanted: tuple[type[RequestHandler], ...] = (WebSocketHandler, *polls)
    bases: tuple[type[Any], ...] = (RequestHandler, WebSocketProtocol, HTTPMessageDelegate)
    kinds = {kind for base in bases for kind in _below(base)}
    streams: dict[int, tuple[IOStream, RequestHandler]] = {}
    # `type`, not `isinstance`, which makes a lazy proxy load its object.
    found: list[Any] = [each for each in gc.get_objects() if type(each) in kinds]
    for one in found:
        chosen = getattr(one, "handler_class", None)
        if isinstance(chosen, type) and issubclass(chosen, RequestHandler):
            # Its request has been read partly, and it has no handler yet.
            if id(getattr(one, "application", None)) in known:
                if issubclass(chosen, wanted):
                    one.handler_class = Unavailable
                check_answer(one.request.connection, chosen)
            continue
        handler = getattr(one, "handler", one)
        if isinstance(handler, RequestHandler) and id(handler.application) in known:
            check_answer(handler.request.connection, type(handler))
        if (
            isinstance(handler, wanted)
            and not isinstance(handler, HandlerCalls)
            and id(handler.application) in known
        ):
            # A handler drops its protocol when it closes, and receives messages for another 5 s.
            for owner in (one, handler.request.connection):
                stream = getattr(owner, "stream", None)
                if isinstance(stream, IOStream) and not stream.closed():
                    streams[id(stream)] = (stream, handler)
    for stream, handler in streams.values():
        _close(stream, handler)
    if streams:
        _log.warning(
            "%d sockets had been opened before protect() was called; they are closed", len(streams)
        )
    return len(streams)


def _nothing_listens() -> bool:
    """Return whether no loop of Tornado watches a file: then no server has accepted a connection."""
    loops: dict[asyncio.AbstractEventLoop, Any] | None
    loops = getattr(IOLoop, "_ioloop_for_asyncio", None)
    return loops is not None and not any(
        getattr(io_loop, "handlers", True)
        for loop, io_loop in list(loops.items())
        if not loop.is_closed()
    )


def _below(base: type[Any]) -> Iterator[type[Any]]:
    yield base
    for derived in base.__subclasses__():
        yield from _below(derived)


def _close(stream: IOStream, handler: RequestHandler) -> None:
    """Close one socket, now or in the next iteration of a loop in another thread."""

    def close() -> None:
        if isinstance(handler, WebSocketHandler):
            try:
                WebSocketHandler.close(handler, _GOING_AWAY)
            except Exception:  # noqa: BLE001 - the TCP connection ends in any case
                _log.debug("no close frame could be sent", exc_info=True)
        # A handshake that waits in `prepare` of the handler gets no protocol: its `open` never runs.
        setattr(handler, "get_websocket_protocol", lambda: None)  # noqa: B010 - a method
        # INVARIANT: do not rely on the client. Tornado delivers its messages for 5 s after the close frame.
        stream.close()

    loop = getattr(stream.io_loop, "asyncio_loop", None)
    elsewhere = isinstance(loop, asyncio.AbstractEventLoop) and loop.is_running()
    if elsewhere and loop is not _running_loop():
        stream.io_loop.add_callback(close)
    else:
        close()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
