"""The actions of a command-based handler, prepared for the hot path."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from stormdoor.core.binary import binary_decoder
from stormdoor.core.bucket import Rate
from stormdoor.core.decision import Resource
from stormdoor.core.in_band import RESERVED
from stormdoor.core.message import Command, decoder
from stormdoor.core.permission import check_permission
from stormdoor.core.requirement import Requirement
from stormdoor.errors import ConfigurationError

__all__ = ["Action", "Actions", "BinaryActions", "ResourceOf"]

ResourceOf = Callable[[Any], Resource | tuple[str, str]]
"""Returns the resource that a command acts upon: a `Resource`, or its type and id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One command and the requirements for sending it.

    Attributes:
        command: The type of the message.
        method: The handler's method, unbound.
        permission: Permission that the principal needs.
        resource: Function that returns the resource, or None if the action has none.
        rate: The limit of this action for one principal on all its connections, or None.
        cost: How many messages it counts as.
        requirement: How fresh and strong the authentication must be, or None.
    """

    command: type[Command]
    method: Callable[[Any, Any], Any]
    permission: str
    resource: ResourceOf | None = None
    rate: Rate | None = None
    cost: float = 1.0
    requirement: Requirement | None = None
    charged: bool = field(init=False)
    """Whether it costs more of the limits than an ordinary message; read on the hot path."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            PolicyError: The permission is not well formed.
            ConfigurationError: The cost is less than one message.
        """
        check_permission(self.permission)
        if self.cost < 1:
            raise ConfigurationError(f"cost must be at least 1, not {self.cost}")
        object.__setattr__(self, "charged", self.rate is not None or self.cost != 1.0)

    @property
    def name(self) -> str:
        """The tag of the command, as it stands in a message."""
        return str(self.command.__struct_config__.tag)


class Actions:
    """All actions of one handler class: the decoder of their union, and the table of their requirements.

    Raises:
        ConfigurationError: Two actions take the same command, or the tags clash or are reserved.
    """

    def __init__(self, name: str, actions: Iterable[Action]) -> None:
        self.table: dict[type[Command], Action] = {}
        for action in actions:
            if action.command in self.table:
                raise ConfigurationError(f"{name}: two actions take {action.command.__name__}")
            if action.name.startswith(RESERVED):
                raise ConfigurationError(
                    f"{name}: {action.name!r} is reserved; choose a tag that does not begin with "
                    f"{RESERVED!r}"
                )
            self.table[action.command] = action
        try:
            self._decoder: msgspec.json.Decoder[Any] = decoder(list(self.table))
        except TypeError as error:
            raise ConfigurationError(
                f"{name}: the commands cannot be told apart: {error}"
            ) from None
        self.decode: Callable[[str | bytes], Command] = self._decoder.decode


class BinaryActions:
    """The same actions, decoded from MessagePack.

    Args:
        actions: The actions.
        depth: Greatest depth of nested arrays and maps.
    """

    def __init__(self, actions: Actions, depth: int) -> None:
        self.table = actions.table
        self.decode = binary_decoder(list(actions.table), depth)
