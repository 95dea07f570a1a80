"""The pairs themselves: complete, parsable, and different in one line."""

import ast
import difflib

import pytest

from audit_tests.auditor.twins.pair import QUESTIONS, SIDES, Pair, read_pairs

PAIRS = {pair.name: pair for pair in read_pairs()}
each = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)


@each
def test_the_twins_differ_in_one_line(pair: Pair) -> None:
    """One line is changed, removed or added; every other line is the same."""
    assert pair.files("guarded")[pair.file].count(pair.guarded) == 1
    guarded, broken = pair.files("guarded"), pair.files("broken")
    assert guarded.keys() == broken.keys()
    assert [name for name in guarded if guarded[name] != broken[name]] == [pair.file]
    lines = difflib.ndiff(guarded[pair.file].splitlines(), broken[pair.file].splitlines())
    changed = [line[0] for line in lines if line[0] in "-+"]
    assert changed in (["-", "+"], ["+", "-"], ["-"], ["+"])


@each
def test_both_twins_are_programs(pair: Pair) -> None:
    """Each file parses, and a module starts the server."""
    for side in SIDES:
        texts = pair.files(side)
        for name, text in texts.items():
            ast.parse(text, name)
        assert any(".listen(" in text for text in texts.values())


@each
def test_the_broken_twin_has_a_hole_that_the_guarded_one_lacks(pair: Pair) -> None:
    """The line that differs decides one question."""
    assert pair.expected["broken"] - pair.expected["guarded"]
    assert len(pair.attack.split()) > 5


def test_the_questions_share_no_rule() -> None:
    """A finding answers one question."""
    rules = [rule for group in QUESTIONS.values() for rule in group]
    assert len(rules) == len(set(rules))
