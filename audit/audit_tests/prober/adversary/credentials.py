"""Servers that ask for something that any client can send."""

from __future__ import annotations

from typing import ClassVar

from tornado.web import HTTPError

from audit_tests.prober.adversary.server import OWNER, Hole, Socket, fresh, only
from stormdoor_audit.prober.identity import Identity

__all__ = ["HOLES"]


class NoOrigin(Socket):
    """Asks for the cookie only where there is an Origin: programs were meant to have a token."""

    def prepare(self) -> None:
        if "Origin" in self.request.headers and not self.owned:
            raise HTTPError(403)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class OwnOrigins(Socket):
    """Refuses every page but those of another host, and asks for no credential."""

    def check_origin(self, origin: str) -> bool:
        return origin == "https://app.example"

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class NeedsHeader(Socket):
    """Asks for the header of its own program, which is no secret, and never looks at the cookie."""

    def prepare(self) -> None:
        if self.request.headers.get("X-Client") != "web":
            raise HTTPError(403)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class NeedsProtocol(Socket):
    """Asks for its own subprotocol, which is no secret, and never looks at the cookie."""

    name: ClassVar[str] = "vnd.company.dashboard-updates.v20240101"

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return self.name if self.name in subprotocols else None

    def prepare(self) -> None:
        if self.name not in self.request.headers.get("Sec-WebSocket-Protocol", ""):
            raise HTTPError(403)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class CountedIds(Socket):
    """Takes the number of any user for a credential."""

    users: ClassVar[frozenset[str]] = frozenset({"100481", "100482", "100483"})

    def prepare(self) -> None:
        if self.get_cookie("uid") not in self.users:
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class AnyCookieThenLimit(Socket):
    """Accepts any cookie from the own page, until a page of another site was refused ten times."""

    count: ClassVar[int] = 0

    def check_origin(self, origin: str) -> bool:
        own = super().check_origin(origin)
        type(self).count += not own
        return own

    def prepare(self) -> None:
        if not self.get_cookie("session") or self.count > 9:
            raise HTTPError(403)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class TicketNoOrigin(Socket):
    """Asks for a ticket that works once, except of clients without an Origin."""

    used: ClassVar[list[str]] = []

    def prepare(self) -> None:
        ticket = self.get_argument("ticket", "")
        if "Origin" in self.request.headers and (ticket != "t-1" or ticket in self.used):
            raise HTTPError(401)
        self.used.append(ticket)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


HOLES = (
    Hole("no Origin, owner", only(NoOrigin), {"owner": OWNER}),
    Hole("no Origin, no owner", only(NoOrigin)),
    Hole("an origin elsewhere", only(OwnOrigins)),
    Hole(
        "a header that is no secret",
        only(NeedsHeader),
        {"owner": Identity("ada", cookies=OWNER.cookies, headers=(("X-Client", "web"),))},
    ),
    Hole(
        "a subprotocol that is no secret",
        only(NeedsProtocol),
        {"owner": Identity("ada", cookies=OWNER.cookies, protocols=(NeedsProtocol.name,))},
    ),
    Hole(
        "a number that can be counted",
        only(CountedIds),
        {"owner": Identity("ada", cookies=(("uid", "100482"),))},
    ),
    Hole("any cookie, then a limit", fresh(AnyCookieThenLimit), {"owner": OWNER}, rule="SP102"),
    Hole(
        "a ticket, no Origin",
        fresh(TicketNoOrigin),
        {"owner": Identity("ada", query=(("ticket", "t-1"),))},
    ),
)  # fmt: skip
