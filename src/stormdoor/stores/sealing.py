"""Convert events to entries, for every store."""

import secrets
from collections.abc import Sequence

from stormdoor.core.event import Entry, Event, chain

__all__ = ["CHAIN", "RECENT", "seal_all"]

CHAIN = 1
"""The number of the chain in a store that has only one."""

RECENT = 100_000
"""Entries at the end of the trail among which a batch that is in doubt is searched."""


def seal_all(
    events: Sequence[Event],
    *,
    after: tuple[int, str],
    key: bytes | None,
    batch: bytes | None = None,
) -> list[tuple[Event, Entry]]:
    """Return the entries that continue the chain, each with its event.

    Args:
        events: The events, in order.
        after: `seq` and hash of the last entry.
        key: Secret of the chain, or None.
        batch: The salt of the first entry, or None for a random one.
    """
    salts = secrets.token_bytes(16 * len(events))
    if batch is not None:
        salts = batch + salts[len(batch) :]
    return chain(events, salts, after=after, key=key)
