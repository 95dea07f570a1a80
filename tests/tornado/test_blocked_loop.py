"""A blocked event loop is no fault of the store: nothing is closed or refused before it was asked again.

The clock goes ahead while no callback runs, as the guard sees it after a block. `test_real_blocks.py`
blocks real processes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import Guard, Target, health_routes, login_routes, protect
from stormdoor.core.revocation import Revocation
from tests.guard.fakes import FakeStore, make_guard
from tests.support.clock import FakeClock
from tests.tornado import wire as wires
from tests.tornado.transports.plain_http import ALICE
from tests.tornado.wire import Wire, connect, dial, log_lines, request, serving, settled, until

SECONDS = pytest.mark.parametrize("seconds", [0.5, 3.0, 6.0, 12.0, 30.0])
LEASES = pytest.mark.parametrize("lease", [0.4, 2.0], ids=["PostgreSQL's", "SQLite's"])
BOTH = pytest.mark.parametrize("fast", [True, False], ids=["fast", "Tornado's"])
CAROL = ("Authorization", "Bearer carol")
here: list[Any] = []
heard: list[str | bytes] = []


class Chat(WebSocketHandler):
    """Writes down each message, and answers it."""

    def open(self, *args: str, **kwargs: str) -> None:
        here.append(self)

    def on_message(self, message: str | bytes) -> None:
        heard.append(message)
        self.write_message(b"to " + (message if isinstance(message, bytes) else message.encode()))


class Blocking(Chat):
    """Its handshake blocks the loop, as an application that starts a session does."""

    block: Callable[[], None]

    def prepare(self) -> None:
        type(self).block()


class Page(RequestHandler):
    """A page."""

    def get(self) -> None:
        self.finish("the page")


class BlockingPage(RequestHandler):
    """A page, or a stream of events, that blocks the loop before it writes."""

    block: Callable[[], None]

    def get(self) -> None:
        if self.get_argument("began", None) is not None:
            self.write("begun ")
            self.flush()
        type(self).block()
        self.finish("the page")


@dataclass
class Site:
    """A guarded server with a heartbeat, and a clock that the test moves."""

    guard: Guard
    store: FakeStore
    clock: FakeClock
    port: int = 0
    meanwhile: list[Coroutine[Any, Any, object]] = field(default_factory=list)
    """The act of another process during the block."""
    wires: list[Wire] = field(default_factory=list)
    unsent: list[tuple[Wire, bytes]] = field(default_factory=list)

    async def ask(
        self, path: str, *headers: tuple[str, str], upgrade: bool = True, now: bool = False
    ) -> Wire:
        """Connect, and send the request while the loop is blocked, or now."""
        wire = await dial(self.port)
        self.wires.append(wire)
        await settled()
        head, _ = wires._head(self.port, path, "GET", None, headers, upgrade=upgrade)
        if now:
            wire.raw(head)
        else:
            self.unsent.append((wire, head))
        return wire

    def block(self, seconds: float) -> None:
        """Let no callback run for so many seconds by the clock of the guard."""
        for wire, head in self.unsent:
            wire.raw(head)
        self.unsent.clear()
        for work in self.meanwhile:
            with contextlib.suppress(StopIteration):
                work.send(None)  # a store in memory does not wait
        self.clock.advance(seconds)

    async def lapse(self) -> None:
        """Let the lease lapse while the loop runs: time passes in small steps."""
        while not self.guard.fence.raised:
            self.clock.advance(0.05)
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def site(*, lease: float = 2.0, fast: bool = True, **options: Any) -> AsyncIterator[Site]:
    """A server on a store with a lease of so many seconds."""
    here.clear()
    heard.clear()
    clock, store = FakeClock(), FakeStore()
    store.lease_seconds = lease
    guard = make_guard(clock=clock, store=store, fast=fast, insecure_allow_any_host=True, **options)
    found = Site(guard, store, clock)
    facts = {"block": lambda: found.block(6.0)}
    application = Application(
        [
            ("/ws", Chat),
            ("/blocking", type("Blocking", (Blocking,), facts)),
            ("/page", Page),
            ("/blocking-page", type("Page", (BlockingPage,), facts)),
            *health_routes(guard),
            *login_routes(guard, endpoint="/ws"),
        ]
    )
    protect(application, guard, "chat:connect", pages={"/.*page": "chat:connect"})
    async with guard, serving(application, guard, heart=True) as at:
        await until(lambda: not guard.fence.raised)
        await asyncio.sleep(0.15)  # the measurement runs
        found.port = at.port
        yield found
        for wire in found.wires:
            await wire.hang_up()


async def answered(wire: Wire) -> int:
    """Read the answer that is under way. Returns its status."""
    await wire.read_answer()
    return wire.status


@SECONDS
@LEASES
async def test_nothing_is_closed_or_refused(lease: float, seconds: float) -> None:
    """The open socket gets its answers in order; a handshake and a page of that time are accepted."""
    async with site(lease=lease) as at, await connect(at.port, "/ws", ALICE) as wire:
        with log_lines("stormdoor.fence") as lines:
            shaking = await at.ask("/ws", ALICE)
            page = await at.ask("/page", ALICE, upgrade=False)
            for number in range(5):
                wire.send(f"{number}")
            at.block(seconds)
            assert at.guard.fence.look() == 0
            assert [(await wire.receive()).payload for _ in range(5)] == [
                b"to %d" % number for number in range(5)
            ]
            assert await answered(shaking) == 101
            assert (await answered(page), page.body) == (200, b"the page")
            assert len(at.guard.registry) == 2
        blocked = [line for line in lines if line.startswith("the event loop was blocked for ")]
        assert len(blocked) == 1
        # The measurement is exact to a tenth of a second.
        assert abs(float(blocked[0].split()[6]) - seconds) <= 0.11
        assert not any("the store has not confirmed" in line for line in lines)


@SECONDS
@LEASES
@BOTH
async def test_a_revocation_during_the_block_is_obeyed_first(
    lease: float, fast: bool, seconds: float
) -> None:
    """Another process revokes meanwhile: no message passes, and neither the socket nor the page opens."""
    async with site(lease=lease, fast=fast) as at, await connect(at.port, "/ws", ALICE) as wire:
        await until(lambda: here)
        shaking = await at.ask("/ws", ALICE)
        page = await at.ask("/page", ALICE, upgrade=False)
        revocation = Revocation(Target.PRINCIPAL, "alice", at.clock.now() + 1)
        await at.store.add_revocation(revocation)
        wire.send("in")
        at.block(seconds)
        here[0].write_message("out")
        with contextlib.suppress(wires.Ended):  # Tornado's protocol sends no close frame then
            assert (await wire.receive()).code == 3000
        assert heard == []
        assert await answered(shaking) == 401
        assert await answered(page) == 401


@LEASES
async def test_a_store_that_does_not_answer_after_the_block(lease: float) -> None:
    """The waiting requests get 503 as soon as a question failed; sockets are held from then on."""
    async with site(lease=lease) as at, await connect(at.port, "/ws", ALICE) as wire:
        shaking = await at.ask("/ws", ALICE)
        at.store.down = True
        with log_lines("stormdoor"):
            at.block(30.0)
            assert await answered(shaking) == 503
            async with await request(at.port, "/ws", ALICE) as other:
                assert other.status == 503  # at once: the store was asked since the block
            at.clock.advance(0.05)
            assert at.guard.fence.look() == 0
            await pass_time(at, at.guard.fence.hold_seconds)
            at.guard.fence.look()
            assert (await wire.receive()).code == 1013
        at.store.down = False


async def pass_time(at: Site, seconds: float) -> None:
    """Let time pass while the loop runs, without a block."""
    at.guard.fence.blocked.stop()
    at.clock.advance(seconds)


@LEASES
async def test_a_store_that_is_down_is_no_block(lease: float) -> None:
    """Without a block, a handshake behind the fence gets 503 at once, as before."""
    async with site(lease=lease) as at:
        at.store.down = True
        with log_lines("stormdoor") as lines:
            await at.lapse()
            at.store.pause("beat", after=False)
            async with asyncio.timeout(0.5), await request(at.port, "/ws", ALICE) as wire:
                assert wire.status == 503
        at.store.down = False
        assert not any("blocked" in line for line in lines)


async def test_a_wait_lasts_a_second_at_most() -> None:
    """The store is asked, and neither answers nor fails."""
    async with site() as at:
        pause = at.store.pause("beat", after=False)
        at.block(6.0)
        began = asyncio.get_running_loop().time()
        with log_lines("stormdoor"):
            async with await request(at.port, "/ws", ALICE) as wire:
                assert wire.status == 503
        assert 0.9 <= asyncio.get_running_loop().time() - began <= 3.0
        assert len(at.guard.pending) == 0
        pause.go()


async def test_few_wait_at_once_and_the_next_is_refused() -> None:
    """`limits.pending` counts them; a client that disconnects makes room."""
    limits = {"pending": 3, "pending_per_address": 1}
    async with site(limits=limits) as at:
        pause = at.store.pause("beat", after=False)
        at.block(6.0)
        paths = [("/ws", True), ("/page", False), ("/ws", True)]
        wires = [await at.ask(path, ALICE, upgrade=upgrade, now=True) for path, upgrade in paths]
        await until(lambda: len(at.guard.pending) == 3)
        with log_lines("stormdoor"):
            async with await request(at.port, "/ws", ALICE) as refused:
                assert refused.status == 503
            for wire in wires[:2]:
                wire.abort()
            await until(lambda: len(at.guard.pending) == 1)
        other = await at.ask("/ws", ALICE, now=True)
        await until(lambda: len(at.guard.pending) == 2)
        pause.go()
        assert await answered(wires[2]) == 101
        assert await answered(other) == 101
        assert len(at.guard.pending) == 0
        await until(lambda: len(at.guard.registry) == 2)


async def test_checks_before_the_wait() -> None:
    """A foreign origin, an unknown Host and a spent rate are refused at once, and hold no place."""
    limits = {"handshakes_per_address": "2/min burst 2", "pages_per_address": "1/min burst 1"}
    async with site(limits=limits) as at:
        pause = at.store.pause("beat", after=False)
        async with await request(at.port, "/page", upgrade=False) as wire:
            assert wire.status == 401  # the rate of refused pages is spent now
        at.block(6.0)
        waiting = [await at.ask("/ws", ALICE, now=True) for _ in range(2)]
        await until(lambda: len(at.guard.pending) == 2)
        with log_lines("stormdoor"):
            for path, headers, upgrade, status in (
                ("/ws", (ALICE, ("Origin", "https://evil.example")), True, 403),
                ("/ws", (ALICE,), True, 429),
                ("/page", (), False, 429),
            ):
                async with await request(at.port, path, *headers, upgrade=upgrade) as wire:
                    assert wire.status == status
        assert len(at.guard.pending) == 2
        pause.go()
        for wire in waiting:
            assert await answered(wire) == 101


async def test_a_handshake_that_was_being_authenticated() -> None:
    """The loop was blocked while it waited for the store: it is registered after the next beat."""
    async with site() as at:
        await at.guard.admin.add_principal("carol", roles=["member"])
        pause = at.store.pause("account")
        wire = await at.ask("/ws", CAROL, now=True)
        await pause.reached.wait()
        at.block(6.0)
        pause.go()
        assert await answered(wire) == 101
        assert at.guard.statistics.refused.total() == 0


async def test_a_handshake_that_was_being_authenticated_and_is_revoked() -> None:
    """Its credential was valid when it was verified: the beat comes before the registration."""
    async with site() as at:
        await at.guard.admin.add_principal("carol", roles=["member"])
        pause = at.store.pause("account")
        async with await request(at.port, "/ws", CAROL, wait=False) as wire:
            await pause.reached.wait()
            await at.store.add_revocation(Revocation(Target.PRINCIPAL, "carol", at.clock.now() + 1))
            at.block(6.0)
            pause.go()
            assert await answered(wire) in {401, 403}
        assert len(at.guard.registry) == 0


@BOTH
async def test_a_handshake_that_blocks_the_loop_itself(fast: bool) -> None:
    """Its `prepare` takes six seconds, as the first session of an application may: it gets its 101."""
    async with site(fast=fast) as at:
        async with await connect(at.port, "/blocking", ALICE) as wire:
            wire.send("x")
            assert (await wire.receive()).payload == b"to x"


@pytest.mark.parametrize("query", ["", "?began"])
@pytest.mark.parametrize("revoked", [False, True])
async def test_a_page_that_blocks_the_loop_itself(revoked: bool, query: str) -> None:
    """Its bytes wait for the next beat: none is sent if its login was revoked meanwhile."""
    async with site() as at:
        if revoked:
            revocation = Revocation(Target.PRINCIPAL, "alice", at.clock.now() + 1)
            at.meanwhile.append(at.store.add_revocation(revocation))
        wire = await at.ask(f"/blocking-page{query}", ALICE, upgrade=False, now=True)
        async with asyncio.timeout(10):
            found = await wire.reader.read() if revoked else await wire.reader.readuntil(b"page")
        assert (b"the page" in found) is not revoked
        assert (b"begun" in found) is (query != "")


async def test_a_node_that_was_declared_lapsed_meanwhile() -> None:
    """Another node waited for it. It joins again and asks, in one beat, and admits the handshake."""
    async with site(lease=0.4) as at:
        [member] = await at.store.members()
        assert await at.store.declare_lapsed(member.node, member.beat)
        at.block(6.0)
        async with await connect(at.port, "/ws", ALICE):
            pass
        assert at.guard.statistics.refused.total() == 0


async def test_other_requests_wait_as_well() -> None:
    """A probe and a login that meet the lapsed lease are answered after the next beat."""
    async with site() as at:
        await at.guard.admin.add_principal(
            "carol", password="correct horse battery", roles=["member"]
        )
        ready = await at.ask("/readyz", upgrade=False)
        whoami = await at.ask("/auth/session", upgrade=False)
        at.block(6.0)
        assert await answered(ready) == 200
        assert await answered(whoami) == 401


async def test_blocks_that_follow_each_other() -> None:
    """Each lets the lease lapse before the answer to the former one: the wait begins anew."""
    async with site(lease=0.4) as at, await connect(at.port, "/ws", ALICE) as wire:
        shaking = await at.ask("/ws", ALICE)
        for _ in range(5):
            at.block(3.0)
            await asyncio.sleep(0.02)
        assert await answered(shaking) == 101
        wire.send("x")
        assert (await wire.receive()).payload == b"to x"


async def test_many_continue_a_few_at_a_time() -> None:
    """Hundreds of waiting handshakes do not block the loop in turn: other callbacks run in between."""
    limits = {
        "connections_per_address": 10_000,
        "handshakes_per_address": "100000/s burst 100000",
        "connections_per_principal": 10_000,
    }
    async with site(limits=limits) as at:
        pause = at.store.pause("beat", after=False)
        at.block(6.0)
        waiting = [
            asyncio.ensure_future(at.guard.waits.until_renewed(at.guard.lease)) for _ in range(200)
        ]
        await until(lambda: len(at.guard.pending) == 200)
        pause.go()
        most, before = 0, 200
        while before:
            await asyncio.sleep(0)
            left = len(at.guard.waits._waiting)
            most, before = max(most, before - left), left
        assert 0 < most <= 20
        assert set(await asyncio.gather(*waiting)) == {None}


async def test_only_one_failure_in_a_row_is_put_down_to_a_block() -> None:
    """A store that is down while the loop is blocked again and again counts as down."""
    async with site(lease=0.4) as at:
        follower, fence = at.guard.follower, at.guard.fence
        counted = []

        async def ask() -> Any:
            at.block(1.0)
            raise TimeoutError

        with log_lines("stormdoor"):
            for _ in range(6):
                assert await follower.follow(ask) is None
                counted.append(not fence.unasked)
        assert counted == [False, True] * 3


async def test_the_hold_ends_without_an_answer() -> None:
    """Fail closed: if no question is answered and none fails, the sockets are closed all the same."""
    async with site() as at, await connect(at.port, "/ws", ALICE) as wire:
        pause = at.store.pause("beat", after=False)
        at.guard.heartbeat.beat = asyncio.Event().wait  # type: ignore[method-assign]
        at.block(12.0)
        assert at.guard.fence.look() == 0
        assert at.guard.fence.unasked
        await pass_time(at, at.guard.fence.hold_seconds + 2.0)
        with log_lines("stormdoor"):
            at.guard.fence.look()
            assert (await wire.receive()).code == 1013
        pause.go()
