"""A chat with an inbox, where one may guess passwords for ever, and is told which names there are."""

import hashlib
import json
import secrets

from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "Stormy-weather-2024", "mallory": "mallory has a list of passwords"}
INBOX = {"alice": ["the code of the safe is 4711"], "mallory": []}


def hashed(password: str) -> str:
    """Return the stored form of a password."""
    return hashlib.md5(password.encode()).hexdigest()


PASSWORDS = {name: hashed(password) for name, password in USERS.items()}


class LogIn(RequestHandler):
    """`POST /auth/login`."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        if body["username"] not in PASSWORDS:
            self.set_status(404)
            self.finish({"error": "no such user"})
        elif PASSWORDS[body["username"]] != hashed(body["password"]):
            self.set_status(401)
            self.finish({"error": "wrong password"})
        else:
            self.set_signed_cookie("user", body["username"])


class Chat(WebSocketHandler):
    """`/ws/chat`: begins with what one has missed."""

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        user = self.get_signed_cookie("user")
        if user is None:
            self.close()
        else:
            self.write_message({"type": "inbox", "messages": INBOX[user.decode()]})

    def on_message(self, message: str | bytes) -> None:
        """Ignore messages; the chat is not implemented."""


def make(origin: str) -> Application:
    """The application."""
    return Application(
        [("/auth/login", LogIn), ("/ws/chat", Chat)], cookie_secret=secrets.token_hex(32)
    )
