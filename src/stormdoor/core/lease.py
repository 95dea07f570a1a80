"""The freshness lease of a node: until when it may rely on the revocations that it has applied.

The heartbeat renews the lease. All other code compares the lease with the clock at the moment of use, in the
same synchronous block as the message, the `send()` or the handshake. No timer ends it: a timer does not count
the time during which a machine is suspended or a process is stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import repeat
from typing import Final

from stormdoor.errors import ConfigurationError

__all__ = [
    "BOUNDS",
    "FRESHNESS_FORM",
    "LAPSED",
    "LEASE_SECONDS",
    "Lease",
    "bound_of",
    "check_hold",
    "read_freshness",
]

LEASE_SECONDS: Final[Mapping[str, float]] = {"PostgreSQL": 0.4, "SQLite": 2.0}
"""The lease of a node in seconds, by the store of its installation."""

_BEYOND_LEASE_SECONDS = 0.1
"""Seconds that a message may take between the comparison with the lease and its `send()`."""


def bound_of(lease: float) -> float:
    """Return the seconds from an acknowledged revocation until no node sends to its target any more.

    Args:
        lease: Seconds of the longest lease of a node.
    """
    return round(lease + _BEYOND_LEASE_SECONDS, 3)


BOUNDS: Final = " and ".join(f"{bound_of(s):g} s on {on}" for on, s in LEASE_SECONDS.items())
"""The bound of each store in words. Each document, help text and message that states it is tested."""

FRESHNESS_FORM = '"strict", "none", or a number of seconds such as "5"'
"""The values that `read_freshness` accepts, in words."""

_NEVER: Final = repeat(math.inf)


def read_freshness(text: object) -> float:
    """Return the age in seconds that revocations may have at an endpoint.

    Args:
        text: "strict" for the lease of the node; a number of seconds; "none" for any age.

    Returns:
        0.0 for "strict", infinity for "none", else the seconds.

    Raises:
        ConfigurationError: It is none of them.
    """
    if text == "strict":
        return 0.0
    if text == "none":
        return math.inf
    seconds = 0.0
    if isinstance(text, str) and text.isascii() and text.replace(".", "", 1).isdecimal():
        seconds = float(text)
    if not 0.0 < seconds <= 3600.0:
        raise ConfigurationError(f"freshness must be {FRESHNESS_FORM}, at most 3600, not {text!r}")
    return seconds


def check_hold(seconds: float) -> None:
    """Check the seconds for which sockets are held after the lease has lapsed.

    Raises:
        ConfigurationError: They are not 0 to 300.
    """
    if not 0.0 <= seconds <= 300.0:
        raise ConfigurationError(f"hold_seconds must be 0 to 300, not {seconds}")


class Lease:
    """The time until which a node may let messages in and out, and admit clients.

    Mutable and slotted: the hot path compares `until` with the clock. A lease of finite length has lapsed
    until its first renewal. One of infinite length, of a store that one process alone uses, never lapses.

    Args:
        seconds: Its length in seconds.
        readings: Iterator without end, of which each `next()` reads the clock. Without it, the readings of a
            lease of finite length are later than any time.

    Attributes:
        seconds: Length of the lease in seconds.
        until: Monotonic seconds at which it lapses.
        running_until: Monotonic seconds up to which the event loop is known to run. The lease lapses then at
            the latest, so that nothing passes between a block of the loop and the next beat.
        readings: What a `send()` compares with `until`: those of the clock. A lease of infinite length needs
            no clock.
        on_renewal: Called after each renewal; None for no call.
    """

    __slots__ = (
        "_confirmed_until",
        "_others",
        "on_renewal",
        "readings",
        "running_until",
        "seconds",
        "until",
    )

    def __init__(self, seconds: float = math.inf, readings: Iterator[float] = _NEVER) -> None:
        if not seconds > 0.0:
            raise ValueError(f"a lease must last longer than 0 seconds, not {seconds}")
        self.seconds = seconds
        self.until = self._confirmed_until = math.inf if seconds == math.inf else -math.inf
        self.running_until = math.inf
        self.readings = repeat(0.0) if seconds == math.inf else readings
        self.on_renewal: Callable[[], None] | None = None
        self._others: dict[float, Lease] = {}

    def renew(self, asked_at: float) -> None:
        """Extend the lease, counted from the moment at which its renewal was asked for.

        The caller has asked after the last `lapse`, and has applied every revocation up to the answer. An
        earlier question never shortens the lease.

        Args:
            asked_at: Monotonic seconds, read before the question was sent.
        """
        until = asked_at + self.seconds
        self._confirmed_until = max(self._confirmed_until, until)
        self.until = max(self.until, min(until, self.running_until))
        for one in self._others.values():
            one.until = max(one.until, asked_at + one.seconds)
        if self.on_renewal is not None:
            self.on_renewal()

    def keep(self, now: float, running_until: float) -> None:
        """Note that the event loop runs.

        INVARIANT: a lease that has lapsed stays so until its renewal.

        Args:
            now: Monotonic seconds.
            running_until: Monotonic seconds up to which the loop need not be seen to run.
        """
        self.running_until = running_until
        if now < self.until:
            self.until = min(self._confirmed_until, running_until)

    def lapse(self) -> None:
        """End the lease at once: the node knows that it has missed revocations."""
        for one in (self, *self._others.values()):
            one.until = math.inf if one.seconds == math.inf else -math.inf
        self._confirmed_until = self.until

    def has_lapsed(self, now: float) -> bool:
        """Return whether the lease has lapsed at `now` (monotonic seconds)."""
        return now >= self.until

    def tolerating(self, seconds: float) -> Lease:
        """Return the lease of endpoints at which revocations may be so many seconds old.

        It is renewed together with this one, and lapses later.

        Args:
            seconds: As `read_freshness` returns them.

        Raises:
            ConfigurationError: They are fewer than the seconds of this lease.
        """
        if seconds in (0.0, self.seconds) or self.seconds == math.inf:
            return self
        if seconds < self.seconds:
            raise ConfigurationError(
                f'freshness = "{seconds:g}" is shorter than the lease of the store, {self.seconds:g} s; '
                'write "strict" for the lease'
            )
        other = self._others.get(seconds)
        if other is None:
            other = self._others[seconds] = Lease(seconds, self.readings)
            other.until = max(other.until, self.until - self.seconds + seconds)
        return other


LAPSED: Final = Lease(1.0)
"""A lease that nothing renews, for a connection that is not open."""
