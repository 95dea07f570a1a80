"""End the wait of a request for the next beat when its client disconnects."""

from __future__ import annotations

import asyncio

from tornado.web import RequestHandler

__all__ = ["end_with_client"]


def end_with_client(handler: RequestHandler, wait: asyncio.Future[bool]) -> None:
    """End `wait`, that of the request of `handler`, when its client disconnects. See `OnWait`."""

    def left() -> None:
        if not wait.done():
            wait.set_result(False)
        handler.on_connection_close()

    connection = handler.request.connection
    if connection is not None:
        connection.set_close_callback(left)  # type: ignore[attr-defined]  # of HTTP1Connection
