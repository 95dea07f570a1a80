"""The fence of a node with a lapsed lease, and the hold of its connections.

Behind the fence no message passes in either direction, and no client is admitted. Sockets stay open: reading
pauses, and output waits. After the hold the node closes them, since another node may be able to serve their
clients. `core/lease.py` has the lease, which each message, `send()` and handshake compares with the clock.

The lease also lapses while the event loop is blocked, without a fault of the store. Then nothing is closed or
refused before the store was asked again.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections.abc import Callable

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.drain import HANDSHAKES_PER_SECOND, retry_spread
from stormdoor.core.event import Event
from stormdoor.core.lease import Lease
from stormdoor.guard.blocked_loop import BlockedLoop
from stormdoor.guard.connection import Connection
from stormdoor.guard.operator_log import LogLimiter
from stormdoor.guard.registry import CLOSE_BUDGET_SECONDS, Registry
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.timeout import ANSWER_SECONDS
from stormdoor.guard.trail import Trail
from stormdoor.ports import Clock

__all__ = ["HOLD_SECONDS", "Fence"]

_log = logging.getLogger("stormdoor.fence")

HOLD_SECONDS = 10.0
"""Seconds for which sockets are held behind the fence. A failover of a database takes less."""
_ANSWER_SECONDS = 2 * ANSWER_SECONDS
"""Longest wait in seconds for an answer or a failure after the loop was blocked: that of a question which was
under way, and that of the next one."""
_LOGGED_SECONDS = 0.4
"""Shortest block of the event loop that is logged."""


class Fence:
    """Holds connections while their lease has lapsed, and continues or closes them.

    INVARIANT: nothing here decides about a message. Each use compares the lease itself, so that a late or
    missing call of this class lets nothing pass.

    Args:
        lease: Lease of the node.
        registry: Registry of the open connections.
        trail: Audit trail.
        statistics: Counters.
        clock: Source of the time.
        hold_seconds: Seconds from the lapse, or from the first question to the store that failed if that is
            later, to the end of the connections.

    Attributes:
        blocked: Measures for how long the event loop was blocked.
        unasked: Whether the event loop was blocked, and the store has neither answered nor failed since.
        on_answer: Called when the lease was renewed, and when a question to the store failed.
    """

    def __init__(
        self,
        *,
        lease: Lease,
        registry: Registry,
        trail: Trail,
        statistics: Statistics,
        clock: Clock,
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        self._lease = lease
        self._registry = registry
        self._trail = trail
        self._statistics = statistics
        self._clock = clock
        self.hold_seconds = hold_seconds
        self._held: dict[Connection, None] = {}
        self._lapsed_at: dict[Lease, float] = {}
        """Monotonic seconds of the lapse, for each lease of a connection that is known to have lapsed."""
        self._failed_at = -math.inf
        """Monotonic seconds of the first question that failed since the last renewal."""
        self.blocked = BlockedLoop(clock, lease, self._note_blocked)
        self.unasked = False
        self._blocks = LogLimiter()
        self.on_answer: Callable[[], None] = lambda: None
        self._renewed = asyncio.Event()
        self._releasing = False
        self._had_lease = lease.seconds == math.inf
        self._told = False
        """Whether the log and the trail have the present lapse."""
        lease.on_renewal = self._renew

    @property
    def raised(self) -> bool:
        """Whether the lease of the node has lapsed."""
        return self._lease.has_lapsed(self._clock.monotonic())

    def hold(self, connection: Connection) -> None:
        """Note that a message of this connection waits for the lease, in either direction."""
        if connection not in self._held:
            self._held[connection] = None
            self._statistics.fenced += 1
        if connection.lease not in self._lapsed_at:
            self._note_lapse(connection.lease)

    def look(self) -> int:
        """Note a lapse, and close the connections that have been held too long. Returns their number.

        Called on every tick of the maintenance loop. The fence does not depend on it.
        """
        self.blocked.look()
        if not self.raised:
            return 0
        self._note_lapse(self._lease)
        asked_at = self.blocked.until + _ANSWER_SECONDS if self.unasked else self._failed_at
        now, late = self._clock.monotonic(), []
        for connection in self._registry:
            lease = connection.lease
            if connection.state is State.ENDED or not lease.has_lapsed(now):
                continue
            self._note_lapse(lease)
            if now - max(self._lapsed_at[lease], asked_at) >= self.hold_seconds:
                late.append(connection)
        return self._close(late) if late else 0

    async def wait(self, connection: Connection) -> None:
        """Wait until the lease of `connection` is renewed, or the connection has ended."""
        while connection.state is not State.ENDED and connection.lease.has_lapsed(
            self._clock.monotonic()
        ):
            self.hold(connection)
            self._renewed.clear()
            try:
                async with asyncio.timeout(1.0):
                    await self._renewed.wait()
            except TimeoutError:
                pass  # the connection may have ended

    def may_still_answer(self) -> bool:
        """Return whether the loop was blocked, and the store has neither confirmed nor failed since."""
        self.blocked.look()
        return self.unasked

    def blocked_until(self) -> float:
        """Return monotonic seconds of the end of the last block of the event loop."""
        self.blocked.look()
        return self.blocked.until

    def _note_blocked(self, seconds: float) -> None:
        """Ask the store before anything is closed or refused: it may have answered all the time."""
        self.unasked = True
        hidden = self._blocks.show("blocked", self._clock.monotonic())
        if seconds >= _LOGGED_SECONDS and hidden is not None:
            _log.warning(
                "the event loop was blocked for %.1f s: a callback ran so long, or the process was stopped",
                seconds,
            )

    def note_failure(self) -> None:
        """Note that a question to the store failed: from the first failure on, connections are held."""
        self.unasked = False
        if self._failed_at == -math.inf:
            self._failed_at = self._clock.monotonic()
        if self._lease in self._lapsed_at:
            self._tell_lapse()
        self.on_answer()

    def _note_lapse(self, lease: Lease) -> None:
        if lease in self._lapsed_at:
            return
        now = self._clock.monotonic()
        self._lapsed_at[lease] = lease.until if lease.until > -math.inf else now
        if lease is self._lease and not self.may_still_answer():
            self._tell_lapse()

    def _tell_lapse(self) -> None:
        """Count, log and record the lapse: it is a fault of the store, not of a blocked event loop."""
        if self._told or not self._had_lease:
            return
        self._told = True
        self._statistics.fences += 1
        _log.error(
            "the lease has lapsed: the store has not confirmed for %g s that all revocations are known. "
            "No message passes and no client is admitted; connections are closed after %g s",
            self._lease.seconds,
            self.hold_seconds,
        )
        self._record("the lease has lapsed")

    def _record(self, detail: str) -> None:
        self._trail.note(
            Event(
                time=self._clock.now(),
                name="sys_fenced",
                detail=f"{self._registry.node}: {detail}",
                proven=True,
            )
        )

    # -- the end of the fence ----------------------------------------------------------------------

    def _renew(self) -> None:
        """Continue after a renewal of the lease: called by the lease."""
        if self.raised:
            return  # the question was asked before the event loop was blocked
        self._had_lease = True
        self.unasked = False
        self._failed_at = -math.inf
        lapsed_at = self._lapsed_at.pop(self._lease, None)
        if lapsed_at is not None and self._told:
            self._told = False
            seconds = self._clock.monotonic() - lapsed_at
            _log.warning("the lease is renewed after %.1f s; held connections continue", seconds)
            self._record(f"the lease is renewed after {seconds:.1f} s")
        self._lapsed_at.clear()
        self._renewed.set()
        self.on_answer()
        if self._held and not self._releasing:
            self._releasing = True
            self._release()

    def _release(self) -> None:
        """Continue held connections, as many as one iteration of the event loop has time for."""
        held, monotonic = self._held, self._clock.monotonic
        begun = monotonic()
        while held:
            connection = next(iter(held))
            if connection.lease.has_lapsed(monotonic()):
                break  # all that are left wait for the next renewal
            del held[connection]
            self._resume(connection)
            if monotonic() - begun >= CLOSE_BUDGET_SECONDS:
                asyncio.get_running_loop().call_soon(self._release)
                return
        self._releasing = False

    def _resume(self, connection: Connection) -> None:
        """Authorise the connection again, and let it continue."""
        if connection.state is State.ENDED:
            return
        now, monotonic = self._clock.now(), self._clock.monotonic()
        permission = connection.endpoint.permission
        if connection.is_expired(now, monotonic):
            self._registry.end(connection, Refusal(Denial.EXPIRED, "it expired behind the fence"))
        elif (
            permission is not None
            and not connection.awaiting_authentication
            and not connection.may(permission, None, now)
        ):
            why = Refusal(Denial.FORBIDDEN, f"{permission} is no longer granted")
            self._registry.end(connection, why)
        elif connection.sink is not None:
            try:
                connection.sink.resume()
            except Exception:  # noqa: BLE001 - an adapter may raise anything
                _log.exception("connection %s cannot continue after the fence", connection.id)
                self._registry.end(connection, Refusal(Denial.INTERNAL, "it cannot continue"))

    def _close(self, connections: list[Connection]) -> int:
        """Close connections after the hold. Each client is told another time after which to return."""
        spread = retry_spread(len(connections) // HANDSHAKES_PER_SECOND)
        detail = f"hold_seconds = {self.hold_seconds:g} have passed since the lease lapsed"
        return sum(
            self._registry.end(
                connection,
                Refusal(Denial.UNAVAILABLE, detail, retry_after=1 + secrets.randbelow(spread)),
            )
            for connection in connections
        )

    def forget(self, connection: Connection) -> None:
        """Release a connection that has ended."""
        self._held.pop(connection, None)
