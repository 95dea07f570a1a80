"""A server under measurement: started, asked for its CPU time and memory, and always stopped.

Linux only: the CPU clock of another process and `smaps_rollup` are its own.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from policy import SECRET

__all__ = ["HOST", "Process", "Server", "ServerError", "pin_client"]

HOST: Final = "127.0.0.1"
HERE: Final = Path(__file__).resolve().parent
INSTALLED: Final = HERE.parent / "build" / "bench"
# With two processors or more the server has one for itself and the client another.
SERVER_CPU, CLIENT_CPU = (0, 1) if (os.cpu_count() or 1) > 1 else (None, None)


class ServerError(Exception):
    """A server did not start, or ended too early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The command line of a server, and its credentials.

    Args:
        name: as the tables call it.
        command: `{python}` and `{port}` are replaced; it runs in this directory.
        header: of the upgrade request, with `{token}`, or `{NAME}` for a credential that the
            server wrote as JSON, `{"NAME": …}`, into the file named by `BENCH_CREDENTIALS`.
        counts_objects: it answers `SIGUSR1` as `serving.py` does.
        peer: it finds its libraries where `make bench-peers` has put them.
    """

    name: str
    command: str
    header: str = "Authorization: Bearer {token}"
    counts_objects: bool = True
    peer: bool = False


class Process:
    """One life of a server; a context manager that starts and stops it."""

    def __init__(
        self, server: Server, *, prefix: Sequence[str] = (), start_seconds: float = 30.0
    ) -> None:
        """Prepares the start.

        Args:
            server: what to start.
            prefix: words before its command, such as those of a profiler; `{directory}` becomes
                this life's own directory.
            start_seconds: how long it may take until it listens.
        """
        self.server = server
        self.port = _free_port()
        self._prefix = prefix
        self._start_seconds = start_seconds

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="stormdoor-bench-")
        self.directory = Path(self._directory.name)
        words = shlex.split(self.server.command)
        replaced = [word.format(python=sys.executable, port=self.port) for word in words]
        environment = os.environ | {
            "BENCH_SECRET": SECRET,
            "BENCH_CREDENTIALS": str(self.directory / "credentials.json"),
            "BENCH_OBJECTS": str(self.directory / "objects"),
        }
        if self.server.peer:
            environment |= {
                "PYTHONPATH": str(INSTALLED / "python"),
                "NODE_PATH": str(INSTALLED / "node" / "node_modules"),
            }
        with (self.directory / "stderr").open("wb") as errors:
            self._popen = subprocess.Popen(
                [*(word.format(directory=self.directory) for word in self._prefix), *replaced],
                cwd=HERE,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        try:
            if SERVER_CPU is not None:
                os.sched_setaffinity(self._popen.pid, {SERVER_CPU})
            self._wait_until_it_listens()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self, *, seconds: float = 5.0) -> None:
        """Ends the server, by force after `seconds`, and removes its directory."""
        if self._popen.poll() is None:
            self._popen.terminate()
            try:
                self._popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
        self._directory.cleanup()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    def cpu_ns(self) -> int:
        """CPU nanoseconds that the process, with all its threads, has used so far."""
        # The clock id that clock_getcpuclockid(3) computes.
        return time.clock_gettime_ns((~self._popen.pid << 3) | 2)

    def rss_kib(self) -> int:
        """Resident memory in KiB."""
        rollup = Path(f"/proc/{self._popen.pid}/smaps_rollup").read_text()
        return next(int(row.split()[1]) for row in rollup.splitlines() if row.startswith("Rss:"))

    def tracked_objects(self, *, seconds: float = 10.0) -> int | None:
        """Objects that the server's garbage collector tracks; None where it cannot tell."""
        if not self.server.counts_objects:
            return None
        answer = self.directory / "objects"
        answer.unlink(missing_ok=True)
        self._popen.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + seconds
        while not answer.exists():
            if time.monotonic() > deadline:
                raise ServerError("no answer to SIGUSR1")
            time.sleep(0.02)
        return int(answer.read_text())

    def credentials(self) -> dict[str, str]:
        """Return the credentials that the server wrote for its clients; empty if it wrote none."""
        file = self.directory / "credentials.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + self._start_seconds
        while True:
            try:
                socket.create_connection((HOST, self.port), 1).close()
                break
            except OSError:
                if self._popen.poll() is not None or time.monotonic() > deadline:
                    raise ServerError(self._last_error()) from None
                time.sleep(0.02)
        time.sleep(0.1)  # what it still does after it listens is not part of any figure

    def _last_error(self) -> str:
        text = (self.directory / "stderr").read_text(errors="replace")
        lines = [line for line in text.splitlines() if "Error" in line] or text.strip().splitlines()
        return lines[-1] if lines else "did not start"


def pin_client() -> None:
    """Keeps this process, the client, off the server's processor."""
    if CLIENT_CPU is not None:
        os.sched_setaffinity(0, {CLIENT_CPU})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
