"""Delays for failed logins that slow an attacker without locking the owner out.

There are two counters. One counts per account and address: each address is delayed for its own failures,
longer each time. One counts per account for all *unfamiliar* addresses together: addresses that have not
logged in to the account before. So an attacker with many addresses gets no more guesses. An address that has
logged in to the account before is *familiar*: only its own failures delay it, not the shared counter. Both
delays are capped. One risk remains: during a distributed attack on an account, its owner may have to wait at
an address that is new to the account.

An attempt is charged as a failure *before* the slow verification and refunded after a success, so that a
hundred simultaneous guesses count as a hundred. The store keeps the counters for all processes
(`stormdoor.ports.Guesses`); it reads, asks `GuessRules`, and writes in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stormdoor.errors import ConfigurationError

__all__ = [
    "FAMILIAR_SECONDS",
    "OWN",
    "UNFAMILIAR",
    "Backoff",
    "Failures",
    "Guess",
    "GuessRules",
    "charged",
    "wait",
]

FAMILIAR_SECONDS = 90 * 86_400.0
"""Seconds after its latest login for which an address stays familiar to an account."""

_MOST_DOUBLINGS = 60  # beyond this, doubling has passed every sensible cap
_WRONG_CLOCK = 86_400.0  # a failure that lies further in the future was written with a wrong clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The delay after each number of failures.

    Attributes:
        free: Failures without a delay.
        first: Seconds of the first delay; each further failure doubles it.
        cap: Seconds of the longest delay.
        forget: Seconds without an attempt after which the failures are forgotten.
    """

    free: int
    first: float
    cap: float
    forget: float

    def __post_init__(self) -> None:
        """Reject values that cause no delay.

        Raises:
            ConfigurationError: A number is out of range.
        """
        if self.free < 1 or not 0.0 < self.first <= self.cap <= self.forget:
            raise ConfigurationError(
                "a back-off needs free >= 1 and 0 < first <= cap <= forget, "
                f"not free={self.free}, first={self.first}, cap={self.cap}, forget={self.forget}"
            )

    def delay(self, failures: int) -> float:
        """Seconds between the last of `failures` failures and the next attempt."""
        beyond = failures - self.free
        if beyond < 0:
            return 0.0
        if beyond > _MOST_DOUBLINGS:
            return self.cap
        return min(self.cap, self.first * 2.0**beyond)


OWN = Backoff(free=5, first=1.0, cap=900.0, forget=3600.0)
"""For one address and one account: five guesses, then longer delays, down to 96 guesses a day."""

UNFAMILIAR = Backoff(free=20, first=1.0, cap=300.0, forget=3600.0)
"""For all unfamiliar addresses of one account: twenty guesses, then longer delays, down to 288 a day."""


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures of one key.

    Attributes:
        count: Failures in a row.
        last: Seconds of the last one, on any clock that the caller uses for all of them.
    """

    count: int
    last: float


def _forgotten(failures: Failures, now: float, rule: Backoff) -> bool:
    # A clock that was set back by days must not lock an owner out for days.
    return not -_WRONG_CLOCK < now - failures.last < rule.forget


def wait(failures: Failures | None, now: float, rule: Backoff) -> float:
    """Seconds until the next attempt is allowed; 0.0 if it is now."""
    if failures is None or _forgotten(failures, now, rule):
        return 0.0
    # Another node's clock may be ahead: then its delay has not begun here.
    return max(0.0, rule.delay(failures.count) - max(0.0, now - failures.last))


def charged(failures: Failures | None, now: float, rule: Backoff) -> Failures:
    """Return `failures` plus one failure at `now`."""
    if failures is None or _forgotten(failures, now, rule):
        return Failures(1, now)
    return Failures(failures.count + 1, max(now, failures.last))


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """One attempt to log in with a password.

    Attributes:
        account: Key of the account.
        pair: Key of the account and the address together.
        familiar: Whether the address has logged in to the account before.
        at: Unix seconds.
    """

    account: str
    pair: str
    familiar: bool
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessRules:
    """How long an attempt waits, and how its counters change. Every store applies these functions.

    Attributes:
        own: The rule for one address and one account.
        unfamiliar: The rule for all unfamiliar addresses of one account together.
    """

    own: Backoff = OWN
    unfamiliar: Backoff = UNFAMILIAR

    def counters(self, guess: Guess) -> dict[str, Backoff]:
        """Return the keys of the counters that `guess` is counted in, each with its rule."""
        if guess.familiar:
            return {guess.pair: self.own}
        return {guess.pair: self.own, guess.account: self.unfamiliar}

    def wait(self, guess: Guess, known: Mapping[str, Failures]) -> float:
        """Return the seconds until `guess` is allowed, given the `known` counters; 0.0 if it is now."""
        counters = self.counters(guess).items()
        return max(wait(known.get(key), guess.at, rule) for key, rule in counters)

    def charged(self, guess: Guess, known: Mapping[str, Failures]) -> dict[str, Failures]:
        """Return the counters of `guess` after one more failure."""
        counters = self.counters(guess).items()
        return {key: charged(known.get(key), guess.at, rule) for key, rule in counters}

    def given_back(
        self, guess: Guess, known: Mapping[str, Failures], *, succeeded: bool
    ) -> dict[str, Failures]:
        """Return the `known` counters of `guess` without its charge.

        A success clears the failures of its address. The shared counter loses only the charge of this
        attempt: the owner's login must not reset the counter of a simultaneous attacker.
        """
        left = {}
        for key in self.counters(guess):
            failures = known.get(key)
            if failures is not None:
                count = 0 if succeeded and key == guess.pair else failures.count - 1
                left[key] = Failures(count, failures.last)
        return left
