"""`stormdoor revoke`: revoke credentials that may have been stolen."""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from stormdoor.cli.ask import confirm, read_token
from stormdoor.cli.connections import close
from stormdoor.cli.effect import Wait, changed, closed, ended, followed, live
from stormdoor.cli.known import similar_name
from stormdoor.cli.moment import parse_moment
from stormdoor.cli.output import iso, print_result, remark
from stormdoor.cli.report import report_closed
from stormdoor.cli.sessions import all_sessions, known_session
from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import UNSAID, Where, actor, opened
from stormdoor.core.credential import fingerprint
from stormdoor.core.revocation import Target
from stormdoor.guard.known_principal import is_known

if TYPE_CHECKING:
    from stormdoor.ports import LiveConnection
    from stormdoor.runtime.guard import Guard

__all__ = ["app"]

app = App(
    name="revoke",
    help_format="markdown",
    help="Revoke credentials that may have been stolen. Credentials issued afterwards are valid.",
)

_REASON = "revoked by an operator"


Before = Annotated[str | None, Parameter(name="--before")]
Yes = Annotated[bool, Parameter(name=["--yes", "-y"])]


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


async def _revoke(
    where: Where,
    target: Target,
    value: str,
    *,
    yes: bool = True,
    reason: str,
    until: str | None = None,
    wait: Wait = "log",
    matches: Callable[[LiveConnection], bool] | None = None,
) -> int:
    """Revoke, wait until the affected connections are closed, and print how many were.

    Args:
        where: Which installation.
        target: Kind of the revoked credentials.
        value: Their id; empty for all of them.
        yes: Do not ask if the name of a principal is unknown.
        reason: For the trail.
        until: Revoke only what was issued until this time.
        wait: "cluster" waits until every live node has applied it, and reports how many have.
        matches: Finds the affected connections; None if only the nodes know which are affected.
    """
    before = None if until is None else parse_moment(until)
    async with opened(where) as installation:
        guard = installation.guard
        known = matches is not None and before is None
        were = await live(guard, matches if matches is not None and known else lambda _: True)
        connected = any(one.principal_id == value for one in were)
        # INVARIANT: only a question to the operator delays a revocation. Else the name is looked up after it.
        if target is Target.PRINCIPAL and not yes and not connected and sys.stdin.isatty():
            await _ask_about(guard, value)
        who, answers = actor(), []

        async def revoke() -> None:
            answers.append(
                await guard.admin.revoke(target, value, before=before, actor=who, reason=reason)
            )

        nodes = await changed(guard, wait, revoke)
        result: dict[str, object] = {target.value: value}
        if target is Target.PRINCIPAL:
            result["known"] = connected or answers[0].known
            if result["known"] is False:
                remark(f"{await _unknown(guard, value)} The name is revoked all the same.")
        left = await closed(guard, were) if known else 0
        affected = len(were) if known else await ended(guard, were)
    result |= nodes
    if before is not None:
        result["before"] = iso(before)
    when = "now" if before is None else iso(before)
    done = f"All credentials that were issued until {when} are revoked ({target.value} {value}".rstrip()
    said = f" {followed(nodes)}" if nodes else ""
    return report_closed(where, result, f"{done}).{said}", affected, left)


@app.command
async def principal(
    name: str,
    /,
    *,
    before: Before = None,
    reason: str = _REASON,
    wait: Wait = "log",
    yes: Yes = False,
    where: Where = UNSAID,
) -> int:
    """Revoke all credentials of a principal: sessions, tokens, API keys, open connections.

    It need not be in the store: tokens of that subject are revoked too. If neither the accounts nor the
    trail have the name, the command asks at a terminal, and elsewhere revokes it and warns.

    Args:
        name: Its name.
        before: Only what was issued until then, such as 2026-11-24T16:44+01:00.
        reason: For the trail.
        wait: "cluster" waits until every live node has applied it.
        yes: Do not ask.
        where: Which installation.
    """
    return await _revoke(
        where,
        Target.PRINCIPAL,
        name,
        yes=yes,
        reason=reason,
        until=before,
        wait=wait,
        matches=lambda one: one.principal_id == name,
    )


@app.command
async def session(
    id: str, /, *, reason: str = _REASON, wait: Wait = "log", where: Where = UNSAID
) -> int:
    """End a login session, with its tokens and connections.

    Args:
        id: The id of the session, or its beginning; also one that it had before.
        reason: For the trail.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    async with opened(where) as installation:
        guard = installation.guard
        found = await known_session(guard, id, await all_sessions(guard))
        nodes = await changed(
            guard,
            wait,
            lambda: guard.admin.revoke(Target.SESSION, found, actor=actor(), reason=reason),
        )
    result = {"session": found, **nodes}
    print_result(where, result, f"The session is over. {followed(nodes)}")
    return 0


@app.command
async def credential(
    id: str, /, *, reason: str = _REASON, wait: Wait = "log", where: Where = UNSAID
) -> int:
    """Revoke one credential: an API key by its id, a token by its jti (without one, by its hash).

    Args:
        id: The id.
        reason: For the trail.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    async with opened(where) as installation:
        guard = installation.guard
        key = await guard.state.keys.key(id)

        def revoke() -> Awaitable[object]:
            if key is not None:
                return guard.admin.revoke_key(id, actor=actor())
            return guard.admin.revoke(Target.CREDENTIAL, id, actor=actor(), reason=reason)

        nodes = await changed(guard, wait, revoke)
    what = f"The key {id} of {key[1].id} is" if key else f"A token with the jti {id} is"
    result = {"credential": id, "api_key": key is not None, **nodes}
    print_result(where, result, f"{what} void. {followed(nodes)}")
    return 0


@app.command
async def token(
    *,
    sha256: str | None = None,
    reason: str = _REASON,
    wait: Wait = "log",
    where: Where = UNSAID,
) -> int:
    """Revoke one token by its text or its hash, such as one found in a log.

    The token is read without echo, or from the first line of the standard input: the shell would store an
    argument in its history.

    Args:
        sha256: The SHA-256 of the token in hex, instead.
        reason: For the trail.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    if sha256 is None:
        sha256 = fingerprint(read_token())
    elif re.fullmatch(r"[0-9a-fA-F]{64}", sha256) is None:
        raise UsageError("a SHA-256 has 64 hexadecimal digits")
    return await _revoke(where, Target.TOKEN, sha256.lower(), reason=reason, wait=wait)


@app.command
async def device(
    id: str,
    /,
    *,
    before: Before = None,
    reason: str = _REASON,
    wait: Wait = "log",
    where: Where = UNSAID,
) -> int:
    """Revoke the credentials of a device: a lost telephone, a sold machine.

    Args:
        id: The id of the device.
        before: Only what was issued until then, such as 2026-11-24T16:44+01:00.
        reason: For the trail.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    return await _revoke(where, Target.DEVICE, id, until=before, reason=reason, wait=wait)


@app.command
async def role(
    name: str,
    /,
    *,
    before: Before = None,
    reason: str = _REASON,
    wait: Wait = "log",
    where: Where = UNSAID,
) -> int:
    """Revoke all credentials of the principals with a role. They may log in again.

    Args:
        name: The role.
        before: Only what was issued until then, such as 2026-11-24T16:44+01:00.
        reason: For the trail.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    return await _revoke(where, Target.ROLE, name, until=before, reason=reason, wait=wait)


@app.command
async def tenant(
    id: str,
    /,
    *,
    before: Before = None,
    reason: str = _REASON,
    wait: Wait = "log",
    where: Where = UNSAID,
) -> int:
    """Revoke all credentials of the principals of a tenant. They may log in again.

    Args:
        id: The tenant.
        before: Only what was issued until then, such as 2026-11-24T16:44+01:00.
        reason: For the trail.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    return await _revoke(where, Target.TENANT, id, until=before, reason=reason, wait=wait)


@app.command
async def connection(
    id: str, /, *, reason: str = _REASON, wait: Wait = "log", where: Where = UNSAID
) -> int:
    """Close one open connection. Its client may reconnect with the same credential.

    Args:
        id: The id of the connection, or its beginning.
        reason: For the trail.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    return await close(id, reason=reason, wait=wait, where=where)


@app.command
async def everything(
    *,
    before: Before = None,
    reason: str = _REASON,
    wait: Wait = "log",
    yes: Yes = False,
    where: Where = UNSAID,
) -> int:
    """Revoke all credentials that were issued until now, API keys too. All principals must log in again.

    Args:
        before: Only what was issued until then, such as 2026-11-24T16:44+01:00.
        reason: For the trail.
        wait: "cluster" waits until every live node has applied it.
        yes: Do not ask.
        where: Which installation.
    """
    what = "" if before is None else f" that were issued until {before}"
    confirm(f"End all sessions, tokens, API keys and connections{what} of all principals?", yes=yes)
    return await _revoke(
        where,
        Target.EVERYTHING,
        "",
        reason=reason,
        until=before,
        wait=wait,
        matches=lambda _: True,
    )
