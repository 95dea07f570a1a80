"""The table of adapters. An adapter is imported only if its host is imported already."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from tornado.web import Application

from stormdoor.apps.adapter import Adapter

__all__ = ["ADAPTERS", "AdapterEntry", "OtherProtocol", "choose_adapter"]


@dataclass(frozen=True, slots=True)
class OtherProtocol:
    """Listeners of a host that speak no HTTP, as the process knows that makes them.

    Attributes:
        protocol: Its name, for the operator.
        module: The module of the host that makes the listeners.
        method: Class and method that make them: each socket that begins to listen while it runs is one.
        host: The attribute with their host, if the method only chooses addresses for a child process.
        ports: The attributes with their ports in this case.
    """

    protocol: str
    module: str
    method: str
    host: str = ""
    ports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdapterEntry:
    """One row of the table.

    Attributes:
        module: The module of the adapter. It has the adapter as `ADAPTER`.
        host: A module that the host always imports; empty for the adapter of any application.
        serves_in_children: Whether the host serves in processes that `multiprocessing` starts. They get the
            setup as well; other child processes never do.
        advice: Advice for the operator if the host has a server that cannot be guarded.
        other_protocols: Its listeners that speak no HTTP. `stormdoor run` sends no request to them.
    """

    module: str
    host: str = ""
    serves_in_children: bool = False
    advice: str = ""
    other_protocols: tuple[OtherProtocol, ...] = ()

    def load(self) -> Adapter | None:
        """Return the adapter; None if its host is not imported, so that no application is of this kind."""
        if self.host and self.host not in sys.modules:
            return None
        return cast(Adapter, import_module(self.module).ADAPTER)


_KERNELS = OtherProtocol(
    "ZeroMQ, as the ports of kernels do",
    "jupyter_client.connect",
    "ConnectionFileMixin.write_connection_file",
    "ip",
    ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"),
)
_COMM = "the protocol of Dask's scheduler and workers"
_FORK_SERVER = OtherProtocol(
    "the protocol of multiprocessing's fork server",
    "multiprocessing.forkserver",
    "ForkServer.ensure_running",
)

ADAPTERS: tuple[AdapterEntry, ...] = (
    AdapterEntry("stormdoor.apps.jupyter.kernel_gateway", "kernel_gateway"),
    AdapterEntry("stormdoor.apps.jupyter.adapter", "jupyter_server", other_protocols=(_KERNELS,)),
    AdapterEntry(
        "stormdoor.apps.jupyter.classic", "notebook.notebookapp", other_protocols=(_KERNELS,)
    ),
    AdapterEntry(
        "stormdoor.apps.dask",
        "distributed",
        serves_in_children=True,
        other_protocols=(
            OtherProtocol(_COMM, "distributed.comm.tcp", "BaseTCPListener.start"),
            OtherProtocol(_COMM, "distributed.comm.asyncio_tcp", "TCPListener.start"),
        ),
    ),
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
    AdapterEntry("stormdoor.apps.any", other_protocols=(_FORK_SERVER,)),
)
"""In the order of the choice. The adapter of any application is last."""


def choose_adapter(application: Application) -> Adapter:
    """Return the first adapter that recognises `application`."""
    for entry in ADAPTERS:
        adapter = entry.load()
        if adapter is not None and adapter.recognises(application):
            return adapter
    raise AssertionError("the last adapter recognises every application")
