"""The same chat behind stormdoor: ten messages and five a second for one principal, on all its sockets."""

from typing import Annotated

from msgspec import Meta
from tornado.web import Application

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    PolicySet,
    Reply,
    SessionAuthenticator,
    Topic,
    action,
    login_routes,
    protect,
    role,
)

USERS = {"alice": "alice likes a quiet chat", "mallory": "mallory likes to be heard"}
ROOM = Topic("room", "chat:hear")


class Say(Command, tag="say"):
    """Say something."""

    text: Annotated[str, Meta(min_length=1, max_length=500)]


class Said(Reply, tag="said"):
    """A message of a user."""

    sender: str
    text: str


def chat_handler(guard: Guard) -> type[GuardedHandler]:
    """The handler of the chat."""

    class Chat(GuardedHandler):
        """`/ws/chat`: one room."""

        permission = "chat:connect"

        def open(self, *args: str, **kwargs: str) -> None:
            guard.channels.subscribe(self.connection, ROOM)

        @action("chat:say", limit="5/s burst 10")
        def say(self, command: Say) -> None:
            """Send it to all users."""
            guard.channels.publish(ROOM, Said(sender=self.principal.id, text=command.text))

    return Chat


async def make(origin: str) -> Application:
    """The application."""
    guard = Guard(
        origins=[origin],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("member", "chat:*")]),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=["member"])
    routes = login_routes(guard, endpoint="/ws/chat")
    return protect(Application([*routes, ("/ws/chat", chat_handler(guard))]), guard)
