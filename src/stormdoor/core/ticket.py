"""A ticket: single use, seconds long, for one principal, session, origin and endpoint."""

from __future__ import annotations

from dataclasses import dataclass

from stormdoor.core.handshake import Handshake
from stormdoor.core.log_position import LogPosition

__all__ = ["MAX_TICKET_SECONDS", "TICKET_PREFIX", "Ticket"]

MAX_TICKET_SECONDS = 30.0

TICKET_PREFIX = "sdt_"
"""Prefix of each ticket.

Without it a ticket could be taken for a token of a provider, and be sent to the provider for introspection.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One ticket as it is stored, without the client's secret.

    Attributes:
        id: SHA-256 of the secret, in hex.
        principal_id: The owner.
        session_id: The session that requested it.
        origin: The origin of the pages that may use it. None if a client other than a browser requested it;
            then the guard's list of origins decides.
        endpoint: The path that it opens.
        issued_at: Unix seconds.
        expires_at: Unix seconds, at most `MAX_TICKET_SECONDS` later.
        authenticated_at: Unix seconds when the session's principal last authenticated.
        strength: Number of factors that the session used.
        position: The head of the log of revocations at its issue; set by the store that adds it.
    """

    id: str
    principal_id: str
    session_id: str
    origin: str | None
    endpoint: str
    issued_at: float
    expires_at: float
    authenticated_at: float
    strength: int = 1
    position: LogPosition | None = None

    def misuse(self, handshake: Handshake, now: float) -> str | None:
        """Return the reason why it may not be used in `handshake` at `now`; None if it may.

        The ticket is spent either way: redeeming comes first.
        """
        if not self.issued_at - 1.0 <= now < self.expires_at:
            return "the ticket has expired"
        if handshake.path != self.endpoint:
            return f"the ticket is for {self.endpoint}, not for {handshake.path}"
        if self.origin is not None and self.origin != handshake.origin:
            return f"the ticket was issued to {self.origin}, and came from {handshake.origin}"
        return None
