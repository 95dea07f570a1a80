"""The adapter of Streamlit: its sessions are bound to logins, and its script knows the user."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from tornado.web import Application, RequestHandler

from stormdoor.apps.adapter import Adapter, Releases, Setup
from stormdoor.apps.login import add_login
from stormdoor.tornado.inspection import FoundRoute, inspect
from stormdoor.tornado.outbound_mixin import connection_of
from stormdoor.tornado.protect import protect

__all__ = ["ADAPTER", "bind_sessions"]

_KEY = secrets.token_bytes(32)
"""Marks session ids. Streamlit keeps its sessions in memory, so that a new key for each start suffices."""


def _recognises(application: Application) -> bool:
    """Return whether `application` serves a script of Streamlit."""
    return _stream(application) is not None


def bind_sessions(application: Application) -> None:
    """Let only the principal that a session was made for connect to it again.

    A browser that reconnects names its session, with the state of all widgets, as a subprotocol. Streamlit
    returns that session to any client. From now on, each id has a mark of its principal. An id with another
    mark counts as unknown: the client gets a new session.

    The script finds the principal in `st.user` (`st.experimental_user` before 1.42), unless the application
    has its own login with `st.login`.

    Args:
        application: The application of `streamlit.web.server.server.Server`.
    """
    route = _stream(application)
    if route is None:
        return
    runtime: Any = route.arguments["runtime"]
    connect: Callable[..., str] = runtime.connect_session

    def connect_session(
        client: Any,
        user_info: dict[str, Any],
        existing_session_id: str | None = None,
        session_id_override: str | None = None,
    ) -> str:
        connection = connection_of(client) if isinstance(client, RequestHandler) else None
        if connection is None:
            return connect(client, user_info, existing_session_id, session_id_override)
        principal = connection.principal.id
        if not user_info.get("is_logged_in"):
            user_info = {"is_logged_in": True, "sub": principal, "name": principal}
            user_info["email"] = principal if "@" in principal else None
        known = existing_session_id is not None and _is_of(existing_session_id, principal)
        if known:
            return connect(client, user_info, existing_session_id)
        return connect(client, user_info, session_id_override=_new_id(principal))

    runtime.connect_session = connect_session


def _new_id(principal: str) -> str:
    random = secrets.token_hex(16)
    return f"{random}-{_mark(random, principal)}"


def _is_of(session_id: str, principal: str) -> bool:
    random, _, mark = session_id.partition("-")
    return hmac.compare_digest(mark.encode(), _mark(random, principal).encode())


def _mark(random: str, principal: str) -> str:
    return hmac.new(_KEY, f"{random} {principal}".encode(), sha256).hexdigest()[:32]


def _stream(application: Application) -> FoundRoute | None:
    for route in inspect(application).routes:
        handler = route.handler
        if any(
            one.__module__ == "streamlit.web.server.browser_websocket_handler"
            for one in handler.__mro__
        ):
            return route
    return None


def _protect(application: Application, setup: Setup) -> None:
    add_login(application, setup)
    protect(application, setup.guard)
    bind_sessions(application)


ADAPTER = Adapter(
    "streamlit", "streamlit", _recognises, _protect, (Releases("streamlit", "1.40", "1.57"),)
)
