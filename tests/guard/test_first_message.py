"""Authentication by the first message: one message, in time, and no other before it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from stormdoor import Connection, Guard, StoreUnavailable, Target, Topic, permit, require, role
from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.policy import PolicySet
from stormdoor.core.principal import Authentication
from stormdoor.guard.actions import Action, Actions
from stormdoor.guard.endpoint import Endpoint, public
from stormdoor.ports import Store, StoredState
from tests.guard.fakes import (
    HANDSHAKE,
    FakeSink,
    Tokens,
    admit,
    authentication,
    bearer,
    events,
    give_lease,
    make_guard,
    of_account,
    refused,
    settle,
    store_of,
)
from tests.properties.test_connection_machine import Say
from tests.support.clock import FakeClock
from tests.tornado.wire import settled

FIRST = Endpoint("tests.First", "chat:connect", first_message=True)
ALICE = '{"type":"stormdoor.authenticate","token":"alice"}'
ACTIONS = Actions("Chat", [Action(command=Say, method=lambda *_: None, permission="chat:say")])
SAY = '{"type":"say","text":"hi"}'


async def waiting(
    clock: FakeClock | None = None, **options: Any
) -> tuple[Guard, Connection, FakeSink]:
    """A guard, and a connection that waits for its first message."""
    guard = await settle(make_guard(clock=clock or FakeClock(), **options))
    return guard, *await another(guard)


async def another(guard: Guard, **changes: Any) -> tuple[Connection, FakeSink]:
    """One more that waits."""
    connection = await admit(guard, replace(HANDSHAKE, **changes), FIRST)
    connection.sink = sink = FakeSink()
    assert connection.awaiting_authentication
    return connection, sink


def _given_back(guard: Guard) -> None:
    assert len(guard.pending) == 0
    assert guard.pending._addresses == {}
    assert len(guard.registry) == 0
    assert guard.registry._addresses == {}


async def test_it_is_let_in_by_its_first_message() -> None:
    """After its first message a connection is counted for its principal and recorded once."""
    guard, connection, _ = await waiting()
    assert len(guard.pending) == 1
    assert [one.name for one in await events(guard)] == ["sys_startup"]
    assert await guard.first_message.receive(connection, ALICE) is None
    assert connection.open
    assert not connection.awaiting_authentication
    assert connection.principal.id == "alice"
    assert guard.registry.of_principal("alice") == [connection]
    assert len(guard.pending) == 0
    assert isinstance(guard.inbound.receive(connection, SAY, ACTIONS), tuple)
    opened = [one for one in await events(guard) if one.name == "connection_opened"]
    assert [(one.principal, one.kind) for one in opened] == [("alice", "token")]
    assert guard.statistics.admitted == {"token": 1}
    guard.registry.end(connection)
    _given_back(guard)
    await guard.close()


async def test_a_credential_in_the_handshake_is_as_good_as_ever() -> None:
    """A credential in the handshake is accepted without a first message."""
    guard = await settle(make_guard())
    connection = await admit(guard, bearer("alice"), FIRST)
    assert not connection.awaiting_authentication
    assert len(guard.pending) == 0
    refusal = await refused(guard, bearer("forged"), FIRST)
    assert refusal.denial is Denial.BAD_CREDENTIAL
    await guard.close()


async def test_elsewhere_a_credential_is_needed_at_once() -> None:
    """Only an endpoint with `first_message` accepts a handshake without a credential."""
    guard = await settle(make_guard())
    assert (await refused(guard, HANDSHAKE)).denial is Denial.NO_CREDENTIAL
    assert not Endpoint.declare("P", public("for all of them"), first_message=True).first_message
    assert not Endpoint.declare("U", None, first_message=True).declared
    await guard.close()


@pytest.mark.parametrize(
    ("changes", "denial"),
    [
        ({"origin": "https://evil.example"}, Denial.ORIGIN),
        ({"host": "evil.example"}, Denial.HOST),
        ({"scheme": "http"}, Denial.INSECURE_TRANSPORT),
    ],
)
async def test_the_gates_before_credentials_hold(changes: dict[str, Any], denial: Denial) -> None:
    """The checks before the credential apply to an endpoint with a first message too."""
    guard = await settle(make_guard())
    assert (await refused(guard, replace(HANDSHAKE, **changes), FIRST)).denial is denial
    _given_back(guard)
    await guard.close()


# Nothing in or out ------------------------------------------------------------------------------


async def test_nothing_else_goes_in_or_out() -> None:
    """No command, no ping, no subscription, no delivery; and no principal's name finds it."""
    guard, connection, sink = await waiting()
    topic = Topic("room:lobby", "chat:say")
    assert guard.inbound.receive(connection, SAY, ACTIONS) is None
    assert guard.inbound.receive_raw(connection, "x", "chat:connect") is False
    assert guard.inbound.receive_control(connection, 1) is False
    assert not guard.channels.subscribe(connection, topic).allowed
    assert guard.channels.publish(topic, {}) == 0
    assert not connection.may("chat:connect", None, 0.0)
    assert guard.registry.changes() == ([], [])
    assert (await guard.refresh(connection, "alice")) is not None
    assert sink.sent == []
    await guard.tick()
    assert sink.told == []
    assert connection.state is State.PENDING
    await guard.close()


async def test_somebody_who_may_everything_may_nothing_yet() -> None:
    """A connection that awaits authentication has no permissions, even if a policy permits all."""
    guard, connection, _ = await waiting(policies=PolicySet([permit("chat:*"), role("member")]))
    assert guard.inbound.receive(connection, SAY, ACTIONS) is None
    assert not guard.channels.subscribe(connection, Topic("room:lobby", "chat:say"))
    await guard.close()


# One message, in time ---------------------------------------------------------------------------

WRONG: list[tuple[str, str | bytes]] = [
    ("a command", SAY),
    ("a refresh", '{"type":"stormdoor.refresh","token":"alice"}'),
    ("binary", ALICE.encode()),
    ("empty", ""),
    ("no object", '"alice"'),
    ("a list", f"[{ALICE}]"),
    ("no type", '{"token":"alice"}'),
    ("a field too many", '{"type":"stormdoor.authenticate","token":"alice","x":1}'),
    ("no token", '{"type":"stormdoor.authenticate"}'),
    ("an empty token", '{"type":"stormdoor.authenticate","token":""}'),
    ("a long token", '{"type":"stormdoor.authenticate","token":"%s"}' % ("a" * 8193)),
    ("too long", ALICE + " " * 9216),
    ("deep", "[" * 9000),
    ("half a pair", '{"type":"stormdoor.authenticate","token":"\ud800"}'),
    ("forged", '{"type":"stormdoor.authenticate","token":"mallory"}'),
    ("unrecognised", '{"type":"stormdoor.authenticate","token":"?"}'),
]


@pytest.mark.parametrize("raw", [one[1] for one in WRONG], ids=[one[0] for one in WRONG])
async def test_anything_else_ends_it(raw: str | bytes) -> None:
    """Any other first message closes the connection with 3000 and counts as a failed attempt."""
    guard, connection, sink = await waiting(limits={"failures_per_address": "1/min burst 1"})
    refusal = await guard.first_message.receive(connection, raw)
    assert refusal is not None
    assert sink.closed == (3000, "authentication required")
    assert sink.sent == []
    _given_back(guard)
    assert (await refused(guard, HANDSHAKE, FIRST)).denial is Denial.BACKOFF
    recorded = [one for one in await events(guard) if one.name == "authn_login_fail"]
    assert [one.address for one in recorded][:1] == ["192.0.2.1"]
    await guard.close()


async def test_it_ends_when_it_says_nothing() -> None:
    """After five seconds, with 3000."""
    clock = FakeClock()
    guard, connection, sink = await waiting(clock)
    clock.advance(4.99)
    await guard.tick()
    assert connection.state is State.PENDING
    clock.advance(0.01)
    await guard.tick()
    assert sink.closed == (3000, "authentication required")
    assert guard.statistics.closed[Denial.NO_CREDENTIAL] == 1
    _given_back(guard)
    assert (await guard.first_message.receive(connection, ALICE)) is not None
    assert not connection.open
    await guard.close()


async def test_a_message_that_comes_too_late_comes_too_late() -> None:
    """A first message after its deadline is refused, also before the maintenance loop has run."""
    clock = FakeClock()
    guard, connection, sink = await waiting(clock)
    clock.advance(5)
    assert (await guard.first_message.receive(connection, ALICE)) is not None
    assert sink.closed == (3000, "authentication required")
    await guard.close()


def slow(outcome: Authentication) -> tuple[Any, asyncio.Event, asyncio.Event]:
    """Return a token verification that waits, and the events for its start and its release."""
    reached, go = asyncio.Event(), asyncio.Event()

    async def verify(state: StoredState) -> Authentication:
        reached.set()
        await go.wait()
        return outcome

    return verify, reached, go


async def test_the_server_may_take_longer_than_the_client() -> None:
    """The message has come in time; verifying it has its own limit."""
    clock = FakeClock()
    verify, reached, go = slow(authentication("alice"))
    guard, connection, _ = await waiting(clock, authenticators=[Tokens({"alice": verify})])
    coming = asyncio.create_task(guard.first_message.receive(connection, ALICE))
    await reached.wait()
    clock.advance(6)
    await guard.tick()
    go.set()
    assert await coming is None
    assert connection.open
    await guard.close()


async def test_a_second_one_does_not_count() -> None:
    """A second first message is refused, during and after the verification of the first."""
    verify, reached, go = slow(authentication("alice"))
    tokens = Tokens({"alice": verify, "bob": authentication("bob")})
    guard, connection, _ = await waiting(authenticators=[tokens])
    coming = asyncio.create_task(guard.first_message.receive(connection, ALICE))
    await reached.wait()
    again = await guard.first_message.receive(connection, ALICE.replace("alice", "bob"))
    assert again is not None
    assert again.denial is Denial.ENDED
    go.set()
    assert await coming is None
    assert tokens.asked == ["alice"]
    assert (await guard.first_message.receive(connection, ALICE)) is not None
    assert connection.principal.id == "alice"
    verdict = guard.inbound.receive(connection, ALICE, ACTIONS)
    assert getattr(verdict, "refusal", None).denial is Denial.INVALID_MESSAGE  # type: ignore[union-attr]
    await guard.close()


async def test_pings_are_few() -> None:
    """Ten, and the eleventh ends it."""
    guard, connection, sink = await waiting()
    for _ in range(10):
        guard.first_message.receive_control(connection)
    assert sink.closed is None
    guard.first_message.receive_control(connection)
    assert sink.closed == (3000, "authentication required")
    guard.first_message.receive_control(connection)
    _given_back(guard)
    await guard.close()


# Few wait ---------------------------------------------------------------------------------------


async def test_few_of_an_address_wait() -> None:
    """Few connections of an address may wait; authenticated and closed ones do not count."""
    guard, first, _ = await waiting(limits={"pending_per_address": 2})
    second, _ = await another(guard)
    refusal = await refused(guard, HANDSHAKE, FIRST)
    assert (refusal.denial, refusal.retry_after) == (Denial.TOO_MANY_CONNECTIONS, 5)
    await another(guard, address="198.51.100.7")
    assert await guard.first_message.receive(first, ALICE) is None
    third, _ = await another(guard)
    guard.registry.end(second)
    guard.registry.end(third)
    await another(guard)
    await guard.close()
    _given_back(guard)


async def test_few_of_all_wait() -> None:
    """Few connections of the process may wait, from all addresses; those with a credential are accepted."""
    guard, _, _ = await waiting(limits={"pending": 2})
    await another(guard, address="198.51.100.7")
    refusal = await refused(guard, replace(HANDSHAKE, address="203.0.113.9"), FIRST)
    assert refusal.denial is Denial.BUSY
    await admit(guard, bearer("alice"), FIRST)
    await guard.close()


async def test_those_who_wait_take_no_room_of_a_public_endpoint() -> None:
    """Waiting connections do not use the limits of a public endpoint."""
    guard, _, _ = await waiting(limits={"connections_per_principal": 1})
    await admit(guard, HANDSHAKE, Endpoint("P", None, public("for everybody")))
    await another(guard)
    await guard.close()


async def test_the_cap_of_a_principal_holds() -> None:
    """Coming in by the other door is no way around it."""
    guard, first, _ = await waiting(limits={"connections_per_principal": 1})
    assert await guard.first_message.receive(first, ALICE) is None
    second, sink = await another(guard)
    refusal = await guard.first_message.receive(second, ALICE)
    assert refusal is not None
    assert refusal.denial is Denial.TOO_MANY_CONNECTIONS
    assert sink.closed == (1013, "too many connections; retry after 5 s")
    assert guard.registry.of_principal("alice") == [first]
    await guard.close()
    _given_back(guard)


# Refusals of a valid credential -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "code"), [("eve", 3003), ("revoked", 3000), ("expired", 3000), ("weak", 3003)]
)
async def test_what_counts_at_a_handshake_counts_here(token: str, code: int) -> None:
    """Permission, revocation, expiry, strength: with what a client may know of it."""
    known = {
        "eve": authentication("eve", "nobody"),
        "revoked": authentication("alice", credential_id="gone"),
        "expired": authentication("alice", expires_at=1_767_225_600.0),
        "weak": authentication("bob", "keeper"),
    }
    policies = PolicySet(
        [
            role("member", "chat:*"),
            role("keeper"),
            permit("chat:connect", roles=["keeper"], when=require(strength=2)),
        ]
    )
    guard, connection, sink = await waiting(authenticators=[Tokens(known)], policies=policies)
    await guard.admin.revoke(Target.CREDENTIAL, "gone")
    refusal = await guard.first_message.receive(connection, ALICE.replace("alice", token))
    assert refusal is not None
    assert sink.closed is not None
    assert sink.closed[0] == code
    assert not connection.open
    assert (refusal.denial is Denial.STEP_UP) is (token == "weak")
    _given_back(guard)
    await guard.close()


@pytest.mark.parametrize("fault", [StoreUnavailable("down"), RuntimeError("odd")])
async def test_trouble_lets_nobody_in(fault: Exception) -> None:
    """A store that is down, an authenticator that raises: closed, and not charged."""

    async def fail(store: Store) -> Authentication:
        raise fault

    guard, connection, sink = await waiting(authenticators=[Tokens({"alice": fail})])
    assert (await guard.first_message.receive(connection, ALICE)) is not None
    assert sink.closed is not None
    assert sink.closed[0] in {1013, 1011}
    assert await guard.checks.auth_failures_exceeded(connection.address_key) is None
    _given_back(guard)
    await guard.close()


@pytest.mark.parametrize("how", ["revoke", "everything", "leave", "shut down", "tick", "remove"])
async def test_what_ends_meanwhile_stays_ended(how: str) -> None:
    """While its credential is verified, it ends for another cause: nothing opens afterwards."""
    clock = FakeClock()
    verify, reached, go = slow(authentication("carol", live=True))
    guard, connection, _ = await waiting(clock, authenticators=[Tokens({"alice": verify})])
    coming = asyncio.create_task(guard.first_message.receive(connection, ALICE))
    await reached.wait()
    match how:
        case "revoke":
            await guard.admin.revoke(Target.PRINCIPAL, "carol")
        case "everything":
            await guard.admin.revoke(Target.EVERYTHING)
        case "leave":
            guard.registry.end(connection, code=1006)
        case "shut down":
            await guard.close()
        case "tick":
            clock.advance(10)
            await guard.tick()
        case "remove":
            await guard.admin.remove_principal("carol")
    go.set()
    assert await coming is not None
    assert not connection.open
    _given_back(guard)
    await guard.close()


async def test_one_that_is_given_up_gives_everything_back() -> None:
    """A cancelled first message releases everything that was counted for it."""
    verify, reached, _ = slow(authentication("alice"))
    guard, connection, _ = await waiting(authenticators=[Tokens({"alice": verify})])
    coming = asyncio.create_task(guard.first_message.receive(connection, ALICE))
    await reached.wait()
    coming.cancel()
    await asyncio.wait([coming])
    _given_back(guard)
    await guard.close()


async def test_a_role_that_is_taken_meanwhile_is_not_had() -> None:
    """The store has answered with the old roles."""
    guard = await settle(make_guard(Tokens({"alice": of_account("carol")})))
    connection, _ = await another(guard)
    pause = store_of(guard).pause("account")
    coming = asyncio.create_task(guard.first_message.receive(connection, ALICE))
    await pause.reached.wait()
    await guard.admin.grant_role("carol", "moderator")
    await guard.admin.withdraw_role("carol", "member")
    pause.go()
    assert await coming is None
    assert connection.principal.roles == {"moderator"}
    await guard.close()


async def test_other_policies_do_not_end_those_who_wait() -> None:
    """A reload of policies does not end waiting connections; the policies apply when they authenticate."""
    guard, connection, sink = await waiting()
    assert guard.reload(PolicySet([role("member")])) == 0
    assert connection.state is State.PENDING
    assert (await guard.first_message.receive(connection, ALICE)) is not None
    assert sink.closed == (3003, "forbidden")
    await guard.close()


async def test_a_flood_of_them_is_refused_at_the_handshake() -> None:
    """An address with too many failures is refused at the handshake."""
    guard, _, _ = await waiting(limits={"failures_per_address": "1/min burst 1"})
    guard.checks.record_auth_failure("192.0.2.1")
    assert isinstance(await guard.admission.admit(HANDSHAKE, FIRST), Refusal)
    await guard.close()


# Behind the fence -------------------------------------------------------------------------------


async def _behind_fence(**options: Any) -> tuple[Guard, Connection, FakeSink, FakeClock]:
    """Return a guard with a lapsed lease of a second, and a connection that waits for its message."""
    clock = FakeClock()
    guard, connection, sink = await waiting(clock=clock, **options)
    give_lease(guard, 1.0)
    connection.lease = guard.lease
    clock.advance(1.0)
    return guard, connection, sink, clock


async def test_first_message_behind_the_fence_waits() -> None:
    """It is verified after the renewal, also if the hold was longer than the time for the message."""
    guard, connection, sink, clock = await _behind_fence(limits={"first_message_seconds": 2.0})
    authenticating = asyncio.create_task(guard.first_message.receive(connection, ALICE))
    for _ in range(8):
        await settled()
        clock.advance(1.0)
        await guard.deadlines.expire()
        guard.fence.look()
    assert not authenticating.done()
    assert sink.closed is None
    guard.lease.renew(clock.monotonic())
    assert await authenticating is None
    assert connection.open
    await guard.close()


async def test_first_message_is_verified_with_the_rights_after_the_fence() -> None:
    """A principal that is revoked behind the fence is refused after it."""
    guard, connection, sink, clock = await _behind_fence()
    authenticating = asyncio.create_task(guard.first_message.receive(connection, ALICE))
    await settled()
    await guard.admin.revoke(Target.PRINCIPAL, "alice")
    guard.lease.renew(clock.monotonic())
    refusal = await authenticating
    assert refusal is not None
    assert refusal.denial is Denial.REVOKED
    assert sink.closed is not None
    await guard.close()


async def test_lease_that_lapses_during_the_verification() -> None:
    """The message waits, and its credential is verified again."""
    verified: list[Guard] = []

    async def verify(_: object) -> Authentication:
        verified.append(guard)
        if len(verified) == 1:
            guard.lease.lapse()
        return authentication("alice")

    guard, connection, _ = await waiting(authenticators=[Tokens({"alice": verify})])
    give_lease(guard, 1.0)
    connection.lease = guard.lease
    authenticating = asyncio.create_task(guard.first_message.receive(connection, ALICE))
    await settled()
    assert not authenticating.done()
    guard.lease.renew(guard.clock.monotonic())
    assert await authenticating is None
    assert len(verified) == 2
    await guard.close()


async def test_first_message_is_closed_after_the_hold() -> None:
    """A node that gets no lease closes the connection after the hold (1013), and nothing is verified."""
    tokens = Tokens({"alice": authentication("alice")})
    guard, connection, sink, clock = await _behind_fence(authenticators=[tokens])
    authenticating = asyncio.create_task(guard.first_message.receive(connection, ALICE))
    await settled()
    clock.advance(guard.fence.hold_seconds)
    assert guard.fence.look() == 1
    assert sink.closed is not None
    assert sink.closed[0] == 1013
    assert await authenticating is not None
    assert tokens.asked == []
    _given_back(guard)
    await guard.close()
