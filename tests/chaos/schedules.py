"""A schedule for each mutation: the shortest order of events in which the part that is switched off matters.

A run with faults by a seed reaches some of these orders once in many minutes. A schedule goes there: it opens
sockets on one node, brings the cluster into the state, ends the rights of the sockets on another node, and
waits. The checkers read the histories as those of any run. The same schedule with the whole design must have
no violation.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import asyncpg

from stormdoor.stores.postgresql.schema import SCHEMA
from tests.chaos import history
from tests.chaos.checkers import Violation, check
from tests.chaos.cluster import Client, Gone
from tests.chaos.faults import cancel_waits
from tests.chaos.revocations import EVERYTHING, KINDS
from tests.chaos.run import (
    Mode,
    Running,
    Servers,
    cluster,
    guarantee_of,
    new_folder,
    read_store,
)
from tests.chaos.servers import DATABASE, Pair
from tests.chaos.workload import client_of

__all__ = ["SCHEDULES", "Proof", "mutation_of", "perform", "prove", "table"]

_ATTEMPTS = 3
"""Runs with a mutation, at most: a machine that is too busy may hide it once."""
_VICTIMS = 3
_TICK_SECONDS = 0.02
_PATIENCE_SECONDS = 30.0
_LATE_SECONDS: dict[Mode, float] = {"synchronous": 1.5, "asynchronous": 1.5, "sqlite": 3.6}
"""Time after an acknowledgement in which a node that ignores it sends: the bound is 0.5 s, or 2.1 s."""
_AFTER_SECONDS = 0.5
_FILLERS = 20
_STOPS = 3
_ROUNDS = 3
_LONG_LEASE_SECONDS = 1.5
_ADDED_SECONDS = 0.4
"""Delay of each answer to a node, which keeps its lease and learns of each change late."""
_FLOOD_BYTES = 600_000
"""A message to a slow reader, which takes seconds to read it: longer than each bound."""
_CHECKER = "bounded staleness"
"""The checker of the guarantee that each of the mutations breaks."""


class Stage:
    """A cluster with a node `near` that ends rights, and a node `far` with the sockets.

    Args:
        running: The cluster.
        mode: Its mode.
        seed: Chooses which node is which, and the ways in which the rights end.
    """

    def __init__(self, running: Running, mode: Mode, seed: int) -> None:
        self._chance = random.Random(seed)
        self._running = running
        self._mode = mode
        self.nodes = self._chance.sample(running.nodes, len(running.nodes))
        self.near, self.far = self.nodes
        self._parties = 0
        self._victims: list[tuple[str, dict[str, str]]] = []
        self._clients: list[Client] = []

    @property
    def pair(self) -> Pair:
        """The servers."""
        assert self._running.pair is not None
        return self._running.pair

    @property
    def file(self) -> Path:
        """The SQLite file."""
        assert self._running.pair is None
        return self._running.file

    @property
    def on_sqlite(self) -> bool:
        """Whether the store is a file."""
        return self._running.pair is None

    def close(self) -> None:
        """Close the sockets."""
        for client in self._clients:
            client.close()

    async def open(self, *kinds: str, slow: bool = False) -> None:
        """Open a socket on `far` for each kind of `tests.chaos.revocations`; for any kinds by default."""
        kinds = kinds or tuple(self._chance.sample(sorted(KINDS.keys() - {EVERYTHING}), _VICTIMS))
        for kind in kinds:
            self._parties += 1
            asked = await self.near.ask("party", name=f"party-{self._parties}", kinds=[[kind]])
            [victim] = asked["victims"]
            client = client_of(self.far, victim, kind, self._chance, slow=slow)
            self._clients.append(client)
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while not await client.open():  # the node may have lost its lease for a moment
                    await asyncio.sleep(0.1)
            if kind == "connection":
                found = await self.far.ask("connection", principal=victim["principal"])
                victim.update(found)
            if slow:
                flood = {"principal": victim["principal"], "size": _FLOOD_BYTES}
                full = await self.far.ask("flood", piece=_FLOOD_BYTES, **flood)
                if not full["waiting"]:
                    raise Gone("the buffer is not full")
            self._victims.append((kind, victim))
        await asyncio.sleep(0.3)

    async def end(self, *, wait: Literal["log", "cluster"] = "log") -> None:
        """End the rights of all open sockets, and give the other node the time to ignore it."""
        ending = (
            self.near.ask("end", kind=kind, victim=victim, wait=wait, seconds=_PATIENCE_SECONDS)
            for kind, victim in self._victims
        )
        outcomes = [one["outcome"] for one in await asyncio.gather(*ending)]
        if outcomes != ["done"] * len(self._victims):
            raise Gone(f"not acknowledged: {outcomes}")
        self._victims.clear()
        await asyncio.sleep(_LATE_SECONDS[self._mode] if wait == "log" else 2 * _ADDED_SECONDS)

    def cut(self) -> None:
        """Make a black hole between `far` and all servers."""
        for cutter in self.far.cutters:
            cutter.hold()

    def heal(self) -> None:
        """Forward everything again."""
        for cutter in self.far.cutters:
            cutter.heal()

    async def fail_over(self, *, kill: bool) -> None:
        """Promote the standby. If the old primary lives, only `far` still reaches it, and keeps its links."""
        former = self.pair.primary.port
        await self.pair.fail_over(kill=kill)
        for node in self.nodes:
            for cutter in node.cutters if kill or node is not self.far else ():
                cutter.refusing = not kill and cutter.target == former
                cutter.reset()
        await asyncio.sleep(0.6)  # no lease of before is left
        await self.fresh()

    async def is_declared(self) -> bool:
        """Return whether the store holds `far` for lapsed."""
        start = f"n{self.far.number}.%"
        if self.on_sqlite:
            with contextlib.closing(sqlite3.connect(self.file)) as file:
                rows = file.execute("SELECT declared FROM node WHERE id LIKE ?", (start,))
                return bool(rows.fetchall()[0][0])
        connection = await asyncpg.connect(self.pair.primary.url(DATABASE))
        try:
            statement = f"SELECT declared FROM {SCHEMA}.node WHERE id LIKE $1"  # noqa: S608 - a constant
            return bool(await connection.fetchval(statement, start))
        finally:
            await connection.close()

    async def fresh(self) -> None:
        """Wait until all nodes have their lease."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            for node in self.nodes:
                while True:
                    with contextlib.suppress(Gone):
                        if (await node.ask("status", seconds=1.0))["fresh"]:
                            break
                    await asyncio.sleep(0.05)


async def _cut_off(stage: Stage) -> None:
    """A node cannot reach its store while a right ends."""
    await stage.open()
    stage.cut()
    await stage.end()


async def _head_goes_back(stage: Stage) -> None:
    """A lagging standby is promoted: the new log gives positions again that all nodes have applied."""
    await asyncio.sleep(0.3)
    stage.pair.replication.hold()
    for number in range(_FILLERS):
        await stage.near.ask("revoke", kind="session", value=f"nothing-{number}", wait="log")
    await asyncio.sleep(0.5)
    await stage.fail_over(kill=True)
    await stage.open()
    await stage.end()


async def _change_alone(stage: Stage) -> None:
    """A right ends, and nothing else happens."""
    await stage.open()
    await stage.end()


async def _declared_lapsed(stage: Stage) -> None:
    """A node that was declared lapsed goes on, and learns of each change late, but within its lease."""
    for number in range(_STOPS):
        stage.far.signal(signal.SIGSTOP)
        nothing = {"kind": "session", "value": f"nothing-{number}", "wait": "cluster"}
        await stage.near.ask("revoke", seconds=_PATIENCE_SECONDS, **nothing)
        stage.far.signal(signal.SIGCONT)
        await stage.fresh()
        # If it was stopped during a beat, it notices the time that has passed, and joins again.
        if await stage.is_declared():
            break
    for _ in range(
        _ROUNDS
    ):  # a call that takes as long as the delay shows nothing; SQLite has no delay
        await stage.open()
        for cutter in stage.far.cutters:
            cutter.back.delay = _ADDED_SECONDS
        await asyncio.sleep(2 * _ADDED_SECONDS)
        await stage.end(wait="cluster")
        stage.heal()


async def _silent(stage: Stage) -> None:
    """A node that holds its lease learns nothing more, and another node waits for it."""
    for _ in range(_ROUNDS):  # a node that goes on may read the log before it sends
        await stage.open()
        if (
            stage.on_sqlite
        ):  # no link to cut, but a machine may be so busy that the node does not run
            stage.far.signal(signal.SIGSTOP)
        stage.cut()
        await stage.end(wait="cluster")
        stage.far.signal(signal.SIGCONT)
        await asyncio.sleep(_AFTER_SECONDS)
        stage.heal()
        await stage.fresh()


async def _cancelled_waits(stage: Stage) -> None:
    """A node still reaches an old primary, where an operator cancels each wait for the standby."""
    await stage.open()
    cancelling = asyncio.create_task(cancel_waits(stage.pair.primary))
    try:
        await stage.fail_over(kill=False)
        await stage.end()
    finally:
        cancelling.cancel()
        await asyncio.wait([cancelling])


async def _look_ups_behind(stage: Stage) -> None:
    """A heartbeat moves to the new primary, and the look-ups of the node still reach the old one."""
    await stage.open("role withdrawn")
    await stage.fail_over(kill=False)
    await stage.end()


async def _full_buffer(stage: Stage) -> None:
    """A client reads slowly, and its right ends while output waits in the process."""
    await stage.open(slow=True)
    await stage.end()


async def _stopped(stage: Stage) -> None:
    """A node is stopped while a right ends, and longer than the bound. It sends first, and beats then."""
    await stage.open()
    stage.far.signal(signal.SIGSTOP)
    await stage.end()
    stage.far.signal(signal.SIGCONT)
    await asyncio.sleep(_AFTER_SECONDS)


async def _backup_restored(stage: Stage) -> None:
    """An earlier backup is copied over the file: the log gives positions again that nodes have applied."""
    with contextlib.closing(sqlite3.connect(stage.file, timeout=5)) as file:
        with contextlib.closing(sqlite3.connect(stage.file.with_suffix(".backup"))) as backup:
            file.backup(backup)
            for number in range(_FILLERS):
                await stage.near.ask(
                    "revoke", kind="session", value=f"nothing-{number}", wait="log"
                )
            await asyncio.sleep(0.5)
            backup.backup(file)
    await stage.fresh()
    await stage.open()
    await stage.end()


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule, the mode of the cluster, and the length of the leases if it is not that of the store."""

    run: Callable[[Stage], Awaitable[None]]
    mode: Mode = "synchronous"
    lease: float | None = None


SCHEDULES: dict[str, Schedule] = {
    "lease": Schedule(_cut_off),
    "outbox": Schedule(_change_alone),
    "dropping": Schedule(_full_buffer),
    # A lease is the longest time in which the other node does not know of a change.
    "compare-and-set": Schedule(_declared_lapsed, lease=_LONG_LEASE_SECONDS),
    "observation": Schedule(_silent, lease=_LONG_LEASE_SECONDS),
    "warning": Schedule(_cancelled_waits),
    "look-ups": Schedule(_look_ups_behind),
    "epoch": Schedule(_head_goes_back, "asynchronous"),
    "lease on SQLite": Schedule(_stopped, "sqlite"),
    "outbox on SQLite": Schedule(_change_alone, "sqlite"),
    "dropping on SQLite": Schedule(_full_buffer, "sqlite"),
    "compare-and-set on SQLite": Schedule(_declared_lapsed, "sqlite"),
    "observation on SQLite": Schedule(_silent, "sqlite"),
    "epoch on SQLite": Schedule(_backup_restored, "sqlite"),
}
"""A schedule for each of `tests.chaos.mutations.MUTATIONS`, and for each that SQLite has, too.

Two do not apply there. A *warning* says that a standby has not confirmed, and a file has none. *Look-ups*
could only reach another server.
"""


def mutation_of(name: str) -> str:
    """Return the mutation of a schedule."""
    return name.removesuffix(" on SQLite")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the checkers found in the histories of one schedule.

    Attributes:
        violations: Every violation.
        caught: The first one that `bounded_staleness` found. Each mutation breaks that guarantee.
        seconds: From the begin of the schedule to that one.
        acknowledged: Number of acknowledged revocations.
    """

    violations: list[Violation]
    caught: Violation | None
    seconds: float
    acknowledged: int


async def perform(
    name: str, *, mutated: bool, seed: int, folder: Path, servers: Servers
) -> Outcome:
    """Run a schedule, and judge the histories.

    Args:
        name: The schedule.
        mutated: Whether the part is switched off.
        seed: See `Stage`.
        folder: Empty folder for the histories and logs.
        servers: The servers.

    Raises:
        Exception: The cluster did not reach the state, as on a machine that is too busy.
    """
    schedule = SCHEDULES[name]
    async with cluster(
        schedule.mode,
        folder=folder,
        servers=servers,
        nodes=2,
        mutation=mutation_of(name) if mutated else "",
        lease=schedule.lease,
        tick=_TICK_SECONDS,
        at_once=True,
    ) as running:
        stage = Stage(running, schedule.mode, seed)
        began = history.clock()
        try:
            await schedule.run(stage)
        finally:
            stage.close()
            await asyncio.gather(*(node.kill() for node in running.nodes))
            for node in running.nodes:
                for cutter in node.cutters:
                    cutter.reset()  # the server ends the transactions of the node
        await read_store(folder, running.url())
    events = history.read_folder(folder)
    violations = check(events, guarantee_of(schedule.mode))
    caught = next((one for one in violations if one.checker == _CHECKER), None)
    return Outcome(
        violations=violations,
        caught=caught,
        seconds=caught.at - began if caught else 0.0,
        acknowledged=sum(isinstance(e, history.Revoked) and e.outcome == "done" for e in events),
    )


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcomes of one schedule with the mutation and without it.

    Attributes:
        name: The schedule.
        seed: See `Stage`.
        attempts: Number of runs with the mutation.
        without: The last outcome with the part switched off; None if no run reached the state.
        sound: The outcome with the whole design.
    """

    name: str
    seed: int
    attempts: int
    without: Outcome | None
    sound: Outcome | None

    @property
    def holds(self) -> bool:
        """Whether the checker noticed the mutation, and found nothing in the same schedule without it."""
        return (
            self.without is not None
            and self.without.caught is not None
            and self.sound is not None
            and self.sound.acknowledged > 0
            and not self.sound.violations
        )

    def row(self) -> str:
        """Return the row of the table of `table`."""
        without, sound = self.without, self.sound
        caught = without.caught if without else None
        cells = [
            self.name,
            SCHEDULES[self.name].mode,
            caught.checker if caught else "**not caught**",
            f"{without.seconds:.1f}" if without and caught else "",
            str(len(without.violations)) if without else "",
            str(len(sound.violations)) if sound else "no result",
            str(self.attempts),
            str(self.seed),
        ]
        return f"| {' | '.join(cells)} |"


async def prove(name: str, *, seed: int, servers: Servers, report: Callable[[str], None]) -> Proof:
    """Run a schedule with its mutation until a checker notices it, and once without the mutation.

    Args:
        name: The mutation.
        seed: See `Stage`.
        servers: The servers.
        report: Gets a line for each run.
    """

    async def attempt(*, mutated: bool) -> Outcome | None:
        folder = new_folder(f"{name}-{seed}")
        report(f"{time.strftime('%H:%M:%S')} {'without' if mutated else 'with'} {name}: {folder}")
        try:
            return await perform(name, mutated=mutated, seed=seed, folder=folder, servers=servers)
        except Exception:  # noqa: BLE001 - another attempt tells whether it comes again
            report(f"the schedule failed\n{traceback.format_exc()}")
            return None

    without = sound = None
    attempts = 0
    while (without is None or without.caught is None) and attempts < _ATTEMPTS:
        without = await attempt(mutated=True)
        attempts += 1
    for _ in range(_ATTEMPTS):
        sound = sound or await attempt(mutated=False)
    for one in sound.violations[:5] if sound else ():
        report(f"  with {name}: {one.checker}: {one.text}")
    return Proof(name, seed, attempts, without, sound)


def table(proofs: Sequence[Proof]) -> str:
    """Return a table in Markdown."""
    head = "| without | mode | caught by | after, s | violations | violations with it | attempts | seed |"
    lines = ["", head, "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    return "\n".join([*lines, *(proof.row() for proof in proofs)])
