"""Make role removals and disablings again that a failover or a restored backup has lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Container, Iterable

from stormdoor.core.account_change import AccountChange
from stormdoor.core.event import Event
from stormdoor.core.revocation import Revocation
from stormdoor.guard.timeout import run_with_timeout
from stormdoor.guard.trail import Trail
from stormdoor.ports import Accounts, Changed, Clock

__all__ = ["LostChanges"]

_log = logging.getLogger("stormdoor.supervisor")

_AT_MOST = 10_000
"""Number of changes that are remembered, and of entries of the log that are read to find those it lacks."""
_KEPT_SECONDS = 86_400.0
"""Age of the oldest change that is made again. The log keeps its entry longer."""
_AT_ONCE = 50
_ANSWER_SECONDS = 1.0


class LostChanges:
    """The latest change of each right that this node knows from the log.

    Args:
        accounts: The stored accounts.
        trail: Records each change that is made again.
        clock: Source of the time.
    """

    def __init__(self, accounts: Accounts, trail: Trail, clock: Clock) -> None:
        self._accounts = accounts
        self._trail = trail
        self._clock = clock
        self._known: dict[tuple[str, str | None], Revocation] = {}

    def note(self, entry: Revocation) -> None:
        """Remember an entry of the log, if it names a change of a right."""
        change = AccountChange.of(entry)
        if change is None or not entry.seq:
            return
        right = change.principal_id, change.role
        known = self._known.get(right)
        if known is not None and known.epoch == entry.epoch and known.seq > entry.seq:
            return
        self._known.pop(right, None)
        self._known[right] = entry
        if len(self._known) > _AT_MOST:
            del self._known[next(iter(self._known))]

    def after(self, seq: int) -> int | None:
        """Return the position after which to read another log for these changes; None if none is remembered.

        Forgets the changes that are too old to be made again.

        Args:
            seq: The last position that this node has applied.
        """
        oldest = self._clock.now() - _KEPT_SECONDS
        self._known = {
            right: one
            for right, one in self._known.items()
            if one.seq > seq - _AT_MOST and one.at >= oldest
        }
        # The other log may have new entries since an earlier position than that of a lost change.
        return max(0, seq - _AT_MOST) if self._known else None

    async def restore(self, present: Iterable[Revocation], known_epochs: Container[str]) -> None:
        """Make the changes again that a log lacks, unless a later one in it concerns the same right.

        Args:
            present: The entries of the log after `after`.
            known_epochs: Epochs that this node has followed before.

        Raises:
            StoreUnavailable, TimeoutError: The store does not answer. The next call makes the rest.
        """
        positions = set()
        for one in present:
            positions.add((one.epoch, one.seq))
            if one.epoch not in known_epochs:
                self.note(one)
        lost = [one for one in self._known.values() if (one.epoch, one.seq) not in positions]
        for begin in range(0, len(lost), _AT_ONCE):
            await asyncio.gather(*map(self._restore, lost[begin : begin + _AT_ONCE]))

    async def _restore(self, entry: Revocation) -> None:
        change = AccountChange.of(entry)
        if change is None:
            return
        again: Changed = False
        if change.lowers:
            again = await run_with_timeout(_ANSWER_SECONDS, self._lower(change))
        if isinstance(again, Revocation):
            _log.warning(
                "a change of %s that the store had lost is made again: %s",
                change.principal_id,
                change.reason,
            )
            self._trail.note(
                Event(
                    time=self._clock.now(),
                    name="privilege_permissions_changed",
                    principal=change.principal_id,
                    detail=f"{change.reason}: lost by the store, and made again",
                    proven=True,
                )
            )
            self.note(again)
        else:
            self._known.pop((change.principal_id, change.role), None)

    async def _lower(self, change: AccountChange) -> Changed:
        account = await self._accounts.account(change.principal_id)
        if account is None:
            return False
        entry = change.entry(self._clock.now())
        if change.role is None:
            if account.disabled:
                return False
            return await self._accounts.set_disabled(account.id, True, entry=entry)
        if change.role not in account.roles:
            return False
        return await self._accounts.remove_role(account.id, change.role, entry=entry)
