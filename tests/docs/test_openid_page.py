"""The guide to an OpenID login: its program runs against a real provider, and does what it says."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from websockets.asyncio.client import connect

from stormdoor.tornado.oidc_routes import oidc_routes
from tests.docs.pages import closed, free_port, module_of
from tests.support.openid.provider import RealProvider, openid, provider
from tests.support.openid.visitor import Browserlike
from tests.support.project import ROOT

__all__ = ["openid", "provider"]

pytestmark = pytest.mark.installs

PAGE = ROOT / "docs" / "how-to" / "openid-login.md"
COOKIE = "__Host-stormdoor"


@asynccontextmanager
async def served(
    provider: RealProvider, monkeypatch: pytest.MonkeyPatch, **replace: str
) -> AsyncIterator[tuple[Any, str]]:
    """The program of the page, on a port of this machine; its module and its address."""
    port = free_port()
    at = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("CHAT_CLIENT_SECRET", provider.secret("chat"))
    texts = {
        "https://app.example": at,
        "https://login.example/realms/shop": provider.issuer,
        "two-factors": "urn:example:two-factors",
    }
    page = module_of(PAGE, texts | replace)
    provider.register(
        "chat",
        redirect_uris=[f"{at}/auth/oidc/callback"],
        post_logout_redirect_uris=[f"{at}/auth/oidc/logged-out"],
        backchannel_logout_uri=f"{at}/auth/oidc/backchannel-logout",
        backchannel_logout_session_required=True,
    )
    server = HTTPServer(page.app)
    server.add_sockets(bind_sockets(port, "127.0.0.1"))
    try:
        async with page.guard:
            yield page, at
    finally:
        server.stop()
        await server.close_all_connections()


async def log_in(browser: Browserlike, at: str, path: str = "login", **form: str) -> str:
    """Log in; where the browser is sent in the end."""
    form = {"password": "x", **form}
    answer = await browser.follow(f"{at}/auth/oidc/{path}", until=f"{at}/auth/oidc", **form)
    answer = await browser.get(answer.headers["location"])
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def test_login_roles_step_up_and_logout(
    provider: RealProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user logs in with roles of groups, steps up on the same socket, and logs out at the provider."""
    provider.account("alice", groups=["chat-owners", "others"])
    async with served(provider, monkeypatch) as (page, at), Browserlike() as alice:
        assert await log_in(alice, at, "login?return_to=/rooms/7", login="alice") == "/rooms/7"
        account = await page.guard.state.identities.identity(provider.issuer, "alice")
        assert account.roles == {"member", "owner"}
        assert re.fullmatch(r"oidc-[0-9a-f]{32}", account.id)
        options: dict[str, Any] = {
            "origin": at,
            "additional_headers": {"Cookie": f"{COOKIE}={alice.cookies(at)[COOKIE]}"},
        }
        async with connect(f"{at.replace('http', 'ws')}/chat", **options) as socket:
            await socket.send('{"type": "wipe"}')
            needed = json.loads(await socket.recv())
            assert needed["error"] == "step-up"
            [shown] = re.findall(r"```json\n(.*?)\n```", PAGE.read_text("utf-8"), re.DOTALL)
            assert set(json.loads(shown)["needs"]) >= set(needed["needs"])
            path = "step-up?acr_values=urn:example:two-factors&max_age=0&return_to=/proved"
            assert await log_in(alice, at, path, login="alice", otp="123456") == "/proved"
            asked = {"Content-Type": "application/json"}
            answer = await alice.request("POST", f"{at}/auth/ticket", data=None, **asked)
            refresh = {"type": "stormdoor.refresh", "token": answer.json()["ticket"]}
            await socket.send(json.dumps(refresh))
            assert json.loads(await socket.recv())["type"] == "stormdoor.refreshed"
            await socket.send('{"type": "wipe"}')
            assert json.loads(await socket.recv())["text"] == "wiped"
            await socket.send('{"type": "say", "text": "hello"}')
            assert "hello" in str(await socket.recv())
            await log_out_there(alice, provider)
            assert await closed(socket) == 3000


async def log_out_there(browser: Browserlike, provider: RealProvider) -> None:
    """Log out at the provider's own page."""
    where = f"{provider.issuer}/session/end"
    text = (await browser.get(where)).text
    xsrf = text.split('name="xsrf" value="')[1].partition('"')[0]
    await browser.request("POST", f"{where}/confirm", data={"xsrf": xsrf, "logout": "yes"})


async def test_an_operator_links_somebody(
    provider: RealProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line of the page leads a person there to an account here."""
    refuse = {'unknown="create",': 'unknown="refuse",'}
    async with served(provider, monkeypatch, **refuse) as (page, at), Browserlike() as bob:
        await page.guard.admin.add_principal("bob", roles=["member"])
        await page.link("bob-there", "bob")
        await log_in(bob, at, login="bob-there")
        assert len(await page.guard.sessions.sessions("bob")) == 1


async def test_routes_and_names_of_the_page(
    provider: RealProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each route that the page lists is there, and no other; so is the cookie."""
    text = PAGE.read_text("utf-8")
    async with served(provider, monkeypatch) as (page, at):
        front = {**{name: getattr(page.provider, name) for name in page.provider.__slots__}}
        front["front_channel_logout"] = True
        rules: list[Any] = oidc_routes(page.guard, type(page.provider)(**front))
        there = {rule.matcher.regex.pattern.rstrip("$") for rule in rules}
        listed = set(re.findall(r"^\| `(?:GET|POST) (/auth/oidc/[\w-]+)`", text, re.MULTILINE))
        assert listed == there
        async with Browserlike() as alice:
            await alice.get(f"{at}/auth/oidc/login")
            [cookie] = alice.cookies(at)
            assert f"`{cookie}`" in text
