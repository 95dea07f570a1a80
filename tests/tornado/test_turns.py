"""Work that can wait, a little of it in each turn of the loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from stormdoor.tornado.fast.turns import Turns
from tests.tornado.wire import log_lines


class Loop:
    """A loop whose clock moves only when work is done."""

    def __init__(self) -> None:
        self.now = 0.0
        self.soon: deque[Callable[[], None]] = deque()

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def turn(self) -> None:
        """What is due now, and nothing that is asked for meanwhile."""
        for _ in range(len(self.soon)):
            self.soon.popleft()()


def made() -> tuple[Loop, Turns, list[int], Callable[[int, float], Callable[[], None]]]:
    """A loop, its turns, what was done, and a maker of work that takes some seconds."""
    loop, done = Loop(), list[int]()

    def work(number: int, seconds: float) -> Callable[[], None]:
        def run() -> None:
            loop.now += seconds
            done.append(number)

        return run

    return loop, Turns(cast(asyncio.AbstractEventLoop, loop)), done, work


def test_much_work_leaves_the_others_their_turns() -> None:
    """In its order, and not all at once."""
    loop, turns, done, work = made()
    for number in range(100):
        turns.add(work(number, 0.0005))
    assert done == []
    loop.turn()
    assert done == list(range(5))
    while loop.soon:
        assert len(loop.soon) == 1
        loop.turn()
    assert done == list(range(100))
    assert len(turns) == 0


def test_one_piece_of_work_is_done_however_long_it_takes() -> None:
    """Otherwise nothing would ever be done."""
    loop, turns, done, work = made()
    turns.add(work(1, 60.0))
    turns.add(work(2, 60.0))
    loop.turn()
    assert done == [1]
    loop.turn()
    assert done == [1, 2]
    assert not loop.soon


def test_what_is_added_meanwhile_waits_for_another_turn() -> None:
    """So that work which makes work cannot keep the loop."""
    loop, turns, done, work = made()
    turns.add(lambda: turns.add(work(2, 0.0)))
    loop.turn()
    assert done == []
    loop.turn()
    assert done == [2]


def test_work_that_fails_is_logged_and_the_others_are_done() -> None:
    """One socket must not keep the others open."""
    loop, turns, done, work = made()
    turns.add(lambda: 1 / 0)  # type: ignore[arg-type]
    turns.add(work(2, 0.0))
    with log_lines("stormdoor") as lines:
        loop.turn()
    assert done == [2]
    assert any("ZeroDivisionError" in line for line in lines)


def test_all_of_it_is_done_when_the_loop_is_about_to_end() -> None:
    """What it makes, too."""
    loop, turns, done, work = made()
    for number in range(100):
        turns.add(work(number, 1.0))
    turns.add(lambda: turns.add(work(100, 1.0)))
    turns.finish()
    assert done == list(range(101))
    loop.turn()
    assert done == list(range(101))
    assert not loop.soon
