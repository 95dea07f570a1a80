"""A trading feed that sends everything to all users, and lets the page hide the rest."""

import json
import secrets
from typing import Any, ClassVar

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {
    "dora": "dora leads the trading desk",
    "mallory": "mallory was on the desk in spring",
    "carl": "carl buys some tin now and then",
}
DESK = {"dora", "mallory"}


class LogIn(RequestHandler):
    """`POST /auth/login`."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"])


class Feed(WebSocketHandler):
    """`/ws/feed`: the tape for all users, the orders with their clients for the desk."""

    listeners: ClassVar[list["Feed"]] = []
    user = ""

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        cookie = self.get_signed_cookie("user")
        if cookie is None:
            self.close()
            return
        self.user = cookie.decode()
        self.listeners.append(self)

    def tell(self, message: dict[str, Any]) -> None:
        """Send to all users; the page hides messages that are not for its user."""
        for one in self.listeners:
            one.write_message(message)

    def on_message(self, message: str | bytes) -> None:
        body = json.loads(message)
        if body["type"] == "subscribe":
            self.write_message({"type": "subscribed", "channel": body["channel"]})
        elif body["type"] == "order" and self.user in DESK:
            order = {key: body[key] for key in ("client", "what", "amount")}
            self.tell({"type": "order", "only": "desk", **order})
            self.tell({"type": "tape", **order})
        elif body["type"] == "release" and self.user == "dora":
            DESK.discard(body["who"])
            self.write_message({"type": "released", "who": body["who"]})

    def on_close(self) -> None:
        if self in self.listeners:
            self.listeners.remove(self)


def make(origin: str) -> Application:
    """The application."""
    return Application(
        [("/auth/login", LogIn), ("/ws/feed", Feed)], cookie_secret=secrets.token_hex(32)
    )
