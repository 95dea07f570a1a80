"""The adapter of any Tornado application: each of its WebSockets needs one permission."""

from __future__ import annotations

from tornado.web import Application

from stormdoor.apps.adapter import Adapter, Setup
from stormdoor.apps.login import add_login
from stormdoor.tornado.protect import protect

__all__ = ["ADAPTER"]


def _protect(application: Application, setup: Setup) -> None:
    add_login(application, setup)
    protect(application, setup.guard)


ADAPTER = Adapter("any", "app", lambda _: True, _protect)
