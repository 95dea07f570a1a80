"""The demo with several workers: one login for all, and each page knows its worker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.demo.running import Running, running
from tests.demo.visitor import Visitor
from tests.support.postgresql import server_or_skip
from tests.support.references import without_reference
from tests.tornado.wire import CLOSE, Wire

pytestmark = pytest.mark.extended

WORKERS = 2


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of an empty database on PostgreSQL."""
    server = server_or_skip()
    server.execute("CREATE DATABASE demo")
    yield server.url("demo")
    server.remove()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def workers(
    request: pytest.FixtureRequest, installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A demo with two workers on each store."""
    data, store = tmp_path_factory.mktemp("workers") / "data", []
    if request.param == "sqlite":
        shutil.copytree(installed, data)
    else:
        store = ["--store", request.getfixturevalue("database")]
    with running(data, "--workers", str(WORKERS), *store) as one:
        yield one
        assert one.stop() == 0, one.output
        assert "Traceback" not in one.output


async def on_each_worker(
    stack: contextlib.AsyncExitStack, visitor: Visitor, path: str = "/ws/chat"
) -> dict[int, Wire]:
    """Open sockets until each worker has one. The first message of each names its worker."""
    found: dict[int, Wire] = {}
    for _ in range(200):
        wire = await stack.enter_async_context(await visitor.open(path))
        worker: Any = await wire.json()
        assert (worker["type"], worker["workers"]) == ("worker", WORKERS)
        assert worker["node"]
        found.setdefault(worker["number"], wire)
        if len(found) == WORKERS:
            return found
    raise AssertionError("one worker got no socket")


async def test_a_logout_at_one_worker_closes_the_sockets_of_the_other(workers: Running) -> None:
    """A session counts at both workers; after its logout both close its sockets."""
    async with contextlib.AsyncExitStack() as stack:
        bob = await workers.visit("bob")
        found = await on_each_worker(stack, bob)
        await bob.log_out()
        assert [await wire.close_code() for wire in found.values()] == [3000] * WORKERS


async def test_channels_are_per_worker(workers: Running) -> None:
    """A message reaches the members on the same worker, and not those on another one."""
    async with contextlib.AsyncExitStack() as stack:
        alice = await on_each_worker(stack, await workers.visit("alice"))
        mia = await on_each_worker(stack, await workers.visit("mia"))
        for wire in (*alice.values(), *mia.values()):
            joined = await wire.ask({"type": "join", "room": "lobby", "id": 1})
            assert joined["type"] == "joined"
        for number, wire in alice.items():
            await wire.ask({"type": "say", "room": "lobby", "text": f"worker {number}", "id": 2})
        for number, wire in mia.items():
            heard = [await wire.json()]
            assert [one["text"] for one in heard if one["type"] == "said"] == [f"worker {number}"]
            wire.send({"type": "leave", "room": "lobby", "id": 3})
            answer = json.loads(await wire.text())
            assert answer["type"] == "left", answer  # no message of the other worker came before


async def answer(wire: Wire, message: dict[str, str], heard: list[str] | None = None) -> Any:
    """Return the answer to a message, and add the texts that came before it to `heard`."""
    wire.send(json.dumps({**message, "id": "asked"}))
    while (found := json.loads(await wire.text())).get("id") != "asked":
        if heard is not None and found["type"] == "said":
            heard.append(found["text"])
    return found


async def test_a_kick_holds_at_all_workers(workers: Running) -> None:
    """After a kick at one worker, a member cannot speak or hear at the other one until it joins again."""
    async with contextlib.AsyncExitStack() as stack:
        bob, alice, mia = [
            await on_each_worker(stack, await workers.visit(name))
            for name in ("bob", "alice", "mia")
        ]
        join, say = {"type": "join", "room": "ops"}, {"type": "say", "room": "ops"}
        for wire in (bob[2], alice[2], mia[1]):
            assert (await answer(wire, join))["type"] == "joined"
        assert (await answer(bob[2], {**say, "text": "allowed"}))["type"] == "said"
        kick = {"type": "kick", "room": "ops", "principal": "bob"}
        assert (await answer(mia[1], kick))["type"] == "kicked"
        for wire in bob.values():
            await eventually(wire, {**say, "text": "I am still here"}, "error")
        assert (await answer(alice[2], {**say, "text": "without bob"}))["type"] == "said"
        heard: list[str] = []
        rejoined = await answer(bob[2], join, heard)
        assert rejoined["type"] == "joined"
        assert heard == []
        assert rejoined["members"] == ["alice", "bob"]
        for wire in bob.values():
            await eventually(wire, {**say, "text": "back"}, "said")


async def test_a_moderator_kicks_accounts_only(workers: Running) -> None:
    """A principal without an account cannot be removed, although another worker might have its sockets."""
    async with contextlib.AsyncExitStack() as stack:
        mia = await on_each_worker(stack, await workers.visit("mia"))
        kick = {"type": "kick", "room": "ops", "principal": "nobody"}
        assert (await answer(mia[1], kick))["error"] == "invalid"


async def eventually(wire: Wire, message: dict[str, str], type: str) -> None:
    """Send a message until its answer has this type: the other worker reads the log within a second."""
    for _ in range(20):
        found = await answer(wire, message)
        assert found.get("error", "forbidden") == "forbidden"
        if found["type"] == type:
            return
        await asyncio.sleep(0.25)  # `say` is limited to five a second
    raise AssertionError("the other worker has not applied the change")


@pytest.mark.extended
async def test_a_stop_invites_the_clients_back(installed: Path, tmp_path: Path) -> None:
    """SIGTERM closes sockets on all workers with 1012 and the seconds after which to return."""
    shutil.copytree(installed, tmp_path / "data")
    with running(tmp_path / "data", "--workers", str(WORKERS)) as one:
        async with contextlib.AsyncExitStack() as stack:
            found = await on_each_worker(stack, await one.visit("ada"), "/ws/dashboard")
            one.process.terminate()
            for wire in found.values():
                while (frame := await wire.receive()).opcode != CLOSE:
                    pass
                assert frame.code == 1012
                reason = without_reference(frame.payload[2:])
                assert reason.startswith(b"service restart; retry after ")
        assert one.wait_ended() == 0, one.output
