"""One connection to the database that the store owns, and makes again after a failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from stormdoor.stores.postgresql.address import Address
from stormdoor.stores.postgresql.failure import LOST, AnotherServer, NoPrimary, Pooled
from stormdoor.stores.postgresql.schema import APP, SCHEMA

if TYPE_CHECKING:
    from asyncpg import Connection

__all__ = ["PostgresqlLink", "Server"]

_log = logging.getLogger("stormdoor.store")

CONNECT_SECONDS = 2.0
_OTHERS_SECONDS: Final = 0.1
"""Longest wait for the other hosts after one is a primary."""
# The server ends the transaction of a host that was cut off, with its locks, and its connection within a
# minute. The packets also keep an idle connection alive in a firewall that would forget it.
_SETTINGS: Final = {
    "idle_in_transaction_session_timeout": "10000ms",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
_WELCOME = f"""
SELECT set_config('search_path', '{SCHEMA}, pg_temp', false), {{settings}}
    CASE WHEN to_regclass('{SCHEMA}.schema_version') IS NOT NULL
        THEN set_config('role', '{{role}}', false) END,
    substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline,
    (SELECT system_identifier::text FROM pg_control_system()) AS system
WHERE pg_backend_pid() = {{process}}
"""  # noqa: S608 - a constant


class Server:
    """The server that a node takes for the primary: that of its last beat.

    Attributes:
        identity: Timeline and system identifier; None before the first beat, when any server is accepted.
    """

    __slots__ = ("identity",)

    def __init__(self) -> None:
        self.identity: tuple[str, str] | None = None


class _Opened(NamedTuple):
    """A new connection, with the timeline and the system identifier of its server."""

    connection: Connection
    identity: tuple[str, str]


def _place(host: dict[str, Any]) -> str:
    return f"{host['host']}:{host['port']}" if host else ""


def _failure(failures: dict[str, BaseException | None]) -> BaseException:
    """Return one exception for those of all hosts."""
    known = {place: error for place, error in failures.items() if error is not None}
    different = len({type(error) for error in known.values()}) > 1
    return NoPrimary(known) if different else next(iter(known.values()))


def _see_failure(attempt: asyncio.Task[Any]) -> None:
    # Without this, asyncio logs a failure that no caller waited for.
    if not attempt.cancelled():
        attempt.exception()


def _end_late(attempt: asyncio.Task[_Opened]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().connection.terminate()


class PostgresqlLink:
    """A connection for one purpose, which one coroutine at a time uses.

    Args:
        address: The database.
        purpose: Its name in `pg_stat_activity`.
        server: The server of the last beat; no other is accepted. None to accept any primary.
        settings: Settings of the session.
        role: The role that the session takes, so that also the owner of the tables works with its rights.
        prepare: Coroutine function that is run with each new connection.
    """

    __slots__ = (
        "_address",
        "_closed",
        "_connecting",
        "_connection",
        "_prepare",
        "_purpose",
        "_role",
        "_server",
        "_settings",
        "identity",
        "warned",
    )

    def __init__(
        self,
        address: Address,
        purpose: str,
        server: Server | None,
        *,
        settings: dict[str, str] | None = None,
        role: str = APP,
        prepare: Callable[[Connection], Any] | None = None,
    ) -> None:
        self._address = address
        self._purpose = purpose
        self._server = server
        self._settings = settings or {}
        self._role = role
        self._prepare = prepare
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._closed = False
        self.identity = ("", "")
        """Timeline and system identifier of the server."""
        self.warned = ""
        """The last warning of the server; set it to "" before a statement that must not warn."""

    @property
    def is_open(self) -> bool:
        """True if there is a connection that has not been lost."""
        return self._connection is not None and not self._connection.is_closed()

    @property
    def current(self) -> Connection | None:
        """The connection, if there is one to the server of the last beat."""
        known, server = self._connection, self._server
        if known is None or known.is_closed():
            return None
        if server is not None and server.identity is not None and server.identity != self.identity:
            # The last beat went to another server: this one is an old primary.
            self.drop()
            return None
        return known

    async def connection(self) -> Connection:
        """Return the connection, which is made first if there is none.

        Raises:
            Any of `LOST`, asyncpg.PostgresError: No host gives one; `NoPrimary` if their reasons differ.
        """
        if (known := self.current) is not None:
            return known
        self._check_open()
        if self._connecting is None:
            # A caller that gives up does not end the attempt: the next one waits for the same.
            self._connecting = asyncio.create_task(self._connect_primary())
            self._connecting.add_done_callback(_see_failure)
        await asyncio.shield(self._connecting)
        self._check_open()
        # A beat may have gone to another server meanwhile.
        if (known := self.current) is not None:
            return known
        raise AnotherServer("another timeline or system identifier")

    async def _connect_primary(self) -> None:
        """Connect to all hosts at once, and keep the connection to the primary.

        An isolated old primary answers like the present one. INVARIANT: the newer timeline counts.
        """
        hosts = self._address.hosts
        attempts = {asyncio.create_task(self._connect(each)): each for each in hosts or [{}]}
        found: list[_Opened] = []
        waiting = set(attempts)
        try:
            while waiting:
                done, waiting = await asyncio.wait(
                    waiting,
                    timeout=_OTHERS_SECONDS if found else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                found += [each.result() for each in done if each.exception() is None]
                if not done:
                    break
            if not found:
                raise _failure({_place(attempts[each]): each.exception() for each in attempts})
            chosen = max(found, key=lambda each: int(each.identity[0], 16))
            found.remove(chosen)
            self._connection, self.identity = chosen.connection, chosen.identity
        finally:
            self._connecting = None
            for attempt in waiting:
                attempt.cancel()
                attempt.add_done_callback(_end_late)
            for each in found:
                each.connection.terminate()

    def _check_open(self) -> None:
        if self._closed:
            self.drop()
            raise ConnectionResetError("the store was closed")

    async def _connect(self, host: dict[str, Any]) -> _Opened:
        # INVARIANT: each step has this limit, because no caller ends an attempt: see `connection`.
        async with asyncio.timeout(CONNECT_SECONDS):
            return await self._connect_in_time(host)

    async def _connect_in_time(self, host: dict[str, Any]) -> _Opened:
        made: Connection = await asyncpg.connect(
            self._address.url,
            target_session_attrs=SessionAttribute.read_write,
            server_settings={"application_name": f"stormdoor {self._purpose}"},
            **host,
        )
        try:
            made.add_log_listener(self._listen)
            settings = "".join(
                f"set_config('{name}', '{value}', false), "
                for name, value in (_SETTINGS | self._settings).items()
            )
            process = made.get_server_pid()
            statement = _WELCOME.format(settings=settings, role=self._role, process=process)
            # INVARIANT: no settings through a pooler: another client would get them, and this one others.
            if not (rows := await made.fetch(statement)):
                raise Pooled("its process is not the one of the connection")
            row = rows[0]
            identity = (row["timeline"], row["system"])
            expected = self._server and self._server.identity
            if expected not in (None, identity):
                raise AnotherServer("another timeline or system identifier")
            if self._prepare is not None:
                await self._prepare(made)
        except BaseException:
            made.terminate()
            raise
        return _Opened(made, identity)

    def _listen(self, _: object, message: Any) -> None:
        if getattr(message, "severity_en", None) == "WARNING" or message.severity == "WARNING":
            self.warned = str(message)
            _log.warning("PostgreSQL warns the %s connection: %s", self._purpose, message)

    def drop(self) -> None:
        """Give the connection up without a word to the server."""
        known, self._connection = self._connection, None
        if known is not None:
            known.terminate()

    async def close(self) -> None:
        """End the connection for good."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        known, self._connection = self._connection, None
        if known is None or known.is_closed():
            return
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await known.close()
        except (*LOST, asyncpg.PostgresError):
            known.terminate()
