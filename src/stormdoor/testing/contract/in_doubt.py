"""Contract of every store for repeated calls: the answer to the first one was lost."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation, Target
from stormdoor.ports import Store
from stormdoor.testing.contract.support import (
    NOW,
    STATUS,
    NewStore,
    account,
    connection,
    event,
    factor,
    key,
    pending,
    session,
    ticket,
    trail_anchor,
    trail_head,
    with_accounts,
)

__all__ = ["REPEATED", "USED", "InDoubtContract", "contents", "fill"]

_ENTRY = Revocation(Target.CHANGED, "alice", NOW)

REPEATED: dict[str, Callable[[Store], Awaitable[object]]] = {
    "set_password_hash": lambda store: store.set_password_hash("alice", "x", entry=_ENTRY),
    "set_disabled": lambda store: store.set_disabled("alice", True, entry=_ENTRY),
    "add_role": lambda store: store.add_role("alice", "guest", entry=_ENTRY),
    "remove_role": lambda store: store.remove_role("alice", "member", entry=_ENTRY),
    "set_attributes": lambda store: store.set_attributes("alice", {"level": 4}, entry=_ENTRY),
    "remove_account": lambda store: store.remove_account("alice", entry=_ENTRY),
    "touch_sessions": lambda store: store.touch_sessions({"s1": NOW + 99}),
    "remove_session": lambda store: store.remove_session("s1", entry=_ENTRY),
    "remove_sessions": lambda store: store.remove_sessions("alice"),
    "remove_reached_sessions": lambda store: store.remove_reached_sessions(
        Revocation(Target.TENANT, "acme", NOW + 1), skew=0.0
    ),
    "restore_revocations": lambda store: store.restore_revocations(
        [Revocation(Target.PRINCIPAL, "alice", NOW, seq=9, epoch="an epoch")]
    ),
    "remove_key": lambda store: store.remove_key("k1", entry=_ENTRY),
    "touch_key": lambda store: store.touch_key("k1", NOW, "::1"),
    "unlink_identity": lambda store: store.unlink_identity("i", "s", NOW),
    "remove_factor": lambda store: store.remove_factor("f1", "alice"),
    "set_recovery_codes": lambda store: store.set_recovery_codes("alice", ["new"]),
    "remember_address": lambda store: store.remember_address("alice", "home", NOW, most=4),
    "beat": lambda store: store.beat("n1", replace(STATUS, connections=3)),
    "declare_lapsed": lambda store: store.declare_lapsed("n1", 1),
    "sync_connections": lambda store: store.sync_connections(
        "n1", [connection("c2", "n1")], ["c1"]
    ),
    "wait_for_entry": lambda store: store.wait_for_entry(LogPosition("", 0), 0.0),
    "remove_member": lambda store: store.remove_member("n1"),
    "append_events": lambda store: store.append_events([event()], batch=b"b" * 16, again=True),
    "erase_personal": lambda store: store.erase_personal("alice"),
    "drop_entries": lambda store: store.drop_entries(NOW + 1),
    "purge": lambda store: store.purge(NOW + 1e9),
}
"""Calls that the ports allow to be repeated."""

USED: dict[str, Callable[[Store], Awaitable[object]]] = {
    "redeem_ticket": lambda store: store.redeem_ticket("t1"),
    "use_nonce": lambda store: store.use_nonce("jti", "v1", NOW + 60),
    "take_pending": lambda store: store.take_pending("p1", "second-factor"),
    "use_recovery_code": lambda store: store.use_recovery_code("alice", "hash"),
    "use_factor": lambda store: store.use_factor("f1", counter=9, at=NOW),
    "set_factor_failures": lambda store: store.set_factor_failures("alice", 1, NOW, expected=0),
}
"""Calls that mark a value as used."""


async def fill(store: Store) -> None:
    """Store one value of each kind for the account `alice`."""
    await store.add_session(session("s1", "alice"))
    await store.add_ticket(ticket("t1", "alice"))
    await store.add_pending(pending("p1", "alice"))
    await store.add_key(key("k1", "alice"))
    await store.add_factor(factor("f1", "alice"))
    await store.set_recovery_codes("alice", ["hash"])
    await store.link_identity("i", "s", "alice", NOW)
    await store.append_events([event("alice")])
    await store.beat("n1", STATUS, joining=True)
    await store.sync_connections("n1", [connection("c1", "n1")], [])


async def contents(store: Store) -> list[object]:
    """Return all that `REPEATED` may change."""
    keys = [(each.id, each.expires_at, each.last_used_at) for each in await store.keys()]
    return [
        await store.accounts(),
        await store.sessions("alice"),
        keys,
        await store.factors("alice"),
        await store.recovery_codes("alice"),
        await store.identities("alice"),
        await store.address_seen("alice", "home"),
        [(one.node, one.declared, one.status.applied) for one in await store.members()],
        await store.live_connections(["n1"]),
        [(each.seq, each.event) for each in await store.entries()],
        await trail_head(store),
        await trail_anchor(store),
        [one for one in await store.revocations() if one.epoch == "an epoch"],
    ]


class InDoubtContract:
    @pytest.mark.parametrize("name", REPEATED)
    async def test_repeated_call_has_the_effect_of_one(
        self, name: str, new_store: NewStore
    ) -> None:
        """If a caller repeats a call, no row is stored or removed twice."""
        async with with_accounts(new_store, "alice", "bob") as store:
            await fill(store)
            await REPEATED[name](store)
            once = await contents(store)
            await REPEATED[name](store)
            assert await contents(store) == once
            assert await store.account("bob") == account("bob")

    @pytest.mark.parametrize("name", USED)
    async def test_repeated_use_is_refused(self, name: str, new_store: NewStore) -> None:
        """If the use of a value is repeated, the second call is refused."""
        async with with_accounts(new_store, "alice") as store:
            await fill(store)
            assert await USED[name](store)
            assert not await USED[name](store)
