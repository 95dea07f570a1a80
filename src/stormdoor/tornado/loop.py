"""The event loop for serving: uvloop's if it is installed (the extra `uvloop`), else asyncio's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["loop_factory"]


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return a factory for `asyncio.Runner(loop_factory=...)`; None means asyncio's own loop."""
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    return uvloop.new_event_loop
