"""Every denial has one answer, and the answer tells the public nothing."""

import re

import pytest

from stormdoor.core.denial import ANSWERS, Answer, Denial, Refusal

# Causes of the wire protocol; the client of an application may rely on them.
ERRORS = {
    "invalid",
    "forbidden",
    "step-up",
    "unauthenticated",
    "rate-limited",
    "too-large",
    "unavailable",
}
# RFC 6455 section 7.4.1 and the IANA registry; nothing private.
CLOSE_CODES = {1001, 1008, 1009, 1011, 1012, 1013, 3000, 3003, 3008}
STATUSES = {400, 401, 403, 408, 413, 429, 500, 503}

each_denial = pytest.mark.parametrize("denial", list(Denial), ids=lambda denial: denial.value)


def test_every_denial_has_exactly_one_answer() -> None:
    """No cause is without an answer, and no answer without a cause."""
    assert list(ANSWERS) == list(Denial)


def test_no_denial_is_another_name_for_one() -> None:
    """Two members with one value would be one member: a cause would vanish in silence."""
    assert len(Denial.__members__) == len(list(Denial))


@each_denial
def test_status_refuses(denial: Denial) -> None:
    """A refused handshake never gets a status that a client could take for success."""
    assert ANSWERS[denial].status in STATUSES


@each_denial
def test_close_code_is_registered(denial: Denial) -> None:
    """A close code is one that RFC 6455 or IANA defines, and never 1000 (all went well)."""
    assert ANSWERS[denial].close_code in CLOSE_CODES


@each_denial
def test_error_is_in_the_vocabulary(denial: Denial) -> None:
    """A reply uses the seven words that clients know."""
    assert ANSWERS[denial].error in ERRORS


@each_denial
def test_text_fits_a_close_frame(denial: Denial) -> None:
    """The reason of a close frame has at most 123 bytes (RFC 6455 section 5.5)."""
    assert 0 < len(ANSWERS[denial].text.encode()) <= 123


@each_denial
def test_text_is_generic(denial: Denial) -> None:
    """The public text is plain words: no address, no name, no policy, no number."""
    assert re.fullmatch(r"[a-z ]+", ANSWERS[denial].text)


@pytest.mark.parametrize(
    "alike",
    [
        pytest.param(
            (Denial.NO_CREDENTIAL, Denial.BAD_CREDENTIAL, Denial.EXPIRED, Denial.REVOKED),
            id="who-are-you",
        ),
        pytest.param((Denial.HOST, Denial.ORIGIN, Denial.INSECURE_TRANSPORT), id="not-from-here"),
        pytest.param((Denial.FORBIDDEN, Denial.UNDECLARED), id="may-you"),
        pytest.param((Denial.MALFORMED, Denial.AMBIGUOUS_CREDENTIAL), id="what-is-this"),
        pytest.param((Denial.HANDSHAKE_RATE, Denial.BACKOFF), id="how-often"),
    ],
)
def test_public_answers_do_not_tell_causes_apart(alike: tuple[Denial, ...]) -> None:
    """The public answer is the same for causes if their difference would help an attacker."""
    assert len({ANSWERS[denial] for denial in alike}) == 1


def test_a_refusal_answers_from_the_table() -> None:
    """The public side of a refusal is the row of its cause and nothing of its detail."""
    refusal = Refusal(Denial.ORIGIN, 'add origins = ["https://evil.example"]', policy_ids=("p",))
    assert refusal.answer == Answer(403, 1008, "forbidden", "forbidden")


def test_a_refusal_says_nothing_unless_told() -> None:
    """Detail, wait and policies are optional."""
    refusal = Refusal(Denial.BUSY)
    assert (refusal.detail, refusal.retry_after, refusal.policy_ids) == ("", None, ())


def test_the_detail_stays_on_one_line() -> None:
    """A detail may quote a client; a line break in it could forge a second log entry."""
    refusal = Refusal(Denial.FORBIDDEN, detail="role x\n2026 admin logged in\u2028")
    assert refusal.detail == "role x\\n2026 admin logged in\\u2028"


@pytest.mark.parametrize(
    ("denial", "retry_after", "reason"),
    [
        (Denial.RESTART, 17, "service restart; retry after 17 s"),
        (Denial.UNAVAILABLE, 5, "try again later; retry after 5 s"),
        (Denial.RESTART, None, "service restart"),
        (Denial.REVOKED, 5, "authentication required"),
    ],
)
def test_reason_of_a_close(denial: Denial, retry_after: int | None, reason: str) -> None:
    """A close that invites the client back says when; the other reasons are those of the table."""
    assert Refusal(denial, "for the operator", retry_after).close_reason == reason


@pytest.mark.parametrize("denial", Denial)
def test_denials_that_withdraw_what_was_queued(denial: Denial) -> None:
    """A client without a right to read gets nothing that waited; a restart sends what was queued."""
    withdraws = {"bad-credential", "expired", "revoked", "forbidden", "unavailable"}
    assert Refusal(denial).withdraws is (denial.value in withdraws)
