"""Adapters that recognise a host by the package of its handlers."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import ConfigurationError, Guard
from stormdoor.apps import Setup, choose_adapter
from stormdoor.apps.adapter import Adapter
from stormdoor.config.preset import preset_file


def _route(package: str, kind: type[Any]) -> tuple[str, type[Any]]:
    handler = type("Handler", (kind,), {"__module__": f"{package}.handlers"})
    return ("/socket" if kind is WebSocketHandler else "/socket_wrap", handler)


@pytest.mark.parametrize("host", ["visdom", "voila"])
def test_an_application_is_recognised_by_the_package_of_its_handlers(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The adapter is asked only if its host is imported, and guards a release that it claims."""
    application = Application([_route(host, WebSocketHandler), _route(host, RequestHandler)])
    assert choose_adapter(application).name == "any"
    monkeypatch.setitem(sys.modules, host, ModuleType(host))
    adapter = choose_adapter(application)
    assert (adapter.name, adapter.preset) == (host, host)
    assert choose_adapter(Application([_route("other", WebSocketHandler)])).name == "any"
    with pytest.raises(ConfigurationError, match=f"{host} is not installed here"):
        adapter.guard(application, _setup(adapter))
    adapter.guard(application, _setup(adapter, any_release=True))
    assert "stormdoor_guard" in application.settings


def _setup(adapter: Adapter, *, any_release: bool = False) -> Setup:
    def make() -> Guard:
        guard = Guard.from_config(preset_file(adapter.preset))
        guard.handshake_policy.origins.add(["http://127.0.0.1:8888"])
        return guard

    return Setup(make, any_release=any_release)
