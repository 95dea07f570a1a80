"""The clients' work: sessions that are revoked, roles, values for a single use, entries of the trail."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, NamedTuple

from tests.chaos.cluster import Client, Gone, NodeProcess
from tests.chaos.operator import Operator
from tests.chaos.revocations import BY_CREDENTIAL, DIRECT, EVERYTHING, KINDS, SHARED, WHOLE

__all__ = ["Workload", "client_of"]

_MEMBERS = 2
_PARTY = 3
"""Principals of a party."""
_SHARED = 0.3
"""Share of the parties that one revocation ends."""
_SLOW = 0.03
"""Share of the principals that read slowly."""
_FLOOD_BYTES = 200_000
_HTTP = 0.3
"""Share of the revocations that an operator requests over HTTP, where the route has the kind."""
_COMMAND_SECONDS = 2.0
"""Time from a command to the next one, as each costs a tenth of a second of CPU time."""
_WHOLE = 0.4
"""Share of the other principals that lose all their rights by one revocation."""
_SOCKETS = 2
"""Sockets of a right that ends, each on another node. One of them is not the node that ends it."""
_SOCKETS_SECONDS = (0.15, 0.5)
"""Time for which a victim's sockets are open before the revocation."""
_END_SECONDS = 15.0
_OLD = 0.25
_OLD_SECONDS = (2.0, 6.0)
"""The same for this share of the parties, so that some sockets are older than a failover."""


class _Opened(NamedTuple):
    """A client, its principal, the way in which its right ends, and whether it reads slowly."""

    client: Client
    victim: dict[str, Any]
    kind: str
    slow: bool


def client_of(
    node: NodeProcess,
    victim: dict[str, Any],
    kind: str,
    chance: random.Random,
    *,
    slow: bool = False,
) -> Client:
    """Return a client with one of the credentials that a revocation of that kind ends."""
    secrets = {"session": victim["cookie"], "key": victim["secret"], "token": victim["jwt"]}
    credential = chance.choice([one for one in KINDS[kind].credentials if secrets[one]])
    if credential == "session":
        return Client(node, cookie=secrets[credential], slow=slow)
    return Client(node, bearer=secrets[credential], slow=slow)


class Workload:
    """Clients of all nodes, until it is stopped.

    Args:
        nodes: The nodes.
        seed: Seed of all choices.
        operator: Runs commands.
        bound: The bound on staleness in seconds: victims keep their sockets half a second longer, or more.
        parties: Number of parties at once, each of three principals with sockets on all nodes.
    """

    def __init__(
        self,
        nodes: Sequence[NodeProcess],
        *,
        seed: int,
        operator: Operator,
        bound: float,
        parties: int,
    ) -> None:
        self._nodes = nodes
        self._operator = operator
        self._key = ""
        self._commanding = False
        self._commanded = 0.0
        self._chance = random.Random(seed)
        self._bound = bound
        self._parties = parties
        self._numbers = itertools.count(1)
        self.failed = 0
        """Number of operations that a fault prevented."""
        self.full_buffers = 0
        """Number of nodes on which the buffer of a slow reader was full before the revocation."""

    def _node(self) -> NodeProcess:
        up = [node for node in self._nodes if node.up]
        if not up:
            raise Gone("no node is up")
        return self._chance.choice(up)

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._parties):
                group.create_task(self._repeat(self._party, stopping, 0.0))
            for number in range(_MEMBERS):
                group.create_task(self._member(f"member-{number}", stopping))
            group.create_task(self._repeat(self._single_use, stopping, 0.5))
            group.create_task(self._repeat(self._append, stopping, 0.2))
        with contextlib.suppress(Gone):
            await self._party(EVERYTHING)

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

    async def _party(self, shared: str = "") -> None:
        """Open sockets of a party, each right on two nodes. End the rights, each alone or all at once."""
        chance, name = self._chance, f"party-{next(self._numbers)}"
        if not shared and chance.random() < _SHARED:
            shared = chance.choice([kind for kind in SHARED if kind != EVERYTHING])
        kinds = [[shared] if shared else self._kinds() for _ in range(_PARTY)]
        asked = await self._node().ask("party", name=name, kinds=kinds)
        clients: list[_Opened] = []
        try:
            for victim, each in zip(asked["victims"], kinds, strict=True):
                for kind in each:
                    clients += self._clients(victim, kind)
            await asyncio.gather(*(one.client.open() for one in clients))
            old = chance.random() < _OLD
            await asyncio.sleep(chance.uniform(*(_OLD_SECONDS if old else _SOCKETS_SECONDS)))
            # A node without a lease refuses, and one without a store for long closes.
            closed = [one.client for one in clients if one.client.closed]
            if closed:
                await asyncio.gather(*(client.open() for client in closed))
                await asyncio.sleep(_SOCKETS_SECONDS[0])
            await self._fill({one.victim["principal"] for one in clients if one.slow})
            rights = [
                (kind, victim)
                for victim, each in zip(asked["victims"], kinds, strict=True)
                for kind in each
            ]
            ending = [self._end(*one, clients) for one in (rights[:1] if shared else rights)]
            await self._watch(clients, asyncio.gather(*ending))
        finally:
            for one in clients:
                one.client.close()

    def _kinds(self) -> list[str]:
        """Choose how a principal loses its rights: by one revocation, or by one for each credential."""
        chance = self._chance
        if chance.random() < _WHOLE:
            return [chance.choice(WHOLE)]
        return [chance.choice(kinds) for kinds in BY_CREDENTIAL.values()]

    def _clients(self, victim: dict[str, Any], kind: str) -> list[_Opened]:
        slow = self._chance.random() < _SLOW
        up = [node for node in self._nodes if node.up]
        chosen = self._chance.sample(up, min(len(up), _SOCKETS))
        return [self._client(node, victim, kind, slow=slow) for node in chosen]

    def _client(
        self, node: NodeProcess, victim: dict[str, Any], kind: str, *, slow: bool = False
    ) -> _Opened:
        client = client_of(node, victim, kind, self._chance, slow=slow)
        return _Opened(client, victim, kind, slow)

    async def _fill(self, principals: set[str]) -> None:
        """Fill the buffers of slow readers, on all nodes."""
        for principal in principals:
            for node in self._nodes:
                with contextlib.suppress(Gone):
                    answer = await node.ask("flood", principal=principal, size=_FLOOD_BYTES)
                    self.full_buffers += answer["waiting"] > 0

    async def _end(self, kind: str, victim: dict[str, Any], clients: Sequence[_Opened]) -> None:
        """End a right, by a command or at a node. If possible, a socket of it is open on another node."""
        chance = self._chance
        wait: Literal["log", "cluster"] = chance.choice(("log", "cluster"))
        of_all = kind in SHARED
        at = {
            one.client.node
            for one in clients
            if not one.client.closed and (of_all or (one.victim is victim and one.kind == kind))
        }
        try:
            if kind == "connection" and at:
                chosen = self._chance.choice(sorted(at, key=lambda node: node.number))
                found = await chosen.ask("connection", principal=victim["principal"])
                victim, at = victim | found, {chosen}
            if kind in DIRECT and at and self._may_command():
                await self._command(kind, victim, wait)
                return
            others = [node for node in self._nodes if node.up and at - {node}]
            node = chance.choice(others) if others else self._node()
            key = await self._operator_key() if kind in DIRECT and chance.random() < _HTTP else ""
            # The sockets stay open until the answer: later, no message could ignore the revocation.
            right: dict[str, Any] = {"kind": kind, "victim": victim, "wait": wait}
            answer = await node.ask("end", seconds=_END_SECONDS, key=key, **right)
            if key and answer["outcome"] == "refused":
                self._key = ""  # the new primary lacks it, or it was revoked
        except Gone:
            self.failed += 1

    def _may_command(self) -> bool:
        now = asyncio.get_running_loop().time()
        return not self._commanding and now > self._commanded + _COMMAND_SECONDS

    async def _command(
        self, kind: str, victim: dict[str, Any], wait: Literal["log", "cluster"]
    ) -> None:
        self._commanding = True
        try:
            self.failed += not await self._operator.revoke(kind, victim, wait)
        finally:
            self._commanding = False
            self._commanded = asyncio.get_running_loop().time()

    async def _operator_key(self) -> str:
        """Return an API key with the right to revoke."""
        if not self._key:
            id = f"operator-{next(self._numbers)}"
            self._key = (await self._node().ask("operator", id=id))["key"]
        return self._key

    async def _watch(self, clients: list[_Opened], ending: asyncio.Future[Any]) -> None:
        """Send on all sockets and open further ones, until every node must have applied the revocations.

        A socket that its client closed earlier would prove nothing: see `checkers.checked`.
        """
        loop = asyncio.get_running_loop()
        called = False
        patience = 5.0 if self._chance.random() < 0.1 else 0.0
        until = loop.time() + self._bound + 0.5 + patience
        while loop.time() < until or not called:
            if ending.done() and not called:
                called = True
                until = max(until, loop.time() + self._bound + _SOCKETS_SECONDS[0])
            for one in clients:
                if self._chance.random() < 0.3:
                    one.client.send()
            if self._chance.random() < 0.2:
                again = self._chance.choice(clients)
                late = self._client(self._node(), again.victim, again.kind)
                if await late.client.open():
                    clients.append(late)
            await asyncio.sleep(0.1)
        await ending

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
