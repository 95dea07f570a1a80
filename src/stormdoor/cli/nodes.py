"""`stormdoor nodes`: the processes that serve an installation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cyclopts import App

from stormdoor.cli.duration import lasting
from stormdoor.cli.output import print_json, remark, say, table
from stormdoor.cli.where import UNSAID, Where, opened

if TYPE_CHECKING:
    from stormdoor.core.log_position import LogPosition
    from stormdoor.ports.members import Member

__all__ = ["app"]

app = App(name="nodes", help_format="markdown")

_SHORT = 6
"""Characters of an epoch and of a digest in the table; all of them are in the JSON."""
_TENTHS_SECONDS = 60.0
"""Below this age of a beat, the table shows tenths of a second."""


@app.default
async def nodes(*, where: Where = UNSAID) -> int:
    """List the processes that serve this installation, and the guarantee about revocations.

    See the help of the command, in `stormdoor.cli.app`.

    Args:
        where: Which installation.
    """
    from stormdoor.runtime.guarantee import guarantee_of

    async with opened(where, purpose="read") as installation:
        state = installation.guard.state
        members = await state.members.members()
        head = await state.revocations.log_position()
        guarantee = await guarantee_of(state, members)
    finite = None if math.isinf(guarantee.seconds) else guarantee.seconds
    if where.json:
        print_json(
            {
                "nodes": [
                    {
                        "node": one.node,
                        "state": _state(one),
                        "age": None if math.isinf(one.age) else round(one.age, 3),
                        "lease": one.status.lease,
                        "applied": one.status.applied.seq,
                        "epoch": one.status.applied.epoch,
                        "version": one.status.version,
                        "policies": one.status.policies,
                        "connections": one.status.connections,
                    }
                    for one in members
                ],
                "head": {"seq": head.seq, "epoch": head.epoch},
                "guarantee": {"seconds": finite, "across_failover": guarantee.across_failover},
            }
        )
    elif members:
        _show(members)
        say(f"The log ends at {head.seq} of epoch {_short(head.epoch)}. {guarantee}")
        for one in members:
            if fault := _fault(one, head):
                say(f"{one.node}: {fault}", style="red")
    else:
        remark("No process serves this installation.")
    return 0 if members and not any(_fault(one, head) for one in members) else 1


def _show(members: list[Member]) -> None:
    """Print the nodes, with their versions and policies where these differ."""
    columns = ["node", "lease!", "beat!>", "applied!>", "epoch!", "sockets!>"]
    rows = [
        [
            one.node,
            _state(one),
            _age(one.age),
            str(one.status.applied.seq),
            _short(one.status.applied.epoch),
            str(one.status.connections),
        ]
        for one in members
    ]
    versions = {one.status.version for one in members}
    if len(versions) > 1:
        columns.append("version!")
        for row, one in zip(rows, members, strict=True):
            row.append(one.status.version)
    table(columns, rows)
    if len(versions) == 1:
        say(f"All have version {versions.pop()}.")
    users: dict[str, list[str]] = {}
    for one in members:
        users.setdefault(one.status.policies[:_SHORT], []).append(one.node)
    if len(users) > 1:
        named = "; ".join(
            f"{policies or 'none'} on {', '.join(on)}" for policies, on in users.items()
        )
        say(f"They have different policies: {named}.", style="red")


def _age(seconds: float) -> str:
    """Return the age of a beat as the table shows it."""
    if math.isinf(seconds):
        return "unknown"
    return f"{seconds:.1f} s" if seconds < _TENTHS_SECONDS else lasting(seconds)


def _fault(member: Member, head: LogPosition) -> str | None:
    """Return the sentence about a node without a lease or on another log; None for a sound one."""
    if math.isinf(member.age):
        return "another clock has dated its beat, such as an earlier release. It is listed for an hour."
    match _state(member):
        case "lapsed":
            return (
                "it was declared lapsed: a change waited for it, or it was silent for a minute. It joins "
                "again by itself; one that was killed is listed for an hour."
            )
        case "silent":
            return (
                "its last beat is older than its lease, so no message passes there. One that was killed is "
                "listed for an hour."
            )
    if member.status.applied.epoch != head.epoch:
        return "it follows another log; see the runbook, The epoch has changed."
    return None


def _short(epoch: str) -> str:
    """Return the start of the random id, and on PostgreSQL the timeline, which a failover changes."""
    id, _, rest = epoch.partition(".")
    timeline = rest.partition(".")[0].lstrip("0")
    return f"{id[:_SHORT]}.{timeline}" if timeline else id[:_SHORT]


def _state(member: Member) -> str:
    """Return the state of a node's lease by its last recorded beat."""
    if member.declared:
        return "lapsed"
    # An embedded engine records a beat once a second at least.
    return "held" if member.age <= max(member.status.lease, 1.0) else "silent"
