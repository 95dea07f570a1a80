"""Durations are counted in ranges."""

from __future__ import annotations

import math

import pytest

from stormdoor.core.histogram import MICROSECONDS, SECONDS, Histogram


@pytest.mark.parametrize(
    ("seconds", "counts"),
    [
        (0.05, [1, 1, 1]),
        (0.1, [1, 1, 1]),  # a bound is inclusive, as `le` of Prometheus
        (0.11, [0, 1, 1]),
        (1.0, [0, 1, 1]),
        (2.0, [0, 0, 1]),
        (math.inf, [0, 0, 1]),
        (-3.0, [1, 1, 1]),
    ],
)
def test_a_duration_is_counted_in_its_range(seconds: float, counts: list[int]) -> None:
    """The first range that has an upper bound at or above it; one range has no bound."""
    histogram = Histogram((0.1, 1.0))
    histogram.observe(seconds)
    assert histogram.cumulative() == list(zip((0.1, 1.0, math.inf), counts, strict=True))
    assert histogram.total == max(seconds, 0.0)


def test_cumulative_counts_end_with_the_number_of_durations() -> None:
    """As Prometheus wants them: up to each bound, and up to infinity; each duration once."""
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.6, 0.01, 9.0, 0.5):
        histogram.observe(seconds)
    assert histogram.cumulative() == [(0.1, 1), (1.0, 3), (math.inf, 4)]
    histogram.observe(0.02)
    histogram.fold()
    histogram.fold()
    assert histogram.cumulative() == [(0.1, 2), (1.0, 4), (math.inf, 5)]
    assert histogram.total == pytest.approx(10.13)


def test_a_listener_gets_each_duration_once() -> None:
    """When they are counted."""
    heard: list[float] = []
    histogram = Histogram()
    histogram.listener = heard.append
    histogram.observe(0.2)
    histogram.observe(-1.0)
    assert heard == []
    histogram.fold()
    histogram.fold()
    assert heard == [0.0, 0.2]


@pytest.mark.parametrize("bounds", [SECONDS, MICROSECONDS])
def test_bounds_ascend(bounds: tuple[float, ...]) -> None:
    """Each once."""
    assert list(bounds) == sorted(set(bounds))
