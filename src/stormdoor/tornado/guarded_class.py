"""Derive the class of a guarded endpoint from the application's handler class."""

from __future__ import annotations

import functools
import types
from typing import cast

from tornado.websocket import WebSocketHandler

from stormdoor.errors import ConfigurationError
from stormdoor.guard.actions import BinaryActions
from stormdoor.guard.endpoint import Endpoint
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.answers import ANSWERING
from stormdoor.tornado.command_mixin import BinaryGuardMixin, CommandGuardMixin
from stormdoor.tornado.declare import MSGPACK, GuardedHandler, has_own_protocol
from stormdoor.tornado.fast import fits_handler
from stormdoor.tornado.guard_mixin import GuardMixin, RawGuardMixin
from stormdoor.tornado.handshake_mixin import HANDLER_CLASS, DeclaredHandlerMixin, HandshakeMixin
from stormdoor.tornado.handshake_parser import HandshakeParser
from stormdoor.tornado.message_type_mixin import MessageTypeMixin
from stormdoor.tornado.outbound_mixin import OutboundMixin
from stormdoor.tornado.traced_mixin import socket_mixins

__all__ = ["guarded_class"]

_ASKED = ("check_origin", "clear", "get_current_user", "get", "max_message_size", *ANSWERING)
"""The methods of which the mixins ask whether the handler overrides them."""
_BEFORE_SOCKET = ("initialize", "prepare", "get", "_execute")
"""Methods that Tornado calls before the 101."""


def guarded_class(
    handler: type[WebSocketHandler], endpoint: Endpoint, guard: Guard, parser: HandshakeParser
) -> type[GuardMixin]:
    """Return a subclass of `handler` in which `guard` decides about handshakes and messages.

    Args:
        handler: The application's class. It is not changed.
        endpoint: The declared endpoint.
        guard: The guard that decides.
        parser: Reads the facts of a handshake from a request.
    """
    facts: dict[str, object] = {
        "__module__": handler.__module__,
        "__qualname__": handler.__qualname__,
        "__doc__": handler.__doc__,
        "__class__": HANDLER_CLASS,
        "_door_handler": handler,
        "get": _named(handler),
        "_door_guard": guard,
        "_door_endpoint": endpoint,
        "_door_limits": endpoint.limits
        or guard.limits.applied(own_protocol=has_own_protocol(handler)),
        "_door_parser": parser,
        "_door_fast": guard.fast and fits_handler(handler, GuardedHandler),
        "_door_answers": any(_overrides(handler, name) for name in _BEFORE_SOCKET),
        "_door_own": frozenset(name for name in _ASKED if _overrides(handler, name)),
    }
    mixins: tuple[type[HandshakeMixin], ...]
    if not issubclass(handler, GuardedHandler):
        mixins = (RawGuardMixin,)
        facts["_door_message_permission"] = endpoint.permission
    elif handler.actions is None:
        mixins = (DeclaredHandlerMixin, RawGuardMixin)
        facts["_door_message_permission"] = handler.message_permission or endpoint.permission
    elif MSGPACK in handler.encodings:
        mixins = (DeclaredHandlerMixin, BinaryGuardMixin)
        facts["_door_actions"] = BinaryActions(handler.actions, guard.limits.message_depth)
    else:
        mixins = (DeclaredHandlerMixin, CommandGuardMixin)
    typed: tuple[type[OutboundMixin], ...] = ()
    if endpoint.messages is not None:
        if RawGuardMixin not in mixins:
            raise ConfigurationError(
                f"messages: {handler.__qualname__} reads commands; write the permission into each @action"
            )
        typed = (MessageTypeMixin,)
        facts["_door_messages"] = endpoint.messages
    traced = socket_mixins(guard.tracing, raw=RawGuardMixin in mixins)
    bases = (*traced, *mixins, *typed, *_before_tornado(handler), OutboundMixin)
    return cast(
        type[GuardMixin],
        types.new_class(handler.__name__, bases, {}, lambda namespace: namespace.update(facts)),
    )


def _before_tornado(handler: type[WebSocketHandler]) -> list[type]:
    """Return the classes of the application that come before Tornado's in the order of `handler`.

    INVARIANT: the guarded class has them as bases in front of `OutboundMixin`. So `OutboundMixin` comes after
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


def _named(handler: type[WebSocketHandler]) -> types.FunctionType:
    """Return the guard's `get` with the name of the handler's `get`, which tracing tools show."""
    code = cast(types.FunctionType, HandshakeMixin.get)
    get = types.FunctionType(code.__code__, code.__globals__, "get", None, code.__closure__)
    if _overrides(handler, "get"):
        return cast(types.FunctionType, functools.update_wrapper(get, handler.get))
    get.__module__, get.__qualname__ = handler.__module__, f"{handler.__qualname__}.get"
    return get


def _overrides(handler: type[WebSocketHandler], name: str) -> bool:
    return getattr(handler, name) is not getattr(WebSocketHandler, name)
