"""A circuit breaker: whoever does not answer is left alone for a while, and nobody waits for it."""

from __future__ import annotations

import math

from stormdoor.errors import ConfigurationError

__all__ = ["Breaker"]


class Breaker:
    """Open after failures in a row; then one trial at a time finds out whether it is over.

    INVARIANT: between `failures` failures in a row and the end of `open_seconds`, nobody is let through;
    after it, one at a time, until a success closes it. An open breaker means *refuse*, never *allow*.

    Times are monotonic seconds that the caller has from its clock.

    Args:
        failures: In a row, after which it opens.
        open_seconds: How long nobody asks then.

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
        """How often it has opened, after it was closed."""

    @property
    def closed(self) -> bool:
        """Whether everybody is let through."""
        return self._opened_at is None

    def wait(self, now: float) -> float:
        """Seconds until somebody may ask again; 0 if that is now."""
        if self._opened_at is None:
            return 0.0
        # Whoever tries and is never heard of again does not keep it open for ever.
        since = self._opened_at if self._trial_at is None else self._trial_at
        return max(0.0, self._open_seconds - (now - since))

    def enter(self, now: float) -> bool:
        """Whether somebody may ask now. True says that an answer will be reported."""
        if self._opened_at is None:
            return True
        if self.wait(now) > 0.0:
            return False
        self._trial_at = now
        return True

    def succeeded(self) -> None:
        """An answer came."""
        self._in_a_row = 0
        self._opened_at = self._trial_at = None

    def failed(self, now: float) -> None:
        """No answer came, or none that could be used."""
        self._in_a_row += 1
        if self._opened_at is not None or self._in_a_row >= self._failures:
            self.openings += self._opened_at is None
            self._opened_at = now
            self._trial_at = None

    def abandoned(self) -> None:
        """Nobody waited for the answer: nothing is known, and another may try."""
        self._trial_at = None

    def retry_after(self, now: float) -> int:
        """Whole seconds, for `Retry-After`."""
        return max(1, math.ceil(self.wait(now)))
