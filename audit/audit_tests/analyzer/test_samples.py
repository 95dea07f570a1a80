"""Hostile origins that are made of the texts of a check."""

import re

import pytest

from stormdoor_audit.analyzer.queries.samples import hosts_of, tricks


@pytest.mark.parametrize(
    "pattern",
    [
        r"^https://app\.example\.com",
        r"https?://(.*\.)?example\.com",
        r"^https://\w+.example\.com$",
        r"^https://(app|www).example.com$",
        r"^https://a\.example\.com$|localhost",
    ],
)
def test_an_open_pattern_matches_a_hostile_origin(pattern: str) -> None:
    """A pattern without an end, or with a dot that is any character, has an origin that shows it."""
    assert any(re.search(pattern, origin) for _, origin in tricks([pattern]))


@pytest.mark.parametrize(
    "pattern",
    [
        r"^https://app\.example\.com$",
        r"^https?://([a-z0-9-]+\.)*example\.com(:\d+)?$",
        r"^https://(app|www)\.example\.com$",
    ],
)
def test_a_closed_pattern_matches_no_hostile_origin(pattern: str) -> None:
    """A pattern that only its own hosts and their subdomains match has no such origin."""
    assert [origin for _, origin in tricks([pattern]) if re.search(pattern, origin)] == []


def test_the_host_of_a_pattern_is_its_fixed_end() -> None:
    """A label that a pattern leaves open is no part of the host that a trick is made of."""
    assert "example.com" in hosts_of([r"^https://[a-z]+\.example\.com$"])
