"""The same desk with a check in `prepare`, which runs before the 101, and a list of origins."""

import json
import secrets

from tornado.ioloop import PeriodicCallback
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"nora": "nora trades copper and tin"}
BOOK = {"type": "book", "desk": "metals", "positions": {"copper": 1200, "tin": -300}}


class LogIn(RequestHandler):
    def post(self):
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"], httponly=True, samesite="Lax")


class Feed(WebSocketHandler):
    clients = set()

    def check_origin(self, origin):
        return origin in self.settings["origins"]

    def get_current_user(self):
        user = self.get_signed_cookie("user")
        return user.decode() if user else None

    def prepare(self):
        if self.current_user not in USERS:
            raise HTTPError(401)

    def open(self):
        Feed.clients.add(self)
        self.write_message(BOOK)

    def on_message(self, message):
        pass

    def on_close(self):
        Feed.clients.discard(self)


def tick():
    for client in Feed.clients:
        client.write_message(BOOK)


def make(origin):
    PeriodicCallback(tick, 500).start()
    return Application(
        [("/auth/login", LogIn), ("/ws/book", Feed)],
        cookie_secret=secrets.token_hex(32),
        origins=[origin],
    )
