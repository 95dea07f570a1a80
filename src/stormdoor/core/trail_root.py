"""Entries of the root chain, which records the heads of the other chains of a trail.

A store that several nodes share has one chain for each start of a node, so that no node waits for another. An
attacker who removes a whole chain, or its end, must also change the root chain.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from stormdoor.core.event import Entry, commitment, link

__all__ = ["ROOT", "ChainHead", "recorded_head", "seal_head"]

ROOT = 0
"""The number of the root chain."""

_NAME = "trail_head"
_PERSONAL = b"{}"


class ChainHead(NamedTuple):
    """The newest entry of a chain at some moment.

    Attributes:
        chain: The number of the chain.
        seq: The position of the entry in it.
        hash: The hash of the entry, hex.
    """

    chain: int
    seq: int
    hash: str


class _Body(msgspec.Struct):
    """The public part. INVARIANT: fields in alphabetical order, which makes its JSON canonical."""

    chain: int
    hash: str
    name: str
    seq: int
    time: float


_decode = msgspec.json.Decoder(_Body).decode


def seal_head(
    head: ChainHead, *, time: float, after: tuple[int, str], salt: bytes, key: bytes | None
) -> Entry:
    """Return the entry of the root chain that records `head`.

    Args:
        head: The head of another chain.
        time: Unix seconds.
        after: `seq` and hash of the last entry of the root chain.
        salt: 16 random bytes.
        key: Secret of the chains, or None.

    Raises:
        ConfigurationError: The key is empty.
        ValueError: A hash or the salt is malformed.
    """
    seq, previous = after[0] + 1, after[1]
    body = msgspec.json.encode(_Body(head.chain, head.hash, _NAME, head.seq, time))
    committed = commitment(salt.hex(), _PERSONAL)
    linked = link(previous, seq, body, committed, key)
    return Entry(seq, body, _PERSONAL, salt.hex(), committed, previous, linked, chain=ROOT)


def recorded_head(entry: Entry) -> ChainHead | None:
    """Return the head that an entry of the root chain records; None if the entry is damaged."""
    try:
        body = _decode(entry.body)
    except (msgspec.DecodeError, TypeError, UnicodeDecodeError):
        return None
    return ChainHead(body.chain, body.seq, body.hash)
