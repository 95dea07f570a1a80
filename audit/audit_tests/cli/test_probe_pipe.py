"""`stormdoor-audit probe … | head` ends with the status of its verdict."""

from __future__ import annotations

import asyncio
import sys

import pytest


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


@pytest.mark.extended
@pytest.mark.parametrize("form", ["text", "json"])
async def test_a_reader_that_leaves(form: str) -> None:
    """Nothing is determined here, which is 3, also where no line can be written."""
    server = await asyncio.start_server(_refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    code = "import sys, stormdoor_audit.cli.main as main; sys.exit(main.run())"
    probe = f"'{sys.executable}' -c '{code}' probe ws://127.0.0.1:{port}/ws"
    quick = f"--listen 0.1 --per-second 500 --quiet --format {form}"
    try:
        shell = await asyncio.create_subprocess_exec(
            "bash", "-c", f"{probe} {quick} | true; exit ${{PIPESTATUS[0]}}"
        )
        assert await shell.wait() == 3
    finally:
        server.close()
        await server.wait_closed()
