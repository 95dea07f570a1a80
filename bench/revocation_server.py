"""A guarded feed for `revocation.py`: publishes to one principal at a time, and revokes on command.

Reads commands from its standard input and answers each with a line of JSON on its standard output:
`feed NAME`, `revoke NAME`, `revoke-everything`. All times are seconds of `CLOCK_MONOTONIC`, which
the processes of one machine share.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from echo_server import LIMITS
from policy import AUDIENCE, ISSUER, PATH, PERMISSIONS, ROLE_PERMISSIONS, SECRET
from serving import parser, serve
from tornado.web import Application

from stormdoor import (
    Guard,
    GuardedHandler,
    JwtAuthenticator,
    JwtKey,
    PolicySet,
    Target,
    protect,
    role,
)

INTERVAL = 0.005  # seconds between two messages to each connection of the principal that is fed


class Feed(GuardedHandler):
    """Says nothing by itself."""

    permission = PERMISSIONS[0]

    def on_message(self, message: str | bytes) -> None:
        """Nothing is expected."""


async def _feed(guard: Guard, name: str) -> None:
    while True:
        payload = json.dumps({"at": time.monotonic()}).encode()
        for connection in guard.registry.of_principal(name):
            if connection.sink is not None:
                connection.sink.deliver(payload)
        await asyncio.sleep(INTERVAL)


async def _obey(guard: Guard, line: str, feeding: list[asyncio.Task[None]]) -> dict[str, object]:
    match line.split():
        case ["feed", name]:
            for task in feeding:
                task.cancel()
            feeding[:] = [asyncio.create_task(_feed(guard, name))]
            return {"connections": len(guard.registry.of_principal(name))}
        case ["revoke", name]:
            target, value = Target.PRINCIPAL, name
        case ["revoke-everything"]:
            target, value = Target.EVERYTHING, ""
        case _:
            return {"error": f"no such command: {line!r}"}
    begun = time.monotonic()
    closed = await guard.admin.revoke(target, value, reason="benchmark")
    return {"begun": begun, "returned": time.monotonic(), "closed": closed}


async def _listen(guard: Guard) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb")
    )
    feeding: list[asyncio.Task[None]] = []
    while line := (await reader.readline()).decode().strip():
        print(json.dumps(await _obey(guard, line, feeding)), flush=True)
    for task in feeding:
        task.cancel()


async def run(port: int, directory: Path) -> None:
    """Serves until SIGTERM."""
    guard = Guard(
        origins=[f"http://127.0.0.1:{port}"],
        authenticators=[
            JwtAuthenticator(keys=[JwtKey("HS256", SECRET)], issuer=ISSUER, audience=AUDIENCE)
        ],
        policies=PolicySet([role(name, *held) for name, held in ROLE_PERMISSIONS.items()]),
        limits=LIMITS,
        store=f"sqlite://{directory}/door.db",
    )
    application = Application([(PATH, Feed)], log_function=lambda _: None)
    protect(application, guard)
    async with guard:
        listening = asyncio.create_task(_listen(guard))
        await serve(application, port)
        listening.cancel()


def main() -> None:
    """Serves the feed."""
    options = parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="stormdoor-feed-") as directory:
        asyncio.run(run(options.port, Path(directory).resolve()))


if __name__ == "__main__":
    sys.exit(main())
