"""Registry of the connections of this process: finds, counts and ends them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from stormdoor.core.applied_limits import AppliedLimits
from stormdoor.core.connection import ConnectionEvent, State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.event import Event
from stormdoor.core.lease import LAPSED
from stormdoor.core.limits import Limits
from stormdoor.guard.connection import Connection, PrincipalUsage
from stormdoor.guard.connection_index import ConnectionIndex
from stormdoor.guard.operator_log import OperatorLog
from stormdoor.guard.references import referenced
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.trail import Trail
from stormdoor.ports import Clock, LiveConnection

__all__ = ["CLOSE_BUDGET_SECONDS", "Registry", "public_key"]

_log = logging.getLogger("stormdoor.registry")

CLOSE_BUDGET_SECONDS = 0.0025
"""Seconds for close frames, time-outs and closing sockets in one iteration of the event loop."""

_CloseJob = tuple[Connection, State, int, bool, float]
"""The arguments of `Registry._finish_close`."""


class Registry:
    """The connections of this process.

    INVARIANT: a connection counts from `add` to `end`, in each of its states, and `end` releases all its
    counts exactly once.

    Attributes:
        node: Name of this process in the list of connections.
        capacity: `limits.connections`, or less where file descriptors are few.
        close_codes: The code to close a browser's socket with, for codes that the pages of an application
            read in another way.
    """

    def __init__(
        self, *, limits: Limits, trail: Trail, statistics: Statistics, clock: Clock, node: str
    ) -> None:
        self._limits = limits
        self._trail = trail
        self._statistics = statistics
        self._clock = clock
        self.node = node
        self.capacity = limits.connections
        self._all: dict[str, Connection] = {}
        self._index = ConnectionIndex[Connection]()
        self._principals: dict[str, PrincipalUsage] = {}
        self._unused: set[str] = set()
        """Keys of `_principals` that may have no connection."""
        self._addresses: dict[str, int] = {}
        self._opened: dict[str, Connection] = {}
        self._closed: set[str] = set()
        self.list_is_uncertain = False
        """Whether the store may have lost changes of the list for operators: `compare` is due."""
        self._close_queue: deque[_CloseJob] = deque()
        self._spent = 0.0
        self._drained: asyncio.Event | None = None
        self.operator_log = OperatorLog(clock)
        self.close_codes: dict[int, int] = {}
        self.on_end: list[Callable[[Connection], None]] = []

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._all.values()))

    def get(self, id: str) -> Connection | None:
        """Return the connection with that id."""
        return self._all.get(id)

    def named(self, name: str) -> list[Connection]:
        """Return the connections with a session, credential, token, device or tenant of that name."""
        return self._index.find(name)

    def with_role(self, role: str) -> list[Connection]:
        """Return the connections of principals that have a role at present."""
        return self._index.with_role(role)

    def of_principal(self, principal_id: str) -> list[Connection]:
        """Return all connections of a principal, pending ones included."""
        shared = self._principals.get(principal_id)
        return [] if shared is None else list(shared.connections)

    def take_moved(self) -> list[str]:
        """Return the ids of connections with a deadline that has moved since the last call."""
        moved = [one.id for one in self._index.moved]
        self._index.moved.clear()
        return moved

    def take_rechecked(self) -> list[Connection]:
        """Return the connections that got a `recheck` since the last call."""
        found = list(self._index.rechecked)
        self._index.rechecked.clear()
        return found

    def room_for_address(self, address_key: str) -> Refusal | None:
        """Return the refusal if this address may open no further connection; else None.

        Runs before a credential is read.
        """
        if len(self._all) >= self.capacity:
            return Refusal(
                Denial.BUSY,
                f"limits.connections = {self.capacity} is reached",
                retry_after=5,
            )
        if self._addresses.get(address_key, 0) >= self._limits.connections_per_address:
            return Refusal(
                Denial.TOO_MANY_CONNECTIONS,
                f"limits.connections_per_address = {self._limits.connections_per_address} is reached",
                retry_after=5,
            )
        return None

    def room_for_principal(self, key: str, limits: AppliedLimits) -> Refusal | None:
        """Return the refusal of another connection of this principal, or None.

        A limit that is set for the whole guard counts all connections of the principal. Any other limit
        counts the connections under the same limits: twenty command sockets leave room for terminals.
        """
        shared, most = self._principals.get(key), limits.connections_per_principal
        if shared is None or len(shared.connections) < most:
            return None
        if not limits.counts_all and sum(one.limits is limits for one in shared.connections) < most:
            return None
        return Refusal(
            Denial.TOO_MANY_CONNECTIONS,
            f"{limits.setting('connections_per_principal')} is reached",
            retry_after=5,
        )

    def shared(self, key: str) -> PrincipalUsage:
        """Return the usage that all connections of a principal share."""
        shared = self._principals.get(key)
        if shared is None:
            shared = self._principals[key] = PrincipalUsage(key)
            self._unused.add(key)
        return shared

    def add(self, connection: Connection) -> None:
        """Register a pending connection; from now on a revocation finds it."""
        self._all[connection.id] = connection
        connection.index = self._index
        self._index.add(connection)
        connection.look_soon()
        connection.shared.connections.add(connection)
        key = connection.address_key
        self._addresses[key] = self._addresses.get(key, 0) + 1

    def move(self, connection: Connection, shared: PrincipalUsage) -> None:
        """Count a connection for the principal that has authenticated on it."""
        connection.shared.connections.discard(connection)
        if not connection.shared.connections:
            self._principals.pop(connection.shared.key, None)
        connection.join(shared)
        shared.connections.add(connection)

    def opened(self, connection: Connection) -> bool:
        """Mark the connection as open after the 101. False if it was ended in the meantime."""
        if not connection.transition(ConnectionEvent.OPENED):
            return False
        self._opened[connection.id] = connection
        return True

    def end(
        self,
        connection: Connection,
        why: Refusal | None = None,
        *,
        code: int = 1000,
        recorded: bool = True,
    ) -> bool:
        """End a connection: stop delivery, free the quota, notify the client, record one entry.

        No client, adapter or listener can prevent the end of this connection or of the next one.

        Args:
            connection: The connection.
            why: The cause if the guard ends it; None if the client or the application ended it.
            code: The close code for the record when `why` is None.
            recorded: False if the connection has no opening entry in the trail, so that it needs no closing
                one.

        Returns:
            Whether this call ended it.
        """
        was = connection.state
        # The state changes before anything else: Tornado delivers frames for up to 5 s after close().
        if not connection.transition(ConnectionEvent.ENDED):
            return False
        if why is None:
            connection.closed_by = None
            self._finish_close(connection, was, code, recorded)
            return True
        connection.closed_by = referenced(why)
        # INVARIANT: the state changes synchronously; the close frame, the trail entry and callbacks may
        # follow later. Ten thousand of them at once would delay all other clients.
        late = bool(self._close_queue) or self._spent >= CLOSE_BUDGET_SECONDS
        begun = self._clock.monotonic()
        if late and self._defer_close((connection, was, code, recorded, begun)):
            return True
        self._finish_close(connection, was, code, recorded, begun)
        self._spend(self._clock.monotonic() - begun)
        return True

    def end_all(self, connections: Iterable[Connection], why: Refusal) -> int:
        """End many connections for one cause: all stop delivery before the first client is notified.

        They share one reference.

        Returns:
            The number of connections that this call ended.
        """
        why = referenced(why)
        drain_close_queue, before = self._close_queue, len(self._close_queue)
        pending, opened = State.PENDING, State.OPEN
        begun = self._clock.monotonic()
        for connection in connections:
            was = connection.state
            # As `transition`, inlined: one iteration of the event loop may end ten thousand connections.
            if was is opened or was is pending:
                connection.state = State.ENDED
                connection.open = False
                connection.send_lease = LAPSED
                connection.closed_by = why
                drain_close_queue.append((connection, was, 1000, True, begun))
        ended = len(drain_close_queue) - before
        if before == 0 and ended:
            self._start_close_queue()
        return ended

    def _start_close_queue(self) -> None:
        """Run as many close jobs as this iteration has time for; the rest later, or now without a loop."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            while self._close_queue:
                self._run_one_close()
            return
        begun = self._clock.monotonic()
        self._run_close_queue(begun, CLOSE_BUDGET_SECONDS - self._spent)
        self._spend(self._clock.monotonic() - begun)

    def _finish_close(
        self,
        connection: Connection,
        was: State,
        code: int,
        recorded: bool,  # noqa: FBT001 - the argument of `end`
        begun: float = 0.0,
    ) -> None:
        """Do the part of ending a connection that may be deferred: close frame, record, callbacks.

        `begun` is the time at which its state changed, in monotonic seconds.
        """
        why = connection.closed_by
        self._release(connection, was)
        cause = why.denial.value if why else ""
        if recorded:
            left = f"closed with {code}" if was is State.OPEN else "left before it was open"
            self._trail.note_end(
                Event(
                    time=self._clock.now(),
                    name="connection_closed",
                    cause=cause,
                    endpoint=connection.path,
                    kind=connection.authentication.kind,
                    principal=connection.principal.id,
                    address=connection.address,
                    connection=connection.id,
                    detail=why.detail if why else left,
                    ref=why.ref if why else "",
                    proven=connection.proven,
                )
            )
        if why is not None:
            self._statistics.closed[why.denial] += 1
            self.operator_log.closed(why, connection)
            if connection.sink is not None:
                try:
                    if why.withdraws:
                        connection.sink.withdraw()
                    code = why.answer.close_code
                    if connection.authentication.ambient:
                        code = self.close_codes.get(code, code)
                    connection.sink.shut(code, why.close_reason)
                except Exception:  # noqa: BLE001 - a listener may raise anything
                    _log.exception("no close frame could be sent on connection %s", connection.id)
            if why.denial is Denial.REVOKED:
                self._statistics.revocation_close_seconds.observe(self._clock.monotonic() - begun)
        for listener in self.on_end:
            try:
                listener(connection)
            except Exception:  # noqa: BLE001 - a listener may raise anything
                _log.exception("a listener failed at the end of connection %s", connection.id)
        connection.sink = connection.writer = None

    def _spend(self, seconds: float) -> None:
        """Count the seconds that close jobs have used in this iteration of the event loop."""
        if self._spent == 0.0 and seconds > 0.0:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # no other client is delayed
            loop.call_soon(self._reset_spent)
        self._spent += seconds

    def _defer_close(self, job: _CloseJob) -> bool:
        """Defer a close job to a later iteration of the event loop. False if no loop runs: run it now."""
        if not self._close_queue:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return False
            loop.call_soon(self._continue_closing)
        self._close_queue.append(job)
        return True

    def _reset_spent(self) -> None:
        self._spent = 0.0

    def _continue_closing(self) -> None:
        """Run a batch of the deferred close jobs, at least one."""
        begun = self._clock.monotonic()
        if self._close_queue:
            self._run_one_close()
        self._run_close_queue(begun, CLOSE_BUDGET_SECONDS)

    def _run_close_queue(self, begun: float, seconds: float) -> None:
        """Run close jobs until `seconds` are used up."""
        monotonic, drain_close_queue, until = (
            self._clock.monotonic,
            self._close_queue,
            begun + seconds,
        )
        while drain_close_queue and monotonic() < until:
            self._run_one_close()
        if drain_close_queue:
            asyncio.get_running_loop().call_soon(self._continue_closing)
        elif self._drained is not None:
            self._drained.set()
            self._drained = None

    def _run_one_close(self) -> None:
        job = self._close_queue.popleft()
        try:
            self._finish_close(*job)
        except Exception:  # noqa: BLE001 - the other jobs must run
            _log.exception("the deferred close of connection %s failed", job[0].id)

    async def drain_close_queue(self) -> None:
        """Wait until all deferred close jobs have run."""
        if self._close_queue:
            if self._drained is None:
                self._drained = asyncio.Event()
            await self._drained.wait()

    def _release(self, connection: Connection, was: State) -> None:
        self._all.pop(connection.id, None)
        self._index.remove(connection)
        self._index.changed.discard(connection)
        self._index.moved.discard(connection)
        self._index.rechecked.discard(connection)
        connection.index = None
        if self._opened.pop(connection.id, None) is None and was is State.OPEN:
            self._closed.add(connection.id)
        shared = connection.shared
        shared.connections.discard(connection)
        if not shared.connections:
            self._unused.add(shared.key)
        left = self._addresses.get(connection.address_key, 0) - 1
        if left > 0:
            self._addresses[connection.address_key] = left
        else:
            self._addresses.pop(connection.address_key, None)

    def forget_idle(self, monotonic: float) -> None:
        """Drop the usage of principals without connections, after it has been refilled."""
        for key in list(self._unused):
            shared = self._principals.get(key)
            if shared is None or shared.connections:
                self._unused.discard(key)
            elif shared.is_replenished(monotonic):
                self._unused.discard(key)
                del self._principals[key]

    def compare(self, listed: Iterable[LiveConnection]) -> None:
        """Add to the changes what the list of the store has too many, and what it lacks.

        Args:
            listed: The connections of this node in the list for operators.
        """
        known = {one.id for one in listed}
        opened = {id: one for id, one in self._all.items() if one.open}
        self._opened |= {id: one for id, one in opened.items() if id not in known}
        self._closed |= known - opened.keys()
        self.list_is_uncertain = False

    def changes(self) -> tuple[list[LiveConnection], list[str]]:
        """Return the connections opened, changed and closed since `synced`, for the operators' list."""
        changed = {one.id: one for one in self._index.changed}
        return [self.listed(one) for one in (self._opened | changed).values()], list(self._closed)

    def listed(self, connection: Connection) -> LiveConnection:
        """Return a connection as the list for operators has it."""
        authentication, principal = connection.authentication, connection.principal
        session_id, credential_id = authentication.session_id, authentication.credential_id
        return LiveConnection(
            id=connection.id,
            node=self.node,
            principal_id=principal.id,
            kind=authentication.kind,
            endpoint=connection.path,
            address=connection.address,
            opened_at=connection.opened_at,
            issued_at=authentication.issued_at,
            tenant=principal.tenant,
            roles=principal.roles,
            session_id=session_id,
            credential_id=None if credential_id == session_id else credential_id,
            device_id=authentication.device_id,
            token_hash=authentication.token_hash,
        )

    def synced(self, opened: list[LiveConnection], closed: list[str]) -> None:
        """Remove the changes that the store has accepted.

        A connection that closed or changed meanwhile is a new change.
        """
        self._closed.difference_update(closed)
        changed = self._index.changed
        for live in opened:
            connection, new = self._all.get(live.id), self._opened.pop(live.id, None)
            if connection is None and new is None:
                self._closed.add(live.id)
            elif connection and connection in changed and self.listed(connection) == live:
                changed.discard(connection)


def public_key(address_key: str) -> str:
    """Return the key for anonymous clients, counted by address; the NUL separates them from principal ids."""
    return f"\0{address_key}"
