"""The declaration of an application about one WebSocket endpoint."""

from __future__ import annotations

from dataclasses import dataclass

from stormdoor.core.applied_limits import AppliedLimits
from stormdoor.core.permission import check_permission
from stormdoor.errors import ConfigurationError
from stormdoor.guard.message_permissions import MessagePermissions

__all__ = ["Endpoint", "Public", "public"]


@dataclass(frozen=True, slots=True)
class Public:
    """Marks an endpoint as public, with the reason."""

    reason: str


def public(reason: str) -> Public:
    """Declare an endpoint public: no credential is required or read.

    Args:
        reason: Reason why it is public. The start-up check reports it.

    Raises:
        ConfigurationError: No reason was given.
    """
    if len(reason.strip()) < 5:
        raise ConfigurationError(
            'public() needs a reason; write public("prices are published anyway")'
        )
    return Public(reason.strip())


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One declared endpoint.

    Attributes:
        name: The handler's qualified name, for the operator.
        permission: The permission that a principal needs to connect; None if public or undeclared.
        public: The reason why it is public; None if it is not.
        first_message: Whether a client may send its credential in the first message, not in the handshake.
        receive_only: Whether a connection outlives the idle time of its login (see `GuardedHandler`).
        limits: The limits of its connections and messages; None for those of a handler of commands.
        freshness: Greatest age in seconds of the revocations that the node has applied; 0.0 for the lease of
            the node (see `stormdoor.core.lease`).
        messages: The permission of each type of message; None if there are none.
    """

    name: str
    permission: str | None = None
    public: Public | None = None
    first_message: bool = False
    receive_only: bool = False
    limits: AppliedLimits | None = None
    freshness: float = 0.0
    messages: MessagePermissions | None = None

    @classmethod
    def declare(
        cls,
        name: str,
        declared: str | Public | None,
        *,
        first_message: bool = False,
        receive_only: bool = False,
        limits: AppliedLimits | None = None,
        freshness: float = 0.0,
        messages: MessagePermissions | None = None,
    ) -> Endpoint:
        """Return the endpoint that a handler or `protect` declares.

        Raises:
            PolicyError: The permission is not well formed.
        """
        if isinstance(declared, Public):
            return cls(name, None, declared, limits=limits, freshness=freshness, messages=messages)
        if declared is None:
            return cls(name)
        return cls(
            name,
            check_permission(declared),
            None,
            first_message,
            receive_only,
            limits,
            freshness,
            messages,
        )

    @property
    def declared(self) -> bool:
        """Return whether the endpoint has a permission or is declared public."""
        return self.permission is not None or self.public is not None
