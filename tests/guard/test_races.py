"""A credential that is revoked during a handshake gives no access at the end of the handshake.

Each interleaving is forced: the store stands still at one call until the other side has done its
work. No interleaving is left to luck, and none needs time to pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from stormdoor import (
    ApiKeyAuthenticator,
    Authentication,
    Connection,
    Denial,
    Guard,
    PolicySet,
    Rejected,
    Target,
    role,
)
from stormdoor.core.account import Account
from stormdoor.core.denial import Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.ports import StoredState
from tests.guard.fakes import (
    CHAT,
    HANDSHAKE,
    ORIGIN,
    POLICIES,
    FakeSink,
    FakeStore,
    Tokens,
    admit,
    authentication,
    bearer,
    make_guard,
    opened,
    refused,
    settle,
    stop_maintenance,
)
from tests.support.clock import FakeClock

Take = Callable[[Guard, str], Awaitable[object]]


async def _revoke_principal(guard: Guard, session: str) -> None:
    await guard.admin.revoke(Target.PRINCIPAL, "carol")


async def _revoke_everything(guard: Guard, session: str) -> None:
    await guard.admin.revoke(Target.EVERYTHING)


async def _revoke_role(guard: Guard, session: str) -> None:
    await guard.admin.revoke(Target.ROLE, "member")


async def _revoke_tenant(guard: Guard, session: str) -> None:
    await guard.admin.revoke(Target.TENANT, "acme")


async def _revoke_device(guard: Guard, session: str) -> None:
    await guard.admin.revoke(Target.DEVICE, "telephone")


async def _revoke_until_now(guard: Guard, session: str) -> None:
    await guard.admin.revoke(Target.PRINCIPAL, "carol", before=guard.clock.now())


async def _log_out(guard: Guard, session: str) -> None:
    await guard.admin.end_session(session)


async def _log_out_elsewhere(guard: Guard, session: str) -> None:
    await guard.admin.end_other_sessions("carol")


async def _disable(guard: Guard, session: str) -> None:
    await guard.admin.set_disabled("carol", True)


async def _remove(guard: Guard, session: str) -> None:
    await guard.admin.remove_principal("carol")


async def _change_password(guard: Guard, session: str) -> None:
    await guard.admin.set_password("carol", "a new and long one")


async def _withdraw(guard: Guard, session: str) -> None:
    await guard.admin.withdraw_role("carol", "member")


async def _reload(guard: Guard, session: str) -> None:
    guard.reload(PolicySet([role("member", "chat:say"), role("moderator")]))


async def _close(guard: Guard, session: str) -> None:
    guard.checks.closing = True
    for connection in guard.registry:
        guard.registry.end(connection, Refusal(Denial.SHUTDOWN))


TAKEN: list[Take] = [
    _revoke_principal,
    _revoke_everything,
    _revoke_role,
    _revoke_tenant,
    _revoke_device,
    _revoke_until_now,
    _log_out,
    _log_out_elsewhere,
    _disable,
    _remove,
    _change_password,
    _withdraw,
    _reload,
    _close,
]
REMOTE = TAKEN[:-2]  # what another process can do to this one, through the store

pytestmark = pytest.mark.filterwarnings("error")


async def _world() -> tuple[Guard, FakeStore, Handshake, str]:
    store = FakeStore()
    carol = Account(id="carol", roles=frozenset({"member"}), tenant="acme")
    guard = await settle(make_guard(store=store), carol)
    issued = await guard.sessions.create("carol")
    on_device = replace(issued.session, device_id="telephone")
    await store.replace_session(issued.session.id, on_device)
    handshake = replace(HANDSHAKE, cookies={"__Host-stormdoor": [issued.secret]})
    return guard, store, handshake, issued.session.id


async def _another(store: FakeStore) -> Guard:
    guard = make_guard(store=store, clock=FakeClock())
    await guard.start()
    await stop_maintenance(guard)
    return guard


def _open(guard: Guard, outcome: Connection | Refusal) -> FakeSink | None:
    """Open the connection as the adapter does; None for a refusal."""
    if isinstance(outcome, Refusal):
        return None
    outcome.sink = sink = FakeSink()
    guard.registry.opened(outcome)
    return sink


def _nobody(guard: Guard, outcome: Connection | Refusal) -> None:
    assert not (isinstance(outcome, Connection) and outcome.open)
    assert len(guard.registry) == 0
    assert guard.registry._addresses == {}


@pytest.mark.parametrize("take", TAKEN)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_taken_while_the_session_is_looked_up(take: Take, after: bool) -> None:
    """The answer of the store is from before the change: it must not count."""
    guard, store, handshake, session = await _world()
    pause = store.pause("session", after=after)
    coming = asyncio.create_task(guard.admission.admit(handshake, CHAT))
    await pause.reached.wait()
    await take(guard, session)
    pause.go()
    outcome = await coming
    assert isinstance(outcome, Refusal), outcome
    _nobody(guard, outcome)
    guard.passwords.close()


@pytest.mark.parametrize("take", TAKEN)
async def test_taken_before_the_101(take: Take) -> None:
    """Admitted, and not opened yet: registered, so that the change finds it."""
    guard, _, handshake, session = await _world()
    connection = await admit(guard, handshake)
    await take(guard, session)
    _open(guard, connection)
    _nobody(guard, connection)
    guard.passwords.close()


@pytest.mark.parametrize("take", TAKEN)
async def test_taken_after_the_101(take: Take) -> None:
    """Open: the gate is shut when the change returns, and the client is told."""
    guard, _, handshake, session = await _world()
    connection, sink = await opened(guard, handshake)
    await take(guard, session)
    _nobody(guard, connection)
    assert sink.closed is not None
    assert sink.closed[0] in {1001, 3000, 3003}
    guard.passwords.close()


@pytest.mark.parametrize("take", REMOTE)
@pytest.mark.parametrize("point", ["lookup", "pending", "open"])
async def test_taken_by_another_process(take: Take, point: str) -> None:
    """The feed brings it: after the next tick there is no such connection, wherever it was."""
    guard, store, handshake, session = await _world()
    other = await _another(store)
    if point == "lookup":
        pause = store.pause("session")
        coming = asyncio.create_task(guard.admission.admit(handshake, CHAT))
        await pause.reached.wait()
        await take(other, session)
        pause.go()
        outcome = await coming
        _open(guard, outcome)
        await guard.tick()
    else:
        outcome = await admit(guard, handshake)
        if point == "open":
            _open(guard, outcome)
        await take(other, session)
        await guard.tick()
        _open(guard, outcome)
    _nobody(guard, outcome)
    guard.passwords.close()
    other.passwords.close()


@pytest.mark.parametrize("take", REMOTE)
async def test_taken_by_another_process_and_learnt_during_the_lookup(take: Take) -> None:
    """The tick falls into the handshake: noted before there was a connection, found at the end."""
    guard, store, handshake, session = await _world()
    other = await _another(store)
    pause = store.pause("session")
    coming = asyncio.create_task(guard.admission.admit(handshake, CHAT))
    await pause.reached.wait()
    await take(other, session)
    await guard.tick()
    pause.go()
    outcome = await coming
    assert isinstance(outcome, Refusal)
    _nobody(guard, outcome)
    guard.passwords.close()
    other.passwords.close()


# -- the other kinds of credential ------------------------------------------------------------------


async def _key_world() -> tuple[Guard, FakeStore, Handshake, str]:
    store = FakeStore()
    guard = await settle(make_guard(ApiKeyAuthenticator(), store=store))
    issued = await guard.admin.issue_key("carol", name="k", scopes=["*"])
    return guard, store, bearer(issued.secret), issued.key.id


async def _ticket_world() -> tuple[Guard, FakeStore, Handshake, str]:
    guard, store, _, session_id = await _world()
    found = await store.session(session_id)
    assert found is not None
    ticket = await guard.tickets.issue(found[0], origin=ORIGIN, endpoint="/ws")
    assert ticket is not None
    offered = f"stormdoor.ticket.{ticket.secret}"
    return guard, store, replace(HANDSHAKE, subprotocols=[offered]), session_id


async def _token_world() -> tuple[Guard, FakeStore, Handshake, str]:
    store = FakeStore()
    token_hash = "ab" * 32

    async def look(state: StoredState) -> Authentication | Rejected:
        await store.account("carol")
        return authentication("carol", token_hash=token_hash)

    guard = await settle(make_guard(Tokens({"t": look}), store=store))
    return guard, store, bearer("t"), token_hash


async def _revoke_key(guard: Guard, value: str) -> None:
    await guard.admin.revoke_key(value)


async def _replace_key(guard: Guard, value: str) -> None:
    await guard.admin.rotate_key(value, overlap_seconds=0)


async def _revoke_token(guard: Guard, value: str) -> None:
    await guard.admin.revoke(Target.TOKEN, value)


World = Callable[[], Awaitable[tuple[Guard, FakeStore, Handshake, str]]]
OTHERS: list[tuple[World, Take, str]] = [
    (_key_world, _revoke_key, "key"),
    (_key_world, _replace_key, "key"),
    (_key_world, _disable, "key"),
    (_ticket_world, _log_out, "redeem_ticket"),
    (_ticket_world, _log_out, "session"),
    (_ticket_world, _revoke_role, "session"),
    (_token_world, _revoke_token, "account"),
    (_token_world, _revoke_principal, "account"),
]


@pytest.mark.parametrize(
    ("world", "take", "call"),
    OTHERS,
    ids=[f"{world.__name__}{take.__name__}-{call}" for world, take, call in OTHERS],
)
@pytest.mark.parametrize("point", ["before", "after", "pending", "open"])
async def test_taken_from_another_credential(
    world: World, take: Take, call: str, point: str
) -> None:
    """At each step of a handshake, a revoked key, ticket or token gives no access."""
    guard, store, handshake, value = await world()
    if point in {"before", "after"}:
        pause = store.pause(call, after=point == "after")
        coming = asyncio.create_task(guard.admission.admit(handshake, CHAT))
        await pause.reached.wait()
        await take(guard, value)
        pause.go()
        outcome = await coming
        assert isinstance(outcome, Refusal), outcome
    else:
        outcome = await admit(guard, handshake)
        if point == "open":
            _open(guard, outcome)
        await take(guard, value)
        _open(guard, outcome)
    _nobody(guard, outcome)
    guard.passwords.close()


# -- roles ------------------------------------------------------------------------------------------


def _may(connection: Connection, permission: str) -> bool:
    return connection.may(permission, None, FakeClock().now())


CHANGES: list[tuple[str, str, str, bool]] = [
    ("given", "reader", "member", True),
    ("taken", "member", "reader", False),
]


@pytest.mark.parametrize(
    ("before", "then", "may"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES]
)
@pytest.mark.parametrize("point", ["before", "after", "again", "pending", "open"])
async def test_a_change_of_roles_counts_from_then_on(
    point: str, before: str, then: str, may: bool
) -> None:
    """A role that is granted or withdrawn counts at once, at each step of a handshake."""
    store = FakeStore()
    guard = await settle(
        make_guard(store=store), Account(id="carol", roles=frozenset({before, "base"}))
    )

    async def change() -> None:
        await guard.admin.grant_role("carol", then)
        await guard.admin.withdraw_role("carol", before)

    if point in {"before", "after"}:
        pause = store.pause("account", after=point == "after")
        coming = asyncio.create_task(guard.admission.admit(bearer("carol"), CHAT))
        await pause.reached.wait()
        await change()
        pause.go()
        connection = await coming
    elif point == "again":
        # A first change makes the admission look again; the second falls into that look.
        first, second = store.pause("account"), store.pause("account")
        coming = asyncio.create_task(guard.admission.admit(bearer("carol"), CHAT))
        await first.reached.wait()
        guard.revocations.changes += 1
        first.go()
        await second.reached.wait()
        assert len(guard.registry) == 1
        await change()
        second.go()
        connection = await coming
    else:
        connection = await admit(guard, bearer("carol"))
        if point == "open":
            _open(guard, connection)
        await change()
    assert isinstance(connection, Connection)
    assert _may(connection, "chat:say") is may
    assert connection.principal.roles == {then, "base"}


async def test_an_answer_from_before_does_not_bring_a_role_back() -> None:
    """A slow read of an account does not restore a role that was withdrawn during the read."""
    store = FakeStore()
    guard = await settle(make_guard(store=store), Account(id="carol", roles=frozenset({"reader"})))
    connection, _ = await opened(guard, bearer("carol"))
    await guard.admin.grant_role("carol", "moderator")
    assert _may(connection, "chat:kick")
    await guard.admin.grant_role("carol", "odd")
    # The first change reads the account for the connection, and stands still with its answer.
    stale = store.pause("account")
    slow = asyncio.create_task(guard.admin.withdraw_role("carol", "odd"))
    await stale.reached.wait()
    await guard.admin.withdraw_role("carol", "moderator")
    assert not _may(connection, "chat:kick")
    stale.go()
    await slow
    assert not _may(connection, "chat:kick")
    assert connection.principal.roles == {"reader"}


async def test_roles_that_cannot_be_read_end_the_connection() -> None:
    """A connection ends if the store cannot read the changed roles of its principal."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    connection, sink = await opened(guard, bearer("carol"))
    other = await _another(store)
    await other.admin.withdraw_role("carol", "member")
    from stormdoor.errors import StoreUnavailable

    store.broken["account"] = StoreUnavailable("no")
    await guard.tick()
    assert not connection.open
    assert sink.closed == (1013, "try again later")
    other.passwords.close()


async def test_a_role_that_cannot_be_withdrawn_stays_in_every_process() -> None:
    """The change and its entry in the log are one: without an answer, there is neither of them."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    connection, _ = await opened(guard, bearer("carol"))
    from stormdoor.errors import StoreUnavailable

    store.broken["remove_role"] = StoreUnavailable("no")
    with pytest.raises(StoreUnavailable):
        await guard.admin.withdraw_role("carol", "member")
    assert connection.open
    assert await store.revocations() == []
    store.broken.clear()
    await guard.admin.withdraw_role("carol", "member")
    assert not connection.open
    assert [one.target for one in await store.revocations()] == [Target.CHANGED]


async def test_a_revocation_shuts_the_gate_here_although_it_cannot_be_stored() -> None:
    """Likewise."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    connection, _ = await opened(guard, bearer("carol"))
    store.down = True
    from stormdoor.errors import StoreUnavailable

    with pytest.raises(StoreUnavailable):
        await guard.admin.revoke(Target.PRINCIPAL, "carol")
    assert not connection.open
    store.down = False
    refusal = await refused(guard, bearer("carol"))
    assert refusal.denial is Denial.REVOKED


async def test_one_that_cannot_be_told_does_not_keep_the_others_alive() -> None:
    """An adapter or a listener that raises at the end of one connection is logged, and that is all."""
    guard = await settle(make_guard())
    pairs = [await opened(guard, bearer("alice")) for _ in range(3)]
    for _, sink in pairs:
        sink.fault = RuntimeError("the socket is odd")
    heard: list[str] = []

    def broken(connection: Connection) -> None:
        raise RuntimeError("the listener is odd")

    guard.registry.on_end += [broken, lambda connection: heard.append(connection.id)]
    assert (await guard.admin.revoke(Target.PRINCIPAL, "alice")).closed == 3
    assert not any(connection.open for connection, _ in pairs)
    assert sorted(heard) == sorted(connection.id for connection, _ in pairs)
    assert len(guard.registry) == 0


async def test_a_clock_that_was_set_back_does_not_save_anybody() -> None:
    """The revocation says a time before the credential was issued, and ends it all the same."""
    clock = FakeClock()
    guard = await settle(make_guard(clock=clock))
    issued = await guard.sessions.create("carol")
    handshake = replace(HANDSHAKE, cookies={"__Host-stormdoor": [issued.secret]})
    connection, _ = await opened(guard, handshake)
    clock.set_wall(clock.now() - 3600)
    assert (await guard.admin.revoke(Target.PRINCIPAL, "carol")).closed == 1
    assert not connection.open
    clock.set_wall(clock.now() + 3600)
    await refused(guard, handshake)


async def test_a_login_after_a_revocation_counts() -> None:
    """`log out everywhere` does not forbid the login that follows."""
    clock = FakeClock()
    guard = await settle(make_guard(clock=clock))
    await guard.admin.revoke(Target.PRINCIPAL, "carol")
    clock.advance(0.001)
    issued = await guard.sessions.create("carol")
    await admit(guard, replace(HANDSHAKE, cookies={"__Host-stormdoor": [issued.secret]}))


async def test_policies_that_change_while_the_store_is_asked() -> None:
    """The set that is in force at the end decides, in both directions."""
    guard, store, handshake, _ = await _world()
    guard.reload(PolicySet([role("member"), role("moderator")]))
    pause = store.pause("session")
    coming = asyncio.create_task(guard.admission.admit(handshake, CHAT))
    await pause.reached.wait()
    guard.reload(POLICIES)
    pause.go()
    assert isinstance(await coming, Connection)
