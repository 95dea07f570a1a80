"""`stormdoor nodes` without a running server: what it says of nodes that are gone, and of a standby."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from stormdoor.core.log_position import LogPosition
from stormdoor.ports import StoredState
from stormdoor.ports.members import Member, NodeStatus
from stormdoor.runtime.guarantee import guarantee_of
from stormdoor.stores import MemoryStore, open_store
from tests.cli.conftest import Cli


def test_no_node(populated: Cli) -> None:
    """An installation without a server has no node, and the command ends with 1."""
    result = populated("nodes")
    assert (result.code, result.out) == (1, "")
    assert "No process serves this installation." in result.err
    assert populated("nodes", "--json").json["nodes"] == []


def test_a_node_that_was_declared_lapsed(populated: Cli, config: Path) -> None:
    """A node without a lease, or on another log, is shown, and the command ends with 1."""

    async def leave() -> None:
        store = open_store(f"sqlite:{config.parent / 'door.db'}")
        await store.open()
        status = NodeStatus(applied=LogPosition("another log", 7), lease=2.0, version="0.0.9")
        await store.beat("a-node", status, joining=True)
        [member] = await store.members()
        assert await store.declare_lapsed("a-node", member.beat)
        await store.close()

    asyncio.run(leave())
    result = populated("nodes")
    assert result.code == 1
    assert "lapsed" in result.out
    [node] = populated("nodes", "--json").json["nodes"]
    assert (node["state"], node["applied"], node["version"]) == ("lapsed", 7, "0.0.9")
    assert node["epoch"] == "another log"


class WithStandby(MemoryStore):
    """A store that says whether its commits wait for a standby."""

    lease_seconds = 0.4

    def __init__(self, *, waits: bool) -> None:
        super().__init__()
        self._waits = waits

    async def commits_wait_for_standby(self) -> bool:
        """See `Replicated`."""
        return self._waits


@pytest.mark.parametrize(
    ("store", "seconds", "across", "words"),
    [
        (MemoryStore(), math.inf, None, "one process"),
        (WithStandby(waits=True), 0.5, True, "500 ms. This holds across a failover"),
        (WithStandby(waits=False), 0.5, False, "500 ms. This does NOT hold across a failover"),
    ],
    ids=["memory", "synchronous", "asynchronous"],
)
async def test_guarantee(
    store: MemoryStore, seconds: float, across: bool | None, words: str
) -> None:
    """The guarantee is weaker where a commit waits for no standby, and the sentence says so."""
    found = await guarantee_of(StoredState.of(store), [])
    assert found.seconds == pytest.approx(seconds)
    assert found.across_failover is across
    assert words in str(found)


async def test_the_longest_lease_counts() -> None:
    """One node with a longer lease weakens the guarantee of all, until its lease has lapsed."""
    state = StoredState.of(WithStandby(waits=True))
    status = NodeStatus(applied=LogPosition("e", 1), lease=3.0)
    slow = Member(node="slow", beat=1, age=0.0, declared=False, status=status)
    gone = Member(node="gone", beat=1, age=9.0, declared=True, status=status)
    assert (await guarantee_of(state, [slow])).seconds == pytest.approx(3.1)
    assert (await guarantee_of(state, [gone])).seconds == pytest.approx(0.5)
