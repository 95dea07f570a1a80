"""The same chat by a careful developer: hashed passwords, one answer, five guesses for each address."""

import hashlib
import json
import secrets
import time
from collections import defaultdict
from typing import ClassVar

from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "Stormy-weather-2024", "mallory": "mallory has a list of passwords"}
INBOX = {"alice": ["the code of the safe is 4711"], "mallory": []}
GUESSES, MINUTES = 5, 15


def hashed(password: str, salt: bytes) -> bytes:
    """Return the stored form of a password."""
    return hashlib.scrypt(password.encode(), salt=salt, n=2**12, r=8, p=1)


class LogIn(RequestHandler):
    """`POST /auth/login`: after five failures an address waits for a quarter of an hour."""

    failures: ClassVar[dict[str, list[float]]] = defaultdict(list)

    async def post(self) -> None:
        body = json.loads(self.request.body)
        now, address = time.monotonic(), self.request.remote_ip or ""
        recent = [at for at in self.failures[address] if now - at < MINUTES * 60]
        if len(recent) >= GUESSES:
            raise HTTPError(429)
        salt, stored = self.settings["hashes"].get(body["username"], (b"nobody", b""))
        given = await IOLoop.current().run_in_executor(None, hashed, body["password"], salt)
        if not secrets.compare_digest(given, stored):
            self.failures[address] = [*recent, now]
            raise HTTPError(401)
        self.failures.pop(address, None)
        self.set_signed_cookie("user", body["username"], httponly=True, samesite="Strict")


class Chat(WebSocketHandler):
    """`/ws/chat`: begins with what one has missed."""

    def check_origin(self, origin: str) -> bool:
        return origin == self.settings["origin"]

    def get_current_user(self) -> str | None:
        cookie = self.get_signed_cookie("user", max_age_days=1)
        return None if cookie is None else cookie.decode()

    def prepare(self) -> None:
        if self.current_user is None:
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message({"type": "inbox", "messages": INBOX[self.current_user]})

    def on_message(self, message: str | bytes) -> None:
        """Ignore messages; the chat is not implemented."""


def make(origin: str) -> Application:
    """The application."""
    hashes = {}
    for name, password in USERS.items():
        salt = secrets.token_bytes(16)
        hashes[name] = (salt, hashed(password, salt))
    return Application(
        [("/auth/login", LogIn), ("/ws/chat", Chat)],
        cookie_secret=secrets.token_hex(32),
        hashes=hashes,
        origin=origin,
    )
