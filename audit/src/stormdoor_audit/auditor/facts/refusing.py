"""The fix of a missing authentication for connections that have no `prepare()`."""

from stormdoor_audit.auditor.judging.endpoint import Endpoint

__all__ = ["where_to_refuse"]

_SOCKET_IO = (
    "Refuse in the handler of `connect`: return False, or raise `ConnectionRefusedError`; events of a "
    "refused client are dropped. To refuse before the 101, serve a class that derives from "
    "`socketio.get_tornado_handler(server)` and raises `HTTPError(401)` in its `prepare()`."
)
_SOCKJS = (
    "Refuse in `on_open()`, before the handler sends data: return False, or call `close()` and return; "
    "and test in `on_message()` that the client is authenticated. A SockJS connection has no `prepare()`."
)


def where_to_refuse(endpoint: Endpoint) -> str:
    """Return the fix for a Socket.IO or SockJS connection; "" for a handler of Tornado."""
    connection = endpoint.hierarchy.connection(endpoint.info)
    if connection is None:
        return ""
    return _SOCKET_IO if connection[0].startswith("socketio.") else _SOCKJS
