"""`stormdoor.ports.RevocationLog` in memory."""

import asyncio
import contextlib
import secrets
from dataclasses import replace

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation, Target
from stormdoor.ports import Changed
from stormdoor.stores.memory_trail import MemoryTrail

__all__ = ["LOOKED_UP", "MemoryLog"]

LOOKED_UP = frozenset({Target.SESSION, Target.MOVED, Target.CHANGED})
"""Targets that a handshake finds in the store, so that no index of their entries is needed."""


class MemoryLog(MemoryTrail):
    """The log of revocations."""

    def __init__(self, trail_key: bytes | None = None) -> None:
        super().__init__(trail_key)
        self._revocations: list[Revocation] = []
        self._position = LogPosition(secrets.token_hex(16), 0)
        self._newest_revocation = float("-inf")
        self._news = asyncio.Event()

    async def add_revocation(self, revocation: Revocation) -> Revocation:
        """See `RevocationLog.add_revocation`."""
        self._answer()
        return self._note_revocation(revocation)

    def _note_change(self, entry: Revocation | None) -> Changed:
        return True if entry is None else self._note_revocation(entry)

    def _note_revocation(self, revocation: Revocation) -> Revocation:
        self._position = LogPosition(self._position.epoch, self._position.seq + 1)
        if revocation.until_now:
            self._newest_revocation = max(self._newest_revocation, revocation.at)
            revocation = replace(revocation, at=self._newest_revocation)
        self._revocations.append(revocation.placed(self._position))
        self._news.set()
        self._news = asyncio.Event()
        return self._revocations[-1]

    async def revocations(self, after: int = 0) -> list[Revocation]:
        """See `RevocationLog.revocations`."""
        self._answer()
        return [one for one in self._revocations if one.seq > after]

    async def head_and_entries(self, after: int) -> tuple[LogPosition, list[Revocation]]:
        """See `RevocationLog.head_and_entries`."""
        return self._position, await self.revocations(after)

    async def lasting_revocations(self) -> list[Revocation]:
        """See `RevocationLog.lasting_revocations`."""
        self._answer()
        last: dict[object, Revocation] = {}
        for one in self._revocations:
            if one.target not in LOOKED_UP:
                key = (one.target, one.value, one.epoch, one.by_time)
                at = max(one.at, last[key].at) if key in last else one.at
                last[key] = replace(one, at=at, reason="")
        return sorted(last.values(), key=lambda one: one.seq)

    async def log_position(self) -> LogPosition:
        """See `RevocationLog.log_position`."""
        self._answer()
        return self._position

    async def wait_for_entry(self, after: LogPosition, seconds: float) -> None:
        """See `RevocationLog.wait_for_entry`."""
        self._answer()
        if self._position == after:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._news.wait()

    async def begin_epoch(self, after: str) -> LogPosition:
        """See `RevocationLog.begin_epoch`."""
        self._answer()
        if self._position.epoch == after:
            self._position = LogPosition(secrets.token_hex(16), self._position.seq)
        return self._position
