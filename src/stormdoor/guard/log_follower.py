"""Follow the log of revocations of all processes, also when it is replaced by another one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable

from stormdoor.core.credential import fingerprint
from stormdoor.core.lease import Lease
from stormdoor.core.log_position import LogPosition
from stormdoor.core.pending import Pending
from stormdoor.core.revocation import Revocation, RevocationIndex
from stormdoor.errors import StoreError, StoreUnavailable
from stormdoor.guard.applied_log import AppliedLog, LogQuestion
from stormdoor.guard.connection import ORDER
from stormdoor.guard.connection_ender import ConnectionEnder
from stormdoor.guard.freshness import Fence
from stormdoor.guard.lost_changes import LostChanges, UnknownChanges
from stormdoor.guard.lost_revocations import LostRevocations
from stormdoor.guard.registry import CLOSE_BUDGET_SECONDS
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.timeout import ANSWER_SECONDS, run_with_timeout
from stormdoor.ports import Clock, StoredState

__all__ = ["LogFollower"]

_log = logging.getLogger("stormdoor.supervisor")

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


class LogFollower:
    """Applies the revocations and changes that other processes write to the log.

    Args:
        log: The position up to which this node has applied the log.
        ender: Applies each entry to the open connections.
        changes: Deals with changes of accounts that another log had lost.
        revocations: Index of revocations; shared with the admission.
        state: State of revocations and pending entries.
        clock: Source of the time.
        lease: The lease of this node, which ends while it reloads another log.
        statistics: Counters, for the ages of entries.
        fence: Learns that a question failed.
    """

    def __init__(
        self,
        *,
        log: AppliedLog,
        ender: ConnectionEnder,
        changes: LostChanges,
        revocations: RevocationIndex,
        state: StoredState,
        clock: Clock,
        lease: Lease,
        statistics: Statistics,
        fence: Fence,
    ) -> None:
        self.log = log
        self._ender = ender
        self._changes = changes
        self._revocations = revocations
        self._state = state
        self._clock = clock
        self._lease = lease
        self._statistics = statistics
        self._fence = fence
        self.lost = LostRevocations(state.revocations)
        """The known revocations that the log lacks since it was reloaded."""
        self._asked: LogQuestion | None = None
        """The last read of the log for entries after `applied` that succeeded."""
        self._applying = asyncio.Lock()
        self._unknown: tuple[str, UnknownChanges] | None = None
        """The epoch of a log that lacks changes which this node does not know: it is not followed."""
        self._failing: set[object] = set()
        """Functions that were asked for the head, and of which the last answer could not be applied."""
        self._excused: set[object] = set()
        """Functions of which the last question failed while the loop was blocked. A second failure counts."""
        self._reloaded = 0
        """The order of the last question that was answered by another log."""
        self._seen_order = 0
        """The order of the last change of `applied`; only a later question shows that the head went back."""

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
            self.log.epochs.add(revocation.epoch)
        self.log.epochs |= {head.epoch, *(one.epoch for one in tail)}
        self.log.applied, self._asked = head, asked
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
        return self.log.applied

    @property
    def behind(self) -> bool:
        """True while revocations of other processes are unknown: no client is admitted."""
        return bool(self._failing)

    def forget_sessions(self, longest: float) -> None:
        """Drop the ends of sessions that only an older log could lack, which this node does not follow.

        Args:
            longest: Seconds. No session lives so long.
        """
        now, seen = self._clock.now(), self.log.applied
        self._revocations.forget_sessions(
            now - longest,
            settled=seen._replace(seq=self._changes.since(seen.seq)),
            settled_before=now - _HANDSHAKE_SECONDS,
        )

    def _ask(self) -> LogQuestion:
        return LogQuestion(next(ORDER), self._clock.now())

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
            asked, limit, known = self._ask(), min(seconds, ANSWER_SECONDS), self.log.applied
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
                news = news if self.log.applied.includes(known) else None
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

    async def _apply_up_to(
        self, head: LogPosition, asked: LogQuestion, news: list[Revocation] | None
    ) -> int:
        """Apply the entries up to `head`, the answer to `asked`. Returns how many connections that ended.

        Args:
            head: The head of the log.
            asked: The question.
            news: The entries after the last known one, if they are read already.
        """
        seen, before = self.log.applied, self._asked
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
            self.log.applied = head._replace(seq=max([head.seq, *(one.seq for one in news[-1:])]))
        self._seen_order = next(ORDER)
        self._asked = asked
        self._state.epoch.epoch = self.log.applied.epoch
        self.log.on_applied()
        return ended

    def _is_another_log(self, head: LogPosition, asked: LogQuestion) -> bool:
        """Return whether an answer shows that the log is another one, or that its head went back."""
        if asked.order < self._reloaded:
            return False
        seen = self.log.applied
        if head.epoch != seen.epoch:
            return True
        # A question from before these entries were applied does not show it.
        return head.seq < seen.seq and asked.order >= self._seen_order

    async def _entries(self, question: Awaitable[list[Revocation]]) -> list[Revocation]:
        return await run_with_timeout(ANSWER_SECONDS, question)

    async def _apply_all(
        self, entries: Iterable[Revocation], asked: LogQuestion | None, *, again: bool = False
    ) -> int:
        ended, began = 0, self._clock.monotonic()
        for revocation in entries:
            ended += await self._ender.apply(revocation, asked, again=again)
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

    async def _reload(self, head: LogPosition, asked: LogQuestion | None) -> int:
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
        seen, last = self.log.applied, head.seq
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
            made = await self._changes.restore(present, self.log.epochs, seen.seq, last)
        except UnknownChanges as error:
            self._unknown = (head.epoch, error)
            raise
        self.lost.missing = self._revocations.missing_in(entries)
        for one in entries:
            if one.epoch in self.log.epochs and (one.epoch != seen.epoch or one.seq <= seen.seq):
                self._revocations.add(one)
        # INVARIANT: added since the last read, so no clock keeps a socket open that was open then.
        news = [
            one
            for one in entries
            if one.epoch not in self.log.epochs or (one.epoch == seen.epoch and one.seq > seen.seq)
        ]
        ended = await self._apply_all([*news, *made], asked, again=True)
        ended += await self._ender.reevaluate_all()
        await run_with_timeout(ANSWER_SECONDS, self._note_epoch(head.epoch))
        # INVARIANT: no handshake under way uses a session that it read from the former log: the entries about
        # sessions are not read.
        self._revocations.note_reload()
        self.log.epochs |= {head.epoch, *(one.epoch for one in entries)}
        self.log.applied = head
        self._ender.registry.list_is_uncertain = True
        return ended

    async def _note_epoch(self, epoch: str) -> None:
        """Store the beginning of an epoch, for nodes that start later. The first node to see it decides."""
        at = self._state.epoch.at
        begun = Pending(id=fingerprint(epoch), purpose=_EPOCH, created_at=at, expires_at=_NEVER)
        with contextlib.suppress(StoreError):  # another node has stored it
            await self._state.pendings.add_pending(begun)
