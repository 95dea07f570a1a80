"""The root chain of the trail on PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from stormdoor.core.event import Entry, Event
from stormdoor.core.trail_root import ROOT, ChainHead, seal_head
from stormdoor.stores.postgresql.trail_rows import ADD_ENTRIES, columns, month_of
from stormdoor.stores.postgresql.transaction import Transaction

__all__ = ["record_heads"]

_STALE_SECONDS: Final = 30.0
"""Seconds after which a head that is not recorded belongs to a process that ended without recording it."""

_ROOT: Final = f"""
SELECT head_seq, head_hash, month, extract(epoch FROM clock_timestamp())::float8
FROM trail_chain WHERE id = {ROOT} FOR UPDATE
"""  # noqa: S608 - a constant
# SKIP LOCKED: the owner of a locked chain records it itself. So no two transactions wait for each other.
_DUE: Final = f"""
SELECT id, head_seq, head_hash FROM trail_chain
WHERE id = ANY(?::bigint[]) OR (id <> {ROOT} AND head_seq > rooted_seq AND rooted_at < ?)
ORDER BY id FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - a constant
_ADD: Final = ADD_ENTRIES.format(number="NULL")
_RECORDED: Final = """
UPDATE trail_chain SET rooted_seq = ?, rooted_in = ?, rooted_at = ? WHERE id = ?
"""
_MOVE: Final = f"""
UPDATE trail_chain SET head_seq = ?, head_hash = ?, month = ? WHERE id = {ROOT}
"""  # noqa: S608 - a constant


async def record_heads(
    transaction: Transaction, chains: int | Sequence[int], key: bytes | None
) -> None:
    """Record the heads of chains, and those that ended processes have left, in the root chain.

    The partition of the server's present month must exist. The root chain is locked until the commit.

    Args:
        transaction: It has locked the rows of `chains`.
        chains: The numbers of the chains.
        key: Secret of the chains, or None.
    """
    asked = [chains] if isinstance(chains, int) else list(chains)
    ((seq, before, month, now),) = await transaction.rows(_ROOT)
    month = max(month, month_of(now))
    made: list[tuple[Event, Entry]] = []
    recorded = []
    for id, head_seq, head_hash in await transaction.rows(_DUE, asked, now - _STALE_SECONDS):
        entry = seal_head(
            ChainHead(id, head_seq, head_hash),
            time=now,
            after=(seq, before),
            salt=secrets.token_bytes(16),
            key=key,
        )
        seq, before = entry.seq, entry.hash
        made.append((entry.event, entry))
        recorded.append((head_seq, seq, now, id))
    if made:
        await transaction.change(_ADD, ROOT, *columns([month] * len(made), made))
        await transaction.change_many(_RECORDED, recorded)
        await transaction.change(_MOVE, seq, before, month)
