"""API keys."""

from __future__ import annotations

from typing import Protocol

from stormdoor.core.account import Account
from stormdoor.core.apikey import ApiKey
from stormdoor.core.revocation import Revocation
from stormdoor.ports.revocation_log import Changed

__all__ = ["Keys"]


class Keys(Protocol):
    """API keys, by their public id.

    In doubt about `add_key` or `replace_key`, issue another key: no client has the secret of the first.
    Repeat the other changes.
    """

    async def key(self, id: str) -> tuple[ApiKey, Account] | None:
        """Return the key of an id and its account, in one look-up; None if there is no such key."""
        ...

    async def keys(self, principal_id: str | None = None) -> list[ApiKey]:
        """Return all keys, or all of one principal, newest first."""
        ...

    async def add_key(self, key: ApiKey) -> ApiKey:
        """Store a new key with its position in the log of revocations (see `Sessions.add_session`).

        Returns:
            The key as it is stored.

        Raises:
            StoreError: The id is taken, or there is no such account.
        """
        ...

    async def replace_key(
        self, id: str, key: ApiKey, *, expires_at: float | None, entry: Revocation
    ) -> ApiKey | None:
        """Store `key` as the successor of another key, in one step.

        Args:
            id: The key that it replaces.
            key: The new key.
            expires_at: Unix seconds at which the replaced key expires, if it does not expire earlier; None
                to remove it.
            entry: Entry added to the log of revocations in the same transaction. The position of the new key
                is before it.

        Returns:
            The new key as it is stored; None if the other one does not exist or has a successor.

        Raises:
            StoreError: The id of the new key is taken.
        """
        ...

    async def remove_key(self, id: str, *, entry: Revocation | None = None) -> Changed:
        """Remove the key, and add `entry` to the log of revocations."""
        ...

    async def touch_key(self, id: str, at: float, address: str) -> None:
        """Store the time and the address of the key's last use, unless a later use is stored."""
        ...
