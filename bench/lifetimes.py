"""Does a server keep anything of the connections that are over? Its memory after many lives of one.

Each life is a handshake, an echoed message and an end: closed in good order, hung up, or reset, in turn.
Fails when the memory after the last lives is larger than after the first by more than `--most`.
"""

import argparse
import resource
import socket
import struct
import sys
import time

from measure import PAYLOAD
from policy import PATH, token
from process import Process, pin_client
from roster import DOOR, DOOR_UVLOOP
from ws_load import Connection, first_reply, frame, open_all, upgrade

CLOSE = 0x8


def main() -> int:
    """Lives and prints; 1 when memory grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="lives; 1,000,000 takes an hour")
    parser.add_argument("--most", type=int, default=2048, help="KiB that the memory may grow")
    parser.add_argument("--uvloop", action="store_true")
    options = parser.parse_args()
    pin_client()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    step = max(100, options.count // 10)
    with Process(DOOR_UVLOOP if options.uvloop else DOOR) as process:
        request = upgrade(process.port, PATH, [f"Authorization: Bearer {token()}"])
        readings = []
        for done in range(0, options.count, step):
            for _ in range(0, step, 100):
                for number, connection in enumerate(open_all(process.port, request, 100)):
                    _live(connection, number % 3)
            time.sleep(1.0)  # what is put off, such as the trail
            readings.append(process.rss_kib())
            print(f"{done + step:9} lives: {readings[-1]} KiB", flush=True)
    # The first readings hold what is made once: caches, pools, the trail's batches.
    grown = readings[-1] - readings[len(readings) // 3]
    print(f"grown by {grown} KiB since a third of them")
    return 0 if grown <= options.most else 1


def _live(connection: Connection, end: int) -> None:
    first_reply(connection, PAYLOAD)
    with connection.socket as ended:
        if end == 0:
            ended.sendall(frame((1000).to_bytes(2, "big"), CLOSE))
            while ended.recv(4096):
                pass
        elif end == 1:
            ended.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


if __name__ == "__main__":
    sys.exit(main())
