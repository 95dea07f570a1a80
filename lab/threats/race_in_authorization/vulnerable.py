"""A shared document that looks after sharing, and looks a picture up between the check and the use."""

import json
import secrets
from typing import ClassVar

from tornado.httpclient import AsyncHTTPClient
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"olga": "olga writes the business plan", "mallory": "mallory was in the team once"}
tickets: dict[str, str] = {}


class LogIn(RequestHandler):
    """`POST /auth/login`."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"])


class TicketService(RequestHandler):
    """`POST /auth/ticket`: a random number that opens the document once."""

    def post(self) -> None:
        user = self.get_signed_cookie("user")
        if user is None or user.decode() not in Document.shared_with:
            raise HTTPError(403)
        ticket = secrets.token_urlsafe(16)
        tickets[ticket] = user.decode()
        self.finish({"url": "/ws/document", "protocols": ["document", f"ticket.{ticket}"]})


class Document(WebSocketHandler):
    """`/ws/document`: the users that it is shared with can read it."""

    text = "The plan."
    shared_with: ClassVar[set[str]] = set(USERS)
    pictures: ClassVar[dict[str, str]] = {}
    readers: ClassVar[set["Document"]] = set()
    user = ""

    def check_origin(self, origin: str) -> bool:
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "document"

    async def prepare(self) -> None:
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "")
        ticket = offered.rpartition("ticket.")[2]
        if ticket in tickets and tickets[ticket] in self.shared_with:
            self.user = tickets[ticket]
            await self.look_up_picture()
            tickets[ticket] = ""  # it is used up
        else:
            raise HTTPError(403)

    async def look_up_picture(self) -> None:
        """The other users see the new user's picture, from the address that the user has chosen."""
        picture = self.pictures.get(self.user)
        if picture:
            try:
                await AsyncHTTPClient().fetch(picture, request_timeout=5)
            except Exception:  # then there is no picture
                pass

    def open(self, *args: str, **kwargs: str) -> None:
        self.readers.add(self)
        self.write_message({"type": "text", "text": self.text})

    def on_message(self, message: str | bytes) -> None:
        body = json.loads(message)
        if body["type"] == "picture":
            self.pictures[self.user] = body["url"]
            self.write_message({"type": "done"})
        elif body["type"] == "write":
            Document.text = body["text"]
            for reader in self.readers:
                reader.write_message({"type": "text", "text": self.text})
        elif body["type"] == "unshare" and self.user == "olga":
            self.shared_with.discard(body["who"])
            for reader in [one for one in self.readers if one.user == body["who"]]:
                self.readers.discard(reader)
                reader.close(4403, "not shared with you any more")
            self.write_message({"type": "done"})

    def on_close(self) -> None:
        self.readers.discard(self)


def make(origin: str) -> Application:
    """The application."""
    return Application(
        [("/auth/login", LogIn), ("/auth/ticket", TicketService), ("/ws/document", Document)],
        cookie_secret=secrets.token_hex(32),
    )
