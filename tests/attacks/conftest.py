"""Run each module of this folder in one worker, with its own demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.demo.running import demo, installed

__all__ = ["demo", "installed"]

_HERE = str(Path(__file__).parent)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Assign all tests of a module to one worker, because a demo takes a second to start."""
    for item in items:
        if str(item.path).startswith(_HERE):
            item.add_marker(pytest.mark.xdist_group(f"attacks-{item.path.stem}"))
