"""Every module here has a demo of its own, and runs in one worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.demo.running import demo, installed

__all__ = ["demo", "installed"]

_HERE = str(Path(__file__).parent)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A demo costs a second to start: the tests of a module stay together."""
    for item in items:
        if str(item.path).startswith(_HERE):
            item.add_marker(pytest.mark.xdist_group(f"demo-{item.path.stem}"))
