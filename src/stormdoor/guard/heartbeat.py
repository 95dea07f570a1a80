"""Heartbeat of a node: it asks for the head of the log of revocations, applies the log, renews the lease."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from stormdoor.core.lease import Lease
from stormdoor.core.log_position import LogPosition
from stormdoor.errors import ConfigurationError, NodeNameTaken, NotAMember
from stormdoor.guard.active_policies import ActivePolicies
from stormdoor.guard.freshness import Fence
from stormdoor.guard.log_follower import LogFollower
from stormdoor.guard.observed_rows import ObservedRows
from stormdoor.guard.registry import Registry
from stormdoor.ports import Clock, Member, NodeStatus, StoredState
from stormdoor.ports.clock import boot_id

__all__ = ["Heartbeat"]

_log = logging.getLogger("stormdoor.heartbeat")

_POLL_SECONDS = 0.25
"""Longest wait in seconds between two reads of the log."""
_SPACING_SECONDS = 0.01
"""Shortest time in seconds between two beats that report applied entries."""
_LOOK_SECONDS = 0.02
"""Seconds between two attempts to join while another process has the name."""
_SILENT_LEASES = 3
"""A process that was killed is silent for a lease before so many leases are over."""


class Heartbeat:
    """Keeps the lease of this node while its revocations are fresh.

    INVARIANT: only a beat renews the lease, after everything up to the head that it returned is applied. The
    renewal counts from the moment before the question. A failed beat renews nothing.

    Args:
        follower: Applies the log.
        lease: The lease of this node.
        fence: Knows when the event loop was blocked.
        registry: The connections of this node, and its name.
        policies: The policies by which this node decides.
        state: State of members and revocations.
        clock: Source of the time.

    Attributes:
        instance: Id of this start of the process, once it has begun: see `NodeStatus`.
        joined: Whether this node is a member of the installation.
        running: Whether `run` runs.
    """

    def __init__(
        self,
        *,
        follower: LogFollower,
        lease: Lease,
        fence: Fence,
        registry: Registry,
        policies: ActivePolicies,
        state: StoredState,
        clock: Clock,
    ) -> None:
        self._follower = follower
        self._lease = lease
        self._fence = fence
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
        self._other: Member | None = None
        """Another instance with the name of this node, which was declared lapsed."""
        self._rows = ObservedRows()
        self.instance = ""
        self.joined = False
        self.running = False

    async def start(self) -> None:
        """Join the members, read the log of revocations, and get the lease.

        If a process with the same name was killed a moment ago, this waits until it cannot hold a lease.

        Raises:
            ConfigurationError: Another process has the name of this node, and beats.
            StoreUnavailable: The store does not answer; the guard must not start.
        """
        # Not before: a process may make its guard and then fork.
        self.instance = self.instance or f"{boot_id()}.{secrets.token_hex(16)}"
        await self._join_at_start()
        await self._follower.start()
        await self.beat()

    async def _join_at_start(self) -> None:
        seconds = self._lease.seconds
        until = _now() + (0.0 if math.isinf(seconds) else _SILENT_LEASES * seconds)
        while True:
            try:
                await self._join()
            except NodeNameTaken as error:
                if self._other is None and _now() > until:
                    raise ConfigurationError(str(error)) from error
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                return

    async def _join(self) -> None:
        node, other = self._registry.node, self._other
        over = other is not None and self._rows.outlast_lease(other)
        try:
            await self._state.members.beat(
                node, self._status(), joining=True, replacing=other if over else None
            )
        except NodeNameTaken:
            await self._look_at_other()
            raise
        self._other = None
        # With an earlier row of this node, its connections were removed.
        self._registry.list_is_uncertain = True
        self.joined = True

    async def _look_at_other(self) -> None:
        """Find the other instance with the name of this node, and declare it lapsed if it is silent."""
        members, node = self._state.members, self._registry.node
        own = [one for one in await members.members() if one.node == node]
        self._rows.look(own)
        self._other = next((one for one in own if one.declared), None)
        for silent in filter(self._rows.outlast_lease, own if self._other is None else ()):
            await members.declare_lapsed(node, silent.beat)

    @property
    def age(self) -> float | None:
        """Seconds since a question after which all revocations were applied; None before the first one."""
        return None if self._fresh_at is None else self._clock.monotonic() - self._fresh_at

    async def read_log(self) -> None:
        """Apply the log, if this node is a member of the installation."""
        if self.joined:
            await self._follower.follow()

    async def follow_up_to(self, position: LogPosition) -> str:
        """Apply the log. Returns `instance` if this node has applied all up to `position`, else ""."""
        await self.read_log()
        reached = self.joined and self._follower.applied.includes(position)
        return self.instance if reached else ""

    async def beat(self) -> int:
        """Ask for the head, apply everything up to it, and renew the lease. Returns how many sockets ended.

        A node without a lease joins again first. Its beat may have failed because it was declared lapsed.
        """
        async with self._beating:
            self._applied.clear()
            ended = await self._follower.follow(self._ask, seconds=self._lease.seconds)
            if ended is not None:
                # Else the answer is older than changes of other nodes while the loop was blocked.
                if self._asked_at >= self._fence.blocked_until():
                    self._lease.renew(self._asked_at)
                    self._fresh_at = self._asked_at
            elif self._lease.has_lapsed(self._clock.monotonic()):
                self.joined = False
            return ended or 0

    async def _ask(self) -> LogPosition:
        if not self.joined:
            # INVARIANT: the answer to a join does not count: it may be older than a declared lapse.
            await self._join()
        try:
            return await self._report()
        except NotAMember:
            # Another node declared it lapsed while the event loop was blocked: no fault of the store.
            if not self._lease.has_lapsed(self._clock.monotonic()):
                raise
            self.joined = False
            await self._join()
            return await self._report()

    async def _report(self) -> LogPosition:
        self._asked_at = self._clock.monotonic()
        return await self._state.members.beat(self._registry.node, self._status())

    async def run(self) -> None:
        """Beat and follow the log until it is cancelled.

        Raises:
            RuntimeError: One of the two has ended, for example because a program cancels all tasks.
        """
        create_task = asyncio.get_running_loop().create_task
        parts = [
            create_task(self._repeat(self._beat_in_time), name="stormdoor beats"),
            create_task(self._repeat(self._follow_news), name="stormdoor follows the log"),
        ]
        self.running = True
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            raise RuntimeError("the heartbeat has ended")
        finally:
            self.running = False
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

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
        if self._asked_at < self._fence.blocked_until() and not self._follower.behind:
            return  # the answer did not count: ask again at once
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._lease.seconds / 4 - _SPACING_SECONDS):
                await self._applied.wait()

    async def _follow_news(self) -> None:
        applied = self._follower.applied
        await self._state.revocations.wait_for_entry(applied, _POLL_SECONDS)
        await self._follower.follow()
        if self._follower.applied != applied:
            self._applied.set()

    def _status(self) -> NodeStatus:
        return NodeStatus(
            applied=self._follower.applied,
            lease=self._lease.seconds,
            version=self._version,
            policies=self._policies.current.digest,
            connections=len(self._registry),
            instance=self.instance,
        )


def _now() -> float:
    return asyncio.get_running_loop().time()


@cache  # it reads a file of the installed distribution
def _version() -> str:
    try:
        return version("stormdoor")
    except PackageNotFoundError:
        return ""
