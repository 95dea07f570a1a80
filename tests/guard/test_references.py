"""Each refusal has a reference of its own, and the trail has the same one."""

from __future__ import annotations

import os
from collections import Counter

from stormdoor import Denial
from stormdoor.core.denial import ANSWERS, Refusal
from stormdoor.core.event import Event
from stormdoor.core.limits import Limits
from stormdoor.core.revocation import Target
from stormdoor.guard.lease_waits import LAPSED
from stormdoor.guard.listener_limits import ListenerLimits
from stormdoor.guard.merged_entries import MergedEntries
from stormdoor.guard.references import is_reference, new_reference, referenced
from stormdoor.tornado.limited_request import prepared
from tests.guard.fakes import bearer, events, make_guard, opened, refused, settle
from tests.support.clock import FakeClock
from tests.support.references import without_reference


def test_a_reference_is_random() -> None:
    """Ten thousand differ, and each character occurs about as often as every other one."""
    all_of_them = [new_reference() for _ in range(10_000)]
    assert len(set(all_of_them)) == 10_000
    assert all(is_reference(one) for one in all_of_them)
    counts = Counter("".join(all_of_them))
    assert len(counts) == 32
    assert all(2_800 < count < 3_450 for count in counts.values())  # 3,125 each; more than 5 sigma


def test_two_processes_share_no_reference() -> None:
    """A worker that begins as a copy of another process gives none of the references of its parent."""
    new_reference()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, "".join(new_reference() for _ in range(300)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 3_000).decode()
    os.close(reading)
    os.close(writing)
    both = {theirs[at : at + 10] for at in range(0, 3_000, 10)} & {
        new_reference() for _ in range(300)
    }
    assert not both


def test_a_text_that_is_no_reference() -> None:
    """Another length, a letter that the alphabet lacks, and markup are none."""
    for text in ("", "0" * 9, "0" * 11, "ILOU000000", "<b>0000000", "abcdefghjk"):
        assert not is_reference(text)


def test_a_constant_gets_a_new_one_at_each_use() -> None:
    """The refusals of two clients differ although one constant is the cause; a recorded one keeps its own."""
    first, second = referenced(LAPSED), referenced(LAPSED)
    assert first == second == LAPSED
    assert first.ref != second.ref
    assert LAPSED.ref == ""
    assert referenced(first) is first


def test_every_cause_has_a_text_of_one_form() -> None:
    """No cause is known by the length of its reference, or by its place in the answer."""
    for denial in Denial:
        refusal = referenced(Refusal(denial, retry_after=5))
        assert without_reference(refusal.text) == ANSWERS[denial].text
        assert refusal.text.endswith(f"; reference {refusal.ref}")
        assert without_reference(refusal.close_reason).startswith(ANSWERS[denial].text)
        assert len(refusal.close_reason.encode()) <= 123  # RFC 6455 §5.5
        head, _, body = prepared(refusal).partition(b"\r\n\r\n")
        assert body == f"{refusal.text}\n".encode()
        assert f"Content-Length: {len(body)}\r\n".encode() in head + b"\r\n"


async def test_a_refused_handshake_and_its_entry_have_one_reference() -> None:
    """The same client that fails twice gets two references. Equal refusals within a second are one entry."""
    clock = FakeClock()
    guard = await settle(make_guard(clock=clock))
    got = [await refused(guard, bearer("forged"))]
    clock.advance(2)
    got += [await refused(guard, bearer("forged"))]
    unrecorded = await refused(guard, bearer("forged"))
    assert unrecorded.ref not in {one.ref for one in got}
    assert [one.ref for one in await events(guard) if one.cause] == [one.ref for one in got]
    assert got[0].ref != got[1].ref
    assert all(is_reference(one.ref) for one in got)


async def test_the_sockets_that_one_revocation_ends_share_one() -> None:
    """Each close frame and each entry has it; those of the next revocation have another one."""
    guard = await settle(make_guard())
    refs: list[str] = []
    for name in ("alice", "bob"):
        sinks = [(await opened(guard, bearer(name)))[1] for _ in range(3)]
        await guard.admin.revoke(Target.PRINCIPAL, name, actor="operator")
        await guard.registry.drain_close_queue()
        closed = [one for one in await events(guard) if one.name == "connection_closed"]
        own = {one.ref for one in closed if one.principal == name}
        assert len(own) == 1
        assert {one.reason for one in sinks} == {
            f"authentication required; reference {next(iter(own))}"
        }
        refs += own
    assert refs[0] != refs[1]


async def test_a_socket_that_its_client_closes_has_none() -> None:
    """No refusal, no reference."""
    guard = await settle(make_guard())
    connection, _ = await opened(guard, bearer("alice"))
    guard.registry.end(connection, code=1001)
    [closed] = [one for one in await events(guard) if one.name == "connection_closed"]
    assert closed.ref == ""


def test_a_merged_entry_keeps_the_first_reference() -> None:
    """The entry that stands for a flood has the reference of its first event."""
    flood = [Event(time=float(at), name="authn_login_fail", ref=new_reference()) for at in range(3)]
    merged = MergedEntries(flood[0], "a flood")
    for one in flood:
        merged.add(one)
    assert (merged.entry().ref, merged.entry().count) == (flood[0].ref, 3)


async def test_a_limit_of_the_listener_gives_each_client_one() -> None:
    """Of equal refusals of a second, one is recorded, but each client gets a reference."""
    guard = await settle(make_guard())
    limits = ListenerLimits(
        Limits(), (), guard.clock, trail=guard.trail, statistics=guard.statistics
    )
    got = [limits.record(Refusal(Denial.TOO_MANY_CONNECTIONS), "192.0.2.1") for _ in range(3)]
    assert len({one.ref for one in got}) == 3
    assert [one.ref for one in await events(guard) if one.cause] == [got[0].ref]
