"""The lease of a node: it counts from the question, lapses at once, and is compared at use."""

from __future__ import annotations

import math

import pytest

from stormdoor import ConfigurationError
from stormdoor.core.lease import BOUNDS, LAPSED, Lease, bound_of, check_hold, read_freshness
from stormdoor.ports.clock import SystemClock, readings
from tests.support.clock import FakeClock


def test_a_finite_lease_has_lapsed_until_its_first_renewal() -> None:
    """A node that has never heard from its store lets nothing pass."""
    lease = Lease(0.4)
    assert lease.has_lapsed(0.0)
    lease.renew(10.0)
    assert not lease.has_lapsed(10.39)
    assert lease.has_lapsed(10.4)


def test_an_infinite_lease_never_lapses() -> None:
    """A store of one process has no other process that could revoke anything."""
    lease = Lease()
    lease.lapse()
    assert not lease.has_lapsed(1e12)
    lease.renew(5.0)
    assert lease.until == math.inf
    assert lease.tolerating(5.0) is lease


def test_the_readings_of_a_lease_are_those_of_its_clock() -> None:
    """Each `next()` reads the clock anew, also for a lease that tolerates older revocations."""
    clock = FakeClock()
    lease = Lease(0.4, readings(clock))
    for one in (lease, lease.tolerating(5.0)):
        assert next(one.readings) == clock.monotonic()
        clock.advance(1.0)
        assert next(one.readings) == clock.monotonic()


def test_the_readings_of_the_clock_of_this_machine() -> None:
    """They are of the same clock as a call, which counts the time of a suspension."""
    clock = SystemClock()
    times = readings(clock)
    found = [clock.monotonic(), next(times), next(times), clock.monotonic()]
    assert found == sorted(found)


def test_readings_without_a_clock() -> None:
    """A lease of finite length without a clock has lapsed; one of infinite length never does."""
    lease = Lease(0.4)
    lease.renew(10.0)
    assert next(lease.readings) >= lease.until
    assert next(LAPSED.readings) >= LAPSED.until
    assert next(Lease().readings) < Lease().until


def test_bound_is_the_lease_and_a_tenth_of_a_second() -> None:
    """The bound after a revocation, in seconds and in words."""
    assert bound_of(0.4) == 0.5
    assert bound_of(2.0) == 2.1
    assert BOUNDS == "0.5 s on PostgreSQL and 2.1 s on SQLite"


def test_a_lease_counts_from_the_question() -> None:
    """An answer that took 300 ms leaves 100 ms of a lease of 400 ms."""
    lease = Lease(0.4)
    lease.renew(asked_at=10.0)
    assert lease.until == 10.4
    lease.renew(asked_at=9.0)
    assert lease.until == 10.4


def test_a_node_that_has_missed_revocations_ends_its_lease() -> None:
    """After `lapse`, only a later question renews the lease."""
    lease = Lease(0.4)
    lease.renew(10.0)
    lease.lapse()
    assert lease.has_lapsed(10.0)
    lease.renew(10.2)
    assert not lease.has_lapsed(10.5)


def test_each_renewal_is_reported() -> None:
    """The fence ends with the renewal, not with the next tick of a timer."""
    lease, renewals = Lease(0.4), []
    lease.on_renewal = lambda: renewals.append(lease.until)
    lease.renew(10.0)
    lease.renew(10.1)
    assert renewals == [10.4, 10.5]


def test_an_endpoint_tolerates_older_revocations() -> None:
    """Its lease is renewed with that of the node, lapses later, and is one object for all such endpoints."""
    lease = Lease(0.4)
    lease.renew(10.0)
    longer = lease.tolerating(5.0)
    assert longer.until == pytest.approx(15.0)
    lease.renew(12.0)
    assert (longer.until, lease.until) == (17.0, 12.4)
    assert lease.tolerating(5.0) is longer
    assert lease.tolerating(0.0) is lease.tolerating(0.4) is lease
    lease.lapse()
    assert longer.has_lapsed(12.0)
    assert lease.tolerating(7.0).has_lapsed(12.0)


def test_an_endpoint_without_a_bound_never_lapses() -> None:
    """`freshness = "none"`: a connection goes on with what the node knew last."""
    lease = Lease(0.4)
    boundless = lease.tolerating(math.inf)
    assert not boundless.has_lapsed(1e12)
    lease.renew(10.0)
    lease.lapse()
    assert not boundless.has_lapsed(1e12)


def test_no_endpoint_is_fresher_than_the_lease() -> None:
    """A shorter time would fence the endpoint between two heartbeats."""
    with pytest.raises(ConfigurationError, match=r'freshness = "0\.1" is shorter than the lease'):
        Lease(0.4).tolerating(0.1)


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_a_lease_lasts_longer_than_nothing(seconds: float) -> None:
    """A lease of no length would fence the node for good; one of NaN seconds would never lapse."""
    with pytest.raises(ValueError, match="longer than 0 seconds"):
        Lease(seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("strict", 0.0), ("none", math.inf), ("5", 5.0), ("2.5", 2.5), ("3600", 3600.0)],
)
def test_freshness_of_an_endpoint(text: str, seconds: float) -> None:
    """Two words, or seconds."""
    assert read_freshness(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Strict",
        "0",
        "0.0",
        "-1",
        "nan",
        "inf",
        "1e3",
        "5s",
        "3600.1",
        "1.2.3",
        "\u0665",
        " 5",
        ".",
    ],
)
def test_a_freshness_that_is_not_one(text: str) -> None:
    """A mistyped value stops the start: it must not weaken the bound silently."""
    with pytest.raises(ConfigurationError, match="freshness must be"):
        read_freshness(text)


def test_a_freshness_that_is_no_text() -> None:
    """A number in Python is refused like any other mistake, not read as seconds."""
    with pytest.raises(ConfigurationError, match="freshness must be"):
        read_freshness(5)


@pytest.mark.parametrize("seconds", [0.0, 10.0, 300.0])
def test_a_hold(seconds: float) -> None:
    """From no hold to five minutes."""
    check_hold(seconds)


@pytest.mark.parametrize("seconds", [-0.1, 300.1, math.nan, math.inf])
def test_a_hold_that_is_no_time(seconds: float) -> None:
    """It would close every socket at once, or keep all of them silent."""
    with pytest.raises(ConfigurationError, match="hold_seconds must be 0 to 300"):
        check_hold(seconds)


def test_a_lease_lapses_while_the_loop_is_not_seen_to_run() -> None:
    """It lapses early, and its rest does not return: only a renewal does."""
    lease = Lease(2.0)
    lease.keep(10.0, 10.4)
    assert lease.until == float("-inf")
    lease.renew(10.0)
    assert lease.until == 10.4
    lease.keep(10.1, 10.5)
    assert lease.until == 10.5
    lease.keep(10.5, 10.9)
    assert lease.has_lapsed(10.5)
    lease.renew(10.5)
    assert lease.until == 10.9
    lease.keep(10.6, float("inf"))
    assert lease.until == 12.5


def test_what_a_lease_kept_is_lost_with_it() -> None:
    """After another log was found, the time that was confirmed before counts no more."""
    lease = Lease(2.0)
    lease.renew(10.0)
    lease.keep(10.1, 10.5)
    lease.lapse()
    lease.renew(9.0)
    assert lease.until == 10.5
    lease.keep(10.2, float("inf"))
    assert lease.until == 11.0
