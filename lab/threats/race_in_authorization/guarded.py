"""The same document behind stormdoor, with the same slow picture between the check and the use."""

import contextlib
from typing import Annotated

from msgspec import Meta
from tornado.httpclient import AsyncHTTPClient
from tornado.web import Application

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    Identifier,
    PolicySet,
    Reply,
    TicketAuthenticator,
    Topic,
    action,
    login_routes,
    protect,
    role,
)

USERS = {"olga": "olga writes the business plan", "mallory": "mallory was in the team once"}
ROLES = {"olga": ["owner"], "mallory": ["reader"]}
TEXT = Topic("document", "document:read")


class Text(Reply, tag="text"):
    """The document."""

    text: str


class Done(Reply, tag="done"):
    """It is done."""


class Picture(Command, tag="picture"):
    """The address of a user's picture."""

    url: Annotated[str, Meta(max_length=200)]


class Write(Command, tag="write"):
    """Another text."""

    text: Annotated[str, Meta(max_length=2000)]


class Unshare(Command, tag="unshare"):
    """Not for that one any more."""

    who: Identifier


def document_handler(guard: Guard) -> type[GuardedHandler]:
    """The handler of one document."""
    pictures: dict[str, str] = {}
    now = {"text": "The plan."}

    class Document(GuardedHandler):
        """`/ws/document`: the users that it is shared with can read it."""

        permission = "document:read"

        async def prepare(self) -> None:
            # The other users see the new user's picture, from the address that the user has chosen.
            picture = pictures.get(self.connection.principal.id)
            if picture:
                with contextlib.suppress(Exception):
                    await AsyncHTTPClient().fetch(picture, request_timeout=5)

        def open(self, *args: str, **kwargs: str) -> None:
            guard.channels.subscribe(self.connection, TEXT)
            self.send(Text(text=now["text"]))

        @action("document:read")
        def picture(self, command: Picture) -> Done:
            """Say where one's picture is."""
            pictures[self.principal.id] = command.url
            return Done()

        @action("document:write")
        def rewrite(self, command: Write) -> None:
            """Write, and send it to all readers."""
            now["text"] = command.text
            guard.channels.publish(TEXT, Text(text=command.text))

        @action("document:share")
        async def unshare(self, command: Unshare) -> Done:
            """Take the right to read away: open sockets end with it, and so do those that are opening."""
            await guard.admin.withdraw_role(command.who, "reader", actor=self.principal.id)
            return Done()

    return Document


async def make(origin: str) -> Application:
    """The application."""
    guard = Guard(
        origins=[origin],
        authenticators=[TicketAuthenticator()],
        policies=PolicySet([role("reader", "document:read"), role("owner", "document:*")]),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=ROLES[name])
    routes = login_routes(guard, endpoint="/ws/document")
    return protect(Application([*routes, ("/ws/document", document_handler(guard))]), guard)
