"""The cache of a SQLite store never returns a row that another connection has changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stormdoor.core.account import Account
from stormdoor.core.revocation import Revocation, Target
from stormdoor.ports import Store
from stormdoor.stores import SqliteStore
from stormdoor.stores.sqlite import database
from stormdoor.testing.contract.support import account, key, opened, session

Change = Callable[[Store], Awaitable[object]]

CHANGES: dict[str, Change] = {
    "logout": lambda store: store.remove_session("s1"),
    "all logged out": lambda store: store.remove_sessions("alice"),
    "session moved": lambda store: store.replace_session("s1", session("s2", "alice")),
    "principal disabled": lambda store: store.set_disabled("alice", True),
    "role given": lambda store: store.add_role("alice", "moderator"),
    "role taken": lambda store: store.remove_role("alice", "member"),
    "attributes": lambda store: store.set_attributes("alice", {"team": "red"}),
    "principal removed": lambda store: store.remove_account("alice"),
    "key revoked": lambda store: store.remove_key("k1"),
    "key ends": lambda store: store.replace_key(
        "k1", key("k2", "alice"), expires_at=5.0, entry=Revocation(Target.CHANGED, "alice", 5.0)
    ),
    "session used": lambda store: store.touch_sessions({"s1": 1e12}),
}


async def state(store: Store) -> tuple[object, ...]:
    """Everything that a handshake may look up."""
    return await store.session("s1"), await store.account("alice"), await store.key("k1")


async def fill(store: Store) -> None:
    """A principal with a session and a key."""
    await store.add_account(account("alice", roles=frozenset({"member"})))
    await store.add_session(session("s1", "alice"))
    await store.add_key(key("k1", "alice"))


def statements(store: Store) -> list[str]:
    """The SELECTs that are run on the connection of look-ups from now on."""
    assert isinstance(store, SqliteStore)
    live = store._database._live
    assert live is not None
    said: list[str] = []
    live.lookups.set_trace_callback(lambda text: said.append(text) if "SELECT" in text else None)
    return said


async def test_the_second_time_nobody_looks(path: Path) -> None:
    """Else none of the tests here would prove anything."""
    async with opened(SqliteStore(path)) as store:
        await fill(store)
        said = statements(store)
        first = await state(store)
        assert len(said) == 3
        assert await state(store) == first
        assert len(said) == 3


@pytest.mark.parametrize("elsewhere", [False, True], ids=["this process", "another"])
async def test_no_change_is_missed(elsewhere: bool, path: Path) -> None:
    """INVARIANT: a change by any process is visible to the next look-up."""
    async with opened(SqliteStore(path)) as store, opened(SqliteStore(path)) as other:
        assert isinstance(other, SqliteStore)
        for name, change in CHANGES.items():
            await store.remove_account("alice")
            await fill(store)
            before = await state(store)
            assert await state(store) == before  # it is remembered now
            await change(other if elsewhere else store)
            other._database._remembered.clear()
            expected = await state(other)
            assert expected != before, name
            assert await state(store) == expected, name


class Between:
    """A connection that lets something happen between two statements."""

    def __init__(self, real: sqlite3.Connection, before: str, act: Callable[[], object]) -> None:
        self._real = real
        self._before = before
        self._act: Callable[[], object] | None = act

    def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
        """As it does; but first, once, what was to happen before a statement like this."""
        act = self._act
        if act is not None and self._before in statement:
            self._act = None
            act()
        return self._real.execute(statement, *arguments)


@pytest.mark.parametrize("before", ["data_version", "SELECT"])
async def test_a_logout_in_the_middle_of_a_look_up_is_not_missed(before: str, path: Path) -> None:
    """Forced: it is committed just before the version is read, or between that and the rows."""
    async with opened(SqliteStore(path)) as store:
        await fill(store)
        assert isinstance(store, SqliteStore)
        live = store._database._live
        assert live is not None

        def logout() -> None:
            with closing(sqlite3.connect(path)) as shell, shell:
                shell.execute("DELETE FROM session WHERE id = 's1'")

        looks = Between(live.lookups, before, logout)
        object.__setattr__(live, "lookups", looks)
        try:
            # The rows are read after the logout in both cases, and afterwards as well.
            assert await store.session("s1") is None
            assert await store.session("s1") is None
        finally:
            object.__setattr__(live, "lookups", looks._real)


async def test_a_logout_just_after_the_rows_were_read_is_seen_at_the_next_look_up(
    path: Path,
) -> None:
    """A row that was read before a commit is not returned after the commit."""
    async with opened(SqliteStore(path)) as store:
        await fill(store)
        assert isinstance(store, SqliteStore)
        live = store._database._live
        assert live is not None

        class After:
            """The logout comes between the rows and their being remembered."""

            def execute(self, statement: str, *arguments: Any) -> Any:
                cursor = real.execute(statement, *arguments)
                if "SELECT" not in statement:
                    return cursor
                rows = cursor.fetchall()
                with closing(sqlite3.connect(path)) as shell, shell:
                    shell.execute("DELETE FROM session WHERE id = 's1'")

                class Read:
                    def fetchall(self) -> list[Any]:
                        return rows

                return Read()

        real = live.lookups
        object.__setattr__(live, "lookups", After())
        try:
            assert await store.session("s1") is not None
            assert await store.session("s1") is None
        finally:
            object.__setattr__(live, "lookups", real)


PEOPLE: dict[str, dict[str, object]] = {"alice": {}, "bob": {"groups": ["staff"]}}


async def test_who_changes_what_was_found_changes_it_for_nobody_else(path: Path) -> None:
    """The attack: a handler that writes into the attributes of its principal, to be found by the next."""
    async with opened(SqliteStore(path)) as store:
        for id, attributes in PEOPLE.items():
            await store.add_account(Account(id=id, attributes=attributes))
            await store.add_session(session(f"s-{id}", id))
            for _ in range(2):
                found = await store.session(f"s-{id}")
                assert found is not None
                assert found[1].attributes == attributes
                found[1].attributes["admin"] = True  # type: ignore[index]
                found[1].attributes.get("groups", []).append("admins")  # type: ignore[attr-defined]
                account = await store.account(id)
                assert account is not None
                assert account.attributes == attributes
                account.attributes["admin"] = True  # type: ignore[index]


async def test_what_a_stranger_asks_for_is_not_remembered(path: Path) -> None:
    """Made-up ids fill no memory, and what is remembered has a bound."""
    async with opened(SqliteStore(path)) as store:
        await fill(store)
        assert isinstance(store, SqliteStore)
        for number in range(50):
            assert await store.session(f"made-up-{number}") is None
        assert len(store._database._remembered) == 0


async def test_what_is_remembered_has_a_bound(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of sessions at once do not stay."""
    monkeypatch.setattr(database, "_REMEMBERED", 4)
    async with opened(SqliteStore(path)) as store:
        await fill(store)
        for number in range(10):
            await store.add_session(session(f"n{number}", "alice"))
        assert isinstance(store, SqliteStore)
        for number in range(10):
            assert await store.session(f"n{number}") is not None
            assert len(store._database._remembered) <= 4


async def test_a_revocation_is_in_the_feed_whatever_is_remembered(path: Path) -> None:
    """The feed itself is read each time."""
    async with opened(SqliteStore(path)) as store:
        await fill(store)
        assert await store.revocations() == []
        await store.add_revocation(Revocation(Target.SESSION, "s1", 1.0))
        assert [one.value for one in await store.revocations()] == ["s1"]
