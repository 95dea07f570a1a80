"""The log of revocations loses its last entries: a lagging standby was promoted, or a backup restored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stormdoor import Denial, Guard, Target
from stormdoor.core.denial import Refusal
from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.attempt import Attempt
from tests.guard.fakes import admit, refused
from tests.guard.test_another_log import Server, _guard, serving


async def _node(path: Path) -> Guard:
    """Another node of the installation, which its test lets follow the log."""
    guard = _guard(path)
    await guard.state.open()
    await guard.heartbeat.start()
    return guard


async def _lose(server: Server, backup: Path, *nodes: Guard) -> None:
    """Let all nodes apply the log, and then put the backup back."""
    for node in (server.guard, *nodes):
        await node.follower.follow()
    server.restore(backup)


@pytest.mark.parametrize("entries", [1, 2, 3, 5])
async def test_a_log_that_has_grown_past_the_applied_position(entries: int, tmp_path: Path) -> None:
    """A revocation in a restored log is not missed, at each position that the log has reached since."""
    async with serving(tmp_path) as server:
        other = await _node(server.path)
        await server.session("alice")
        await server.foreign()
        backup = server.back_up()
        for _ in range(3):
            await other.admin.revoke(Target.CONNECTION, "none")
        await _lose(server, backup, other)
        await other.admin.revoke(Target.PRINCIPAL, "alice")
        for _ in range(entries - 1):
            await other.admin.revoke(Target.CONNECTION, "none")
        assert server.open == {"alice", "foreign"}
        await server.guard.tick()
        assert server.open == {"foreign"}
        assert not server.guard.follower.behind
        await refused(server.guard, server.handshakes["alice"])
        await other.state.close()


@pytest.mark.parametrize("name", ["alice", "carol's key"])
async def test_handshake_over_a_change_of_the_log(name: str, tmp_path: Path) -> None:
    """INVARIANT: a session that ended in the other log opens no socket, also if it was read before."""
    async with serving(tmp_path) as server:
        guard = server.guard
        other = await _node(server.path)
        await server.session("alice")
        await server.key("carol")
        session = server.connections["alice"].authentication.session_id
        assert session is not None
        backup = server.back_up()
        await other.admin.revoke(Target.CONNECTION, "none")
        await _lose(server, backup, other)
        await other.follower.follow()
        part, method = (
            (guard.state.sessions, "session") if name == "alice" else (guard.state.keys, "key")
        )
        look_up, asked, answered = getattr(part, method), asyncio.Event(), asyncio.Event()

        async def slow(id: str) -> object:
            found = await look_up(id)
            if not asked.is_set():
                asked.set()
                await answered.wait()
            return found

        setattr(part, method, slow)
        handshake = asyncio.create_task(refused(guard, server.handshakes[name]))
        await asked.wait()
        await other.admin.revoke(Target.SESSION, session)
        await guard.heartbeat.beat()
        assert server.open == {"carol's key"}
        answered.set()
        assert (await handshake).denial is Denial.UNAVAILABLE
        await admit(guard, server.handshakes["carol's key"])
        await other.state.close()


async def test_read_of_the_log_during_a_reload(tmp_path: Path) -> None:
    """INVARIANT: a read that began during a reload skips no entry before the former position."""
    async with serving(tmp_path) as server:
        guard = server.guard
        other = await _node(server.path)
        await server.session("alice")
        session = server.connections["alice"].authentication.session_id
        assert session is not None
        backup = server.back_up()
        for _ in range(3):
            await other.admin.revoke(Target.CONNECTION, "none")
        await _lose(server, backup, other)
        await other.follower.follow()
        add_pending, checked, go_on = (
            guard.state.pendings.add_pending,
            asyncio.Event(),
            asyncio.Event(),
        )

        async def slow(*entry: Any, **options: Any) -> bool:
            # All connections are checked against the other log now.
            checked.set()
            await go_on.wait()
            return await add_pending(*entry, **options)

        guard.state.pendings.add_pending = slow  # type: ignore[method-assign]
        reload = asyncio.create_task(guard.follower.follow())
        await checked.wait()
        await other.admin.end_session(session)
        read = asyncio.create_task(guard.follower.follow())
        while not guard.follower._applying._waiters:  # it has its answer
            await asyncio.sleep(0.001)
        go_on.set()
        assert None not in await asyncio.gather(reload, read)
        assert server.open == set()
        await other.state.close()


@pytest.mark.parametrize("name", ["carol's key", "foreign"])
async def test_first_message_over_a_change_of_the_log(name: str, tmp_path: Path) -> None:
    """A credential in a message is refused for now, if another log was followed during its verification."""
    async with serving(tmp_path) as server:
        guard, resolver = server.guard, server.guard.credentials
        await server.key("carol")
        await server.foreign()
        handshake = server.handshakes[name]
        token = handshake.authorization[0].removeprefix("Bearer ")
        authenticate = resolver.authenticate

        async def slow(attempt: Attempt) -> Refusal | None:
            refusal = await authenticate(attempt)
            for change in changes:
                change()
            return refusal

        async def verify() -> object:
            return await resolver.verify(token, handshake, "here", guard.lease)

        entry = Revocation(Target.CHANGED, "dave", 1.0)
        changes: list[Callable[[], None]] = [lambda: guard.revocations.add(entry)]
        resolver.authenticate = slow  # type: ignore[method-assign]
        assert not isinstance(await verify(), Refusal)
        changes.append(guard.revocations.note_reload)
        found = await verify()
        assert isinstance(found, Refusal)
        assert found.denial is Denial.UNAVAILABLE


async def test_closed_connection_of_the_other_log(tmp_path: Path) -> None:
    """INVARIANT: a node that has not followed the other log yet ends a connection that was revoked there."""
    async with serving(tmp_path) as server:
        other = await _node(server.path)
        await server.key("carol")
        await server.foreign()
        connection = server.connections["carol's key"].id
        backup = server.back_up()
        await other.admin.revoke(Target.CONNECTION, "none")
        await _lose(server, backup, other)
        await other.follower.follow()
        await other.admin.revoke(Target.CONNECTION, connection)
        assert server.open == {"carol's key", "foreign"}
        await server.guard.follower.follow()
        assert server.open == {"foreign"}
        await other.state.close()


async def test_lost_end_of_a_connection_is_written_again(tmp_path: Path) -> None:
    """A node that did not see it before the loss ends the connection afterwards."""
    async with serving(tmp_path) as server:
        other = await _node(server.path)
        await server.key("carol")
        connection = server.connections["carol's key"].id
        backup = server.back_up()
        await other.admin.revoke(Target.CONNECTION, connection)
        await other.follower.follow()
        server.restore(backup)
        await other.follower.follow()
        await other.follower.lost.restore()
        await server.guard.follower.follow()
        assert server.open == set()
        await other.state.close()


async def test_lost_revocations_are_written_again_once(tmp_path: Path) -> None:
    """Each node that knew a lost revocation writes it again, and the log has it once."""
    async with serving(tmp_path) as server:
        nodes = [server.guard, *[await _node(server.path) for _ in range(3)]]
        await server.session("alice")
        await server.session("bob")
        await server.key("carol")
        backup = server.back_up()
        session = server.connections["bob"].authentication.session_id
        assert session is not None
        await server.guard.admin.revoke(Target.PRINCIPAL, "alice", reason="theft")
        await server.guard.admin.end_session(session)
        await server.guard.admin.revoke(Target.TOKEN, "a hash")
        await server.guard.admin.revoke(Target.ROLE, "admin", before=1.0)
        await _lose(server, backup, *nodes[1:])
        log = server.guard.state.revocations
        assert {one.value for one in await log.revocations()} & {"alice", "a hash"} == set()
        await asyncio.gather(*(node.follower.follow() for node in nodes))
        await asyncio.gather(*(node.follower.lost.restore() for node in nodes))
        again = [(one.target, one.value) for one in await log.revocations()]
        for expected in (
            (Target.PRINCIPAL, "alice"),
            (Target.SESSION, session),
            (Target.TOKEN, "a hash"),
            (Target.ROLE, "admin"),
        ):
            assert again.count(expected) == 1
        for node in nodes:
            await node.follower.follow()
        # A node that starts now knows them, and a socket that no revocation names is open.
        new = await _node(server.path)
        assert (await refused(new, server.handshakes["alice"])).denial is Denial.REVOKED
        assert server.open == {"carol's key"}
        for node in (*nodes[1:], new):
            await node.state.close()


@pytest.mark.parametrize("end", ["session", "principal", "tenant"])
async def test_session_that_had_ended_opens_no_page(end: str, tmp_path: Path) -> None:
    """INVARIANT: a session that ended before the loss opens no page, also on a node that starts later."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await guard.admin.add_principal("dave", roles=["member"], tenant="acme")
        await server.session("dave")
        secret = server.handshakes["dave"].cookies["__Host-stormdoor"][0]
        session = server.connections["dave"].authentication.session_id
        assert session is not None
        backup = server.back_up()
        if end == "session":
            await guard.admin.end_session(session)
        elif end == "principal":
            await guard.admin.revoke(Target.PRINCIPAL, "dave")
        else:
            await guard.admin.revoke(Target.TENANT, "acme")
        await _lose(server, backup)
        # The store has the session again.
        assert await guard.state.sessions.session(session) is not None
        await guard.follower.follow()
        assert await guard.sessions.find(secret) is None
        await refused(guard, server.handshakes["dave"])
        await guard.follower.lost.restore()
        if end == "session":
            assert await guard.state.sessions.session(session) is None
        new = await _node(server.path)
        assert await new.sessions.find(secret) is None
        await refused(new, server.handshakes["dave"])
        await new.state.close()


async def test_login_after_the_loss_stays(tmp_path: Path) -> None:
    """A lost revocation that is written again does not refuse a credential that was issued later."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await server.session("alice")
        backup = server.back_up()
        await guard.admin.revoke(Target.PRINCIPAL, "alice")
        await _lose(server, backup)
        await guard.tick()
        guard.clock.advance(1.0)  # type: ignore[attr-defined]
        await server.session("alice")
        await guard.tick()
        await guard.tick()
        await admit(guard, server.handshakes["alice"])


async def test_an_answer_from_before_the_loss_does_not_count(tmp_path: Path) -> None:
    """INVARIANT: a node that has noticed another log renews no lease by an answer of the earlier one."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await server.session("alice")
        backup = server.back_up()
        await guard.admin.revoke(Target.CONNECTION, "none")
        await guard.tick()
        answered, answer = asyncio.Event(), asyncio.Event()
        asked = guard.state.members.beat

        async def late(*arguments: object, **options: object) -> object:
            head = await asked(*arguments, **options)  # type: ignore[arg-type]
            answered.set()
            await answer.wait()
            return head

        guard.state.members.beat = late  # type: ignore[method-assign, assignment]
        beating = asyncio.create_task(guard.heartbeat.beat())
        await answered.wait()
        server.restore(backup)
        await guard.follower.follow()
        guard.lease.lapse()
        answer.set()
        await beating
        assert guard.lease.has_lapsed(guard.clock.monotonic())
        del guard.state.members.beat
        await guard.tick()
        await admit(guard, server.handshakes["alice"])


@pytest.mark.parametrize("grown", [False, True], ids=["the head went back", "another epoch"])
async def test_no_client_is_admitted_before_the_reload(grown: bool, tmp_path: Path) -> None:
    """INVARIANT: the lease ends with the answer that shows another log, not when its reload begins.

    The reload may wait for entries of the former log. The store answers with lost rights meanwhile.
    """
    async with serving(tmp_path) as server:
        guard, follower = server.guard, server.guard.follower
        other = await _node(server.path)
        await server.session("alice")
        backup = server.back_up()
        await guard.admin.withdraw_role("alice", "member")
        await _lose(server, backup, other)
        if grown:
            await other.follower.follow()
            await guard.state.accounts.add_role("alice", "member")
        assert not guard.lease.has_lapsed(guard.clock.monotonic())
        async with follower._applying:
            following = asyncio.create_task(follower.follow())
            async with asyncio.timeout(60):
                while not guard.lease.has_lapsed(guard.clock.monotonic()):
                    await asyncio.sleep(0.005)
            assert not following.done()
            await refused(guard, server.handshakes["alice"])
        assert await following is not None
        await other.state.close()


async def test_a_late_answer_is_no_log_that_went_back(tmp_path: Path) -> None:
    """Two questions get the same head. Entries that the first answer brings along do not make the second old.

    The heartbeat and the wake-up ask on different connections, so this happens on a busy node.
    """
    async with serving(tmp_path) as server:
        follower, log = server.guard.follower, server.guard.state.revocations
        await follower.follow()
        before = follower.applied
        await log.add_revocation(Revocation(Target.CONNECTION, "first", 1.0))
        answered = [asyncio.Event(), asyncio.Event()]

        async def question(number: int) -> LogPosition:
            head = await log.log_position()
            await answered[number].wait()
            return head

        follows = [
            asyncio.create_task(follower.follow(lambda number=number: question(number)))  # type: ignore[misc]
            for number in range(2)
        ]
        await asyncio.sleep(0.05)
        entry = await log.add_revocation(Revocation(Target.CONNECTION, "none", 1.0))
        for number in range(2):
            answered[number].set()
            assert await follows[number] is not None
        assert follower.applied == LogPosition(before.epoch, entry.seq)
        assert (await log.log_position()).epoch == before.epoch


async def test_a_reload_needs_the_store(tmp_path: Path) -> None:
    """Lost revocations wait until the store accepts them."""
    async with serving(tmp_path) as server:
        guard = server.guard
        backup = server.back_up()
        await guard.admin.revoke(Target.PRINCIPAL, "zoe")
        await _lose(server, backup)
        await guard.follower.follow()
        restore = guard.state.revocations.restore_revocations

        async def fails(entries: object) -> int:
            raise StoreUnavailable("it was told to")

        guard.state.revocations.restore_revocations = fails  # type: ignore[method-assign]
        with pytest.raises(StoreUnavailable):
            await guard.follower.lost.restore()
        guard.state.revocations.restore_revocations = restore  # type: ignore[method-assign]
        await guard.follower.lost.restore()
        log = await guard.state.revocations.revocations()
        assert [one.value for one in log if one.target is Target.PRINCIPAL] == ["zoe"]
        assert isinstance(log[-1], Revocation)


@pytest.mark.parametrize(("part", "read"), [("accounts", "account"), ("keys", "key")])
@pytest.mark.parametrize("error", [StoreUnavailable("it was told to"), TimeoutError()])
async def test_failed_read_in_a_reload_closes_no_socket(
    part: str, read: str, error: Exception, tmp_path: Path
) -> None:
    """A server that was promoted may not answer yet: the node holds its sockets, and reloads again."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await server.session("alice")
        await server.key("bob")
        backup = server.back_up()
        await guard.admin.revoke(Target.CONNECTION, "none")
        await _lose(server, backup)
        stored = getattr(guard.state, part)
        answers = getattr(stored, read)

        async def fails(*_: object) -> object:
            raise error

        setattr(stored, read, fails)
        assert await guard.follower.follow() is None
        assert not guard.lease.until > guard.clock.monotonic()
        setattr(stored, read, answers)
        assert await guard.follower.follow() is not None
        assert server.open == {"alice", "bob's key"}
