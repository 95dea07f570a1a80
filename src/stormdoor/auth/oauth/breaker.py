"""A circuit breaker: stops requests to a failing server for a while, so that callers do not wait."""

from __future__ import annotations

import math

from stormdoor.errors import ConfigurationError

__all__ = ["Breaker"]


class Breaker:
    """Opens after consecutive failures. Later it allows one trial at a time, until the server answers.

    INVARIANT: after `failures` consecutive failures, no request is allowed for `open_seconds`. Then one at a
    time is allowed, until a success closes the breaker. While it is open, credentials are refused, never
    accepted unverified.

    Times are monotonic seconds from the clock of the caller.

    Args:
        failures: Consecutive failures after which it opens.
        open_seconds: Seconds for which it stays open.

    Raises:
        ConfigurationError: A number is out of range.
    """

    __slots__ = ("_failures", "_in_a_row", "_open_seconds", "_opened_at", "_trial_at", "openings")

    def __init__(self, *, failures: int = 5, open_seconds: float = 10.0) -> None:
        if failures < 1:
            raise ConfigurationError(f"breaker_failures must be 1 or more, not {failures}")
        if not 0.0 < open_seconds <= 3600.0:
            raise ConfigurationError(f"breaker_seconds must be 0 to 3600, not {open_seconds}")
        self._failures = failures
        self._open_seconds = open_seconds
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._trial_at: float | None = None
        self.openings = 0
        """Number of times it has opened after being closed."""

    @property
    def closed(self) -> bool:
        """Return whether all requests are allowed."""
        return self._opened_at is None

    def wait(self, now: float) -> float:
        """Return the seconds until a request is allowed; 0 if it is now."""
        if self._opened_at is None:
            return 0.0
        # A trial that never reports its result does not keep it open forever.
        since = self._opened_at if self._trial_at is None else self._trial_at
        return max(0.0, self._open_seconds - (now - since))

    def enter(self, now: float) -> bool:
        """Return whether a request is allowed now. If it is, the caller must report its result."""
        if self._opened_at is None:
            return True
        if self.wait(now) > 0.0:
            return False
        self._trial_at = now
        return True

    def succeeded(self) -> None:
        """Note that an answer arrived."""
        self._in_a_row = 0
        self._opened_at = self._trial_at = None

    def failed(self, now: float) -> None:
        """Note that no usable answer arrived."""
        self._in_a_row += 1
        if self._opened_at is not None or self._in_a_row >= self._failures:
            self.openings += self._opened_at is None
            self._opened_at = now
            self._trial_at = None

    def abandoned(self) -> None:
        """Note that the request was cancelled without a result; another one may try."""
        self._trial_at = None

    def retry_after(self, now: float) -> int:
        """Return whole seconds, for `Retry-After`."""
        return max(1, math.ceil(self.wait(now)))
