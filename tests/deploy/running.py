"""The application of the deployment files, run on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tornado.escape import json_decode, json_encode
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.cli.supervised import Supervised
from tests.deploy.files import DEPLOY
from tests.tornado.wire import Wire, connect

__all__ = [
    "application",
    "close_code",
    "close_streams",
    "member",
    "open_socket",
    "served",
    "stormdoor",
]

_SCRIPT = "import sys; from stormdoor.cli.main import main; sys.exit(main())"


def stormdoor(*arguments: str, typed: str = "", **environment: str) -> str:
    """Run a command that must succeed, with text for its standard input; its output."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def application(folder: Path) -> dict[str, str]:
    """Copy the application into a folder. Returns the environment of its servers."""
    shutil.copy(DEPLOY / "app.py", folder)
    key = folder / "trail_key"
    key.write_text("ab12" * 15 + "cd34")
    key.chmod(0o600)
    text = (DEPLOY / "stormdoor.toml").read_text().replace("/run/secrets/trail_key", str(key))
    (folder / "stormdoor.toml").write_text(text)
    (folder / "stormdoor.toml").chmod(0o600)
    return {"STORMDOOR_CONFIG": str(folder / "stormdoor.toml")}


def served(words: list[str]) -> list[str]:
    """Return the options of a command `serve`, but on loopback, on any port, and with a quick end."""
    assert words[:2] == ["serve", "app:make"]
    rest = words[2:]
    for name in ("--host", "--port", "--unready-seconds"):
        if name in rest:
            at = rest.index(name)
            del rest[at : at + 2]
    return rest


async def member(one: Supervised, key: str) -> Wire:
    """A socket of the owner of an API key."""
    return await connect(one.port, "/chat", ("X-API-Key", key), host="127.0.0.1")


async def open_socket(
    url: str, key: str, *headers: tuple[str, str], **options: Any
) -> tuple[WebSocketClientConnection, str]:
    """A socket of the owner of an API key, and the node that serves it."""
    told = HTTPRequest(url, headers={"X-API-Key": key, **dict(headers)}, **options)
    client = await websocket_connect(told)
    await client.write_message(json_encode({"type": "say", "text": "hello"}))
    answer = await client.read_message()
    assert answer is not None
    return client, json_decode(answer)["node"]


async def close_code(client: WebSocketClientConnection) -> int | None:
    """Wait until the server has closed a socket; the code."""
    assert await client.read_message() is None
    return client.close_code


def close_streams(clients: Iterable[WebSocketClientConnection]) -> None:
    """Close sockets and their streams now, without the answers of the servers.

    `close` of a client leaves its stream open until the server has answered. If the loop ends before that,
    the garbage collector warns about the stream's socket, and a later test fails.
    """
    for client in clients:
        protocol = client.protocol
        client.close()
        if protocol is not None and protocol.stream is not None:
            protocol.stream.close()
