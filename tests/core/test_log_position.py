"""Positions in the log of revocations: comparable within one epoch only."""

import pytest

from stormdoor.core.log_position import LogPosition, earlier

FIRST, SECOND, ELSEWHERE = LogPosition("a", 1), LogPosition("a", 2), LogPosition("b", 1)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (FIRST, SECOND, FIRST),
        (SECOND, FIRST, FIRST),
        (FIRST, FIRST, FIRST),
        (FIRST, ELSEWHERE, None),
        (None, FIRST, None),
        (FIRST, None, None),
        (None, None, None),
    ],
)
def test_the_earlier_position(
    one: LogPosition | None, other: LogPosition | None, expected: LogPosition | None
) -> None:
    """Two positions of one epoch have an order; without one, the caller must decide by time."""
    assert earlier(one, other) == expected


def test_included_positions() -> None:
    """A position includes itself and the earlier ones of its epoch."""
    assert SECOND.includes(FIRST)
    assert SECOND.includes(SECOND)
    assert not FIRST.includes(SECOND)
    assert not SECOND.includes(ELSEWHERE)
