"""A register of patients that writes down what succeeded, and nothing of what was refused."""

import json
import secrets
from typing import ClassVar

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"olga": "olga answers for the register", "mallory": "mallory is curious at night"}


class LogIn(RequestHandler):
    """`POST /auth/login`."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"])
        Register.log.append(f"INFO {body['username']} logged in")


class Register(WebSocketHandler):
    """`/ws/register`: the doctor reads and erases, the clerk may do neither."""

    log: ClassVar[list[str]] = []
    user = ""

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        user = self.get_signed_cookie("user")
        if user is None:
            self.close()
        else:
            self.user = user.decode()

    def on_message(self, message: str | bytes) -> None:
        body = json.loads(message)
        if body["type"] == "clear-log":
            self.log.clear()
        elif self.user != "olga":
            self.write_message({"type": "error", "error": "doctors only"})
        elif body["type"] == "log":
            self.write_message({"type": "log", "lines": self.log})
        else:
            self.log.append(f"INFO {self.user} {body['type']} {body['patient']}")
            self.write_message({"type": "done"})


def make(origin: str) -> Application:
    """The application."""
    return Application(
        [("/auth/login", LogIn), ("/ws/register", Register)], cookie_secret=secrets.token_hex(32)
    )
