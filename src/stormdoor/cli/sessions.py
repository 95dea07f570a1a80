"""`stormdoor sessions`: logins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cyclopts import App

from stormdoor.cli.effect import Wait, changed, counted, followed
from stormdoor.cli.known import whole_id
from stormdoor.cli.output import iso, moment, print_list, print_result
from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import UNSAID, Where, actor, opened

if TYPE_CHECKING:
    from stormdoor.core.session import Session
    from stormdoor.runtime.guard import Guard

__all__ = ["app"]

app = App(name="sessions", help_format="markdown", help="Logins.")

_SHOWN = 12  # characters of an id: 48 bits, so that two are never equal in practice


async def all_sessions(guard: Guard, principal: str | None = None) -> list[Session]:
    """Return the active sessions of one principal, or of all."""
    if principal is not None:
        return await guard.sessions.sessions(principal)
    return [
        session
        for account in await guard.state.accounts.accounts()
        for session in await guard.sessions.sessions(account.id)
    ]


async def known_session(guard: Guard, start: str, sessions: Sequence[Session]) -> str:
    """Return the one id that begins with `start`, of those that sessions have or once had.

    Raises:
        StoreError: There is none, or more than one.
    """
    former = await guard.state.sessions.former_ids()
    return whole_id(start, {*former, *(one.id for one in sessions)}, "session")


@app.command(name="list")
async def list_(principal: str | None = None, /, *, where: Where = UNSAID) -> int:
    """List the active sessions.

    Args:
        principal: Only the sessions of this principal.
        where: Which installation.
    """
    async with opened(where, purpose="read") as installation:
        sessions = await all_sessions(installation.guard, principal)
    return print_list(
        where,
        sessions,
        as_json=lambda one: {
            "id": one.id,
            "principal": one.principal_id,
            "created": iso(one.created_at),
            "authenticated": iso(one.authenticated_at),
            "last_seen": iso(one.last_seen_at),
            "expires": iso(min(one.expires_at, one.last_seen_at + one.idle_seconds)),
            "address": one.address,
            "user_agent": one.user_agent,
            "strength": one.strength,
        },
        columns=["session!", "principal", "from", "last seen (UTC)", "with"],
        row=lambda one: (
            one.id[:_SHOWN],
            one.principal_id,
            one.address,
            moment(one.last_seen_at),
            one.user_agent[:40],
        ),
        empty="No session is open.",
    )


@app.command
async def end(
    *session: str,
    principal: str | None = None,
    wait: Wait = "log",
    where: Where = UNSAID,
) -> int:
    """End sessions, and close the sockets that were opened with them.

    Args:
        session: The id of a session, or its beginning; also one that it had before.
        principal: End all sessions of this principal.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    if bool(session) == (principal is not None):
        raise UsageError("say which: the id of a session, or --principal NAME")
    async with opened(where) as installation:
        guard = installation.guard
        found = await all_sessions(guard, principal)
        ids = [one.id for one in found]
        if session:
            ids = [await known_session(guard, one, found) for one in session]

        async def end_all() -> None:
            for id in ids:
                await guard.admin.end_session(id, actor=actor(), reason="ended by an operator")

        nodes = await changed(guard, wait, end_all)
    done = f"{counted(len(ids), 'session')} ended. {followed(nodes)}"
    print_result(where, {"ended": ids, **nodes}, done)
    return 0 if ids else 1
