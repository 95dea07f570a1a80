"""Evaluation of one message with a measurement of its duration.

INVARIANT: an unmeasured message costs nothing more. The guard replaces its `Inbound` by a measured one from
time to time, which puts the usual one back as soon as it gets a message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from stormdoor.core.histogram import Histogram
from stormdoor.guard.actions import Actions, BinaryActions
from stormdoor.guard.connection import Connection
from stormdoor.guard.inbound import BinaryInbound, Inbound, InboundParts, Outcome, Refused
from stormdoor.guard.pause import PauseReading

__all__ = ["MeasuredBinaryInbound", "MeasuredInbound"]


class MeasuredInbound(Inbound):
    """Evaluates a message as `Inbound` does, and counts how long it took."""

    def __init__(
        self, *, histogram: Histogram, put_back: Callable[[], None], **parts: Unpack[InboundParts]
    ) -> None:
        """Make one with the same parts as the usual evaluation.

        Args:
            histogram: Gets the durations.
            put_back: Called before the message is evaluated: the next one is not measured.
            parts: The parts of `Inbound`.
        """
        super().__init__(**parts)
        self._histogram = histogram
        self._put_back = put_back

    def receive_text(
        self, connection: Connection, raw: bytes, actions: Actions | BinaryActions
    ) -> Outcome:
        """Evaluate one text message of a command-based handler, see `Inbound.receive_text`."""
        self._put_back()
        began = self._monotonic()
        try:
            return super().receive_text(connection, raw, actions)
        finally:
            self._histogram.observe(self._monotonic() - began)

    def receive_raw(
        self, connection: Connection, raw: str | bytes, permission: str | None
    ) -> bool | Refused | PauseReading:
        """Evaluate one message of a handler that decodes itself, see `Inbound.receive_raw`."""
        self._put_back()
        began = self._monotonic()
        try:
            return super().receive_raw(connection, raw, permission)
        finally:
            self._histogram.observe(self._monotonic() - began)


class MeasuredBinaryInbound(MeasuredInbound, BinaryInbound):
    """The same for connections that speak MessagePack."""
