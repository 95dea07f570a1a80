"""Contract of every store for API keys."""

from dataclasses import replace

import pytest

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import StoreError
from stormdoor.testing.contract.support import NOW, NewStore, account, key, placed, with_accounts

__all__ = ["KeysContract"]

_CHANGED = Revocation(Target.CHANGED, "alice", NOW)


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
        """A replaced key never expires later than before, and names its successor."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_key(key("k1", "alice", expires_at=was))
            new = key("k2", "alice", created_at=NOW - 1)
            stored = await store.replace_key("k1", new, expires_at=at, entry=_CHANGED)
            first = LogPosition((await store.log_position()).epoch, 0)
            old = key("k1", "alice", expires_at=becomes, successor="k2", position=first)
            assert stored == replace(new, position=first)
            assert await store.keys() == [old, stored]
            assert [one.target for one in await store.revocations()] == [Target.CHANGED]

    async def test_replaced_key_is_removed(self, new_store: NewStore) -> None:
        """Without a time of expiry, the replaced key is removed, and the new one is not revoked."""
        entry = Revocation(Target.PRINCIPAL, "alice", NOW)
        async with with_accounts(new_store, "alice") as store:
            await store.add_key(key("k1", "alice"))
            stored = await store.replace_key("k1", key("k2", "alice"), expires_at=None, entry=entry)
            assert await store.keys() == [stored]
            [added] = await store.revocations()
            assert stored is not None
            assert stored.position is not None
            assert stored.position.seq < added.seq

    async def test_key_is_replaced_once(self, new_store: NewStore) -> None:
        """A key that has a successor or does not exist is not replaced, and nothing is stored."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_key(key("k1", "alice"))
            for n, expires_at in enumerate((NOW, None, NOW + 1), start=2):
                stored = await store.replace_key(
                    "k1", key(f"k{n}", "alice"), expires_at=expires_at, entry=_CHANGED
                )
                assert (stored is None) is (n > 2)
            new = key("k9", "alice")
            for missing, at in (("missing", 1.0), ("k9", 1.0), ("k9", None)):
                assert await store.replace_key(missing, new, expires_at=at, entry=_CHANGED) is None
            with pytest.raises(StoreError):
                await store.replace_key("k2", key("k1", "alice"), expires_at=1.0, entry=_CHANGED)
            assert {one.id for one in await store.keys()} == {"k1", "k2"}
            assert len(await store.revocations()) == 1

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
