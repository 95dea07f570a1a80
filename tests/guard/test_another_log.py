"""A backup is put back under a running process: it follows another log, and judges everything anew."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from stormdoor import Denial, Guard, SessionAuthenticator, Target
from stormdoor.auth.apikey.authenticator import ApiKeyAuthenticator
from stormdoor.core.account import Account
from stormdoor.core.handshake import Handshake
from stormdoor.core.session import Session
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.connection import Connection
from stormdoor.stores import SqliteStore
from tests.guard.fakes import (
    HANDSHAKE,
    Tokens,
    admit,
    authentication,
    bearer,
    make_guard,
    opened,
    refused,
    settle,
)
from tests.support.clock import FakeClock


class Failing(SqliteStore):
    """A store that stops answering at the next look-up of a session, if it is told to."""

    fails = False

    async def session(self, id: str) -> tuple[Session, Account] | None:
        if self.fails:
            raise StoreUnavailable("it was told to")
        return await super().session(id)


def _guard(path: Path) -> Guard:
    return make_guard(
        ApiKeyAuthenticator(),
        Tokens({"foreign": authentication("zoe")}),
        SessionAuthenticator(),
        store=Failing(path),
        secrets_key=b"k" * 32,
    )


@dataclass
class Server:
    """A running process on a SQLite file, and what its clients hold."""

    guard: Guard
    path: Path
    handshakes: dict[str, Handshake] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)

    async def session(self, who: str) -> None:
        """A login of `who`, with a socket."""
        issued = await self.guard.sessions.create(who)
        cookies = {self.guard.sessions.cookie.name: [issued.secret]}
        await self._open(who, replace(HANDSHAKE, cookies=cookies))

    async def key(self, who: str) -> None:
        """An API key of `who`, with a socket."""
        issued = await self.guard.admin.issue_key(who, name="k", scopes=["*"])
        await self._open(f"{who}'s key", bearer(issued.secret))

    async def foreign(self) -> None:
        """A token of another issuer, with a socket."""
        await self._open("foreign", bearer("foreign"))

    async def _open(self, name: str, handshake: Handshake) -> None:
        self.handshakes[name] = handshake
        self.connections[name], _ = await opened(self.guard, handshake)

    def back_up(self) -> Path:
        """A copy of the file as it is now."""
        backup = self.path.with_suffix(".backup")
        with (
            contextlib.closing(sqlite3.connect(self.path)) as source,
            contextlib.closing(sqlite3.connect(backup)) as target,
        ):
            source.backup(target)
        return backup

    def restore(self, backup: Path) -> None:
        """Put a copy back while the process runs, as `.restore` of the sqlite3 command does."""
        with (
            contextlib.closing(sqlite3.connect(backup)) as source,
            contextlib.closing(sqlite3.connect(self.path)) as target,
        ):
            source.backup(target)

    @property
    def open(self) -> set[str]:
        """The names of what is open."""
        return {name for name, connection in self.connections.items() if connection.open}


@contextlib.asynccontextmanager
async def serving(tmp_path: Path) -> AsyncIterator[Server]:
    """A process that runs, with members alice, bob and carol."""
    path = tmp_path / "door.db"
    people = [Account(id=id, roles=frozenset({"member"})) for id in ("alice", "bob", "carol")]
    guard = await settle(_guard(path), *people)
    yield Server(guard, path)
    await guard.close()


async def test_the_head_goes_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Sockets of sessions that the backup lacks are closed; later revocations stay in this process."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await server.session("alice")
        await server.key("bob")
        await server.foreign()
        backup = server.back_up()
        before = await guard.state.revocations.log_position()
        await server.session("carol")
        await guard.admin.revoke(Target.PRINCIPAL, "bob")
        await guard.tick()
        server.restore(backup)
        assert await guard.state.revocations.log_position() == before
        await guard.tick()
        assert server.open == {"alice", "foreign"}
        assert not guard.follower.behind
        assert "was a backup restored" in caplog.text
        after = await guard.state.revocations.log_position()
        assert after.epoch != before.epoch
        assert (await refused(guard, server.handshakes["bob's key"])).denial is Denial.REVOKED
        caplog.clear()
        await guard.tick()
        assert caplog.text == ""
        assert isinstance(guard.clock, FakeClock)
        guard.clock.advance(1)
        # The next revocation counts in the new epoch.
        await guard.admin.revoke(Target.PRINCIPAL, "alice")
        assert server.open == {"foreign"}
        await refused(guard, server.handshakes["alice"])
        await server.session("alice")
        await server.key("bob")
        await guard.tick()
        assert server.open == {"foreign", "alice", "bob's key"}


async def test_list_of_connections_that_the_store_has_lost(tmp_path: Path) -> None:
    """After a restore or a failover, the list for operators has the open connections again, and no others."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await server.session("alice")
        await server.session("bob")
        await guard.maintenance_loop.clean_up()
        backup = server.back_up()
        guard.registry.end(server.connections["bob"])
        await server.foreign()
        await guard.admin.revoke(Target.CONNECTION, "none")
        await guard.tick()
        await guard.maintenance_loop.clean_up()
        server.restore(backup)
        await guard.tick()
        assert server.open == {"alice", "foreign"}
        await guard.maintenance_loop.clean_up()
        listed = await guard.state.connections.live_connections([guard.registry.node])
        assert {one.id for one in listed} == {
            server.connections[name].id for name in ("alice", "foreign")
        }


async def test_a_revocation_at_a_position_that_was_seen_before(tmp_path: Path) -> None:
    """The other log has grown as far as the one before: its epoch tells them apart."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await server.session("alice")
        await server.session("bob")
        await server.foreign()
        backup = server.back_up()
        await guard.admin.revoke(Target.CONNECTION, "none")
        await guard.admin.revoke(Target.CONNECTION, "none either")
        await guard.tick()
        seen = await guard.state.revocations.log_position()
        server.restore(backup)
        command = _guard(server.path)
        await command.state.open()
        await command.admin.revoke(Target.PRINCIPAL, "alice")
        await command.admin.revoke(Target.PRINCIPAL, "zoe", before=command.clock.now())
        await command.state.close()
        assert (await guard.state.revocations.log_position()).seq == seen.seq
        await guard.tick()
        assert server.open == {"bob"}
        await refused(guard, server.handshakes["alice"])
        await refused(guard, server.handshakes["foreign"])
        await admit(guard, server.handshakes["bob"])


async def test_a_disabled_account_in_the_other_log(tmp_path: Path) -> None:
    """Accounts and keys of open connections are read again as well."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await server.session("alice")
        await server.key("bob")
        await server.session("carol")
        await guard.state.accounts.set_disabled("alice", True)
        await guard.state.accounts.remove_role("carol", "member")
        assert await guard.state.keys.remove_key(
            server.connections["bob's key"].authentication.credential_id
        )
        backup = server.back_up()
        await guard.state.accounts.set_disabled("alice", False)
        await guard.admin.revoke(Target.CONNECTION, "none")
        await guard.follower.follow()
        assert server.open == {"alice", "bob's key", "carol"}
        server.restore(backup)
        await guard.tick()
        assert server.open == set()


async def test_a_store_that_fails_while_all_are_judged(tmp_path: Path) -> None:
    """No client is admitted until everything has been judged; then it is begun again."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await server.session("alice")
        backup = server.back_up()
        await server.session("bob")
        await guard.admin.revoke(Target.CONNECTION, "none")
        await guard.tick()
        server.restore(backup)
        Failing.fails = True
        await guard.tick()
        assert guard.follower.behind
        assert (await refused(guard, server.handshakes["alice"])).denial is Denial.UNAVAILABLE
        Failing.fails = False
        await guard.tick()
        assert server.open == {"alice"}
        await admit(guard, server.handshakes["alice"])


@pytest.mark.parametrize("added", ["before the epoch ends", "after the next epoch began"])
async def test_no_clock_keeps_a_socket_open_across_epochs(tmp_path: Path, added: str) -> None:
    """An operator's command has a clock that is an hour slow; the server reads its entry in another epoch."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await server.foreign()
        await guard.follower.follow()
        command = _guard(server.path)
        await command.state.open()
        assert isinstance(command.clock, FakeClock)
        command.clock.set_wall(command.clock.now() - 3_600)
        if added == "before the epoch ends":
            await command.admin.revoke(Target.PRINCIPAL, "zoe")
        await command.state.revocations.begin_epoch(
            (await command.state.revocations.log_position()).epoch
        )
        if added == "after the next epoch began":
            await command.admin.revoke(Target.PRINCIPAL, "zoe")
        await command.state.close()
        assert server.open == {"foreign"}
        await guard.follower.follow()
        assert server.open == set()


async def test_a_revocation_here_counts_with_the_time_of_the_store(tmp_path: Path) -> None:
    """The store dates an entry no earlier than the one before it, and so does the process that made it."""
    async with serving(tmp_path) as server:
        guard = server.guard
        command = _guard(server.path)
        await command.state.open()
        assert isinstance(command.clock, FakeClock)
        command.clock.set_wall(command.clock.now() + 3_600)
        issued = await command.admin.issue_key("bob", name="k", scopes=["*"])
        await command.state.revocations.begin_epoch(
            (await command.state.revocations.log_position()).epoch
        )
        await command.admin.revoke(Target.EVERYTHING)
        await command.state.close()
        await guard.admin.revoke(Target.PRINCIPAL, "bob")
        assert (await refused(guard, bearer(issued.secret))).denial is Denial.REVOKED
