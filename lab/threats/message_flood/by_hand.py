"""The same chat by a careful developer: a bucket of ten messages for each socket, five more a second."""

import json
import secrets
import time
from typing import ClassVar

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "alice likes a quiet chat", "mallory": "mallory likes to be heard"}
BURST, PER_SECOND = 10, 5


class LogIn(RequestHandler):
    """`POST /auth/login`."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        known = USERS.get(body["username"], "")
        if not secrets.compare_digest(known.encode(), body["password"].encode()) or not known:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"], httponly=True, samesite="Strict")


class Chat(WebSocketHandler):
    """`/ws/chat`: one room."""

    waiters: ClassVar[set["Chat"]] = set()

    def initialize(self) -> None:
        self.tokens, self.at = float(BURST), time.monotonic()

    def check_origin(self, origin: str) -> bool:
        return origin == self.settings["origin"]

    def get_current_user(self) -> str | None:
        cookie = self.get_signed_cookie("user", max_age_days=1)
        return None if cookie is None else cookie.decode()

    def prepare(self) -> None:
        if self.current_user is None:
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        self.waiters.add(self)

    def too_fast(self) -> bool:
        """Return whether the bucket of this socket is empty."""
        now = time.monotonic()
        self.tokens = min(BURST, self.tokens + (now - self.at) * PER_SECOND)
        self.at = now
        if self.tokens < 1:
            return True
        self.tokens -= 1
        return False

    def on_message(self, message: str | bytes) -> None:
        if self.too_fast():
            self.write_message({"type": "error", "error": "slow down"})
            return
        text = str(json.loads(message).get("text", ""))[:500]
        for waiter in list(self.waiters):
            waiter.write_message({"type": "said", "from": self.current_user, "text": text})

    def on_close(self) -> None:
        self.waiters.discard(self)


def make(origin: str) -> Application:
    """The application."""
    return Application(
        [("/auth/login", LogIn), ("/ws/chat", Chat)],
        cookie_secret=secrets.token_hex(32),
        websocket_max_message_size=16 * 1024,
        origin=origin,
    )
