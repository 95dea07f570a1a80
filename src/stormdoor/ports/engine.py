"""The life of an engine."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Engine"]


class Engine(Protocol):
    """The program or file that stores one or several capabilities."""

    async def open(self) -> None:
        """Connect. An embedded engine brings its schema to the current version; others only check it.

        Raises:
            ConfigurationError: Schema and code do not accept each other.
            StoreUnavailable: The engine does not answer.
        """
        ...

    async def close(self) -> None:
        """Release all files and connections of the engine. Safe to call twice."""
        ...

    async def purge(self, now: float) -> int:
        """Remove sessions, tickets, nonces and pending logins that ended an hour ago.

        An idle session stays until its `expires_at`: connections of receive-only endpoints may belong to it.
        Addresses are removed after `FAMILIAR_SECONDS` without a login.

        Returns:
            The number of removed entries.
        """
        ...
