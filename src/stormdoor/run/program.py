"""The parent of `stormdoor run`: it starts the program, watches its listeners, and ends what is unguarded."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stormdoor.errors import ConfigurationError, StormdoorError
from stormdoor.run.connect import open_file
from stormdoor.run.hold import copy_of, hold, is_tcp, release
from stormdoor.run.listen_calls import ListenCalls, ask_before_listen
from stormdoor.run.probe import Probe, Spoken
from stormdoor.run.processes import (
    ListeningSocket,
    address_of,
    command_of,
    descendants,
    has_variable,
    is_open,
    listeners,
    listening,
    program_of,
)
from stormdoor.run.settings import RunSettings
from stormdoor.run.signals import Signals
from stormdoor.run.sockets import unix_socket

__all__ = ["CANNOT_START", "NOT_FOUND", "REFUSED", "Program"]

REFUSED, CANNOT_START, NOT_FOUND = 125, 126, 127
"""Exit statuses, as `env` and `timeout` have them. All others are those of the program."""

_TICK_SECONDS = 0.1
_ANSWER_SECONDS = 0.001
"""Time between two looks at a listener that was asked a moment ago."""
_COMPLETE_SECONDS = 1.0
"""Time between two looks at all descriptors, if no listener and no process comes or goes."""
_AWAITED_SECONDS = 1.0
"""Time that a process may need to listen after it has asked."""
_END_SECONDS = 5.0
_STARTUP = Path(__file__).with_name("startup")
_VARIABLE = "STORMDOOR_RUN"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}
"""If the program ends after one of them, the processes that it has left behind end, too."""

_NO_TORNADO = "it is no HTTP server of Tornado, and only those can be guarded"
_NO_HOOK = (
    "it has not loaded the hook of stormdoor, since it is a child process of the program, no Python, or a "
    "Python with -I, -E or -S. Start it with stormdoor run -- of its own, or call protect() in it"
)
_ALLOW = "stormdoor run --insecure-allow-http"

Tell = Callable[[Mapping[str, Any]], None]


class Program:
    """A program under guard, with all its processes.

    Args:
        command: The program and its arguments.
        settings: The settings of the hook.
        environment: The environment variables of the program.
        tell: Called with each event for the operator.
        at_login: Called once, when a server with the login of stormdoor listens.
        advice: Advice for hosts that do not serve with Tornado, by their module.
        allow_sudo: Let processes of the program change their user, also if their `listen` calls then cannot
            wait for this process.
        strict: End listeners that are not recognised.
    """

    def __init__(
        self,
        command: Sequence[str],
        settings: RunSettings,
        *,
        environment: Mapping[str, str],
        tell: Tell,
        at_login: Callable[[], None],
        advice: Mapping[str, str] = MappingProxyType({}),
        allow_sudo: bool = False,
        strict: bool = False,
    ) -> None:
        self._command = list(command)
        self._settings = settings
        self._environment = dict(environment)
        self._tell = tell
        self._at_login: Callable[[], None] | None = at_login
        self._advice = dict(advice)
        self._allow_sudo = allow_sudo
        self._strict = strict
        self._hosts: dict[int, str] = {}
        """The host in a process, if there is advice for it."""
        self._hooked: set[int] = set()
        """Processes with the hook that have listened."""
        self._guarded: dict[int, set[bytes]] = {}
        """The programs that guard a listener, by its inode (see `program_of`)."""
        self._servers: set[int] = set()
        """Processes with guarded listeners."""
        self._has_served = False
        self._signals = Signals()
        self._calls: ListenCalls | None = None
        self._deferred: set[int] = set()
        """Inodes of listeners that Tornado accepts nothing from before they are guarded."""
        self._held: set[int] = set()
        """Inodes of listeners that no client reaches yet."""
        self._awaited: dict[int, float] = {}
        """Inodes of sockets that are about to listen, and when they are not awaited any more."""
        self._called: dict[int, str] = {}
        """Addresses of sockets that have called `listen`, by their inodes."""
        self._files: dict[int, int] = {}
        """Descriptors of the files of Unix sockets that have called `listen`, by the sockets' inodes."""
        self._other_inodes: dict[int, str] = {}
        """Other protocols of listeners, as the process that has made each tells."""
        self._other_addresses: dict[str, tuple[int, str]] = {}
        """Other protocols at addresses that a process has chosen for its children, and this process."""
        self._listening: frozenset[int] = frozenset()
        self._processes: set[int] = set()
        self._present: dict[int, ListeningSocket] = {}
        self._complete_at = 0.0
        self._probes: dict[int, Probe] = {}
        self._judged: set[int] = set()
        """Inodes of listeners that speak another protocol, or may speak HTTP."""
        self._unrecognised: set[int] = set()
        """Inodes of listeners that the operator has been told of, and that are still asked."""
        self._refusal: str | None = None
        self._status: int | None = None
        self._stopping = False
        self._main = 0

    def run(self) -> int:
        """Start the program, watch it to its end, and return the exit status.

        Raises:
            ConfigurationError: This machine has no `/proc` of Linux, so nothing could be watched.
        """
        if not hasattr(os, "memfd_create") or not Path("/proc/self/task").is_dir():
            raise ConfigurationError(
                "stormdoor run needs Linux: it watches the listeners of the program in /proc. Call protect() "
                "in the program, or start it with stormdoor serve"
            )
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        reports, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        reports.settimeout(0.0)
        try:
            with self._signals, reports:
                self._signals.wake_at_input(reports)
                started = self._start(theirs, libc)
                if started is not None:
                    return started
                while not self._over():
                    self._wait()
                    self._reap()
                    if self._stopping and self._status is not None:
                        self._end(descendants(os.getpid()))
                    self._read_reports(reports)
                    self._answer_listen_calls(reports)
                    if self._refusal is None:
                        self._look(reports)
                    if self._refusal is not None:
                        self._tell({"event": "refused", "reason": self._refusal})
                        self._end(descendants(os.getpid()))
                        return REFUSED
                self._read_reports(reports)
                if self._refusal is not None:
                    self._tell({"event": "refused", "reason": self._refusal})
                    return REFUSED
        finally:
            for probe in self._probes.values():
                probe.close()
            for file in self._files.values():
                os.close(file)
        status = self._status or 0
        self._tell({"event": "ended", "status": status, "guarded": self._has_served})
        return status

    # -- the program -----------------------------------------------------------------------------

    def _start(self, reports: socket.socket, libc: ctypes.CDLL) -> int | None:
        """Start the program. Return an exit status if that fails."""
        stored = os.memfd_create("stormdoor-run")
        os.write(stored, json.dumps(self._settings.plain()).encode())
        before = self._environment.get("PYTHONPATH")
        environment = {
            **self._environment,
            _VARIABLE: f"{stored},{reports.fileno()}",
            "PYTHONPATH": f"{_STARTUP}{os.pathsep}{before}" if before else str(_STARTUP),
        }
        # Nothing would watch a program after its parent was killed.
        prctl, number = libc.prctl, int(signal.SIGTERM)
        questions, of_child = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

        def in_child() -> None:
            prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
            asked = ask_before_listen(allow_sudo=self._allow_sudo)
            if asked is not None:
                socket.send_fds(of_child, [b"."], [asked])
                os.close(asked)
            self._signals.restore_in_child()

        try:
            with reports, of_child:
                started = subprocess.Popen(  # noqa: S603 - the command of the operator
                    self._command,
                    env=environment,
                    pass_fds=(stored, reports.fileno()),
                    preexec_fn=in_child,  # noqa: PLW1509 - it takes no lock of another thread
                )
        except FileNotFoundError:
            reason = f"there is no program {self._command[0]!r}; {_how_to_start(self._command[0])}"
            self._tell({"event": "failed", "reason": reason})
            return NOT_FOUND
        except OSError as error:
            how = _how_to_start(self._command[0])
            reason = f"{self._command[0]} cannot be started: {error.strerror}; {how}"
            self._tell({"event": "failed", "reason": reason})
            return CANNOT_START
        finally:
            os.close(stored)
        self._main = started.pid
        started.returncode = 0  # `_reap` waits for it
        with questions:
            questions.setblocking(False)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                _, descriptors, _, _ = socket.recv_fds(questions, 1, 1)
                self._calls = ListenCalls(*descriptors)
        return None

    def _over(self) -> bool:
        return self._status is not None and not descendants(os.getpid())

    def _wait(self) -> None:
        """Wait for a signal, and pass it on, or for the next tick."""
        now = time.monotonic()
        asking = bool(self._awaited) or any(one.asks(now) for one in self._probes.values())
        seconds = _ANSWER_SECONDS if asking else _TICK_SECONDS
        for number, from_terminal in self._signals.wait(seconds):
            self._stopping = self._stopping or number in _ENDING
            if from_terminal:
                continue
            receivers = {self._main} if self._status is None else descendants(os.getpid())
            for pid in receivers:
                _send(pid, number)

    def _reap(self) -> None:
        """Note the end of the program, and of orphans that this process has inherited."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._main:
                code = os.waitstatus_to_exitcode(status)
                self._status = code if code >= 0 else 128 - code
            self._servers.discard(pid)

    def _end(self, pids: Collection[int]) -> None:
        """End processes: they get a moment to end by themselves."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in pids:
                _send(pid, number)
            until = time.monotonic() + _END_SECONDS
            while time.monotonic() < until and (pids := _alive(pids)):
                self._signals.wait_for_child(_TICK_SECONDS)
                self._reap()

    # -- what it serves --------------------------------------------------------------------------

    def _read_reports(self, reports: socket.socket) -> None:
        while True:
            try:
                message = reports.recv(65_536)
            except (BlockingIOError, ConnectionError):
                return
            if not message:
                return
            # A report longer than it may be is none: its listener counts as unguarded.
            with contextlib.suppress(ValueError):
                self._take_report(json.loads(message))

    def _take_report(self, said: Mapping[str, Any]) -> None:
        pid = int(said["pid"])
        match said["event"]:
            case "refused":
                self._refusal = f"process {pid} ({said['command']}): {said['reason']}"
            case "listens":
                self._hooked.add(pid)
                inode = int(said["inode"])
                self._awaited[inode] = time.monotonic() + _AWAITED_SECONDS
                if said["deferred"]:
                    self._deferred.add(inode)
                if said["protocol"]:
                    self._other_inodes[inode] = said["protocol"]
            case "announces":
                for address in said["addresses"]:
                    self._other_addresses[address] = pid, said["protocol"]
            case "host":
                self._hosts[pid] = str(said["host"])
            case "guarded":
                for inode in map(int, said["inodes"]):
                    self._guarded.setdefault(inode, set()).add(program_of(pid))
                self._servers.add(pid)
                self._has_served = True
                self._tell(said)
                if said["login"]:
                    self._offer_login()

    def _offer_login(self) -> None:
        at_login, self._at_login = self._at_login, None
        if at_login is None:
            return
        try:
            at_login()
        except (StormdoorError, OSError) as error:
            self._refusal = f"the first account cannot be made: {error}"

    def _answer_listen_calls(self, reports: socket.socket) -> None:
        """Hold each socket that is about to listen, unless Tornado accepts nothing before it is guarded."""
        for call in self._calls.waiting() if self._calls is not None else ():
            self._read_reports(reports)  # the hook reports a listener before the call
            # The process may have ended, or the kernel forbids it: then the listener is asked all the same.
            with contextlib.suppress(OSError), copy_of(call.pid, call.descriptor) as listener:
                inode = os.fstat(listener.fileno()).st_ino
                self._awaited[inode] = time.monotonic() + _AWAITED_SECONDS
                self._called[inode] = address = address_of(listener)
                found = ListeningSocket(inode, address, None, ((call.pid, call.descriptor),))
                if inode in self._deferred:
                    self._deferred.discard(inode)  # the number may be used again
                elif listener.family == socket.AF_UNIX:
                    self._keep_file(found)
                elif is_tcp(listener) and self._protocol_of(found) is None:
                    hold(listener)
                    self._held.add(inode)

    def _keep_file(self, listener: ListeningSocket) -> None:
        """Open the file of a Unix socket before the program can move or delete it."""
        with contextlib.suppress(OSError):
            one = unix_socket(listener.inode)
            if not one.name.startswith(b"\0") and listener.inode not in self._files:
                self._files[listener.inode] = open_file(
                    replace(listener, name=one.name, file=one.file)
                )

    def _find_listeners(self, now: float) -> None:
        """Bring `_present` up to date if a listener or a process has come or gone, and once a second."""
        present = frozenset(listening())
        expired = {inode for inode, until in self._awaited.items() if until < now}
        for inode in expired | (present & self._awaited.keys()):
            del self._awaited[inode]
        processes = descendants(os.getpid())
        known = present == self._listening and processes == self._processes and not expired
        if known and now < self._complete_at:
            return
        self._listening, self._processes = present, processes
        self._complete_at = now + _COMPLETE_SECONDS
        self._present = {one.inode: one for one in listeners(processes, self._called)}
        for inode in [one for one in self._probes if one not in self._present]:
            self._probes.pop(inode).close()
        kept = present | self._present.keys()
        self._judged &= kept
        self._unrecognised &= kept
        kept |= self._awaited.keys()
        self._held &= kept
        for inode in self._called.keys() - kept:
            del self._called[inode]
        for inode in self._files.keys() - kept:
            os.close(self._files.pop(inode))

    def _look(self, reports: socket.socket) -> None:
        """Ask each listener that is not guarded, and refuse one that speaks HTTP."""
        now = time.monotonic()
        self._find_listeners(now)
        for inode, listener in self._present.items():
            if inode in self._guarded:
                self._end_inheriting_children(listener)
            if inode in self._guarded or inode in self._judged:
                self._release(listener)
                probe = self._probes.pop(inode, None)
                if probe is not None:
                    probe.close()
                continue
            if self._settings.allows(listener.address):
                self._spare("allowed", listener)
                continue
            protocol = self._protocol_of(listener)
            if protocol is not None:
                self._spare("other", listener, protocol=protocol)
                continue
            probe = self._probes.get(inode)
            if probe is None:
                file = self._files.pop(inode, None)
                probe = self._probes[inode] = Probe(listener, now, file=file, guarded=self._guarded)
            spoken = probe.step(now)
            if spoken is Spoken.OTHER:
                self._spare("other", listener, protocol="no HTTP")
            elif spoken is Spoken.HTTP:
                # INVARIANT: the report of a guarded server is older than its first answer.
                self._read_reports(reports)
                if inode not in self._guarded and self._refusal is None:
                    self._refuse(listener, f"answers HTTP at {listener.address} and is not guarded")
            elif inode not in self._unrecognised and (why := probe.unrecognised(now)):
                self._unrecognised.add(inode)
                self._let_alone(listener, why)

    def _let_alone(self, listener: ListeningSocket, why: str) -> None:
        """Report a listener that is not recognised, and let its clients reach it; or end it if `strict`."""
        if self._strict:
            self._refuse(listener, f"listens at {listener.address} and is not recognised ({why})")
            return
        self._release(listener)
        place = {"address": listener.address, "process": _shown(listener)}
        self._tell({"event": "unrecognised", **place, "reason": why})

    def _spare(self, event: str, listener: ListeningSocket, **more: str) -> None:
        """Leave a listener alone that may serve."""
        self._judged.add(listener.inode)
        self._release(listener)
        place = {"address": listener.address, "process": _shown(listener)}
        self._tell({"event": event, **place, **more})

    def _protocol_of(self, listener: ListeningSocket) -> str | None:
        """Return the protocol of a listener that is no HTTP, as the host itself tells."""
        if listener.inode in self._other_inodes:
            return self._other_inodes[listener.inode]
        teller, protocol = self._other_addresses.get(listener.address, (0, None))
        if protocol is not None and listener.pids <= descendants(teller) | {teller}:
            return protocol
        return None

    def _release(self, listener: ListeningSocket) -> None:
        """Let the clients reach a listener."""
        if listener.inode in self._held:
            self._held.discard(listener.inode)
            release(listener.descriptors)

    def _end_inheriting_children(self, listener: ListeningSocket) -> None:
        """End processes that have got a guarded listener from another one, and have no hook to guard it."""
        guarding = self._guarded[listener.inode]
        for pid, descriptor in listener.descriptors:
            program = program_of(pid)
            if not program or program in guarding or has_variable(pid, _VARIABLE):
                continue
            # A fork has it until it executes another program.
            if is_open(pid, descriptor, listener.inode):
                reason = f"{command_of(pid)} has got the guarded listener at {listener.address}"
                _send(pid, signal.SIGKILL)
                self._tell({"event": "child ended", "reason": f"{reason}: {_NO_HOOK}"})

    def _refuse(self, listener: ListeningSocket, what: str) -> None:
        """End the process of a listener: a child of a guarded server alone, else the program."""
        reason = f"{_shown(listener)} {what}: "
        reason += _NO_TORNADO if listener.pids & self._hooked else _NO_HOOK
        below = {one for server in self._servers for one in descendants(server)}
        offenders = set(listener.pids)
        if self._servers and offenders <= below - self._servers:
            for pid in list(offenders):
                offenders |= descendants(pid) - self._servers
            for pid in offenders:
                _send(pid, signal.SIGKILL)
            self._tell({"event": "child ended", "reason": reason})
            return
        for pid in offenders:
            _send(pid, signal.SIGKILL)
        hosts = {self._hosts[pid] for pid in offenders if pid in self._hosts}
        advice = [f"{self._advice[host]}." for host in sorted(hosts)]
        self._refusal = "\n".join(
            [f"{reason}.", *advice, f"To let it serve unguarded: {_ALLOW} {listener.address}"]
        )


def _how_to_start(program: str) -> str:
    """Return the advice for a program that cannot be started."""
    if program.endswith(".py") and Path(program).is_file():
        return f"write python before it: stormdoor run -- python {program}"
    if "/" in program:
        return "write the path of a file that can be executed"
    return "activate the environment that has it, or write its path"


def _shown(listener: ListeningSocket) -> str:
    return ", ".join(command_of(pid) for pid in sorted(listener.pids))


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _alive(pids: Collection[int]) -> set[int]:
    found = set()
    for pid in pids:
        try:
            state = (
                Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2]
            )
        except OSError:
            continue
        if state.split()[:1] != ["Z"]:
            found.add(pid)
    return found
