"""Decides about messages by their types, for handlers that decode their messages themselves.

A reader (`stormdoor.core.readers`) finds the types in a message. The principal needs the permission of each,
with its present roles, as for an action of a command-based handler.
"""

from __future__ import annotations

from stormdoor.core.decision import Resource
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.readers import TypeReader, Unreadable, make_reader
from stormdoor.guard.connection import Connection
from stormdoor.guard.message_permissions import MessagePermissions

__all__ = ["MessageTypes", "TypeRefused", "is_offence"]

_REASON = "your roles do not permit messages of this type"


class TypeRefused:
    """A message that was refused for its type.

    Attributes:
        refusal: The denial and its detail; None for a further frame of a refused message.
        permission: The missing permission, or an empty text.
        fatal: True if the handler has begun to receive the message, so that the connection has to end.
    """

    __slots__ = ("fatal", "permission", "refusal")

    def __init__(
        self, refusal: Refusal | None = None, permission: str = "", *, fatal: bool = False
    ) -> None:
        self.refusal = refusal
        self.permission = permission
        self.fatal = fatal


class MessageTypes:
    """Decides about the messages of one connection by their types.

    Args:
        declared: The permission of each type.
        subprotocol: The subprotocol that the server has selected; None without one.
        resource_id: Id of the resource, from the groups of the route; None if it has none.

    Attributes:
        used_at: Monotonic seconds of the last message that was delivered.
    """

    __slots__ = ("_declared", "_reader", "_refused", "_resource", "_types", "used_at")

    def __init__(
        self, declared: MessagePermissions, subprotocol: str | None, resource_id: str | None
    ) -> None:
        self._declared = declared
        self._reader: TypeReader = make_reader(declared.format, declared.steps, subprotocol)
        self._resource = (
            None if declared.resource is None else Resource(declared.resource, resource_id or "")
        )
        self._types: tuple[str, ...] = ()
        self.used_at = 0.0
        self._refused = False
        """Whether the present message was refused, so that its further frames are dropped."""

    def check(self, connection: Connection, message: str | bytes, now: float) -> TypeRefused | None:
        """Return None if the handler may receive the message of a socket, at `now` (Unix seconds)."""
        try:
            types = self._reader.read(message)
        except Unreadable as error:
            return _unreadable(error)
        if types is None:
            if self._refused:
                return TypeRefused()
            # Roles may have changed since the first frame. The handler acts on the last one.
            refused = self._decide(connection, self._types, now)
            if refused is not None:
                refused.fatal = True
            return refused
        if not types:
            return None
        self._types = types
        refused = self._decide(connection, types, now)
        self._refused = refused is not None
        return refused

    def answers(self) -> tuple[str | bytes, ...]:
        """Return the answers to a refused message: the declared one, or those of its protocol."""
        if self._declared.answer is not None:
            return (self._declared.answer,)
        return self._reader.answers(_REASON)

    def check_body(self, connection: Connection, body: bytes, now: float) -> TypeRefused | None:
        """Return None if the handler of an HTTP transport may receive a body, at `now` (Unix seconds)."""
        try:
            types = self._reader.read_body(body)
        except Unreadable as error:
            return _unreadable(error)
        return self._decide(connection, types, now)

    def _decide(
        self, connection: Connection, types: tuple[str, ...], now: float
    ) -> TypeRefused | None:
        for type in types:
            try:
                permission = self._declared.required(type, self._reader.general(type))
            except Unreadable as error:
                return _unreadable(error)
            if permission is None:
                return TypeRefused(
                    Refusal(
                        Denial.FORBIDDEN,
                        f"{self._declared.shown(type)} is not declared, and there is no default",
                    )
                )
            if permission in connection.allowed:
                continue
            decision = connection.decide(permission, self._resource, now)
            if not decision.allowed:
                return TypeRefused(
                    Refusal(
                        Denial.STEP_UP if decision.needs else Denial.FORBIDDEN,
                        f"{self._declared.shown(type)}: {decision.reason}",
                        policy_ids=decision.policy_ids,
                        needs=decision.needs,
                    ),
                    permission,
                )
        return None


def is_offence(refusal: Refusal) -> bool:
    """Return whether a refusal by type counts for `limits.offences`.

    The page of an application does not know the permissions of a viewer: each move of a slider is a message.
    Such messages are dropped, and `limits.messages` bounds them. No page sends a message that cannot be read.
    """
    return refusal.denial is Denial.INVALID_MESSAGE


def _unreadable(error: Unreadable) -> TypeRefused:
    return TypeRefused(Refusal(Denial.INVALID_MESSAGE, f"the type of a message: {error}"))
