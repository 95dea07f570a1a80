"""Contract of every store for the order of commits, and for what other processes see of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from stormdoor.core.revocation import Revocation, Target
from stormdoor.ports import Store
from stormdoor.testing.contract.support import (
    NOW,
    NewStore,
    account,
    event,
    opened,
    session,
    ticket,
    wrong_with_trail,
)

__all__ = ["NewPair", "VisibilityContract"]

NewPair = Callable[[], tuple[Store, Store]]
"""Makes two store objects of the same new data, as two processes have them. Both are not open."""


@asynccontextmanager
async def _both(new_pair: NewPair) -> AsyncIterator[tuple[Store, Store]]:
    one, other = new_pair()
    async with opened(one), opened(other):
        yield one, other


class VisibilityContract:
    @pytest.fixture
    def new_pair(self, new_store: NewStore) -> NewPair:
        """Make a pair of one object, for a store in memory. Other stores override this."""

        def pair() -> tuple[Store, Store]:
            store = new_store()
            return store, store

        return pair

    async def test_commit_is_visible_to_the_other(self, new_pair: NewPair) -> None:
        """The other object sees a write as soon as the writer has its answer."""
        async with _both(new_pair) as (one, other):
            await one.add_account(account("alice"))
            assert await other.account("alice") == account("alice")
            for n in range(20):
                stored = await one.add_session(session(f"s{n}", "alice"))
                found = await other.session(f"s{n}")
                assert found is not None
                assert found[0] == stored
                entry = await one.add_revocation(Revocation(Target.SESSION, f"s{n}", NOW))
                assert (await other.log_position()).seq == entry.seq
                assert await other.remove_session(f"s{n}")
                assert await one.session(f"s{n}") is None

    async def test_follower_misses_no_entry(self, new_pair: NewPair) -> None:
        """INVARIANT: an entry is never visible before one with a smaller `seq`."""
        each = 25
        async with _both(new_pair) as (one, other):

            async def write(store: Store, name: str) -> None:
                for n in range(each):
                    await store.add_revocation(Revocation(Target.SESSION, f"{name}{n}", NOW))

            writers = asyncio.gather(write(one, "a"), write(other, "b"))
            seen: list[int] = []
            while len(seen) < 2 * each:
                head = await other.log_position()
                news = [found.seq for found in await other.revocations(len(seen))]
                assert len(seen) + len(news) >= head.seq
                seen += news
                await asyncio.sleep(0)
            await writers
            assert seen == list(range(1, 2 * each + 1))

    async def test_issue_after_a_revocation_has_a_later_position(self, new_pair: NewPair) -> None:
        """A credential that is added after an entry has that entry's position or a later one."""
        async with _both(new_pair) as (one, other):
            await one.add_account(account("alice"))
            for n in range(10):
                entry = await one.add_revocation(Revocation(Target.PRINCIPAL, "alice", NOW))
                issued = await other.add_session(session(f"s{n}", "alice"))
                assert issued.position == (entry.epoch, entry.seq)
                later = replace(entry, target=Target.EVERYTHING, value="")
                assert (await other.add_revocation(later)).seq == entry.seq + 1

    async def test_both_changes_of_roles_are_kept(self, new_pair: NewPair) -> None:
        """Roles that two objects add at once are all stored, each with its entry in the log."""
        async with _both(new_pair) as (one, other):
            await one.add_account(account("alice", roles=frozenset()))
            entry = Revocation(Target.CHANGED, "alice", NOW)
            await asyncio.gather(
                *(one.add_role("alice", f"a{n}", entry=entry) for n in range(8)),
                *(other.add_role("alice", f"b{n}", entry=entry) for n in range(8)),
            )
            found = await one.account("alice")
            assert found is not None
            assert len(found.roles) == 16
            assert [one.seq for one in await other.revocations()] == list(range(1, 17))

    async def test_one_of_two_takes_a_ticket(self, new_pair: NewPair) -> None:
        """INVARIANT: if two objects redeem one ticket at once, only one gets it."""
        async with _both(new_pair) as (one, other):
            await one.add_account(account("alice"))
            for n in range(10):
                await one.add_ticket(ticket(f"t{n}", "alice"))
                taken = await asyncio.gather(
                    one.redeem_ticket(f"t{n}"), other.redeem_ticket(f"t{n}")
                )
                assert sum(found is not None for found in taken) == 1

    async def test_two_write_one_trail(self, new_pair: NewPair) -> None:
        """INVARIANT: the trail has the entries of two objects, each once."""
        async with _both(new_pair) as (one, other):
            for _ in range(5):
                await asyncio.gather(
                    one.append_events([event(), event()]), other.append_events([event()])
                )
            assert await wrong_with_trail(one) is None
            assert len({one.number for one in await other.entries()}) == 15
