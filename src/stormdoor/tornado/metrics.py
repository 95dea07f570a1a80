"""Prometheus metrics: the measurements of the guard, read at each scrape."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from stormdoor.core.histogram import Histogram
from stormdoor.runtime.guard import Guard
from stormdoor.runtime.measurements import Family, measure

__all__ = ["GuardCollector", "exposition"]


class GuardCollector(Collector):
    """Collector of the statistics of a guard. The hot path only increments integers."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def collect(self) -> Iterator[Metric]:
        """Return all metrics with their present values.

        No label contains a principal, an address or a secret.
        """
        return map(_metric, measure(self._guard))


def _metric(family: Family) -> Metric:
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.text, labels=family.labels)
        for labels, value in family.samples:
            if isinstance(value, Histogram):
                buckets = [
                    ("+Inf" if bound == inf else repr(float(bound)), count)
                    for bound, count in value.cumulative()
                ]
                histogram.add_metric(labels, buckets, sum_value=value.total)
        return histogram
    of_kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = of_kind(family.name, family.text, labels=family.labels)
    for labels, value in family.samples:
        if not isinstance(value, Histogram):
            metric.add_metric(labels, value)
    return metric


def exposition(guard: Guard) -> bytes:
    """Return the metrics of `guard` in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(GuardCollector(guard))
    return generate_latest(registry)
