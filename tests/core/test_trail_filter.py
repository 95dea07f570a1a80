"""Filters of the trail, and the cursors of their pages."""

import math

import pytest

from stormdoor.core.event import Entry, Event, seal
from stormdoor.core.trail_filter import Cursor, TrailFilter, TrailPage, part_of


def _entry(**changes: str) -> Entry:
    return seal(Event(time=1.5, name="x", **changes), seq=1, previous="0" * 64, salt="0" * 32)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "cursor", [Cursor(0, 0.0), Cursor(7, 0.1 + 0.2), Cursor(2**63 - 1, -1e308)]
)
def test_cursor_comes_back_as_it_was(cursor: Cursor) -> None:
    """A cursor is a text for a command, without loss."""
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "7/",
        "/1.0",
        "x/1.0",
        "7/x",
        "-1/1.0",
        f"{2**63}/1.0",
        "7/nan",
        "7/inf",
        "7/1/2",
        "9" * 5_000,
    ],
    ids=lambda text: text[:20],
)
def test_malformed_cursor(text: str) -> None:
    """A text that is no cursor is an error; none has a number that a database cannot hold."""
    with pytest.raises(ValueError):  # noqa: PT011 - of int, float or our own
        Cursor.parse(text)


@pytest.mark.parametrize(
    "text", ["a", '"', "\\", '","cause":"', "\0", "\u202e", "\ud800", "a" * 10_000], ids=ascii
)
@pytest.mark.parametrize("field", ["cause", "endpoint", "node", "address", "ref", "tenant"])
def test_a_part_is_in_entries_with_that_field_alone(field: str, text: str) -> None:
    """The part of a filter is in a sealed entry with the value, and in none with the value elsewhere."""
    # Half a surrogate pair is stored written out.
    stored = text.encode("utf-8", "backslashreplace").decode()
    wanted = TrailFilter(**{field: text})  # type: ignore[arg-type]
    [part] = wanted.body + wanted.personal
    entry = _entry(**{field: stored})
    assert part in (entry.body + (entry.personal or b""))
    spoof = f'"{field}":"{stored}"'
    for other in {"cause", "endpoint", "permission", "detail", "user_agent"} - {field}:
        entry = _entry(**{other: spoof})
        assert part not in (entry.body + (entry.personal or b""))
    assert part == part_of(field, text)


def test_event_is_the_name_of_the_event() -> None:
    """The filter `event` compares the field `name`."""
    assert TrailFilter(event="x").body == [b'"name":"x"']


def test_times() -> None:
    """A time is within a filter from `since` on and before `until`; NaN is an error."""
    assert not TrailFilter().is_timed
    assert TrailFilter().includes(0.0)
    wanted = TrailFilter(since=1.0, until=2.0)
    assert wanted.is_timed
    assert [wanted.includes(at) for at in (0.9, 1.0, 1.9, 2.0)] == [False, True, True, False]
    assert TrailFilter(until=math.inf).includes(1e308)
    for name in ("since", "until"):
        with pytest.raises(ValueError, match=f"{name}: NaN is no time"):
            TrailFilter(**{name: math.nan})  # type: ignore[arg-type]


def test_page_is_a_list_with_a_cursor() -> None:
    """An empty page may still have a cursor."""
    assert TrailPage() == []
    assert TrailPage().cursor is None
    page = TrailPage([_entry()], Cursor(1, 1.5))
    assert (len(page), page.cursor) == (1, Cursor(1, 1.5))
