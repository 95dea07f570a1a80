"""One live connection: who it belongs to, what it may, and how much it has used."""

from __future__ import annotations

from typing import Protocol

from stormdoor.core.connection import Happening, State, after
from stormdoor.core.decision import (
    AccessRequest,
    Decision,
    Environment,
    Resource,
    authentication_age,
)
from stormdoor.core.denial import Refusal
from stormdoor.core.message import Command
from stormdoor.core.policy import PolicySet
from stormdoor.core.principal import Authentication, Principal
from stormdoor.guard.endpoint import Endpoint

__all__ = ["Connection", "Shared", "Sink"]


class Sink(Protocol):
    """What the adapter does for a connection: the only way out."""

    def deliver(self, payload: bytes | str) -> bool:
        """Queue one message; False if the connection no longer takes any."""
        ...

    def shut(self, code: int, reason: str) -> None:
        """Send a close frame and let go. Never calls back into the guard."""
        ...

    def stalled(self) -> float | None:
        """Monotonic seconds since which writes wait for the client, or None if none do."""
        ...


class Shared:
    """What all connections of one principal use up together."""

    __slots__ = ("action_tats", "connections", "key", "message_tat")

    def __init__(self, key: str) -> None:
        self.key = key
        self.connections: set[Connection] = set()
        self.message_tat = 0.0
        self.action_tats: dict[type[Command], float] | None = None

    def rested(self, monotonic: float) -> bool:
        """Whether everything that was used up has been refilled, so that this can be forgotten."""
        return self.message_tat <= monotonic and all(
            tat <= monotonic for tat in (self.action_tats or {}).values()
        )


class Connection:
    """A connection from its registration to its end.

    Mutable and slotted: an idle one must cost little. Deadlines are monotonic seconds, so that setting
    the wall clock back cannot prolong a credential.
    """

    __slots__ = (
        "_policies",
        "address",
        "address_key",
        "allowed",
        "authentication",
        "byte_tat",
        "closed_by",
        "deadline",
        "endpoint",
        "expires_at",
        "id",
        "idle_seconds",
        "last_message",
        "message_tat",
        "offence_tat",
        "open",
        "opened_at",
        "path",
        "principal",
        "shared",
        "sink",
        "state",
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
        now: float,
        monotonic: float,
        policies: PolicySet,
        shared: Shared,
        connection_seconds: float | None,
    ) -> None:
        self.id = id
        self.authentication = authentication
        self.principal: Principal = authentication.principal
        self.endpoint = endpoint
        self.path = path
        self.address = address
        self.address_key = address_key
        self.opened_at = now
        self.last_message = monotonic
        self.shared = shared
        self.sink: Sink | None = None
        self.state = State.PENDING
        self.open = False
        """INVARIANT: True exactly while `state` is OPEN; the one flag that the hot path reads."""
        self.closed_by: Refusal | None = None
        self.message_tat = self.byte_tat = self.offence_tat = 0.0
        self.expires_at = authentication.expires_at
        ends = [float("inf")]
        if authentication.expires_at is not None:
            ends.append(monotonic + authentication.expires_at - now)
        if connection_seconds is not None:
            ends.append(monotonic + connection_seconds)
        self.deadline = min(ends)
        idle = authentication.idle_seconds
        self.idle_seconds = float("inf") if idle is None else idle
        self.judge_by(policies)

    def judge_by(self, policies: PolicySet, principal: Principal | None = None) -> None:
        """From now on decide with these policies, and with these roles if `principal` is given."""
        if principal is not None:
            self.principal = principal
        self._policies = policies
        self.allowed = policies.memo(self.principal, self.authentication.scopes)

    def expire(self, at: float, now: float, monotonic: float) -> None:
        """It ends at `at` (Unix seconds) at the latest; an end that is nearer stays."""
        if self.expires_at is None or at < self.expires_at:
            self.expires_at = at
        self.deadline = min(self.deadline, monotonic + at - now)

    def happen(self, happening: Happening) -> bool:
        """Move on in the life of the connection; False if that had no effect."""
        state = after(self.state, happening)
        if state is None or (state is self.state and happening is Happening.ENDED):
            return False
        self.state = state
        self.open = state is State.OPEN
        return True

    def environment(self, now: float) -> Environment:
        """The circumstances of whatever it does at `now` (Unix seconds)."""
        authentication = self.authentication
        return Environment(
            now=now,
            address=self.address,
            endpoint=self.path,
            kind=authentication.kind,
            authentication_age=authentication_age(authentication.authenticated_at, now),
            strength=authentication.strength,
            acr=authentication.acr,
        )

    def request(self, permission: str, resource: Resource | None, now: float) -> AccessRequest:
        """The question whether this connection's principal may do `permission` now (Unix seconds)."""
        return AccessRequest(self.principal, permission, resource, self.environment(now))

    def decide(self, permission: str, resource: Resource | None, now: float) -> Decision:
        """Decide, and note what will stay true until roles or policies change."""
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

    def may(self, permission: str, resource: Resource | None, now: float) -> bool:
        """Whether the principal may, cheaply where that cannot depend on the circumstances."""
        if permission in self.allowed and (resource is None or resource.tenant is None):
            return True
        return self.decide(permission, resource, now).allowed
