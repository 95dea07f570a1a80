"""The measurement of one message to many clients, each of which a guard checks at each delivery."""

import select
import time
from collections.abc import Sequence
from contextlib import ExitStack

from measure import Progress, Rounds, opened, shuffled
from process import Process, Server
from ws_load import Connection, LoadError, frame

__all__ = ["broadcasts"]

_SHOUT = frame(b'{"type":"shout"}')


def broadcasts(
    servers: Sequence[Server], *, recipients: int, rounds: int, count: int, progress: Progress
) -> Rounds:
    """Server CPU per recipient of a message in µs. All servers live side by side during the rounds.

    Args:
        servers: of `broadcast_server.py`.
        recipients: connections of each server.
        rounds: how often each server is measured.
        count: messages of each server in a round.
        progress: is told each round.
    """
    result = Rounds.of(servers)
    with ExitStack() as stack:
        live: dict[Server, tuple[Process, list[Connection]]] = {}
        for server in servers:
            with result.failing(server.name):
                process = stack.enter_context(Process(server))
                connections = stack.enter_context(opened(process, recipients))
                _shout(connections, 2)
                live[server] = process, connections
        for number, order in shuffled([*live], rounds):
            for server in order:
                if server.name in result.failures:
                    continue
                process, connections = live[server]
                with result.failing(server.name):
                    before = process.cpu_ns()
                    _shout(connections, count)
                    spent = process.cpu_ns() - before
                    result.add(server.name, number, "CPU", spent / count / recipients / 1e3)
            progress(f"broadcast: round {number + 1} of {rounds}")
    return result


def _shout(connections: Sequence[Connection], count: int, *, seconds: float = 60.0) -> None:
    """Has one of them shout, and waits until all have heard it; `count` times."""
    deadline = time.monotonic() + seconds
    with select.epoll() as poll:
        by_descriptor = {one.socket.fileno(): one for one in connections}
        for descriptor, connection in by_descriptor.items():
            connection.socket.setblocking(False)
            poll.register(descriptor, select.EPOLLIN)
        for _ in range(count):
            connections[0].socket.sendall(_SHOUT)
            left = len(connections)
            while left:
                if time.monotonic() > deadline:
                    raise LoadError(f"{left} have heard nothing")
                for descriptor, _event in poll.poll(1.0, 1024):
                    connection = by_descriptor[descriptor]
                    heard = connection.frames(connection.socket.recv(262144))
                    if any(b'"said"' not in content for _, content in heard):
                        raise LoadError(f"something else was said: {heard[0][1][:100]!r}")
                    left -= len(heard)
