"""End what this process started when this process ends, also by SIGKILL.

`watch` tells a second process, the watchdog, of a process or a folder. The watchdog reads from a pipe, which
ends with this process. Then it kills the processes with all their children, also stopped ones, and deletes
the folders.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

__all__ = ["descendants", "forget", "watch"]

_SECONDS = 10.0
"""Time in which killed processes end."""


class _Watchdog:
    """The second process, which is started at the first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._process: subprocess.Popen[str] | None = None

    def watch(self, found: int | Path) -> None:
        """End the process of this number, or delete this folder, when this process ends."""
        self._tell("+", found)

    def forget(self, found: int | Path) -> None:
        """Take `watch` back: the process has ended, or the folder is deleted."""
        self._tell("-", found)

    def _tell(self, sign: str, found: int | Path) -> None:
        with self._lock:
            if self._owner != os.getpid():
                if sign == "-":
                    return  # a fork, which watches nothing
                self._owner, self._process = os.getpid(), _started()
            assert self._process is not None
            pipe = self._process.stdin
            assert pipe is not None
            # A watchdog that an operator has ended is no reason for a test to fail.
            with contextlib.suppress(BrokenPipeError):
                pipe.write(f"{sign}{found}\n")
                pipe.flush()


def _started() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd="/",
        # A session of its own: Ctrl-C in a terminal does not reach it.
        start_new_session=True,
    )


_watchdog = _Watchdog()
watch, forget = _watchdog.watch, _watchdog.forget


def descendants(pids: set[int]) -> set[int]:
    """Return those of `pids` that run, and their children, and the children of these."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    )
    parents = {
        int(pid): int(parent)
        for pid, parent, state in map(str.split, listed.stdout.splitlines())
        if not state.startswith("Z")
    }
    found: set[int] = set()
    more = pids & parents.keys()
    while more:
        found |= more
        more = {pid for pid, parent in parents.items() if parent in more} - found
    return found


def _kill(pids: set[int]) -> None:
    """Kill processes and all their descendants, which are new in each round if one was starting."""
    until = time.monotonic() + _SECONDS
    while (pids := descendants(pids)) and time.monotonic() < until:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def main() -> None:
    """Read lines until the end of the pipe, and clean up."""
    watched: set[str] = set()
    for line in sys.stdin:
        (watched.add if line[0] == "+" else watched.discard)(line[1:].rstrip("\n"))
    _kill({int(found) for found in watched if found.isdigit()})
    for found in watched:
        if not found.isdigit():
            shutil.rmtree(found, ignore_errors=True)


if __name__ == "__main__":
    main()
