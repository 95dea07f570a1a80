"""Contract of every store for sessions."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import StoreError
from stormdoor.ports import Store
from stormdoor.testing.contract.support import (
    NOW,
    NewStore,
    account,
    factor,
    pending,
    placed,
    session,
    ticket,
    with_accounts,
)

__all__ = ["SessionsContract"]


class SessionsContract:
    async def test_session_comes_back_with_its_account(self, new_store: NewStore) -> None:
        """One look-up gives every field of the session, and the account with all its roles."""
        async with with_accounts(new_store, "alice", "bob") as store:
            await store.add_session(session("s1", "alice"))
            assert await store.session("s1") == (
                await placed(store, session("s1", "alice")),
                account("alice"),
            )
            assert await store.session("s2") is None

    @pytest.mark.parametrize("roles", [set(), {"a"}, {"a", "b", "c"}])
    async def test_session_knows_the_roles_of_now(
        self, roles: set[str], new_store: NewStore
    ) -> None:
        """A look-up returns the present roles of the account."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("s1", "alice"))
            for role in account("alice").roles:
                await store.remove_role("alice", role)
            for role in roles:
                await store.add_role("alice", role)
            found = await store.session("s1")
            assert found is not None
            assert found[1].roles == roles

    async def test_session_over_or_disabled_is_still_found(self, new_store: NewStore) -> None:
        """The store also returns expired sessions and disabled accounts; the caller checks them."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("s1", "alice", expires_at=0.0))
            await store.set_disabled("alice", True)
            assert await store.session("s1") == (
                await placed(store, session("s1", "alice", expires_at=0.0)),
                account("alice", disabled=True),
            )

    async def test_session_without_account_is_refused(self, new_store: NewStore) -> None:
        """A session of an unknown account is refused."""
        async with with_accounts(new_store, "alice") as store:
            with pytest.raises(StoreError, match="no such account"):
                await store.add_session(session("s1", "nobody"))
            assert await store.session("s1") is None

    async def test_taken_id_is_refused(self, new_store: NewStore) -> None:
        """A second session of an id is refused, and the first stays as it was."""
        async with with_accounts(new_store, "alice", "bob") as store:
            await store.add_session(session("s1", "alice"))
            with pytest.raises(StoreError, match="exists already"):
                await store.add_session(session("s1", "bob"))
            assert await store.session("s1") == (
                await placed(store, session("s1", "alice")),
                account("alice"),
            )

    async def test_own_sessions_come_newest_first(self, new_store: NewStore) -> None:
        """`sessions` lists those of one principal, newest first."""
        async with with_accounts(new_store, "alice", "bob") as store:
            for at, id in enumerate(["s2", "s1", "s3"]):
                await store.add_session(session(id, "alice", created_at=NOW + at))
            await store.add_session(session("other", "bob"))
            assert [found.id for found in await store.sessions("alice")] == ["s3", "s1", "s2"]

    async def test_sessions_of_a_provider(self, new_store: NewStore) -> None:
        """Sessions of a provider are found by its user or by its session."""
        here = "https://id.example"
        async with with_accounts(new_store, "alice", "bob") as store:
            for at, (id, who, issuer, subject, sid) in enumerate(
                [
                    ("s1", "alice", here, "sub-a", "sid-1"),
                    ("s2", "alice", here, "sub-a", "sid-2"),
                    ("s3", "bob", here, "sub-b", "sid-3"),
                    ("s4", "bob", "https://other.example", "sub-a", "sid-1"),
                    ("s5", "bob", None, None, None),
                ]
            ):
                new = session(
                    id,
                    who,
                    created_at=NOW + at,
                    issuer=issuer,
                    provider_subject=subject,
                    provider_session=sid,
                )
                await store.add_session(new)

            async def found(issuer: str, **named: str) -> list[str]:
                return [one.id for one in await store.sessions_of_provider(issuer, **named)]

            assert await found(here, subject="sub-a") == ["s2", "s1"]
            assert await found(here, sid="sid-1") == ["s1"]
            assert await found(here, subject="sub-a", sid="sid-2") == ["s2"]
            assert await found(here, subject="sub-b", sid="sid-2") == []
            assert await found("https://third.example", subject="sub-a") == []
            with pytest.raises(ValueError, match="subject"):
                await found(here)

    async def test_replacement_is_one_step(self, new_store: NewStore) -> None:
        """A replacement removes the old session with its tickets and adds the new one, in one step."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("old", "alice"))
            await store.add_ticket(ticket("t1", "alice", session_id="old"))
            assert await store.replace_session("old", session("new", "alice")) is not None
            assert [found.id for found in await store.sessions("alice")] == ["new"]
            assert await store.redeem_ticket("t1") is None

    async def test_a_move_is_told_in_the_same_step(self, new_store: NewStore) -> None:
        """A replaced session and its revocation are stored in one step, or neither is."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("old", "alice"))
            moved = Revocation(Target.MOVED, "old new", NOW)
            new = session("new", "alice")
            assert await store.replace_session("old", new, entry=moved) is not None
            assert await store.replace_session("old", new, entry=moved) is None
            [told] = await store.revocations()
            assert (told.target, told.moved, told.seq > 0) == (Target.MOVED, ("old", "new"), True)

    async def test_replacement_of_what_is_gone_changes_nothing(self, new_store: NewStore) -> None:
        """If the old session has ended, the replacement adds no session."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_ticket(ticket("t1", "alice", session_id="old"))
            assert await store.replace_session("old", session("new", "alice")) is None
            assert await store.sessions("alice") == []
            assert await store.redeem_ticket("t1") is not None

    async def test_failed_replacement_keeps_the_old(self, new_store: NewStore) -> None:
        """A replacement that is refused removes nothing."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("old", "alice"))
            await store.add_session(session("taken", "alice"))
            for new in (session("taken", "alice"), session("new", "nobody")):
                with pytest.raises(StoreError):
                    await store.replace_session("old", new)
            assert [found.id for found in await store.sessions("alice")] == ["old", "taken"]

    async def test_one_of_two_replacements_at_once_wins(self, new_store: NewStore) -> None:
        """Of two simultaneous replacements of one session, only one succeeds."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("old", "alice"))
            won = await asyncio.gather(
                *(store.replace_session("old", session(f"new{n}", "alice")) for n in range(8))
            )
            assert sum(one is not None for one in won) == 1
            assert len(await store.sessions("alice")) == 1

    async def test_former_ids_name_the_session_until_it_ends(self, new_store: NewStore) -> None:
        """Each id that a session once had names it under its present id, and no session after its end."""
        async with with_accounts(new_store, "alice", "bob") as store:
            await store.add_session(session("other", "bob"))
            await store.add_session(session("s1", "alice"))
            for old, new in (("s1", "s2"), ("s2", "s3")):
                assert await store.replace_session(old, session(new, "alice")) is not None
            [now] = await store.sessions("alice")
            for id in ("s1", "s2", "s3"):
                assert await store.current_session(id) == now
            assert await store.former_ids() == {"s1": "s3", "s2": "s3"}
            assert [await store.session(id) for id in ("s1", "s2")] == [None, None]
            assert await store.current_session("s4") is None
            assert await store.current_session("\0\ud800") is None
            assert await store.remove_session("s1") is False
            assert await store.remove_session("s3")
            assert [await store.current_session(id) for id in ("s1", "s2", "s3")] == [None] * 3
            assert await store.former_ids() == {}

    @pytest.mark.parametrize("end", ["sessions", "account", "factor", "everything", "purge"])
    async def test_former_ids_go_with_their_session(self, end: str, new_store: NewStore) -> None:
        """However a session ends, its former ids are removed, and those of other sessions stay."""
        ends: dict[str, Callable[[Store], Awaitable[object]]] = {
            "sessions": lambda store: store.remove_sessions("alice"),
            "account": lambda store: store.remove_account("alice"),
            "factor": lambda store: store.remove_factor(
                "f1", "alice", entry=Revocation(Target.SESSION, "", NOW)
            ),
            "everything": lambda store: store.remove_reached_sessions(
                Revocation(Target.TENANT, "acme", NOW + 1, by_time=True), skew=0.0
            ),
            "purge": lambda store: store.purge(NOW + 1e9),
        }
        async with with_accounts(new_store, "alice") as store:
            await store.add_account(account("bob", tenant="other"))
            await store.add_factor(factor("f1", "alice"))
            for who in ("alice", "bob"):
                last = 1e12 if who == "bob" else NOW
                new = session(f"new {who}", who, expires_at=last)
                await store.add_session(session(f"old {who}", who))
                await store.replace_session(f"old {who}", new)
            await ends[end](store)
            assert await store.former_ids() == {"old bob": "new bob"}
            # The id is free again, and names no session by the former one.
            assert await store.current_session("old alice") is None

    async def test_session_comes_before_one_that_had_its_id(self, new_store: NewStore) -> None:
        """An id names the session that has it now, also if another one once had it."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("s1", "alice"))
            await store.replace_session("s1", session("s2", "alice"))
            await store.add_session(session("s1", "alice"))
            found = await store.current_session("s1")
            assert found is not None
            assert found.id == "s1"
            await store.replace_session("s1", session("s3", "alice"))
            assert await store.former_ids() == {"s1": "s3"}

    async def test_touch_moves_forward_only(self, new_store: NewStore) -> None:
        """An earlier use that is written late does not replace a later one."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("s1", "alice"))
            await store.touch_sessions({"s1": NOW + 9.5})
            await store.touch_sessions({"s1": NOW + 3.0, "missing": NOW})
            assert await store.sessions("alice") == [
                await placed(store, session("s1", "alice", last_seen_at=NOW + 9.5))
            ]

    async def test_one_of_two_removals_at_once_wins(self, new_store: NewStore) -> None:
        """Of simultaneous removals of one session, exactly one gets True."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("s1", "alice"))
            won = await asyncio.gather(*(store.remove_session("s1") for _ in range(8)))
            assert won.count(True) == 1
            assert await store.session("s1") is None

    async def test_pending_goes_with_its_session(self, new_store: NewStore) -> None:
        """Pending steps are removed with their session, and pending logins with all sessions."""
        async with with_accounts(new_store, "alice", "bob") as store:

            async def left() -> list[str]:
                looks = [await store.pending(f"p{n}", "second-factor") for n in range(1, 6)]
                return [one.id for one in looks if one is not None]

            for id in ("s1", "s2", "s3"):
                await store.add_session(session(id, "alice"))
            await store.add_pending(pending("p1", "alice", session_id="s1"))
            await store.add_pending(pending("p2", "alice", session_id="s2"))
            await store.add_pending(pending("p3", "alice", session_id="s3"))
            await store.add_pending(pending("p4", "alice", session_id=None))
            await store.add_pending(pending("p5", "bob", session_id=None))
            await store.remove_session("s1")
            assert await left() == ["p2", "p3", "p4", "p5"]
            await store.replace_session("s2", session("s4", "alice"))
            assert await left() == ["p3", "p4", "p5"]
            await store.remove_sessions("alice", keep="s3")
            assert await left() == ["p3", "p5"]
            await store.remove_sessions("alice")
            assert await left() == ["p5"]

    async def test_tickets_go_with_their_session(self, new_store: NewStore) -> None:
        """The tickets of a session are removed with it."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("s1", "alice"))
            await store.add_ticket(ticket("t1", "alice", session_id="s1"))
            await store.add_ticket(ticket("t2", "alice", session_id="s2"))
            await store.remove_session("s1")
            assert await store.redeem_ticket("t1") is None
            assert await store.redeem_ticket("t2") is not None

    async def test_all_others_are_removed(self, new_store: NewStore) -> None:
        """`keep` keeps that session and its tickets, and all other sessions of the principal are removed."""
        async with with_accounts(new_store, "alice", "bob") as store:
            for id in ("s1", "s2", "s3"):
                await store.add_session(session(id, "alice"))
                await store.add_ticket(ticket(f"t-{id}", "alice", session_id=id))
            await store.add_session(session("other", "bob"))
            assert sorted(await store.remove_sessions("alice", keep="s2")) == ["s1", "s3"]
            assert [found.id for found in await store.sessions("alice")] == ["s2"]
            assert await store.redeem_ticket("t-s1") is None
            assert await store.redeem_ticket("t-s2") is not None
            assert await store.session("other") is not None

    async def test_all_are_removed(self, new_store: NewStore) -> None:
        """Without `keep`, all sessions of the principal are removed."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("s1", "alice"))
            await store.add_session(session("s2", "alice"))
            assert sorted(await store.remove_sessions("alice")) == ["s1", "s2"]
            assert await store.remove_sessions("alice") == []

    async def test_keep_of_another_keeps_nothing(self, new_store: NewStore) -> None:
        """`keep` with another principal's session keeps no session."""
        async with with_accounts(new_store, "alice", "bob") as store:
            await store.add_session(session("s1", "alice"))
            await store.add_session(session("other", "bob"))
            assert await store.remove_sessions("alice", keep="other") == ["s1"]

    @pytest.mark.parametrize(
        ("target", "value", "ended"),
        [
            (Target.ROLE, "admin", {"s1", "s2"}),
            (Target.TENANT, "acme", {"s1", "s3"}),
            (Target.DEVICE, "phone", {"s2"}),
            (Target.EVERYTHING, "", {"s1", "s2", "s3"}),
        ],
    )
    @pytest.mark.parametrize("limit", [1, 1_000])
    async def test_reached_sessions_are_removed(
        self, target: Target, value: str, ended: set[str], limit: int, new_store: NewStore
    ) -> None:
        """Sessions that a role, a tenant, a device or everything names end; a later login stays."""
        people = {"s1": ("alice", "acme", "admin"), "s2": ("bob", "other", "admin")}
        people["s3"] = ("carol", "acme", "member")
        async with with_accounts(new_store) as store:
            for id, (who, tenant, role) in people.items():
                await store.add_account(account(who, tenant=tenant, roles=frozenset({role})))
                device = "phone" if id == "s2" else None
                await store.add_session(session(id, who, device_id=device))
                await store.add_ticket(ticket(f"of {id}", who, session_id=id))
                await store.add_pending(pending(f"of {who}", who, session_id=None))
            entry = await store.add_revocation(Revocation(target, value, NOW - 9))
            for id, (who, _, _) in people.items():
                await store.add_session(session(f"new {id}", who, device_id="phone"))
            reached, named, after = dict[str, str | None](), dict[str, str | None](), ""
            while page := await store.reached_sessions(entry, skew=0.5, after=after, limit=limit):
                assert len(page) <= limit
                reached |= {one.id: of for one, of in page}
                after = page[-1][0].id
            assert reached == {id: people[id][1] for id in ended}
            if target is not Target.DEVICE:
                after = ""
                while some := await store.accounts_named(target, value, after=after, limit=limit):
                    assert len(some) <= limit
                    named |= dict(some)
                    after = some[-1][0]
                assert named == {people[id][0]: people[id][1] for id in ended}
            removed = 0
            while found := await store.remove_reached_sessions(entry, skew=0.5, limit=limit):
                assert found <= limit
                removed += found
            assert removed == len(ended)
            for id, (who, _, _) in people.items():
                left = {one.id for one in await store.sessions(who)}
                assert left == {f"new {id}"} | ({id} - ended)
                assert (await store.redeem_ticket(f"of {id}") is None) is (id in ended)
                assert await store.pending(f"of {who}", "second-factor") is not None

    @pytest.mark.parametrize("positions", [True, False])
    async def test_the_entry_decides_which_sessions_end(
        self, positions: bool, new_store: NewStore
    ) -> None:
        """A store removes exactly the sessions of which `Revocation.reaches` is true."""
        async with with_accounts(new_store, "alice") as store:
            born = [NOW + step for step in (-60.0, -0.5, 0.0, 0.25, 0.5, 0.75, 60.0)]
            for by_time in (False, True):
                for seconds in (-60.0, 0.0, 60.0):
                    for n, at in enumerate(born):
                        new = session(f"s{n}", "alice", born_at=at, position=None)
                        await store.add_session(new)
                        if not positions:
                            old = replace(new, id=f"old {n}")
                            await store.replace_session(new.id, old)
                    sessions = await store.sessions("alice")
                    entry = await store.add_revocation(
                        Revocation(Target.TENANT, "acme", NOW + seconds, by_time=by_time)
                    )
                    left = {
                        one.id
                        for one in sessions
                        if not entry.reaches(one.born_at, one.position, skew=0.5)
                    }
                    await store.remove_reached_sessions(entry, skew=0.5)
                    assert {one.id for one in await store.sessions("alice")} == left
                    await store.remove_sessions("alice")

    async def test_pending_logins_end_with_a_role(self, new_store: NewStore) -> None:
        """A pending login of an account that a revocation names ends; one by time leaves it."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_pending(pending("p1", "alice", session_id=None))
            await store.add_pending(pending("p2", session_id=None))
            by_time = Revocation(Target.ROLE, "member", NOW + 60, by_time=True)
            await store.remove_reached_sessions(by_time, skew=0.0)
            assert await store.pending("p1", "second-factor") is not None
            entry = await store.add_revocation(Revocation(Target.ROLE, "member", NOW + 60))
            await store.remove_reached_sessions(entry, skew=0.0)
            assert await store.pending("p1", "second-factor") is None
            assert await store.pending("p2", "second-factor") is not None
