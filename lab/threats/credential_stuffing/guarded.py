"""The same chat behind stormdoor: guesses at one account count together, from all addresses."""

from tornado.web import Application

from stormdoor import (
    EndpointLimits,
    Guard,
    GuardedHandler,
    Limits,
    PolicySet,
    Reply,
    SessionAuthenticator,
    login_routes,
    protect,
    role,
)

USERS = {"alice": "Stormy-weather-2024", "mallory": "mallory has a list of passwords"}
INBOX: dict[str, list[str]] = {"alice": ["the code of the safe is 4711"], "mallory": []}


class Inbox(Reply, tag="inbox"):
    """The missed messages."""

    messages: list[str]


class Chat(GuardedHandler):
    """`/ws/chat`: begins with what one has missed."""

    permission = "chat:connect"

    def open(self, *args: str, **kwargs: str) -> None:
        self.send(Inbox(messages=INBOX[self.principal.id]))

    def on_message(self, message: str | bytes) -> None:
        """Ignore messages; the chat is not implemented."""


async def make(origin: str) -> Application:
    """The application."""
    guard = Guard(
        origins=[origin],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("member", "chat:*")]),
        limits=Limits(own_protocol=EndpointLimits(message_bytes=64 * 1024)),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=["member"])
    routes = login_routes(guard, endpoint="/ws/chat")
    return protect(Application([*routes, ("/ws/chat", Chat)]), guard)
