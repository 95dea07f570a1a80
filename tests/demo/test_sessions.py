"""Sessions after the login: time-outs, one's own list, logout, and a new password."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stormdoor.core.credential import fingerprint
from tests.demo.running import Running
from tests.demo.visitor import Visitor, collected, heard
from tests.tornado.wire import CLOSE, TEXT, Wire

pytestmark = pytest.mark.extended

NEW = "correct horse battery"


def change(demo: Running, visitor: Visitor, **columns: float) -> None:
    """Move times of a session by seconds, as if they had passed."""
    sets = ", ".join(f"{name} = {name} + ?" for name in columns)
    with demo.database() as database:
        row = [*columns.values(), fingerprint(visitor.cookie)]
        changed = database.execute(f"UPDATE session SET {sets} WHERE id = ?", row)  # noqa: S608
        assert changed.rowcount == 1


async def sessions(visitor: Visitor) -> list[dict[str, Any]]:
    """One's own sessions."""
    answer = await visitor.get("/auth/sessions")
    assert answer.status == 200
    return json.loads(answer.body)["sessions"]


async def close_code(wire: Wire) -> int | None:
    """The code of the close that comes next; nothing but the notice of it may come first."""
    frame = await wire.receive()
    if frame.opcode == TEXT and json.loads(frame.text)["type"] == "stormdoor.expiring":
        frame = await wire.receive()
    assert frame.opcode == CLOSE, frame
    return frame.code


# -- time --------------------------------------------------------------------------------------------


async def test_an_idle_session_ends(demo: Running) -> None:
    """Half an hour without a sign of life: the cookie opens nothing any more."""
    alice = await demo.visit("alice")
    change(demo, alice, last_seen_at=-1790.0)
    assert (await alice.get("/auth/session")).status == 200
    alice = await demo.visit("alice")
    change(demo, alice, last_seen_at=-1801.0)
    assert (await alice.get("/auth/session")).status == 401
    since = await demo.mark()
    assert await alice.refused() == 401
    entry = await demo.recorded("session_use_after_expire", since=since)
    assert (entry["cause"], entry["address"]) == ("expired", alice.address)


async def test_a_session_ends_however_busy_it_is(demo: Running) -> None:
    """Twelve hours after the login it is over, and its open socket with it (3000)."""
    alice = await demo.visit("alice")
    change(demo, alice, created_at=-43_199.0, authenticated_at=-43_199.0, expires_at=-43_199.0)
    async with await alice.open() as wire:
        assert await close_code(wire) == 3000
    assert await alice.refused() == 401
    assert (await alice.get("/auth/session")).status == 401
    for path in ("/auth/ticket", "/auth/token", "/auth/sessions/end-others"):
        assert (await alice.post(path)).status == 401


async def test_use_keeps_a_session_alive(demo: Running) -> None:
    """Use of a session updates the time of its last use."""
    alice = await demo.visit("alice")
    change(demo, alice, last_seen_at=-1700.0)
    await alice.get("/auth/session")
    change(demo, alice, last_seen_at=-1700.0)
    assert (await alice.get("/auth/session")).status == 200


# -- one's own list ----------------------------------------------------------------------------------


async def test_everybody_sees_their_own_sessions(demo: Running) -> None:
    """A principal sees address, agent and times of its sessions, and no value that makes a cookie."""
    first, second = await demo.visit("bob"), demo.visitor()
    await second.post(
        "/auth/login",
        {"username": "bob", "password": demo.password("bob")},
        ("User-Agent", "an <b>odd</b> browser"),
    )
    listed = await sessions(second)
    assert {one["address"] for one in listed} >= {first.address, second.address}
    assert [one["address"] for one in listed if one["current"]] == [second.address]
    assert [one["user_agent"] for one in listed if one["current"]] == ["an <b>odd</b> browser"]
    text = json.dumps(listed)
    assert first.cookie not in text
    assert second.cookie not in text
    thief = demo.visitor()
    thief.cookies = {"__Host-stormdoor": listed[0]["id"]}
    assert (await thief.get("/auth/session")).status == 401


async def test_ending_another_session_closes_its_sockets(demo: Running) -> None:
    """The one that one ends is over at once, sockets and all; the others go on."""
    here, there = await demo.visit("bob"), await demo.visit("bob")
    since = await demo.mark()
    [id] = [one["id"] for one in await sessions(here) if one["address"] == there.address]
    async with await here.open() as mine, await there.open() as other:
        answer = await here.request("DELETE", f"/auth/sessions/{id}", origin=here.origin)
        assert (answer.status, answer.body) == (204, b"")
        assert await close_code(other) == 3000
        assert await heard(mine) == []
    assert (await there.get("/auth/session")).status == 401
    assert (await here.get("/auth/session")).status == 200
    ended = await demo.recorded("session_ended", since=since, principal="bob")
    assert ended["actor"] == "bob"
    closed = await demo.recorded("connection_closed", since=since, cause="revoked")
    assert (closed["principal"], closed["address"]) == ("bob", there.address)


async def test_ending_the_present_session_logs_out(demo: Running) -> None:
    """The end of the present session removes its cookie."""
    bob = await demo.visit("bob")
    [id] = [one["id"] for one in await sessions(bob) if one["current"]]
    assert (await bob.request("DELETE", f"/auth/sessions/{id}", origin=bob.origin)).status == 204
    assert not bob.cookies


async def test_nobody_ends_the_sessions_of_others(demo: Running) -> None:
    """An unknown session and another principal's session get the same answer, also for administrators."""
    bob = await demo.visit("bob")
    [id] = [one["id"] for one in await sessions(bob) if one["current"]]
    for name in ("alice", "ada"):
        other = await demo.visit(name)
        for target in (id, "0" * 64):
            path = f"/auth/sessions/{target}"
            answer = await other.request("DELETE", path, origin=other.origin)
            assert (answer.status, answer.body) == (404, b"")
        assert (await other.get("/auth/session")).status == 200
    assert (await bob.get("/auth/session")).status == 200


@pytest.mark.parametrize("id", ["", "x", "0" * 63, "0" * 65, "..%2f" + "0" * 64, "%00" + "0" * 64])
async def test_what_is_no_session_is_not_found(id: str, demo: Running) -> None:
    """The path takes an id and nothing else."""
    bob = await demo.visit("bob")
    answer = await bob.request("DELETE", f"/auth/sessions/{id}", origin=bob.origin)
    assert answer.status == 404


async def test_ending_all_others(demo: Running) -> None:
    """One remains, and its sockets; of all others nothing does, of other people everything."""
    here, there, other = [await demo.visit(name) for name in ("mia", "mia", "alice")]
    ticket, token = await there.ticket(), await there.token()
    async with await here.open() as mine, await there.open() as ended, await other.open() as theirs:
        async with await demo.visitor().with_key(token, "/ws/chat") as with_token:
            answer = await here.post("/auth/sessions/end-others")
            assert json.loads(answer.body)["ended"] >= 1
            assert await close_code(ended) == await close_code(with_token) == 3000
        assert await heard(mine) == await heard(theirs) == []
    assert [one["current"] for one in await sessions(here)] == [True]
    assert await there.refused() == 401
    async with await there.twin(x="y").with_ticket(ticket) as wire:
        assert wire.status == 401
    async with await demo.visitor().with_key(token, "/ws/chat") as wire:
        assert wire.status == 401
    answer = await here.post("/auth/sessions/end-others")
    assert json.loads(answer.body) == {"ended": 0}


# -- out ---------------------------------------------------------------------------------------------


async def test_a_logout_closes_everything(demo: Running) -> None:
    """A logout ends the cookie, all sockets, tickets and tokens of the session at once."""
    alice = await demo.visit("alice")
    unused, token = await alice.ticket(), await alice.token()
    async with (
        await alice.open() as by_cookie,
        await alice.twin(x="y").with_ticket(await alice.ticket()) as by_ticket,
        await demo.visitor().with_key(token, "/ws/chat") as by_token,
    ):
        wires = (by_cookie, by_ticket, by_token)
        assert [wire.status for wire in wires] == [101] * 3
        copy = alice.twin()
        since = await demo.mark()
        answer = await alice.post("/auth/logout")
        assert (answer.status, answer.body) == (204, b"")
        assert not alice.cookies
        assert [await close_code(wire) for wire in wires] == [3000] * 3
    assert await copy.refused() == 401
    assert (await copy.get("/auth/session")).status == 401
    async with await demo.visitor().with_ticket(unused, origin=alice.origin) as wire:
        assert wire.status == 401
    async with await demo.visitor().with_key(token, "/ws/chat") as wire:
        assert wire.status == 401
    await demo.recorded("session_ended", since=since, principal="alice", detail="logout")
    for kind in ("session", "ticket", "jwt"):
        await demo.recorded("connection_closed", since=since, kind=kind, cause="revoked")


async def test_after_a_logout_nothing_comes_through(demo: Running) -> None:
    """After a logout, a message on the socket is not executed, and the socket receives nothing."""
    alice, bob = await demo.visit("alice"), await demo.visit("bob")
    async with await alice.open() as gone, await bob.open() as stays:
        for wire in (gone, stays):
            await wire.ask({"type": "join", "room": "random"})
        await heard(gone)
        await alice.log_out()
        for number in range(5):
            gone.send({"type": "say", "room": "random", "text": f"still here {number}"})
        await stays.ask({"type": "say", "room": "random", "text": "a secret"})
        assert await collected(gone) == []
        assert "still here" not in json.dumps(await heard(stays))


async def test_logging_out_twice_is_no_error(demo: Running) -> None:
    """A logout without a session succeeds, and a form redirects to the login page."""
    visitor = demo.visitor()
    assert (await visitor.post("/auth/logout")).status == 204
    alice = await demo.visit("alice")
    answer = await alice.post("/auth/logout", {"x": "y"}, form=True)
    assert (answer.status, answer.header("Location")) == (303, "/")
    assert not alice.cookies


async def test_a_page_may_ask_who_is_logged_in(demo: Running) -> None:
    """`/auth/session` without a login answers 401; the trail does not record it, and no limit counts it."""
    visitor = demo.visitor()
    for _ in range(3):
        answer = await visitor.get("/auth/session")
        assert answer.status == 401
        assert json.loads(answer.body) == {"error": "unauthenticated"}
    await visitor.log_in("alice", demo.password("alice"))
    await demo.recorded("authn_login_success", address=visitor.address)
    assert [one["name"] for one in demo.entries() if one.get("address") == visitor.address] == [
        "authn_login_success"
    ]


# -- a new password ----------------------------------------------------------------------------------


async def test_a_new_password_ends_everything_else(demo: Running) -> None:
    """The old password, every other session, every socket and token: void. A fresh session goes on."""
    async with demo.office() as office:
        await office.admin.add_principal("carol", password="the first one", roles=["member"])
    carol, elsewhere = demo.visitor(), demo.visitor()
    for visitor in (carol, elsewhere):
        await visitor.log_in("carol", "the first one")
    old, token = carol.twin(), await carol.token()
    since = await demo.mark()
    async with await carol.open() as mine, await elsewhere.open() as other:
        answer = await carol.post("/auth/password", {"current": "the first one", "new": NEW})
        assert answer.status == 200
        assert json.loads(answer.body)["principal"] == "carol"
        assert await close_code(mine) == await close_code(other) == 3000
    assert carol.cookie != old.cookie
    assert (await carol.get("/auth/session")).status == 200
    async with await carol.open() as wire:
        assert (await wire.ask({"type": "join", "room": "lobby"}))["type"] == "joined"
    for ended in (old, elsewhere):
        assert (await ended.get("/auth/session")).status == 401
        assert await ended.refused() == 401
    async with await demo.visitor().with_key(token, "/ws/chat") as wire:
        assert wire.status == 401
    body = {"username": "carol", "password": "the first one"}
    assert (await demo.visitor().post("/auth/login", body)).status == 401
    await demo.visitor().log_in("carol", NEW)
    entry = await demo.recorded("authn_password_change", since=since, principal="carol")
    assert entry["actor"] == "carol"


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"current": "a wrong one", "new": NEW}, 401, "unauthenticated"),
        ({"current": "{password}", "new": "short"}, 400, "invalid"),
        ({"current": "{password}", "new": "password1"}, 400, "invalid"),
        ({"current": "{password}", "new": "x" * 5000}, 400, "invalid"),
        ({"current": "{password}"}, 400, "invalid"),
        ({"new": NEW}, 400, "invalid"),
        ({"current": "{password}", "new": NEW, "principal": "bob"}, 400, "invalid"),
    ],
    ids=["wrong", "short", "common", "endless", "no new", "no current", "another's"],
)
async def test_a_password_that_is_not_changed(
    body: dict[str, str], status: int, error: str, demo: Running
) -> None:
    """Without the present password, or with an unacceptable new one, the password is not changed."""
    eve = await demo.visit("eve")
    password = demo.password("eve")
    sent = {name: value.replace("{password}", password) for name, value in body.items()}
    answer = await eve.post("/auth/password", sent)
    assert (answer.status, json.loads(answer.body)["error"]) == (status, error)
    assert password.encode() not in answer.body
    assert (await eve.get("/auth/session")).status == 200
    await demo.visit("eve")


async def test_the_present_password_cannot_be_guessed_there(demo: Running) -> None:
    """A stolen session does not become a password: guesses count as at the login."""
    eve = await demo.visit("eve")
    thief = eve.twin(address=demo.visitor().address)
    guess = {"current": "a wrong one", "new": NEW}
    statuses = [(await thief.post("/auth/password", guess)).status for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    await demo.visit("eve")
