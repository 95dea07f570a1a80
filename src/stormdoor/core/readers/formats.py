"""The table of the formats of messages that have a reader."""

from __future__ import annotations

from collections.abc import Callable

from stormdoor.core.readers.bokeh import BokehReader
from stormdoor.core.readers.json_reader import JsonReader
from stormdoor.core.readers.jupyter import JupyterReader
from stormdoor.core.readers.opaque import OpaqueReader
from stormdoor.core.readers.reader import TypeReader
from stormdoor.core.readers.socketio import SocketIoReader
from stormdoor.core.readers.socketio_msgpack import SocketIoMsgpackReader
from stormdoor.core.readers.sockjs import SockJsReader
from stormdoor.core.readers.yjs import YjsReader

__all__ = ["FORMATS", "POINTED", "make_reader"]

_MAKERS: dict[str, Callable[[tuple[str, ...], str | None], TypeReader]] = {
    "json": lambda steps, _: JsonReader(steps),
    "jupyter": lambda _, subprotocol: JupyterReader(subprotocol),
    "socketio": lambda *_: SocketIoReader(),
    "socketio-msgpack": lambda *_: SocketIoMsgpackReader(),
    "sockjs": lambda steps, _: SockJsReader(steps),
    "bokeh": lambda *_: BokehReader(),
    "yjs": lambda *_: YjsReader(),
    "opaque": lambda *_: OpaqueReader(),
}

FORMATS = tuple(_MAKERS)
"""Names of all formats."""
POINTED = frozenset({"json", "sockjs"})
"""Formats of messages with a type at a place that the application chooses."""


def make_reader(name: str, steps: tuple[str, ...], subprotocol: str | None) -> TypeReader:
    """Return a reader for one connection.

    Args:
        name: One of `FORMATS`.
        steps: The place of the type, for those in `POINTED`.
        subprotocol: The subprotocol that the server has selected.
    """
    return _MAKERS[name](steps, subprotocol)
