"""`stormdoor nodes`: the processes that serve an installation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cyclopts import App

from stormdoor.cli.output import print_json, remark, say, table
from stormdoor.cli.where import UNSAID, Where, opened

if TYPE_CHECKING:
    from stormdoor.ports.members import Member

__all__ = ["app"]

app = App(name="nodes", help_format="plaintext")

_SHORT = 6
"""Characters of an epoch and of a digest in the table; all of them are in the JSON."""


@app.default
async def nodes(*, where: Where = UNSAID) -> int:
    """List the processes that serve this installation, and the guarantee about revocations.

    Ends with 1 if there is none, or if one has a lapsed lease or follows another log.

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
                        "age": round(one.age, 3),
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
        columns = ("node!", "lease", "beat!>", "applied!>", "epoch!", "version", "policies!")
        table(
            [*columns, "sockets!>"],
            [
                (
                    one.node,
                    _state(one),
                    f"{one.age:.1f} s",
                    str(one.status.applied.seq),
                    _short(one.status.applied.epoch),
                    one.status.version,
                    one.status.policies[:_SHORT],
                    str(one.status.connections),
                )
                for one in members
            ],
        )
        say(f"The log ends at {head.seq} of epoch {_short(head.epoch)}. {guarantee}")
    else:
        remark("No process serves this installation.")
    sound = members and all(
        _state(one) == "held" and one.status.applied.epoch == head.epoch for one in members
    )
    return 0 if sound else 1


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
