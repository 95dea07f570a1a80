"""Tests that `make test` leaves out: cases beyond a sample, and files that need not be imported then."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

__all__ = ["MARK", "SAMPLED", "check_texts", "extend_beyond_samples", "is_left_out", "selects"]

MARK = "extended"
"""The mark of tests that `make test` leaves to `make test-extended`."""
SAMPLED = "sampled"
"""The mark of tests of which `make test` runs one in so many: `sampled(8)`."""

_OWN_MARKS = re.compile(r"^pytestmark = (?:\[.*?\]|.*?)$", re.MULTILINE | re.DOTALL)
_LEAVING_OUT = ("installs", MARK)
_KNOWN = (*_LEAVING_OUT, "hypothesis")


def extend_beyond_samples(items: Sequence[pytest.Item]) -> None:
    """Mark as extended the tests beyond the sample of a function, class or file that is marked `sampled`.

    The sample is one in so many by the hash of the test's name, and at least one: the same in each run.
    """
    groups: dict[tuple[str, int], list[pytest.Item]] = defaultdict(list)
    for item in items:
        for node, mark in item.iter_markers_with_node(SAMPLED):
            groups[node.nodeid.partition("[")[0], mark.args[0]].append(item)
            break
    for (_, one_in), group in groups.items():
        group.sort(key=lambda item: sha256(item.nodeid.encode()).digest())
        for item in group[-(-len(group) // one_in) :]:
            item.add_marker(MARK)


def check_texts(items: Sequence[pytest.Item]) -> None:
    """Check that each file names the marks of its tests, as `is_left_out` expects.

    Raises:
        pytest.UsageError: No target would run a test.
    """
    for item in items:
        for mark in _KNOWN:
            if item.get_closest_marker(mark) and not _may_have(_text(item.path), mark):
                raise pytest.UsageError(f"write pytest.mark.{mark} in the file of {item.nodeid}")


def selects(expression: str, marks: Sequence[str]) -> bool:
    """Return whether the option `-m` with this expression selects a test with these marks."""
    return Expression.compile(expression).evaluate(lambda name, /, **_: name in marks)


def is_left_out(expression: str, file: Path) -> bool:
    """Return whether the option `-m` with this expression selects no test of a file, by the file's text.

    Args:
        expression: An expression with another mark than `installs`, `extended` and `hypothesis` leaves out
            no file.
        file: A file of tests.
    """
    if not set(re.findall(r"\w+", expression)) <= {"and", "or", "not", *_KNOWN}:
        return False
    text = _text(file)
    own = "".join(_OWN_MARKS.findall(file.read_text(encoding="utf-8")))
    certain = [mark for mark in _KNOWN if f"mark.{mark}" in own]
    possible = [mark for mark in _KNOWN if mark not in certain and _may_have(text, mark)]
    return not any(
        selects(expression, [*certain, *more])
        for size in range(len(possible) + 1)
        for more in itertools.combinations(possible, size)
    )


@cache
def _text(file: Path) -> str:
    """Return the text of a file and of its folder's fixtures, because their parameters may have marks."""
    fixtures = file.with_name("conftest.py")
    texts = [one.read_text(encoding="utf-8") for one in (file, fixtures) if one.exists()]
    return "\n".join(texts)


def _may_have(text: str, mark: str) -> bool:
    if mark == "hypothesis":  # its plug-in marks the tests that `given` makes
        return mark in text
    return f"mark.{mark}" in text or (mark == MARK and f"mark.{SAMPLED}" in text)
