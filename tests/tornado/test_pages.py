"""`protect(..., pages=…)`: pages need a permission too, and a browser is led to the login and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from tornado.routing import Rule, RuleRouter
from tornado.web import Application, RequestHandler, stream_request_body
from tornado.websocket import WebSocketHandler

from stormdoor import (
    ApiKeyAuthenticator,
    ConfigurationError,
    Guard,
    Limits,
    PolicySet,
    SessionAuthenticator,
    login_routes,
    protect,
    public,
    role,
)
from tests.tornado.wire import request, serving

ORIGIN = "http://127.0.0.1"
NAVIGATION = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Site", "none"))
FOREIGN = ("Origin", "https://evil.example")


class Page(RequestHandler):
    """Notes that it ran."""

    ran: list[str]

    def get(self, *_: str) -> None:
        self.ran.append(f"GET {self.request.path}")
        self.write("secret")

    def post(self, *_: str) -> None:
        self.ran.append(f"POST {self.request.path}")
        self.write("done")

    def on_finish(self) -> None:
        self.ran.append("finished")


@stream_request_body
class Upload(Page):
    """Reads its body as it arrives."""

    def data_received(self, chunk: bytes) -> None:
        self.ran.append(f"{len(chunk)} bytes")


class Feed(WebSocketHandler):
    """A socket beside the pages."""


@dataclass
class _Site:
    guard: Guard
    port: int
    ran: list[str]
    cookies: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, path: str, *headers: tuple[str, str], who: str = "", method: str = "GET"
    ) -> tuple[int, str]:
        """Return the status, and the address of a redirection."""
        if who:
            headers += (("Cookie", f"{self.guard.sessions.cookie.name}={self.cookies[who]}"),)
        if method != "GET":
            headers += (("Content-Length", "0"),)
        async with await request(self.port, path, *headers, method=method, upgrade=False) as wire:
            return wire.status, wire.header("Location") or ""


@asynccontextmanager
async def _site(pages: Any = "app:use", **limits: str) -> AsyncIterator[_Site]:
    guard = Guard(
        origins=[f"{ORIGIN}:1"],
        hosts=["127.0.0.1"],
        authenticators=[SessionAuthenticator(), ApiKeyAuthenticator()],
        policies=PolicySet([role("member", "app:use"), role("admin", "app:*")]),
        limits=Limits(**limits) if limits else None,  # type: ignore[arg-type]
    )
    ran: list[str] = []
    page, upload = type("Page", (Page,), {"ran": ran}), type("Upload", (Upload,), {"ran": ran})
    routes: list[Any] = [
        *login_routes(guard, endpoint="/ws", built_in_pages=True),
        ("/ws", Feed),
        ("/upload", upload),
        ("/(.*)", page),
    ]
    application = protect(Application(routes), guard, "app:use", pages=pages)
    async with serving(application, guard) as at:
        site = _Site(guard, at.port, ran)
        guard.handshake_policy.origins.add([f"{ORIGIN}:{at.port}"])
        for name, roles in (("alice", ["member"]), ("eve", []), ("root", ["admin"])):
            await guard.admin.add_principal(name, roles=roles)
            site.cookies[name] = (await guard.sessions.create(name)).secret
        yield site


async def test_a_page_needs_a_session_with_the_permission() -> None:
    """The handler runs for the member alone, and its `on_finish` too; other requests get no byte."""
    async with _site() as site:
        assert await site.ask("/lab", who="alice") == (200, "")
        assert site.ran == ["GET /lab", "finished"]
        site.ran.clear()
        assert (await site.ask("/lab"))[0] == 401
        assert (await site.ask("/lab", who="eve"))[0] == 403
        assert (await site.ask("/lab", ("Cookie", "__Host-stormdoor=x")))[0] == 401
        assert (await site.ask("/api", who="eve", method="POST"))[0] == 403
        assert (await site.ask("/api", method="POST"))[0] == 401
        assert (await site.ask("/upload", method="POST"))[0] == 401
        cookie = ("Cookie", f"__Host-stormdoor={site.cookies['alice']}")
        async with await request(
            site.port, "/lab", cookie, host=f"evil.example:{site.port}", upgrade=False
        ) as wire:
            assert wire.status == 403
        assert site.ran == []
        key = await site.guard.admin.issue_key("alice", name="script", scopes=["*"])
        assert (await site.ask("/api", ("Authorization", f"Bearer {key.secret}")))[0] == 200


async def test_a_browser_is_led_to_the_login_and_back() -> None:
    """Only a navigation is redirected, and only to a path of the application."""
    async with _site() as site:
        assert await site.ask("/lab?file=a", *NAVIGATION) == (
            303,
            "/auth/login?next=%2Flab%3Ffile%3Da",
        )
        assert await site.ask("/lab", ("Accept", "text/html,*/*")) == (
            303,
            "/auth/login?next=%2Flab",
        )
        assert await site.ask("//evil.example", *NAVIGATION) == (303, "/auth/login")
        assert await site.ask("/lab", *NAVIGATION, who="eve") == (
            303,
            "/auth/login?next=%2Flab&error=forbidden",
        )
        assert (await site.ask("/auth/login"))[0] == 200
        assert (await site.ask("/auth/session"))[0] == 401
        script = (("Sec-Fetch-Mode", "cors"), ("Accept", "text/html"))
        assert (await site.ask("/lab", *script))[0] == 401
        assert (await site.ask("/lab", NAVIGATION[0], method="POST"))[0] == 401


async def test_a_foreign_page_changes_and_reads_nothing() -> None:
    """A link from another site works; its scripts, images and forms get 403, even with the cookie."""
    async with _site() as site:
        cross = ("Sec-Fetch-Site", "cross-site")
        same_site = ("Sec-Fetch-Site", "same-site")
        assert (await site.ask("/a", FOREIGN, who="alice", method="POST"))[0] == 403
        assert (await site.ask("/a", FOREIGN, who="alice"))[0] == 403
        assert (await site.ask("/a", cross, ("Sec-Fetch-Mode", "no-cors"), who="alice"))[0] == 403
        assert (await site.ask("/a", same_site, ("Sec-Fetch-Mode", "cors"), who="alice"))[0] == 403
        form = (cross, ("Sec-Fetch-Mode", "navigate"))
        assert (await site.ask("/a", *form, who="alice", method="POST"))[0] == 403
        assert site.ran == []
        assert (await site.ask("/a", *form, who="alice"))[0] == 200
        own = ("Origin", f"{ORIGIN}:{site.port}")
        assert (await site.ask("/a", own, who="alice", method="POST"))[0] == 200


async def test_a_revoked_session_gets_no_page() -> None:
    """The next request after a revocation is refused, and so is that of a disabled account."""
    async with _site() as site:
        assert (await site.ask("/a", who="alice"))[0] == 200
        await site.guard.admin.set_disabled("alice", True)
        assert (await site.ask("/a", who="alice"))[0] == 401


async def test_each_page_has_its_permission() -> None:
    """Method and path select the permission; a page without one is refused, one may be public."""
    pages = {
        "POST|DELETE /api/.*": "app:change",
        "/api/.*": "app:use",
        "/health": public("a probe asks it"),
        Upload: "app:change",
    }
    async with _site(pages) as site:
        assert (await site.ask("/api/x", who="alice"))[0] == 200
        assert (await site.ask("/api/x", who="alice", method="POST"))[0] == 403
        assert (await site.ask("/api/x", who="root", method="POST"))[0] == 200
        assert (await site.ask("/upload", who="alice", method="POST"))[0] == 403
        assert (await site.ask("/other", who="root"))[0] == 403
        assert (await site.ask("/health"))[0] == 200
        assert (await site.ask("/he%61lth"))[0] == 401 or site.ran[-1] != "GET /he%61lth"


async def test_files_of_a_page_count_for_no_limit_but_refusals_do() -> None:
    """A page of a user loads hundreds of files; an unauthenticated client is limited."""
    async with _site(pages_per_address="5/min burst 5") as site:
        assert {(await site.ask("/a", who="alice"))[0] for _ in range(20)} == {200}
        assert [(await site.ask("/a"))[0] for _ in range(7)] == [401] * 5 + [429] * 2
        assert (await site.ask("/a", who="alice"))[0] == 200


async def test_an_object_without_a_handler_class_serves_nothing() -> None:
    """The guard cannot run in front of it, so it is refused."""
    called: list[str] = []

    def raw(request: Any) -> None:
        called.append(request.path)

    guard = Guard(
        origins=[ORIGIN], authenticators=[SessionAuthenticator()], insecure_allow_any_host=True
    )
    routes: list[Any] = [Rule(_any(), RuleRouter([(_any(), raw)])), ("/ws", Feed)]
    application = protect(Application(routes), guard, "app:use", pages="app:use")
    async with serving(application, guard) as at:
        assert await _Site(guard, at.port, []).ask("/raw") == (401, "")
    assert called == []


def _any() -> Any:
    from tornado.routing import PathMatches

    return PathMatches("/raw")


def test_a_wrong_declaration_stops_the_start() -> None:
    """A permission must be one, and a path a pattern."""
    for pages in ("", {"/a": ""}, {"/a": 7}, {"/(": "app:use"}):
        guard = Guard(origins=[ORIGIN], authenticators=[SessionAuthenticator()])
        with pytest.raises(ConfigurationError):
            protect(Application([("/ws", Feed)]), guard, "app:use", pages=pages)  # type: ignore[arg-type]
