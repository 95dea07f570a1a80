"""What an open connection need not keep of its handshake, folded away until somebody asks for it.

Tornado keeps the whole request and the whole answer as long as the socket is open: every header as a list
of one text in a dictionary, the headers of an answer that has long been sent, name-spaces for templates. On
ten thousand idle connections that is tens of megabytes, and for the garbage collector a hundred thousand
objects to look at. A handler may ask for any of it at any time, so nothing is thrown away that cannot be
made again: it is made when it is asked for.

`tests/tornado/test_leftovers.py` keeps what is used here of Tornado.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tornado.httputil import HTTPHeaders
from tornado.util import ObjectDict
from tornado.web import RequestHandler, _UIModuleNamespace
from tornado.websocket import WebSocketHandler

__all__ = ["AFTER", "MADE_LATER", "Later", "shed"]


class _Folded(HTTPHeaders):
    """The headers of a request as one text. The first access restores the ordinary headers for good."""

    @classmethod
    def fold(cls, headers: HTTPHeaders) -> None:
        """Fold in place, since frames of Tornado hold the same object as long as the socket is open.

        Headers with a value that does not fit into one line stay as they are.
        """
        pairs = list(headers.get_all())
        try:
            text = "\n".join(map(":".join, pairs))
        except TypeError:
            return
        if text.count("\n") == max(len(pairs) - 1, 0):
            headers.__dict__ = {"_text": text}
            headers.__class__ = cls

    def __getattr__(self, name: str) -> Any:
        """Unfold at the first access to an attribute of `HTTPHeaders`, of any name.

        Raises:
            AttributeError: There is nothing to unfold (while pickle makes the object), or no such attribute.
        """
        text: str | None = self.__dict__.pop("_text", None)
        if text is None:
            raise AttributeError(name)
        self.__class__ = HTTPHeaders  # type: ignore[assignment]
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


class Later:
    """An attribute that is made when it is asked for, unless somebody has set it.

    Args:
        make: Makes it.
    """

    __slots__ = ("_make", "_name")

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make
        self._name = ""

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, handler: RequestHandler | None, _owner: type) -> Any:
        """Asked for on an instance that has none."""
        if handler is None:
            return self
        made = handler.__dict__[self._name] = self._make(handler)
        return made


def _ui(handler: RequestHandler) -> ObjectDict:
    """As Tornado makes it for each handler."""
    application = handler.application
    made = ObjectDict(
        (name, handler._ui_method(method))  # noqa: SLF001 - see the top of this module
        for name, method in application.ui_methods.items()
    )
    made["_tt_modules"] = made["modules"] = _UIModuleNamespace(handler, application.ui_modules)
    return made


AFTER: dict[str, object] = {
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
"""What a handler has after the 101, most often. The class has it, so that no handler needs to."""

MADE_LATER: dict[str, Callable[[Any], Any]] = {
    "ui": _ui,
    "_write_buffer": lambda _: [],
    "_transforms": lambda _: [],
    "path_args": lambda _: [],
    "path_kwargs": lambda _: {},
    "open_args": lambda _: [],
    "open_kwargs": lambda _: {},
}
"""What is made when it is asked for. Of the last four only what is empty is let go."""

_IF_EMPTY = frozenset({"path_args", "path_kwargs", "open_args", "open_kwargs"})


def shed(handler: WebSocketHandler) -> None:
    """Let go of what the handshake has left behind on an open connection."""
    had = handler.__dict__
    for name, usual in AFTER.items():
        if had.get(name, usual) == usual:
            had.pop(name, None)
    for name in MADE_LATER:
        if name not in _IF_EMPTY or not had.get(name):
            had.pop(name, None)
    # Another dictionary, not this one with less in it: it would keep its size.
    handler.__dict__ = dict(had)
    headers = handler.request.headers
    if type(headers) is HTTPHeaders:
        _Folded.fold(headers)
