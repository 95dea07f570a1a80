"""Counters and durations for metrics and dashboards, updated on the hot path."""

from __future__ import annotations

from collections import Counter

from stormdoor.core.denial import Denial
from stormdoor.core.histogram import MICROSECONDS, Histogram

__all__ = ["Statistics"]


class Statistics:
    """Counters since the start of the process.

    Attributes:
        admitted: Accepted handshakes by kind of credential.
        refused: Refused handshakes by cause.
        messages: Allowed incoming messages.
        pages: Allowed requests to HTTP pages that need a permission.
        delivered: Outgoing messages.
        held: Messages that waited because they exceeded a rate.
        fences: Times that the lease of this node has lapsed.
        fenced: Connections that had a message to wait for a renewal of the lease.
        rejected: Refused messages by cause.
        closed: Connections that the guard ended, by cause.
        withheld: Deliveries for which the recipient lacked the permission.
        admission_seconds: Durations of accepted handshakes, from the first step to the decision.
        refusal_seconds: The same of refused handshakes.
        authentication_seconds: Durations of authenticators, by their kind.
        check_seconds: Durations of the evaluation of messages, of a sample.
        revocation_lag_seconds: Ages of the entries of the log of revocations when this process applied them.
        revocation_close_seconds: Durations from the end of delivery to a revoked connection until its close
            frame was sent.
    """

    __slots__ = (
        "admission_seconds",
        "admitted",
        "authentication_seconds",
        "check_seconds",
        "closed",
        "delivered",
        "fenced",
        "fences",
        "held",
        "messages",
        "pages",
        "refusal_seconds",
        "refused",
        "rejected",
        "revocation_close_seconds",
        "revocation_lag_seconds",
        "withheld",
    )

    def __init__(self) -> None:
        self.admitted: Counter[str] = Counter()
        self.refused: Counter[Denial] = Counter()
        self.messages = 0
        self.pages = 0
        self.delivered = 0
        self.held = 0
        self.fences = 0
        self.fenced = 0
        self.rejected: Counter[Denial] = Counter()
        self.closed: Counter[Denial] = Counter()
        self.withheld = 0
        self.admission_seconds = Histogram()
        self.refusal_seconds = Histogram()
        self.authentication_seconds: dict[str, Histogram] = {}
        self.check_seconds = Histogram(MICROSECONDS)
        self.revocation_lag_seconds = Histogram()
        self.revocation_close_seconds = Histogram()

    def fold(self) -> None:
        """Sort the durations of all histograms into their ranges, which the hot path leaves to this call."""
        for one in (
            self.admission_seconds,
            self.refusal_seconds,
            *self.authentication_seconds.values(),
            self.check_seconds,
            self.revocation_lag_seconds,
            self.revocation_close_seconds,
        ):
            one.fold()
