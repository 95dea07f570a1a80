"""Values that are accepted once: tickets, nonces, pending logins and recovery codes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from stormdoor.core.account import Account
from stormdoor.core.pending import Pending
from stormdoor.core.revocation import Revocation
from stormdoor.core.ticket import Ticket
from stormdoor.ports.revocation_log import Changed

__all__ = ["Nonces", "Pendings", "RecoveryCodes", "Tickets"]


class Tickets(Protocol):
    """Single-use tickets, by the hash of their secret.

    In doubt, treat the ticket as used, and request another one.
    """

    async def add_ticket(self, ticket: Ticket) -> Ticket:
        """Store a new ticket with its position in the log of revocations (see `Sessions.add_session`).

        Returns:
            The ticket as it is stored.

        Raises:
            StoreError: The id is taken, or there is no such account.
        """
        ...

    async def redeem_ticket(self, id: str) -> tuple[Ticket, Account] | None:
        """Remove and return a ticket. INVARIANT: of several simultaneous calls, only one gets the ticket."""
        ...


class Nonces(Protocol):
    """Values that may be used once until they expire (`jti`).

    In doubt, treat the value as used.
    """

    async def use_nonce(self, purpose: str, value: str, expires_at: float) -> bool:
        """Mark a value as used. INVARIANT: of several simultaneous calls, exactly one gets True."""
        ...


class Pendings(Protocol):
    """Unfinished steps of logins and enrolments, by the hash of the client's secret.

    In doubt, treat the step as used. The client begins the login or enrolment again.
    """

    async def add_pending(
        self, pending: Pending, *, max_unauthenticated: int | None = None
    ) -> bool:
        """Store a new entry.

        Args:
            pending: The entry.
            max_unauthenticated: Greatest number of entries with the same purpose and without a principal.
                Entries that have expired when the new one begins do not count, and are removed. No limit by
                default.

        Returns:
            Whether the entry was stored. INVARIANT: simultaneous calls do not exceed the limit.

        Raises:
            StoreError: The id is taken, or there is no such account.
        """
        ...

    async def pending(self, id: str, purpose: str) -> Pending | None:
        """Return the entry. The caller checks whether it has expired."""
        ...

    async def take_pending(self, id: str, purpose: str) -> Pending | None:
        """Remove and return the entry. INVARIANT: of several simultaneous calls, only one gets the entry."""
        ...


class RecoveryCodes(Protocol):
    """Recovery codes of second factors, as hashes.

    In doubt, treat the code as used. Repeat `set_recovery_codes` with new codes: no client has received the
    first ones.
    """

    async def set_recovery_codes(
        self, principal_id: str, hashes: Iterable[str], *, entry: Revocation | None = None
    ) -> Changed:
        """Replace all recovery codes.

        Raises:
            StoreError: There is no such account.
        """
        ...

    async def use_recovery_code(
        self, principal_id: str, code_hash: str, *, entry: Revocation | None = None
    ) -> Changed:
        """Mark a recovery code as used. INVARIANT: of several simultaneous calls, exactly one is accepted."""
        ...

    async def recovery_codes(self, principal_id: str) -> int:
        """Return the number of unused recovery codes."""
        ...
