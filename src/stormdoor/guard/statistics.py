"""Plain counters: incremented on the hot path, read by the metrics and the dashboard."""

from __future__ import annotations

from collections import Counter

from stormdoor.core.denial import Denial

__all__ = ["Statistics"]


class Statistics:
    """What happened since the process started.

    Attributes:
        admitted: Accepted handshakes by kind of credential.
        refused: Refused handshakes by cause.
        messages: Allowed incoming messages.
        delivered: Outgoing messages.
        held: Messages that had to wait, since they came too fast.
        rejected: Refused messages by cause.
        closed: Connections that the guard ended, by cause.
        withheld: Deliveries that the recipient was not permitted to see.
    """

    __slots__ = (
        "admitted",
        "closed",
        "delivered",
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
        self.rejected: Counter[Denial] = Counter()
        self.closed: Counter[Denial] = Counter()
        self.withheld = 0
