"""The adapter of Panel: the page for administrators, wherever it is; `make world` runs the real Panel."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor.apps import Releases
from tests.apps.bokeh.stand_in import BokehTornado, install
from tests.apps.presets import ORIGIN, guard_by_preset, log_in
from tests.tornado.wire import request, serving


class _Page(RequestHandler):
    def get(self) -> None:
        self.write("sessions and logs of all users")


class _Socket(WebSocketHandler):
    pass


class _Rest(RequestHandler):
    def get(self) -> None:
        self.write("changed")


_Rest.__module__ = "panel.io.rest"


def _served(monkeypatch: pytest.MonkeyPatch, path: str | None) -> Application:
    """Return a server with the page for administrators at `path`."""
    install(monkeypatch)
    context = None if path is None else SimpleNamespace(url=path)
    state, config = ModuleType("panel.io.state"), ModuleType("panel.config")
    vars(state).update(state=SimpleNamespace(_admin_context=context))
    vars(config).update(config=SimpleNamespace(cookie_secret=None))
    for name in ("panel", "panel.io"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    for module in (state, config):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(Releases, "problem", lambda self: None)
    server = BokehTornado()
    page = path or "/none"
    routes = [(page, _Page), (f"{page}/ws", _Socket), ("/values/height", _Rest)]
    server.add_handlers(".*", routes)
    return server


@pytest.mark.parametrize("path", ["/admin", "/ops", "/o.s"])
@pytest.mark.parametrize(
    "own", ["", '[protect]\npages = "documents:view"\n'], ids=["preset", "own"]
)
async def test_the_page_for_administrators(
    path: str, own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Members and viewers see neither the page nor its socket; a file may open `/admin` only."""
    server = _served(monkeypatch, path)
    guard = guard_by_preset(server, "panel", tmp_path, own)
    async with serving(server, guard) as at:
        for cookie in (await log_in(guard)).values():
            for upgrade, page in ((False, path), (True, f"{path}/ws")):
                headers = (("Origin", ORIGIN), cookie)
                async with await request(at.port, page, *headers, upgrade=upgrade) as wire:
                    assert wire.status == (200 if own and page == "/admin" else 403)
            async with await request(at.port, "/oxs", cookie, upgrade=False) as wire:
                assert wire.status == (403 if path == "/o.s" else 404)


async def test_viewers_change_no_published_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GET of Panel's REST endpoint changes a value, at any path: members may send it."""
    server = _served(monkeypatch, None)
    guard = guard_by_preset(server, "panel", tmp_path)
    async with serving(server, guard) as at:
        cookies = await log_in(guard)
        for name, status in (("alice", 200), ("victor", 403)):
            path = "/values/height?height=5"
            async with await request(at.port, path, cookies[name], upgrade=False) as wire:
                assert wire.status == status
