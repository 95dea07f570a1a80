"""Create the parts that decide handshakes, for a running guard and for an explanation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stormdoor.auth.authenticator import Authenticator, ProxyHeaderFilter
from stormdoor.core.lease import Lease
from stormdoor.core.limits import Limits
from stormdoor.core.revocation import RevocationIndex
from stormdoor.guard.active_policies import ActivePolicies
from stormdoor.guard.credential_resolver import CredentialResolver
from stormdoor.guard.freshness import Fence
from stormdoor.guard.handshake import HandshakeSteps, list_steps
from stormdoor.guard.handshake_checks import HandshakeChecks, HandshakePolicy
from stormdoor.guard.lease_waits import LeaseWaits
from stormdoor.guard.pending_connections import PendingConnections
from stormdoor.guard.registration import Registration
from stormdoor.guard.registry import Registry
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.trail import Trail
from stormdoor.ports import Clock, RateLimits, StoredState

__all__ = ["HandshakeParts", "create_parts"]


@dataclass(frozen=True, slots=True)
class HandshakeParts:
    """The parts that decide handshakes, and their steps in order."""

    checks: HandshakeChecks
    credentials: CredentialResolver
    pending: PendingConnections
    waits: LeaseWaits
    registration: Registration
    steps: HandshakeSteps


def create_parts(
    *,
    policy: HandshakePolicy,
    authenticators: Sequence[Authenticator],
    screens: Sequence[ProxyHeaderFilter],
    policies: ActivePolicies,
    limits: Limits,
    registry: Registry,
    revocations: RevocationIndex,
    trail: Trail,
    state: StoredState,
    rate_limits: RateLimits,
    clock: Clock,
    lease: Lease,
    fence: Fence,
    statistics: Statistics,
) -> HandshakeParts:
    """Create the parts. All state that they share with others is passed in.

    Raises:
        ConfigurationError: Two authenticators disagree about a place of credentials.
    """
    pending = PendingConnections(limits=limits, clock=clock)
    waits = LeaseWaits(fence=fence, pending=pending, clock=clock)
    checks = HandshakeChecks(
        policy=policy,
        limits=limits,
        rate_limits=rate_limits,
        registry=registry,
        trail=trail,
        clock=clock,
        lease=lease,
        waits=waits,
    )
    credentials = CredentialResolver(
        policy=policy,
        authenticators=authenticators,
        screens=screens,
        checks=checks,
        limits=limits,
        revocations=revocations,
        trail=trail,
        state=state,
        clock=clock,
        statistics=statistics,
    )
    registration = Registration(
        policies=policies,
        pending=pending,
        limits=limits,
        registry=registry,
        revocations=revocations,
        state=state,
        clock=clock,
        lease=lease,
        waits=waits,
    )
    steps = list_steps(checks, credentials, registration)
    return HandshakeParts(checks, credentials, pending, waits, registration, steps)
