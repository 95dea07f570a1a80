"""A trading desk. Its page has a login, its feed has none: "only the page opens it"."""

import json
import secrets

from tornado.ioloop import PeriodicCallback
from tornado.web import Application, HTTPError, RequestHandler, authenticated
from tornado.websocket import WebSocketHandler

USERS = {"nora": "nora trades copper and tin"}
BOOK = {"type": "book", "desk": "metals", "positions": {"copper": 1200, "tin": -300}}


class LogIn(RequestHandler):
    def post(self):
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_secure_cookie("user", body["username"])


class Desk(RequestHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")

    @authenticated
    def get(self):
        self.write("<script>new WebSocket('ws://' + location.host + '/ws/book')</script>")


class Feed(WebSocketHandler):
    clients = set()

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
        [("/", Desk), ("/auth/login", LogIn), ("/ws/book", Feed)],
        cookie_secret=secrets.token_hex(32),
        login_url="/auth/login",
    )
