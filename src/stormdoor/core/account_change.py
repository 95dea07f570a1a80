"""Changes of accounts that the log of revocations names, so that a node can recognise a lost one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from stormdoor.core.revocation import Revocation, Target

__all__ = ["DISABLED", "ENABLED", "REMOVED", "AccountChange", "Right", "quoted"]

DISABLED, ENABLED, REMOVED = "disabled", "enabled", "removed"
_ADDED, _WITHDRAWN = "role +", "role -"


class Right(Enum):
    """The part of an account that a change concerns. The value of the last two is the reason in the log."""

    ACCOUNT = "account"
    ROLE = "role"
    PASSWORD = "password changed"  # noqa: S105 - a reason
    ATTRIBUTES = "attributes"


_OF_PRINCIPAL = frozenset({DISABLED, REMOVED, Right.PASSWORD.value})
"""Reasons of changes that also revoke the principal."""


@dataclass(frozen=True, slots=True)
class AccountChange:
    """A change of an account.

    Attributes:
        principal_id: The principal.
        right: The part of the account. `ACCOUNT` is disabled or enabled as a whole.
        role: The role; empty except for `ROLE`.
        lowers: Whether the principal may have fewer rights afterwards.
    """

    principal_id: str
    right: Right
    role: str = ""
    lowers: bool = True

    @property
    def reason(self) -> str:
        """Return the reason of its entry in the log."""
        match self.right:
            case Right.ACCOUNT:
                return DISABLED if self.lowers else ENABLED
            case Right.ROLE:
                return (_WITHDRAWN if self.lowers else _ADDED) + self.role
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
        if reason == Right.ATTRIBUTES.value:
            return cls(id, Right.ATTRIBUTES)
        if reason.startswith((_ADDED, _WITHDRAWN)):
            role = reason[len(_ADDED) :]
            return cls(id, Right.ROLE, role, lowers=reason.startswith(_WITHDRAWN))
        return None


def quoted(reason: str) -> str:
    """Return the reason that an operator gives, in quotes if it would be read as a change of the account."""
    return f'"{reason}"' if reason in _OF_PRINCIPAL else reason
