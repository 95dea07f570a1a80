"""Tickets as credentials."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stormdoor.auth.authenticator import Rejected, bad_credential, from_lost_log
from stormdoor.core.credential import (
    FIRST_MESSAGE,
    TICKET_SUBPROTOCOL,
    Credential,
    Place,
    Source,
    fingerprint,
)
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.log_position import earlier
from stormdoor.core.principal import Authentication
from stormdoor.core.ticket import TICKET_PREFIX
from stormdoor.ports import StoredState

__all__ = ["TicketAuthenticator"]

_SHAPE = re.compile(rf"{TICKET_PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)  # token_urlsafe(32): 256 bits
_REMEMBERED = 4096


class TicketAuthenticator:
    """Accepts a ticket in the subprotocol `stormdoor.ticket.<ticket>` or in a message, once.

    The store refuses a second use on every node. This process also remembers the principals of redeemed
    tickets, to warn the operator that a ticket may have been stolen.
    """

    kind: str = "ticket"
    needs_task = False
    """Only the store may wait."""
    places: Sequence[Place] = (Place(Source.SUBPROTOCOL, TICKET_SUBPROTOCOL), FIRST_MESSAGE)
    checks: Sequence[str] = (
        "the store has a ticket with this SHA-256, which is taken out: it counts once",
        "it is for this endpoint, from the origin that it was issued to, and has not expired",
        "its login session still lives, and its principal is not disabled",
    )

    def __init__(self) -> None:
        self._redeemed: dict[str, str] = {}
        self._in_flight: dict[str, int] = {}

    def recognises(self, credential: Credential) -> bool:
        """Return whether it has the prefix of a ticket; in a subprotocol, always return True."""
        return credential.place.source is Source.SUBPROTOCOL or credential.secret.startswith(
            TICKET_PREFIX
        )

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """Redeem the ticket, then check it (see `Authenticator`)."""
        secret = credential.secret
        if not _SHAPE.fullmatch(secret):
            return bad_credential("it is not a ticket")
        id = fingerprint(secret)
        self._in_flight[id] = self._in_flight.get(id, 0) + 1
        try:
            # INVARIANT: redeemed before it is checked, so that a wrong use spends it too.
            found = await state.tickets.redeem_ticket(id)
            rivals = self._in_flight[id] - 1
        finally:
            self._in_flight[id] -= 1
            if not self._in_flight[id]:
                del self._in_flight[id]
        if found is None:
            return self._unknown(id, rivals)
        ticket, account = found
        self._remember(id, account.id)
        position = ticket.position
        if position is None or state.epoch.is_later_than(position.epoch):
            return from_lost_log(account.id)
        fault = ticket.misuse(handshake, now)
        if fault is not None:
            expired = now >= ticket.expires_at
            return Rejected(Denial.EXPIRED if expired else Denial.BAD_CREDENTIAL, fault, account.id)
        if account.disabled:
            return bad_credential("the principal is disabled", account.id)
        living = await state.sessions.session(ticket.session_id)
        if living is None or not living[0].alive(now) or living[0].principal_id != account.id:
            return Rejected(Denial.EXPIRED, "the session of the ticket has ended", account.id)
        session = living[0]
        if session.touch_is_due(now):
            await state.sessions.touch_sessions({session.id: now})
        return Authentication(
            account.principal,
            self.kind,
            credential_id=id,
            ambient=False,
            authenticated_at=ticket.authenticated_at,
            # A revocation that covers the session covers the tickets issued from it.
            issued_at=min(ticket.issued_at, session.born_at),
            expires_at=session.expires_at,
            idle_seconds=session.idle_seconds,
            strength=ticket.strength,
            session_id=session.id,
            live=True,
            acr=session.acr,
            device_id=session.device_id,
            position=earlier(ticket.position, session.position),
        )

    def _unknown(self, id: str, rivals: int) -> Rejected:
        principal_id = self._redeemed.get(id, "")
        if principal_id or rivals:
            return Rejected(
                Denial.BAD_CREDENTIAL,
                "the ticket was used before; unless its client is at fault, it was stolen",
                principal_id,
                reused=True,
            )
        return bad_credential("no such ticket; it was used elsewhere, is long over, or never was")

    def _remember(self, id: str, principal_id: str) -> None:
        self._redeemed[id] = principal_id
        if len(self._redeemed) > _REMEMBERED:
            del self._redeemed[next(iter(self._redeemed))]
