"""The queue by due time: it returns each name once, when it is due, and keeps no closed ones."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.due_queue import DueQueue

_TIMES = st.sampled_from([0.0, 1.0, 1.0, 2.5, 3.0, 7.0, math.inf])


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.sampled_from("abcd"), _TIMES),
            st.tuples(st.just("forget"), st.sampled_from("abcd"), st.just(0.0)),
            st.tuples(st.just("take"), st.just(""), _TIMES),
        ),
        max_size=40,
    )
)
def test_it_returns_what_is_due_and_nothing_else(steps: list[tuple[str, str, float]]) -> None:
    """Times move to earlier and later ones, names end, and equal times meet: as with a plain table."""
    queue, table = DueQueue(), dict[str, float]()
    for step, name, at in steps:
        if step == "put":
            queue.put(name, at)
            table[name] = at
        elif step == "forget":
            queue.forget(name)
            table.pop(name, None)
        else:
            due = sorted(
                (one, known) for known, one in table.items() if one <= at and one < math.inf
            )
            assert queue.take(at) == [known for _, known in due]
            for _, known in due:
                del table[known]
        table = {name: one for name, one in table.items() if one < math.inf}
        assert len(queue) == len(table)


def test_infinity_is_never_and_a_repeated_time_changes_nothing() -> None:
    """A name that is due at infinity is not kept, and the order is that of the times."""
    queue = DueQueue()
    for name, at in [("a", 3.0), ("b", 2.0), ("a", 3.0), ("c", 1.0), ("c", math.inf)]:
        queue.put(name, at)
    assert len(queue) == 2
    assert queue.take(math.inf) == ["b", "a"]


def test_times_that_move_and_names_that_end_leave_nothing_behind() -> None:
    """A name that moves ten thousand times, and ten thousand that end, do not stay in the heap."""
    queue = DueQueue()
    for at in range(10_000):
        queue.put("one", 1e6 - at)
        queue.put(f"other {at}", 1e6 + at)
        queue.forget(f"other {at}")
    assert len(queue._heap) < 1_100
    assert queue.take(1e6 - 9_999) == ["one"]
    assert queue.take(1e9) == []


def test_ten_thousand_that_are_due_at_once() -> None:
    """Each is returned once; what is put again while they are handled waits for the next call."""
    queue = DueQueue()
    names = [str(number) for number in range(10_000)]
    for name in names:
        queue.put(name, 5.0)
    assert queue.take(4.9) == []
    taken = queue.take(5.0)
    assert sorted(taken) == sorted(names)
    queue.put(taken[0], 5.0)
    assert queue.take(5.0) == taken[:1]
