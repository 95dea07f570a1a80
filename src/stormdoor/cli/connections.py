"""`stormdoor connections`: open sockets."""

from __future__ import annotations

from cyclopts import App

from stormdoor.cli.duration import lasting
from stormdoor.cli.effect import Wait, changed, closed, counted, followed, live
from stormdoor.cli.known import short_ids, whole_id
from stormdoor.cli.output import iso, print_list, remark
from stormdoor.cli.report import report_closed
from stormdoor.cli.where import UNSAID, Where, actor, opened
from stormdoor.core.revocation import Target

__all__ = ["app"]

app = App(name="connections", help_format="markdown", help="Open sockets.")


@app.command(name="list")
async def list_(
    *, principal: str | None = None, endpoint: str | None = None, where: Where = UNSAID
) -> int:
    """List the open connections of all nodes. A node reports them once a second.

    Args:
        principal: Only connections of this principal.
        endpoint: Only connections to this path.
        where: Which installation.
    """
    async with opened(where, purpose="read") as installation:
        every = await live(installation.guard)
        found = [
            one
            for one in every
            if (principal is None or one.principal_id == principal)
            and (endpoint is None or one.endpoint == endpoint)
        ]
        now = installation.guard.clock.now()
    shown = short_ids(one.id for one in every)
    code = print_list(
        where,
        sorted(found, key=lambda one: one.opened_at),
        as_json=lambda one: {
            "id": one.id,
            "principal": one.principal_id,
            "kind": one.kind,
            "endpoint": one.endpoint,
            "address": one.address,
            "opened": iso(one.opened_at),
            "node": one.node,
        },
        columns=["connection!", "principal", "by", "endpoint", "from", "for!>"],
        row=lambda one: (
            shown[one.id],
            one.principal_id,
            one.kind,
            one.endpoint,
            one.address,
            lasting(max(0.0, now - one.opened_at)),
        ),
        empty="There are no such connections.",
    )
    if found and not where.json:
        nodes = len({one.node for one in found})
        remark(f"{counted(len(found), 'connection')} on {counted(nodes, 'node')}.")
    return code


@app.command
async def close(
    connection: str,
    /,
    *more: str,
    reason: str = "closed by an operator",
    wait: Wait = "log",
    where: Where = UNSAID,
) -> int:
    """Close open connections. Their clients may reconnect: see "revoke" to prevent that.

    Args:
        connection: The id of a connection, or its beginning.
        more: Further connections.
        reason: For the trail.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    async with opened(where) as installation:
        guard = installation.guard
        known = [one.id for one in await live(guard)]
        ids = [whole_id(one, known, "connection") for one in (connection, *more)]
        before = await live(guard, lambda one: one.id in ids)

        async def close_all() -> None:
            for id in ids:
                await guard.admin.revoke(Target.CONNECTION, id, actor=actor(), reason=reason)

        nodes = await changed(guard, wait, close_all)
        left = await closed(guard, before)
    done = followed(nodes) if nodes else "Done."
    return report_closed(where, {"connections": ids, **nodes}, done, len(before), left)
