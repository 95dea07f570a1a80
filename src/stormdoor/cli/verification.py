"""Verify the trail: every entry, from the anchor to the recorded end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormdoor.core.event import verify

if TYPE_CHECKING:
    from stormdoor.ports import TrailStore

__all__ = ["Head", "Verification", "verify_trail"]

Head = tuple[int, str]
"""Position and hash of an entry. Stored elsewhere, it later shows that no entries were removed at the end."""

_PAGE = 1000
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a verification.

    Attributes:
        faults: Errors found; the first one is the earliest.
        anchor: The last entry that retention dropped; number 0 if none was.
        head: The last entry of the trail.
        entries: Number of entries that were verified.
        erased: Number of them without their personal part.
        all_fail: Whether not one entry has a valid seal, which is typical of a wrong key.
    """

    faults: tuple[str, ...]
    anchor: Head
    head: Head
    entries: int
    erased: int
    all_fail: bool


async def verify_trail(
    store: TrailStore,
    *,
    key: bytes | None,
    expected: Head | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Verification:
    """Read the whole trail and compare each entry with the one before it.

    Args:
        store: Store of the trail.
        key: The secret of the chain, or None.
        expected: A head that was noted earlier, and must still be part of the trail.
        progress: Called with the number of entries read, and the number of all entries.
    """
    anchor = await store.trail_anchor()
    # The end is read first: entries that are written during the verification are read, too, but not required.
    recorded = await store.trail_head()
    seq, previous = anchor
    faults: list[str] = []
    seen = {anchor[0]: anchor[1]} if anchor[0] else {}
    read = erased = failed = 0
    while page := await store.entries(after=seq, limit=_PAGE):
        for entry in page:
            fault = verify(entry, seq=seq + 1, previous=previous, key=key)
            if fault is not None:
                failed += 1
                if failed <= _SHOWN:
                    faults.append(fault)
            seq, previous = entry.seq, entry.hash
            read += 1
            erased += entry.personal is None
            if seq in (recorded[0], expected[0] if expected else 0):
                seen[seq] = entry.hash
        progress(seq - anchor[0], recorded[0] - anchor[0])
    if recorded[0] and seen.get(recorded[0]) != recorded[1]:
        faults.append(
            f"the trail was cut off or replaced: its recorded end is {recorded[0]}, "
            f"and the last entry that follows from the first is {seq}"
        )
    if expected is not None:
        faults += _missing(expected, seen.get(expected[0]), anchor, seq)
    if failed > _SHOWN:
        faults.append(f"and {failed - _SHOWN} entries more")
    faults += await store.trail_faults()
    return Verification(
        faults=tuple(faults),
        anchor=anchor,
        head=(seq, previous),
        entries=read,
        erased=erased,
        all_fail=read > 1 and failed == read,
    )


def _missing(expected: Head, found: str | None, anchor: Head, last: int) -> list[str]:
    """Compare the trail with a head that was noted earlier, and return the differences."""
    if expected[0] < anchor[0]:
        gone = f"entry {expected[0]} was dropped by retention, with all up to {anchor[0]}"
        return [f"{gone}; compare with a newer head"]
    if found is None:
        return [f"entry {expected[0]} is missing: the trail ends at {last}, and was longer once"]
    if found != expected[1]:
        return [f"entry {expected[0]} is another than the one that was noted"]
    return []
