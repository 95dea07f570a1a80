"""Measurements of a guard for systems of metrics: one list, which Prometheus and OpenTelemetry both read."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from stormdoor.auth.managed_resource import Watched
from stormdoor.core.denial import Denial
from stormdoor.core.histogram import Histogram
from stormdoor.runtime.guard import Guard

__all__ = ["Family", "Sample", "Value", "measure"]

Value = float | Histogram
Sample = tuple[tuple[str, ...], Value]
"""The values of the labels, and the measured value."""

_PUBLIC = "public"
"""Kind of the connections of public endpoints, which need no credential."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its series.

    INVARIANT: no label holds a principal, an address or a secret, so that the number of series is bounded.

    Attributes:
        name: Its name, without the ending `_total` that Prometheus gives to counters.
        kind: Its type.
        text: Its meaning.
        labels: Names of its labels.
        samples: Its series. They exist before their first event, so that `rate()` sees the first one.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    labels: tuple[str, ...]
    samples: Sequence[Sample]

    @property
    def unit(self) -> str:
        """Unit of the values by UCUM: `s`, `By`, or empty for a number of things."""
        return next((unit for end, unit in _UNITS.items() if self.name.endswith(end)), "")


_UNITS = {"_seconds": "s", "_bytes": "By"}


def _one(
    kind: Literal["counter", "gauge", "histogram"], name: str, value: Value | None, text: str
) -> Family:
    samples = () if value is None else (((), value),)
    return Family(f"stormdoor_{name}", kind, text, (), samples)


def _gauge(name: str, value: float | None, text: str) -> Family:
    return _one("gauge", name, value, text)


def _counter(name: str, value: int, text: str) -> Family:
    return _one("counter", name, value, text)


def measure(guard: Guard) -> Iterator[Family]:
    """Return all metrics of `guard` with their present values."""
    yield _info(guard)
    yield from _handshakes(guard)
    yield from _messages(guard)
    yield from _revocations(guard)
    yield from _trail(guard)
    yield from _store(guard)
    yield from _breakers(guard)


def _info(guard: Guard) -> Family:
    names = ("version", "python", "tornado", "store")
    values = (
        _version("stormdoor"),
        platform.python_version(),
        _version("tornado"),
        _store_of(guard),
    )
    text = "Always 1; its labels name the versions and the kind of store of this process."
    return Family("stormdoor_info", "gauge", text, names, [(values, 1)])


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _store_of(guard: Guard) -> str:
    if guard.memory_only:
        return "memory"
    return "object" if guard.store_url is None else guard.store_url.partition(":")[0]


def _handshakes(guard: Guard) -> Iterator[Family]:
    statistics = guard.statistics
    yield _gauge("connections", len(guard.registry), "Open connections.")
    yield _gauge(
        "connections_limit", guard.registry.capacity, "Largest number of open connections."
    )
    kinds = dict.fromkeys([*(one.kind for one in guard.authenticators), _PUBLIC], 0)
    yield Family(
        "stormdoor_handshakes_admitted",
        "counter",
        "Accepted handshakes.",
        ("kind",),
        [((kind,), count) for kind, count in {**kinds, **statistics.admitted}.items()],
    )
    yield _by_cause(
        "handshakes_refused", statistics.refused, "Refused handshakes and HTTP requests."
    )
    yield _counter(
        "pages", statistics.pages, "Allowed requests to HTTP pages that need a permission."
    )
    yield Family(
        "stormdoor_handshake_seconds",
        "histogram",
        "Durations of decisions about handshakes, without the time of the network.",
        ("result",),
        [
            (("admitted",), statistics.admission_seconds),
            (("refused",), statistics.refusal_seconds),
        ],
    )
    yield Family(
        "stormdoor_authentication_seconds",
        "histogram",
        "Durations of the verification of credentials, with the wait for stores and providers.",
        ("kind",),
        [((kind,), one) for kind, one in statistics.authentication_seconds.items()],
    )
    yield _by_cause("connections_ended", statistics.closed, "Connections that the guard ended.")


def _by_cause(name: str, counts: Mapping[Denial, int], text: str) -> Family:
    samples = [((denial.value,), counts.get(denial, 0)) for denial in Denial]
    return Family(f"stormdoor_{name}", "counter", text, ("cause",), samples)


def _messages(guard: Guard) -> Iterator[Family]:
    statistics = guard.statistics
    yield _counter("messages", statistics.messages, "Allowed incoming messages.")
    yield _by_cause("messages_refused", statistics.rejected, "Refused messages.")
    yield _counter(
        "messages_held", statistics.held, "Messages that had to wait, since they came too fast."
    )
    yield _one(
        "histogram",
        "message_check_seconds",
        statistics.check_seconds,
        "Durations of the evaluation of messages, of a sample of at most four in a second.",
    )
    yield _counter("delivered", statistics.delivered, "Outgoing messages.")
    yield _counter(
        "withheld", statistics.withheld, "Deliveries that the recipient was not permitted to see."
    )
    yield _gauge("buffered_bytes", guard.buffers.total, "Bytes that are kept for all connections.")


def _revocations(guard: Guard) -> Iterator[Family]:
    statistics = guard.statistics
    yield _gauge(
        "fenced",
        int(guard.fence.raised),
        "1 while the lease of this process has lapsed, so that no message passes.",
    )
    yield _counter("fences", statistics.fences, "Times that the lease of this process has lapsed.")
    yield _counter(
        "connections_fenced",
        statistics.fenced,
        "Connections with a message that waited for a renewal of the lease.",
    )
    yield _gauge(
        "revocations_age_seconds",
        guard.heartbeat.age,
        "Time since this process last knew that it had applied all revocations.",
    )
    yield _one(
        "histogram",
        "revocation_lag_seconds",
        statistics.revocation_lag_seconds,
        "Ages of entries of the log of revocations when this process read and applied them.",
    )
    yield _one(
        "histogram",
        "revocation_close_seconds",
        statistics.revocation_close_seconds,
        "Durations from the end of delivery on a revoked connection until its close frame was sent.",
    )


def _trail(guard: Guard) -> Iterator[Family]:
    trail = guard.trail
    yield _counter("trail_written", trail.written, "Entries of the trail.")
    yield _counter("trail_lost", trail.lost, "Entries of the trail that were lost.")
    yield _counter(
        "trail_merged",
        trail.merged,
        "Entries of a flood that only the count of another has.",
    )
    yield _gauge(
        "trail_over_budget",
        int(trail.over_budget),
        "1 while entries of unauthenticated clients are merged, since they have used up their budget.",
    )
    yield _gauge("trail_waiting", len(trail), "Entries that wait to be written.")


def _store(guard: Guard) -> Iterator[Family]:
    space = guard.space.last
    yield _gauge(
        "store_alarm",
        int(guard.space.alarm),
        "1 while the store has four fifths of `store_limit_bytes`, or its disk little room left.",
    )
    yield _gauge(
        "store_bytes", None if space is None else space.used, "Size of the store, if it is a file."
    )
    yield _gauge(
        "store_free_bytes",
        None if space is None else space.free,
        "Bytes that the disk of the store has left.",
    )


def _breakers(guard: Guard) -> Iterator[Family]:
    found: dict[tuple[str, ...], tuple[bool, int]] = {}
    for one in guard.managed_resources:
        for state in one.breakers() if isinstance(one, Watched) else ():
            # Two authenticators of one provider are one series: a second sample of it would be an error.
            key = (state.issuer, state.question)
            opened, openings = found.get(key, (False, 0))
            found[key] = (opened or state.opened, openings + state.openings)
    labels = ("issuer", "question")
    yield Family(
        "stormdoor_breaker_open",
        "gauge",
        "1 while a provider that does not answer is left alone.",
        labels,
        [(key, int(opened)) for key, (opened, _) in found.items()],
    )
    yield Family(
        "stormdoor_breaker_openings",
        "counter",
        "Times that this has begun.",
        labels,
        [(key, openings) for key, (_, openings) in found.items()],
    )
