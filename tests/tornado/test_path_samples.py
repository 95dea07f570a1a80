"""Sample paths of a pattern: they match it, and each of its alternatives is among them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor.tornado.path_samples import path_samples

PATTERNS = {
    "/admin(/.*)?": {"/admin", "/admin/"},
    "/api/items/([0-9]+)": {"/api/items/0", "/api/items/99"},
    "/(?:healthz|_stcore/health)/?": {"/healthz", "/_stcore/health/"},
    "/(?P<name>[^/]+)/(b|c|)": {"/a/b", "/Z/c", "/0/"},
    r"/\d{2}\D\w\W\s": {"/00aa/ "},
    "(?>/a)++[^b]": {"/aa"},
    "/a[^.-9]": {"/aa", "/aZ"},
    "(?s:.*)": {"", "/"},
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_samples_of_a_pattern(pattern: str) -> None:
    """Each one matches the whole pattern."""
    found = path_samples(pattern)
    assert all(re.fullmatch(pattern, one) for one in found)
    assert PATTERNS[pattern] <= set(found)


@pytest.mark.parametrize(
    "pattern", ["(?P<quote>['/]).(?P=quote)", "/a(?!a)(?=a)", "a{1000}", "x" * 600]
)
def test_a_pattern_without_samples(pattern: str) -> None:
    """One with a reference, one that matches nothing, and a huge one are no mistake."""
    assert len(path_samples(pattern)) <= 1


@given(
    st.from_regex(
        r"(/([ab]|\[ab\]|\(a\|b\)|\(/a\)\?|\.\*|\[\^a\]|a\+|\(\?:x\|\)|\{2\}){0,4}){1,4}",
        fullmatch=True,
    )
)
def test_each_pattern_that_compiles_has_samples(pattern: str) -> None:
    """No pattern of this kind fails, and each has a sample that it matches."""
    try:
        compiled = re.compile(pattern)
    except re.error:
        return
    found = path_samples(pattern)
    assert found
    assert all(compiled.fullmatch(one) for one in found)
