"""One node of the cluster under test: the real guard in a process of its own, which records what it does.

`run_node` is the process. Its control takes lines of JSON, and answers each with one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import multiprocessing
import multiprocessing.connection
import os
import re
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec
from tornado.httpclient import AsyncHTTPClient
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketClosedError

from stormdoor import (
    ApiKeyAuthenticator,
    Guard,
    GuardedHandler,
    PolicySet,
    SessionAuthenticator,
    StoreInDoubt,
    StoreUnavailable,
    Target,
    TicketAuthenticator,
    protect,
    revocation_routes,
    role,
)
from stormdoor.core.denial import Denial
from stormdoor.core.event import Event as TrailEvent
from stormdoor.core.limits import Limits
from stormdoor.guard.connection import Connection
from stormdoor.tornado.fast import FastProtocol
from stormdoor.tornado.serve import guarded_server
from tests.chaos import history
from tests.chaos.mutations import mutate
from tests.chaos.revocations import KINDS, Victim, add_party, end, names, order, token_authenticator

ORIGIN = "http://127.0.0.1"
PATH = "/feed"
REVOCATIONS = "/auth/revocations"
MARK = b"tick-tick-tick-tick"
"""Content of each message: the recorder finds it in what is sent, whole or in part."""
_UNIX = time.time() - history.clock()
"""Unix seconds at the start of the clock of all histories."""
_FLOOD_BYTES = 10_000
_SEND_BUFFER_BYTES = 4096
"""The least that the kernel takes, so that a slow reader fills the buffer of the process."""
_OK, _UNAVAILABLE = 200, 503
_CALL_SECONDS = 120.0
_VERSION = re.compile(r"v(\d+)")


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What a node needs to know.

    Attributes:
        name: Name of the node.
        store: URL of its store.
        history: File of its history.
        ahead: Seconds by which its wall clock is ahead of the others'.
        shift: Seconds by which its monotonic clock differs, as on another machine.
        mutation: The part of the design that is switched off, or "".
        lease: Length of its lease in seconds; None for that of the store.
        tick: Seconds between two messages to each connection.
        at_once: Whether it writes a message in the same step, not at the end of the turn of the loop.
        recording: Whether it records messages; without it, only their cost is of interest.
    """

    name: str
    store: str
    history: str
    tick: float = 0.1
    at_once: bool = False
    recording: bool = True
    ahead: float = 0.0
    shift: float = 0.0
    mutation: str = ""
    lease: float | None = None


class NodeClock:
    """The clock of a node, and the time that it showed in this turn of the loop.

    A message counts as sent at the time of the check before it, if both are in one turn. A process that is
    stopped between the check and the `send()` is beyond the guarantee.
    """

    def __init__(self, ahead: float, shift: float) -> None:
        self.ahead = ahead
        self._shift = shift
        self._shown: float | None = None

    def now(self) -> float:
        """See `Clock`."""
        return self.monotonic() - self._shift + _UNIX + self.ahead

    def monotonic(self) -> float:
        """See `Clock`."""
        self._shown = history.clock()
        return self._shown + self._shift

    def turn(self) -> None:
        """Begin a turn of the loop."""
        self._shown = None

    def checked_at(self) -> float:
        """Return the last time that was shown in this turn, else the present time, for a history."""
        return history.clock() if self._shown is None else self._shown


class RecordingSocket:
    """A socket that reports each `send()` of a message before it happens."""

    def __init__(self, sock: socket.socket, sending: Callable[[], None]) -> None:
        self._socket = sock
        self._sending = sending

    def send(self, data: bytes | bytearray | memoryview) -> int:
        """See `socket.socket`."""
        if MARK[:4] in bytes(data):
            self._sending()
        return self._socket.send(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class Node:
    """The guard, its recorder and the operations that clients ask for."""

    def __init__(self, configuration: Configuration) -> None:
        self.name = configuration.name
        self.clock = NodeClock(configuration.ahead, configuration.shift)
        self.writer = history.Writer(Path(configuration.history), self.name)
        self.guard = Guard(
            origins=[ORIGIN],
            authenticators=[
                SessionAuthenticator(),
                TicketAuthenticator(),
                ApiKeyAuthenticator(),
                token_authenticator(),
            ],
            policies=PolicySet(
                [
                    role("member", "feed:read"),
                    role("operator", "stormdoor:revoke", across_tenants=True),
                ]
            ),
            # All clients have one address, and refusals are what is tested.
            limits=Limits(
                handshakes_per_address="10000/s burst 10000",
                requests_per_address="10000/s burst 10000",
                failures_per_address="10000/s burst 10000",
                messages_per_connection="100000/s burst 100000",
                messages_per_principal="100000/s burst 100000",
                connections_per_address=100_000,
                connections_per_principal=100_000,
                connections=100_000,
                tcp_per_address=100_000,
                outbound_bytes=1 << 20,
            ),
            store=configuration.store,
            clock=self.clock,
            node=self.name,
            production=False,
        )
        self.feeds: set[Feed] = set()
        self.port = 0
        self.recording = configuration.recording
        self.at_once = configuration.at_once
        self._tick = configuration.tick
        if configuration.lease is not None:
            self.guard.lease.seconds = configuration.lease
        mutate(self.guard, configuration.mutation)

    @property
    def epoch(self) -> str:
        """The epoch of the log that the node follows."""
        return str(self.guard.follower.applied.epoch)

    @property
    def written_epoch(self) -> str:
        """The epoch of the log that a write goes to; "" if the node does not follow that log yet.

        A beat turns all connections to another primary at once. The node follows its log a moment later.
        """
        database: Any = getattr(self.guard.state.engines[0], "_database", None)
        heartbeat = getattr(database, "heartbeat", None)
        if heartbeat is None:  # SQLite
            return self.epoch
        servers = {heartbeat._server.identity, database._writes._link.identity}
        followed = {f".{timeline}.{system}" for timeline, system in filter(None, servers)}
        return self.epoch if all(map(self.epoch.endswith, followed)) else ""

    def note(self, event: type[Any], /, *, at: float | None = None, **fields: Any) -> None:
        """Write an event to the history."""
        self.writer.write(event(at=history.clock() if at is None else at, by=self.name, **fields))

    async def run(self, stopping: asyncio.Event) -> None:
        """Send to every open connection, until the end."""
        while not stopping.is_set():
            for feed in list(self.feeds):
                feed.tick()
            await asyncio.sleep(self._tick)

    async def watch_epoch(self) -> None:
        """Record each change of the epoch."""
        known = self.epoch
        while True:
            if known != self.epoch:
                known = self.epoch
                self.note(history.Reloaded, epoch=known)
            await asyncio.sleep(0.01)

    # -- operations --------------------------------------------------------------------------------

    async def principal(self, id: str) -> object:
        """Add a principal."""
        await self.guard.admin.add_principal(id, roles=["member"])
        return {}

    async def session(self, principal: str) -> object:
        """Log a principal in."""
        issued = await self.guard.sessions.create(principal)
        return {"cookie": issued.secret, "session": issued.session.id}

    async def ticket(self, cookie: str) -> object:
        """Issue a ticket."""
        found = await self.guard.sessions.find(cookie)
        assert found is not None
        issued = await self.guard.tickets.issue(found[0], origin=ORIGIN, endpoint=PATH)
        return {"ticket": issued and issued.secret}

    async def revoke(self, kind: str, value: str, wait: str) -> object:
        """Revoke a session or a principal."""
        revoke = self.guard.admin.revoke

        async def work() -> None:
            if wait == "cluster":
                await revoke(Target(kind), value, wait="cluster")
            else:
                await revoke(Target(kind), value)

        return await self._recorded(work, history.Revoked, target=f"{kind}:{value}", wait=wait)

    async def party(self, name: str, kinds: list[list[str]]) -> object:
        """Add principals that share a tenant and a role."""
        now = self.clock.now() - self.clock.ahead
        return {"victims": await add_party(self.guard, name, kinds, now=now)}

    async def operator(self, id: str) -> object:
        """Add a principal that may revoke. Returns its API key."""
        await self.guard.admin.add_principal(id, roles=["operator"])
        issued = await self.guard.admin.issue_key(id, name="chaos", scopes=["*"])
        return {"key": issued.secret}

    async def end(
        self,
        kind: str,
        victim: dict[str, Any],
        wait: Literal["log", "cluster"],
        key: str = "",
    ) -> object:
        """End a right of a victim: by the HTTP route with the API key of an operator, else by a method.

        See `tests.chaos.revocations`.
        """
        one = msgspec.convert(victim, Victim)

        async def work() -> bool:
            if key:
                return await self._post(key, order(KINDS[kind], one, wait))
            return await end(self.guard, KINDS[kind], one, wait)

        way = "http" if key else "python"
        named = names(kind, one)
        return await self._recorded(work, history.Revoked, wait=wait, kind=kind, way=way, **named)

    async def _post(self, key: str, body: dict[str, object]) -> bool:
        """Request a revocation of this node. Returns False if it refuses.

        Raises:
            StoreUnavailable: It says that the store does not answer.
        """
        answer = await AsyncHTTPClient().fetch(
            f"http://127.0.0.1:{self.port}{REVOCATIONS}",
            method="POST",
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            body=msgspec.json.encode(body),
            request_timeout=_CALL_SECONDS,
            raise_error=False,
        )
        if answer.code == _UNAVAILABLE:
            raise StoreUnavailable(str(answer.body))
        if answer.code != _OK:
            logging.getLogger("chaos").warning("%s: %s %s", body, answer.code, answer.body)
        return answer.code == _OK

    async def connection(self, principal: str) -> object:
        """Return the id of a connection of a principal, or ""."""
        own = (one.connection for one in self.feeds if one.connection.principal.id == principal)
        return {"connection": next((one.id for one in own), "")}

    async def roles(self, principal: str, version: int) -> object:
        """Give a principal the role of a version."""
        asked = history.clock()
        same: dict[str, Any] = {"principal": principal, "version": version, "asked": asked}
        self.note(history.Changed, outcome="in doubt", **same)
        return await self._recorded(
            lambda: self.guard.admin.grant_role(principal, f"v{version}"), history.Changed, **same
        )

    async def nonce(self, value: str) -> object:
        """Use a value that counts once."""
        used, epoch = False, self.written_epoch

        async def use() -> None:
            nonlocal used
            expires = self.clock.now() + 7200
            used = await self.guard.state.nonces.use_nonce("chaos", value, expires)

        try:
            await use()
        except StoreUnavailable:
            self.note(history.Took, value=f"nonce:{value}", outcome="in doubt")
        else:
            outcome = "done" if used else "refused"
            # Of an unknown epoch, if the node changed to another meanwhile.
            epoch = self._still(epoch) or f"{self.name} before {self.epoch}"
            self.note(history.Took, value=f"nonce:{value}", outcome=outcome, epoch=epoch)
        return {}

    async def append(self, entry: str) -> object:
        """Append an entry to the trail, as the contract of a call in doubt demands."""
        self.note(history.Appended, entry=entry, outcome="in doubt")
        event = TrailEvent(time=self.clock.now(), name="chaos", detail=entry)
        batch = entry.encode().ljust(16, b"\0")[:16]
        again = False

        async def add() -> None:
            nonlocal again
            for _ in range(20):
                try:
                    return await self.guard.state.trail.append_events(
                        [event], batch=batch, again=again
                    )
                except StoreInDoubt:
                    again = True
                await asyncio.sleep(0.2)
            raise StoreInDoubt("given up")

        return await self._recorded(add, history.Appended, entry=entry)

    async def _recorded(
        self, work: Callable[[], Awaitable[object]], event: type[Any], /, **fields: Any
    ) -> object:
        epoch, asked = self.written_epoch, history.clock()
        if event is history.Revoked:
            fields["asked"] = asked
        try:
            outcome = "refused" if await work() is False else "done"
        except StoreUnavailable as error:
            # The guard stores it later, if it lives: so nothing is known.
            outcome = "in doubt"
            fields.pop("wait", None)
            logging.getLogger("chaos").warning("%s: %r", event.__name__, error)
        self.note(event, outcome=outcome, epoch=self._still(epoch), **fields)
        return {"outcome": outcome}

    def _still(self, epoch: str) -> str:
        """Return the `written_epoch` from before a call; "" if the node writes to another server now."""
        same = history.server_of(epoch) == history.server_of(self.written_epoch)
        return epoch if same else ""

    async def flood(self, principal: str, size: int, piece: int = _FLOOD_BYTES) -> object:
        """Queue output for the connections of a principal, in pieces, more than their clients read.

        Returns:
            The number of bytes that wait in this process.
        """
        full = [one for one in self.feeds if one.connection.principal.id == principal]
        for feed in full:
            for _ in range(size // piece):
                feed.give(MARK * (piece // len(MARK)))
        await asyncio.sleep(0.05)
        return {"waiting": sum(one.waiting() for one in full)}

    async def burst(self, workers: int, during: float, sessions: int) -> object:
        """Revoke sessions for so many seconds, or until all `sessions` are; ones that do not exist, if 0.

        Returns:
            The number of revocations, their duration, and the CPU time in seconds.
        """

        async def log_in(id: str) -> list[str]:
            await self.guard.admin.add_principal(id, roles=["member"])
            number = sessions // workers
            return [(await self.guard.sessions.create(id)).session.id for _ in range(number)]

        made = await asyncio.gather(*(log_in(f"{self.name}-{n}") for n in range(workers)))
        stored = [one for some in made for one in some]
        ids = iter(stored or (f"{self.name}-{n}" for n in itertools.count()))
        began, count, cpu = time.monotonic(), 0, time.process_time()

        async def work() -> None:
            nonlocal count
            while time.monotonic() < began + during and (count < len(stored) or not stored):
                count += 1
                await self.guard.admin.revoke(Target.SESSION, next(ids))

        await asyncio.gather(*(work() for _ in range(workers)))
        seconds = time.monotonic() - began
        return {"count": count, "seconds": seconds, "cpu": time.process_time() - cpu}

    async def cpu(self) -> object:
        """Return the CPU time of this process in seconds, and its memory in bytes."""
        return {"seconds": time.process_time(), "memory": _memory()}

    async def set_clock(self, ahead: float) -> object:
        """Set the wall clock."""
        self.clock.ahead = ahead
        return {}

    async def status(self) -> object:
        """Tell whether the node is fresh."""
        lease, applied = self.guard.lease, self.guard.follower.applied
        return {
            "fresh": not lease.has_lapsed(self.clock.monotonic()),
            "epoch": applied.epoch,
            "seq": applied.seq,
            "connections": len(self.guard.registry),
            "running": self.guard.running,
        }


def _memory() -> int:
    """Return the bytes of memory that this process occupies."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class Feed(GuardedHandler):
    """Sends without an end. Each message names what could have been revoked to prevent it."""

    permission = "feed:read"
    node: ClassVar[Node]

    def open(self, *args: str, **kwargs: str) -> None:
        """Record the admission, and every `send()` from now on."""
        authentication = self.connection.authentication
        self.targets = _targets(self.connection)
        protocol = self.ws_connection
        assert isinstance(protocol, FastProtocol), "the recorder knows the fast protocol only"
        transport: Any = protocol._transport
        if self.connection.principal.id.startswith("idle-"):
            return  # it gets nothing
        if self.node.recording:
            transport._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            transport._sock = RecordingSocket(transport._sock, self._sending)
        if authentication.kind == TicketAuthenticator.kind:
            value = f"ticket:{authentication.credential_id}"
            epoch = self.node.written_epoch or f"{self.node.name} before {self.node.epoch}"
            self.node.note(history.Took, value=value, outcome="done", epoch=epoch)
        self._sending()
        self.node.feeds.add(self)

    def _sending(self) -> None:
        node = self.node
        at = node.clock.checked_at()
        node.note(history.Sent, at=at, targets=self.targets, epoch=node.epoch)
        principal = self.connection.principal
        if principal.id.startswith("member-"):
            versions = [int(m[1]) for one in principal.roles if (m := _VERSION.fullmatch(one))]
            node.note(
                history.Saw,
                at=at,
                principal=principal.id,
                version=max(versions, default=0),
                connection=self.connection.id,
                epoch=node.epoch,
            )

    def on_message(self, message: str | bytes) -> None:
        """A message that comes in passes the same check."""
        if self.node.recording and self in self.node.feeds:
            self._sending()

    def on_close(self) -> None:
        """Forget the connection, and record if it ended without a revocation."""
        if self not in self.node.feeds:
            return
        self.node.feeds.discard(self)
        why = self.connection.closed_by
        if why is None or not why.withdraws or why.denial is Denial.UNAVAILABLE:
            self.node.note(history.Gone, connection=self.connection.id)

    def tick(self) -> None:
        """Send a message, and record if it has to wait for the lease."""
        node = self.node
        if node.recording and node.guard.lease.has_lapsed(node.clock.monotonic()):
            node.note(history.Held, targets=self.targets, epoch=node.epoch)
        self.give(MARK)
        if node.at_once and isinstance(self.ws_connection, FastProtocol):
            self.ws_connection.flush()

    def waiting(self) -> int:
        """Return the number of bytes that wait in this process."""
        protocol = self.ws_connection
        return protocol.waiting() if isinstance(protocol, FastProtocol) else 0

    def give(self, message: bytes) -> None:
        """Send a message, if the guard takes it."""
        with contextlib.suppress(WebSocketClosedError):
            self.write_message(message, binary=True)


def _targets(connection: Connection) -> tuple[str, ...]:
    """Return the names by which a connection can be revoked, each after its kind."""
    found, principal = connection.authentication, connection.authentication.principal
    named = {
        "principal": principal.id,
        "session": found.session_id,
        "credential": found.credential_id,
        "token": found.token_hash,
        "device": found.device_id,
        "tenant": principal.tenant,
        "connection": connection.id,
    }
    own = [f"{kind}:{name}" for kind, name in named.items() if name]
    return (*own, *(f"role:{one}" for one in principal.roles if one.startswith("role-")))


async def _control(node: Node, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async def answer(asked: dict[str, Any]) -> None:
        number = asked.pop("number")
        try:
            result = await getattr(node, asked.pop("do"))(**asked)
        except Exception as error:  # noqa: BLE001 - the client learns of any failure
            result = {"error": repr(error)}
        if not writer.is_closing():
            writer.write(json.dumps({"number": number, **result}).encode() + b"\n")

    tasks = set()
    with contextlib.suppress(asyncio.CancelledError):  # the process ends
        while line := await reader.readline():
            task = asyncio.create_task(answer(json.loads(line)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    writer.close()


async def serve(configuration: Configuration, ports: multiprocessing.connection.Connection) -> None:
    """Run the node until SIGTERM."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    node = Node(configuration)
    selector: Any = loop._selector  # type: ignore[attr-defined]
    select = selector.select

    def turn(timeout: float | None = None) -> Any:
        ready = select(timeout)
        node.clock.turn()
        return ready

    selector.select = turn
    Feed.node = node
    routes = revocation_routes(node.guard, path=REVOCATIONS)
    application = Application([(PATH, Feed), *routes], log_function=lambda _: None)
    protect(application, node.guard)
    server = guarded_server(application)
    [sock, *_] = sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    node.port = sock.getsockname()[1]
    control = await asyncio.start_server(
        lambda reader, writer: _control(node, reader, writer), "127.0.0.1", 0
    )
    ports.send((node.port, control.sockets[0].getsockname()[1]))
    ports.close()
    while not await node.guard.ready():
        await asyncio.sleep(0.1)
    jobs = [asyncio.create_task(node.run(stopping)), asyncio.create_task(node.watch_epoch())]
    await stopping.wait()
    for job in jobs:
        job.cancel()
    server.stop()
    await node.guard.close()
    await server.close_all_connections()
    node.writer.close()


def _end_with_parent() -> None:
    """End this process when the one that started it has ended. A stopped one needs the watchdog."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def run_node(
    configuration: Configuration, ports: multiprocessing.connection.Connection, log: str
) -> None:
    """Run a node in this process, which was forked for it.

    Args:
        configuration: What it needs to know.
        ports: Gets the port of its sockets, and that of its control.
        log: File for its standard error.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with Path(log).open("wb") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(serve(configuration, ports))
