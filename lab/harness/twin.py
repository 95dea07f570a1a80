"""A server of the lab in a process of its own."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

__all__ = ["Twin", "started"]

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 30.0
_ANSWER_SECONDS = 20.0


class Twin:
    """A running server.

    Args:
        module: Its module.
        process: Its process, which has said that it is ready.
        port: Where it listens on 127.0.0.1.
        log: What it writes on standard error.
    """

    def __init__(
        self, module: str, process: asyncio.subprocess.Process, port: int, log: IO[bytes]
    ) -> None:
        self.module = module
        self.port = port
        self._process = process
        self._log = log
        self._turn = asyncio.Lock()

    @property
    def users(self) -> Mapping[str, str]:
        """Return the users that can log in, with their passwords."""
        users: Mapping[str, str] = getattr(importlib.import_module(self.module), "USERS", {})
        return users

    def log(self) -> str:
        """Return the server's standard error until now."""
        return Path(self._log.name).read_text(errors="replace")

    async def trail(self) -> list[dict[str, Any]] | None:
        """Return the entries of its guard's trail, oldest first; None without a guard."""
        answer = await self._ask({"do": "trail"})
        trail: list[dict[str, Any]] | None = answer["trail"]
        return trail

    async def control(self, name: str, *arguments: str) -> Any:
        """Let something happen in the world around the server; see `lab.harness.serve`."""
        answer = await self._ask({"do": "control", "name": name, "arguments": list(arguments)})
        return answer["result"]

    async def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        pipe, source = self._process.stdin, self._process.stdout
        if pipe is None or source is None:
            raise RuntimeError("the server was started without pipes")
        async with self._turn, asyncio.timeout(_ANSWER_SECONDS):
            pipe.write(json.dumps(command).encode() + b"\n")
            await pipe.drain()
            line = await source.readline()
        if not line:
            raise RuntimeError(f"{self.module} has ended:\n{self.log()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.module}: {answer['error']}")
        return answer


@asynccontextmanager
async def started(module: str) -> AsyncIterator[Twin]:
    """The server of that module, on a free port of loopback; ended when the block is left.

    Raises:
        RuntimeError: It did not start; with what it said.
    """
    with tempfile.NamedTemporaryFile(prefix="lab-", suffix=".log") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "lab.harness.serve",
            module,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            limit=16 * 1024 * 1024,
        )
        try:
            if process.stdout is None or process.stdin is None:
                raise RuntimeError("the server was started without pipes")
            async with asyncio.timeout(_START_SECONDS):
                line = await process.stdout.readline()
            match line.split():
                case [b"ready", port]:
                    yield Twin(module, process, int(port), log)
                case _:
                    said = Path(log.name).read_text(errors="replace")
                    raise RuntimeError(f"{module} did not start:\n{said}")
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                async with asyncio.timeout(5):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
