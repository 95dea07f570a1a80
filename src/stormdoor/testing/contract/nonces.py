"""Contract of every store for nonces."""

import asyncio

from stormdoor.testing.contract.support import NOW, NewStore, opened

__all__ = ["NoncesContract"]


class NoncesContract:
    async def test_nonce_counts_once(self, new_store: NewStore) -> None:
        """A nonce is accepted once for each purpose."""
        async with opened(new_store()) as store:
            assert await store.use_nonce("jti", "v1", NOW) is True
            assert await store.use_nonce("jti", "v1", NOW) is False
            assert await store.use_nonce("jti", "v1", NOW + 1e6) is False
            assert await store.use_nonce("jti", "v2", NOW) is True
            assert await store.use_nonce("dpop", "v1", NOW) is True

    async def test_purpose_and_value_do_not_run_together(self, new_store: NewStore) -> None:
        """A nonce is the pair of purpose and value, not their concatenation."""
        async with opened(new_store()) as store:
            assert await store.use_nonce("a", "b:c", NOW) is True
            assert await store.use_nonce("a:b", "c", NOW) is True
            assert await store.use_nonce("ab", "c", NOW) is True
            assert await store.use_nonce("a", "bc", NOW) is True

    async def test_one_of_many_at_once_uses_the_nonce(self, new_store: NewStore) -> None:
        """INVARIANT: of simultaneous uses of one nonce, exactly one gets True."""
        async with opened(new_store()) as store:
            for n in range(10):
                used = await asyncio.gather(
                    *(store.use_nonce("jti", f"v{n}", NOW) for _ in range(16))
                )
                assert used.count(True) == 1
