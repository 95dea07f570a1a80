"""The adapter of Panel, which serves with Bokeh and adds pages, handlers and a signed cookie of the user."""

from __future__ import annotations

from stormdoor.apps.adapter import Adapter, Releases
from stormdoor.apps.bokeh.documents import is_bokeh
from stormdoor.apps.bokeh.server import BOKEH, guard_documents

__all__ = ["ADAPTER"]

ADAPTER = Adapter(
    "panel", "panel", is_bokeh, guard_documents, (Releases("panel", "1.4", "2"), BOKEH)
)
"""Chosen where Panel is imported."""
