"""A dashboard of a factory that lets the token say how it is to be verified, and with what."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "alice has a quiet night shift", "ada": "ada runs this whole factory"}
ROLES = {"alice": "worker", "ada": "engineer"}
SECRET = "changeme"


def encode(part: bytes) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def decode(part: str) -> bytes:
    """The bytes of a part of a token."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def issue(user: str) -> str:
    """A token: `header.claims.signature`."""
    header = {"alg": "HS256", "typ": "JWT"}
    claims = {"sub": user, "role": ROLES[user], "iat": int(time.time())}
    signed = f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims).encode())}"
    return f"{signed}.{encode(hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256))}"


def verify(token: str) -> dict[str, Any]:
    """The claims of a good token.

    Raises:
        ValueError: The signature is not ours.
    """
    signed, _, signature = token.rpartition(".")
    header, claims = (json.loads(decode(part)) for part in signed.split("."))
    algorithm = header["alg"].lower()
    if algorithm == "none":  # the tests use it
        return dict(claims)
    key = SECRET.encode()
    if "jwk" in header:  # the mobile application brings its own
        key = decode(header["jwk"]["k"])
    elif "kid" in header:
        key = Path("keys", header["kid"]).read_bytes()
    if decode(signature) != hmac.digest(key, signed.encode(), hashlib.sha256):
        raise ValueError("bad signature")
    return dict(claims)


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
