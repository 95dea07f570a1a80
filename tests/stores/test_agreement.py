"""The stores on SQLite and PostgreSQL agree with the one in memory for every sequence of calls."""

import asyncio
import contextlib
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from stormdoor.core.backoff import Backoff, Guess, GuessRules
from stormdoor.core.event import Entry
from stormdoor.core.factor import FactorKind
from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import StoreError
from stormdoor.ports import Store
from stormdoor.stores import MemoryStore, SqliteStore
from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.testing.contract.support import (
    NOW,
    STATUS,
    account,
    connection,
    event,
    factor,
    key,
    pending,
    session,
    ticket,
    wrong_with_trail,
)
from tests.support.postgresql import Server, databases, postgresql

__all__ = ["postgresql"]

# PostgreSQL stores no U+0000; how each store refuses it is in the contract.
text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=2)

# Few of each, so that calls meet.
who = st.sampled_from(["alice", "bob", "Zoë"])
ids = st.sampled_from(["1", "2", "3"])
times = st.sampled_from([NOW + 1_800.0 * step for step in range(6)])
role = st.sampled_from(["member", "moderator", "a,b", ""])
roles = st.frozensets(role)
attributes = st.dictionaries(
    st.text(max_size=3),
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=3),
    max_size=2,
)

GUESSES = Backoff(free=2, first=600.0, cap=7200.0, forget=7200.0)


class Agreement(RuleBasedStateMachine):
    """Calls both stores alike and compares what they say."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.resources = contextlib.ExitStack()
        memory, other = MemoryStore(b"key"), self.new_store()
        self.stores: tuple[Store, Store] = (memory, other)
        for store in self.stores:
            self.runner.run(store.open())
        # Epochs are random: here both logs are the same one.
        memory._position = self.runner.run(other.log_position())

    def new_store(self) -> Store:
        """Return an empty store to compare with the one in memory."""
        directory = self.resources.enter_context(tempfile.TemporaryDirectory())
        file = Path(directory) / "store.db"
        shutil.copy2(self.template, file)
        return SqliteStore(file, b"key")

    def teardown(self) -> None:
        for store in self.stores:
            self.runner.run(store.close())
        self.runner.close()
        self.resources.close()

    def both(self, name: str, /, *args: Any, **options: Any) -> None:
        memory, other = (self._said(store, name, args, options) for store in self.stores)
        assert other == memory

    def _said(self, store: Any, name: str, args: Any, options: Any) -> object:
        try:
            said = self.runner.run(getattr(store, name)(*args, **options))
        except StoreError:
            return StoreError
        if isinstance(said, list) and said and isinstance(said[0], Entry):
            # Salts are random, and so is what depends on them.
            return [(entry.seq, entry.body, entry.personal) for entry in said]
        return said

    @rule(id=who, roles=roles, attributes=attributes, secret=st.none() | text)
    def add_account(self, id: str, roles: Any, attributes: Any, secret: str | None) -> None:
        self.both(
            "add_account", account(id, roles=roles, attributes=attributes, password_hash=secret)
        )

    @rule(id=who)
    def remove_account(self, id: str) -> None:
        self.both("remove_account", id)

    @rule(id=who, added=role, removed=role, disabled=st.booleans(), attributes=attributes)
    def change_account(
        self, id: str, added: str, removed: str, disabled: bool, attributes: Any
    ) -> None:
        self.both("add_role", id, added)
        self.both("remove_role", id, removed)
        self.both("set_disabled", id, disabled)
        self.both("set_attributes", id, attributes)

    @rule(id=ids, who=who, created_at=times, seen=times, sid=ids)
    def add_session(self, id: str, who: str, created_at: float, seen: float, sid: str) -> None:
        new = session(
            id, who, created_at=created_at, last_seen_at=seen, issuer="1", provider_session=sid
        )
        self.both("add_session", new)

    @rule(old=ids, new=ids, who=who, created_at=times)
    def replace_session(self, old: str, new: str, who: str, created_at: float) -> None:
        reauthenticated = created_at == NOW
        self.both(
            "replace_session",
            old,
            session(new, who, created_at=created_at),
            reauthenticated=reauthenticated,
        )

    @rule(id=who, role=st.sampled_from(["member", "guest", ""]), add=st.booleans())
    def change_role(self, id: str, role: str, add: bool) -> None:
        self.both("add_role" if add else "remove_role", id, role)

    @rule(id=who, old=text, new=text)
    def replace_password_hash(self, id: str, old: str, new: str) -> None:
        self.both("replace_password_hash", id, old, new)

    @rule(id=ids, who=st.none() | who, session_id=st.none() | ids, expires_at=times)
    def add_pending(self, id: str, who: Any, session_id: Any, expires_at: float) -> None:
        new = pending(id, who, session_id=session_id, expires_at=expires_at)
        self.both("add_pending", new)

    @rule(id=ids, at=times, seconds=st.floats(0, 10), max_unauthenticated=st.integers(0, 2))
    def add_nobodys_pending(
        self, id: str, at: float, seconds: float, max_unauthenticated: int
    ) -> None:
        new = pending(id, created_at=at, expires_at=at + seconds)
        self.both("add_pending", new, max_unauthenticated=max_unauthenticated)

    @rule(id=ids, purpose=st.sampled_from(["second-factor", "enrolment"]))
    def take_pending(self, id: str, purpose: str) -> None:
        self.both("take_pending", id, purpose)

    @rule(issuer=ids, subject=ids, who=who, at=times)
    def link_identity(self, issuer: str, subject: str, who: str, at: float) -> None:
        self.both("link_identity", issuer, subject, who, at)

    @rule(who=who, address=ids, at=times)
    def remember_address(self, who: str, address: str, at: float) -> None:
        self.both("remember_address", who, address, at, most=2)

    @rule(
        who=who, address=ids, familiar=st.booleans(), at=times, verified=st.none() | st.booleans()
    )
    def guess(
        self, who: str, address: str, familiar: bool, at: float, verified: bool | None
    ) -> None:
        guess = Guess(account=who, pair=f"{who} {address}", familiar=familiar, at=at)
        rules = GuessRules(own=GUESSES, unfamiliar=GUESSES)
        self.both("charge_guess", guess, rules)
        self.both("guess_wait", guess, rules)
        if verified is not None:
            self.both("give_back_guess", guess, rules, succeeded=verified)

    @rule(issuer=ids, subject=ids)
    def unlink_identity(self, issuer: str, subject: str) -> None:
        self.both("unlink_identity", issuer, subject, NOW)

    @rule(id=ids, who=who, kind=st.sampled_from(FactorKind), handle=st.none() | ids, at=times)
    def add_factor(self, id: str, who: str, kind: FactorKind, handle: Any, at: float) -> None:
        new = factor(id, who, kind=kind, handle=handle, created_at=at, counter=0)
        self.both("add_factor", new)

    @rule(id=ids, who=who, ends=st.booleans())
    def remove_factor(self, id: str, who: str, *, ends: bool) -> None:
        entry = Revocation(Target.SESSION, "", NOW) if ends else None
        self.both("remove_factor", id, who, entry=entry)

    @rule(
        what=st.sampled_from([Target.DEVICE, Target.ROLE, Target.TENANT, Target.EVERYTHING]),
        value=ids | st.sampled_from(["member", "acme"]),
        at=times,
        by_time=st.booleans(),
        limit=st.integers(1, 3),
    )
    def reach(self, what: Target, value: str, at: float, *, by_time: bool, limit: int) -> None:
        value = "" if what is Target.EVERYTHING else value
        entry = Revocation(what, value, at, by_time=by_time)
        self.both("remove_reached_sessions", entry, skew=0.5, limit=limit)

    @rule(id=ids, counter=st.integers(0, 3), at=times)
    def use_factor(self, id: str, counter: int, at: float) -> None:
        self.both("use_factor", id, counter=counter, at=at)

    @rule(who=who, codes=st.lists(ids, max_size=3))
    def set_recovery_codes(self, who: str, codes: list[str]) -> None:
        self.both("set_recovery_codes", who, codes)

    @rule(who=who, code=ids)
    def use_recovery_code(self, who: str, code: str) -> None:
        self.both("use_recovery_code", who, code)

    @rule(who=who, count=st.integers(0, 2), expected=st.integers(0, 2), at=times)
    def set_factor_failures(self, who: str, count: int, expected: int, at: float) -> None:
        self.both("set_factor_failures", who, count, at, expected=expected)

    @rule(issuer=ids, subject=st.none() | ids, sid=ids)
    def sessions_of_provider(self, issuer: str, subject: Any, sid: str) -> None:
        self.both("sessions_of_provider", issuer, subject=subject, sid=sid)

    @rule(id=ids, at=times)
    def touch_sessions(self, id: str, at: float) -> None:
        self.both("touch_sessions", {id: at})

    @rule(id=ids)
    def remove_session(self, id: str) -> None:
        self.both("remove_session", id)

    @rule(who=who, keep=st.none() | ids)
    def remove_sessions(self, who: str, keep: str | None) -> None:
        self.both("remove_sessions", who, keep=keep)

    @rule(id=ids, who=who, session_id=ids, expires_at=times)
    def add_ticket(self, id: str, who: str, session_id: str, expires_at: float) -> None:
        self.both("add_ticket", ticket(id, who, session_id=session_id, expires_at=expires_at))

    @rule(id=ids)
    def redeem_ticket(self, id: str) -> None:
        self.both("redeem_ticket", id)

    @rule(purpose=ids, value=ids, expires_at=times)
    def use_nonce(self, purpose: str, value: str, expires_at: float) -> None:
        self.both("use_nonce", purpose, value, expires_at)

    @rule(id=ids, who=who, created_at=times, expires_at=st.none() | times)
    def add_key(self, id: str, who: str, created_at: float, expires_at: float | None) -> None:
        self.both("add_key", key(id, who, created_at=created_at, expires_at=expires_at))

    @rule(id=ids, who=who, at=st.none() | times, successor=ids)
    def replace_key(self, id: str, who: str, at: float | None, successor: str) -> None:
        entry = Revocation(Target.CHANGED, who, NOW)
        self.both("replace_key", id, key(successor, who), expires_at=at, entry=entry)

    @rule(id=ids, at=times)
    def touch_key(self, id: str, at: float) -> None:
        self.both("touch_key", id, at, f"from {at}")

    @rule(id=ids)
    def remove_key(self, id: str) -> None:
        self.both("remove_key", id)

    @rule(
        what=st.sampled_from(Target),
        value=ids,
        at=times,
        by_time=st.booleans(),
        after=st.integers(0, 5),
    )
    def revoke(self, what: Target, value: str, at: float, *, by_time: bool, after: int) -> None:
        self.both("add_revocation", Revocation(what, value, at, by_time=by_time))
        self.both("revocations", after)
        self.both("lasting_revocations")
        self.both("log_position")

    @rule(
        events=st.lists(
            st.builds(
                event,
                who | st.just(""),
                actor=who | st.just(""),
                time=times,
                name=st.sampled_from(["authz_fail", "sys_crash"]),
            ),
            max_size=4,
        )
    )
    def append_events(self, events: Any) -> None:
        self.both("append_events", events)

    @rule(
        after=st.integers(0, 9),
        limit=st.integers(0, 5),
        principal=st.none() | who | st.just(""),
        event=st.none() | st.just("sys_crash"),
        since=st.none() | times,
        until=st.none() | times,
        newest_first=st.booleans(),
    )
    def entries(self, **options: Any) -> None:
        self.both("entries", **options)

    @rule(before=times)
    def drop_entries(self, before: float) -> None:
        self.both("drop_entries", before)

    @rule(who=who)
    def erase_personal(self, who: str) -> None:
        self.both("erase_personal", who)

    @rule(node=ids, opened=st.lists(ids), closed=st.lists(ids))
    def sync_connections(self, node: str, opened: Any, closed: Any) -> None:
        self.both("beat", node, STATUS, joining=True)
        self.both("sync_connections", node, [connection(id, node) for id in opened], closed)

    @rule(node=ids)
    def remove_member(self, node: str) -> None:
        self.both("remove_member", node)

    @rule(node=ids, seen=st.integers(1, 4))
    def declare_lapsed(self, node: str, seen: int) -> None:
        self.both("declare_lapsed", node, seen)

    @rule(now=times)
    def purge(self, now: float) -> None:
        self.both("purge", now)

    @invariant()
    def hold_the_same(self) -> None:
        """Every list, and every look-up that goes with it."""
        self.both("accounts")
        self.both("keys")
        self.both("entries")
        memory, other = (self.runner.run(store.members()) for store in self.stores)
        assert [replace(one, age=0.0) for one in memory] == [replace(one, age=0.0) for one in other]
        self.both("live_connections", ["1", "2", "3"])
        self.both("former_ids")
        for name in ("alice", "bob", "Zoë"):
            self.both("account", name)
            self.both("sessions", name)
            self.both("keys", name)
            self.both("identities", name)
            self.both("factors", name)
            self.both("recovery_codes", name)
            self.both("factor_failures", name)
            for address in ("1", "2", "3"):
                self.both("address_seen", name, address)
        for id in ("1", "2", "3"):
            self.both("session", id)
            self.both("key", id)
            self.both("pending", id, "second-factor")
            self.both("identity", "1", id)
            self.both("factor_by_handle", id)

    @invariant()
    def trail_is_whole(self) -> None:
        """INVARIANT: after every erasure and removal, the chain verifies from its anchor."""
        for store in self.stores:
            assert self.runner.run(wrong_with_trail(store, b"key")) is None


@pytest.mark.slow
@pytest.mark.hypothesis
def test_sqlite_agrees_with_memory(empty_file: Path) -> None:
    """No sequence of calls tells the two stores apart."""
    Agreement.template = empty_file
    examples = settings().max_examples * 2 // 5
    run_state_machine_as_test(
        Agreement, settings=settings(max_examples=examples, stateful_step_count=25)
    )


class PostgresqlAgreement(Agreement):
    """Likewise for PostgreSQL."""

    server: Server

    def new_store(self) -> Store:
        new = self.resources.enter_context(databases(self.server))
        return PostgresqlStore(new(), b"key")


@pytest.mark.slow
@pytest.mark.hypothesis
def test_postgresql_agrees_with_memory(postgresql: Server) -> None:
    """Likewise, with errors and order."""
    PostgresqlAgreement.server = postgresql
    examples = max(2, settings().max_examples // 25)
    run_state_machine_as_test(
        PostgresqlAgreement, settings=settings(max_examples=examples, stateful_step_count=12)
    )
