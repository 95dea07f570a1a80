"""The same chat with an exact list of origins, as Tornado's documentation shows, and a Lax cookie."""

import json
import secrets

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "alice writes to her doctor"}
HISTORY = ["alice: is the result of the test there?", "doctor: yes, please come by on Monday"]


class Page(RequestHandler):
    def get(self):
        self.write("<!doctype html><title>Chat</title>")


class LogIn(RequestHandler):
    def post(self):
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"], httponly=True, samesite="Lax")


class Chat(WebSocketHandler):
    def check_origin(self, origin):
        return origin in self.settings["origins"]

    def get_current_user(self):
        user = self.get_signed_cookie("user")
        return user.decode() if user else None

    def prepare(self):
        if self.current_user not in USERS:
            raise HTTPError(401)

    def on_message(self, message):
        body = json.loads(message)
        if body["type"] == "history":
            self.write_message({"type": "history", "lines": HISTORY})


def make(origin):
    return Application(
        [("/", Page), ("/auth/login", LogIn), ("/ws/chat", Chat)],
        cookie_secret=secrets.token_hex(32),
        origins=[origin],
    )
