"""Contract of every store for the nodes and their beats."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import NodeNameTaken, StoreUnavailable
from stormdoor.ports import Member, Store
from stormdoor.testing.contract.support import NOW, STATUS, NewStore, connection, opened

__all__ = ["MembersContract"]


async def _member(store: Store, node: str) -> Member:
    [found] = [one for one in await store.members() if one.node == node]
    return found


async def _when(store: Store, node: str, condition: Callable[[Member], bool]) -> Member:
    """Return the member as soon as the condition is true of it."""
    for _ in range(1_000):
        found = await _member(store, node)
        if condition(found):
            return found
        await asyncio.sleep(0.01)
    raise TimeoutError


_FIRST, _SECOND, _THIRD = (replace(STATUS, instance=instance) for instance in ("a", "b", "c"))
"""Processes with one name."""


class MembersContract:
    async def test_node_joins_with_its_status(self, new_store: NewStore) -> None:
        """A node is listed with what it reported, its age by the engine's clock, and under its name."""
        async with opened(new_store()) as store:
            head = await store.beat("n2", STATUS, joining=True)
            await store.beat("n1", replace(STATUS, version="", lease=9.0), joining=True)
            assert head == await store.log_position()
            assert [one.node for one in await store.members()] == ["n1", "n2"]
            found = await _member(store, "n2")
            assert found.status == STATUS
            assert 0.0 <= found.age < 60.0
            assert not found.declared

    async def test_beat_returns_the_head(self, new_store: NewStore) -> None:
        """INVARIANT: the head contains every entry that was committed before the beat."""
        async with opened(new_store()) as store:
            await store.beat("n1", STATUS, joining=True)
            for n in range(5):
                entry = await store.add_revocation(Revocation(Target.SESSION, f"s{n}", NOW))
                assert await store.beat("n1", STATUS) == (entry.epoch, entry.seq)

    async def test_applied_position_is_recorded(self, new_store: NewStore) -> None:
        """Other nodes see the position that a node has applied soon after its beat, under a new number."""
        async with opened(new_store()) as store:
            await store.beat("n1", STATUS, joining=True)
            number = (await _member(store, "n1")).beat
            for applied in (LogPosition("e", 7), LogPosition("e", 8)):

                def recorded(one: Member, applied: LogPosition = applied) -> bool:
                    return one.status.applied == applied

                await store.beat("n1", replace(STATUS, applied=applied))
                found = await _when(store, "n1", recorded)
                assert found.beat > number
                number = found.beat

    async def test_unknown_node_does_not_beat(self, new_store: NewStore) -> None:
        """A node that never joined, or was removed, renews no lease until it joins."""
        async with opened(new_store()) as store:
            with pytest.raises(StoreUnavailable):
                await store.beat("n1", STATUS)
            await store.beat("n1", STATUS, joining=True)
            await store.remove_member("n1")
            with pytest.raises(StoreUnavailable):
                await store.beat("n1", STATUS)
            assert await store.members() == []
            await store.beat("n1", STATUS, joining=True)
            await store.beat("n1", STATUS)

    async def test_late_beat_after_a_lapse_raises(self, new_store: NewStore) -> None:
        """INVARIANT: after a node was declared lapsed, its beat raises until it joins again."""
        async with opened(new_store()) as store:
            await store.beat("n1", replace(STATUS, lease=60.0), joining=True)
            await store.beat("n2", STATUS, joining=True)
            seen = await _member(store, "n1")
            assert await store.declare_lapsed("n1", seen.beat)
            assert (await _member(store, "n1")).declared
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    await store.beat("n1", STATUS)
            await store.beat("n2", STATUS)
            await store.beat("n1", STATUS, joining=True)
            await store.beat("n1", STATUS)
            back = await _member(store, "n1")
            assert not back.declared
            assert back.beat > seen.beat

    async def test_lapse_is_a_comparison(self, new_store: NewStore) -> None:
        """A node that has beaten meanwhile is not declared lapsed; a repeated call returns the same."""
        async with opened(new_store()) as store:
            await store.beat("n1", STATUS, joining=True)
            seen = await _member(store, "n1")
            await store.beat("n1", STATUS, joining=True)
            assert not await store.declare_lapsed("n1", seen.beat)
            assert not await store.declare_lapsed("unknown", seen.beat)
            await store.beat("n1", STATUS)
            seen = await _member(store, "n1")
            assert await store.declare_lapsed("n1", seen.beat)
            assert await store.declare_lapsed("n1", seen.beat)

    async def test_second_instance_does_not_join(self, new_store: NewStore) -> None:
        """INVARIANT: a name has one process at a time, also after its lease was declared lapsed."""
        async with opened(new_store()) as store:
            await store.beat("n1", _FIRST, joining=True)
            with pytest.raises(NodeNameTaken, match="give each process a name of its own"):
                await store.beat("n1", _SECOND, joining=True)
            with pytest.raises(StoreUnavailable):
                await store.beat("n1", _SECOND)
            await store.beat("n1", _FIRST)
            seen = await _member(store, "n1")
            assert seen.status.instance == "a"
            assert await store.declare_lapsed("n1", seen.beat)
            with pytest.raises(NodeNameTaken):
                await store.beat("n1", _SECOND, joining=True)
            await store.beat("n1", _FIRST, joining=True)
            await store.beat("n2", _SECOND, joining=True)

    async def test_lapsed_instance_is_replaced(self, new_store: NewStore) -> None:
        """INVARIANT: after it was replaced, a process neither beats nor joins nor removes the row."""
        async with opened(new_store()) as store:
            await store.beat("n1", _FIRST, joining=True)
            await store.sync_connections("n1", [connection("c", "n1")], [])
            seen = await _member(store, "n1")
            with pytest.raises(NodeNameTaken):  # it was not declared lapsed
                await store.beat("n1", _SECOND, joining=True, replacing=seen)
            assert await store.declare_lapsed("n1", seen.beat)
            await store.beat("n1", _SECOND, joining=True, replacing=seen)
            await store.beat("n1", _SECOND)
            for joining in (False, True):
                with pytest.raises(StoreUnavailable):
                    await store.beat("n1", _FIRST, joining=joining)
            await store.remove_member("n1", "a")
            found = await _member(store, "n1")
            assert (found.status.instance, found.declared) == ("b", False)
            await store.remove_member("n1", "b")
            assert await store.members() == []

    @pytest.mark.parametrize("back", ["again", "another"])
    async def test_replacement_is_a_comparison(self, back: str, new_store: NewStore) -> None:
        """A process replaces only the row that it saw: of this instance, after this beat."""
        async with opened(new_store()) as store:
            await store.beat("n1", _FIRST, joining=True)
            seen = await _member(store, "n1")
            if back == "another":
                await store.remove_member("n1", "a")
            present = _FIRST if back == "again" else _THIRD
            await store.beat("n1", present, joining=True)
            now = await _member(store, "n1")
            assert await store.declare_lapsed("n1", now.beat)
            with pytest.raises(NodeNameTaken):
                await store.beat("n1", _SECOND, joining=True, replacing=seen)
            await store.beat("n1", _SECOND, joining=True, replacing=now)

    async def test_connections_leave_with_their_node(self, new_store: NewStore) -> None:
        """The connections of a removed node are removed; a node that joins again keeps its own."""
        async with opened(new_store()) as store:
            for node in ("n1", "n2"):
                await store.beat(node, STATUS, joining=True)
                await store.sync_connections(node, [connection("c", node)], [])
            await store.beat("n1", STATUS, joining=True)
            await store.remove_member("n2")
            await store.remove_member("unknown")
            found = await store.live_connections(["n1", "n2"])
            assert [one.node for one in found] == ["n1"]

    async def test_only_a_lapsed_node_is_removed(self, new_store: NewStore) -> None:
        """INVARIANT: neither a node that was not declared lapsed, nor one that has joined again."""
        async with opened(new_store()) as store:
            await store.beat("n1", _FIRST, joining=True)
            await store.sync_connections("n1", [connection("c", "n1")], [])
            seen = await _member(store, "n1")
            await store.remove_lapsed(seen)
            assert await store.declare_lapsed("n1", seen.beat)
            for other in (replace(seen, beat=seen.beat - 1), replace(seen, status=_SECOND)):
                await store.remove_lapsed(other)
            assert (await _member(store, "n1")).declared
            await store.beat("n1", _FIRST, joining=True)
            await store.remove_lapsed(seen)
            again = await _member(store, "n1")
            assert await store.declare_lapsed("n1", again.beat)
            await store.remove_lapsed(again)
            assert await store.members() == []
            assert await store.live_connections(["n1"]) == []

    async def test_waiting_ends_in_time_or_with_an_entry(self, new_store: NewStore) -> None:
        """`wait_for_entry` returns after its time, and before it if the log has an entry already."""
        async with opened(new_store()) as store:
            async with asyncio.timeout(10):
                await store.wait_for_entry(await store.log_position(), 0.02)
                waiting = asyncio.create_task(store.wait_for_entry(await store.log_position(), 0.5))
                await store.add_revocation(Revocation(Target.SESSION, "s1", NOW))
                await waiting
                await store.wait_for_entry(LogPosition("", 0), 0.05)
