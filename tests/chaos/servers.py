"""A real PostgreSQL primary with its standby, and the faults of such a pair."""

from __future__ import annotations

import asyncio
import contextlib
import pwd
import shutil
import subprocess
from collections.abc import Callable
from typing import Self, TypeVar

import asyncpg

from tests.chaos.cutter import Cutter
from tests.support.postgresql import Binaries, Server

__all__ = ["DATABASE", "Pair", "can_fill_disk", "fill_disk", "free_disk"]

T = TypeVar("T")

DATABASE = "stormdoor"
_STANDBY = "standby"
_SECONDS = 60.0
_SETTINGS = {
    "wal_level": "replica",
    "max_wal_senders": "8",
    "hot_standby": "on",
    "wal_keep_size": "256MB",
    # A primary notices that its standby is cut off, and the other way round.
    "wal_sender_timeout": "10s",
    "wal_receiver_timeout": "10s",
    "wal_retrieve_retry_interval": "200ms",
    "max_connections": "100",
}


async def _threaded(job: Callable[..., T], *args: object) -> T:
    """Run blocking work beside the loop, in which the cutter of the replication must go on."""
    return await asyncio.get_running_loop().run_in_executor(None, job, *args)


class Pair:
    """A primary and its standby.

    Args:
        programs: The version to run.
        synchronous: Whether a commit waits for the standby, by its name. Otherwise it does not wait.
        proxied: Whether the standby reaches the primary through `replication`.

    Attributes:
        primary: The server that nodes should use.
        standby: Its standby; None after a failover, until `rebuild`.
        old: The former primary after a failover that left it running.
        replication: The link from the standby to the primary.
    """

    def __init__(self, programs: Binaries, *, synchronous: bool, proxied: bool = True) -> None:
        self.synchronous = synchronous
        self._proxied = proxied
        self._programs = programs
        self.primary = Server(programs, _SETTINGS)
        self.standby: Server | None = None
        self.old: Server | None = None
        self.replication = Cutter(0)
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await _threaded(self.primary.start)
            self.primary.execute(f"CREATE DATABASE {DATABASE}")
            self.replication.target = self.primary.port
            await self._stack.enter_async_context(self.replication)
            return self
        except BaseException:
            await self.__aexit__()
            raise

    async def __aexit__(self, *error: object) -> None:
        for server in (self.primary, self.standby, self.old):
            if server is not None:
                await _threaded(server.remove)
        await self._stack.aclose()

    async def empty(self) -> None:
        """Replace the database by an empty one."""
        for statement in (
            f"DROP DATABASE {DATABASE} WITH (FORCE)",
            f"CREATE DATABASE {DATABASE}",
        ):
            await _threaded(self.primary.execute, statement)

    async def add_standby(self) -> Server:
        """Copy the primary, and start the copy as its standby."""
        made = Server(self._programs, _SETTINGS)
        await _threaded(self._copy, made)
        await _threaded(made.start)
        self.standby = made
        while not await self._query(
            self.primary, "SELECT 1 FROM pg_stat_replication WHERE application_name = 'standby'"
        ):
            await asyncio.sleep(0.05)
        if self.synchronous:
            await self._set_synchronous(_STANDBY)
        return made

    def _copy(self, made: Server) -> None:
        made._password = self.primary._password
        made.folder.mkdir(mode=0o700)
        self._programs.own(made.folder.parent)
        source = self.primary.url(port=self.replication.port if self._proxied else None)
        self._programs.run(
            "pg_basebackup",
            *("--pgdata", made.folder, "--dbname", f"{source}?application_name={_STANDBY}"),
            *(
                "--wal-method",
                "stream",
                "--checkpoint",
                "fast",
                "--write-recovery-conf",
                "--no-sync",
            ),
        )

    async def _set_synchronous(self, names: str) -> None:
        await _threaded(
            self.primary.execute,
            f"ALTER SYSTEM SET synchronous_standby_names = '{names}'",
            "SELECT pg_reload_conf()",
        )
        while (await self._query(self.primary, "SHOW synchronous_standby_names"))[0][0] != names:
            await asyncio.sleep(0.02)

    async def _query(self, server: Server, statement: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(server.url(), timeout=_SECONDS)
        try:
            found: list[asyncpg.Record] = await connection.fetch(statement)
            return found
        finally:
            await connection.close()

    async def fail_over(self, *, kill: bool) -> None:
        """Promote the standby. The old primary is killed, or is cut off from its standby and goes on."""
        assert self.standby is not None
        promoted, former = self.standby, self.primary
        if kill:
            await _threaded(former.kill)
        else:
            self.replication.hold()
        await self._query(promoted, "SELECT pg_promote(true, 60)")
        self.primary, self.standby = promoted, None
        self.old = None if kill else former
        if kill:
            await _threaded(former.remove)

    async def rebuild(self) -> None:
        """Remove the old primary, and give the new one a standby."""
        if self.old is not None:
            await _threaded(self.old.remove)
            self.old = None
        self.replication.target = self.primary.port
        self.replication.reset()
        self.replication.heal()
        await self.add_standby()


def can_fill_disk() -> bool:
    """Return whether this machine can limit the files of running processes."""
    return shutil.which("prlimit") is not None


def fill_disk(server: Server) -> None:
    """Let no process of a server write to a file, as on a full disk: PostgreSQL ends with a PANIC."""
    entry = None if server.programs.user is None else pwd.getpwnam(server.programs.user)
    for pid in server.pids():
        subprocess.run(
            ["prlimit", f"--pid={pid}", "--fsize=0:"],
            check=False,  # a process may have ended meanwhile
            stderr=subprocess.DEVNULL,
            # Root without CAP_SYS_RESOURCE cannot limit the processes of others.
            user=None if entry is None else entry.pw_uid,
            group=None if entry is None else entry.pw_gid,
        )


def free_disk(server: Server) -> None:
    """Start the server again, without the limit."""
    server.kill()
    server.start()
