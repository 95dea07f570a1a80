"""From events to entries, for every store."""

import secrets
from collections.abc import Sequence

from stormdoor.core.event import Entry, Event, seal

__all__ = ["seal_all"]


def seal_all(events: Sequence[Event], *, after: tuple[int, str], key: bytes | None) -> list[Entry]:
    """The entries that continue the chain.

    Args:
        events: What happened, in order.
        after: `seq` and hash of the last entry.
        key: Secret of the chain, or None.
    """
    seq, previous = after
    entries = []
    for event in events:
        seq += 1
        entry = seal(event, seq=seq, previous=previous, salt=secrets.token_hex(16), key=key)
        entries.append(entry)
        previous = entry.hash
    return entries
