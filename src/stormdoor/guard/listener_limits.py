"""Limits that a listener checks before any HTTP handler runs: connections, requests, bodies."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from stormdoor.core.address import Network, in_networks, rate_key
from stormdoor.core.bucket import Rate
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.event import REFUSED_AS, Event
from stormdoor.core.limits import Limits
from stormdoor.guard.operator_log import LogLimiter, OperatorLog
from stormdoor.guard.rate_limiter import KeyedRateLimiter
from stormdoor.guard.references import referenced
from stormdoor.guard.registry import Registry
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.tcp_connections import TcpConnections
from stormdoor.guard.trail import Trail
from stormdoor.guard.unfinished_bodies import UnfinishedBodies
from stormdoor.ports import Clock

__all__ = ["ListenerLimits"]

_log = logging.getLogger("stormdoor.listener")

_RECORDED = Rate.parse("1/s")
_FEWEST_TCP = 16
_TCP_SHARE = 4  # if descriptors are few, the share of connections without a WebSocket is 1 / 4


class ListenerLimits:
    """The limits of all listeners of one guard.

    Args:
        limits: The limits of the guard.
        trusted_proxies: Networks of proxies. Their connections count for no address; their requests count
            for the forwarded address.
        clock: Source of the time.
        registry: The WebSockets of the process; None without a guard. `trail` and `statistics` are then None,
            too.
        trail: Records the refusals.
        statistics: Counts the refusals.
    """

    def __init__(
        self,
        limits: Limits,
        trusted_proxies: Sequence[Network],
        clock: Clock,
        *,
        registry: Registry | None = None,
        trail: Trail | None = None,
        statistics: Statistics | None = None,
    ) -> None:
        self._registry = registry
        self.limits = limits
        self.clock = clock
        self.trusted_proxies = trusted_proxies
        self.tcp = TcpConnections(limits.tcp_per_address, limits.tcp)
        self.bodies = UnfinishedBodies(
            per_address=limits.unfinished_requests_per_address,
            total_bytes=limits.unfinished_body_bytes,
            seconds=limits.body_seconds,
            bytes_per_second=limits.body_bytes_per_second,
        )
        self.descriptors = self.wanted
        """Connections of all kinds that the process may hold."""
        self._requests = KeyedRateLimiter(Rate.parse(limits.requests_per_address))
        self._trail = trail
        self._statistics = statistics
        self._operator_log = OperatorLog(clock)
        self._recorded = LogLimiter(_RECORDED)

    # -- at the start ------------------------------------------------------------------------------

    @property
    def wanted(self) -> int:
        """Connections that the limits allow, with and without a WebSocket."""
        sockets = 0 if self._registry is None else self.limits.connections
        return sockets + self.limits.tcp

    def fit(self, descriptors: int) -> None:
        """Lower the limits to the number of file descriptors.

        Args:
            descriptors: Number of connections that may be open at once.
        """
        self.descriptors = min(descriptors, self.wanted)
        if self.descriptors == self.wanted:
            return
        sockets = 0
        if self._registry is None:
            self.tcp.total = max(1, descriptors)
        else:
            share = max(_FEWEST_TCP, descriptors // _TCP_SHARE)
            self.tcp.total = max(1, min(self.limits.tcp, share, descriptors - 1))
            sockets = max(1, descriptors - self.tcp.total)
            self._registry.capacity = min(self.limits.connections, sockets)
        _log.warning(
            "the process may open too few files: limits.connections is lowered from %d to %d and "
            "limits.tcp from %d to %d; let it open %d more (ulimit -n, or LimitNOFILE= of systemd), or "
            "lower the limits",
            self.limits.connections,
            min(self.limits.connections, sockets),
            self.limits.tcp,
            self.tcp.total,
            self.wanted - descriptors,
        )

    # -- at each connection and request ------------------------------------------------------------

    def trusts(self, peer: str) -> bool:
        """Return whether `peer` is a trusted proxy."""
        return bool(self.trusted_proxies) and in_networks(peer, self.trusted_proxies)

    def key(self, address: str) -> str:
        """Return the key of a client for limits by address."""
        return rate_key(address, self.limits.ipv6_prefix)

    def connect(self, address_key: str, *, proxy: bool) -> Refusal | None:
        """Count a new TCP connection. Returns the refusal if it exceeds a limit; else None.

        Args:
            address_key: Key of the client.
            proxy: Whether the client is a trusted proxy, which counts for no address.
        """
        if not proxy and (refusal := self.request(address_key)) is not None:
            return refusal
        sockets = 0 if self._registry is None else len(self._registry)
        if len(self.tcp) + sockets >= self.descriptors and not self.tcp.give_way():
            return Refusal(Denial.BUSY, f"{self.descriptors} connections are open, all that fit")
        if proxy or self.tcp.room(address_key):
            return None
        return Refusal(
            Denial.TOO_MANY_CONNECTIONS,
            f"limits.tcp_per_address = {self.limits.tcp_per_address} or limits.tcp = "
            f"{self.tcp.total} is reached, and a request is under way on each connection",
        )

    def request(self, address_key: str) -> Refusal | None:
        """Count a request of that address. Returns the refusal if it exceeds a limit; else None."""
        if self._requests.spend(address_key, self.clock.monotonic()):
            return None
        return Refusal(
            Denial.HANDSHAKE_RATE,
            f"limits.requests_per_address = {self.limits.requests_per_address!r} is reached",
        )

    def body(self, address_key: str) -> Refusal | None:
        """Return the refusal of a request with a body of that address, or None."""
        if self.bodies.room(address_key):
            return None
        return Refusal(
            Denial.TOO_MANY_CONNECTIONS,
            "limits.unfinished_requests_per_address = "
            f"{self.limits.unfinished_requests_per_address} is reached",
        )

    def record(self, refusal: Refusal, address: str, path: str = "") -> Refusal:
        """Count a refusal, and record it: of equal refusals of one address, one per second.

        Returns:
            The refusal to answer with: it has a reference.
        """
        refusal = referenced(refusal)
        if self._statistics is not None:
            self._statistics.refused[refusal.denial] += 1
        key = f"{refusal.denial.value} {self.key(address)}"
        merged = self._recorded.show(key, self.clock.monotonic())
        if merged is None:
            return refusal
        self._operator_log.refused(refusal, path=path, address=address)
        if self._trail is not None:
            self._trail.note(
                Event(
                    time=self.clock.now(),
                    name=REFUSED_AS[refusal.denial],
                    cause=refusal.denial.value,
                    endpoint=path,
                    address=address,
                    detail=refusal.detail,
                    count=1 + merged,
                    ref=refusal.ref,
                    proven=False,
                )
            )
        return refusal
