"""The steps of a handshake that need no credential and no store, the cheapest first."""

from __future__ import annotations

import math
from collections.abc import Awaitable
from dataclasses import dataclass

from stormdoor.core.address import is_loopback
from stormdoor.core.bucket import Rate
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import MOST_SUBPROTOCOLS, Handshake
from stormdoor.core.lease import Lease
from stormdoor.core.limits import Limits
from stormdoor.core.origin import HostPolicy, OriginPolicy, quote
from stormdoor.guard.attempt import HANDSHAKES, Attempt
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.lease_waits import LAPSED, LeaseWaits, OnWait
from stormdoor.guard.registry import Registry
from stormdoor.guard.trail import Trail
from stormdoor.ports import Clock, RateLimits
from stormdoor.ports.rate_limits import answered

__all__ = [
    "CALLBACKS",
    "FOREIGN",
    "LOGINS",
    "PAGES",
    "HandshakeChecks",
    "HandshakePolicy",
    "lease_of",
]

_MAX_PATH = 2048

LOGINS = "logins_per_address"
CALLBACKS = "callbacks_per_address"
PAGES = "pages_per_address"
FOREIGN = "foreign_per_address"
"""The limits of `Limits` on requests of one address, by name. A request counts for exactly one of them."""
_FAILURES = "failures_per_address"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakePolicy:
    """Settings of the checks before a credential is read.

    Attributes:
        origins: The pages that may open sockets.
        hosts: The names under which the application may be addressed.
        insecure_allow_plaintext: Accept `ws://` from other machines.
        insecure_allow_missing_origin: Accept cookies from a client that sends no Origin.
        insecure_allow_any_host: `hosts` is empty on purpose.
    """

    origins: OriginPolicy
    hosts: HostPolicy
    insecure_allow_plaintext: bool = False
    insecure_allow_missing_origin: bool = False
    insecure_allow_any_host: bool = False


def _host_name(host: str) -> str:
    """The host without its port."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def lease_of(endpoint: Endpoint, node: Lease) -> Lease:
    """Return the lease of connections to an endpoint, from that of the node."""
    return node.tolerating(endpoint.freshness) if endpoint.freshness else node


def _local(handshake: Handshake) -> bool:
    """Return whether the handshake never left this machine, where no other machine can read it."""
    name = _host_name(handshake.host)
    return (name == "localhost" or is_loopback(name)) and is_loopback(handshake.peer)


class HandshakeChecks:
    """Checks of the source, destination and rate of requests, for all addresses of this process.

    Attributes:
        closing: Whether the server is shutting down, so that no client is admitted.
        revocations_stale: Whether revocations cannot be read, so that no client is admitted.
    """

    def __init__(
        self,
        *,
        policy: HandshakePolicy,
        limits: Limits,
        rate_limits: RateLimits,
        registry: Registry,
        trail: Trail,
        clock: Clock,
        lease: Lease,
        waits: LeaseWaits,
    ) -> None:
        self._waits = waits
        self._policy = policy
        self._limits = limits
        self._registry = registry
        self._trail = trail
        self._clock = clock
        self._lease = lease
        self._requests = {
            name: rate_limits.limit(name, Rate.parse(getattr(limits, name)))
            for name in (HANDSHAKES, LOGINS, CALLBACKS, PAGES, FOREIGN)
        }
        self._failures = rate_limits.limit(_FAILURES, Rate.parse(limits.failures_per_address))
        self.closing = False
        self.revocations_stale = False

    def check_declared(self, attempt: Attempt) -> Refusal | None:
        """Refuse an endpoint for which the application declares nothing."""
        endpoint = attempt.endpoint
        if endpoint.permission is not None or endpoint.public is not None:
            return None
        return Refusal(
            Denial.UNDECLARED,
            f'{endpoint.name} declares nothing; write permission = "chat:connect" in the class, '
            "or pass it to protect(permissions={...})",
        )

    def check_closing(self, _attempt: Attempt) -> Refusal | None:
        """Refuse while the server is shutting down."""
        if not self.closing:
            return None
        return Refusal(Denial.SHUTDOWN, "the server is shutting down", retry_after=5)

    def check_shape(self, attempt: Attempt) -> Refusal | None:
        """Refuse a request without a Host, with a path that is too long, or with too many subprotocols."""
        handshake = attempt.handshake
        if not handshake.host:
            return Refusal(Denial.MALFORMED, "the request names no Host")
        if len(handshake.path) > _MAX_PATH:
            return Refusal(Denial.MALFORMED, f"the path is longer than {_MAX_PATH} characters")
        if len(handshake.subprotocols) > MOST_SUBPROTOCOLS:
            return Refusal(Denial.MALFORMED, f"more than {MOST_SUBPROTOCOLS} subprotocols")
        return None

    def check_host(self, attempt: Attempt) -> Refusal | None:
        """Refuse a Host that does not name this application.

        It comes before the transport: DNS rebinding leads a page of another name here, often without TLS. The
        trail must record it as a wrong Host.
        """
        host = attempt.handshake.host
        if self._policy.hosts.allows(host):
            return None
        return Refusal(
            Denial.HOST,
            f"{quote(host)} is not a name of this application; to allow it, add to the "
            f"guard: hosts = [{quote(_host_name(host))}]",
        )

    def check_transport(self, attempt: Attempt) -> Refusal | None:
        """Refuse plaintext from another machine."""
        handshake = attempt.handshake
        if (
            handshake.scheme == "https"
            or self._policy.insecure_allow_plaintext
            or _local(handshake)
        ):
            return None
        return Refusal(
            Denial.INSECURE_TRANSPORT,
            f"a plaintext request from {handshake.peer} for {quote(handshake.host)}; use TLS, or "
            "if a proxy on this machine ends TLS, add to the guard: "
            f'trusted_proxies = ["{handshake.peer}"]',
        )

    def check_origin(self, attempt: Attempt) -> Awaitable[Refusal | None] | None:
        """Refuse pages of origins that may not open sockets.

        A refusal counts for `FOREIGN` and not as a handshake, so that a hostile page does not use up the
        limit of its visitor.
        """
        if attempt.endpoint.public is not None:
            return None
        reason = self._policy.origins.refuse(attempt.handshake)
        return None if reason is None else self._refuse_origin(attempt.address_key, reason)

    async def _refuse_origin(self, address_key: str, reason: str) -> Refusal:
        exceeded = self._charge(address_key, FOREIGN)
        return (exceeded and await exceeded) or Refusal(Denial.ORIGIN, reason)

    def check_availability(self, attempt: Attempt) -> Refusal | None:
        """Refuse while no admission can be recorded, or be revoked by another process.

        If the lease lapsed while the event loop was blocked, the request waits in `wait_for_lease`.
        """
        if self._trail.gap or self.revocations_stale:
            return self._unrecordable()
        # The usual answer of `check_freshness`, inlined: the time of a handshake is measured.
        if self._clock.monotonic() < lease_of(attempt.endpoint, self._lease).until:
            return None
        refusal = self.check_freshness(attempt)
        return None if refusal is None or attempt.waits else refusal

    def unavailable(self, lease: Lease) -> Refusal | None:
        """Return the refusal while no admission can be recorded, or revoked within this lease."""
        lapsed = lease.has_lapsed(self._clock.monotonic())
        return self._unrecordable() or (LAPSED if lapsed else None)

    async def until_available(self, lease: Lease, on_wait: OnWait | None = None) -> Refusal | None:
        """Return the refusal as `unavailable`, after a wait for the next beat if that may renew the lease."""
        return self._unrecordable() or await self._waits.until_renewed(lease, on_wait)

    def _unrecordable(self) -> Refusal | None:
        if self._trail.gap:
            return Refusal(Denial.UNAVAILABLE, "the trail cannot be written", retry_after=5)
        if self.revocations_stale:
            # A token verifies without the store, but another process may have revoked it.
            return Refusal(Denial.UNAVAILABLE, "revocations cannot be followed", retry_after=5)
        return None

    def check_freshness(self, attempt: Attempt) -> Refusal | None:
        """Refuse if the lease has lapsed, for example while the handshake waited for a store.

        `attempt.waits` tells whether the next beat may renew it.
        """
        if self._clock.monotonic() < lease_of(attempt.endpoint, self._lease).until:
            return None
        attempt.waits = self._waits.may_help()
        return LAPSED

    def wait_for_lease(self, attempt: Attempt) -> Awaitable[Refusal | None] | None:
        """Let a request that met the lapsed lease wait for the next beat; see `LeaseWaits`."""
        if not attempt.waits:
            return None
        attempt.waits = False
        return self._waits.until_renewed(lease_of(attempt.endpoint, self._lease), attempt.on_wait)

    async def wait_as_page(self, attempt: Attempt) -> Refusal | None:
        """Let a page wait for the next beat, unless its address has used up its rate of refused requests."""
        if not attempt.waits:
            return None
        spent = self._requests[attempt.limit].wait(attempt.address_key, self._clock.monotonic())
        if await answered(spent) > 0.0:
            return LAPSED
        return await self._waits.until_renewed(self._lease, attempt.on_wait)

    def check_rate(self, attempt: Attempt) -> Awaitable[Refusal | None] | None:
        """Charge the address with the request; refuse it if the limit is reached."""
        return self._charge(attempt.address_key, attempt.limit)

    def check_capacity(self, attempt: Attempt) -> Refusal | None:
        """Refuse if no further connection fits, in this process or from this address."""
        return self._registry.room_for_address(attempt.address_key)

    def check_auth_failures(self, attempt: Attempt) -> Awaitable[Refusal | None] | None:
        """Refuse an address with too many failed authentications; a public endpoint needs none."""
        key = attempt.address_key
        if (
            attempt.endpoint.public is not None
            # A future is not equal to it.
            or self._failures.wait(key, self._clock.monotonic()) == 0.0
        ):
            return None
        return self.auth_failures_exceeded(key)

    async def auth_failures_exceeded(self, address_key: str) -> Refusal | None:
        """Return the refusal after too many failed authentications from this address, for all accounts."""
        wait = await answered(self._failures.wait(address_key, self._clock.monotonic()))
        if wait <= 0.0:
            return None
        return Refusal(
            Denial.BACKOFF,
            f"limits.failures_per_address = {self._limits.failures_per_address!r} is reached",
            retry_after=_seconds(wait),
        )

    def record_auth_failure(self, address_key: str) -> None:
        """Charge an address with a failed authentication."""
        self._failures.spend(address_key, self._clock.monotonic())

    def _charge(self, address_key: str, limit: str) -> Awaitable[Refusal | None] | None:
        """Charge an address; None if it has a unit left, else an awaitable of the refusal or None."""
        spent = self._requests[limit].spend(address_key, self._clock.monotonic())
        # INVARIANT: a future is no permission.
        return None if spent is True else self._rate_exceeded(address_key, limit, spent=spent)

    async def _rate_exceeded(
        self, address_key: str, limit: str, *, spent: bool | Awaitable[bool]
    ) -> Refusal | None:
        if await answered(spent):
            return None
        wait = await answered(self._requests[limit].wait(address_key, self._clock.monotonic()))
        return Refusal(
            Denial.HANDSHAKE_RATE,
            f"limits.{limit} = {getattr(self._limits, limit)!r} is reached",
            retry_after=_seconds(wait),
        )


def _seconds(wait: float) -> int:
    return max(1, math.ceil(wait))
