"""A dashboard that gives visitors a session at the first page, and keeps it at the login."""

import json
import uuid

from tornado import gen
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "alice looks after the turbines"}
sessions = {}


class Base(RequestHandler):
    def prepare(self):
        # Links in our mails contain the session, so that users need not log in twice.
        self.sid = self.get_argument("sid", None) or self.get_cookie("sid") or uuid.uuid4().hex
        self.set_cookie("sid", self.sid)


class Page(Base):
    def get(self):
        self.write("<!doctype html><title>Turbines</title>")


class LogIn(Base):
    @gen.coroutine
    def post(self):
        body = json.loads(self.request.body)
        yield gen.moment
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        sessions[self.sid] = body["username"]


class LogOut(Base):
    def post(self):
        self.clear_cookie("sid")


class Turbines(WebSocketHandler):
    @gen.coroutine
    def open(self):
        yield gen.moment
        self.user = sessions.get(self.get_cookie("sid"))
        if self.user is None:
            self.close(4001)

    def on_message(self, message):
        if json.loads(message)["type"] == "state":
            self.write_message({"type": "state", "user": self.user, "turbines": [87, 91, 0]})


def make(origin):
    return Application(
        [
            ("/", Page),
            ("/auth/login", LogIn),
            ("/auth/logout", LogOut),
            ("/ws/turbines", Turbines),
        ]
    )
