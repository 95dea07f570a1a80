"""The clients' work: sessions that are revoked, roles, values for a single use, entries of the trail."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence

from tests.chaos.cluster import Client, Gone, NodeProcess

__all__ = ["Workload"]

_MEMBERS = 2
_SOCKETS_SECONDS = (0.2, 0.8)
"""Time for which a victim's sockets are open before the revocation."""


class Workload:
    """Clients of all nodes, until it is stopped.

    Args:
        nodes: The nodes.
        seed: Seed of all choices.
        bound: The bound on staleness in seconds: victims keep their sockets for twice as long, some longer.
        victims: Number of victims at once.
    """

    def __init__(
        self, nodes: Sequence[NodeProcess], *, seed: int, bound: float, victims: int
    ) -> None:
        self._nodes = nodes
        self._chance = random.Random(seed)
        self._bound = bound
        self._victims = victims
        self._numbers = itertools.count(1)
        self.failed = 0
        """Number of operations that a fault prevented."""

    def _node(self) -> NodeProcess:
        up = [node for node in self._nodes if node.up]
        if not up:
            raise Gone("no node is up")
        return self._chance.choice(up)

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._victims):
                group.create_task(self._repeat(self._victim, stopping, 0.0))
            for number in range(_MEMBERS):
                group.create_task(self._member(f"member-{number}", stopping))
            group.create_task(self._repeat(self._single_use, stopping, 0.15))
            group.create_task(self._repeat(self._append, stopping, 0.05))

    async def _repeat(
        self, work: Callable[[], Awaitable[None]], stopping: asyncio.Event, pause: float
    ) -> None:
        while not stopping.is_set():
            try:
                await work()
            except Gone:
                self.failed += 1
                await asyncio.sleep(0.2)
            await asyncio.sleep(pause)

    async def _victim(self) -> None:
        """Open sockets of one session on all nodes, and revoke it or its principal."""
        chance, id = self._chance, f"victim-{next(self._numbers)}"
        at = self._node()
        await at.ask("principal", id=id)
        session = await at.ask("session", principal=id)
        slow = chance.random() < 0.1
        clients = [
            Client(node, cookie=session["cookie"], reads=not slow)
            for node in self._nodes
            if node.up
        ]
        try:
            await asyncio.gather(*(client.open() for client in clients))
            await asyncio.sleep(chance.uniform(*_SOCKETS_SECONDS))
            if slow:
                await self._node().ask("flood", principal=id, size=300_000)
            kind = chance.choice(("session", "principal"))
            wait = chance.choice(("log", "log", "cluster"))
            value = session["session"] if kind == "session" else id
            revoking = asyncio.create_task(
                self._node().ask("revoke", kind=kind, value=value, wait=wait)
            )
            patience = 5.0 if chance.random() < 0.3 else 0.0
            until = asyncio.get_running_loop().time() + self._bound * 2 + patience
            while asyncio.get_running_loop().time() < until or not revoking.done():
                for client in clients:
                    client.send()
                if chance.random() < 0.2:
                    late = Client(self._node(), cookie=session["cookie"])
                    if await late.open():
                        clients.append(late)
                await asyncio.sleep(0.1)
            await revoking
        finally:
            for client in clients:
                client.close()

    async def _member(self, id: str, stopping: asyncio.Event) -> None:
        """Keep sockets on all nodes open, and change the roles one after the other."""
        versions = itertools.count(1)
        clients: dict[int, tuple[Client, int]] = {}
        cookie = ""

        async def work() -> None:
            nonlocal cookie
            if not cookie:
                with contextlib.suppress(Gone):  # or it is there since the last time
                    await self._node().ask("principal", id=id)
                cookie = (await self._node().ask("session", principal=id))["cookie"]
            for node in self._nodes:
                known = clients.get(node.number)
                if node.up and (known is None or known[1] != node.port or known[0].closed):
                    client = Client(node, cookie=cookie)
                    if await client.open():
                        clients[node.number] = client, node.port
            await self._node().ask("roles", principal=id, version=next(versions))

        try:
            await self._repeat(work, stopping, 0.3)
        finally:
            for client, _ in clients.values():
                client.close()

    async def _single_use(self) -> None:
        """Let all nodes use one value, or redeem one ticket, at once."""
        number = next(self._numbers)
        up = [node for node in self._nodes if node.up]
        if number % 2:
            await asyncio.gather(*(node.ask("nonce", value=str(number)) for node in up))
            return
        at, id = self._node(), f"holder-{number}"
        await at.ask("principal", id=id)
        session = await at.ask("session", principal=id)
        ticket = (await at.ask("ticket", cookie=session["cookie"]))["ticket"]
        clients = [Client(node, ticket=ticket) for node in up]
        try:
            await asyncio.gather(*(client.open() for client in clients))
        finally:
            for client in clients:
                client.close()

    async def _append(self) -> None:
        await self._node().ask("append", entry=f"entry-{next(self._numbers)}")
