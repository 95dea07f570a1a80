"""Prometheus metrics: the guard's own counters, read at each scrape."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from stormdoor.auth.managed_resource import Watched
from stormdoor.runtime.guard import Guard

__all__ = ["GuardCollector", "exposition"]


_HELD = "Messages that had to wait, since they came too fast."
_FENCED = "1 while the lease of this process has lapsed, so that no message passes."
_FENCES = "Times that the lease of this process has lapsed."
_HELD_BEHIND = "Connections with a message that waited for a renewal of the lease."
_WITHHELD = "Deliveries that the recipient was not permitted to see."
_MERGED = "Entries of unauthenticated clients that only the count of another has."
_OVER_BUDGET = (
    "1 while entries of unauthenticated clients are merged, since they have used up their budget."
)
_ALARM = "1 while the store has four fifths of `store_limit_bytes`, or its disk little room left."


def _gauge(name: str, text: str, value: int) -> Metric:
    return GaugeMetricFamily(f"stormdoor_{name}", text, value=value)


def _counter(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(f"stormdoor_{name}", text, value=value)


class GuardCollector(Collector):
    """Collector of the statistics of a guard. The hot path only increments integers."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def collect(self) -> Iterator[Metric]:
        """Return all metrics with their present values.

        No label contains a principal, an address or a secret.
        """
        guard = self._guard
        statistics = guard.statistics
        connections, kept = len(guard.registry), guard.buffers.total
        yield _gauge("connections", "Open connections.", connections)
        yield _gauge("buffered_bytes", "Bytes that are kept for all connections.", kept)
        admitted = CounterMetricFamily(
            "stormdoor_handshakes_admitted", "Accepted handshakes.", labels=["kind"]
        )
        for kind, count in statistics.admitted.items():
            admitted.add_metric([kind], count)
        yield admitted
        for name, text, counts in (
            ("stormdoor_handshakes_refused", "Refused handshakes.", statistics.refused),
            ("stormdoor_messages_refused", "Refused messages.", statistics.rejected),
            ("stormdoor_connections_ended", "Connections that the guard ended.", statistics.closed),
        ):
            family = CounterMetricFamily(name, text, labels=["cause"])
            for denial, count in counts.items():
                family.add_metric([denial.value], count)
            yield family
        trail = guard.trail
        yield _counter("messages", "Allowed incoming messages.", statistics.messages)
        yield _counter("messages_held", _HELD, statistics.held)
        yield _gauge("fenced", _FENCED, int(guard.fence.raised))
        yield _counter("fences", _FENCES, statistics.fences)
        yield _counter("connections_fenced", _HELD_BEHIND, statistics.fenced)
        yield _counter("delivered", "Outgoing messages.", statistics.delivered)
        yield _counter("withheld", _WITHHELD, statistics.withheld)
        yield _counter("trail_written", "Entries of the trail.", trail.written)
        yield _counter("trail_lost", "Entries of the trail that were lost.", trail.lost)
        yield _counter("trail_merged", _MERGED, trail.merged)
        yield _gauge("trail_over_budget", _OVER_BUDGET, int(trail.over_budget))
        yield _gauge("trail_waiting", "Entries that wait to be written.", len(trail))
        yield _gauge("store_alarm", _ALARM, int(guard.space.alarm))
        space = guard.space.last
        used = GaugeMetricFamily("stormdoor_store_bytes", "Size of the store, if it is a file.")
        free = GaugeMetricFamily(
            "stormdoor_store_free_bytes", "What the disk of the store has left."
        )
        if space is not None:
            used.add_metric([], space.used)
            if space.free is not None:
                free.add_metric([], space.free)
        yield used
        yield free
        yield from self._breakers()

    def _breakers(self) -> Iterator[Metric]:
        found: dict[tuple[str, str], tuple[bool, int]] = {}
        for one in self._guard.managed_resources:
            for state in one.breakers() if isinstance(one, Watched) else ():
                # Two authenticators of one provider are one series: a second sample of it would be an error.
                key = (state.issuer, state.question)
                opened, openings = found.get(key, (False, 0))
                found[key] = (opened or state.opened, openings + state.openings)
        labels = ["issuer", "question"]
        gauge = GaugeMetricFamily(
            "stormdoor_breaker_open",
            "1 while a provider that does not answer is left alone.",
            labels=labels,
        )
        counter = CounterMetricFamily(
            "stormdoor_breaker_openings", "Times that this has begun.", labels=labels
        )
        for key, (opened, openings) in found.items():
            gauge.add_metric(key, int(opened))
            counter.add_metric(key, openings)
        yield gauge
        yield counter


def exposition(guard: Guard) -> bytes:
    """Return the metrics of `guard` in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(GuardCollector(guard))
    return generate_latest(registry)
