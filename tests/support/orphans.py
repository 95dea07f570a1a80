"""Run a command, send it a signal, and tell how long its descendants live on. Linux only.

`python orphans.py SIGNAL SECONDS COMMAND…` starts the command, and waits for a line on its standard input. It
prints the seconds until no descendant is left, orphans included; or it prints, kills and returns 1.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

from tests.support.watchdog import descendants

__all__ = ["main"]

_PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    """Run the command of the arguments."""
    number, seconds, *command = sys.argv[1:]
    # Orphans become children of this process, not of init.
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    started = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    sys.stdin.readline()
    os.kill(started.pid, signal.Signals[number])
    began = time.monotonic()
    while time.monotonic() < began + float(seconds):
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            print(f"none left after {time.monotonic() - began:.2f} s")  # noqa: T201 - a command
            return 0
        if not pid:
            time.sleep(0.02)
    left = descendants({os.getpid()}) - {os.getpid()}
    listed = ["ps", "-o", "pid,ppid,stat,args", "-p", ",".join(map(str, sorted(left)))]
    subprocess.run(listed, check=False)
    for one in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    return 1


if __name__ == "__main__":
    sys.exit(main())
