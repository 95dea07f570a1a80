"""Event loops of tests: what one leaves open, and a server beside a test that is not asynchronous."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import selectors
import socket
import termios
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Given = TypeVarTuple("Given")

_PATIENCE = 60.0  # seconds; only a failure takes that long


_STILL = 0.002
"""Seconds in which nothing happens before it is taken for a rest."""
_UNDER_WAY = 0.3
"""The same while something is under way in the kernel, which an idle reader holds up for ever."""
_OPENING_OR_ENDING = frozenset({2, 3, 4, 9, 11})
"""States of TCP until the other side answers: SYN_SENT, SYN_RECV, FIN_WAIT1, LAST_ACK, CLOSING."""


class _Selector(selectors.DefaultSelector):
    """Waits for sockets, but not for a time at which nothing but that time comes."""

    loop: Unhurried

    def __init__(self) -> None:
        super().__init__()
        # What goes over the loopback arrives in its order: a word to oneself comes after all the rest.
        self._words = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._words.bind(("127.0.0.1", 0))
        self._words.connect(self._words.getsockname())
        self._words.settimeout(_UNDER_WAY)
        self._stuck: set[tuple[int, bytes, int]] = set()  # data that stays unread

    def close(self) -> None:
        """Close the socket for words to oneself, too."""
        self._words.close()
        super().close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the ready events; if there is none, advance the clock of the loop."""
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        began = time.monotonic()
        if self.loop.helped:
            found = super().select(timeout)
            self.loop.skipped += time.monotonic() - began
            return found
        found = super().select(0) or self._rest()
        while not found and (under_way := self._under_way() - self._stuck):
            if time.monotonic() > began + _UNDER_WAY:
                self._stuck |= under_way
            found = self._rest()
        # To look has made the kernel send what it held back.
        if not found and not (found := super().select(0)):
            self.loop.skipped += timeout
        return found

    def _rest(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the events that are ready after all sent data has arrived."""
        with contextlib.suppress(TimeoutError):
            self._words.send(b".")
            self._words.recv(1)
        return super().select(_STILL)

    def _under_way(self) -> set[tuple[int, bytes, int]]:
        """Connections on which something that was sent has not arrived, or that are being made or ended."""
        found = set()
        for fd in [key.fd for key in self.get_map().values()]:
            waiting = bytearray(4)
            one = socket.socket(fileno=fd)
            with contextlib.suppress(OSError):  # it is another kind of socket
                # Who has nothing to say tells late that it has read, and small pieces wait for that.
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                fcntl.ioctl(fd, termios.TIOCOUTQ, waiting)
                state = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
                if any(waiting) or state in _OPENING_OR_ENDING:
                    found.add((fd, bytes(waiting), state))
            one.detach()
        return found


class Unhurried(asyncio.SelectorEventLoop):
    """Event loop that advances its clock while everything in it waits for a time.

    Seconds take milliseconds. It is for both sides of a conversation in one loop. It waits for threads of
    its executor, but not for other processes. Other time than that of its own work does not pass, so a
    busy machine gives the same results.
    """

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.skipped = 0.0
        self.helped = 0  # calls that threads have not yet returned from
        super().__init__(selector)
        self._submit = ThreadPoolExecutor.submit
        loop, submit = self, self._submit

        def counted(pool: ThreadPoolExecutor, *args: Any, **kwargs: Any) -> Future[Any]:
            """Submit as usual, and wait for it: the code under test may have threads of its own."""
            future: Future[Any] = submit(pool, *args, **kwargs)
            loop.helped += 1
            future.add_done_callback(loop._told)
            return future

        ThreadPoolExecutor.submit = counted  # type: ignore[method-assign,assignment]

    def _told(self, _: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self.call_soon_threadsafe(self._returned, None)

    def close(self) -> None:
        """Close the loop; threads are waited for no more."""
        ThreadPoolExecutor.submit = self._submit  # type: ignore[method-assign]
        super().close()

    def time(self) -> float:
        """The time that this process has worked, and what was skipped."""
        return time.process_time() + self.skipped

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Given], T], *args: *Given
    ) -> asyncio.Future[T]:
        """As usual; until it is done, nothing is skipped."""
        future = super().run_in_executor(executor, func, *args)
        self.helped += 1
        future.add_done_callback(self._returned)
        return future

    def _returned(self, _: object) -> None:
        self.helped -= 1

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """As usual; a thread tells when it is over."""
        self.helped += 1
        await super().shutdown_default_executor(*args, **kwargs)


async def drop_connections() -> None:
    """Abort the connections that the running loop still has, before the loop is closed.

    A test ends when it has seen its result, and a peer may then be in the middle of its close. Otherwise
    the garbage collector would warn about the open transports in a later test.
    """
    transports = getattr(asyncio.get_running_loop(), "_transports", {})  # uvloop has none
    for transport in list(transports.values()):
        if transport._loop is not None:  # one that is over has none
            transport.abort()
    await asyncio.sleep(0)  # `abort` calls back in the next turn
    await asyncio.sleep(0)


@contextmanager
def in_a_thread(
    serving: Callable[[], AbstractAsyncContextManager[T]],
) -> Iterator[tuple[T, asyncio.AbstractEventLoop]]:
    """Enter what `serving` makes in the loop of a new thread, for the time of the block.

    Yields:
        What it gave, and the loop that it lives in.

    Raises:
        Exception: What was raised on the way in.
    """
    entered: Future[tuple[T, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        leave = asyncio.Event()
        try:
            async with serving() as served:
                entered.set_result((served, asyncio.get_running_loop(), leave))
                await leave.wait()
        except Exception as error:
            if entered.done():
                raise
            entered.set_exception(error)
        finally:
            await drop_connections()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        served, loop, leave = entered.result(_PATIENCE)
        try:
            yield served, loop
        finally:
            loop.call_soon_threadsafe(leave.set)
    finally:
        thread.join(_PATIENCE)
