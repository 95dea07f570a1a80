"""Checks of a request before a credential is read, the cheapest first."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stormdoor.core.address import is_loopback
from stormdoor.core.bucket import Rate
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.limits import Limits
from stormdoor.core.origin import HostPolicy, OriginPolicy, quote
from stormdoor.guard.budget import Budget
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.registry import Registry
from stormdoor.guard.trail import Trail
from stormdoor.ports import Clock

__all__ = ["CALLBACKS", "FOREIGN", "HANDSHAKES", "LOGINS", "PAGES", "Entrance", "Gate"]

_MAX_PATH = 2048

HANDSHAKES = "handshakes_per_address"
LOGINS = "logins_per_address"
CALLBACKS = "callbacks_per_address"
PAGES = "pages_per_address"
FOREIGN = "foreign_per_address"
"""The limits of `Limits` on requests of one address, by name. A request counts for exactly one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
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


def _local(handshake: Handshake) -> bool:
    """Return whether the handshake never left this machine, where no other machine can read it."""
    name = _host_name(handshake.host)
    return (name == "localhost" or is_loopback(name)) and is_loopback(handshake.peer)


class Gate:
    """Checks of the source, destination and rate of requests, for all addresses of this process.

    Attributes:
        closing: Whether the server is shutting down, so that no client is admitted.
        blind: Whether revocations cannot be read, so that no client is admitted.
    """

    def __init__(
        self,
        *,
        entrance: Entrance,
        limits: Limits,
        registry: Registry,
        trail: Trail,
        clock: Clock,
    ) -> None:
        self._entrance = entrance
        self._limits = limits
        self._registry = registry
        self._trail = trail
        self._clock = clock
        self._requests = {
            name: Budget(Rate.parse(getattr(limits, name)))
            for name in (HANDSHAKES, LOGINS, CALLBACKS, PAGES, FOREIGN)
        }
        self._failures = Budget(Rate.parse(limits.failures_per_address))
        self.closing = False
        self.blind = False

    def approach(
        self, handshake: Handshake, address_key: str, limit: str, *, ends: bool = False
    ) -> Refusal | None:
        """Run the checks of a plain request that need no credential.

        Args:
            handshake: The facts of the request.
            address_key: Key of the client for limits by address.
            limit: The limit that the request counts for, such as `LOGINS`.
            ends: Whether the request only ends a right, as a logout does. Such a request is accepted while no
                client can be admitted.
        """
        unable = None if ends else self._unable()
        return self._strange(handshake) or unable or self._too_often(address_key, limit)

    def _strange(self, handshake: Handshake) -> Refusal | None:
        """Return the refusal if the Host or the transport of a request is not allowed."""
        if self.closing:
            return Refusal(Denial.SHUTDOWN, "the server is shutting down", retry_after=5)
        if not handshake.host:
            return Refusal(Denial.MALFORMED, "the request names no Host")
        if len(handshake.path) > _MAX_PATH:
            return Refusal(Denial.MALFORMED, f"the path is longer than {_MAX_PATH} characters")
        entrance = self._entrance
        # The Host is checked before the transport: DNS rebinding leads a page of another name here, often
        # without TLS. The trail must record it as a wrong Host.
        if not entrance.hosts.allows(handshake.host):
            name = _host_name(handshake.host)
            return Refusal(
                Denial.HOST,
                f"{quote(handshake.host)} is not a name of this application; to allow it, add to the "
                f"guard: hosts = [{quote(name)}]",
            )
        if (
            handshake.scheme != "https"
            and not entrance.insecure_allow_plaintext
            and not _local(handshake)
        ):
            return Refusal(
                Denial.INSECURE_TRANSPORT,
                f"a plaintext request from {handshake.peer} for {quote(handshake.host)}; use TLS, or "
                "if a proxy on this machine ends TLS, add to the guard: "
                f'trusted_proxies = ["{handshake.peer}"]',
            )
        return None

    def _unable(self) -> Refusal | None:
        """Return the refusal if no client can be admitted at present."""
        if not self._trail.healthy:
            return Refusal(Denial.UNAVAILABLE, "the trail cannot be written", retry_after=5)
        if self.blind:
            # A token verifies without the store, but another process may have revoked it.
            return Refusal(Denial.UNAVAILABLE, "revocations cannot be followed", retry_after=5)
        return None

    def _too_often(self, address_key: str, limit: str) -> Refusal | None:
        """Charge the address with a request; the refusal if the limit is reached."""
        requests, monotonic = self._requests[limit], self._clock.monotonic()
        if not requests.spend(address_key, monotonic):
            return Refusal(
                Denial.HANDSHAKE_RATE,
                f"limits.{limit} = {getattr(self._limits, limit)!r} is reached",
                retry_after=_seconds(requests.wait(address_key, monotonic)),
            )
        return None

    def _at_the_gate(
        self, handshake: Handshake, endpoint: Endpoint, address_key: str
    ) -> Refusal | None:
        """Run the checks that need no credential and no store."""
        if not endpoint.declared:
            return Refusal(
                Denial.UNDECLARED,
                f'{endpoint.name} declares nothing; write permission = "chat:connect" in the class, '
                "or pass it to protect(permissions={...})",
            )
        refusal = self._strange(handshake)
        if refusal is not None:
            return refusal
        refusal = self._foreign(handshake, endpoint)
        if refusal is not None:
            # Not charged as a handshake, so that a hostile page does not use up the limit of its visitor.
            return self._too_often(address_key, FOREIGN) or refusal
        return (
            self._unable()
            or self._too_often(address_key, HANDSHAKES)
            or self._registry.room_for_address(address_key)
        )

    def _foreign(self, handshake: Handshake, endpoint: Endpoint) -> Refusal | None:
        """Return the refusal if the page of this Origin may not connect."""
        if endpoint.public is not None:
            return None
        reason = self._entrance.origins.refuse(handshake)
        return None if reason is None else Refusal(Denial.ORIGIN, reason)

    def guessing(self, address_key: str) -> Refusal | None:
        """Return the refusal after too many failed authentications from this address, for all accounts."""
        wait = self._failures.wait(address_key, self._clock.monotonic())
        if wait <= 0.0:
            return None
        return Refusal(
            Denial.BACKOFF,
            f"limits.failures_per_address = {self._limits.failures_per_address!r} is reached",
            retry_after=_seconds(wait),
        )

    def failed(self, address_key: str) -> None:
        """Charge an address with a failed authentication."""
        self._failures.spend(address_key, self._clock.monotonic())


def _seconds(wait: float) -> int:
    return max(1, math.ceil(wait))
