"""Apply revocations and changes to the open connections of this process."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.revocation import UNTIL, Revocation, RevocationIndex, Target
from stormdoor.guard.applied_log import AppliedLog, LogQuestion
from stormdoor.guard.clock_leaps import ClockLeaps
from stormdoor.guard.connection import Connection
from stormdoor.guard.lost_changes import LostChanges
from stormdoor.guard.named_connections import named_by
from stormdoor.guard.present_rights import PresentRights
from stormdoor.guard.registry import CLOSE_BUDGET_SECONDS, Registry
from stormdoor.guard.timeout import ANSWER_SECONDS, run_with_timeout
from stormdoor.ports import Clock, Sessions

__all__ = ["ConnectionEnder"]


class ConnectionEnder:
    """Ends connections that are revoked, or have lost their permission.

    Args:
        registry: The open connections.
        revocations: Index of revocations; shared with the admission.
        rights: Checks the connections of a principal that has changed.
        log: Learns the entries that are applied.
        changes: Learns the changes of accounts.
        sessions: The stored login sessions.
        clock: Source of the time.
        leaps: Notices a wall clock that was set.
        clock_skew_seconds: See `skew` of `Revocation.reaches`.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        revocations: RevocationIndex,
        rights: PresentRights,
        log: AppliedLog,
        changes: LostChanges,
        sessions: Sessions,
        clock: Clock,
        leaps: ClockLeaps,
        clock_skew_seconds: float = 0.0,
    ) -> None:
        self.registry = registry
        self._revocations = revocations
        self.rights = rights
        self._log = log
        self._changes = changes
        self._sessions = sessions
        self._clock = clock
        self._leaps = leaps
        self.clock_skew_seconds = clock_skew_seconds

    async def apply(
        self, revocation: Revocation, asked: LogQuestion | None = None, *, again: bool = False
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
        self._log.note(revocation)
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
            return await self.rights.check_principal(revocation.value, again=again)
        if revocation.target is Target.MOVED:
            return self._moved(revocation)
        why = Refusal(Denial.REVOKED, f"revoked: {revocation.reason or revocation.target.value}")
        named = named_by(revocation, self.registry)
        if revocation.target in UNTIL:
            # An entry is applied two or three times; most that it names have ended at the first.
            named = [
                one
                for one in named
                if one.state is not State.ENDED and self._reaches(revocation, one, asked)
            ]
        return self.registry.end_all(named, why)

    def _reaches(
        self, revocation: Revocation, connection: Connection, asked: LogQuestion | None
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
        self._log.note(entry)
        if revocation.until_now:
            await self.apply(entry)
            self._revocations.remove_unstored(revocation)

    def unstorable(self, revocation: Revocation) -> None:
        """Keep a revocation that the store refuses: it counts in this process alone, by time."""
        if revocation.until_now:
            self._revocations.add(revocation)
            self._revocations.remove_unstored(revocation)

    def _moved(self, revocation: Revocation) -> int:
        """Move the connections of a session to its new id, without changing anything else.

        Their strength and authentication time stay the same: a client that only has an open socket of the
        session has not authenticated again.
        """
        ended, (old, new) = 0, revocation.moved
        for connection in named_by(revocation, self.registry):
            was = connection.authentication
            named = new if was.credential_id == old else was.credential_id
            moved = replace(was, session_id=new, credential_id=named)
            connection.identify(moved, connection.principal)
            # The session may have ended under its new id before this entry was read.
            if self._revocations.ends(connection.present_authentication()):
                why = Refusal(Denial.REVOKED, "revoked: session")
                ended += self.registry.end(connection, why)
        return ended

    async def reevaluate_all(self) -> int:
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
                    ANSWER_SECONDS, self._sessions.session(authentication.session_id)
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
            ended += await self.rights.check_principal(principal_id, again=True)
        return ended
