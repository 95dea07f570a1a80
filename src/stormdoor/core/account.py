"""A stored principal: its roles, its password hash, and whether it is disabled."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from stormdoor.core.principal import Principal
from stormdoor.core.value import value

__all__ = ["Account"]


@value
@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One stored principal.

    Attributes:
        id: Stable and unique.
        roles: Assigned roles.
        tenant: Its tenant, or None.
        attributes: Facts for conditions; JSON values only.
        password_hash: Argon2id (or a bcrypt hash that the next login upgrades), or None.
        disabled: A disabled principal is refused with every credential (ASVS 7.4.2).
        created_at: Unix seconds.
    """

    id: str
    roles: frozenset[str] = frozenset()
    tenant: str | None = None
    attributes: Mapping[str, object] = field(default_factory=dict, hash=False)
    password_hash: str | None = field(default=None, repr=False)
    disabled: bool = False
    created_at: float = 0.0

    def with_own_attributes(self) -> Account:
        """Return a copy with separate attributes, so that a change of them does not affect this account."""
        return Account(
            id=self.id,
            roles=self.roles,
            tenant=self.tenant,
            attributes=deepcopy(self.attributes) if self.attributes else {},
            password_hash=self.password_hash,
            disabled=self.disabled,
            created_at=self.created_at,
        )

    @property
    def principal(self) -> Principal:
        """Return the verified principal of this account."""
        return Principal(self.id, self.roles, self.tenant, self.attributes)
