"""A bucket gives its burst and then its rate, and no clock and no cost talks it into more."""

import math

import pytest

from stormdoor.core.bucket import Rate, retry_after, spend
from stormdoor.errors import ConfigurationError
from tests.support.effort import costs_less

ONE = Rate.parse("1/s burst 3")


@pytest.mark.parametrize(
    ("text", "interval", "burst"),
    [
        ("1/s", 1.0, 1),
        ("5/s", 0.2, 5),
        ("100/min", 0.6, 100),
        ("60/h", 60.0, 60),
        ("1/d", 86400.0, 1),
        ("10/30s", 3.0, 10),
        ("1/2h", 7200.0, 1),
        ("5/s burst 20", 0.2, 20),
        ("5/s burst 1", 0.2, 1),
        ("0.5/s", 2.0, 1),
        ("2.5/s", 0.4, 2.5),
        ("0.001/d", 86_400_000.0, 1),
        ("  5 / s  burst   20  ", 0.2, 20),
        ("131072/s burst 524288", 1 / 131072, 524288),
        ("999999999/s", 1 / 999999999, 999999999),
    ],
)
def test_a_rate_is_read(text: str, interval: float, burst: float) -> None:
    """A rate is a count, a time, and a burst that is the count if left out."""
    rate = Rate.parse(text)
    assert rate.interval == pytest.approx(interval)
    assert rate.burst == pytest.approx(burst)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "/s",
        "5/",
        "5/ms",
        "5/m",
        "5/S",
        "5 per s",
        "-5/s",
        "+5/s",
        "5/-1s",
        "0/s",
        "0.0/s",
        "5/0s",
        "5/s burst 0",
        "5/s burst",
        "5/s burst -1",
        "5/s burst 0.5",
        "5/s burst 1e9",
        "5/sburst20x",
        "5/s, 6/min",
        "5/s;10/min",
        "nan/s",
        "inf/s",
        "1e3/s",
        "0x5/s",
        "5./s",
        ".5/s",
        "1_000/s",
        "1,000/s",
        "\u0665/s",
        "5/s\x00",
        "5\u00a0/s",
        "9999999999/s",
        "1/9999999s",
        "5/s burst 9999999999",
    ],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    """A text that is not exactly a rate, or would be no limit at all, is refused."""
    with pytest.raises(ConfigurationError, match="is not a rate; write"):
        Rate.parse(text)


@pytest.mark.parametrize(
    "text", ["5/" + " " * 1_000_000 + "x", "5" * 1_000_000, "5/s" + " " * 1_000_000 + "b"]
)
def test_a_huge_text_is_refused_at_once(text: str) -> None:
    """No text makes the reader slow, and the error does not repeat all of it."""

    def refused() -> None:
        with pytest.raises(ConfigurationError) as caught:
            Rate.parse(text)
        assert len(str(caught.value)) < 200

    assert costs_less(0.5, refused)


@pytest.mark.parametrize(
    ("interval", "tolerance"),
    [
        (0.0, 1.0),
        (-1.0, 1.0),
        (1.0, 0.0),
        (1.0, 0.5),
        (1.0, -1.0),
        (math.nan, 1.0),
        (1.0, math.nan),
        (math.inf, math.inf),
        (1.0, math.inf),
        (0.0, 0.0),
    ],
)
def test_a_rate_that_limits_nothing_cannot_be_made(interval: float, tolerance: float) -> None:
    """No time for a unit would mean everything passes; less than one unit, that nothing does."""
    with pytest.raises(ConfigurationError, match="0 < interval <= tolerance"):
        Rate(interval, tolerance)


def burst_of(rate: Rate, now: float, tat: float = 0.0, cost: float = 1.0) -> int:
    """Return the number of times that `cost` can be taken at `now`."""
    taken = 0
    while (after := spend(tat, now, rate, cost)) is not None:
        tat, taken = after, taken + 1
    return taken


@pytest.mark.parametrize("now", [0.0, 1.0, 1e3, 1e6, 3e7, 1e9, 1.8e9])
@pytest.mark.parametrize("text", ["1/s burst 3", "20/s burst 40", "60/min burst 60", "7/3s"])
def test_the_burst_is_exact(text: str, now: float) -> None:
    """A rested bucket gives its whole burst at once and no unit more, however old the clock."""
    rate = Rate.parse(text)
    assert burst_of(rate, now) == round(rate.burst)


@pytest.mark.parametrize("now", [0.5, 1e3 + 1 / 3, 3e7 + 1 / 7, 1e8 + 0.1, 1.8e9 + 1 / 3])
@pytest.mark.parametrize("text", ["131072/s burst 524288", "1000/7s burst 333", "3/s burst 7"])
def test_the_whole_burst_fits_in_one_cost(text: str, now: float) -> None:
    """The largest message that the limits allow passes a rested bucket, however old the clock."""
    rate = Rate.parse(text)
    assert spend(0.0, now, rate, round(rate.burst)) is not None


def test_a_bucket_refills_at_its_rate() -> None:
    """After the burst there is one unit an interval, no matter how the waiting is cut up."""
    tat = spend(0.0, 100.0, ONE, 3.0)
    assert tat is not None
    assert burst_of(ONE, 100.9, tat) == 0
    assert burst_of(ONE, 101.0, tat) == 1
    assert burst_of(ONE, 102.5, tat) == 2
    assert burst_of(ONE, 1e6, tat) == 3


def test_a_refusal_costs_nothing() -> None:
    """A refused cost does not change the bucket."""
    tat = spend(0.0, 100.0, ONE, 3.0)
    assert tat is not None
    refused = [spend(tat, 100.0 + n / 10, ONE) for n in range(10)]
    assert refused == [None] * 10
    assert spend(tat, 101.0, ONE) == pytest.approx(104.0)


@pytest.mark.parametrize("cost", [3.1, 4.0, 1e9, math.inf, math.nan])
def test_more_than_the_burst_is_never_given(cost: float) -> None:
    """A cost above the burst, without bound, or that is no number, is refused at any time."""
    assert [spend(0.0, now, ONE, cost) for now in (0.0, 1e3, 1e12)] == [None, None, None]


@pytest.mark.parametrize("cost", [-1e-9, -1.0, -1e9, -math.inf])
def test_a_negative_cost_fills_nothing(cost: float) -> None:
    """A negative cost is refused, so it adds no units to the bucket."""
    assert spend(0.0, 100.0, ONE, cost) is None
    assert spend(102.0, 100.0, ONE, cost) is None


def test_a_cost_of_nothing_changes_nothing() -> None:
    """A cost of zero is allowed and leaves a bucket as full or empty as it was."""
    assert spend(103.0, 100.0, ONE, 0.0) == 103.0
    assert spend(0.0, 100.0, ONE, 0.0) == 100.0


@pytest.mark.parametrize("now", [math.nan, math.inf, -math.inf])
def test_a_broken_clock_refuses(now: float) -> None:
    """A time that is no time lets nothing pass."""
    assert spend(0.0, now, ONE) is None
    assert spend(100.0, now, ONE) is None


@pytest.mark.parametrize("tat", [math.nan, math.inf])
def test_a_broken_bucket_refuses(tat: float) -> None:
    """A stored value that is no time is not taken for a full bucket."""
    assert spend(tat, 100.0, ONE) is None


@pytest.mark.parametrize("back", [0.001, 1.0, 50.0, 1e6])
def test_a_clock_that_goes_back_gives_nothing(back: float) -> None:
    """Setting the clock back never fills an empty bucket; there and back again gains nothing."""
    tat = spend(0.0, 100.0, ONE, 3.0)
    assert tat is not None
    assert spend(tat, 100.0 - back, ONE) is None
    assert spend(tat, 100.0, ONE) is None


@pytest.mark.parametrize("cost", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("now", [100.0, 100.25, 101.9, 103.0, 200.0])
def test_retry_after_is_when_to_retry(cost: float, now: float) -> None:
    """Waiting for so long is enough, and waiting for less is not."""
    tat = 103.0
    wait = retry_after(tat, now, ONE, cost)
    assert spend(tat, now + wait, ONE, cost) is not None
    if wait > 0.0:
        assert spend(tat, now + wait - 0.001, ONE, cost) is None


@pytest.mark.parametrize(
    ("tat", "cost", "wait"),
    [(103.0, 1.0, 1.0), (103.5, 1.0, 1.5), (103.0, 2.5, 2.5), (101.0, 1.0, 0.0), (101.0, 2.5, 0.5)],
)
def test_retry_after_is_exact(tat: float, cost: float, wait: float) -> None:
    """The wait is what the bucket lacks, at the rate at which it refills."""
    assert retry_after(tat, 100.0, ONE, cost) == pytest.approx(wait)


def test_retry_after_is_for_one_unit() -> None:
    """Without a cost, `retry_after` is the time until one unit is available."""
    assert retry_after(103.0, 100.0, ONE) == 1.0


def test_retry_after_is_never_negative() -> None:
    """A full bucket asks for no patience."""
    assert retry_after(0.0, 100.0, ONE) == 0.0
    assert retry_after(0.0, 100.0, ONE, 0.0) == 0.0
