"""Contract of every store for second factors."""

import asyncio
from dataclasses import replace

import pytest

from stormdoor.core.factor import FactorKind
from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import StoreError
from stormdoor.testing.contract.support import (
    NOW,
    NewStore,
    account,
    factor,
    session,
    ticket,
    with_accounts,
)

__all__ = ["FactorsContract"]


class FactorsContract:
    async def test_factor_comes_back_as_it_was(self, new_store: NewStore) -> None:
        """Every field is stored; a passkey is also found by its handle, with its account."""
        totp = factor("f2", "alice", kind=FactorKind.TOTP, handle=None, created_at=NOW + 1)
        async with with_accounts(new_store, "alice", "bob") as store:
            await store.add_factor(totp)
            await store.add_factor(factor("f1", "alice"))
            await store.add_factor(factor("f3", "bob", details={}))
            assert await store.factors("alice") == [factor("f1", "alice"), totp]
            found = await store.factor_by_handle("handle-f1")
            assert found == (factor("f1", "alice"), account("alice"))
            assert await store.factor_by_handle("handle-f2") is None
            assert await store.factors("nobody") == []

    async def test_two_of_one_id_or_handle_are_refused(self, new_store: NewStore) -> None:
        """A passkey belongs to one principal, so a second enrolment for another principal fails."""
        async with with_accounts(new_store, "alice", "bob") as store:
            await store.add_factor(factor("f1", "alice"))
            with pytest.raises(StoreError, match="exists already"):
                await store.add_factor(factor("f1", "bob", handle="other"))
            with pytest.raises(StoreError, match="exists already"):
                await store.add_factor(factor("f2", "bob", handle="handle-f1"))
            with pytest.raises(StoreError, match="no such account"):
                await store.add_factor(factor("f3", "nobody"))
            assert await store.factors("bob") == []

    async def test_factors_without_handle_do_not_collide(self, new_store: NewStore) -> None:
        """Any number of factors have no handle."""
        async with with_accounts(new_store, "alice", "bob") as store:
            for n, who in enumerate(["alice", "alice", "bob"]):
                new = factor(f"f{n}", who, kind=FactorKind.TOTP, handle=None)
                await store.add_factor(new)
            assert len(await store.factors("alice")) == 2

    @pytest.mark.parametrize(
        ("kind", "stored", "counter", "counts"),
        [
            (FactorKind.TOTP, 5, 6, True),
            (FactorKind.TOTP, 5, 5, False),
            (FactorKind.TOTP, 5, 4, False),
            (FactorKind.TOTP, 0, 0, False),
            (FactorKind.TOTP, 2**40, 2**40 + 1, True),
            (FactorKind.PASSKEY, 5, 6, True),
            (FactorKind.PASSKEY, 5, 5, False),
            (FactorKind.PASSKEY, 5, 0, False),
            (FactorKind.PASSKEY, 0, 0, True),
            (FactorKind.PASSKEY, 0, 1, True),
        ],
    )
    async def test_counter_must_grow(
        self, kind: FactorKind, stored: int, counter: int, counts: bool, new_store: NewStore
    ) -> None:
        """The store accepts the counters that `Factor.accepts` accepts, and stores the accepted one."""
        before = factor("f1", "alice", kind=kind, counter=stored)
        assert before.accepts(counter) is counts
        async with with_accounts(new_store, "alice") as store:
            await store.add_factor(before)
            assert await store.use_factor("f1", counter=counter, at=NOW + 9) is counts
            assert await store.use_factor("f2", counter=counter, at=NOW + 9) is False
            used = replace(before, counter=counter, last_used_at=NOW + 9)
            assert await store.factors("alice") == [used if counts else before]

    async def test_one_of_many_at_once_uses_a_counter(self, new_store: NewStore) -> None:
        """INVARIANT: of simultaneous uses of one counter, exactly one gets True."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_factor(factor("f1", "alice", kind=FactorKind.TOTP, handle=None))
            for counter in range(6, 11):
                used = await asyncio.gather(
                    *(store.use_factor("f1", counter=counter, at=NOW) for _ in range(16))
                )
                assert used.count(True) == 1

    async def test_secret_is_replaced_if_it_is_the_old_one(self, new_store: NewStore) -> None:
        """A secret is replaced only if it is still the old one."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_factor(factor("f1", "alice", secret="old"))
            assert await store.reseal_factor("f1", "other", "new") is False
            assert await store.reseal_factor("f1", "old", "new") is True
            assert await store.reseal_factor("f1", "old", "late") is False
            assert await store.factors("alice") == [factor("f1", "alice", secret="new")]

    async def test_factor_is_removed_by_its_owner_only(self, new_store: NewStore) -> None:
        """A principal cannot remove another principal's factor by its id."""
        async with with_accounts(new_store, "alice", "bob") as store:
            await store.add_factor(factor("f1", "alice"))
            assert await store.remove_factor("f1", "bob") is None
            assert await store.remove_factor("f1", "alice") == []
            assert await store.remove_factor("f1", "alice") is None
            assert await store.factors("alice") == []

    async def test_recovery_codes_go_with_the_last_factor(self, new_store: NewStore) -> None:
        """The removal of the last factor also removes the recovery codes."""
        async with with_accounts(new_store, "alice") as store:
            for id in ("f1", "f2"):
                await store.add_factor(factor(id, "alice"))
            await store.set_recovery_codes("alice", ["a", "b"])
            await store.remove_factor("f1", "alice")
            assert await store.recovery_codes("alice") == 2
            await store.remove_factor("f2", "alice")
            assert await store.recovery_codes("alice") == 0
            assert await store.use_recovery_code("alice", "a") is False

    async def test_recovery_code_counts_once(self, new_store: NewStore) -> None:
        """A recovery code is accepted once, from its owner; new codes replace all old ones."""
        async with with_accounts(new_store, "alice", "bob") as store:
            await store.set_recovery_codes("alice", ["a", "b", "c"])
            await store.set_recovery_codes("bob", ["a"])
            used = await asyncio.gather(*(store.use_recovery_code("alice", "a") for _ in range(16)))
            assert used.count(True) == 1
            assert await store.recovery_codes("alice") == 2
            assert await store.recovery_codes("bob") == 1
            await store.set_recovery_codes("alice", ["d"])
            assert await store.use_recovery_code("alice", "b") is False
            assert await store.use_recovery_code("alice", "d") is True
            assert await store.recovery_codes("alice") == 0
            with pytest.raises(StoreError, match="no such account"):
                await store.set_recovery_codes("nobody", ["a"])

    async def test_failures_are_counted_one_by_one(self, new_store: NewStore) -> None:
        """INVARIANT: of simultaneous calls with one expected number, exactly one sets the new number."""
        async with with_accounts(new_store, "alice") as store:
            assert await store.factor_failures("alice") == (0, 0.0)
            for expected in range(3):
                done = await asyncio.gather(
                    *(
                        store.set_factor_failures(
                            "alice", expected + 1, NOW + expected, expected=expected
                        )
                        for _ in range(8)
                    )
                )
                assert done.count(True) == 1
            assert await store.factor_failures("alice") == (3, NOW + 2)
            assert await store.set_factor_failures("alice", 0, NOW, expected=2) is False
            assert await store.set_factor_failures("alice", 0, NOW, expected=3) is True
            assert await store.factor_failures("alice") == (0, 0.0)
            assert await store.set_factor_failures("alice", 0, NOW, expected=0) is True
            assert await store.set_factor_failures("nobody", 1, NOW, expected=0) is False

    async def test_removal_ends_the_sessions_with_it(self, new_store: NewStore) -> None:
        """With an entry, every session of the owner ends in the same transaction, each with an entry."""
        entry = Revocation(Target.SESSION, "", NOW, reason="factor removed")
        async with with_accounts(new_store, "alice", "bob") as store:
            await store.add_factor(factor("f1", "alice"))
            for id, who in (("s1", "alice"), ("s2", "alice"), ("s3", "bob")):
                await store.add_session(session(id, who))
                await store.add_ticket(ticket(f"of {id}", who, session_id=id))
            assert await store.remove_factor("f9", "alice", entry=entry) is None
            assert len(await store.sessions("alice")) == 2
            added = await store.remove_factor("f1", "alice", entry=entry)
            assert added == await store.revocations()
            assert [(one.target, one.value, one.reason) for one in added or ()] == [
                (Target.SESSION, id, "factor removed") for id in ("s1", "s2")
            ]
            assert await store.sessions("alice") == []
            assert await store.redeem_ticket("of s1") is None
            assert await store.redeem_ticket("of s3") is not None

    async def test_change_and_its_entry_are_one(self, new_store: NewStore) -> None:
        """Each change adds its entry to the log of revocations, and a refused change adds none."""
        entry = Revocation(Target.CHANGED, "alice", NOW, reason="a change")
        async with with_accounts(new_store, "alice") as store:
            totp = factor("f1", "alice", kind=FactorKind.TOTP, handle=None)
            changes = [
                await store.add_factor(totp, entry=entry),
                await store.use_factor("f1", counter=9, at=NOW, entry=entry),
                await store.set_recovery_codes("alice", ["a"], entry=entry),
                await store.use_recovery_code("alice", "a", entry=entry),
                *(await store.remove_factor("f1", "alice", change=entry) or ()),
            ]
            assert changes == await store.revocations()
            assert [one.reason for one in changes if isinstance(one, Revocation)] == 5 * [
                "a change"
            ]
            assert await store.use_factor("f1", counter=10, at=NOW, entry=entry) is False
            assert await store.use_recovery_code("alice", "a", entry=entry) is False
            assert await store.remove_factor("f1", "alice", change=entry) is None
            with pytest.raises(StoreError):
                await store.set_recovery_codes("nobody", ["a"], entry=entry)
            assert len(await store.revocations()) == 5
