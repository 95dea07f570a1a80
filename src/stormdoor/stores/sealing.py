"""From events to entries, for every store."""

import secrets
from collections.abc import Sequence

import msgspec

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
        salt = secrets.token_hex(16)
        try:
            entry = seal(event, seq=seq, previous=previous, salt=salt, key=key)
        except UnicodeEncodeError:
            readable = _without_surrogates(event)
            entry = seal(readable, seq=seq, previous=previous, salt=salt, key=key)
        entries.append(entry)
        previous = entry.hash
    return entries


def _without_surrogates(event: Event) -> Event:
    """The event with lone surrogates written out.

    JSON from a client can make such text. It must not be a way to keep an event out of the trail.
    """
    return msgspec.convert(_readable(msgspec.to_builtins(event)), Event)


def _readable(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {name: _readable(each) for name, each in value.items()}
        case list() | tuple():
            return [_readable(each) for each in value]
        case _:
            return value
