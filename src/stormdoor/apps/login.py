"""Add the login, with its pages, to an application that others wrote."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from tornado.routing import PathMatches, Rule
from tornado.web import Application, FallbackHandler, _ApplicationRouter

from stormdoor.apps.adapter import Setup
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.errors import ConfigurationError
from stormdoor.runtime.guard import Guard
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
    """Add the routes of `login_routes`, and of the OpenID providers, in front of those of `application`.

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

    Raises:
        ConfigurationError: The `redirect_uri` of a provider does not lead to a route below that prefix.
    """
    found = inspect(application)
    hides = found.hidden or any(issubclass(one.handler, FallbackHandler) for one in found.routes)
    taken = hides or any(one.pattern.startswith(base + _PREFIX) for one in found.routes)
    prefix = _OTHER_PREFIX if taken else _PREFIX
    guard = setup.guard()
    after_login = after_login or f"{base}/"
    routes = _provider_routes(guard, base, prefix, after_login)
    routes += login_routes(
        guard,
        endpoint=endpoint,
        prefix=base + prefix,
        after_login=after_login,
        built_in_pages=True,
    )
    matcher = PathMatches(re.escape(base + prefix) + "/.*")
    rule = Rule(matcher, _ApplicationRouter(application, routes))
    application.default_router.rules.insert(0, application.default_router.process_rule(rule))
    return base + prefix


def _provider_routes(guard: Guard, base: str, prefix: str, after_login: str) -> list[Rule]:
    if not guard.providers:
        return []
    from stormdoor.tornado.oidc_routes import oidc_routes  # noqa: PLC0415 - needs the extra `oidc`

    made = []
    for one in guard.providers:
        made += oidc_routes(
            guard,
            one,
            prefix=_prefix_of(one, base + prefix),
            after_login=after_login,
            after_logout=f"{base}{prefix}/login",
        )
    return made


def _prefix_of(provider: OpenIdProvider, below: str) -> str:
    """Return the prefix of the routes of a provider, from the address that is registered there."""
    prefix, _, last = urlsplit(provider.redirect_uri).path.rpartition("/")
    if last != "callback" or prefix.rpartition("/")[0] != below:
        raise ConfigurationError(
            f"oidc: redirect_uri leads to no route; register {below}/{provider.name}/callback at "
            f'the provider, and write: redirect_uri = "https://YOUR-HOST{below}/{provider.name}/callback"'
        )
    return prefix
