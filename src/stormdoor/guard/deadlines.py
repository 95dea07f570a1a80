"""Deadlines of open connections: the expiry, idle clients, clients that do not read."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.due_queue import DueQueue
from stormdoor.core.limits import Limits
from stormdoor.guard.clock_leaps import ClockLeaps
from stormdoor.guard.connection import Connection
from stormdoor.guard.expiry import expired
from stormdoor.guard.registry import CLOSE_BUDGET_SECONDS, Registry
from stormdoor.guard.timeout import ANSWER_SECONDS, run_with_timeout
from stormdoor.ports import Clock, Sessions

__all__ = ["Deadlines"]

_log = logging.getLogger("stormdoor.supervisor")

_LAST_LOOK_SECONDS = 1.0
_TOUCHED_AT_ONCE = 1_000


class Deadlines:
    """Ends connections that have expired, are idle, or of which the client does not read.

    A queue has the next time at which a deadline of each connection can pass. A message only postpones it, so
    the queue learns of it when that time comes. `Connection.look_soon` reports what can make it earlier.

    Args:
        registry: The open connections.
        limits: Limits on the age of connections and on slow readers.
        sessions: The sessions, which may be in use elsewhere.
        leaps: Notices a wall clock that was set.
        clock: Source of the time.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        limits: Limits,
        sessions: Sessions,
        leaps: ClockLeaps,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._limits = limits
        self._sessions = sessions
        self._leaps = leaps
        self._clock = clock
        self._touched = 0.0
        self._queue = DueQueue()
        self._silent = False
        """Whether the store has failed to answer during the present check of all connections."""

    async def expire(self) -> int:
        """End every connection after its deadline or with a stalled client, and send the expiry notices.

        Returns:
            The number of connections that it ended.
        """
        monotonic, ended = self._clock.monotonic(), 0
        self._silent = False
        moved = self._registry.take_moved()
        if self._leaps.noticed(monotonic, self._clock.now()):
            due = deque(one.id for one in self._registry)
        else:
            due = deque(self._queue.take(monotonic) + moved)
        began = monotonic
        try:
            while due:
                connection = self._registry.get(due[0])
                if connection is not None and connection.state is not State.ENDED:
                    ended += await self._look(connection, monotonic)
                due.popleft()
                if self._clock.monotonic() - began >= CLOSE_BUDGET_SECONDS:
                    # Ten thousand connections that are due at once must not delay the other clients.
                    await asyncio.sleep(0)
                    began = self._clock.monotonic()
        finally:
            # INVARIANT: an error or a cancellation drops no deadline.
            for id in due:
                self._schedule(id, monotonic)
        return ended

    async def _look(self, connection: Connection, monotonic: float) -> bool:
        """End the connection after a deadline, or note when to look again. Returns whether it ended."""
        why = self._overdue(connection, monotonic, self._clock.now())
        if why is None and monotonic - connection.last_message >= connection.idle_notice:
            why = await self._idle(connection)
        if why is not None:
            return self._registry.end(connection, why)
        if monotonic >= connection.notice_at and connection.open:
            # INVARIANT: first of all, so that no deadline is announced twice.
            connection.notice_at = float("inf")
            _tell(connection, connection.deadline - monotonic)
        self._schedule(connection.id, self._next_look(connection, monotonic))
        return False

    def _schedule(self, id: str, at: float) -> None:
        if self._registry.get(id) is not None:
            self._queue.put(id, at)

    def forget(self, connection: Connection) -> None:
        """Drop the deadlines of a connection that has ended."""
        self._queue.forget(connection.id)

    def _next_look(self, connection: Connection, monotonic: float) -> float:
        """Return the earliest monotonic seconds at which a deadline can pass."""
        at = min(connection.deadline, connection.notice_at, self._idle_at(connection, monotonic))
        if connection.expires_at is not None:
            # The wall clock may have run ahead since the deadline was set.
            at = min(at, monotonic + connection.expires_at - self._clock.now())
        since = None if connection.sink is None else connection.sink.stalled()
        return at if since is None else min(at, since + self._limits.outbound_seconds)

    def _idle_at(self, connection: Connection, monotonic: float) -> float:
        """Return monotonic seconds of the next check for idleness."""
        last = connection.last_message
        at = last + connection.idle_notice
        if at <= monotonic and connection.endpoint.receive_only:
            return _active_at(connection) + connection.idle_seconds
        told = connection.idle_told == last
        return last + connection.idle_seconds - _LAST_LOOK_SECONDS if told else at

    def _overdue(self, connection: Connection, monotonic: float, now: float) -> Refusal | None:
        if monotonic >= connection.deadline:
            return expired(connection, self._limits, monotonic)
        # The wall clock counts as well: the monotonic clock may stop while a machine sleeps.
        if connection.expires_at is not None and now >= connection.expires_at:
            return Refusal(Denial.EXPIRED, "the credential has expired")
        sink = connection.sink
        since = sink.stalled() if sink is not None else None
        if since is not None and monotonic - since >= self._limits.outbound_seconds:
            return Refusal(
                Denial.SLOW_CONSUMER,
                f"limits.outbound_seconds = {self._limits.outbound_seconds:g} without reading",
            )
        return None

    async def _idle(self, connection: Connection) -> Refusal | None:
        """Return the refusal that closes an idle connection, if its login session is idle everywhere.

        The session may be in use on other sockets and pages. So it is read from the store before the
        client gets an expiry notice, during the last second, and at the deadline. A receive-only connection
        may stay open after its session has ended; it is closed when nothing has been sent in either
        direction.
        """
        last, watched = connection.last_message, connection.endpoint.receive_only
        monotonic = self._clock.monotonic()
        left = connection.idle_seconds - (monotonic - last)
        told = connection.idle_told == last
        if watched and (told or left > 0):
            return _silent(connection, monotonic)
        if told and left > _LAST_LOOK_SECONDS:
            return None
        try:
            used = await self._used(connection)
        except Exception as error:  # noqa: BLE001 - one session must not prevent others from expiring
            self._silent = isinstance(error, TimeoutError)
            if watched:
                return _silent(connection, monotonic)
            if left > 0:
                return None  # the next look reads it again
            return Refusal(Denial.UNAVAILABLE, f"idle, and the store does not answer: {error}")
        if used:
            return None
        if watched:
            connection.idle_told = last  # the login is over: no further read is needed
            return _silent(connection, monotonic)
        if left <= 0:
            return expired(connection, self._limits, monotonic)
        if not told and connection.open:
            connection.idle_told = last
            # One notice for each deadline: if the other deadline is earlier, the client is told that one.
            if left < connection.deadline - monotonic:
                _tell(connection, left)
        return None

    async def _used(self, connection: Connection) -> bool:
        """Return whether the client has sent a message meanwhile, here or elsewhere in its session.

        Raises:
            StoreUnavailable: The store does not answer.
            TimeoutError: The store does not answer in time.
        """
        last, session_id = connection.last_message, connection.authentication.session_id
        if session_id is None:
            return False
        monotonic, now = self._clock.monotonic(), self._clock.now()
        # Do not wait for a store that has just failed to answer about another session.
        patience = 0.0 if self._silent else ANSWER_SECONDS
        found = await run_with_timeout(patience, self._sessions.session(session_id))
        if connection.last_message != last:
            return True  # or the connection got another credential
        if found is not None and found[0].alive(now):
            connection.last_message = max(last, monotonic - (now - found[0].last_seen_at))
        return connection.last_message > last

    async def touch_sessions(self) -> None:
        """Let messages on a socket count as use of its session, at most once a minute."""
        monotonic, now = self._clock.monotonic(), self._clock.now()
        since, self._touched = self._touched, monotonic
        used = {
            connection.authentication.session_id: now - (monotonic - connection.last_message)
            for connection in self._registry
            if connection.last_message >= since
        }
        ids = [one for one in used if one is not None]
        for at in range(0, len(ids), _TOUCHED_AT_ONCE):
            batch = {one: used[one] for one in ids[at : at + _TOUCHED_AT_ONCE]}
            await self._sessions.touch_sessions(batch)


def _active_at(connection: Connection) -> float:
    """Return monotonic seconds of the last message, ping or pong in either direction."""
    sent = 0.0 if connection.sink is None else connection.sink.sent_at()
    return max(connection.last_message, connection.heard_at, sent)


def _silent(connection: Connection, monotonic: float) -> Refusal | None:
    """Return the refusal that ends a receive-only socket if it was silent in both directions."""
    if monotonic - _active_at(connection) < connection.idle_seconds:
        return None
    return Refusal(
        Denial.EXPIRED,
        f"nothing was sent or received for {connection.idle_seconds:g} s (idle_seconds of the session); "
        "set websocket_ping_interval",
    )


def _tell(connection: Connection, seconds: float) -> None:
    """Send the expiry notice; an error must not affect other connections."""
    if connection.sink is not None:
        try:
            connection.sink.expiring(seconds)
        except Exception:  # noqa: BLE001 - an adapter may raise anything
            _log.exception("connection %s cannot be told that it is expiring", connection.id)
