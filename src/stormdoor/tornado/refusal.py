"""The answer to a refused handshake, prepared, and the end of the connection that asked.

Who refuses a flood must not pay more for a stranger than for a guest. Tornado builds an answer out of headers,
one after the other, and then waits for the next request on the same connection. Here the answer is ready but
for its date, is written in one go, and the connection is closed: whoever was refused a WebSocket has no other
use for it.
"""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus

from tornado.http1connection import HTTP1Connection
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor.core.denial import ANSWERS, Denial, Refusal

__all__ = ["turn_away"]


def _prepare(denial: Denial) -> tuple[bytes, bytes]:
    """What comes before and after the headers that differ."""
    answer = ANSWERS[denial]
    body = f"{answer.text}\n".encode()
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
    ]
    if answer.status == HTTPStatus.UNAUTHORIZED:
        lines.append("WWW-Authenticate: Bearer")
    return "\r\n".join([*lines, ""]).encode(), b"\r\n\r\n" + body


_PREPARED = {denial: _prepare(denial) for denial in Denial}


class _Date:
    """The date of an answer, made once a second."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = b""

    def at(self, now: float) -> bytes:
        """The header at `now` (Unix seconds)."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._text = b"Date: " + formatdate(second, usegmt=True).encode()
        return self._text


_date = _Date()


def turn_away(handler: WebSocketHandler, refusal: Refusal, now: float) -> bool:
    """Answer with the refusal and close the connection, if nobody else has a say in the answer.

    Args:
        handler: Whose handshake was refused. Nothing has been written.
        refusal: Why.
        now: Unix seconds.

    Returns:
        Whether it was done; if not, nothing has happened. It is not for a request that is no ordinary
        handshake, nor where the application adds headers of its own to every answer.
    """
    request = handler.request
    connection = request.connection
    if (
        refusal.headers
        or request.method != "GET"
        or request.version != "HTTP/1.1"
        or type(connection) is not HTTP1Connection
        or type(handler).set_default_headers is not RequestHandler.set_default_headers
        or handler._transforms  # noqa: SLF001 - what rewrites answers, such as compression
        or handler._headers_written  # noqa: SLF001 - there is no other way to see it
        # What is left of a body would be lost, and the answer with it.
        or "Content-Length" in request.headers
        or "Transfer-Encoding" in request.headers
    ):
        return False
    before, after = _PREPARED[refusal.denial]
    retry = refusal.retry_after
    again = b"" if retry is None else b"\r\nRetry-After: %d" % retry
    handler.set_status(refusal.answer.status)
    stream = handler.detach()
    if not stream.closed():
        written = stream.write(b"".join((before, _date.at(now), again, after)))
        if stream.writing():
            written.add_done_callback(lambda _: stream.close())
        else:
            stream.close()
    handler._log()  # noqa: SLF001 - as `finish` does: the access log has it, too
    handler.on_finish()
    return True
