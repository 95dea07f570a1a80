"""The facts about a guarded class that each of its sockets shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stormdoor.core.applied_limits import AppliedLimits
from stormdoor.guard.actions import Actions, BinaryActions
from stormdoor.guard.endpoint import Endpoint
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.handshake_parser import HandshakeParser

__all__ = ["HandlerFacts", "InFront"]


class InFront:
    """Base of the class in front of a handler: `super(InFront, handler)` has the handler's own methods."""


@dataclass(frozen=True, slots=True)
class HandlerFacts:
    """The facts about a guarded class.

    Attributes:
        name: The name of the handler's class.
        guard: The guard that decides.
        endpoint: The declared endpoint.
        limits: The limits of the endpoint.
        parser: Parses requests into handshakes.
        declares: Whether the handler is a `GuardedHandler`.
        fast: Whether the fast protocol may replace Tornado's.
        own: Names of the methods that the handler overrides, among those of `guarded_class`.
        socket: The class of the sockets, a `GuardedSocket`.
        message_permission: The permission for each message; None if the handler has actions.
        actions: The actions of the handler.
        binary_actions: The same, for MessagePack.
        before_prepare: Called before the `prepare` of the handler, with the socket and the handler. It raises
            `Finish` after a refusal.
    """

    name: str
    guard: Guard
    endpoint: Endpoint
    limits: AppliedLimits
    parser: HandshakeParser
    declares: bool
    fast: bool
    own: frozenset[str]
    socket: type[Any]
    message_permission: str | None = None
    actions: Actions | None = None
    binary_actions: BinaryActions | None = None
    before_prepare: Callable[[Any, Any], None] | None = None

    @property
    def checks_origin(self) -> bool:
        """Whether `check_origin` of the handler decides: the endpoint is public, or the method its own."""
        return self.endpoint.public is not None or "check_origin" in self.own
