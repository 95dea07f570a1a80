"""Tests of a PostgreSQL server that stops, hangs, is the wrong one, or does not confirm a commit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace

import asyncpg
import pytest

from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import ConfigurationError, StoreInDoubt, StoreUnavailable
from stormdoor.guard.timeout import run_with_timeout
from stormdoor.ports.replicated import Confirmation
from stormdoor.stores import open_store
from stormdoor.stores.postgresql import look_ups, members
from stormdoor.stores.postgresql.address import Address
from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.testing.contract.support import NOW, STATUS, account, opened, session
from tests.chaos.cutter import Cutter
from tests.support.commit_proxy import commit_proxy
from tests.support.postgresql import MIGRATED, Server, migrated, new_database, postgresql

__all__ = ["new_database", "postgresql"]

_PATIENCE = 60.0


@pytest.fixture
def server(postgresql: Server) -> Iterator[Server]:
    """A server of the test's own, with an empty store in the database `MIGRATED`."""
    own = Server(postgresql.programs).start()
    migrated(own)
    yield own
    own.remove()


async def _soon(call: Callable[[], object], *, raises: bool = False) -> None:
    """Wait until a call succeeds, or raises `StoreUnavailable`."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                await call()  # type: ignore[misc]
            except StoreUnavailable:
                if raises:
                    return
            else:
                if not raises:
                    return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "postgresql://stormdoor:wrong@127.0.0.1:{port}/postgres",
            "refuses the user or the password",
        ),
        ("{url}_missing", "there is no such database"),
        ("postgresql://x:secret@127.0.0.1:1/db", "nothing listens there"),
        ("postgresql://x:secret@127.0.0.1:1,127.0.0.1:2/db", "nothing listens there"),
        ("{url}?sslmode=verify-full&sslrootcert=/no/ca.pem", "that of sslrootcert"),
        ("{url}?sslmode=verify-ful", "correct its URL, or the file of its password or certificate"),
        ("{url}?foo=1", "does not know an option of the URL"),
    ],
)
async def test_server_that_refuses_is_named_with_its_cause(
    url: str, message: str, postgresql: Server
) -> None:
    """The message says what is wrong with which database, without a password."""
    store = PostgresqlStore(url.format(port=postgresql.port, url=postgresql.url()))
    with pytest.raises(StoreUnavailable, match=message) as raised:
        await store.open()
    assert "the store postgresql://127.0.0.1:" in str(raised.value)
    for secret in ("secret", "wrong", postgresql.url().split(":")[2].partition("@")[0]):
        assert secret not in str(raised.value)
    with pytest.raises(StoreUnavailable, match="is not open"):
        await store.account("alice")


async def test_database_without_a_schema_names_the_command(postgresql: Server) -> None:
    """A node never changes the schema: it names the command that does."""
    with pytest.raises(ConfigurationError, match="stormdoor migrate apply"):
        await PostgresqlStore(postgresql.url()).open()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://[::1/db",
        "mysql://host/db",
        "postgresql://host/db?target_session_attrs=any",
        "postgresql://host/db?application_name",
    ],
)
def test_url_that_names_no_database_is_refused(url: str) -> None:
    """An unusable URL is an error of the configuration, without the URL in its message."""
    with pytest.raises(ConfigurationError) as raised:
        Address(url)
    assert "host/db" not in str(raised.value)


def test_url_of_several_hosts() -> None:
    """A URL may name several hosts, with and without ports."""
    address = Address("postgresql://u:p@one:5433,[::1]:5434,two/db")
    assert address.hosts == [
        {"host": "one", "port": 5433},
        {"host": "::1", "port": 5434},
        {"host": "two", "port": 5432},
    ]
    assert address.name == "postgresql://one:5433,[::1]:5434,two/db"
    assert address.url == "postgresql://u:p@one:5433/db"
    one = Address("postgresql://u@[::1]:5434/db?sslmode=require")
    assert (one.url, one.hosts) == ("postgresql://u@[::1]:5434/db?sslmode=require", [])


async def test_next_host_is_used(server: Server) -> None:
    """If the first host does not answer, the store uses the second."""
    url = server.url(MIGRATED).replace("@127.0.0.1", "@127.0.0.1:1,127.0.0.1")
    async with opened(PostgresqlStore(url)) as store:
        await store.add_account(account("alice"))


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without asyncpg the message names the extra."""
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    for name in [each for each in sys.modules if each.startswith("stormdoor.stores.postgresql")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ConfigurationError, match=r"stormdoor\[postgres\]"):
        open_store("postgresql://host/db")


async def test_store_recovers_from_a_restart(server: Server) -> None:
    """While the server is down every call raises; after its restart the next calls succeed."""
    async with opened(PostgresqlStore(server.url(MIGRATED))) as store:
        await store.add_account(account("alice"))
        await store.beat("n1", STATUS, joining=True)
        for end in (server.stop, server.kill):
            end()
            for call in (
                lambda: store.account("alice"),
                store.accounts,
                store.revocations,
                lambda: store.add_session(session("s1", "alice")),
                lambda: store.beat("n1", STATUS),
            ):
                with pytest.raises(StoreUnavailable) as raised:
                    await call()
                assert not isinstance(raised.value, StoreInDoubt)
            server.start()
            await _soon(lambda: store.beat("n1", STATUS))
            await _soon(lambda: store.account("alice"))
            assert await store.account("alice") == account("alice")
            assert await store.remove_session("s1") is False
            assert await store.revocations() == []


async def test_waiting_for_an_entry_goes_on_without_the_server(server: Server) -> None:
    """`wait_for_entry` waits for its time when the server does not answer."""
    async with opened(PostgresqlStore(server.url(MIGRATED))) as store:
        head = await store.log_position()
        server.stop()
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(4):  # it may end too early when the connection was lost
            await store.wait_for_entry(head, 0.2)
        assert loop.time() - began >= 0.3


async def test_server_that_hangs_is_unavailable_in_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is stopped with SIGSTOP makes look-ups and beats fail within their time limits."""
    monkeypatch.setattr(look_ups, "_SECONDS", 0.3)
    async with opened(PostgresqlStore(server.url(MIGRATED))) as store:
        await store.add_account(account("alice"))
        await store.beat("n1", STATUS, joining=True)
        server.pause()
        try:
            with pytest.raises(StoreUnavailable, match="in time"):
                await store.account("alice")
            with pytest.raises(StoreUnavailable, match="in time"):
                await store.beat("n1", replace(STATUS, lease=0.4))
        finally:
            server.resume()
        monkeypatch.undo()
        await _soon(lambda: store.beat("n1", STATUS))
        await _soon(lambda: store.account("alice"))


@pytest.mark.extended
@pytest.mark.parametrize("connected", [True, False], ids=["hangs", "accepts only"])
async def test_node_leaves_a_host_that_does_not_answer(
    connected: bool, new_database: Callable[[], str], postgresql: Server
) -> None:
    """An old primary that was cut off keeps its connections open. The caller gives up after a lease."""
    port = postgresql.port
    async with Cutter(port) as old, Cutter(port) as new:
        url = new_database().replace(f":{port}/", f":{old.port},127.0.0.1:{new.port}/")
        async with opened(PostgresqlStore(url)) as store:
            await store.beat("n1", STATUS, joining=True)
            old.hold()
            if not connected:
                old.reset()

            async def within_a_lease(call: Callable[[], Coroutine[object, object, object]]) -> None:
                try:
                    await run_with_timeout(store.lease_seconds, call())
                except TimeoutError as error:
                    raise StoreUnavailable("no answer within a lease") from error

            calls: list[Callable[[], Coroutine[object, object, object]]] = [
                lambda: store.beat("n1", STATUS),
                store.log_position,
                lambda: store.account("alice"),
                lambda: store.add_revocation(Revocation(Target.SESSION, "s1", NOW)),
            ]
            async with asyncio.timeout(_PATIENCE / 3):
                for call in calls:
                    await _soon(lambda call=call: within_a_lease(call))  # type: ignore[misc]


async def test_beat_that_no_standby_confirms_renews_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A beat waits for the synchronous standby. If its wait is cancelled, PostgreSQL warns, and it fails."""
    async with opened(PostgresqlStore(server.url(MIGRATED))) as store:
        assert await store.confirmation() is Confirmation.NONE
        await store.add_account(account("alice"))
        await store.beat("n1", STATUS, joining=True)
        server.execute("ALTER SYSTEM SET synchronous_standby_names = 'missing'")
        server.execute("SELECT pg_reload_conf()")

        async def waits() -> bool:
            return await store.confirmation() is Confirmation.EVERY

        async with asyncio.timeout(_PATIENCE):
            while not await waits():
                await asyncio.sleep(0.02)
        await _soon(lambda: store.beat("n1", STATUS), raises=True)
        with pytest.raises(StoreUnavailable, match="in time"):
            await store.beat("n1", STATUS)

        async def cancel(purpose: str) -> None:
            """Cancel the wait of a connection when it waits for the standby."""
            select = (
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            )
            while True:
                server.execute(select + f" AND application_name = 'stormdoor {purpose}'")
                await asyncio.sleep(0.02)

        monkeypatch.setattr(members, "_JOIN_SECONDS", _PATIENCE)
        cancelling = asyncio.create_task(cancel("heartbeat"))
        with pytest.raises(StoreUnavailable, match=r"not confirmed.*replication"):
            await store.beat("n2", STATUS, joining=True)
        cancelling.cancel()
        cancelling = asyncio.create_task(cancel("writes"))
        with pytest.raises(StoreInDoubt, match="replication"):
            await store.add_role("alice", "guest")
        cancelling.cancel()
        found = await store.account("alice")
        assert found is not None
        assert (
            "guest" in found.roles
        )  # the server has committed it, so it may not be reported as refused


async def test_look_up_of_another_epoch_is_refused(new_database: Callable[[], str]) -> None:
    """INVARIANT: a look-up with another epoch than the last beat gives no answer."""
    async with (
        opened(PostgresqlStore(url := new_database())) as store,
        opened(PostgresqlStore(url)) as other,
    ):
        await store.add_account(account("alice"))
        head = await store.beat("n1", STATUS, joining=True)
        assert head == await store.log_position()
        assert await store.account("alice") == account("alice")
        begun = await other.begin_epoch(head.epoch)
        for call in (lambda: store.account("alice"), lambda: store.session("s1")):
            with pytest.raises(StoreUnavailable, match="another epoch"):
                await call()
        assert await store.beat("n1", STATUS) == begun
        assert await store.account("alice") == account("alice")


async def test_connections_leave_a_server_that_the_heartbeat_left(server: Server) -> None:
    """INVARIANT: after a beat on another server, no look-up, write or read uses the old one."""
    copy = Server(server.programs)
    async with commit_proxy(server.port) as proxy:
        url = server.url(MIGRATED, port=proxy.port)
        try:
            async with opened(PostgresqlStore(url)) as store:
                await store.add_account(account("alice"))
                old = await store.beat("n1", STATUS, joining=True)
                assert await store.revocations() == []
                await store.accounts()
                # What a promoted standby is: another timeline with the same data.
                server.stop()
                copy.take_over(server)
                copy.promote()
                server.start()
                await _soon(lambda: store.account("alice"))
                proxy.retarget(copy.port)  # only new connections get there
                store._database.heartbeat._link.drop()
                await _soon(lambda: store.beat("n1", STATUS, joining=True))
                new = await store.beat("n1", STATUS)
                assert new.epoch != old.epoch
                assert new.epoch.split(".")[0] == old.epoch.split(".")[0]
                await store.add_session(session("s1", "alice"))
                await store.add_revocation(Revocation(Target.SESSION, "s1", NOW))
                assert await store.account("alice") == account("alice")
                assert len(await store.revocations()) == 1
                for database, count in ((server, 0), (copy, 1)):
                    rows = database.execute("SELECT 1 FROM stormdoor.session", database=MIGRATED)
                    assert len(rows) == count
        finally:
            copy.remove()


async def test_server_finds_nodes_that_were_cut_off(new_database: Callable[[], str]) -> None:
    """The server probes the connections of nodes, and ends a transaction that a lost node has begun."""
    async with opened(PostgresqlStore(new_database())) as store:
        names = ("tcp_keepalives_idle", "idle_in_transaction_session_timeout", "synchronous_commit")

        async def settings(transaction: Transaction) -> list[str]:
            return [(await transaction.rows(f"SHOW {name}"))[0][0] for name in names]

        assert await store._database.write(settings) == ["30", "1s", "on"]


async def test_forked_process_must_open_the_store_itself(new_database: Callable[[], str]) -> None:
    """A store that was opened before a fork is refused in the child."""
    async with opened(PostgresqlStore(new_database())) as store:
        assert "before this process was forked" in _refusal_in_a_child(store)


def _refusal_in_a_child(store: PostgresqlStore) -> str:
    read, write = os.pipe()
    if (child := os.fork()) == 0:  # pragma: no cover - another process
        with contextlib.suppress(BaseException):
            try:
                store._database.check_open()
            except StoreUnavailable as error:
                os.write(write, str(error).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as answer:
        return answer.read()


async def test_node_with_the_role_of_the_application_can_work(
    new_database: Callable[[], str], postgresql: Server
) -> None:
    """A login that has only the role of the nodes can do all that a node does."""
    url = new_database()
    postgresql.execute(
        "DROP ROLE IF EXISTS a_node",
        "CREATE ROLE a_node LOGIN PASSWORD 'x' IN ROLE stormdoor_app",
        "SELECT 1",
    )
    own = "postgresql://a_node:x@" + url.rpartition("@")[2]
    async with opened(PostgresqlStore(own)) as store:
        await store.add_account(account("alice"))
        await store.beat("n1", STATUS, joining=True)
        await store.set_disabled("alice", True, entry=Revocation(Target.PRINCIPAL, "alice", NOW))
        assert len(await store.revocations()) == 1
        await store.purge(NOW)
        connection = await asyncpg.connect(own)
        for statement in ("UPDATE stormdoor.trail SET salt = ''", "DELETE FROM stormdoor.trail"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        await connection.close()
