"""The scanner's answers about the pairs, as far as they are right; known.toml lists the rest."""

import tomllib
from pathlib import Path

import pytest

from audit_tests.auditor.sampling import chosen
from audit_tests.auditor.twins.pair import QUESTIONS, SIDES, Pair, Side, read_pairs
from audit_tests.auditor.twins.scanned import answers_of, falsely_guarded
from stormdoor_audit.report.finding import Check

PAIRS = {pair.name: pair for pair in read_pairs()}
KNOWN = tomllib.loads((Path(__file__).parent / "known.toml").read_text())["known"]
GUARDED = "called guarded: "
"""Beginning of an entry about a verdict "guarded" for a check that is broken."""


def key(entry: dict[str, str]) -> tuple[str, str]:
    """Return the twin that an entry of known.toml is about."""
    return entry["pair"], entry["twin"]


TWINS = chosen({f"{name}-{side}": (side, pair) for name, pair in PAIRS.items() for side in SIDES})


@pytest.mark.parametrize(("side", "pair"), TWINS.values(), ids=TWINS)
def test_the_scanner_answers_as_the_label_says(side: Side, pair: Pair) -> None:
    """Each answer is right, or is listed; an entry that became right must be removed."""
    answers = answers_of(pair, side)
    wrong = (answers.reported ^ pair.expected[side]) - pair.allowed[side]
    wrong |= {f"{GUARDED}{check}" for check in falsely_guarded(pair, side, answers)}
    listed = {entry["question"] for entry in KNOWN if key(entry) == (pair.name, side)}
    assert wrong - listed == set(), f"wrong: {answers.findings}"
    assert listed - wrong == set(), "now right: remove the entry from known.toml"


def test_each_entry_names_a_twin_a_question_and_a_reason() -> None:
    """The list has no entry that no twin reads."""
    for entry in KNOWN:
        assert entry["pair"] in PAIRS
        assert entry["twin"] in SIDES
        assert entry["question"].removeprefix(GUARDED) in {*QUESTIONS, *Check}
        assert len(entry["reason"].split()) > 3
    assert len({(*key(entry), entry["question"]) for entry in KNOWN}) == len(KNOWN)
