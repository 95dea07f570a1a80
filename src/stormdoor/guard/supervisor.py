"""Apply revocations and changes to open connections, and follow the log of other processes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import NamedTuple, assert_never

from stormdoor.auth.apikey.authenticator import ApiKeyAuthenticator
from stormdoor.core.account import Account
from stormdoor.core.connection import State
from stormdoor.core.credential import fingerprint
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.lease import Lease
from stormdoor.core.log_position import LogPosition
from stormdoor.core.pending import Pending
from stormdoor.core.policy import PolicySet
from stormdoor.core.principal import Principal
from stormdoor.core.revocation import UNTIL, Revocation, RevocationIndex, Target
from stormdoor.errors import StoreError, StoreUnavailable
from stormdoor.guard.active_policies import ActivePolicies
from stormdoor.guard.clock_leaps import ClockLeaps
from stormdoor.guard.connection import ORDER, Connection
from stormdoor.guard.freshness import Fence
from stormdoor.guard.lost_changes import LostChanges, UnknownChanges
from stormdoor.guard.registry import CLOSE_BUDGET_SECONDS, Registry
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.timeout import ANSWER_SECONDS, run_with_timeout
from stormdoor.guard.trail import Trail
from stormdoor.ports import Accounts, Clock, StoredState

__all__ = ["ConnectionSupervisor", "read_account"]

_log = logging.getLogger("stormdoor.supervisor")

_RESTORED_AT_ONCE = 500
_HANDSHAKE_SECONDS = 7200.0
"""No handshake lasts so long, also by the clocks of nodes that differ by an hour."""
_EPOCH = "epoch"
"""Purpose of the entries that tell when an epoch began."""
_NEVER = 253_402_300_800.0
"""Unix seconds of the year 10000: an epoch may last as long as the installation."""


def _cause(error: Exception) -> str:
    match error:
        case StoreUnavailable():
            return str(error)
        case TimeoutError():
            return (
                "the store does not answer in time; on PostgreSQL, do commits wait for a standby?"
            )
    return repr(error)


async def read_account(
    accounts: Accounts, revocations: RevocationIndex, principal_id: str
) -> Account | None:
    """Read the account in its present state, after every known change.

    A change is noted in `revocations` after it was stored. If one is noted during the read, the result may
    be older than the change: applying it would restore roles that were removed.

    Raises:
        StoreUnavailable: The store does not answer.
    """
    while True:
        changes = revocations.changes
        try:
            account = await run_with_timeout(ANSWER_SECONDS, accounts.account(principal_id))
        except TimeoutError:
            raise StoreUnavailable(f"no answer within {ANSWER_SECONDS:g} s") from None
        if changes == revocations.changes:
            return account


class _Question(NamedTuple):
    """A read of the log of revocations: its sequence number in `ORDER`, and its time (Unix seconds)."""

    order: int
    at: float


class ConnectionSupervisor:
    """Ends connections that are revoked, or have lost their permission.

    Args:
        registry: The open connections.
        revocations: Index of revocations; shared with the admission.
        policies: Present policies; open connections are checked again with them when roles change.
        state: State of revocations, sessions and accounts.
        trail: Records changes that another log had lost.
        clock: Source of the time.
        lease: The lease of this node, which ends while it reloads another log.
        statistics: Counters, for the ages of entries.
        fence: Learns that a question failed.
        leaps: Notices a wall clock that was set.
        clock_skew_seconds: See `skew` of `Revocation.reaches`.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        revocations: RevocationIndex,
        policies: ActivePolicies,
        state: StoredState,
        trail: Trail,
        clock: Clock,
        lease: Lease,
        statistics: Statistics,
        fence: Fence,
        leaps: ClockLeaps,
        clock_skew_seconds: float = 0.0,
    ) -> None:
        self._statistics = statistics
        self._fence = fence
        self._lease = lease
        self.registry = registry
        self._revocations = revocations
        self._policies = policies
        self._leaps = leaps
        self._state = state
        self._clock = clock
        self.clock_skew_seconds = clock_skew_seconds
        self._seen = LogPosition("", 0)
        """The head of the log, up to which every entry has been applied."""
        self._own = LogPosition("", 0)
        """The newest entry that was given to `apply`. Changes of this node are, before it reads the log."""
        self._epochs: set[str] = set()
        """Epochs with all entries applied; of the epoch of `_seen`, those up to its position."""
        self._asked: _Question | None = None
        """The last read of the log for entries after `_seen` that succeeded."""
        self._applying = asyncio.Lock()
        self._changes = LostChanges(state, policies, trail, clock)
        self._lost: list[Revocation] = []
        """Known revocations that the log lacks since it was reloaded."""
        self._unknown: tuple[str, UnknownChanges] | None = None
        """The epoch of a log that lacks changes which this node does not know: it is not followed."""
        self._failing: set[object] = set()
        """Functions that were asked for the head, and of which the last answer could not be applied."""
        self._excused: set[object] = set()
        """Functions of which the last question failed while the loop was blocked. A second failure counts."""
        self._reloaded = 0
        """The order of the last question that was answered by another log."""
        self._seen_order = 0
        """The order of the last change of `_seen`; only a later question can show that the head went back."""
        self.on_applied: Callable[[], None] = lambda: None
        """Called after each read of the log that was applied."""

    async def start(self) -> None:
        """Read the revocations from before this process started that can still end a credential.

        Raises:
            StoreUnavailable: The store does not answer; the guard must not start.
        """
        asked = self._ask()
        # INVARIANT: read the head before the entries: one that is added in between is read twice, and never
        # missed.
        head = await self._state.revocations.log_position()
        tail = await self._state.revocations.revocations(self._changes.since(head.seq))
        self._changes.start(tail, head.seq)
        for revocation in await self._state.revocations.lasting_revocations():
            self._revocations.add(revocation)
            self._epochs.add(revocation.epoch)
        self._epochs |= {head.epoch, *(one.epoch for one in tail)}
        self._seen, self._asked = head, asked
        begun = await self._state.pendings.pending(fingerprint(head.epoch), _EPOCH)
        if begun is not None:
            self._state.epoch.at = begun.created_at
        else:
            # With entries, the log was restored or failed over while no node ran; without, it is new.
            self._state.epoch.at = self._clock.now() if head.seq else 0.0
            await self._note_epoch(head.epoch)
        self._state.epoch.epoch = head.epoch

    @property
    def applied(self) -> LogPosition:
        """The head of the log, up to which every entry has been applied."""
        return self._seen

    @property
    def newest(self) -> LogPosition:
        """The position for what follows the changes of this node: `applied`, or its own later entry."""
        own, seen = self._own, self._seen
        return own if own.epoch == seen.epoch and own.seq > seen.seq else seen

    def _note_own(self, entry: Revocation) -> None:
        own = LogPosition(entry.epoch, entry.seq)
        if own.epoch == self._seen.epoch and (own.epoch != self._own.epoch or own > self._own):
            self._own = own

    def has_left(self, epoch: str) -> bool:
        """Return whether this node followed a log of that epoch, and now follows another one."""
        return epoch in self._epochs and epoch != self._seen.epoch

    def forget_sessions(self, longest: float) -> None:
        """Drop the ends of sessions that only an older log could lack, which this node does not follow.

        Args:
            longest: Seconds. No session lives so long.
        """
        now, seen = self._clock.now(), self._seen
        self._revocations.forget_sessions(
            now - longest,
            settled=seen._replace(seq=self._changes.since(seen.seq)),
            settled_before=now - _HANDSHAKE_SECONDS,
        )

    def _ask(self) -> _Question:
        return _Question(next(ORDER), self._clock.now())

    async def follow(
        self,
        ask: Callable[[], Awaitable[LogPosition]] | None = None,
        *,
        seconds: float = ANSWER_SECONDS,
    ) -> int | None:
        """Apply the revocations and changes of other processes.

        Args:
            ask: Asks for the head of the log; by default, the head and the entries are read at once.
            seconds: Longest wait for its answer.

        Returns:
            How many connections were ended. None if the entries up to the head are not all applied.
        """
        began = self._clock.monotonic()
        try:
            asked, limit, known = self._ask(), min(seconds, ANSWER_SECONDS), self._seen
            news: list[Revocation] | None = None
            if ask is None:
                question = self._state.revocations.head_and_entries(known.seq)
                head, news = await run_with_timeout(limit, question)
            else:
                head = await run_with_timeout(limit, ask())
            if self._is_another_log(head, asked):
                # INVARIANT: at once. Look-ups already reach the other log, and the reload may have to wait.
                self._lease.lapse()
                self._state.epoch.change(self._clock.now())
            async with self._applying:
                # INVARIANT: a reload that ended meanwhile may have gone back to an earlier position. Then the
                # entries up to the former one are not among these.
                news = news if self._seen.includes(known) else None
                ended = await self._apply_up_to(head, asked, news)
        except Exception as error:  # noqa: BLE001 - fail closed on any error
            # Also for an entry of a newer version that this one cannot read: it may concern any connection.
            if began < self._fence.blocked_until() and ask not in self._excused:
                self._excused.add(ask)
                return None
            self._excused.discard(ask)
            self._fence.note_failure()
            if ask not in self._failing:
                self._failing.add(ask)
                _log.error("revocations cannot be followed: %s", _cause(error))
            return None
        self._excused.discard(ask)
        if ask in self._failing:
            self._failing.remove(ask)
            _log.warning("revocations are being followed again")
        return ended

    @property
    def behind(self) -> bool:
        """True while revocations of other processes are unknown: no client is admitted."""
        return bool(self._failing)

    async def _apply_up_to(
        self, head: LogPosition, asked: _Question, news: list[Revocation] | None
    ) -> int:
        """Apply the entries up to `head`, the answer to `asked`. Returns how many connections that ended.

        Args:
            head: The head of the log.
            asked: The question.
            news: The entries after the last known one, if they are read already.
        """
        seen, before = self._seen, self._asked
        # INVARIANT: an answer from before a reload does not count, also if the reload failed.
        if asked.order < self._reloaded:
            raise StoreUnavailable("the log of revocations changed after this question")
        another = self._is_another_log(head, asked)
        if not another and asked.order < self._seen_order and head.seq <= seen.seq:
            return 0  # it was asked before these entries were applied
        if another:
            self._reloaded = asked.order
            ended = await self._reload(head, before)
        else:
            if news is None and head.seq > seen.seq:
                news = await self._entries(self._state.revocations.revocations(seen.seq))
            # Another read may have applied some of them meanwhile.
            news = [one for one in news or () if one.seq > seen.seq]
            ended = await self._apply_all(news, before)
            self._note_lag(news)
            # The last entries may have been purged, and others added after the question.
            self._seen = head._replace(seq=max([head.seq, *(one.seq for one in news[-1:])]))
        self._seen_order = next(ORDER)
        self._asked = asked
        self._state.epoch.epoch = self._seen.epoch
        self.on_applied()
        return ended

    def _is_another_log(self, head: LogPosition, asked: _Question) -> bool:
        """Return whether an answer shows that the log is another one, or that its head went back."""
        if asked.order < self._reloaded:
            return False
        seen = self._seen
        if head.epoch != seen.epoch:
            return True
        # A question from before these entries were applied does not show it.
        return head.seq < seen.seq and asked.order >= self._seen_order

    async def _entries(self, question: Awaitable[list[Revocation]]) -> list[Revocation]:
        return await run_with_timeout(ANSWER_SECONDS, question)

    async def _apply_all(
        self, entries: Iterable[Revocation], asked: _Question | None, *, again: bool = False
    ) -> int:
        ended, began = 0, self._clock.monotonic()
        for revocation in entries:
            ended += await self.apply(revocation, asked, again=again)
            if self._clock.monotonic() - began >= CLOSE_BUDGET_SECONDS:
                # A thousand logouts must not delay all other connections.
                await asyncio.sleep(0)
                began = self._clock.monotonic()
        return ended

    def _note_lag(self, applied: Iterable[Revocation]) -> None:
        """Count the ages of entries that have just been applied, by the clocks of both processes."""
        now = self._clock.now()
        for one in applied:
            if not one.by_time:  # else the operator named a time
                self._statistics.revocation_lag_seconds.observe(now - one.at)

    async def _reload(self, head: LogPosition, asked: _Question | None) -> int:
        """Switch to another log: a standby was promoted, or a backup was restored.

        The node holds no lease meanwhile. It reads the log, and decides about each open connection again,
        since the log may hold revocations that this process never saw. Revocations of the former log still
        count; `restore` writes those that the log lacks again. Returns the number of connections that ended.

        INVARIANT: lost changes of accounts are dealt with first, so that no connection gets a right back, and
        no old password is accepted under the renewed lease.
        """
        self._lease.lapse()
        if self._unknown is not None and self._unknown[0] == head.epoch:
            raise self._unknown[1]
        seen, last = self._seen, head.seq
        if head.epoch == seen.epoch:
            # The head went back: the same positions would be given again.
            head = await run_with_timeout(
                ANSWER_SECONDS, self._state.revocations.begin_epoch(head.epoch)
            )
        _log.error(
            "the log of revocations is another one than before (epoch %s instead of %s): was a backup "
            "restored, or a standby promoted? All connections are evaluated again",
            head.epoch,
            seen.epoch,
        )
        entries = await self._entries(self._state.revocations.lasting_revocations())
        # With the entry at that position, which shows whether both logs have it in common.
        since = self._changes.since(seen.seq)
        present = await self._entries(self._state.revocations.revocations(since - 1))
        try:
            made = await self._changes.restore(present, self._epochs, seen.seq, last)
        except UnknownChanges as error:
            self._unknown = (head.epoch, error)
            raise
        self._lost = self._revocations.missing_in(entries)
        for one in entries:
            if one.epoch in self._epochs and (one.epoch != seen.epoch or one.seq <= seen.seq):
                self._revocations.add(one)
        # INVARIANT: added since the last read, so no clock keeps a socket open that was open then.
        news = [
            one
            for one in entries
            if one.epoch not in self._epochs or (one.epoch == seen.epoch and one.seq > seen.seq)
        ]
        ended = await self._apply_all([*news, *made], asked, again=True)
        ended += await self._reevaluate_all()
        await run_with_timeout(ANSWER_SECONDS, self._note_epoch(head.epoch))
        # INVARIANT: no handshake under way uses a session that it read from the former log: the entries about
        # sessions are not read.
        self._revocations.note_reload()
        self._epochs |= {head.epoch, *(one.epoch for one in entries)}
        self._seen = head
        self.registry.list_is_uncertain = True
        return ended

    async def _note_epoch(self, epoch: str) -> None:
        """Store the beginning of an epoch, for nodes that start later. The first node to see it decides."""
        at = self._state.epoch.at
        begun = Pending(id=fingerprint(epoch), purpose=_EPOCH, created_at=at, expires_at=_NEVER)
        with contextlib.suppress(StoreError):  # another node has stored it
            await self._state.pendings.add_pending(begun)

    async def restore(self) -> None:
        """Write the revocations again that the log had lost when this node reloaded it.

        Raises:
            StoreUnavailable: The store does not answer. The next call writes the rest.
        """
        while self._lost:
            batch = self._lost[:_RESTORED_AT_ONCE]
            added = await self._state.revocations.restore_revocations(batch)
            self._lost = [one for one in self._lost if one not in batch]
            if added:
                _log.warning("%d revocations that the log had lost are written again", added)

    async def _reevaluate_all(self) -> int:
        """Check each connection against the index and the store. Returns the number that ended.

        Raises:
            StoreUnavailable, TimeoutError: The store does not answer; some connections are not checked.
        """
        ended, principals, began = 0, set(), self._clock.monotonic()
        for connection in self.registry:
            authentication = connection.present_authentication()
            why: Refusal | None = None
            if self._revocations.ends(authentication):
                why = Refusal(Denial.REVOKED, "revoked in the log that is followed now")
            elif authentication.session_id is not None:
                found = await run_with_timeout(
                    ANSWER_SECONDS, self._state.sessions.session(authentication.session_id)
                )
                if found is None or not found[0].alive(self._clock.now()):
                    why = Refusal(Denial.REVOKED, "the store does not hold its session any more")
            if why is not None:
                ended += self.registry.end(connection, why)
            elif authentication.live:
                principals.add(authentication.principal.id)
            if self._clock.monotonic() - began >= CLOSE_BUDGET_SECONDS:
                await asyncio.sleep(0)
                began = self._clock.monotonic()
        for principal_id in principals:
            ended += await self._changed(principal_id, again=True)
        return ended

    async def apply(
        self, revocation: Revocation, asked: _Question | None = None, *, again: bool = False
    ) -> int:
        """Add `revocation` and end the connections that it covers. Returns how many.

        Args:
            revocation: The revocation.
            asked: An earlier read of the log that did not find the entry.
            again: Whether it is applied again, without a lease until then, if the store does not answer.

        Raises:
            StoreUnavailable, TimeoutError: With `again`, the store does not answer. Otherwise connections end
                of which the present rights are unknown.
        """
        if revocation.until_now:
            # A clock that was set back gives it a time before that of earlier credentials.
            at = max(revocation.at, self._leaps.set_back_from)
            revocation = replace(revocation, at=at) if at != revocation.at else revocation
        self._note_own(revocation)
        change = self._changes.note(revocation)
        if change is not None and change.of_logins:
            return 0
        # Added first, so that a handshake under way finds it at its last check.
        if revocation.until_now and not revocation.seq:
            self._revocations.add_unstored(revocation)
        elif revocation.target is Target.CHANGED:
            # By this clock, so that a session that begins later here is from after the change.
            at = min(revocation.at, self._clock.now())
            self._revocations.add(replace(revocation, at=at))
        else:
            self._revocations.add(revocation)
        if revocation.target is Target.CHANGED:
            return await self._changed(revocation.value, again=again)
        if revocation.target is Target.MOVED:
            return self._moved(revocation)
        why = Refusal(Denial.REVOKED, f"revoked: {revocation.reason or revocation.target.value}")
        named = self.named(revocation)
        if revocation.target in UNTIL:
            # An entry is applied two or three times; most that it names have ended at the first.
            named = [
                one
                for one in named
                if one.state is not State.ENDED and self._reaches(revocation, one, asked)
            ]
        return self.registry.end_all(named, why)

    def _reaches(
        self, revocation: Revocation, connection: Connection, asked: _Question | None
    ) -> bool:
        """Return whether the credential of `connection` was issued before `revocation`, which names it."""
        authentication = connection.authentication
        position = authentication.position
        comparable = position is not None and position.epoch == revocation.epoch
        # INVARIANT: no clock keeps a socket open. A credential that was presented before the entry was in the
        # log was also issued before. Time decides only for a later one without a position, if clocks agree.
        if revocation.until_now and not comparable:
            if not revocation.seq:
                return True
            if asked is not None and (
                connection.presented < asked.order
                or not self._agree(revocation.at, authentication.issued_at, asked.at)
            ):
                return True
        return revocation.reaches(authentication.issued_at, position, skew=self.clock_skew_seconds)

    def _agree(self, revoked_at: float, issued_at: float, asked_at: float) -> bool:
        """Return False if these times prove that a clock is wrong, so that they cannot be compared."""
        now, skew = self._clock.now(), self.clock_skew_seconds
        return asked_at - skew <= revoked_at <= now + skew and issued_at <= now + skew

    async def stored(self, revocation: Revocation, entry: Revocation) -> None:
        """Replace a revocation that was applied without a position by its `entry` in the log."""
        self._note_own(entry)
        if revocation.until_now:
            await self.apply(entry)
            self._revocations.remove_unstored(revocation)

    def unstorable(self, revocation: Revocation) -> None:
        """Keep a revocation that the store refuses: it counts in this process alone, by time."""
        if revocation.until_now:
            self._revocations.add(revocation)
            self._revocations.remove_unstored(revocation)

    def named(self, revocation: Revocation) -> list[Connection]:
        """Return the connections that `revocation` names (see `Revocation.names`), by their present roles.

        Its cost depends on their number alone. The checks are inlined, since there may be ten thousand.
        """
        connections, value = self.registry, revocation.value
        match revocation.target:
            case Target.EVERYTHING:
                return list(connections)
            case Target.PRINCIPAL:
                return connections.of_principal(value)
            case Target.CONNECTION:
                one = connections.get(value)
                return [] if one is None else [one]
            case Target.ROLE:
                return connections.with_role(value)
            case Target.CHANGED:
                return []
            case Target.MOVED:
                value = revocation.moved[0]
            case _:
                pass
        found = connections.named(value)
        match revocation.target:
            case Target.SESSION | Target.MOVED:
                return [one for one in found if one.authentication.session_id == value]
            case Target.CREDENTIAL:
                return [one for one in found if one.authentication.credential_id == value]
            case Target.TOKEN:
                return [one for one in found if one.authentication.token_hash == value]
            case Target.DEVICE:
                return [one for one in found if one.authentication.device_id == value]
            case Target.TENANT:
                return [one for one in found if one.principal.tenant == value]
            case _:
                assert_never(revocation.target)

    def _moved(self, revocation: Revocation) -> int:
        """Move the connections of a session to its new id, without changing anything else.

        Their strength and authentication time stay the same: a client that only has an open socket of the
        session has not authenticated again.
        """
        ended, (old, new) = 0, revocation.moved
        for connection in self.named(revocation):
            was = connection.authentication
            named = new if was.credential_id == old else was.credential_id
            moved = replace(was, session_id=new, credential_id=named)
            connection.identify(moved, connection.principal)
            # The session may have ended under its new id before this entry was read.
            if self._revocations.ends(connection.present_authentication()):
                why = Refusal(Denial.REVOKED, "revoked: session")
                ended += self.registry.end(connection, why)
        return ended

    def dated(self, target: Target, value: str, now: float) -> float:
        """Return the time (Unix seconds) for a new revocation, when the clock shows `now`.

        The time is never before the issue of a credential that it names: the clock may have been set back.

        Args:
            target: Kind of the target.
            value: Id of the target.
            now: Unix seconds.
        """
        named = self.named(Revocation(target, value, float("inf")))
        issued = (one.authentication.issued_at for one in named)
        return max(now, max(issued, default=now))

    def of_session(self, session_id: str) -> list[Connection]:
        """Return the connections of this process that belong to a login session."""
        return self.named(Revocation(Target.SESSION, session_id, 0.0))

    def sessions_of(self, principal_id: str) -> set[str]:
        """Return the ids of the login sessions of a principal that have a connection in this process."""
        found = (one.authentication.session_id for one in self.registry.of_principal(principal_id))
        return {one for one in found if one is not None}

    async def _changed(self, principal_id: str, *, again: bool) -> int:
        """Read a principal again, and check its open connections with its present roles. See `apply`."""
        connections = [
            connection
            for connection in self.registry.of_principal(principal_id)
            if connection.authentication.live
        ]
        if not connections:
            return 0
        # The keys first: the account must not become outdated during another await.
        ended = await self._read_keys(connections, again=again)
        try:
            account = await read_account(self._state.accounts, self._revocations, principal_id)
        except Exception as error:  # one account must not stop the feed for all
            if again and isinstance(error, StoreUnavailable):
                raise
            # An unknown change was made, so no former permission can be relied on.
            _log.error("the account %r cannot be read: %r", principal_id, error)
            why = Refusal(Denial.UNAVAILABLE, f"its roles changed and cannot be read: {error}")
            return ended + self.registry.end_all(connections, why)
        if account is None or account.disabled:
            why = Refusal(Denial.REVOKED, "the account was disabled or removed")
            return ended + self.registry.end_all(connections, why)
        return ended + sum(
            self._reevaluate(connection, account.principal)
            for connection in connections
            # A connection that was refreshed meanwhile may have the roles of its new token.
            if connection.authentication.live
        )

    async def _read_keys(self, connections: Iterable[Connection], *, again: bool) -> int:
        """Read rotated keys, and give the connections that they opened the keys' new deadlines."""
        ended = 0
        for connection in connections:
            if connection.authentication.kind != ApiKeyAuthenticator.kind:
                continue
            authentication = connection.authentication
            try:
                found = await run_with_timeout(
                    ANSWER_SECONDS, self._state.keys.key(authentication.credential_id)
                )
            except Exception as error:  # one key must not stop the feed for all
                if again and isinstance(error, StoreUnavailable | TimeoutError):
                    raise
                why = Refusal(Denial.UNAVAILABLE, f"its key cannot be read: {error}")
                ended += self.registry.end(connection, why)
                continue
            if connection.authentication is not authentication:
                continue  # it was refreshed meanwhile, and has another credential
            if found is None:
                why = Refusal(Denial.REVOKED, "the key was revoked")
                ended += self.registry.end(connection, why)
            elif found[0].expires_at is not None:
                connection.expire(found[0].expires_at, self._clock.now(), self._clock.monotonic())
        return ended

    def _reevaluate(self, connection: Connection, principal: Principal | None = None) -> bool:
        connection.apply_policies(self._policies.current, principal)
        permission = connection.endpoint.permission
        if connection.awaiting_authentication:
            return False  # it has no permissions, and is evaluated after its first message
        if permission is None or connection.may(permission, None, self._clock.now()):
            return False
        why = Refusal(Denial.FORBIDDEN, f"{permission} is no longer granted")
        return self.registry.end(connection, why)

    def adopt(self, policies: PolicySet) -> int:
        """Replace the policies. Returns the number of connections that this ended."""
        self._policies.current = policies
        return sum(self._reevaluate(connection) for connection in self.registry)
