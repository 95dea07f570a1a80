"""The same dashboard with Tornado's signed cookie. Its logout clears the cookie, as documented."""

import json
import secrets

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "alice looks after the turbines"}


class Base(RequestHandler):
    def get_current_user(self):
        user = self.get_signed_cookie("user", max_age_days=1)
        return user.decode() if user else None


class Page(Base):
    def get(self):
        self.write("<!doctype html><title>Turbines</title>")


class LogIn(Base):
    def post(self):
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_signed_cookie(
            "user", body["username"], expires_days=1, httponly=True, samesite="Lax"
        )


class LogOut(Base):
    def post(self):
        self.clear_cookie("user")


class Turbines(Base, WebSocketHandler):
    def check_origin(self, origin):
        return origin in self.settings["origins"]

    def prepare(self):
        if self.current_user not in USERS:
            raise HTTPError(401)

    def on_message(self, message):
        if json.loads(message).get("type") == "state":
            self.write_message(
                {"type": "state", "user": self.current_user, "turbines": [87, 91, 0]}
            )


def make(origin):
    return Application(
        [
            ("/", Page),
            ("/auth/login", LogIn),
            ("/auth/logout", LogOut),
            ("/ws/turbines", Turbines),
        ],
        cookie_secret=secrets.token_hex(32),
        origins=[origin],
    )
