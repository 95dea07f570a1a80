"""Contract of every store for accounts."""

import asyncio
from dataclasses import replace

import pytest

from stormdoor.errors import StoreError
from stormdoor.testing.contract.support import (
    NOW,
    NewStore,
    account,
    factor,
    key,
    opened,
    pending,
    session,
    ticket,
    with_accounts,
)

__all__ = ["AccountsContract"]


class AccountsContract:
    async def test_account_comes_back_as_it_was(self, new_store: NewStore) -> None:
        """Every field of an account is stored, and time to the last bit."""
        alice = account("alice", created_at=1_767_225_600.123_456_7)
        async with opened(new_store()) as store:
            await store.add_account(alice)
            assert await store.account("alice") == alice

    async def test_bare_account_comes_back_as_it_was(self, new_store: NewStore) -> None:
        """The store adds no default to the fields of an account."""
        bare = account("bare", roles=frozenset(), tenant=None, attributes={}, password_hash=None)
        async with opened(new_store()) as store:
            await store.add_account(bare)
            assert await store.account("bare") == bare

    @pytest.mark.parametrize(
        "id", ["bob", "", "ALICE", "alice ", "al%ce", "al_ce", "\ud800", "a\0"]
    )
    async def test_other_id_is_unknown(self, id: str, new_store: NewStore) -> None:
        """An account is found by exactly its id."""
        async with with_accounts(new_store, "alice") as store:
            assert await store.account(id) is None

    @pytest.mark.parametrize("id", ["O'Brien; DROP TABLE account", "日本", "a\nb", 'x"?', "-- "])
    async def test_id_may_be_any_text(self, id: str, new_store: NewStore) -> None:
        """An id is text, and never part of a statement."""
        async with with_accounts(new_store, id) as store:
            found = await store.account(id)
            assert found is not None
            assert found.id == id

    async def test_accounts_come_by_id(self, new_store: NewStore) -> None:
        """`accounts` lists each account once, in the order of code points."""
        ids = ["bob", "Zoe", "alice", "éva"]
        async with with_accounts(new_store, *ids) as store:
            assert await store.accounts() == [account(id) for id in sorted(ids)]

    async def test_taken_id_is_refused(self, new_store: NewStore) -> None:
        """A second account of an id is refused, and the first stays as it was."""
        async with with_accounts(new_store, "alice") as store:
            with pytest.raises(StoreError, match="exists already"):
                await store.add_account(account("alice", roles=frozenset({"administrator"})))
            assert await store.account("alice") == account("alice")

    async def test_attributes_must_be_json(self, new_store: NewStore) -> None:
        """Attributes that cannot be stored are refused, not changed."""
        async with opened(new_store()) as store:
            with pytest.raises(StoreError, match="JSON"):
                await store.add_account(account("alice", attributes={"key": object()}))
            assert await store.accounts() == []

    async def test_attributes_are_a_copy(self, new_store: NewStore) -> None:
        """A change of given or returned attributes does not change the store."""
        given = {"tags": ["a"]}
        async with opened(new_store()) as store:
            await store.add_account(account("alice", attributes=given))
            given["tags"].append("b")
            got = await store.account("alice")
            assert got is not None
            tags = got.attributes["tags"]
            assert isinstance(tags, list)
            tags.append("c")
            assert await store.account("alice") == account("alice", attributes={"tags": ["a"]})

    async def test_removal_takes_along_what_hangs_on_it(self, new_store: NewStore) -> None:
        """An account is removed with everything that belongs to it, and other accounts keep theirs."""
        async with with_accounts(new_store, "alice", "bob") as store:
            for who in ("alice", "bob"):
                await store.add_session(session(f"s-{who}", who))
                await store.add_ticket(ticket(f"t-{who}", who))
                await store.add_key(key(f"k-{who}", who))
                await store.add_factor(factor(f"f-{who}", who))
                await store.set_recovery_codes(who, ["h1", "h2"])
                await store.set_factor_failures(who, 2, NOW, expected=0)
                await store.link_identity("https://id.example", who, who, NOW)
                await store.add_pending(pending(f"p-{who}", who))
            assert await store.remove_account("alice") is True
            assert await store.remove_account("alice") is False
            assert await store.account("alice") is None
            assert await store.session("s-alice") is None
            assert await store.redeem_ticket("t-alice") is None
            assert await store.key("k-alice") is None
            assert await store.factors("alice") == []
            assert await store.factor_by_handle("handle-f-alice") is None
            assert await store.recovery_codes("alice") == 0
            assert await store.factor_failures("alice") == (0, 0.0)
            assert await store.identity("https://id.example", "alice") is None
            assert await store.pending("p-alice", "second-factor") is None
            assert len(await store.factors("bob")) == 1
            assert await store.recovery_codes("bob") == 2
            assert await store.factor_failures("bob") == (2, NOW)
            assert await store.identity("https://id.example", "bob") == account("bob")
            assert await store.pending("p-bob", "second-factor") is not None
            assert await store.session("s-bob") is not None
            assert await store.redeem_ticket("t-bob") is not None
            assert await store.key("k-bob") is not None

    async def test_removed_account_comes_back_empty(self, new_store: NewStore) -> None:
        """A new account of a removed id has nothing of the old one."""
        async with with_accounts(new_store, "alice") as store:
            await store.remove_account("alice")
            new = account("alice", roles=frozenset({"guest"}))
            await store.add_account(new)
            assert await store.account("alice") == new
            assert await store.sessions("alice") == []

    async def test_each_field_is_replaced_alone(self, new_store: NewStore) -> None:
        """A setter changes one field of one account."""
        async with with_accounts(new_store, "alice", "bob") as store:
            assert await store.set_password_hash("alice", "$new$") is True
            assert await store.set_disabled("alice", True) is True
            assert await store.set_attributes("alice", {"level": 4}) is True
            assert await store.account("alice") == replace(
                account("alice"),
                password_hash="$new$",
                disabled=True,
                attributes={"level": 4},
            )
            assert await store.account("bob") == account("bob")

    async def test_fields_can_be_emptied(self, new_store: NewStore) -> None:
        """A setter can make a field empty."""
        async with with_accounts(new_store, "alice") as store:
            await store.set_disabled("alice", True)
            await store.set_disabled("alice", False)
            await store.set_password_hash("alice", None)
            await store.remove_role("alice", "member")
            await store.remove_role("alice", "moderator")
            await store.set_attributes("alice", {})
            assert await store.account("alice") == account(
                "alice", password_hash=None, roles=frozenset(), attributes={}
            )

    async def test_password_hash_is_replaced_if_it_is_the_old_one(
        self, new_store: NewStore
    ) -> None:
        """A login that upgrades a hash does not bring back the password that was just changed."""
        old = account("alice").password_hash
        assert old is not None
        async with with_accounts(new_store, "alice") as store:
            assert await store.replace_password_hash("alice", "$other$", "$new$") is False
            assert await store.account("alice") == account("alice")
            assert await store.replace_password_hash("alice", old, "$new$") is True
            assert await store.replace_password_hash("alice", old, "$late$") is False
            assert await store.replace_password_hash("nobody", old, "$new$") is False
            assert await store.account("alice") == account("alice", password_hash="$new$")

    async def test_roles_change_one_by_one(self, new_store: NewStore) -> None:
        """INVARIANT: concurrent changes each add or remove one role, and none is lost."""
        async with with_accounts(new_store, "alice") as store:
            changes = [store.add_role("alice", f"r{n}") for n in range(8)]
            changes += [store.remove_role("alice", "member"), store.add_role("alice", "r0")]
            assert await asyncio.gather(*changes) == [True] * 10
            found = await store.account("alice")
            assert found is not None
            assert found.roles == {"moderator", *(f"r{n}" for n in range(8))}
            assert await store.remove_role("alice", "never") is True
            assert await store.add_role("nobody", "r0") is False
            assert await store.remove_role("nobody", "r0") is False

    async def test_setters_say_that_the_account_is_missing(self, new_store: NewStore) -> None:
        """A setter returns False for an unknown account, and does not create it."""
        async with opened(new_store()) as store:
            assert await store.set_password_hash("nobody", "$new$") is False
            assert await store.set_disabled("nobody", True) is False
            assert await store.set_attributes("nobody", {"level": 4}) is False
            assert await store.accounts() == []

    async def test_tenants_are_those_of_the_named(self, new_store: NewStore) -> None:
        """`tenants` returns the tenants of all accounts, of those with a role, or with a device."""
        async with with_accounts(new_store) as store:
            assert await store.tenants() == set()
            for who, tenant, role in (("a", "t1", "x"), ("b", "t2", "x"), ("c", None, "y")):
                await store.add_account(account(who, tenant=tenant, roles=frozenset({role})))
            await store.add_session(session("s1", "b", device_id="phone"))
            await store.add_session(session("s2", "c", device_id="laptop"))
            assert await store.tenants() == {"t1", "t2", None}
            assert await store.tenants(role="x") == {"t1", "t2"}
            assert await store.tenants(role="z") == set()
            assert await store.tenants(device="phone") == {"t2"}
            assert await store.tenants(device="laptop") == {None}
