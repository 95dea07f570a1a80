"""Ask Jupyter's login in front of handlers of extensions that do not ask it themselves."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from jupyter_server.base.handlers import JupyterHandler
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.web import Application, ErrorHandler, HTTPError, RedirectHandler, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor.apps.jupyter.permissions import is_public, permission_of
from stormdoor.apps.jupyter.request import asking_handler
from stormdoor.apps.jupyter.requests import RequestChecks
from stormdoor.tornado.interception import Wrapper, intercept
from stormdoor.tornado.session_handler import SessionHandler

__all__ = ["cover_plain_handlers", "is_plain"]

_ASKS = (JupyterHandler, WebSocketHandler, SessionHandler)
_NOTHING = (ErrorHandler, RedirectHandler)
"""They answer with nothing of the application."""

_Handler = type[RequestHandler]


def is_plain(handler: _Handler) -> bool:
    """Return whether `handler` is one of Tornado's own kind, which knows no login of Jupyter."""
    return not issubclass(handler, _ASKS) and not issubclass(handler, _NOTHING)


class _Asked(RequestHandler):
    """Mixin in front of a plain handler."""

    _stormdoor_checks: ClassVar[RequestChecks]

    async def prepare(self) -> None:
        """Refuse a request without a login, or without the permission of its package."""
        if not is_public(self):
            checks, asking = self._stormdoor_checks, asking_handler(self.application, self.request)
            asking.auth_resource = getattr(self, "auth_resource", None)
            if await checks.find_user(asking) is None:
                raise HTTPError(403)
            checks.require(asking, permission_of(self))
        prepared: Any = super().prepare()
        if inspect.isawaitable(prepared):
            await prepared


class _Covering:
    """The wrapper of the guard, and `_Asked` in front of plain handlers."""

    guards_pages = True

    def __init__(self, wrapper: Wrapper, checks: RequestChecks) -> None:
        self._wrapper = wrapper
        self._checks = checks
        self._made: dict[_Handler, _Handler] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapper, name)

    @property
    def known(self) -> dict[tuple[_Handler, str], _Handler]:
        """See `Wrapper`."""
        return self._wrapper.known

    @known.setter
    def known(self, value: dict[tuple[_Handler, str], _Handler]) -> None:
        self._wrapper.known = value

    def wrap(
        self, request: HTTPServerRequest, target: _Handler, arguments: Mapping[str, Any]
    ) -> _Handler:
        """See `Wrapper`."""
        chosen = self._wrapper.wrap(request, target, arguments)
        if chosen is not target or not is_plain(chosen) or issubclass(chosen, _Asked):
            return chosen
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
        """See `Wrapper`."""
        return self._wrapper.wrap_unknown(request, delegate)


def cover_plain_handlers(application: Application, checks: RequestChecks) -> None:
    """Let plain handlers of `application`, present and later ones, need a login and a permission."""
    interception = intercept(application)
    if interception.wrapper is not None:
        interception.wrapper = _Covering(interception.wrapper, checks)
