"""One live connection: its principal, its permissions, and its use of limits."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Protocol

from stormdoor.core.applied_limits import AppliedLimits
from stormdoor.core.bucket import Rate
from stormdoor.core.connection import TRANSITIONS, ConnectionEvent, State
from stormdoor.core.decision import (
    AccessRequest,
    Decision,
    Environment,
    Resource,
)
from stormdoor.core.denial import Refusal
from stormdoor.core.frame import Prepared
from stormdoor.core.handshake import Handshake
from stormdoor.core.lease import LAPSED, Lease
from stormdoor.core.message import Command
from stormdoor.core.policy import PolicySet
from stormdoor.core.principal import ANONYMOUS, Authentication, Principal
from stormdoor.guard.connection_index import ConnectionIndex
from stormdoor.guard.endpoint import Endpoint
from stormdoor.ports import Clock

__all__ = ["ORDER", "UNKNOWN", "Connection", "FrameWriter", "PrincipalUsage", "Sink", "is_proven"]

ORDER = itertools.count()
"""Sequence numbers of events in this process, which order them without a clock."""

UNKNOWN = Principal(id="unknown")
"""The principal of a connection that waits for its first message. It has no permissions."""


def is_proven(principal: Principal) -> bool:
    """Return False for the principals of unauthenticated clients: on a public endpoint, or waiting."""
    return principal is not ANONYMOUS and principal is not UNKNOWN


class Sink(Protocol):
    """The interface to the adapter, which sends all output of a connection."""

    def deliver(self, payload: bytes | str | Prepared) -> bool:
        """Queue one message; False if the connection no longer takes any."""
        ...

    def shut(self, code: int, reason: str) -> None:
        """Send a close frame and release the socket. Never calls back into the guard."""
        ...

    def withdraw(self) -> None:
        """Drop each unsent message, because the client has lost the right to read it.

        If part of a message has been sent, abort the connection.
        """
        ...

    def drop(self) -> None:
        """Drop all buffered data, in both directions, because the connection is about to end."""
        ...

    def resume(self) -> None:
        """Read and write again after a fence. Queued messages are authorised again, or dropped."""
        ...

    def stalled(self) -> float | None:
        """Monotonic seconds since which writes wait for the client, or None if none do.

        While the server holds them back, the present time. The adapter calls `Connection.look_soon` when a
        write begins to wait.
        """
        ...

    def sent_at(self) -> float:
        """Monotonic seconds of the last message that was sent; 0.0 if there was none."""
        ...

    def expiring(self, seconds: float) -> None:
        """Tell the client, in its protocol, that the connection ends in so many seconds."""
        ...

    def handshake(self) -> Handshake:
        """The facts of the handshake, its credentials included."""
        ...


class FrameWriter(Protocol):
    """Interface to the adapter for broadcasts, which takes less time than `Sink.deliver`."""

    def write_now(self, frame: bytes, now: float) -> bool:
        """Check `Connection.send_lease`, and write to the socket if no other output waits.

        Args:
            frame: A whole frame of text, as for a client without compression.
            now: Monotonic seconds. No deadline of the connection has passed.

        Returns:
            False if nothing was written: `Sink.deliver` decides.
        """
        ...


class Usage:
    """The messages of one principal that count for one rate."""

    __slots__ = ("message_tat", "rate")

    def __init__(self, rate: Rate | None = None) -> None:
        self.rate = rate
        self.message_tat = 0.0


class PrincipalUsage(Usage):
    """Usage of the limits that all connections of one principal share."""

    __slots__ = ("action_tats", "connections", "key", "others")

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
        self.connections: set[Connection] = set()
        self.action_tats: dict[type[Command], float] | None = None
        self.others: dict[Rate, Usage] | None = None
        """Usage by further rates. Nearly all principals have one rate only, which this object counts."""

    def usage(self, rate: Rate) -> Usage:
        """Return the usage of `rate`, counted apart, so that a terminal does not slow down commands."""
        known = self.rate
        if known is None:
            self.rate = rate
            return self
        if known is rate or known == rate:
            return self
        if self.others is None:
            self.others = {}
        return self.others.setdefault(rate, Usage(rate))

    def is_replenished(self, monotonic: float) -> bool:
        """Return whether all usage has been refilled, so that this object can be dropped."""
        return (
            self.message_tat <= monotonic
            and all(tat <= monotonic for tat in (self.action_tats or {}).values())
            and all(one.message_tat <= monotonic for one in (self.others or {}).values())
        )


class Connection:
    """A WebSocket connection from its registration to its end.

    Mutable and slotted, because an idle connection must cost little memory. Deadlines are monotonic seconds,
    so that setting the wall clock back cannot prolong a credential.
    """

    __slots__ = (
        "_clock",
        "_notice_seconds",
        "_policies",
        "_since",
        "address",
        "address_key",
        "ages_at",
        "allowed",
        "authentication",
        "byte_tat",
        "closed_by",
        "deadline",
        "endpoint",
        "expires_at",
        "heard_at",
        "hold_tat",
        "id",
        "idle_notice",
        "idle_seconds",
        "idle_told",
        "index",
        "last_message",
        "lease",
        "limits",
        "message_tat",
        "monotonic",
        "notice_at",
        "offence_tat",
        "open",
        "opened_at",
        "path",
        "presented",
        "principal",
        "proven",
        "renewing",
        "send_lease",
        "shared",
        "silent_seconds",
        "sink",
        "state",
        "usage",
        "writer",
    )

    def __init__(
        self,
        *,
        id: str,
        authentication: Authentication,
        endpoint: Endpoint,
        path: str,
        address: str,
        address_key: str,
        clock: Clock,
        policies: PolicySet,
        shared: PrincipalUsage,
        limits: AppliedLimits,
        lease: Lease,
        connection_seconds: float | None,
        notice_seconds: float = 60.0,
    ) -> None:
        self.id = id
        self.index: ConnectionIndex[Connection] | None = None
        """The index of the registry that the connection is in."""
        self.endpoint = endpoint
        self.path = path
        self.address = address
        self.address_key = address_key
        self._clock = clock
        self.monotonic = clock.monotonic
        """Clock of `lease` and of all deadlines."""
        self.opened_at = now = clock.now()
        monotonic = clock.monotonic()
        self.limits = limits
        self.lease = lease
        """INVARIANT: once it has lapsed, no message passes in either direction."""
        self.send_lease = LAPSED
        """`lease` while `open`, else `LAPSED`: before a `send()`, one comparison decides about both."""
        self.shared = shared
        self.usage = shared.usage(limits.principal)
        self.sink: Sink | None = None
        self.writer: FrameWriter | None = None
        """For broadcasts; None if each message passes through `sink`."""
        self.state = State.PENDING
        self.open = False
        """INVARIANT: True exactly while `state` is OPEN; the hot path reads only this flag."""
        self.closed_by: Refusal | None = None
        self.message_tat = self.byte_tat = self.offence_tat = self.hold_tat = 0.0
        self.heard_at = 0.0
        """Monotonic seconds of the last ping or pong, which does not count as use of the login."""
        self.ages_at = (
            float("inf") if connection_seconds is None else monotonic + connection_seconds
        )
        self._notice_seconds = notice_seconds
        self.renewing = False
        self.renew(authentication, policies, now, monotonic)

    def join(self, shared: PrincipalUsage) -> None:
        """Count the connection for the principal of `shared`."""
        self.shared = shared
        self.usage = shared.usage(self.limits.principal)

    @property
    def awaiting_authentication(self) -> bool:
        """Return whether the connection still waits for the credential in its first message."""
        return self.principal is UNKNOWN

    @property
    def renewed_at(self) -> float:
        """Monotonic seconds at which the client presented its present credential."""
        return self._since

    def renew(
        self, authentication: Authentication, policies: PolicySet, now: float, monotonic: float
    ) -> None:
        """Replace the authentication; all deadlines follow from the new one. The connection keeps its age."""
        self.identify(authentication, authentication.principal)
        self.expires_at = expires_at = authentication.expires_at
        left = float("inf") if expires_at is None else expires_at - now
        idle = authentication.idle_seconds
        self.idle_seconds = float("inf") if idle is None else idle
        self.silent_seconds = float("inf") if self.endpoint.receive_only else self.idle_seconds
        """Seconds without a message of the client after which the server sends nothing more."""
        self.idle_notice = self.idle_seconds - min(self._notice_seconds, self.idle_seconds / 4)
        self.idle_told = -1.0
        self.last_message = self._since = monotonic
        self.presented = next(ORDER)
        """The sequence number in `ORDER` of the client's presentation of its present credential."""
        self._end_at(min(self.ages_at, monotonic + left))
        principal = authentication.principal
        self.proven = principal is not ANONYMOUS and principal is not UNKNOWN
        """True if a principal has authenticated: not on a public endpoint, and not while it waits."""
        self.apply_policies(policies)

    def present_authentication(self) -> Authentication:
        """Return the authentication with the present roles of its principal."""
        if self.principal is self.authentication.principal:
            return self.authentication
        return replace(self.authentication, principal=self.principal)

    def identify(self, authentication: Authentication, principal: Principal) -> None:
        """Set the authentication and the present principal; a revocation finds this by their names.

        INVARIANT: nothing else sets them while the connection is registered.
        """
        if self.index is not None:
            self.index.remove(self)
        self.authentication, self.principal = authentication, principal
        if self.index is not None:
            self.index.add(self)
            if self.open:
                self.index.changed.add(self)

    def wait_until(self, monotonic: float) -> None:
        """Set the deadline for the first message. No expiry notice is sent for it."""
        self.deadline = min(self.ages_at, monotonic)
        self.notice_at = float("inf")
        self.look_soon()

    def look_soon(self) -> None:
        """Have the next tick compute when a deadline can pass: one may be earlier than at the last look."""
        if self.index is not None:
            self.index.moved.add(self)

    def forget_use(self, monotonic: float) -> None:
        """Set the time of the last message back to `monotonic`: the last one does not count as use."""
        self.last_message = monotonic
        self.look_soon()

    def _end_at(self, deadline: float) -> None:
        self.deadline = deadline
        self.look_soon()  # INVARIANT: whenever a deadline moves
        # At most a quarter of its time: a token of a minute is not announced immediately.
        self.notice_at = deadline - min(self._notice_seconds, (deadline - self._since) / 4)
        """Monotonic seconds at which the client gets its one notice; infinite after that."""

    def expires_in(self, monotonic: float) -> int | None:
        """Return whole seconds until the connection ends in any case; None if it has no deadline."""
        left = self.deadline - monotonic
        return None if left == float("inf") else max(0, int(left))

    def is_expired(self, now: float, monotonic: float) -> bool:
        """Return whether a deadline has passed, even if no tick has ended the connection yet.

        The wall clock (`now`) counts as well: the monotonic clock may stop while a machine sleeps.
        """
        return (
            monotonic >= self.deadline
            or monotonic - self.last_message >= self.silent_seconds
            or (self.expires_at is not None and now >= self.expires_at)
        )

    def apply_policies(self, policies: PolicySet, principal: Principal | None = None) -> None:
        """Use these policies from now on; and the roles of `principal`, if it is given."""
        if principal is not None:
            self.identify(self.authentication, principal)
        self._policies = policies
        self.allowed = policies.memo(self.principal, self.authentication.scopes)

    def expire(self, at: float, now: float, monotonic: float) -> None:
        """Set the deadline to `at` (Unix seconds), unless the present one is earlier."""
        if self.expires_at is None or at < self.expires_at:
            self.expires_at = at
        if monotonic + at - now < self.deadline:
            self._end_at(monotonic + at - now)

    def transition(self, event: ConnectionEvent) -> bool:
        """Apply an event to the state of the connection; False if it had no effect."""
        if self.state is State.ENDED:
            return False  # ENDED has no transition; such a connection is often ended two or three times
        state = TRANSITIONS.get((self.state, event))
        if state is None or (state is self.state and event is ConnectionEvent.ENDED):
            return False
        self.state = state
        self.open = state is State.OPEN
        self.send_lease = self.lease if self.open else LAPSED
        return True

    def may_send(self) -> bool:
        """Return whether a message may be sent now, in the same synchronous block."""
        return not self.withdrawn and self.monotonic() < self.lease.until

    @property
    def withdrawn(self) -> bool:
        """Whether the connection has ended for a cause that withdraws what waits for its client."""
        return self.closed_by is not None and self.closed_by.withdraws

    def environment(self, now: float, authentication: Authentication | None = None) -> Environment:
        """Return the environment of an action at `now` (Unix seconds); `authentication` replaces its own."""
        if authentication is None:
            authentication = self.authentication
        return Environment.of(authentication, now=now, address=self.address, endpoint=self.path)

    def request(self, permission: str, resource: Resource | None, now: float) -> AccessRequest:
        """Return the request for a decision: may the principal do `permission` now (Unix seconds)?"""
        return AccessRequest(self.principal, permission, resource, self.environment(now))

    def decide(self, permission: str, resource: Resource | None, now: float) -> Decision:
        """Decide, and cache the result if it holds until roles or policies change."""
        policies = self._policies
        decision = policies.decide(
            self.request(permission, resource, now), self.authentication.scopes
        )
        if (
            decision.allowed
            and (resource is None or resource.tenant is None)
            and not policies.conditional(permission)
        ):
            self.allowed.add(permission)
        return decision

    def may(
        self, permission: str, resource: Resource | None = None, now: float | None = None
    ) -> bool:
        """Return whether the principal may do it; cached if the result does not depend on the environment.

        Args:
            permission: The permission, for example `feed:report`.
            resource: The resource that the principal acts upon, or None.
            now: Unix seconds; the present time if left out.
        """
        if permission in self.allowed and (resource is None or resource.tenant is None):
            return True
        return self.decide(permission, resource, self._clock.now() if now is None else now).allowed
