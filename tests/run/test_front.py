"""Under `stormdoor run` the front serves the handshakes of a program, in each way in which it may listen."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.run.running import PATIENCE, answered, handshake, running, write

PROGRAM = """
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

application = Application([("/ws", Echo), ("/", Page)])
{listens}


async def tell():
    while True:
        front = servers[0]._handle_connection.__self__._front
        print('{{"event": "served", "count": %d}}' % (front.served if front else 0), flush=True)
        await asyncio.sleep(0.1)


IOLoop.current().add_callback(tell)
IOLoop.current().start()
"""

LISTENS = {
    "app.listen": "servers = [application.listen(PORT, '127.0.0.1')]",
    "a server of its own": (
        "servers = [HTTPServer(application)]\nservers[0].listen(PORT, '127.0.0.1')"
    ),
    "two processes": (
        "servers = [HTTPServer(application)]\n"
        "servers[0].bind(PORT, '127.0.0.1')\nservers[0].start(2)"
    ),
    "rules for each host": (
        "application.add_handlers('.*', [('/ws', Echo)])\n"
        "servers = [application.listen(PORT, '127.0.0.1')]"
    ),
}


@pytest.mark.parametrize("listens", LISTENS.values(), ids=LISTENS)
def test_the_front_serves(tmp_path: Path, listens: str) -> None:
    """A handshake is refused by the front, after the first one of a process; a page is Tornado's."""
    write(tmp_path, PROGRAM.format(listens=listens))
    with running(tmp_path, [sys.executable, "app.py"]) as run:
        run.wait_for("guarded")
        run.wait_until_answering()
        end = time.monotonic() + PATIENCE
        while not any(one["count"] for one in run.seen("served")):
            assert time.monotonic() < end, "Tornado served each handshake"
            assert handshake(run.port) == 401
            run.wait_for("served", len(run.seen("served")) + 1)
        assert answered(run.port) in (302, 401)
