"""Rates of many keys, in bounded memory."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.bucket import Rate, spend
from stormdoor.guard.rate_limiter import KeyedRateLimiter, LocalRateLimits
from stormdoor.testing.contract import NewRateLimits, RateLimitsContract


def test_each_key_has_its_own() -> None:
    """Each key has its own limit."""
    limiter = KeyedRateLimiter(Rate.parse("2/s"))
    assert [limiter.spend("a", 0.0) for _ in range(3)] == [True, True, False]
    assert limiter.spend("b", 0.0)


def test_it_says_how_long_to_wait() -> None:
    """After so many seconds, and not before, there is a unit again."""
    limiter = KeyedRateLimiter(Rate.parse("2/s"))
    assert limiter.wait("a", 0.0) == 0.0
    while limiter.spend("a", 0.0):
        pass
    wait = limiter.wait("a", 0.0)
    assert wait == pytest.approx(0.5)
    assert not limiter.spend("a", wait - 0.01)
    assert limiter.spend("a", wait)


def test_memory_is_bounded_and_the_busy_are_remembered() -> None:
    """Many addresses push out the ones that have been silent longest, not the one that floods."""
    limiter = KeyedRateLimiter(Rate.parse("1000/s"), capacity=10)
    for one in range(1000):
        limiter.spend("flood", 0.0)
        limiter.spend(f"other-{one}", 0.0)
        assert len(limiter) <= 10
    assert not limiter.spend("flood", 0.0)


def test_a_clock_set_back_refuses() -> None:
    """A time before the last one adds nothing to the limit."""
    limiter = KeyedRateLimiter(Rate.parse("1/s"))
    assert limiter.spend("a", 100.0)
    assert not limiter.spend("a", 50.0)


@given(
    st.sampled_from(["1/s", "5/s burst 20", "100/min"]),
    st.lists(
        st.tuples(
            st.floats(min_value=-1e3, max_value=1e9) | st.just(math.nan),
            st.floats(min_value=-2.0, max_value=30.0) | st.just(math.nan),
        ),
        max_size=20,
    ),
)
def test_it_decides_as_the_reference(rate: str, steps: list[tuple[float, float]]) -> None:
    """The inlined arithmetic and `core.bucket.spend` agree, also for clocks set back and costs below zero."""
    limit, tat = Rate.parse(rate), 0.0
    limiter = KeyedRateLimiter(limit)
    for now, cost in steps:
        after = spend(tat, now, limit, cost)
        assert limiter.spend("a", now, cost) is (after is not None)
        tat = tat if after is None else after


class TestLocalRateLimits(RateLimitsContract):
    @pytest.fixture
    def new_rate_limits(self) -> NewRateLimits:
        return lambda: (LocalRateLimits(),) * 2
