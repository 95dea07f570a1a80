"""One request on its way through the steps of a handshake."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from stormdoor.core.credential import Credential
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication
from stormdoor.guard.connection import Connection
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.lease_waits import OnWait

__all__ = [
    "ANOTHER_LOG",
    "HANDSHAKES",
    "Attempt",
    "AwaitedStep",
    "Check",
    "LimitCheck",
    "LimitStep",
    "Step",
]

ANOTHER_LOG = Refusal(
    Denial.UNAVAILABLE, "another log of revocations is followed since it began", retry_after=1
)
"""The refusal of what the store may have answered before it lost, or got, a revocation."""
HANDSHAKES = "handshakes_per_address"
"""The limit of `Limits` that a handshake counts for."""


class Attempt(msgspec.Struct, eq=False):
    """The facts of a request, and what the steps have found so far.

    Attributes:
        handshake: The facts of the request.
        endpoint: The requested endpoint.
        address_key: Key of the client for limits by address.
        changes: Number of known changes of accounts when the attempt began.
        filtered: The facts, with the client certificate that an authenticated proxy forwards.
        limit: Name of the limit that the request counts for.
        on_wait: Called when the request begins to wait for the next beat.
        waits: Whether the request met the lapsed lease, and may wait for the next beat.
        presented: Every credential of the request.
        credential: The credential to verify; None if none is needed, or none has been presented.
        ambient: A second, ambient credential, which must be bound to the first.
        authentication: The accepted authentication.
        usage_key: Key under which the connection counts: its principal, or the address of an unknown one.
        connection: The connection of an admitted handshake; registered by the step `register`.
    """

    handshake: Handshake
    endpoint: Endpoint
    address_key: str
    changes: int
    filtered: Handshake
    limit: str = HANDSHAKES
    on_wait: OnWait | None = None
    waits: bool = False
    presented: Sequence[Credential] = ()
    credential: Credential | None = None
    ambient: Credential | None = None
    authentication: Authentication | None = None
    usage_key: str = ""
    connection: Connection | None = None


Check = Callable[[Attempt], Refusal | None]
"""Answers one question about an attempt: None to go on, or the refusal."""


LimitCheck = Callable[[Attempt], Refusal | Awaitable[Refusal | None] | None]
"""Answers like a `Check`, or with an awaitable of the answer if another machine counts the limit."""


@dataclass(frozen=True, slots=True)
class Step:
    """One question about an attempt, answered without waiting.

    Attributes:
        name: Its name, for the operator.
        check: Answers it: None to go on, or the refusal.
    """

    name: str
    check: Check


@dataclass(frozen=True, slots=True)
class LimitStep:
    """One question that waits only if another machine counts its limit. Attributes as those of `Step`."""

    name: str
    check: LimitCheck


@dataclass(frozen=True, slots=True)
class AwaitedStep:
    """One question that may have to wait for a store or an issuer. Attributes as those of `Step`."""

    name: str
    check: Callable[[Attempt], Awaitable[Refusal | None]]
