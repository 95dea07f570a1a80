"""The table of adapters. An adapter is imported only if its host is imported already."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from tornado.web import Application

from stormdoor.apps.adapter import Adapter

__all__ = ["ADAPTERS", "AdapterEntry", "choose_adapter"]


@dataclass(frozen=True, slots=True)
class AdapterEntry:
    """One row of the table.

    Attributes:
        module: The module of the adapter. It has the adapter as `ADAPTER`.
        host: A module that the host always imports; empty for the adapter of any application.
        serves_in_children: Whether the host serves in processes that `multiprocessing` starts. They get the
            setup as well; other child processes never do.
        advice: Advice for the operator if the host has a server that cannot be guarded.
    """

    module: str
    host: str = ""
    serves_in_children: bool = False
    advice: str = ""

    def load(self) -> Adapter | None:
        """Return the adapter; None if its host is not imported, so that no application is of this kind."""
        if self.host and self.host not in sys.modules:
            return None
        return cast(Adapter, import_module(self.module).ADAPTER)


ADAPTERS: tuple[AdapterEntry, ...] = (
    AdapterEntry("stormdoor.apps.jupyter.kernel_gateway", "kernel_gateway"),
    AdapterEntry("stormdoor.apps.jupyter.adapter", "jupyter_server"),
    AdapterEntry("stormdoor.apps.dask", "distributed", serves_in_children=True),
    AdapterEntry("stormdoor.apps.bokeh.panel", "panel"),
    AdapterEntry("stormdoor.apps.bokeh.server", "bokeh.server"),
    AdapterEntry(
        "stormdoor.apps.streamlit",
        "streamlit",
        advice="Streamlit serves with Starlette since 1.57, and since 1.53 with "
        "server.useStarlette; install an older release, or put an identity proxy in front of it",
    ),
    AdapterEntry("stormdoor.apps.socketio", "engineio"),
    AdapterEntry("stormdoor.apps.sockjs", "sockjs"),
    AdapterEntry("stormdoor.apps.visdom", "visdom"),
    AdapterEntry("stormdoor.apps.voila", "voila"),
    AdapterEntry(
        "stormdoor.apps.any",
        "mitmproxy.tools.web",
        advice="The proxy of mitmweb is such a server, for programs and not for browsers; start it with the "
        "port of the proxy, as the guide docs/how-to/guard-mitmweb.md does: "
        "stormdoor run --insecure-allow-http 8080 -- mitmweb --listen-port 8080",
    ),
    AdapterEntry(
        "stormdoor.apps.any",
        "octoprint",
        advice="OctoPrint shows a page of its own at its port until it has started; allow the port, as the "
        "guide docs/how-to/guard-octoprint.md does. Its application is guarded all the same",
    ),
    AdapterEntry("stormdoor.apps.any"),
)
"""In the order of the choice. The adapter of any application is last."""


def choose_adapter(application: Application) -> Adapter:
    """Return the first adapter that recognises `application`."""
    for entry in ADAPTERS:
        adapter = entry.load()
        if adapter is not None and adapter.recognises(application):
            return adapter
    raise AssertionError("the last adapter recognises every application")
