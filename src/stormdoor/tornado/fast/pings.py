"""Pings of the server, and the time-out for a client that does not answer."""

from __future__ import annotations

import contextlib

from tornado.iostream import StreamClosedError

from stormdoor.tornado.fast.fixed_timeout_queue import FixedTimeoutQueue
from stormdoor.tornado.fast.outgoing import Outgoing

__all__ = ["Pinging"]


class Pinging(Outgoing):
    """The pings of the fast protocol: no Task, and one timer for all connections of a loop.

    Args:
        ping_interval: As in Tornado.
        ping_timeout: As in Tornado.
    """

    __slots__ = ("_paused", "_pinging", "_pings", "_received_pong")

    def __init__(self, ping_interval: float | None, ping_timeout: float | None) -> None:
        super().__init__()
        self._pings = (ping_interval, ping_timeout)
        self._pinging: FixedTimeoutQueue[Pinging] | None = None
        self._received_pong = False
        self._paused = False
        """Whether reading is paused, so that received data stays in the kernel."""

    def start_pinging(self) -> None:
        """Start sending pings, if configured."""
        interval = self.ping_interval
        if self._pinging is None and interval > 0:
            self._ping_in(interval)

    def _ping_in(self, seconds: float) -> None:
        self._pinging = self._coalescer.timeout_queue(seconds, Pinging._ping)
        self._pinging.add(self)

    def _ping(self) -> None:
        self._received_pong = False
        with contextlib.suppress(StreamClosedError):
            self.write_ping(b"")
        self._pinging = self._coalescer.timeout_queue(self.ping_timeout, Pinging._expect_pong)
        self._pinging.add(self)

    def _expect_pong(self) -> None:
        self._pinging = None
        if self.ping_timeout > 0 and not self._received_pong and not self._paused:
            # Received data that is not read yet, because a handler is running, may contain the pong.
            self.close(reason="ping timed out")
            return
        self._ping_in(max(0.0, self.ping_interval - self.ping_timeout))

    def _stop_pinging(self) -> None:
        if self._pinging is not None:
            self._pinging.drop(self)
            self._pinging = None
