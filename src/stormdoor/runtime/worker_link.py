"""The worker's end of the connection to its supervisor: inherited sockets, orders and reports."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import json
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["SHOW_PLACE", "VARIABLE", "Drain", "WorkerLink"]

VARIABLE = "STORMDOOR_WORKER"
"""The environment variable in which a supervisor hands a worker its file descriptors and options, as JSON."""

SHOW_PLACE = signal.SIGUSR2
"""The signal on which a worker writes the present lines of its threads to its standard error."""
_REPORTS = 5
"""Number of reports during `unresponsive_seconds`."""


@dataclass(frozen=True, slots=True)
class Drain:
    """The order to close all connections and to end.

    Attributes:
        together: Workers that drain at the same time, this one included.
        replaced: Whether a new worker accepts the connections of this one already.
    """

    together: int
    replaced: bool = False


class WorkerLink:
    """The connection of a worker to its supervisor.

    Args:
        link: The socket to the supervisor.
        sockets: The listening sockets, by the name of their group.
        number: Number of this worker, from 1.
        workers: Number of workers.
        drain_seconds: Time in seconds in which a drain must close all connections.
        unready_seconds: Time in seconds between "not ready" and the close of the listener.
        unresponsive_seconds: Time in seconds without a report after which the supervisor ends this worker; 0
            if it never does.
    """

    def __init__(
        self,
        link: socket.socket,
        sockets: Mapping[str, Sequence[socket.socket]],
        *,
        number: int,
        workers: int,
        drain_seconds: float,
        unready_seconds: float,
        unresponsive_seconds: float,
    ) -> None:
        self._link = link
        self.sockets = {name: list(group) for name, group in sockets.items()}
        self.number = number
        self.workers = workers
        self.drain_seconds = drain_seconds
        self.unready_seconds = unready_seconds
        self.unresponsive_seconds = unresponsive_seconds

    @classmethod
    def inherited(cls) -> Self:
        """Return the link that the supervisor has passed to this process.

        The variable is removed, and the file descriptors are not inherited by processes of the application.

        Raises:
            KeyError: No supervisor has started this process.
        """
        given: dict[str, Any] = json.loads(os.environ.pop(VARIABLE))
        groups: dict[str, list[int]] = given.pop("sockets")
        # The terminal and `systemctl kill` reach all processes; the supervisor decides what to do.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with contextlib.suppress(AttributeError, ValueError):  # no standard error
            faulthandler.register(SHOW_PLACE)
        return cls(
            _inherit(given.pop("link")),
            {name: [_inherit(one) for one in group] for name, group in groups.items()},
            **given,
        )

    def ready(self) -> None:
        """Report that the worker serves."""
        self._send({"ready": True})

    async def report_alive(self) -> None:
        """Report that the event loop runs, until it is cancelled."""
        while self.unresponsive_seconds > 0:
            self._send({"alive": True})
            await asyncio.sleep(self.unresponsive_seconds / _REPORTS)

    def warn(self, text: str) -> None:
        """Report a warning about the whole installation. The supervisor logs each text once."""
        self._send({"warning": text})

    def failed(self, reason: str, status: int) -> None:
        """Report that the worker cannot start.

        Args:
            reason: For the operator.
            status: The exit status of the command.
        """
        self._send({"failed": reason, "status": status})

    def _send(self, report: Mapping[str, object]) -> None:
        try:
            self._link.sendall(json.dumps(report).encode() + b"\n")
        except OSError:
            return  # the supervisor has died: `drain_ordered` returns

    async def drain_ordered(self) -> Drain:
        """Wait for the order to drain: of the supervisor, by SIGTERM, or by the death of the supervisor."""
        loop = asyncio.get_running_loop()
        terminated = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, terminated.set)
        self._link.setblocking(False)
        order = loop.create_task(self._order())
        wait = loop.create_task(terminated.wait())
        try:
            await asyncio.wait([order, wait], return_when=asyncio.FIRST_COMPLETED)
            return order.result() if order.done() else Drain(together=self.workers)
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # systemd sends it beside the order
            order.cancel()
            wait.cancel()

    async def _order(self) -> Drain:
        loop, received = asyncio.get_running_loop(), b""
        while not received.endswith(b"\n"):
            try:
                more = await loop.sock_recv(self._link, 4096)
            except OSError:
                more = b""
            if not more:
                return Drain(together=self.workers)
            received += more
        return Drain(**json.loads(received))


def _inherit(descriptor: int) -> socket.socket:
    sock = socket.socket(fileno=descriptor)
    sock.set_inheritable(False)
    return sock
