"""The same feed behind stormdoor: asked at subscribing, and again for each recipient of each message."""

from typing import Literal

from tornado.web import Application

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    Identifier,
    Line,
    PolicySet,
    Reply,
    Resource,
    SessionAuthenticator,
    Topic,
    action,
    login_routes,
    permit,
    protect,
    role,
)

USERS = {
    "dora": "dora leads the trading desk",
    "mallory": "mallory was on the desk in spring",
    "carl": "carl buys some tin now and then",
}
ROLES = {"dora": ["head"], "mallory": ["customer", "dealer"], "carl": ["customer"]}
TAPE = Topic("tape", "channel:hear", Resource("channel", "tape"))
DESK = Topic("desk", "channel:hear", Resource("channel", "desk"))


class Subscribe(Command, tag="subscribe"):
    """Hear a channel."""

    channel: Literal["tape", "desk"]


class Subscribed(Reply, tag="subscribed"):
    """One hears it."""

    channel: str


class PlaceOrder(Command, tag="order"):
    """An order of a client."""

    client: Line
    what: Identifier
    amount: int


class Order(Reply, tag="order"):
    """The message about an order for the desk."""

    client: str
    what: str
    amount: int


class Traded(Reply, tag="tape"):
    """The message about a trade for all users."""

    what: str
    amount: int


class Release(Command, tag="release"):
    """A trader leaves the desk."""

    who: Identifier


class Released(Reply, tag="released"):
    """It is done."""

    who: str


def feed_handler(guard: Guard) -> type[GuardedHandler]:
    """The handler of the feed."""
    hub = guard.channels

    class Feed(GuardedHandler):
        """`/ws/feed`: the tape for all users, the orders with their clients for the desk."""

        permission = "feed:connect"

        @action[Subscribe]("channel:hear", resource=lambda command: ("channel", command.channel))
        def subscribe(self, command: Subscribe) -> Subscribed:
            """Hear a channel."""
            hub.subscribe(self.connection, TAPE if command.channel == "tape" else DESK)
            return Subscribed(channel=command.channel)

        @action("desk:order")
        def order(self, command: PlaceOrder) -> None:
            """Send the order to the desk, and the trade to all users."""
            what, amount = command.what, command.amount
            hub.publish(DESK, Order(client=command.client, what=what, amount=amount))
            hub.publish(TAPE, Traded(what=what, amount=amount))

        @action("desk:release")
        async def release(self, command: Release) -> Released:
            """Take the role away."""
            await guard.admin.withdraw_role(command.who, "dealer", actor=self.principal.id)
            return Released(who=command.who)

    return Feed


async def make(origin: str) -> Application:
    """The application."""
    guard = Guard(
        origins=[origin],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet(
            [
                role("customer", "feed:connect"),
                role("dealer", "channel:hear", "desk:order", inherits=["customer"]),
                role("head", "desk:release", inherits=["dealer"]),
                permit("channel:hear", roles=["customer"], when='resource.id == "tape"'),
            ]
        ),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=ROLES[name])
    routes = login_routes(guard, endpoint="/ws/feed")
    return protect(Application([*routes, ("/ws/feed", feed_handler(guard))]), guard)
