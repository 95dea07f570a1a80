"""Output of the fast protocol: it writes once per iteration of the loop, and limits unsent bytes.

Only the first broadcast of an iteration is written at once, to the connections that have no other output.

INVARIANT: a check of the lease and of the connection precedes each `send()`, in the same synchronous block.
While the kernel does not take all data, whole messages wait here and not in the transport, so that they can
be dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio import Future
from collections.abc import Callable, Sequence
from typing import Any

from tornado.escape import json_encode, utf8
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketProtocol13

from stormdoor.core.deflate import Deflater
from stormdoor.core.frame import (
    BINARY,
    CLOSE,
    FINAL,
    MOST_CONTROL_BYTES,
    PING,
    PONG,
    TEXT,
    CheckedFrame,
    Prepared,
    head,
)
from stormdoor.guard.connection import Connection
from stormdoor.tornado.fast.loop_queues import FixedTimeoutQueue, write_coalescer
from stormdoor.tornado.fast.socket_transport import SocketTransport, TransportProtocol

__all__ = ["Outgoing"]

_AT_ONCE = 64 * 1024
"""Size in bytes from which data is written alone, because joining it with other data saves nothing."""


class _Uncompressed:
    """A message that is compressed when it is sent.

    A compressed message that is dropped would leave the client's inflater without its part of the window.
    """

    __slots__ = ("again", "opcode", "payload")

    def __init__(
        self, payload: bytes, opcode: int, again: Callable[[Connection], bool] | None
    ) -> None:
        self.payload = payload
        self.opcode = opcode
        self.again = again


class Outgoing(WebSocketProtocol13, TransportProtocol):
    """Output of the fast protocol: messages, pings and pongs, and the queue for a slow reader.

    Pings need no Task, and one timer for all connections of a loop.

    Args:
        ping_interval: As in Tornado.
        ping_timeout: As in Tornado.
    """

    __slots__ = (
        "_blocked",
        "_coalescer",
        "_connection",
        "_deflater",
        "_fenced",
        "_finished",
        "_handling",
        "_in_transport",
        "_kept",
        "_last_at",
        "_loop",
        "_lost",
        "_mark",
        "_marked_at",
        "_out",
        "_paused",
        "_pending_pong",
        "_pinging",
        "_pings",
        "_pong_future",
        "_queued",
        "_received_pong",
        "_scheduled",
        "_sent",
        "_transport",
        "_writes",
        "client_terminated",
        "server_terminated",
    )

    def __init__(self, ping_interval: float | None, ping_timeout: float | None) -> None:
        # Not that of the base classes, which would create objects that this protocol avoids.
        self.client_terminated = False
        self.server_terminated = False
        self._transport: SocketTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._coalescer = write_coalescer(self._loop)
        self._deflater: Deflater | None = None
        self._handling = self._lost = self._finished = self._scheduled = self._blocked = False
        self._fenced = False
        """Whether output waits for the lease."""
        self._connection: Connection | None = None
        """The guard's connection, if it has one."""
        self._out: list[bytes | _Uncompressed] = []
        self._in_transport: Sequence[bytes | _Uncompressed] = ()
        """The messages of which the kernel has not taken all bytes."""
        self._queued = self._sent = self._mark = self._kept = 0
        self._last_at = self._marked_at = 0.0
        self._writes: list[Future[None]] | None = None
        self._pong_future: Future[None] | None = None
        self._pending_pong: bytes | None = None
        self._pings = (ping_interval, ping_timeout)
        self._pinging: FixedTimeoutQueue[Outgoing] | None = None
        self._received_pong = False
        self._paused = False
        """Whether received data is left in the kernel for now."""

    def is_closing(self) -> bool:
        """Return whether either side has closed, or the connection is lost."""
        return self.client_terminated or self.server_terminated or self._closed()

    def _closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def write_message(
        self,
        message: str | bytes | dict[str, Any],
        binary: bool = False,  # noqa: FBT001, FBT002 - Tornado's signature
    ) -> Future[None]:
        """Send a message. The Future is done when the kernel has taken it.

        Raises:
            WebSocketClosedError: The connection is closing.
        """
        if isinstance(message, dict):
            message = json_encode(message)
        self.post(utf8(message), self._last_at, sys.maxsize, BINARY if binary else TEXT)
        return self.written()

    def write_ping(self, data: bytes) -> None:
        """Send a ping."""
        self._write_frame(True, PING, data)

    def _write_frame(
        self,
        fin: bool,  # noqa: FBT001 - Tornado's signature
        opcode: int,
        data: bytes,
        flags: int = 0,
    ) -> Future[None]:
        if opcode & 0x8:
            if not fin:
                raise ValueError("control frames may not be fragmented")
            if len(data) > MOST_CONTROL_BYTES:
                raise ValueError("control frame payloads may not exceed 125 bytes")
        first = (FINAL if fin else 0) | opcode | flags
        return self._write_raw(bytes((first,)) + head(opcode, len(data))[1:] + data)

    def _write_raw(self, data: bytes) -> Future[None]:
        if self._finished or self._closed():
            raise StreamClosedError
        self._push(data)
        return self.written()

    def post(self, payload: bytes, now: float, bound: int, opcode: int = TEXT) -> bool:
        """Send a message without a Future.

        Args:
            payload: The message.
            now: Monotonic seconds.
            bound: Largest number of unsent bytes.
            opcode: TEXT or BINARY.

        Returns:
            False if that would exceed the bound.

        Raises:
            WebSocketClosedError: The connection is closing.
        """
        if self.client_terminated or self.server_terminated or self._closed():
            raise WebSocketClosedError
        size = len(payload)
        if (self._queued or self._blocked) and not self._takes(size, bound):
            return False
        if self._deflater is None:
            self._out += (head(opcode, size), payload)
        else:
            self._out.append(_Uncompressed(payload, opcode, None))
        self._last_at = now
        self._note(size)
        return True

    def post_prepared(self, prepared: Prepared, now: float, bound: int) -> bool:
        """Send a message that was encoded once for many recipients (see `post`)."""
        if self.client_terminated or self.server_terminated or self._closed():
            raise WebSocketClosedError
        frame = prepared.frame
        if (self._queued or self._blocked) and not self._takes(len(frame), bound):
            return False
        self._last_at = now
        if self._deflater is None:
            self._push(frame)
        else:
            self._out.append(_Uncompressed(prepared.payload, prepared.opcode, prepared.again))
            self._note(len(prepared.payload))
        return True

    def write_now(self, frame: bytes, now: float) -> bool:
        """See `FrameWriter`."""
        if (
            self._scheduled
            or self._handling
            or self._blocked
            or self._fenced
            or self.server_terminated
            or self._deflater is not None
        ):
            return False
        transport, connection = self._transport, self._connection
        if transport is None or connection is None or transport.is_closing():
            return False
        lease = connection.send_lease
        if next(lease.readings) >= lease.until:
            return False
        self._last_at = now
        transport.write(frame)
        if self._blocked:  # `write` may call `pause_writing`
            self._in_transport = (frame,)  # type: ignore[unreachable]
        return True

    def written(self) -> Future[None]:
        """Return a Future that is done when the kernel has taken all bytes sent until now."""
        future: Future[None] = self._loop.create_future()
        if self._writes is None:
            self._writes = [future]
        else:
            self._writes.append(future)
        if not self._handling and not self._scheduled:
            # It is never done at once, so that other clients are served before the caller continues.
            self._scheduled = True
            self._coalescer.add(self)
        return future

    def _push(self, data: bytes) -> None:
        self._out.append(data)
        self._note(len(data))

    def _note(self, size: int) -> None:
        queued = self._queued = self._queued + size
        if queued > _AT_ONCE:
            self.flush()
        elif not self._handling and not self._scheduled:
            self._scheduled = True
            self._coalescer.add(self)

    def close_at_shutdown(self) -> None:
        """Close, because the loop is about to end."""
        self._abort()

    def flush(self) -> None:
        """Write the data of this iteration, unless earlier data waits or the lease has lapsed."""
        self._scheduled = False
        out, transport = self._out, self._transport
        if transport is None or transport.is_closing():
            self._out = []
            self._queued = 0
            return  # the rest is never written: see `connection_lost`
        if out and not self._blocked:
            connection = self._connection
            if connection is not None:
                lease = connection.send_lease
                if next(lease.readings) >= lease.until and not self._may_send(connection):
                    return
            self._out = []
            self._queued = 0
            self._write(out, transport)
        if self._writes is not None and not self._blocked:
            self._settle_writes()

    def hand_over(self) -> None:
        """Pass all output to the transport, which closes when it has been sent."""
        self.flush()
        out, transport = self._out, self._transport
        if out and transport is not None and not transport.is_closing():
            self._out = []
            self._queued = 0
            self._write(out, transport)

    def _write(self, out: list[bytes | _Uncompressed], transport: SocketTransport) -> None:
        data = b"".join(out if self._deflater is None else self._frames(out))  # type: ignore[arg-type]
        self._sent += len(data)
        transport.write(data)
        if self._blocked:
            self._in_transport = out

    def _frames(self, out: list[bytes | _Uncompressed]) -> list[bytes]:
        """Compress the messages, in the order in which they are sent."""
        frames: list[bytes] = []
        for one in out:
            if isinstance(one, bytes):
                frames.append(one)
            elif self._deflater is not None:
                payload = self._deflater.message(one.payload)
                frames += (head(one.opcode, len(payload), compressed=True), payload)
        return frames

    # -- the lease, and the end of a right -----------------------------------------------------------

    def _may_send(self, connection: Connection) -> bool:
        """Return whether output may be sent now. If not, let it wait for the lease, or drop it."""
        if self.server_terminated:
            if not connection.may_send():
                # The close frame contains no message, and may be sent.
                self._out[:] = [one for one in self._out[-1:] if _is_close(one)]
            return True
        if connection.withdrawn:
            self.withdraw()
            return False
        if connection.monotonic() < connection.lease.until:
            return True  # not open yet, or ended by the application
        if not self._fenced:
            self._fenced = True
            self._wait_for_lease()
        return False

    def _wait_for_lease(self) -> None:
        """Have `resume` called after the next renewal of the lease."""

    def may_write(self) -> bool:
        """Called by the transport before each write of data that the kernel did not take at once."""
        connection = self._connection
        if connection is None or connection.may_send():
            return True
        if connection.withdrawn:
            self._abort_unsent()
        elif not self._fenced:
            self._fenced = True
            self._wait_for_lease()
        return False

    def withdraw(self) -> None:
        """Drop each unsent message. If part of a message has been sent, abort the connection."""
        if self._out or self._writes is not None:
            self._drop_unsent()
        if self._blocked:
            self._abort_unsent()

    def _drop_unsent(self) -> None:
        self._out = []
        self._queued = 0
        writes, self._writes = self._writes, None
        for future in writes or ():
            if not future.done():
                future.set_exception(WebSocketClosedError())
                future.exception()
        self._account()

    def _abort_unsent(self) -> None:
        """Abort the connection without sending what is left."""
        self.client_terminated = self.server_terminated = True
        self._stop_pinging()
        self._drop_unsent()
        if self._transport is not None:
            self._transport.abort()

    def _authorise_again(self, connection: Connection) -> None:
        """Drop the messages that have waited and that `connection` may no longer receive."""
        kept = [one for one in self._out if _allows(one, connection)]
        if len(kept) < len(self._out):
            self._out = kept
            self._queued = sum(_size(one) for one in kept)

    def resume(self) -> None:
        """Continue after a fence: authorise each queued message again, or drop it, and send the rest."""
        self._fenced = False
        connection, transport = self._connection, self._transport
        if connection is None or transport is None:
            return
        if not all(_allows(one, connection) for one in self._in_transport):
            self._abort_unsent()  # part of it has been sent
            return
        self._authorise_again(connection)
        if self._blocked:
            self._marked_at = connection.monotonic()
            transport.resume_sending()
        self.flush()

    def _settle_writes(self) -> None:
        writes, self._writes = self._writes, None
        for future in writes or ():
            if future.done():
                continue
            if self._lost:
                future.set_exception(WebSocketClosedError())
                future.exception()  # a caller that does not await it need not see the exception
            else:
                future.set_result(None)

    def pause_writing(self) -> None:
        """Note that the kernel does not take all data."""
        self._blocked = True
        # Messages may have waited before: the client has just made progress.
        self._mark, self._marked_at = self._sent, self._last_at
        if self._connection is not None:
            self._marked_at = self._connection.monotonic()
            self._connection.look_soon()
        self._account()

    def resume_writing(self) -> None:
        """Note that the kernel has taken all data, and send the messages that waited for it."""
        self._blocked = False
        self._in_transport = ()
        if self._out and self._connection is not None:
            self._authorise_again(self._connection)
        self.flush()
        if not self._blocked and not self._out:
            self._settle_writes()
        self._account()

    def _account(self, more: int = 0) -> None:
        """Report to the guard the bytes in memory for this connection, and `more` bytes."""

    def waiting(self) -> int:
        """Return the number of bytes that wait for the client."""
        if self._blocked and self._transport is not None:
            return self._queued + self._transport.get_write_buffer_size()
        return self._queued

    def _takes(self, size: int, bound: int) -> bool:
        # A message of any size fits into an empty queue.
        waiting = self.waiting()
        if waiting and waiting + size > bound:
            self.flush()
            waiting = self.waiting()
        if waiting and waiting + size > bound:
            return False
        if self._blocked:
            self._account(size)
        return not self.server_terminated

    @property
    def sent_at(self) -> float:
        """Return monotonic seconds of the last sent message; 0.0 if there was none."""
        return self._last_at

    def stalled_since(self) -> float | None:
        """Return monotonic seconds since which no progress was made, or None if nothing waits.

        Progress means that at least one whole message was sent. A client that reads a few bytes now and then
        makes no progress.
        """
        if not self._blocked or self._transport is None:
            return None
        if self._fenced and self._connection is not None:
            return self._connection.monotonic()  # the server does not write
        if self._sent - self._transport.get_write_buffer_size() >= self._mark:
            self._mark, self._marked_at = self._sent, self._last_at
        return self._marked_at

    # -- pings and pongs ---------------------------------------------------------------------------

    def start_pinging(self) -> None:
        """Start sending pings, if configured."""
        interval = self.ping_interval
        if self._pinging is None and interval > 0:
            self._ping_in(interval)

    def _ping_in(self, seconds: float) -> None:
        self._pinging = self._coalescer.timeout_queue(seconds, Outgoing._ping)
        self._pinging.add(self)

    def _ping(self) -> None:
        if self._fenced:
            self._ping_in(self.ping_interval)
            return
        self._received_pong = False
        with contextlib.suppress(StreamClosedError):
            self.write_ping(b"")
        self._pinging = self._coalescer.timeout_queue(self.ping_timeout, Outgoing._expect_pong)
        self._pinging.add(self)

    def _expect_pong(self) -> None:
        self._pinging = None
        if self.ping_timeout > 0 and not (self._received_pong or self._paused or self._fenced):
            # Received data that is not read yet, because a handler is running, may contain the pong.
            self.close(reason="ping timed out")
            return
        self._ping_in(max(0.0, self.ping_interval - self.ping_timeout))

    def _stop_pinging(self) -> None:
        if self._pinging is not None:
            self._pinging.drop(self)
            self._pinging = None

    def _send_pong(self, data: bytes) -> None:
        """Answer a ping. While a pong waits for the client, only the last ping is remembered (§5.5.3)."""
        if self._pong_future is not None and not self._pong_future.done():
            self.flush()
            if not self._pong_future.done():
                self._pending_pong = data
                return
        self._pending_pong = None
        if self.server_terminated:
            return
        try:
            self._pong_future = self._write_frame(True, PONG, data)
        except StreamClosedError:
            self._abort()
            return
        self._pong_future.add_done_callback(self._pong_sent)

    def _pong_sent(self, future: Future[None]) -> None:
        if self._pong_future is future:
            self._pong_future = None
        pending, self._pending_pong = self._pending_pong, None
        if pending is not None and not future.cancelled() and future.exception() is None:
            self._send_pong(pending)


def _allows(one: bytes | _Uncompressed, connection: Connection) -> bool:
    """Return whether `connection` may still receive what it was sent before a fence."""
    again = one.again if isinstance(one, CheckedFrame | _Uncompressed) else None
    return again is None or again(connection)


def _is_close(one: bytes | _Uncompressed) -> bool:
    return isinstance(one, bytes) and one[0] == FINAL | CLOSE


def _size(one: bytes | _Uncompressed) -> int:
    return len(one) if isinstance(one, bytes) else len(one.payload)
