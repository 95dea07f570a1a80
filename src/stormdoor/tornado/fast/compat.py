"""Parts of Tornado that the protocols depend on: the fast one needs a known version of Tornado and loop."""

from __future__ import annotations

import logging
from functools import cache

import tornado
from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream
from tornado.util import _websocket_mask
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler, WebSocketProtocol, WebSocketProtocol13

from stormdoor.core.frame import Mask, xor_mask

__all__ = ["fits_handler", "fits_tornado", "unmask"]

_log = logging.getLogger("stormdoor.protocol")

unmask: Mask = _websocket_mask if _websocket_mask.__module__ == "tornado.speedups" else xor_mask
"""The fastest function that is installed: Tornado's extension module, but not its substitute in Python."""

_KNOWN = frozenset([(6, 5), (6, 6)])
_RELIED_UPON: tuple[tuple[type, tuple[str, ...]], ...] = (
    (IOStream, ("writing", "write", "close", "closed", "close_fd", "write_to_fd", "_consume")),
    (HTTP1Connection, ("detach",)),
    (RequestHandler, ("detach", "log_exception", "finish")),
    (WebSocketHandler, ("_detach_stream", "on_ws_connection_close", "on_connection_close")),
    (WebSocketProtocol, ("accept_connection", "_abort", "is_closing", "write_ping")),
    (
        WebSocketProtocol13,
        ("_accept_connection", "_handle_websocket_headers", "compute_accept_value", "_write_frame"),
    ),
)
_FIXED = ("_detach_stream", "detach")
"""Methods that the handler must not override."""


@cache
def fits_tornado() -> bool:
    """Return whether the installed Tornado is a tested version, without changes."""
    missing = [
        f"{one.__qualname__}.{name}"
        for one, names in _RELIED_UPON
        for name in names
        if not callable(getattr(one, name, None))
    ]
    if tornado.version_info[:2] in _KNOWN and not missing:
        return True
    _log.warning(
        "Tornado %s is not known to the fast protocol: Tornado's own is used%s",
        tornado.version,
        "".join(f"; {name} is missing" for name in missing),
    )
    return False


def fits_handler(handler: type[WebSocketHandler], *known: type[WebSocketHandler]) -> bool:
    """Return whether `handler` overrides nothing that the fast protocol replaces.

    Args:
        handler: The class of the application.
        known: Classes with a `get_websocket_protocol` that is known to add nothing.
    """
    own = handler.get_websocket_protocol
    if own is not WebSocketHandler.get_websocket_protocol and not any(
        own is one.get_websocket_protocol for one in known
    ):
        return False
    return fits_tornado() and all(
        getattr(handler, name) is getattr(WebSocketHandler, name) for name in _FIXED
    )
