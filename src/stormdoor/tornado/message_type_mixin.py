"""Mixin between the guard and a handler: each type of message needs its own permission."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, ClassVar

from tornado.websocket import WebSocketClosedError

from stormdoor.core.frame import BINARY, TEXT
from stormdoor.guard.connection import Connection
from stormdoor.guard.message_permissions import MessagePermissions
from stormdoor.guard.message_types import MessageTypes, TypeRefused, is_offence
from stormdoor.tornado.outbound_mixin import OutboundMixin

__all__ = ["MessageTypeMixin", "route_groups"]


def route_groups(handler: Any) -> str:
    """Return the groups of the route, as the handler gets them, joined by slashes."""
    named = [value for _, value in sorted(handler.path_kwargs.items())]
    return "/".join(one for one in (*handler.path_args, *named) if one)


class MessageTypeMixin(OutboundMixin):
    """Drops a message before the handler gets it, unless its type is permitted.

    It comes after `RawGuardMixin`, which has charged the message and checked the permission of the endpoint.
    """

    _door_messages: ClassVar[MessagePermissions]
    _door_types: MessageTypes | None = None
    _door_used_at = 0.0
    """Monotonic seconds of the last message that was delivered."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Skip the application's hook: the class that `protect` makes is not a class of the application."""

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Deliver the message unchanged, or refuse it."""
        connection = self._door_admitted
        if connection is None:
            return None
        types = self._door_types
        if types is None:
            types = self._door_types = MessageTypes(
                self._door_messages, self.selected_subprotocol, route_groups(self)
            )
        refused = types.check(connection, message, self._door_guard.clock.now())
        if refused is None:
            self._door_used_at = connection.last_message
            delivered: Awaitable[None] | None = super().on_message(message)
            return delivered
        # Like a refused command, it does not prolong the login.
        connection.forget_use(max(self._door_used_at, connection.renewed_at))
        self._door_refuse_type(connection, types, refused)
        return None

    def _door_refuse_type(
        self, connection: Connection, types: MessageTypes, refused: TypeRefused
    ) -> None:
        if refused.refusal is None:
            return
        guard, declared = self._door_guard, self._door_messages
        refusal = refused.refusal
        offence = is_offence(refusal)
        if guard.inbound.reject(
            connection, refusal, permission=refused.permission, offence=offence
        ):
            return
        if refused.fatal or declared.refused == "close":
            guard.registry.end(connection, refusal)
            return
        if declared.answer is None and offence:
            return  # what it asks for is not known
        try:
            for one in types.answers():
                payload, opcode = (one.encode(), TEXT) if isinstance(one, str) else (one, BINARY)
                self._door_post(connection, payload, self._door_check_deadline(connection), opcode)
        except WebSocketClosedError:
            pass  # its client does not read
