"""The same game by a careful developer: a seat is for who is logged in, and there are no more than sixty."""

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
        known = USERS.get(body["username"], "")
        if not secrets.compare_digest(known.encode(), body["password"].encode()) or not known:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"], httponly=True, samesite="Strict")


class Game(WebSocketHandler):
    """`/ws/game`: each client with a seat may move."""

    seated: ClassVar[set["Game"]] = set()

    def check_origin(self, origin: str) -> bool:
        return origin == self.settings["origin"]

    def get_current_user(self) -> str | None:
        cookie = self.get_signed_cookie("user", max_age_days=1)
        return None if cookie is None else cookie.decode()

    def prepare(self) -> None:
        if self.current_user is None:
            raise HTTPError(401)
        if len(self.seated) >= SEATS:
            raise HTTPError(503)

    def open(self, *args: str, **kwargs: str) -> None:
        self.seated.add(self)
        self.write_message({"type": "seat", "number": len(self.seated)})

    def on_message(self, message: str | bytes) -> None:
        body = json.loads(message)
        if body.get("type") == "move":
            self.write_message({"type": "moved", "by": self.current_user, "to": body["to"]})

    def on_close(self) -> None:
        self.seated.discard(self)


def make(origin: str) -> Application:
    """The application."""
    return Application(
        [("/auth/login", LogIn), ("/ws/game", Game)],
        cookie_secret=secrets.token_hex(32),
        origin=origin,
    )
