"""A program under `stormdoor run` that connects to itself, as its author has written it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.run.running import handshake, running, write

PROGRAM = """
from tornado.websocket import websocket_connect

class Other(Echo):
    pass

async def main():
    app = Application([("/ws", Echo), ("/other", Other), ("/", Page)])
    app.listen(PORT, os.environ["BIND"])
    for host in ("0.0.0.0", "127.0.0.1", "localhost"):
        for path in ("/ws", "/other"):
            try:
                client = await websocket_connect(f"ws://{host}:{PORT}{path}")
                await client.write_message("to myself")
                print("OWN", host, path, await client.read_message(), flush=True)
            except Exception as error:
                print("OWN", host, path, error, flush=True)
    print('{"event": "tried"}', flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

CONFIGURATION = """
[protect]
permission = "app:use"

[[authenticators]]
kind = "session"

[[authenticators]]
kind = "own-process"
endpoint = "/ws"
roles = ["self"]

[[policies.role]]
name = "self"
grants = ["app:use"]
"""


@pytest.mark.slow
def test_a_program_opens_its_own_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client authenticates at the declared endpoint, also by `0.0.0.0`; other clients do not."""
    monkeypatch.setenv("BIND", "127.0.0.1")
    write(tmp_path, PROGRAM)
    (tmp_path / "stormdoor.toml").write_text(CONFIGURATION, "utf-8")
    options = ("--config", "stormdoor.toml")
    with running(tmp_path, [sys.executable, "app.py"], *options) as run:
        run.wait_for("tried")
        said = [one for one in run.output.splitlines() if one.startswith("OWN")]
        assert [one for one in said if "/ws" in one] == [
            f"OWN {host} /ws to myself" for host in ("0.0.0.0", "127.0.0.1", "localhost")
        ]
        assert all("HTTP 40" in one for one in said if "/other" in one)
        assert handshake(run.port) == 401
