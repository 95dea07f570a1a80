"""Every connection of this process: found by principal, counted, and ended in one place."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from stormdoor.core.applied_limits import AppliedLimits
from stormdoor.core.connection import Happening, State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.event import Event
from stormdoor.core.limits import Limits
from stormdoor.guard.connection import Connection, Shared
from stormdoor.guard.operator_log import OperatorLog
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.trail import Trail
from stormdoor.ports import Clock, LiveConnection

__all__ = ["SLICE_SECONDS", "Registry", "public_key"]

_log = logging.getLogger("stormdoor.registry")

SLICE_SECONDS = 0.0025
"""How long one turn of the loop may be kept by what can wait: farewells, time-outs, sockets to be closed."""


class Registry:
    """The connections of this process.

    INVARIANT: a connection counts from `add` to `end`, in each state that it passes through, and `end`
    releases all that it counts for exactly once.

    Attributes:
        node: Name of this process in the list of connections.
        capacity: `limits.connections`, or less where file descriptors are few.
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
        self._principals: dict[str, Shared] = {}
        self._addresses: dict[str, int] = {}
        self._opened: dict[str, Connection] = {}
        self._closed: set[str] = set()
        self._farewells: deque[tuple[Connection, State, int, bool]] = deque()
        self._spent = 0.0
        self._over: asyncio.Event | None = None
        self.operator_log = OperatorLog(clock)
        self.on_end: list[Callable[[Connection], None]] = []

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._all.values()))

    def get(self, id: str) -> Connection | None:
        """The connection of that id."""
        return self._all.get(id)

    def of_principal(self, principal_id: str) -> list[Connection]:
        """All connections of a principal, pending ones included."""
        shared = self._principals.get(principal_id)
        return [] if shared is None else list(shared.connections)

    def room_for_address(self, address_key: str) -> Refusal | None:
        """Whether another connection from this address fits; asked before any credential is read."""
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

    def shared(self, key: str) -> Shared:
        """What the connections of a principal use up together."""
        shared = self._principals.get(key)
        if shared is None:
            shared = self._principals[key] = Shared(key)
        return shared

    def add(self, connection: Connection) -> None:
        """Register a pending connection: from here on a revocation finds it."""
        self._all[connection.id] = connection
        connection.shared.connections.add(connection)
        key = connection.address_key
        self._addresses[key] = self._addresses.get(key, 0) + 1

    def move(self, connection: Connection, shared: Shared) -> None:
        """Count it for another principal: it has said who it is."""
        connection.shared.connections.discard(connection)
        if not connection.shared.connections:
            self._principals.pop(connection.shared.key, None)
        connection.join(shared)
        shared.connections.add(connection)

    def renewed(self, connection: Connection) -> None:
        """It hangs on another credential: what operators see of it changes."""
        if connection.open:
            self._opened[connection.id] = connection

    def opened(self, connection: Connection) -> bool:
        """The 101 has been sent. False if the connection was ended in the meantime."""
        if not connection.happen(Happening.OPENED):
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
        """End a connection: shut its gate, give its quota back, tell the client, record it.

        Nothing that a client, an adapter or a listener does keeps it from being ended, nor the next one.

        Args:
            connection: Which one.
            why: The cause if the guard ends it; None if the client or the application did.
            code: The close code for the record when `why` is None.
            recorded: False if nobody was told that there is such a connection.

        Returns:
            Whether it was this call that ended it.
        """
        was = connection.state
        # The gate shuts before anything else: Tornado delivers frames after close() for up to 5 s.
        if not connection.happen(Happening.ENDED):
            return False
        connection.closed_by = why
        if why is None:
            self._farewell(connection, was, code, recorded)
            return True
        # INVARIANT: whoever is ended is ended now; only the farewell may come a moment later. Ten thousand
        # of them at once would keep everybody else waiting for as long as they take all together.
        late = bool(self._farewells) or self._spent >= SLICE_SECONDS
        if late and self._put_off((connection, was, code, recorded)):
            return True
        begun = self._clock.monotonic()
        self._farewell(connection, was, code, recorded)
        self._spend(self._clock.monotonic() - begun)
        return True

    def end_all(self, connections: Iterable[Connection], why: Refusal) -> int:
        """End many for one cause: all gates are shut before the first of them hears of it.

        Returns:
            How many it was this call that ended.
        """
        farewells, before = self._farewells, len(self._farewells)
        pending, opened = State.PENDING, State.OPEN
        for connection in connections:
            was = connection.state
            # As `happen`, written out: in one turn of the loop there may be ten thousand of them.
            if was is opened or was is pending:
                connection.state = State.ENDED
                connection.open = False
                connection.closed_by = why
                farewells.append((connection, was, 1000, True))
        ended = len(farewells) - before
        if before == 0 and ended:
            self._begin_farewells()
        return ended

    def _begin_farewells(self) -> None:
        """Say what this turn has time for; the rest in the next ones, or now if there is no loop."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            while self._farewells:
                self._say_one()
            return
        begun = self._clock.monotonic()
        self._slice(begun, SLICE_SECONDS - self._spent)
        self._spend(self._clock.monotonic() - begun)

    def _farewell(
        self,
        connection: Connection,
        was: State,
        code: int,
        recorded: bool,  # noqa: FBT001 - as `end` was told
    ) -> None:
        """All that must be done for a connection that has ended, but is not urgent."""
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
                    proven=connection.proven,
                )
            )
        if why is not None:
            self._statistics.closed[why.denial] += 1
            self.operator_log.closed(why, connection)
            if connection.sink is not None:
                try:
                    connection.sink.shut(why.answer.close_code, why.answer.text)
                except Exception:  # noqa: BLE001 - whatever a listener raises
                    _log.exception("connection %s cannot be told that it is over", connection.id)
        for listener in self.on_end:
            try:
                listener(connection)
            except Exception:  # noqa: BLE001 - whatever a listener raises
                _log.exception("a listener failed at the end of connection %s", connection.id)
        connection.sink = None

    def _spend(self, seconds: float) -> None:
        """Note what farewells have cost in this turn of the loop."""
        if self._spent == 0.0 and seconds > 0.0:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # nobody is kept waiting
            loop.call_soon(self._next_turn)
        self._spent += seconds

    def _put_off(self, farewell: tuple[Connection, State, int, bool]) -> bool:
        """Do it in one of the next turns of the loop. False if there is no loop: do it now."""
        if not self._farewells:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return False
            loop.call_soon(self._go_on)
        self._farewells.append(farewell)
        return True

    def _next_turn(self) -> None:
        self._spent = 0.0

    def _go_on(self) -> None:
        """A slice of the farewells that were put off; one at the least."""
        begun = self._clock.monotonic()
        if self._farewells:
            self._say_one()
        self._slice(begun, SLICE_SECONDS)

    def _slice(self, begun: float, seconds: float) -> None:
        """So many farewells as fit into some seconds: by time and not by number."""
        monotonic, farewells, until = self._clock.monotonic, self._farewells, begun + seconds
        while farewells and monotonic() < until:
            self._say_one()
        if farewells:
            asyncio.get_running_loop().call_soon(self._go_on)
        elif self._over is not None:
            self._over.set()
            self._over = None

    def _say_one(self) -> None:
        farewell = self._farewells.popleft()
        try:
            self._farewell(*farewell)
        except Exception:  # noqa: BLE001 - the others wait for this one
            _log.exception("connection %s could not be bid farewell", farewell[0].id)

    async def farewells(self) -> None:
        """Wait until everybody who was ended has been told so."""
        if self._farewells:
            if self._over is None:
                self._over = asyncio.Event()
            await self._over.wait()

    def _release(self, connection: Connection, was: State) -> None:
        self._all.pop(connection.id, None)
        if self._opened.pop(connection.id, None) is None and was is State.OPEN:
            self._closed.add(connection.id)
        shared = connection.shared
        shared.connections.discard(connection)
        if not shared.connections and shared.rested(self._clock.monotonic()):
            self._principals.pop(shared.key, None)
        left = self._addresses.get(connection.address_key, 0) - 1
        if left > 0:
            self._addresses[connection.address_key] = left
        else:
            self._addresses.pop(connection.address_key, None)

    def forget_idle(self, monotonic: float) -> None:
        """Drop what principals without connections have used up, once it has been refilled."""
        for key, shared in list(self._principals.items()):
            if not shared.connections and shared.rested(monotonic):
                del self._principals[key]

    def changes(self) -> tuple[list[LiveConnection], list[str]]:
        """What was opened and closed since the last `synced`, for the operators' list."""
        opened = [
            LiveConnection(
                id=connection.id,
                node=self.node,
                principal_id=connection.principal.id,
                kind=connection.authentication.kind,
                endpoint=connection.path,
                address=connection.address,
                opened_at=connection.opened_at,
            )
            for connection in self._opened.values()
        ]
        return opened, list(self._closed)

    def synced(self, opened: list[LiveConnection], closed: list[str]) -> None:
        """The store has taken these changes. What closed while it did is a new change."""
        self._closed.difference_update(closed)
        for live in opened:
            if self._opened.pop(live.id, None) is None:
                self._closed.add(live.id)


def public_key(address_key: str) -> str:
    """Anonymous clients are counted by address; the NUL keeps them apart from any principal's id."""
    return f"\0{address_key}"
