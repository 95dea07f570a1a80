"""A server that speaks GitHub's documented OAuth 2.0 and API, because GitHub cannot be installed."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from tornado.web import Application, RequestHandler

from tests.tornado.wire import serving

__all__ = ["GitHub", "github"]


class GitHub:
    """State of the server.

    Attributes:
        issuer: Its address for logins.
        user: Answer of the API about the user who logs in.
        lists: Answers of the API, by path.
        codes: The PKCE challenge of each code that was not redeemed yet.
        tokens: Scopes of each access token.
        asked: Paths of all requests.
        raw: Text that replaces the answer at a path.
    """

    def __init__(self) -> None:
        self.issuer = ""
        self.user: dict[str, Any] = {"id": 583231, "login": "octocat", "type": "User"}
        self.lists: dict[str, list[Any]] = {}
        self.codes: dict[str, tuple[str, str]] = {}
        self.tokens: dict[str, str] = {}
        self.asked: list[str] = []
        self.raw: dict[str, str] = {}

    @staticmethod
    def secret(client_id: str) -> str:
        """The secret of the application."""
        return f"the secret of {client_id}"


class _Handler(RequestHandler):
    @property
    def github(self) -> GitHub:
        """The server."""
        found: GitHub = self.settings["github"]
        return found

    def prepare(self) -> None:
        self.github.asked.append(self.request.path)

    def say(self, answer: Any) -> None:
        """Answer in JSON, lists as well."""
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(self.github.raw.get(self.request.path, json.dumps(answer)))


class _Authorize(_Handler):
    def get(self) -> None:
        code = secrets.token_hex(10)
        assert self.get_query_argument("code_challenge_method") == "S256"
        challenge = self.get_query_argument("code_challenge")
        self.github.codes[code] = (challenge, self.get_query_argument("scope", ""))
        query = {"code": code, "state": self.get_query_argument("state")}
        self.redirect(f"{self.get_query_argument('redirect_uri')}?{urlencode(query)}")


class _AccessToken(_Handler):
    def post(self) -> None:
        given = {name: self.get_body_argument(name) for name in self.request.body_arguments}
        challenge, scope = self.github.codes.pop(given.get("code", ""), ("", ""))
        digest = hashlib.sha256(given["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != challenge:
            self.say({"error": "bad_verification_code"})  # with the status 200, as GitHub does
        elif given.get("client_secret") != self.github.secret(given["client_id"]):
            self.say({"error": "incorrect_client_credentials"})
        else:
            token = f"gho_{secrets.token_hex(10)}"
            self.github.tokens[token] = scope
            self.say({"access_token": token, "token_type": "bearer", "scope": scope})


class _Api(_Handler):
    def get(self, path: str) -> None:
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        scope = {"/emails": "user:email", "/memberships/orgs": "read:org", "/teams": "read:org"}
        if token not in self.github.tokens:
            self.set_status(401)
            self.say({"message": "Bad credentials"})
        elif scope.get(path, "") not in self.github.tokens[token].split():
            if path:
                self.set_status(403)
            self.say(self.github.user)
        else:
            self.say(self.github.lists.get(path, []))


@asynccontextmanager
async def github() -> AsyncIterator[GitHub]:
    """Serve it on a port of this machine."""
    found = GitHub()
    application = Application(
        [
            ("/login/oauth/authorize", _Authorize),
            ("/login/oauth/access_token", _AccessToken),
            ("/api/v3/user(.*)", _Api),
        ],
        github=found,
    )
    async with serving(application) as served:
        found.issuer = f"http://127.0.0.1:{served.port}/login/oauth"
        yield found
