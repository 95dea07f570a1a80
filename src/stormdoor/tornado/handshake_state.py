"""Release the memory that the handshake of an open connection used, and restore it on access.

Tornado keeps the whole request and the whole answer as long as the socket is open: each header as a list in
a dictionary, the headers of the answer, name spaces for templates. For ten thousand
idle connections that is tens of megabytes, and a hundred thousand objects for the garbage collector. A
handler may use any of it at any time. So only data that can be restored is released, and it is restored on
access.

`tests/tornado/test_handshake_state.py` checks the parts of Tornado that this uses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tornado.httputil import HTTPHeaders
from tornado.util import ObjectDict
from tornado.web import RequestHandler, _UIModuleNamespace
from tornado.websocket import WebSocketHandler

__all__ = ["AFTER_HANDSHAKE", "CREATED_ON_ACCESS", "CreatedOnAccess", "release_handshake_state"]


class _FoldedHeaders(HTTPHeaders):
    """The headers of a request as one text. The first access to any attribute restores them for good."""

    @classmethod
    def fold(cls, headers: HTTPHeaders) -> HTTPHeaders:
        """Return the folded headers; `headers` itself if a value does not fit into one line."""
        pairs = list(headers.get_all())
        try:
            text = "\n".join(map(":".join, pairs))
        except TypeError:
            return headers
        if text.count("\n") != max(len(pairs) - 1, 0):
            return headers
        folded = cls.__new__(cls)
        folded.__dict__ = {"_text": text}
        return folded

    def __getattr__(self, name: str) -> Any:
        """Restore the headers at the first access to any attribute.

        Raises:
            AttributeError: There is no such attribute, or nothing to restore (while pickle creates the
                object).
        """
        text: str | None = self.__dict__.pop("_text", None)
        if text is None:
            raise AttributeError(name)
        self.__init__()  # type: ignore[misc]
        last = None
        for line in text.split("\n") if text else ():
            header, _, value = line.partition(":")
            if header == last:
                self.add(header, value)
            else:
                # Not `add`, which checks the value: the application may have set any value.
                self[header] = value
            last = header
        return getattr(self, name)


class CreatedOnAccess:
    """An attribute that is created on access, unless it was set.

    Args:
        make: Creates the value.
    """

    __slots__ = ("_make", "_name")

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make
        self._name = ""

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, handler: RequestHandler | None, _owner: type) -> Any:
        """Called on access to an instance without the attribute."""
        if handler is None:
            return self
        made = handler.__dict__[self._name] = self._make(handler)
        return made


def _create_ui(handler: RequestHandler) -> ObjectDict:
    """Return the attribute `ui` as Tornado creates it for each handler."""
    application = handler.application
    made = ObjectDict(
        (name, handler._ui_method(method))  # noqa: SLF001 - see the top of this module
        for name, method in application.ui_methods.items()
    )
    made["_tt_modules"] = made["modules"] = _UIModuleNamespace(handler, application.ui_modules)
    return made


AFTER_HANDSHAKE: dict[str, object] = {
    "_headers_written": True,
    "_finished": True,
    "_auto_finish": True,
    "_prepared_future": None,
    "_status_code": 101,
    "_reason": "Switching Protocols",
    "_on_close_called": False,
    "close_code": None,
    "close_reason": None,
    "_door_headers": None,
}
"""Usual attributes of a handler after the 101. The class has them, so that each handler needs no copy."""

CREATED_ON_ACCESS: dict[str, Callable[[Any], Any]] = {
    "ui": _create_ui,
    "_write_buffer": lambda _: [],
    "_transforms": lambda _: [],
    "path_args": lambda _: [],
    "path_kwargs": lambda _: {},
    "open_args": lambda _: [],
    "open_kwargs": lambda _: {},
}
"""Attributes that are created on access. The last four are released only if they are empty."""

_IF_EMPTY = frozenset({"path_args", "path_kwargs", "open_args", "open_kwargs"})


def release_handshake_state(handler: WebSocketHandler) -> None:
    """Release the memory of the handshake of an open connection."""
    had = handler.__dict__
    for name, usual in AFTER_HANDSHAKE.items():
        if had.get(name, usual) == usual:
            had.pop(name, None)
    for name in CREATED_ON_ACCESS:
        if name not in _IF_EMPTY or not had.get(name):
            had.pop(name, None)
    # A new dictionary, because this one would keep its size.
    handler.__dict__ = dict(had)
    request: Any = handler.request
    headers = vars(request).get("headers")  # a request of the front that was not parsed has none
    if type(headers) is HTTPHeaders:
        request.headers = _FoldedHeaders.fold(headers)
        connection = vars(request).get("connection")
        if getattr(connection, "_request_headers", None) is headers:
            connection._request_headers = request.headers  # noqa: SLF001 - the other owner
