"""The page about many connections: its program serves, and ends in good order."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from tornado.web import Application
from tornado.websocket import WebSocketHandler
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from stormdoor import PolicySet, role
from tests.docs.pages import blocks, free_port, until_listening
from tests.guard.fakes import make_guard
from tests.support.project import ROOT
from tests.tornado.wire import request, serving, until

PAGE = ROOT / "docs" / "how-to" / "tune.md"
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.mark.extended
async def test_the_program_of_the_page(tmp_path: Path) -> None:
    """A client is served until SIGTERM, hears 1001, and the process is over."""
    (block,) = [one for one in blocks(PAGE) if one.caption == "main.py"]
    (tmp_path / "main.py").write_text(block.text)
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "main.py", str(port), SECRET, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    try:
        await asyncio.to_thread(until_listening, port)
        now = int(time.time())
        claims = {"iss": "https://login.example", "aud": "feed", "sub": "ada", "roles": ["member"]}
        token = jwt.encode({**claims, "iat": now, "exp": now + 60}, SECRET, algorithm="HS256")
        async with connect(
            f"ws://127.0.0.1:{port}/feed",
            additional_headers={"Authorization": f"Bearer {token}"},
        ) as client:
            process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as ended:
                await client.recv()
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1001
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_the_limits_of_the_page() -> None:
    """The limits of one endpoint apply to it alone."""
    (block,) = [one for one in blocks(PAGE) if "terminal = EndpointLimits" in one.text]
    names: dict[str, Any] = {}
    exec(block.text, names)  # noqa: S102 - the page's own code
    assert names["guard"].limits.buffered_bytes == 64 * 1024 * 1024
    names["guard"] = guard = make_guard(insecure_allow_any_host=True)
    guard.reload(PolicySet([role("member", "terminal:use")]))
    routes = [("/terminal/(.*)", WebSocketHandler), ("/other", WebSocketHandler)]
    async with serving(names["guarded"](Application(routes)), guard) as served:
        found = {}
        for path in ("/terminal/1", "/other"):
            async with await request(served.port, path, ("Authorization", "Bearer alice")) as wire:
                assert wire.status == 101
                (connection,) = guard.registry
                found[path] = connection.limits.message_bytes
            await until(lambda: len(guard.registry) == 0)
    assert found == {"/terminal/1": 1024 * 1024, "/other": 16 * 1024 * 1024}
