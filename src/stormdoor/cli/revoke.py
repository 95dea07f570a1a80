"""`stormdoor revoke`: end what somebody may have stolen."""

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
    help="End what somebody may have stolen. What is issued afterwards is valid.",
)

_REASON = "revoked by an operator"


async def _revoke(
    where: Where,
    target: Target,
    value: str,
    done: str,
    *,
    reason: str,
    matches: Callable[[LiveConnection], bool],
) -> int:
    from stormdoor.cli.effect import closed, live
    from stormdoor.cli.report import report_closed

    async with opened(where) as installation:
        guard = installation.guard
        before = await live(guard, matches)
        await guard.admin.revoke(target, value, actor=actor(), reason=reason)
        left = await closed(guard, before)
    return report_closed(where, {target.value: value}, done, len(before), left)


@app.command
async def principal(name: str, /, *, reason: str = _REASON, where: Where = UNSAID) -> int:
    """End all that a principal has: sessions, tokens, API keys, open connections.

    It need not be in the store: tokens of that subject are void too.

    Args:
        name: Its name.
        reason: For the trail.
        where: Which installation.
    """
    from stormdoor.core.revocation import Target

    return await _revoke(
        where,
        Target.PRINCIPAL,
        name,
        f"Everything that {name} was issued until now is void.",
        reason=reason,
        matches=lambda one: one.principal_id == name,
    )


@app.command
async def session(id: str, /, *, reason: str = _REASON, where: Where = UNSAID) -> int:
    """End a login session, with the tokens and connections that hang on it.

    Args:
        id: The id of the session, or its beginning.
        reason: For the trail.
        where: Which installation.
    """
    from stormdoor.cli.effect import FOLLOWS
    from stormdoor.cli.known import whole_id
    from stormdoor.cli.output import print_json, say
    from stormdoor.cli.sessions import all_sessions
    from stormdoor.core.revocation import Target

    async with opened(where) as installation:
        guard = installation.guard
        found = whole_id(id, [one.id for one in await all_sessions(guard)], "session")
        await guard.admin.revoke(Target.SESSION, found, actor=actor(), reason=reason)
    if where.json:
        print_json({"session": found})
    else:
        say(f"The session is over. {FOLLOWS}")
    return 0


@app.command
async def credential(id: str, /, *, reason: str = _REASON, where: Where = UNSAID) -> int:
    """End one credential: an API key by its id, a token by its jti.

    Args:
        id: The id.
        reason: For the trail.
        where: Which installation.
    """
    from stormdoor.cli.effect import FOLLOWS
    from stormdoor.cli.output import print_json, say
    from stormdoor.core.revocation import Target

    async with opened(where) as installation:
        guard = installation.guard
        key = await guard.store.key(id)
        if key is not None:
            await guard.admin.revoke_key(id, actor=actor())
        else:
            await guard.admin.revoke(Target.CREDENTIAL, id, actor=actor(), reason=reason)
    if where.json:
        print_json({"credential": id, "api_key": key is not None})
    else:
        what = f"The key {id} of {key[1].id} is" if key else f"A token with the jti {id} is"
        say(f"{what} void. {FOLLOWS}")
    return 0


@app.command
async def connection(id: str, /, *, reason: str = _REASON, where: Where = UNSAID) -> int:
    """Close one open connection. Its client may come back with the same credential.

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
    reason: str = _REASON,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"])] = False,
    where: Where = UNSAID,
) -> int:
    """End everything that was issued to anybody until now, API keys too. All must log in again.

    Args:
        reason: For the trail.
        yes: Do not ask.
        where: Which installation.
    """
    from stormdoor.cli.ask import confirm
    from stormdoor.core.revocation import Target

    confirm("End all sessions, tokens, API keys and connections of everybody?", yes=yes)
    return await _revoke(
        where,
        Target.EVERYTHING,
        "",
        "Everything that anybody was issued until now is void.",
        reason=reason,
        matches=lambda _: True,
    )
