"""The adapter of Panel, which serves with Bokeh and adds pages, handlers and a signed cookie of the user."""

from __future__ import annotations

from importlib import import_module

from tornado.web import Application

from stormdoor.apps.adapter import Adapter, Releases, Setup
from stormdoor.apps.bokeh.documents import is_bokeh
from stormdoor.apps.bokeh.server import BOKEH, VIEW, guard_documents
from stormdoor.tornado.declarations import Permissions
from stormdoor.tornado.page_rules import Pages, by_page

__all__ = ["ADAPTER"]

_ADMINISTER = "documents:administer"
_USUAL = "/admin"
"""The path in the preset, where an operator can change its permission."""


def _protect(application: Application, setup: Setup) -> None:
    """Guard a server, and its page for administrators wherever `--admin-endpoint` has put it."""
    context = import_module("panel.io.state").state._admin_context  # noqa: SLF001 - there is no public name
    if context is None or context.url == _USUAL:
        guard_documents(application, setup)
        return
    page = f".*{context.url}"  # Tornado takes it for a pattern, too
    permissions: Permissions = {f"{page}/ws": _ADMINISTER}
    declared = setup.guard().protection.pages
    pages: Pages | None = None
    if declared is not None:
        pages = {page: _ADMINISTER, f"{page}/.*": _ADMINISTER, **by_page(declared)}
    guard_documents(application, setup, permissions=permissions, pages=pages)


ADAPTER = Adapter(
    "panel", "panel", is_bokeh, _protect, (Releases("panel", "1.4", "1.10"), BOKEH), needs=(VIEW,)
)
"""Chosen where Panel is imported."""
