"""A bucket against a second opinion: exact fractions, every window, every clock."""

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.bucket import Rate, retry_after, spend

SLACK = 1e-6  # seconds that a bucket forgives the floats

rates = st.builds(
    lambda count, seconds, burst: Rate.parse(f"{count}/{seconds}s burst {burst}"),
    st.integers(1, 100_000),
    st.integers(1, 60),
    st.integers(1, 1000),
)
starts = st.sampled_from([0.0, 1.0, 1e3, 1e6, 3e7, 1.8e9])
waits = st.sampled_from([0.0, 1e-6, 0.01]) | st.floats(0, 100)
costs = st.sampled_from([1.0]) | st.integers(1, 50).map(float) | st.floats(0, 50)


class Fractions:
    """A token bucket in exact arithmetic: it is full at first, and refills as time passes."""

    def __init__(self, rate: Fraction, burst: int) -> None:
        self.rate, self.burst = rate, Fraction(burst)
        self.level, self.seen = self.burst, Fraction(0)

    def spend(self, now: Fraction, cost: Fraction) -> bool:
        """Take `cost` at `now`, if there is so much."""
        self.level = min(self.burst, self.level + (now - self.seen) * self.rate)
        self.seen = now
        if cost > self.level:
            return False
        self.level -= cost
        return True


@given(
    st.sampled_from([1, 2, 4, 8, 16]),
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 12)), max_size=60),
)
def test_it_agrees_with_a_token_bucket(per: int, burst: int, steps: list[tuple[int, int]]) -> None:
    """For times and costs without rounding, each answer equals that of an exact token bucket."""
    rate = Rate.parse(f"{per}/s burst {burst}")
    exact = Fractions(Fraction(per), burst)
    tat = now = 0.0
    for sixteenths, halves in steps:
        now += sixteenths / 64
        cost = halves / 2
        after = spend(tat, now, rate, cost)
        assert (after is not None) is exact.spend(Fraction(now), Fraction(cost))
        tat = tat if after is None else after


@given(rates, starts, st.lists(st.tuples(waits, costs), max_size=40))
def test_no_window_holds_more(rate: Rate, now: float, steps: list[tuple[float, float]]) -> None:
    """In any window of time, the allowed cost is at most the burst plus the rate times the window."""
    tat = 0.0
    passed: list[tuple[float, float]] = []
    for wait, cost in steps:
        now += wait
        after = spend(tat, now, rate, cost)
        if after is not None:
            tat = after
            passed.append((now, cost))
    for first in range(len(passed)):
        total = 0.0
        for moment, cost in passed[first:]:
            total += cost
            window = moment - passed[first][0] + SLACK
            allowed = rate.burst + window / rate.interval
            assert total <= allowed + 1e-6 * (1 + allowed)


@given(rates, starts, st.lists(st.tuples(st.floats(-50, 50), costs), max_size=40))
def test_clock_jumps_allow_no_more_requests(
    rate: Rate, start: float, steps: list[tuple[float, float]]
) -> None:
    """However the clock is set, no more passes than if it had run on to its furthest reading."""
    tat, now, furthest, total = 0.0, start, start, 0.0
    first: float | None = None
    for jump, cost in steps:
        now = max(0.0, now + jump)
        furthest = max(furthest, now)
        after = spend(tat, now, rate, cost)
        if after is not None:
            tat = after
            total += cost
            first = now if first is None else first
    if first is not None:
        allowed = rate.burst + (furthest - first + SLACK) / rate.interval
        assert total <= allowed + 1e-6 * (1 + allowed)


# Any float, but finite times only as far as a float still tells milliseconds apart.
anything = st.floats(allow_nan=True, allow_infinity=True)
times = st.floats(0, 1e10) | st.sampled_from([math.nan, math.inf, -math.inf])


@given(times, times, rates, anything)
def test_no_number_opens_a_bucket(tat: float, now: float, rate: Rate, cost: float) -> None:
    """For any floats, an allowed cost is between zero and the burst, and the bucket is charged for it."""
    after = spend(tat, now, rate, cost)
    if after is None:
        return
    assert math.isfinite(after)
    assert after >= now
    assert after >= tat
    assert -SLACK < cost * rate.interval <= rate.tolerance + 2 * SLACK


@given(rates, starts, st.floats(0, 100), st.integers(1, 1000))
def test_retry_after_is_long_enough(rate: Rate, now: float, ahead: float, cost: int) -> None:
    """A client that waits for `retry_after` is admitted, if the cost fits the burst."""
    whole = min(float(cost), math.floor(rate.burst))
    tat = now + min(ahead, rate.tolerance)
    wait = retry_after(tat, now, rate, whole)
    assert wait >= 0.0
    assert spend(tat, now + wait, rate, whole) is not None


@given(
    st.integers(1, 10**6),
    st.integers(1, 9999),
    st.sampled_from([("s", 1), ("min", 60), ("h", 3600), ("d", 86400)]),
    st.none() | st.integers(1, 10**6),
)
def test_a_rate_is_read_as_written(
    count: int, many: int, unit: tuple[str, int], burst: int | None
) -> None:
    """Every rate that can be written means what it says."""
    name, seconds = unit
    rate = Rate.parse(f"{count}/{many}{name}" + (f" burst {burst}" if burst else ""))
    assert math.isclose(rate.interval, many * seconds / count)
    assert math.isclose(rate.burst, burst or count)
