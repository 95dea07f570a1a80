"""Clients that others wrote, each a process of its own. What they need is installed when a test asks.

A client connects to the URL that it is given, as `alice`; it says the messages of the environment variable
MESSAGES (pairs of `text` and a text, or of `binary` and base64), then "in three parts" in three fragments
with a ping between them, if it can send fragments, and closes with 4000. It prints what it has heard, the
code that it was closed with, and the extensions that were agreed upon.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.installing import NotInstalledError, install_target, made_once, missing, run
from tests.support.project import ROOT

__all__ = ["CLIENTS", "converse"]

_HERE = Path(__file__).parent
_LOCK = ROOT / "requirements" / "peers.txt"
_NODE = ("package.json", "package-lock.json")
_PATIENCE = 120.0  # only a failure takes that long

CLIENTS = {
    "aiohttp": "aiohttp_client.py",
    "picows": "picows_client.py",
    "Node's ws": "ws_client.mjs",
}


def _install(folder: Path, script: str) -> None:
    if not script.endswith(".mjs"):
        install_target(folder, ["--require-hashes", "-r", str(_LOCK)])
        return
    folder.mkdir()
    for name in (*_NODE, script):
        shutil.copy(_HERE / name, folder)
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)


def _installed(script: str) -> Path:
    """The folder in which its packages lie: made once, for all that run at a time."""
    files = [_HERE / name for name in (*_NODE, script)] if script.endswith(".mjs") else [_LOCK]
    digest = hashlib.sha256(b"".join(one.read_bytes() for one in files)).hexdigest()
    folder = ROOT / "build" / "peers" / f"{digest[:16]}-{sys.version_info.minor}"
    return made_once(folder, lambda folder: _install(folder, script))


async def converse(
    client: str, url: str, messages: Sequence[str | bytes], *, compressed: bool = False
) -> Any:
    """Let one of CLIENTS speak to `url`. Where it cannot be had the test is skipped; in CI it fails."""
    script = CLIENTS[client]
    try:
        folder = await asyncio.get_running_loop().run_in_executor(None, _installed, script)
    except NotInstalledError as reason:
        missing(f"no {client}: {reason}")
    told = [
        ("text", one) if isinstance(one, str) else ("binary", base64.b64encode(one).decode())
        for one in messages
    ]
    environment = {**os.environ, "MESSAGES": json.dumps(told), "PYTHONPATH": str(folder)}
    node = script.endswith(".mjs")
    command = ["node", str(folder / script)] if node else [sys.executable, str(_HERE / script)]
    process = await asyncio.create_subprocess_exec(
        *command,
        url,
        "compressed" if compressed else "plain",
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            out, error = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, error.decode()[-2000:]
    answer = json.loads(out)
    answer["heard"] = [
        base64.b64decode(text) if kind == "binary" else (text if kind == "text" else (kind, text))
        for kind, text in answer["heard"]
    ]
    return answer
