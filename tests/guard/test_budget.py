"""Rates of many keys, in bounded memory."""

from __future__ import annotations

import pytest

from stormdoor.core.bucket import Rate
from stormdoor.guard.budget import Budget


def test_each_key_has_its_own() -> None:
    """What one uses up, another still has."""
    budget = Budget(Rate.parse("2/s"))
    assert [budget.spend("a", 0.0) for _ in range(3)] == [True, True, False]
    assert budget.spend("b", 0.0)


def test_it_says_how_long_to_wait() -> None:
    """After so many seconds, and not before, there is a unit again."""
    budget = Budget(Rate.parse("2/s"))
    assert budget.wait("a", 0.0) == 0.0
    while budget.spend("a", 0.0):
        pass
    wait = budget.wait("a", 0.0)
    assert wait == pytest.approx(0.5)
    assert not budget.spend("a", wait - 0.01)
    assert budget.spend("a", wait)


def test_memory_is_bounded_and_the_busy_are_remembered() -> None:
    """Many addresses push out the ones that have been silent longest, not the one that floods."""
    budget = Budget(Rate.parse("1000/s"), capacity=10)
    for one in range(1000):
        budget.spend("flood", 0.0)
        budget.spend(f"other-{one}", 0.0)
        assert len(budget) <= 10
    assert not budget.spend("flood", 0.0)


def test_a_clock_set_back_refuses() -> None:
    """A time before the last one gives nobody more."""
    budget = Budget(Rate.parse("1/s"))
    assert budget.spend("a", 100.0)
    assert not budget.spend("a", 50.0)
