"""Contract of every store for identities at providers."""

import asyncio

import pytest

from stormdoor.core.account_change import AccountChange, Right
from stormdoor.core.credential import fingerprint
from stormdoor.core.identity import Identity
from stormdoor.core.revocation import Revocation
from stormdoor.errors import StoreError
from stormdoor.testing.contract.support import NOW, NewStore, account, with_accounts

__all__ = ["IdentitiesContract"]

HERE = "https://id.example"


class IdentitiesContract:
    async def test_identity_finds_its_account(self, new_store: NewStore) -> None:
        """Issuer and subject together find the account, with all its roles; neither does alone."""
        async with with_accounts(new_store, "alice", "bob") as store:
            await store.link_identity(HERE, "1", "alice", NOW)
            await store.link_identity("https://other.example", "1", "bob", NOW)
            assert await store.identity(HERE, "1") == account("alice")
            assert await store.identity("https://other.example", "1") == account("bob")
            assert await store.identity(HERE, "2") is None
            assert await store.identity(HERE + "/", "1") is None
            assert await store.identity("", "1") is None

    async def test_linked_identity_has_one_principal(self, new_store: NewStore) -> None:
        """INVARIANT: a provider's user is one principal; of two links at once, one is refused."""
        async with with_accounts(new_store, "alice", "bob") as store:
            outcomes = await asyncio.gather(
                *(store.link_identity(HERE, "1", who, NOW) for who in ("alice", "bob")),
                return_exceptions=True,
            )
            assert [type(each) for each in outcomes].count(StoreError) == 1
            with pytest.raises(StoreError, match="exists already"):
                await store.link_identity(HERE, "1", "alice", NOW)
            with pytest.raises(StoreError, match="no such account"):
                await store.link_identity(HERE, "2", "nobody", NOW)

    async def test_links_of_a_principal(self, new_store: NewStore) -> None:
        """A principal may have several links, listed oldest first; one of them can be removed."""
        async with with_accounts(new_store, "alice", "bob") as store:
            for at, subject in enumerate(["b", "a", "c"]):
                await store.link_identity(HERE, subject, "alice", NOW + at)
            await store.link_identity(HERE, "z", "bob", NOW)
            links = await store.identities("alice")
            assert [link.subject for link in links] == ["b", "a", "c"]
            assert links[0] == Identity(
                issuer=HERE, subject="b", principal_id="alice", linked_at=NOW
            )
            removed = await store.unlink_identity(HERE, "a", NOW)
            assert await store.unlink_identity(HERE, "a", NOW) is False
            # The log names the removal, and the user by a hash alone.
            assert await store.revocations() == [removed]
            assert isinstance(removed, Revocation)
            assert AccountChange.of(removed) == AccountChange(
                "alice", Right.IDENTITY, fingerprint(f"{HERE}\na")
            )
            assert [link.subject for link in await store.identities("alice")] == ["b", "c"]
            assert await store.identity(HERE, "a") is None
