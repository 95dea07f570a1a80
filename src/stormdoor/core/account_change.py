"""Changes of rights that the log of revocations names: a lost one can be recognised and made again."""

from __future__ import annotations

from dataclasses import dataclass

from stormdoor.core.revocation import Revocation, Target

__all__ = ["DISABLED", "ENABLED", "REMOVED", "AccountChange", "quoted"]

DISABLED, ENABLED, REMOVED = "disabled", "enabled", "removed"
_ADDED, _WITHDRAWN = "role +", "role -"


@dataclass(frozen=True, slots=True)
class AccountChange:
    """A role or an account as a whole that lost a right, or got it.

    Attributes:
        principal_id: The principal.
        role: The role; None for the account, which is disabled or enabled.
        lowers: Whether the principal has fewer rights afterwards.
    """

    principal_id: str
    role: str | None
    lowers: bool

    @property
    def reason(self) -> str:
        """Return the reason of its entry in the log."""
        if self.role is None:
            return DISABLED if self.lowers else ENABLED
        return (_WITHDRAWN if self.lowers else _ADDED) + self.role

    def entry(self, at: float) -> Revocation:
        """Return its entry for the log, at a time in Unix seconds."""
        return Revocation(Target.CHANGED, self.principal_id, at, reason=self.reason)

    @classmethod
    def of(cls, entry: Revocation) -> AccountChange | None:
        """Return the change that an entry of the log names; None if it names none.

        A removed account counts as disabled: if it comes back, its data should not be deleted unasked.
        """
        if entry.target not in (Target.CHANGED, Target.PRINCIPAL):
            return None
        id, reason = entry.value, entry.reason
        if reason in (DISABLED, REMOVED):
            return cls(id, None, lowers=True)
        if entry.target is Target.PRINCIPAL:
            return None
        if reason == ENABLED:
            return cls(id, None, lowers=False)
        if reason.startswith((_ADDED, _WITHDRAWN)):
            return cls(id, reason[len(_ADDED) :], lowers=reason.startswith(_WITHDRAWN))
        return None


def quoted(reason: str) -> str:
    """Return the reason that an operator gives, in quotes if it would be read as a change of the account."""
    return f'"{reason}"' if reason in (DISABLED, REMOVED) else reason
