"""Contract of every store for the addresses from which principals log in."""

from stormdoor.core.backoff import FAMILIAR_SECONDS
from stormdoor.testing.contract.support import NOW, NewStore, with_accounts

__all__ = ["AddressesContract"]


class AddressesContract:
    async def test_an_address_is_familiar_to_one_account(self, new_store: NewStore) -> None:
        """The store returns the latest login from an address, for each principal separately."""
        async with with_accounts(new_store, "alice", "bob") as store:
            assert await store.address_seen("alice", "home") is None
            await store.remember_address("alice", "home", NOW, most=16)
            await store.remember_address("alice", "home", NOW + 5, most=16)
            assert await store.address_seen("alice", "home") == NOW + 5
            assert await store.address_seen("alice", "cafe") is None
            assert await store.address_seen("bob", "home") is None
            assert await store.address_seen("nobody", "home") is None

    async def test_a_principal_has_a_few_addresses(self, new_store: NewStore) -> None:
        """The store keeps the latest addresses of each principal."""
        async with with_accounts(new_store, "alice", "bob") as store:
            await store.remember_address("bob", "a", NOW, most=2)
            for at, address in enumerate("abac"):
                await store.remember_address("alice", address, NOW + at, most=2)
            seen = [await store.address_seen("alice", one) for one in "abc"]
            assert seen == [NOW + 2, None, NOW + 3]
            assert await store.address_seen("bob", "a") == NOW

    async def test_addresses_go_with_the_account(self, new_store: NewStore) -> None:
        """The addresses of a removed account are removed, and an unknown account gets none."""
        async with with_accounts(new_store, "alice") as store:
            await store.remember_address("alice", "home", NOW, most=16)
            await store.remember_address("nobody", "home", NOW, most=16)
            await store.remove_account("alice")
            assert await store.address_seen("alice", "home") is None
            assert await store.address_seen("nobody", "home") is None

    async def test_old_addresses_are_purged(self, new_store: NewStore) -> None:
        """An address is purged three months after its latest login."""
        async with with_accounts(new_store, "alice") as store:
            await store.remember_address("alice", "home", NOW, most=16)
            await store.remember_address("alice", "cafe", NOW + 1, most=16)
            assert await store.purge(NOW + FAMILIAR_SECONDS + 0.5) == 1
            assert await store.address_seen("alice", "home") is None
            assert await store.address_seen("alice", "cafe") == NOW + 1
