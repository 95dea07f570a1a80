"""Check that a Bokeh server makes and checks tokens in the way that `bind_documents` relies on."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any, NoReturn
from urllib.parse import urlencode

from tornado.httputil import HTTPServerRequest
from tornado.web import HTTPError, RequestHandler

from stormdoor.apps.bokeh.documents import ASKING, LoginHooks, bind_context, owner_of
from stormdoor.apps.self_check import HostChangedError, memory_request, run_apart
from stormdoor.core.denial import Denial, Refusal
from stormdoor.tornado.inspection import inspect

__all__ = ["check_documents"]

_OWNER, _OTHER = "stormdoor-check-owner", "stormdoor-check-other"
_PRINCIPAL = "X-Stormdoor-Principal"
_PATH = "/stormdoor-check"
_HOSTS = ("bokeh", "panel")


class _Hooks(LoginHooks):
    """Hooks that take the principal from a request in memory, and record nothing."""

    def __init__(self, hooks: LoginHooks) -> None:
        vars(self).update(vars(hooks))

    async def get_user_async(self, handler: RequestHandler) -> object:
        """Return the principal."""
        principal = handler.request.headers[_PRINCIPAL]
        setattr(handler.request, ASKING, principal)
        return principal

    def record(self, request: HTTPServerRequest, denial: Denial, detail: str) -> Refusal:
        """Return the refusal, without a record."""
        return Refusal(denial, detail)


class _Opened(Exception):
    """The host opens a document. It makes none, since this exception ends the request.

    Attributes:
        token: The token of the document.
    """

    def __init__(self, token: str) -> None:
        super().__init__("a document is opened")
        self.token = token


def check_documents(application: Any, hooks: LoginHooks) -> None:
    """Ask each kind of page for a document: as its owner, and with the owner's token as another principal.

    No code of the served applications runs, and no document is made.

    Args:
        application: A `bokeh.server.tornado.BokehTornado` with bound documents.
        hooks: Its hooks.

    Raises:
        HostChangedError: The token does not name its owner, or opens a document for another principal.
    """
    pages = {
        (route.handler, _host_class(route.arguments["application_context"].application))
        for route in inspect(application).routes
        if "application_context" in route.arguments and hasattr(route.handler, "get_session")
    }
    if application.applications and not pages:
        raise HostChangedError("no page has the method get_session")
    application.auth_provider = _Hooks(hooks)
    try:
        for page, kind in pages:
            run_apart(partial(_check, application, page, kind))
    finally:
        application.auth_provider = hooks


def _host_class(application: Any) -> type[Any]:
    """Return the class of Bokeh or Panel that `application` is of, without subclasses of an operator."""
    kinds = type(application).__mro__
    return next((one for one in kinds if one.__module__.split(".")[0] in _HOSTS), kinds[0])


async def _check(application: Any, page: type[Any], kind: type[Any]) -> None:
    context = import_module("bokeh.server.contexts").ApplicationContext(kind(), url=_PATH)

    async def open_document(_session_id: str, _request: object, token: str) -> NoReturn:
        raise _Opened(token)

    context.create_session_if_needed = open_document
    bind_context(context, application.auth_provider)

    async def token_of(principal: str, query: str = "") -> str | None:
        """Return the token of the document that the page opens for a principal; None if it refuses."""
        request = memory_request(_PATH + query, headers={_PRINCIPAL: principal})
        arguments = {"application_context": context, "bokeh_websocket_path": f"{_PATH}/ws"}
        handler = page(application, request, **arguments)
        try:
            await handler.prepare()
            await handler.get_session()
        except _Opened as opened:
            return opened.token
        except HTTPError:
            return None
        raise HostChangedError(
            f"{page.__qualname__} makes documents without the check of their owner"
        )

    token = await token_of(_OWNER)
    if token is None or owner_of(token) != _OWNER:
        raise HostChangedError(f"the token of {page.__qualname__} does not name its principal")
    read, key = import_module("bokeh.util.token"), application.secret_key
    if not read.check_token_signature(token, secret_key=key, signed=True):
        raise HostChangedError(f"the token of {page.__qualname__} is not signed")
    if await token_of(_OTHER, "?" + urlencode({"bokeh-token": token})) is not None:
        raise HostChangedError(f"{page.__qualname__} opens a document for another principal")
