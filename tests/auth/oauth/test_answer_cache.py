"""The cache of answers against a plain model, for any order of answers, questions and clocks."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from stormdoor import Authentication, Denial, Principal, Rejected
from stormdoor.auth.jose.jwt_verifier import Verified
from stormdoor.auth.oauth.answer_cache import AnswerCache
from stormdoor.auth.oauth.timestamp import Timestamp
from stormdoor.core.claims import Claims

MAX, NEGATIVE, SIZE = 30.0, 5.0, 4
TOKENS = st.integers(0, 7)


def yes(number: int, expires_at: float) -> Verified:
    """A yes about a token."""
    name = f"p{number}"
    authentication = Authentication(Principal(name), "oauth", name, False, 0.0, 0.0)
    return Verified(Claims(subject=name, expires_at=expires_at), authentication)


class Machine(RuleBasedStateMachine):
    """Answers come, are asked for, grow old; the wall clock is set back and forth."""

    @initialize()
    def begin(self) -> None:
        """An empty cache."""
        self.cache = AnswerCache(size=SIZE, max_seconds=MAX, negative_seconds=NEGATIVE)
        self.now = Timestamp(0.0, 1_000_000.0)
        self.known: dict[int, tuple[Timestamp, Verified | Rejected]] = {}

    @rule(seconds=st.sampled_from([0.0, 1.0, 4.9, 5.0, 15.0, 29.9, 30.0, 100.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now = Timestamp(self.now.monotonic + seconds, self.now.wall + seconds)

    @rule(seconds=st.sampled_from([-1e6, -10.0, 10.0, 1e6]))
    def set_the_clock(self, seconds: float) -> None:
        """The wall clock is set."""
        self.now = Timestamp(self.now.monotonic, self.now.wall + seconds)

    @rule(token=TOKENS, seconds=st.sampled_from([1.0, 10.0, 1000.0, float("inf")]))
    def say_yes(self, token: int, seconds: float) -> None:
        """It is active, for so long."""
        answer = yes(token, self.now.wall + seconds)
        self.cache.put(bytes([token]), answer, self.now)
        self.known[token] = (self.now, answer)

    @rule(token=TOKENS)
    def say_no(self, token: int) -> None:
        """It is not."""
        answer = Rejected(Denial.BAD_CREDENTIAL, "no")
        self.cache.put(bytes([token]), answer, self.now)
        self.known[token] = (self.now, answer)

    @rule(token=TOKENS, within=st.sampled_from([float("inf"), 15.0, 1.0]))
    def ask(self, token: int, within: float) -> None:
        """INVARIANT: what comes back is the last answer, and young enough; nothing is made up."""
        found = self.cache.get(bytes([token]), self.now, within=within)
        assert len(self.cache) <= 2 * SIZE
        if found is None:
            return
        asked, answer = self.known[token]
        assert found is answer
        passed = self.now.monotonic - asked.monotonic
        if isinstance(answer, Verified):
            assert passed < min(MAX, within)
            assert self.now.wall < answer.claims.expires_at
            assert self.now.wall - asked.wall < MAX
        else:
            assert passed < NEGATIVE

    @rule(token=TOKENS)
    def say_yes_and_ask(self, token: int) -> None:
        """A fresh answer is there: it is a cache after all."""
        self.say_yes(token, 1000.0)
        assert self.cache.get(bytes([token]), self.now) is self.known[token][1]


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=settings().max_examples * 2 // 5, stateful_step_count=40
)


def test_unknown_tokens_do_not_displace_valid_ones() -> None:
    """A stranger's noes take the place of noes."""
    cache = AnswerCache(size=4, max_seconds=MAX, negative_seconds=NEGATIVE)
    now = Timestamp(0.0, 0.0)
    answer = yes(1, 1000.0)
    cache.put(b"alice", answer, now)
    for number in range(1000):
        cache.put(number.to_bytes(4, "big"), Rejected(Denial.BAD_CREDENTIAL, "no"), now)
    assert cache.get(b"alice", now) is answer


def test_size_zero_stores_no_answer() -> None:
    """With size 0."""
    cache = AnswerCache(size=0, max_seconds=MAX, negative_seconds=NEGATIVE)
    cache.put(b"alice", yes(1, 1000.0), Timestamp(0.0, 0.0))
    assert len(cache) == 0
