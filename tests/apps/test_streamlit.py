"""Sessions and files of Streamlit belong to logins, on a stand-in; `make world` runs the real one."""

from __future__ import annotations

import sys
import types
from typing import Any
from urllib.parse import quote

import pytest
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import ConfigurationError, Guard
from stormdoor.apps import Releases, Setup, choose_adapter
from stormdoor.apps.streamlit import bind_files, bind_sessions
from stormdoor.config.file import read_options
from stormdoor.config.preset import preset_file
from tests.tornado.wire import connect, request, serving

ORIGIN = "http://127.0.0.1:1"


class _Runtime:
    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.media_file_mgr = _MediaFiles()
        self.message_cache = types.SimpleNamespace(_entries={})

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


class _MediaFiles:
    def __init__(self) -> None:
        self._file_metadata: dict[str, str] = {}
        self._deferred_callables: dict[str, str] = {}

    def add(self, content: str) -> str:
        self._file_metadata[f"of-{content}"] = content
        return f"/media/of-{content}.txt"

    def add_deferred(self, content: str) -> str:
        self._deferred_callables[f"later-{content}"] = content
        return f"later-{content}"

    def execute_deferred(self, file_id: str) -> str:
        return self.add(self._deferred_callables[file_id])


class _Stream(WebSocketHandler):
    def initialize(self, runtime: Any) -> None:
        self.runtime = runtime

    def open(self, *_: str, **__: str) -> None:
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        existing = offered[2].strip() if len(offered) == 3 else self.get_argument("session", None)
        own = {"is_logged_in": True, "name": "own"} if self.get_argument("own", "") else {}
        id = self.runtime.connect_session(self, own, existing_session_id=existing)
        self.write_message(f"{id} {self.runtime.sessions[id]['name']}")


_Stream.__module__ = "streamlit.web.server.browser_websocket_handler"


class UploadFileRequestHandler(RequestHandler):
    """Takes any file for any session."""

    def put(self, session_id: str) -> None:
        """Take it."""
        self.write(f"got it for {session_id}")


class MediaFileHandler(RequestHandler):
    """Returns any file."""

    def get(self, name: str) -> None:
        """Return it."""
        self.write(name)


class MessageCacheHandler(RequestHandler):
    """Returns any message."""

    def get(self) -> None:
        """Return it."""
        self.write(self.get_argument("hash"))


for _one, _module in (
    (UploadFileRequestHandler, "upload_file_request_handler"),
    (MediaFileHandler, "media_file_handler"),
    (MessageCacheHandler, "routes"),
):
    _one.__module__ = f"streamlit.web.server.{_module}"


def _application(runtime: _Runtime) -> Application:
    return Application(
        [
            ("/_stcore/stream", _Stream, {"runtime": runtime}),
            ("/_stcore/upload_file/(?P<session_id>[^/]+)", UploadFileRequestHandler),
            ("/media/(.*)", MediaFileHandler),
            ("/_stcore/message", MessageCacheHandler),
        ]
    )


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Make the modules of the host; return the one that tells the session of the running script."""
    monkeypatch.setitem(sys.modules, "streamlit", types.ModuleType("streamlit"))
    running = types.ModuleType("streamlit.runtime.scriptrunner")
    running.get_script_run_ctx = lambda: None  # type: ignore[attr-defined]
    for name in ("streamlit.runtime", "streamlit.runtime.scriptrunner"):
        monkeypatch.setitem(sys.modules, name, running)
    monkeypatch.setattr(Releases, "problem", lambda self: None)
    return running


def _guarded(application: Application) -> Guard:
    adapter = choose_adapter(application)
    assert adapter.name == "streamlit"
    options = read_options(preset_file(adapter.preset), preset=adapter.preset)
    arguments = dict(options.arguments) | {"origins": [ORIGIN], "hosts": ["127.0.0.1"]}
    setup = Setup(lambda: Guard(**arguments))
    adapter.guard(application, setup)
    return setup.guard()


async def _log_in(guard: Guard) -> dict[str, tuple[str, str]]:
    cookies = {}
    for name in ("alice", "bob"):
        await guard.admin.add_principal(name, password="correct horse", roles=["member"])
        secret = (await guard.sessions.create(name)).secret
        cookies[name] = ("Cookie", f"{guard.sessions.cookie.name}={secret}")
    return cookies


async def _session(port: int, cookie: tuple[str, str], query: str = "") -> list[str]:
    path = f"/_stcore/stream{query}"
    async with await connect(port, path, ("Origin", ORIGIN), cookie) as wire:
        return (await wire.text()).split()


async def test_a_session_belongs_to_a_login() -> None:
    """Another login gets a new session for an id; the user is named, unless the script has a login."""
    runtime = _Runtime()
    application = _application(runtime)
    guard = _guarded(application)
    async with serving(application, guard) as at:
        cookies = await _log_in(guard)

        async def session(name: str, query: str = "") -> list[str]:
            return await _session(at.port, cookies[name], query)

        first, user = await session("alice")
        assert user == "alice"
        assert await session("alice", f"?session={first}") == [first, "alice"]
        other, user = await session("bob", f"?session={first}")
        assert (other != first, user) == (True, "bob")
        assert (await session("alice", "?session=unmarked"))[0] != "unmarked"
        assert (await session("alice", "?own=1"))[1] == "own"
    runtime.connect_session(None, {})  # without a client of the guard: as before
    assert "unbound-4" in runtime.sessions


async def test_files_belong_to_a_login(host: types.ModuleType) -> None:
    """Uploads, media files, files that are made later, and cached messages of another login are refused."""
    runtime = _Runtime()
    application = _application(runtime)
    guard = _guarded(application)
    media, entries = runtime.media_file_mgr, runtime.message_cache._entries
    async with serving(application, guard) as at:
        cookies = await _log_in(guard)
        ids = {name: (await _session(at.port, one))[0] for name, one in cookies.items()}

        async def status(name: str, path: str, method: str = "GET") -> int:
            headers = (("Origin", ORIGIN), cookies[name], ("Content-Length", "0"))
            async with await request(at.port, path, *headers, method=method, upgrade=False) as wire:
                return wire.status

        def run_as(name: str) -> None:
            context = None if not name else types.SimpleNamespace(session_id=ids[name])
            host.get_script_run_ctx = lambda: context  # type: ignore[attr-defined]

        upload = f"/_stcore/upload_file/{ids['alice']}"
        assert [await status(one, upload, "PUT") for one in ids] == [200, 403]
        run_as("alice")
        own, later = media.add("own"), media.add_deferred("later")
        run_as("bob")
        media.add("both")
        run_as("alice")
        both = media.add("both")
        run_as("")
        made, ownerless = media.execute_deferred(later), media.add("ownerless")
        session = types.SimpleNamespace(id=ids["alice"])
        entries["a b"] = types.SimpleNamespace(_session_script_run_counts=[session])
        for path, statuses in (
            (own, [200, 403]),
            (made, [200, 403]),
            (both, [200, 200]),
            (ownerless, [403, 403]),
            (f"/_stcore/message?hash={quote('a b')}", [200, 403]),
            ("/_stcore/message?hash=unknown", [403, 403]),
        ):
            assert [await status(one, path) for one in ids] == statuses, path
        run_as("alice")
        for count in range(200):  # the owners of files that are no longer there are forgotten
            media.add(f"frame-{count}")
            del media._file_metadata[f"of-frame-{count}"]
        assert [await status(one, own) for one in ids] == [200, 403]
        assert await status("alice", "/media/of-frame-0.txt") == 403


def test_a_release_without_uploads_is_refused() -> None:
    """The adapter does not guard a release with files that it cannot bind."""
    application = Application([("/_stcore/stream", _Stream, {"runtime": _Runtime()})])
    with pytest.raises(ConfigurationError, match=r"UploadFileRequestHandler.*cannot be bound"):
        _guarded(application)
    bind_files(Application([]), lambda: Guard(store="memory:"))  # no application of Streamlit
    bind_sessions(Application([]))
