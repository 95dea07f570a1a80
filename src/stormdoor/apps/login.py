"""Add the login, with its pages, to an application that others wrote."""

from __future__ import annotations

import re

from tornado.routing import PathMatches, Rule
from tornado.web import Application, FallbackHandler, _ApplicationRouter

from stormdoor.apps.adapter import Setup
from stormdoor.tornado.inspection import inspect
from stormdoor.tornado.routes import login_routes

__all__ = ["add_login"]

_PREFIX = "/auth"
_OTHER_PREFIX = "/stormdoor"


def add_login(
    application: Application,
    setup: Setup,
    *,
    base: str = "",
    endpoint: str = "/",
    after_login: str | None = None,
) -> str:
    """Add the routes of `login_routes` in front of all routes of `application`.

    The first route of many applications takes every path. An application with routes below `/auth`, or with
    a part that hides its routes, keeps them: the login is below `/stormdoor` then.

    Args:
        application: The application.
        setup: The setup of this process.
        base: Path below which a proxy or the host serves the application, without a slash at its end.
        endpoint: The path that a ticket opens if the request names none.
        after_login: Path that the browser is sent to after a login without `next`; `/` below `base`.

    Returns:
        The prefix of the routes, such as `/auth`.
    """
    found = inspect(application)
    hides = found.hidden or any(issubclass(one.handler, FallbackHandler) for one in found.routes)
    taken = hides or any(one.pattern.startswith(base + _PREFIX) for one in found.routes)
    prefix = _OTHER_PREFIX if taken else _PREFIX
    routes = login_routes(
        setup.guard(),
        endpoint=endpoint,
        prefix=base + prefix,
        after_login=after_login or f"{base}/",
        built_in_pages=True,
    )
    matcher = PathMatches(re.escape(base + prefix) + "/.*")
    rule = Rule(matcher, _ApplicationRouter(application, routes))
    application.default_router.rules.insert(0, application.default_router.process_rule(rule))
    return base + prefix
