"""Probes learn whether a process lives and is ready, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stormdoor import Guard, health_routes
from stormdoor.errors import StoreUnavailable
from stormdoor.runtime.readiness import why_not_ready
from tests.guard.fakes import FakeStore, events, make_guard
from tests.tornado.wire import log_lines, request, serving


def _draining(guard: Guard) -> None:
    guard.draining = True


def _stale(guard: Guard) -> None:
    guard.checks.revocations_stale = True


def _lapsed(guard: Guard) -> None:
    guard.lease.until = 0.0


def _gap(guard: Guard) -> None:
    guard.trail.gap = 1


CASES: dict[str, tuple[Callable[[Guard], None], str]] = {
    "draining": (_draining, "the process is stopping"),
    "the log cannot be followed": (_stale, "revocations cannot be followed"),
    "the lease has lapsed": (_lapsed, "the lease of this node has lapsed"),
    "the trail has lost entries": (_gap, "the trail cannot be written"),
}


@pytest.mark.parametrize("case", CASES)
async def test_not_ready(case: str) -> None:
    """Each cause gives 503 and the same two words; only the log has the reason, once."""
    spoil, reason = CASES[case]
    guard = make_guard()
    async with serving(health_routes(guard), guard) as served:
        with log_lines("stormdoor") as lines:
            async with await request(served.port, "/readyz", upgrade=False) as wire:
                assert (wire.status, wire.body) == (200, b"ready\n")
            spoil(guard)
            for _ in range(3):
                async with await request(served.port, "/readyz", upgrade=False) as wire:
                    assert (wire.status, wire.body) == (503, b"not ready\n")
                    told = str(wire.headers).lower()
                    assert "stormdoor" not in told
                    assert "tornado" not in told
            async with await request(served.port, "/livez", upgrade=False) as wire:
                assert (wire.status, wire.body) == (200, b"alive\n")
        assert [line for line in lines if "ready" in line] == [f"not ready: {reason}"]


async def test_ready_again() -> None:
    """The log says when the process is ready again."""
    guard = make_guard()
    async with serving(health_routes(guard), guard) as served:
        with log_lines("stormdoor") as lines:
            for stale, status in ((True, 503), (False, 200)):
                guard.checks.revocations_stale = stale
                async with await request(served.port, "/readyz", upgrade=False) as wire:
                    assert wire.status == status
        assert lines == ["not ready: revocations cannot be followed", "ready again"]


async def test_a_trail_that_fails_to_write_is_not_ready() -> None:
    """The process is not ready from the first batch that the store refuses, and ready when it takes it."""
    store = FakeStore()
    guard = make_guard(store=store)
    async with serving(health_routes(guard), guard):
        assert why_not_ready(guard) is None
        await events(guard)
        store.broken["append_events"] = StoreUnavailable("the disk is full")
        guard._note("sys_startup")
        await guard.trail.flush()
        assert why_not_ready(guard) == "the trail cannot be written"
        store.broken.clear()
        await guard.trail.flush()
        assert why_not_ready(guard) is None


async def test_a_probe_needs_no_host_and_no_credential() -> None:
    """An orchestrator probes by the address of the machine, and over plaintext."""
    guard = make_guard()
    async with serving(health_routes(guard, ready="/ok", alive="/up"), guard) as served:
        for path in ("/ok", "/up"):
            async with await request(
                served.port, path, host="10.1.2.3:8888", upgrade=False
            ) as wire:
                assert wire.status == 200
            async with await request(served.port, path, method="HEAD", upgrade=False) as wire:
                assert (wire.status, wire.body) == (200, b"")
            async with await request(served.port, path, method="POST", upgrade=False) as wire:
                assert wire.status in (403, 405)


async def test_it_is_not_ready_before_the_store_answers() -> None:
    """The first probe starts the guard; as long as that fails, it is not ready."""
    store = FakeStore()
    store.down = True
    guard = make_guard(store=store)
    async with serving(health_routes(guard), guard) as served:
        with log_lines("stormdoor"):
            async with await request(served.port, "/readyz", upgrade=False) as wire:
                assert wire.status == 503
            store.down = False
            async with await request(served.port, "/readyz", upgrade=False) as wire:
                assert wire.status == 200


async def test_not_alive() -> None:
    """While the maintenance loop has ended, the orchestrator should replace the process."""
    guard = make_guard()
    async with serving(health_routes(guard), guard) as served:
        guard.maintenance_ended.set()
        async with await request(served.port, "/livez", upgrade=False) as wire:
            assert (wire.status, wire.body) == (503, b"not alive\n")
        guard.maintenance_ended.clear()
        async with await request(served.port, "/livez", upgrade=False) as wire:
            assert (wire.status, wire.body) == (200, b"alive\n")
