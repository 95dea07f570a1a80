"""The evaluation of one message (hot path): the result is the action to run, or a refusal.

state → deadline → lease → rate → size → depth → decode and validate in one pass → the action's rate → decide.
All of it is synchronous, and allocates only memory that the message needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

import msgspec
from msgspec import UNSET, UnsetType

from stormdoor.core.binary import read_binary_id, read_binary_in_band
from stormdoor.core.bucket import Rate, retry_after, spend
from stormdoor.core.decision import Decision, Resource
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.event import REFUSED_AS, Event
from stormdoor.core.in_band import Prove, Refresh, read_in_band
from stormdoor.core.limits import Limits
from stormdoor.core.message import Command, decode_detail, read_id, too_deep
from stormdoor.core.needs import Needs
from stormdoor.guard.actions import Action, Actions, BinaryActions
from stormdoor.guard.connection import Connection
from stormdoor.guard.expiry import expired
from stormdoor.guard.freshness import Fence
from stormdoor.guard.pause import FENCED, FENCED_CONTROL, PauseReading
from stormdoor.guard.registry import Registry
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.trail import Trail
from stormdoor.ports import Clock

__all__ = ["Allowed", "BinaryInbound", "Inbound", "InboundParts", "Outcome", "Refused"]

_SMALL = 4096
"""Largest size in bytes of a refused, undecoded message that is searched for its id."""
_LONGEST_PAUSE = 1.0
"""Longest pause in reading, in seconds, after a message that exceeded a limit."""


Allowed = tuple[Action, Command]
"""An allowed message: its action, to be run at once, and the decoded command. A tuple, because each message
makes one."""


class Refused:
    """A message that was refused.

    Attributes:
        refusal: The denial and its detail.
        id: The id of the message, for the answer.
        fatal: Whether the connection has ended.
        pause: Seconds for which reading pauses; 0.0 for none.
    """

    __slots__ = ("fatal", "id", "pause", "refusal")

    def __init__(
        self, refusal: Refusal, id: str | int | UnsetType, *, fatal: bool, pause: float = 0.0
    ) -> None:
        self.refusal = refusal
        self.id = id
        self.fatal = fatal
        self.pause = pause


Outcome = Allowed | Refused | PauseReading | Refresh | Prove | None
"""The closed list of results for a message.

Allowed; refused with an answer; delayed, because a limit is reached; a command for the guard itself; or None
if the connection is not open: the message is then dropped without a record.
"""


class InboundParts(TypedDict):
    """The arguments of `Inbound`."""

    limits: Limits
    registry: Registry
    trail: Trail
    statistics: Statistics
    clock: Clock
    fence: Fence


class Inbound:
    """Evaluates the incoming messages of all connections. It has no state."""

    def __init__(
        self,
        *,
        limits: Limits,
        registry: Registry,
        trail: Trail,
        statistics: Statistics,
        clock: Clock,
        fence: Fence,
    ) -> None:
        self._limits = limits
        self._fence = fence
        self._registry = registry
        self._trail = trail
        self._statistics = statistics
        self._now = clock.now
        self._monotonic = clock.monotonic
        self._max_depth = limits.message_depth
        self._offences = Rate(60.0 / limits.offences, 60.0)

    def receive(self, connection: Connection, raw: str | bytes, actions: Actions) -> Outcome:
        """Evaluate one message of a command-based handler, text or binary (see `receive_text`)."""
        if isinstance(raw, str):
            return self.receive_text(connection, raw.encode("utf-8", "surrogatepass"), actions)
        if not connection.open:
            return None
        now = self._monotonic()
        if now >= connection.deadline or now - connection.last_message >= connection.idle_seconds:
            self._expire(connection)
            return None
        if now >= connection.lease.until:
            return self._hold(connection)
        charged = min(len(raw), connection.limits.charge)
        over = self._spend(connection, charged, now)
        if over is not None:
            return self._too_much(connection, over, charged, b"", now)
        return self._refuse(connection, Denial.INVALID_MESSAGE, "a binary message", b"", now)

    def receive_text(  # noqa: C901 - the steps of the hot path, in one place on purpose
        self, connection: Connection, raw: bytes, actions: Actions | BinaryActions
    ) -> Outcome:
        """Evaluate one text message of a command-based handler, as the received UTF-8.

        Raises:
            MalformedBinary: By `BinaryActions` only. Nothing was recorded.
        """
        # INVARIANT: the state comes first. A revocation changes it before any close frame is sent.
        if not connection.open:
            return None
        now = self._monotonic()
        if now >= connection.deadline or now - connection.last_message >= connection.idle_seconds:
            self._expire(connection)
            return None
        if now >= connection.lease.until:
            return self._hold(connection)
        size = len(raw)
        # At most the cost of the largest allowed message: a message that is too large gets that error, not
        # a rate error.
        most = connection.limits.message_bytes
        charged = size if size < most else most
        over = self._spend(connection, charged, now)
        if over is not None:
            return self._too_much(connection, over, charged, raw, now)
        if size > most:
            detail = f"{size} bytes; {connection.limits.setting('message_bytes')}"
            return self._refuse(connection, Denial.MESSAGE_TOO_LARGE, detail, b"", now)
        if raw.count(b"{") + raw.count(b"[") > self._max_depth and self._too_deep(raw):
            detail = f"deeper than limits.message_depth = {self._max_depth}"
            return self._refuse(connection, Denial.INVALID_MESSAGE, detail, b"", now)
        try:
            command = actions.decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            return self._in_band(raw) or self._refuse(
                connection, Denial.INVALID_MESSAGE, decode_detail(error), raw, now
            )
        action = actions.table[type(command)]
        if action.charged:
            over = self._spend_action(connection, action, now)
            if over is not None:
                return self._refuse(connection, Denial.MESSAGE_RATE, over, command, now, action)
        resource: Resource | None = None
        if action.resource is not None:
            named = self._name_resource(action, command)
            if isinstance(named, str):
                return self._refuse(connection, Denial.FORBIDDEN, named, command, now, action)
            resource = named
        permission = action.permission
        if permission not in connection.allowed or (
            resource is not None and resource.tenant is not None
        ):
            decision = connection.decide(permission, resource, self._now())
            if not decision.allowed:
                return self._refuse_decision(connection, decision, command, now, action)
        # After the policies: a principal without the permission does not learn the required authentication.
        if action.requirement is not None:
            needs = action.requirement.lacking(connection.environment(self._now()))
            if needs is not None:
                detail = f"the action {action.name!r} needs {needs}"
                return self._refuse(
                    connection, Denial.STEP_UP, detail, command, now, action, (), needs
                )
        connection.last_message = now
        self._statistics.messages += 1
        return action, command

    def receive_raw(
        self, connection: Connection, raw: str | bytes, permission: str | None
    ) -> bool | Refused | PauseReading:
        """Evaluate one message of a handler that decodes messages itself.

        Returns:
            True to deliver it unchanged; False to drop it (the connection is not open); or the refusal; or
            a pause, because a limit is reached.
        """
        if not connection.open:
            return False
        now = self._monotonic()
        if now >= connection.deadline or now - connection.last_message >= connection.idle_seconds:
            self._expire(connection)
            return False
        if now >= connection.lease.until:
            return self._hold(connection)
        if isinstance(raw, bytes) or raw.isascii():
            size = len(raw)
        else:
            size = len(raw.encode("utf-8", "surrogatepass"))
        charge = connection.limits.charge
        size = min(size, charge)
        over = self._spend(connection, size, now)
        if over is not None:
            return self._too_much(connection, over, size, b"", now)
        if permission is not None and permission not in connection.allowed:
            decision = connection.decide(permission, None, self._now())
            if not decision.allowed:
                return self._refuse_decision(connection, decision, b"", now, None)
        connection.last_message = now
        self._statistics.messages += 1
        return True

    def receive_control(self, connection: Connection, size: int) -> bool | PauseReading:
        """Evaluate a ping or pong: it costs as much as a message and does not prolong the login (ASVS 7.3.1).

        Returns:
            Whether the handler may receive it; or a pause in reading, which means that it may.
        """
        if not connection.open:
            return False
        now = self._monotonic()
        if now >= connection.deadline:
            self._expire(connection)
            return False
        over = self._spend(connection, size, now)
        if over is None:
            connection.heard_at = now
            if now >= connection.lease.until:
                self._fence.hold(connection)
                return FENCED_CONTROL
            return True
        if not connection.limits.own_protocol:
            detail = connection.limits.setting(over)
            self._refuse(connection, Denial.MESSAGE_RATE, detail, b"", now)
            return False
        verdict = self._too_much(connection, over, size, b"", now)
        if isinstance(verdict, PauseReading):
            return PauseReading(verdict.seconds, again=False)
        self._registry.end(connection, verdict.refusal)
        return False

    def _hold(self, connection: Connection) -> PauseReading:
        """Let the message wait for the lease. Nothing has been charged, and all is evaluated again."""
        self._fence.hold(connection)
        return FENCED

    def _spend(self, connection: Connection, size: int, now: float) -> str | None:
        """Charge a message of `size` bytes; return the name of the limit if one is reached.

        The arithmetic of `core.bucket.spend`, inlined: three calls for each message would cost more than
        all the rest of the guard. A property test keeps the two equal.
        """
        limits = connection.limits
        tat = connection.message_tat
        tat = (tat if tat > now else now) + limits.interval
        if tat - now > limits.tolerance:
            return "messages_per_connection"
        usage = connection.usage
        all_tat = usage.message_tat
        all_tat = (all_tat if all_tat > now else now) + limits.principal_interval
        if all_tat - now > limits.principal_tolerance:
            return "messages_per_principal"
        byte_tat = connection.byte_tat
        byte_tat = (byte_tat if byte_tat > now else now) + size * limits.byte_interval
        if byte_tat - now > limits.byte_tolerance:
            return "bytes_per_connection"
        connection.message_tat = tat
        usage.message_tat = all_tat
        connection.byte_tat = byte_tat
        return None

    def _too_much(
        self, connection: Connection, over: str, size: int, raw: bytes, now: float
    ) -> PauseReading | Refused:
        """Pause reading because a message exceeds a limit. After too long a pause, refuse the message."""
        limits = connection.limits
        if limits.holds is None:
            return self._refuse(connection, Denial.MESSAGE_RATE, limits.setting(over), raw, now)
        wait = max(
            retry_after(connection.message_tat, now, limits.messages),
            retry_after(connection.usage.message_tat, now, limits.principal),
            retry_after(connection.byte_tat, now, limits.bytes, size),
            0.001,
        )
        held = spend(connection.hold_tat, now, limits.holds, wait * 1e6)
        if held is not None:
            connection.hold_tat = held
            self._statistics.held += 1
            return PauseReading(wait)
        refused = self._refuse(connection, Denial.MESSAGE_RATE, limits.beyond[over], raw, now)
        refused.pause = min(wait, _LONGEST_PAUSE)
        return refused

    def _spend_action(self, connection: Connection, action: Action, now: float) -> str | None:
        if action.cost > 1.0:
            # The price of one message has been charged already; the action costs more.
            tat = spend(connection.message_tat, now, connection.limits.messages, action.cost - 1.0)
            if tat is None:
                return f"cost = {action.cost} of {action.name!r} exceeds messages_per_connection"
            connection.message_tat = tat
        if action.rate is not None:
            tats = connection.shared.action_tats
            if tats is None:
                tats = connection.shared.action_tats = {}
            # By command: actions may share a permission and have different limits.
            tat = spend(tats.get(action.command, 0.0), now, action.rate)
            if tat is None:
                return f"the limit of the action {action.name!r}"
            tats[action.command] = tat
        return None

    def _name_resource(self, action: Action, command: Command) -> Resource | str:
        """Return the resource of `command`, or the reason why it cannot be determined, which denies."""
        name: Callable[[Command], Resource | tuple[str, str]] | None = action.resource
        try:
            named = name(command) if name is not None else None
            if isinstance(named, Resource):
                return named
            if isinstance(named, tuple):
                kind, id = named
                return Resource(kind, id)
        except Exception as error:  # noqa: BLE001 - a user's function may raise anything
            # Not the text of the error: it may quote the client.
            return f"resource= of {action.name!r} raised {type(error).__name__}"
        return f"resource= of {action.name!r} returned {type(named).__name__}, not a resource"

    def _too_deep(self, raw: bytes) -> bool:
        return too_deep(_words(raw), self._max_depth)

    def _in_band(self, raw: bytes) -> Refresh | Prove | None:
        return read_in_band(_words(raw))

    def _id_of(self, raw: bytes) -> str | int | UnsetType:
        return read_id(_words(raw))

    def _expire(self, connection: Connection) -> None:
        self._registry.end(connection, expired(connection, self._limits, self._monotonic()))

    def _refuse_decision(
        self,
        connection: Connection,
        decision: Decision,
        message: bytes | Command,
        now: float,
        action: Action | None,
    ) -> Refused:
        """Build the result for a message that the policies refuse, and record it."""
        denial = Denial.STEP_UP if decision.needs else Denial.FORBIDDEN
        why, policies = decision.reason, decision.policy_ids
        return self._refuse(connection, denial, why, message, now, action, policies, decision.needs)

    def _refuse(  # noqa: PLR0917 - called on one page only
        self,
        connection: Connection,
        denial: Denial,
        detail: str,
        message: bytes | Command,
        now: float,
        action: Action | None = None,
        policy_ids: tuple[str, ...] = (),
        needs: Needs | None = None,
    ) -> Refused:
        """Build the result for a refused message, and record it."""
        refusal = Refusal(denial, detail, policy_ids=policy_ids, needs=needs)
        permission = action.permission if action else ""
        fatal = self.reject(connection, refusal, permission=permission, monotonic=now)
        if isinstance(message, Command):
            id = message.id
        else:
            readable = 0 < len(message) <= _SMALL
            id = self._id_of(message) if readable else UNSET
        return Refused(refusal, id, fatal=fatal)

    def reject(
        self,
        connection: Connection,
        refusal: Refusal,
        *,
        permission: str = "",
        monotonic: float | None = None,
        offence: bool = True,
    ) -> bool:
        """Count and record a refusal on an open connection.

        Args:
            connection: The connection.
            refusal: The refusal of one message.
            permission: The permission that the message needs.
            monotonic: The present time of the monotonic clock, in seconds; None to read it.
            offence: Whether it counts for `limits.offences`.

        Returns:
            Whether it reached `limits.offences`, so that the connection has ended.
        """
        denial = refusal.denial
        self._statistics.rejected[denial] += 1
        now = self._monotonic() if monotonic is None else monotonic
        tat = spend(connection.offence_tat, now, self._offences) if offence else None
        ended = offence and tat is None
        if tat is not None:
            connection.offence_tat = tat
        self._trail.note(
            Event(
                time=self._now(),
                name=REFUSED_AS[denial],
                cause=denial.value,
                endpoint=connection.path,
                permission=permission,
                kind=connection.authentication.kind,
                policies=refusal.policy_ids,
                principal=connection.principal.id,
                address=connection.address,
                connection=connection.id,
                detail=refusal.detail[:300],
                proven=connection.proven,
            )
        )
        self._registry.operator_log.refused_message(refusal, connection, now, permission=permission)
        if ended:
            self._registry.end(
                connection,
                Refusal(
                    Denial.MESSAGE_RATE
                    if denial is Denial.MESSAGE_RATE
                    else Denial.INVALID_MESSAGE,
                    f"limits.offences = {self._limits.offences} refused messages in a minute",
                ),
            )
        return ended


class BinaryInbound(Inbound):
    """The same evaluation for connections that speak MessagePack. The decoder checks the depth."""

    def _too_deep(self, raw: bytes) -> bool:
        return False

    def _in_band(self, raw: bytes) -> Refresh | Prove | None:
        return read_binary_in_band(raw)

    def _id_of(self, raw: bytes) -> str | int | UnsetType:
        return read_binary_id(raw)


def _words(raw: bytes) -> str:
    """Return a refused message as text, or "" if it is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return ""
