"""Values that count once: tickets, nonces, pending logins and recovery codes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from stormdoor.core.account import Account
from stormdoor.core.pending import Pending
from stormdoor.core.ticket import Ticket

__all__ = ["Nonces", "Pendings", "RecoveryCodes", "Tickets"]


class Tickets(Protocol):
    """Single-use tickets, by the hash of their secret.

    In doubt, treat the ticket as used, and request another one.
    """

    async def add_ticket(self, ticket: Ticket) -> Ticket:
        """Store a new ticket, with its position as `Sessions.add_session`.

        Returns:
            The ticket as it is stored.

        Raises:
            StoreError: The id is taken, or there is no such account.
        """
        ...

    async def redeem_ticket(self, id: str) -> tuple[Ticket, Account] | None:
        """Take the ticket out of the store. INVARIANT: of several simultaneous calls, one gets it."""
        ...


class Nonces(Protocol):
    """Values that may be used once until they expire (`jti`).

    In doubt, treat the value as used.
    """

    async def use_nonce(self, purpose: str, value: str, expires_at: float) -> bool:
        """Use it. INVARIANT: of several simultaneous calls, exactly one gets True."""
        ...


class Pendings(Protocol):
    """Unfinished steps of logins and enrolments, by the hash of the client's secret.

    In doubt, treat the step as used: the client begins it again.
    """

    async def add_pending(
        self, pending: Pending, *, max_unauthenticated: int | None = None
    ) -> bool:
        """Store it.

        Args:
            pending: The entry.
            max_unauthenticated: Limit of entries of its purpose without a principal. Entries that have
                expired when it begins do not count, and are removed. No limit by default.

        Returns:
            Whether it was stored. INVARIANT: the limit holds for simultaneous calls, too.

        Raises:
            StoreError: The id is taken, or there is no such account.
        """
        ...

    async def pending(self, id: str, purpose: str) -> Pending | None:
        """Return it. The caller checks whether it has expired."""
        ...

    async def take_pending(self, id: str, purpose: str) -> Pending | None:
        """Take it out of the store. INVARIANT: of several simultaneous calls, one gets it."""
        ...


class RecoveryCodes(Protocol):
    """Recovery codes of second factors, as hashes.

    In doubt, treat the code as used. Repeat `set_recovery_codes` with new codes: no client has the others.
    """

    async def set_recovery_codes(self, principal_id: str, hashes: Iterable[str]) -> None:
        """Replace all recovery codes.

        Raises:
            StoreError: There is no such account.
        """
        ...

    async def use_recovery_code(self, principal_id: str, code_hash: str) -> bool:
        """Use one up. INVARIANT: of several simultaneous calls, exactly one gets True."""
        ...

    async def recovery_codes(self, principal_id: str) -> int:
        """Return the number of unused ones."""
        ...
