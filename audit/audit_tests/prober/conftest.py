"""Most servers here live in the loop of the test, beside the prober, so that no test waits for them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_HERE = str(Path(__file__).parent)
_WITH_PROCESSES = frozenset({"test_action", "test_demo", "test_har_browser"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Advance the clock of the loop during seconds in which nothing happens.

    Only Linux tells what is still under way on a connection; elsewhere the seconds pass.
    """
    if sys.platform != "linux":
        return
    for item in items:
        if str(item.path).startswith(_HERE) and item.path.stem not in _WITH_PROCESSES:
            item.add_marker(pytest.mark.unhurried)
