"""Requests that a hostile page sends with the cookies of its visitor, at pages and at routes of the login."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from tornado.web import Application, RequestHandler

from stormdoor import (
    Guard,
    PolicySet,
    SessionAuthenticator,
    account_of,
    login_routes,
    protect,
    role,
)
from tests.tornado.wire import request, serving

EVIL = ("Origin", "https://evil.example")
CROSS, SAME_SITE = ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site")
NAVIGATES, SCRIPT = ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Mode", "no-cors")

ATTACKS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "a form": ("POST", (EVIL, CROSS, NAVIGATES)),
    "a form of a browser without Sec-Fetch-Site": ("POST", (EVIL,)),
    "a form of a browser without Origin, too": ("POST", (("Referer", "https://evil.example/"),)),
    "a form in a sandbox": ("POST", (("Origin", "null"), CROSS, NAVIGATES)),
    "a form of a page on another port": ("POST", (("Origin", "http://127.0.0.1:9"), SAME_SITE)),
    "a form without Origin": ("POST", (CROSS, NAVIGATES)),
    "a request of a script": ("GET", (EVIL, CROSS, ("Sec-Fetch-Mode", "cors"))),
    "a script or an image": ("GET", (CROSS, SCRIPT)),
    "a script of a page on another port": ("GET", (SAME_SITE, SCRIPT)),
}


class Own(RequestHandler):
    """A page of the application that knows its client by the cookie of the guard, and asks nothing else."""

    guard: Guard

    async def get(self) -> None:
        if await account_of(self.guard, self.request) is None:
            self.set_status(401)
        self.write("secret")

    post = get


@dataclass
class _Site:
    port: int
    cookie: tuple[str, str]

    async def ask(self, method: str, path: str, *headers: tuple[str, str]) -> int:
        """Return the status of a request with the cookie of the victim."""
        if method == "POST":
            headers += (("Content-Length", "0"),)
        headers += (self.cookie,)
        async with await request(self.port, path, *headers, method=method, upgrade=False) as wire:
            return wire.status


@asynccontextmanager
async def _site(*, guarded: bool) -> AsyncIterator[_Site]:
    guard = Guard(
        origins=["http://127.0.0.1:1"],
        hosts=["127.0.0.1"],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("member", "app:use")]),
    )
    own = type("Own", (Own,), {"guard": guard})
    application = Application([*login_routes(guard, endpoint="/ws"), ("/page", own)])
    protect(application, guard, "app:use", pages="app:use" if guarded else None)
    async with serving(application, guard) as at:
        await guard.admin.add_principal("alice", roles=["member"])
        secret = (await guard.sessions.create("alice")).secret
        guard.handshake_policy.origins.add([f"http://127.0.0.1:{at.port}"])
        yield _Site(at.port, ("Cookie", f"{guard.sessions.cookie.name}={secret}"))


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_hostile_page_uses_the_cookie_of_its_visitor(name: str) -> None:
    """The page without the guard accepts the request; with the guard, it is refused and the session lasts."""
    method, headers = ATTACKS[name]
    async with _site(guarded=False) as site:
        assert await site.ask(method, "/page", *headers) == 200
    async with _site(guarded=True) as site:
        assert await site.ask(method, "/page", *headers) == 403
        assert await site.ask("GET", "/page") == 200
        if method == "POST":  # each route of the login has the same rule
            assert await site.ask("POST", "/auth/logout", *headers) == 403
            assert await site.ask("GET", "/page") == 200


async def test_requests_of_the_application_itself() -> None:
    """A link from anywhere, the own form and script, and a program with the cookie are accepted."""
    async with _site(guarded=True) as site:
        own = ("Origin", f"http://127.0.0.1:{site.port}")
        same = ("Sec-Fetch-Site", "same-origin")
        for method, headers in (
            ("GET", (CROSS, NAVIGATES)),
            ("GET", (same, SCRIPT)),
            ("GET", (("Referer", "https://evil.example/"),)),
            ("POST", (own, same, NAVIGATES)),
            ("POST", (own,)),
            ("POST", (("Referer", f"http://127.0.0.1:{site.port}/page"),)),
            ("POST", ()),
        ):
            assert await site.ask(method, "/page", *headers) == 200, (method, headers)
