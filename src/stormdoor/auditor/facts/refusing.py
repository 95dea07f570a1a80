"""Where a connection can be refused that is no handler of Tornado's: it has no `prepare()`."""

from stormdoor.auditor.judging.endpoint import Endpoint

__all__ = ["where_to_refuse"]

_SOCKET_IO = (
    "Refuse in the handler of `connect`: return False, or raise `ConnectionRefusedError`; events of whoever "
    "was refused come to nobody. To refuse before the 101, serve a class that derives from "
    "`socketio.get_tornado_handler(server)` and raises `HTTPError(401)` in its `prepare()`."
)
_SOCKJS = (
    "Refuse in `on_open()`, before anything is sent or joined: return False, or call `close()` and return; "
    "and test in `on_message()` that the client is known. A SockJS connection has no `prepare()`."
)


def where_to_refuse(endpoint: Endpoint) -> str:
    """What is to be done in place of `prepare()`; empty for a handler of Tornado's."""
    connection = endpoint.hierarchy.connection(endpoint.info)
    if connection is None:
        return ""
    return _SOCKET_IO if connection[0].startswith("socketio.") else _SOCKJS
