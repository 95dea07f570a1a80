"""A handshake and a revocation with store calls that stand still at each step, in every combination.

A store on a network waits before and after each call, for milliseconds. So there is a window at each of these
places, not only at those that `test_races.py` names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from stormdoor import Connection, Guard
from stormdoor.core.denial import Refusal
from stormdoor.core.handshake import Handshake
from tests.guard import test_races as races
from tests.guard.fakes import CHAT, FakeStore

_TURNS = 300  # of the loop, after which a task that has not ended waits for the other one

World = Callable[[], Awaitable[tuple[Guard, FakeStore, Handshake, str]]]


class _Steps:
    """The places at which the calls of one task stand still: one before each call, and one after it."""

    def __init__(self, stop_at: int) -> None:
        self.stop_at = stop_at
        self.passed = 0
        self.reached = asyncio.Event()
        self.released = asyncio.Event()

    async def pass_one(self) -> None:
        self.passed += 1
        if self.passed == self.stop_at:
            self.reached.set()
            await self.released.wait()
        await asyncio.sleep(0)


class _SteppedStore(FakeStore):
    """A store in memory of which every call waits before and after it."""

    def __init__(self) -> None:
        super().__init__()
        self._steps: dict[asyncio.Task[Any], _Steps] = {}

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if not callable(found) or name.startswith("_") or name in {"pause", "open", "close"}:
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            await self._wait()
            answer = await found(*args, **kwargs)
            await self._wait()
            return answer

        return call

    async def _wait(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        if (steps := self._steps.get(task)) is not None:
            await steps.pass_one()
        else:
            await asyncio.sleep(0)

    def _start(
        self, work: Coroutine[Any, Any, Any], stop_at: int
    ) -> tuple[asyncio.Task[Any], _Steps]:
        """Start a task that stands still at one of its steps."""
        task, steps = asyncio.create_task(work), _Steps(stop_at)
        self._steps[task] = steps
        return task, steps


async def _until(task: asyncio.Task[Any], event: asyncio.Event | None = None) -> None:
    """Wait until a task has ended or stands still, or waits for something else."""
    for _ in range(_TURNS):
        if task.done() or (event is not None and event.is_set()):
            return
        await asyncio.sleep(0)


async def _interleave(
    world: World,
    change: Callable[[Guard, str], Coroutine[Any, Any, None]],
    at: tuple[int, int],
    *,
    elsewhere: bool,
    open_early: bool,
) -> tuple[bool, bool]:
    """Run a handshake to its step `at[0]`, a change to its step `at[1]`, then finish both in this order.

    Returns:
        Whether each of them came to that step.
    """
    guard, store, handshake, value = await world()
    assert isinstance(store, _SteppedStore)
    other = await races._another(store) if elsewhere else guard

    async def come() -> Connection | Refusal:
        outcome = await guard.admission.admit(handshake, CHAT)
        if open_early:
            races._open(guard, outcome)
        return outcome

    coming, first = store._start(come(), at[0])
    await _until(coming, first.reached)
    changing, second = store._start(change(other, value), at[1])
    await _until(changing, second.reached)
    reached = first.reached.is_set(), second.reached.is_set()
    first.released.set()
    await _until(coming)
    second.released.set()
    outcome = await coming
    await changing
    if elsewhere:
        await guard.tick()
    if not open_early:
        races._open(guard, outcome)
    races._nobody(guard, outcome)
    guard.passwords.close()
    if elsewhere:
        other.passwords.close()
    return reached


async def _every_step(world: World, change: Any, **options: bool) -> None:
    tried = 0
    for step in range(1, 100):
        came = False
        for other_step in range(1, 100):
            came, took = await _interleave(world, change, (step, other_step), **options)
            tried += 1
            if not took:
                break
        if not came:
            break
    assert tried >= 6  # the handshake and the change have two steps at least


@pytest.fixture(autouse=True)
def _stepped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(races, "FakeStore", _SteppedStore)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("open_early", [False, True], ids=["pending", "open"])
@pytest.mark.parametrize("change", races.TAKEN[:-2], ids=lambda one: one.__name__)
async def test_revocation_and_handshake_at_each_step(change: races.Take, open_early: bool) -> None:
    """INVARIANT: when both have ended, the session has no connection, in each order."""
    await _every_step(races._world, change, elsewhere=False, open_early=open_early)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("change", races.REMOTE, ids=lambda one: one.__name__)
async def test_revocation_by_another_process_at_each_step(change: races.Take) -> None:
    """INVARIANT: after the next look at the log, the session has no connection."""
    await _every_step(races._world, change, elsewhere=True, open_early=True)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("world", "change"),
    [
        (races._key_world, races._revoke_key),
        (races._key_world, races._replace_key),
        (races._key_world, races._disable),
        (races._ticket_world, races._log_out),
        (races._ticket_world, races._revoke_role),
        (races._token_world, races._revoke_token),
        (races._token_world, races._revoke_principal),
    ],
    ids=lambda one: one.__name__,
)
async def test_other_credentials_at_each_step(world: World, change: races.Take) -> None:
    """INVARIANT: likewise for keys, tickets and tokens."""
    await _every_step(world, change, elsewhere=False, open_early=True)
