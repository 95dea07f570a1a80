"""A process that listens waits for its parent, which holds the socket until it is known."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import tempfile
import time

import pytest

from stormdoor.run.hold import copy_of, count_no_hops, hold, is_tcp, release

PROGRAM = """
import os, signal, socket, sys
from stormdoor.run.listen_calls import ListenCalls, ask_before_listen

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
here, there = socket.socketpair()
child = os.fork()
if child == 0:
    socket.send_fds(there, [b"."], [ask_before_listen()])
    with socket.create_server(("127.0.0.1", 0)) as server:
        os.write(there.fileno(), b"listens")
    os._exit(0)
_, (questions, *_), _, _ = socket.recv_fds(here, 1, 1)
calls = ListenCalls(questions)
here.setblocking(False)
assert signal.sigtimedwait({signal.SIGIO}, 60)
try:
    print("early", here.recv(10))
except BlockingIOError:
    print("waits")
for call in calls.waiting():
    print("is the child", call.pid == child)
here.setblocking(True)
print(here.recv(10).decode())
print("status", os.waitpid(child, 0)[1])
"""


def test_a_listen_call_waits_for_the_parent() -> None:
    """The call continues after the parent has answered, and succeeds."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.stdout.splitlines() == ["waits", "is the child True", "listens", "status 0"], done


def _connects(address: tuple[str, int], *, without_hops: bool = False) -> bool:
    with socket.socket() as client:
        client.settimeout(0.5)
        if without_hops:
            count_no_hops(client)
        try:
            client.connect(address)
        except TimeoutError:
            return False
    return True


def test_a_held_listener_drops_clients() -> None:
    """No client connects but the one that counts no hops; a client that waits connects after the release."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        assert _connects(address)
        with copy_of(os.getpid(), server.fileno()) as listener:
            hold(listener)
        assert not _connects(address)
        assert _connects(address, without_hops=True)
        with socket.socket() as waiting:
            waiting.setblocking(False)
            waiting.connect_ex(address)
            time.sleep(0.1)
            release([(os.getpid(), 10**6), (os.getpid(), server.fileno())])
            select.select([], [waiting], [], 60)
            assert waiting.getpeername() == address
        assert _connects(address)


def test_other_sockets_are_left_alone() -> None:
    """A socket that is not TCP is not held; of a file there is no duplicate."""
    with socket.socket(socket.AF_UNIX) as one, copy_of(os.getpid(), one.fileno()) as copy:
        assert not is_tcp(copy)
    with (
        tempfile.TemporaryFile() as file,
        pytest.raises(OSError, match="socket"),
    ):
        copy_of(os.getpid(), file.fileno())


PRIVILEGES = """
import os, sys
from pathlib import Path
from stormdoor.run.listen_calls import ask_before_listen

if os.getuid() == 0:
    os.setgroups([])
    os.setuid(65534)
asked = ask_before_listen(allow_sudo=sys.argv[1] == "allow")
status = Path("/proc/self/status").read_text()
print(asked is not None, "NoNewPrivs:\\t1" in status)
"""


@pytest.mark.parametrize(("option", "gives_up"), [("allow", False), ("refuse", True)])
def test_sudo_works_if_the_operator_allows_it(option: str, *, gives_up: bool) -> None:
    """Without the rights of root, the calls wait only if no child can change its user."""
    done = subprocess.run(
        [sys.executable, "-c", PRIVILEGES, option],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.stdout.split() == [str(gives_up)] * 2, done
