"""Verify the trail: every entry of every chain, from its anchor to its recorded end.

If there is a root chain, the other chains must have every head that it records, and it must record each of
them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from stormdoor.core.event import Entry, verify
from stormdoor.core.trail_root import ROOT, recorded_head
from stormdoor.ports import TrailChain, TrailStore

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
        anchor: The last entry that retention dropped, of the root chain if there is one; 0 if none was.
        head: The last entry, of the root chain if there is one.
        entries: Number of entries that were verified, without those of the root chain.
        chains: Number of chains, without the root chain.
        erased: Number of entries without their personal part.
        all_fail: Whether not one entry has a valid seal, which is typical of a wrong key.
    """

    faults: tuple[str, ...]
    anchor: Head
    head: Head
    entries: int
    chains: int
    erased: int
    all_fail: bool


@dataclass(slots=True)
class _Walk:
    """The entries of one chain, read so far.

    Attributes:
        seq: Position of the last one.
        previous: Its hash.
        seen: Hash by position, of those positions that are wanted.
    """

    chain: TrailChain
    seq: int
    previous: str
    seen: dict[int, str]
    number: int = 0

    @classmethod
    def of(cls, chain: TrailChain) -> _Walk:
        seq, hashed = chain.anchor
        return cls(chain, seq, hashed, {seq: hashed} if seq else {})


@dataclass(slots=True)
class _Verifier:
    store: TrailStore
    key: bytes | None
    progress: Callable[[int, int], None]
    total: int = 0
    read: int = 0
    counted: int = 0
    erased: int = 0
    failed: int = 0
    faults: list[str] = field(default_factory=list)

    async def walk(
        self,
        walk: _Walk,
        wanted: set[int],
        place: str,
        note: Callable[[Entry], None] = lambda _: None,
    ) -> None:
        """Read the rest of a chain, and compare each entry with the one before it."""
        page: list[Entry] | None = None
        while page is None or len(page) == _PAGE:
            page = await self.store.entries(after=walk.seq, limit=_PAGE, chain=walk.chain.number)
            for entry in page:
                fault = verify(entry, seq=walk.seq + 1, previous=walk.previous, key=self.key)
                if fault is None and walk.chain.number != ROOT and entry.number <= walk.number:
                    fault = f"what lists entry {entry.seq} was changed: a list may miss it"
                if fault is not None:
                    self.failed += 1
                    if self.failed <= _SHOWN:
                        self.faults.append(place + fault)
                walk.seq, walk.previous, walk.number = entry.seq, entry.hash, entry.number
                if entry.seq in wanted:
                    walk.seen[entry.seq] = entry.hash
                note(entry)
            self.read += len(page)
            if walk.chain.number != ROOT:
                self.counted += len(page)
                self.erased += sum([entry.personal is None for entry in page])
                self.progress(self.counted, self.total)


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
        key: The secret of the chains, or None.
        expected: A head that was noted earlier, and must still be part of the trail.
        progress: Called with the number of entries read, and the number of all entries.
    """
    verifier = _Verifier(store, key, progress)
    # The ends are read first: entries that are written meanwhile are read, too, but not required.
    chains = await store.trail_chains()
    noted = set() if expected is None else {expected[0]}
    required: dict[int, dict[int, str]] = {}
    first = _Walk.of(chains[0])
    rooted = chains[0].number == ROOT
    recorded: dict[int, dict[int, str]] = {}
    if rooted:

        def note(entry: Entry) -> None:
            head = recorded_head(entry)
            if head is not None:
                recorded.setdefault(head.chain, {})[head.seq] = head.hash

        await verifier.walk(first, {chains[0].head[0], *noted}, "the root chain: ", note)
        required = {number: dict(heads) for number, heads in recorded.items()}
        verifier.faults += _end(chains[0], first, "the root chain")
        _, *chains = await store.trail_chains()
        # A chain that has begun meanwhile is recorded by now.
        await verifier.walk(first, noted, "the root chain: ", note)
        gone = required.keys() - {one.number for one in chains}
        verifier.faults += [f"chain {number} is missing" for number in sorted(gone)]
    verifier.total = sum(one.head[0] - one.anchor[0] for one in chains)
    for one in chains:
        heads = required.get(one.number, {})
        wanted = {one.head[0], *heads, *(() if rooted else noted)}
        walk = _Walk.of(one)
        await verifier.walk(walk, wanted, f"chain {one.number}: " if rooted else "")
        verifier.faults += _end(one, walk, f"chain {one.number}" if rooted else "the trail")
        if rooted:
            verifier.faults += _against_root(one, walk, heads, recorded)
        else:
            first = walk
    if expected is not None:
        verifier.faults += _missing(expected, first)
    if verifier.failed > _SHOWN:
        verifier.faults.append(f"and {verifier.failed - _SHOWN} entries more")
    verifier.faults += await store.trail_faults()
    return Verification(
        faults=tuple(verifier.faults),
        anchor=first.chain.anchor,
        head=(first.seq, first.previous),
        entries=verifier.counted,
        chains=len(chains),
        erased=verifier.erased,
        all_fail=verifier.read > 1 and verifier.failed == verifier.read,
    )


def _end(chain: TrailChain, walk: _Walk, what: str) -> list[str]:
    """Compare the end of a chain with its recorded end."""
    seq, hashed = chain.head
    if not seq or walk.seen.get(seq) == hashed:
        return []
    cut = f"{what} was cut off or replaced: its recorded end is {seq}"
    return [f"{cut}, and the last entry that follows from the first is {walk.seq}"]


def _against_root(
    chain: TrailChain,
    walk: _Walk,
    heads: dict[int, str],
    recorded: dict[int, dict[int, str]],
) -> list[str]:
    """Compare a chain with the heads that the root chain records."""
    if walk.seq > chain.anchor[0] and chain.number not in recorded:
        return [f"chain {chain.number} is not in the root chain: another program has added it"]
    return [
        f"chain {chain.number}: entry {seq} is missing or another than the root chain records"
        for seq, hashed in heads.items()
        if seq >= chain.anchor[0] and walk.seen.get(seq) != hashed
    ][:1]


def _missing(expected: Head, walk: _Walk) -> list[str]:
    """Compare a chain with a head that was noted earlier, and return the differences."""
    seq, hashed = expected
    if seq < walk.chain.anchor[0]:
        gone = f"entry {seq} was dropped by retention, with all up to {walk.chain.anchor[0]}"
        return [f"{gone}; compare with a newer head"]
    found = walk.seen.get(seq)
    if found is None:
        return [f"entry {seq} is missing: the trail ends at {walk.seq}, and was longer once"]
    if found != hashed:
        return [f"entry {seq} is another than the one that was noted"]
    return []
