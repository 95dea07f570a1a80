"""Find the routes of an application, the applications in it, and the parts that hide their routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tornado.httputil import HTTPServerConnectionDelegate
from tornado.routing import PathMatches, ReversibleRuleRouter, Router, Rule, RuleRouter
from tornado.web import Application, RequestHandler, _ApplicationRouter

__all__ = ["FoundRoute", "Inspection", "chooses_by_rules", "inspect"]


@dataclass(frozen=True, slots=True)
class FoundRoute:
    """One handler class with its route.

    Attributes:
        handler: The class.
        pattern: The pattern of its path.
        arguments: The keyword arguments for its `initialize`.
    """

    handler: type[RequestHandler]
    pattern: str
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class Inspection:
    """Structure of an application before it serves.

    Attributes:
        applications: The application itself, and each one that it may pass requests to.
        routes: All handler classes.
        routers: The tables of rules. A table that has become longer has further routes.
        choosers: Names of applications and routers that choose a handler in their own code, so that their
            routes are not visible.
        hidden: Names and patterns of objects that answer requests without a handler class.
    """

    applications: list[Application] = field(default_factory=list)
    routes: list[FoundRoute] = field(default_factory=list)
    routers: list[RuleRouter] = field(default_factory=list)
    choosers: list[str] = field(default_factory=list)
    hidden: list[tuple[str, str]] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    def add(self, one: object, pattern: str) -> None:
        """Inspect `one`, which serves the requests for `pattern`, unless that has been done."""
        if isinstance(one, type):
            return  # a handler class is added with its rule
        if id(one) in self._seen:
            return
        self._seen.add(id(one))
        if isinstance(one, Application):
            self._add_application(one, pattern)
        elif isinstance(one, RuleRouter):
            self.routers.append(one)
            self._add_rules(one.rules, pattern)
        if isinstance(one, HTTPServerConnectionDelegate):
            self._add_delegate(one, pattern)
        elif callable(one):
            self.hidden.append((_name(one, pattern), pattern))

    def _add_application(self, application: Application, pattern: str) -> None:
        self.applications.append(application)
        fallback = application.settings.get("default_handler_class")
        if isinstance(fallback, type):
            arguments = application.settings.get("default_handler_args", {})
            self.routes.append(FoundRoute(fallback, pattern or "default_handler_class", arguments))
        self.add(application.default_router, pattern)

    def _add_rules(self, rules: Iterable[Rule], prefix: str) -> None:
        for rule in rules:
            matcher, target = rule.matcher, rule.target
            pattern = matcher.regex.pattern if isinstance(matcher, PathMatches) else prefix
            if not isinstance(target, type):
                self.add(target, pattern)
            elif issubclass(target, RequestHandler):
                self.routes.append(FoundRoute(target, pattern, rule.target_kwargs or {}))

    def _add_delegate(self, one: HTTPServerConnectionDelegate, pattern: str) -> None:
        """Inspect the attributes of `one`, which its own code may pass requests to."""
        inside = len(self._seen)
        for held in list(vars(one).values()) if hasattr(one, "__dict__") else []:
            several = list(held.values()) if isinstance(held, dict) else held
            for each in several if isinstance(several, (list, tuple, set)) else [held]:
                if isinstance(each, HTTPServerConnectionDelegate):
                    self.add(each, pattern)
        if not isinstance(one, Router):
            if len(self._seen) == inside:
                self.hidden.append((_name(one, pattern), pattern))
        elif not chooses_by_rules(one):
            self.choosers.append(_name(one, pattern))


_KNOWN_CHOICES = (
    Application.find_handler,
    RuleRouter.find_handler,
    ReversibleRuleRouter.find_handler,
)
_KNOWN_TARGETS = (
    RuleRouter.get_target_delegate,
    ReversibleRuleRouter.get_target_delegate,
    _ApplicationRouter.get_target_delegate,
)


def chooses_by_rules(router: Router) -> bool:
    """Return whether a router chooses by its rules alone, which an inspection sees."""
    kind = type(router)
    return kind.find_handler in _KNOWN_CHOICES and (
        isinstance(router, Application)
        or getattr(kind, "get_target_delegate", None) in _KNOWN_TARGETS
    )


def _name(one: object, pattern: str) -> str:
    named = one if hasattr(one, "__qualname__") else type(one)
    name = f"{getattr(named, '__module__', '')}.{getattr(named, '__qualname__', '')}"
    return f"{name} ({pattern})" if pattern else name


def inspect(application: Application) -> Inspection:
    """Return everything below `application` that can serve a request."""
    found = Inspection()
    found.add(application, "")
    return found
