"""Changes that the store did not take: repeated until it does, as long as this process lives."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from stormdoor.errors import StoreUnavailable

__all__ = ["Unfinished"]

_log = logging.getLogger("stormdoor.unfinished")

T = TypeVar("T")

_AT_MOST = 10_000


class Unfinished:
    """Work on the store that failed because the store did not answer, in the order of the first attempts.

    Each piece must be repeatable: the store may have done a part of it, or all, without saying so. The same
    name is kept once. It is lost when the process ends.

    Args:
        at_most: How many pieces are kept. A further one is not, and the log says so. Those that a client
            asks for without a proof take half of it at most.
    """

    def __init__(self, at_most: int = _AT_MOST) -> None:
        self._at_most = at_most
        self._waiting: dict[str, Callable[[], Awaitable[object]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    async def do(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do `work`; if the store does not answer, keep it for later and say so.

        Args:
            name: What is done, for the log.
            work: Is called again at each attempt.

        Raises:
            StoreUnavailable: The store did not answer. Any other exception of `work` is raised as well, and
                then `work` is not kept.
        """
        try:
            return await work()
        except StoreUnavailable as error:
            self.add(name, work, error)
            raise

    def add(
        self,
        name: str,
        work: Callable[[], Awaitable[object]],
        why: BaseException,
        *,
        proved: bool = True,
    ) -> bool:
        """Keep `work` for later. Returns whether there was room.

        Args:
            name: As `do`.
            work: As `do`.
            why: The store's answer, or what interrupted it.
            proved: Whether it is known that the client may ask for this.
        """
        room = self._at_most if proved else self._at_most // 2
        if name not in self._waiting and len(self) >= room:
            _log.error(
                "%s is neither stored nor kept for later: %d wait (%s)", name, len(self), why
            )
            return False
        self._waiting[name] = work
        _log.error(
            "%s took effect in this process only; it is stored when the store answers (%s)",
            name,
            why,
        )
        return True

    def lost(self) -> None:
        """Tell the operator what was never stored: this process ends."""
        for name in self._waiting:
            _log.critical("%s was not stored, and this process ends: say it again", name)
        self._waiting.clear()

    async def retry(self) -> int:
        """Do what waits, until the store does not answer. Returns how many pieces are finished."""
        finished = 0
        for name, work in list(self._waiting.items()):
            try:
                await work()
            except StoreUnavailable:
                break
            except Exception:  # noqa: BLE001 - it is not the store that is missing: it will not do better
                _log.exception("%s cannot be stored, and is given up", name)
            else:
                _log.warning("%s is stored now", name)
            finished += 1
            if self._waiting.get(name) is work:
                del self._waiting[name]
        return finished
