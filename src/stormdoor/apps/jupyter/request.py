"""Ask Jupyter about a request through a handler of its own, which answers nothing."""

from __future__ import annotations

import copy
from typing import Any, cast

from jupyter_server.base.handlers import JupyterHandler
from tornado.httputil import HTTPServerRequest
from tornado.web import Application

__all__ = ["asking_handler", "kept"]


class _Connection:
    """Stands for the connection of a request that is only read.

    The connection itself belongs to the handler that answers: a second handler must not replace its callback.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def set_close_callback(self, callback: object) -> None:
        """Do nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def kept(request: HTTPServerRequest) -> HTTPServerRequest:
    """Return a copy of `request` that may be read later, also after its connection has become a socket."""
    copied = copy.copy(request)
    copied.connection = cast(Any, _Connection(request.connection))
    return copied


def asking_handler(application: Application, request: HTTPServerRequest) -> Any:
    """Return a handler of Jupyter with which its login can be asked about `request`."""
    return JupyterHandler(application, kept(request))
