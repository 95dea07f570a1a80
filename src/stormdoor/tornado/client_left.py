"""End the wait of a request for the next beat when its client disconnects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tornado.web import RequestHandler

__all__ = ["ends_with_client"]


def ends_with_client(handler: RequestHandler) -> Callable[[asyncio.Future[bool]], None]:
    """Return the function to call when the request of `handler` begins to wait: see `OnWait`."""

    def began(wait: asyncio.Future[bool]) -> None:
        def left() -> None:
            if not wait.done():
                wait.set_result(False)
            handler.on_connection_close()

        connection = handler.request.connection
        if connection is not None:
            connection.set_close_callback(left)  # type: ignore[attr-defined]  # of HTTP1Connection

    return began
