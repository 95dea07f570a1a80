"""Contract of every store for the feed of revocations."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import StoreError
from stormdoor.ports import Changed, Store
from stormdoor.testing.contract.support import (
    NOW,
    NewStore,
    key,
    opened,
    session,
    ticket,
    with_accounts,
)

__all__ = ["RevocationsContract"]

CHANGES: dict[str, Callable[[Store, Revocation | None], Awaitable[Changed]]] = {
    "remove_account": lambda store, entry: store.remove_account("alice", entry=entry),
    "set_password_hash": lambda store, entry: store.set_password_hash("alice", "x", entry=entry),
    "set_disabled": lambda store, entry: store.set_disabled("alice", True, entry=entry),
    "add_role": lambda store, entry: store.add_role("alice", "guest", entry=entry),
    "remove_role": lambda store, entry: store.remove_role("alice", "member", entry=entry),
    "set_attributes": lambda store, entry: store.set_attributes("alice", {}, entry=entry),
    "remove_session": lambda store, entry: store.remove_session("s1", entry=entry),
    "remove_key": lambda store, entry: store.remove_key("k1", entry=entry),
}


class RevocationsContract:
    @pytest.mark.parametrize("target", list(Target))
    async def test_revocation_comes_back_as_it_was(
        self, target: Target, new_store: NewStore
    ) -> None:
        """Every field and every kind of revocation is stored; the store assigns `seq`."""
        given = Revocation(target, "alice", NOW + 0.5, seq=77, reason="asked for", epoch="?")
        async with opened(new_store()) as store:
            first = await store.add_revocation(given)
            second = await store.add_revocation(replace(given, by_time=True))
            assert await store.revocations() == [
                replace(given, seq=1, epoch=first.epoch),
                replace(given, seq=2, epoch=first.epoch, by_time=True),
            ]
            assert [first, second] == await store.revocations()

    async def test_follower_gets_what_is_new(self, new_store: NewStore) -> None:
        """`seq` rises from 1; `revocations(after)` returns the later entries in order."""
        async with opened(new_store()) as store:
            assert await store.revocations() == []
            seqs = [
                await store.add_revocation(Revocation(Target.SESSION, f"s{n}", NOW))
                for n in range(4)
            ]
            assert [position.seq for position in seqs] == [1, 2, 3, 4]
            assert [found.value for found in await store.revocations(2)] == ["s2", "s3"]
            assert await store.revocations(4) == []
            assert await store.revocations(99) == []

    async def test_many_at_once_get_places_of_their_own(self, new_store: NewStore) -> None:
        """Two revocations never share a `seq`, and none is lost."""
        async with opened(new_store()) as store:
            seqs = await asyncio.gather(
                *(store.add_revocation(Revocation(Target.SESSION, f"s{n}", NOW)) for n in range(20))
            )
            assert sorted(position.seq for position in seqs) == list(range(1, 21))
            assert [found.seq for found in await store.revocations()] == list(range(1, 21))

    @pytest.mark.parametrize("target", list(Target))
    async def test_end_of_what_lasts_no_month_is_forgotten(
        self, target: Target, new_store: NewStore
    ) -> None:
        """Entries about sessions and connections are purged after 31 days; all others stay."""
        lasts_a_month = target not in {
            Target.SESSION,
            Target.MOVED,
            Target.CONNECTION,
            Target.CHANGED,
        }
        month = 31 * 86_400.0
        async with opened(new_store()) as store:
            await store.add_revocation(Revocation(target, "x", NOW))
            assert await store.purge(NOW + month) == 0
            assert await store.purge(NOW + month + 1) == (0 if lasts_a_month else 1)
            assert len(await store.revocations()) == (1 if lasts_a_month else 0)

    async def test_forgotten_place_is_not_given_again(self, new_store: NewStore) -> None:
        """After a purge, a new entry gets a new `seq`, so that no follower misses it."""
        async with opened(new_store()) as store:
            seen = await store.add_revocation(Revocation(Target.SESSION, "s1", NOW))
            await store.purge(NOW + 1e9)
            assert await store.log_position() == (seen.epoch, seen.seq)
            after = await store.add_revocation(Revocation(Target.SESSION, "s2", NOW))
            assert (after.epoch, after.seq) == (seen.epoch, seen.seq + 1)
            assert [found.value for found in await store.revocations(seen.seq)] == ["s2"]

    async def test_the_head_comes_with_the_entries(self, new_store: NewStore) -> None:
        """The head and the entries after a position are read at once, also if there are none."""
        async with opened(new_store()) as store:
            assert await store.head_and_entries(0) == (await store.log_position(), [])
            added = [
                await store.add_revocation(Revocation(Target.SESSION, f"s{n}", NOW)) for n in (1, 2)
            ]
            head = await store.log_position()
            assert await store.head_and_entries(0) == (head, added)
            assert await store.head_and_entries(1) == (head, added[1:])
            assert await store.head_and_entries(2) == (head, [])

    async def test_every_credential_carries_the_head_of_the_log(self, new_store: NewStore) -> None:
        """The store assigns the position of a credential in the transaction that adds it, and returns it."""
        async with with_accounts(new_store, "alice") as store:
            for n in range(3):
                head = await store.log_position()
                claimed = LogPosition(head.epoch, 99)
                added = (
                    await store.add_session(session(f"s{n}", "alice", position=claimed)),
                    await store.add_key(key(f"k{n}", "alice", position=claimed)),
                    await store.add_ticket(ticket(f"t{n}", "alice", position=claimed)),
                )
                found = (
                    await store.session(f"s{n}"),
                    await store.key(f"k{n}"),
                    await store.redeem_ticket(f"t{n}"),
                )
                assert [one.position for one in added] == [head] * 3
                assert [one and one[0] for one in found] == list(added)
                await store.add_revocation(Revocation(Target.PRINCIPAL, "alice", NOW))
                assert (await store.log_position()).seq == head.seq + 1

    async def test_rotation_keeps_the_position(self, new_store: NewStore) -> None:
        """A rotated session keeps its position; after a new authentication it gets a new one."""
        async with with_accounts(new_store, "alice") as store:
            born = await store.add_session(session("s0", "alice"))
            await store.add_revocation(Revocation(Target.SESSION, "other", NOW))
            turned = replace(born, id="s1")
            assert await store.replace_session("s0", turned) == turned
            of_old = replace(born, id="s2", position=None)
            assert await store.replace_session("s1", of_old) == of_old
            proved = await store.replace_session(
                "s2", replace(of_old, id="s3"), reauthenticated=True
            )
            assert proved == replace(born, id="s3", position=await store.log_position())
            assert await store.sessions("alice") == [proved]

    async def test_the_time_of_a_revocation_never_goes_back(self, new_store: NewStore) -> None:
        """The time of an entry is never before that of an earlier one, unless the caller names it."""
        async with opened(new_store()) as store:
            for target, at, by_time in (
                (Target.PRINCIPAL, NOW, False),
                (Target.EVERYTHING, NOW - 50, False),
                (Target.ROLE, NOW - 70, True),
                (Target.SESSION, NOW - 60, False),
                (Target.TENANT, NOW + 5, False),
                (Target.DEVICE, NOW + 9, True),
                (Target.DEVICE, NOW + 1, False),
            ):
                await store.add_revocation(Revocation(target, "", at, by_time=by_time))
            assert [one.at - NOW for one in await store.revocations()] == [0, 0, -70, -60, 5, 9, 5]

    async def test_another_epoch_begins_once(self, new_store: NewStore) -> None:
        """Of two calls of `begin_epoch` after one epoch, only the first begins another."""
        async with opened(new_store()) as store:
            before = await store.add_revocation(Revocation(Target.EVERYTHING, "", NOW))
            begun = await store.begin_epoch(before.epoch)
            assert (begun.epoch == before.epoch, begun.seq) == (False, before.seq)
            assert await store.begin_epoch(before.epoch) == begun
            after = await store.add_revocation(Revocation(Target.EVERYTHING, "", NOW))
            assert (after.epoch, after.seq) == (begun.epoch, before.seq + 1)
            assert [one.epoch for one in await store.revocations()] == [before.epoch, begun.epoch]
            assert await store.log_position() == (after.epoch, after.seq)

    @pytest.mark.parametrize("change", CHANGES)
    async def test_change_and_entry_are_one(self, change: str, new_store: NewStore) -> None:
        """A change adds and returns its entry; without a change there is no entry."""
        entry = Revocation(Target.PRINCIPAL, "alice", NOW - 50)
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("s1", "alice"))
            await store.add_key(key("k1", "alice"))
            await store.add_revocation(Revocation(Target.EVERYTHING, "", NOW))
            stored = await CHANGES[change](store, entry)
            head = await store.log_position()
            assert stored == replace(entry, at=NOW, epoch=head.epoch, seq=2)
            assert await store.revocations(1) == [stored]
            await store.remove_account("alice")
            assert await CHANGES[change](store, entry) is False
            assert await store.log_position() == head

    @pytest.mark.parametrize("change", CHANGES)
    async def test_change_without_entry_adds_none(self, change: str, new_store: NewStore) -> None:
        """A change without an entry adds none to the log."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("s1", "alice"))
            await store.add_key(key("k1", "alice"))
            assert await CHANGES[change](store, None) is True
            assert await store.revocations() == []

    async def test_replaced_session_and_entry_are_one(self, new_store: NewStore) -> None:
        """If a replacement is refused, its entry is not in the log."""
        entry = Revocation(Target.SESSION, "s1", NOW)
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("s1", "alice"))
            await store.add_session(session("s2", "alice"))
            with pytest.raises(StoreError):
                await store.replace_session("s1", session("s2", "alice"), entry=entry)
            assert await store.replace_session("s9", session("s3", "alice"), entry=entry) is None
            assert await store.revocations() == []
            assert await store.session("s1") is not None
            assert await store.replace_session("s1", session("s3", "alice"), entry=entry)
            assert [one.value for one in await store.revocations()] == ["s1"]

    async def test_lasting_entries_are_the_latest_of_each_name(self, new_store: NewStore) -> None:
        """Entries of one name are one; those of which the store looks up the credential are left out."""
        async with opened(new_store()) as store:
            for n, (target, value, at, by_time) in enumerate(
                (
                    (Target.PRINCIPAL, "alice", NOW + 5, False),
                    (Target.SESSION, "s1", NOW, False),
                    (Target.PRINCIPAL, "alice", NOW, True),
                    (Target.PRINCIPAL, "alice", NOW - 9, True),
                    (Target.TOKEN, "alice", NOW, False),
                    (Target.CHANGED, "alice", NOW, False),
                    (Target.PRINCIPAL, "bob", NOW, False),
                    (Target.PRINCIPAL, "alice", NOW + 7, False),
                    (Target.CONNECTION, "c1", NOW, False),
                )
            ):
                await store.add_revocation(
                    Revocation(target, value, at, reason=f"{n}", by_time=by_time)
                )
            epoch = (await store.log_position()).epoch
            assert await store.lasting_revocations() == [
                Revocation(Target.PRINCIPAL, "alice", NOW, 4, "", epoch, True),
                Revocation(Target.TOKEN, "alice", NOW, 5, "", epoch),
                Revocation(Target.PRINCIPAL, "bob", NOW + 5, 7, "", epoch),
                Revocation(Target.PRINCIPAL, "alice", NOW + 7, 8, "", epoch),
                Revocation(Target.CONNECTION, "c1", NOW, 9, "", epoch),
            ]

    async def test_lost_entries_are_added_again_once(self, new_store: NewStore) -> None:
        """Several nodes write the entries that a restored log lacks, and each is added once."""
        async with opened(new_store()) as store:
            kept = await store.add_revocation(Revocation(Target.PRINCIPAL, "alice", NOW))
            old = kept.epoch
            lost = [
                Revocation(Target.PRINCIPAL, "alice", NOW, 7, "theft", old),
                Revocation(Target.TOKEN, "t", NOW, 8, "", old),
                Revocation(Target.ROLE, "admin", NOW - 60, 9, "", old, True),
            ]
            begun = await store.begin_epoch(old)
            added = await asyncio.gather(
                *(store.restore_revocations([kept, *lost]) for _ in range(4))
            )
            assert sorted(added) == [0, 0, 0, 3]
            assert await store.restore_revocations([kept, lost[1]]) == 0
            head = await store.log_position()
            assert (head.epoch, head.seq) == (begun.epoch, 12)
            again = await store.revocations(kept.seq)
            assert again == [
                replace(one, seq=seq) for one, seq in zip(lost, (10, 11, 12), strict=True)
            ]
            following = await store.add_revocation(Revocation(Target.PRINCIPAL, "alice", NOW))
            assert (following.epoch, following.seq) == (begun.epoch, 13)

    async def test_session_of_a_lost_end_is_removed(self, new_store: NewStore) -> None:
        """A restored backup holds a session that had ended. It is removed with the entry that is written."""
        async with with_accounts(new_store, "alice") as store:
            for id in ("s1", "s2"):
                await store.add_session(session(id, "alice"))
            await store.add_ticket(ticket("t1", "alice", session_id="s1"))
            old = (await store.log_position()).epoch
            await store.begin_epoch(old)
            lost = Revocation(Target.SESSION, "s1", NOW, 7, "logout", old)
            assert await store.restore_revocations([lost]) == 1
            assert [one.id for one in await store.sessions("alice")] == ["s2"]
            assert await store.redeem_ticket("t1") is None

    async def test_two_stores_are_two_epochs(self, new_store: NewStore) -> None:
        """Two stores have different epochs."""
        async with opened(new_store()) as one, opened(new_store()) as other:
            assert (await one.log_position()).epoch != (await other.log_position()).epoch
