"""Serves one server of the lab: `python -m lab.harness.serve lab.threats.X.vulnerable --port 0`.

The module has `make(origin)`, which returns a Tornado application, or a coroutine that does. It may have

- `USERS`: who can log in, name to password;
- `server(application)`: returns the `HTTPServer`, where that matters for the threat;
- `CONTROLS`: name to function (or coroutine function) of text arguments: what happens in the world around
  the server while it runs ("bob has left the company"). They are no part of what an attacker can do.

Prints `ready PORT`. Then every line on standard input is a command in JSON, and is answered by a line in
JSON: `{"do": "trail"}`, `{"do": "control", "name": ..., "arguments": [...]}`. It ends with its input, so no
server remains when its parent process dies.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import inspect
import json
import sys
from types import ModuleType
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

__all__ = ["serve"]


async def _settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def _trail(application: Application) -> list[dict[str, Any]] | None:
    """Return the entries of the guard's trail, oldest first; None without a guard."""
    guard = application.settings.get("stormdoor_guard")
    if guard is None:
        return None
    import msgspec  # noqa: PLC0415 - the servers without a guard start without it

    await guard.trail.flush()
    entries = await guard.state.trail.entries(limit=10_000)
    return [{"seq": entry.seq, **msgspec.to_builtins(entry.event)} for entry in entries]


async def _obey(command: dict[str, Any], module: ModuleType, application: Application) -> Any:
    match command:
        case {"do": "trail"}:
            return {"trail": await _trail(application)}
        case {"do": "control", "name": str(name), "arguments": list(arguments)}:
            return {"result": await _settled(module.CONTROLS[name](*arguments))}
        case _:
            raise ValueError(f"no such command: {command}")


async def serve(name: str, port: int) -> None:
    """Serve the module of that name on loopback until standard input ends."""
    sockets = bind_sockets(port, "127.0.0.1")
    port = sockets[0].getsockname()[1]
    module = importlib.import_module(name)
    application: Application = await _settled(module.make(f"http://127.0.0.1:{port}"))
    make_server = getattr(module, "server", HTTPServer)
    server: HTTPServer = make_server(application)
    server.add_sockets(sockets)
    print(f"ready {port}", flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        try:
            answer = await _obey(json.loads(line), module, application)
        except Exception as error:  # noqa: BLE001 - the sender of the command gets the error
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    server.stop()
    guard = application.settings.get("stormdoor_guard")
    if guard is not None:
        await guard.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await server.close_all_connections()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("module")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    asyncio.run(serve(given.module, given.port))
