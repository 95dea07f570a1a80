"""The applications: each module here defines `APPLICATION`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from tests.world.application import Application

__all__ = ["applications"]


def applications() -> dict[str, Application]:
    """Return all of them by name, in the order of the names."""
    names = sorted(one.stem for one in Path(__file__).parent.glob("[a-z]*.py"))
    found = [import_module(f"{__name__}.{name}").APPLICATION for name in names]
    return {one.name: one for one in found}
