"""The releases of Tornado that pyproject.toml allows."""

from __future__ import annotations

__all__ = ["NEWEST", "RELEASES", "TRIED_IN_CI"]

RELEASES = (
    *("6.5", "6.5.1", "6.5.2", "6.5.3", "6.5.4", "6.5.5", "6.5.6", "6.5.7", "6.5.8", "6.5.9"),
    *("6.5.10", "6.6", "6.6.1"),
)
"""All of them, oldest first: the one list that tests and `make test-matrix` read."""

NEWEST = RELEASES[-1]
"""The release that is locked, with which every test runs."""

TRIED_IN_CI = ("6.5", "6.5.10")
"""Beside the newest. Up to 6.5.2 Tornado keeps headers in one way, up to 6.5.10 in another: one release
stands for each group."""
