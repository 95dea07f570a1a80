"""The dashboard of the demo, `/ws/dashboard`: figures of the server, and readings of devices."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import time
from collections import Counter, deque
from pathlib import Path

from msgspec import field

from stormdoor import Command, Guard, GuardedHandler, Identifier, Number, Reply, Topic, action
from stormdoor.core.denial import Denial
from stormdoor.demo.placing import ALONE, Placing
from stormdoor.demo.rooms import Rooms
from stormdoor.errors import StoreUnavailable

__all__ = ["Dashboard", "dashboard_handler"]

_log = logging.getLogger("stormdoor.demo")

_STATS = Topic("stats", "dashboard:stats")
_ROOMS = Topic("rooms", "dashboard:rooms")
_CONNECTIONS = Topic("connections", "dashboard:connections")
_READINGS = Topic("readings", "dashboard:readings")
_EVENTS = Topic("events", "dashboard:events")
_TOPICS = (_STATS, _ROOMS, _CONNECTIONS, _READINGS, _EVENTS)

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_SHOWN = 100
_EARLIER = 20


class Report(Command, tag="reading"):
    name: Identifier
    value: Number


class Reading(Reply, tag="reading"):
    name: str
    value: float
    at: float
    sender: str = field(name="from")


class Stats(Reply, tag="stats"):
    at: float
    connections: int
    messages_per_second: float
    refusals: dict[str, int]
    cpu_percent: float
    memory_mib: float


class RoomList(Reply, tag="rooms"):
    rooms: list[dict[str, object]]


class ConnectionList(Reply, tag="connections"):
    connections: list[dict[str, object]]


class TrailEvent(Reply, tag="event"):
    seq: int
    time: float
    event: str
    principal: str
    cause: str


def _memory_mib() -> float:
    """Return the resident memory of this process in MiB."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * _PAGE / 2**20


class Dashboard:
    """Measures the server once a second and sends the figures to its subscribers.

    Args:
        guard: The guard.
        rooms: The chat's rooms.
    """

    def __init__(self, guard: Guard, rooms: Rooms) -> None:
        self._guard = guard
        self._rooms = rooms
        self._messages = 0
        self._cpu = time.process_time()
        self._at = guard.clock.monotonic()
        # Counts of refusals at the last runs, the oldest first, for one minute.
        self._refused: deque[Counter[Denial]] = deque([Counter()], maxlen=61)
        self._seq: int | None = None
        self._latest: deque[TrailEvent] = deque(maxlen=_EARLIER)
        self._stale = True
        rooms.on_change.append(self._rooms_changed)

    def _rooms_changed(self) -> None:
        self._stale = True

    def welcome(self) -> list[tuple[Topic, Reply]]:
        """Return the first messages for a new subscriber, each with the topic that it belongs to."""
        return [
            (_ROOMS, RoomList(rooms=self._rooms.overview())),
            (_CONNECTIONS, self._connections()),
            *((_EVENTS, event) for event in self._latest),
        ]

    def _connections(self) -> ConnectionList:
        shown = sorted(self._guard.registry, key=lambda one: one.opened_at, reverse=True)[:_SHOWN]
        return ConnectionList(
            connections=[
                {
                    "id": one.id,
                    "principal": one.principal.id,
                    "endpoint": one.path,
                    "credential": one.authentication.kind,
                    "address": one.address,
                    "opened_at": one.opened_at,
                }
                for one in shown
            ]
        )

    def _stats(self) -> Stats:
        statistics = self._guard.statistics
        now, cpu = self._guard.clock.monotonic(), time.process_time()
        seconds = max(now - self._at, 1e-6)
        self._refused.append(statistics.refused + statistics.rejected)
        refusals = self._refused[-1] - self._refused[0]
        stats = Stats(
            at=self._guard.clock.now(),
            connections=len(self._guard.registry),
            messages_per_second=round((statistics.messages - self._messages) / seconds, 1),
            refusals={denial.value: count for denial, count in refusals.items()},
            cpu_percent=round(100 * (cpu - self._cpu) / seconds, 1),
            memory_mib=round(_memory_mib(), 1),
        )
        self._messages, self._cpu, self._at = statistics.messages, cpu, now
        return stats

    async def _events(self) -> list[TrailEvent]:
        if self._seq is None:
            latest = await self._guard.state.trail.entries(limit=1, newest_first=True)
            self._seq = max(0, latest[0].number - _EARLIER) if latest else 0
        entries = await self._guard.state.trail.entries(after=self._seq, limit=_SHOWN)
        if entries:
            self._seq = entries[-1].number
        found = []
        for entry in entries:
            event = entry.event
            found.append(
                TrailEvent(
                    seq=entry.number,
                    time=event.time,
                    event=event.name,
                    principal=event.principal,
                    cause=event.cause,
                )
            )
        return found

    async def publish(self) -> None:
        """Send the present figures to all subscribers."""
        publish = self._guard.channels.publish
        publish(_STATS, self._stats())
        if self._stale:
            self._stale = False
            publish(_ROOMS, RoomList(rooms=self._rooms.overview()))
        publish(_CONNECTIONS, self._connections())
        for event in await self._events():
            self._latest.append(event)
            publish(_EVENTS, event)

    async def run(self) -> None:
        """Run once a second until cancelled."""
        while True:
            await asyncio.sleep(1.0)
            try:
                await self.publish()
            except StoreUnavailable as error:
                _log.warning("the dashboard cannot read the trail: %s", error)


def dashboard_handler(
    guard: Guard, dashboard: Dashboard, placing: Placing = ALONE
) -> type[GuardedHandler]:
    """Return the dashboard's handler class."""
    hub = guard.channels
    worker = placing.message(guard.registry.node)

    class DashboardSocket(GuardedHandler):
        """Handler of one dashboard. A member is refused at the handshake; a device can only send readings."""

        permission = "dashboard:connect"

        def open(self) -> None:
            """Subscribe to all topics that the principal may read, and name the worker."""
            heard = {topic for topic in _TOPICS if hub.subscribe(self.connection, topic).allowed}
            if worker is not None and heard:
                self.send(worker)
            for topic, message in dashboard.welcome():
                if topic in heard:
                    self.send(message)

        @action("dashboard:report", limit="20/s burst 40")
        def report(self, command: Report) -> None:
            hub.publish(
                _READINGS,
                Reading(
                    name=command.name,
                    value=command.value,
                    at=guard.clock.now(),
                    sender=self.principal.id,
                ),
            )

    return DashboardSocket
