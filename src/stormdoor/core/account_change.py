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
    TOTP_USE = "totp"
    RECOVERY_CODES = "recovery codes"
    RECOVERY_USE = "recovery code used"


_OF_PRINCIPAL = frozenset({DISABLED, REMOVED, Right.PASSWORD.value})
"""Reasons of changes that also revoke the principal."""
_OF_FACTORS = frozenset((Right.FACTOR, Right.TOTP_USE, Right.RECOVERY_CODES, Right.RECOVERY_USE))
_WITHOUT_NAME = frozenset(
    one.value for one in (Right.ATTRIBUTES, Right.RECOVERY_CODES, Right.RECOVERY_USE)
)


@dataclass(frozen=True, slots=True)
class AccountChange:
    """A change of an account.

    Attributes:
        principal_id: The principal.
        right: The part of the account. `ACCOUNT` is disabled or enabled as a whole.
        name: The role, or the id of the factor; empty for other parts.
        lowers: Whether the principal may have fewer rights afterwards. False for a role or a factor that was
            added.
        counter: The time step of a TOTP code that was used.
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
    def of_factors(self) -> bool:
        """Return whether it concerns second factors, and so no open connection."""
        return self.right in _OF_FACTORS

    @property
    def single_use(self) -> bool:
        """Return whether a value was used that is valid once. A later use does not replace it."""
        return self.right in (Right.TOTP_USE, Right.RECOVERY_USE)

    @property
    def reason(self) -> str:
        """Return the reason of its entry in the log."""
        match self.right:
            case Right.ACCOUNT:
                return DISABLED if self.lowers else ENABLED
            case Right.ROLE | Right.FACTOR:
                return f"{self.right.value} {'-' if self.lowers else '+'}{self.name}"
            case Right.TOTP_USE:
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
        if word in (Right.ROLE.value, Right.FACTOR.value) and name.startswith(("+", "-")):
            return cls(id, Right(word), name[1:], lowers=name[0] == "-")
        counter, _, name = name.partition(" ")
        if word == Right.TOTP_USE.value and counter.isdecimal() and name:
            return cls(id, Right.TOTP_USE, name, counter=int(counter))
        return None


def quoted(reason: str) -> str:
    """Return the reason that an operator gives, in quotes if it would be read as a change of the account."""
    return f'"{reason}"' if reason in _OF_PRINCIPAL else reason
