"""A check before each `send()` of a Tornado stream: none after a revocation, and none behind the fence.

Tornado buffers what the kernel does not take, and sends it whenever the socket is writable. The check
replaces two methods of one stream, `write_to_fd` and `writing`. Tornado calls them for each `send()`, and for
the question whether to watch for writability. `tests/tornado/test_fence.py` runs on them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from tornado.iostream import IOStream

from stormdoor.guard.connection import Connection

__all__ = ["StreamCheck"]


class StreamCheck:
    """Lets a stream send only while its connection may send.

    INVARIANT: the check and the `send()` are one synchronous block.

    Args:
        stream: The stream of one connection.
        connection: The connection of its client.
        hold: Called when output must wait for the lease. `resume` is to be called after its renewal.

    Attributes:
        held: Whether output waits.
    """

    __slots__ = (
        "_closing",
        "_connection",
        "_hold",
        "_marked_with",
        "_marks",
        "_send",
        "_stream",
        "_wants_to_write",
        "held",
    )

    def __init__(self, stream: IOStream, connection: Connection, hold: Callable[[], None]) -> None:
        self._stream: Any = stream
        self._connection = connection
        self._hold = hold
        self._marks: deque[tuple[int, Callable[[Connection], bool]]] = deque()
        self._marked_with: object = None
        """The permissions of the connection at the last check of the marks: other ones need another check."""
        self._closing = False
        self.held = False
        self._send, self._wants_to_write = stream.write_to_fd, stream.writing
        vars(stream).update(write_to_fd=self._write_to_fd, writing=self._writing)

    @property
    def unsent(self) -> bool:
        """Whether the kernel has not taken all bytes."""
        return not self._stream.closed() and bool(self._stream._write_buffer)  # noqa: SLF001 - see above

    def remove(self) -> None:
        """Give the stream the methods back that it had."""
        own = vars(self._stream)
        if own.get("write_to_fd") == self._write_to_fd:
            own["write_to_fd"] = self._send
        if own.get("writing") == self._writing:
            own["writing"] = self._wants_to_write

    def _write_to_fd(self, data: memoryview) -> int | None:
        connection = self._connection
        if self._closing:
            return self._send(data)
        if connection.may_send():
            if self._marks and self._marked_with is not connection.allowed and not self._allows():
                asyncio.get_running_loop().call_soon(self._stream.close)
                return 0
            return self._send(data)
        self.wait()
        return 0

    def wait(self) -> None:
        """Wait for the renewal of the lease; close the stream if the client has lost its rights."""
        if not self.held:
            self.held = True
            if self._connection.withdrawn:
                asyncio.get_running_loop().call_soon(self._stream.close)
            else:
                self._hold()

    def _writing(self) -> bool:
        return not self.held and self._wants_to_write()

    def mark(self, again: Callable[[Connection], bool]) -> None:
        """Note that the last message must be authorised again if it waits during a fence."""
        self._forget_sent()
        if not self._marks:
            self._marked_with = self._connection.allowed
        if self.unsent:
            self._marks.append((self._stream._total_write_index, again))  # noqa: SLF001 - see above

    def _forget_sent(self) -> None:
        while self._marks and self._marks[0][0] <= self._stream._total_write_done_index:  # noqa: SLF001 - see above
            self._marks.popleft()

    def _allows(self) -> bool:
        """Return whether the client may still receive each message that has waited."""
        self._forget_sent()
        self._marked_with = self._connection.allowed
        return all(again(self._connection) for _, again in self._marks)

    def withdraw(self) -> None:
        """Close the stream if it has unsent bytes; else let the close frame pass."""
        if self.unsent:
            self._stream.close()
        self._closing = True

    def resume(self) -> None:
        """Send what has waited, unless the client may no longer receive one of the messages."""
        self.held = False
        if not self.unsent:
            return
        if not self._allows():
            self._stream.close()  # the bytes of one message cannot be removed
            return
        self._stream._handle_write()  # noqa: SLF001 - see above
        if self.unsent:
            self._stream._add_io_state(self._stream.io_loop.WRITE)  # noqa: SLF001 - see above
