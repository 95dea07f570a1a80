"""The same page behind stormdoor: a ticket opens one socket, once, for the page that asked for it."""

from tornado.web import Application

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


class Owned(Reply, tag="portfolio"):
    """What somebody owns."""

    owner: str
    positions: dict[str, int]


class Sell(Command, tag="sell"):
    """Sell all of one thing."""

    what: Identifier


class Sold(Reply, tag="sold"):
    """Done."""

    what: str


class Portfolio(GuardedHandler):
    """`/ws/portfolio`: tells whoever opens it what it owns, and trades."""

    permission = "portfolio:read"

    def open(self, *args: str, **kwargs: str) -> None:
        owner = self.principal.id
        self.send(Owned(owner=owner, positions=POSITIONS[owner]))

    @action("portfolio:sell")
    def sell(self, command: Sell) -> Sold:
        """Sell."""
        POSITIONS[self.principal.id].pop(command.what, None)
        return Sold(what=command.what)


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
    return protect(Application([*routes, ("/ws/portfolio", Portfolio)]), guard)
