"""Open idle sockets to a node of `cluster.py`, and keep them open until the standard input ends.

A process of its own, because a process may have only so many open files. Prints the number of open sockets
each second, and "ready" at the end: when all are open, or after the time limit.

    python bench/idle_clients.py PORT COOKIE ADDRESS COUNT SECONDS
"""

import base64
import os
import socket
import sys
import time

AT_ONCE = 50


def request(cookie: str, origin: str, path: str) -> bytes:
    """Return an upgrade request with a session."""
    lines = (
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        f"Origin: {origin}",
        f"Cookie: __Host-stormdoor={cookie}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def connected(port: int, address: str) -> socket.socket:
    """Return a socket from a source address: each has ports of its own."""
    made = socket.socket()
    made.settimeout(30)
    made.bind((address, 0))
    made.connect(("127.0.0.1", port))
    return made


def accepted(one: socket.socket) -> bool:
    """Return whether the node has accepted the handshake."""
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        data = one.recv(4096)
        if not data:
            return False
        answer += data
    return answer.startswith(b"HTTP/1.1 101")


def main() -> None:
    """Open the sockets, and wait."""
    port, cookie, address, count, seconds = sys.argv[1:]
    deadline = time.monotonic() + float(seconds)
    opened: list[socket.socket] = []
    told = time.monotonic()
    while len(opened) < int(count) and time.monotonic() < deadline:
        batch: list[socket.socket] = []
        try:
            for _ in range(min(AT_ONCE, int(count) - len(opened))):
                one = connected(int(port), address)
                one.sendall(request(cookie, "http://127.0.0.1", "/feed"))
                batch.append(one)
            good = [one for one in batch if accepted(one)]
        except OSError:
            good = []
        for one in batch:
            if one not in good:
                one.close()
        opened += good
        if len(good) < AT_ONCE:
            time.sleep(0.2)  # a node on a busy machine is without its lease for a moment
        if time.monotonic() > told + 1:
            told = time.monotonic()
            print(len(opened), flush=True)
    print(f"ready {len(opened)}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
