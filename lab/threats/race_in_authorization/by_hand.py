"""The same document by a careful developer: tickets are taken out at once, an end closes sockets."""

import contextlib
import json
import secrets
from typing import ClassVar

from tornado.httpclient import AsyncHTTPClient
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"olga": "olga writes the business plan", "mallory": "mallory was in the team once"}


class LogIn(RequestHandler):
    """`POST /auth/login`."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        known = USERS.get(body["username"], "")
        if not secrets.compare_digest(known.encode(), body["password"].encode()) or not known:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"], httponly=True, samesite="Strict")


class TicketService(RequestHandler):
    """`POST /auth/ticket`: a random number that opens the document once."""

    def post(self) -> None:
        user = self.get_signed_cookie("user", max_age_days=1)
        if user is None or user.decode() not in Document.shared_with:
            raise HTTPError(403)
        ticket = secrets.token_urlsafe(32)
        Document.tickets[ticket] = user.decode()
        self.finish({"url": "/ws/document", "protocols": ["document", f"ticket.{ticket}"]})


class Document(WebSocketHandler):
    """`/ws/document`: the users that it is shared with can read it."""

    text = "The plan."
    shared_with: ClassVar[set[str]] = set(USERS)
    tickets: ClassVar[dict[str, str]] = {}
    pictures: ClassVar[dict[str, str]] = {}
    readers: ClassVar[set["Document"]] = set()
    user = ""

    def check_origin(self, origin: str) -> bool:
        return origin == self.settings["origin"]

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "document" if "document" in subprotocols else None

    async def prepare(self) -> None:
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "")
        # Removed before the first await: no client can use it a second time.
        self.user = self.tickets.pop(offered.rpartition("ticket.")[2], "")
        if self.user not in self.shared_with:
            raise HTTPError(403)
        # The other users see the new user's picture, from the address that the user has chosen.
        picture = self.pictures.get(self.user)
        if picture:
            with contextlib.suppress(Exception):
                await AsyncHTTPClient().fetch(picture, request_timeout=5)

    def open(self, *args: str, **kwargs: str) -> None:
        self.readers.add(self)
        self.write_message({"type": "text", "text": self.text})

    def on_message(self, message: str | bytes) -> None:
        body = json.loads(message)
        if self.user not in self.shared_with:
            self.close(4403, "not shared with you any more")
        elif body["type"] == "picture":
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
        origin=origin,
    )
