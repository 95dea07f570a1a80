"""`stormdoor revoke`: revoke credentials that may have been stolen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from stormdoor.cli.where import UNSAID, Where, actor, opened

if TYPE_CHECKING:
    from stormdoor.core.revocation import Target
    from stormdoor.ports import LiveConnection

__all__ = ["app"]

app = App(
    name="revoke",
    help_format="plaintext",
    help="Revoke credentials that may have been stolen. Credentials issued afterwards are valid.",
)

_REASON = "revoked by an operator"


Before = Annotated[str | None, Parameter(name="--before")]


async def _revoke(
    where: Where,
    target: Target,
    value: str,
    done: str,
    *,
    reason: str,
    matches: Callable[[LiveConnection], bool],
) -> int:
    """Revoke, and wait until all matching connections are closed."""
    from stormdoor.cli.effect import closed, live
    from stormdoor.cli.report import report_closed

    async with opened(where) as installation:
        guard = installation.guard
        before = await live(guard, matches)
        await guard.admin.revoke(target, value, actor=actor(), reason=reason)
        left = await closed(guard, before)
    return report_closed(where, {target.value: value}, done, len(before), left)


async def _revoke_some(
    where: Where, target: Target, value: str, until: str | None, *, reason: str
) -> int:
    """Revoke, if only the servers can determine which of their connections are affected."""
    from stormdoor.cli.effect import ended, live
    from stormdoor.cli.moment import parse_moment
    from stormdoor.cli.output import iso
    from stormdoor.cli.report import report_closed

    before = None if until is None else parse_moment(until)
    async with opened(where) as installation:
        guard = installation.guard
        were = await live(guard)
        await guard.admin.revoke(target, value, before=before, actor=actor(), reason=reason)
        gone = await ended(guard, were)
    result: dict[str, object] = {target.value: value}
    if before is not None:
        result["before"] = iso(before)
    when = "now" if before is None else iso(before)
    whose = f"{target.value} {value}" if value else target.value
    done = f"All credentials that were issued until {when} are revoked ({whose})."
    return report_closed(where, result, done, gone, 0)


@app.command
async def principal(
    name: str, /, *, before: Before = None, reason: str = _REASON, where: Where = UNSAID
) -> int:
    """Revoke all credentials of a principal: sessions, tokens, API keys, open connections.

    It need not be in the store: tokens of that subject are revoked too.

    Args:
        name: Its name.
        before: Only what was issued until then, such as 2026-11-24T16:44+01:00.
        reason: For the trail.
        where: Which installation.
    """
    from stormdoor.core.revocation import Target

    if before is not None:
        return await _revoke_some(where, Target.PRINCIPAL, name, before, reason=reason)
    return await _revoke(
        where,
        Target.PRINCIPAL,
        name,
        f"All credentials of {name} that were issued until now are revoked.",
        reason=reason,
        matches=lambda one: one.principal_id == name,
    )


@app.command
async def session(id: str, /, *, reason: str = _REASON, where: Where = UNSAID) -> int:
    """End a login session, with its tokens and connections.

    Args:
        id: The id of the session, or its beginning.
        reason: For the trail.
        where: Which installation.
    """
    from stormdoor.cli.effect import FOLLOWS
    from stormdoor.cli.known import whole_id
    from stormdoor.cli.output import print_result
    from stormdoor.cli.sessions import all_sessions
    from stormdoor.core.revocation import Target

    async with opened(where) as installation:
        guard = installation.guard
        found = whole_id(id, [one.id for one in await all_sessions(guard)], "session")
        await guard.admin.revoke(Target.SESSION, found, actor=actor(), reason=reason)
    print_result(where, {"session": found}, f"The session is over. {FOLLOWS}")
    return 0


@app.command
async def credential(id: str, /, *, reason: str = _REASON, where: Where = UNSAID) -> int:
    """Revoke one credential: an API key by its id, a token by its jti (without one, by its hash).

    Args:
        id: The id.
        reason: For the trail.
        where: Which installation.
    """
    from stormdoor.cli.effect import FOLLOWS
    from stormdoor.cli.output import print_result
    from stormdoor.core.revocation import Target

    async with opened(where) as installation:
        guard = installation.guard
        key = await guard.store.key(id)
        if key is not None:
            await guard.admin.revoke_key(id, actor=actor())
        else:
            await guard.admin.revoke(Target.CREDENTIAL, id, actor=actor(), reason=reason)
    what = f"The key {id} of {key[1].id} is" if key else f"A token with the jti {id} is"
    result = {"credential": id, "api_key": key is not None}
    print_result(where, result, f"{what} void. {FOLLOWS}")
    return 0


@app.command
async def token(*, sha256: str | None = None, reason: str = _REASON, where: Where = UNSAID) -> int:
    """Revoke one token by its text or its hash, such as one found in a log.

    The token is read without echo, or from the first line of the standard input: the shell would store an
    argument in its history.

    Args:
        sha256: The SHA-256 of the token in hex, instead.
        reason: For the trail.
        where: Which installation.
    """
    import re

    from stormdoor.cli.ask import read_token
    from stormdoor.cli.usage import UsageError
    from stormdoor.core.credential import fingerprint
    from stormdoor.core.revocation import Target

    if sha256 is None:
        sha256 = fingerprint(read_token())
    elif re.fullmatch(r"[0-9a-fA-F]{64}", sha256) is None:
        raise UsageError("a SHA-256 has 64 hexadecimal digits")
    return await _revoke_some(where, Target.TOKEN, sha256.lower(), None, reason=reason)


@app.command
async def device(
    id: str, /, *, before: Before = None, reason: str = _REASON, where: Where = UNSAID
) -> int:
    """Revoke the credentials of a device: a lost telephone, a sold machine.

    Args:
        id: The id of the device.
        before: Only what was issued until then, such as 2026-11-24T16:44+01:00.
        reason: For the trail.
        where: Which installation.
    """
    from stormdoor.core.revocation import Target

    return await _revoke_some(where, Target.DEVICE, id, before, reason=reason)


@app.command
async def role(
    name: str, /, *, before: Before = None, reason: str = _REASON, where: Where = UNSAID
) -> int:
    """Revoke all credentials of the principals with a role. They may log in again.

    Args:
        name: The role.
        before: Only what was issued until then, such as 2026-11-24T16:44+01:00.
        reason: For the trail.
        where: Which installation.
    """
    from stormdoor.core.revocation import Target

    return await _revoke_some(where, Target.ROLE, name, before, reason=reason)


@app.command
async def tenant(
    id: str, /, *, before: Before = None, reason: str = _REASON, where: Where = UNSAID
) -> int:
    """Revoke all credentials of the principals of a tenant. They may log in again.

    Args:
        id: The tenant.
        before: Only what was issued until then, such as 2026-11-24T16:44+01:00.
        reason: For the trail.
        where: Which installation.
    """
    from stormdoor.core.revocation import Target

    return await _revoke_some(where, Target.TENANT, id, before, reason=reason)


@app.command
async def connection(id: str, /, *, reason: str = _REASON, where: Where = UNSAID) -> int:
    """Close one open connection. Its client may reconnect with the same credential.

    Args:
        id: The id of the connection, or its beginning.
        reason: For the trail.
        where: Which installation.
    """
    from stormdoor.cli.connections import close

    return await close(id, reason=reason, where=where)


@app.command
async def everything(
    *,
    before: Before = None,
    reason: str = _REASON,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"])] = False,
    where: Where = UNSAID,
) -> int:
    """Revoke all credentials that were issued until now, API keys too. All principals must log in again.

    Args:
        before: Only what was issued until then, such as 2026-11-24T16:44+01:00.
        reason: For the trail.
        yes: Do not ask.
        where: Which installation.
    """
    from stormdoor.cli.ask import confirm
    from stormdoor.core.revocation import Target

    what = "" if before is None else f" that were issued until {before}"
    confirm(f"End all sessions, tokens, API keys and connections{what} of all principals?", yes=yes)
    if before is not None:
        return await _revoke_some(where, Target.EVERYTHING, "", before, reason=reason)
    return await _revoke(
        where,
        Target.EVERYTHING,
        "",
        "All credentials that were issued until now are revoked.",
        reason=reason,
        matches=lambda _: True,
    )
