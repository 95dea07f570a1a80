"""A chat in the old style: it sends every message to all users, without a limit."""

import json
import secrets
from typing import Any, ClassVar

from tornado import gen
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "alice likes a quiet chat", "mallory": "mallory likes to be heard"}


class LogIn(RequestHandler):
    """`POST /auth/login`."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"])


class Chat(WebSocketHandler):
    """`/ws/chat`: one room."""

    waiters: ClassVar[set["Chat"]] = set()
    user = ""

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        cookie = self.get_signed_cookie("user")
        if cookie is None:
            self.close()
            return
        self.user = cookie.decode()
        self.waiters.add(self)

    @gen.coroutine
    def on_message(self, message: str | bytes) -> Any:
        body = json.loads(message)
        yield gen.sleep(0)  # it is written down
        for waiter in list(self.waiters):
            waiter.write_message({"type": "said", "from": self.user, "text": body["text"]})

    def on_close(self) -> None:
        self.waiters.discard(self)


def make(origin: str) -> Application:
    """The application."""
    return Application(
        [("/auth/login", LogIn), ("/ws/chat", Chat)], cookie_secret=secrets.token_hex(32)
    )
