"""Tests of a URL with several hosts: a node finds the primary, also beside silent hosts and old primaries."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest

from stormdoor.core.log_position import LogPosition
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.timeout import run_with_timeout
from stormdoor.ports.replicated import Confirmation
from stormdoor.runtime.migration import rotate_epoch
from stormdoor.stores.postgresql.members import confirmation_of
from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.testing.contract.support import STATUS, account, opened
from tests.support.postgresql import MIGRATED, Server, migrated, new_database, postgresql

__all__ = ["new_database", "postgresql"]

_PATIENCE = 60.0


@pytest.fixture(scope="module")
def old(postgresql: Server) -> Iterator[Server]:
    """An old primary with a store in the database `MIGRATED`: each commit waits for the standby."""
    own = Server(postgresql.programs).start()
    migrated(own)
    own.execute("ALTER SYSTEM SET synchronous_standby_names = 'promoted'")
    own.stop()
    yield own
    own.remove()


@pytest.fixture(scope="module")
def promoted(old: Server) -> Iterator[Server]:
    """The standby of `old`, which was promoted while `old` goes on with its other standby, `other`."""
    new = Server(old.programs)
    primary = f"host=127.0.0.1 port={old.port} user=stormdoor password={old._password}"
    other = Server(old.programs, {"primary_conninfo": f"{primary} application_name=other"})
    try:
        for copy in (new, other):
            copy.take_over(old)
            (copy.folder / "postgresql.auto.conf").unlink()
        new.promote()
        old.start()
        (other.folder / "standby.signal").touch()
        old.programs.own(other.folder / "standby.signal")
        other.start()
        yield new
    finally:
        other.remove()
        new.remove()


async def _beat(store: PostgresqlStore) -> LogPosition:
    """Join as the heartbeat of a node does, with the time limit of its lease, until it succeeds."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                return await run_with_timeout(0.4, store.beat("n1", STATUS, joining=True))
            except (StoreUnavailable, TimeoutError):
                await asyncio.sleep(0.05)


async def test_host_that_is_silent_is_passed_over(new_database: Callable[[], str]) -> None:
    """A host that accepts connections and answers nothing, as a stopped server, delays no node."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = f"@127.0.0.1:{silent.getsockname()[1]},127.0.0.1"
        async with opened(PostgresqlStore(new_database().replace("@127.0.0.1", hosts))) as store:
            await _beat(store)
            await store.add_account(account("alice"))
            assert await store.account("alice") == account("alice")


def _both(old: Server, promoted: Server) -> str:
    return old.url(MIGRATED).replace("/" + MIGRATED, f",127.0.0.1:{promoted.port}/{MIGRATED}")


@pytest.mark.extended
async def test_node_leaves_an_isolated_old_primary(old: Server, promoted: Server) -> None:
    """A node on an old primary, on which each commit waits for ever, goes to the promoted standby."""
    promoted.stop()
    async with opened(PostgresqlStore(_both(old, promoted))) as store:
        with pytest.raises((StoreUnavailable, TimeoutError)):
            await run_with_timeout(0.4, store.beat("n1", STATUS, joining=True))
        promoted.start()
        assert (await _beat(store)).epoch.split(".")[1] == "00000002"
        await store.add_account(account("alice"))
        assert await store.account("alice") == account("alice")


@pytest.mark.extended
async def test_command_reaches_the_newer_primary(old: Server, promoted: Server) -> None:
    """A process without a heartbeat, as a command has none, uses the newer of two primaries."""
    for url in (_both(old, promoted), _both(promoted, old)):
        async with opened(PostgresqlStore(url)) as store:
            assert (await store.log_position()).epoch.split(".")[1] == "00000002"
            await store.add_account(account(f"alice-{len(url)}-{url.index(str(old.port))}"))


@pytest.mark.extended
async def test_owner_reaches_the_newer_primary(old: Server, promoted: Server) -> None:
    """`stormdoor migrate` changes the newer of two primaries, in any order, and beside a silent host."""
    read = "SELECT epoch FROM stormdoor.revocation_log"
    before = old.execute(read, database=MIGRATED)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = f"@127.0.0.1:{silent.getsockname()[1]},127.0.0.1"
        for url in (_both(old, promoted), _both(promoted, old)):
            async with asyncio.timeout(5.0):
                epoch = await rotate_epoch(url.replace("@127.0.0.1", hosts))
            assert promoted.execute(read, database=MIGRATED) == [(epoch,)]
    assert old.execute(read, database=MIGRATED) == before


@pytest.mark.extended
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("promoted", Confirmation.EVERY),
        ('"promoted"', Confirmation.EVERY),
        ("2 (promoted, other)", Confirmation.EVERY),
        ("ANY 1 (promoted, other)", Confirmation.SOME),
        ("FIRST 1 (promoted, other)", Confirmation.SOME),
        ("*", Confirmation.SOME),
        ("", Confirmation.NONE),
    ],
)
async def test_guarantee_is_claimed_where_an_old_primary_renews_no_lease(
    old: Server, promoted: Server, names: str, expected: Confirmation
) -> None:
    """If one of several standbys is enough, one that was not promoted confirms beats of the old primary."""
    del promoted  # it runs
    old.execute(
        f"ALTER SYSTEM SET synchronous_standby_names = '{names}'", "SELECT pg_reload_conf()"
    )
    async with asyncio.timeout(_PATIENCE):
        while not old.execute("SELECT 1 FROM pg_stat_replication WHERE application_name = 'other'"):
            await asyncio.sleep(0.1)
        while old.execute("SHOW synchronous_standby_names")[0][0] != names:
            await asyncio.sleep(0.02)
    async with opened(PostgresqlStore(old.url(MIGRATED))) as store:
        assert await store.confirmation() is expected
        if expected is not Confirmation.EVERY:
            await _beat(store)
            return
        for _ in range(4):
            with pytest.raises((StoreUnavailable, TimeoutError)):
                await run_with_timeout(0.5, store.beat("n1", STATUS, joining=True))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("any 2(a,b)", Confirmation.SOME),
        ("ANY 1 (a)", Confirmation.SOME),
        (' First 3 ( "a ""1""", b , c )', Confirmation.EVERY),
        ("1 (a)", Confirmation.EVERY),
        ("a, b", Confirmation.SOME),
        ('"*"', Confirmation.SOME),
        ("2 (a, *)", Confirmation.SOME),
        ('"first 2 (a)"', Confirmation.EVERY),
        (" ", Confirmation.NONE),
    ],
)
def test_names_of_standbys_are_read_as_postgresql_reads_them(
    names: str, expected: Confirmation
) -> None:
    """The value has a method and a number, or is a list of which the first standby confirms."""
    assert confirmation_of(names) is expected


async def test_message_names_the_cause_of_each_host() -> None:
    """If no host is a primary, the message says why each is none."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(StoreUnavailable) as raised:
            await PostgresqlStore(f"postgresql://x:secret@127.0.0.1:1,127.0.0.1:{port}/db").open()
    message = str(raised.value)
    assert "none of its hosts is a primary that answers" in message
    assert "127.0.0.1:1: nothing listens there" in message
    assert f"127.0.0.1:{port}: it " in message
    assert "secret" not in message


async def test_host_that_falls_silent_after_the_login_is_given_up(
    new_database: Callable[[], str], postgresql: Server
) -> None:
    """An attempt to connect goes on when its caller gives up, so it has a time limit of its own."""
    silent, over = False, asyncio.Event()

    async def forward(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mute: bool
    ) -> None:
        while data := await reader.read(1 << 16):
            if mute and data[:1] in (b"P", b"Q"):  # the first statement after the login
                await (
                    over.wait()
                )  # the end of the proxy waits for its connections, from Python 3.12 on
                return
            writer.write(data)

    async def link(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, other = await asyncio.open_connection("127.0.0.1", postgresql.port)
        _, waiting = await asyncio.wait(
            [
                asyncio.create_task(forward(reader, other, silent)),
                asyncio.create_task(forward(answers, writer, False)),
            ],
            return_when=asyncio.FIRST_COMPLETED,
        )
        for task in waiting:
            task.cancel()
        for each in (writer, other):
            each.transport.abort()

    async with await asyncio.start_server(link, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        url = new_database().replace(f":{postgresql.port}/", f":{port}/")
        async with opened(PostgresqlStore(url)) as store:
            silent = True
            with pytest.raises((StoreUnavailable, TimeoutError)):
                await run_with_timeout(0.4, store.beat("n1", STATUS, joining=True))
            silent = False
            async with asyncio.timeout(_PATIENCE / 3):
                await _beat(store)
        over.set()
