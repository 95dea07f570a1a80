"""The fence: with a lapsed lease no message passes, sockets are held, and closed after the hold."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from stormdoor import Connection, Denial, Guard, Target, role
from stormdoor.channels import Topic
from stormdoor.core.denial import Refusal
from stormdoor.core.lease import Lease
from stormdoor.core.policy import PolicySet
from stormdoor.core.principal import Authentication
from stormdoor.core.revocation import Revocation
from stormdoor.errors import ConfigurationError
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.inbound import Refused
from stormdoor.guard.pause import FENCED, FENCED_CONTROL
from stormdoor.ports import StoredState
from tests.guard.fakes import (
    CHAT,
    HANDSHAKE,
    FakeSink,
    FakeStore,
    Tokens,
    authentication,
    bearer,
    events,
    give_lease,
    make_guard,
    opened,
    refused,
    settle,
)
from tests.support.clock import FakeClock

SECONDS = 0.4


async def leased(clock: FakeClock | None = None, **options: Any) -> tuple[Guard, FakeClock]:
    """A guard with a lease that has just been renewed, and its clock."""
    clock = clock or FakeClock()
    guard = await settle(make_guard(clock=clock, **options))
    give_lease(guard, SECONDS)
    return guard, clock


async def alice(guard: Guard) -> tuple[Connection, FakeSink]:
    """An open connection, and its adapter."""
    return await opened(guard, bearer("alice"))


def _let_time_pass(sink: FakeSink, clock: FakeClock) -> None:
    """Let the continuation of this connection take longer than one iteration may last."""
    resume = sink.resume

    def slow() -> None:
        clock.advance(0.003)
        resume()

    sink.resume = slow  # type: ignore[method-assign]


async def test_no_message_passes_a_lapsed_lease() -> None:
    """Raw messages and control frames wait; nothing is charged, and the handler sees none of them."""
    guard, clock = await leased()
    connection, _ = await alice(guard)
    assert guard.inbound.receive_raw(connection, "before", None) is True
    clock.advance(SECONDS)
    charged = connection.message_tat
    assert guard.inbound.receive_raw(connection, "behind the fence", None) is FENCED
    assert connection.message_tat == charged
    assert guard.inbound.receive_control(connection, 4) is FENCED_CONTROL
    guard.lease.renew(clock.monotonic())
    assert guard.inbound.receive_raw(connection, "after", None) is True


async def test_the_last_moment_of_a_lease() -> None:
    """The comparison is exact: at `until` the lease has lapsed."""
    guard, clock = await leased()
    connection, _ = await alice(guard)
    guard.lease.until = clock.monotonic() + 0.001
    assert guard.inbound.receive_raw(connection, "x", None) is True
    clock.advance(0.001)
    assert guard.inbound.receive_raw(connection, "x", None) is FENCED


async def test_no_client_is_admitted_behind_the_fence() -> None:
    """A token verifies without the store, but may have been revoked elsewhere."""
    guard, clock = await leased()
    clock.advance(SECONDS)
    refusal = await refused(guard, bearer("alice"))
    assert (refusal.denial, refusal.answer.status) == (Denial.UNAVAILABLE, 503)
    assert "lease" in refusal.detail


async def test_a_handshake_that_straddles_the_lapse() -> None:
    """The lease lapses while the credential is verified: the registration compares it again."""
    clock = FakeClock()

    async def slow(state: StoredState) -> Authentication:
        clock.advance(SECONDS)
        return authentication("alice")

    guard, clock = await leased(clock)
    [tokens, *_] = guard.authenticators
    assert isinstance(tokens, Tokens)
    tokens.known["slow"] = slow
    refusal = await refused(guard, bearer("slow"))
    assert (refusal.denial, len(guard.registry)) == (Denial.UNAVAILABLE, 0)


@pytest.mark.parametrize("method", ["session", "account"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_lapse_at_each_call_of_the_store(method: str, after: bool) -> None:
    """A handshake with a session reads the session, and after a change of roles the account."""
    store = FakeStore()
    guard, clock = await leased(store=store)
    issued = await guard.sessions.create("carol")
    handshake = replace(HANDSHAKE, cookies={"__Host-stormdoor": [issued.secret]})
    changing = store.pause("session")
    pause = store.pause(method, after=after) if method == "account" else None
    coming = asyncio.create_task(guard.admission.admit(handshake, CHAT))
    await changing.reached.wait()
    if pause is None:
        clock.advance(SECONDS)
    else:
        guard.revocations.add(Revocation(Target.CHANGED, "mia", clock.now()))
    changing.go()
    if pause is not None:
        await pause.reached.wait()
        clock.advance(SECONDS)
        pause.go()
    outcome = await coming
    assert isinstance(outcome, Refusal), outcome
    assert (outcome.denial, len(guard.registry)) == (Denial.UNAVAILABLE, 0)


async def test_a_first_message_that_straddles_the_lapse() -> None:
    """The lease lapses while the credential in it is verified: the client waits, and is not let in."""
    clock = FakeClock()
    guard, clock = await leased(clock)
    [tokens, *_] = guard.authenticators
    assert isinstance(tokens, Tokens)

    async def slow(state: StoredState) -> Authentication:
        clock.advance(SECONDS)
        return authentication("alice")

    tokens.known["slow"] = slow
    endpoint = Endpoint("tests.First", "chat:connect", first_message=True)
    connection = await guard.admission.admit(HANDSHAKE, endpoint)
    assert isinstance(connection, Connection)
    connection.sink = FakeSink()
    message = '{"type": "stormdoor.authenticate", "token": "slow"}'
    receiving = asyncio.create_task(guard.first_message.receive(connection, message))
    while not tokens.asked:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not receiving.done()
    assert not connection.open
    clock.advance(guard.fence.hold_seconds)
    assert guard.fence.look() == 1
    refusal = await receiving
    assert refusal is not None
    assert (refusal.denial, connection.open) == (Denial.UNAVAILABLE, False)


async def test_a_refresh_that_straddles_the_lapse() -> None:
    """The connection keeps its old credential."""
    clock = FakeClock()
    guard, clock = await leased(clock)
    [tokens, *_] = guard.authenticators
    assert isinstance(tokens, Tokens)

    async def slow(state: StoredState) -> Authentication:
        clock.advance(SECONDS)
        return authentication("alice", credential_id="another")

    tokens.known["slow"] = slow
    connection, _ = await alice(guard)
    refusal = await guard.refresh(connection, "slow")
    assert refusal is not None
    assert refusal.denial is Denial.UNAVAILABLE
    assert connection.authentication.credential_id != "another"
    assert (await guard.refresh(connection, "slow")) is not None


async def test_a_renewal_continues_held_connections() -> None:
    """At once, without a tick of the maintenance loop."""
    guard, clock = await leased()
    connection, sink = await alice(guard)
    clock.advance(SECONDS)
    guard.inbound.receive_raw(connection, "x", None)
    assert sink.resumed == 0
    guard.lease.renew(clock.monotonic())
    assert sink.resumed == 1
    guard.lease.renew(clock.monotonic())
    assert sink.resumed == 1


async def test_a_permission_that_was_lost_behind_the_fence() -> None:
    """The connection is authorised again before its messages continue."""
    guard, clock = await leased()
    connection, sink = await alice(guard)
    clock.advance(SECONDS)
    guard.inbound.receive_raw(connection, "x", None)
    connection.apply_policies(PolicySet([role("member", "chat:say")]))
    guard.lease.renew(clock.monotonic())
    assert (sink.resumed, sink.withdrawn) == (0, True)
    assert connection.closed_by is not None
    assert connection.closed_by.denial is Denial.FORBIDDEN


async def test_a_credential_that_expired_behind_the_fence() -> None:
    """Its deadline counts on, and nothing that waited is sent."""
    guard, clock = await leased()
    connection, sink = await alice(guard)
    connection.expire(clock.now() + 1, clock.now(), clock.monotonic())
    clock.advance(SECONDS)
    guard.inbound.receive_raw(connection, "x", None)
    clock.advance(1)
    guard.lease.renew(clock.monotonic())
    assert (sink.resumed, sink.withdrawn) == (0, True)


async def test_a_revocation_behind_the_fence() -> None:
    """The node applies it before it renews the lease: what waited is dropped."""
    guard, clock = await leased()
    connection, sink = await alice(guard)
    clock.advance(SECONDS)
    guard.inbound.receive_raw(connection, "x", None)
    await guard.admin.revoke(Target.PRINCIPAL, "alice")
    guard.lease.renew(clock.monotonic())
    assert (sink.resumed, sink.withdrawn, sink.closed) == (0, True, (3000, sink.closed[1]))  # type: ignore[index]


async def test_connections_are_held_and_then_closed() -> None:
    """None closes before `hold_seconds`; then all do (1013), each with another time for its return."""
    guard, clock = await leased(hold_seconds=10.0)
    sinks = [(await alice(guard))[1] for _ in range(8)]
    clock.advance(SECONDS)
    for _ in range(9):
        assert guard.fence.look() == 0
        clock.advance(1)
    clock.advance(1)
    assert guard.fence.look() == 8
    await guard.registry.drain_close_queue()
    closed = [one.closed for one in sinks]
    assert all(one is not None and one[0] == 1013 for one in closed)
    assert all("retry after" in one[1] for one in closed if one is not None)
    assert len(guard.registry) == 0


async def test_the_hold_counts_from_the_lapse_not_from_its_notice() -> None:
    """A process that was stopped for the whole hold closes its connections when it continues."""
    guard, clock = await leased()
    await alice(guard)
    clock.advance(SECONDS + guard.fence.hold_seconds)
    assert guard.fence.look() == 1


async def test_a_lapse_that_the_heartbeat_declares() -> None:
    """The epoch of the store has changed: the hold begins now, and no earlier time is known."""
    guard, clock = await leased()
    connection, _ = await alice(guard)
    guard.lease.lapse()
    assert guard.inbound.receive_raw(connection, "x", None) is FENCED
    assert guard.fence.look() == 0
    clock.advance(guard.fence.hold_seconds)
    assert guard.fence.look() == 1


async def test_the_lease_lapses_again_during_the_release() -> None:
    """Connections that have not continued yet stay held."""
    guard, clock = await leased()
    first, one = await alice(guard)
    second, other = await alice(guard)
    clock.advance(SECONDS)
    for connection in (first, second):
        guard.inbound.receive_raw(connection, "x", None)
    one.resume = lambda: clock.advance(SECONDS)  # type: ignore[method-assign]
    guard.lease.renew(clock.monotonic())
    await asyncio.sleep(0)
    assert other.resumed == 0
    guard.lease.renew(clock.monotonic())
    assert other.resumed == 1


async def test_the_release_leaves_time_for_other_clients() -> None:
    """Thousands of held connections continue in slices."""
    guard, clock = await leased()
    found = [await alice(guard) for _ in range(3)]
    clock.advance(SECONDS)
    for connection, sink in found:
        guard.inbound.receive_raw(connection, "x", None)
        _let_time_pass(sink, clock)
    guard.lease.renew(clock.monotonic())
    assert [sink.resumed for _, sink in found] == [1, 0, 0]
    for _ in range(3):
        await asyncio.sleep(0)
    assert [sink.resumed for _, sink in found] == [1, 1, 1]


async def test_an_adapter_that_fails_ends_its_connection_alone() -> None:
    """The others continue."""
    guard, clock = await leased()
    broken, sink = await alice(guard)
    whole, other = await alice(guard)
    clock.advance(SECONDS)
    for connection in (broken, whole):
        guard.inbound.receive_raw(connection, "x", None)

    def fail() -> None:
        raise RuntimeError("as told")

    sink.resume = fail  # type: ignore[method-assign]
    guard.lease.renew(clock.monotonic())
    assert not broken.open
    assert (other.resumed, whole.open) == (1, True)


async def test_an_endpoint_with_its_own_freshness() -> None:
    """It continues behind the fence of the node, for as long as it tolerates, and is held after that."""
    guard, clock = await leased()
    relaxed = replace(CHAT, freshness=5.0)
    connection = await guard.admission.admit(bearer("alice"), relaxed)
    assert isinstance(connection, Connection)
    guard.registry.opened(connection)
    clock.advance(4.9)
    assert guard.inbound.receive_raw(connection, "x", None) is True
    assert isinstance(await guard.admission.admit(bearer("bob"), relaxed), Connection)
    clock.advance(0.2)
    assert guard.inbound.receive_raw(connection, "x", None) is FENCED
    assert guard.fence.look() == 0
    clock.advance(guard.fence.hold_seconds)
    assert guard.fence.look() == 2


async def test_an_endpoint_without_a_bound() -> None:
    """`freshness = "none"`: it is neither fenced nor closed."""
    guard, clock = await leased()
    connection = await guard.admission.admit(bearer("alice"), replace(CHAT, freshness=float("inf")))
    assert isinstance(connection, Connection)
    guard.registry.opened(connection)
    clock.advance(1000)
    assert guard.inbound.receive_raw(connection, "x", None) is True
    assert guard.fence.look() == 0


async def test_a_clock_that_is_set_does_not_move_the_lease() -> None:
    """The wall clock goes an hour forwards and back: the lease counts on the other one."""
    guard, clock = await leased()
    connection, _ = await alice(guard)
    clock.set_wall(clock.now() + 3600)
    assert guard.inbound.receive_raw(connection, "x", None) is True
    clock.set_wall(clock.now() - 7200)
    clock.advance(SECONDS)
    assert guard.inbound.receive_raw(connection, "x", None) is FENCED


async def test_the_fence_is_recorded_and_counted() -> None:
    """One entry for its beginning, one for its end; nothing for a node that never had a lease."""
    guard, clock = await leased()
    connection, _ = await alice(guard)
    clock.advance(SECONDS)
    for _ in range(3):
        guard.inbound.receive_raw(connection, "x", None)
        guard.fence.look()
    clock.advance(2)
    guard.lease.renew(clock.monotonic())
    found = [one.detail for one in await events(guard) if one.name == "sys_fenced"]
    assert [one.partition(": ")[2] for one in found] == [
        "the lease has lapsed",
        "the lease is renewed after 2.0 s",
    ]
    assert (guard.statistics.fences, guard.statistics.fenced) == (1, 1)


async def test_a_node_that_starts_is_fenced_without_a_record() -> None:
    """Before its first renewal no message passes, and that is no incident."""
    clock = FakeClock()
    guard = await settle(make_guard(clock=clock))
    give_lease(guard, SECONDS, renewed=False)
    assert guard.fence.look() == 0
    assert (await refused(guard, bearer("alice"))).denial is Denial.UNAVAILABLE
    assert guard.statistics.fences == 0


async def test_a_request_waits_for_the_lease() -> None:
    """A poll of an open transport session waits, until the renewal or the end of its connection."""
    guard, clock = await leased()
    connection, _ = await alice(guard)
    await guard.fence.wait(connection)
    clock.advance(SECONDS)
    waiting = asyncio.ensure_future(guard.fence.wait(connection))
    await asyncio.sleep(0)
    assert not waiting.done()
    guard.lease.renew(clock.monotonic())
    await waiting
    clock.advance(SECONDS)
    waiting = asyncio.ensure_future(guard.fence.wait(connection))
    await asyncio.sleep(0)
    guard.registry.end(connection)
    await waiting


async def test_a_publication_is_authorised_again_for_each_recipient() -> None:
    """A recipient that has lost the permission of the topic, or a field of the message, does not get it."""
    guard, _ = await leased()
    connection, sink = await alice(guard)
    topic = Topic("room", "chat:say")
    assert guard.channels.subscribe(connection, topic).allowed
    kept: list[Any] = []

    def keep(payload: object) -> bool:
        kept.append(payload)
        return True

    sink.deliver = keep  # type: ignore[method-assign]
    fields = {"alice": {"text": "x"}}
    guard.channels.publish(topic, {"text": "x"})
    guard.channels.publish(topic, {"text": "x"}, view=lambda principal: fields[principal.id])
    plain, viewed = kept
    assert plain.again(connection)
    assert viewed.again(connection)
    fields["alice"] = {"text": "y"}
    assert not viewed.again(connection)
    connection.apply_policies(PolicySet([role("member", "chat:connect")]))
    assert not plain.again(connection)


async def test_a_refusal_behind_the_fence_is_no_offence() -> None:
    """A message that waits is not counted against its client."""
    guard, clock = await leased()
    connection, _ = await alice(guard)
    clock.advance(SECONDS)
    for _ in range(100):
        assert not isinstance(guard.inbound.receive_raw(connection, "x", None), Refused)
    assert connection.open


@pytest.mark.parametrize("seconds", [-1.0, 301.0, float("nan")])
def test_a_hold_that_is_no_time(seconds: float) -> None:
    """A mistyped hold stops the start."""
    with pytest.raises(ConfigurationError, match="hold_seconds must be 0 to 300"):
        make_guard(hold_seconds=seconds)


async def test_a_store_in_memory_has_no_fence() -> None:
    """One process alone knows all revocations."""
    guard = await settle(make_guard())
    connection, _ = await alice(guard)
    assert guard.lease.until == Lease().until
    assert connection.may_send()
