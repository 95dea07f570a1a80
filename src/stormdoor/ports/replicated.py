"""The optional capability of an engine with standby servers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["Replicated"]


@runtime_checkable
class Replicated(Protocol):
    """An engine in which a standby may replace the server (failover)."""

    async def commits_wait_for_standby(self) -> bool:
        """Return whether each commit waits for a named synchronous standby, as the server is set now.

        Only then does a standby that is promoted have every acknowledged revocation, and only then can an
        isolated old primary renew no lease.

        Raises:
            StoreUnavailable: The server does not answer.
        """
        ...
