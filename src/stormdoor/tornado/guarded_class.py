"""Derive the class of a guarded endpoint from the application's handler class."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, cast

from tornado.websocket import WebSocketHandler

from stormdoor.errors import ConfigurationError
from stormdoor.guard.actions import BinaryActions
from stormdoor.guard.endpoint import Endpoint
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.answers import ANSWERING
from stormdoor.tornado.declare import MSGPACK, GuardedHandler, has_own_protocol
from stormdoor.tornado.fast import fits_handler
from stormdoor.tornado.handshake_parser import HandshakeParser
from stormdoor.tornado.socket.commands import BinarySocket, CommandSocket
from stormdoor.tornado.socket.facts import HandlerFacts
from stormdoor.tornado.socket.guarded import GuardedSocket, RawSocket, TypedSocket
from stormdoor.tornado.socket.handler import (
    CURRENT_USER,
    HANDLER_CLASS,
    HandlerCalls,
    HandlerOutput,
    make_get,
)
from stormdoor.tornado.traced import decision_mixins, traced_socket

__all__ = ["guarded_class"]

_ASKED = ("check_origin", "clear", "get_current_user", "get", "max_message_size", *ANSWERING)
"""The methods of which the socket asks whether the handler overrides them."""
_BEFORE_SOCKET = ("initialize", "prepare", "get", "_execute")
"""Methods that Tornado calls before the 101."""


def guarded_class(
    handler: type[WebSocketHandler],
    endpoint: Endpoint,
    guard: Guard,
    parser: HandshakeParser,
    before_prepare: Callable[[Any, Any], None] | None = None,
) -> type[HandlerCalls]:
    """Return a subclass of `handler` in which `guard` decides about handshakes and messages.

    Args:
        handler: The application's class. It is not changed.
        endpoint: The declared endpoint.
        guard: The guard that decides.
        parser: Reads the facts of a handshake from a request.
        before_prepare: See `HandlerFacts`.
    """
    declaring = handler if issubclass(handler, GuardedHandler) else None
    actions = None if declaring is None else declaring.actions
    permission = None if declaring is None else declaring.message_permission
    kind = _kind(handler, endpoint)
    depth = guard.limits.message_depth
    facts = HandlerFacts(
        name=handler.__qualname__,
        guard=guard,
        endpoint=endpoint,
        limits=endpoint.limits or guard.limits.applied(own_protocol=has_own_protocol(handler)),
        parser=parser,
        declares=declaring is not None,
        fast=guard.fast and fits_handler(handler, GuardedHandler),
        own=frozenset(name for name in _ASKED if _overrides(handler, name)),
        socket=traced_socket(kind, guard.tracing),
        message_permission=None if actions else permission or endpoint.permission,
        actions=actions,
        binary_actions=BinaryActions(actions, depth) if actions and kind is BinarySocket else None,
        before_prepare=before_prepare,
    )
    namespace: dict[str, object] = {
        "__module__": handler.__module__,
        "__qualname__": handler.__qualname__,
        "__doc__": handler.__doc__,
        "__class__": HANDLER_CLASS,
        "get": make_get(handler, overrides="get" in facts.own),
        "_door_answers": any(_overrides(handler, name) for name in _BEFORE_SOCKET),
        "_door_endpoint": endpoint,
        "_door_facts": facts,
        "_door_guard": guard,
        "_door_handler": handler,
        "_door_undecided": "deferred",
    }
    if facts.declares:
        namespace["current_user"] = CURRENT_USER
    in_front = (*decision_mixins(guard.tracing), HandlerCalls)
    bases = (*in_front, *_before_tornado(handler), HandlerOutput)
    return cast(
        type[HandlerCalls],
        types.new_class(handler.__name__, bases, {}, lambda made: made.update(namespace)),
    )


def _kind(handler: type[WebSocketHandler], endpoint: Endpoint) -> type[GuardedSocket]:
    """Return the kind of the sockets of a handler.

    Raises:
        ConfigurationError: Its commands have permissions of their own, and `endpoint` has others.
    """
    if not issubclass(handler, GuardedHandler) or handler.actions is None:
        return RawSocket if endpoint.messages is None else TypedSocket
    if endpoint.messages is not None:
        raise ConfigurationError(
            f"messages: {handler.__qualname__} reads commands; write the permission into each @action"
        )
    return BinarySocket if MSGPACK in handler.encodings else CommandSocket


def _before_tornado(handler: type[WebSocketHandler]) -> list[type]:
    """Return the classes of the application that come before Tornado's in the order of `handler`.

    INVARIANT: the guarded class has them as bases in front of `HandlerOutput`. So `HandlerOutput` comes after
    every override of the application, directly before `WebSocketHandler`. If only `handler` were in front of
    it, it would come before the bases of `handler`.

    Classes without a method of handlers are left out; one of them, `typing.Protocol`, cannot be a base here.
    """
    order = handler.__mro__
    return [
        one
        for one in order[: order.index(WebSocketHandler)]
        if issubclass(one, WebSocketHandler)
        or any(hasattr(WebSocketHandler, name) for name in vars(one) if not name.startswith("__"))
    ]


def _overrides(handler: type[WebSocketHandler], name: str) -> bool:
    return getattr(handler, name) is not getattr(WebSocketHandler, name)
