"""Regular expressions of a program: the engine matches no one that takes exponential time."""

import re
import time

import pytest

from stormdoor_audit.analyzer.engine.natives import NATIVE
from stormdoor_audit.analyzer.engine.patterns import is_safe_pattern

EXPONENTIAL = [
    r"(a+)+$",
    r"(a*)*b",
    r"((a+))+$",
    r"(a|aa)*$",
    r"(a|(b)|a)+$",
    r"(aa?)*$",
    r"(a{1,9})*$",
    r"([a-z]+\.?)+$",
    r"(.*a){20}$",
    r"(?=(a+)+$)",
    r"(x(a+)+|y)$",
    r"(?i:([a-z]+A)+)$",
]
LINEAR = [
    r"^https?://([a-z0-9-]+\.)*example\.com(:\d+)?$",
    r"^https://\w+(\.\w+)*$",
    r"^https://(app|www)\.example\.com$",
    r"^(\d{1,3}\.){3}\d{1,3}$",
    r"^[^/]+//([^.]+\.)+example$",
    r"^(\S+\s)*$",
]


@pytest.mark.parametrize("pattern", EXPONENTIAL)
def test_a_pattern_that_divides_a_text_in_many_ways_is_not_matched(pattern: str) -> None:
    """The scanned program cannot hold up the scan by a pattern."""
    assert not is_safe_pattern(pattern)
    with pytest.raises(ValueError, match=re.escape(pattern)):
        NATIVE["search"](pattern, "a" * 60 + "!")


@pytest.mark.parametrize("pattern", LINEAR)
def test_a_pattern_that_the_next_character_ends_is_matched(pattern: str) -> None:
    """Repeated labels and alternatives, as checks of origins have them, are matched in no time."""
    assert is_safe_pattern(pattern)
    begun = time.process_time()
    for text in ("a" * 2_000, "https://" + "a." * 900 + "!", "1." * 900, "a" * 1_999 + " "):
        NATIVE["search"](pattern, text)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("pattern", ["(", "a" * 2_001, "a{99999999999999999999}"])
def test_a_pattern_that_cannot_be_read_is_not_matched(pattern: str) -> None:
    """A broken or very long pattern is none that the engine matches."""
    assert not is_safe_pattern(pattern)
