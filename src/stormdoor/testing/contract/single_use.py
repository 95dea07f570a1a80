"""Contract of every store for tickets, nonces and pending steps."""

import asyncio

import pytest

from stormdoor.errors import StoreError
from stormdoor.testing.contract.support import (
    NOW,
    NewStore,
    account,
    pending,
    placed,
    ticket,
    with_accounts,
)

__all__ = ["SingleUseContract"]


class SingleUseContract:
    @pytest.mark.parametrize("origin", ["https://app.example", None])
    async def test_ticket_comes_back_with_its_account(
        self, origin: str | None, new_store: NewStore
    ) -> None:
        """Every field of a ticket is stored, and the account comes with all its roles."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_ticket(ticket("t1", "alice", origin=origin))
            assert await store.redeem_ticket("t1") == (
                await placed(store, ticket("t1", "alice", origin=origin)),
                account("alice"),
            )

    async def test_ticket_counts_once(self, new_store: NewStore) -> None:
        """A ticket is returned once; a used or unknown one gives None."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_ticket(ticket("t1", "alice"))
            await store.add_ticket(ticket("t2", "alice"))
            assert await store.redeem_ticket("t1") is not None
            assert await store.redeem_ticket("t1") is None
            assert await store.redeem_ticket("t3") is None
            assert await store.redeem_ticket("t2") is not None

    async def test_one_of_many_at_once_gets_the_ticket(self, new_store: NewStore) -> None:
        """INVARIANT: of simultaneous redemptions of one ticket, exactly one gets it."""
        async with with_accounts(new_store, "alice") as store:
            for n in range(10):
                await store.add_ticket(ticket(f"t{n}", "alice"))
                got = await asyncio.gather(*(store.redeem_ticket(f"t{n}") for _ in range(16)))
                assert sum(each is not None for each in got) == 1

    async def test_taken_ticket_id_is_refused(self, new_store: NewStore) -> None:
        """The store refuses a second ticket with an id, and a ticket without an account."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_ticket(ticket("t1", "alice"))
            with pytest.raises(StoreError, match="exists already"):
                await store.add_ticket(ticket("t1", "alice"))
            with pytest.raises(StoreError, match="no such account"):
                await store.add_ticket(ticket("t2", "nobody"))

    @pytest.mark.parametrize(("who", "session_id"), [("alice", "s1"), (None, None)])
    async def test_pending_comes_back_as_it_was(
        self, who: str | None, session_id: str | None, new_store: NewStore
    ) -> None:
        """The store returns every field of a pending login, also of one without a principal."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_pending(pending("p1", who, session_id=session_id))
            expected = pending("p1", who, session_id=session_id)
            assert await store.pending("p1", "second-factor") == expected
            assert await store.pending("p1", "second-factor") == expected
            assert await store.take_pending("p1", "second-factor") == expected
            assert await store.take_pending("p1", "second-factor") is None

    async def test_pending_serves_its_purpose_only(self, new_store: NewStore) -> None:
        """A pending entry is neither found nor used with another purpose."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_pending(pending("p1", "alice"))
            assert await store.pending("p1", "enrolment") is None
            assert await store.take_pending("p1", "enrolment") is None
            assert await store.take_pending("p1", "second-factor") is not None

    async def test_one_of_many_at_once_gets_what_is_pending(self, new_store: NewStore) -> None:
        """INVARIANT: of simultaneous calls of `take_pending`, exactly one gets the entry."""
        async with with_accounts(new_store, "alice") as store:
            for n in range(5):
                await store.add_pending(pending(f"p{n}", "alice"))
                got = await asyncio.gather(
                    *(store.take_pending(f"p{n}", "second-factor") for _ in range(16))
                )
                assert sum(each is not None for each in got) == 1

    async def test_unauthenticated_clients_have_a_limit(self, new_store: NewStore) -> None:
        """INVARIANT: simultaneous calls do not exceed the limit on pending logins without a principal.

        Expired ones are removed first. Pending logins of a principal are not counted.
        """
        async with with_accounts(new_store, "alice") as store:
            assert await store.add_pending(pending("somebodys", "alice"))
            assert await store.add_pending(pending("else", purpose="over"), max_unauthenticated=1)
            stored = await asyncio.gather(
                *(
                    store.add_pending(
                        pending(f"p{n}", expires_at=NOW + n + 1), max_unauthenticated=3
                    )
                    for n in range(20)
                )
            )
            assert sum(stored) == 3
            kept = [n for n, was in enumerate(stored) if was]
            for n in range(20):
                found = await store.pending(f"p{n}", "second-factor")
                assert (found is not None) is (n in kept)
            # A pending login of a principal has no bound.
            assert await store.add_pending(pending("p20", "alice"))
            assert await store.add_pending(pending("p21"))
            assert not await store.add_pending(pending("p22"), max_unauthenticated=3)
            # The first of them has expired; p21, which was added without a bound, has not.
            later = NOW + kept[0] + 1
            assert not await store.add_pending(
                pending("p22", created_at=later), max_unauthenticated=3
            )
            assert await store.pending(f"p{kept[0]}", "second-factor") is None
            assert await store.take_pending("p21", "second-factor") is not None
            assert await store.add_pending(pending("p22", created_at=later), max_unauthenticated=3)
            for id, purpose in (("somebodys", "second-factor"), ("else", "over")):
                assert await store.pending(id, purpose) is not None

    async def test_taken_pending_id_is_refused(self, new_store: NewStore) -> None:
        """The store refuses a second pending login with an id, and one of an unknown principal."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_pending(pending("p1", "alice"))
            with pytest.raises(StoreError, match="exists already"):
                await store.add_pending(pending("p1"))
            with pytest.raises(StoreError, match="no such account"):
                await store.add_pending(pending("p2", "nobody"))
