"""Servers of a program that are hard to recognise or to reach: each one is ended, or named."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.run.running import free_port, handshake, running, write

PYTHON = sys.executable
HANDSHAKE = (
    b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)

SERVER = '''
import contextlib, os, socket, subprocess, sys, threading, time

PORT = int(os.environ["PORT"])
READY = b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n"


def answer(client, path, otherwise):
    """Answer a handshake, at one path or at all; do with other requests as `otherwise` says."""
    with client, contextlib.suppress(OSError):
        head = b""
        while b"\\r\\n\\r\\n" not in head:
            got = client.recv(1000)
            head += got
            if not got or otherwise == "closes" and b"GET /" != head[:5]:
                return
        fits = path is None or head.startswith(b"GET %b " % path)
        if fits and b"upgrade: websocket" in head.lower():
            client.sendall(READY)
        elif otherwise == "is silent":
            client.recv(1000)
        elif otherwise == "answers nonsense":
            client.sendall(b"ERROR\\n")


def serve(listener, path=None, otherwise="closes"):
    """Serve for ever in threads: a second connection never waits for the first one."""
    listener.listen(50)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=answer, args=(client, path, otherwise), daemon=True).start()
'''

TCP = "one = socket.create_server(('127.0.0.1', PORT))\n"

ANSWERS = ["closes", "is silent", "answers nonsense"]
"""The ways to treat a request that is no handshake."""


def _write(folder: Path, text: str, name: str = "app.py") -> None:
    (folder / name).write_text(SERVER + text, "utf-8")


def _opens(target: tuple[str, int] | str, path: bytes = b"/") -> bool:
    """Return whether an unauthenticated client gets a 101."""
    with socket.socket(socket.AF_UNIX if isinstance(target, str) else socket.AF_INET) as client:
        client.settimeout(5)
        try:
            client.connect(target)
            client.sendall(HANDSHAKE % path)
            return client.recv(100).startswith(b"HTTP/1.1 101")
        except OSError:
            return False


def _opens_soon(target: tuple[str, int] | str, path: bytes = b"/") -> bool:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if _opens(target, path):
            return True
        time.sleep(0.05)
    return False


@contextmanager
def _attacked(target: tuple[str, int] | str) -> Iterator[list[bool]]:
    """Open a socket again and again."""
    over = threading.Event()
    opened: list[bool] = []

    def attack() -> None:
        while not over.is_set():
            if _opens(target):
                opened.append(True)
            over.wait(0.01)

    attacker = threading.Thread(target=attack)
    attacker.start()
    try:
        yield opened
    finally:
        over.set()
        attacker.join()


@pytest.mark.parametrize(
    "otherwise",
    [one if one == "closes" else pytest.param(one, marks=pytest.mark.extended) for one in ANSWERS],
)
def test_a_server_of_handshakes_alone_opens_for_no_client(otherwise: str, tmp_path: Path) -> None:
    """It is asked with a handshake before it is released, and ended."""
    _write(tmp_path, f"{TCP}serve(one, otherwise={otherwise!r})\n")
    with running(tmp_path, [PYTHON, "app.py"], guarded=False) as plain:
        assert _opens_soon(("127.0.0.1", plain.port))
    with (
        running(tmp_path, [PYTHON, "app.py"]) as run,
        _attacked(("127.0.0.1", run.port)) as opened,
    ):
        assert run.ended() == 125
        assert f"answers HTTP at 127.0.0.1:{run.port}" in run.seen("refused")[0]["reason"]
    assert opened == []


@pytest.mark.extended
def test_a_server_that_answers_only_at_its_own_path(tmp_path: Path) -> None:
    """It is named with process and address, ended with --strict, and spared if the operator allows it."""
    _write(tmp_path, f"{TCP}serve(one, b'/hidden')\n")
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        said = run.wait_for("unrecognised")
        assert said["address"] == f"127.0.0.1:{run.port}"
        assert f"process {said['process'].split()[1]} (" in said["process"]
        assert _opens_soon(("127.0.0.1", run.port), b"/hidden")
    with running(tmp_path, [PYTHON, "app.py"], "--strict") as run:
        with _attacked(("127.0.0.1", run.port)) as opened:
            assert run.ended() == 125
        assert f"127.0.0.1:{run.port}" in run.seen("refused")[0]["reason"]
        assert opened == []
    allowed = f"--insecure-allow-http=127.0.0.1:{free_port()}"
    port = allowed.rpartition(":")[2]
    with running(tmp_path, [PYTHON, "app.py"], "--strict", allowed, PORT=port) as run:
        run.wait_for("allowed")
        assert _opens_soon(("127.0.0.1", int(port)), b"/hidden")
        assert not run.seen("unrecognised")


UNIX = "one = socket.socket(socket.AF_UNIX)\n"

HIDDEN = {
    "a relative path": f"{UNIX}one.bind('s'); os.chdir('/')\n",
    "a relative path in another folder": (
        f"{UNIX}os.mkdir('f'); os.chdir('f'); one.bind('../s'); os.chdir('/')\n"
    ),
    "renamed": f"{UNIX}one.bind('t'); os.rename('t', 's')\n",
    "renamed while it listens": f"{UNIX}one.bind('t'); one.listen(); os.rename('t', 's')\n",
    "a line end": f"{UNIX}one.bind('a\\nb'); os.symlink('a\\nb', 's')\n",
    "a forged line": (
        f"{UNIX}one.bind('a\\n00: 00000002 00000000 00010000 0001 01 %d x' % os.fstat(one.fileno()).st_ino)\n"
        "os.symlink(os.listdir('.')[[n[:2] for n in os.listdir('.')].index('a\\n')], 's')\n"
    ),
    "a long path": (
        f"{UNIX}f = 'f' * 200; os.mkdir(f); os.chdir(f); one.bind('s'); os.symlink(f + '/s', '../s')\n"
        "os.chdir('/')\n"
    ),
}
"""Unix sockets that the path in `/proc/net/unix` does not lead to. The attack is at the path `s`."""


@pytest.mark.parametrize(
    "way",
    [one if one == "renamed" else pytest.param(one, marks=pytest.mark.extended) for one in HIDDEN],
)
def test_a_hidden_unix_socket_is_found(way: str, tmp_path: Path) -> None:
    """It is asked by the file that it has, not by the text of its path."""
    for name in ("plain", "guarded"):
        (tmp_path / name).mkdir()
        _write(tmp_path / name, f"{HIDDEN[way]}serve(one)\n")
    with running(tmp_path / "plain", [PYTHON, "app.py"], guarded=False):
        assert _opens_soon(str(tmp_path / "plain" / "s"))
    with running(tmp_path / "guarded", [PYTHON, "app.py"]) as run:
        assert run.ended() == 125
        assert "answers HTTP at unix:" in run.seen("refused")[0]["reason"]


GUARDED = """
import asyncio
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

async def main():
    {bound}
    server = HTTPServer(make())
    server.add_sockets(sockets)
    print("ready", flush=True)
    if "alone" not in sys.argv:
        import subprocess
        child = subprocess.Popen([sys.executable, "server.py"])
    await asyncio.Event().wait()

asyncio.run(main())
"""

REUSE = (
    "one = socket.socket(); one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)\n"
    "one.bind(('127.0.0.1', PORT))\n"
)

SHADOWED = {
    "every address": (
        "sockets = bind_sockets(PORT, '127.0.0.1', reuse_port=True)",
        REUSE.replace("127.0.0.1", ""),
    ),
    "the same address": ("sockets = bind_sockets(PORT, '127.0.0.1', reuse_port=True)", REUSE),
    "both families": (
        "sockets = sum((bind_sockets(PORT, one, reuse_port=True) for one in ('127.0.0.1', '::1')), [])",
        REUSE.replace("socket.socket()", "socket.socket(socket.AF_INET6)").replace(
            "127.0.0.1", "::"
        ),
    ),
}
"""How a guarded server listens, and how another one listens at the same port behind it."""


@pytest.mark.extended
@pytest.mark.parametrize("way", SHADOWED)
def test_a_listener_behind_a_guarded_one_is_found(way: str, tmp_path: Path) -> None:
    """The guarded one answers at the usual address; the other one is asked all the same, and ended alone."""
    bound, other = SHADOWED[way]
    write(tmp_path, GUARDED.format(bound=bound))
    _write(tmp_path, f"{other}serve(one)\n", "server.py")
    hosts = {"the same address": "127.0.0.1"}
    with running(tmp_path, [PYTHON, "server.py"], guarded=False) as plain:
        assert _opens_soon((hosts.get(way, "127.1.2.3"), plain.port))
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        run.wait_for("guarded")
        assert "answers HTTP at" in run.wait_for("child ended")["reason"]
        assert handshake(run.port) == 401
        assert run.process.poll() is None


UNREACHABLE = {
    "another kind of network": (
        "one = socket.socket(socket.AF_VSOCK); one.bind((socket.VMADDR_CID_ANY, PORT))\n"
    ),
    "another network": ("import ctypes\nassert ctypes.CDLL(None).unshare(0x40000000) == 0\n" + TCP),
    "a socket of another network": (
        "import ctypes\n"
        "c = ctypes.CDLL(None); here = os.open('/proc/self/ns/net', 0); assert c.unshare(0x40000000) == 0\n"
        f"{TCP}assert c.setns(here, 0) == 0\n"
    ),
}


@pytest.mark.extended
@pytest.mark.parametrize("way", UNREACHABLE)
def test_a_listener_out_of_reach_is_named(way: str, tmp_path: Path) -> None:
    """`run` cannot ask it: it prints process and address, and ends it with --strict."""
    text = UNREACHABLE[way]
    done = subprocess.run(
        [PYTHON, "-c", f"import os, socket\nPORT = 65500\n{text}one.listen()"],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"not on this machine: {done.stderr.decode().strip().splitlines()[-1]}")
    _write(tmp_path, f"{text}serve(one)\n")
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        said = run.wait_for("unrecognised")
        assert str(run.port) in said["address"]
        assert run.process.poll() is None
    with running(tmp_path, [PYTHON, "app.py"], "--strict") as run:
        assert run.ended() == 125
        assert said["address"].rpartition(":")[0] in run.seen("refused")[0]["reason"]
    with running(
        tmp_path,
        [PYTHON, "app.py"],
        "--strict",
        "--insecure-allow-http",
        said["address"],
        PORT=said["address"].rpartition(":")[2],
    ) as run:
        run.wait_for("allowed")


FORK_SERVER = """
import multiprocessing, time

def child():
    print("child", flush=True)

if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    for _ in range(2):
        one = context.Process(target=child)
        one.start()
        one.join()
        time.sleep(1)
"""

COMM = """
import asyncio, os, socket
from distributed.comm.tcp import BaseTCPListener

async def main():
    print("asked" if await BaseTCPListener().start() else "not asked", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
COMM_MODULE = """
import asyncio, os
from tornado.netutil import add_accept_handler, bind_sockets

class BaseTCPListener:
    async def start(self):
        self.asked = asyncio.Event()
        for one in bind_sockets(int(os.environ["PORT"]), "127.0.0.1"):
            add_accept_handler(one, self.take)
        {after}

    def take(self, connection, address):
        connection.setblocking(True)
        self.got = connection.recv(8)
        self.asked.set()
        {taken}
"""
ASKED = """
        try:
            await asyncio.wait_for(self.asked.wait(), 4)
        except TimeoutError:
            return False
        return True
"""
SERVES = """
        import http.server, threading
        kind = http.server.SimpleHTTPRequestHandler
        server = http.server.HTTPServer(("127.0.0.1", int(os.environ["OTHER"])), kind)
        threading.Thread(target=server.serve_forever, daemon=True).start()
"""
KERNEL = """
import socket, subprocess, sys
from jupyter_client.connect import ConnectionFileMixin

SERVE = (
    "import os, socket; one = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))\\n"
    "one.settimeout(4)\\n"
    "try: one.accept(); print('asked')\\nexcept TimeoutError: print('not asked')"
)
ConnectionFileMixin().write_connection_file()
subprocess.run([sys.executable, "-uc", SERVE])
"""
KERNEL_MODULE = """
import os

class ConnectionFileMixin:
    ip = "127.0.0.1"

    def write_connection_file(self):
        self.shell_port = int(os.environ["PORT"])
        for name in ("iopub", "stdin", "control", "hb"):
            setattr(self, name + "_port", 1)
"""


def _module(folder: Path, name: str, text: str) -> None:
    """Write a module of a host that is not installed here."""
    path = folder.joinpath(*name.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")


@pytest.mark.extended
def test_the_fork_server_of_python_gets_no_request(tmp_path: Path) -> None:
    """A request would end it: it takes descriptors alone."""
    (tmp_path / "app.py").write_text(FORK_SERVER, "utf-8")
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        assert run.ended() == 0
        assert run.output.splitlines().count("child") == 2
        assert "fork server" in run.seen("other")[0]["protocol"]


@pytest.mark.extended
@pytest.mark.parametrize(
    ("name", "module", "program"),
    [
        ("distributed.comm.tcp", COMM_MODULE.format(after=ASKED, taken="pass"), COMM),
        ("jupyter_client.connect", KERNEL_MODULE, KERNEL),
    ],
    ids=["in the process", "in a child process"],
)
def test_a_protocol_of_the_table_gets_no_request(
    name: str, module: str, program: str, tmp_path: Path
) -> None:
    """The host tells which listeners speak it, and `run` leaves them alone."""
    _module(tmp_path, name, module)
    (tmp_path / "app.py").write_text(program, "utf-8")
    with running(tmp_path, [PYTHON, "app.py"], "--strict") as run:
        assert run.wait_for("other")["address"] == f"127.0.0.1:{run.port}"
        end = time.monotonic() + 60
        while "asked" not in run.output and time.monotonic() < end:
            time.sleep(0.05)
        assert "not asked" in run.output


@pytest.mark.extended
def test_a_server_that_a_client_of_such_a_protocol_starts_is_found(tmp_path: Path) -> None:
    """A listener that is made after the host's own one, by the code behind it, speaks another protocol."""
    _module(tmp_path, "distributed.comm.tcp", COMM_MODULE.format(after="return True", taken=SERVES))
    (tmp_path / "app.py").write_text(COMM, "utf-8")
    other = free_port()
    with running(tmp_path, [PYTHON, "app.py"], OTHER=str(other)) as run:
        run.wait_for("other")
        with socket.create_connection(("127.0.0.1", run.port)) as client:
            client.sendall(b"start one")
            assert run.ended() == 125
        assert f"answers HTTP at 127.0.0.1:{other}" in run.seen("refused")[0]["reason"]


@pytest.mark.extended
def test_a_file_that_the_kernel_does_not_give_is_found(tmp_path: Path) -> None:
    """Without the rights of an administrator, the file is opened before the program can move it."""
    if shutil.which("setpriv") is None or os.getuid() != 0:
        pytest.skip("it gives up a right of root")
    _write(
        tmp_path,
        f"{UNIX}os.mkdir('f'); one.bind('t'); one.listen(); os.rename('t', 'f/s'); os.chdir('/')\n"
        "serve(one)\n",
    )
    ours = [PYTHON, "-m", "stormdoor", "run", "--json", "--store", "sqlite:door.db", "--"]
    command = ["setpriv", "--bounding-set=-net_admin", *ours, PYTHON, "app.py"]
    with running(tmp_path, command, guarded=False) as run:
        assert run.ended() == 125
        assert "answers HTTP at unix:t " in run.seen("refused")[0]["reason"]
