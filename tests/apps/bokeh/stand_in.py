"""Server with the attributes of Bokeh that the adapter uses; `make world` runs the real one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
from collections.abc import Awaitable, Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tornado.httputil import HTTPServerRequest
from tornado.web import Application, RequestHandler, authenticated
from tornado.websocket import WebSocketHandler

__all__ = ["BokehTornado", "Page", "Served", "install", "make_token"]


def _sign(text: str, key: bytes) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def make_token(session: str, key: bytes, payload: dict[str, Any]) -> str:
    """Return a signed token of a session."""
    content = base64.urlsafe_b64encode(json.dumps({"id": session, **payload}).encode()).decode()
    return f"{content}.{_sign(content, key)}"


def _read(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.partition(".")[0]))
    return found


def _check(token: str, secret_key: bytes, signed: bool) -> bool:
    content, _, signature = token.partition(".")
    return not signed or hmac.compare_digest(signature, _sign(content, secret_key))


class ProtocolError(Exception):
    """Ends a socket."""


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the modules of the host that the adapter imports."""
    found: dict[str, dict[str, Any]] = {
        "bokeh.util.token": {"check_token_signature": _check, "get_token_payload": _read},
        "bokeh.protocol.exceptions": {"ProtocolError": ProtocolError},
        "bokeh.application.handlers.handler": {"Handler": object},
        "bokeh.server.contexts": {"ApplicationContext": _Context},
    }
    for path, names in found.items():
        module = ModuleType(path)
        vars(module).update(names)
        for name in ("bokeh", module.__name__.rpartition(".")[0], module.__name__):
            monkeypatch.setitem(sys.modules, name, sys.modules.get(name) or ModuleType(name))
        monkeypatch.setitem(sys.modules, module.__name__, module)


class _Authenticated(RequestHandler):
    application: Any

    def initialize(self, application_context: Any, bokeh_websocket_path: str) -> None:
        self.context = application_context

    def get_login_url(self) -> str:
        return str(self.application.auth_provider.get_login_url(self))

    async def prepare(self) -> None:
        self.current_user = await self.application.auth_provider.get_user_async(self)


class Page(_Authenticated):
    """The page of a document."""

    async def get(self) -> None:
        asked: Any = self.get_session()
        if asked is not None:  # else it has led to the login
            self.write((await asked).token)

    @authenticated
    async def get_session(self) -> Any:
        application = self.application
        token = self.get_argument("bokeh-token", "")
        session = self.get_argument("bokeh-session-id", "") or (
            _read(token)["id"] if token else "s1"
        )
        if not token:
            payload = {
                "headers": dict(self.request.headers),
                **await self.context.application.process(self.request),
            }
            token = make_token(session, application.secret_key, payload)
        return await self.context.create_session_if_needed(session, self.request, token)


class _Socket(_Authenticated, WebSocketHandler):
    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[0] if subprotocols else None

    async def open(self, *_: str, **__: str) -> None:
        token = self.request.headers["Sec-WebSocket-Protocol"].split(",")[1].strip()
        try:
            await self.context.create_session_if_needed(_read(token)["id"], self.request, token)
        except ProtocolError:
            self.close()
            return
        await self.write_message("ACK")

    def on_message(self, message: str | bytes) -> None:
        self.write_message("OK")


class OwnHandler:
    """A handler of an application, which claims to be a principal."""

    def process_request(self, request: HTTPServerRequest) -> dict[str, Any]:
        """Return a part of the payload of a token."""
        return {"own": 1, "stormdoor_principal": "forged"}


class Served:
    """An application of Bokeh: the payload of a token comes from its handlers, in their order."""

    def __init__(self, *handlers: Any) -> None:
        self.handlers = list(handlers)

    def add(self, handler: Any) -> None:
        """Add a handler."""
        self.handlers.append(handler)

    async def process(self, request: HTTPServerRequest) -> dict[str, Any]:
        """Return the payload, as `process_request_async` does since Bokeh 3.10."""
        payload: dict[str, Any] = {}
        for handler in self.handlers:
            payload.update(handler.process_request(request))
        return payload


class _Context:
    def __init__(self, application: Served | None = None, url: str = "") -> None:
        self.application = application or Served(OwnHandler())
        self.sessions: dict[str, Any] = {}
        self._logout_url = None

    async def create_session_if_needed(
        self, session_id: str, request: HTTPServerRequest | None = None, token: str | None = None
    ) -> Any:
        return self.sessions.setdefault(session_id, SimpleNamespace(token=token))


class BokehTornado(Application):
    """A Bokeh server with one application at `/app`."""

    prefix = ""

    def __init__(
        self,
        user: Callable[[Any], Awaitable[object]] | None = None,
        page: type[RequestHandler] = Page,
    ) -> None:
        self.context = _Context()
        self.applications = {"/app": self.context}
        self._secret_key: bytes | None = None
        self._sign_sessions = False
        self._websocket_origins: set[str] = set()
        self.auth_provider: Any = SimpleNamespace(
            get_user=None,
            get_user_async=user,
            get_login_url=None,
            login_url="/own",
            login_handler=None,
            logout_handler=None,
            logout_url=None,
            endpoints=[],
        )
        arguments = {"application_context": self.context, "bokeh_websocket_path": "/app/ws"}
        super().__init__([("/app", page, arguments), ("/app/ws", _Socket, arguments)])

    @property
    def secret_key(self) -> bytes | None:
        """The key."""
        return self._secret_key

    @property
    def websocket_origins(self) -> set[str]:
        """The hosts of pages."""
        return self._websocket_origins


BokehTornado.__module__ = "bokeh.server.tornado"
