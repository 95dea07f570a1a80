"""Both protocols of the guard give the published result in each case; plain Tornado does not."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.conformance.case import FAILED_1002, Case, Observation, Open, Verdict, judge, sent
from tests.conformance.cases import CASES
from tests.conformance.report import CHAPTERS, KNOWN, as_table, of_page, problems
from tests.conformance.run import SERVERS, Result, run

GUARDED = [name for name in SERVERS if name not in KNOWN]
SAMPLE = [one for one in CASES if one.number.startswith(("2.", "3.", "4.", "5.", "6.4.", "7."))]
FEW = [one for one in CASES if one.number in {"6.4.1", "7.9.1", "13.2.1"}]


def test_each_published_case_is_there_once() -> None:
    """Chapters 1 to 7, 9, 10, 12 and 13 have 517 cases."""
    assert len({one.number for one in CASES}) == len(CASES) == 517
    counts = Counter(one.number.partition(".")[0] for one in CASES)
    expected = (16, 11, 7, 10, 20, 145, 37, 54, 1, 90, 126)
    assert counts == dict(zip(CHAPTERS, expected, strict=True))


@pytest.mark.parametrize("server", GUARDED)
async def test_a_guarded_socket_conforms(server: str) -> None:
    """A sample of the cases, without the large ones."""
    results = await run(server, SAMPLE)
    assert problems({server: results}) == []


async def test_plain_tornado_fails_in_the_known_cases() -> None:
    """Otherwise the tests above would prove nothing."""
    results = await run("plain Tornado", FEW, messages=2)
    verdicts = {number: verdict for number, (verdict, _) in results.items()}
    assert verdicts == {one.number: KNOWN["plain Tornado"][one.number] for one in FEW}


@pytest.fixture(scope="module")
def whole() -> dict[str, dict[str, Result]]:
    """The results of all cases so far."""
    return {}


@pytest.mark.extended
@pytest.mark.slow
@pytest.mark.xdist_group("conformance")
@pytest.mark.parametrize("server", SERVERS)
async def test_all_cases(server: str, whole: dict[str, dict[str, Result]]) -> None:
    """Each result is good or known, and the page has the table of a run."""
    whole[server] = await run(server, CASES, messages=5)
    assert problems({server: whole[server]}) == []
    if whole.keys() == SERVERS.keys():
        assert as_table(whole) == of_page()


PINGED = Case(number="0", steps=(), events=(("pong", b"x"),), tolerated=(Open("A"),))
BROKEN = Case(number="0", steps=(), closing=FAILED_1002)
CLOSED = Case(number="0", steps=(), closing=sent(1000))
CLEAN = {"began": "client", "answered": True, "code": 1000, "ended": True}


@pytest.mark.parametrize(
    ("case", "seen", "verdict"),
    [
        (PINGED, {**CLEAN, "events": [("pong", b"x")]}, Verdict.OK),
        (PINGED, {**CLEAN, "events": [Open("A")]}, Verdict.NON_STRICT),
        (PINGED, {**CLEAN, "events": []}, Verdict.FAILED),
        (PINGED, {**CLEAN, "events": [("text", b"x")]}, Verdict.FAILED),
        (PINGED, {**CLEAN, "events": [("pong", b"x")], "code": 1001}, Verdict.FAILED),
        (PINGED, {**CLEAN, "events": [("pong", b"x")], "answered": False}, Verdict.FAILED),
        (PINGED, {**CLEAN, "events": [("pong", b"x")], "ended": False}, Verdict.FAILED),
        (BROKEN, {"began": "server", "ended": True}, Verdict.OK),
        (BROKEN, {"began": "server", "ended": True, "code": 1007}, Verdict.FAILED),
        (BROKEN, {"began": None, "ended": False}, Verdict.FAILED),
        (BROKEN, CLEAN, Verdict.FAILED),
        (CLOSED, CLEAN, Verdict.OK),
        (CLOSED, {**CLEAN, "code": None}, Verdict.OK),
        (CLOSED, {**CLEAN, "problem": "a time-out"}, Verdict.FAILED),
    ],
)
def test_a_case_can_fail(case: Case, seen: dict[str, object], verdict: Verdict) -> None:
    """The verdict is about the events and about the end."""
    assert judge(case, Observation(**seen))[0] is verdict  # type: ignore[arg-type]
