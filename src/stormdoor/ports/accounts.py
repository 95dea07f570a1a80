"""Principals that are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from stormdoor.core.account import Account

__all__ = ["Accounts"]


class Accounts(Protocol):
    """Principals that the store knows."""

    async def account(self, id: str) -> Account | None:
        """Return the account of that id."""
        ...

    async def accounts(self) -> list[Account]:
        """Return all accounts, by id."""
        ...

    async def add_account(self, account: Account) -> None:
        """Store a new account with its roles.

        Raises:
            StoreError: The id is taken.
        """
        ...

    async def remove_account(self, id: str) -> bool:
        """Remove it with its roles, sessions, tickets, keys, identities and factors.

        Returns:
            Whether it was there.
        """
        ...

    async def set_password_hash(self, id: str, password_hash: str | None) -> bool:
        """Replace the password hash. Returns whether the account exists."""
        ...

    async def replace_password_hash(self, id: str, old: str, new: str) -> bool:
        """Replace the password hash if it is still `old`, in one step. Returns whether it was."""
        ...

    async def set_disabled(self, id: str, disabled: bool) -> bool:  # noqa: FBT001 - says itself
        """Disable or enable the account. Returns whether it exists."""
        ...

    async def set_roles(self, id: str, roles: frozenset[str]) -> bool:
        """Replace the assigned roles. Returns whether the account exists."""
        ...

    async def add_role(self, id: str, role: str) -> bool:
        """Add one role to the present ones, in one step. Returns whether the account exists."""
        ...

    async def remove_role(self, id: str, role: str) -> bool:
        """Remove one role from the present ones, in one step. Returns whether the account exists."""
        ...

    async def set_attributes(self, id: str, attributes: Mapping[str, object]) -> bool:
        """Replace the attributes. Returns whether the account exists."""
        ...
