"""Recognition of HTTP transports by the structure of handlers and routes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor.tornado.inspection import FoundRoute
from stormdoor.tornado.transports.transport import Transport, path_id, query_id

__all__ = ["Recognised", "engine_server", "recognise", "shared_objects"]

_PLAIN = (str, bytes, int, float, complex, bool, type(None), type, re.Pattern)
_LITERAL = re.compile(r"[\w.-]+")
_HANDSHAKE_ID = re.compile(rb'"sid":\s*("[^"\\]*")|\\"sid\\":\s*\\("[^"\\]*)\\"')


@dataclass(slots=True)
class Recognised:
    """The transports of an application.

    Attributes:
        by_server: The transport of handlers that share a server object with a socket, by the identity of that
            object.
        classes: The handler classes of such transports, by the same identity.
        companions: Handler classes that share the object but have no access to sessions, by the same
            identity.
        by_class: The transport of a WebSocket handler that answers polls as well.
        sockets: The route of the socket that belongs to each server object.
        kept: References to the server objects, so that no identity is used twice.
    """

    by_server: dict[int, Transport] = field(default_factory=dict)
    classes: dict[int, set[type[RequestHandler]]] = field(default_factory=dict)
    companions: dict[int, set[type[RequestHandler]]] = field(default_factory=dict)
    by_class: dict[type[RequestHandler], Transport] = field(default_factory=dict)
    sockets: dict[int, FoundRoute] = field(default_factory=dict)
    kept: list[object] = field(default_factory=list)


def shared_objects(arguments: Mapping[str, Any]) -> Iterator[object]:
    """Return the arguments of a route that several handlers can share as state."""
    for one in arguments.values():
        if not isinstance(one, _PLAIN):
            yield one


def recognise(routes: Iterable[FoundRoute]) -> Recognised:
    """Return the transports among `routes`.

    - A handler and a socket with routes that differ only in the last part of the path (`/xhr`, `/websocket`).
      The routes have one group before it, and get the same object: the group is the id of a session in that
      object. SockJS is built like that.
    - A WebSocket handler that answers plain requests too, and holds a server with a table of `sockets`: the
      id is the argument `sid`. Engine.IO, and so Socket.IO, is built like that.
    """
    found, all_routes = Recognised(), list(routes)
    sockets = [one for one in all_routes if issubclass(one.handler, WebSocketHandler)]
    pages = [one for one in all_routes if not issubclass(one.handler, WebSocketHandler)]
    for socket in sockets:
        server = engine_server(socket.handler)
        if server is not None and socket.handler not in found.by_class:
            found.by_class[socket.handler] = _engine_transport(server)
        for shared in shared_objects(socket.arguments):
            if any(_are_siblings(page, socket, shared) for page in pages):
                _add_server(found, shared, socket, pages)
    return found


def _add_server(
    found: Recognised, server: Any, socket: FoundRoute, pages: Iterable[FoundRoute]
) -> None:
    key = id(server)
    if key in found.by_server:
        return
    found.kept.append(server)
    found.sockets[key] = socket
    found.by_server[key] = _path_transport(server)
    sharing = [
        one for one in pages if any(each is server for each in shared_objects(one.arguments))
    ]
    with_id = {one.handler for one in sharing if _groups(one.pattern)}
    found.classes[key] = with_id | {socket.handler}
    found.companions[key] = {one.handler for one in sharing} - with_id


def _are_siblings(page: FoundRoute, socket: FoundRoute, shared: object) -> bool:
    parent = _parent(socket.pattern)
    return (
        parent is not None
        and parent == _parent(page.pattern)
        and _groups(parent) == 1
        and any(each is shared for each in shared_objects(page.arguments))
    )


def _parent(pattern: str) -> str | None:
    """Return a path pattern without its last part, if that is plain text."""
    parent, _, last = pattern.removesuffix("$").rpartition("/")
    return parent if _LITERAL.fullmatch(last) else None


def _groups(pattern: str) -> int:
    try:
        return re.compile(pattern).groups
    except re.error:
        return 0


def _path_transport(server: Any) -> Transport:
    """Return the transport of sessions from `server.get_session(id)`, if it has such a method."""
    get = getattr(server, "get_session", None)

    def known(id: str) -> bool:
        return callable(get) and get(id) is not None

    def close(id: str) -> None:
        session = get(id) if callable(get) else None
        end = getattr(session, "close", None)
        if callable(end):
            end()

    return Transport(session=path_id, known=known, close=close)


def engine_server(handler: type[RequestHandler]) -> Any | None:
    """Return the server that the methods of `handler` refer to, if it has the form of Engine.IO's."""
    if handler.post is RequestHandler.post:
        return None
    functions = [one for base in handler.__mro__ for one in vars(base).values()]
    for function in functions:
        for cell in getattr(function, "__closure__", None) or ():
            try:
                held = cell.cell_contents
            except ValueError:
                continue
            if (
                isinstance(getattr(held, "sockets", None), Mapping)
                and callable(getattr(held, "handle_request", None))
                and callable(getattr(held, "disconnect", None))
            ):
                return held
    return None


def _engine_transport(server: Any) -> Transport:
    return Transport(
        session=lambda handler: query_id(handler.request.query, "sid"),
        issued=_engine_id,
        known=lambda id: id in server.sockets,
        close=server.disconnect,
    )


def _engine_id(body: bytes) -> str | None:
    """Return the session id in the first packet of an answer, which may be wrapped for JSONP."""
    match = _HANDSHAKE_ID.search(body[:1024])
    if match is None:
        return None
    quoted = match[1] if match[1] is not None else match[2] + b'"'
    try:
        found = json.loads(quoted)
    except ValueError:
        return None
    return found if isinstance(found, str) and found else None
