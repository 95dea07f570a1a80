"""Revocations of credentials, and the index of them in memory.

A revocation ends the credentials that it names and that were issued before it. So "log out everywhere" does
not forbid the login that follows. If both positions are in one epoch of the log of revocations, the
positions decide which came first. Otherwise the times decide, and in doubt the credential is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import assert_never

from stormdoor.core.log_position import LogPosition
from stormdoor.core.principal import Authentication
from stormdoor.errors import ConfigurationError

__all__ = ["UNTIL", "Revocation", "RevocationIndex", "Target", "check_skew"]

_MAX_SKEW_SECONDS = 3600.0


class Target(Enum):
    """The target of a revocation."""

    __hash__ = object.__hash__  # each is one object: no need to hash its name at each use

    PRINCIPAL = "principal"
    SESSION = "session"
    CREDENTIAL = "credential"  # a key's id, a token's `jti`
    TOKEN = "token"  # noqa: S105 - the SHA-256 of a token, if its `jti` is not known
    DEVICE = "device"
    ROLE = "role"
    TENANT = "tenant"
    CONNECTION = "connection"
    EVERYTHING = "everything"
    MOVED = "moved"  # a session has another id now: "old new"; its open connections move to it
    CHANGED = "changed"  # not an end: the principal's roles or attributes must be read again


UNTIL = frozenset({Target.PRINCIPAL, Target.DEVICE, Target.ROLE, Target.TENANT, Target.EVERYTHING})
"""Targets that still exist after a revocation: it ends only their credentials that were issued until then."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry of the log that every process of an installation follows.

    Attributes:
        target: The kind of target.
        value: Id of the target; empty for `EVERYTHING`.
        at: Unix seconds. Ends credentials issued then or earlier, if positions do not decide.
        seq: Position in the log; 0 before it is stored.
        reason: For the trail.
        epoch: The epoch of the log that `seq` belongs to; empty before it is stored.
        by_time: Whether the operator named a time (`before=`): then times decide, never positions.
    """

    target: Target
    value: str
    at: float
    seq: int = 0
    reason: str = ""
    epoch: str = ""
    by_time: bool = False

    @property
    def moved(self) -> tuple[str, str]:
        """The old and the new id of a session that has MOVED."""
        old, _, new = self.value.partition(" ")
        return old, new

    @property
    def until_now(self) -> bool:
        """True if it ends the credentials that were issued before it, and the operator named no time."""
        return not self.by_time and self.target in UNTIL

    @property
    def numbered(self) -> bool:
        """True if its position in the log decides which credentials it covers; False if its time decides."""
        return self.seq > 0 and self.until_now

    def placed(self, position: LogPosition) -> Revocation:
        """Return a copy as the log entry at `position`."""
        return Revocation(
            self.target,
            self.value,
            self.at,
            position.seq,
            self.reason,
            position.epoch,
            self.by_time,
        )

    def covers(
        self,
        authentication: Authentication,
        connection_id: str | None = None,
        *,
        skew: float = 0.0,
    ) -> bool:
        """Return whether it ends `authentication` (or the connection of that id).

        Args:
            authentication: A credential that was accepted.
            connection_id: The connection that it opened.
            skew: As `reaches`.
        """
        return self.names(authentication, connection_id) and self.reaches(
            authentication.issued_at, authentication.position, skew=skew
        )

    def reaches(self, issued_at: float, position: LogPosition | None, *, skew: float = 0.0) -> bool:
        """Return whether it ends a credential that it names, by the issue of the credential.

        Args:
            issued_at: Unix seconds.
            position: The head of the log at the issue; None if it is not known.
            skew: Seconds. If time decides, a credential that was issued up to `skew` after the revocation is
                also ended. This does not apply if the operator named a time and the store issued the
                credential: then both times come from the clocks of this installation.
        """
        if self.target not in UNTIL:
            return True
        if position is not None:
            if self.by_time:
                skew = 0.0
            elif self.numbered and position.epoch == self.epoch:
                return position.seq < self.seq
        # Not `<=`: a time that is not a number (NaN) must not escape a revocation.
        return not issued_at > self.at + skew

    def included_in(self, known: Revocation) -> bool:
        """Return whether `known`, an entry of the log, has every effect of this entry."""
        if (self.target, self.value) != (known.target, known.value):
            return False
        if self.target not in UNTIL:
            return True
        if self.by_time or known.by_time:
            return self.by_time is known.by_time and self.at <= known.at
        return self.epoch == known.epoch and self.seq <= known.seq

    def names(self, authentication: Authentication, connection_id: str | None = None) -> bool:
        """Return whether its target includes `authentication`, or the connection of that id, at any time."""
        principal = authentication.principal
        match self.target:
            case Target.PRINCIPAL:
                return self.value == principal.id
            case Target.SESSION:
                return self.value == authentication.session_id
            case Target.MOVED:
                return self.moved[0] == authentication.session_id
            case Target.CREDENTIAL:
                return self.value == authentication.credential_id
            case Target.TOKEN:
                return self.value == authentication.token_hash
            case Target.DEVICE:
                return self.value == authentication.device_id
            case Target.ROLE:
                return self.value in principal.roles
            case Target.TENANT:
                return self.value == principal.tenant
            case Target.CONNECTION:
                return self.value == connection_id
            case Target.EVERYTHING:
                return True
            case Target.CHANGED:
                return False
            case _:
                assert_never(self.target)


def check_skew(seconds: float) -> None:
    """Check a setting for the greatest difference between clocks, in seconds.

    Raises:
        ConfigurationError: It is out of range.
    """
    if not 0.0 <= seconds <= _MAX_SKEW_SECONDS:
        raise ConfigurationError(
            f"clock_skew_seconds must be 0 to {_MAX_SKEW_SECONDS:g}, not {seconds}"
        )


class _Cutoff:
    """All revocations of one name. A credential is revoked if it was issued before any of them.

    Small, because an installation may revoke a million names. An object holds the values of one epoch, and a
    link to the object of the next epoch. A log gets another epoch each time it is restored or copied.
    """

    __slots__ = ("_at", "_epoch", "_named", "_next", "_seq", "_skew")

    def __init__(self, skew: float) -> None:
        self._skew = skew
        self._epoch: str | None = None
        self._seq = 0
        self._at = self._named = float("-inf")
        self._next: _Cutoff | None = None

    def add(self, revocation: Revocation) -> None:
        """Add `revocation`."""
        if revocation.by_time:
            self._named = max(self._named, revocation.at)
        elif self._epoch is None or self._epoch == revocation.epoch:
            self._epoch = revocation.epoch
            self._seq = max(self._seq, revocation.seq)
            self._at = max(self._at, revocation.at)
        else:
            if self._next is None:
                self._next = _Cutoff(self._skew)
            self._next.add(revocation)

    def entries(self, target: Target, value: str) -> list[Revocation]:
        """Return entries of the log that together have the effect of all of these."""
        found = [] if self._next is None else self._next.entries(target, value)
        if self._epoch:
            found.append(Revocation(target, value, self._at, self._seq, "", self._epoch))
        if self._named > float("-inf"):
            found.append(Revocation(target, value, self._named, by_time=True))
        return found

    def covers_issue(self, authentication: Authentication) -> bool:
        """Return whether `authentication` was issued before one of these: see `Revocation.reaches`."""
        position, issued_at = authentication.position, authentication.issued_at
        if not issued_at > (self._named + self._skew if position is None else self._named):
            return True
        if position is not None and self._seq and position.epoch == self._epoch:
            if position.seq < self._seq:
                return True
        elif not issued_at > self._at + self._skew:
            return True
        return self._next is not None and self._next.covers_issue(authentication)


def _key(revocation: Revocation) -> tuple[Target, str]:
    return revocation.target, revocation.value


class RevocationIndex:
    """Index of revocations; each handshake looks them up in constant time.

    Args:
        revocations: The entries at the start.
        clock_skew_seconds: As `skew` of `Revocation.reaches`.
    """

    __slots__ = (
        "_changed",
        "_everything",
        "_gone",
        "_groups",
        "_principals",
        "_skew",
        "_unstored",
        "changes",
        "reloaded",
    )

    def __init__(
        self, revocations: Iterable[Revocation] = (), *, clock_skew_seconds: float = 0.0
    ) -> None:
        self._principals: dict[str, _Cutoff] = {}
        self._groups: dict[tuple[Target, str], _Cutoff] = {}
        self._gone: dict[tuple[Target, str], Revocation] = {}
        self._changed: dict[str, float] = {}
        self._everything: _Cutoff | None = None
        self._unstored: dict[tuple[Target, str], tuple[Revocation, int]] = {}
        self._skew = clock_skew_seconds
        self.changes = 0
        """Number of changed principals: code that waited for the store compares it with an earlier value."""
        self.reloaded = 0
        """Value of `changes` from which on the store answers by the log that is followed now."""
        for revocation in revocations:
            self.add(revocation)

    def add(self, revocation: Revocation) -> None:
        """Add `revocation`. Order and repetition do not matter."""
        match revocation.target:
            case Target.PRINCIPAL:
                cutoff = self._principals.setdefault(revocation.value, _Cutoff(self._skew))
                cutoff.add(revocation)
            case Target.DEVICE | Target.ROLE | Target.TENANT:
                group = (revocation.target, revocation.value)
                self._groups.setdefault(group, _Cutoff(self._skew)).add(revocation)
            case Target.SESSION | Target.CREDENTIAL | Target.TOKEN | Target.CONNECTION:
                # A connection is kept for `missing_in` only.
                self._add_gone(revocation)
            case Target.MOVED:
                old = revocation.moved[0]
                self._add_gone(replace(revocation, target=Target.SESSION, value=old))
            case Target.EVERYTHING:
                if self._everything is None:
                    self._everything = _Cutoff(self._skew)
                self._everything.add(revocation)
            case Target.CHANGED:
                self.changes += 1
                known = self._changed.get(revocation.value, float("-inf"))
                self._changed[revocation.value] = max(known, revocation.at)
            case _:
                assert_never(revocation.target)

    def note_reload(self) -> None:
        """Note that another log is followed: what the store answered before may be out of date."""
        self.changes += 1
        self.reloaded = self.changes

    def _add_gone(self, revocation: Revocation) -> None:
        known = self._gone.get(_key(revocation))
        # One that the log holds is kept rather than one that this process has not stored.
        if known is None or (bool(revocation.seq), revocation.at) > (bool(known.seq), known.at):
            self._gone[_key(revocation)] = revocation

    def add_unstored(self, revocation: Revocation) -> None:
        """Add a revocation that the store has not stored yet. Until it has a position, time decides."""
        known, count = self._unstored.get(_key(revocation), (revocation, 0))
        later = revocation if revocation.at >= known.at else known
        self._unstored[_key(revocation)] = later, count + 1

    def remove_unstored(self, revocation: Revocation) -> None:
        """Remove a revocation that `add_unstored` added; several with one name are removed with the last."""
        known, count = self._unstored.pop(_key(revocation))
        if count > 1:
            self._unstored[_key(revocation)] = known, count - 1

    def ends(self, authentication: Authentication) -> bool:
        """Return whether `authentication` has been revoked."""
        everything = self._everything
        if everything is not None and everything.covers_issue(authentication):
            return True
        if self._principals:
            principal = self._principals.get(authentication.principal.id)
            if principal is not None and principal.covers_issue(authentication):
                return True
        if self._groups and self._in_a_group(authentication):
            return True
        gone = self._gone
        if gone and (
            (Target.CREDENTIAL, authentication.credential_id) in gone
            or (Target.SESSION, authentication.session_id) in gone
            or (Target.TOKEN, authentication.token_hash) in gone
        ):
            return True
        # Empty, except while the store stores a revocation or is down.
        return bool(self._unstored) and any(
            one.covers(authentication, skew=self._skew) for one, _ in self._unstored.values()
        )

    def _in_a_group(self, authentication: Authentication) -> bool:
        """Return whether its device, its tenant or one of its roles was revoked after it was issued."""
        groups, principal = self._groups, authentication.principal
        names = [(Target.ROLE, role) for role in principal.roles]
        if principal.tenant is not None:
            names.append((Target.TENANT, principal.tenant))
        if authentication.device_id is not None:
            names.append((Target.DEVICE, authentication.device_id))
        return any(
            cutoff.covers_issue(authentication)
            for cutoff in map(groups.get, names)
            if cutoff is not None
        )

    def missing_in(self, present: Iterable[Revocation]) -> list[Revocation]:
        """Return the entries of a log that are known here, but are not `present` in it.

        Args:
            present: As `RevocationLog.lasting_revocations` returns them. Ends of sessions are not among them,
                so all that are known here are returned.
        """
        of_name: dict[tuple[Target, str], list[Revocation]] = {}
        for one in present:
            of_name.setdefault(_key(one), []).append(one)
        known = [one for one in self._gone.values() if one.seq]
        for principal, cutoff in self._principals.items():
            known += cutoff.entries(Target.PRINCIPAL, principal)
        for (target, value), cutoff in self._groups.items():
            known += cutoff.entries(target, value)
        if self._everything is not None:
            known += self._everything.entries(Target.EVERYTHING, "")
        return [
            one
            for one in known
            if not any(one.included_in(other) for other in of_name.get(_key(one), ()))
        ]

    def changed_since(self, principal_id: str, at: float) -> bool:
        """Return whether roles or attributes of a principal changed at `at` (Unix seconds) or later."""
        return self._changed.get(principal_id, float("-inf")) >= at

    def forget_sessions(
        self, before: float, *, settled: LogPosition | None = None, settled_before: float = 0.0
    ) -> None:
        """Drop ended sessions and connections that no store can still have.

        Nothing else is ever dropped: an API key that was revoked with its principal must stay revoked.

        Args:
            before: Unix seconds. No session lives on that ended before.
            settled: A position up to which no log that this node may follow can lack an entry.
            settled_before: Unix seconds. No handshake is under way that began before.
        """

        def is_over(one: Revocation) -> bool:
            if one.target not in (Target.SESSION, Target.CONNECTION):
                return False
            if one.at < before:
                return True
            return (
                settled is not None
                and one.at < settled_before
                and settled.includes(LogPosition(one.epoch, one.seq))
            )

        self._gone = {what: one for what, one in self._gone.items() if not is_over(one)}
        # Used only for sessions, and none is as old as that.
        self._changed = {who: at for who, at in self._changed.items() if at >= before}
