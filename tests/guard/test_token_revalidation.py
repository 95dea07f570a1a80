"""A credential that must be asked about is asked about, for the whole life of its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from stormdoor import Authentication, Guard, Principal, Target
from stormdoor.core.denial import Denial, Refusal
from stormdoor.errors import StoreUnavailable
from tests.docs.pages import module_of
from tests.guard.fakes import Tokens, authentication, bearer, make_guard, opened, settle
from tests.support.clock import FakeClock
from tests.support.project import ROOT


@dataclass
class Oracle:
    """Says what the test says about a credential, when the test says so."""

    says: Any = None
    seconds: float = 60.0
    grace_seconds: float = 30.0
    generation: int = 0
    accepted_generation: int = 0
    asked: int = 0
    held: asyncio.Event | None = None
    faults: list[BaseException] = field(default_factory=list)

    @property
    def source(self) -> Oracle:
        """See `Recheck`."""
        return self

    async def ask(self, now: float) -> Authentication | Refusal:
        """See `Recheck`."""
        self.asked += 1
        if self.held is not None:
            await self.held.wait()
        if self.faults:
            raise self.faults.pop(0)
        assert isinstance(self.says, Authentication | Refusal)
        return self.says


DOWN = Refusal(Denial.UNAVAILABLE, "the provider is down")
OVER = Refusal(Denial.BAD_CREDENTIAL, "not active")


class Watch:
    """Guard, its token revalidation, and open connections with credentials to revalidate."""

    def __init__(self, guard: Guard, clock: FakeClock, oracles: dict[str, Oracle]) -> None:
        self.guard, self.clock, self.oracles = guard, clock, oracles
        self.revalidation = guard.revalidation

    async def tick(self, seconds: float = 0.0) -> int:
        """Time passes, the heart beats, and questions are answered."""
        self.clock.advance(seconds)
        ended = await self.revalidation.look()
        for _ in range(5):
            await asyncio.sleep(0)
        return ended


async def watch(**oracles: Oracle) -> Watch:
    """Return a guard that knows these tokens; each principal has the name of its token."""
    clock = FakeClock()
    known = {}
    for name, oracle in oracles.items():
        known[name] = authentication(name, recheck=oracle)
        if oracle.says is None:
            oracle.says = known[name]
    guard = await settle(make_guard(Tokens(known), clock=clock))
    return Watch(guard, clock, oracles)


async def test_asked_again_and_again() -> None:
    """Every so often, and not before."""
    alice = Oracle()
    here = await watch(alice=alice)
    connection, _ = await opened(here.guard, bearer("alice"))
    await here.tick()
    await here.tick(30)
    assert alice.asked == 0
    await here.tick(30)
    for number in range(2, 10):
        await here.tick(60)
        assert alice.asked == number
    assert connection.open


async def test_invalid_token_ends_its_connection() -> None:
    """A connection ends with 3000 when its token is no longer valid."""
    alice = Oracle()
    here = await watch(alice=alice)
    connection, sink = await opened(here.guard, bearer("alice"))
    await here.tick()
    alice.says = OVER
    await here.tick(30)
    assert connection.open
    await here.tick(30)
    assert not connection.open
    assert sink.closed == (3000, "authentication required")
    await here.tick(60)
    assert alice.asked == 1
    assert here.revalidation._watched == {}


async def test_a_question_stalls_nobody() -> None:
    """The heart goes on, and one question at a time is asked about one connection."""
    alice, bob = Oracle(held=asyncio.Event()), Oracle()
    here = await watch(alice=alice, bob=bob)
    await opened(here.guard, bearer("alice"))
    connection, _ = await opened(here.guard, bearer("bob"))
    await here.tick()
    bob.says = OVER
    async with asyncio.timeout(60):
        await here.tick(60)
        await here.tick(1)
    assert (alice.asked, bob.asked) == (1, 1)
    assert not connection.open
    await here.revalidation.close()


@pytest.mark.parametrize(
    "trouble",
    [DOWN, StoreUnavailable("down"), RuntimeError("a bug"), TimeoutError()],
    ids=lambda one: type(one).__name__,
)
async def test_nobody_answers(trouble: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The last answer counts for the grace, and no longer: then it fails closed, with 1013."""
    alice = Oracle()
    here = await watch(alice=alice)
    connection, sink = await opened(here.guard, bearer("alice"))
    await here.tick()
    if isinstance(trouble, Refusal):
        alice.says = trouble
    else:
        alice.faults = [trouble] * 100
    for _ in range(17):
        await here.tick(5)
        assert connection.open
    assert alice.asked > 5
    assert await here.tick(5) == 1
    assert not connection.open
    assert sink.closed == (1013, "try again later")


async def test_an_answer_in_time() -> None:
    """A connection stays open if the authorization server answers again in time."""
    alice = Oracle()
    here = await watch(alice=alice)
    connection, _ = await opened(here.guard, bearer("alice"))
    await here.tick()
    good, alice.says = alice.says, DOWN
    await here.tick(80)
    alice.says = good
    await here.tick(5)
    for _ in range(50):
        await here.tick(5)
    assert connection.open


async def test_reason_to_ask_at_once() -> None:
    """A dropped key makes the guard revalidate its tokens before the interval is over."""
    alice = Oracle()
    here = await watch(alice=alice)
    connection, _ = await opened(here.guard, bearer("alice"))
    await here.tick()
    alice.says, alice.generation = OVER, 1
    await here.tick(0.25)
    assert not connection.open


async def test_key_that_is_dropped_during_the_handshake() -> None:
    """A generation that changes between the verification and the first look leads to a check at once."""
    alice, bob = Oracle(), Oracle()
    here = await watch(alice=alice, bob=bob)
    connections = []
    for name, changes_at in (("alice", "during the handshake"), ("bob", "after it")):
        oracle = here.oracles[name]
        if changes_at == "after it":
            connections.append((await opened(here.guard, bearer(name)))[0])
        oracle.says, oracle.generation = OVER, 1
        if changes_at == "during the handshake":
            connections.append((await opened(here.guard, bearer(name)))[0])
    assert all(one.open for one in connections)
    await here.tick()
    assert not any(one.open for one in connections)
    assert (alice.asked, bob.asked) == (1, 1)


async def test_generation_of_an_answer_is_not_asked_about_again() -> None:
    """After the check at once, the next one follows after the interval."""
    alice = Oracle(generation=4, accepted_generation=3)
    here = await watch(alice=alice)
    connection, _ = await opened(here.guard, bearer("alice"))
    for _ in range(5):
        await here.tick(1)
    assert alice.asked == 1
    assert connection.open


Changed = Callable[[Authentication], Authentication]
LATER = 1_767_225_600.0 + 86_000

CHANGES: dict[str, tuple[Changed, Denial | None]] = {
    "another principal": (lambda a: replace(a, principal=Principal("eve")), Denial.REVOKED),
    "another tenant": (
        lambda a: replace(a, principal=replace(a.principal, tenant="acme")),
        Denial.REVOKED,
    ),
    "no role": (
        lambda a: replace(a, principal=replace(a.principal, roles=frozenset())),
        Denial.FORBIDDEN,
    ),
    "no scope": (lambda a: replace(a, scopes=frozenset()), Denial.FORBIDDEN),
    "less scopes": (lambda a: replace(a, scopes=frozenset({"chat:connect"})), None),
    "more roles": (
        lambda a: replace(a, principal=replace(a.principal, roles=frozenset({"moderator"}))),
        None,
    ),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_it_stands_for_something_else(what: str) -> None:
    """Roles and scopes change with the answer; it is decided anew, at once."""
    alice = Oracle()
    here = await watch(alice=alice)
    connection, _ = await opened(here.guard, bearer("alice"))
    await here.tick()
    assert connection.may("chat:say", None, here.clock.now())
    assert not connection.may("chat:kick", None, here.clock.now())
    change, denial = CHANGES[what]
    alice.says = change(alice.says)
    await here.tick(60)
    if denial is not None:
        assert connection.closed_by is not None
        assert connection.closed_by.denial is denial
    else:
        assert connection.open
        assert connection.may("chat:say", None, here.clock.now()) is (what == "more roles")
        assert connection.may("chat:kick", None, here.clock.now()) is (what == "more roles")


async def test_its_end_comes_nearer_and_never_farther() -> None:
    """A longer life takes a new token."""
    alice = Oracle()
    here = await watch(alice=alice)
    connection, _ = await opened(here.guard, bearer("alice"))
    before = connection.deadline
    await here.tick()
    soon = here.clock.now() + 100
    alice.says = replace(alice.says, expires_at=soon)
    await here.tick(60)
    assert connection.deadline == here.clock.monotonic() + 40 < before
    alice.says = replace(alice.says, expires_at=LATER)
    await here.tick(30)
    await here.tick(9)
    assert connection.deadline == here.clock.monotonic() + 1
    assert connection.expires_at == soon


async def test_a_factor_that_was_proved_stays_proved() -> None:
    """A proved factor stays proved after the revalidation of a weaker token."""
    alice = Oracle()
    here = await watch(alice=alice)
    connection, _ = await opened(here.guard, bearer("alice"))
    await here.tick()
    stronger = replace(connection.authentication, strength=2, authenticated_at=here.clock.now())
    connection.authentication = stronger
    await here.tick(60)
    assert alice.asked == 1
    assert connection.authentication == stronger


async def test_roles_of_an_account_come_by_the_feed() -> None:
    """An answer that was on its way does not bring back a role that was taken away."""
    alice = Oracle(held=asyncio.Event())
    here = await watch(alice=alice)
    alice.says = replace(alice.says, live=True)
    connection, _ = await opened(here.guard, bearer("alice"))
    connection.authentication = replace(connection.authentication, live=True)
    await here.tick()
    await here.tick(60)
    connection.apply_policies(here.guard.policies, Principal("alice", frozenset({"reader"})))
    assert alice.held is not None
    alice.held.set()
    await here.tick()
    assert alice.asked == 1
    assert connection.open
    assert not connection.may("chat:say", None, here.clock.now())


async def test_a_role_that_was_revoked_and_is_new() -> None:
    """A revoked role also ends a connection that shows this role only after a new check of its token."""
    alice = Oracle()
    here = await watch(alice=alice)
    connection, _ = await opened(here.guard, bearer("alice"))
    await here.tick()
    await here.guard.admin.revoke(Target.ROLE, "moderator")
    assert connection.open
    roles = frozenset({"member", "moderator"})
    alice.says = replace(alice.says, principal=Principal("alice", roles))
    await here.tick(60)
    assert connection.closed_by is not None
    assert connection.closed_by.denial is Denial.REVOKED


async def test_another_credential_meanwhile() -> None:
    """An answer about the old one is about the old one."""
    old, new = Oracle(held=asyncio.Event()), Oracle()
    here = await watch(alice=old, bob=new)
    connection, _ = await opened(here.guard, bearer("alice"))
    await here.tick()
    await here.tick(60)
    old.says = OVER
    new.says = replace(connection.authentication, credential_id="new", recheck=new)
    connection.identify(new.says, new.says.principal)
    assert old.held is not None
    old.held.set()
    await here.tick()
    assert connection.open
    await here.tick(60)
    assert (old.asked, new.asked) == (1, 1)


async def test_ended_meanwhile() -> None:
    """A connection that ended during the check stays ended."""
    alice = Oracle(held=asyncio.Event())
    here = await watch(alice=alice)
    connection, _ = await opened(here.guard, bearer("alice"))
    await here.tick()
    await here.tick(60)
    await here.guard.admin.revoke(Target.PRINCIPAL, "alice")
    assert alice.held is not None
    alice.held.set()
    await here.tick()
    assert not connection.open
    assert here.revalidation._watched == {}


async def test_not_all_at_once() -> None:
    """Revalidations are spread over the interval, and a bounded number runs at a time."""
    oracles = {f"p{number}": Oracle() for number in range(40)}
    here = await watch(**oracles)
    for name in oracles:
        await opened(here.guard, bearer(name))
    await here.tick()
    busiest = 0
    for _ in range(60):
        before = sum(one.asked for one in oracles.values())
        await here.tick(1)
        busiest = max(busiest, sum(one.asked for one in oracles.values()) - before)
    assert all(one.asked == 1 for one in oracles.values())
    assert busiest < 30


async def test_the_oracle_of_the_guide() -> None:
    """The guard calls the revalidation of the guide's example, and follows its answer."""
    page = module_of(ROOT / "docs" / "how-to" / "write-an-authenticator.md")
    on_duty = {"alice"}
    listed = page.StillListed(on_duty, authentication("alice"))
    assert "authentication" not in repr(listed)
    known = authentication("alice", recheck=listed)
    clock = FakeClock()
    guard = await settle(make_guard(Tokens({"alice": known}), clock=clock))
    here = Watch(guard, clock, {})
    connection, _ = await opened(guard, bearer("alice"))
    await here.tick()
    await here.tick(60)
    await here.tick(60)
    assert connection.open
    on_duty.clear()
    await here.tick(60)
    assert connection.closed_by is not None
    assert connection.closed_by.denial is Denial.REVOKED
