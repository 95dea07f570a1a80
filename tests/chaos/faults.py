"""Faults of nodes, links and servers, chosen by a seed. Each is over, and mended, when its method returns."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import asyncpg

from tests.chaos import history
from tests.chaos.cluster import Gone, NodeProcess
from tests.chaos.cutter import Cutter
from tests.chaos.operator import Operator
from tests.chaos.servers import DATABASE, Pair, can_fill_disk, fill_disk, free_disk
from tests.support.postgresql import Server

__all__ = ["Faults", "cancel_waits"]

Fault = Callable[[], Awaitable[str | None]]
"""Injects a fault, and returns its degree, if it has several."""
_CANCEL_WAITS = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
_FOLLOW_SECONDS = 30.0
_JUMPS = (0.0, 1.0, -1.0, 3600.0, -3600.0)


async def cancel_waits(server: Server) -> None:
    """End each wait of a commit for the standby, as an operator can: the commit succeeds with a warning."""
    connection = await asyncpg.connect(server.url(), timeout=5)
    try:
        while True:
            await connection.execute(_CANCEL_WAITS)
            await asyncio.sleep(0.02)
    finally:
        connection.terminate()


class Faults:
    """Injects one fault after the other.

    Args:
        nodes: The nodes.
        writer: History of the injector.
        seed: Seed of all choices.
        operator: Runs commands.
        pair: The servers, if there are any.
        file: The SQLite file, if there is one.
        only: Names of the faults to inject; empty for all.
    """

    def __init__(
        self,
        nodes: Sequence[NodeProcess],
        writer: history.Writer,
        *,
        seed: int,
        operator: Operator,
        pair: Pair | None = None,
        file: Path | None = None,
        only: Sequence[str] = (),
    ) -> None:
        self._nodes = nodes
        self._writer = writer
        self._chance = random.Random(seed)
        self._operator = operator
        self._pair = pair
        self._file = file
        self.counts: dict[str, int] = {}
        """Number of faults by kind."""
        self._kinds: list[Fault] = [
            self.stop_node,
            self.kill_node,
            self.stutter,
            self.set_clock,
        ]
        if file is not None:
            self._kinds.append(self.hold_file)
        if pair is not None:
            self._kinds += [
                self.cut_node,
                self.cut_one_direction,
                self.reset_links,
                self.lose_answers,
                self.slow_store,
                self.slow_node,
                self.cut_replication,
                self.stop_primary,
                self.wake_for_nothing,
                self.rotate_epoch,
                self.lose_primary,
                self.isolate_primary,
            ]
            if pair.synchronous:
                self._kinds.append(self.isolate_primary_and_cancel_waits)
            else:
                self._kinds += [self.lose_primary_with_lag, self.lose_primary_with_lag_behind_a_cut]
            if can_fill_disk():
                self._kinds.append(self.fill_disk)
        if only:
            self._kinds = [getattr(self, name) for name in only]

    @property
    def names(self) -> list[str]:
        """The kinds that may come."""
        return [fault.__name__ for fault in self._kinds]

    async def run(self, stopping: asyncio.Event) -> None:
        """Inject faults until `stopping` is set. Every kind comes once before one comes again."""
        deck: list[Fault] = []
        while not stopping.is_set():
            if not deck:
                deck = list(self._kinds)
                self._chance.shuffle(deck)
            fault = deck.pop()
            name = fault.__name__
            self._note(name, "begin")
            degree = await fault()
            self._note(name, "end")
            kind = name if degree is None else f"{name} {degree}"
            self.counts[kind] = self.counts.get(kind, 0) + 1
            await asyncio.sleep(self._chance.uniform(0.3, 1.0))

    def _note(self, kind: str, phase: str) -> None:
        event = history.Fault(at=history.clock(), by="faults", kind=kind, phase=phase)  # type: ignore[arg-type]
        self._writer.write(event)

    def _node(self) -> NodeProcess:
        return self._chance.choice(self._nodes)

    async def _wait(self, least: float, most: float) -> None:
        await asyncio.sleep(self._chance.uniform(least, most))

    # -- nodes -------------------------------------------------------------------------------------

    async def stop_node(self) -> None:
        """SIGSTOP."""
        node = self._node()
        node.signal(signal.SIGSTOP)
        await self._wait(0.2, 3.0)
        node.signal(signal.SIGCONT)

    async def stutter(self) -> None:
        """Stop nodes for moments, at any await."""
        for _ in range(40):
            node = self._node()
            node.signal(signal.SIGSTOP)
            await self._wait(0.005, 0.06)
            node.signal(signal.SIGCONT)
            await self._wait(0.0, 0.02)

    async def kill_node(self) -> None:
        """SIGKILL, and another start."""
        node = self._node()
        self._writer.write(history.Gone(at=history.clock(), by=node.name))
        await node.kill()
        await self._wait(0.0, 1.0)
        await node.start()

    async def set_clock(self) -> str:
        """Set the wall clock of a node."""
        node = self._node()
        node.ahead = self._chance.choice(_JUMPS)
        with contextlib.suppress(Gone):
            await node.ask("set_clock", ahead=node.ahead, seconds=1.0)
        return f"{node.ahead:+g} s"

    # -- links -------------------------------------------------------------------------------------

    def _heal(self, node: NodeProcess) -> None:
        for cutter in node.cutters:
            cutter.heal()

    async def cut_node(self) -> None:
        """A black hole between a node and all servers."""
        node = self._node()
        for cutter in node.cutters:
            cutter.hold()
        await self._wait(0.3, 3.0)
        self._heal(node)

    async def cut_one_direction(self) -> str:
        """A black hole for one direction between a node and one server."""
        node = self._node()
        cutter: Cutter = self._chance.choice(node.cutters)
        name, direction = self._chance.choice((("there", cutter.there), ("back", cutter.back)))
        direction.hold()
        await self._wait(0.3, 3.0)
        self._heal(node)
        return name

    async def reset_links(self) -> None:
        """Reset all connections of a node to its store, also new ones for a moment."""
        node = self._node()
        for cutter in node.cutters:
            cutter.refusing = True
            cutter.reset()
        await self._wait(0.0, 0.5)
        self._heal(node)

    async def lose_answers(self) -> None:
        """The servers get what a node writes, and their answers are lost; then the connections are reset."""
        node = self._node()
        for cutter in node.cutters:
            cutter.back.dropping = True
        await self._wait(0.05, 0.8)
        self._heal(node)

    async def slow_store(self) -> str:
        """Every answer is late, for one node or for all."""
        nodes = self._chance.choice((self._nodes, [self._node()]))
        seconds = self._chance.choice((0.05, 0.2, 1.0, 5.0))
        for node in nodes:
            for cutter in node.cutters:
                cutter.back.delay = seconds
        await self._wait(1.0, 3.0)
        for node in nodes:
            self._heal(node)
        return f"{seconds:g} s"

    async def slow_node(self) -> None:
        """Every answer to one node is late, by less than a lease."""
        node = self._node()
        for cutter in node.cutters:
            cutter.back.delay = 0.15
        await self._wait(2.0, 3.0)
        self._heal(node)

    # -- servers -----------------------------------------------------------------------------------

    @property
    def _servers(self) -> Pair:
        assert self._pair is not None
        return self._pair

    async def cut_replication(self) -> None:
        """A black hole between primary and standby: a synchronous commit waits."""
        self._servers.replication.hold()
        await self._wait(0.5, 2.0)
        self._servers.replication.heal()

    async def stop_primary(self) -> None:
        """SIGSTOP of the primary."""
        self._servers.primary.pause()
        try:
            await self._wait(0.3, 2.0)
        finally:
            self._servers.primary.resume()

    async def wake_for_nothing(self) -> None:
        """Notifications without an entry, many and out of order."""
        with contextlib.suppress(OSError, asyncpg.PostgresError, TimeoutError):
            connection = await asyncpg.connect(self._servers.primary.url(DATABASE), timeout=5)
            for number in self._chance.sample(range(10_000), 100):
                await connection.execute(f"NOTIFY stormdoor_revocation, '{number}'", timeout=5)
            await connection.close()

    async def rotate_epoch(self) -> None:
        """`stormdoor migrate rotate-epoch`, as after a restore. Each node must load the log, and continue.

        Raises:
            TimeoutError: A node does not.
        """
        epoch = await self._operator.rotate_epoch()
        async with asyncio.timeout(_FOLLOW_SECONDS):
            for node in self._nodes:
                while not await self._follows(node, epoch):
                    await asyncio.sleep(0.05)

    async def _follows(self, node: NodeProcess, epoch: str) -> bool:
        try:
            found = await node.ask("status", seconds=1.0)
        except Gone:
            return False
        return bool(found["fresh"]) and str(found["epoch"]).startswith(epoch)

    async def fill_disk(self) -> None:
        """No process of the primary can write; then it starts again with space."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, fill_disk, self._servers.primary)
        await self._wait(0.3, 1.0)
        await loop.run_in_executor(None, free_disk, self._servers.primary)

    async def lose_primary(self) -> None:
        """SIGKILL of the primary, and promotion of its standby."""
        await self._fail_over(kill=True)

    async def isolate_primary(self) -> None:
        """Promotion of the standby, while the old primary goes on and answers nodes."""
        await self._fail_over(kill=False)

    async def isolate_primary_and_cancel_waits(self) -> None:
        """The same with one node, while an operator ends each wait for the standby.

        Then a commit succeeds with a warning.
        """
        cancelling = asyncio.create_task(cancel_waits(self._servers.primary))
        try:
            await self._fail_over(kill=False, alone=True)
        finally:
            cancelling.cancel()
            await asyncio.wait([cancelling])

    async def lose_primary_with_lag(self) -> None:
        """The same with a standby that lacks the last seconds."""
        self._servers.replication.hold()
        await self._wait(0.3, 1.5)
        await self._fail_over(kill=True)

    async def lose_primary_with_lag_behind_a_cut(self) -> None:
        """The same, while one node is cut off. When it returns, the new log is longer than the old one."""
        cut = self._node()
        self._servers.replication.hold()
        await self._wait(0.8, 1.2)
        for cutter in cut.cutters:
            cutter.hold()
        await self._fail_over(kill=True, behind=cut)

    async def _fail_over(
        self,
        *,
        kill: bool,
        behind: NodeProcess | None = None,
        alone: bool = False,
    ) -> None:
        pair = self._servers
        former = pair.primary.port
        await pair.fail_over(kill=kill)
        # All but one connect again at once; that one moves when its heartbeat fails.
        last = behind or self._node()
        for node in self._nodes:
            for cutter in node.cutters if node is not last else ():
                cutter.refusing = alone and cutter.target == former
                cutter.reset()
        await self._wait(1.0, 3.0)
        if behind is not None:
            await self._wait(1.5, 2.0)
            self._heal(behind)
            await self._wait(1.0, 1.5)
        await pair.rebuild()
        assert pair.standby is not None
        for node in self._nodes:
            for cutter in node.cutters:
                if cutter.target == former:
                    cutter.target = pair.standby.port
                    cutter.refusing = False
                    cutter.reset()

    async def hold_file(self) -> None:
        """Another process writes to the SQLite file, and no node can."""
        assert self._file is not None
        connection = sqlite3.connect(self._file, isolation_level=None, timeout=5)
        try:
            connection.execute("BEGIN IMMEDIATE")
            await self._wait(0.1, 2.0)
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            pass
        finally:
            connection.close()
