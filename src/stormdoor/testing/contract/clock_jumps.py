"""Contract of every store for clocks that are set forward or back."""

from dataclasses import replace

import pytest

from stormdoor.core.revocation import Revocation, Target
from stormdoor.testing.contract.support import (
    NOW,
    STATUS,
    NewStore,
    event,
    session,
    with_accounts,
    wrong_with_trail,
)

__all__ = ["ClockJumpsContract"]

_YEAR = 365 * 86_400.0


class ClockJumpsContract:
    @pytest.mark.parametrize("now", [0.0, -1.0, NOW - _YEAR])
    async def test_purge_with_an_early_clock_removes_nothing(
        self, now: float, new_store: NewStore
    ) -> None:
        """A clock that was set back removes nothing that is still needed."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("s1", "alice"))
            await store.use_nonce("jti", "v1", NOW)
            await store.beat("n1", STATUS, joining=True)
            assert await store.purge(now) == 0
            assert await store.session("s1") is not None
            assert not await store.use_nonce("jti", "v1", NOW)
            assert [one.node for one in await store.members()] == ["n1"]

    async def test_used_nonce_stays_used_after_a_short_jump(self, new_store: NewStore) -> None:
        """After a purge with a clock that was an hour ahead, a used nonce is still refused."""
        async with with_accounts(new_store) as store:
            assert await store.use_nonce("jti", "v1", NOW + 60)
            await store.purge(NOW + 3_600)
            assert not await store.use_nonce("jti", "v1", NOW + 60)

    async def test_node_that_is_ahead_purges_no_nonce_of_a_late_one(
        self, new_store: NewStore
    ) -> None:
        """INVARIANT: a node that is an hour ahead frees no nonce that one an hour behind still accepts."""
        async with with_accounts(new_store) as store:
            assert await store.use_nonce("jti", "v1", NOW - 3_600 + 60)
            await store.purge(NOW + 3_600)
            assert not await store.use_nonce("jti", "v1", NOW - 3_600 + 60)

    async def test_use_of_a_session_is_not_moved_back(self, new_store: NewStore) -> None:
        """A node with a late clock does not make a session idle."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("s1", "alice", last_seen_at=NOW))
            await store.touch_sessions({"s1": NOW + 60})
            await store.touch_sessions({"s1": NOW - _YEAR})
            found = await store.session("s1")
            assert found is not None
            assert found[0].last_seen_at == NOW + 60

    async def test_order_comes_from_the_log_and_not_from_a_clock(self, new_store: NewStore) -> None:
        """A revocation by a node with a late clock still ends what was issued before it."""
        async with with_accounts(new_store, "alice") as store:
            old = await store.add_session(session("s1", "alice", born_at=NOW))
            entry = await store.add_revocation(Revocation(Target.PRINCIPAL, "alice", NOW - _YEAR))
            new = await store.add_session(session("s2", "alice", born_at=NOW - _YEAR))
            assert entry.reaches(old.born_at, old.position)
            assert not entry.reaches(new.born_at, new.position)

    async def test_entry_of_a_change_is_dated_like_all_others(self, new_store: NewStore) -> None:
        """The date of an entry is never before that of an earlier one."""
        async with with_accounts(new_store, "alice") as store:
            first = await store.add_revocation(Revocation(Target.EVERYTHING, "", NOW))
            late = Revocation(Target.PRINCIPAL, "alice", NOW - _YEAR)
            stored = await store.set_disabled("alice", True, entry=late)
            assert stored == replace(late, at=NOW, epoch=first.epoch, seq=first.seq + 1)

    async def test_trail_keeps_the_order_of_its_entries(self, new_store: NewStore) -> None:
        """Entries with times that go back are one chain, and retention stops at the first young one."""
        async with with_accounts(new_store) as store:
            times = [NOW, NOW + _YEAR, NOW - _YEAR, NOW]
            for time in times:
                await store.append_events([event(time=time)])
            assert [one.event.time for one in await store.entries()] == times
            assert await wrong_with_trail(store) is None
            assert await store.drop_entries(NOW + 1) == 1
            assert await wrong_with_trail(store) is None
