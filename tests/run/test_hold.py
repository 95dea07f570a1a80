"""No client reaches a server that cannot be guarded, and a guarded server is never asked."""

from __future__ import annotations

import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.run.running import Run, answered, free_port, handshake, running, write

PYTHON = sys.executable

SERVER = """
def serve():
    async def main():
        make().listen(PORT, "127.0.0.1")
        await asyncio.Event().wait()

    asyncio.run(main())

if __name__ == "__main__":
    serve()
"""

WAYS = {
    "subprocess": "subprocess.run([sys.executable, 'server.py'])",
    "an isolated interpreter": "subprocess.run([sys.executable, '-I', 'server.py'])",
    "a cleaned environment": (
        "os.fork() or os.execve(sys.executable, [sys.executable, 'server.py'], "
        "{'PORT': os.environ['PORT']}); os.wait()"
    ),
    "spawn": (
        "process = multiprocessing.get_context('spawn').Process(target=server.serve); "
        "process.start(); process.join()"
    ),
    "another server in a Python with the hook": (
        "import http.server; http.server.test(http.server.SimpleHTTPRequestHandler, port=PORT, "
        "bind='127.0.0.1')"
    ),
}


@contextmanager
def _answers(port: int) -> Iterator[list[bytes]]:
    """Ask a port again and again, and collect the answers."""
    over = threading.Event()
    seen: list[bytes] = []

    def ask() -> None:
        while not over.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
                    client.sendall(b"GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    seen.append(client.recv(20))
            except OSError:
                time.sleep(0.001)

    clients = [threading.Thread(target=ask) for _ in range(2)]
    for one in clients:
        one.start()
    try:
        yield seen
    finally:
        over.set()
        for one in clients:
            one.join()


@pytest.mark.parametrize(
    "way",
    [one if one == "spawn" else pytest.param(one, marks=pytest.mark.extended) for one in WAYS],
)
def test_a_server_without_the_hook_answers_no_client(way: str, tmp_path: Path) -> None:
    """A server in a child process is ended before it has answered; without `run`, it answers."""
    write(tmp_path, SERVER, "server.py")
    body = (
        f"import multiprocessing, subprocess, server\nif __name__ == '__main__':\n    {WAYS[way]}\n"
    )
    write(tmp_path, body)
    with running(tmp_path, [PYTHON, "server.py"], guarded=False) as plain:
        with _answers(plain.port) as seen:
            plain.wait_until_answering()
            while not seen:
                time.sleep(0.01)
    with running(tmp_path, [PYTHON, "app.py"]) as run, _answers(run.port) as seen:
        assert run.ended() == 125
    assert seen == []


@pytest.mark.extended
def test_a_server_that_answers_one_page_late_answers_no_client(tmp_path: Path) -> None:
    """Its slow start page does not delay its end: the question is none for a page."""
    text = """
class Slow(RequestHandler):
    async def get(self):
        await asyncio.sleep(30)

async def main():
    Application([("/", Slow), ("/ws", Echo)]).listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""
    write(tmp_path, text, "server.py")
    write(tmp_path, f"import subprocess\n{WAYS['an isolated interpreter']}\n")
    with running(tmp_path, [PYTHON, "app.py"]) as run, _answers(run.port) as seen:
        assert run.ended() == 125
    assert seen == []


SILENT = """
import subprocess, time
CODE = (
    "import os, socket; s = socket.create_server(('127.0.0.1', int(os.environ['OTHER'])));"
    "kept = []\\nwhile True: c, a = s.accept(); kept.append(c); c.setblocking(False)\\n"
)

async def main():
    make().listen(PORT, "127.0.0.1")
    child = subprocess.Popen([sys.executable, "-c", CODE])
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.extended
def test_a_silent_protocol_is_released(tmp_path: Path) -> None:
    """A listener that answers nothing is no HTTP as far as can be seen: its clients connect after a while."""
    write(tmp_path, SILENT)
    other = free_port()
    with running(tmp_path, [PYTHON, "app.py"], OTHER=str(other)) as run:
        run.wait_for("guarded")
        _connect(other, run)
        assert run.process.poll() is None
        assert handshake(run.port) == 401


def _connect(port: int, run: Run) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(run.output)


@pytest.mark.extended
def test_a_guarded_server_is_not_asked(tmp_path: Path) -> None:
    """Its log and its audit trail have the refusals of clients alone, and not one of a question of `run`."""
    text = """
import logging, time
logging.basicConfig(format="%(name)s %(message)s", level="INFO")
from tornado.netutil import bind_sockets
from tornado.httpserver import HTTPServer

async def main():
    sockets = bind_sockets(PORT, "127.0.0.1")
    time.sleep(1)  # it listens, and is guarded later
    HTTPServer(make()).add_sockets(sockets)
    await asyncio.Event().wait()

asyncio.run(main())
"""
    write(tmp_path, text)
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        run.wait_for("guarded")
        assert answered(run.port, path="/asked-by-the-test") == 401
        end = time.monotonic() + 30
        while "/asked-by-the-test" not in run.output and time.monotonic() < end:
            time.sleep(0.05)
        logs = ("stormdoor.refused", "tornado.")
        logged = [one for one in run.output.splitlines() if one.startswith(logs)]
    assert logged
    assert all("/asked-by-the-test" in one for one in logged), run.output
    with sqlite3.connect(tmp_path / "door.db") as store:
        trail = [str(one) for one in store.execute("SELECT * FROM trail")]
    assert not [one for one in trail if "'/'" in one or "*" in one], trail


@pytest.mark.extended
def test_a_port_that_is_tried_and_listened_on_again(tmp_path: Path) -> None:
    """A program that listens, closes and listens again gets its port: `run` keeps no listener open."""
    text = """
import socket, threading, time

async def main():
    for _ in range(50):
        socket.create_server(("127.0.0.1", PORT)).close()
    make().listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""
    write(tmp_path, text)
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        run.wait_for("guarded")
        assert handshake(run.port) == 401
