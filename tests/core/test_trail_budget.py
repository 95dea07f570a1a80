"""The budget counts at least the bytes that an entry takes, for any text."""

import pytest

from stormdoor.core.event import Event, encodable, seal
from stormdoor.core.trail_budget import (
    DAY_BYTES,
    LEAST_BYTES,
    burst_bytes,
    check_budget,
    file_bytes,
    left,
    take,
)
from stormdoor.errors import ConfigurationError

BURST_BYTES = burst_bytes()


@pytest.mark.parametrize("text", ["", "a" * 2_000, "\u2603" * 500, "\ud800" * 500])
def test_no_text_is_cheaper_than_its_entry(text: str) -> None:
    """Half surrogate pairs are stored written out, six bytes each, and are paid for in that form."""
    event = Event(time=1.0, name="authn_login_fail", user_agent=text)
    entry = seal(event, seq=1, previous="0" * 64, salt="0" * 32)
    assert entry.personal is not None
    assert file_bytes(event) >= len(entry.personal) + len(entry.body)
    assert file_bytes(event) == file_bytes(encodable(event))


def test_entries_are_paid_for_in_their_order() -> None:
    """The first entries that fit are taken; the rest of the batch is not."""
    third = BURST_BYTES // 3
    taken, spent_until = take(0.0, 1_000.0, [third, third, third, third])
    assert taken == 3
    assert left(spent_until, 1_000.0) < third
    assert take(spent_until, 1_000.0, [third]) == (0, spent_until)


def test_a_day_refills_the_budget() -> None:
    """After the burst the budget is empty; after twelve hours half of it is back, after a day all."""
    _, spent_until = take(0.0, 1_000.0, [BURST_BYTES])
    assert left(spent_until, 1_000.0) == 0
    assert left(spent_until, 1_000.0 + 43_200.0) == pytest.approx(BURST_BYTES / 2, abs=2)
    assert left(spent_until, 1_000.0 + 86_400.0) == BURST_BYTES


def test_the_state_is_a_share_of_the_budget() -> None:
    """A process with another budget finds the same share spent."""
    _, spent_until = take(0.0, 1_000.0, [BURST_BYTES // 2])
    double = 2 * DAY_BYTES
    assert left(spent_until, 1_000.0, double) == pytest.approx(burst_bytes(double) / 2, abs=2)


def test_a_budget_that_is_too_small() -> None:
    """A budget that would leave nothing beside the log of the file is refused."""
    check_budget(LEAST_BYTES)
    assert burst_bytes(LEAST_BYTES) == 4 * 2**20
    with pytest.raises(ConfigurationError, match="trail_budget_bytes must be at least"):
        check_budget(LEAST_BYTES - 1)


def test_an_entry_that_must_be_kept_leaves_a_bounded_debt() -> None:
    """`at_least` entries are paid for in any case; the debt ends an hour after a full refill."""
    taken, spent_until = take(0.0, 1_000.0, [10 * BURST_BYTES, 1], 1)
    assert (taken, spent_until) == (1, 1_000.0 + 86_400.0 + 3_600.0)
