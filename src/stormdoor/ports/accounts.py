"""Principals that are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from stormdoor.core.account import Account
from stormdoor.core.revocation import Revocation, Target
from stormdoor.ports.revocation_log import Changed

__all__ = ["Accounts"]


class Accounts(Protocol):
    """Principals that the store knows.

    A change of an account that does not exist returns False. `entry` is added to the log of revocations in
    the transaction of the change: see `Changed`.

    In doubt, repeat the change: a second entry in the log has no further effect. `add_account` then raises
    `StoreError` if the account is there, and `remove_account` returns False.
    """

    async def account(self, id: str) -> Account | None:
        """Return the account of an id, or None."""
        ...

    async def accounts(self) -> list[Account]:
        """Return all accounts, by id."""
        ...

    async def tenants(
        self, *, role: str | None = None, device: str | None = None
    ) -> set[str | None]:
        """Return the tenants of all accounts, or of those with a role or with a session of a device."""
        ...

    async def accounts_named(
        self, target: Target, value: str, *, after: str = "", limit: int
    ) -> list[tuple[str, str | None]]:
        """Return the next accounts, by id, that a revocation names: each with its tenant.

        Args:
            target: ROLE, TENANT or EVERYTHING.
            value: The role or the tenant; empty for everything.
            after: The id of the last account of the page before.
            limit: The greatest number of accounts.
        """
        ...

    async def add_account(self, account: Account) -> None:
        """Store a new account with its roles.

        Raises:
            StoreError: The id is taken.
        """
        ...

    async def remove_account(self, id: str, *, entry: Revocation | None = None) -> Changed:
        """Remove the account with its roles, sessions, tickets, keys, identities and factors."""
        ...

    async def set_password_hash(
        self, id: str, password_hash: str | None, *, entry: Revocation | None = None
    ) -> Changed:
        """Replace the password hash."""
        ...

    async def replace_password_hash(self, id: str, old: str, new: str) -> bool:
        """Replace the password hash if it is still `old`, in one step. Returns whether it was replaced."""
        ...

    async def set_disabled(
        self,
        id: str,
        disabled: bool,  # noqa: FBT001 - says itself
        *,
        entry: Revocation | None = None,
    ) -> Changed:
        """Disable or enable the account."""
        ...

    async def add_role(self, id: str, role: str, *, entry: Revocation | None = None) -> Changed:
        """Add one role to the present ones, in one step."""
        ...

    async def remove_role(self, id: str, role: str, *, entry: Revocation | None = None) -> Changed:
        """Remove one role from the present ones, in one step."""
        ...

    async def set_attributes(
        self, id: str, attributes: Mapping[str, object], *, entry: Revocation | None = None
    ) -> Changed:
        """Replace the attributes."""
        ...
