"""The adapter of Streamlit: sessions and files are bound to logins, and the script knows its user."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, KeysView
from functools import partial
from hashlib import sha256
from importlib import import_module
from inspect import isawaitable
from pathlib import PurePosixPath
from threading import Lock
from typing import Any

from tornado.web import Application, RequestHandler

from stormdoor.apps.adapter import Adapter, Releases, Setup
from stormdoor.apps.login import add_login
from stormdoor.apps.self_check import HostChangedError, memory_request, run_apart
from stormdoor.core.denial import Denial, Refusal
from stormdoor.errors import ConfigurationError
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.answers import finish_refusal
from stormdoor.tornado.inspection import FoundRoute, inspect
from stormdoor.tornado.pages import principal_of
from stormdoor.tornado.protect import protect
from stormdoor.tornado.session_handler import session_parser
from stormdoor.tornado.socket.handler import connection_of

__all__ = ["ADAPTER", "bind_files", "bind_sessions"]

_KEY = secrets.token_bytes(32)
"""Marks session ids. Streamlit keeps its sessions in memory, so that a new key for each start suffices."""

_STREAM = "/_stcore/stream"
_CHECKED = "stormdoor-check"
"""The session that the request of the check names."""

_Owned = Callable[[RequestHandler, str], bool]
"""Whether what a request names belongs to a principal."""


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

    Raises:
        HostChangedError: This release finds sessions in another way.
    """
    route = _stream(application)
    if route is None:
        return
    runtime: Any = route.arguments["runtime"]
    connect: Callable[..., str] = runtime.connect_session
    offered = {"Sec-WebSocket-Protocol": f"streamlit, -, {_CHECKED}"}
    request = memory_request(_STREAM, headers=offered)
    checked: Any = route.handler(application, request, **route.arguments)

    def connect_session(
        client: Any,
        user_info: dict[str, Any],
        existing_session_id: str | None = None,
        session_id_override: str | None = None,
    ) -> str:
        if client is checked:
            raise _Connecting(existing_session_id)
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
    run_apart(partial(_check_session, checked))


class _Connecting(Exception):
    """The socket of the check asks for a session, and gets none.

    Attributes:
        session_id: The session that the host has read from the request.
    """

    def __init__(self, session_id: str | None) -> None:
        super().__init__("a session is asked for")
        self.session_id = session_id


async def _check_session(socket: Any) -> None:
    """Open the socket of a request in memory.

    Raises:
        HostChangedError: It does not ask `connect_session` for the session that its request names.
    """
    try:
        opened = socket.open()
        if isawaitable(opened):
            await opened
    except _Connecting as connecting:
        if connecting.session_id == _CHECKED:
            return
    raise HostChangedError(
        "a socket does not ask the runtime for the session that its client names"
    )


def bind_files(application: Application, guard: Callable[[], Guard]) -> None:
    """Bind uploads, media files and cached messages to the principals of their sessions.

    Streamlit takes uploads for any active session, and deletions, from any client that names its id. It
    stores media files by their content, and its older releases large messages by their hash; it returns both
    to any client. Call this function before `protect`.

    Args:
        application: The application of `streamlit.web.server.server.Server`.
        guard: Returns the guard.

    Raises:
        ConfigurationError: The release has no such handlers.
    """
    stream = _stream(application)
    if stream is None:
        return
    runtime: Any = stream.arguments["runtime"]
    media = _MediaOwners(runtime.media_file_mgr)
    owned: dict[str, _Owned] = {
        "upload_file_request_handler.UploadFileRequestHandler": lambda handler, principal: _is_of(
            handler.path_kwargs.get("session_id", ""), principal
        ),
        "media_file_handler.MediaFileHandler": lambda handler, principal: media.shows(
            PurePosixPath(handler.path_args[0]).stem, principal
        ),
        "routes.MessageCacheHandler": lambda handler, principal: _was_sent(
            runtime.message_cache, handler.get_argument("hash", ""), principal
        ),
    }
    found = set()
    for rule in [one for router in inspect(application).routers for one in router.rules]:
        handler = rule.target
        if not isinstance(handler, type):
            continue
        name = f"{handler.__module__}.{handler.__qualname__}".removeprefix("streamlit.web.server.")
        if name in owned:
            found.add(name)
            rule.target = _bound(handler, owned[name], guard)
    missing = owned.keys() - found - {"routes.MessageCacheHandler"}
    if missing:
        raise ConfigurationError(
            f"this release of Streamlit has no {', '.join(sorted(missing))}: files cannot be bound to logins"
        )


def _bound(
    handler: type[RequestHandler], owned: _Owned, guard: Callable[[], Guard]
) -> type[RequestHandler]:
    """Return a subclass that refuses a principal that does not own what the request names."""

    class Bound(handler):  # type: ignore[misc, valid-type]
        def prepare(self) -> Awaitable[None] | None:
            principal = principal_of(self)
            if principal is None or owned(self, principal.id):
                # A page that the operator has declared public has no principal.
                own: Awaitable[None] | None = super().prepare()
                return own
            detail = "a session, file or message of Streamlit that belongs to another login"
            refusal = Refusal(Denial.FORBIDDEN, detail)
            handshake = session_parser(guard()).parse(self.request)
            refusal = guard().admission.refused(handshake, refusal, principal=principal.id)
            finish_refusal(self, refusal)
            return None

    Bound.__name__ = Bound.__qualname__ = handler.__name__
    Bound.__module__ = handler.__module__
    return Bound


class _MediaOwners:
    """The sessions that have shown each media file, since its script forgets it with each run.

    Scripts run in threads of their own.

    Args:
        manager: A `streamlit.runtime.media_file_manager.MediaFileManager`. Its methods are wrapped.
    """

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._sessions: dict[str, set[str]] = {}
        self._lock = Lock()
        self._stored()  # raises AttributeError here, rather than in a script
        add, defer = manager.add, getattr(manager, "add_deferred", None)

        def add_file(*words: Any, **options: Any) -> str:
            return self._note(add(*words, **options), _running_sessions())

        manager.add = add_file
        if defer is None:
            return
        execute = manager.execute_deferred

        def add_deferred(*words: Any, **options: Any) -> str:
            return self._note(defer(*words, **options), _running_sessions())

        def execute_deferred(file_id: str) -> str:
            return self._note(execute(file_id), self._sessions.get(file_id, set()))

        manager.add_deferred, manager.execute_deferred = add_deferred, execute_deferred

    def shows(self, file_id: str, principal: str) -> bool:
        """Return whether a session of the principal has shown the file."""
        with self._lock:
            sessions = list(self._sessions.get(file_id, ()))
        return any(_is_of(one, principal) for one in sessions)

    def _note(self, address: str, sessions: set[str]) -> str:
        with self._lock:
            self._sessions.setdefault(PurePosixPath(address).stem, set()).update(sessions)
            stored = self._stored()
            if len(self._sessions) > 2 * len(stored) + 64:
                self._sessions = {
                    one: owners for one, owners in self._sessions.items() if one in stored
                }
        return address

    def _stored(self) -> set[str]:
        """Return the ids of all files that the manager has."""
        files: KeysView[str] = self._manager._file_metadata.keys()  # noqa: SLF001 - there is no public name
        return files | getattr(self._manager, "_deferred_callables", {}).keys()


def _running_sessions() -> set[str]:
    """Return the id of the session with a script that runs in this thread; none elsewhere."""
    context = import_module("streamlit.runtime.scriptrunner").get_script_run_ctx()
    return set() if context is None else {context.session_id}


def _was_sent(cache: Any, name: str, principal: str) -> bool:
    """Return whether a message of the cache was sent to a session of the principal."""
    entry = cache._entries.get(name)  # noqa: SLF001 - there is no public name
    sessions = () if entry is None else list(entry._session_script_run_counts)  # noqa: SLF001
    return any(_is_of(one.id, principal) for one in sessions)


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
    bind_files(application, setup.guard)
    protect(application, setup.guard)
    bind_sessions(application)


ADAPTER = Adapter(
    "streamlit", "streamlit", _recognises, _protect, (Releases("streamlit", "1.40", "1.56"),)
)
