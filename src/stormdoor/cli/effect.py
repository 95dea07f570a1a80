"""Make a change, and wait until the nodes have applied it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from stormdoor.core.lease import BOUNDS

if TYPE_CHECKING:
    from stormdoor.ports import LiveConnection
    from stormdoor.runtime.guard import Guard

__all__ = ["FOLLOWS", "Wait", "changed", "closed", "counted", "ended", "followed", "live"]

FOLLOWS = f"Each node follows within {BOUNDS}."

Wait = Annotated[Literal["log", "cluster"], Parameter(name="--wait")]
"""The option of each command that ends connections or changes rights."""

_ALIVE_SECONDS = 15.0
_PATIENCE_SECONDS = 4.0
_LOOK_SECONDS = 0.2
_REPORTED_SECONDS = 2.0  # a node reads the feed four times a second, and reports every second


async def changed(
    guard: Guard, wait: Wait, change: Callable[[], Awaitable[object]]
) -> dict[str, int]:
    """Make a change. Returns the numbers of nodes that applied it and that lapsed, if they are waited for.

    Args:
        guard: The guard of the installation.
        wait: "cluster" waits until every live node has applied the change.
        change: Calls methods of `guard.admin`.
    """
    if wait == "log":
        await change()
        return {}
    return (await guard.admin.on_every_node(change))[1]._asdict()


def followed(nodes: dict[str, int]) -> str:
    """Return the sentence about the nodes that `changed` has waited for, or about the running ones."""
    if not nodes:
        return FOLLOWS
    lapsed = f"; {counted(nodes['lapsed'], 'node')} declared lapsed" if nodes["lapsed"] else ""
    return f"{counted(nodes['applied'], 'node')} applied it{lapsed}."


async def live(
    guard: Guard, matches: Callable[[LiveConnection], bool] = lambda _: True
) -> list[LiveConnection]:
    """Return the open connections of all nodes that have reported recently."""
    members = await guard.state.members.members()
    nodes = [one.node for one in members if one.age <= _ALIVE_SECONDS]
    found = await guard.state.connections.live_connections(nodes)
    return [one for one in found if matches(one)]


async def closed(guard: Guard, before: list[LiveConnection], *, wait: bool = True) -> int:
    """Wait some seconds until all of `before` are closed. Returns how many are still open."""
    await guard.trail.flush()  # the actor is recorded before the nodes are waited for
    ids = {one.id for one in before}
    left = len(ids)
    for _ in range(int(_PATIENCE_SECONDS / _LOOK_SECONDS) if wait else 0):
        left = len(await live(guard, lambda one: one.id in ids))
        if not left:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    return left


async def ended(guard: Guard, before: list[LiveConnection]) -> int:
    """Return how many of `before` have ended, after the nodes had time to apply and to report it."""
    await guard.trail.flush()
    if before:
        await asyncio.sleep(_REPORTED_SECONDS)
    ids = {one.id for one in before}
    return len(ids) - len(await live(guard, lambda one: one.id in ids))


def counted(number: int, what: str) -> str:
    """Return a number with a noun: `1 connection`, `2 connections`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
