"""The adapter of sockjs-tornado: its WebSocket, its raw WebSocket and its transports over HTTP."""

from __future__ import annotations

from tornado.web import Application

from stormdoor.apps.adapter import Adapter, Releases, Setup
from stormdoor.apps.login import add_login
from stormdoor.tornado.inspection import inspect
from stormdoor.tornado.protect import protect

__all__ = ["ADAPTER"]


def _recognises(application: Application) -> bool:
    routes = inspect(application).routes
    return any(one.handler.__module__.startswith("sockjs.tornado.") for one in routes)


def _protect(application: Application, setup: Setup) -> None:
    add_login(application, setup)
    protect(application, setup.guard)


ADAPTER = Adapter(
    "sockjs", "sockjs", _recognises, _protect, (Releases("sockjs-tornado", "1.0.7", "2"),)
)
