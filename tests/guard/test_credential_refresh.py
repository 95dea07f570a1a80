"""A connection goes on with another credential of its principal, or as it was: every order of events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from stormdoor import (
    Authentication,
    Connection,
    Guard,
    Principal,
    SessionAuthenticator,
    StoreUnavailable,
    Target,
    TicketAuthenticator,
    Topic,
    permit,
    public,
    require,
    role,
)
from stormdoor.auth.authenticator import Rejected
from stormdoor.core.account import Account
from stormdoor.core.credential import Credential
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.needs import Needs
from stormdoor.core.policy import PolicySet
from stormdoor.guard.endpoint import Endpoint
from stormdoor.ports import Store, StoredState
from tests.guard.fakes import (
    CHAT,
    HANDSHAKE,
    ORIGIN,
    FakeSink,
    FakeStore,
    Tokens,
    authentication,
    bearer,
    events,
    make_guard,
    of_account,
    opened,
    settle,
)
from tests.support.clock import FakeClock

START = FakeClock().now()
TOPIC = Topic("room:lobby", "chat:say")


class Gate:
    """Token verification that waits until the test releases it."""

    def __init__(self, outcome: Authentication | Rejected) -> None:
        self.outcome = outcome
        self.reached, self.released = asyncio.Event(), asyncio.Event()

    async def __call__(self, store: Store) -> Authentication | Rejected:
        self.reached.set()
        await self.released.wait()
        return self.outcome


OLD = authentication("alice", credential_id="old", expires_at=START + 100)
NEW = authentication("alice", credential_id="new", issued_at=START, expires_at=START + 500)


async def world(
    *, clock: FakeClock | None = None, limits: dict[str, Any] | None = None, **known: Any
) -> tuple[Guard, Connection, FakeSink, Tokens]:
    """An open connection of alice on a token that lasts 100 seconds."""
    tokens = Tokens({"old": OLD, "new": NEW, "bob": authentication("bob"), **known})
    guard = await settle(
        make_guard(
            tokens,
            SessionAuthenticator(),
            TicketAuthenticator(),
            clock=clock or FakeClock(),
            limits=limits,
        )
    )
    connection, sink = await opened(guard, bearer("old"))
    return guard, connection, sink, tokens


# It goes on -------------------------------------------------------------------------------------


async def test_it_lives_as_long_as_the_new_credential() -> None:
    """The deadline is that of the new one, the notice comes anew, and nothing was said or lost."""
    clock = FakeClock()
    guard, connection, sink, _ = await world(clock=clock)
    assert guard.channels.subscribe(connection, TOPIC)
    clock.advance(80)
    await guard.tick()
    assert await guard.refresh(connection, "new") is None
    assert connection.expires_in(clock.monotonic()) == 420
    clock.advance(30)
    await guard.tick()
    assert connection.open
    assert guard.channels.publish(TOPIC, {"n": 1}) == 1
    clock.advance(390)
    await guard.tick()
    assert sink.closed == (3000, "authentication required")
    assert len(sink.told) == 1  # of the first end; the second came between two ticks
    renewed = [one for one in await events(guard) if one.name == "connection_renewed"]
    assert [(one.principal, one.detail) for one in renewed] == [("alice", "token old by token")]
    await guard.close()


async def test_each_deadline_is_told_of() -> None:
    """One notice for the old end, one for the new one."""
    clock = FakeClock()
    guard, connection, sink, _ = await world(clock=clock)
    clock.advance(75)
    await guard.tick()
    assert await guard.refresh(connection, "new") is None
    clock.advance(364)
    await guard.tick()
    assert len(sink.told) == 1
    clock.advance(1)
    await guard.tick()
    await guard.tick()
    assert sink.told == [pytest.approx(25), pytest.approx(60)]
    await guard.close()


async def test_it_does_not_outlive_its_age() -> None:
    """However many credentials, `limits.connection_seconds` counts from the handshake."""
    clock = FakeClock()
    guard, connection, _, _ = await world(clock=clock, limits={"connection_seconds": 200.0})
    clock.advance(50)
    assert await guard.refresh(connection, "new") is None
    assert connection.expires_in(clock.monotonic()) == 150
    clock.advance(150)
    await guard.tick()
    assert not connection.open
    await guard.close()


async def test_one_without_an_end() -> None:
    """A key without a date, and no limit of age: nothing to tell."""
    guard, connection, _, _ = await world(
        limits={"connection_seconds": None}, key=authentication("alice")
    )
    assert await guard.refresh(connection, "key") is None
    assert connection.expires_in(1e9) is None
    await guard.close()


async def test_scopes_shrink_at_once() -> None:
    """Narrower scopes after a refresh apply at once to messages and deliveries."""
    narrow = replace(NEW, scopes=frozenset({"chat:connect"}))
    guard, connection, sink, _ = await world(narrow=narrow)
    assert guard.channels.subscribe(connection, TOPIC)
    assert connection.may("chat:say", None, START)
    assert await guard.refresh(connection, "narrow") is None
    assert not connection.may("chat:say", None, START)
    assert guard.channels.publish(TOPIC, {}) == 0
    assert sink.sent == []
    assert guard.channels.topics(connection) == {TOPIC}  # and wider ones bring it back
    assert await guard.refresh(connection, "new") is None
    assert guard.channels.publish(TOPIC, {}) == 1
    await guard.close()


async def test_roles_of_the_new_token_count() -> None:
    """A refreshed token with more roles or fewer roles changes what the connection may do."""
    mod = replace(NEW, principal=Principal("alice", frozenset({"moderator"})))
    guard, connection, _, _ = await world(mod=mod)
    assert await guard.refresh(connection, "mod") is None
    assert connection.may("chat:kick", None, START)
    assert await guard.refresh(connection, "new") is None
    assert not connection.may("chat:kick", None, START)
    await guard.close()


async def test_a_ticket_is_spent() -> None:
    """A ticket refreshes the connection of its owner once, and no other connection."""
    clock = FakeClock()
    guard = await settle(make_guard(clock=clock))
    first = await guard.sessions.create("carol")
    connection, _ = await opened(
        guard, replace(HANDSHAKE, cookies={"__Host-stormdoor": [first.secret]})
    )
    second = await guard.sessions.create("carol")
    ticket = await guard.tickets.issue(second.session, origin=ORIGIN, endpoint="/ws")
    assert ticket is not None
    assert await guard.refresh(connection, f"stormdoor.ticket.{ticket.secret}") is None
    assert connection.authentication.session_id == second.session.id
    again = await guard.refresh(connection, f"stormdoor.ticket.{ticket.secret}")
    assert again is not None
    assert again.denial is Denial.BAD_CREDENTIAL
    assert connection.authentication.session_id == second.session.id
    assert "authn_token_reuse" in [one.name for one in await events(guard)]
    # Logging out of the first session does not end it any more, of the second it does.
    assert await guard.admin.end_session(first.session.id)
    assert connection.open
    assert await guard.admin.end_session(second.session.id)
    assert not connection.open
    await guard.close()


@pytest.mark.parametrize("endpoint", ["/other", "/ws"])
async def test_a_ticket_counts_where_it_was_issued_for(endpoint: str) -> None:
    """The facts of the handshake hold for what comes later, too."""
    guard = await settle(make_guard())
    issued = await guard.sessions.create("carol")
    connection, sink = await opened(
        guard, replace(HANDSHAKE, cookies={"__Host-stormdoor": [issued.secret]})
    )
    sink.facts = replace(HANDSHAKE, cookies={"__Host-stormdoor": [issued.secret]})
    ticket = await guard.tickets.issue(issued.session, origin=ORIGIN, endpoint=endpoint)
    assert ticket is not None
    refusal = await guard.refresh(connection, f"stormdoor.ticket.{ticket.secret}")
    assert (refusal is None) is (endpoint == "/ws")
    await guard.close()


async def test_no_other_credential_of_the_handshake_is_seen() -> None:
    """An authenticator judges what was sent now, not a header of long ago."""
    seen: list[Handshake] = []

    class Curious(Tokens):
        async def authenticate(
            self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
        ) -> Authentication | Rejected:
            seen.append(handshake)
            return await super().authenticate(credential, handshake, state=state, now=now)

    guard = await settle(make_guard(Curious({"old": OLD, "new": NEW})))
    connection, sink = await opened(guard, bearer("old"))
    sink.facts = bearer("old", headers={"dpop": ["x"]}, query={"a": ["b"]}, subprotocols=["c"])
    assert await guard.refresh(connection, "new") is None
    assert (seen[1].authorization, seen[1].headers, seen[1].query) == ((), {}, {})
    assert (seen[1].cookies, seen[1].subprotocols) == ({}, ())
    assert seen[1].path == "/ws"
    await guard.close()


# It is refused, and nothing has changed ---------------------------------------------------------

REFUSED: list[tuple[str, Any, Denial]] = [
    ("forged", None, Denial.BAD_CREDENTIAL),
    ("unrecognised", "?", Denial.BAD_CREDENTIAL),
    ("empty", "", Denial.BAD_CREDENTIAL),
    ("huge", "x" * 8193, Denial.BAD_CREDENTIAL),
    ("another principal", authentication("bob"), Denial.FORBIDDEN),
    (
        "another tenant",
        replace(NEW, principal=Principal("alice", frozenset({"member"}), "acme")),
        Denial.FORBIDDEN,
    ),
    ("expired", replace(NEW, expires_at=START), Denial.EXPIRED),
    ("may not connect", replace(NEW, scopes=frozenset({"chat:say"})), Denial.FORBIDDEN),
    ("no role", replace(NEW, principal=Principal("alice")), Denial.FORBIDDEN),
    ("refused by its issuer", Rejected(Denial.REVOKED, "no"), Denial.REVOKED),
]


@pytest.mark.parametrize(
    ("outcome", "denial"), [one[1:] for one in REFUSED], ids=[r[0] for r in REFUSED]
)
async def test_a_failed_one_harms_nothing(outcome: Any, denial: Denial) -> None:
    """The old credential goes on counting, to the second."""
    clock = FakeClock()
    token = outcome if isinstance(outcome, str) else "other"
    known = {} if outcome is None or isinstance(outcome, str) else {"other": outcome}
    guard, connection, sink, _ = await world(clock=clock, **known)
    assert guard.channels.subscribe(connection, TOPIC)
    before = (connection.authentication, connection.principal, connection.deadline)
    refusal = await guard.refresh(connection, token)
    assert refusal is not None
    assert refusal.denial is denial
    assert (connection.authentication, connection.principal, connection.deadline) == before
    assert connection.open
    assert not connection.renewing
    assert guard.channels.publish(TOPIC, {}) == 1
    assert guard.statistics.rejected[denial] == 1
    clock.advance(100)
    await guard.tick()
    assert sink.closed == (3000, "authentication required")
    await guard.close()


async def test_a_revoked_one_is_refused() -> None:
    """A token that is already revoked is refused."""
    guard, connection, _, _ = await world()
    await guard.admin.revoke(Target.CREDENTIAL, "new")
    refusal = await guard.refresh(connection, "new")
    assert refusal is not None
    assert refusal.denial is Denial.REVOKED
    assert connection.open
    await guard.close()


async def test_guesses_count_as_guesses() -> None:
    """Refreshing is no way around `failures_per_address`: not here, and not at the handshake after."""
    guard, connection, _, tokens = await world(limits={"failures_per_address": "3/min burst 3"})
    for _ in range(3):
        refusal = await guard.refresh(connection, "guess")
        assert refusal is not None
        assert refusal.denial is Denial.BAD_CREDENTIAL
    asked = len(tokens.asked)
    refusal = await guard.refresh(connection, "new")
    assert refusal is not None
    assert refusal.denial is Denial.BACKOFF
    assert len(tokens.asked) == asked
    outcome = await guard.admission.admit(bearer("bob"), CHAT)
    assert isinstance(outcome, Refusal)
    assert outcome.denial is Denial.BACKOFF
    await guard.close()


async def test_somebody_elses_credential_is_a_guess() -> None:
    """Trying out stolen tokens on an own connection is charged."""
    guard, connection, _, _ = await world(limits={"failures_per_address": "1/min burst 1"})
    await guard.refresh(connection, "bob")
    refusal = await guard.refresh(connection, "new")
    assert refusal is not None
    assert refusal.denial is Denial.BACKOFF
    await guard.close()


async def test_refusals_are_offences() -> None:
    """A refused refresh counts as an offence, and several close the connection."""
    guard, connection, sink, _ = await world(
        limits={"offences": 3, "failures_per_address": "100/s burst 100"}
    )
    for _ in range(3):
        await guard.refresh(connection, "guess")
    assert connection.open
    await guard.refresh(connection, "guess")
    assert sink.closed == (1008, "invalid message")
    await guard.close()


async def test_there_are_not_any_number_of_them() -> None:
    """Each one is an entry in the trail."""
    guard, connection, _, _ = await world(limits={"refreshes_per_principal": "2/min burst 2"})
    outcomes = [await guard.refresh(connection, "new") for _ in range(3)]
    assert outcomes[:2] == [None, None]
    assert outcomes[2] is not None
    assert outcomes[2].denial is Denial.BACKOFF
    assert outcomes[2].retry_after is not None
    await guard.close()


async def test_a_public_endpoint_has_nothing_to_refresh() -> None:
    """A public endpoint refuses a refresh, because no credential opened its connections."""
    guard, _, _, tokens = await world()
    connection, _ = await opened(guard, HANDSHAKE, Endpoint("P", None, public("for everybody")))
    refusal = await guard.refresh(connection, "new")
    assert refusal is not None
    assert refusal.denial is Denial.INVALID_MESSAGE
    assert tokens.asked == ["old"]
    await guard.close()


async def test_one_that_has_ended_has_nothing_to_refresh() -> None:
    """On a connection that has ended, no token is verified, and the connection stays ended."""
    guard, connection, _, tokens = await world()
    guard.registry.end(connection)
    refusal = await guard.refresh(connection, "new")
    assert refusal is not None
    assert refusal.denial is Denial.ENDED
    assert tokens.asked == ["old"]
    await guard.close()


@pytest.mark.parametrize("trouble", ["down", "raises", "trail", "blind", "closing"])
async def test_trouble_of_the_server_harms_nothing(trouble: str) -> None:
    """A refresh that cannot be verified is refused, and the connection stays open."""

    async def fail(store: Store) -> Authentication:
        raise StoreUnavailable("down") if trouble == "down" else RuntimeError("odd")

    guard, connection, _, _ = await world(odd=fail)
    guard.checks.revocations_stale = trouble == "blind"
    guard.checks.closing = trouble == "closing"
    if trouble == "trail":
        guard.trail.gap = 1
    refusal = await guard.refresh(connection, "odd" if trouble in {"down", "raises"} else "new")
    assert refusal is not None
    assert refusal.denial in {Denial.UNAVAILABLE, Denial.INTERNAL, Denial.SHUTDOWN}
    assert connection.open
    assert connection.authentication is OLD
    assert not connection.renewing
    await guard.close()


async def test_a_slow_issuer_harms_nothing() -> None:
    """`limits.authentication_seconds` holds here, too."""
    guard, connection, _, _ = await world(slow=Gate(NEW), limits={"authentication_seconds": 0.01})
    refusal = await guard.refresh(connection, "slow")
    assert refusal is not None
    assert refusal.denial is Denial.AUTHENTICATION_TIMEOUT
    assert connection.open
    await guard.close()


# Every order of events --------------------------------------------------------------------------

Change = Callable[[Guard, Connection, FakeClock], Coroutine[Any, Any, Any]]


def _revoke(target: Target, value: str) -> Change:
    async def change(guard: Guard, connection: Connection, clock: FakeClock) -> object:
        return await guard.admin.revoke(target, value)

    return change


async def _expire(guard: Guard, connection: Connection, clock: FakeClock) -> object:
    clock.advance(100)
    return None


async def _expire_and_tick(guard: Guard, connection: Connection, clock: FakeClock) -> object:
    clock.advance(100)
    await guard.tick()
    return None


async def _hang_up(guard: Guard, connection: Connection, clock: FakeClock) -> object:
    return guard.registry.end(connection, code=1001)


async def _kick(guard: Guard, connection: Connection, clock: FakeClock) -> object:
    return await guard.admin.revoke(Target.CONNECTION, connection.id)


async def _forbid(guard: Guard, connection: Connection, clock: FakeClock) -> object:
    return guard.reload(PolicySet([role("member")]))


async def _shut_down(guard: Guard, connection: Connection, clock: FakeClock) -> object:
    await guard.close()
    return None


async def _nothing(guard: Guard, connection: Connection, clock: FakeClock) -> object:
    return None


ALIVE, OVER = True, False
# What happens; whether the connection is alive if it happens before, during and after the refresh.
# Before: the change comes first, then the refresh is asked for. After: the refresh has been done.
ORDERS: list[tuple[str, Change, bool, bool, bool]] = [
    ("nothing", _nothing, ALIVE, ALIVE, ALIVE),
    ("the old credential is revoked", _revoke(Target.CREDENTIAL, "old"), OVER, OVER, ALIVE),
    ("the new credential is revoked", _revoke(Target.CREDENTIAL, "new"), ALIVE, ALIVE, OVER),
    ("the old session is revoked", _revoke(Target.SESSION, "s1"), OVER, OVER, ALIVE),
    ("the new session is revoked", _revoke(Target.SESSION, "s2"), ALIVE, ALIVE, OVER),
    ("the old device is revoked", _revoke(Target.DEVICE, "d1"), OVER, OVER, ALIVE),
    ("the new device is revoked", _revoke(Target.DEVICE, "d2"), ALIVE, ALIVE, OVER),
    ("the old token is revoked", _revoke(Target.TOKEN, "a" * 64), OVER, OVER, ALIVE),
    ("the new token is revoked", _revoke(Target.TOKEN, "b" * 64), ALIVE, ALIVE, OVER),
    ("the principal is revoked", _revoke(Target.PRINCIPAL, "alice"), OVER, OVER, OVER),
    ("everything is revoked", _revoke(Target.EVERYTHING, ""), OVER, OVER, OVER),
    ("the connection is revoked", _kick, OVER, OVER, OVER),
    ("the old one expires, unnoticed", _expire, ALIVE, OVER, ALIVE),
    ("the old one expires, and a tick comes", _expire_and_tick, OVER, OVER, ALIVE),
    ("the client leaves", _hang_up, OVER, OVER, OVER),
    ("the policies forbid it", _forbid, OVER, OVER, OVER),
    ("the server shuts down", _shut_down, OVER, OVER, OVER),
]
each_order = pytest.mark.parametrize(
    ("change", "before", "during", "after"), [one[1:] for one in ORDERS], ids=[o[0] for o in ORDERS]
)
FIRST = replace(OLD, session_id="s1", device_id="d1", token_hash="a" * 64)
SECOND = replace(NEW, session_id="s2", device_id="d2", token_hash="b" * 64)


async def _ordered() -> tuple[FakeClock, Guard, Connection, FakeSink, Gate]:
    clock, gate = FakeClock(), Gate(SECOND)
    guard, connection, sink, _ = await world(clock=clock, old=FIRST, slow=gate)
    return clock, guard, connection, sink, gate


def _agrees(guard: Guard, connection: Connection, sink: FakeSink, alive: bool) -> None:
    """The connection is whole, or it is over: nothing in between."""
    assert connection.open is alive
    assert (sink.closed is None) is alive or connection.closed_by is None
    assert (connection.id in {one.id for one in guard.registry}) is alive
    assert (connection in guard.registry.of_principal("alice")) is alive
    assert not connection.renewing


@each_order
async def test_before(change: Change, before: bool, during: bool, after: bool) -> None:
    """Something happens, and then a refresh is asked for."""
    clock, guard, connection, sink, gate = await _ordered()
    gate.released.set()
    await change(guard, connection, clock)
    was = connection.authentication
    refusal = await guard.refresh(connection, "slow")
    if change is _expire:  # the inbound gate looks at the deadline; this one does, too
        before = OVER
    _agrees(guard, connection, sink, before)
    revoked_new = connection.open and change is not _nothing
    assert (refusal is None) is (before and not revoked_new)
    assert connection.authentication is (was if refusal is not None else SECOND)
    await guard.close()


@each_order
async def test_during(change: Change, before: bool, during: bool, after: bool) -> None:
    """Something happens while the new credential is being verified."""
    clock, guard, connection, sink, gate = await _ordered()
    asked = asyncio.create_task(guard.refresh(connection, "slow"))
    await gate.reached.wait()
    assert connection.open
    assert guard.inbound.receive_raw(connection, "x", None) is True  # messages go on meanwhile
    await change(guard, connection, clock)
    gate.released.set()
    refusal = await asked
    _agrees(guard, connection, sink, during)
    revoked_new = during and change is not _nothing
    assert (refusal is None) is (during and not revoked_new)
    assert connection.authentication is (SECOND if refusal is None else FIRST)
    await guard.close()


@each_order
async def test_after(change: Change, before: bool, during: bool, after: bool) -> None:
    """Something happens, and the connection hangs on the new credential alone."""
    clock, guard, connection, sink, gate = await _ordered()
    gate.released.set()
    assert await guard.refresh(connection, "slow") is None
    await change(guard, connection, clock)
    _agrees(guard, connection, sink, after)
    await guard.close()


async def test_a_second_one_meanwhile_is_refused() -> None:
    """One at a time; the first is not disturbed, and nothing of the second is verified."""
    guard, connection, _, tokens = await world(slow=(gate := Gate(NEW)))
    first = asyncio.create_task(guard.refresh(connection, "slow"))
    await gate.reached.wait()
    second = await guard.refresh(connection, "new")
    assert second is not None
    assert second.denial is Denial.BUSY
    assert tokens.asked == ["old", "slow"]
    gate.released.set()
    assert await first is None
    assert connection.authentication is NEW
    assert await guard.refresh(connection, "new") is None
    await guard.close()


async def test_one_that_is_given_up_leaves_the_way_free() -> None:
    """After a cancelled refresh the connection is unchanged, and the next refresh is accepted."""
    guard, connection, _, _ = await world(slow=(gate := Gate(NEW)))
    asked = asyncio.create_task(guard.refresh(connection, "slow"))
    await gate.reached.wait()
    asked.cancel()
    await asyncio.wait([asked])
    assert connection.authentication is OLD
    assert await guard.refresh(connection, "new") is None
    await guard.close()


CAROL = Account(id="carol", roles=frozenset({"member", "moderator"}))


async def _carol() -> tuple[Guard, Connection, FakeStore]:
    store = FakeStore()
    guard = await settle(make_guard(Tokens({"carol": of_account("carol")}), store=store), CAROL)
    connection, _ = await opened(guard, bearer("carol"))
    return guard, connection, store


@pytest.mark.parametrize("when", ["account", "reread"])
async def test_a_role_that_is_taken_meanwhile_stays_taken(when: str) -> None:
    """The store has answered with the old roles, and they are taken before the refresh goes on."""
    guard, connection, store = await _carol()
    pause = store.pause("account")
    asked = asyncio.create_task(guard.refresh(connection, "carol"))
    await pause.reached.wait()
    if when == "reread":
        await guard.admin.grant_role("carol", "odd")
        again = store.pause("account")
        pause.go()
        await again.reached.wait()
        pause = again
    await guard.admin.withdraw_role("carol", "moderator")
    assert not connection.may("chat:kick", None, START)
    pause.go()
    assert await asked is None
    assert not connection.may("chat:kick", None, START)
    assert "moderator" not in connection.principal.roles
    await guard.close()


async def test_an_account_that_is_removed_meanwhile() -> None:
    """The old credential was ended with it; the new one does not bring it back."""
    guard, connection, store = await _carol()
    pause = store.pause("account")
    asked = asyncio.create_task(guard.refresh(connection, "carol"))
    await pause.reached.wait()
    await guard.admin.remove_principal("carol")
    pause.go()
    assert await asked is not None
    assert not connection.open
    await guard.close()


async def test_a_role_that_is_read_while_it_is_refreshed() -> None:
    """A change reads the account for the old credential; the token that came meanwhile has its own roles."""
    store = FakeStore()
    mod = authentication("carol", "moderator", issued_at=START)
    guard = await settle(
        make_guard(Tokens({"carol": of_account("carol"), "mod": mod}), store=store)
    )
    connection, _ = await opened(guard, bearer("carol"))
    changing = asyncio.create_task(guard.admin.set_attributes("carol", {"a": 1}))
    pause = store.pause("account")
    await pause.reached.wait()
    assert await guard.refresh(connection, "mod") is None
    pause.go()
    await changing
    assert connection.may("chat:kick", None, START)
    await guard.close()


async def test_a_role_is_taken_after_it() -> None:
    """After a refresh, the withdrawal of a role still affects the connection."""
    guard, connection, _ = await _carol()
    assert await guard.refresh(connection, "carol") is None
    await guard.admin.withdraw_role("carol", "moderator")
    assert not connection.may("chat:kick", None, START)
    await guard.admin.withdraw_role("carol", "member")
    assert not connection.open
    await guard.close()


# Stronger ---------------------------------------------------------------------------------------


class Factors:
    """Knows one code, which counts once."""

    def __init__(self) -> None:
        self.codes = {"123456"}
        self.asked: list[tuple[str, str]] = []
        self.gate: Gate | None = None
        self.fault: Exception | None = None

    async def prove(self, principal_id: str, *, totp: str) -> bool:
        """See `SecondFactors`."""
        self.asked.append((principal_id, totp))
        if self.fault is not None:
            raise self.fault
        if self.gate is not None:
            await self.gate(FakeStore())
        if totp not in self.codes:
            return False
        self.codes.discard(totp)
        return True


VAULT = PolicySet(
    [
        role("member", "chat:connect", "chat:say"),
        permit("vault:open", when=require(strength=2, fresh=60)),
    ]
)


async def vault(**limits: Any) -> tuple[Guard, Connection, Factors, FakeClock]:
    """Alice may open the vault with two factors, proved within the last minute."""
    clock = FakeClock()
    guard, connection, _, _ = await world(clock=clock, limits=limits)
    guard.reload(VAULT)
    factors = Factors()
    guard.credential_refresh._factors = factors
    return guard, connection, factors, clock


async def test_a_code_makes_it_stronger_and_fresh() -> None:
    """A code makes the connection fresh and stronger; the expiry of its credential stays."""
    guard, connection, factors, clock = await vault()
    clock.advance(10)
    deadline = connection.deadline
    decision = connection.decide("vault:open", None, clock.now())
    assert decision.needs == Needs(strength=2)
    assert await guard.prove(connection, "123456") is None
    assert connection.decide("vault:open", None, clock.now()).allowed
    assert connection.deadline == deadline
    assert factors.asked == [("alice", "123456")]
    clock.advance(61)
    assert connection.decide("vault:open", None, clock.now()).needs == Needs(max_age=60.0)
    await guard.close()


async def test_a_wrong_code_is_a_failed_authentication() -> None:
    """Refused, charged, recorded; the connection goes on as it was."""
    guard, connection, _, _ = await vault(failures_per_address="1/min burst 1")
    refusal = await guard.prove(connection, "000000")
    assert refusal is not None
    assert (refusal.denial, refusal.answer.error) == (Denial.BAD_CREDENTIAL, "unauthenticated")
    assert connection.authentication is OLD
    assert connection.open
    refusal = await guard.prove(connection, "123456")
    assert refusal is not None
    assert refusal.denial is Denial.BACKOFF
    assert "authn_login_fail" in [one.name for one in await events(guard)]
    await guard.close()


async def test_codes_cannot_be_guessed_from_many_addresses() -> None:
    """Wrong codes count by principal, not by address."""
    guard, connection, factors, _ = await vault()
    other, sink = await opened(guard, bearer("old", address="198.51.100.7"))
    sink.facts = bearer("old", address="198.51.100.7")
    outcomes = [
        await guard.prove(one, f"00000{n}") for n in range(4) for one in (connection, other)
    ]
    assert [one.denial for one in outcomes if one] == [Denial.BAD_CREDENTIAL] * 5 + [
        Denial.BACKOFF
    ] * 3
    assert len(factors.asked) == 5
    await guard.close()


async def test_without_second_factors_there_is_nothing_to_prove() -> None:
    """The message is none that this guard knows."""
    guard, connection, _, _ = await vault()
    guard.credential_refresh._factors = None
    refusal = await guard.prove(connection, "123456")
    assert refusal is not None
    assert refusal.denial is Denial.INVALID_MESSAGE
    await guard.close()


@pytest.mark.parametrize("fault", [StoreUnavailable("down"), RuntimeError("odd")])
async def test_trouble_with_factors_harms_nothing(fault: Exception) -> None:
    """A failing factor service changes neither the strength nor the state of a connection."""
    guard, connection, factors, _ = await vault()
    factors.fault = fault
    assert await guard.prove(connection, "123456") is not None
    assert connection.authentication is OLD
    assert connection.open
    await guard.close()


async def test_an_answer_that_is_no_yes_is_no_yes() -> None:
    """A factor service proves a factor only by returning True."""
    guard, connection, _, _ = await vault()

    class Odd:
        async def prove(self, principal_id: str, *, totp: str) -> Any:
            return "no"

    guard.credential_refresh._factors = Odd()
    assert await guard.prove(connection, "123456") is not None
    assert connection.authentication.strength == 1
    await guard.close()


@pytest.mark.parametrize("change", [_revoke(Target.CREDENTIAL, "old"), _expire, _hang_up])
async def test_what_ends_while_a_code_is_verified_has_ended(change: Change) -> None:
    """A proof does not reopen a connection that ended during its verification."""
    guard, connection, factors, clock = await vault()
    factors.gate = Gate(NEW)
    asked = asyncio.create_task(guard.prove(connection, "123456"))
    await factors.gate.reached.wait()
    await change(guard, connection, clock)
    factors.gate.released.set()
    assert await asked is not None
    assert not connection.open
    await guard.close()


async def test_a_refresh_meanwhile_waits_for_its_turn() -> None:
    """A proof is a renewal as well: one at a time."""
    guard, connection, factors, _ = await vault()
    factors.gate = Gate(NEW)
    asked = asyncio.create_task(guard.prove(connection, "123456"))
    await factors.gate.reached.wait()
    refusal = await guard.refresh(connection, "new")
    assert refusal is not None
    assert refusal.denial is Denial.BUSY
    factors.gate.released.set()
    assert await asked is None
    await guard.close()


async def test_a_handshake_that_is_too_weak_is_told_so() -> None:
    """An endpoint may require a strength at the handshake, and the refusal names the strength."""
    guard, _, _, _ = await vault()
    endpoint = Endpoint("tests.SecretBox", "vault:open")
    outcome = await guard.admission.admit(bearer("old"), endpoint)
    assert isinstance(outcome, Refusal)
    assert outcome.denial is Denial.STEP_UP
    assert outcome.needs == Needs(strength=2)
    assert outcome.answer.status == 403
    await guard.close()
