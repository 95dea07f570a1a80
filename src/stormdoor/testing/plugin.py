"""Fixtures for pytest. Add `pytest_plugins = ["stormdoor.testing.plugin"]` to your `conftest.py`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest
from tornado.web import Application

from stormdoor.testing.clock import FakeClock
from stormdoor.testing.server import Served, running

__all__ = ["stormdoor_clock", "stormdoor_serve"]


@pytest.fixture
def stormdoor_clock() -> FakeClock:
    """A clock that stands still: `Guard(clock=stormdoor_clock, …)`, then `stormdoor_clock.advance(3600)`.

    It starts at the present: the prober compares the expiry of a token with the real time.
    """
    return FakeClock(wall=time.time())


@pytest.fixture
def stormdoor_serve() -> Iterator[Callable[[Callable[[], Application] | Application], Served]]:
    """Serves applications on loopback, in separate threads, until the test ends."""
    with contextlib.ExitStack() as open_ones:

        def serve(make: Callable[[], Application] | Application) -> Served:
            return open_ones.enter_context(running(make))

        yield serve
