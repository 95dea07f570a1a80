"""The same terminal by a careful developer: every message is checked against the directory."""

import json
import secrets
from typing import ClassVar

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"ada": "ada keeps the machine alive", "mallory": "mallory leaves on Friday evening"}
disabled: set[str] = set()


class LogIn(RequestHandler):
    """`POST /auth/login`."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        name = body["username"]
        known = USERS.get(name, "")
        same = secrets.compare_digest(known.encode(), body["password"].encode())
        if not same or not known or name in disabled:
            raise HTTPError(401)
        self.set_signed_cookie("user", name, httponly=True, samesite="Strict")


class Terminal(WebSocketHandler):
    """`/ws/terminal`: runs the typed commands, and shows their output to all users."""

    open_ones: ClassVar[set["Terminal"]] = set()

    def check_origin(self, origin: str) -> bool:
        return origin == self.settings["origin"]

    def get_current_user(self) -> str | None:
        cookie = self.get_signed_cookie("user", max_age_days=1)
        name = None if cookie is None else cookie.decode()
        return None if name in disabled else name

    def prepare(self) -> None:
        if self.current_user is None:
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        self.open_ones.add(self)
        self.write_message({"type": "ready", "user": self.current_user})

    def on_message(self, message: str | bytes) -> None:
        # Not `current_user`, which is remembered from the handshake.
        user = self.get_current_user()
        if user is None:
            self.close(4401, "log in")
            return
        body = json.loads(message)
        if body.get("type") == "run":
            self.write_message({"type": "output", "text": f"root# {body['command']}: done"})
        elif body.get("type") == "dismiss" and user == "ada":
            disabled.add(body["who"])
            self.write_message({"type": "dismissed", "who": body["who"]})
        elif body.get("type") == "log" and user == "ada":
            for one in self.open_ones:
                one.write_message({"type": "journal", "text": body["text"]})

    def on_close(self) -> None:
        self.open_ones.discard(self)


def make(origin: str) -> Application:
    """The application."""
    return Application(
        [("/auth/login", LogIn), ("/ws/terminal", Terminal)],
        cookie_secret=secrets.token_hex(32),
        origin=origin,
    )
