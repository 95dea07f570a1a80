"""Guard an HTTP handler that opens a WebSocket by itself, if it is declared with a permission.

The guard decides about the handshake and does not know the protocol after it. So it judges no messages: it
checks each read and each `send()` of the stream, and closes the stream when the connection ends.
"""

from __future__ import annotations

import errno
from functools import partial
from typing import Any, ClassVar

from tornado.iostream import IOStream
from tornado.web import RequestHandler

from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.frame import Prepared
from stormdoor.core.handshake import Handshake
from stormdoor.guard.connection import Connection
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.expiry import expired
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.answer_check import CHECK, AnswerCheck, admit_socket
from stormdoor.tornado.answers import finish_refusal
from stormdoor.tornado.handshake_parser import HandshakeParser
from stormdoor.tornado.socket.handshake import ask
from stormdoor.tornado.stream_check import StreamCheck

__all__ = ["SocketOfPage"]


class _SocketCheck(StreamCheck):
    """Checks each read and each `send()` of the stream of an admitted connection.

    Attributes:
        active_at: Monotonic seconds of the last byte in either direction.
    """

    __slots__ = ("_guard", "active_at")

    def __init__(self, stream: IOStream, connection: Connection, guard: Guard) -> None:
        super().__init__(stream, connection, partial(guard.fence.hold, connection))
        self._guard = guard
        self.active_at = 0.0
        vars(stream).update(
            {
                CHECK: self,
                "read_from_fd": self._read_from_fd,
                "reading": self._reading,
                "close_fd": self._close_fd,
            }
        )

    def _check_deadline(self) -> None:
        """Raise an error if the connection has ended. INVARIANT: no byte passes after its deadline.

        Raises:
            ConnectionAbortedError: It has ended. The stream closes on it.
        """
        connection, guard = self._connection, self._guard
        self.active_at = now = guard.clock.monotonic()
        if connection.is_expired(guard.clock.now(), now):
            guard.registry.end(connection, expired(connection, guard.limits, now))
        if not connection.open:
            raise ConnectionAbortedError(errno.ECONNABORTED, "the connection has ended")

    def _write_to_fd(self, data: memoryview) -> int | None:
        self._check_deadline()
        return super()._write_to_fd(data)

    def _read_from_fd(self, buffer: Any) -> int | None:
        self._check_deadline()
        if not self._connection.may_send():
            self.wait()
            return None
        read: int | None = type(self._stream).read_from_fd(self._stream, buffer)
        return read

    def _reading(self) -> bool:
        return not self.held and bool(type(self._stream).reading(self._stream))

    def _close_fd(self) -> None:
        try:
            type(self._stream).close_fd(self._stream)
        finally:
            self._guard.registry.end(self._connection, code=1006)

    def begin(self, connection: Any, served: object) -> None:
        """Release the stream: it was no socket, since its client sends another request on it."""
        stream: Any = self._stream
        self.remove()
        for name in (CHECK, "read_from_fd", "reading", "close_fd"):
            del vars(stream)[name]
        self._guard.registry.end(self._connection)
        AnswerCheck(stream, connection, served)

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()

    def resume(self) -> None:
        """Read and write again after the renewal of the lease."""
        super().resume()
        if not self._stream.closed() and self._stream.reading():
            self._stream._handle_read()  # noqa: SLF001 - as `StreamCheck` does for writing
            self._stream._add_io_state(self._stream.io_loop.READ)  # noqa: SLF001 - likewise


class _StreamSink:
    """`stormdoor.guard.connection.Sink` of such a socket: the guard can only close its stream."""

    def __init__(self, check: _SocketCheck, handshake: Handshake) -> None:
        self._check = check
        self._handshake = handshake

    def deliver(self, payload: bytes | str | Prepared) -> bool:
        """See `Sink`. Does nothing: the guard does not know the protocol."""
        return False

    def shut(self, code: int, reason: str) -> None:
        """See `Sink`."""
        self._check.close()

    def withdraw(self) -> None:
        """See `Sink`."""
        self._check.close()

    def drop(self) -> None:
        """See `Sink`."""
        self._check.close()

    def resume(self) -> None:
        """See `Sink`."""
        self._check.resume()

    def stalled(self) -> float | None:
        """See `Sink`. The handler limits its own output."""
        return None

    def sent_at(self) -> float:
        """See `Sink`."""
        return self._check.active_at

    def expiring(self, seconds: float) -> None:
        """See `Sink`."""

    def handshake(self) -> Handshake:
        """See `Sink`."""
        return self._handshake


class SocketOfPage(RequestHandler):
    """Decides about a handshake before an HTTP handler sees it. In front of it, the page is decided about."""

    _door_guard: ClassVar[Guard]
    _door_parser: ClassVar[HandshakeParser]
    _door_socket: ClassVar[Endpoint]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Skip the hook of the application: the class that `protect` makes is not one of its classes."""

    async def prepare(self) -> None:
        """Decide about the handshake, and only then let the handler process it."""
        handshake = self._door_parser.parse(self.request)
        outcome = await ask(self._door_guard, self._door_socket, self.request, handshake)
        if isinstance(outcome, Refusal):
            finish_refusal(self, outcome)
            return
        guard, http = self._door_guard, self.request.connection
        stream: Any = getattr(http, "stream", None)
        if stream is None or stream.closed() or not guard.registry.opened(outcome):
            guard.registry.end(outcome, code=1006)
            finish_refusal(self, outcome.closed_by or Refusal(Denial.ENDED, "it has ended"))
            return
        admit_socket(http)
        outcome.sink = _StreamSink(_SocketCheck(stream, outcome, guard), handshake)
        prepared = super().prepare()
        if prepared is not None:
            await prepared
