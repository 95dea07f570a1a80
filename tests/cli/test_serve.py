"""`stormdoor serve`: several processes on one port, their restart, their replacement and their end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from tests.cli.supervised import APPLICATION, Supervised, supervised, token
from tests.support.postgresql import new_database, postgresql
from tests.tornado.wire import CLOSE, Wire, request, until

__all__ = ["new_database", "postgresql"]

ASK = {"type": "ask"}
FAST = ("--drain-seconds", "5")

pytestmark = pytest.mark.slow


async def restart_of(wire: Wire) -> tuple[int | None, str]:
    """Return the code and the reason of the close frame, and hang up."""
    async with wire:
        while True:
            frame = await wire.receive()
            if frame.opcode == CLOSE:
                return frame.code, frame.payload[2:].decode()


async def nodes(one: Supervised, clients: int = 40) -> set[str]:
    """Return the nodes that serve so many new clients."""
    found = set()
    for _ in range(clients):
        async with await one.client() as wire:
            found.add((await wire.ask(ASK))["node"])
    return found


def ended(*pids: int) -> bool:
    """Return whether none of these processes runs."""
    return not any(
        psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        for pid in pids
    )


@pytest.mark.extended
async def test_the_log_as_json(tmp_path: Path) -> None:
    """Each line of the log is JSON, with the process: of the supervisor and of its workers."""
    with supervised(tmp_path, "--log-format", "json", *FAST) as one:
        (worker,) = one.workers
        async with await request(one.port, "/ws", ("Origin", "http://127.0.0.1")) as wire:
            assert wire.status == 401
        one.process.send_signal(signal.SIGTERM)
        assert one.wait_ended() == 0, one.output
    lines = [json.loads(each) for each in one.output.splitlines() if not each.startswith("ready ")]
    by_process = {each["process"]: each["logger"] for each in lines}
    assert set(by_process) == {worker, one.process.pid}
    assert {"stormdoor.serve", "stormdoor.refused"} <= {each["logger"] for each in lines}


async def test_two_workers_serve_one_port_and_end_in_good_order(tmp_path: Path) -> None:
    """Two processes serve; SIGTERM closes sockets with 1012 and a hint, and ends all with status 0."""
    with supervised(tmp_path, "--workers", "2", *FAST) as one:
        workers = one.workers
        assert len(workers) == 2
        assert len(await nodes(one)) == 2
        assert await one.get("/readyz") == (200, b"ready\n")
        clients = [await one.client() for _ in range(8)]
        one.process.send_signal(signal.SIGTERM)
        for wire in clients:
            code, reason = await restart_of(wire)
            assert code == 1012
            assert re.fullmatch(r"service restart; reference \w{10}; retry after [1-5] s", reason)
        assert one.wait_ended() == 0, one.output
        assert ended(*workers)
        assert "Traceback" not in one.output
        with socket.socket() as sock:
            assert sock.connect_ex(("127.0.0.1", one.port)) != 0


@contextlib.asynccontextmanager
async def streaming(one: Supervised) -> AsyncIterator[list[int | str]]:
    """Make one handshake after the other, several at once; the list gets each status or error."""
    results: list[int | str] = []
    over = asyncio.Event()

    async def stream() -> None:
        while not over.is_set():
            try:
                async with await request(one.port, "/ws", token()) as wire:
                    results.append(wire.status)
            except Exception as error:  # noqa: BLE001 - a refused connection is a result
                results.append(repr(error))

    tasks = [asyncio.create_task(stream()) for _ in range(4)]
    try:
        yield results
    finally:
        over.set()
        await asyncio.gather(*tasks)


@pytest.mark.extended
async def test_a_hangup_replaces_the_workers_and_refuses_no_handshake(tmp_path: Path) -> None:
    """During the replacement of both workers all handshakes succeed; then the new code serves."""
    with supervised(tmp_path, "--workers", "2", *FAST) as one:
        before, clients = one.workers, [await one.client() for _ in range(6)]
        one.write(APPLICATION.replace('VERSION = "1"', 'VERSION = "2"'))
        async with streaming(one) as results:
            await until(lambda: len(results) > 20)
            one.process.send_signal(signal.SIGHUP)
            codes = [(await restart_of(wire))[0] for wire in clients]
            await until(lambda: "all workers have been replaced" in one.output)
            so_far = len(results)
            await until(lambda: len(results) > so_far + 20)
        assert set(results) == {101}, results
        assert codes == [1012] * 6
        assert ended(*before)
        assert len(one.workers) == 2
        for _ in range(10):
            async with await one.client() as wire:
                assert (await wire.ask(ASK))["version"] == "2"
        assert one.stop() == 0


@pytest.mark.extended
async def test_a_replacement_that_cannot_start_changes_nothing(tmp_path: Path) -> None:
    """If the new code is broken, the present workers go on, and the log has the reason."""
    with supervised(tmp_path, "--workers", "2", *FAST) as one:
        before = one.workers
        async with await one.client() as wire:
            one.write("this is no Python\n")
            one.process.send_signal(signal.SIGHUP)
            await until(lambda: "is not replaced" in one.output)
            assert (await wire.ask(ASK))["version"] == "1"
        assert sorted(one.workers) == sorted(before)
        assert "SyntaxError" in one.output
        assert one.stop() == 0


@pytest.mark.extended
async def test_a_worker_that_dies_is_restarted(tmp_path: Path) -> None:
    """After SIGKILL of a worker the others serve, and another one starts after a pause."""
    with supervised(tmp_path, "--workers", "2", *FAST) as one:
        victim, other = one.workers
        os.kill(victim, signal.SIGKILL)
        await until(lambda: "was ended by SIGKILL" in one.output)
        # Its listening socket is closed during the pause, so no client waits for the restart.
        async with asyncio.timeout(60):
            assert len(await nodes(one, clients=10)) >= 1
        await until(lambda: one.output.count(" serves (process") == 3)
        assert other in one.workers
        assert len(one.workers) == 2
        assert "another one starts in 1 s" in one.output
        assert one.stop() == 0


@pytest.mark.extended
async def test_a_supervisor_that_dies_takes_its_workers_with_it(tmp_path: Path) -> None:
    """After SIGKILL of the supervisor the workers close their sockets and end."""
    with supervised(tmp_path, "--workers", "2", *FAST) as one:
        workers, wire = one.workers, await one.client()
        one.process.kill()
        assert (await restart_of(wire))[0] == 1012
        await until(lambda: ended(*workers))


CANNOT_START = {
    "raises": ("app:broken", 2, "RuntimeError: the schedule is missing"),
    "no such function": ("app:missing", 2, "app:missing cannot be imported"),
    "no application": ("app:VERSION", 2, "must return a tornado.web.Application, not str"),
    "in memory": ("app:in_memory", 2, 'write Guard(store="sqlite:'),
}


@pytest.mark.sampled(8)
@pytest.mark.parametrize("case", CANNOT_START)
def test_a_worker_that_cannot_start_stops_the_start(case: str, tmp_path: Path) -> None:
    """The command ends with the reason, and leaves no process behind."""
    name, status, reason = CANNOT_START[case]
    with supervised(tmp_path, "--workers", "2", name=name, ready=False) as one:
        assert one.wait_ended() == status
        assert f"stormdoor: a worker cannot start: {reason}" in one.output or reason in one.output
        assert "ready http" not in one.output


@pytest.mark.extended
def test_a_store_that_does_not_answer_stops_the_start(tmp_path: Path) -> None:
    """The status is that of a store that does not answer."""
    (tmp_path / "door.db").mkdir()
    with supervised(tmp_path, ready=False) as one:
        assert one.wait_ended() == 3
        assert "a worker cannot start: the store" in one.output


@pytest.mark.extended
def test_a_port_in_use_stops_the_start(tmp_path: Path) -> None:
    """A second server on the port would share the clients of the first; it does not start."""
    with supervised(tmp_path) as one:
        (tmp_path / "second").mkdir()
        with supervised(tmp_path / "second", port=one.port, ready=False) as second:
            assert second.wait_ended() == 2
            assert "in use" in second.output
            assert "--port" in second.output
        assert one.stop() == 0


@pytest.mark.extended
async def test_it_is_not_ready_before_the_listener_closes(tmp_path: Path) -> None:
    """With --unready-seconds, probes get 503 and clients are still served after SIGTERM."""
    with supervised(tmp_path, *FAST, "--unready-seconds", "3600") as one:
        assert await one.get("/readyz") == (200, b"ready\n")
        one.process.send_signal(signal.SIGTERM)

        async def unready() -> None:
            while await one.get("/readyz") != (503, b"not ready\n"):
                await asyncio.sleep(0.02)

        async with asyncio.timeout(60):
            await unready()
        assert await one.get("/livez") == (200, b"alive\n")
        async with await one.client() as wire:
            assert (await wire.ask(ASK))["version"] == "1"
        workers = one.workers
        one.process.send_signal(signal.SIGTERM)  # a second signal ends it at once
        assert one.wait_ended() == 0
        assert ended(*workers)
        assert "is killed: at a second signal" in one.output
        assert "never retrieved" not in one.output


@pytest.mark.extended
def test_a_signal_during_the_start_ends_it(tmp_path: Path) -> None:
    """SIGTERM before it serves ends all processes."""
    (tmp_path / "app.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(3600)\n")
    with supervised(tmp_path, "--workers", "2", ready=False) as one:
        one.wait_for("begun")
        workers = one.workers
        assert one.stop() == 0
        assert ended(*workers)


_BLOCKING = """
import time

from tornado.web import RequestHandler


class Block(RequestHandler):
    def get(self):
        time.sleep(600)  # the loop of this worker
"""


@pytest.mark.extended
async def test_a_worker_with_a_blocked_loop_is_replaced(tmp_path: Path) -> None:
    """A worker of which the loop is blocked is killed, with the line in the log; the others go on."""
    (tmp_path / "app.py").write_text(
        _BLOCKING + APPLICATION.replace('routes = [("/ws"', 'routes = [("/block", Block), ("/ws"')
    )
    with supervised(tmp_path, "--workers", "2", "--unresponsive-seconds", "4", *FAST) as one:
        before = set(one.workers)
        with socket.create_connection(("127.0.0.1", one.port)) as client:
            client.sendall(b"GET /block HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            await asyncio.to_thread(one.wait_for, "is killed and replaced")
            await asyncio.to_thread(one.wait_for, " serves (process ", 3)
        assert "app.py" in one.output
        assert "in get" in one.output
        assert "was ended by SIGKILL" in one.output
        after = set(one.workers)
        assert len(after) == 2
        assert len(before & after) == 1
        for _ in range(4):
            async with await one.client() as wire:
                assert (await wire.ask(ASK))["type"] == "node"
        assert one.stop() == 0


_CANCELLING = """
import asyncio
from tornado.web import RequestHandler


class Cancel(RequestHandler):
    def get(self):
        for task in asyncio.all_tasks():
            if task.get_name() == "stormdoor":
                task.cancel()
"""


@pytest.mark.extended
async def test_a_worker_without_maintenance_is_replaced(tmp_path: Path) -> None:
    """If the maintenance loop ends, the worker ends with the reason, and another takes its place."""
    (tmp_path / "app.py").write_text(
        _CANCELLING
        + APPLICATION.replace('routes = [("/ws"', 'routes = [("/cancel", Cancel), ("/ws"')
    )
    with supervised(tmp_path, "--workers", "2", *FAST) as one:
        before = set(one.workers)
        with socket.create_connection(("127.0.0.1", one.port)) as client:
            client.sendall(b"GET /cancel HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            await asyncio.to_thread(one.wait_for, " serves (process ", 3)
        assert "the maintenance loop of the guard has ended" in one.output
        assert len(before & set(one.workers)) == 1
        assert one.stop() == 0


@pytest.mark.extended
async def test_workers_log_the_weaker_guarantee_once(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    """On a database without a synchronous standby, the supervisor warns, and no worker does."""
    (tmp_path / "app.py").write_text(
        APPLICATION + "\n\ndef shared():\n    import os\n    return make(os.environ['SHARED'])\n"
    )
    shared = {"SHARED": new_database()}
    with supervised(
        tmp_path, "--workers", "2", *FAST, name="app:shared", environment=shared
    ) as one:
        one.wait_for("does NOT hold across a failover")
        assert one.stop() == 0
        [line] = [text for text in one.output.splitlines() if "does NOT hold" in text]
        assert f" {one.process.pid} WARNING stormdoor.serve: " in line
