"""The bound of the send queue of a client that reads slowly."""

from __future__ import annotations

import asyncio
import gc
from asyncio import Future

from stormdoor.tornado.send_queue import SendQueue
from tests.tornado.wire import log_lines


async def test_what_has_gone_out_does_not_wait() -> None:
    """An idle connection keeps nothing."""
    backlog = SendQueue(100)
    for size in (10, 20, 30):
        written: Future[None] = Future()
        assert backlog.fits(size)
        backlog.add(size, written, 1.0)
        written.set_result(None)
    assert backlog.stalled_since() is None
    assert backlog.waiting == 0


async def test_the_bound_is_kept() -> None:
    """Waiting and new bytes together stay below the bound; an empty queue takes a message of any size."""
    backlog = SendQueue(100)
    assert backlog.fits(1000)
    backlog.add(60, Future(), 1.0)
    assert backlog.fits(40)
    assert not backlog.fits(41)


async def test_a_part_that_has_gone_out_makes_room() -> None:
    """Writes are in order: when the first is done, what was counted up to it has gone."""
    backlog = SendQueue(100)
    first: Future[None] = Future()
    second: Future[None] = Future()
    backlog.add(60, first, 1.0)
    backlog.add(40, second, 2.0)
    assert not backlog.fits(1)
    first.set_result(None)
    assert backlog.fits(60)
    assert not backlog.fits(61)
    second.set_result(None)
    assert backlog.fits(1000)


async def test_a_failed_write_has_gone_as_well() -> None:
    """A closed stream keeps nothing waiting."""
    backlog = SendQueue(100)
    written: Future[None] = Future()
    backlog.add(100, written, 1.0)
    written.set_exception(OSError())
    written.exception()
    assert backlog.fits(100)


async def test_it_says_since_when_nothing_has_gone_out() -> None:
    """From the first write that waits, and again from the next when that one has gone."""
    backlog = SendQueue(100)
    first: Future[None] = Future()
    backlog.add(10, first, 5.0)
    backlog.add(10, Future(), 6.0)
    assert backlog.stalled_since() == 5.0
    first.set_result(None)
    assert backlog.stalled_since() == 6.0


async def test_a_reader_that_stops_in_the_middle_is_found_without_another_write() -> None:
    """It read the first message and never another: nothing more need be sent to notice that."""
    backlog = SendQueue(100)
    writes: list[Future[None]] = [Future(), Future(), Future()]
    for at, written in enumerate(writes):
        backlog.add(10, written, float(at))
    writes[0].set_result(None)
    assert backlog.stalled_since() == 2.0
    writes[1].set_result(None)
    assert backlog.stalled_since() == 2.0
    writes[2].set_result(None)
    assert backlog.stalled_since() is None


async def test_a_client_that_leaves_does_not_fill_the_log() -> None:
    """A client that leaves causes no log line for the failed writes in its queue."""
    backlog = SendQueue(100)
    writes: list[Future[None]] = [Future() for _ in range(3)]
    for written in writes:
        backlog.add(10, written, 1.0)
    backlog.abandon()
    for written in writes:
        written.set_exception(OSError("gone"))
    await asyncio.sleep(0)
    with log_lines("asyncio") as lines:
        del writes, written
        backlog = SendQueue(1)
        await asyncio.sleep(0)
        gc.collect()
    assert lines == []
