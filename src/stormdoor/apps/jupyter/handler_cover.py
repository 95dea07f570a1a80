"""Ask Jupyter's login in front of handlers of extensions that may not ask it themselves."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from jupyter_server.base.handlers import JupyterHandler
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.web import (
    Application,
    ErrorHandler,
    HTTPError,
    RedirectHandler,
    RequestHandler,
    authenticated,
)
from tornado.websocket import WebSocketHandler

from stormdoor.apps.jupyter.permissions import is_public, permission_of
from stormdoor.apps.jupyter.request import asking_handler
from stormdoor.apps.jupyter.requests import RequestChecks
from stormdoor.tornado.interception import Wrapper, intercept, leads_to_guarded, upgrades
from stormdoor.tornado.passed_on import PassedOn
from stormdoor.tornado.session_handler import SessionHandler

__all__ = ["cover_handlers", "is_plain"]

_ASKS = (JupyterHandler, WebSocketHandler, SessionHandler)
_NOTHING = (ErrorHandler, RedirectHandler)
"""They answer with nothing of the application."""

_OWN = ("jupyter_server", "tornado")

_ASKING = ("prepare", "get_current_user", "_execute")
"""The methods of Jupyter's handlers that ask its login. A handler that has its own may not call them."""

_Handler = type[RequestHandler]


def is_plain(handler: _Handler) -> bool:
    """Return whether `handler` is one of Tornado's own kind, which knows no login of Jupyter."""
    return not issubclass(handler, _ASKS) and not issubclass(handler, _NOTHING)


def _asks(handler: _Handler) -> bool:
    """Return whether Jupyter's own code asks its login before any code of `handler` runs."""
    if is_plain(handler):
        return False
    if not issubclass(handler, JupyterHandler):
        return True
    methods = [getattr(handler, name) for name in _ASKING]
    return all(one.__module__.partition(".")[0] in _OWN for one in methods)


class _Asked(RequestHandler):
    """Mixin in front of a handler that may not ask."""

    _stormdoor_checks: ClassVar[RequestChecks]

    async def prepare(self) -> None:
        """Refuse a request without a login, or without the permission of its package."""
        page = isinstance(self, JupyterHandler)
        if page:  # pages of errors ask for the user
            self.current_user = self._jupyter_current_user = None
        if not is_public(self):
            asking = asking_handler(self.application, self.request)
            if not await self._stormdoor_checks.has_login(asking, permission_of(self)):
                if not page:
                    raise HTTPError(403)
                authenticated(_refused)(self)  # leads a browser to the login
                return
        prepared: Any = super().prepare()
        if inspect.isawaitable(prepared):
            await prepared


def _refused(_: RequestHandler) -> None:
    raise HTTPError(403)


class _Covering:
    """The wrapper of the guard, and `_Asked` in front of handlers that may not ask."""

    guards_pages = True

    def __init__(self, wrapper: Wrapper, checks: RequestChecks) -> None:
        self._wrapper = wrapper
        self._checks = checks
        self._made: dict[_Handler, _Handler] = {}
        self.known: dict[tuple[_Handler, str], _Handler] = {}
        """Always empty: at one path, a handler may serve a socket and pages."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapper, name)

    def wrap(
        self, request: HTTPServerRequest, target: _Handler, arguments: Mapping[str, Any]
    ) -> _Handler:
        """See `Wrapper`."""
        socket = issubclass(target, WebSocketHandler)
        # Such a handler of Jupyter serves pages as well, as that of jupyter-server-proxy does.
        page = socket and issubclass(target, JupyterHandler) and not upgrades(request)
        chosen = target if page else self._wrapper.wrap(request, target, arguments)
        if chosen is not target or issubclass(target, _Asked) or (socket and not page):
            return chosen
        return chosen if _asks(chosen) else self._asked(chosen)

    def _asked(self, chosen: _Handler) -> _Handler:
        """Return the class that asks Jupyter's login in front of a handler."""
        made = self._made.get(chosen)
        if made is None:
            facts = {
                "__module__": chosen.__module__,
                "__qualname__": chosen.__qualname__,
                "_stormdoor_checks": self._checks,
            }
            made = self._made[chosen] = type(chosen.__name__, (_Asked, chosen), facts)
        return made

    def wrap_unknown(
        self, request: HTTPServerRequest, delegate: HTTPMessageDelegate
    ) -> _Handler | None:
        """See `Wrapper`. An object without a handler class, such as a WSGI container, asks no login."""
        chosen = self._wrapper.wrap_unknown(request, delegate)
        if chosen is not None or upgrades(request) or leads_to_guarded(delegate):
            return chosen
        return self._asked(PassedOn)


def cover_handlers(application: Application, checks: RequestChecks) -> None:
    """Let each handler of `application`, present and later ones, need a login and a permission."""
    interception = intercept(application)
    if interception.wrapper is not None:
        interception.wrapper = _Covering(interception.wrapper, checks)
