"""Count the answers of a server that `stormdoor run` must end, before it is ended.

Each server is started a few times by a program under `stormdoor run`, in a process that cannot be guarded,
while a client connects to its port again and again. Output: for each way to start it, the answers that the
client got in each start, and the milliseconds from the first to the last of them.

Example:
    python bench/unguarded.py --starts 5
    python bench/unguarded.py --hops 255  # a client that knows how the listeners are held
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SERVER = """
import asyncio, os
from tornado.web import Application, RequestHandler

class Page(RequestHandler):
    def get(self):
        self.write("page")

async def main():
    Application([("/.*", Page)]).listen(int(os.environ["PORT"]), "127.0.0.1")
    await asyncio.Event().wait()

def serve():
    asyncio.run(main())

if __name__ == "__main__":
    serve()
"""
WAYS = {
    "subprocess": "subprocess.run([sys.executable, 'server.py'])",
    "python -I": "subprocess.run([sys.executable, '-I', 'server.py'])",
    "cleaned environment": (
        "os.fork() or os.execve(sys.executable, [sys.executable, 'server.py'], {'PORT': PORT}); os.wait()"
    ),
    "multiprocessing spawn": (
        "one = multiprocessing.get_context('spawn').Process(target=server.serve); one.start(); one.join()"
    ),
    "http.server": (
        "subprocess.run([sys.executable, '-m', 'http.server', PORT, '--bind', '127.0.0.1'])"
    ),
    "http.server with the hook": (
        "import http.server; "
        "http.server.test(http.server.SimpleHTTPRequestHandler, port=int(PORT), bind='127.0.0.1')"
    ),
}
PROGRAM = """
import multiprocessing, os, subprocess, sys
import server

PORT = os.environ["PORT"]
if __name__ == "__main__":
    {way}
"""
REQUEST = b"GET /secret HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def start(folder: Path, hops: int | None) -> tuple[int, float]:
    """Start the program once, and return the answers and the seconds between the first and the last."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "stormdoor",
        "run",
        "--json",
        "--store",
        "sqlite:door.db",
        "--",
    ]
    process = subprocess.Popen(
        [*command, sys.executable, "program.py"],
        cwd=folder,
        env={**os.environ, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    answers: list[float] = []
    while process.poll() is None:
        try:
            with socket.socket() as client:
                client.settimeout(5)
                if hops is not None:
                    client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
                client.connect(("127.0.0.1", port))
                client.sendall(REQUEST)
                if client.recv(5) == b"HTTP/":
                    answers.append(time.perf_counter())
        except OSError:
            time.sleep(0.0005)
    if process.returncode != 125:
        raise SystemExit(f"the program ended with {process.returncode}")
    return len(answers), answers[-1] - answers[0] if answers else 0.0


def main() -> None:
    """Measure each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5, help="starts of each way")
    parser.add_argument("--hops", type=int, help="the IP_TTL of the client")
    parser.add_argument("--only", default="", help="the ways that begin so")
    arguments = parser.parse_args()
    print(f"{'way':28}{'answers':>30}{'milliseconds':>40}")
    for way in [one for one in WAYS if one.startswith(arguments.only)]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "server.py").write_text(SERVER, "utf-8")
            (folder / "program.py").write_text(PROGRAM.format(way=WAYS[way]), "utf-8")
            seen = [start(folder, arguments.hops) for _ in range(arguments.starts)]
        answers = ", ".join(str(one) for one, _ in seen)
        times = ", ".join(f"{seconds * 1000:.1f}" for _, seconds in seen)
        print(f"{way:28}{answers:>30}{times:>40}", flush=True)


if __name__ == "__main__":
    main()
