"""The optional capability of an engine with standby servers."""

from __future__ import annotations

from enum import Enum
from typing import Protocol, runtime_checkable

__all__ = ["Confirmation", "Replicated"]


class Confirmation(Enum):
    """The standby servers that a commit waits for.

    Only with `EVERY` does any standby that is promoted have every acknowledged revocation. With `SOME`, one
    that is not promoted goes on to confirm commits of an isolated old primary, which then renews leases.
    """

    NONE = "none"
    SOME = "some"
    EVERY = "every"


@runtime_checkable
class Replicated(Protocol):
    """An engine in which a standby may replace the server (failover)."""

    async def confirmation(self) -> Confirmation:
        """Return which of the standbys that may be promoted confirm each commit, as the server is set now.

        Raises:
            StoreUnavailable: The server does not answer.
        """
        ...
