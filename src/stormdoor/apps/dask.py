"""The adapter of Dask: the dashboards of schedulers and workers, with `stormdoor run` or as a preload."""

from __future__ import annotations

from typing import Any

from tornado.web import Application

from stormdoor.apps.adapter import Adapter, Releases, Setup
from stormdoor.apps.bokeh.documents import bind_documents, is_bokeh
from stormdoor.apps.login import add_login
from stormdoor.tornado.protect import protect

__all__ = ["ADAPTER"]


def _recognises(application: Application) -> bool:
    return any(
        one.__module__ == "distributed.http.routing" and one.__qualname__ == "RoutingApplication"
        for one in type(application).__mro__
    )


def _protect(application: Application, setup: Setup) -> None:
    """Guard a dashboard, and the applications that it passes requests to, present and later ones."""
    dashboard: Any = application
    prefix = add_login(application, setup, after_login="/status")
    protect(application, setup.guard)

    def bind(one: Application) -> None:
        if is_bokeh(one):
            bind_documents(one, setup.guard(), "status:view", setup.key, prefix)

    add = dashboard.add_application

    def add_application(one: Application) -> None:
        bind(one)
        add(one)

    for one in dashboard.applications:
        bind(one)
    dashboard.add_application = add_application


ADAPTER = Adapter(
    "dask", "dask", _recognises, _protect, (Releases("distributed", "2024.5", "2027"),)
)
