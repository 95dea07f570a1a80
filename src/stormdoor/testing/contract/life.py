"""Contract of every store for `open`, `close` and `purge`."""

from collections.abc import Awaitable, Callable

import pytest

from stormdoor.core.backoff import GuessRules
from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import Member, Store
from stormdoor.stores.grace import PURGE_GRACE_SECONDS
from stormdoor.testing.contract.guesses import GUESS
from stormdoor.testing.contract.support import (
    NOW,
    STATUS,
    NewStore,
    account,
    connection,
    event,
    factor,
    key,
    opened,
    pending,
    session,
    ticket,
    with_accounts,
)

__all__ = ["EVERY_CALL", "LifeContract"]

_SEEN = Member(node="n1", beat=1, age=0.0, declared=True, status=STATUS)

EVERY_CALL: dict[str, Callable[[Store], Awaitable[object]]] = {
    "account": lambda store: store.account("alice"),
    "accounts": lambda store: store.accounts(),
    "add_account": lambda store: store.add_account(account("zoe")),
    "remove_account": lambda store: store.remove_account("alice"),
    "address_seen": lambda store: store.address_seen("alice", "home"),
    "remember_address": lambda store: store.remember_address("alice", "home", NOW, most=16),
    "charge_guess": lambda store: store.charge_guess(GUESS, GuessRules()),
    "guess_wait": lambda store: store.guess_wait(GUESS, GuessRules()),
    "give_back_guess": lambda store: store.give_back_guess(GUESS, GuessRules(), succeeded=True),
    "set_password_hash": lambda store: store.set_password_hash("alice", None),
    "set_disabled": lambda store: store.set_disabled("alice", True),
    "set_attributes": lambda store: store.set_attributes("alice", {}),
    "replace_password_hash": lambda store: store.replace_password_hash("alice", "a", "b"),
    "add_role": lambda store: store.add_role("alice", "guest"),
    "remove_role": lambda store: store.remove_role("alice", "guest"),
    "session": lambda store: store.session("s1"),
    "current_session": lambda store: store.current_session("s1"),
    "former_ids": lambda store: store.former_ids(),
    "sessions": lambda store: store.sessions("alice"),
    "sessions_of_provider": lambda store: store.sessions_of_provider("i", sid="1"),
    "add_session": lambda store: store.add_session(session("s2", "alice")),
    "replace_session": lambda store: store.replace_session("s1", session("s2", "alice")),
    "touch_sessions": lambda store: store.touch_sessions({"s1": NOW + 99}),
    "remove_session": lambda store: store.remove_session("s1"),
    "remove_sessions": lambda store: store.remove_sessions("alice"),
    "add_ticket": lambda store: store.add_ticket(ticket("t2", "alice")),
    "redeem_ticket": lambda store: store.redeem_ticket("t1"),
    "key": lambda store: store.key("k1"),
    "keys": lambda store: store.keys(),
    "add_key": lambda store: store.add_key(key("k2", "alice")),
    "replace_key": lambda store: store.replace_key(
        "k1", key("k2", "alice"), expires_at=1.0, entry=Revocation(Target.CHANGED, "alice", NOW)
    ),
    "remove_key": lambda store: store.remove_key("k1"),
    "touch_key": lambda store: store.touch_key("k1", NOW, "::1"),
    "use_nonce": lambda store: store.use_nonce("jti", "v2", NOW),
    "add_pending": lambda store: store.add_pending(pending("p2", "alice")),
    "pending": lambda store: store.pending("p1", "second-factor"),
    "take_pending": lambda store: store.take_pending("p1", "second-factor"),
    "identity": lambda store: store.identity("i", "s"),
    "identities": lambda store: store.identities("alice"),
    "link_identity": lambda store: store.link_identity("i", "s2", "alice", NOW),
    "unlink_identity": lambda store: store.unlink_identity("i", "s", NOW),
    "factors": lambda store: store.factors("alice"),
    "factor_by_handle": lambda store: store.factor_by_handle("h"),
    "add_factor": lambda store: store.add_factor(factor("f2", "alice")),
    "tenants": lambda store: store.tenants(),
    "accounts_named": lambda store: store.accounts_named(Target.EVERYTHING, "", limit=9),
    "reached_sessions": lambda store: store.reached_sessions(
        Revocation(Target.EVERYTHING, "", NOW + 1), skew=0.0, limit=9
    ),
    "remove_reached_sessions": lambda store: store.remove_reached_sessions(
        Revocation(Target.EVERYTHING, "", NOW + 1), skew=0.0
    ),
    "lasting_revocations": lambda store: store.lasting_revocations(),
    "restore_revocations": lambda store: store.restore_revocations(
        [Revocation(Target.PRINCIPAL, "alice", NOW, seq=9, epoch="an epoch")]
    ),
    "remove_factor": lambda store: store.remove_factor("f1", "alice"),
    "use_factor": lambda store: store.use_factor("f1", counter=9, at=NOW),
    "reseal_factor": lambda store: store.reseal_factor("f1", "old", "new"),
    "set_recovery_codes": lambda store: store.set_recovery_codes("alice", ["h"]),
    "use_recovery_code": lambda store: store.use_recovery_code("alice", "h"),
    "recovery_codes": lambda store: store.recovery_codes("alice"),
    "factor_failures": lambda store: store.factor_failures("alice"),
    "set_factor_failures": lambda store: store.set_factor_failures("alice", 1, NOW, expected=0),
    "add_revocation": lambda store: store.add_revocation(Revocation(Target.SESSION, "s1", NOW)),
    "revocations": lambda store: store.revocations(),
    "head_and_entries": lambda store: store.head_and_entries(0),
    "wait_for_entry": lambda store: store.wait_for_entry(LogPosition("", 0), 0.0),
    "log_position": lambda store: store.log_position(),
    "begin_epoch": lambda store: store.begin_epoch(""),
    "append_events": lambda store: store.append_events([event()]),
    "entries": lambda store: store.entries(),
    "trail_chains": lambda store: store.trail_chains(),
    "pay_entries": lambda store: store.pay_entries(NOW, [1]),
    "space": lambda store: store.space(),
    "trail_faults": lambda store: store.trail_faults(),
    "drop_entries": lambda store: store.drop_entries(NOW + 1),
    "erase_personal": lambda store: store.erase_personal("alice"),
    "beat": lambda store: store.beat("n1", STATUS, joining=True),
    "members": lambda store: store.members(),
    "declare_lapsed": lambda store: store.declare_lapsed("n1", 1),
    "remove_lapsed": lambda store: store.remove_lapsed(_SEEN),
    "remove_member": lambda store: store.remove_member("n1"),
    "sync_connections": lambda store: store.sync_connections("n1", [], ["c1"]),
    "live_connections": lambda store: store.live_connections(["n1"]),
    "connections_after": lambda store: store.connections_after(("", ""), limit=9),
    "tenants_of_connections": lambda store: store.tenants_of_connections(Target.ROLE, "member"),
    "purge": lambda store: store.purge(NOW + 1e9),
}
"""One call of each method, of which each that can would change a store with `alice` in it."""


class LifeContract:
    def test_every_method_is_called(self) -> None:
        """`EVERY_CALL` has all methods of the port but `open` and `close`."""
        methods = {name for name in dir(Store) if not name.startswith("_")}
        assert set(EVERY_CALL) == methods - {"open", "close"}

    @pytest.mark.parametrize("name", EVERY_CALL)
    async def test_store_not_open_is_unavailable(self, name: str, new_store: NewStore) -> None:
        """Before `open` and after `close` every method raises `StoreUnavailable`."""
        store = new_store()
        with pytest.raises(StoreUnavailable):
            await EVERY_CALL[name](store)
        async with opened(store):
            await store.add_account(account("alice"))
            await EVERY_CALL[name](store)
        with pytest.raises(StoreUnavailable):
            await EVERY_CALL[name](store)

    async def test_open_and_close_may_repeat(self, new_store: NewStore) -> None:
        """A second `open` or `close` changes nothing; a store can be opened again."""
        store = new_store()
        await store.close()
        await store.open()
        await store.open()
        await store.add_account(account("alice"))
        await store.close()
        await store.close()
        async with opened(store):
            assert await store.account("alice") == account("alice")

    async def test_purge_removes_what_is_long_over(self, new_store: NewStore) -> None:
        """Sessions, tickets, nonces and pending entries are purged two hours after their end."""
        grace = PURGE_GRACE_SECONDS
        async with with_accounts(new_store, "alice") as store:
            await store.add_session(session("over", "alice", expires_at=NOW, last_seen_at=NOW))
            await store.add_session(
                session("idle", "alice", last_seen_at=NOW - 60.0, idle_seconds=60.0)
            )
            await store.add_session(session("alive", "alice", last_seen_at=NOW + grace))
            await store.add_ticket(ticket("t1", "alice", expires_at=NOW))
            await store.add_ticket(ticket("t2", "alice", expires_at=NOW + grace))
            await store.add_pending(pending("p1", "alice", expires_at=NOW))
            await store.add_pending(pending("p2", "alice", expires_at=NOW + grace))
            await store.use_nonce("jti", "v1", NOW)
            await store.use_nonce("jti", "v2", NOW + grace)
            await store.beat("n1", STATUS, joining=True)
            await store.sync_connections("n1", [connection("a", "n1")], [])

            assert await store.purge(NOW + grace) == 0
            assert await store.purge(NOW + grace + 1) == 4
            assert await store.purge(NOW + grace + 1) == 0

            # An idle one stays until its absolute end: sockets of receive-only endpoints belong to it.
            assert {found.id for found in await store.sessions("alice")} == {"alive", "idle"}
            assert await store.redeem_ticket("t1") is None
            assert await store.redeem_ticket("t2") is not None
            assert await store.pending("p1", "second-factor") is None
            assert await store.pending("p2", "second-factor") is not None
            assert await store.use_nonce("jti", "v1", NOW) is True
            assert await store.use_nonce("jti", "v2", NOW) is False
            # Its age is by the clock of the engine.
            assert [found.id for found in await store.live_connections(["n1"])] == ["a"]

    async def test_purge_leaves_the_rest(self, new_store: NewStore) -> None:
        """`purge` leaves accounts, keys, factors, identities, revocations and the trail."""
        async with with_accounts(new_store, "alice") as store:
            await store.add_key(key("k1", "alice", expires_at=0.0))
            await store.add_factor(factor("f1", "alice", created_at=0.0))
            await store.set_recovery_codes("alice", ["h"])
            await store.link_identity("i", "s", "alice", 0.0)
            await store.set_factor_failures("alice", 3, 0.0, expected=0)
            await store.add_revocation(Revocation(Target.EVERYTHING, "", 0.0))
            await store.append_events([event()])
            assert await store.purge(NOW + 1e9) == 0
            assert len(await store.accounts()) == 1
            assert len(await store.keys()) == 1
            assert len(await store.factors("alice")) == 1
            assert await store.recovery_codes("alice") == 1
            assert len(await store.identities("alice")) == 1
            assert await store.factor_failures("alice") == (3, 0.0)
            assert len(await store.revocations()) == 1
            assert len(await store.entries()) == 1
