"""The HTTP route and `stormdoor revoke` end each kind of right on each node; so does another epoch."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.chaos import history
from tests.chaos.checkers import check, checked
from tests.chaos.cluster import Client
from tests.chaos.operator import Operator
from tests.chaos.revocations import DIRECT, EVERYTHING
from tests.chaos.run import cluster, guarantee_of, read_store, run
from tests.chaos.test_chaos import PARTIES, SEED, programs
from tests.chaos.workload import client_of

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured, pytest.mark.xdist_group("chaos")]

LISTED_SECONDS = 1.5
"""`stormdoor revoke connection` finds a connection that its node has reported, once a second."""


@pytest.mark.parametrize("way", ["http", "cli"])
async def test_each_interface_ends_each_right(way: history.Way, tmp_path: Path) -> None:
    """The socket is on another node, and gets messages until then."""
    ended: set[str] = set()
    async with (
        cluster("sqlite", folder=tmp_path, nodes=2) as running,
        contextlib.AsyncExitStack() as stack,
    ):
        near, far = running.nodes
        operator = Operator(running.url, tmp_path)
        key = (await near.ask("operator", id="operator"))["key"]

        async def open_socket(kind: str) -> dict[str, Any]:
            name = f"party-{DIRECT.index(kind)}"
            asked = await near.ask("party", name=name, kinds=[[kind]])
            [victim] = asked["victims"]
            client: Client = client_of(far, victim, kind, random.Random(SEED))
            stack.callback(client.close)
            assert await client.open()
            return victim | await far.ask("connection", principal=victim["principal"])

        async def end(kind: str, victim: dict[str, Any]) -> None:
            wait: Literal["log", "cluster"] = "cluster" if DIRECT.index(kind) % 2 else "log"
            if way == "cli":
                assert await operator.revoke(kind, victim, wait)
            else:
                right: dict[str, Any] = {"kind": kind, "victim": victim, "wait": wait}
                assert (await near.ask("end", key=key, **right))["outcome"] == "done"
            ended.add(kind)

        # The one that ends all others, and the operator's key, is the last one.
        for kinds in ([one for one in DIRECT if one != EVERYTHING], [EVERYTHING]):
            victims = [await open_socket(kind) for kind in kinds]
            await asyncio.sleep(LISTED_SECONDS)
            await asyncio.gather(*map(end, kinds, victims))
        await asyncio.gather(*(node.stop() for node in running.nodes))
        await read_store(tmp_path, running.url())
    events, guarantee = history.read_folder(tmp_path), guarantee_of("sqlite")
    assert check(events, guarantee) == []
    found = {one.kind for one in checked(events, guarantee).values() if one.way == way}
    assert found == ended == set(DIRECT)


@pytest.mark.extended
@pytest.mark.parametrize("mode", ["synchronous", "asynchronous"])
async def test_nodes_continue_in_another_epoch(mode: Any, tmp_path: Path) -> None:
    """`stormdoor migrate rotate-epoch` loses no revocation, and each node loads the log again."""
    result = await run(
        mode,
        seed=SEED,
        seconds=4.0,
        folder=tmp_path,
        programs=programs(mode),
        parties=PARTIES,
        only=["rotate_epoch"],
    )
    assert not result.violations, str(result)
    assert result.faults["rotate_epoch"], str(result)
    assert result.events["reloaded"] >= 3 * result.faults["rotate_epoch"], str(result)
    assert result.total, str(result)
