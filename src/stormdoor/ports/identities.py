"""Links between principals and users of identity providers."""

from __future__ import annotations

from typing import Protocol

from stormdoor.core.account import Account
from stormdoor.core.identity import Identity
from stormdoor.ports.revocation_log import Changed

__all__ = ["Identities"]


class Identities(Protocol):
    """Links between principals and users of providers.

    In doubt, repeat the change. `link_identity` raises `StoreError` if the first call has stored the link.
    A removal is in the log of revocations, so that nodes make it again if a failover loses it.
    """

    async def identity(self, issuer: str, subject: str) -> Account | None:
        """Return the account that a user of a provider is linked to, or None."""
        ...

    async def identities(self, principal_id: str) -> list[Identity]:
        """Return all links of a principal, oldest first."""
        ...

    async def link_identity(self, issuer: str, subject: str, principal_id: str, at: float) -> None:
        """Link a user of a provider to a principal.

        Raises:
            StoreError: The user is linked already, or there is no such account.
        """
        ...

    async def unlink_identity(self, issuer: str, subject: str, at: float) -> Changed:
        """Remove the link at `at` (Unix seconds), and add the removal to the log (see `Identity.removal`)."""
        ...
