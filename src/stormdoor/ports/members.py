"""The nodes of an installation."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Members"]


class Members(Protocol):
    """The nodes, which are processes with a guard, and the time at which each was last alive.

    In doubt, repeat the call.
    """

    async def renew_member(self, node: str, now: float) -> None:
        """Record that this node is alive at `now` (Unix seconds)."""
        ...

    async def members(self, alive_since: float) -> list[str]:
        """Return the nodes that were alive at `alive_since` (Unix seconds) or later, sorted."""
        ...

    async def remove_member(self, node: str) -> None:
        """Remove a node that shuts down."""
        ...
