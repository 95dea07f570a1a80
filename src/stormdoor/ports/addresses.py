"""Addresses from which principals have logged in."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Addresses"]


class Addresses(Protocol):
    """Addresses from which a principal has logged in, stored as fingerprints only.

    In doubt, do nothing: the client counts as unfamiliar next time.
    """

    async def address_seen(self, principal_id: str, address: str) -> float | None:
        """Return the latest login of the principal from there, in Unix seconds; None if it never did."""
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
