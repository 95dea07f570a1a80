"""A chat embedded in other sites. `check_origin` returns True, "or it does not work in production"."""

import json
import secrets

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "alice writes to her doctor"}
HISTORY = ["alice: is the result of the test there?", "doctor: yes, please come by on Monday"]
sessions = {}


class Page(RequestHandler):
    def get(self):
        self.write("<!doctype html><title>Chat</title>")


class LogIn(RequestHandler):
    def post(self):
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        sid = secrets.token_urlsafe(32)
        sessions[sid] = body["username"]
        # The widget is in an <iframe> of our customers' pages, so the cookie must travel.
        self.set_cookie("sid", sid, httponly=True, secure=True, samesite="None")


class Chat(WebSocketHandler):
    def check_origin(self, origin):
        return True

    def open(self):
        self.user = sessions.get(self.get_cookie("sid"))
        if self.user is None:
            self.close(4001, "log in first")

    def on_message(self, message):
        if self.user is None:
            return
        body = json.loads(message)
        if body["type"] == "history":
            self.write_message({"type": "history", "lines": HISTORY})


def make(origin):
    return Application([("/", Page), ("/auth/login", LogIn), ("/ws/chat", Chat)])
