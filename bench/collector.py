"""Measure how long the garbage collector stops a server with thousands of connections, and compare settings.

Opens connections to a guarded server that has just started, and has it run a full collection: as it is, after
`gc.freeze()`, and again with as many connections that came later.

    python bench/collector.py
    python bench/collector.py --connections 2000
"""

import argparse
import os
import resource
import statistics
import sys
from typing import Final

from process import CLIENT_CPU
from revocation import Server, request_of
from ws_load import open_all

TIMES: Final = 5


def _collect(server: Server) -> tuple[float, int]:
    """The median of some full collections in milliseconds of CPU, and the objects that were looked at."""
    found = []
    objects = 0
    for _ in range(TIMES):
        server.say("collect")
        answer = server.answer()
        found.append(answer["collect"])
        objects = answer["objects"]
    return statistics.median(found), objects


def main() -> int:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--connections", type=int, default=8000, help="half of them before the freeze"
    )
    parser.add_argument("--port", type=int, default=8792, help="on 127.0.0.1")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if CLIENT_CPU is not None:
        os.sched_setaffinity(0, {CLIENT_CPU})
    server = Server(options.port)
    half = options.connections // 2
    try:
        rows = [("no connection", *_collect(server))]
        server.say("freeze")
        server.answer()
        rows.append(("no connection, frozen", *_collect(server)))
        held = open_all(options.port, request_of(options.port, "other"), half)
        rows.append((f"{half:,} that came after the freeze", *_collect(server)))
        server.say("freeze")
        server.answer()
        rows.append((f"{half:,}, frozen with them", *_collect(server)))
        held += open_all(options.port, request_of(options.port, "other"), half)
        rows.append((f"{half:,} frozen, {half:,} not", *_collect(server)))
    finally:
        server.stop()
    print("| a full collection | ms of CPU | objects looked at |\n|:--|--:|--:|")
    for name, milliseconds, objects in rows:
        print(f"| {name} | {milliseconds:.1f} | {objects:,} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
