"""The queue in front of the trail: in order, once, and never losing an entry silently."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from stormdoor import Denial
from stormdoor.core.event import Event
from stormdoor.errors import StoreInDoubt, StoreUnavailable
from stormdoor.guard.trail import Trail
from stormdoor.ports.trail import all_pages
from tests.guard.fakes import FakeStore, admit, bearer, make_guard, refused, settle
from tests.support.clock import FakeClock
from tests.tornado.wire import log_lines


async def _trail(capacity: int = 10_000) -> tuple[Trail, FakeStore]:
    store = FakeStore()
    await store.open()
    return Trail(store, FakeClock(), capacity=capacity), store


def event(number: int, **more: object) -> Event:
    """An event that is like no other."""
    parts = {"proven": True, **more}
    return Event(time=float(number), name="test", detail=str(number), **parts)  # type: ignore[arg-type]


async def _stored(store: FakeStore) -> list[Event]:
    return [entry.event async for page in all_pages(store) for entry in page]


async def test_entries_are_written_in_order() -> None:
    """More than one batch of them."""
    trail, store = await _trail()
    for number in range(1234):
        trail.note(event(number))
    assert len(trail) == 1234
    assert await trail.flush()
    assert [one.detail for one in await _stored(store)] == [str(n) for n in range(1234)]
    assert (len(trail), trail.written, trail.lost) == (0, 1234, 0)


async def test_a_store_that_is_down_keeps_nothing_from_being_written_later() -> None:
    """Events are written later, in order; the log has one message at the failure and one at its end."""
    trail, store = await _trail()
    with log_lines("stormdoor.trail") as lines:
        for number in range(3):
            store.down = True
            trail.note(event(2 * number))
            assert not await trail.flush()
            trail.note(event(2 * number + 1))
        assert trail.healthy
        store.down = False
        assert await trail.flush()
    assert [one.detail for one in await _stored(store)] == list("012345")
    assert len(lines) == 2


async def test_a_store_that_fails_oddly_loses_nothing_either() -> None:
    """The error goes up, the entries stay."""
    trail, store = await _trail()
    trail.note(event(1))
    store.broken["append_events"] = RuntimeError("odd")
    with pytest.raises(RuntimeError):
        await trail.flush()
    del store.broken["append_events"]
    assert await trail.flush()
    assert [one.detail for one in await _stored(store)] == ["1"]


async def test_what_happens_during_a_write_comes_after_it() -> None:
    """Events during a write are written after it, and none of them twice."""
    trail, store = await _trail()
    trail.note(event(1))
    pause = store.pause("append_events", after=False)
    writers = [asyncio.create_task(trail.flush()) for _ in range(3)]
    await pause.reached.wait()
    trail.note(event(2))
    pause.go()
    assert await asyncio.gather(*writers) == [True, True, True]
    assert [one.detail for one in await _stored(store)] == ["1", "2"]


async def test_a_write_that_fails_puts_its_entries_before_the_newer_ones() -> None:
    """After a failed write its entries come before newer ones, also before equal ones."""
    trail, store = await _trail()
    alike = Event(time=1.0, name="authn_login_fail", cause="bad-credential", address="a")
    trail.note(alike)
    trail.note(event(1))
    store.broken["append_events"] = StoreUnavailable("no")
    pause = store.pause("append_events", after=False)
    del store.broken["append_events"]
    store.broken.clear()
    writer = asyncio.create_task(trail.flush())
    await pause.reached.wait()
    trail.note(alike)
    trail.note(event(2))
    writer.cancel()
    await asyncio.wait([writer])
    assert await trail.flush()
    told = [(one.name, one.detail, one.count) for one in await _stored(store)]
    assert told == [
        ("authn_login_fail", "", 1),
        ("test", "1", 1),
        ("authn_login_fail", "", 1),
        ("test", "2", 1),
    ]


async def test_a_batch_in_doubt_is_not_stored_twice() -> None:
    """An answer that was lost after the commit: the entries are stored once, in their order."""
    trail, store = await _trail()
    trail.note(event(1))
    store.in_doubt.add("append_events")
    assert not await trail.flush()
    trail.note(event(2))
    assert not await trail.flush()
    assert len(trail) == 2
    store.in_doubt.clear()
    assert await trail.flush()
    assert [one.detail for one in await _stored(store)] == ["1", "2"]
    assert (len(trail), trail.written) == (0, 2)


async def test_a_batch_in_doubt_that_was_not_stored_is_stored_later() -> None:
    """The same exception, without the commit: nothing is lost, and new entries come after it."""
    trail, store = await _trail()
    trail.note(event(1))
    store.broken["append_events"] = StoreInDoubt("no answer")
    assert not await trail.flush()
    trail.note(event(2))
    del store.broken["append_events"]
    assert await trail.flush()
    assert [one.detail for one in await _stored(store)] == ["1", "2"]


async def test_a_cancelled_write_that_happened_is_not_repeated() -> None:
    """The store commits, and its caller is cancelled before it gets the answer."""
    trail, store = await _trail()
    trail.note(event(1))
    pause = store.pause("append_events")
    writer = asyncio.create_task(trail.flush())
    await pause.reached.wait()
    writer.cancel()
    await asyncio.wait([writer])
    trail.note(event(2))
    assert await trail.flush()
    assert [one.detail for one in await _stored(store)] == ["1", "2"]


async def test_a_full_queue_says_so_and_refuses_handshakes() -> None:
    """An event that cannot be recorded is refused; afterwards one entry says how many are missing."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    await guard.trail.flush()
    guard.trail._capacity = 3
    store.down = True
    for number in range(3):
        guard.trail.note(event(number))
    assert guard.trail.healthy
    await admit(guard, bearer("alice"))  # its entry is the first that is lost
    with log_lines("stormdoor.trail") as lines:
        for number in range(4):
            guard.trail.note(event(10 + number))
        assert not guard.trail.healthy
        refusal = await refused(guard, bearer("alice"))
        assert (refusal.denial, refusal.answer.status) == (Denial.UNAVAILABLE, 503)
        assert not await guard.trail.flush()
        store.down = False
        assert await guard.trail.flush()
    assert len(lines) <= 3
    assert guard.trail.healthy
    assert guard.trail.lost == 5
    written = await _stored(store)
    assert [one.detail for one in written[-4:-1]] == list("012")
    assert (written[-1].name, written[-1].count) == ("trail_gap", 5)
    await admit(guard, bearer("alice"))


async def test_a_flood_of_equal_refusals_is_one_entry() -> None:
    """Equal refusals make one entry, also with others between them and with different paths."""
    trail, store = await _trail()
    for number in range(1000):
        trail.note(
            Event(
                time=5.0,  # one time in all: the second is that of the trail's clock
                name="malicious_cors",
                cause="origin-not-allowed",
                address=f"192.0.2.{number % 2}",
                endpoint=f"/{number}",
            )
        )
    await trail.flush()
    assert [(one.address, one.count) for one in await _stored(store)] == [
        ("192.0.2.0", 500),
        ("192.0.2.1", 500),
    ]


async def test_a_flood_from_everywhere_is_bounded_in_every_second() -> None:
    """An IPv6 network has more addresses than a disk has room. What is missing is counted."""
    store, clock = FakeStore(), FakeClock()
    await store.open()
    trail = Trail(store, clock)
    for number in range(6000):
        clock.advance(1 / 2000)
        cause = ("origin-not-allowed", "host-not-allowed")[number % 2]
        trail.note(
            Event(
                time=5.0,  # one time in all: the second is that of the trail's clock
                name="malicious_cors",
                cause=cause,
                address=f"2001:db8::{number:x}",
            )
        )
    await trail.flush()
    stored = await _stored(store)
    assert len(stored) == 3 * 2 * 64 + 2
    assert sum(one.count for one in stored) == 6000
    assert {one.count for one in stored if not one.address} == {3000 - 3 * 64}


async def test_who_is_known_is_never_summed_up_with_others() -> None:
    """A refusal of a principal keeps its name, however many there are."""
    trail, store = await _trail()
    for number in range(500):
        refusal = Event(time=5.0, name="authz_fail", cause="forbidden", principal=f"p{number}")
        trail.note(msgspec.structs.replace(refusal, proven=True))
    await trail.flush()
    assert len(await _stored(store)) == 500


async def test_what_is_no_refusal_is_never_summed_up() -> None:
    """Two connections opened in one second are two."""
    trail, store = await _trail()
    for _ in range(5):
        trail.note(Event(time=5.0, name="connection_opened", principal="alice", proven=True))
    await trail.flush()
    assert len(await _stored(store)) == 5


async def test_nobody_decides_how_much_is_written_about_him() -> None:
    """A path, a browser's name and a reason are cut."""
    trail, store = await _trail()
    long = "x" * 60_000
    trail.note(Event(time=5.0, name="test", endpoint=long, user_agent=long, detail=long))
    await trail.flush()
    [one] = await _stored(store)
    assert (len(one.endpoint), len(one.user_agent), len(one.detail)) == (256, 256, 1000)


async def test_equal_refusals_during_a_write_are_one_entry() -> None:
    """Equal refusals during a write of the store make one entry."""

    class Slow(FakeStore):
        async def append_events(self, events: Sequence[Event], **options: Any) -> None:
            await super().append_events(events, **options)
            # The guard refuses another handshake during every write.
            trail.note(Event(time=1.0, name="malicious_cors", cause="origin", address="192.0.2.1"))

    store = Slow()
    await store.open()
    trail = Trail(store, FakeClock())
    trail.note(Event(time=1.0, name="sys_startup"))
    assert await trail.flush()
    assert len(trail) == 1
    trail.note(Event(time=1.0, name="malicious_cors", cause="origin", address="192.0.2.1"))
    assert await trail.flush()
    [_, refused] = await store.entries()
    assert refused.event.count == 2


async def test_every_entry_has_the_node_that_wrote_it() -> None:
    """Single, merged, parked and gap entries have the name of the node; an event cannot name another."""
    store = FakeStore()
    await store.open()
    trail = Trail(store, FakeClock(), capacity=200, node="web-1")
    store.down = True
    for number in range(70):
        client = {"proven": False, "cause": "origin-not-allowed", "address": f"192.0.2.{number}"}
        trail.note(event(number, **client))
    for number in range(70):
        trail.note(event(number, cause="busy", principal="alice", connection=f"c{number}"))
    for number in range(300):
        trail.note_end(event(number, node="web-2"))
    for number in range(300):
        trail.note(event(number))
    assert trail.lost > 0
    store.down = False
    assert await trail.flush()
    stored = await _stored(store)
    assert {one.node for one in stored} == {"web-1"}
    merged = [one for one in stored if one.detail.startswith("merged")]
    assert {one.cause for one in merged} == {"origin-not-allowed", "busy"}
    assert len(stored) > 300
    assert "trail_gap" in {one.name for one in stored}


async def test_the_budget_charges_the_node() -> None:
    """A long name of a node counts for the budget, as it is stored in each entry."""
    charged = []
    for node in ("", "n" * 1_000):
        store = FakeStore()
        await store.open()
        trail = Trail(store, FakeClock(), node=node)
        trail.note(event(1, proven=False, cause="busy"))
        assert await trail.flush()
        charged.append(store._spent_until)
    assert charged[1] > charged[0] > 0.0


async def test_a_guard_writes_its_name() -> None:
    """The entries of a guard have the name by which the list of nodes knows it."""
    guard = await settle(make_guard(node="web-1"))
    await admit(guard, bearer("alice"))
    await refused(guard, bearer("nobody"))
    await guard.trail.flush()
    entries = await guard.state.trail.entries(node="web-1")
    assert {one.event.name for one in entries} >= {"connection_opened", "authn_login_fail"}
    assert len(entries) == len(await guard.state.trail.entries())
    await guard.close()
