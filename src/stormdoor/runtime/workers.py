"""The supervisor of several server processes: starts, restarts, replaces and drains them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stormdoor.errors import ConfigurationError, StoreUnavailable
from stormdoor.runtime.worker_link import SHOW_PLACE, VARIABLE

__all__ = ["Workers", "worker_command"]

_log = logging.getLogger("stormdoor.serve")

_START_SECONDS = 60.0
_STABLE_SECONDS = 60.0
"""A worker that has served so long is restarted at once when it dies."""
_LONGEST_BACKOFF_SECONDS = 30.0
_GRACE_SECONDS = 10.0
"""Time beyond the drain that a worker has to write its trail and to end."""
_UNRESPONSIVE_SECONDS = 30.0
_LOOKS = 5
"""Number of looks without a report of a worker after which its event loop counts as blocked."""
_SHOW_SECONDS = 0.5
"""Time that a blocked worker has to write the lines at which its threads are."""
_STORE_UNAVAILABLE = 3

Sockets = Mapping[str, Sequence[socket.socket]]


class _StartFailed(Exception):
    """A worker has not become ready."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(eq=False)
class _Worker:
    """A process, from its start to its end."""

    process: asyncio.subprocess.Process
    link: asyncio.StreamWriter
    ready: asyncio.Future[None]
    ended: asyncio.Task[int] = field(init=False)
    since: float = 0.0
    silent: int = 0
    """Number of looks since its last report."""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def serving(self) -> bool:
        return self.ready.done() and not self.ready.exception() and not self.ended.done()

    def order_drain(self, *, together: int, replaced: bool = False) -> None:
        order = json.dumps({"together": together, "replaced": replaced})
        self.link.write(order.encode() + b"\n")

    async def end_blocked(self) -> None:
        """Let it write where it is, and kill it."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(SHOW_PLACE)
        await asyncio.sleep(_SHOW_SECONDS)
        self.kill()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()


@dataclass(eq=False)
class _Slot:
    """The place of one worker, with the listening sockets that its successors inherit.

    The supervisor keeps them open. Clients that have connected and are not accepted yet therefore wait for
    the successor; the kernel would reset them if the last process closed the socket.
    """

    number: int
    sockets: Sockets | None = None
    worker: _Worker | None = None
    backoff: float = 0.0
    keeper: asyncio.Task[None] | None = field(default=None, repr=False)


class Workers:
    """Several processes that serve the same application.

    Each is started anew, so that it imports the present code of the application and shares no memory, store
    or loop with another one. SIGHUP replaces them one by one; SIGTERM or SIGINT drains and ends them; a
    second one ends them at once.

    Args:
        command: The program of a worker and its arguments. It takes its sockets from `WorkerLink.inherited`.
        workers: Number of workers.
        listen: Makes the listening sockets of a worker, by group, from its number.
        drain_seconds: Time in seconds in which a drain must close all connections.
        unready_seconds: Time in seconds between "not ready" and the close of the listener.
        unresponsive_seconds: Time in seconds after which a worker with a blocked loop is replaced; 0 for
            never.
        environment: Further environment variables of a worker.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        workers: int,
        listen: Callable[[int], Sockets],
        drain_seconds: float,
        unready_seconds: float = 0.0,
        unresponsive_seconds: float = _UNRESPONSIVE_SECONDS,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._environment = dict(environment or {})
        self._command = list(command)
        self._listen = listen
        self._drain_seconds = drain_seconds
        self._unready_seconds = unready_seconds
        self._unresponsive_seconds = unresponsive_seconds
        self._warned: set[str] = set()
        self._slots = [_Slot(number) for number in range(1, workers + 1)]
        self._leaving: set[_Worker] = set()
        self._stop = asyncio.Event()
        self._at_once = asyncio.Event()
        self._hangup = asyncio.Event()

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Start all workers, and serve until a signal arrives.

        Args:
            on_ready: Called when all workers serve.

        Raises:
            OSError: The port is in use.
            StoreUnavailable: A worker cannot start, since its store does not answer.
            ConfigurationError: A worker cannot start for another reason.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._terminate)
        loop.add_signal_handler(signal.SIGHUP, self._hangup.set)
        try:
            for slot in self._slots:
                slot.sockets = self._listen(slot.number)
            starting, stop = (
                loop.create_task(self._start_all()),
                loop.create_task(self._stop.wait()),
            )
            either: set[asyncio.Future[Any]] = {starting, stop}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                await asyncio.wait({starting})
                return
            starting.result()
            on_ready()
            _notify("READY=1")
            for slot in self._slots:
                slot.keeper = loop.create_task(self._keep(slot))
            replacing = loop.create_task(self._replace_on_hangup())
            watching = loop.create_task(self._end_blocked_workers())
            await stop
            _notify("STOPPING=1")
            replacing.cancel()
            watching.cancel()
            for slot in self._slots:
                if slot.keeper is not None:
                    slot.keeper.cancel()
            await asyncio.wait(
                [replacing, watching, *(one.keeper for one in self._slots if one.keeper)]
            )
        except _StartFailed as error:
            kind = StoreUnavailable if error.status == _STORE_UNAVAILABLE else ConfigurationError
            raise kind(f"a worker cannot start: {error}") from None
        finally:
            await self._drain_all()

    def _terminate(self) -> None:
        (self._at_once if self._stop.is_set() else self._stop).set()

    # -- start -------------------------------------------------------------------------------------

    async def _start_all(self) -> None:
        """Start the first worker, which creates or checks the store, then the others."""
        try:
            await self._start(self._slots[0])
            async with asyncio.TaskGroup() as group:
                for slot in self._slots[1:]:
                    group.create_task(self._start(slot))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _start(self, slot: _Slot) -> _Worker:
        """Start a worker and wait until it serves.

        Raises:
            _StartFailed: It has reported a failure, has ended, or is not ready in time.
        """
        worker = await self._spawn(slot)
        # Until it serves, a stop of the supervisor ends it like a replaced one.
        self._leaving.add(worker)
        try:
            await asyncio.wait({worker.ready}, timeout=_START_SECONDS)
            if not worker.ready.done():
                worker.kill()
                raise _StartFailed(f"it was not ready within {_START_SECONDS:g} s", 2)
            worker.ready.result()
        except BaseException:
            worker.kill()
            await worker.ended
            self._leaving.discard(worker)
            raise
        self._leaving.discard(worker)
        worker.since = time.monotonic()
        slot.worker = worker
        _log.info("worker %d serves (process %d)", slot.number, worker.pid)
        return worker

    async def _spawn(self, slot: _Slot) -> _Worker:
        if slot.sockets is None:
            slot.sockets = self._listen(slot.number)
        groups = {name: [one.fileno() for one in group] for name, group in slot.sockets.items()}
        ours, theirs = socket.socketpair()
        given = {
            "link": theirs.fileno(),
            "sockets": groups,
            "number": slot.number,
            "workers": len(self._slots),
            "drain_seconds": self._drain_seconds,
            "unready_seconds": self._unready_seconds,
            "unresponsive_seconds": self._unresponsive_seconds,
        }
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                env={**_inherited(), **self._environment, VARIABLE: json.dumps(given)},
                pass_fds=[theirs.fileno(), *(one for group in groups.values() for one in group)],
                process_group=0,  # Ctrl-C in a terminal reaches the supervisor alone
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        loop = asyncio.get_running_loop()
        worker = _Worker(process, writer, loop.create_future())
        worker.ended = loop.create_task(self._follow(worker, reader))
        return worker

    async def _follow(self, worker: _Worker, reader: asyncio.StreamReader) -> int:
        """Read the reports of a worker until it ends. Returns its exit status."""
        ready = worker.ready
        try:
            async for line in reader:
                report, worker.silent = json.loads(line), 0
                if "warning" in report:
                    self._warn(report["warning"])
                elif ready.done() or "alive" in report:
                    continue
                elif "failed" in report:
                    ready.set_exception(_StartFailed(report["failed"], report["status"]))
                else:
                    ready.set_result(None)
        except OSError:
            pass  # it has died with unread orders
        status = await worker.process.wait()
        if not ready.done():
            ready.set_exception(_StartFailed(f"it {_how(status)} before it was ready", 2))
        ready.exception()  # retrieved, even if no other task waits for it
        worker.link.close()
        return status

    def _warn(self, text: str) -> None:
        """Log a warning about the installation once, also if each worker reports it."""
        if text not in self._warned:
            self._warned.add(text)
            _log.warning("%s", text)

    # -- a worker with a blocked event loop --------------------------------------------------------

    async def _end_blocked_workers(self) -> None:
        """End each worker that makes no report for some looks in a row; `_keep` starts another one.

        Looks are counted, not seconds: reports that arrived while this process was stopped count.
        """
        while self._unresponsive_seconds > 0:
            await asyncio.sleep(self._unresponsive_seconds / _LOOKS)
            blocked = []
            for slot in self._slots:
                worker = slot.worker
                if worker is None or not worker.serving:
                    continue
                worker.silent += 1
                if worker.silent <= _LOOKS:
                    continue
                _log.error(
                    "the event loop of worker %d (process %d) has been blocked for %g s. Its threads are at "
                    "the lines below; it is killed and replaced",
                    slot.number,
                    worker.pid,
                    self._unresponsive_seconds,
                )
                blocked.append(worker)
            await asyncio.gather(*(one.end_blocked() for one in blocked))

    # -- a worker that dies ------------------------------------------------------------------------

    async def _keep(self, slot: _Slot) -> None:
        """Start another worker whenever that of the slot has ended."""
        while True:
            worker = slot.worker
            if worker is not None:
                status = await asyncio.shield(worker.ended)
                if slot.worker is not worker:
                    continue  # it was replaced
                slot.worker = None
                lived = time.monotonic() - worker.since
                slot.backoff = 0.0 if lived >= _STABLE_SECONDS else _next(slot.backoff)
                _log.error(
                    "worker %d (process %d) %s; another one starts in %g s",
                    slot.number,
                    worker.pid,
                    _how(status),
                    slot.backoff,
                )
            self._close_deserted(slot)
            await asyncio.sleep(slot.backoff)
            try:
                await self._start(slot)
            except (_StartFailed, OSError) as error:
                slot.backoff = _next(slot.backoff)
                _log.error(
                    "worker %d cannot start: %s; another attempt follows in %g s",
                    slot.number,
                    error,
                    slot.backoff,
                )

    def _close_deserted(self, slot: _Slot) -> None:
        """Close the sockets of a slot that will have no worker for a while, if others serve.

        The kernel gives new clients to the other workers then. Otherwise they would wait for the restart.
        """
        if slot.backoff and any(one.worker and one.worker.serving for one in self._slots):
            _close(slot)

    # -- replacement -------------------------------------------------------------------------------

    async def _replace_on_hangup(self) -> None:
        while True:
            await self._hangup.wait()
            self._hangup.clear()
            _log.info("all workers are replaced, one by one")
            for slot in self._slots:
                if not await self._replace(slot):
                    break
            else:
                _log.info("all workers have been replaced")

    async def _replace(self, slot: _Slot) -> bool:
        """Replace one worker. Returns False if the new one cannot start; the present one continues then."""
        old = slot.worker
        if old is None:
            return True  # it is being restarted anyway
        try:
            await self._start(slot)
        except (_StartFailed, OSError) as error:
            _log.error(
                "worker %d is not replaced, and no further one: the new one cannot start: %s",
                slot.number,
                error,
            )
            return False
        self._leaving.add(old)
        old.order_drain(together=1, replaced=True)
        try:
            await self._end([old], self._drain_seconds + _GRACE_SECONDS)
        finally:
            if old.ended.done():
                self._leaving.discard(old)
        return True

    # -- the end -----------------------------------------------------------------------------------

    async def _drain_all(self) -> None:
        """Let all workers drain, and wait until they have ended."""
        serving = [slot.worker for slot in self._slots if slot.worker and slot.worker.serving]
        for slot in self._slots:
            _close(slot)  # the workers keep theirs until they close them
        for worker in serving:
            worker.order_drain(together=len(serving))
        limit = self._unready_seconds + self._drain_seconds + _GRACE_SECONDS
        await self._end([*serving, *self._leaving], limit)

    async def _end(self, workers: Sequence[_Worker], seconds: float) -> None:
        """Wait until these have ended; kill those that need longer, and all at a second signal."""
        if not workers:
            return
        all_ended = asyncio.create_task(asyncio.wait([one.ended for one in workers]))
        at_once = asyncio.create_task(self._at_once.wait())
        either: set[asyncio.Future[Any]] = {all_ended, at_once}
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        all_ended.cancel()
        at_once.cancel()
        for worker in workers:
            if not worker.ended.done():
                why = "at a second signal" if self._at_once.is_set() else "has not ended in time"
                _log.error("process %d is killed: %s", worker.pid, why)
                worker.kill()
                await worker.ended


def _inherited() -> dict[str, str]:
    """Return the environment of a worker: only the supervisor reports to systemd."""
    return {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}


def _next(backoff: float) -> float:
    return min(_LONGEST_BACKOFF_SECONDS, max(1.0, 2 * backoff))


def _how(status: int) -> str:
    if status >= 0:
        return f"has ended with status {status}"
    return f"was ended by {signal.Signals(-status).name}"


def _close(slot: _Slot) -> None:
    for group in (slot.sockets or {}).values():
        for sock in group:
            sock.close()
    slot.sockets = None


def _notify(state: str) -> None:
    """Tell systemd (Type=notify) the state of the service; see sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
        sock.send(state.encode())


def worker_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of stormdoor as a worker, with the present interpreter."""
    # -P: no file of the current directory replaces a module of Python or stormdoor.
    return [sys.executable, "-P", "-m", module, *arguments]
