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

    In doubt about `add_key`, issue another key: no client has the secret of the first. Repeat the other
    changes.
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

    async def expire_key(
        self,
        id: str,
        at: float,
        successor: str | None = None,
        *,
        entry: Revocation | None = None,
    ) -> Changed:
        """Make the key expire at `at`, if that is earlier, and add `entry` to the log of revocations."""
        ...

    async def remove_key(self, id: str, *, entry: Revocation | None = None) -> Changed:
        """Remove the key, and add `entry` to the log of revocations."""
        ...

    async def touch_key(self, id: str, at: float, address: str) -> None:
        """Store the time and the address of the key's last use, unless a later use is stored."""
        ...
