"""A web terminal that checks the user when the socket opens, and never again. In the old style."""

import json
import secrets
from typing import Any, ClassVar

from tornado import gen
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"ada": "ada keeps the machine alive", "mallory": "mallory leaves on Friday evening"}
disabled: set[str] = set()


class LogIn(RequestHandler):
    """`POST /auth/login`."""

    @gen.coroutine
    def post(self) -> Any:
        body = json.loads(self.request.body)
        yield gen.sleep(0)  # the directory is asked
        name = body["username"]
        if USERS.get(name) != body["password"] or name in disabled:
            raise HTTPError(401)
        # Our operators do not want to log in again in the middle of a night shift.
        self.set_signed_cookie("user", name, expires_days=1000)


class Terminal(WebSocketHandler):
    """`/ws/terminal`: runs the typed commands, and shows their output to all users."""

    open_ones: ClassVar[list["Terminal"]] = []
    user: str | None = None

    def check_origin(self, origin: str) -> bool:
        return True

    @gen.coroutine
    def open(self, *args: str, **kwargs: str) -> Any:
        cookie = self.get_signed_cookie("user", max_age_days=1000)
        yield gen.sleep(0)
        if cookie is None or cookie.decode() in disabled:
            self.close(4401, "log in")
            return
        self.user = cookie.decode()
        self.open_ones.append(self)
        self.write_message({"type": "ready", "user": self.user})

    @gen.coroutine
    def on_message(self, message: str | bytes) -> Any:
        body = json.loads(message)
        if body["type"] == "run":
            yield gen.sleep(0)
            self.write_message({"type": "output", "text": f"root# {body['command']}: done"})
        elif body["type"] == "dismiss" and self.user == "ada":
            disabled.add(body["who"])
            self.write_message({"type": "dismissed", "who": body["who"]})
        elif body["type"] == "log" and self.user == "ada":
            for one in self.open_ones:
                one.write_message({"type": "journal", "text": body["text"]})

    def on_close(self) -> None:
        if self in self.open_ones:
            self.open_ones.remove(self)


def make(origin: str) -> Application:
    """The application."""
    return Application(
        [("/auth/login", LogIn), ("/ws/terminal", Terminal)],
        cookie_secret=secrets.token_hex(32),
    )
