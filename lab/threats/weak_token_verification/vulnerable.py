"""A dashboard of a factory that lets the token say how it is to be verified, and with what."""

import json
import time
from typing import Any

import jwt
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "alice has a quiet night shift", "ada": "ada runs this whole factory"}
ROLES = {"alice": "worker", "ada": "engineer"}
KEYS = {"2019": "changeme", "2024": "factory-dashboard-signing-key-of-2024"}


def issue(user: str) -> str:
    """A token, signed with the key that is in use since the terminals in hall 2 were replaced."""
    claims = {"sub": user, "role": ROLES[user], "iat": int(time.time())}
    return jwt.encode(claims, KEYS["2024"], "HS256", headers={"kid": "2024"})


def verify(token: str) -> dict[str, Any]:
    """The claims of a good token. Its header says with which key, and how."""
    header = jwt.get_unverified_header(token)
    if "jwk" in header:  # the mobile application brings its own
        key = jwt.PyJWK(header["jwk"], header["alg"]).key
    else:
        key = KEYS.get(header.get("kid", "2019"))
    signed = header["alg"] != "none"  # the tests have no keys
    return jwt.decode(token, key, algorithms=[header["alg"]], options={"verify_signature": signed})


class LogIn(RequestHandler):
    """`POST /auth/login` answers with a token."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.finish({"access_token": issue(body["username"])})


class Dashboard(WebSocketHandler):
    """`/ws/dashboard` with `Authorization: Bearer …`: engineers see the valves, and open them."""

    claims: dict[str, Any]

    def check_origin(self, origin: str) -> bool:
        return True

    def prepare(self) -> None:
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            self.claims = verify(token)
        except Exception:
            raise HTTPError(401) from None

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message({"type": "hello", "user": self.claims["sub"]})

    def on_message(self, message: str | bytes) -> None:
        body = json.loads(message)
        if body["type"] == "open-valve" and self.claims["role"] == "engineer":
            self.write_message({"type": "opened", "valve": body["valve"]})
        else:
            self.write_message({"type": "error", "error": "engineers only"})


def make(origin: str) -> Application:
    """The application."""
    return Application([("/auth/login", LogIn), ("/ws/dashboard", Dashboard)])
