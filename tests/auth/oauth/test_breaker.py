"""The circuit breaker against its rule, for any order of failures, successes and time."""

from __future__ import annotations

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stormdoor.auth.oauth.breaker import Breaker
from stormdoor.errors import ConfigurationError


class Machine(RuleBasedStateMachine):
    """Callers come, answers come back or do not, and time passes."""

    @initialize(failures=st.integers(1, 4), open_seconds=st.sampled_from([1.0, 10.0, 60.0]))
    def begin(self, failures: int, open_seconds: float) -> None:
        """A closed breaker."""
        self.breaker = Breaker(failures=failures, open_seconds=open_seconds)
        self.failures, self.open_seconds = failures, open_seconds
        self.now = 1000.0
        self.in_a_row = 0
        self.opened_at: float | None = None
        self.trial_at: float | None = None
        self.inside = 0

    @rule(seconds=st.sampled_from([0.0, 0.1, 0.9, 1.0, 5.0, 10.0, 59.0, 60.0, 1e6]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @rule()
    def enter(self) -> None:
        """A caller asks for permission."""
        let_in = self.breaker.enter(self.now)
        if self.opened_at is None:
            assert let_in
        else:
            since = self.opened_at if self.trial_at is None else self.trial_at
            # The rule, in the words of the docstring.
            assert let_in == (self.now - since >= self.open_seconds)
            if let_in:
                self.trial_at = self.now
        self.inside += let_in

    @precondition(lambda self: getattr(self, "inside", 0) > 0)
    @rule()
    def succeed(self) -> None:
        """An answer comes."""
        self.inside -= 1
        self.breaker.succeeded()
        self.in_a_row, self.opened_at, self.trial_at = 0, None, None

    @precondition(lambda self: getattr(self, "inside", 0) > 0)
    @rule()
    def fail(self) -> None:
        """None does."""
        self.inside -= 1
        self.breaker.failed(self.now)
        self.in_a_row += 1
        if self.opened_at is not None or self.in_a_row >= self.failures:
            self.opened_at, self.trial_at = self.now, None

    @precondition(lambda self: getattr(self, "inside", 0) > 0)
    @rule()
    def abandon(self) -> None:
        """The caller of the trial gave up."""
        self.inside -= 1
        self.breaker.abandoned()
        self.trial_at = None

    @invariant()
    def says_what_it_does(self) -> None:
        """`closed`, `wait` and `retry_after` agree with what `enter` would do."""
        if not hasattr(self, "breaker"):
            return
        wait = self.breaker.wait(self.now)
        assert self.breaker.closed == (self.opened_at is None)
        assert 0.0 <= wait <= self.open_seconds
        assert wait == 0.0 or not self.breaker.closed
        assert self.breaker.retry_after(self.now) == max(1, math.ceil(wait))


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=settings().max_examples * 2 // 5, stateful_step_count=40
)


@pytest.mark.parametrize(
    "options",
    [
        {"failures": 0},
        {"open_seconds": 0.0},
        {"open_seconds": -1.0},
        {"open_seconds": math.inf},
        {"open_seconds": math.nan},
    ],
)
def test_a_breaker_that_never_opens_or_never_closes(options: dict[str, float]) -> None:
    """Is none."""
    with pytest.raises(ConfigurationError):
        Breaker(**options)  # type: ignore[arg-type]


def test_one_at_a_time_finds_out() -> None:
    """Half open: a crowd that waits does not fall upon a server that is just getting up."""
    breaker = Breaker(failures=1, open_seconds=10.0)
    breaker.failed(0.0)
    assert [breaker.enter(10.0) for _ in range(5)] == [True, False, False, False, False]
    breaker.succeeded()
    assert breaker.enter(10.0)
