"""The adapter of python-socketio on Tornado: its WebSocket and its polling."""

from __future__ import annotations

from tornado.web import Application

from stormdoor.apps.adapter import Adapter, Releases, Setup
from stormdoor.apps.login import add_login
from stormdoor.tornado.inspection import inspect
from stormdoor.tornado.protect import protect

__all__ = ["ADAPTER"]


def _recognises(application: Application) -> bool:
    routes = inspect(application).routes
    return any(one.handler.__module__ == "engineio.async_drivers.tornado" for one in routes)


def _protect(application: Application, setup: Setup) -> None:
    add_login(application, setup, endpoint="/socket.io/")
    protect(application, setup.guard)


ADAPTER = Adapter(
    "socketio", "socketio", _recognises, _protect, (Releases("python-socketio", "5.11", "6"),)
)
