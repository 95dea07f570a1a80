"""Share one call among simultaneous equal calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from stormdoor.auth.oauth.bulkhead import Bulkhead
from stormdoor.auth.oauth.client import Unanswered

__all__ = ["SingleFlight"]

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Combines equal calls that are made at the same time.

    Args:
        bulkhead: Runs the calls. Beyond its number, callers get a refusal with `Retry-After`.
    """

    def __init__(self, bulkhead: Bulkhead) -> None:
        self.bulkhead = bulkhead
        self._flying: dict[bytes, asyncio.Task[T | Unanswered]] = {}

    def flying(self, key: bytes) -> bool:
        """Return whether an equal call is running."""
        return key in self._flying

    async def ask(
        self, key: bytes, call: Callable[[], Awaitable[T | Unanswered]]
    ) -> T | Unanswered:
        """Return the answer to a call; simultaneous equal calls share it.

        Args:
            key: Key that equal calls have in common.
            call: Function that makes the call.
        """
        flying = self._flying.get(key)
        if flying is None:
            if len(self._flying) >= self.bulkhead.most:
                return Unanswered("too many questions are waiting", 1)
            refusal = self.bulkhead.refusal()
            if refusal is not None:
                return refusal
            flying = asyncio.get_running_loop().create_task(self.bulkhead.run(call))
            self._flying[key] = flying
            flying.add_done_callback(lambda _: self._flying.pop(key, None))
        try:
            # A caller that gives up must not cancel the call of the others.
            return await asyncio.shield(flying)
        except asyncio.CancelledError:
            asking = asyncio.current_task()
            if asking is None or asking.cancelling() or not flying.cancelled():
                raise
            return Unanswered(
                "the guard is closing and sends no more requests"
            )  # `close` cancelled the call

    async def close(self) -> None:
        """Cancel every call. Waiting callers get a refusal."""
        flying = list(self._flying.values())
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)
