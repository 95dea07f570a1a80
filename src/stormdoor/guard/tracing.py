"""Interface of a tracing system: spans of handshakes, messages and pages. Without one, no code of it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from stormdoor.errors import ConfigurationError
from stormdoor.guard.connection import Connection

__all__ = ["MessageSpan", "NoteAllowed", "Route", "SpanContext", "Tracing", "check_ratio"]

Route = Callable[[], str]
"""Returns the path pattern of the route; called for recorded spans only."""
NoteAllowed = Callable[[str, str, Sequence[str]], None]
"""Notes that a request is allowed: kind of the credential, permission, and the policies that allow it."""
SpanContext = Any
"""The identity of a span, which other spans refer to. Each system has its own type."""


def check_ratio(message_ratio: float) -> None:
    """Check the share of the messages that begin a span.

    Raises:
        ConfigurationError: It is not a share.
    """
    if not 0.0 <= message_ratio <= 1.0:
        raise ConfigurationError(f"message_ratio must be from 0.0 to 1.0, not {message_ratio}")


class MessageSpan(Protocol):
    """The span of one message. As a context manager, it is the current span of what runs inside."""

    def __enter__(self) -> object:
        """Make it the current span."""

    def __exit__(self, *_: object) -> None:
        """Make the span before it current again. It has not ended."""

    def paused(self) -> None:
        """Note that the message waits, because it came too fast."""

    def acts(self, action: str, permission: str) -> None:
        """Note the action of an allowed message, and the permission that it needed."""

    def end_after(self, result: Awaitable[Any] | None) -> Awaitable[Any] | None:
        """End the span: now, or when `result` is done.

        Returns:
            None, or an awaitable to use in place of `result`.
        """


class Tracing(Protocol):
    """Makes spans. No span holds a secret, a principal or an address."""

    @property
    def traces_messages(self) -> bool:
        """True if messages can have spans."""

    def handshake(
        self, headers: Mapping[str, str], route: Route, undecided: str
    ) -> AbstractContextManager[SpanContext]:
        """Return the span of a handshake, from now until it is decided.

        Args:
            headers: Headers of the request, for the trace context of the client.
            route: Pattern of the route.
            undecided: The decision to note if the trail gets no entry about the request.
        """

    def page(self, headers: Mapping[str, str], route: Route) -> AbstractContextManager[NoteAllowed]:
        """Return the span of a request to an HTTP page, from now until it is decided.

        Args:
            headers: Headers of the request, for the trace context of the client.
            route: Pattern of the route.
        """

    def first_message(
        self, handshake: SpanContext, route: Route
    ) -> AbstractContextManager[SpanContext]:
        """Return the span of the decision about a credential in the first message."""

    def samples_message(self) -> bool:
        """Decide whether the next message has a span, before any work is done for it."""

    def message(
        self, connection: Connection, permission: str, handshake: SpanContext, route: Route
    ) -> MessageSpan | None:
        """Return the span of a message; None if it is not recorded.

        Args:
            connection: The connection that received it.
            permission: The permission that the message needs, if its handler has one for all of them.
            handshake: The span of the handshake, which it refers to.
            route: Pattern of the route.
        """
