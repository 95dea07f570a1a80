"""Every rule finds what its bad fixture marks, line by line, and is silent on its good one."""

import re
import shutil
from pathlib import Path

import pytest

from audit_tests.auditor.fixtures import FOLDER, expected, fixture, found_in
from stormdoor_audit.auditor.rule import Rule
from stormdoor_audit.auditor.rules import RULES

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda one: one.meta.id)


@pytest.fixture(autouse=True)
def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that trips over its fixture fails the test."""
    monkeypatch.setenv("STORMDOOR_SCAN_DEBUG", "1")


@every_rule
def test_finds_the_marked_lines(rule: Rule, tmp_path: Path) -> None:
    """The bad fixture has marks, and each of them is found, and nothing else."""
    place = fixture(rule, "bad")
    copied = shutil.copy(place, tmp_path)
    lines = expected(place.read_text(encoding="utf-8"), rule.meta.id)
    assert lines
    assert found_in(tmp_path, rule.meta.id) == [(Path(copied).name, line) for line in lines]


@every_rule
def test_is_silent_on_the_good_fixture(rule: Rule, tmp_path: Path) -> None:
    """The good fixture has nothing to find."""
    shutil.copy(fixture(rule, "good"), tmp_path)
    assert found_in(tmp_path, rule.meta.id) == []


@every_rule
def test_says_what_it_is_about(rule: Rule) -> None:
    """A rule has an id, a slug, weaknesses and requirements of ASVS 5.0."""
    meta = rule.meta
    assert re.fullmatch(r"SD[1-9]\d\d", meta.id)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", meta.slug)
    assert meta.cwe
    assert all(0 < number < 1500 for number in meta.cwe)
    assert meta.asvs
    assert all(re.fullmatch(r"\d{1,2}\.\d{1,2}\.\d{1,2}", one) for one in meta.asvs)


def test_no_fixture_is_left_over() -> None:
    """Each folder of fixtures belongs to a rule."""
    folders = {one.name for one in FOLDER.iterdir() if one.is_dir() and one.name[0] not in "._"}
    assert folders <= {rule.meta.slug for rule in RULES}
