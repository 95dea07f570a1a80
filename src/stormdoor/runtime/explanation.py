"""Explain the result of a handshake: every step of the pipeline, on a copy of the store."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stormdoor.core.denial import Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.lease import Lease
from stormdoor.core.principal import Authentication
from stormdoor.core.revocation import RevocationIndex
from stormdoor.guard.active_policies import ActivePolicies
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.freshness import Fence
from stormdoor.guard.handshake import HandshakePipeline
from stormdoor.guard.handshake_parts import create_parts
from stormdoor.guard.handshake_tracer import HandshakeTracer, TraceStep
from stormdoor.guard.rate_limiter import LocalRateLimits
from stormdoor.guard.registry import Registry
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.trail import Trail
from stormdoor.ports import Clock, StoredState
from stormdoor.runtime.guard import Guard
from stormdoor.stores import copy_store, open_store

__all__ = ["Explanation", "explain_handshake"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The result of a handshake, with its steps.

    Attributes:
        steps: Each step, in order, without secrets.
        authentication: The authentication of an accepted handshake; None if it was refused.
        refusal: The refusal; None if the handshake was accepted.
    """

    steps: Sequence[TraceStep]
    authentication: Authentication | None
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class _At:
    """A clock that always shows one time (Unix seconds)."""

    moment: float

    def now(self) -> float:
        return self.moment

    def monotonic(self) -> float:
        return 0.0


@contextlib.asynccontextmanager
async def _copied(guard: Guard) -> AsyncIterator[StoredState]:
    """Return the guard's state, or a copy of it if it is a file."""
    if guard.store_url is None or guard.memory_only:
        await guard.state.open()
        yield guard.state
        return
    with tempfile.TemporaryDirectory(prefix="stormdoor-explain-") as folder:
        state = StoredState.of(open_store(copy_store(guard.store_url, Path(folder))))
        try:
            await state.open()
            yield state
        finally:
            await state.close()


async def explain_handshake(
    guard: Guard, handshake: Handshake, endpoint: Endpoint, *, now: float | None = None
) -> Explanation:
    """Decide `handshake` on a copy of the guard's store, and return the steps.

    No ticket, nonce or attempt is used up. Only the running server knows the previous attempts of an address
    or a principal, and the number of connections. Here they are all 0. An authenticator may send requests to
    its provider.

    Args:
        guard: The guard; it need not have been started.
        handshake: The facts of the request.
        endpoint: The requested endpoint.
        now: Unix seconds, instead of the time of the guard's clock.

    Raises:
        StoreUnavailable: The store cannot be copied, or does not answer.
    """
    clock: Clock = _At(guard.clock.now() if now is None else now)
    async with _copied(guard) as state:
        revocations = RevocationIndex(
            await state.revocations.revocations(), clock_skew_seconds=guard.clock_skew_seconds
        )
        trail, statistics = Trail(state.trail, clock), Statistics()
        registry = Registry(
            limits=guard.limits,
            trail=trail,
            statistics=statistics,
            clock=clock,
            node="explain",
        )
        policies, lease = ActivePolicies(guard.policies), Lease()  # no node: it admits no client
        parts = create_parts(
            policy=guard.handshake_policy,
            authenticators=guard.authenticators,
            screens=guard.screens,
            policies=policies,
            limits=guard.limits,
            registry=registry,
            revocations=revocations,
            trail=trail,
            state=state,
            rate_limits=LocalRateLimits(),
            clock=clock,
            lease=lease,
            fence=Fence(
                lease=lease, registry=registry, trail=trail, statistics=statistics, clock=clock
            ),
            statistics=statistics,
        )
        tracer = HandshakeTracer(credentials=parts.credentials, policies=policies, clock=clock)
        pipeline = HandshakePipeline(
            steps=tracer.traced(parts.steps),
            places=parts.credentials.places,
            limits=guard.limits,
            revocations=revocations,
            trail=trail,
            statistics=statistics,
            operator_log=registry.operator_log,
            clock=clock,
        )
        attempt = pipeline.begin(handshake, endpoint)
        refusal = await pipeline.decide(attempt)
    return Explanation(
        tuple(tracer.steps), attempt.authentication if refusal is None else None, refusal
    )
