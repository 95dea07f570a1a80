"""Counters for metrics and dashboards, incremented on the hot path."""

from __future__ import annotations

from collections import Counter

from stormdoor.core.denial import Denial

__all__ = ["Statistics"]


class Statistics:
    """Counters since the start of the process.

    Attributes:
        admitted: Accepted handshakes by kind of credential.
        refused: Refused handshakes by cause.
        messages: Allowed incoming messages.
        delivered: Outgoing messages.
        held: Messages that waited because they exceeded a rate.
        fences: Times that the lease of this node has lapsed.
        fenced: Connections that had a message to wait for a renewal of the lease.
        rejected: Refused messages by cause.
        closed: Connections that the guard ended, by cause.
        withheld: Deliveries for which the recipient lacked the permission.
    """

    __slots__ = (
        "admitted",
        "closed",
        "delivered",
        "fenced",
        "fences",
        "held",
        "messages",
        "refused",
        "rejected",
        "withheld",
    )

    def __init__(self) -> None:
        self.admitted: Counter[str] = Counter()
        self.refused: Counter[Denial] = Counter()
        self.messages = 0
        self.delivered = 0
        self.held = 0
        self.fences = 0
        self.fenced = 0
        self.rejected: Counter[Denial] = Counter()
        self.closed: Counter[Denial] = Counter()
        self.withheld = 0
