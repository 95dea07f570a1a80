"""The adapter of Dask: the dashboards of schedulers and workers, with `stormdoor run` or as a preload."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from tornado.web import Application

from stormdoor.apps.adapter import Adapter, Releases, Setup
from stormdoor.apps.bokeh.check import check_documents
from stormdoor.apps.bokeh.documents import bind_documents, is_bokeh
from stormdoor.apps.bokeh.server import ADAPTER as BOKEH_ADAPTER
from stormdoor.apps.host_class import is_instance_of
from stormdoor.apps.login import add_login
from stormdoor.errors import ConfigurationError
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.protect import protect

__all__ = ["ADAPTER", "dask_setup"]

_log = logging.getLogger("stormdoor.apps")

_CONFIG = "STORMDOOR_CONFIG"
_ANY_RELEASE = "STORMDOOR_ANY_RELEASE"
_VIEW = "status:view"


def _recognises(application: Application) -> bool:
    return is_instance_of(application, "distributed.http.routing", "RoutingApplication")


def _protect(application: Application, setup: Setup) -> None:
    """Guard a dashboard, and the applications that it passes requests to, present and later ones."""
    dashboard: Any = application
    prefix = add_login(application, setup, after_login="/status")
    protect(application, setup.guard)

    def bind(one: Application) -> None:
        if not is_bokeh(one):
            return
        BOKEH_ADAPTER.check_releases(setup)
        with BOKEH_ADAPTER.explaining():
            hooks = bind_documents(one, setup.guard(), _VIEW, setup.key, prefix)
            check_documents(one, hooks)

    add = dashboard.add_application

    def add_application(one: Application) -> None:
        try:
            bind(one)
        except Exception as error:  # Dask would log it and serve
            _log.critical("the dashboard cannot be guarded: %s", error)
            raise SystemExit(1) from error
        add(one)

    for one in dashboard.applications:
        bind(one)
    dashboard.add_application = add_application


ADAPTER = Adapter(
    "dask",
    "dask",
    _recognises,
    _protect,
    (Releases("distributed", "2024.5", "2026.8"),),
    needs=(_VIEW,),
)


def dask_setup(server: Any) -> None:
    """Guard the dashboard of a scheduler or worker: `dask scheduler --preload stormdoor.apps.dask`.

    The environment variable `STORMDOOR_CONFIG` names the configuration file. `STORMDOOR_ANY_RELEASE=1` lets
    it guard releases that were not tested. Dask logs the exception of a preload and continues, so that this
    function ends the process instead.

    Args:
        server: The scheduler or worker.

    Raises:
        SystemExit: The dashboard cannot be guarded.
    """
    application: Application = server.http_application
    if "stormdoor_guard" in application.settings:
        return  # by `stormdoor run`
    try:
        any_release = os.environ.get(_ANY_RELEASE) == "1"
        line = f"{_ANY_RELEASE}=1 in its environment"
        setup = Setup(_make_guard, any_release=any_release, any_release_line=line)
        ADAPTER.guard(application, setup)
    except Exception as error:
        _log.critical("the dashboard cannot be guarded: %s", error)
        raise SystemExit(1) from error


def _make_guard() -> Guard:
    name = os.environ.get(_CONFIG)
    if not name:
        raise ConfigurationError(
            f"{_CONFIG} names no configuration file; write export {_CONFIG}=stormdoor.toml"
        )
    return Guard.from_config(Path(name))
