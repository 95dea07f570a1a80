"""Finds the browser of this machine. Nothing is downloaded."""

import shutil

import pytest

from tests.support.installing import missing

__all__ = ["CHROMIUM_NAMES", "chromium", "find_chromium"]

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome on PATH, or None."""
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    return None


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of this machine's Chromium. Without one a test is skipped; in CI it fails."""
    path = find_chromium()
    if path is None:
        missing(f"no browser: none of {', '.join(CHROMIUM_NAMES)} is on PATH")
    return path
