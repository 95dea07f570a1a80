"""The maintenance loop of a guard."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from stormdoor.core.lease import Lease
from stormdoor.errors import StoreError, StoreUnavailable
from stormdoor.guard.deadlines import Deadlines
from stormdoor.guard.freshness import Fence
from stormdoor.guard.handshake_checks import HandshakeChecks
from stormdoor.guard.heartbeat import Heartbeat
from stormdoor.guard.log_follower import LogFollower
from stormdoor.guard.observed_rows import ObservedRows, remove_silent
from stormdoor.guard.registry import Registry
from stormdoor.guard.store_space import StoreSpace
from stormdoor.guard.token_revalidation import TokenRevalidation
from stormdoor.guard.trail import Trail
from stormdoor.guard.unfinished import Unfinished
from stormdoor.ports import Clock, StoredState
from stormdoor.stores.grace import REVOKED_SECONDS

__all__ = ["MaintenanceLoop"]

_log = logging.getLogger("stormdoor.maintenance")

_TICK_SECONDS = 0.25
_SLOW_TICKS = 4
_JOB_SECONDS = 2.0
"""Time limit in seconds for one job, after which the others run without waiting for it."""
_PURGE_TICKS = 4 * 60 * 10


_Job = Callable[[], Coroutine[Any, Any, object]]


@dataclass(slots=True)
class _Jobs:
    """Jobs that one task runs.

    Attributes:
        waiting: Names and functions of the jobs that have not begun.
        present: Name of the present one, the last that has begun.
        began: Monotonic seconds at which it has begun.
        timed_from: Seconds of the loop's clock from which its time counts.
        prolonged: Whether it got its time again, since the loop was blocked.
        overrun: Whether it has taken too long. The others wait for another task.
    """

    waiting: deque[tuple[str, _Job]]
    present: str = ""
    began: float = 0.0
    timed_from: float = 0.0
    prolonged: bool = False
    overrun: bool = False

    def begin(self, name: str, monotonic: float) -> None:
        """Note that a job begins at `monotonic` seconds."""
        self.present, self.began, self.prolonged = name, monotonic, False
        self.timed_from = asyncio.get_running_loop().time()


class MaintenanceLoop:
    """Runs the periodic jobs of a guard until it is stopped.

    Each run also takes a sample of the durations (`sample`).

    Attributes:
        ticks: Number of runs.
        jobs: Jobs that have started and not finished.
    """

    def __init__(
        self,
        *,
        checks: HandshakeChecks,
        fence: Fence,
        heartbeat: Heartbeat,
        lease: Lease,
        follower: LogFollower,
        deadlines: Deadlines,
        revalidation: TokenRevalidation,
        registry: Registry,
        trail: Trail,
        state: StoredState,
        clock: Clock,
        trail_days: float | None,
        space: StoreSpace,
        unfinished: Unfinished,
        sample: Callable[[], None],
    ) -> None:
        self._checks = checks
        self._fence = fence
        self._heartbeat = heartbeat
        self._lease = lease
        self._follower = follower
        self._deadlines = deadlines
        self._revalidation = revalidation
        self._registry = registry
        self._trail = trail
        self._state = state
        self._rows = ObservedRows()
        self._clock = clock
        self._trail_days = trail_days
        self._space = space
        self._unfinished = unfinished
        self._sample = sample
        self._may_not_drop = False
        self._failures: dict[str, set[type[BaseException]]] = {}
        """The kinds of failures that are logged, for each job that has not succeeded since."""
        self.ticks = 0
        self.jobs: dict[str, asyncio.Task[object]] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until `stopping` is set.

        Raises:
            ExceptionGroup: The heartbeat has ended before.
        """
        async with asyncio.TaskGroup() as tasks:
            # INVARIANT: the lease must not wait for the other jobs. A store in memory needs no heartbeat.
            beating = None
            if self._lease.seconds < math.inf:
                beating = tasks.create_task(self._heartbeat.run())
                self._fence.blocked.start()
            try:
                while not stopping.is_set():
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_TICK_SECONDS):
                            await stopping.wait()
                    await self.tick()
                    if beating is not None and beating.done():
                        raise RuntimeError("the heartbeat has ended")
            finally:
                self._fence.blocked.stop()
            if beating is not None:
                beating.cancel()

    async def tick(self) -> None:
        """Run once: revocations, deadlines, trail, and sometimes the slower jobs."""
        self.ticks += 1
        self._do_at_once("sample", self._sample)
        self._do_at_once("fence", self._fence.look)
        jobs: list[tuple[str, _Job]] = [
            ("unfinished", self._unfinished.retry),
            ("restore", self._follower.lost.restore),
            ("expire", self._deadlines.expire),
            ("recheck", self._revalidation.look),
            ("trail", self._trail.write_due),
        ]
        if self.ticks % _SLOW_TICKS == 0:
            jobs.append(("clean_up", self.clean_up))
        if not self._heartbeat.running:
            jobs.insert(0, ("follow", self._follow))
        for name, _ in jobs:
            if name in self.jobs:
                self._note_overrun(name)
        await self._do(_Jobs(deque(one for one in jobs if one[0] not in self.jobs)))
        # INVARIANT: fail closed. While the feed cannot be read, also because the store never answers, no
        # client is admitted.
        self._checks.revocations_stale = self._follower.behind or "follow" in self.jobs

    def _do_at_once(self, name: str, job: Callable[[], object]) -> None:
        """Run a job that waits for nothing. Its failure is logged, and ends nothing else."""
        try:
            job()
        except Exception as error:  # noqa: BLE001 - any error of a job
            self._note_failure(name, error)
        else:
            self._note_success(name)

    async def _do(self, jobs: _Jobs) -> None:
        """Run jobs in one task, each with a time limit.

        If one takes longer, it continues in the background and is not started again; the others get another
        task. It is not cancelled: a store may still write after its caller has given up, and the entries of
        the trail would be written twice.
        """
        while jobs.waiting:
            jobs.begin("", self._clock.monotonic())
            task = asyncio.get_running_loop().create_task(
                self._run_jobs(jobs), name="stormdoor jobs"
            )
            await self._wait_for(task, jobs)
            if not task.done():
                self._note_overrun(jobs.present)
                jobs.overrun = True
                jobs = _Jobs(jobs.waiting)
            elif task.cancelled():
                self._note_failure(jobs.present, asyncio.CancelledError("it was cancelled"))

    async def _wait_for(self, task: asyncio.Task[None], jobs: _Jobs) -> None:
        """Wait until the jobs are done, or the present one has had its time."""
        loop = asyncio.get_running_loop()
        while not task.done():
            left = jobs.timed_from + _JOB_SECONDS - loop.time()
            if left > 0:
                await asyncio.wait([task], timeout=left)
            elif jobs.began < self._fence.blocked_until() and not jobs.prolonged:
                # The loop was blocked, not the store.
                jobs.prolonged, jobs.timed_from = True, loop.time()
            else:
                return

    async def _run_jobs(self, jobs: _Jobs) -> None:
        """Run jobs in their order; none after one that has taken too long."""
        task = asyncio.current_task()
        while jobs.waiting and not jobs.overrun:
            name, job = jobs.waiting.popleft()
            jobs.begin(name, self._clock.monotonic())
            self.jobs[name] = task  # type: ignore[assignment]  # it runs in a task
            try:
                result = await job()
            except Exception as error:  # noqa: BLE001 - any error of a job
                # INVARIANT: the loop continues, and no job prevents another. A failed job runs again in the
                # next iteration.
                self._note_failure(name, error)
            else:
                if result is not False and not jobs.overrun:
                    self._note_success(name)
            finally:
                self.jobs.pop(name, None)

    def _note_overrun(self, name: str) -> None:
        self._note_failure(name, TimeoutError(f"it has taken {_JOB_SECONDS:g} s and goes on"))

    def _note_failure(self, name: str, error: BaseException) -> None:
        """Log a failure of a job, unless one of the same kind was logged since its last success."""
        silent = isinstance(error, StoreUnavailable | TimeoutError)
        kind, known = (
            StoreUnavailable if silent else type(error),
            self._failures.setdefault(name, set()),
        )
        if kind in known:
            return
        known.add(kind)
        if silent:
            _log.error("the maintenance job %s fails: does the store answer? (%s)", name, error)
        else:
            _log.error("the maintenance job %s fails", name, exc_info=error)

    def _note_success(self, name: str) -> None:
        if self._failures.pop(name, None):
            _log.warning("the maintenance job %s succeeds again", name)

    async def _follow(self) -> None:
        await self._heartbeat.beat()
        self._checks.revocations_stale = self._follower.behind

    async def clean_up(self) -> None:
        """Run the slower jobs: update the list of connections, remove old data."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        self._registry.forget_idle(monotonic)
        node, connections = self._registry.node, self._state.connections
        if self._registry.list_is_uncertain:
            self._registry.compare(await connections.live_connections([node]))
        opened, closed = self._registry.changes()
        await connections.sync_connections(node, opened, closed)
        self._registry.synced(opened, closed)
        if self.ticks % (_SLOW_TICKS * 60) == _SLOW_TICKS:
            await self._space.measure()
        if self.ticks % (_SLOW_TICKS * 60) == 0:
            await self._deadlines.touch_sessions()
        if self.ticks % _PURGE_TICKS == 0:
            await self._state.purge(now)
            await remove_silent(self._state.members, self._rows)
            self._follower.forget_sessions(REVOKED_SECONDS)
            await self._drop_old_entries(now)

    async def _drop_old_entries(self, now: float) -> None:
        if self._trail_days is None or self._may_not_drop:
            return
        try:
            await self._state.trail.drop_entries(now - self._trail_days * 86_400)
        except StoreError as error:
            self._may_not_drop = True
            _log.warning(
                "this process drops no old entries of the trail; run each day: stormdoor trail retain"
                " --days %g (%s)",
                self._trail_days,
                error,
            )
