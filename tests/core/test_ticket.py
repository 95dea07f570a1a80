"""A ticket opens one endpoint for one origin, within seconds."""

from dataclasses import replace

import pytest

from stormdoor.core.handshake import Handshake
from stormdoor.core.ticket import MAX_TICKET_SECONDS, Ticket

NOW = 1_767_225_600.0
TICKET = Ticket(
    id="00" * 32,
    principal_id="alice",
    session_id="11" * 32,
    origin="https://app.example",
    endpoint="/ws/chat",
    issued_at=NOW,
    expires_at=NOW + 20,
    authenticated_at=NOW - 60,
)
HANDSHAKE = Handshake(
    path="/ws/chat",
    address="192.0.2.1",
    peer="192.0.2.1",
    scheme="https",
    host="app.example",
    origin="https://app.example",
)


def test_thirty_seconds_are_the_most() -> None:
    """A ticket is valid for at most 30 seconds."""
    assert MAX_TICKET_SECONDS == 30.0


@pytest.mark.parametrize(
    ("at", "good"), [(0, True), (19.9, True), (20, False), (-0.9, True), (-1.1, False)]
)
def test_lifetime_of_a_ticket(at: float, good: bool) -> None:
    """A ticket is valid for its seconds; a clock that is set back does not extend them."""
    fault = TICKET.misuse(HANDSHAKE, NOW + at)
    assert fault == (None if good else "the ticket has expired")


@pytest.mark.parametrize(
    "path", ["/ws/chat/", "/ws/dashboard", "/ws/Chat", "/", "", "/ws/chat/../chat"]
)
def test_endpoint(path: str) -> None:
    """A ticket opens exactly the path that it was issued for."""
    assert "is for /ws/chat" in (TICKET.misuse(replace(HANDSHAKE, path=path), NOW) or "")


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "https://evil.example",
        "HTTPS://APP.EXAMPLE",
    ],
)
def test_origin(origin: str | None) -> None:
    """A ticket is accepted from the origin that it was issued to."""
    fault = TICKET.misuse(replace(HANDSHAKE, origin=origin), NOW)
    assert "was issued to https://app.example" in (fault or "")


@pytest.mark.parametrize("origin", [None, "https://app.example"])
def test_without_origin(origin: str | None) -> None:
    """Issued outside a browser, it leaves the origin to the guard."""
    ticket = replace(TICKET, origin=None)
    assert ticket.misuse(replace(HANDSHAKE, origin=origin), NOW) is None
