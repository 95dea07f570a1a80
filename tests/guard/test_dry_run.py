"""`Administration.dry_run`: the effect of a revocation, before it is made."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stormdoor import ConfigurationError, Connection, Guard, Principal, SessionAuthenticator, Target
from stormdoor.core.account import Account
from stormdoor.guard import dry_run
from stormdoor.guard.dry_run import DryRun
from stormdoor.ports import SystemClock
from stormdoor.stores import SqliteStore
from stormdoor.testing.contract.support import STATUS, connection
from tests.guard.fakes import (
    HANDSHAKE,
    Tokens,
    authentication,
    bearer,
    events,
    make_guard,
    opened,
    settle,
)

_TOKENS = {
    "ann": authentication(
        "ann", principal=Principal("ann", frozenset({"member"}), "acme"), token_hash="aa" * 32
    ),
    "gus": authentication(
        "gus",
        principal=Principal("gus", frozenset({"reader"}), "globex"),
        device_id="phone",
        credential_id="jti-of-gus",
    ),
}


@asynccontextmanager
async def two_nodes(path: Path) -> AsyncIterator[tuple[Guard, Guard]]:
    """Two running nodes on one file, with the accounts carol and dora."""
    nodes = [
        make_guard(
            Tokens(_TOKENS),
            SessionAuthenticator(),
            store=SqliteStore(path),
            clock=SystemClock(),  # type: ignore[arg-type]
            node=name,
        )
        for name in ("here", "there")
    ]
    async with nodes[0], nodes[1]:
        for name, role in (("carol", "member"), ("dora", "moderator")):
            account = Account(id=name, roles=frozenset({role}), tenant="acme")
            await nodes[0].state.accounts.add_account(account)
        yield nodes[0], nodes[1]


async def _open_all(here: Guard, there: Guard) -> dict[str, Connection]:
    """Open a socket of ann here, and of gus and of a session of carol there. Dora has only a session."""
    carol = await there.sessions.create("carol")
    await there.sessions.create("dora", device_id="tablet")
    cookie = replace(HANDSHAKE, cookies={"__Host-stormdoor": [carol.secret]})
    sockets = {
        "ann": (await opened(here, bearer("ann")))[0],
        "gus": (await opened(there, bearer("gus")))[0],
        "carol": (await opened(there, cookie))[0],
    }
    await there.maintenance_loop.clean_up()
    return sockets


def _value(target: Target, value: str, sockets: Mapping[str, Connection]) -> str:
    match target:
        case Target.SESSION:
            return str(sockets[value].authentication.session_id)
        case Target.CONNECTION:
            return sockets[value].id
    return value


_TARGETS = [
    (Target.PRINCIPAL, "carol", {"carol"}, {"carol"}, {"carol"}),
    (Target.PRINCIPAL, "gus", {"gus"}, set(), {"gus"}),
    (Target.SESSION, "carol", {"carol"}, {"carol"}, {"carol"}),
    (Target.CREDENTIAL, "jti-of-gus", {"gus"}, set(), {"gus"}),
    (Target.TOKEN, "aa" * 32, {"ann"}, set(), {"ann"}),
    (Target.DEVICE, "phone", {"gus"}, set(), {"gus"}),
    (Target.DEVICE, "tablet", set(), {"dora"}, {"dora"}),
    (Target.ROLE, "member", {"ann", "carol"}, {"carol"}, {"ann", "carol"}),
    (Target.ROLE, "reader", {"gus"}, set(), {"gus"}),
    (Target.TENANT, "acme", {"ann", "carol"}, {"carol", "dora"}, {"ann", "carol", "dora"}),
    (Target.TENANT, "globex", {"gus"}, set(), {"gus"}),
    (Target.CONNECTION, "gus", {"gus"}, set(), {"gus"}),
    (
        Target.EVERYTHING,
        "",
        {"ann", "gus", "carol"},
        {"carol", "dora"},
        {"ann", "gus", "carol", "dora"},
    ),
]


@pytest.mark.parametrize("target", Target)
async def test_dry_run_lists_the_effect_of_the_revocation(target: Target, tmp_path: Path) -> None:
    """The lists have the sockets and sessions that the revocation then ends, on both nodes."""
    for kind, name, open_sockets, sessions, principals in _TARGETS:
        if kind is not target:
            continue
        async with two_nodes(tmp_path / f"{name[:8]}.db") as (here, there):
            sockets = await _open_all(here, there)
            value = _value(kind, name, sockets)
            found = await here.admin.dry_run(kind, value)
            assert {one.id for one in found.sockets} == {sockets[who].id for who in open_sockets}
            assert {one.principal_id for one in found.sessions} == sessions
            assert set(found.principals) == principals
            assert set(found.nodes) == {"here" if who == "ann" else "there" for who in open_sockets}
            assert found.complete
            assert all(one.open for one in sockets.values())

            await here.admin.revoke(kind, value)
            await there.follower.follow()
            assert {who for who, one in sockets.items() if not one.open} == open_sockets
            left = {who for who in ("carol", "dora") if await here.state.sessions.sessions(who)}
            assert left == {"carol", "dora"} - sessions


async def test_socket_that_opens_after_the_dry_run_ends_all_the_same(tmp_path: Path) -> None:
    """A socket that opens between the dry run and the revocation is not listed, and is closed."""
    async with two_nodes(tmp_path / "door.db") as (here, there):
        found = await here.admin.dry_run(Target.ROLE, "member")
        assert found.sockets == ()
        assert any("opens after that" in one for one in found.notes)
        one, _ = await opened(there, bearer("ann"))
        await here.admin.revoke(Target.ROLE, "member")
        await there.follower.follow()
        assert not one.open


async def test_pending_socket_of_this_process_is_listed(tmp_path: Path) -> None:
    """This process lists its sockets as they are now, before it has written them to the store."""
    async with two_nodes(tmp_path / "door.db") as (here, there):
        one, _ = await opened(here, bearer("ann"))
        found = await here.admin.dry_run(Target.TENANT, "acme")
        assert [(each.id, each.node) for each in found.sockets] == [(one.id, "here")]
        assert (await there.admin.dry_run(Target.TENANT, "globex")).sockets == ()


async def test_roles_and_sessions_of_a_socket_follow_its_changes(tmp_path: Path) -> None:
    """Another node lists a changed role and the new id of a session after the next report."""
    async with two_nodes(tmp_path / "door.db") as (here, there):
        carol = await there.sessions.create("carol")
        cookie = replace(HANDSHAKE, cookies={"__Host-stormdoor": [carol.secret]})
        socket, _ = await opened(there, cookie)
        await there.maintenance_loop.clean_up()
        old = str(socket.authentication.session_id)
        await there.admin.grant_role("carol", "moderator")
        await there.sessions.rotate(carol.session, moving=True)
        await there.follower.follow()
        assert socket.authentication.session_id != old
        await there.maintenance_loop.clean_up()
        for target, value in (
            (Target.ROLE, "moderator"),
            (Target.SESSION, str(socket.authentication.session_id)),
            (Target.SESSION, old),
        ):
            found = await here.admin.dry_run(target, value)
            assert [one.id for one in found.sockets] == [socket.id], target
            assert "carol" in found.principals


async def test_changed_socket_that_closes_leaves_the_list() -> None:
    """A listed socket that changes and closes before the next report is not listed for ever."""
    guard = await settle(make_guard())
    socket, _ = await opened(guard, bearer("alice"))
    await guard.maintenance_loop.clean_up()
    socket.identify(replace(socket.authentication, credential_id="new"), socket.principal)
    guard.registry.end(socket)
    await guard.maintenance_loop.clean_up()
    assert await guard.state.connections.live_connections([guard.registry.node]) == []


async def test_change_during_the_report_is_reported_later() -> None:
    """A socket that changes while the store writes the list is written again."""
    guard = await settle(make_guard())
    socket, _ = await opened(guard, bearer("alice"))
    news, gone = guard.registry.changes()
    socket.identify(socket.authentication, replace(socket.principal, tenant="acme"))
    guard.registry.synced(news, gone)
    [listed], _ = guard.registry.changes()
    assert listed.tenant == "acme"
    guard.registry.synced([listed], [])
    assert guard.registry.changes() == ([], [])


async def _elsewhere(guard: Guard, *ids: str, **changes: Any) -> None:
    await guard.state.members.beat("other", STATUS, joining=True)
    listed = [connection(id, "other", **changes) for id in ids]
    await guard.state.connections.sync_connections("other", listed, [])


async def test_older_release_is_named() -> None:
    """A node of an older release lists no roles: the result says so, and still finds its principals."""
    guard = await settle(make_guard())
    await _elsewhere(guard, "c1")
    by_role = await guard.admin.dry_run(Target.ROLE, "member")
    assert by_role.sockets == ()
    assert not by_role.complete
    assert any("older release" in one for one in by_role.notes)
    for target, value in ((Target.PRINCIPAL, "alice"), (Target.EVERYTHING, "")):
        found = await guard.admin.dry_run(target, value)
        assert [one.id for one in found.sockets] == ["c1"]
        assert found.complete


async def test_silent_node_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that does not report is named: it may have sockets that it has not listed."""
    monkeypatch.setattr(dry_run, "_SILENT_SECONDS", -math.inf)
    guard = await settle(make_guard())
    await _elsewhere(guard, "c1", issued_at=1.0)
    found = await guard.admin.dry_run(Target.EVERYTHING)
    assert not found.complete
    assert any("Node other has not reported" in one for one in found.notes)
    limited = await guard.admin.dry_run(Target.EVERYTHING, tenants=["acme"])
    assert any("A node has not reported" in one for one in limited.notes)


async def test_long_lists_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each list ends at the limit, and the result says so; a page boundary loses nothing."""
    monkeypatch.setattr(dry_run, "_PAGE", 2)
    guard = await settle(make_guard(), *(Account(id=f"p{n}") for n in range(5)))
    for n in range(5):
        await guard.sessions.create(f"p{n}")
    await _elsewhere(guard, *(f"c{n}" for n in range(5)), issued_at=1.0, tenant="acme")
    await _elsewhere(guard, "x", issued_at=1.0, tenant="globex")
    cut = await guard.admin.dry_run(Target.EVERYTHING, limit=3)
    assert (len(cut.principals), len(cut.sessions), len(cut.sockets)) == (3, 3, 3)
    assert not cut.complete
    assert "There are more sockets than the 3 that are listed." in cut.notes
    whole = await guard.admin.dry_run(Target.EVERYTHING, limit=20)
    assert (len(whole.sessions), len(whole.sockets)) == (5, 6)
    # INVARIANT: sockets of other tenants do not count for the limit.
    own = await guard.admin.dry_run(Target.EVERYTHING, tenants=["acme"], limit=5)
    assert [one.id for one in own.sockets] == [f"c{n}" for n in range(5)]
    assert own.complete
    assert own.principals == ("alice",)


async def test_dry_run_changes_nothing() -> None:
    """It adds no entry to the log and the trail, ends no session, and calls no method that writes."""
    guard = await settle(make_guard())
    await guard.admin.add_principal("dave", roles=["member"], tenant="acme")
    await guard.sessions.create("dave")
    socket, _ = await opened(guard, bearer("alice"))
    before = await events(guard), await guard.state.revocations.log_position()
    calls: list[str] = []
    for target in Target:
        if target in (Target.CHANGED, Target.MOVED):
            with pytest.raises(ConfigurationError):
                await guard.admin.dry_run(target, "dave")
            continue
        value = "" if target is Target.EVERYTHING else "dave"
        calls.append((await guard.admin.dry_run(target, value)).value)
    assert (await events(guard), await guard.state.revocations.log_position()) == before
    assert await guard.state.sessions.sessions("dave")
    assert socket.open
    assert guard.revocations.ends(socket.authentication) is False


async def test_time_of_issue_counts() -> None:
    """With `before`, only what was issued until then is listed."""
    guard = await settle(make_guard())
    await guard.admin.add_principal("dave", roles=["member"])
    await guard.sessions.create("dave")
    now = guard.clock.now()
    await _elsewhere(guard, "c1", issued_at=now - 60)
    await _elsewhere(guard, "c2", issued_at=now)

    async def look(before: float) -> DryRun:
        return await guard.admin.dry_run(Target.EVERYTHING, before=before)

    assert [one.id for one in (await look(now - 30)).sockets] == ["c1"]
    assert (await look(now - 30)).sessions == ()
    assert len((await look(now)).sockets) == 2
    assert len((await look(now)).sessions) == 1


async def test_odd_name_is_found_as_it_is_listed(tmp_path: Path) -> None:
    """A role with a character that no database stores is found on another node, and becomes JSON."""
    async with two_nodes(tmp_path / "door.db") as (here, there):
        odd = replace(_TOKENS["ann"], principal=Principal("a\ud800", frozenset({"r\0", "member"})))
        there.authenticators[0].known["odd"] = odd  # type: ignore[attr-defined]
        socket, _ = await opened(there, bearer("odd"))
        await there.maintenance_loop.clean_up()
        found = await here.admin.dry_run(Target.ROLE, "r\0")
        assert [one.id for one in found.sockets] == [socket.id]
        listed = (await there.admin.dry_run(Target.EVERYTHING)).as_json()
        assert "a\\ud800" in str(listed["principals"]).replace("\\\\", "\\")
