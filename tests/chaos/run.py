"""One run: a cluster in a mode, faults and clients by a seed, and the judgement of the histories."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from stormdoor.guard.trail_verification import verify_trail
from stormdoor.ports.trail import all_pages
from stormdoor.stores import open_store
from tests.chaos import history
from tests.chaos.checkers import (
    Guarantee,
    Violation,
    acknowledged,
    check,
    checked,
    fenced,
    outlived,
    staleness,
    unchecked,
)
from tests.chaos.cluster import Gone, NodeProcess, cutters
from tests.chaos.faults import Faults
from tests.chaos.operator import Operator
from tests.chaos.revocations import name_of
from tests.chaos.servers import DATABASE, Pair
from tests.chaos.workload import Workload
from tests.support.postgresql import Binaries

__all__ = [
    "MODES",
    "Method",
    "Mode",
    "Result",
    "Running",
    "Servers",
    "by_part",
    "cluster",
    "counted",
    "guarantee_of",
    "new_folder",
    "read_store",
    "run",
    "settled",
]

Mode = Literal["synchronous", "asynchronous", "sqlite"]
MODES: tuple[Mode, ...] = ("synchronous", "asynchronous", "sqlite")
_LEASE_SECONDS: dict[Mode, float] = {"synchronous": 0.4, "asynchronous": 0.4, "sqlite": 2.0}
"""The leases that the documentation promises, not those of the code."""
_SLACK_SECONDS = 0.1
_SETTLE_SECONDS = 60.0


class Method(NamedTuple):
    """A kind of revocation, and the interface that was called."""

    kind: str
    way: history.Way


@dataclass(frozen=True)
class Result:
    """The outcome of a run.

    Attributes:
        mode: How it ran.
        seed: Its seed.
        events: Number of events by kind.
        faults: Number of faults by kind.
        possible: The faults that could come.
        acknowledged: Number of acknowledged revocations, by kind, and by the interface that was called.
        checked: Number of those that another node could have ignored, by the same: see `checkers.checked`.
        unchecked: Number of the others, by reason: see `checkers.unchecked`.
        during: Number of checked ones that were acknowledged during a fault, by kind of fault.
        outlived: Number of checked ones of sockets that are older than a failover.
        fenced: Number of those during which a node had no lease, and held a message.
        worst: Longest time in seconds from an acknowledgement to a message.
        failed: Number of operations that a fault prevented.
        violations: Every violation.
    """

    mode: Mode
    seed: int
    events: dict[str, int]
    faults: dict[str, int]
    possible: list[str]
    acknowledged: dict[Method, int]
    checked: dict[Method, int]
    unchecked: dict[str, int]
    during: dict[str, int]
    outlived: int
    fenced: int
    worst: float
    failed: int
    violations: list[Violation]

    @property
    def total(self) -> int:
        """The number of checked revocations."""
        return sum(self.checked.values())

    def shares(self, part: Callable[[Method], str]) -> str:
        """Return the numbers of checked and of acknowledged revocations by kind, or by interface."""
        return counted(by_part(self.checked, part), by_part(self.acknowledged, part))

    def __str__(self) -> str:
        lines = [
            (
                f"{self.mode}, seed {self.seed}: {self.total} revocations checked of "
                f"{sum(self.acknowledged.values())}, {self.fenced} of them beside a node without a lease, "
                f"{self.outlived} on sockets older than a failover, "
                f"worst {self.worst * 1000:.0f} ms, {self.failed} operations failed, "
                f"{len(self.violations)} violations"
            ),
            "  kinds, checked/acknowledged: " + self.shares(lambda method: method.kind),
            "  interfaces: " + self.shares(lambda method: method.way),
            "  not checked: " + counted(self.unchecked),
            "  checked during: " + counted(self.during),
            "  events: " + counted(self.events),
            "  faults: " + counted(self.faults),
        ]
        return "\n".join(
            lines + [f"  {v.at:.3f} {v.checker}: {v.text}" for v in self.violations[:20]]
        )


def by_part(numbers: Mapping[Method, int], part: Callable[[Method], str]) -> Counter[str]:
    """Return the numbers by one part of the method."""
    found: Counter[str] = Counter()
    for method, number in numbers.items():
        found[part(method)] += number
    return found


def counted(numbers: Mapping[str, int], of: Mapping[str, int] | None = None) -> str:
    """Return numbers by name, in the order of the names; if `of` is given, each beside that one."""
    if of is not None:
        return ", ".join(
            f"{numbers.get(name, 0)}/{number} {name}" for name, number in sorted(of.items())
        )
    return ", ".join(f"{number} {name}" for name, number in sorted(numbers.items()))


class Servers:
    """Pairs of servers for several runs. Each run gets a new database; a run that fails takes its pair along.

    Args:
        programs: PostgreSQL, or None for SQLite only.
        proxied: As of `Pair`.
    """

    def __init__(self, programs: Binaries | None, *, proxied: bool = True) -> None:
        self._programs = programs
        self._proxied = proxied
        self._pairs: dict[Mode, Pair] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        while self._pairs:
            await self._pairs.popitem()[1].__aexit__()

    @contextlib.asynccontextmanager
    async def lend(self, mode: Mode) -> AsyncIterator[Pair | None]:
        """Give the servers of a mode, with an empty database; None for SQLite."""
        if mode == "sqlite":
            yield None
            return
        from stormdoor.stores.postgresql import owner  # the extra may be missing

        assert self._programs is not None
        pair = self._pairs.pop(mode, None)
        async with contextlib.AsyncExitStack() as stack:
            if pair is None:
                synchronous = mode == "synchronous"
                pair = Pair(self._programs, synchronous=synchronous, proxied=self._proxied)
                await stack.enter_async_context(pair)
                await owner.migrate(pair.primary.url(DATABASE))
                await pair.add_standby()
            else:
                stack.push_async_exit(pair)
                if pair.standby is None:  # a schedule ended after a failover
                    await pair.rebuild()
                await pair.empty()
                await owner.migrate(pair.primary.url(DATABASE))
            yield pair
            stack.pop_all()
            self._pairs[mode] = pair


def _through(pair: Pair, ports: Sequence[int]) -> str:
    """Return the URL of the store that names the cutters of a node as its hosts."""
    url = pair.primary.url(DATABASE)
    before, _, after = url.partition("@")
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"{before}@{hosts}/{after.partition('/')[2]}"


@dataclass(frozen=True)
class Running:
    """A cluster that runs. `pair` has its servers, or `file` its database."""

    nodes: list[NodeProcess]
    pair: Pair | None
    file: Path

    def url(self) -> str:
        """Return the URL of the store, without proxies: that of the primary at this moment."""
        return f"sqlite://{self.file}" if self.pair is None else self.pair.primary.url(DATABASE)


@contextlib.asynccontextmanager
async def cluster(
    mode: Mode,
    *,
    folder: Path,
    nodes: int = 3,
    programs: Binaries | None = None,
    servers: Servers | None = None,
    proxied: bool = True,
    **options: Any,
) -> AsyncIterator[Running]:
    """Give a cluster of which all nodes are fresh.

    Args:
        mode: The store and its guarantee.
        folder: Empty folder for the histories and logs.
        nodes: Number of nodes.
        programs: PostgreSQL, except for SQLite.
        servers: Servers that other runs have used, instead of new ones.
        proxied: Whether proxies of this process, which break links, are between the parts.
        options: Further fields of `Configuration`.
    """
    async with contextlib.AsyncExitStack() as stack:
        if servers is None:
            servers = await stack.enter_async_context(Servers(programs, proxied=proxied))
        pair = await stack.enter_async_context(servers.lend(mode))
        file = folder / "door.db"
        made: list[NodeProcess] = []
        for number in range(nodes):
            store, links = f"sqlite://{file}", []
            if pair is not None:
                assert pair.standby is not None
                ports = [pair.primary.port, pair.standby.port]
                if proxied:
                    links = await stack.enter_async_context(cutters(ports))
                    ports = [link.port for link in links[:: -1 if number % 2 else 1]]
                store = _through(pair, ports)
            made.append(NodeProcess(number, store, links, folder, **options))
        for node in made:
            stack.push_async_callback(node.stop)
        await asyncio.gather(*(node.start() for node in made))
        await settled(made)
        yield Running(made, pair, file)


def new_folder(name: str) -> Path:
    """Return a new folder for histories, which stay after the run."""
    return Path(tempfile.mkdtemp(prefix=f"chaos-{name}-"))


def guarantee_of(mode: Mode) -> Guarantee:
    """Return what a cluster of that mode guarantees."""
    bound = _LEASE_SECONDS[mode] + _SLACK_SECONDS
    return Guarantee(bound, across_failover=mode != "asynchronous")


async def run(
    mode: Mode,
    *,
    seed: int,
    seconds: float,
    folder: Path,
    programs: Binaries | None = None,
    servers: Servers | None = None,
    parties: int = 8,
    calm: bool = False,
    only: Sequence[str] = (),
) -> Result:
    """Run a cluster for so many seconds, and judge what it did.

    Args:
        mode: The store and its guarantee.
        seed: Seed of all choices.
        seconds: Time with clients and faults; after it, no fault begins.
        folder: Empty folder for the histories and logs.
        programs: PostgreSQL, except for SQLite.
        servers: Servers that other runs have used, instead of new ones.
        parties: Number of parties of principals at once.
        calm: Whether there are no faults.
        only: Names of the faults that may come; empty for all.
    """
    guarantee = guarantee_of(mode)
    async with contextlib.AsyncExitStack() as stack:
        running = await stack.enter_async_context(
            cluster(mode, folder=folder, programs=programs, servers=servers)
        )
        nodes, pair, file = running.nodes, running.pair, running.file
        writer = stack.enter_context(history.Writer(folder / "faults.jsonl", "faults"))
        operator = Operator(running.url, folder)
        workload = Workload(
            nodes, seed=seed, operator=operator, bound=guarantee.bound, parties=parties
        )
        database = {"pair": pair} if pair else {"file": file}
        faults = Faults(nodes, writer, seed=seed, operator=operator, only=only, **database)
        late, stopping = asyncio.Event(), asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, late.set)
        async with asyncio.TaskGroup() as group:
            group.create_task(workload.run(stopping))
            # The last fault may take longer: clients work until it is mended.
            await (late.wait() if calm else faults.run(late))
            stopping.set()
        await settled(nodes)
        await asyncio.gather(*(node.stop() for node in nodes))
        await read_store(folder, running.url())
    return _judged(folder, mode, seed, guarantee, faults, workload)


def _judged(
    folder: Path,
    mode: Mode,
    seed: int,
    guarantee: Guarantee,
    faults: Faults,
    workload: Workload,
) -> Result:
    """Read the histories, and check them."""
    events = history.read_folder(folder)
    late = staleness(events, guarantee)
    kinds = Counter(type(event).__name__.lower() for event in events)
    sound = checked(events, guarantee)
    return Result(
        mode=mode,
        seed=seed,
        events=dict(kinds),
        faults=faults.counts | {"slow_reader": workload.full_buffers},
        possible=[*faults.names, "slow_reader"],
        acknowledged=_by_method(acknowledged(events).values()),
        checked=_by_method(sound.values()),
        unchecked=dict(Counter(unchecked(events, guarantee).values())),
        during=_during(events, sound.values()),
        outlived=len(outlived(events, guarantee)),
        fenced=len(fenced(events) & sound.keys()),
        worst=max(late.values(), default=0.0),
        failed=workload.failed,
        violations=check(events, guarantee),
    )


def _by_method(revoked: Collection[history.Revoked]) -> dict[Method, int]:
    return dict(Counter(Method(one.kind, one.way) for one in revoked))


def _during(events: Sequence[history.Event], sound: Collection[history.Revoked]) -> dict[str, int]:
    """Return the number of checked revocations that were acknowledged during each kind of fault."""
    began: dict[str, float] = {}
    found: Counter[str] = Counter()
    for event in events:
        if isinstance(event, history.Fault):
            if event.phase == "begin":
                began[event.kind] = event.at
            else:
                found[event.kind] += sum(began[event.kind] <= one.at <= event.at for one in sound)
    return dict(found)


async def settled(nodes: Sequence[NodeProcess]) -> None:
    """Wait until all nodes are fresh and have applied the same entries.

    Raises:
        TimeoutError: They do not, although no fault is left: that is a violation of its own.
    """
    async with asyncio.timeout(_SETTLE_SECONDS):
        while True:
            with contextlib.suppress(Gone):
                found = [await node.ask("status", seconds=5.0) for node in nodes]
                positions = {(one["epoch"], one["seq"]) for one in found}
                if len(positions) == 1 and all(one["fresh"] and one["running"] for one in found):
                    return
            await asyncio.sleep(0.1)


async def read_store(folder: Path, url: str) -> None:
    """Write what the store holds in the end."""
    store = open_store(url)
    await store.open()
    try:
        entries = await store.revocations(0)
        stored = [one async for page in all_pages(store, event="chaos") for one in page]
        trail = await verify_trail(store, key=None)
    finally:
        await store.close()
    with history.Writer(folder / "end.jsonl", "end") as writer:
        same = {"at": history.clock(), "by": "end"}
        for entry in entries:
            name = name_of(entry)
            writer.write(history.Logged(seq=entry.seq, target=name, epoch=entry.epoch, **same))  # type: ignore[arg-type]
        for one in stored:
            writer.write(history.Stored(entry=one.event.detail, **same))  # type: ignore[arg-type]
        found = history.Verified(
            entries=trail.entries,
            chains=trail.chains,
            faults=trail.faults,
            **same,  # type: ignore[arg-type]
        )
        writer.write(found)
