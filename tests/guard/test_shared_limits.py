"""Limits that nodes share: another machine counts them, and answers later."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from stormdoor import Guard
from stormdoor.auth.password.passwords import Argon2Cost, Passwords
from stormdoor.core.account import Account
from stormdoor.core.bucket import Rate
from stormdoor.core.denial import Denial, Refusal
from stormdoor.guard.handshake_checks import LOGINS
from stormdoor.guard.rate_limiter import LocalRateLimits
from stormdoor.ports import StoredState
from stormdoor.runtime.explanation import explain_handshake
from stormdoor.stores import MemoryStore
from stormdoor.testing.contract import NewRateLimits, RateLimitsContract
from tests.guard.fakes import CHAT, HANDSHAKE, admit, bearer, make_guard, refused, settle

T = TypeVar("T")


def later(answer: T) -> asyncio.Future[T]:
    """Return a future that gets the answer after the next iteration of the loop."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    loop.call_soon(loop.call_soon, future.set_result, answer)
    return future


class Elsewhere:
    """A limit of another process, which answers through futures."""

    def __init__(self, counted: Any) -> None:
        self._counted = counted

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._counted, name)
        if name not in {"spend", "wait"}:
            return method

        def call(*args: Any) -> asyncio.Future[Any]:
            return later(method(*args))

        return call


class SharedRateLimits:
    """Rate limits that several guards share, on another machine."""

    def __init__(self) -> None:
        self._counted = LocalRateLimits()

    def limit(self, name: str, rate: Rate) -> Any:
        """See `RateLimits.limit`."""
        return Elsewhere(self._counted.limit(name, rate))


class TestSharedRateLimits(RateLimitsContract):
    @pytest.fixture
    def new_rate_limits(self) -> NewRateLimits:
        return lambda: (SharedRateLimits(),) * 2


async def nodes(**limits: str) -> tuple[Guard, Guard]:
    """Two guards that share their limits, on one store in memory."""
    state = replace(StoredState.of(MemoryStore()), rate_limits=SharedRateLimits())
    cost = Passwords(cost=Argon2Cost(memory_kib=7_168, passes=5))
    one, other = (
        make_guard(store=state, limits=limits, node=name, passwords=cost)  # type: ignore[arg-type]
        for name in ("n1", "n2")
    )
    await settle(one)
    await settle(other, Account(id="dave"))
    return one, other


async def test_nodes_admit_together_what_the_limit_allows() -> None:
    """Handshakes of one address on two nodes count for one limit; a future is no permission."""
    one, other = await nodes(handshakes_per_address="4/h")
    for guard in (one, other, one, other):
        await admit(guard, bearer("alice"))
    for guard in (one, other):
        refusal = await refused(guard, bearer("alice"))
        assert refusal.denial is Denial.HANDSHAKE_RATE
        assert refusal.retry_after is not None
        assert 0 < refusal.retry_after <= 900
    await admit(one, bearer("alice", address="192.0.2.2"))


async def test_foreign_pages_count_on_all_nodes() -> None:
    """The limit of foreign pages is shared, and each is refused for its Origin until then."""
    one, other = await nodes(foreign_per_address="2/h")
    foreign = bearer("alice", origin="https://evil.example")
    found = [(await refused(guard, foreign)).denial for guard in (one, other, one)]
    assert found == [Denial.ORIGIN, Denial.ORIGIN, Denial.HANDSHAKE_RATE]


async def test_failed_authentications_count_on_all_nodes() -> None:
    """An attacker who guesses tokens on one node is refused on the other, with a valid token too."""
    one, other = await nodes(failures_per_address="3/h")
    for _ in range(3):
        assert (await refused(one, bearer("guess"))).denial is Denial.BAD_CREDENTIAL
    assert (await refused(other, bearer("alice"))).denial is Denial.BACKOFF
    assert isinstance(await other.checks.auth_failures_exceeded("192.0.2.1"), Refusal)


async def test_requests_count_on_all_nodes() -> None:
    """Requests of pages count on all nodes, too."""
    one, other = await nodes(logins_per_address="1/h")
    assert await one.admission.check_request(HANDSHAKE, "192.0.2.1", LOGINS) is None
    refusal = await other.admission.check_request(HANDSHAKE, "192.0.2.1", LOGINS)
    assert refusal is not None
    assert refusal.denial is Denial.HANDSHAKE_RATE


async def test_guessed_passwords_count_on_all_nodes() -> None:
    """After the free attempts, a further guess waits on each node, before any password is hashed."""
    one, other = await nodes()
    for _ in range(5):
        outcome = await one.login.attempt("dave", "wrong password", "192.0.2.1")
        assert isinstance(outcome, Refusal)
        assert outcome.denial is Denial.BAD_CREDENTIAL
    outcome = await other.login.attempt("dave", "wrong password", "192.0.2.1")
    assert isinstance(outcome, Refusal)
    assert outcome.denial is Denial.BACKOFF


async def test_explanation_charges_no_node() -> None:
    """The explanation of a handshake has limits of its own."""
    one, other = await nodes(handshakes_per_address="1/h")
    for _ in range(3):
        assert (await explain_handshake(one, bearer("alice"), CHAT)).refusal is None
    await admit(other, bearer("alice"))
