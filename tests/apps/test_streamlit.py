"""The binding of Streamlit's sessions, on a runtime with its interface; `make world` runs the real one."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import Guard
from stormdoor.apps import Releases, Setup, choose_adapter
from stormdoor.config.file import read_options
from stormdoor.config.preset import preset_file
from tests.tornado.wire import connect, serving

ORIGIN = "http://127.0.0.1:1"


class _Runtime:
    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}

    def connect_session(
        self,
        client: Any,
        user_info: dict[str, Any],
        existing_session_id: str | None = None,
        session_id_override: str | None = None,
    ) -> str:
        if existing_session_id in self.sessions:
            return existing_session_id
        id = session_id_override or f"unbound-{len(self.sessions)}"
        self.sessions[id] = user_info
        return id


class _Stream(WebSocketHandler):
    def initialize(self, runtime: Any) -> None:
        self.runtime = runtime

    def open(self, *_: str, **__: str) -> None:
        existing = self.get_argument("session", None)
        own = {"is_logged_in": True, "name": "own"} if self.get_argument("own", "") else {}
        id = self.runtime.connect_session(self, own, existing_session_id=existing)
        self.write_message(f"{id} {self.runtime.sessions[id]['name']}")


_Stream.__module__ = "streamlit.web.server.browser_websocket_handler"


async def test_a_session_belongs_to_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another login gets a new session for an id; the user is named, unless the script has a login."""
    monkeypatch.setitem(sys.modules, "streamlit", types.ModuleType("streamlit"))
    monkeypatch.setattr(Releases, "problem", lambda self: None)
    runtime = _Runtime()
    application = Application([("/_stcore/stream", _Stream, {"runtime": runtime})])
    adapter = choose_adapter(application)
    assert adapter.name == "streamlit"
    options = read_options(preset_file(adapter.preset), preset=adapter.preset)
    arguments = dict(options.arguments) | {"origins": [ORIGIN], "hosts": ["127.0.0.1"]}
    setup = Setup(lambda: Guard(**arguments))
    adapter.guard(application, setup)
    guard = setup.guard()
    async with serving(application, guard) as at:
        cookies = {}
        for name in ("alice", "bob"):
            await guard.admin.add_principal(name, password="correct horse", roles=["member"])
            secret = (await guard.sessions.create(name)).secret
            cookies[name] = ("Cookie", f"{guard.sessions.cookie.name}={secret}")

        async def session(name: str, query: str = "") -> list[str]:
            path = f"/_stcore/stream{query}"
            async with await connect(at.port, path, ("Origin", ORIGIN), cookies[name]) as wire:
                return (await wire.text()).split()

        first, user = await session("alice")
        assert user == "alice"
        assert await session("alice", f"?session={first}") == [first, "alice"]
        other, user = await session("bob", f"?session={first}")
        assert (other != first, user) == (True, "bob")
        assert (await session("alice", "?session=unmarked"))[0] != "unmarked"
        assert (await session("alice", "?own=1"))[1] == "own"
    runtime.connect_session(None, {})  # without a client of the guard: as before
    assert "unbound-4" in runtime.sessions
