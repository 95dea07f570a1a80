"""Stop each `listen` of a program and its children, until the parent has seen the socket.

A filter of `seccomp(2)` lets the kernel ask the parent (`seccomp_unotify(2)`). All children have the filter,
also those without the hook: another interpreter, a program that is no Python, a cleaned environment. No other
call is changed or slowed. If the parent has ended, `listen` fails.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import platform
import select
import signal
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from stormdoor.run.processes import process_of

__all__ = ["ListenCall", "ListenCalls", "ask_before_listen"]

_MACHINES = {
    "x86_64": (0xC000003E, 317, 50),
    "aarch64": (0xC00000B7, 277, 201),
    "riscv64": (0xC00000F3, 277, 201),
}
"""For each kind of processor: its number in the kernel, and those of `seccomp` and `listen`."""
_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER = 1
_SPECULATION_AS_BEFORE, _NEW_LISTENER = 1 << 2, 1 << 3
_LOAD_WORD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ASK = 0x7FFF0000, 0x7FC00000
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CALL = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=QqiI")
_CONTINUE = 1

_libc = ctypes.CDLL(None, use_errno=True)


def ask_before_listen(*, allow_sudo: bool = False) -> int | None:
    """Let the kernel ask about each `listen` of this process and its children, from now on.

    Without the right to do so, the process gives up that its children may change their user (`sudo`): a
    process of another user could not be watched.

    Args:
        allow_sudo: Do not give that up: rather return None.

    Returns:
        The descriptor of the questions; None if this kernel or machine has none, or a filter of another
        program asks already.
    """
    if platform.machine() not in _MACHINES:
        return None
    machine, seccomp, listen = _MACHINES[platform.machine()]
    steps = [
        (_LOAD_WORD, 0, 0, 4),
        (_IF_EQUAL, 0, 2, machine),
        (_LOAD_WORD, 0, 0, 0),
        (_IF_EQUAL, 1, 0, listen),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ASK),
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in steps))
    given = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(program)))
    flags = _SPECULATION_AS_BEFORE | _NEW_LISTENER
    for _ in range(2):
        asked = int(_libc.syscall(seccomp, _SET_MODE_FILTER, flags, given))
        if asked >= 0:
            return asked
        if allow_sudo:
            return None
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return None


@dataclass(frozen=True, slots=True)
class ListenCall:
    """A process that is about to listen, and waits.

    Attributes:
        pid: The process.
        descriptor: The descriptor of its socket.
        key: The number of the call.
    """

    pid: int
    descriptor: int
    key: int


class ListenCalls:
    """The `listen` calls that wait for the parent.

    Args:
        descriptor: The descriptor of the questions, from `ask_before_listen`.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._answered = threading.Event()
        self._reader = threading.get_ident()
        threading.Thread(target=self._wake, daemon=True, name="stormdoor-listen-calls").start()

    def _wake(self) -> None:
        """Send SIGIO to the thread of the parent for each call, so that it stops waiting."""
        questions = select.poll()
        questions.register(self._descriptor, select.POLLIN)
        while all(event & select.POLLIN for _, event in questions.poll()):
            self._answered.clear()
            signal.pthread_kill(self._reader, signal.SIGIO)
            self._answered.wait()

    def waiting(self) -> Iterator[ListenCall]:
        """Yield the calls that wait. Each continues after the caller has come back for the next one."""
        questions = select.poll()
        questions.register(self._descriptor, select.POLLIN)
        while any(event & select.POLLIN for _, event in questions.poll(0)):
            question = bytearray(_CALL.size)
            try:
                fcntl.ioctl(self._descriptor, _RECEIVE, question)
            except OSError:  # it has ended, or a signal has interrupted it
                continue
            key, thread, _, _, _, _, descriptor, *_ = _CALL.unpack(question)
            try:
                yield ListenCall(process_of(thread), descriptor & 0xFFFFFFFF, key)
            finally:
                answer = bytearray(_ANSWER.pack(key, 0, 0, _CONTINUE))
                with contextlib.suppress(OSError):  # as above
                    fcntl.ioctl(self._descriptor, _SEND, answer)
        self._answered.set()
