"""The kind `ticket` of a configuration file."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from stormdoor.auth.kind import Kind, Remark, Settings
from stormdoor.auth.ticket.authenticator import TicketAuthenticator
from stormdoor.settings.section import Section

__all__ = ["KIND"]


class TicketSettings(Settings, frozen=True):
    """Single-use tickets for browsers."""


def _build(_settings: TicketSettings, _section: Section) -> TicketAuthenticator:
    return TicketAuthenticator()


def _remarks(_settings: TicketSettings, kinds: Collection[str]) -> Iterator[Remark]:
    if "session" not in kinds:
        yield Remark(
            "ticket-alone",
            "warning",
            "a ticket is made from a login session, and sessions are not accepted",
            '[[authenticators]] with kind = "session"',
        )


KIND = Kind(
    name="ticket",
    settings=TicketSettings,
    build=_build,
    ambient=False,
    needs_store=True,
    single_use=True,
    renewable=True,
    repeatable=False,
    default_headers=("Sec-Websocket-Protocol",),
    remarks=_remarks,
)
