"""A portfolio page with the socket's token in the address, valid for a month and any number of uses."""

import json
import secrets
from typing import Any
from urllib.parse import quote

from tornado.escape import xhtml_escape
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "alice keeps gold in the cellar", "mallory": "mallory has nothing at all"}
POSITIONS = {"alice": {"GOLD": 1200, "TIN": 7}, "mallory": {}}


advertised = {"picture": ""}


class Page(RequestHandler):
    """`/portfolio?token=…`: the page with a script that reads the token from its own address."""

    def get(self) -> None:
        user = self.get_signed_cookie("user")
        if user is not None and not self.get_query_argument("token", ""):
            token = self.create_signed_value("token", user).decode()
            self.redirect(f"/portfolio?token={quote(token)}")
            return
        # The people who count visitors want to know from where they come.
        self.write(
            '<!doctype html><title>Portfolio</title><meta name="referrer" content="unsafe-url">'
        )
        self.write(f'<img src="{xhtml_escape(advertised["picture"])}" alt="advertisement">')


class LogIn(RequestHandler):
    """`POST /auth/login`."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"])


class LogOut(RequestHandler):
    """`POST /auth/logout`: the cookie is taken out of this browser."""

    def post(self) -> None:
        self.clear_cookie("user")


class TicketService(RequestHandler):
    """`POST /auth/ticket`: a browser's WebSocket takes no headers, so the token goes into the address."""

    def post(self) -> None:
        user = self.get_signed_cookie("user")
        if user is None:
            raise HTTPError(401)
        token = self.create_signed_value("token", user).decode()
        self.finish({"url": f"/ws/portfolio?token={token}"})


class Portfolio(WebSocketHandler):
    """`/ws/portfolio?token=…`: shows each user the own shares, and trades."""

    owner = ""

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        token = self.get_query_argument("token", "")
        user = self.get_signed_cookie("token", token)
        if user is None:
            self.close(4401, "bad token")
            return
        self.owner = user.decode()
        self.write_message(
            {"type": "portfolio", "owner": self.owner, "positions": POSITIONS[self.owner]}
        )

    def on_message(self, message: str | bytes) -> None:
        order: dict[str, Any] = json.loads(message)
        if order["type"] == "sell" and self.owner:
            POSITIONS[self.owner].pop(order["what"], None)
            self.write_message({"type": "sold", "what": order["what"]})
        elif order["type"] == "advertise" and self.owner:
            advertised["picture"] = order["picture"]
            self.write_message({"type": "shown"})


def make(origin: str) -> Application:
    """The application."""
    return Application(
        [
            ("/portfolio", Page),
            ("/auth/login", LogIn),
            ("/auth/logout", LogOut),
            ("/auth/ticket", TicketService),
            ("/ws/portfolio", Portfolio),
        ],
        cookie_secret=secrets.token_hex(32),
    )
