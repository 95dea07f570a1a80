"""Contract of limits that several nodes may share."""

import asyncio
import time
from collections.abc import Callable

from stormdoor.core.bucket import Rate
from stormdoor.ports import RateLimits
from stormdoor.ports.rate_limits import answered
from stormdoor.testing.contract.support import eventually

__all__ = ["NewRateLimits", "RateLimitsContract"]

NewRateLimits = Callable[[], tuple[RateLimits, RateLimits]]
"""Makes the objects of two nodes that share new limits. In one process, both may be the same object."""


class RateLimitsContract:
    async def test_nodes_share_the_units(self, new_rate_limits: NewRateLimits) -> None:
        """INVARIANT: simultaneous calls on two nodes take exactly the units of the burst."""
        rate = Rate.parse("5/h")
        limits = [one.limit("handshakes_per_address", rate) for one in new_rate_limits()]
        now = time.monotonic()
        taken = await asyncio.gather(*(answered(limits[n % 2].spend("a", now)) for n in range(12)))
        assert sum(taken) == 5
        assert all(one is True or one is False for one in taken)

    async def test_keys_and_limits_are_separate(self, new_rate_limits: NewRateLimits) -> None:
        """A key that has no unit left affects neither other keys nor other limits."""
        one, other = new_rate_limits()
        rate, now = Rate.parse("1/h"), time.monotonic()
        handshakes, logins = one.limit("handshakes", rate), other.limit("logins", rate)
        assert await answered(handshakes.spend("a", now))
        assert not await answered(handshakes.spend("a", now))
        assert await answered(handshakes.spend("b", now))
        assert await answered(logins.spend("a", now))

    async def test_refused_call_takes_nothing(self, new_rate_limits: NewRateLimits) -> None:
        """A call that costs more than is left is refused, and the units stay for a cheaper one."""
        limit = new_rate_limits()[0].limit("handshakes", Rate.parse("5/h"))
        now = time.monotonic()
        assert await answered(limit.spend("a", now, 3.0))
        assert not await answered(limit.spend("a", now, 3.0))
        assert await answered(limit.spend("a", now, 2.0))
        assert not await answered(limit.spend("a", now))

    async def test_wait_says_when(self, new_rate_limits: NewRateLimits) -> None:
        """The wait is 0.0 while there is a unit, and else at most the time of one unit."""
        one, other = new_rate_limits()
        rate, now = Rate.parse("2/h"), time.monotonic()
        limit, seen = one.limit("failures", rate), other.limit("failures", rate)
        assert await answered(seen.wait("a", now)) == 0.0
        for _ in range(2):
            assert await answered(limit.spend("a", now))
        assert 0.0 < await answered(seen.wait("a", now)) <= rate.interval + 1e-6

    async def test_units_come_back(self, new_rate_limits: NewRateLimits) -> None:
        """After the time of one unit, one more call is allowed."""
        rate = Rate.parse("1/s")
        limit = new_rate_limits()[0].limit("handshakes", rate)
        assert await answered(limit.spend("a", time.monotonic()))
        await eventually(lambda: answered(limit.spend("a", time.monotonic())))

    async def test_charge_needs_no_wait(self, new_rate_limits: NewRateLimits) -> None:
        """The units are taken also if the caller does not wait for the answer, as for a failure."""
        one, other = new_rate_limits()
        rate, now = Rate.parse("3/h"), time.monotonic()
        limit, seen = one.limit("failures", rate), other.limit("failures", rate)
        for _ in range(3):
            limit.spend("a", now)

        async def has_none() -> bool:
            return await answered(seen.wait("a", now)) > 0.0

        await eventually(has_none)
