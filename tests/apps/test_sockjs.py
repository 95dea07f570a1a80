"""The adapter of sockjs-tornado and its preset, with the real library: every transport."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tornado.web import Application

from stormdoor import ConfigurationError, Guard
from tests.apps.presets import ORIGIN, PASSWORD, guard_by_preset, log_in
from tests.tornado.login_client import LoginClient
from tests.tornado.transports.plain_http import library, send, until_cut
from tests.tornado.wire import connect, request, serving, settled, until

sockjs = library("sockjs.tornado")

_PATH = "/echo/000/session1"
_PAGE = ("Origin", ORIGIN)
RECEIVING = {
    "xhr": ("POST", "/xhr"),
    "xhr_streaming": ("POST", "/xhr_streaming"),
    "eventsource": ("GET", "/eventsource"),
    "htmlfile": ("GET", "/htmlfile?c=callback"),
    "jsonp": ("GET", "/jsonp?c=callback"),
}
SENDING = {
    "xhr_send": ("/xhr_send", "text/plain", b'["said"]'),
    "jsonp_send": ("/jsonp_send", "text/plain", b'["said"]'),
    "a form of jsonp_send": (
        "/jsonp_send",
        "application/x-www-form-urlencoded",
        b"d=%5B%22said%22%5D",
    ),
}
SOCKETS = {
    "websocket": (f"{_PATH}/websocket", '["said"]'),
    "raw websocket": ("/echo/websocket", "said"),
}


@dataclass
class _Site:
    """A server that notes what it hears."""

    heard: list[str] = field(default_factory=list)
    open: list[Any] = field(default_factory=list)

    def make(self) -> tuple[Application, Any]:
        """Return the application and its router."""
        site = self

        class Connection(sockjs.SockJSConnection):  # type: ignore[misc, name-defined]
            def on_open(self, info: Any) -> None:
                site.open.append(self)

            def on_message(self, message: str) -> None:
                site.heard.append(message)

        router = sockjs.SockJSRouter(Connection, "/echo")
        return Application(router.urls), router


@contextlib.asynccontextmanager
async def _served(
    site: _Site, folder: Path | None, text: str = ""
) -> AsyncIterator[tuple[int, Guard | None]]:
    application, router = site.make()
    guard = None if folder is None else guard_by_preset(application, "sockjs", folder, text)
    try:
        async with serving(application, guard) as at:
            yield at.port, guard
    finally:
        router._sessions_cleanup.stop()


async def _sent(port: int, name: str, *headers: tuple[str, str]) -> bool:
    """Send a message over a transport; return whether the server says that it took it."""
    if name in SOCKETS:
        path, message = SOCKETS[name]
        async with await connect(port, path, *headers) as wire:
            wire.send(message)
            await wire.close()
        return True
    path, kind, body = SENDING[name]
    assert (await send(port, "POST", f"{_PATH}/xhr", *headers)).body == b"o\n"
    answer = await send(port, "POST", _PATH + path, *headers, ("Content-Type", kind), body=body)
    return answer.status in (200, 204)


@pytest.mark.parametrize("name", [*SENDING, *SOCKETS])
async def test_a_viewer_sends_nothing(name: str, tmp_path: Path) -> None:
    """Without the guard each client sends, and with it a member does; nothing of a viewer arrives."""
    for principal, arrives in (("", True), ("alice", True), ("victor", False)):
        site = _Site()
        async with _served(site, tmp_path if principal else None) as (port, guard):
            cookies = {} if guard is None else await log_in(guard)
            headers = [cookies[principal]] if principal else []
            took = await _sent(port, name, _PAGE, *headers)
            assert took == (arrives or name in SOCKETS)
            await (until(partial(bool, site.heard)) if arrives else settled())
        assert site.heard == ["said"] * arrives, principal


@pytest.mark.parametrize("name", [*RECEIVING, *SOCKETS])
async def test_a_logout_ends_each_transport(name: str, tmp_path: Path) -> None:
    """A viewer receives on each transport until the logout, which ends it; its cookie opens nothing then."""
    site = _Site()
    async with _served(site, tmp_path) as (port, guard):
        assert guard is not None
        await log_in(guard)
        browser = LoginClient(port, ORIGIN)
        assert (await browser.log_in("victor", PASSWORD)).status == 200
        cookie = ("Cookie", "; ".join(f"{k}={v}" for k, v in browser.cookies.items()))
        if name in SOCKETS:
            path = SOCKETS[name][0]
            async with await connect(port, path, _PAGE, cookie) as wire:
                await until(lambda: site.open)
                site.open[0].send("news")
                while "news" not in await wire.text():
                    pass
                assert (await browser.post("/logout")).status == 204
                assert await wire.close_code() == 3000
            async with await request(port, path, _PAGE, cookie) as wire:
                assert wire.status == 401
            return
        method, path = RECEIVING[name]
        waits = name in ("xhr", "jsonp")  # their second answer comes with the next message
        if waits:
            assert b"o" in (await send(port, method, _PATH + path, _PAGE, cookie)).body
        length = ("Content-Length", "0")
        async with await request(
            port, _PATH + path, _PAGE, cookie, length, method=method, upgrade=False, wait=not waits
        ) as wire:
            await until(lambda: site.open and site.open[0].session.handler is not None)
            if not waits:
                site.open[0].send("news")
            assert (await browser.post("/logout")).status == 204
            assert (b"news" in await until_cut(wire)) != waits
        site.open[0].send("later")
        assert (await send(port, method, _PATH + path, _PAGE, cookie)).status == 401


FOREIGN = {
    "a script of another site": [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")],
    "a script of another host of the site": [
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Mode", "no-cors"),
    ],
    "a script in an old browser": [],
    "a frame": [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")],
    "a form of another site": [("Origin", "https://evil.example")],
    "a form without an origin": [("Origin", "null")],
}


@pytest.mark.parametrize("name", FOREIGN)
async def test_a_foreign_page_reads_no_jsonp(name: str, tmp_path: Path) -> None:
    """A script needs no CORS to read JSONP, nor an Origin: without the guard, the cookie would be enough."""
    asked = f"{_PATH}/jsonp?c=callback"
    form = ("Content-Type", "application/x-www-form-urlencoded")
    async with _served(_Site(), None) as (port, _):
        assert b"callback" in (await send(port, "GET", asked, *FOREIGN[name])).body
    async with _served(_Site(), tmp_path) as (port, guard):
        assert guard is not None
        alice = (await log_in(guard))["alice"]
        assert (await send(port, "GET", asked, alice, *FOREIGN[name])).status == 403
        assert (await send(port, "POST", f"{_PATH}/xhr", alice, _PAGE)).body == b"o\n"
        answer = await send(
            port,
            "POST",
            f"{_PATH}/jsonp_send",
            alice,
            form,
            *FOREIGN[name],
            body=b"d=%5B%22x%22%5D",
        )
        assert answer.status == 403


async def test_permissions_by_the_type_of_a_message(tmp_path: Path) -> None:
    """The table of a file replaces that of the preset: here, a viewer may send one type."""
    own = """\
[[protect.messages]]
path = "/echo/.*/.*/.*"
format = "sockjs"
type = "/type"
default = "app:send"

[protect.messages.permissions]
look = "app:use"
"""
    site = _Site()
    async with _served(site, tmp_path, own) as (port, guard):
        assert guard is not None
        victor = (await log_in(guard))["victor"]
        assert (await send(port, "POST", f"{_PATH}/xhr", _PAGE, victor)).body == b"o\n"
        for type, status in (("look", 204), ("say", 403)):
            body = f'["{{\\"type\\":\\"{type}\\"}}"]'.encode()
            answer = await send(port, "POST", f"{_PATH}/xhr_send", _PAGE, victor, body=body)
            assert answer.status == status
    assert site.heard == ['{"type":"look"}']


def test_a_library_that_has_changed_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One session over HTTP is begun at the start: the guard must find it."""
    monkeypatch.setattr(sockjs.SockJSRouter, "get_session", lambda _self, _id: None)
    application, _ = _Site().make()
    with pytest.raises(ConfigurationError, match=r"does not fit sockjs-tornado .* is not found"):
        guard_by_preset(application, "sockjs", tmp_path)
