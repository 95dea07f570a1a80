"""Unauthenticated clients can write only a bounded number of bytes into the trail."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

import stormdoor
from stormdoor import Guard, public
from stormdoor.auth.authenticator import Rejected
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.event import Event
from stormdoor.core.trail_budget import DAY_BYTES, file_bytes
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.trail import Trail
from stormdoor.stores import MemoryStore, SqliteStore
from tests.guard.fakes import (
    HANDSHAKE,
    FakeStore,
    Tokens,
    admit,
    authentication,
    bearer,
    make_guard,
    refused,
    settle,
    store_of,
)
from tests.guard.test_trail import _stored
from tests.support.clock import FakeClock
from tests.tornado.wire import log_lines

_FLOOD = 200


def _refusal(clock: FakeClock, number: int, **parts: str) -> Event:
    """A refusal of a client at an address of its own, as long as entries get."""
    texts: dict[str, Any] = {
        "endpoint": "/" * 256,
        "user_agent": "u" * 256,
        "detail": "d" * 1000,
        **parts,
    }
    return Event(
        time=clock.now(),
        name="authn_login_fail",
        cause="bad-credential",
        address=f"2001:db8::{number:x}",
        **texts,
    )


# -- every kind of entry that an unauthenticated client causes ---------------------------------------


async def _wrong_tokens(guard: Guard) -> None:
    for number in range(_FLOOD):
        await refused(guard, bearer(f"wrong {number}", address=f"10.0.0.{number}"))


async def _no_credential(guard: Guard) -> None:
    for number in range(_FLOOD):
        await refused(guard, replace(HANDSHAKE, address=f"10.0.0.{number}"))


async def _foreign_pages(guard: Guard) -> None:
    for number in range(_FLOOD):
        origin = f"https://{number}.evil.example"
        await refused(guard, replace(HANDSHAKE, origin=origin, address=f"10.0.0.{number}"))


async def _expired_tokens(guard: Guard) -> None:
    """The token was a principal's once; whether the client is it, it has not proved."""
    for number in range(_FLOOD):
        await refused(guard, bearer("spent", address=f"10.0.0.{number}"))


async def _public_endpoint(guard: Guard) -> None:
    endpoint = Endpoint("tests.Public", None, public=public("a public feed of the tests"))
    for number in range(_FLOOD):
        connection = await admit(guard, replace(HANDSHAKE, address=f"10.0.0.{number}"), endpoint)
        guard.registry.opened(connection)
        guard.registry.end(connection)


async def _made_up_names(guard: Guard) -> None:
    for number in range(_FLOOD):
        handshake = replace(HANDSHAKE, address=f"10.0.0.{number}")
        claimed = await guard.login.known_as(f"name {number}")
        wrong = Refusal(Denial.BAD_CREDENTIAL, "the name or the password is wrong")
        guard.admission.refused(handshake, wrong, claimed=claimed)


FLOODS: dict[str, Callable[[Guard], Awaitable[None]]] = {
    "wrong tokens": _wrong_tokens,
    "no credential": _no_credential,
    "foreign pages": _foreign_pages,
    "tokens that were used": _expired_tokens,
    "a public endpoint": _public_endpoint,
    "made-up names at the login": _made_up_names,
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
async def test_a_flood_is_bounded_and_counted(flood: Callable[[Guard], Awaitable[None]]) -> None:
    """Of 200 refusals in a second, 64 have their own entry for each cause; one counts the rest."""
    known = {
        "alice": authentication("alice"),
        "spent": Rejected(Denial.BAD_CREDENTIAL, "used already", "alice", reused=True),
    }
    limits = {"handshakes_per_address": "1000/s", "connections_per_address": 1000}
    guard = await settle(make_guard(Tokens(known), limits=limits))
    await guard.trail.flush()
    before = guard.trail.written
    await flood(guard)
    await admit(guard, bearer("alice"))
    assert guard.trail.healthy
    await guard.trail.flush()
    stored = (await _stored(store_of(guard)))[before:]
    kinds = {(one.name, one.cause) for one in stored if one.name != "connection_opened"}
    for kind in kinds:
        alike = [one for one in stored if (one.name, one.cause) == kind]
        assert sum(one.count for one in alike) == _FLOOD, kind
        assert len(alike) == 65, kind
        [merged] = [one for one in alike if one.detail.startswith("merged")]
        assert (merged.count, merged.principal, merged.address) == (_FLOOD - 64, "", "")
    own = [one for one in stored if one.principal == "alice" and one.name == "connection_opened"]
    assert len(own) == 1
    await guard.close()


def _events_of_the_source() -> Iterator[tuple[str, ast.Call]]:
    room = Path(stormdoor.__file__).parent
    for part in ("auth", "guard", "config", "channels", "tornado", "cli"):
        for path in sorted((room / part).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and getattr(node.func, "id", "") == "Event"
                    and any(one.arg == "name" for one in node.keywords)
                ):
                    yield f"{path.relative_to(room)}:{node.lineno}", node


def test_each_event_says_whether_an_unauthenticated_client_can_cause_it() -> None:
    """Left out, an entry of an authenticated principal would be merged in a flood of others."""
    found = dict(_events_of_the_source())
    assert len(found) > 8
    for place, call in found.items():
        assert "proven" in {one.arg for one in call.keywords}, f"{place}: Event(...) lacks proven="


# -- the queue -----------------------------------------------------------------------------------


async def test_unauthenticated_clients_cannot_fill_the_queue() -> None:
    """While the store is down their entries are merged: nothing is lost, and members are let in after."""
    store, clock = FakeStore(), FakeClock()
    guard = await settle(make_guard(store=store, clock=clock))
    await guard.trail.flush()
    store.down = True
    for number in range(30_000):
        if number % 60 == 0:
            clock.advance(1.0)
        guard.trail.note(_refusal(clock, number))
    assert not await guard.trail.flush()
    assert (guard.trail.healthy, guard.trail.lost) == (True, 0)
    assert len(guard.trail) < 3_000
    store.down = False
    await admit(guard, bearer("alice"))
    assert await guard.trail.flush()
    stored = await _stored(store)
    assert sum(one.count for one in stored if one.cause == "bad-credential") == 30_000
    assert "alice" in {one.principal for one in stored}


# -- the budget ----------------------------------------------------------------------------------


async def _hours(trail: Trail, clock: FakeClock, hours: int) -> None:
    """A flood that goes on for hours; one tick in a minute."""
    for _ in range(hours * 60):
        clock.advance(60.0)
        for number in range(64):
            trail.note(_refusal(clock, number))
        await trail.write_due()


class _Measured(MemoryStore):
    """Counts instead of keeping."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[float, int]] = []
        self.counts = {True: 0, False: 0}
        self.single = 0

    async def append_events(self, events, **_):  # type: ignore[no-untyped-def]
        for event in events:
            self.counts[event.proven] += event.count
            self.single += event.address != ""
            if not event.proven:
                self.sizes.append((event.time, file_bytes(event)))


async def test_no_day_of_a_flood_exceeds_the_budget() -> None:
    """During a flood of two days, any 24 hours add at most 100 MiB, and every refusal is counted."""
    store, clock = _Measured(), FakeClock()
    await store.open()
    trail = Trail(store, clock)
    with log_lines("stormdoor.trail") as lines:
        await _hours(trail, clock, 48)
    assert trail.over_budget
    [line] = lines
    assert "100 MiB" in line
    await trail.flush()
    assert store.counts[False] == 48 * 60 * 64
    first, spent = 0, 0
    for at, size in store.sizes:
        spent += size
        while store.sizes[first][0] <= at - 86_400.0:
            spent -= store.sizes[first][1]
            first += 1
        assert spent <= DAY_BYTES
    assert sum(size for _, size in store.sizes) > 1.3 * DAY_BYTES  # it is a bound, and not a stop


async def test_after_a_flood_single_entries_are_written_again() -> None:
    """Within minutes, not on the next day."""
    store, clock = _Measured(), FakeClock()
    await store.open()
    trail = Trail(store, clock)
    await _hours(trail, clock, 24)
    single = store.single
    with log_lines("stormdoor.trail") as lines:
        clock.advance(300.0)
        await trail.write_due()
        for number in range(10):
            trail.note(_refusal(clock, number))
            await trail.write_due()
    assert store.single == single + 10
    assert not trail.over_budget
    assert "one by one again" in lines[-1]


async def test_entries_of_principals_are_written_one_by_one_beyond_the_budget() -> None:
    """During a flood, entries of principals are written one by one, each with principal and address."""
    store, clock = _Measured(), FakeClock()
    await store.open()
    trail = Trail(store, clock)
    await _hours(trail, clock, 12)
    single = store.single
    for number in range(5_000):
        trail.note(
            Event(
                time=clock.now(),
                name="authz_fail",
                cause="forbidden",
                principal=f"p{number}",
                address="192.0.2.1",
                proven=True,
            )
        )
        trail.note(_refusal(clock, number))
    await trail.write_due()
    assert store.counts[True] == 5_000
    assert store.single == single + 5_000
    assert trail.healthy


async def test_a_restart_gives_no_new_budget(tmp_path: Path) -> None:
    """The store knows what was spent; so do several processes, and a server that is restarted in a loop."""
    clock = FakeClock()
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    size = file_bytes(_refusal(clock, 1))
    assert await store.pay_entries(clock.now(), [size] * (DAY_BYTES // size)) < DAY_BYTES // size
    for number in range(20):
        again = SqliteStore(path)
        await again.open()
        trail = Trail(again, clock)
        for other in range(64):
            trail.note(_refusal(clock, number * 64 + other))
        assert await trail.write_due()
        assert trail.over_budget
        assert await trail.flush()
        await again.close()
    entries = [entry.event for entry in await store.entries(limit=10_000)]
    assert [one.count for one in entries] == [64] * 20
    await store.close()


async def test_a_row_takes_no_more_than_it_is_charged_for(tmp_path: Path) -> None:
    """A row of any length takes at most the bytes that the budget charges for it."""
    clock = FakeClock()
    for about in (0, 600, 900, 1_100, 1_600, 2_500, 3_900, 5_000, 9_000):
        store = SqliteStore(tmp_path / f"{about}.db")
        await store.open()
        before = _pages(store)
        events = [
            Event(
                time=clock.now(),
                name="authn_login_fail",
                cause="bad-credential",
                principal=f"unknown:{number * 7919 % 65536:016x}",
                address=f"2001:db8::{number:x}",
                detail="d" * about,
            )
            for number in range(600)
        ]
        await store.append_events(events)
        grown = _pages(store) - before
        charged = sum(map(file_bytes, events))
        await store.close()
        assert grown <= charged <= 3 * grown, about


def _pages(store: SqliteStore) -> int:
    ((pages,),) = store._database.look_up("PRAGMA page_count", ())
    ((size,),) = store._database.look_up("PRAGMA page_size", ())
    return int(pages) * int(size)


# -- one principal -------------------------------------------------------------------------------


def _of_principal(who: str, number: int, **parts: Any) -> Event:
    """A refused message of a principal, from an address of its own."""
    texts: dict[str, Any] = {"name": "authz_fail", "cause": "forbidden", **parts}
    return Event(
        time=float(number),
        principal=who,
        connection=f"c{number}",
        proven=True,
        **{"address": f"2001:db8:{number % 50:x}::{number:x}", **texts},
    )


async def test_the_entries_of_one_principal_are_merged_by_cause_and_second() -> None:
    """64 entries in a second, then one with the rest, the principal and its 20 largest networks."""
    store, clock = MemoryStore(), FakeClock()
    await store.open()
    trail = Trail(store, clock)
    for second in range(3):
        for number in range(1_000):
            trail.note(_of_principal("mallory", number))
            trail.note(_of_principal("mallory", number, cause="message-rate"))
            trail.note_end(_of_principal("mallory", number, name="connection_closed", cause=""))
            if number % 250 == 0:
                await trail.write_due()
        trail.note(_of_principal("alice", second))
        clock.advance(1.0)
    await trail.write_due()
    stored = [entry.event for entry in await store.entries(limit=10**6)]
    own = [one for one in stored if one.principal == "mallory"]
    assert len(own) == 3 * 3 * 65
    assert sum(one.count for one in own) == 3 * 3 * 1_000
    merged = [one for one in own if one.detail.startswith("merged: this principal")]
    assert [one.count for one in merged] == [936] * 9
    assert all(one.detail.count("/48 ") == 20 for one in merged)
    assert len([one for one in stored if one.principal == "alice"]) == 3
    assert (trail.merged, len(trail), trail.healthy) == (9 * 936, 0, True)


async def test_a_client_without_an_address_is_merged_too() -> None:
    """A proxy on a UNIX socket that sends no address makes no exception."""
    store = MemoryStore()
    await store.open()
    trail = Trail(store, FakeClock())
    for number in range(200):
        trail.note(_of_principal("mallory", number, address=""))
    await trail.flush()
    stored = [entry.event for entry in await store.entries(limit=10**6)]
    assert [one.count for one in stored] == [1] * 64 + [136]
    assert "networks" not in stored[-1].detail


@pytest.mark.parametrize(
    "parts",
    [
        {"name": "authn_login_success", "cause": ""},
        {"name": "authn_factor_removed", "cause": ""},
        {"name": "authn_token_revoked", "cause": "", "actor": "ada"},
        {"name": "user_created", "cause": "", "actor": "cli:ada"},
        {"name": "connection_closed", "cause": "revoked", "actor": "ada"},
    ],
    ids=lambda parts: parts["name"],
)
async def test_logins_and_administration_are_never_merged(parts: dict[str, Any]) -> None:
    """Each has an entry of its own, also if a principal floods and the budget is spent."""
    store, clock = MemoryStore(), FakeClock()
    await store.open()
    trail = Trail(store, clock)
    for number in range(500):
        trail.note(_of_principal("mallory", number))
        trail.note(_of_principal("mallory", number, **parts))
        trail.note(_refusal(clock, number))
    assert await trail.flush()
    named = await store.entries(limit=10**6, event=parts["name"])
    assert sum(one.event.count == 1 and not one.event.detail for one in named) == 500


async def test_an_old_time_of_an_event_starts_no_new_second() -> None:
    """A client that alternates events of two seconds has no more single entries than others."""
    store, clock = MemoryStore(), FakeClock()
    await store.open()
    trail = Trail(store, clock)
    for number in range(1_000):
        opened_at = clock.now() - number % 2
        trail.note(msgspec.structs.replace(_refusal(clock, number), time=opened_at))
        trail.note(_of_principal("mallory", number))
    await trail.flush()
    assert len(await store.entries(limit=10**6)) == 2 * 65


async def test_the_merged_entries_of_principals_do_not_outgrow_the_queue() -> None:
    """While the store is down, they count for the capacity; the guard then admits no client."""
    store, clock = FakeStore(), FakeClock()
    await store.open()
    store.down = True
    trail = Trail(store, clock, capacity=200)
    for _ in range(20):
        for number in range(1_000):
            trail.note(_of_principal("mallory", number))
        clock.advance(1.0)
        assert not await trail.write_due()
        assert len(trail) <= 200
    assert not trail.healthy
    store.down = False
    assert await trail.flush()
    assert trail.healthy


async def test_an_erasure_reaches_merged_entries() -> None:
    """Neither the merged entries of a principal nor those of a flood keep its personal data."""
    guard = await settle(make_guard())
    for number in range(200):
        guard.trail.note(_of_principal("mallory", number))
        handshake = replace(HANDSHAKE, address=f"198.51.100.{number}")
        guard.admission.refused(
            handshake, Refusal(Denial.BAD_CREDENTIAL, "wrong"), claimed="mallory"
        )
    await guard.trail.flush()
    assert await guard.admin.erase("mallory") > 65
    for entry in await guard.state.trail.entries(limit=10**6):
        assert "mallory" not in str(entry)
        assert entry.event.cause != "forbidden" or entry.personal is None
    await guard.close()


# -- retention -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kept"),
    [({}, [399.0]), ({"trail_days": 30}, []), ({"trail_days": None}, [401.0, 399.0])],
)
async def test_retention_has_a_default(options: dict[str, Any], kept: list[float]) -> None:
    """400 days; None keeps everything."""
    store, clock = FakeStore(), FakeClock()
    guard = await settle(make_guard(store=store, clock=clock, **options))
    old = [Event(time=clock.now() - days * 86_400, name="test") for days in (401.0, 399.0)]
    await store.append_events(old)
    while guard.maintenance_loop.ticks < 4 * 60 * 10:
        guard.maintenance_loop.ticks += 3
        await guard.tick()
    found = [entry.event for entry in await store.entries() if entry.event.name == "test"]
    assert [(clock.now() - one.time) / 86_400 for one in found] == kept
    await guard.close()
