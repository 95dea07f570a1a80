"""The same page behind stormdoor: a ticket opens one socket, once, for the page that asked for it."""

from typing import Annotated

from msgspec import Meta
from tornado.escape import xhtml_escape
from tornado.web import Application, RequestHandler

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    Identifier,
    PolicySet,
    Reply,
    TicketAuthenticator,
    action,
    login_routes,
    protect,
    role,
)

USERS = {"alice": "alice keeps gold in the cellar", "mallory": "mallory has nothing at all"}
POSITIONS: dict[str, dict[str, int]] = {"alice": {"GOLD": 1200, "TIN": 7}, "mallory": {}}


advertised = {"picture": ""}


class Page(RequestHandler):
    """`/portfolio`: the page with a script that requests a ticket."""

    def get(self) -> None:
        self.set_header("Referrer-Policy", "same-origin")
        picture = xhtml_escape(advertised["picture"])
        self.write("<!doctype html><title>Portfolio</title>")
        self.write(f'<img src="{picture}" alt="advertisement">')


class Owned(Reply, tag="portfolio"):
    """The shares of a user."""

    owner: str
    positions: dict[str, int]


class Sell(Command, tag="sell"):
    """Sell all of one thing."""

    what: Identifier


class Sold(Reply, tag="sold"):
    """Done."""

    what: str


class Advertise(Command, tag="advertise"):
    """Show a picture to all users."""

    picture: Annotated[str, Meta(pattern="^https?://", max_length=200)]


class Shown(Reply, tag="shown"):
    """It is shown."""


class Portfolio(GuardedHandler):
    """`/ws/portfolio`: shows each user the own shares, and trades."""

    permission = "portfolio:read"

    def open(self, *args: str, **kwargs: str) -> None:
        owner = self.principal.id
        self.send(Owned(owner=owner, positions=POSITIONS[owner]))

    @action("portfolio:sell")
    def sell(self, command: Sell) -> Sold:
        """Sell."""
        POSITIONS[self.principal.id].pop(command.what, None)
        return Sold(what=command.what)

    @action("portfolio:advertise")
    def advertise(self, command: Advertise) -> Shown:
        """Show it."""
        advertised["picture"] = command.picture
        return Shown()


async def make(origin: str) -> Application:
    """The application."""
    guard = Guard(
        origins=[origin],
        authenticators=[TicketAuthenticator()],
        policies=PolicySet([role("customer", "portfolio:*")]),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=["customer"])
    routes = login_routes(guard, endpoint="/ws/portfolio")
    application = Application([*routes, ("/portfolio", Page), ("/ws/portfolio", Portfolio)])
    return protect(application, guard)
