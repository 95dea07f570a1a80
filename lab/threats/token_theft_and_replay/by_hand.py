"""The same page by a careful developer: a JWT for one minute, verified in full, outside the address."""

import json
import secrets
import time
from typing import Any

import jwt
from tornado.escape import xhtml_escape
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "alice keeps gold in the cellar", "mallory": "mallory has nothing at all"}
POSITIONS = {"alice": {"GOLD": 1200, "TIN": 7}, "mallory": {}}
PREFIX = "token."
advertised = {"picture": ""}


class Site(RequestHandler):
    """The common base of the pages."""

    def get_current_user(self) -> str | None:
        user = self.get_signed_cookie("user", max_age_days=1)
        return None if user is None else user.decode()


class Page(Site):
    """`/portfolio`: the page with a script that requests a token."""

    def get(self) -> None:
        self.set_header("Referrer-Policy", "same-origin")
        picture = xhtml_escape(advertised["picture"])
        self.write("<!doctype html><title>Portfolio</title>")
        self.write(f'<img src="{picture}" alt="advertisement">')


class LogIn(Site):
    """`POST /auth/login`."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        known = USERS.get(body["username"], "")
        if not secrets.compare_digest(known.encode(), body["password"].encode()) or not known:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"], httponly=True, samesite="Strict")


class LogOut(Site):
    """`POST /auth/logout`."""

    def post(self) -> None:
        self.clear_cookie("user")


class TicketService(Site):
    """`POST /auth/ticket`: a token that is good for a minute, for this service."""

    def post(self) -> None:
        if self.current_user is None:
            raise HTTPError(401)
        now = int(time.time())
        claims = {
            "iss": "portfolio",
            "aud": "portfolio",
            "sub": self.current_user,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_hex(8),
        }
        token = jwt.encode(claims, self.settings["token_key"], "HS256")
        self.finish({"url": "/ws/portfolio", "protocols": ["portfolio", PREFIX + token]})


class Portfolio(WebSocketHandler):
    """`/ws/portfolio`: the token comes as a subprotocol, so that no log keeps it."""

    owner = ""

    def check_origin(self, origin: str) -> bool:
        return origin == self.settings["origin"]

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "portfolio" if "portfolio" in subprotocols else None

    def prepare(self) -> None:
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "")
        for one in offered.split(","):
            if one.strip().startswith(PREFIX):
                self.owner = self.verified(one.strip().removeprefix(PREFIX))
        if self.owner not in USERS:
            raise HTTPError(401)

    def verified(self, token: str) -> str:
        """The subject of a good token; nothing otherwise."""
        try:
            claims = jwt.decode(
                token,
                self.settings["token_key"],
                algorithms=["HS256"],
                audience="portfolio",
                issuer="portfolio",
                options={"require": ["exp", "sub", "aud", "iss"]},
            )
        except jwt.InvalidTokenError:
            return ""
        return str(claims["sub"])

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message(
            {"type": "portfolio", "owner": self.owner, "positions": POSITIONS[self.owner]}
        )

    def on_message(self, message: str | bytes) -> None:
        order: dict[str, Any] = json.loads(message)
        if order.get("type") == "sell":
            POSITIONS[self.owner].pop(str(order.get("what")), None)
            self.write_message({"type": "sold", "what": order.get("what")})
        elif order.get("type") == "advertise":
            advertised["picture"] = str(order.get("picture"))
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
        token_key=secrets.token_hex(32),
        origin=origin,
    )
