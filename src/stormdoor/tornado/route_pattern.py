"""The path pattern of the route of a request: the name of its endpoint in traces."""

from __future__ import annotations

from tornado.httputil import HTTPServerRequest
from tornado.routing import PathMatches, RuleRouter
from tornado.web import Application

__all__ = ["route_pattern"]


def route_pattern(application: Application, request: HTTPServerRequest) -> str:
    r"""Return the pattern of the first route that matches, such as `/room/(\w+)`; "" if none is known."""
    return _find(application.default_router, request) or ""


def _find(router: RuleRouter, request: HTTPServerRequest) -> str | None:
    for rule in router.rules:
        if rule.matcher.match(request) is None:
            continue
        matcher, target = rule.matcher, rule.target
        inner = target.default_router if isinstance(target, Application) else target
        if isinstance(inner, RuleRouter):
            found = _find(inner, request)
            if found is not None:
                return found
        if isinstance(matcher, PathMatches):
            return matcher.regex.pattern.removesuffix("$")
    return None
