"""Many who ask the same, many who ask something, and an endpoint that does not answer."""

from __future__ import annotations

import asyncio

import pytest

from stormdoor.auth.oauth.breaker import Breaker
from stormdoor.auth.oauth.bulkhead import Bulkhead
from stormdoor.auth.oauth.client import Unanswered
from stormdoor.auth.oauth.single_flight import SingleFlight
from stormdoor.errors import ConfigurationError
from tests.support.clock import FakeClock


class Endpoint:
    """Counts, holds and answers."""

    def __init__(self) -> None:
        self.calls = self.inside = self.most = 0
        self.go = asyncio.Event()
        self.go.set()
        self.says: str | Unanswered | BaseException = "yes"

    async def __call__(self) -> str | Unanswered:
        self.calls += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.go.wait()
        finally:
            self.inside -= 1
        if isinstance(self.says, BaseException):
            raise self.says
        return self.says


def calls_of(
    clock: FakeClock, *, failures: int = 3, parallel: int = 4, waiting: int = 8
) -> SingleFlight[str]:
    """Shared calls with small numbers."""
    return SingleFlight(
        Bulkhead(
            breaker=Breaker(failures=failures, open_seconds=10.0),
            monotonic=clock.monotonic,
            parallel=parallel,
            waiting=waiting,
        )
    )


async def test_one_question_one_call() -> None:
    """A thousand who ask the same get the same answer; the next question is a new one."""
    calls, endpoint = calls_of(FakeClock()), Endpoint()
    assert set(await asyncio.gather(*(calls.ask(b"q", endpoint) for _ in range(1000)))) == {"yes"}
    assert endpoint.calls == 1
    await calls.ask(b"q", endpoint)
    assert endpoint.calls == 2


async def test_cancelled_caller_does_not_cancel_the_call() -> None:
    """The first of those who wait goes; the others get the answer."""
    calls, endpoint = calls_of(FakeClock()), Endpoint()
    endpoint.go.clear()
    first, second = (asyncio.ensure_future(calls.ask(b"q", endpoint)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    assert first.cancelled()
    endpoint.go.set()
    assert await second == "yes"
    assert endpoint.calls == 1


async def test_limits_on_simultaneous_and_waiting_calls() -> None:
    """Calls beyond the limits on running and on waiting calls are refused."""
    calls, endpoint = calls_of(FakeClock()), Endpoint()
    endpoint.go.clear()
    asking = [asyncio.ensure_future(calls.ask(bytes([number]), endpoint)) for number in range(12)]
    for _ in range(3):
        await asyncio.sleep(0)
    assert endpoint.inside == 4
    refused = await calls.ask(b"one more", endpoint)
    assert isinstance(refused, Unanswered)
    assert "too many" in refused.reason
    endpoint.go.set()
    assert set(await asyncio.gather(*asking)) == {"yes"}
    assert endpoint.most == 4


@pytest.mark.parametrize("trouble", [Unanswered("down"), OSError("down"), RuntimeError("a bug")])
async def test_breaker_opens_after_failures(
    trouble: Unanswered | Exception,
) -> None:
    """After a few failures no call is sent; later one is; and its answer closes the breaker."""
    clock = FakeClock()
    calls, endpoint = calls_of(clock), Endpoint()
    endpoint.says = trouble
    for number in range(10):
        assert isinstance(await calls.ask(bytes([number]), endpoint), Unanswered)
    assert endpoint.calls == 3
    clock.advance(4)
    open_ = await calls.ask(b"q", endpoint)
    assert isinstance(open_, Unanswered)
    assert open_.retry_after == 6
    clock.advance(6)
    for number in range(10):
        await calls.ask(bytes([number]), endpoint)
    assert endpoint.calls == 4
    clock.advance(10)
    endpoint.says = "yes"
    assert await calls.ask(b"q", endpoint) == "yes"
    assert await calls.ask(b"r", endpoint) == "yes"


async def test_who_waited_does_not_ask_the_dead() -> None:
    """Those in the queue when it opened are let go without a call."""
    clock = FakeClock()
    calls, endpoint = calls_of(clock, failures=1, parallel=1), Endpoint()
    endpoint.says = Unanswered("down")
    found = await asyncio.gather(*(calls.ask(bytes([n]), endpoint) for n in range(8)))
    assert all(isinstance(one, Unanswered) for one in found)
    assert endpoint.calls == 1


async def test_closing_gives_up() -> None:
    """Nothing is left running, and a trial that was cut off does not keep the breaker open."""
    clock = FakeClock()
    calls, endpoint = calls_of(clock, failures=1), Endpoint()
    endpoint.says = Unanswered("down")
    await calls.ask(b"q", endpoint)
    clock.advance(10)
    endpoint.go.clear()
    asking = asyncio.ensure_future(calls.ask(b"q", endpoint))
    for _ in range(3):
        await asyncio.sleep(0)
    await calls.close()
    assert isinstance(await asking, Unanswered)
    assert calls.bulkhead._breaker.wait(clock.monotonic()) == 0.0


def test_no_calls_at_all() -> None:
    """Numbers that allow no call are refused."""
    with pytest.raises(ConfigurationError):
        calls_of(FakeClock(), parallel=0)
    with pytest.raises(ConfigurationError):
        calls_of(FakeClock(), waiting=-1)
