"""Convert events to entries, for every store."""

import secrets
from collections.abc import Sequence

from stormdoor.core.event import Entry, Event, chain

__all__ = ["seal_all"]


def seal_all(
    events: Sequence[Event], *, after: tuple[int, str], key: bytes | None
) -> list[tuple[Event, Entry]]:
    """Return the entries that continue the chain, each with its event.

    Args:
        events: The events, in order.
        after: `seq` and hash of the last entry.
        key: Secret of the chain, or None.
    """
    return chain(events, secrets.token_bytes(16 * len(events)), after=after, key=key)
