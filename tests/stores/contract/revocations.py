"""What every store keeps about the feed of revocations."""

import asyncio
from dataclasses import replace

import pytest

from stormdoor.core.revocation import Revocation, Target
from tests.stores.contract.support import NOW, NewStore, opened

__all__ = ["RevocationsContract"]


class RevocationsContract:
    @pytest.mark.parametrize("target", list(Target))
    async def test_revocation_comes_back_as_it_was(
        self, target: Target, new_store: NewStore
    ) -> None:
        """Every field and every kind of revocation is stored; `seq` is the store's."""
        given = Revocation(target, "alice", NOW + 0.5, seq=77, reason="asked for")
        async with opened(new_store()) as store:
            seq = await store.add_revocation(given)
            assert await store.revocations() == [replace(given, seq=seq)]

    async def test_follower_gets_what_is_new(self, new_store: NewStore) -> None:
        """`seq` rises from 1; `revocations(after)` gives the rest, in order, and none twice."""
        async with opened(new_store()) as store:
            assert await store.revocations() == []
            seqs = [
                await store.add_revocation(Revocation(Target.SESSION, f"s{n}", NOW))
                for n in range(4)
            ]
            assert seqs == [1, 2, 3, 4]
            assert [found.value for found in await store.revocations(2)] == ["s2", "s3"]
            assert await store.revocations(4) == []
            assert await store.revocations(99) == []

    async def test_many_at_once_get_places_of_their_own(self, new_store: NewStore) -> None:
        """Two revocations never share a `seq`, and none is lost."""
        async with opened(new_store()) as store:
            seqs = await asyncio.gather(
                *(store.add_revocation(Revocation(Target.SESSION, f"s{n}", NOW)) for n in range(20))
            )
            assert sorted(seqs) == list(range(1, 21))
            assert [found.seq for found in await store.revocations()] == list(range(1, 21))

    @pytest.mark.parametrize("target", list(Target))
    async def test_end_of_what_lasts_no_month_is_forgotten(
        self, target: Target, new_store: NewStore
    ) -> None:
        """Of sessions and connections the feed forgets the end after 31 days, of the rest never."""
        lasts_a_month = target not in {
            Target.SESSION,
            Target.MOVED,
            Target.CONNECTION,
            Target.CHANGED,
        }
        month = 31 * 86_400.0
        async with opened(new_store()) as store:
            await store.add_revocation(Revocation(target, "x", NOW))
            assert await store.purge(NOW + month) == 0
            assert await store.purge(NOW + month + 1) == (0 if lasts_a_month else 1)
            assert len(await store.revocations()) == (1 if lasts_a_month else 0)

    async def test_forgotten_place_is_not_given_again(self, new_store: NewStore) -> None:
        """A follower who has seen all does not miss what comes after a purge."""
        async with opened(new_store()) as store:
            seen = await store.add_revocation(Revocation(Target.SESSION, "s1", NOW))
            await store.purge(NOW + 1e9)
            assert await store.add_revocation(Revocation(Target.SESSION, "s2", NOW)) == seen + 1
            assert [found.value for found in await store.revocations(seen)] == ["s2"]
