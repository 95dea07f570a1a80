"""A flood of all kinds of refusals stays in the budget of the trail, and hides no other entry."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stormdoor import Guard, public
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.event import REFUSED_AS, Event
from stormdoor.core.trail_budget import LEAST_BYTES, burst_bytes, file_bytes
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.trail_verification import verify_trail
from stormdoor.ports import TrailStore
from stormdoor.stores import SqliteStore
from stormdoor.stores.postgresql.store import PostgresqlStore
from tests.guard.fakes import HANDSHAKE, Tokens, admit, authentication, bearer, make_guard
from tests.support.clock import FakeClock
from tests.support.postgresql import new_database, postgresql

__all__ = ["new_database", "postgresql"]


class _Sqlite(SqliteStore):
    """A store with nodes that need no beat in the simulated time."""

    lease_seconds = 1e6


class _Postgresql(PostgresqlStore):
    """As `_Sqlite`."""

    __slots__ = ()

    lease_seconds = 1e6


_BURST_SECONDS = 300
"""Seconds from one burst to the next."""
_OPEN = Endpoint("tests.News", None, public=public("a public feed of the tests"))


class _Flood:
    """Clients that are refused for each cause, each from another address, and others between them.

    Attributes:
        caused: Number of entries by name and cause that unauthenticated clients have caused.
        others: Number of entries by name that a member, an operator and a login have caused.
    """

    def __init__(self, guard: Guard, clock: FakeClock) -> None:
        self._guard = guard
        self._clock = clock
        self._number = 0
        self.caused: Counter[tuple[str, str]] = Counter()
        self.others: Counter[str] = Counter()

    def _address(self) -> str:
        self._number += 1
        one = self._number
        if one % 3 == 0:
            return f"203.0.113.{one % 256}"  # a network that causes a third of all
        if one % 3 == 1:
            return f"2001:db8:{one & 0xFFFF:x}:{one >> 16:x}::1"
        return f"10.{one >> 16 & 255}.{one >> 8 & 255}.{one & 255}"

    async def _refuse(self) -> None:
        for denial in Denial:
            handshake = replace(
                HANDSHAKE,
                path=f"/{self._number:x}".ljust(256, "/"),
                user_agent="u" * 256,
                address=self._address(),
            )
            claimed = f"unknown:{self._number:016x}" if self._number % 2 else "alice"
            refusal = Refusal(denial, "d" * 1000)
            self._guard.admission.refused(handshake, refusal, claimed=claimed)
            self.caused[REFUSED_AS[denial], denial.value] += 1
        connection = await admit(self._guard, replace(HANDSHAKE, address=self._address()), _OPEN)
        self._guard.registry.end(connection)
        self.caused["connection_opened", ""] += 1
        self.caused["connection_closed", ""] += 1

    async def _others(self) -> None:
        guard = self._guard
        guard.registry.end(await admit(guard, bearer("alice", address="192.0.2.9")))
        await guard.admin.grant_role("carol", "member", actor="ada")
        await guard.admin.withdraw_role("carol", "member", actor="ada")
        guard.trail.note(
            Event(
                time=self._clock.now(),
                name="authn_login_success",
                principal="carol",
                address="203.0.113.1",
                proven=True,
            )
        )
        self.others["connection_opened"] += 1
        self.others["connection_closed"] += 1
        self.others["privilege_permissions_changed"] += 2
        self.others["authn_login_success"] += 1

    async def run(self, seconds: int) -> None:
        """Flood for a time: one of each kind in a second, and often a hundred."""
        for second in range(seconds):
            for _ in range(100 if second % _BURST_SECONDS == 0 else 1):
                await self._refuse()
            if second % 60 == 30:
                await self._others()
            await self._guard.trail.write_due()
            self._clock.advance(1.0)


async def _check(store: _Sqlite | _Postgresql, seconds: int) -> None:
    """Flood the store, and check its size, its rows and its entries."""
    clock = FakeClock()
    guard = make_guard(
        Tokens({"alice": authentication("alice")}),
        store=store,
        clock=clock,
        limits={"handshakes_per_address": "1000/s", "connections_per_address": 1000},
        trail_budget_bytes=LEAST_BYTES,
    )
    await store.open()
    await guard.heartbeat.start()
    await store.add_account(Account(id="carol"))
    before = await store.space()
    flood = _Flood(guard, clock)
    await flood.run(seconds)
    assert guard.trail.over_budget
    assert await guard.trail.flush()
    assert (guard.trail.lost, guard.trail.healthy) == (0, True)
    assert (await store.space()).used - before.used <= LEAST_BYTES
    entries = await _events(store)
    own = [one for one in entries if one.principal in ("alice", "carol") and not one.cause]
    assert Counter(one.name for one in own) == flood.others
    caused = [one for one in entries if one not in own]
    counted: Counter[tuple[str, str]] = Counter()
    for one in caused:
        counted[one.name, one.cause] += one.count
    assert counted == flood.caused
    charged = sum(map(file_bytes, caused))
    kinds = len(flood.caused)
    assert charged <= burst_bytes(LEAST_BYTES) * (1 + seconds / 86_400) + kinds * 2_048
    merged = [one for one in caused if one.detail.startswith("merged")]
    assert len(merged) <= kinds * (seconds / 60 + 1)
    assert any("at least: 203.0.113.0/24" in one.detail for one in merged)
    assert max(one.detail.count("/24 ") + one.detail.count("/48 ") for one in merged) == 20
    assert not any("alice" in str(one) or "unknown:" in str(one) for one in merged)
    assert not (await verify_trail(store, key=None)).faults
    await guard.close()
    await store.close()


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Keep no lines of the log: they cost more than the flood."""
    caplog.set_level(logging.CRITICAL, "stormdoor")


async def _events(store: TrailStore) -> list[Event]:
    return [entry.event for entry in await store.entries(limit=10**7)]


async def test_some_minutes_of_a_flood_stay_in_the_budget_of_a_file(tmp_path: Path) -> None:
    """Three minutes with a burst exhaust the budget; each other entry is there, and all are counted."""
    await _check(_Sqlite(tmp_path / "door.db"), 180)


@pytest.mark.extended
@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_an_hour_of_a_flood_stays_in_the_budget(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """On both engines, rows and bytes of an hour stay in the budget."""
    if engine == "sqlite":
        await _check(_Sqlite(tmp_path / "door.db"), 3_600)
        return
    new: Callable[[], str] = request.getfixturevalue("new_database")
    await _check(_Postgresql(new()), 3_600)
