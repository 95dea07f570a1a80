"""A user of an identity provider, linked to a principal."""

from __future__ import annotations

from dataclasses import dataclass

from stormdoor.core.account_change import AccountChange, Right
from stormdoor.core.credential import fingerprint

__all__ = ["Identity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A link between a provider's user and a principal (OpenID Connect Core §5.7).

    Attributes:
        issuer: The provider's `iss`.
        subject: The user's `sub` at the provider. Only issuer and subject together are unique and never
            reassigned to another person; an e-mail address is neither.
        principal_id: The principal here.
        linked_at: Unix seconds.
    """

    issuer: str
    subject: str
    principal_id: str
    linked_at: float

    @property
    def removal(self) -> AccountChange:
        """Return the change that removes the link. It names the user by a hash."""
        name = fingerprint(f"{self.issuer}\n{self.subject}")
        return AccountChange(self.principal_id, Right.IDENTITY, name)
