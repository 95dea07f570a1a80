"""Write revocations to the log again that a failover or a restored backup has lost."""

from __future__ import annotations

import logging

from stormdoor.core.revocation import Revocation
from stormdoor.ports import RevocationLog

__all__ = ["LostRevocations"]

_log = logging.getLogger("stormdoor.supervisor")

_RESTORED_AT_ONCE = 500


class LostRevocations:
    """Revocations that this node knows, and that the log lacks since it was reloaded.

    Args:
        revocations: The log.

    Attributes:
        missing: The revocations.
    """

    def __init__(self, revocations: RevocationLog) -> None:
        self._revocations = revocations
        self.missing: list[Revocation] = []

    async def restore(self) -> None:
        """Write the revocations again that the log had lost when this node reloaded it.

        Raises:
            StoreUnavailable: The store does not answer. The next call writes the rest.
        """
        while self.missing:
            batch = self.missing[:_RESTORED_AT_ONCE]
            added = await self._revocations.restore_revocations(batch)
            self.missing = [one for one in self.missing if one not in batch]
            if added:
                _log.warning("%d revocations that the log had lost are written again", added)
