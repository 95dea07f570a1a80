"""A guarded feed for `revocation.py`: publishes to one principal at a time, and revokes on command.

Reads commands from its standard input and answers each with a line of JSON on its standard output:
`feed NAME`, `revoke NAME`, `revoke-everything`, `close`; `stall` is answered with the longest time, in
milliseconds, that a timer of 1 ms was late since the last `stall` (on the wall, without what the process
waited for a processor, and in CPU time), and with all CPU time since then, as SIGTERM is, when all is
done; `where` with where its store is; `collect` with the CPU time of a full garbage collection; `freeze`
sets aside what is there now. All times are seconds of `CLOCK_MONOTONIC`, which the processes of one machine
share.
"""

import asyncio
import gc
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from echo_server import LIMITS
from policy import AUDIENCE, ISSUER, PATH, PERMISSIONS, ROLE_PERMISSIONS, SECRET
from serving import LIFETIME, parser
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
    serve_until_stopped,
)

SCHEDULED = Path("/proc/thread-self/schedstat")
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


class Stall:
    """Greatest delay of a timer of a millisecond: for so long no other client was served.

    On a busy machine the process itself waits for a processor. So it is taken without that wait, too, as the
    kernel counts it, which is what an idle machine would show; and so is the CPU time between two looks.
    """

    def __init__(self) -> None:
        self._longest = dict.fromkeys(("wall", "served", "cpu"), 0.0)
        self._due = self._used = self._waited = self._since = 0.0

    def start(self) -> None:
        """Begin to look; it goes on for good."""
        self._due, self._used = time.monotonic() + 0.001, time.thread_time()
        self._waited = _waited_for_a_processor()
        asyncio.get_running_loop().call_later(0.001, self._look)

    def _look(self) -> None:
        late = time.monotonic() - self._due
        now = {
            "wall": late,
            "served": late - (_waited_for_a_processor() - self._waited),
            "cpu": time.thread_time() - self._used,
        }
        for name, seconds in now.items():
            self._longest[name] = max(self._longest[name], seconds)
        self.start()

    def taken(self) -> dict[str, float]:
        """The longest in milliseconds; it begins anew."""
        taken = {name: seconds * 1000 for name, seconds in self._longest.items()}
        self._longest = dict.fromkeys(taken, 0.0)
        since, self._since = self._since, time.process_time()
        return {**taken, "all": (self._since - since) * 1000}


def _waited_for_a_processor() -> float:
    """Seconds that this thread was ready to run, and something else ran."""
    with SCHEDULED.open() as file:
        return int(file.read().split()[1]) / 1e9


STALL = Stall()


async def _obey(
    guard: Guard, line: str, feeding: list[asyncio.Task[None]], store: str
) -> dict[str, object]:
    match line.split():
        case ["feed", name]:
            for task in feeding:
                task.cancel()
            feeding[:] = [asyncio.create_task(_feed(guard, name))]
            return {"connections": len(guard.registry.of_principal(name))}
        case ["stall"]:
            return STALL.taken()
        case ["where"]:
            return {"store": store}
        case ["collect"]:
            begun = time.thread_time()
            gc.collect()
            took = time.thread_time() - begun
            return {"collect": took * 1000, "objects": len(gc.get_objects())}
        case ["freeze"]:
            gc.collect()
            gc.freeze()
            return {"frozen": gc.get_freeze_count()}
        case ["close"]:
            begun = time.monotonic()
            closed = len(guard.registry)
            await guard.close()
            return {"begun": begun, "returned": time.monotonic(), "closed": closed}
        case ["revoke", name]:
            target, value = Target.PRINCIPAL, name
        case ["revoke-everything"]:
            target, value = Target.EVERYTHING, ""
        case _:
            return {"error": f"no such command: {line!r}"}
    begun = time.monotonic()
    done = await guard.admin.revoke(target, value, reason="benchmark")
    return {"begun": begun, "returned": time.monotonic(), "closed": done.closed}


async def _listen(guard: Guard, store: str) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb")
    )
    feeding: list[asyncio.Task[None]] = []
    while line := (await reader.readline()).decode().strip():
        print(json.dumps(await _obey(guard, line, feeding, store)), flush=True)
    for task in feeding:
        task.cancel()


async def run(port: int, directory: Path) -> None:
    """Serves until SIGTERM."""
    store = f"sqlite://{directory}/door.db"
    guard = Guard(
        origins=[f"http://127.0.0.1:{port}"],
        authenticators=[
            JwtAuthenticator(keys=[JwtKey("HS256", SECRET)], issuer=ISSUER, audience=AUDIENCE)
        ],
        policies=PolicySet([role(name, *held) for name, held in ROLE_PERMISSIONS.items()]),
        limits=LIMITS,
        store=store,
    )
    application = Application([(PATH, Feed)], log_function=lambda _: None)
    protect(application, guard)
    signal.alarm(LIFETIME)
    server = application.listen(port, "127.0.0.1", backlog=4096)
    async with guard:
        STALL.start()
        listening = asyncio.create_task(_listen(guard, store))
        await serve_until_stopped(server, guard)
        listening.cancel()
    print(json.dumps(STALL.taken()), flush=True)


def main() -> None:
    """Serves the feed."""
    arguments = parser(__doc__)
    arguments.add_argument("--gc", type=int, nargs=3, metavar="N", help="for gc.set_threshold")
    options = arguments.parse_args()
    if options.gc:
        gc.set_threshold(*options.gc)
    with tempfile.TemporaryDirectory(prefix="stormdoor-feed-") as directory:
        asyncio.run(run(options.port, Path(directory).resolve()))


if __name__ == "__main__":
    sys.exit(main())
