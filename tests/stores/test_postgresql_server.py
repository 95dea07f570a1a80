"""Tests of the PostgreSQL servers that other tests use."""

import asyncpg

from tests.support.postgresql import Server, databases, new_database, postgresql, server_or_skip

__all__ = ["new_database", "postgresql"]


async def test_a_killed_server_keeps_its_data_and_its_address(postgresql: Server) -> None:
    """A test may kill a server and start it again, as after a power cut."""
    server = Server(postgresql.programs).start()
    try:
        server.execute("CREATE TABLE kept (x int)", "INSERT INTO kept VALUES (7)")
        url = server.url()
        server.kill()
        server.start()
        assert server.url() == url
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT x FROM kept") == 7
        await connection.close()
    finally:
        server.remove()


def test_databases_are_separate_and_emptied(postgresql: Server) -> None:
    """Each test gets databases of its own, with nothing in them and with another epoch."""
    epoch, account = "SELECT epoch FROM stormdoor.revocation_log", "SELECT * FROM stormdoor.account"
    insert = "INSERT INTO stormdoor.account VALUES ('alice', NULL, '{}', NULL, FALSE, 0)"
    with databases(postgresql) as new:
        one, other = (new().rpartition("/")[2] for _ in range(2))
        assert one != other
        postgresql.execute(insert, "SELECT 1", database=one)
        assert postgresql.execute(account, database=other) == []
        assert len(postgresql.execute(account, database=one)) == 1
        before = postgresql.execute(epoch, database=one)
        assert before != postgresql.execute(epoch, database=other)
    with databases(postgresql) as new:
        assert {new().rpartition("/")[2] for _ in range(2)} >= {one}
        assert postgresql.execute(account, database=one) == []
        assert postgresql.execute("SELECT value FROM stormdoor.counter", database=one)[0][0] == 0
        assert postgresql.execute(epoch, database=one) != before


def test_text_is_not_ordered_by_bytes(postgresql: Server) -> None:
    """The databases of Debian's server order text as a language does, unlike every other store."""
    [(smaller,)] = postgresql.execute("SELECT 'b' < 'C'")
    [(has_icu,)] = postgresql.execute(
        "SELECT datlocprovider = 'i' FROM pg_database WHERE datname = 'postgres'"
    )
    assert smaller == has_icu


def test_settings_reach_the_server() -> None:
    """A test can start a server with its own settings."""
    server = server_or_skip(wal_level="logical")
    try:
        assert server.execute("SHOW wal_level")[0][0] == "logical"
        server.pause()
        server.resume()
        assert server.execute("SELECT 1")[0][0] == 1
    finally:
        server.remove()
    assert not server.folder.exists()
