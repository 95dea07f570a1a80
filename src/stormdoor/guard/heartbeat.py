"""Heartbeat of a node: it asks for the head of the log of revocations, applies the log, renews the lease."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from stormdoor.core.lease import Lease
from stormdoor.core.log_position import LogPosition
from stormdoor.guard.active_policies import ActivePolicies
from stormdoor.guard.registry import Registry
from stormdoor.guard.supervisor import ConnectionSupervisor
from stormdoor.ports import Clock, NodeStatus, StoredState

__all__ = ["Heartbeat"]

_log = logging.getLogger("stormdoor.heartbeat")

_POLL_SECONDS = 0.25
"""Longest wait in seconds between two reads of the log."""
_SPACING_SECONDS = 0.01
"""Shortest time in seconds between two beats that report applied entries."""


class Heartbeat:
    """Keeps the lease of this node while its revocations are fresh.

    INVARIANT: only a beat renews the lease, after everything up to the head that it returned is applied. The
    renewal counts from the moment before the question. A failed beat renews nothing.

    Args:
        supervisor: Applies the log.
        lease: The lease of this node.
        registry: The connections of this node, and its name.
        policies: The policies by which this node decides.
        state: State of members and revocations.
        clock: Source of the time.

    Attributes:
        joined: Whether this node is a member of the installation.
        running: Whether `run` runs.
    """

    def __init__(
        self,
        *,
        supervisor: ConnectionSupervisor,
        lease: Lease,
        registry: Registry,
        policies: ActivePolicies,
        state: StoredState,
        clock: Clock,
    ) -> None:
        self._supervisor = supervisor
        self._lease = lease
        self._registry = registry
        self._policies = policies
        self._state = state
        self._clock = clock
        self._version = _version()
        self._applied = asyncio.Event()
        """Set when entries were applied that no beat has reported."""
        self._beating = asyncio.Lock()
        self._asked_at = 0.0
        """Monotonic seconds from before the last question."""
        self._fresh_at: float | None = None
        """Monotonic seconds from before the last question with an answer up to which all is applied."""
        self.joined = False
        self.running = False

    async def start(self) -> None:
        """Join the members, read the log of revocations, and get the lease.

        Raises:
            StoreUnavailable: The store does not answer; the guard must not start.
        """
        await self._join()
        await self._supervisor.start()
        await self.beat()

    async def _join(self) -> None:
        await self._state.members.beat(self._registry.node, self._status(), joining=True)
        # With an earlier row of this node, its connections were removed.
        self._registry.list_is_uncertain = True
        self.joined = True

    @property
    def age(self) -> float | None:
        """Seconds since a question after which all revocations were applied; None before the first one."""
        return None if self._fresh_at is None else self._clock.monotonic() - self._fresh_at

    async def follow_up_to(self, position: LogPosition) -> str:
        """Apply the log. Returns the name of this node if it has applied all up to `position`, else ""."""
        if self.joined:
            await self._supervisor.follow()
            if self._supervisor.applied.includes(position):
                return self._registry.node
        return ""

    async def beat(self) -> int:
        """Ask for the head, apply everything up to it, and renew the lease. Returns how many sockets ended.

        A node without a lease joins again first. Its beat may have failed because it was declared lapsed.
        """
        async with self._beating:
            self._applied.clear()
            ended = await self._supervisor.follow(self._ask, seconds=self._lease.seconds)
            if ended is not None:
                self._lease.renew(self._asked_at)
                self._fresh_at = self._asked_at
            elif self._lease.has_lapsed(self._clock.monotonic()):
                self.joined = False
            return ended or 0

    async def _ask(self) -> LogPosition:
        if not self.joined:
            # INVARIANT: the answer to a join does not count: it may be older than a declared lapse.
            await self._join()
        self._asked_at = self._clock.monotonic()
        return await self._state.members.beat(self._registry.node, self._status())

    async def run(self) -> None:
        """Beat and follow the log until it is cancelled."""
        self.running = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._repeat(self._beat_in_time))
                tasks.create_task(self._repeat(self._follow_news))
        finally:
            self.running = False

    async def _repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except Exception:  # noqa: BLE001 - any error of a step
                # INVARIANT: the loop continues; without a beat the lease lapses.
                _log.exception("the heartbeat failed")
                await asyncio.sleep(_POLL_SECONDS)

    async def _beat_in_time(self) -> None:
        await self.beat()
        await asyncio.sleep(_SPACING_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._lease.seconds / 4 - _SPACING_SECONDS):
                await self._applied.wait()

    async def _follow_news(self) -> None:
        applied = self._supervisor.applied
        await self._state.revocations.wait_for_entry(applied, _POLL_SECONDS)
        await self._supervisor.follow()
        if self._supervisor.applied != applied:
            self._applied.set()

    def _status(self) -> NodeStatus:
        return NodeStatus(
            applied=self._supervisor.applied,
            lease=self._lease.seconds,
            version=self._version,
            policies=self._policies.current.digest,
            connections=len(self._registry),
        )


@cache  # it reads a file of the installed distribution
def _version() -> str:
    try:
        return version("stormdoor")
    except PackageNotFoundError:
        return ""
