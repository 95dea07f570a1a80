"""A chat behind a guard with an OpenID login, on a port of its own, and people who come to it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    PolicySet,
    Reply,
    SessionAuthenticator,
    TicketAuthenticator,
    action,
    login_routes,
    protect,
    role,
)
from stormdoor.auth.oidc.relying_party import RelyingParty
from stormdoor.core.session import Session
from stormdoor.ports import Store
from stormdoor.tornado.oidc_routes import OpenIdProvider, oidc_routes
from tests.demo.visitor import Visitor
from tests.support.openid.github import GitHub
from tests.support.openid.provider import RealProvider
from tests.support.openid.visitor import Browserlike
from tests.tornado.wire import quiet, settled

__all__ = ["COOKIE", "Person", "Site", "WallClock", "site"]

COOKIE = "__Host-stormdoor"


class WallClock:
    """The real time, which the provider has as well, and how far a test has moved it."""

    def __init__(self) -> None:
        self.moved = 0.0

    def now(self) -> float:
        """Unix seconds."""
        return time.time() + self.moved

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic() + self.moved


class Say(Command, tag="say"):
    text: str


class Said(Reply, tag="said"):
    text: str


class Chat(GuardedHandler):
    permission = "chat:connect"

    @action("chat:say")
    def say(self, command: Say) -> Said:
        return Said(text=f"{self.principal.id}: {command.text}")


class Front(RequestHandler):
    def get(self) -> None:
        self.write("<!doctype html><title>front</title><p id=front>The front page</p>")


@dataclass
class Site:
    """A running application.

    Attributes:
        port: Where it listens.
        guard: Its guard.
        provider: Where its people log in.
        party: The application as a client of the provider.
        settings: What the application says about the provider.
        clock: Its time.
    """

    port: int
    guard: Guard
    provider: RealProvider | GitHub
    party: RelyingParty
    settings: OpenIdProvider
    clock: WallClock

    @property
    def at(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        """Of a route of the login."""
        return f"{self.at}/auth/oidc/{path}"

    async def sessions(self, principal_id: str) -> list[Session]:
        """Return the live sessions of the principal."""
        return await self.guard.sessions.sessions(principal_id)

    async def refusals(self) -> list[str]:
        """Return the details of the refusals in the trail, newest last."""
        await self.guard.trail.flush()
        entries = await self.guard.state.trail.entries()
        return [one.event.detail for one in entries if one.event.cause]


class Person(Browserlike):
    """Browser of a person who uses the site."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site

    @property
    def cookie(self) -> str | None:
        """The session cookie."""
        return self.cookies(self.site.at).get(COOKIE)

    async def begin(self, path: str = "login") -> str:
        """Set out, and stop before the provider: its address."""
        answer = await self.get(self.site.url(path))
        assert answer.status_code == 303, answer.text
        where: str = answer.headers["location"]
        assert where.startswith(self.site.provider.issuer), where
        return where

    async def bring(self, where: str, **form: str) -> str:
        """Log in at the provider, and stop before the callback: its address."""
        answer = await self.follow(where, until=self.site.at, **form)
        return str(answer.headers["location"])

    async def log_in(
        self, login: str, path: str = "login", *, otp: str | None = None
    ) -> httpx2.Response:
        """The whole way. Returns the answer of the callback."""
        form = {"login": login, "password": "x"} | ({} if otp is None else {"otp": otp})
        return await self.get(await self.bring(await self.begin(path), **form))

    async def post(self, path: str, **headers: str) -> httpx2.Response:
        """POST to a route of the login, as a script of the site's own page."""
        return await self.request("POST", self.site.url(path), data=None, **headers)

    def visitor(self) -> Visitor:
        """The same person, for WebSockets."""
        one = Visitor(self.site.port)
        one.cookies = dict(self.cookies(self.site.at))
        return one


@asynccontextmanager
async def site(
    provider: RealProvider | GitHub,
    /,
    *,
    store: Store | str | None = None,
    client: dict[str, Any] | None = None,
    routes: dict[str, Any] | None = None,
    seconds: float = 5.0,
    **settings: Any,
) -> AsyncIterator[Site]:
    """Serve the chat.

    Args:
        provider: Where people log in; the application is registered there.
        store: Of the guard.
        client: Further metadata of the registration.
        routes: Options of `oidc_routes`.
        seconds: How long the provider may take.
        settings: Options of `OpenIdProvider`.
    """
    [sock] = bind_sockets(0, "127.0.0.1")
    port = sock.getsockname()[1]
    at, clock = f"http://127.0.0.1:{port}", WallClock()
    guard = Guard(
        origins=[at],
        authenticators=[SessionAuthenticator(), TicketAuthenticator()],
        policies=PolicySet([role("member", "chat:*"), role("moderator", "chat:*")]),
        store=store,
        clock=clock,
        production=False,
    )
    options: dict[str, Any] = {
        "issuer": provider.issuer,
        "client_id": "app",
        "client_secret": provider.secret("app"),
        "redirect_uri": f"{at}/auth/oidc/callback",
        "post_logout_redirect_uri": f"{at}/auth/oidc/logged-out",
        "unknown": "create",
        "default_roles": ["member"],
    }
    configured = OpenIdProvider(**(options | settings))
    registered: dict[str, Any] = {
        "redirect_uris": [configured.redirect_uri],
        "post_logout_redirect_uris": [configured.post_logout_redirect_uri],
        "backchannel_logout_uri": f"{at}/auth/oidc/backchannel-logout",
        "backchannel_logout_session_required": True,
    }
    if configured.client_secret is None:
        registered["token_endpoint_auth_method"] = "none"
    if isinstance(provider, RealProvider) and provider.running and configured.client_id == "app":
        provider.register("app", **(registered | (client or {})))
    rules = oidc_routes(guard, configured, **(routes or {}))
    party: RelyingParty = rules[0].target_kwargs["route_options"].party
    party._client._seconds = seconds
    application = protect(
        Application(
            [
                ("/", Front),
                ("/room", Front),
                ("/ws/chat", Chat),
                *rules,
                *login_routes(guard, endpoint="/ws/chat"),
            ],
            websocket_ping_interval=20,
        ),
        guard,
    )
    await quiet(guard)
    server = HTTPServer(application)
    server.add_sockets([sock])
    try:
        yield Site(port, guard, provider, party, configured, clock)
    finally:
        server.stop()
        await server.close_all_connections()
        await guard.close()
        await settled()
