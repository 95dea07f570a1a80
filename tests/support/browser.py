"""Finds the browser of this machine. Nothing is downloaded."""

import os
import shutil

import pytest

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
    if path := find_chromium():
        return path
    reason = f"no browser: none of {', '.join(CHROMIUM_NAMES)} is on PATH"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; CI must run the browser tests")
    pytest.skip(reason)
