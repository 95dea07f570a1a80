"""Still true? What a tick ends, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stormdoor import Denial, Principal, Target
from stormdoor.core.revocation import Revocation
from stormdoor.errors import StoreUnavailable
from tests.guard.fakes import (
    HANDSHAKE,
    FakeStore,
    Tokens,
    authentication,
    bearer,
    events,
    make_guard,
    opened,
    settle,
)
from tests.support.clock import FakeClock


async def _token(**facts: Any) -> Any:
    clock = FakeClock()
    tokens = Tokens({"t": authentication("alice", **facts)})
    guard = await settle(make_guard(tokens, clock=clock))
    return guard, *(await opened(guard, bearer("t"))), clock


async def test_a_tick_ends_what_has_expired() -> None:
    """An expired connection is closed with 3000 at its deadline, and the trail records the cause."""
    guard, connection, sink, clock = await _token(expires_at=FakeClock().now() + 60)
    clock.advance(59.9)
    await guard.tick()
    assert connection.open
    clock.advance(0.1)
    await guard.tick()
    assert sink.closed == (3000, "authentication required")
    [*_, event] = await events(guard)
    assert (event.name, event.cause) == ("connection_closed", "expired")


async def test_a_machine_that_slept_has_let_credentials_expire() -> None:
    """The monotonic clock may stand still while the wall clock goes on: both count."""
    guard, connection, _, clock = await _token(expires_at=FakeClock().now() + 60)
    clock.set_wall(clock.now() + 60)
    await guard.tick()
    assert not connection.open


async def test_a_wall_clock_set_back_ends_nothing_late() -> None:
    """The other way round, the monotonic clock counts."""
    guard, connection, _, clock = await _token(expires_at=FakeClock().now() + 60)
    clock.set_wall(clock.now() - 3600)
    clock.advance(60)
    await guard.tick()
    assert not connection.open


async def test_a_pending_connection_expires_as_well() -> None:
    """A pending connection that never opens expires and leaves the registry."""
    guard = await settle(make_guard(clock=(clock := FakeClock())))
    connection = await guard.admission.admit(bearer("alice"), _chat())
    clock.advance(24 * 3600)
    await guard.tick()
    assert len(guard.registry) == 0
    assert not guard.registry.opened(connection)  # type: ignore[arg-type]


def _chat() -> Any:
    from tests.guard.fakes import CHAT

    return CHAT


@pytest.mark.parametrize("seconds", [None, 100.0])
async def test_the_greatest_age_of_a_connection(seconds: float | None) -> None:
    """The greatest age of a connection also applies to a credential without expiry."""
    clock = FakeClock()
    guard = await settle(make_guard(clock=clock, limits={"connection_seconds": seconds}))
    connection, _ = await opened(guard, bearer("alice"))
    clock.advance(100)
    await guard.tick()
    assert connection.open is (seconds is None)


# -- idle -------------------------------------------------------------------------------------------


async def _session(**options: Any) -> Any:
    clock = FakeClock()
    store = FakeStore()
    guard = await settle(
        make_guard(clock=clock, store=store, sessions={"idle_seconds": 600.0}, **options)
    )
    issued = await guard.sessions.create("carol")
    handshake = replace(HANDSHAKE, cookies={"__Host-stormdoor": [issued.secret]})
    connection, sink = await opened(guard, handshake)
    return guard, connection, sink, clock, issued, store


async def test_a_silent_socket_ends_with_its_session() -> None:
    """A connection without messages ends when its session expires for lack of use."""
    guard, connection, sink, clock, _, _ = await _session()
    clock.advance(599)
    await guard.tick()
    assert connection.open
    clock.advance(1)
    await guard.tick()
    assert sink.closed == (3000, "authentication required")


async def test_a_silent_socket_lives_on_while_its_session_is_used() -> None:
    """The page is being used, only not through this socket."""
    guard, connection, _, clock, issued, _ = await _session()
    clock.advance(590)
    assert await guard.sessions.find(issued.secret) is not None  # a page was loaded
    clock.advance(590)
    await guard.tick()
    assert connection.open
    clock.advance(10)
    await guard.tick()
    assert not connection.open


async def test_messages_on_a_socket_keep_its_session_alive() -> None:
    """Messages on a socket keep its session alive."""
    guard, connection, _, clock, issued, _ = await _session()
    for _ in range(5):
        clock.advance(300)
        assert guard.inbound.receive_raw(connection, "hello", None) is True
        await guard.deadlines.touch_sessions()
        await guard.tick()
    assert connection.open
    assert await guard.sessions.find(issued.secret) is not None


async def test_idle_and_a_store_that_is_down() -> None:
    """An idle connection ends with 1013 if the store cannot be asked for its session."""
    guard, connection, sink, clock, _, store = await _session()
    clock.advance(600)
    store.down = True
    await guard.tick()
    assert not connection.open
    assert sink.closed == (1013, "try again later")


async def test_idle_and_a_session_that_has_gone() -> None:
    """An idle connection ends if its session was removed from the store without an entry in the feed."""
    guard, connection, _, clock, issued, store = await _session()
    clock.advance(100)
    await store.remove_session(issued.session.id)
    clock.advance(500)
    await guard.tick()
    assert not connection.open


# -- slow readers -----------------------------------------------------------------------------------


async def test_a_client_that_does_not_read_is_closed() -> None:
    """After `outbound_seconds` without a byte gone out, 1013."""
    clock = FakeClock()
    guard = await settle(make_guard(clock=clock, limits={"outbound_seconds": 30.0}))
    connection, sink = await opened(guard, bearer("alice"))
    sink.stalled_at = clock.monotonic()
    connection.look_soon()
    clock.advance(29.9)
    await guard.tick()
    assert connection.open
    clock.advance(0.1)
    await guard.tick()
    assert sink.closed == (1013, "reading too slowly")


# -- the feed ---------------------------------------------------------------------------------------

FEED: list[tuple[str, Target, str, bool]] = [
    ("principal", Target.PRINCIPAL, "alice", True),
    ("another principal", Target.PRINCIPAL, "bob", False),
    ("session", Target.SESSION, "session-of-alice", True),
    ("credential", Target.CREDENTIAL, "credential-of-alice", True),
    ("token", Target.TOKEN, "token-of-alice", True),
    ("another token", Target.TOKEN, "token-of-bob", False),
    ("device", Target.DEVICE, "telephone-of-alice", True),
    ("another device", Target.DEVICE, "telephone-of-bob", False),
    ("role", Target.ROLE, "member", True),
    ("another role", Target.ROLE, "moderator", False),
    ("tenant", Target.TENANT, "acme", True),
    ("another tenant", Target.TENANT, "globex", False),
    ("everything", Target.EVERYTHING, "", True),
    ("changed", Target.CHANGED, "alice", False),
    ("connection", Target.CONNECTION, "{id}", True),
    ("another connection", Target.CONNECTION, "0123456789abcdef", False),
]


@pytest.mark.parametrize(
    ("target", "value", "ends"), [case[1:] for case in FEED], ids=[case[0] for case in FEED]
)
async def test_the_feed_is_followed(target: Target, value: str, ends: bool) -> None:
    """A revocation by another process takes effect at the next tick, once."""
    guard, connection, sink, clock = await _token(
        session_id="session-of-alice",
        token_hash="token-of-alice",
        device_id="telephone-of-alice",
        principal=Principal("alice", frozenset({"member"}), "acme"),
    )
    revocation = Revocation(target, value.format(id=connection.id), clock.now())
    await guard.state.revocations.add_revocation(revocation)
    assert connection.open
    await guard.tick()
    assert connection.open is not ends
    if ends:
        assert sink.closed is not None
        assert sink.closed[0] == 3000


async def test_a_feed_that_could_not_be_read_is_read_later() -> None:
    """If the feed could not be read, its entries take effect when the store answers again."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    connection, _ = await opened(guard, bearer("alice"))
    await store.add_revocation(Revocation(Target.PRINCIPAL, "alice", guard.clock.now()))
    store.broken["revocations"] = StoreUnavailable("no")
    await guard.tick()
    assert connection.open
    del store.broken["revocations"]
    await guard.tick()
    assert not connection.open


async def test_an_entry_that_cannot_be_followed_does_not_stop_the_feed() -> None:
    """An account that cannot be read: its connection ends, and what comes after takes effect, too."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    connection, _ = await opened(guard, bearer("carol"))
    other, _ = await opened(guard, bearer("alice"))
    await store.add_revocation(Revocation(Target.CHANGED, "carol", guard.clock.now()))
    await store.add_revocation(Revocation(Target.PRINCIPAL, "alice", guard.clock.now()))
    store.broken["account"] = RuntimeError("odd")
    await guard.tick()
    assert not connection.open
    assert not other.open


async def test_changed_attributes_count() -> None:
    """Conditions look at attributes: they are read anew like roles."""
    guard = await settle(make_guard())
    connection, _ = await opened(guard, bearer("carol"))
    await guard.admin.set_attributes("carol", {"floor": 3})
    assert connection.principal.attributes == {"floor": 3}


async def test_a_token_with_roles_of_its_own_is_not_changed_by_the_store() -> None:
    """Changes of roles in the store do not affect a token with its own roles."""
    guard = await settle(make_guard())
    connection, _ = await opened(guard, bearer("alice"))
    await guard.state.accounts.add_account(_account("alice"))
    await guard.admin.grant_role("alice", "moderator")
    assert connection.principal.roles == {"member"}
    assert connection.open


def _account(id: str) -> Any:
    from stormdoor.core.account import Account

    return Account(id=id)


async def test_a_revoked_denial_says_nothing_to_the_client() -> None:
    """The reason is the operator's."""
    guard = await settle(make_guard())
    connection, sink = await opened(guard, bearer("alice"))
    await guard.admin.revoke(Target.CONNECTION, connection.id, reason="spied upon us", actor="ada")
    assert sink.closed == (3000, "authentication required")
    assert any("spied upon us" in event.detail for event in await events(guard))
    assert guard.statistics.closed[Denial.REVOKED] == 1


async def test_ended_sessions_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that logs in and out again and again occupies memory for the last positions only."""
    monkeypatch.setattr("stormdoor.guard.lost_changes._REMEMBERED", 10)
    guard, _, _, clock, issued, _ = await _session()
    for _ in range(30):
        assert await guard.admin.log_out(issued.secret) is not None
        issued = await guard.sessions.create("carol")
    await guard.follower.follow()
    ends = [one for one in guard.revocations.missing_in([]) if one.target is Target.SESSION]
    assert len(ends) == 30
    guard.follower.forget_sessions(31 * 86_400.0)
    assert guard.revocations.missing_in([]) == ends  # a handshake may have begun before
    clock.advance(7_201)
    guard.follower.forget_sessions(31 * 86_400.0)
    head = guard.follower.applied.seq
    kept = [one.seq for one in guard.revocations.missing_in([])]
    assert kept == list(range(head - 9, head + 1))
