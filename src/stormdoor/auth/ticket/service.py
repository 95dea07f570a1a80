"""Tickets: let a browser open a WebSocket without a cookie or a secret in the address.

A logged-in page requests a ticket over HTTP, and immediately offers it as a subprotocol.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from stormdoor.core.credential import (
    fingerprint,
)
from stormdoor.core.session import Session
from stormdoor.core.ticket import MAX_TICKET_SECONDS, TICKET_PREFIX, Ticket
from stormdoor.errors import ConfigurationError
from stormdoor.ports import Clock, StoredState

__all__ = ["IssuedTicket", "TicketService", "check_seconds"]


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    """A new ticket. The secret is not in its repr.

    Attributes:
        ticket: As it is stored.
        secret: Text after `stormdoor.ticket.` in the client's offer, stored nowhere.
        expires_in: Seconds.
    """

    ticket: Ticket
    secret: str = field(repr=False)
    expires_in: float


def check_seconds(seconds: float) -> None:
    """Check a setting for the lifetime of tickets.

    Raises:
        ConfigurationError: It is out of range.
    """
    if not 1.0 <= seconds <= MAX_TICKET_SECONDS:
        raise ConfigurationError(
            f"a ticket lives 1 to {MAX_TICKET_SECONDS:g} seconds, not {seconds}; write ticket_seconds=20"
        )


class TicketService:
    """Issues tickets to active sessions.

    Args:
        state: State of the tickets.
        clock: Source of the time.
        seconds: Lifetime of a ticket, at most `MAX_TICKET_SECONDS`.

    Raises:
        ConfigurationError: `seconds` is out of range.
    """

    def __init__(self, state: StoredState, clock: Clock, seconds: float = 20.0) -> None:
        check_seconds(seconds)
        self._state = state
        self._clock = clock
        self._seconds = seconds

    async def issue(
        self, session: Session, *, origin: str | None, endpoint: str
    ) -> IssuedTicket | None:
        """Issue a ticket for one handshake.

        Args:
            session: The session of the request, as the store has it now.
            origin: The Origin of the requesting page, or None outside a browser.
            endpoint: The path that the ticket opens.

        Returns:
            The ticket; None if the session has ended meanwhile.
        """
        now = self._clock.now()
        if not session.alive(now):
            return None
        secret = TICKET_PREFIX + secrets.token_urlsafe(32)
        ticket = Ticket(
            id=fingerprint(secret),
            principal_id=session.principal_id,
            session_id=session.id,
            origin=origin,
            endpoint=endpoint,
            issued_at=now,
            expires_at=min(now + self._seconds, session.expires_at),
            authenticated_at=session.authenticated_at,
            strength=session.strength,
        )
        ticket = await self._state.tickets.add_ticket(ticket)
        return IssuedTicket(ticket, secret, ticket.expires_at - now)
