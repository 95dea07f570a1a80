"""The same dashboard with PyJWT as its documentation says: one algorithm, all claims."""

import json
import secrets
import time
from typing import Any

import jwt
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "alice has a quiet night shift", "ada": "ada runs this whole factory"}
ROLES = {"alice": "worker", "ada": "engineer"}
KEY = secrets.token_hex(32)


class LogIn(RequestHandler):
    """`POST /auth/login` answers with a token for five minutes."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        user = body["username"]
        if not secrets.compare_digest(USERS.get(user, "").encode(), body["password"].encode()):
            raise HTTPError(401)
        now = int(time.time())
        claims = {
            "iss": "factory",
            "aud": "dashboard",
            "sub": user,
            "role": ROLES[user],
            "iat": now,
            "exp": now + 300,
        }
        self.finish({"access_token": jwt.encode(claims, KEY, "HS256")})


class Dashboard(WebSocketHandler):
    """`/ws/dashboard` with `Authorization: Bearer …`: engineers see the valves, and open them."""

    claims: dict[str, Any]

    def check_origin(self, origin: str) -> bool:
        return origin == self.settings["origin"]

    def prepare(self) -> None:
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            self.claims = jwt.decode(
                token,
                KEY,
                algorithms=["HS256"],
                audience="dashboard",
                issuer="factory",
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except jwt.InvalidTokenError:
            raise HTTPError(401) from None

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message({"type": "hello", "user": self.claims["sub"]})

    def on_message(self, message: str | bytes) -> None:
        body = json.loads(message)
        if body.get("type") == "open-valve" and ROLES.get(self.claims["sub"]) == "engineer":
            self.write_message({"type": "opened", "valve": body["valve"]})
        else:
            self.write_message({"type": "error", "error": "engineers only"})


def make(origin: str) -> Application:
    """The application."""
    return Application(
        [("/auth/login", LogIn), ("/ws/dashboard", Dashboard)],
        origin=origin,
    )
