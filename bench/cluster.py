"""Measure a cluster on this machine: how soon a revocation counts everywhere.

    python bench/cluster.py                      # all figures but the idle sockets, about two minutes
    python bench/cluster.py --only calm,cut      # some of them
    python bench/cluster.py --only '' --sockets 50000     # idle sockets, on as many nodes as can hold them
    python bench/cluster.py --markdown           # the table for the documentation

The nodes are those of `make chaos`: processes with the real guard, on a PostgreSQL primary with a synchronous
standby. Times of revocations come from the histories: from the acknowledgement to the last check before a
`send()` to the revoked principal, by one clock. All servers listen on loopback only. `bench/stores.py` has
the cost of a handshake and of a message on PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import resource
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.chaos import history  # noqa: E402 - found by the line above
from tests.chaos.checkers import Guarantee, staleness  # noqa: E402
from tests.chaos.cluster import Client, NodeProcess  # noqa: E402
from tests.chaos.run import cluster, settled  # noqa: E402
from tests.support.postgresql import binaries  # noqa: E402

STRONG = Guarantee(0.5)
IDLE = ROOT / "bench" / "idle_clients.py"
OTHER_FILES = 1_000
"""Open files of a node beside its idle sockets."""
PATIENCE = 30.0
"""Seconds for an answer of a node, which may hold thousands of sockets."""
TALKING = 100
MESSAGES_PER_SECOND = 5_000


@dataclass(frozen=True)
class Figure:
    """One measured figure, and its goal."""

    name: str
    text: str
    goal: str
    good: bool


def percentile(values: list[float], part: float) -> float:
    """Return a percentile in milliseconds; infinity of no values."""
    if not values:
        return math.inf
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(part * len(ordered)) - 1)] * 1000


class Bench:
    """Nodes, and what is measured on them."""

    def __init__(self, nodes: list[NodeProcess], folder: Path, numbers: Callable[[], int]) -> None:
        self.nodes = nodes
        self.folder = folder
        self._number = numbers

    async def _session(self, kind: str) -> dict[str, str]:
        """Return the id and the cookie of a session of a new principal, named after its `kind`."""
        id = f"{kind}-{self._number()}"
        await self.nodes[0].ask("principal", id=id, seconds=PATIENCE)
        return await self.nodes[0].ask("session", principal=id, seconds=PATIENCE)

    async def _victim(self) -> tuple[str, list[Client]]:
        """Return a session, with a socket on each node."""
        session = await self._session("victim")
        clients = [Client(node, cookie=session["cookie"]) for node in self.nodes]
        for client in clients:
            # A node on a busy machine may be without its lease for a moment.
            async with asyncio.timeout(30):
                while not await client.open():  # noqa: ASYNC110 - nothing tells when it is fresh
                    await asyncio.sleep(0.2)
        return session["session"], clients

    async def _revocations(self, number: int, wait: str) -> None:
        for _ in range(number):
            session, clients = await self._victim()
            await asyncio.sleep(0.1)
            await self.nodes[0].ask(
                "revoke", kind="session", value=session, wait=wait, seconds=PATIENCE
            )
            await asyncio.sleep(0.15)
            for client in clients:
                client.close()

    def _events(self) -> list[history.Event]:
        return history.read(self.folder.glob("*.jsonl"))

    async def calm(self, number: int) -> Figure:
        """Time from an acknowledgement to the last message on another node."""
        await self._revocations(number, "log")
        others = [e for e in self._events() if not isinstance(e, history.Sent) or e.by[1] != "0"]
        late = [max(0.0, seconds) for seconds in staleness(others, STRONG).values()]
        p50, p99 = percentile(late, 0.5), percentile(late, 0.99)
        return Figure(
            f"revocation → last message on another node, calm ({len(late)} revocations)",
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
            "p50 ≤ 10 ms, p99 ≤ 50 ms",
            p50 <= 10 and p99 <= 50,
        )

    async def wait(self, number: int) -> Figure:
        """Duration of a revocation that waits for the cluster."""
        began = history.clock()
        await self._revocations(number, "cluster")
        took = [
            e.at - e.asked
            for e in self._events()
            if isinstance(e, history.Revoked) and e.wait == "cluster" and e.asked > began
        ]
        p50, p99 = percentile(took, 0.5), percentile(took, 0.99)
        return Figure(
            f'`revoke(wait="cluster")` ({len(took)} revocations)',
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
            "p99 ≤ 50 ms",
            p99 <= 50,
        )

    async def cut(self, number: int) -> Figure:
        """Time from an acknowledgement to the last message on a node that is cut off."""
        found: list[float] = []
        for _ in range(number):
            session, clients = await self._victim()
            cut = self.nodes[-1]
            for cutter in cut.cutters:
                cutter.hold()
            await self.nodes[0].ask("revoke", kind="session", value=session, wait="log")
            await asyncio.sleep(0.8)
            for cutter in cut.cutters:
                cutter.heal()
            late = staleness(self._events(), STRONG)
            found.append(late[f"session:{session}"])
            for client in clients:
                client.close()
            await settled(self.nodes)
        most = max(found) * 1000
        return Figure(
            f"node cut off from everything → its last message ({number} times)",
            f"at most {most:.0f} ms",
            "≤ 500 ms",
            most <= 500,
        )

    async def rate(self, seconds: float, sessions: int) -> Figure:
        """Revocations per second, by two nodes at once; of stored sessions, or of ones that do not exist."""
        counts = await asyncio.gather(
            *(
                node.ask("burst", workers=64, during=seconds, sessions=sessions, seconds=120)
                for node in self.nodes[:2]
            )
        )
        count = sum(one["count"] for one in counts)
        per_second = count / max(one["seconds"] for one in counts)
        cpu = sum(one["cpu"] for one in counts) / count
        what = "of stored sessions" if sessions else "of sessions that do not exist"
        return Figure(
            f"acknowledged revocations per second {what}, by two nodes ({count:,} revocations)",
            f"{per_second:,.0f} ({cpu * 1000:.2f} ms of a node's CPU each)",
            "≥ 1,000",
            per_second >= 1000,
        )

    async def _idle(self, stack: contextlib.AsyncExitStack, each: int, seconds: float) -> list[int]:
        """Open idle sockets on each node, in a process for each. Returns their numbers."""
        cookie = (await self._session("idle"))["cookie"]
        started = []
        for number, node in enumerate(self.nodes, start=2):
            words = (IDLE, node.port, cookie, f"127.0.0.{number}", each, seconds)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *map(str, words)), stdin=PIPE, stdout=PIPE
            )
            stack.callback(_end, process)
            started.append(process)
        return [await self._ready(one) for one in started]

    async def _ready(self, process: asyncio.subprocess.Process) -> int:
        assert process.stdout is not None
        async for line in process.stdout:
            print(f"idle sockets: {line.decode().strip()}", file=sys.stderr)
            if line.startswith(b"ready"):
                return int(line.split()[1])
        raise RuntimeError("the idle clients ended early")

    async def _talking(self) -> list[Client]:
        """Return clients of one session that send messages, as many on each node."""
        cookie = (await self._session("idle-talking"))["cookie"]
        each = TALKING // len(self.nodes)
        clients = [Client(node, cookie=cookie) for node in self.nodes for _ in range(each)]
        for client in clients:
            async with asyncio.timeout(60):
                while not await client.open(30.0):  # noqa: ASYNC110 - nothing tells when it is fresh
                    await asyncio.sleep(0.2)
        return clients

    async def _costs(self) -> list[tuple[float, int]]:
        """Return the seconds of CPU and the bytes of memory of each node."""
        answers = [await node.ask("cpu", seconds=PATIENCE) for node in self.nodes]
        return [(one["seconds"], one["memory"]) for one in answers]

    async def capacity(self, sockets: int, opening: float, seconds: float) -> list[Figure]:
        """Revocations, beside idle sockets on all nodes and clients that send messages."""
        nodes = len(self.nodes)
        async with contextlib.AsyncExitStack() as stack:
            began, before = time.monotonic(), await self._costs()
            idle = await self._idle(stack, math.ceil(sockets / nodes), opening)
            took = time.monotonic() - began
            memory = [now[1] - was[1] for now, was in zip(await self._costs(), before, strict=True)]
            talking = await self._talking()
            sent, stopping = 0, time.monotonic() + seconds

            async def talk() -> None:
                nonlocal sent
                due = time.monotonic()
                while due < stopping:
                    for client in talking:
                        client.send()
                    sent += len(talking)
                    due += len(talking) / MESSAGES_PER_SECOND
                    await asyncio.sleep(max(0.0, due - time.monotonic()))

            async def revoke(wait: str) -> None:
                while time.monotonic() < stopping:
                    await self._revocations(1, wait)

            started, before = history.clock(), await self._costs()
            await asyncio.gather(talk(), *(revoke(w) for w in ("log", "log", "log", "cluster")))
            used = [
                (now[0] - was[0]) / seconds
                for now, was in zip(await self._costs(), before, strict=True)
            ]
            # Before the histories are read: the proxies of this process stand still meanwhile.
            held = [
                (await node.ask("status", seconds=PATIENCE))["connections"] for node in self.nodes
            ]
            for client in talking:
                client.close()
        events = [one for one in self._events() if one.at > started]
        late = [max(0.0, s) for s in staleness(events, STRONG).values()]
        waits = [
            one.at - one.asked
            for one in events
            if isinstance(one, history.Revoked) and one.wait == "cluster"
        ]
        # A message of a moment without the lease is in the history.
        lapses = len({(one.by, int(one.at)) for one in events if isinstance(one, history.Held)})
        p50, p99, waited = percentile(late, 0.5), percentile(late, 0.99), percentile(waits, 0.99)
        run = (
            f"{nodes} nodes × {sum(idle) // nodes:,} idle sockets, {sent / seconds:,.0f} messages/s"
        )
        complete = sum(idle) >= sockets and sum(held) >= sockets
        return [
            Figure(
                f"revocation → last message ({len(late)} revocations), with {run} ({sum(held):,} open"
                " at the end)",
                f"p50 {p50:.1f} ms, p99 {p99:.1f} ms (opened in {took:.0f} s; the nodes used"
                f" {', '.join(f'{one:.2f}' for one in used)} processors)",
                "p50 ≤ 10 ms, p99 ≤ 50 ms",
                p50 <= 10 and p99 <= 50 and complete,
            ),
            Figure(
                f'`revoke(wait="cluster")` meanwhile ({len(waits)} revocations)',
                f"p99 {waited:.1f} ms",
                "p99 ≤ 50 ms",
                waited <= 50,
            ),
            Figure("seconds in which a node was without its lease", f"{lapses}", "0", lapses == 0),
            Figure(
                "memory of a node for an idle socket, without the kernel's",
                f"{sum(memory) / max(1, sum(idle)) / 1024:.1f} KiB",
                "-",
                good=True,
            ),
        ]


def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()


@contextlib.asynccontextmanager
async def bench(nodes: int, *, proxied: bool = False) -> AsyncIterator[Bench]:
    """Give a cluster on a primary with a synchronous standby.

    Without proxies: each statement and each commit would wait for the loop of this process, which also sends
    the messages of all clients.
    """
    counter = iter(range(1, 1 << 30))
    with tempfile.TemporaryDirectory(prefix="stormdoor-bench-") as folder:
        async with cluster(
            "synchronous",
            folder=Path(folder),
            nodes=nodes,
            programs=binaries(),
            proxied=proxied,
            tick=0.005,
        ) as running:
            yield Bench(running.nodes, Path(folder), lambda: next(counter))
            await asyncio.sleep(0.1)  # the ends of the sockets


PARTS: dict[str, Callable[[Bench], Coroutine[Any, Any, Figure]]] = {
    "calm": lambda one: one.calm(200),
    "wait": lambda one: one.wait(100),
    "cut": lambda one: one.cut(20),
    "rate": lambda one: one.rate(30.0, 2_560),
    "rate-unknown": lambda one: one.rate(5.0, 0),
}


async def measure(only: set[str], sockets: int) -> list[Figure]:
    """Measure the chosen parts."""
    found: list[Figure] = []
    for name, part in PARTS.items():
        if name in only:
            # A cluster of its own: the histories of one part do not slow down the next.
            async with bench(3, proxied=name == "cut") as one:
                found.append(await part(one))
            print(f"{found[-1].name}: {found[-1].text}", file=sys.stderr)
    if sockets:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        nodes = max(2, math.ceil(sockets / (files - OTHER_FILES)))
        async with bench(nodes) as one:
            found += await one.capacity(sockets, 400.0, 20.0)
    return found


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names = ",".join(PARTS)
    parser.add_argument("--only", default=names, help=f"some of {names}")
    parser.add_argument(
        "--sockets", type=int, default=0, help="idle sockets of all nodes, for the capacity"
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print a table for the documentation"
    )
    options = parser.parse_args()
    figures = asyncio.run(measure(set(filter(None, options.only.split(","))), options.sockets))
    if options.markdown:
        print("| figure | measured | goal |\n|:--|--:|--:|")
    for figure in figures:
        parts = (figure.name, figure.text, f"{figure.goal}{'' if figure.good else ' (missed)'}")
        print(f"| {' | '.join(parts)} |" if options.markdown else ": ".join(parts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
