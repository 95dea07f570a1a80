"""The permission of each type of message of a handler, as the application declares it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from stormdoor.core.permission import check_permission
from stormdoor.core.readers import FORMATS, Unreadable
from stormdoor.core.readers.formats import POINTED
from stormdoor.core.readers.strict_json import parse_pointer
from stormdoor.errors import ConfigurationError
from stormdoor.settings.section import close_match

__all__ = ["MessagePermissions"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MessagePermissions:
    """The permission of each type of message of a handler.

    Attributes:
        format: How messages are read: "json", "jupyter", "socketio", "socketio-msgpack", "sockjs", "bokeh",
            "yjs" or "opaque".
        type: For "json" and "sockjs", the place of the type in a message, as a JSON pointer (RFC 6901):
            "/type", "/header/kind", or "/0" for the first element of an array.
        permissions: The permission by type.
        default: The permission of every other type; None to refuse them.
        refused: What happens after a refused message: "drop" (the connection stays open, unless there are too
            many that cannot be read, `limits.offences`) or "close" (3003, or 1008 if it cannot be read).
        answer: A text that the client gets as the answer to a refused message; None for no answer.
        resource: The kind of resource that the permissions are about. Its id is what the groups of the route
            contain, such as the id of a kernel. None for no resource.

    Raises:
        ConfigurationError: An option is wrong; the message begins with its name.
        PolicyError: A permission is not well formed.
    """

    format: str
    type: str | None = None
    permissions: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None
    refused: Literal["drop", "close"] = "drop"
    answer: str | None = None
    resource: str | None = None
    steps: tuple[str, ...] = field(init=False, repr=False)
    folded: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the options, and prepare what each message needs."""
        if self.format not in FORMATS:
            hint = close_match(self.format, FORMATS) or f"; there are: {', '.join(FORMATS)}"
            raise ConfigurationError(f"format: there is no {self.format!r}{hint}")
        if (self.type is not None) != (self.format in POINTED):
            raise ConfigurationError(
                f"type: the format {self.format!r} has its own place; leave type out"
                if self.type
                else f'type: the format {self.format!r} needs one; write type = "/type"'
            )
        try:
            steps = () if self.type is None else parse_pointer(self.type)
        except ValueError:
            raise ConfigurationError(
                f'type: {self.type!r} is not a JSON pointer; write "/type", or "/0" for the first element'
            ) from None
        if not self.permissions and self.default is None:
            raise ConfigurationError(
                "permissions: none is declared, so that each message is refused; write permissions = "
                '{ "ping" = "chat:connect" }'
            )
        if self.refused not in {"drop", "close"}:
            raise ConfigurationError('refused: write "drop" or "close"')
        for permission in (*self.permissions.values(), *filter(None, [self.default])):
            check_permission(permission)
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "folded", frozenset(map(_folded, self.permissions)))

    def required(self, type: str, general: str = "") -> str | None:
        """Return the permission that messages of a type need; None if the type is not declared.

        Args:
            type: The type.
            general: The type that counts where `type` is not declared, from `TypeReader.general`.

        Raises:
            Unreadable: The type resembles a declared one so much that a host might take it for that.
        """
        found = self.permissions.get(type)
        if found is not None:
            return found
        if _folded(type) in self.folded:
            raise Unreadable("a type that resembles a declared one")
        return self.permissions.get(general, self.default)

    def shown(self, type: str) -> str:
        """Return a type for the log and the trail: only a declared one by name, since a client chooses it."""
        if type in self.permissions:
            return f"the message type {type!r}"
        return f"a message type of {len(type)} characters"


def _folded(type: str) -> str:
    """Return a type without differences of case, width and white space."""
    return "".join(unicodedata.normalize("NFKC", type).casefold().split())
