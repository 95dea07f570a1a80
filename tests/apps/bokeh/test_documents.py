"""The binding of documents to logins, on a server with the attributes of Bokeh."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from stormdoor import ConfigurationError, Guard
from stormdoor.apps import Releases, Setup, choose_adapter
from stormdoor.apps.bokeh.documents import ASKING, PRINCIPAL, is_bokeh, owner_of
from stormdoor.config.file import read_options
from stormdoor.config.preset import preset_file, preset_names
from tests.apps.bokeh.stand_in import BokehTornado, Page, install, make_token
from tests.tornado.wire import connect, request, serving

ORIGIN = "http://127.0.0.1:1"
KEY = b"k" * 32


@asynccontextmanager
async def _served(
    monkeypatch: pytest.MonkeyPatch,
    server: BokehTornado,
    *,
    preset: str = "bokeh",
    unguarded_pages: bool = False,
) -> AsyncIterator[tuple[int, Guard, dict[str, tuple[str, str]]]]:
    """Serve a guarded server; yield its port, guard and cookies by name."""
    install(monkeypatch)
    monkeypatch.setitem(__import__("sys").modules, "bokeh.server", __import__("types"))
    monkeypatch.setattr(Releases, "problem", lambda self: None)
    adapter = choose_adapter(server)
    assert adapter.name == "bokeh"
    options = read_options(preset_file(preset))
    arguments = dict(options.arguments) | {"origins": [ORIGIN], "hosts": ["127.0.0.1"]}
    if unguarded_pages:
        arguments["protection"] = replace(arguments["protection"], pages=None)
    setup = Setup(lambda: Guard(**arguments), key=KEY)
    adapter.guard(server, setup)
    guard = setup.guard()
    async with serving(server, guard) as at:
        cookies = {}
        roles = {"alice": ["member"], "bob": ["member"], "victor": ["viewer"], "eve": []}
        for name, held in roles.items():
            await guard.admin.add_principal(name, password="correct horse battery", roles=held)
            secret = (await guard.sessions.create(name)).secret
            cookies[name] = ("Cookie", f"{guard.sessions.cookie.name}={secret}; theme=dark")
        yield at.port, guard, cookies


async def _get(port: int, path: str, *headers: tuple[str, str]) -> tuple[int, str]:
    async with await request(port, path, *headers, upgrade=False) as wire:
        return wire.status, wire.body.decode()


def _payload(token: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(token.partition(".")[0]))


async def test_a_token_names_its_principal_and_carries_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The page of alice has a signed token with her name, and without the guard's cookie."""
    server = BokehTornado()
    assert is_bokeh(server)
    async with _served(monkeypatch, server) as (port, _, cookies):
        status, token = await _get(port, "/app", cookies["alice"])
        assert status == 200
        payload = _payload(token)
        assert (payload[PRINCIPAL], payload["own"]) == ("alice", 1)
        assert payload["headers"]["Cookie"] == "theme=dark"
        assert server.secret_key == KEY
        assert "127.0.0.1:1" in server.websocket_origins


@pytest.mark.parametrize("unguarded_pages", [False, True])
async def test_an_account_without_the_permission_is_not_led_to_the_login(
    unguarded_pages: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Bokeh led it to the login, which led it back; also where Bokeh alone asks for the permission."""
    served = _served(monkeypatch, BokehTornado(), unguarded_pages=unguarded_pages)
    async with served as (port, _, cookies):
        headers = (("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"))
        status, page = await _get(port, "/app", cookies["eve"], *headers)
        assert status == 403
        assert "This account may not open the page" in page
        assert 'href="/auth/login?next=%2Fapp&amp;error=forbidden"' in page
        assert (await _get(port, "/app", *headers))[0] in (302, 303)
    (refused,) = [one for one in caplog.records if vars(one).get("principal") == "eve"]
    assert "documents:view" in refused.message


@pytest.mark.parametrize("preset", sorted({*preset_names()} - {"bokeh", "panel"}))
async def test_a_preset_that_does_not_fit_ends_the_start(
    preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With it, no account could open a document: each page led to the login, and that back to the page."""
    with pytest.raises(ConfigurationError, match="does not fit the adapter 'bokeh'"):
        async with _served(monkeypatch, BokehTornado(), preset=preset):
            pass


async def test_another_login_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token and the id of alice's document are refused for bob, by page and by socket."""
    async with _served(monkeypatch, BokehTornado()) as (port, guard, cookies):
        _, token = await _get(port, "/app?bokeh-session-id=s7", cookies["alice"])
        for query in (f"bokeh-token={token}", "bokeh-session-id=s7"):
            assert (await _get(port, f"/app?{query}", cookies["bob"]))[0] == 403
            assert (await _get(port, f"/app?{query}", cookies["alice"]))[0] == 200
        forged = make_token("s7", b"another key", {PRINCIPAL: "alice"})
        nobody = make_token("s8", KEY, {})
        planted = make_token("s7", KEY, {PRINCIPAL: "bob"})  # signed, for a session of alice
        origin = ("Origin", ORIGIN)
        for name, offered, expected in (
            ("alice", token, 101),
            ("bob", token, 403),
            ("alice", forged, 403),
            ("alice", nobody, 403),
            ("alice", "garbage", 403),
        ):
            headers = (origin, cookies[name], ("Sec-WebSocket-Protocol", f"bokeh, {offered}"))
            async with await request(port, "/app/ws", *headers, upgrade=True) as wire:
                assert wire.status == expected, (name, offered)
        assert (await _get(port, f"/app?bokeh-token={planted}", cookies["bob"]))[0] == 403
        headers = (origin, cookies["bob"], ("Sec-WebSocket-Protocol", f"bokeh, {planted}"))
        async with await connect(port, "/app/ws", *headers) as wire:
            assert await wire.close_code() is None  # a close frame without a code, and no document
        assert guard.statistics.refused


async def test_a_viewer_sees_and_does_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """A viewer's `PATCH-DOC` does not reach the server; a request for the document does."""
    async with _served(monkeypatch, BokehTornado()) as (port, _, cookies):
        for name, path, answers in (("alice", "a", 4), ("victor", "v", 3)):
            _, token = await _get(port, f"/app?bokeh-session-id={path}", cookies[name])
            protocol = ("Sec-WebSocket-Protocol", f"bokeh, {token}")
            headers = (("Origin", ORIGIN), cookies[name], protocol)
            async with await connect(port, "/app/ws", *headers) as wire:
                assert await wire.text() == "ACK"
                for kind in ("PATCH-DOC", "PULL-DOC-REQ"):
                    for part in ({"msgid": "1", "msgtype": kind}, {}, {}):
                        wire.send(json.dumps(part))
                for _ in range(3 if answers == 3 else 6):
                    assert await wire.text() == "OK"


async def test_a_page_of_another_origin_gets_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script of another origin, or one that a page of another site includes, is refused."""
    async with _served(monkeypatch, BokehTornado()) as (port, _, cookies):
        foreign = ("Origin", "http://127.0.0.1:9")
        assert (await _get(port, "/app", foreign, cookies["alice"]))[0] == 403
        script = (("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Site", "same-site"))
        assert (await _get(port, "/app", *script, cookies["alice"]))[0] == 403
        typed = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Site", "cross-site"))
        assert (await _get(port, "/app", *typed, cookies["alice"]))[0] == 200


async def test_the_own_login_of_the_application_is_asked_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the guard's login, the guard's page comes; with it, the application's."""

    async def user(handler: Any) -> object:
        return handler.request.headers.get("X-Desk")

    async with _served(monkeypatch, BokehTornado(user)) as (port, _, cookies):
        async with await request(port, "/app", cookies["alice"], upgrade=False) as wire:
            location = [said for name, said in wire.headers if name.lower() == "location"]
            assert (wire.status, location) == (302, ["/own?next=%2Fapp"])
        assert (await _get(port, "/app", cookies["alice"], ("X-Desk", "7")))[0] == 200
        assert (await _get(port, "/app", ("X-Desk", "7")))[0] == 401


class _Unnamed(Page):
    """A page of a host that no longer asks the handlers of its applications."""

    async def get_session(self) -> Any:
        token = make_token("s1", self.application.secret_key, {})
        return await self.context.create_session_if_needed("s1", self.request, token)


class _Unsigned(Page):
    async def get_session(self) -> Any:
        token = make_token("s1", b"", await self.context.application.process(self.request))
        return await self.context.create_session_if_needed("s1", self.request, token)


class _Unchecked(Page):
    async def get_session(self) -> Any:
        return SimpleNamespace(token="a document without a check")


class _Unasked(Page):
    async def prepare(self) -> None:
        self.current_user = "anyone"


class _Cached(Page):
    """A page that gives the first document to each principal."""

    token = ""

    async def get_session(self) -> Any:
        if not self.token:
            payload = await self.context.application.process(self.request)
            type(self).token = make_token("s1", self.application.secret_key, payload)
        setattr(self.request, ASKING, owner_of(self.token))
        return await self.context.create_session_if_needed("s1", self.request, self.token)


@pytest.mark.parametrize("page", [_Unnamed, _Unsigned, _Unchecked, _Unasked, _Cached])
async def test_a_host_that_has_changed_does_not_start(
    page: type[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One token is made through the page of the host; its documents and own code stay untouched."""
    server = BokehTornado(page=page)
    with pytest.raises(ConfigurationError, match="the adapter 'bokeh' does not fit bokeh"):
        async with _served(monkeypatch, server):
            raise AssertionError("it serves")
    assert server.context.sessions == {}
