"""Changes that could not be stored: they are tried again until the store answers or the process ends."""

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
    """Store operations that failed because the store did not answer, in the order of the first attempts.

    Each operation must be repeatable: the store may have done all or a part of it without an answer. Of
    operations with the same name one is kept. They are lost when the process ends.

    Args:
        at_most: Number of operations that are kept. A further one is dropped, with an entry in the log.
            Operations of unauthenticated clients may fill half of it.
    """

    def __init__(self, at_most: int = _AT_MOST) -> None:
        self._at_most = at_most
        self._waiting: dict[str, Callable[[], Awaitable[object]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    async def do(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work`; if the store does not answer, keep it for later and log that.

        Args:
            name: Name of the operation, for the log.
            work: The operation, called again at each attempt.

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
            why: The error of the store, or the interruption.
            proved: Whether an operator or an authenticated client requested the operation.
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
        """Log the operations that are not stored, when the process ends."""
        for name in self._waiting:
            _log.critical("%s was not stored, and this process ends: repeat the change", name)
        self._waiting.clear()

    async def retry(self) -> int:
        """Repeat the operations until the store fails to answer. Returns how many are finished."""
        finished = 0
        for name, work in list(self._waiting.items()):
            try:
                await work()
            except StoreUnavailable:
                break
            except Exception:  # noqa: BLE001 - the store answered: a further attempt would fail as well
                _log.exception("%s cannot be stored, and is given up", name)
            else:
                _log.warning("%s is stored now", name)
            finished += 1
            if self._waiting.get(name) is work:
                del self._waiting[name]
        return finished
