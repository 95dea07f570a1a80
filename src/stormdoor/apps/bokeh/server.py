"""The adapter of a Bokeh server, as `bokeh serve` starts it."""

from __future__ import annotations

from typing import Any

from tornado.web import Application

from stormdoor.apps.adapter import Adapter, Releases, Setup
from stormdoor.apps.bokeh.check import check_documents
from stormdoor.apps.bokeh.documents import bind_documents, is_bokeh
from stormdoor.apps.login import add_login
from stormdoor.tornado.declarations import Permissions
from stormdoor.tornado.page_rules import Pages
from stormdoor.tornado.protect import protect

__all__ = ["ADAPTER", "BOKEH", "VIEW", "guard_documents"]

VIEW = "documents:view"
BOKEH = Releases("bokeh", "3.4", "3.10")


def guard_documents(
    application: Application,
    setup: Setup,
    *,
    permissions: Permissions | None = None,
    pages: Pages | None = None,
) -> None:
    """Guard the pages and sockets of a Bokeh server, and bind its documents to logins.

    Args:
        application: A `bokeh.server.tornado.BokehTornado`.
        setup: The setup of this process.
        permissions: For `protect`.
        pages: For `protect`.
    """
    server: Any = application
    prefix = add_login(application, setup, base=server.prefix)
    protect(application, setup.guard, permissions=permissions, pages=pages)
    hooks = bind_documents(server, setup.guard(), VIEW, setup.key, prefix)
    check_documents(server, hooks)


ADAPTER = Adapter("bokeh", "bokeh", is_bokeh, guard_documents, (BOKEH,), needs=(VIEW,))
