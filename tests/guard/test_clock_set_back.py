"""A wall clock that was set back: revocations are ordered by their log, and time decides only without it."""

from __future__ import annotations

from typing import Any

import pytest

from stormdoor import (
    ApiKeyAuthenticator,
    ConfigurationError,
    Denial,
    Guard,
    SessionAuthenticator,
    Target,
    TicketAuthenticator,
)
from stormdoor.core.account import Account
from stormdoor.core.handshake import Handshake
from stormdoor.stores import MemoryStore
from tests.guard.fakes import (
    HANDSHAKE,
    Tokens,
    authentication,
    bearer,
    make_guard,
    opened,
    refused,
    settle,
)
from tests.support.clock import FakeClock

HOUR = 3600.0


async def _guard(store: MemoryStore | None = None, clock: FakeClock | None = None) -> Guard:
    clock = clock or FakeClock()
    known = {"foreign": authentication("alice", issued_at=clock.now())}
    return await settle(
        make_guard(
            *(ApiKeyAuthenticator(), Tokens(known), SessionAuthenticator(), TicketAuthenticator()),
            clock=clock,
            store=store,
        ),
        Account(id="alice", roles=frozenset({"member"}), tenant="acme"),
    )


def _set_back(guard: Guard) -> None:
    assert isinstance(guard.clock, FakeClock)
    guard.clock.set_wall(guard.clock.now() - HOUR)


async def _key(guard: Guard) -> Handshake:
    return bearer((await guard.admin.issue_key("alice", name="k", scopes=["*"])).secret)


async def _session(guard: Guard, **details: Any) -> Handshake:
    issued = await guard.sessions.create("alice", **details)
    cookie = guard.sessions.cookie.name
    return HANDSHAKE.__class__(
        **{
            name: getattr(HANDSHAKE, name)
            for name in ("path", "address", "peer", "scheme", "host", "origin", "fetch_site")
        },
        cookies={cookie: (issued.secret,)},
    )


ALL = [
    (Target.PRINCIPAL, "alice"),
    (Target.ROLE, "member"),
    (Target.TENANT, "acme"),
    (Target.EVERYTHING, ""),
]


@pytest.mark.parametrize(("target", "value"), ALL, ids=str)
async def test_what_was_issued_before_the_clock_was_set_back(target: Target, value: str) -> None:
    """Its sockets are closed, and it does not come in again, before and after the clock is right."""
    guard = await _guard()
    key, session = await _key(guard), await _session(guard)
    sinks = [(await opened(guard, one))[1] for one in (key, session)]
    _set_back(guard)
    assert (await guard.admin.revoke(target, value)).closed == 2
    assert all(sink.closed is not None for sink in sinks)
    for _ in range(2):
        assert (await refused(guard, key)).denial is Denial.REVOKED
        await refused(guard, session)
        guard.clock.set_wall(guard.clock.now() + 2 * HOUR)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("target", "value"), ALL, ids=str)
async def test_what_follows_a_revocation_is_valid(target: Target, value: str) -> None:
    """The clock was set back, and goes on being set back: what is issued later is later in the log."""
    guard = await _guard()
    old = await _key(guard)
    await guard.admin.revoke(target, value)
    for _ in range(3):
        _set_back(guard)
        key, session = await _key(guard), await _session(guard)
        one, _ = await opened(guard, key)
        other, _ = await opened(guard, session)
        await guard.follower.follow()
        assert one.open
        assert other.open
        await refused(guard, old)


async def test_another_process_that_has_no_socket_of_it_to_look_at() -> None:
    """Another process revokes with the store alone, like a command: it has no connection to close."""
    store, clock = MemoryStore(), FakeClock()
    server = await _guard(store, clock)
    command = make_guard(clock=FakeClock(clock.now() - HOUR), store=store)
    key = await _key(server)
    connection, sink = await opened(server, key)
    await command.admin.set_disabled("alice", True)
    assert await server.follower.follow() == 1
    assert (connection.open, sink.closed is None) == (False, False)
    await command.admin.set_disabled("alice", False)
    await refused(server, key)


async def test_a_revocation_that_arrives_late_spares_what_came_after_it() -> None:
    """A socket of a credential that is younger than the revocation is here before the revocation is."""
    store, clock = MemoryStore(), FakeClock()
    server, other = await _guard(store, clock), make_guard(clock=clock, store=store)
    old, _ = await opened(server, await _key(server))
    await other.admin.revoke(Target.PRINCIPAL, "alice")
    _set_back(server)
    young, _ = await opened(server, await _key(server))
    assert await server.follower.follow() == 1
    assert (old.open, young.open) == (False, True)


@pytest.mark.parametrize("followed", [False, True])
async def test_the_socket_of_a_foreign_token_is_closed_whatever_the_clock_says(
    *, followed: bool
) -> None:
    """The token has no position in the log: but it was presented before the revocation was made."""
    store, clock = MemoryStore(), FakeClock()
    server = await _guard(store, clock)
    command = make_guard(clock=FakeClock(clock.now() - HOUR), store=store)
    connection, _ = await opened(server, bearer("foreign"))
    if followed:
        await server.follower.follow()
    await command.admin.revoke(Target.PRINCIPAL, "alice")
    assert await server.follower.follow() == 1
    assert not connection.open


async def test_a_foreign_token_that_is_younger_is_spared_where_the_clocks_agree() -> None:
    """A foreign token issued after a revocation, but before the next read of the log, is accepted."""
    store, clock = MemoryStore(), FakeClock()
    server = await _guard(store, clock)
    command = make_guard(clock=clock, store=store)
    await command.admin.revoke(Target.PRINCIPAL, "alice")
    clock.advance(server.clock_skew_seconds + 0.1)
    server.credentials._authenticators[1].known["young"] = authentication(  # type: ignore[attr-defined]
        "alice", issued_at=clock.now()
    )
    young, _ = await opened(server, bearer("young"))
    assert await server.follower.follow() == 0
    assert young.open


async def test_what_was_issued_before_the_clock_was_set_back_by_another_issuer() -> None:
    """The process saw the time from which its clock was set back: until then a revocation reaches."""
    guard = await _guard()
    _set_back(guard)
    await guard.deadlines.expire()
    await guard.admin.revoke(Target.PRINCIPAL, "alice")
    assert (await refused(guard, bearer("foreign"))).denial is Denial.REVOKED
    guard.clock.set_wall(guard.clock.now() + 2 * HOUR)  # type: ignore[attr-defined]
    assert (await refused(guard, bearer("foreign"))).denial is Denial.REVOKED


@pytest.mark.parametrize(("later", "over"), [(0.0, True), (2.0, True), (2.1, False)])
async def test_the_skew_ends_what_was_issued_a_little_later(later: float, *, over: bool) -> None:
    """The skew also covers tokens issued shortly after the revocation; it never spares one issued before."""
    clock = FakeClock()
    known = {"foreign": authentication("alice", issued_at=clock.now() + later)}
    guard = await settle(make_guard(Tokens(known), clock=clock, clock_skew_seconds=2.0))
    await guard.admin.revoke(Target.PRINCIPAL, "alice")
    clock.advance(10)
    if over:
        assert (await refused(guard, bearer("foreign"))).denial is Denial.REVOKED
    else:
        await opened(guard, bearer("foreign"))


@pytest.mark.parametrize("skew", [-1.0, 3601.0, float("nan")])
def test_a_skew_that_makes_no_sense(skew: float) -> None:
    """The message names the option and its bounds."""
    with pytest.raises(ConfigurationError, match="clock_skew_seconds must be 0 to 3600"):
        make_guard(clock_skew_seconds=skew)
