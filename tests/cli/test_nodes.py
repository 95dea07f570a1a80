"""`stormdoor nodes` without a running server: what it says of nodes that are gone, and of a standby."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sqlite3
from pathlib import Path

import pytest

from stormdoor.core.log_position import LogPosition
from stormdoor.ports import StoredState
from stormdoor.ports.members import Member, NodeStatus
from stormdoor.ports.replicated import Confirmation
from stormdoor.runtime.guarantee import guarantee_of
from stormdoor.stores import MemoryStore, open_store
from tests.cli.conftest import Cli


async def _join(config: Path, epoch: str, *, node: str = "a-node", declared: bool = False) -> None:
    """Store a node that has applied the seventh entry of a log."""
    store = open_store(f"sqlite:{config.parent / 'door.db'}")
    await store.open()
    status = NodeStatus(applied=LogPosition(epoch, 7), lease=2.0, version="0.0.9")
    await store.beat(node, status, joining=True)
    [member] = await store.members()
    if declared:
        assert await store.declare_lapsed(node, member.beat)
    await store.close()


def test_no_node(populated: Cli) -> None:
    """An installation without a server has no node, and the command ends with 1."""
    result = populated("nodes")
    assert (result.code, result.out) == (1, "")
    assert "No process serves this installation." in result.err
    assert populated("nodes", "--json").json["nodes"] == []


def test_a_node_that_was_declared_lapsed(populated: Cli, config: Path) -> None:
    """A node without a lease, or on another log, is shown, and the command ends with 1."""
    asyncio.run(_join(config, "another log", declared=True))
    result = populated("nodes")
    assert result.code == 1
    assert "a-node: it was declared lapsed" in result.out
    [node] = populated("nodes", "--json").json["nodes"]
    assert (node["state"], node["applied"], node["version"]) == ("lapsed", 7, "0.0.9")
    assert node["epoch"] == "another log"


def test_a_beat_of_another_clock_has_no_age(populated: Cli, config: Path) -> None:
    """An earlier release dated beats by the wall clock, so nothing is known of their age."""
    asyncio.run(_join(config, "another log", declared=True))
    with contextlib.closing(sqlite3.connect(config.parent / "door.db")) as file:
        file.execute("UPDATE node SET alive_at = 1767225600.0, lease = 0")
        file.commit()
    result = populated("nodes")
    assert "unknown" in result.out
    assert "inf" not in result.out
    assert "a-node: another clock has dated its beat" in result.out
    [node] = populated("nodes", "--json").json["nodes"]
    assert (node["state"], node["age"]) == ("lapsed", None)


def test_a_failover_is_seen_in_the_table(populated: Cli, config: Path) -> None:
    """A failover on PostgreSQL changes the timeline alone: the table shows it beside the random id."""
    shown = []
    for timeline in ("00000001", "0000000A"):
        epoch = f"c889e6aa235d47be855ad5afc01dfad3.{timeline}.7713932224167581521"
        asyncio.run(_join(config, epoch, node="a-node-of-12"))
        shown.append(populated("nodes").out)
    assert "a-node-of-12" in shown[0]  # on one line of 80 characters
    assert "c889e6.1 " in shown[0]
    assert "c889e6.A " in shown[1]


async def _join_all(config: Path, *nodes: tuple[str, str, str]) -> None:
    store = open_store(f"sqlite:{config.parent / 'door.db'}")
    await store.open()
    epoch = (await store.log_position()).epoch
    for node, version, policies in nodes:
        position = LogPosition(epoch, 1_234_567)
        status = NodeStatus(applied=position, lease=2.0, version=version, policies=policies)
        await store.beat(node, status, joining=True)
    await store.close()


def test_a_table_of_80_columns(populated: Cli, config: Path) -> None:
    """Names as long as those of pods stay on their line; what all nodes share is said once."""
    pod = "chat-7d9f8b6c4-x2x4z-7-2f9c01"
    asyncio.run(_join_all(config, (pod, "0.1.0", "648b0b"), ("web1-9-b7705e", "0.1.0", "648b0b")))
    lines = populated("nodes").out.splitlines()
    [shown] = [line for line in lines if line.startswith(pod)]
    assert "1234567" in shown
    assert max(map(len, lines[:4])) <= 80
    assert "All have version 0.1.0." in lines
    assert "policies" not in "".join(lines)


def test_nodes_that_differ(populated: Cli, config: Path) -> None:
    """During an upgrade the table has the versions, and a sentence names the policies of each node."""
    old, new = ("web1-4127-2f9c01", "0.9.10", "648b0b"), ("web1-4131-b7705e", "0.10.0", "aa11bb")
    asyncio.run(_join_all(config, old, new))
    result = populated("nodes")
    assert "They have different policies: 648b0b on web1-4127-2f9c01; aa11bb on " in result.out
    for node, version, _ in (old, new):
        [row] = [line for line in result.out.splitlines() if line.startswith(f"{node} ")]
        assert row.rstrip().endswith(version)
        assert len(row) <= 80


class WithStandby(MemoryStore):
    """A store that says which standbys its commits wait for."""

    lease_seconds = 0.4

    def __init__(self, confirmation: Confirmation) -> None:
        super().__init__()
        self._confirmation = confirmation

    async def confirmation(self) -> Confirmation:
        """See `Replicated`."""
        return self._confirmation


@pytest.mark.parametrize(
    ("store", "seconds", "across", "words"),
    [
        (MemoryStore(), math.inf, None, "one process"),
        (WithStandby(Confirmation.EVERY), 0.5, True, "0.5 s. This holds across a failover"),
        (WithStandby(Confirmation.SOME), 0.5, False, "stop the replication of the others"),
        (WithStandby(Confirmation.NONE), 0.5, False, "commits wait for no standby"),
    ],
    ids=["memory", "every", "some", "none"],
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
    state = StoredState.of(WithStandby(Confirmation.EVERY))
    status = NodeStatus(applied=LogPosition("e", 1), lease=3.0)
    slow = Member(node="slow", beat=1, age=0.0, declared=False, status=status)
    gone = Member(node="gone", beat=1, age=9.0, declared=True, status=status)
    assert (await guarantee_of(state, [slow])).seconds == pytest.approx(3.1)
    assert (await guarantee_of(state, [gone])).seconds == pytest.approx(0.5)
