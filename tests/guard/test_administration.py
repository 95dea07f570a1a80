"""Changes by operators and principals are stored, recorded, and in force before the method returns."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from stormdoor import (
    ApiKeyAuthenticator,
    ConfigurationError,
    Connection,
    Denial,
    Guard,
    SessionAuthenticator,
    StoreError,
    Target,
)
from stormdoor.core.account import Account
from stormdoor.core.revocation import Revocation
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import Changed
from stormdoor.stores import MemoryStore
from tests.guard.fakes import (
    CHAT,
    HANDSHAKE,
    FakeStore,
    Tokens,
    admit,
    authentication,
    bearer,
    events,
    make_guard,
    of_account,
    opened,
    refused,
    settle,
)
from tests.support.clock import FakeClock


async def _guard(store: MemoryStore | None = None, **options: Any) -> Guard:
    known = {"alice": authentication("alice"), "carol": of_account("carol")}
    guard = make_guard(
        *(ApiKeyAuthenticator(), Tokens(known), SessionAuthenticator()),
        clock=FakeClock(),
        store=store,
        **options,
    )
    return await settle(guard)


class _WithoutEntries(MemoryStore):
    """Breaks the contract: it says that a change happened, and does not return the entry of it."""

    async def set_password_hash(
        self, id: str, password_hash: str | None, *, entry: Revocation | None = None
    ) -> Changed:
        await super().set_password_hash(id, password_hash, entry=entry)
        return True


async def test_a_store_that_returns_no_entry_is_named() -> None:
    """A change is not continued with something that is no entry of the log, also under `python -O`."""
    guard = await _guard(_WithoutEntries())
    await guard.admin.add_principal("dan", password="correct horse battery")
    with pytest.raises(StoreError, match="the store did not return the entry of a change"):
        await guard.admin.set_password("dan", "another horse battery")


async def _told(guard: Guard) -> list[tuple[str, str, str]]:
    return [
        (one.name, one.principal, one.actor)
        for one in await events(guard)
        if one.name not in {"connection_opened", "connection_closed", "sys_startup"}
    ]


async def test_a_principal_from_its_making_to_its_end() -> None:
    """Each change has an entry that says who did it."""
    guard = await _guard()
    admin = guard.admin
    account = await admin.add_principal(
        "dan", password="correct horse battery", roles=["member"], tenant="acme", actor="ada"
    )
    assert account.password_hash is not None
    assert "correct horse" not in repr(account)
    await admin.set_attributes("dan", {"floor": 2}, actor="ada")
    await admin.grant_role("dan", "moderator", actor="ada")
    await admin.withdraw_role("dan", "member", actor="ada")
    await admin.set_password("dan", "another horse battery", actor="dan")
    await admin.set_disabled("dan", True, actor="ada")
    await admin.set_disabled("dan", False, actor="ada")
    stored = await guard.state.accounts.account("dan")
    assert stored is not None
    assert (stored.roles, stored.attributes) == (frozenset({"moderator"}), {"floor": 2})
    await admin.remove_principal("dan", actor="ada")
    assert await guard.state.accounts.account("dan") is None
    told = await _told(guard)
    assert [(name, actor) for name, principal, actor in told if principal == "dan"] == [
        ("user_created", "ada"),
        ("privilege_permissions_changed", "ada"),
        ("privilege_permissions_changed", "ada"),
        ("privilege_permissions_changed", "ada"),
        ("authn_password_change", "dan"),
        ("authn_token_revoked", "dan"),
        ("user_updated", "ada"),
        ("authn_token_revoked", "ada"),
        ("user_updated", "ada"),
        ("authn_token_revoked", "ada"),
        ("user_deleted", "ada"),
    ]
    guard.passwords.close()


async def test_nobody_that_is_not_there_is_changed() -> None:
    """The operator mistyped: that is an error, and nothing is noted."""
    guard = await _guard()
    admin = guard.admin
    tries = [
        admin.grant_role("nobody", "member"),
        admin.withdraw_role("nobody", "member"),
        admin.set_attributes("nobody", {}),
        admin.set_password("nobody", "correct horse battery"),
        admin.set_disabled("nobody", True),
        admin.remove_principal("nobody"),
    ]
    for one in tries:
        with pytest.raises(StoreError, match="nobody"):
            await one
    assert await _told(guard) == []
    guard.passwords.close()


@pytest.mark.parametrize("id", ["", " dan", "dan ", "d\nan", "x" * 129, "\0192.0.2.1"])
async def test_a_name_that_could_be_mistaken_is_none(id: str) -> None:
    """An id that looks like the anonymous name of an address is refused."""
    guard = await _guard()
    with pytest.raises(StoreError, match="not a name"):
        await guard.admin.add_principal(id)


async def test_a_password_that_is_guessed_first_is_refused() -> None:
    """Before anything is stored."""
    guard = await _guard()
    with pytest.raises(ConfigurationError):
        await guard.admin.add_principal("dan", password="short")
    assert await guard.state.accounts.account("dan") is None
    guard.passwords.close()


# -- keys -------------------------------------------------------------------------------------------


async def test_a_key_and_its_connections() -> None:
    """Revoked: they end at once, and it does not come in again."""
    guard = await _guard()
    issued = await guard.admin.issue_key("carol", name="k", scopes=["chat:*"], actor="ada")
    connection, sink = await opened(guard, bearer(issued.secret))
    assert connection.authentication.scopes == frozenset({"chat:*"})
    assert await guard.admin.revoke_key(issued.key.id, actor="ada")
    assert sink.closed is not None
    assert sink.closed[0] == 3000
    assert (await refused(guard, bearer(issued.secret))).denial is Denial.BAD_CREDENTIAL
    assert not await guard.admin.revoke_key(issued.key.id)
    assert issued.secret not in repr(await events(guard))


@pytest.mark.parametrize("overlap", [0.0, 60.0])
async def test_a_key_that_is_rotated(overlap: float) -> None:
    """Both keys are accepted during the overlap; without one, the old key ends with its connections."""
    guard = await _guard()
    old = await guard.admin.issue_key("carol", name="k", scopes=["*"])
    connection, _ = await opened(guard, bearer(old.secret))
    new = await guard.admin.rotate_key(old.key.id, overlap_seconds=overlap)
    await admit(guard, bearer(new.secret))
    assert connection.open is (overlap > 0)
    outcome = await guard.admission.admit(bearer(old.secret), CHAT)
    assert isinstance(outcome, Connection) is (overlap > 0)
    guard.clock.advance(60)  # type: ignore[attr-defined]
    await refused(guard, bearer(old.secret))


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_a_rotated_key_takes_its_connections_along(where: str) -> None:
    """Connections of the old key end with the overlap, also if another process rotated the key."""
    store = MemoryStore()
    guard = await _guard(store)
    assert isinstance(guard.clock, FakeClock)
    other = make_guard(ApiKeyAuthenticator(), store=store, clock=guard.clock)
    old = await guard.admin.issue_key("carol", name="k", scopes=["*"])
    connection, sink = await opened(guard, bearer(old.secret))
    await (guard if where == "here" else other).admin.rotate_key(old.key.id, overlap_seconds=60)
    await guard.tick()
    clock = guard.clock
    assert isinstance(clock, FakeClock)
    clock.advance(59.9)
    await guard.tick()
    assert connection.open
    clock.advance(0.1)
    await guard.tick()
    assert sink.closed is not None
    assert sink.closed[0] == 3000
    guard.passwords.close()
    other.passwords.close()


async def test_a_key_that_cannot_be_read_is_no_key() -> None:
    """A connection ends with 1013 if the store cannot read its changed key."""
    store = FakeStore()
    guard = await _guard(store)
    old = await guard.admin.issue_key("carol", name="k", scopes=["*"])
    connection, sink = await opened(guard, bearer(old.secret))
    store.broken["key"] = StoreUnavailable("no")
    await guard.ender.apply(Revocation(Target.CHANGED, "carol", guard.clock.now()))
    assert not connection.open
    assert sink.closed == (1013, "try again later")


async def test_a_key_works_only_from_its_networks() -> None:
    """Elsewhere it is no credential."""
    guard = await _guard()
    issued = await guard.admin.issue_key(
        "carol", name="k", scopes=["*"], networks=["198.51.100.0/24"]
    )
    assert (await refused(guard, bearer(issued.secret))).denial is Denial.BAD_CREDENTIAL
    await admit(guard, bearer(issued.secret, address="198.51.100.7"))


# -- sessions ---------------------------------------------------------------------------------------


async def _connected(guard: Guard) -> tuple[str, Connection]:
    issued = await guard.sessions.create("carol")
    handshake = replace(HANDSHAKE, cookies={"__Host-stormdoor": [issued.secret]})
    return issued.session.id, (await opened(guard, handshake))[0]


async def test_sessions_end_with_their_connections_and_no_others() -> None:
    """One; all others; only one's own."""
    guard = await _guard()
    (one, first), (two, second), (three, third) = [await _connected(guard) for _ in range(3)]
    assert await guard.admin.end_session(one, owner="carol")
    assert [first.open, second.open, third.open] == [False, True, True]
    assert not await guard.admin.end_session(one)
    assert not await guard.admin.end_session(two, owner="mallory")
    assert second.open
    assert await guard.admin.end_other_sessions("carol", keep=three) == 1
    assert [second.open, third.open] == [False, True]
    assert await guard.admin.end_other_sessions("carol", keep=three) == 0


async def test_other_sessions_end_also_if_the_clock_of_their_node_is_ahead() -> None:
    """INVARIANT: an attacker who logs in at a node that is ahead is not spared as a later login."""
    guard = await _guard()
    now = guard.clock.now()
    guard.clock.set_wall(now + 3600)  # type: ignore[attr-defined]
    stolen = await guard.sessions.create("carol")
    guard.clock.set_wall(now)  # type: ignore[attr-defined]
    own = await guard.sessions.create("carol")
    assert await guard.admin.end_other_sessions("carol", keep=own.session.id) == 1
    assert await guard.state.sessions.session(stolen.session.id) is None


async def test_change_by_a_node_that_is_ahead_renews_a_session_once() -> None:
    """A session that begins after the change was read is from after it, by the clock of this node."""
    guard = await _guard()
    ahead = guard.clock.now() + 3600
    await guard.ender.apply(Revocation(Target.CHANGED, "carol", ahead, 1, "", "e"))
    assert guard.revocations.changed_since("carol", guard.clock.now())
    guard.clock.advance(1)  # type: ignore[attr-defined]
    assert not guard.revocations.changed_since("carol", guard.clock.now())


@pytest.mark.parametrize("change", ["password", "disabled", "revoked", "everything", "removed"])
async def test_what_ends_a_principal_ends_its_sessions(change: str) -> None:
    """A change that ends a principal's sessions ends the connections of these sessions too."""
    guard = await _guard()
    session, connection = await _connected(guard)
    admin = guard.admin
    match change:
        case "password":
            await admin.set_password("carol", "correct horse battery")
        case "disabled":
            await admin.set_disabled("carol", True)
        case "revoked":
            await admin.revoke(Target.PRINCIPAL, "carol")
        case "everything":
            await admin.revoke(Target.EVERYTHING)
        case _:
            await admin.remove_principal("carol")
    assert not connection.open
    assert await guard.state.sessions.session(session) is None
    guard.passwords.close()


# -- two at once ------------------------------------------------------------------------------------


async def test_a_role_that_is_taken_is_not_brought_back_by_another_that_is_given() -> None:
    """Two processes on one store: who is slow changes one role, and writes back no others."""
    store = FakeStore()
    here, there = await _guard(store=store), make_guard(clock=FakeClock(), store=store)
    await here.admin.grant_role("carol", "moderator")
    pause = store.pause("add_role", after=False)
    giving = asyncio.create_task(here.admin.grant_role("carol", "odd"))
    await pause.reached.wait()
    await there.admin.withdraw_role("carol", "moderator")
    pause.go()
    await giving
    account = await store.account("carol")
    assert account is not None
    assert account.roles == {"member", "odd"}


async def test_who_logs_in_while_being_removed_does_not_stay() -> None:
    """After the revocation, before the account has gone."""
    store = FakeStore()
    guard = await _guard(store=store)
    pause = store.pause("remove_account", after=False)
    removing = asyncio.create_task(guard.admin.remove_principal("carol"))
    await pause.reached.wait()
    guard.clock.advance(0.001)  # type: ignore[attr-defined]
    _, connection = await _connected(guard)
    pause.go()
    await removing
    assert not connection.open
    assert len(guard.registry) == 0


# -- the trail --------------------------------------------------------------------------------------


async def test_personal_data_are_erased_and_the_chain_stays_whole() -> None:
    """An erasure removes the principal from the trail and keeps the events."""
    guard = await _guard()
    await admit(guard, bearer("alice"))
    await admit(guard, bearer("carol"))
    assert await guard.admin.erase("alice", actor="ada") == 1
    written = await events(guard)
    assert "alice" not in repr(written)
    assert "carol" in repr(written)
    assert written[-1].name == "user_data_erased"


async def test_old_entries_are_dropped() -> None:
    """Old entries are dropped, and the trail records their number."""
    clock = FakeClock()
    guard = make_guard(clock=clock)
    await settle(guard)
    await admit(guard, bearer("alice"))
    await guard.trail.flush()
    clock.advance(100)
    await admit(guard, bearer("bob"))
    assert await guard.admin.retain(clock.now() - 50, actor="ada") == 2
    assert await guard.admin.retain(clock.now() - 50, actor="ada") == 0
    written = await events(guard)
    assert [one.principal for one in written] == ["bob", ""]
    assert (written[-1].name, written[-1].actor) == ("trail_retention", "ada")


async def test_a_reload_is_noted() -> None:
    """The trail records a reload with the number of roles and policies."""
    guard = await _guard()
    guard.reload(guard.policies, actor="ada")
    [*_, event] = await events(guard)
    assert (event.name, event.actor) == ("authz_change", "ada")


async def test_nobody_comes_in_while_revocations_cannot_be_followed() -> None:
    """A token proves itself, and may have been revoked elsewhere; those who are in stay in."""
    store = FakeStore()
    guard = await _guard(store=store)
    connection, _ = await opened(guard, bearer("alice"))
    from stormdoor import StoreUnavailable

    await store.add_revocation(Revocation(Target.ROLE, "none", 1.0))
    store.broken["revocations"] = StoreUnavailable("no")
    await guard.tick()
    refusal = await refused(guard, bearer("alice"))
    assert (refusal.denial, refusal.answer.status) == (Denial.UNAVAILABLE, 503)
    assert connection.open
    store.broken.clear()
    await guard.tick()
    await admit(guard, bearer("alice"))


# -- what is revoked ----------------------------------------------------------------------------------


async def _people(guard: Guard) -> dict[str, Connection]:
    """An open connection each of the accounts `one` to `four`, by the session of a device."""
    people = [
        ("one", {"member"}, "acme", "phone"),
        ("two", {"member", "moderator"}, "acme", "laptop"),
        ("three", {"member"}, "globex", "phone"),
        ("four", {"member"}, None, None),
    ]
    found = {}
    for id, roles, tenant, device in people:
        await guard.state.accounts.add_account(
            Account(id=id, roles=frozenset(roles), tenant=tenant)
        )
        issued = await guard.sessions.create(id)
        on_device = replace(issued.session, device_id=device)
        await guard.state.sessions.replace_session(issued.session.id, on_device)
        handshake = replace(HANDSHAKE, cookies={"__Host-stormdoor": [issued.secret]})
        found[id] = (await opened(guard, handshake))[0]
    return found


GROUPS: list[tuple[Target, str, set[str]]] = [
    (Target.PRINCIPAL, "one", {"one"}),
    (Target.DEVICE, "phone", {"one", "three"}),
    (Target.ROLE, "moderator", {"two"}),
    (Target.TENANT, "acme", {"one", "two"}),
    (Target.EVERYTHING, "", {"one", "two", "three", "four"}),
]


@pytest.mark.parametrize(("target", "value", "whose"), GROUPS, ids=[one[0].value for one in GROUPS])
@pytest.mark.parametrize("when", ["now", "before", "too early"])
async def test_what_a_revocation_ends(
    target: Target, value: str, whose: set[str], when: str
) -> None:
    """A revocation ends exactly the target's connections and sessions, and returns their number."""
    guard = await _guard()
    people = await _people(guard)
    clock = guard.clock
    assert isinstance(clock, FakeClock)
    moment = clock.now() - (0.001 if when == "too early" else 0.0)
    clock.advance(10)
    ended = await guard.admin.revoke(target, value, before=None if when == "now" else moment)
    if when == "too early":
        whose = set()
    assert ended.closed == len(whose)
    assert {id for id, connection in people.items() if not connection.open} == whose
    living = {id for id in people if await guard.state.sessions.sessions(id)}
    assert living == set(people) - whose


@pytest.mark.parametrize(("target", "value", "whose"), GROUPS, ids=[one[0].value for one in GROUPS])
async def test_a_login_after_it_counts(target: Target, value: str, whose: set[str]) -> None:
    """A revocation does not cover a credential that is issued after it."""
    guard = await _guard()
    await _people(guard)
    await guard.admin.revoke(target, value)
    clock = guard.clock
    assert isinstance(clock, FakeClock)
    clock.advance(0.001)
    for id in whose:
        issued = await guard.sessions.create(id)
        await admit(guard, replace(HANDSHAKE, cookies={"__Host-stormdoor": [issued.secret]}))


async def test_a_role_that_was_given_to_an_open_connection_is_revoked_with_the_others() -> None:
    """A revocation by role uses the present roles of a principal, not those of its handshake."""
    guard = await _guard()
    people = await _people(guard)
    await guard.admin.grant_role("three", "moderator")
    assert (await guard.admin.revoke(Target.ROLE, "moderator")).closed == 2
    assert not people["three"].open


@pytest.mark.parametrize(
    ("target", "value", "before", "says"),
    [
        (Target.PRINCIPAL, "", None, "which principal"),
        (Target.EVERYTHING, "alice", None, "leave out the value"),
        (Target.CHANGED, "alice", None, "no revocation"),
        (Target.SESSION, "s", 1.0, "over as a whole"),
        (Target.TOKEN, "t", 1.0, "over as a whole"),
        (Target.PRINCIPAL, "alice", 1e12, "in the future"),
        (Target.PRINCIPAL, "alice", float("nan"), "in the future"),
    ],
)
async def test_a_revocation_that_makes_no_sense(
    target: Target, value: str, before: float | None, says: str
) -> None:
    """An invalid revocation is an error that names the remedy, and no connection is closed."""
    guard = await _guard()
    with pytest.raises(ConfigurationError, match=says):
        await guard.admin.revoke(target, value, before=before)
    assert await guard.state.revocations.revocations() == []


async def test_a_revoked_session_and_its_entry_are_one_transaction() -> None:
    """A node that starts reads no entries about sessions: it must not find a session that was revoked."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    issued = await guard.sessions.create("carol")
    store.broken["remove_session"] = StoreUnavailable("no")
    with pytest.raises(StoreUnavailable):
        await guard.admin.revoke(Target.SESSION, issued.session.id)
    assert await store.session(issued.session.id) is not None
    assert await store.revocations() == []
    del store.broken["remove_session"]
    await guard.admin.revoke(Target.SESSION, issued.session.id)
    assert await store.session(issued.session.id) is None
    assert issued.session.id in {one.value for one in await store.revocations()}
    await guard.close()
