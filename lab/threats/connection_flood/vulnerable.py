"""A game with sixty seats, which gives one to every socket before it asks who that is."""

import json
import secrets
from typing import ClassVar

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "alice plays every evening", "mallory": "mallory does not like to lose"}
SEATS = 60


class LogIn(RequestHandler):
    """`POST /auth/login`."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"])


class Game(WebSocketHandler):
    """`/ws/game`: each client with a seat may move."""

    seated: ClassVar[list["Game"]] = []

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        if len(self.seated) >= SEATS:
            self.close(4429, "the game is full")
            return
        self.seated.append(self)
        self.write_message({"type": "seat", "number": len(self.seated)})

    def on_message(self, message: str | bytes) -> None:
        body = json.loads(message)
        user = self.get_signed_cookie("user")
        if user is not None and body["type"] == "move":
            self.write_message({"type": "moved", "by": user.decode(), "to": body["to"]})

    def on_close(self) -> None:
        if self in self.seated:
            self.seated.remove(self)


def make(origin: str) -> Application:
    """The application."""
    return Application(
        [("/auth/login", LogIn), ("/ws/game", Game)], cookie_secret=secrets.token_hex(32)
    )
