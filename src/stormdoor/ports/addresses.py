"""Addresses from which principals have logged in."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Addresses"]


class Addresses(Protocol):
    """Addresses from which a principal has logged in, stored as fingerprints only.

    In doubt, do nothing: at worst, the next login from this address waits with those from unknown addresses.
    """

    async def address_seen(self, principal_id: str, address: str) -> float | None:
        """Return the Unix seconds of the principal's latest login from an address; None without one."""
        ...

    async def remember_address(
        self, principal_id: str, address: str, at: float, *, most: int
    ) -> None:
        """Remember a login; nothing happens if there is no such account.

        Args:
            principal_id: The principal that logged in.
            address: Fingerprint of the address.
            at: Unix seconds.
            most: Addresses of one principal that are kept, the latest ones.
        """
        ...
