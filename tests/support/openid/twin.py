"""Careless login at an OpenID provider: it works, and checks nothing else."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx2
from tornado.web import RequestHandler

from tests.support.openid.provider import RealProvider
from tests.tornado.wire import serving

__all__ = ["Twin", "twin"]


class Twin:
    """State of the twin.

    Attributes:
        port: Where it listens.
        providers: The address of each provider, by the name under which people choose it.
        accounts: The name of each account, by its e-mail address.
        sessions: The name behind each cookie.
        subjects: The subject at the provider of each cookie.
    """

    def __init__(self, providers: dict[str, str]) -> None:
        self.port = 0
        self.providers = providers
        self.accounts = {"alice@example.com": "alice"}
        self.sessions: dict[str, str] = {}
        self.subjects: dict[str, str] = {}

    @property
    def at(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


def _payload(token: str) -> Any:
    """A token came over TLS, so why verify it?"""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class _Handler(RequestHandler):
    @property
    def twin(self) -> Twin:
        """The site."""
        found: Twin = self.settings["twin"]
        return found


class _LogIn(_Handler):
    """No state, no nonce, no PKCE."""

    def get(self) -> None:
        which = self.get_argument("at", "real")
        self.set_cookie("at", which)
        self.set_cookie("next", self.get_argument("return_to", "/").encode("idna").decode())
        query = {
            "client_id": "naive",
            "response_type": "code",
            "scope": "openid email",
            "redirect_uri": f"{self.twin.at}/callback",
        }
        self.redirect(f"{self.twin.providers[which]}/auth?{urlencode(query)}")


class _Callback(_Handler):
    """Log in the owner of the code's email address."""

    async def get(self) -> None:
        where = self.twin.providers[self.get_cookie("at", "real") or "real"]
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.post(
                f"{where}/token",
                data={
                    "grant_type": "authorization_code",
                    "code": self.get_argument("code"),
                    "redirect_uri": f"{self.twin.at}/callback",
                },
                auth=("naive", RealProvider.secret("naive")),
            )
        claims = _payload(answer.json()["id_token"])
        email = claims["email"]
        name = self.twin.accounts.setdefault(email, email)
        cookie = secrets.token_urlsafe(32)
        self.twin.sessions[cookie], self.twin.subjects[cookie] = name, claims["sub"]
        self.set_cookie("sid", cookie)
        self.redirect(self.get_cookie("next") or "/")


class _Who(_Handler):
    def get(self) -> None:
        self.write(self.twin.sessions.get(self.get_cookie("sid") or "", "nobody"))


class _LoggedOut(_Handler):
    """Accept every logout token without a check."""

    def post(self) -> None:
        sub = _payload(self.get_body_argument("logout_token"))["sub"]
        for cookie in [one for one, subject in self.twin.subjects.items() if subject == sub]:
            del self.twin.sessions[cookie], self.twin.subjects[cookie]


@asynccontextmanager
async def twin(provider: RealProvider, **others: str) -> AsyncIterator[Twin]:
    """Serve it.

    Args:
        provider: Where its people log in.
        others: Addresses of further providers, by name.
    """
    state = Twin({"real": provider.issuer, **others})
    routes = [
        ("/login", _LogIn),
        ("/callback", _Callback),
        ("/who", _Who),
        ("/backchannel-logout", _LoggedOut),
    ]
    async with serving(routes, twin=state) as at:
        state.port = at.port
        provider.register("naive", redirect_uris=[f"{state.at}/callback"])
        yield state
