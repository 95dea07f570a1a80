"""The checks of `make world`: the plain application as a control, then the guarded one."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from stormdoor.auth.session.cookie import SESSION_COOKIE
from tests.world.application import (
    Action,
    Application,
    Channel,
    Conversation,
    OwnClient,
    Recipe,
)
from tests.world.client import Client, FailedError, RefusedError
from tests.world.environment import ROOT, environ
from tests.world.front_share import share_of
from tests.world.site import Site, log_of, replaced, started

__all__ = [
    "CHECKS",
    "Cell",
    "Outcome",
    "Row",
    "check_application",
    "run_command",
]

CHECKS = {
    "exchange": "The owner talks in the application's protocol and gets the right answer.",
    "log in": "The form of the login, stormdoor's or the application's own, gives a cookie that opens the "
    "channel. For programs: a new API key does.",
    "viewer": "A principal with the role `viewer` sees what the channel sends, and changes nothing.",
    "unauthenticated": "A client with the application's own credential, and none of the guard, gets no "
    "channel. Without the guard it gets one, and an answer.",
    "foreign origin": "A page of another origin, with the owner's valid cookie, gets no channel.",
    "rebound Host": "A request for another host name, with the owner's valid cookie, gets no channel.",
    "revocation": "`stormdoor revoke principal` ends the open channel within 5 s, and no new one opens.",
    "log out": "The log-out of the same login ends the open channel within 5 s, and no new one opens with "
    "its cookie. For programs: `stormdoor keys revoke` does.",
    "burst": "Heavy ordinary use loses nothing and ends nothing.",
    "health check": "The path that a load balancer asks answers 200 without a login.",
    "own client": "The client of the host works with the credential of the guide, and not without it.",
    "guard fails": "The guard cannot be made: no channel opens, or the host does not start.",
}
"""The columns of the table."""

_FOREIGN = "https://attacker.example"
_REBOUND = "attacker.example"
_REVOCATION_SECONDS = 5.0
_REFUSALS = frozenset({400, 401, 403, 404, 421, 503})
_CLIENT_SECONDS = 60.0
_STORE_IN_FILES = "sqlite:door.db"


class Outcome(Enum):
    """The result of a check."""

    PASSED = "ok"
    FAILED = "FAILED"
    NONE = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """The result of a check, and what was seen."""

    outcome: Outcome
    seen: str = ""


@dataclass(slots=True)
class Row:
    """The results of one channel of one application.

    Attributes:
        application: The application.
        channel: The channel's name; empty where there is one.
        cells: The results, by check.
        front: How many handshakes of the application the front served; see `share_of`.
    """

    application: Application
    channel: str
    cells: dict[str, Cell] = field(default_factory=dict)
    front: str = ""

    @property
    def failed(self) -> bool:
        """True if a check failed."""
        return any(cell.outcome is Outcome.FAILED for cell in self.cells.values())

    def add(self, check: str, outcome: Outcome, seen: str = "") -> None:
        """Note a result; a failure is never overwritten."""
        before = self.cells.get(check)
        if before is None or before.outcome is not Outcome.FAILED:
            self.cells[check] = Cell(outcome, seen)


def check_application(application: Application, *, quick: bool = False) -> list[Row]:
    """Run the checks on an application that is installed, and return a row for each channel.

    Args:
        application: The application.
        quick: Leave out the bursts, and the starts with a guard that fails. They take most of the time.
    """
    rows = [Row(application, channel.name) for channel in application.channels]
    try:
        with started(application, application.plain) as site:
            asyncio.run(_control(application, site, rows))
        with started(application, application.guarded) as site:
            asyncio.run(_check(application, site, rows, quick=quick))
            _add_log(rows, site)
            for row in rows:
                row.front = share_of(site.folder)
    except FailedError as error:
        for row in rows:
            row.add("exchange", Outcome.FAILED, f"not started: {error}")
    else:
        if not quick:
            _failing_guard(application, rows)
    for row in rows:
        for check in CHECKS:
            row.cells.setdefault(check, Cell(Outcome.NONE))
    return rows


def _add_log(rows: list[Row], site: Site) -> None:
    """Put the end of the application's log beside the first failure."""
    for row in rows:
        for check, cell in row.cells.items():
            if cell.outcome is Outcome.FAILED:
                row.cells[check] = replace(cell, seen=f"{cell.seen}\n{log_of(site.folder)}")
                return


# The control ------------------------------------------------------------------------------------


async def _control(application: Application, site: Site, rows: list[Row]) -> None:
    """Check that each attack that the guard must stop succeeds without it."""
    client = await _entered(application, site.client(), guarded=False)
    for channel, row in zip(application.channels, rows, strict=True):
        try:
            async with _opened(channel, client, client) as conversation:
                await conversation.exchange()
        except (FailedError, RefusedError) as error:
            seen = f"the control, without a guard, fails: {error}"
            row.add("unauthenticated", Outcome.FAILED, seen)


# The guarded application ------------------------------------------------------------------------


async def _check(application: Application, site: Site, rows: list[Row], *, quick: bool) -> None:
    alice = await _entered_as(application, site, "alice")
    port = urlsplit(site.address).port
    cookies = {name: said for name, said in alice.cookies.items() if name != SESSION_COOKIE}
    attackers = {
        "unauthenticated": (
            site.client()
            if application.keys or application.own_login is not None
            else replace(alice, cookies=cookies)
        ),
        "foreign origin": replace(alice, origin=_FOREIGN),
        "rebound Host": replace(
            alice, host=f"{_REBOUND}:{port}", origin=f"http://{_REBOUND}:{port}"
        ),
    }
    for channel, row in zip(application.channels, rows, strict=True):
        await _judge(row, "exchange", _exchange(channel, alice))
        for check, attacker in attackers.items():
            await _judge(row, check, _refused(channel, alice, attacker))
        if channel.forbidden is not None:
            viewer = await _entered_as(application, site, "victor")
            owner = viewer if channel.private else alice
            await _judge(row, "viewer", _watched(channel, channel.forbidden, owner, viewer))
        for burst in () if quick else channel.bursts:
            await _judge(row, "burst", _burst(channel, burst.run, burst.name, alice))
    await _judge_machines(application, site, rows[0])
    await _revoke(application, site, rows, alice)
    await _log_in_and_out(application, site, rows)


async def _judge(row: Row, check: str, work: Coroutine[Any, Any, str]) -> None:
    try:
        seen = await work
    except (FailedError, RefusedError) as error:
        row.add(check, Outcome.FAILED, f"{type(error).__name__}: {error}")
    else:
        before = row.cells.get(check)
        row.add(check, Outcome.PASSED, f"{before.seen}; {seen}" if before and before.seen else seen)


async def _exchange(channel: Channel, owner: Client) -> str:
    async with _opened(channel, owner, owner) as conversation:
        await conversation.exchange()
    return ""


async def _refused(channel: Channel, owner: Client, attacker: Client) -> str:
    try:
        conversation = await channel.open(owner, attacker)
    except RefusedError as refused:
        if refused.status not in _REFUSALS:
            raise
        return str(refused.status)
    try:
        await conversation.exchange()
    except FailedError as error:
        raise FailedError(f"the channel opened, and then: {error}") from error
    finally:
        await conversation.close()
    raise FailedError("the channel opened and answered")


async def _watched(channel: Channel, forbidden: Action, owner: Client, viewer: Client) -> str:
    async with _opened(channel, owner, viewer) as conversation:
        if channel.viewer_exchanges:
            await conversation.exchange()
        await forbidden(viewer, conversation)
    return ""


async def _burst(
    channel: Channel,
    run: Callable[[Client, Conversation], Coroutine[Any, Any, None]],
    name: str,
    owner: Client,
) -> str:
    began = time.monotonic()
    try:
        async with _opened(channel, owner, owner) as conversation:
            await run(owner, conversation)
            await conversation.exchange()
    except (FailedError, RefusedError) as error:
        raise FailedError(f"{name}: {error}") from error
    return f"{name} ({time.monotonic() - began:.1f} s)"


async def _judge_machines(application: Application, site: Site, row: Row) -> None:
    """Ask the health check, and run the client of the host, with a credential and without."""
    if application.health:
        await _judge(row, "health check", _healthy(site, application.health))
    if application.own_client is not None:
        await _judge(row, "own client", _own_client(application, application.own_client, site))


async def _healthy(site: Site, path: str) -> str:
    status = (await Client(site.address).request("GET", path)).status_code
    if status != 200:
        raise FailedError(f"{path} answers {status}")
    return ""


async def _own_client(application: Application, client: OwnClient, site: Site) -> str:
    _, keyed = await site.key("alice")
    secret = keyed.headers["Authorization"].removeprefix("token ")
    cookie = f"{SESSION_COOKIE}={site.sessions['alice']}"
    credentials = {"STORMDOOR_KEY": secret, "STORMDOOR_COOKIE": cookie}
    for works in (True, False) if client.logs_in else (True,):
        told = credentials if works else dict.fromkeys(credentials, "")
        done = await asyncio.to_thread(
            subprocess.run,
            [str(application.place / "bin" / "python"), "-c", replaced(client.program, site.ports)],
            env=environ(application.place, HOME=str(site.folder), **told),
            cwd=site.folder,
            capture_output=True,
            text=True,
            timeout=_CLIENT_SECONDS,
            check=False,
        )
        if (done.returncode == 0) is not works:
            kind = "with" if works else "without"
            raise FailedError(f"{kind} a credential: {done.returncode} {done.stderr[-600:]}")
    return ""


async def _revoke(application: Application, site: Site, rows: list[Row], alice: Client) -> None:
    """Open every channel as another principal, revoke that principal, and wait for the ends."""
    carol = await _entered_as(application, site, "carol")
    async with contextlib.AsyncExitStack() as stack:
        waiting: list[tuple[Channel, Row, asyncio.Task[str]]] = []
        for channel, row in zip(application.channels, rows, strict=True):
            try:
                one = await stack.enter_async_context(_opened(channel, carol, carol))
                await one.exchange()
            except (FailedError, RefusedError) as error:
                row.add("revocation", Outcome.FAILED, f"before it: {error}")
            else:
                waiting.append((channel, row, asyncio.create_task(one.ended())))
        await asyncio.to_thread(
            run_command, site, "revoke", "principal", site.principal("carol"), "--reason", "world"
        )
        began = time.monotonic()
        for channel, row, task in waiting:
            await _judge(row, "revocation", _gone(channel, alice, carol, task, began))


async def _log_in_and_out(application: Application, site: Site, rows: list[Row]) -> None:
    """Log in with the form, open every channel, log out, and wait for the ends."""
    key = ""
    try:
        if application.keys:
            key, client = await site.key("alice")
        elif application.own_login is None:
            client = await _entered(application, await site.log_in("alice"), guarded=True)
        else:
            client = await _entered_as(application, site, "dora")
    except FailedError as error:
        for row in rows:
            row.add("log in", Outcome.FAILED, str(error))
        return
    async with contextlib.AsyncExitStack() as stack:
        waiting: list[tuple[Channel, Row, asyncio.Task[str]]] = []
        for channel, row in zip(application.channels, rows, strict=True):
            try:
                one = await stack.enter_async_context(_opened(channel, client, client))
                await one.exchange()
            except (FailedError, RefusedError) as error:
                row.add("log in", Outcome.FAILED, f"{type(error).__name__}: {error}")
            else:
                row.add("log in", Outcome.PASSED)
                waiting.append((channel, row, asyncio.create_task(one.ended())))
        owner = await _entered_as(application, site, "alice")
        began = time.monotonic()
        status = await _log_out(application, site, client, key)
        for channel, row, task in waiting:
            await _judge(row, "log out", _gone(channel, owner, client, task, began))
            if status >= 400:
                row.add("log out", Outcome.FAILED, f"the log-out answers {status}")


async def _log_out(application: Application, site: Site, client: Client, key: str) -> int:
    """End the login of a client, or its key; return the status of the answer."""
    if key:
        await asyncio.to_thread(run_command, site, "keys", "revoke", key)
        return 200
    if application.own_login is None:
        return (await client.request("POST", "/auth/logout")).status_code
    return (await client.request("GET", application.own_login.logout)).status_code


async def _gone(
    channel: Channel, owner: Client, revoked: Client, ended: asyncio.Task[str], began: float
) -> str:
    left = began + _REVOCATION_SECONDS - time.monotonic()
    try:
        how = await asyncio.wait_for(ended, max(left, 0.1))
    except TimeoutError:
        raise FailedError(f"still open after {_REVOCATION_SECONDS:.0f} s") from None
    try:
        async with _opened(channel, owner, revoked):
            raise FailedError("a new channel opened afterwards")
    except RefusedError:
        return how


def run_command(site: Site, *words: str) -> None:
    """Run a command of stormdoor as the operator does.

    Raises:
        FailedError: It fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", "stormdoor", *words],
        cwd=site.folder,
        env={"STORMDOOR_STORE": _STORE_IN_FILES, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FailedError(f"stormdoor {' '.join(words)}: {done.stdout}{done.stderr}")


# A guard that cannot be made --------------------------------------------------------------------


def _failing_guard(application: Application, rows: list[Row]) -> None:
    """Start it with a guard that raises: it does not start, or every channel is refused."""
    recipe = replace(
        _edited(
            application.guarded, lambda _, text: text.replace(_STORE_IN_FILES, "nothing:door.db")
        ),
        environ={
            name: said.replace(_STORE_IN_FILES, "nothing:door.db")
            for name, said in application.guarded.environ.items()
        },
    )
    if recipe == application.guarded:
        raise FailedError(f"{application.name}: nothing names the store {_STORE_IN_FILES!r}")
    try:
        with started(application, recipe) as site:
            for channel, row in zip(application.channels, rows, strict=True):
                asyncio.run(_closed_to_all(application, channel, site, row))
    except FailedError as error:
        status = str(error).partition(":")[0]
        for row in rows:
            row.add("guard fails", Outcome.PASSED, status)


async def _closed_to_all(application: Application, channel: Channel, site: Site, row: Row) -> None:
    client = await _entered_as(application, site, "alice")
    await _judge(row, "guard fails", _refused(channel, client, client))


def _edited(recipe: Recipe, edit: Callable[[str, str], str]) -> Recipe:
    return replace(recipe, files={name: edit(name, text) for name, text in recipe.files.items()})


# ------------------------------------------------------------------------------------------------


async def _entered(application: Application, client: Client, *, guarded: bool) -> Client:
    return client if application.enter is None else await application.enter(client, guarded)


async def _entered_as(application: Application, site: Site, name: str) -> Client:
    """Return a client with the session of `name`, or with a login of the application's own.

    The names of such logins are the application's. `site.principal` returns the one that stands for `name`.
    """
    if application.keys:
        return (await site.key(name))[1]
    if application.own_login is None:
        return await _entered(application, site.client(name), guarded=True)
    client, principal = await application.own_login.log_in(site.address)
    site.principals[name] = principal
    if name == "victor":
        add = ("principals", "add", principal, "--role", "viewer", "--no-password")
        await asyncio.to_thread(run_command, site, *add)
    return await _entered(application, client, guarded=True)


@contextlib.asynccontextmanager
async def _opened(channel: Channel, owner: Client, client: Client) -> AsyncIterator[Conversation]:
    conversation = await channel.open(owner, client)
    try:
        yield conversation
    finally:
        await conversation.close()
