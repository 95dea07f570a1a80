"""The adapter of Dask, on an application with its interface; `make world` runs the real one."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor.apps import Releases, choose_adapter
from stormdoor.apps.dask import ADAPTER, dask_setup
from tests.apps.bokeh.stand_in import BokehTornado, install
from tests.tornado.wire import request, serving

_CONFIG = """\
preset = "dask"
origins = ["http://127.0.0.1:1"]
hosts = ["127.0.0.1"]
store = "memory:"
"""


class _Page(RequestHandler):
    def get(self) -> None:
        self.write("workers")

    def post(self) -> None:
        self.write("retired")


class _Events(WebSocketHandler):
    pass


class RoutingApplication(Application):
    """An application that passes other requests to further applications."""

    def __init__(self) -> None:
        super().__init__([("/api/v1/retire_workers", _Page), ("/eventstream", _Events)])
        self.applications: list[Application] = []

    def add_application(self, application: Application) -> None:
        """Add one."""
        self.applications.append(application)


RoutingApplication.__module__ = "distributed.http.routing"


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the modules of the host, and let every release be one that the adapter claims."""
    install(monkeypatch)
    monkeypatch.setitem(sys.modules, "distributed", types.ModuleType("distributed"))
    monkeypatch.setattr(Releases, "problem", lambda self: None)


async def test_the_preload_guards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Viewers see pages, members control workers, and plots that come later are bound to logins."""
    file = tmp_path / "stormdoor.toml"
    file.write_text(_CONFIG, "utf-8")
    monkeypatch.setenv("STORMDOOR_CONFIG", str(file))
    application = RoutingApplication()
    assert choose_adapter(application) is ADAPTER
    earlier, later = BokehTornado(), BokehTornado()
    application.add_application(earlier)
    server = types.SimpleNamespace(http_application=application)
    dask_setup(server)
    dask_setup(server)  # guarded already: nothing to do
    application.add_application(later)
    assert earlier.secret_key == later.secret_key
    assert application.applications == [earlier, later]
    guard = application.settings["stormdoor_guard"]
    async with serving(application, guard) as at:
        cookies: dict[str, Any] = {}
        for name, role in (("alice", "member"), ("victor", "viewer")):
            await guard.admin.add_principal(name, password="correct horse", roles=[role])
            secret = (await guard.sessions.create(name)).secret
            cookies[name] = (("Cookie", f"{guard.sessions.cookie.name}={secret}"),)
        cookies["nobody"] = ()
        for name, method, expected in (
            ("nobody", "GET", 401),
            ("nobody", "POST", 401),
            ("victor", "GET", 200),
            ("victor", "POST", 403),
            ("alice", "POST", 200),
        ):
            origin = ("Origin", "http://127.0.0.1:1")
            headers = (origin, *cookies[name], ("Content-Length", "0"))
            path = "/api/v1/retire_workers"
            async with await request(at.port, path, *headers, method=method, upgrade=False) as wire:
                assert wire.status == expected, (name, method)


def test_a_preload_without_a_configuration_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Dask continues after an exception of a preload, so that it is SystemExit."""
    monkeypatch.delenv("STORMDOOR_CONFIG", raising=False)
    with pytest.raises(SystemExit):
        dask_setup(types.SimpleNamespace(http_application=RoutingApplication()))
    assert "write export STORMDOOR_CONFIG=stormdoor.toml" in caplog.text
