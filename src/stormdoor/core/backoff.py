"""Delays for failed logins that slow an attacker without locking the owner out.

There are two counters. One counts per account and address: each address is delayed for its own failures,
longer each time. One counts per account for all *unfamiliar* addresses together: addresses that have not
logged in to the account before. So an attacker with many addresses gets no more guesses. An address that has
logged in to the account before is *familiar*: only its own failures delay it, not the shared counter. Both
delays are capped. One risk remains: during a distributed attack on an account, its owner may have to wait at
an address that is new to the account.

An attempt is charged as a failure *before* the slow verification and refunded after a success, so that a
hundred simultaneous guesses count as a hundred. Times are monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from stormdoor.errors import ConfigurationError

__all__ = [
    "FAMILIAR_SECONDS",
    "OWN",
    "UNFAMILIAR",
    "Backoff",
    "Failures",
    "LoginBackoff",
    "charged",
    "wait",
]

FAMILIAR_SECONDS = 90 * 86_400.0
"""Seconds after its latest login for which an address stays familiar to an account."""

Key = TypeVar("Key")
Value = TypeVar("Value")

_MOST_DOUBLINGS = 60  # beyond this, doubling has passed every sensible cap


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
        last: Monotonic seconds of the last one.
    """

    count: int
    last: float


def wait(failures: Failures | None, now: float, rule: Backoff) -> float:
    """Seconds until the next attempt is allowed; 0.0 if it is now."""
    if failures is None:
        return 0.0
    since = now - failures.last
    if since >= rule.forget:
        return 0.0
    return max(0.0, rule.delay(failures.count) - since)


def charged(failures: Failures | None, now: float, rule: Backoff) -> Failures:
    """Return `failures` plus one failure at `now`."""
    if failures is None or now - failures.last >= rule.forget:
        return Failures(1, now)
    return Failures(failures.count + 1, now)


class LoginBackoff:
    """The counters of all accounts, in bounded memory.

    The least recently used entry is dropped first. Only an attempt that reaches the slow verification makes
    an entry, and a process verifies about a hundred a second at most. So an attacker needs longer to displace
    an entry than to wait for its delay.

    Args:
        own: The rule for one address and one account.
        unfamiliar: The rule for all unfamiliar addresses of one account together.
        entries: Entries that each table holds at most.
        familiar: Familiar addresses that are remembered of each account.
    """

    __slots__ = (
        "_entries",
        "_familiar",
        "_known",
        "_own",
        "_own_rule",
        "_unfamiliar",
        "_unfamiliar_rule",
    )

    def __init__(
        self,
        *,
        own: Backoff = OWN,
        unfamiliar: Backoff = UNFAMILIAR,
        entries: int = 50_000,
        familiar: int = 16,
    ) -> None:
        if entries < 1 or familiar < 1:
            raise ConfigurationError("a back-off must remember at least one entry and one address")
        self._own_rule = own
        self._unfamiliar_rule = unfamiliar
        self._entries = entries
        self._familiar = familiar
        self._own: dict[tuple[str, str], Failures] = {}
        self._unfamiliar: dict[str, Failures] = {}
        self._known: dict[str, dict[str, None]] = {}

    def familiar(self, account: str, address: str) -> bool:
        """Return whether `address` is known to have logged in to `account` before."""
        return address in self._known.get(account, ())

    def wait(self, account: str, address: str, now: float) -> float:
        """Seconds until `address` may try `account` again; 0.0 if it may now."""
        own = wait(self._own.get((account, address)), now, self._own_rule)
        if self.familiar(account, address):
            return own
        return max(own, wait(self._unfamiliar.get(account), now, self._unfamiliar_rule))

    def attempt(self, account: str, address: str, now: float) -> float:
        """Ask for an attempt, and charge it at once if it is allowed.

        Returns:
            0.0 if the attempt may continue; it counts as a failure until `succeeded` or `refund` is called.
            Else the seconds to wait; then nothing was charged.
        """
        seconds = self.wait(account, address, now)
        if seconds > 0.0:
            return seconds
        # INVARIANT: checking and charging are one step, with no await between them.
        pair = (account, address)
        self._put(self._own, pair, charged(self._own.pop(pair, None), now, self._own_rule))
        if not self.familiar(account, address):
            before = self._unfamiliar.pop(account, None)
            self._put(self._unfamiliar, account, charged(before, now, self._unfamiliar_rule))
        return 0.0

    def refund(self, account: str, address: str) -> None:
        """Refund the charge of an attempt that was never verified (the server was busy)."""
        self._take_back(self._own, (account, address))
        if not self.familiar(account, address):
            self._take_back(self._unfamiliar, account)

    def succeeded(self, account: str, address: str) -> None:
        """Note a success: clear the failures of the address, which is familiar from now on.

        The shared counter is reduced only by the charge of this attempt: the owner's login must not reset
        the counter of a simultaneous attacker.
        """
        self._own.pop((account, address), None)
        if not self.familiar(account, address):
            self._take_back(self._unfamiliar, account)
        self.remember(account, address)

    def remember(self, account: str, address: str) -> None:
        """Note that an address has logged in to the account, now or in an earlier process."""
        addresses = self._known.pop(account, {})
        addresses.pop(address, None)
        addresses[address] = None
        if len(addresses) > self._familiar:
            del addresses[next(iter(addresses))]
        self._put(self._known, account, addresses)

    def _put(self, table: dict[Key, Value], key: Key, value: Value) -> None:
        table[key] = value
        if len(table) > self._entries:
            del table[next(iter(table))]

    @staticmethod
    def _take_back(table: dict[Key, Failures], key: Key) -> None:
        failures = table.get(key)
        if failures is None:
            return
        if failures.count <= 1:
            del table[key]
        else:
            table[key] = Failures(failures.count - 1, failures.last)
