"""The signals that the parent of `stormdoor run` waits for, while other threads may run beside it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import struct
import threading
from collections.abc import Collection
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

__all__ = ["Signals"]

_PASSED_ON = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
)
_WAKING = {signal.SIGCHLD, signal.SIGIO}
_FROM_TERMINAL = 0x80
"""`SI_KERNEL`: the terminal has sent the signal to the program as well."""
_OF_TERMINALS = {signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH}
_SET_OWNER, _A_THREAD = 15, 0
"""`F_SETOWN_EX` and `F_OWNER_TID`, which the module fcntl does not name."""


class Signals:
    """A context in which the main thread waits for signals, and no signal ends this process.

    The main thread blocks them, and asks for the next one. A thread that was started before does not block
    them: one of `sitecustomize` or a `.pth` file, as tracers and profilers start. The kernel then gives a
    signal for the process to that thread. So each signal has a handler, which notes it: Python calls it in
    the main thread, within one tick of `wait`.

    """

    def __init__(self) -> None:
        self._noted: list[int] = []
        self._before: Collection[int] = ()
        self._handlers = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_PASSED_ON, *_WAKING})
        for number in _PASSED_ON:
            handler = signal.getsignal(number)
            # A program under nohup ignores it as well; with a handler it would start with the default action.
            if handler is not None and handler is not signal.SIG_IGN:
                signal.signal(number, self._note)
                self._handlers.callback(signal.signal, number, handler)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGIO, signal.SIG_IGN)  # one that is pending would end this process
        self._handlers.close()
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def wake_at_input(self, reader: socket.socket) -> None:
        """Let each message for `reader` end `wait`."""
        owner = struct.pack("ii", _A_THREAD, threading.get_native_id())
        fcntl.fcntl(reader, _SET_OWNER, owner)
        fcntl.fcntl(reader, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)

    def wait(self, seconds: float) -> list[tuple[int, bool]]:
        """Wait for a signal, a message or the end of a child, for `seconds` at most.

        Returns:
            The signals to pass on, and whether a terminal has sent each one to the program as well.
        """
        got = signal.sigtimedwait({*_PASSED_ON, *_WAKING}, seconds)
        found = [(one, _may_be_of_terminal(one)) for one in self._noted]
        self._noted.clear()
        if got is not None and got.si_signo not in _WAKING:
            found.append((got.si_signo, got.si_code == _FROM_TERMINAL))
        return found

    def wait_for_child(self, seconds: float) -> None:
        """Wait until a child ends, for `seconds` at most."""
        signal.sigtimedwait({signal.SIGCHLD}, seconds)

    def restore_in_child(self) -> None:
        """Give the signals back to a child that is about to execute a program."""
        for number in _PASSED_ON:
            if signal.getsignal(number) == self._note:
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._noted.append(number)


def _may_be_of_terminal(number: int) -> bool:
    """Return whether the terminal of this process may have sent a signal; no handler can tell."""
    if number not in _OF_TERMINALS:
        return False
    try:
        with Path("/dev/tty").open("rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
