"""Changes of accounts that the log of revocations names, so that a node can recognise a lost one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from stormdoor.core.revocation import Revocation, Target

__all__ = ["DISABLED", "ENABLED", "REMOVED", "AccountChange", "Right", "quoted"]

DISABLED, ENABLED, REMOVED = "disabled", "enabled", "removed"


class Right(Enum):
    """The part of an account that a change concerns. Its value begins the reason in the log."""

    ACCOUNT = "account"
    ROLE = "role"
    PASSWORD = "password changed"  # noqa: S105 - a reason
    ATTRIBUTES = "attributes"
    FACTOR = "factor"
    FACTOR_USE = "used"
    RECOVERY_CODES = "recovery codes"
    RECOVERY_USE = "recovery code used"
    IDENTITY = "identity"


_OF_PRINCIPAL = frozenset({DISABLED, REMOVED, Right.PASSWORD.value})
"""Reasons of changes that also revoke the principal."""
_OF_LOGINS = frozenset(
    (
        Right.FACTOR,
        Right.FACTOR_USE,
        Right.RECOVERY_CODES,
        Right.RECOVERY_USE,
        Right.IDENTITY,
    )
)
_ADDED_OR_REMOVED = frozenset(one.value for one in (Right.ROLE, Right.FACTOR, Right.IDENTITY))
_WITHOUT_NAME = frozenset(
    one.value for one in (Right.ATTRIBUTES, Right.RECOVERY_CODES, Right.RECOVERY_USE)
)


@dataclass(frozen=True, slots=True)
class AccountChange:
    """A change of an account.

    Attributes:
        principal_id: The principal.
        right: The part of the account. `ACCOUNT` is disabled or enabled as a whole.
        name: The role, the id of the factor, or the fingerprint of the identity; empty for other parts.
        lowers: Whether the principal may have fewer rights afterwards. False for a role or a factor that was
            added.
        counter: The counter of a factor that was used: a time step of TOTP, or that of a passkey.
    """

    principal_id: str
    right: Right
    name: str = ""
    lowers: bool = True
    counter: int = 0

    @property
    def adds_factor(self) -> bool:
        """Return whether a second factor was added."""
        return self.right is Right.FACTOR and not self.lowers

    @property
    def of_logins(self) -> bool:
        """Return whether it concerns later logins alone, and so no open connection."""
        return self.right in _OF_LOGINS

    @property
    def single_use(self) -> bool:
        """Return whether a value was used that is valid once. A later use does not replace it."""
        return self.right in (Right.FACTOR_USE, Right.RECOVERY_USE)

    @property
    def reason(self) -> str:
        """Return the reason of its entry in the log."""
        match self.right:
            case Right.ACCOUNT:
                return DISABLED if self.lowers else ENABLED
            case _ if self.right.value in _ADDED_OR_REMOVED:
                return f"{self.right.value} {'-' if self.lowers else '+'}{self.name}"
            case Right.FACTOR_USE:
                return f"{self.right.value} {self.counter} {self.name}"
            case _:
                return str(self.right.value)

    def entry(self, at: float) -> Revocation:
        """Return its entry for the log, at a time in Unix seconds.

        A new password also revokes the credentials of the principal.
        """
        target = Target.PRINCIPAL if self.right is Right.PASSWORD else Target.CHANGED
        return Revocation(target, self.principal_id, at, reason=self.reason)

    @classmethod
    def of(cls, entry: Revocation) -> AccountChange | None:
        """Return the change that an entry of the log names; None if it names none.

        A removed account counts as disabled: if it comes back, its data should not be deleted unasked.
        """
        id, reason = entry.value, entry.reason
        if entry.target is Target.PRINCIPAL:
            if reason not in _OF_PRINCIPAL:
                return None
            return cls(id, Right.PASSWORD if reason == Right.PASSWORD.value else Right.ACCOUNT)
        if entry.target is not Target.CHANGED:
            return None
        if reason in (DISABLED, REMOVED, ENABLED):
            return cls(id, Right.ACCOUNT, lowers=reason != ENABLED)
        if reason in _WITHOUT_NAME:
            return cls(id, Right(reason))
        word, _, name = reason.partition(" ")
        if word in _ADDED_OR_REMOVED and name.startswith(("+", "-")):
            return cls(id, Right(word), name[1:], lowers=name[0] == "-")
        counter, _, name = name.partition(" ")
        if word == Right.FACTOR_USE.value and counter.isdecimal() and name:
            return cls(id, Right.FACTOR_USE, name, counter=int(counter))
        return None


def quoted(reason: str) -> str:
    """Return the reason that an operator gives, in quotes if it would be read as a change of the account."""
    return f'"{reason}"' if reason in _OF_PRINCIPAL else reason
