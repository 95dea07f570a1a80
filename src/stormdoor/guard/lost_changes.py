"""Act on changes of accounts that a failover or a restored backup has lost.

A node knows a change from the log, which holds no passwords and no attributes. So it makes the removal of a
role and a disabling again. If a new password is lost, it removes the old one. If a change of attributes is
lost, it disables the account. An operator then sets both.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Container, Iterable
from typing import NamedTuple

from stormdoor.core.account_change import AccountChange, Right
from stormdoor.core.event import Event
from stormdoor.core.revocation import Revocation
from stormdoor.guard.active_policies import ActivePolicies
from stormdoor.guard.timeout import run_with_timeout
from stormdoor.guard.trail import Trail
from stormdoor.ports import Changed, Clock, StoredState

__all__ = ["LostChanges"]

_log = logging.getLogger("stormdoor.supervisor")

_AT_MOST = 10_000
"""Number of changes that are remembered, and of entries of the log that are read to find those it lacks."""
_KEPT_SECONDS = 86_400.0
"""Age of the oldest change that is made again. The log keeps its entry longer."""
_AT_ONCE = 50
_ANSWER_SECONDS = 1.0


class _Record(NamedTuple):
    """How the log and the trail record a change that was lost."""

    message: str
    event: str = "privilege_permissions_changed"
    done: str = "made again"


_MADE_AGAIN = _Record("a change of %(who)s that the store had lost is made again: %(what)s")
_RECORDS = {
    Right.PASSWORD: _Record(
        "the store had lost a new password of %(who)s, so the old one is removed; set a new one: "
        "stormdoor principals password %(who)s",
        "authn_password_change",
        "the old one is removed",
    ),
    Right.ATTRIBUTES: _Record(
        "the store had lost a change of the attributes of %(who)s, so it is disabled; set them, and "
        "then: stormdoor principals enable %(who)s",
        done="the account is disabled",
    ),
}


class LostChanges:
    """The latest change of each right that this node knows from the log.

    Args:
        state: The accounts and sessions.
        policies: The present policies: a role that a forbid names lowers rights.
        trail: Records each change that is made again.
        clock: Source of the time.
    """

    def __init__(
        self, state: StoredState, policies: ActivePolicies, trail: Trail, clock: Clock
    ) -> None:
        self._accounts, self._sessions = state.accounts, state.sessions
        self._policies = policies
        self._trail = trail
        self._clock = clock
        self._known: dict[tuple[str, Right, str], Revocation] = {}

    def note(self, entry: Revocation) -> None:
        """Remember an entry of the log, if it names a change of a right."""
        change = AccountChange.of(entry)
        if change is None or not entry.seq:
            return
        right = change.principal_id, change.right, change.role
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

    async def restore(
        self, present: Iterable[Revocation], known_epochs: Container[str]
    ) -> list[Revocation]:
        """Act on the changes that a log lacks, unless a later one in it concerns the same right.

        Args:
            present: The entries of the log after `after`.
            known_epochs: Epochs that this node has followed before.

        Returns:
            The entries that the log got.

        Raises:
            StoreUnavailable, TimeoutError: The store does not answer. The next call makes the rest.
        """
        positions = set()
        for one in present:
            positions.add((one.epoch, one.seq))
            if one.epoch not in known_epochs:
                self.note(one)
        lost = [one for one in self._known.values() if (one.epoch, one.seq) not in positions]
        made: list[Revocation | None] = []
        for begin in range(0, len(lost), _AT_ONCE):
            made += await asyncio.gather(*map(self._restore, lost[begin : begin + _AT_ONCE]))
        return [one for one in made if one is not None]

    async def _restore(self, entry: Revocation) -> Revocation | None:
        change = AccountChange.of(entry)
        if change is None:
            return None
        again: Changed = False
        if change.lowers or self._policies.current.restricts(change.role):
            again = await run_with_timeout(_ANSWER_SECONDS, self._repeat(change))
        if not isinstance(again, Revocation):
            self._known.pop((change.principal_id, change.right, change.role), None)
            return None
        self._record(change)
        self.note(again)
        return again

    def _record(self, change: AccountChange) -> None:
        record = _RECORDS.get(change.right, _MADE_AGAIN)
        who = change.principal_id
        _log.warning(record.message, {"who": who, "what": change.reason})
        self._trail.note(
            Event(
                time=self._clock.now(),
                name=record.event,
                principal=who,
                detail=f"{change.reason}: lost by the store, and {record.done}",
                proven=True,
            )
        )

    async def _repeat(self, change: AccountChange) -> Changed:
        account = await self._accounts.account(change.principal_id)
        if account is None:
            return False
        entry = change.entry(self._clock.now())
        match change.right:
            case Right.ROLE:
                if (change.role in account.roles) is not change.lowers:
                    return False
                step = self._accounts.remove_role if change.lowers else self._accounts.add_role
                return await step(account.id, change.role, entry=entry)
            case Right.PASSWORD:
                if account.password_hash is None:
                    return False
                await self._sessions.remove_sessions(account.id)
                return await self._accounts.set_password_hash(account.id, None, entry=entry)
            case Right.ACCOUNT if account.disabled:
                return False
            case _:
                return await self._accounts.set_disabled(account.id, True, entry=entry)
