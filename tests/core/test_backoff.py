"""Guessing gets slower and slower, and no guesser locks an owner out."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.backoff import (
    OWN,
    UNFAMILIAR,
    Backoff,
    Failures,
    Guess,
    GuessRules,
    charged,
    wait,
)
from stormdoor.errors import ConfigurationError

RULE = Backoff(free=3, first=1.0, cap=60.0, forget=600.0)
SHARED = Backoff(free=5, first=1.0, cap=30.0, forget=600.0)
HOME, CAFE = "192.0.2.1", "198.51.100.7"


class Counters:
    """The counters as a store keeps them, with short rules."""

    def __init__(self) -> None:
        self.rules = GuessRules(own=RULE, unfamiliar=SHARED)
        self.known: dict[str, Failures] = {}
        self.familiar: set[tuple[str, str]] = set()

    def guess(self, account: str, address: str, now: float) -> Guess:
        """Return an attempt."""
        familiar = (account, address) in self.familiar
        return Guess(account=account, pair=f"{account} {address}", familiar=familiar, at=now)

    def wait(self, account: str, address: str, now: float) -> float:
        """Return the seconds until an attempt is allowed."""
        return self.rules.wait(self.guess(account, address, now), self.known)

    def attempt(self, account: str, address: str, now: float) -> float:
        """Charge an attempt if it is allowed. Return the seconds to wait."""
        guess = self.guess(account, address, now)
        seconds = self.rules.wait(guess, self.known)
        if seconds == 0.0:
            self.known.update(self.rules.charged(guess, self.known))
        return seconds

    def refund(self, account: str, address: str, *, succeeded: bool = False) -> None:
        """Give an attempt back."""
        guess = self.guess(account, address, 0.0)
        for key, left in self.rules.given_back(guess, self.known, succeeded=succeeded).items():
            if left.count:
                self.known[key] = left
            else:
                del self.known[key]

    def succeeded(self, account: str, address: str) -> None:
        """Note a success. The address is familiar from now on."""
        self.refund(account, address, succeeded=True)
        self.familiar.add((account, address))


def fail(counters: Counters, address: str, now: float, times: int = 1) -> float:
    """Fail `times` times as soon as that is allowed. Returns the time of the last attempt."""
    for _ in range(times):
        now += counters.wait("alice", address, now)
        assert counters.attempt("alice", address, now) == 0.0
    return now


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (2, 0), (3, 1), (4, 2), (5, 4), (8, 32), (9, 60), (63, 60), (64, 60), (10_000, 60)],
)
def test_delay_doubles_up_to_the_cap(failures: int, seconds: float) -> None:
    """Some failures are free, then each doubles the delay, up to the cap and never beyond."""
    assert RULE.delay(failures) == seconds


@given(st.integers(0, 10**6))
def test_delay_never_shrinks(failures: int) -> None:
    """One failure more is never answered sooner."""
    assert 0.0 <= OWN.delay(failures) <= OWN.delay(failures + 1) <= OWN.cap
    assert UNFAMILIAR.delay(failures) <= UNFAMILIAR.cap


@pytest.mark.parametrize(
    ("failures", "now", "seconds"),
    [
        (None, 0.0, 0.0),
        (Failures(2, 100.0), 100.0, 0.0),
        (Failures(5, 100.0), 100.0, 4.0),
        (Failures(5, 100.0), 103.0, 1.0),
        (Failures(5, 100.0), 104.0, 0.0),
        (Failures(5, 100.0), 500.0, 0.0),
        (Failures(50, 100.0), 699.9, 0.0),
        (Failures(5, 160.0), 100.0, 4.0),  # written by a node that is a minute ahead
        (Failures(5, 86_499.0), 100.0, 4.0),
        (Failures(5, 86_501.0), 100.0, 0.0),  # written with a wrong clock
        (Failures(50, 100.0), 700.0, 0.0),
    ],
)
def test_wait_counts_from_the_last_failure(
    failures: Failures | None, now: float, seconds: float
) -> None:
    """`wait` returns the rest of the delay, and zero after it."""
    assert wait(failures, now, RULE) == seconds


def test_failures_add_up_until_they_are_forgotten() -> None:
    """Each attempt counts; after a rest of `forget` seconds the count begins anew."""
    one = charged(None, 1.0, RULE)
    two = charged(one, 2.0, RULE)
    assert (one, two) == (Failures(1, 1.0), Failures(2, 2.0))
    assert charged(two, 601.9, RULE) == Failures(3, 601.9)
    assert charged(two, 602.0, RULE) == Failures(1, 602.0)
    assert charged(Failures(2, 60.0), 2.0, RULE) == Failures(3, 60.0)


@pytest.mark.parametrize(
    "options",
    [
        {"free": 0},
        {"first": 0.0},
        {"first": -1.0},
        {"first": 61.0},
        {"cap": 601.0},
        {"first": math.nan},
    ],
)
def test_a_rule_that_slows_nobody_is_refused(options: dict[str, float]) -> None:
    """A back-off without a delay, or one that forgets sooner than it delays, is a mistake."""
    numbers: dict[str, float] = {"free": 3, "first": 1.0, "cap": 60.0, "forget": 600.0}
    with pytest.raises(ConfigurationError, match="a back-off needs"):
        Backoff(**(numbers | options))  # type: ignore[arg-type]


def test_two_clocks_give_no_guess_more() -> None:
    """Guesses that alternate between two nodes, an hour apart, are delayed as those at one node."""
    counters = Counters()
    through = 0
    for second in range(30):
        for ahead in (0.0, 3600.0):
            through += counters.attempt("alice", HOME, 10_000.0 + second + ahead) == 0.0
    alone = Counters()
    once = sum(alone.attempt("alice", HOME, 10_000.0 + second) == 0.0 for second in range(30))
    assert through <= once + RULE.free


def test_an_attempt_is_charged_when_it_begins() -> None:
    """A hundred guesses at the same moment: only the free ones get through."""
    counters = Counters()
    outcomes = [counters.attempt("alice", HOME, 10.0) for _ in range(100)]
    assert outcomes == [0.0] * 3 + [1.0] * 97


def test_a_refused_attempt_is_not_charged() -> None:
    """An attempt during the delay does not prolong the delay."""
    counters = Counters()
    fail(counters, HOME, 10.0, times=3)
    for _ in range(50):
        assert counters.attempt("alice", HOME, 10.5) == 0.5
    assert counters.attempt("alice", HOME, 11.0) == 0.0


def test_other_accounts_are_not_slowed() -> None:
    """The counters belong to one account."""
    counters = Counters()
    fail(counters, HOME, 10.0, times=6)
    assert counters.wait("bob", HOME, 10.0) == 0.0


def test_strangers_share_a_counter() -> None:
    """Many addresses do not add up to many guesses."""
    counters = Counters()
    through = sum(counters.attempt("alice", f"10.0.0.{n}", 10.0) == 0.0 for n in range(200))
    assert through == 5
    assert counters.wait("alice", CAFE, 10.0) == 1.0


def test_a_familiar_address_is_not_slowed_by_strangers() -> None:
    """An attack from everywhere leaves the owner's own address alone."""
    counters = Counters()
    assert counters.attempt("alice", HOME, 0.0) == 0.0
    counters.succeeded("alice", HOME)
    now = 0.0
    for n in range(50):
        now = fail(counters, f"10.0.0.{n}", now)
    assert counters.wait("alice", CAFE, now) > 0.0
    assert counters.attempt("alice", HOME, now) == 0.0


def test_a_familiar_address_is_slowed_by_its_own_failures() -> None:
    """A familiar address is delayed for its own failures, which the shared counter does not count."""
    counters = Counters()
    counters.succeeded("alice", HOME)
    now = fail(counters, HOME, 0.0, times=7)
    assert counters.wait("alice", HOME, now) == 16.0
    assert counters.wait("alice", CAFE, now) == 0.0


def test_success_starts_the_address_afresh() -> None:
    """After a success the own failures are forgotten."""
    counters = Counters()
    now = fail(counters, HOME, 0.0, times=4)
    now += counters.wait("alice", HOME, now)
    assert counters.attempt("alice", HOME, now) == 0.0
    counters.succeeded("alice", HOME)
    assert [counters.attempt("alice", HOME, now) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]


def test_success_does_not_free_the_strangers() -> None:
    """The owner's login from a new address gives back its own charge and nothing else."""
    counters = Counters()
    now = 0.0
    for n in range(9):
        now = fail(counters, f"10.0.0.{n}", now)
    now += counters.wait("alice", CAFE, now)
    assert counters.attempt("alice", CAFE, now) == 0.0
    counters.succeeded("alice", CAFE)
    assert counters.wait("alice", "10.0.1.1", now) == SHARED.delay(9)


def test_refund_takes_the_charge_back() -> None:
    """An attempt that the server was too busy to verify counts for nothing."""
    counters = Counters()
    for _ in range(50):
        assert counters.attempt("alice", HOME, 10.0) == 0.0
        counters.refund("alice", HOME)
    fail(counters, HOME, 10.0, times=2)
    assert counters.attempt("alice", HOME, 10.0) == 0.0
    counters.refund("alice", HOME)
    assert counters.attempt("alice", HOME, 10.0) == 0.0
    assert counters.attempt("alice", HOME, 10.0) > 0.0


def test_refund_of_a_familiar_address_leaves_the_strangers_alone() -> None:
    """The shared counter refunds no charge that it never had."""
    counters = Counters()
    counters.succeeded("alice", HOME)
    fail(counters, CAFE, 0.0, times=3)
    for _ in range(3):
        counters.attempt("alice", HOME, 0.0)
        counters.refund("alice", HOME)
    assert [counters.attempt("alice", f"10.0.0.{n}", 0.0) for n in range(3)] == [0.0, 0.0, 1.0]


def test_refund_of_nothing_is_nothing() -> None:
    """An entry that was dropped meanwhile is not made up."""
    counters = Counters()
    counters.refund("alice", HOME)
    assert counters.attempt("alice", HOME, 0.0) == 0.0


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0.0, 20.0)), max_size=60))
def test_the_owner_is_never_locked_out(attempts: list[tuple[str, float]]) -> None:
    """A familiar address may try at once, regardless of the attempts of unfamiliar ones."""
    counters = Counters()
    counters.succeeded("alice", HOME)
    now = 0.0
    for address, pause in attempts:
        now += pause
        counters.attempt("alice", address, now)
        assert counters.wait("alice", HOME, now) == 0.0
        assert counters.wait("alice", CAFE, now) <= SHARED.cap
