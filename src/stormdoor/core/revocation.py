"""Ending a credential early, and knowing in memory what has been ended.

A revocation names what it ends and up to when: everything that was issued at or before `at`. So
"log out everywhere" does not forbid the login that follows, and a revocation can be forgotten once
nothing that old can still be valid.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from stormdoor.core.principal import Authentication

__all__ = ["UNTIL", "Revocation", "RevocationIndex", "Target"]


class Target(Enum):
    """What a revocation names."""

    __hash__ = object.__hash__  # each is one object: no need to hash its name each time

    PRINCIPAL = "principal"
    SESSION = "session"
    CREDENTIAL = "credential"  # a key's id, a token's `jti`
    TOKEN = "token"  # noqa: S105 - the SHA-256 of one, for a token whose `jti` nobody knows
    DEVICE = "device"
    ROLE = "role"
    TENANT = "tenant"
    CONNECTION = "connection"
    EVERYTHING = "everything"
    MOVED = "moved"  # a session has another id now: "old new"; its open connections go along
    CHANGED = "changed"  # not an end: the principal's roles or attributes are to be read again


UNTIL = frozenset({Target.PRINCIPAL, Target.DEVICE, Target.ROLE, Target.TENANT, Target.EVERYTHING})
"""What goes on after it was revoked: only what was issued until then is void. The others are over."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry of the feed that every process of an installation follows.

    Attributes:
        target: The kind of thing.
        value: Which one; empty for `EVERYTHING`.
        at: Unix seconds; ends what was issued at or before.
        seq: Position in the feed; 0 before it is stored.
        reason: For the trail.
    """

    target: Target
    value: str
    at: float
    seq: int = 0
    reason: str = ""

    @property
    def moved(self) -> tuple[str, str]:
        """The old and the new id of a session that has MOVED."""
        old, _, new = self.value.partition(" ")
        return old, new

    def covers(self, authentication: Authentication, connection_id: str | None = None) -> bool:
        """Whether it ends `authentication` (or the connection of that id)."""
        return self.names(authentication, connection_id) and self.reaches(authentication.issued_at)

    def reaches(self, issued_at: float) -> bool:
        """Whether it ends what was issued at `issued_at` (Unix seconds), if it names it."""
        # Not `<=`: a time that is no number (NaN) must not escape a revocation.
        return self.target not in UNTIL or not issued_at > self.at

    def names(self, authentication: Authentication, connection_id: str | None = None) -> bool:
        """Whether it is about `authentication` (or the connection of that id), whenever issued."""
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


class RevocationIndex:
    """What has been revoked, looked up in constant time at each handshake."""

    __slots__ = ("_before", "_changed", "_everything", "_gone", "_groups", "changes")

    def __init__(self, revocations: Iterable[Revocation] = ()) -> None:
        self._before: dict[str, float] = {}
        self._groups: dict[tuple[Target, str], float] = {}
        self._gone: dict[tuple[Target, str], float] = {}
        self._changed: dict[str, float] = {}
        self._everything = float("-inf")
        self.changes = 0
        """How many principals have changed: who waited for the store looks whether this moved."""
        for revocation in revocations:
            self.add(revocation)

    def add(self, revocation: Revocation) -> None:
        """Take note of `revocation`. Order and repetition do not matter."""
        match revocation.target:
            case Target.PRINCIPAL:
                known = self._before.get(revocation.value, float("-inf"))
                self._before[revocation.value] = max(known, revocation.at)
            case Target.DEVICE | Target.ROLE | Target.TENANT:
                group = (revocation.target, revocation.value)
                self._groups[group] = max(self._groups.get(group, float("-inf")), revocation.at)
            case Target.SESSION | Target.CREDENTIAL | Target.TOKEN:
                what = (revocation.target, revocation.value)
                self._gone[what] = max(self._gone.get(what, float("-inf")), revocation.at)
            case Target.MOVED:
                what = (Target.SESSION, revocation.moved[0])
                self._gone[what] = max(self._gone.get(what, float("-inf")), revocation.at)
            case Target.EVERYTHING:
                self._everything = max(self._everything, revocation.at)
            case Target.CHANGED:
                self.changes += 1
                known = self._changed.get(revocation.value, float("-inf"))
                self._changed[revocation.value] = max(known, revocation.at)
            case Target.CONNECTION:
                pass
            case _:
                assert_never(revocation.target)

    def ends(self, authentication: Authentication) -> bool:
        """Whether `authentication` has been revoked."""
        # `not >` instead of `<=`: a time that is no number (NaN) must not escape a revocation.
        if not authentication.issued_at > self._everything:
            return True
        before = self._before
        if before and not authentication.issued_at > before.get(
            authentication.principal.id, float("-inf")
        ):
            return True
        if self._groups and self._in_a_group(authentication):
            return True
        gone = self._gone
        return bool(gone) and (
            (Target.CREDENTIAL, authentication.credential_id) in gone
            or (Target.SESSION, authentication.session_id) in gone
            or (Target.TOKEN, authentication.token_hash) in gone
        )

    def _in_a_group(self, authentication: Authentication) -> bool:
        """Whether its device, its tenant or one of its roles was revoked after it was issued."""
        groups, issued_at = self._groups, authentication.issued_at
        principal = authentication.principal
        names = [(Target.ROLE, role) for role in principal.roles]
        if principal.tenant is not None:
            names.append((Target.TENANT, principal.tenant))
        if authentication.device_id is not None:
            names.append((Target.DEVICE, authentication.device_id))
        return any(not issued_at > groups.get(name, float("-inf")) for name in names)

    def changed_since(self, principal_id: str, at: float) -> bool:
        """Whether roles or attributes of a principal changed at `at` (Unix seconds) or later."""
        return self._changed.get(principal_id, float("-inf")) >= at

    def forget_sessions(self, before: float) -> None:
        """Drop sessions that were revoked before `before` (Unix seconds): their rows are long gone.

        Nothing else is ever dropped: an API key from before "end everything of this principal" must
        not come back to life because that was long ago.
        """
        self._gone = {
            what: at
            for what, at in self._gone.items()
            if at >= before or what[0] is not Target.SESSION
        }
        # Asked only about sessions, and none is as old as that.
        self._changed = {who: at for who, at in self._changed.items() if at >= before}
