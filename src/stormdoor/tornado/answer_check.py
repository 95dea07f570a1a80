"""A check before each `send()` of an HTTP answer: no 101 without an admission, and nothing after the login.

Tornado has many ways to a 101: `finish`, `flush`, `write_headers`, `detach`, and the stream of a client. All
of them end in `write_to_fd` of the stream, which the check replaces. It stays there from the first request
until the guard admits a handshake. `tests/tornado/test_answer_check.py` tries each way.

A program that writes to the socket object below the stream, or to a stream that it has made for that socket,
is beyond this check.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NoReturn

from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream
from tornado.web import HTTPError

from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.origin import SAFE_METHODS
from stormdoor.core.response_framing import START, find_status, follow
from stormdoor.tornado.limited_request import prepared

__all__ = ["CHECK", "AnswerCheck", "admit_socket", "check_answer", "end_with", "wants_socket"]

_log = logging.getLogger("stormdoor.protect")

CHECK = "_stormdoor_check"
"""The attribute of a checked stream that has its check."""
_NO_SOCKET = Refusal(Denial.UNDECLARED, "a 101 without an admission")
_LOG_SECONDS = 60.0

_logged: dict[str, float] = {}
"""Seconds of the loop's clock of the last log entry, by the name of a handler."""


def wants_socket(headers: HTTPHeaders) -> bool:
    """Return whether the client asks for a WebSocket."""
    return any("websocket" in one.lower() for one in headers.get_list("Upgrade"))


def check_answer(connection: Any, served: object) -> None:
    """Check the answer to the request of `connection`, until `admit_socket` is called.

    Args:
        connection: Tornado's object of one request, `request.connection`.
        served: The handler class, function or object that answers; for the log.
    """
    stream = getattr(connection, "stream", None)
    if isinstance(stream, IOStream):
        check = getattr(stream, CHECK, None)
        if check is None:
            AnswerCheck(stream, connection, served)
        else:
            check.begin(connection, served)


def admit_socket(connection: Any) -> None:
    """Let the answer be a 101: the guard has admitted the handshake, or its endpoint is public."""
    check = _check_of(connection)
    if check is not None:
        check.remove()


def _check_of(connection: Any) -> AnswerCheck | None:
    check = getattr(getattr(connection, "stream", None), CHECK, None)
    return check if isinstance(check, AnswerCheck) else None


def end_with(
    connection: Any,
    ended: Callable[[], Refusal | None],
    before_output: Callable[[], Coroutine[Any, Any, object] | None],
) -> None:
    """Let the answer, and a stream that is detached from it, end with a login.

    Args:
        connection: Tornado's object of the request.
        ended: Returns the refusal once the login has ended.
        before_output: Returns the wait that output needs before `ended` is asked; None if it needs none.
    """
    check = _check_of(connection)
    if check is not None:
        check.end_with(ended, before_output)


class AnswerCheck:
    """Checks the output of one stream.

    Attributes:
        ended: Returns the refusal if the login of the request has ended; None if it has no login.
    """

    __slots__ = (
        "_at",
        "_before_output",
        "_connection",
        "_may_end",
        "_refused",
        "_send",
        "_served",
        "_stream",
        "_waiting",
        "ended",
    )

    def __init__(self, stream: Any, connection: Any, served: object) -> None:
        self._stream = stream
        self._send: Callable[[Any], int] = stream.write_to_fd
        self._connection: Any = None
        self._refused = False
        self._waiting: asyncio.Task[None] | None = None
        stream._stormdoor_check = self  # noqa: SLF001 - `CHECK`
        stream.write_to_fd = self._write_to_fd
        self.begin(connection, served)

    def begin(self, connection: Any, served: object) -> None:
        """Begin with the answer to a request, unless that was done for the same request."""
        if connection is not self._connection:
            self._connection, self._served = connection, served
            self._at = START
            self.ended: Callable[[], Refusal | None] | None = None
            self._may_end = -1
            connection.detach = self._detach

    def end_with(
        self,
        ended: Callable[[], Refusal | None],
        before_output: Callable[[], Coroutine[Any, Any, object] | None],
    ) -> None:
        """End the answer with a login, see the function `end_with`."""
        self.ended, self._before_output = ended, before_output
        self._stream.writing = self._writing

    def remove(self) -> None:
        """Give the stream and the connection their own methods back."""
        own = vars(self._stream)
        del own["write_to_fd"], own[CHECK], self._connection.detach
        own.pop("writing", None)

    def _write_to_fd(self, data: memoryview) -> int:
        if self.ended is not None and self._must_wait():
            return 0
        if self.ended is not None and (ended := self.ended()) is not None:
            data = self._last_part(data, ended)
        to_head = self._line("method") == "HEAD"
        after = follow(self._at, data, to_head=to_head)
        if after is None:
            self._refuse()
        sent = self._send(data)
        if sent:
            if sent < len(data):
                after = follow(self._at, data[:sent], to_head=to_head) or after
            self._at = after
        return sent

    def _must_wait(self) -> bool:
        """Return whether output waits for the next beat. INVARIANT: none passes before the log was read."""
        if self._waiting is None and (wait := self._before_output()) is not None:
            self._waiting = asyncio.get_running_loop().create_task(self._continue_after(wait))
        return self._waiting is not None

    def _writing(self) -> bool:
        return self._waiting is None and bool(type(self._stream).writing(self._stream))

    async def _continue_after(self, wait: Coroutine[Any, Any, object]) -> None:
        try:
            await wait
        finally:
            self._waiting = None
        stream = self._stream
        if not stream.closed():
            stream._handle_write()  # noqa: SLF001 - as in `StreamCheck`
            if stream.writing():
                stream._add_io_state(stream.io_loop.WRITE)  # noqa: SLF001 - likewise

    def _last_part(self, data: memoryview, ended: Refusal) -> memoryview:
        """Return the part of `data` that may be sent although the login has ended.

        A request may have ended its own login. Its answer is a redirection, or that to a change, and it is
        written at once.

        Raises:
            ConnectionAbortedError: There is no such part. The stream closes on it.
        """
        stream = self._stream
        done = stream._total_write_done_index  # noqa: SLF001 - there is no other way to see it
        if self._may_end < 0 and self._at == START:
            status = find_status(bytes(data[:64])) or 0
            if self._line("method") in SAFE_METHODS and status < 300:
                self._abort(ended)
            self._may_end = stream._total_write_index  # noqa: SLF001 - likewise
        if done >= self._may_end:
            self._abort(ended)
        return data[: self._may_end - done]

    def _read_from_fd(self, buffer: Any) -> int | None:
        """Read from a detached stream, as long as the login lasts."""
        if self.ended is not None and self.ended() is not None:
            raise ConnectionAbortedError(errno.ECONNABORTED, "the login has ended")
        read: int | None = type(self._stream).read_from_fd(self._stream, buffer)
        return read

    def _detach(self) -> IOStream:
        """Detach the stream; not from a request for a WebSocket, which no guard has admitted.

        Raises:
            HTTPError: It asks for one.
        """
        headers = self._connection._request_headers  # noqa: SLF001 - there is no other way to see it
        if self._refused or wants_socket(headers):
            try:
                self._refuse()
            except ConnectionAbortedError as error:
                self._stream.close(exc_info=error)
            raise HTTPError(403, "no guard has admitted this handshake")
        if self.ended is not None:
            self._stream.read_from_fd = self._read_from_fd
        stream: IOStream = type(self._connection).detach(self._connection)
        return stream

    def _line(self, name: str) -> str:
        """Return a part of the request line."""
        return str(getattr(self._connection._request_start_line, name, ""))  # noqa: SLF001 - likewise

    def _refuse(self) -> NoReturn:
        """Refuse a 101.

        Raises:
            ConnectionAbortedError: Always.
        """
        if not self._refused:
            self._refused = True
            _log_refused(self._served, self._line("path").partition("?")[0], self._stream)
        self._abort(_NO_SOCKET)

    def _abort(self, refusal: Refusal) -> NoReturn:
        """Answer with the refusal, if no answer has begun.

        Raises:
            ConnectionAbortedError: Always. The stream closes on it, without an entry in the log.
        """
        if self._at == START and not self._stream.closed():
            with suppress(OSError):
                self._send(memoryview(prepared(refusal)))
        raise ConnectionAbortedError(errno.ECONNABORTED, refusal.detail)


def _log_refused(served: Any, path: str, stream: IOStream) -> None:
    """Log the handler that tried it, and the line to write, at most once a minute: clients choose paths."""
    named = served if hasattr(served, "__qualname__") else type(served)
    name = f"{named.__module__}.{named.__qualname__}"
    now = stream.io_loop.time()
    if now - _logged.get(name, float("-inf")) >= _LOG_SECONDS:
        _logged[name] = now
        _log.error(
            "%s answers %r with a WebSocket that the guard has not admitted, which is refused; if it is to "
            'open sockets, write protect(..., permissions={%r: "app:use"}), or %r = "app:use" into '
            "[protect.permissions]; a WebSocketHandler opens its socket with super().get()",
            name,
            path,
            path,
            path,
        )
