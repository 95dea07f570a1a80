"""Work that can wait, a little of it in each turn of the loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from stormdoor.tornado.fast.loop_queues import DeferredQueue
from tests.tornado.wire import log_lines


class Loop:
    """Event loop with a clock that moves only when the loop does work."""

    def __init__(self) -> None:
        self.now = 0.0
        self.soon: deque[Callable[[], None]] = deque()

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def turn(self) -> None:
        """Run the callbacks that are due now, and none that they add."""
        for _ in range(len(self.soon)):
            self.soon.popleft()()


def made() -> tuple[Loop, DeferredQueue, list[int], Callable[[int, float], Callable[[], None]]]:
    """A loop, its queue, what was done, and a maker of work that takes some seconds."""
    loop, done = Loop(), list[int]()

    def work(number: int, seconds: float) -> Callable[[], None]:
        def run() -> None:
            loop.now += seconds
            done.append(number)

        return run

    return loop, DeferredQueue(cast(asyncio.AbstractEventLoop, loop)), done, work


def test_much_work_leaves_the_others_their_turns() -> None:
    """In its order, and not all at once."""
    loop, queue, done, work = made()
    for number in range(100):
        queue.add(work(number, 0.0005))
    assert done == []
    loop.turn()
    assert done == list(range(5))
    while loop.soon:
        assert len(loop.soon) == 1
        loop.turn()
    assert done == list(range(100))
    assert len(queue) == 0


def test_close_frames_are_sent_before_sockets_are_closed() -> None:
    """While connections wait to be flushed, closing sockets gets a tenth of its time, but never none."""
    loop, _, done, work = made()
    waiting = ["a close frame"]
    queue = DeferredQueue(cast(asyncio.AbstractEventLoop, loop), lambda: bool(waiting))
    for number in range(20):
        queue.add(work(number, 0.0005))
    loop.turn()
    assert done == [0]
    loop.turn()
    assert done == [0, 1]
    waiting.clear()
    loop.turn()
    assert done == list(range(7))


def test_one_piece_of_work_is_done_however_long_it_takes() -> None:
    """Otherwise nothing would ever be done."""
    loop, queue, done, work = made()
    queue.add(work(1, 60.0))
    queue.add(work(2, 60.0))
    loop.turn()
    assert done == [1]
    loop.turn()
    assert done == [1, 2]
    assert not loop.soon


def test_what_is_added_meanwhile_waits_for_another_turn() -> None:
    """So that work which makes work cannot keep the loop."""
    loop, queue, done, work = made()
    queue.add(lambda: queue.add(work(2, 0.0)))
    loop.turn()
    assert done == []
    loop.turn()
    assert done == [2]


def test_work_that_fails_is_logged_and_the_others_are_done() -> None:
    """One socket must not keep the others open."""
    loop, queue, done, work = made()
    queue.add(lambda: 1 / 0)  # type: ignore[arg-type]
    queue.add(work(2, 0.0))
    with log_lines("stormdoor") as lines:
        loop.turn()
    assert done == [2]
    assert any("ZeroDivisionError" in line for line in lines)


def test_all_of_it_is_done_when_the_loop_is_about_to_end() -> None:
    """`finish` runs all jobs, also those that a job adds."""
    loop, queue, done, work = made()
    for number in range(100):
        queue.add(work(number, 1.0))
    queue.add(lambda: queue.add(work(100, 1.0)))
    queue.finish()
    assert done == list(range(101))
    loop.turn()
    assert done == list(range(101))
    assert not loop.soon
