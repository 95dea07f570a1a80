"""Two guards on one PostgreSQL database, with their heartbeats and real time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import asyncpg
import pytest

from stormdoor import Connection, Guard, SessionAuthenticator, Target
from stormdoor.auth.oidc.id_token import IdToken
from stormdoor.auth.oidc.logout import announce, overtaken
from stormdoor.auth.session.service import IssuedSession
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.revocation import Revocation
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import Changed, SystemClock
from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.testing.contract.support import NOW
from tests.guard.fakes import CHAT, HANDSHAKE, admit, make_guard, opened, refused
from tests.support.postgresql import MIGRATED, Server, migrated, new_database, postgresql

__all__ = ["new_database", "postgresql"]

_PATIENCE = 60.0


class _Patient(PostgresqlStore):
    """A store with nodes that keep their lease on a machine that is busy with other tests."""

    __slots__ = ()

    lease_seconds = 60.0


@asynccontextmanager
async def _guards(
    url: str, count: int = 2, *, store: type[PostgresqlStore] = _Patient
) -> AsyncIterator[list[Guard]]:
    """Started guards, each as of another node."""
    guards = [
        make_guard(
            SessionAuthenticator(),
            store=store(url),
            clock=SystemClock(),  # type: ignore[arg-type]
            node=f"node-{n}",
            secrets_key=b"k" * 32,
        )
        for n in range(count)
    ]
    try:
        for guard in guards:
            await guard.start()
        carol = Account(id="carol", roles=frozenset({"member"}))
        await guards[0].state.accounts.add_account(carol)
        yield guards
    finally:
        for guard in guards:
            await guard.close()


async def _log_in(guard: Guard) -> Handshake:
    issued = await guard.sessions.create("carol")
    return replace(HANDSHAKE, cookies={"__Host-stormdoor": [issued.secret]})


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


def _has_lapsed(guard: Guard) -> bool:
    return guard.lease.has_lapsed(guard.clock.monotonic())


async def _admitted(guard: Guard, handshake: Handshake) -> Connection:
    """Return the connection when a handshake is admitted."""
    async with asyncio.timeout(_PATIENCE):
        while isinstance(outcome := await guard.admission.admit(handshake, CHAT), Refusal):
            await asyncio.sleep(0.05)
        return outcome


async def test_revocation_on_one_node_ends_the_socket_on_the_other(
    new_database: Callable[[], str],
) -> None:
    """A logout on one node closes the socket on the other, and no handshake with that session follows."""
    async with _guards(new_database()) as (one, other):
        handshake = await _log_in(one)
        connection, sink = await opened(other, handshake)
        assert (await one.admin.revoke(Target.PRINCIPAL, "carol")).closed == 0
        await _until(lambda: not connection.open)
        assert sink.closed is not None
        for guard in (one, other):
            await refused(guard, handshake)
        again = await _log_in(other)
        await admit(one, again)


async def test_change_of_roles_reaches_the_other_node(new_database: Callable[[], str]) -> None:
    """A role that is withdrawn on one node counts on the other."""
    async with _guards(new_database()) as (one, other):
        connection, _ = await opened(other, await _log_in(one))
        assert connection.may("chat:say", None, other.clock.now())
        await one.admin.withdraw_role("carol", "member")
        await _until(lambda: not connection.open)


async def test_handshake_with_a_session_needs_one_round_trip(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the heartbeat and the log, a handshake sends one statement; four at once send one as well."""
    async with _guards(new_database(), 1) as [guard]:
        handshake = await _log_in(guard)
        await admit(guard, handshake)
        sent: list[str] = []
        fetch: Callable[..., Awaitable[object]] = asyncpg.Connection.fetch

        async def counted(self: asyncpg.Connection, statement: str, *parameters: object) -> object:
            if "unnest" in statement:
                sent.append(statement)
            return await fetch(self, statement, *parameters)

        monkeypatch.setattr(asyncpg.Connection, "fetch", counted)
        connection = await admit(guard, handshake)
        assert len(sent) == 1
        guard.registry.end(connection)
        sent.clear()
        await asyncio.gather(*(admit(guard, handshake) for _ in range(4)))
        assert len(sent) == 1


async def test_nodes_without_their_database_refuse_and_recover(
    new_database: Callable[[], str], postgresql: Server
) -> None:
    """While the database is down no handshake is admitted; afterwards both nodes continue."""
    server = Server(postgresql.programs).start()
    try:
        migrated(server)
        async with _guards(server.url(MIGRATED), store=PostgresqlStore) as (one, other):
            handshake = await _log_in(one)
            connection = await _admitted(other, handshake)
            assert other.registry.opened(connection)
            server.kill()
            for guard in (one, other):
                await _until(partial(_has_lapsed, guard))
                assert (await refused(guard, handshake)).denial is Denial.UNAVAILABLE
            assert connection.open
            server.start()
            for guard in (one, other):
                await _admitted(guard, handshake)
            await one.admin.revoke(Target.PRINCIPAL, "carol")
            await _until(lambda: not connection.open)
    finally:
        server.remove()


async def test_lost_change_of_rights_is_made_again(
    new_database: Callable[[], str], postgresql: Server
) -> None:
    """A database that lost a withdrawal and a disabling gets both again, and no socket gets a right back."""
    url = new_database()
    async with _guards(url, store=PostgresqlStore) as (one, other):
        await one.state.accounts.add_account(Account(id="dave", roles=frozenset({"member"})))
        handshake = await _log_in(one)
        before = await one.state.revocations.log_position()
        await one.admin.withdraw_role("carol", "member")
        await one.admin.set_disabled("dave", True)
        await _until(lambda: other.follower.applied.seq == before.seq + 2)
        owner = await asyncpg.connect(url)
        async with owner.transaction():
            # As after the promotion of a standby that had not received them.
            await owner.execute("SET LOCAL search_path = stormdoor")
            await owner.execute("DELETE FROM revocation WHERE seq > $1", before.seq)
            await owner.execute(
                "UPDATE counter SET value = $1 WHERE name = 'revocation'", before.seq
            )
            await owner.execute("UPDATE revocation_log SET epoch = 'promoted'")
            await owner.execute("INSERT INTO account_role VALUES ('carol', 'member')")
            await owner.execute("UPDATE account SET disabled = false WHERE id = 'dave'")
        await owner.close()

        async def restored() -> bool:
            carol, dave = [await one.state.accounts.account(id) for id in ("carol", "dave")]
            assert carol is not None
            assert dave is not None
            return not carol.roles and dave.disabled

        async with asyncio.timeout(_PATIENCE):
            while True:
                with contextlib.suppress(StoreUnavailable):  # until a beat knows the other epoch
                    if await restored():
                        break
                await asyncio.sleep(0.05)
        for guard in (one, other):
            await _until(lambda guard=guard: not _has_lapsed(guard))  # type: ignore[misc]
            assert (await refused(guard, handshake)).denial in {
                Denial.FORBIDDEN,
                Denial.UNAVAILABLE,
            }


@pytest.mark.parametrize("rotations", [0, 2])
@pytest.mark.parametrize("end", ["log out", "revoke", "log in"])
async def test_revocation_races_a_rotation_on_another_node(
    end: str, rotations: int, new_database: Callable[[], str]
) -> None:
    """INVARIANT: one node reads, another commits a rotation, the first writes: no successor stays."""
    async with _guards(new_database()) as (one, other):
        stolen = thief = await one.sessions.create("carol")
        for _ in range(rotations):
            thief = await _rotated(other, thief)
        remove = one.state.sessions.remove_session
        races = 0

        async def overtaken(id: str, *, entry: Revocation | None = None) -> Changed:
            nonlocal thief, races
            if races < 2:
                races += 1
                thief = await _rotated(other, thief)
            return await remove(id, entry=entry)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(one.state.sessions), "remove_session", staticmethod(overtaken))
            kept = []
            if end == "log out":
                assert await one.admin.log_out(stolen.secret) is not None
            elif end == "revoke":
                await one.admin.revoke(Target.SESSION, stolen.session.id)
            else:
                again = await one.sessions.create("carol", replacing=stolen.secret)
                kept = [again.session.id]
        assert races == 2
        left = await other.state.sessions.sessions("carol")
        assert [each.id for each in left] == kept
        for guard in (one, other):
            await refused(guard, replace(HANDSHAKE, cookies={"__Host-stormdoor": [thief.secret]}))


async def test_revocations_and_rotations_at_once(new_database: Callable[[], str]) -> None:
    """INVARIANT: a thief who rotates on one node all the time keeps nothing after a revocation on another."""
    async with _guards(new_database()) as (one, other):
        for n in range(20):
            stolen = await one.sessions.create("carol")
            done = False

            async def rotate(issued: IssuedSession) -> None:
                while not done and (renewed := await other.sessions.rotate(issued.session)):  # noqa: B023 - awaited below
                    issued = renewed

            thief = asyncio.create_task(rotate(stolen))
            await asyncio.sleep(0.002 * (n % 5))
            await one.admin.revoke(Target.SESSION, stolen.session.id)
            assert await other.state.sessions.sessions("carol") == []
            done = True
            await thief
            assert await other.state.sessions.sessions("carol") == []


async def _rotated(guard: Guard, issued: IssuedSession) -> IssuedSession:
    renewed = await guard.sessions.rotate(issued.session)
    assert renewed is not None
    return renewed


async def test_later_logout_counts_if_two_nodes_receive_one_each(
    new_database: Callable[[], str],
) -> None:
    """INVARIANT: two logouts of a user at once: an ID token from before the later one opens no session."""
    async with _guards(new_database(), 3) as guards:
        for n in range(5):
            issuer, user = "https://op.example", f"user-{n}"
            await asyncio.gather(
                *(
                    announce(issuer, subject=user, sid=None, at=at, now=NOW, state=guard.state)
                    for guard, at in zip(guards, (NOW, NOW + 1.0, NOW + 2.0), strict=True)
                )
            )
            token = IdToken(
                issuer=issuer,
                subject=user,
                issued_at=NOW + 1.5,
                authenticated_at=NOW + 1.5,
                acr=None,
                strength=1,
                session_id=None,
                claims={},
            )
            assert await overtaken(token, state=guards[0].state)


async def test_dry_run_finds_the_sockets_of_the_other_node(
    new_database: Callable[[], str],
) -> None:
    """A dry run on one node lists a socket of the other one, which the revocation then ends."""
    async with _guards(new_database()) as (here, there):
        socket, _ = await opened(there, await _log_in(there))
        await there.maintenance_loop.clean_up()
        head = await here.state.revocations.log_position()
        for target, value in (
            (Target.ROLE, "member"),
            (Target.SESSION, str(socket.authentication.session_id)),
            (Target.EVERYTHING, ""),
        ):
            found = await here.admin.dry_run(target, value)
            assert [(one.id, one.node) for one in found.sockets] == [(socket.id, "node-1")]
            assert [one.principal_id for one in found.sessions] == ["carol"]
            assert found.principals == ("carol",)
        assert await here.state.revocations.log_position() == head
        assert socket.open
        await here.admin.revoke(Target.ROLE, "member")
        await _until(lambda: not socket.open)
