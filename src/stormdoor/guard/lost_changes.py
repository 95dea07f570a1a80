"""Act on changes of accounts that a failover or a restored backup has lost.

A node knows a change from the log, which holds no passwords, attributes or secrets. So it makes the removal
of a role, a factor or an identity and a disabling again. If a new password is lost, it removes the old one.
If the only factor or a change of attributes is lost, it disables the account. An operator then sets both.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple

from stormdoor.core.account_change import AccountChange, Right
from stormdoor.core.event import Event
from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.active_policies import ActivePolicies
from stormdoor.guard.timeout import ANSWER_SECONDS, run_with_timeout
from stormdoor.guard.trail import Trail
from stormdoor.ports import Changed, Clock, StoredState

__all__ = ["LostChanges", "UnknownChanges"]

_log = logging.getLogger("stormdoor.supervisor")

_REMEMBERED = 10_000
"""Number of the last positions of the log of which a node knows all changes of accounts."""
_AT_ONCE = 50


class _Record(NamedTuple):
    """How the log and the trail record a change that was lost."""

    message: str
    event: str = "privilege_permissions_changed"
    done: str = "made again"


_MADE_AGAIN = _Record("a change of %(who)s that the store had lost is made again: %(what)s")
_REMOVED_AGAIN = _MADE_AGAIN._replace(event="authn_factor_removed")
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
    Right.FACTOR: _Record(
        "the store had lost the second factor of %(who)s, so it is disabled; set another password, and "
        "then: stormdoor principals enable %(who)s",
        done="the account is disabled",
    ),
    Right.RECOVERY_CODES: _Record(
        "the store had lost a change of the recovery codes of %(who)s, so all are removed; the principal "
        "can create new ones",
        "authn_factor_removed",
        "all recovery codes are removed",
    ),
}
_RECORDS[Right.IDENTITY] = _MADE_AGAIN._replace(event="user_updated")
_RECORDS[Right.RECOVERY_USE] = _RECORDS[Right.RECOVERY_CODES]


class UnknownChanges(StoreUnavailable):
    """The store lacks entries of the log that this node does not remember.

    Args:
        common: The last position that both logs have in common.
        since: This node knows every change of a later position.
    """

    def __init__(self, common: int, since: int) -> None:
        super().__init__(
            f"the store has lost changes after position {common} of the log of revocations, of which this "
            f"node knows those after {since}: it admits no client. Check the accounts, or run: stormdoor "
            "revoke everything. Then restart the nodes"
        )


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
        self._factors, self._recovery_codes = state.factors, state.recovery_codes
        self._identities = state.identities
        self._policies = policies
        self._trail = trail
        self._clock = clock
        self._known: dict[tuple[str, Right, str], Revocation] = {}
        self._since = 0
        """This node knows every change of a later position."""

    def since(self, seq: int) -> int:
        """Return the position after which this node knows every change, if it has applied all up to `seq`."""
        return max(self._since, seq - _REMEMBERED)

    def start(self, entries: Iterable[Revocation], seq: int) -> None:
        """Remember the changes among `entries`: those of the log from after `since` up to `seq`."""
        self._since = self.since(seq)
        for one in entries:
            self.note(one)

    def note(self, entry: Revocation) -> AccountChange | None:
        """Remember an entry of the log, if it names a change of a right. Returns the change."""
        change = AccountChange.of(entry)
        if change is None or not entry.seq:
            return change
        right = change.principal_id, change.right, change.name
        known = self._known.get(right)
        if known is not None and known.epoch == entry.epoch and known.seq > entry.seq:
            return change
        self._known.pop(right, None)
        self._known[right] = entry
        if change.right is Right.RECOVERY_CODES:
            self._known.pop((change.principal_id, Right.RECOVERY_USE, ""), None)
        oldest = next(iter(self._known))
        if self._known[oldest].seq <= self.since(entry.seq):
            del self._known[oldest]
        return change

    async def restore(
        self, present: Sequence[Revocation], known_epochs: Container[str], seen: int, head: int
    ) -> list[Revocation]:
        """Act on the changes that a log lacks, unless a later one in it concerns the same right.

        Args:
            present: The entries of the log from the position `since(seen)` on.
            known_epochs: Epochs that this node has followed before.
            seen: The last position of the former log that this node has applied.
            head: The last position of the log.

        Returns:
            The entries that the log got.

        Raises:
            UnknownChanges: The log may lack changes that this node does not know.
            StoreUnavailable, TimeoutError: The store does not answer. The next call makes the rest.
        """
        others = [one for one in present if one.epoch not in known_epochs]
        common = min([head + 1, *(one.seq for one in others)]) - 1
        if common < (since := self.since(seen)):
            raise UnknownChanges(common, since)
        # A later use of a code does not make up for the loss of an earlier one.
        for one in others:
            change = AccountChange.of(one)
            if change is not None and not change.single_use:
                self.note(one)
        positions = {(one.epoch, one.seq, one.value, one.reason) for one in present}
        lost = [
            (one, change)
            for one in self._known.values()
            if one.seq > since
            and (one.epoch, one.seq, one.value, one.reason) not in positions
            and (change := AccountChange.of(one)) is not None
        ]
        made: list[Revocation | None] = []
        # A lost new factor counts if no other one is left after the removals.
        for added in (False, True):
            group = [one for one in lost if one[1].adds_factor is added]
            for begin in range(0, len(group), _AT_ONCE):
                some = group[begin : begin + _AT_ONCE]
                made += await asyncio.gather(*(self._restore(*one) for one in some))
        for one in others:
            self.note(one)
        return [one for one in made if one is not None]

    async def _restore(self, entry: Revocation, change: AccountChange) -> Revocation | None:
        again: Changed = False
        if change.lowers or change.adds_factor or self._policies.current.restricts(change.name):
            again = await run_with_timeout(ANSWER_SECONDS, self._repeat(change))
        if not isinstance(again, Revocation):
            right = change.principal_id, change.right, change.name
            if self._known.get(right) is entry:
                del self._known[right]
            return None
        self._record(change)
        self.note(again)
        return again

    def _record(self, change: AccountChange) -> None:
        removal = change.right is Right.FACTOR and change.lowers
        record = _REMOVED_AGAIN if removal else _RECORDS.get(change.right, _MADE_AGAIN)
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
        now = self._clock.now()
        entry = change.entry(now)
        match change.right:
            case Right.ROLE:
                if (change.name in account.roles) is not change.lowers:
                    return False
                step = self._accounts.remove_role if change.lowers else self._accounts.add_role
                return await step(account.id, change.name, entry=entry)
            case Right.PASSWORD:
                if account.password_hash is None:
                    return False
                await self._sessions.remove_sessions(account.id)
                return await self._accounts.set_password_hash(account.id, None, entry=entry)
            case Right.FACTOR if change.lowers:
                ended = Revocation(Target.SESSION, "", now, reason="factor removed")
                made = await self._factors.remove_factor(
                    change.name, account.id, entry=ended, change=entry
                )
                return made[-1] if made else False
            case Right.FACTOR if await self._factors.factors(account.id):
                return False
            case Right.FACTOR_USE:
                return await self._factors.use_factor(
                    change.name, counter=change.counter, at=now, entry=entry
                )
            case Right.IDENTITY:
                return await self._unlink(account.id, change.name)
            case Right.RECOVERY_CODES | Right.RECOVERY_USE:
                return await self._remove_recovery_codes(account.id)
            case Right.ACCOUNT if account.disabled:
                return False
            case _:
                return await self._accounts.set_disabled(account.id, True, entry=entry)

    async def _remove_recovery_codes(self, principal_id: str) -> Changed:
        """Remove all recovery codes, and end the sessions, which a used code may have begun."""
        if not await self._recovery_codes.recovery_codes(principal_id):
            return False
        # The sessions first: if the store fails in between, the next call finds the codes and does the rest.
        await self._end_sessions(principal_id, Right.RECOVERY_CODES)
        entry = AccountChange(principal_id, Right.RECOVERY_CODES).entry(self._clock.now())
        return await self._recovery_codes.set_recovery_codes(principal_id, (), entry=entry)

    async def _unlink(self, principal_id: str, name: str) -> Changed:
        """Remove a link to a user of a provider, and end the sessions, which that user may have begun."""
        for one in await self._identities.identities(principal_id):
            if one.removal.name == name:
                await self._end_sessions(principal_id, Right.IDENTITY)
                now = self._clock.now()
                return await self._identities.unlink_identity(one.issuer, one.subject, now)
        return False

    async def _end_sessions(self, principal_id: str, why: Right) -> None:
        now = self._clock.now()
        # Again, if there is one: a session may have got another id since the list was read.
        while sessions := await self._sessions.sessions(principal_id):
            for one in sessions:
                ended = Revocation(Target.SESSION, one.id, now, reason=why.value)
                await self._sessions.remove_session(one.id, entry=ended)
