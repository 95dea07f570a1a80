"""The page about many connections: its program serves, and ends in good order."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.docs.pages import blocks, free_port, until_listening
from tests.support.project import ROOT

PAGE = ROOT / "docs" / "how-to" / "tune.md"
SECRET = "0123456789abcdef0123456789abcdef"


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
