"""`stormdoor revoke`: revoke credentials that may have been stolen."""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from stormdoor.cli.ask import confirm, read_token
from stormdoor.cli.connections import close
from stormdoor.cli.effect import Wait, changed, closed, counted, ended, followed, live
from stormdoor.cli.known import short_ids, similar_name, whole_id
from stormdoor.cli.moment import parse_moment
from stormdoor.cli.output import iso, print_json, print_result, remark, say, table
from stormdoor.cli.report import report_closed
from stormdoor.cli.sessions import all_sessions, known_session
from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import UNSAID, Where, actor, opened
from stormdoor.core.credential import fingerprint
from stormdoor.core.revocation import Revocation, Target
from stormdoor.guard.known_principal import is_known

if TYPE_CHECKING:
    from stormdoor.guard.dry_run import DryRun
    from stormdoor.runtime.guard import Guard

__all__ = ["app"]

app = App(
    name="revoke",
    help_format="markdown",
    help="Revoke credentials that may have been stolen. Credentials issued afterwards are valid.",
)

_REASON = "revoked by an operator"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class How:
    """The options of each revocation."""

    reason: str = _REASON
    """For the trail."""

    wait: Wait = "log"
    """"cluster" waits until every live node has applied it."""

    dry_run: bool = False
    """List the principals, sessions, sockets and nodes that it would end, and change nothing."""

    @property
    def until(self) -> float | None:
        """Unix seconds until which credentials are revoked; None for now."""
        return None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class HowUntil(How):
    """The options of a revocation that spares later credentials."""

    before: str | None = None
    """Only what was issued until then, such as 2026-11-24T16:44+01:00."""

    @property
    def until(self) -> float | None:
        """See `How.until`."""
        return None if self.before is None else parse_moment(self.before)


Yes = Annotated[bool, Parameter(name=["--yes", "-y"])]
_HOW, _HOW_UNTIL = How(), HowUntil()
_SHOWN = 12
"""Characters of the id of a session in a table."""


async def _ask_about(guard: Guard, name: str) -> None:
    """Ask the operator whether to revoke a name that no principal is known to have.

    Raises:
        UsageError: The answer is no.
    """
    if await is_known(name, guard.state) is False:
        fault = await _unknown(guard, name)
        confirm(f"{fault} Revoke what was issued to this name all the same?", yes=False)


async def _unknown(guard: Guard, name: str) -> str:
    return f"No account {name!r} is known{await similar_name(guard, name) or '.'}"


_COUNTED_AT_MOST = 100_000
"""Greatest number of principals, sessions and sockets that the question about everything counts."""


async def _show(where: Where, target: Target, value: str, how: How) -> int:
    """Print the effect that a revocation would have, and change nothing."""
    if how.wait != "log":
        raise UsageError("a dry run waits for no node; leave out --wait or --dry-run")
    async with opened(where, purpose="read") as installation:
        guard = installation.guard
        if target is Target.SESSION:
            value = await known_session(guard, value, await all_sessions(guard))
        elif target is Target.CONNECTION:
            value = whole_id(value, [one.id for one in await live(guard)], "connection")
        found = await guard.admin.dry_run(target, value, before=how.until)
        if found.known is False:
            remark(await _unknown(guard, value))
    if where.json:
        print_json({target.value: value, **found.as_json()})
        return 0
    say(f"It would end: {_summary(found)}. Nothing was changed.")
    tables = (
        (["principal"], [(one,) for one in found.principals]),
        (
            ["session!", "principal", "from"],
            [(one.id[:_SHOWN], one.principal_id, one.address) for one in found.sessions],
        ),
        (
            ["connection!", "principal", "endpoint", "from", "node"],
            [
                (shown, one.principal_id, one.endpoint, one.address, one.node)
                for one, shown in zip(
                    found.sockets, short_ids(one.id for one in found.sockets).values(), strict=True
                )
            ],
        ),
    )
    for columns, rows in tables:
        if rows:
            say()
            table(columns, rows)
    for note in found.notes:
        remark(note)
    return 0


def _summary(found: DryRun) -> str:
    lists = {
        "principal": found.principals,
        "session": found.sessions,
        "connection": found.sockets,
    }
    counts = ", ".join(counted(len(each), what) for what, each in lists.items())
    return f"{counts} on {counted(len(found.nodes), 'node')}"


async def _revoke(where: Where, target: Target, value: str, how: How, *, yes: bool = True) -> int:
    """Revoke, wait until the affected connections are closed, and print how many were.

    Args:
        where: Which installation.
        target: Kind of the revoked credentials.
        value: Their id; empty for all of them.
        how: Options of the revocation.
        yes: Do not ask if the name of a principal is unknown.
    """
    if how.dry_run:
        return await _show(where, target, value, how)
    before, naming = how.until, Revocation(target, value, float("inf"))
    async with opened(where) as installation:
        guard = installation.guard
        were = await live(guard, lambda one: naming.names(one.authentication, one.id))
        connected = any(one.principal_id == value for one in were)
        # INVARIANT: only a question to the operator delays a revocation. Else the name is looked up after it.
        if target is Target.PRINCIPAL and not yes and not connected and sys.stdin.isatty():
            await _ask_about(guard, value)
        who, answers = actor(), []

        async def revoke() -> None:
            answers.append(
                await guard.admin.revoke(target, value, before=before, actor=who, reason=how.reason)
            )

        nodes = await changed(guard, how.wait, revoke)
        result: dict[str, object] = {target.value: value}
        if target is Target.PRINCIPAL:
            result["known"] = connected or answers[0].known
            if result["known"] is False:
                remark(f"{await _unknown(guard, value)} The name is revoked all the same.")
        left = await closed(guard, were) if before is None else 0
        affected = len(were) if before is None else await ended(guard, were)
    result |= nodes
    if before is not None:
        result["before"] = iso(before)
    when = "now" if before is None else iso(before)
    done = f"All credentials that were issued until {when} are revoked ({target.value} {value}".rstrip()
    said = f" {followed(nodes)}" if nodes else ""
    return report_closed(where, result, f"{done}).{said}", affected, left)


@app.command
async def principal(
    name: str, /, *, how: HowUntil = _HOW_UNTIL, yes: Yes = False, where: Where = UNSAID
) -> int:
    """Revoke all credentials of a principal: sessions, tokens, API keys, open connections.

    It need not be in the store: tokens of that subject are revoked too. If neither the accounts nor the
    trail have the name, the command asks at a terminal, and elsewhere revokes it and warns.

    Args:
        name: Its name.
        how: Options of the revocation.
        yes: Do not ask.
        where: Which installation.
    """
    return await _revoke(where, Target.PRINCIPAL, name, how, yes=yes)


@app.command
async def session(id: str, /, *, how: How = _HOW, where: Where = UNSAID) -> int:
    """End a login session, with its tokens and connections.

    Args:
        id: The id of the session, or its beginning; also one that it had before.
        how: Options of the revocation.
        where: Which installation.
    """
    if how.dry_run:
        return await _show(where, Target.SESSION, id, how)
    async with opened(where) as installation:
        guard = installation.guard
        found = await known_session(guard, id, await all_sessions(guard))
        nodes = await changed(
            guard,
            how.wait,
            lambda: guard.admin.revoke(Target.SESSION, found, actor=actor(), reason=how.reason),
        )
    result = {"session": found, **nodes}
    print_result(where, result, f"The session is over. {followed(nodes)}")
    return 0


@app.command
async def credential(id: str, /, *, how: How = _HOW, where: Where = UNSAID) -> int:
    """Revoke one credential: an API key by its id, a token by its jti (without one, by its hash).

    Args:
        id: The id.
        how: Options of the revocation.
        where: Which installation.
    """
    if how.dry_run:
        return await _show(where, Target.CREDENTIAL, id, how)
    async with opened(where) as installation:
        guard = installation.guard
        key = await guard.state.keys.key(id)

        def revoke() -> Awaitable[object]:
            if key is not None:
                return guard.admin.revoke_key(id, actor=actor())
            return guard.admin.revoke(Target.CREDENTIAL, id, actor=actor(), reason=how.reason)

        nodes = await changed(guard, how.wait, revoke)
    what = f"The key {id} of {key[1].id} is" if key else f"A token with the jti {id} is"
    result = {"credential": id, "api_key": key is not None, **nodes}
    print_result(where, result, f"{what} void. {followed(nodes)}")
    return 0


@app.command
async def token(*, sha256: str | None = None, how: How = _HOW, where: Where = UNSAID) -> int:
    """Revoke one token by its text or its hash, such as one found in a log.

    The token is read without echo, or from the first line of the standard input: the shell would store an
    argument in its history.

    Args:
        sha256: The SHA-256 of the token in hex, instead.
        how: Options of the revocation.
        where: Which installation.
    """
    if sha256 is None:
        sha256 = fingerprint(read_token())
    elif re.fullmatch(r"[0-9a-fA-F]{64}", sha256) is None:
        raise UsageError("a SHA-256 has 64 hexadecimal digits")
    return await _revoke(where, Target.TOKEN, sha256.lower(), how)


@app.command
async def device(id: str, /, *, how: HowUntil = _HOW_UNTIL, where: Where = UNSAID) -> int:
    """Revoke the credentials of a device: a lost telephone, a sold machine.

    Args:
        id: The id of the device.
        how: Options of the revocation.
        where: Which installation.
    """
    return await _revoke(where, Target.DEVICE, id, how)


@app.command
async def role(name: str, /, *, how: HowUntil = _HOW_UNTIL, where: Where = UNSAID) -> int:
    """Revoke all credentials of the principals with a role. They may log in again.

    Args:
        name: The role.
        how: Options of the revocation.
        where: Which installation.
    """
    return await _revoke(where, Target.ROLE, name, how)


@app.command
async def tenant(id: str, /, *, how: HowUntil = _HOW_UNTIL, where: Where = UNSAID) -> int:
    """Revoke all credentials of the principals of a tenant. They may log in again.

    Args:
        id: The tenant.
        how: Options of the revocation.
        where: Which installation.
    """
    return await _revoke(where, Target.TENANT, id, how)


@app.command
async def connection(id: str, /, *, how: How = _HOW, where: Where = UNSAID) -> int:
    """Close one open connection. Its client may reconnect with the same credential.

    Args:
        id: The id of the connection, or its beginning.
        how: Options of the revocation.
        where: Which installation.
    """
    if how.dry_run:
        return await _show(where, Target.CONNECTION, id, how)
    return await close(id, reason=how.reason, wait=how.wait, where=where)


@app.command
async def everything(*, how: HowUntil = _HOW_UNTIL, yes: Yes = False, where: Where = UNSAID) -> int:
    """Revoke all credentials that were issued until now, API keys too. All principals must log in again.

    Args:
        how: Options of the revocation.
        yes: Do not ask.
        where: Which installation.
    """
    if not how.dry_run and not yes:
        what = "" if how.before is None else f" that were issued until {how.before}"
        async with opened(where, purpose="read") as installation:
            found = await installation.guard.admin.dry_run(
                Target.EVERYTHING, before=how.until, limit=_COUNTED_AT_MOST
            )
        for note in () if found.complete else found.notes:
            remark(note)
        confirm(
            f"End all sessions, tokens, API keys and connections{what} of all principals? Now: "
            f"{_summary(found)}.",
            yes=False,
        )
    return await _revoke(where, Target.EVERYTHING, "", how)
