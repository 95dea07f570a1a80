"""The choice of a server's event loop."""

from __future__ import annotations

import asyncio
import sys

import pytest

from stormdoor.tornado.loop import loop_factory


def test_the_faster_loop_where_it_is_installed() -> None:
    """It is that of uvloop."""
    pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        assert type(runner.get_loop()).__module__.startswith("uvloop")


def test_asyncios_own_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is missing then but speed."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        assert isinstance(runner.get_loop(), asyncio.SelectorEventLoop)
