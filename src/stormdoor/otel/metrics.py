"""Metrics for OpenTelemetry: the measurements that Prometheus gets, with the same names."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from opentelemetry.metrics import (
    CallbackOptions,
    Meter,
    MeterProvider,
    Observation,
    get_meter,
)

from stormdoor.core.histogram import Histogram
from stormdoor.runtime.guard import Guard
from stormdoor.runtime.measurements import Family, measure

__all__ = ["export_measurements"]


def export_measurements(guard: Guard, provider: MeterProvider | None) -> None:
    """Create the instruments of all measurements.

    Counters and gauges are read at each collection. A histogram gets each duration when it is counted.
    """
    meter = get_meter("stormdoor", meter_provider=provider)
    for family in measure(guard):
        if family.kind == "histogram":
            _add_histogram(meter, family)
            continue
        of_kind = (
            meter.create_observable_counter
            if family.kind == "counter"
            else meter.create_observable_gauge
        )
        of_kind(
            family.name,
            callbacks=[functools.partial(_observe, guard, family.name)],
            unit=family.unit,
            description=family.text,
        )


def _add_histogram(meter: Meter, family: Family) -> None:
    histograms = [(labels, one) for labels, one in family.samples if isinstance(one, Histogram)]
    if not histograms:
        return  # a guard without authenticators verifies no credential
    instrument = meter.create_histogram(
        family.name,
        unit=family.unit,
        description=family.text,
        explicit_bucket_boundaries_advisory=histograms[0][1].bounds,
    )
    for labels, one in histograms:
        attributes = dict(zip(family.labels, labels, strict=True))
        one.listener = functools.partial(instrument.record, attributes=attributes)


def _observe(guard: Guard, name: str, _options: CallbackOptions) -> Iterable[Observation]:
    return [
        Observation(value, dict(zip(family.labels, labels, strict=True)))
        for family in measure(guard)
        if family.name == name
        for labels, value in family.samples
        if not isinstance(value, Histogram)
    ]
