"""Write the two answers to a handshake, the refusal and the 101, each in one system call.

Refusing a handshake of a flood must not cost more than accepting one. Tornado builds an answer from its
headers one by one, and then waits for the next request on the same connection. A refusal here is prepared
except for its date, and closes the connection, because a refused client has no other use for it.

If the application overrides a method that writes the answer, Tornado's own code is used.
`tests/tornado/test_answers.py` checks each undocumented feature of Tornado that they use.
"""

from __future__ import annotations

import logging
from asyncio import Future
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

import tornado
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream, StreamClosedError
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor.config.appearance import LoginAppearance
from stormdoor.core.denial import ANSWERS, Denial, Refusal
from stormdoor.guard.references import REFERENCE_LENGTH
from stormdoor.tornado.login_pages import LoginPages

__all__ = [
    "ANSWERING",
    "cut_off",
    "discard_output",
    "finish_forbidden",
    "finish_refusal",
    "finish_refused",
    "fresh_headers",
    "log_refused",
    "refusal_bytes",
    "switch_protocols",
    "switching_bytes",
    "write_refusal",
]

_log = logging.getLogger("stormdoor.protect")

ANSWERING = ("finish", "flush", "set_header", "clear_header")
"""Methods that write the 101. If a handler overrides one, Tornado's own code is used."""


def _prepare(denial: Denial) -> tuple[bytes, bytes]:
    """Return the prepared answer in two parts: before its variable headers, and after them.

    The second one ends where the reference follows.
    """
    answer = ANSWERS[denial]
    told = Refusal(denial, ref="0" * REFERENCE_LENGTH).text
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(told) + 1}",
        "Cache-Control: no-store",
        "Connection: close",
    ]
    if answer.status == HTTPStatus.UNAUTHORIZED:
        lines.append("WWW-Authenticate: Bearer")
    text = told[:-REFERENCE_LENGTH]
    return "\r\n".join([*lines, ""]).encode(), f"\r\n\r\n{text}".encode()


_PREPARED = {denial: _prepare(denial) for denial in Denial}


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """Return the date of an answer, formatted once a second."""
    return formatdate(second, usegmt=True)


_SERVER = f"TornadoServer/{tornado.version}"


def refusal_bytes(refusal: Refusal, now: float) -> bytes:
    """Return the whole answer to a refused handshake, after which the connection closes.

    Args:
        refusal: The denial, with its reference and without headers.
        now: Unix seconds.
    """
    before, after = _PREPARED[refusal.denial]
    retry = refusal.retry_after
    again = b"" if retry is None else b"\r\nRetry-After: %d" % retry
    date = b"Date: " + _date(int(now)).encode()
    return b"".join((before, date, again, after, refusal.ref.encode(), b"\n"))


def write_refusal(handler: WebSocketHandler, refusal: Refusal, now: float) -> bool:
    """Answer with the refusal and close the connection, unless the application changes the answer.

    Args:
        handler: Handler of the refused handshake. Nothing has been written.
        refusal: The denial and its detail.
        now: Unix seconds.

    Returns:
        Whether it has answered. If not, nothing has happened: the request is no ordinary handshake, or the
        application adds its own headers to every answer.
    """
    request = handler.request
    connection = request.connection
    if (
        refusal.headers
        or not refusal.ref
        or request.method == "HEAD"  # its answer has no body
        or type(connection) is not HTTP1Connection
        or type(handler).set_default_headers is not RequestHandler.set_default_headers
        or handler._transforms  # noqa: SLF001 - what rewrites answers, such as compression
        or handler._headers_written  # noqa: SLF001 - there is no other way to see it
        # The unread rest of a body would be lost, and the answer with it.
        or request.headers.get("Content-Length", "0") != "0"
        or "Transfer-Encoding" in request.headers
    ):
        return False
    handler.set_status(refusal.answer.status)
    handler._finished = True  # noqa: SLF001 - as `detach` does
    stream = HTTP1Connection.detach(connection)  # its own method refuses to detach from a handshake
    if not stream.closed():
        written = _write(stream, refusal_bytes(refusal, now))
        if stream.writing() and written is not None:
            written.add_done_callback(lambda _: stream.close())
        else:
            stream.close()
    log_refused(handler)  # as `finish` does: the access log has it, too
    handler.on_finish()
    handler._break_cycles()  # noqa: SLF001 - likewise
    return True


def finish_refusal(handler: RequestHandler, refusal: Refusal) -> None:
    """Answer with the status and a generic line, without output of the handler.

    Args:
        handler: Handler of the refused request. Its headers have not been sent.
        refusal: The denial and its detail.
    """
    answer = refusal.answer
    handler.clear()
    handler.set_status(answer.status)
    handler.set_header("Content-Type", "text/plain; charset=utf-8")
    handler.set_header("Cache-Control", "no-store")
    if refusal.retry_after is not None:
        handler.set_header("Retry-After", str(refusal.retry_after))
    if answer.status == 401:
        handler.set_header("WWW-Authenticate", "Bearer")
    for name, value in refusal.headers:
        handler.set_header(name, value)
    finish_refused(handler, refusal.text + "\n")


def finish_forbidden(
    handler: RequestHandler,
    principal: str,
    login: str | None,
    appearance: LoginAppearance,
    ref: str,
) -> None:
    """Answer 403 with a page that says that the account may not open the requested page.

    It leads nowhere by itself: a redirection to the login, which knows the account, would come back.

    Args:
        handler: Handler of the refused request. Its headers have not been sent.
        principal: The principal of the request.
        login: Address of the login page; None if there is none.
        appearance: That of the login.
        ref: The reference of the refusal.
    """
    pages = LoginPages(appearance, handler.request.headers.get("Accept-Language", ""))
    handler.clear()
    handler.set_status(HTTPStatus.FORBIDDEN)
    for name, value in pages.headers.items():
        handler.set_header(name, value)
    handler.set_header("Cache-Control", "no-store")
    finish_refused(handler, pages.forbidden(principal, login, ref))


def finish_refused(handler: RequestHandler, text: str | None = None) -> None:
    """Send the answer to a refused request.

    Args:
        handler: Its handler, with the status and the headers.
        text: The body.
    """
    setattr(handler, "_log", lambda: log_refused(handler))  # noqa: B010 - `finish` calls it
    # The base class's finish: an override of the handler might add content of its pages.
    RequestHandler.finish(handler, text)


def cut_off(handler: RequestHandler) -> None:
    """Close the connection, also in the middle of an answer."""
    stream = getattr(handler.request.connection, "stream", None)
    if isinstance(stream, IOStream):
        stream.close()


def discard_output(handler: RequestHandler) -> Future[None]:
    """Discard the written output, and close the connection.

    Returns:
        The result of `flush` for a client that is gone.
    """
    handler._write_buffer = []  # noqa: SLF001 - there is no other way to discard it
    cut_off(handler)
    dropped: Future[None] = Future()
    dropped.set_exception(StreamClosedError())
    dropped.exception()  # a handler need not wait for it
    return dropped


def log_refused(handler: RequestHandler) -> None:
    """Write the access log. A function of the application may read attributes that only `prepare` sets."""
    vars(handler).pop("_log", None)
    try:
        handler._log()  # noqa: SLF001 - as `finish` does
    except Exception as error:  # noqa: BLE001 - any error of the application; the request is answered
        _log.warning(
            "the access log of the application has failed at a refused request: %s: %s",
            type(error).__name__,
            error,
        )


def fresh_headers(now: float) -> HTTPHeaders:
    """Return the default headers of an answer of Tornado.

    They are set one by one, since the attributes of `HTTPHeaders` differ between releases of Tornado.

    Args:
        now: Unix seconds.
    """
    headers = HTTPHeaders()
    headers["Server"] = _SERVER
    headers["Content-Type"] = "text/html; charset=UTF-8"
    headers["Date"] = _date(int(now))
    return headers


_SWITCHING = "HTTP/1.1 101 Switching Protocols"
_NEVER_IN_101 = frozenset({"Content-Encoding", "Content-Language", "Content-Type"})
_NOTHING: Mapping[str, str] = {}


def _lines(headers: HTTPHeaders) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.get_all() if name not in _NEVER_IN_101]


@lru_cache(maxsize=1)
def _switching_head(second: int) -> list[str]:
    """Return the beginning of most 101s, built once a second: the headers of every answer of Tornado."""
    return [_SWITCHING, *_lines(fresh_headers(second))]


def switching_bytes(headers: HTTPHeaders | None, now: float, more: Mapping[str, str]) -> bytes:
    """Return the 101.

    Args:
        headers: Headers of the answer; None for Tornado's default headers.
        now: Unix seconds.
        more: Headers of the WebSocket protocol that are not in `headers`.

    Raises:
        ValueError: A header contains a line end.
    """
    lines = _switching_head(int(now)) if headers is None else [_SWITCHING, *_lines(headers)]
    lines = [*lines, *[f"{name}: {value}" for name, value in more.items()], "", ""]
    head = "\r\n".join(lines).encode("latin1")
    # INVARIANT: no header can contain a line end. Tornado checks each; here all are checked together.
    ends = len(lines) - 1
    if head.count(b"\n") != ends or head.count(b"\r") != ends:
        raise ValueError("illegal characters (CR or LF) in a header of the handshake's answer")
    return head


def switch_protocols(
    handler: WebSocketHandler,
    headers: HTTPHeaders | None,
    now: float,
    more: Mapping[str, str] = _NOTHING,
) -> bool:
    """Write the 101, with every header that the handler has set.

    Args:
        handler: Handler of the accepted handshake.
        headers: Headers of the answer; None for Tornado's default headers.
        now: Unix seconds.
        more: Headers of the WebSocket protocol that are not in `headers`.

    Returns:
        Whether it has answered; if not, nothing has happened.
    """
    connection = handler.request.connection
    if (
        type(connection) is not HTTP1Connection
        or handler.request.version != "HTTP/1.1"
        or handler._transforms  # noqa: SLF001 - likewise
        or handler._headers_written  # noqa: SLF001 - likewise
        or handler._write_buffer  # noqa: SLF001 - likewise
        or hasattr(handler, "_new_cookie")
    ):
        return False
    stream: IOStream | None = connection.stream
    if stream is None or stream.closed():
        return False
    head = switching_bytes(headers, now, more)
    connection.set_close_callback(None)
    handler._headers_written = True  # noqa: SLF001 - likewise
    _write(stream, head)
    handler._log()  # noqa: SLF001 - likewise
    handler._finished = True  # noqa: SLF001 - likewise
    handler.on_finish()
    handler._break_cycles()  # noqa: SLF001 - likewise
    return True


def _write(stream: IOStream, head: bytes) -> Future[None] | None:
    """Write to the socket, which nearly always takes all of it; the stream writes the rest.

    Returns:
        A Future for the rest, if there is one.
    """
    sent = 0
    if type(stream) is IOStream and not stream.writing():
        try:  # noqa: SIM105 - at each handshake, and `suppress` costs more than the try
            sent = stream.write_to_fd(memoryview(head))
        except OSError:
            pass  # the stream finds the same error of the socket
    return stream.write(head[sent:]) if sent < len(head) else None
