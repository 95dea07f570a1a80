"""Contract of every store for API keys."""

import pytest

from stormdoor.errors import StoreError
from stormdoor.testing.contract.support import NOW, NewStore, account, key, placed, with_accounts

__all__ = ["KeysContract"]


class KeysContract:
    async def test_key_comes_back_with_its_account(self, new_store: NewStore) -> None:
        """Every field of a key is stored, and the account comes with all its roles."""
        full = key("k1", "alice", last_used_at=NOW + 0.25, last_used_from="::1", successor="k2")
        bare = key("k3", "alice", scopes=frozenset(), networks=(), expires_at=None)
        async with with_accounts(new_store, "alice") as store:
            await store.add_key(full)
            await store.add_key(bare)
            assert await store.key("k1") == (await placed(store, full), account("alice"))
            assert await store.key("k3") == (await placed(store, bare), account("alice"))
            assert await store.key("k2") is None

    async def test_keys_come_newest_first(self, new_store: NewStore) -> None:
        """`keys` lists all, or those of one principal, newest first."""
        async with with_accounts(new_store, "alice", "bob") as store:
            for at, (id, who) in enumerate([("k2", "alice"), ("k3", "bob"), ("k1", "alice")]):
                await store.add_key(key(id, who, created_at=NOW + at))
            assert [found.id for found in await store.keys()] == ["k1", "k3", "k2"]
            assert [found.id for found in await store.keys("alice")] == ["k1", "k2"]
            assert await store.keys("nobody") == []

    async def test_taken_key_id_is_refused(self, new_store: NewStore) -> None:
        """The store refuses a second key with an id, and a key without an account."""
        async with with_accounts(new_store, "alice", "bob") as store:
            await store.add_key(key("k1", "alice"))
            with pytest.raises(StoreError, match="exists already"):
                await store.add_key(key("k1", "bob"))
            with pytest.raises(StoreError, match="no such account"):
                await store.add_key(key("k2", "nobody"))
            assert await store.keys() == [await placed(store, key("k1", "alice"))]

    @pytest.mark.parametrize(
        ("was", "at", "becomes"),
        [(None, 5.0, 5.0), (9.0, 5.0, 5.0), (5.0, 9.0, 5.0), (5.0, 5.0, 5.0)],
    )
    async def test_expiry_is_never_later(
        self, was: float | None, at: float, becomes: float, new_store: NewStore
    ) -> None:
        """`expire_key` never makes a key expire later than before."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_key(key("k1", "alice", expires_at=was))
            assert await store.expire_key("k1", at) is True
            assert await store.keys() == [
                await placed(store, key("k1", "alice", expires_at=becomes))
            ]

    async def test_successor_is_kept(self, new_store: NewStore) -> None:
        """The successor that a rotation stores stays when the key expires earlier."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_key(key("k1", "alice", expires_at=None))
            await store.expire_key("k1", 9.0, "k2")
            await store.expire_key("k1", 5.0)
            assert await store.keys() == [
                await placed(store, key("k1", "alice", expires_at=5.0, successor="k2"))
            ]
            assert await store.expire_key("missing", 5.0) is False

    async def test_key_is_removed_once(self, new_store: NewStore) -> None:
        """A removal removes one key, once."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_key(key("k1", "alice"))
            await store.add_key(key("k2", "alice"))
            assert await store.remove_key("k1") is True
            assert await store.remove_key("k1") is False
            assert await store.keys() == [await placed(store, key("k2", "alice"))]

    async def test_last_use_is_the_latest(self, new_store: NewStore) -> None:
        """An earlier use that is written late does not replace a later one."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_key(key("k1", "alice"))
            await store.touch_key("k1", NOW + 2.0, "192.0.2.2")
            await store.touch_key("k1", NOW + 1.0, "192.0.2.1")
            await store.touch_key("missing", NOW, "192.0.2.1")
            assert await store.keys() == [
                await placed(
                    store, key("k1", "alice", last_used_at=NOW + 2.0, last_used_from="192.0.2.2")
                )
            ]
