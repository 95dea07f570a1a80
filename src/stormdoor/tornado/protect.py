"""`protect`: one call that puts a door in front of every WebSocket of an application."""

from __future__ import annotations

import logging
import re
import types
from collections.abc import Iterator, Mapping
from typing import Any, cast

from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import PathMatches, RuleRouter
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor.config.guard import Guard
from stormdoor.core.permission import check_permission
from stormdoor.errors import ConfigurationError, StartupRefused
from stormdoor.guard.endpoint import Endpoint, Public
from stormdoor.tornado.declare import GuardedHandler
from stormdoor.tornado.door import CommandDoor, DeclaringDoor, Door, RawDoor
from stormdoor.tornado.startup_check import Route, check
from stormdoor.tornado.translate import Translator

__all__ = ["protect"]

_log = logging.getLogger("stormdoor")

_SETTING = "stormdoor_guard"

Declared = str | Public
Permissions = Mapping[str | type[WebSocketHandler], Declared]


def protect(
    application: Application,
    guard: Guard,
    permission: Declared | None = None,
    *,
    permissions: Permissions | None = None,
) -> Application:
    """Put `guard` in front of every WebSocket handler of `application`, now and later.

    Handlers keep their code and their protocol. A `GuardedHandler` says itself what it takes to connect;
    for other handlers it is said here. A handler about which nothing is said lets nobody in, and the
    application does not start.

    Args:
        application: The application. Nested routers and applications are covered too, and so is what
            `add_handlers` adds later.
        guard: Who decides.
        permission: What it takes to connect to every handler that says nothing itself.
        permissions: The same for single handlers, by class or by the path pattern of their route.

    Returns:
        `application`.

    Raises:
        StartupRefused: Something is undeclared or unsafe; every problem is named with its fix.
        ConfigurationError: The application is guarded already, or a permission is not well formed.
    """
    if _SETTING in application.settings:
        raise ConfigurationError("this application is guarded already; call protect() once")
    doorman = _Doorman(guard, permission, permissions or {})
    applications = [application]
    routes: list[Route] = []
    for handler, pattern, nested in _walk(application):
        if nested is not None:
            applications.append(nested)
        elif handler is not None and issubclass(handler, WebSocketHandler):
            endpoint = doorman.endpoint(handler, pattern, pattern)
            routes.append(Route(handler, pattern, endpoint))
    problems, remarks = check(guard, application.settings, routes)
    if problems:
        raise StartupRefused(problems)
    for remark in remarks:
        _log.warning("start-up check: %s", remark)
    for route in routes:
        doorman.door(route.handler, route.endpoint)
    for one in applications:
        one.settings[_SETTING] = guard
        doorman.stand_before(one)
    return application


def _walk(
    router: RuleRouter | Application, prefix: str = ""
) -> Iterator[tuple[type[RequestHandler] | None, str, Application | None]]:
    """Every handler class below `router` with the pattern of its route, and every nested application."""
    routers: list[RuleRouter]
    if isinstance(router, Application):
        routers = [router.default_router, router.wildcard_router]
    else:
        routers = [router]
    for one in routers:
        for rule in one.rules:
            matcher = rule.matcher
            pattern = matcher.regex.pattern if isinstance(matcher, PathMatches) else ""
            target = rule.target
            if isinstance(target, type) and issubclass(target, RequestHandler):
                yield target, pattern or prefix, None
            elif isinstance(target, Application):
                yield None, "", target
                yield from _walk(target, pattern or prefix)
            elif isinstance(target, RuleRouter):
                yield from _walk(target, pattern or prefix)


def _bare(pattern: str) -> str:
    """A path pattern without the anchors that Tornado adds."""
    return pattern.removeprefix("^").removesuffix("$")


class _Doorman:
    """Makes the doors: one class for each handler class and declaration, made once."""

    def __init__(self, guard: Guard, permission: Declared | None, permissions: Permissions) -> None:
        self._guard = guard
        self._default = permission
        self._by_class: dict[type[WebSocketHandler], Declared] = {}
        self._by_path: list[tuple[str, re.Pattern[str], Declared]] = []
        for where, declared in permissions.items():
            if isinstance(declared, str):
                check_permission(declared)
            if isinstance(where, str):
                self._by_path.append((_bare(where), re.compile(_bare(where)), declared))
            else:
                self._by_class[where] = declared
        self._translator = Translator(guard.admission.places, guard.trusted_proxies)
        self._doors: dict[tuple[type[WebSocketHandler], Endpoint], type[Door]] = {}

    def endpoint(self, handler: type[WebSocketHandler], pattern: str, path: str) -> Endpoint:
        """What was declared about `handler` at `path` (or at the route `pattern`)."""
        name = f"{handler.__module__}.{handler.__qualname__}"
        declared: Declared | None = None
        for base in handler.__mro__:
            if base in self._by_class:
                declared = self._by_class[base]
                break
        else:
            for text, compiled, one in self._by_path:
                if text == _bare(pattern) or compiled.fullmatch(path):
                    declared = one
                    break
            else:
                if issubclass(handler, GuardedHandler):
                    declared = handler.permission
                if declared is None:
                    declared = self._default
        return Endpoint.declare(name, declared)

    def stand_before(self, application: Application) -> None:
        """Let every WebSocket handler class that `application` is about to serve pass through here.

        Every router, nested or made by hand, comes to this one public method in the end, so nothing that is
        added later can be forgotten.
        """
        serve = application.get_handler_delegate

        def get_handler_delegate(
            request: HTTPServerRequest,
            target_class: type[RequestHandler],
            *args: Any,
            **kwargs: Any,
        ) -> HTTPMessageDelegate:
            if issubclass(target_class, WebSocketHandler) and not issubclass(target_class, Door):
                path = request.path
                target_class = self.door(target_class, self.endpoint(target_class, path, path))
            return serve(request, target_class, *args, **kwargs)

        setattr(application, "get_handler_delegate", get_handler_delegate)  # noqa: B010 - a method

    def door(self, handler: type[WebSocketHandler], endpoint: Endpoint) -> type[Door]:
        """The door in front of `handler` for what was declared."""
        key = (handler, endpoint)
        door = self._doors.get(key)
        if door is None:
            door = self._doors[key] = self._make(handler, endpoint)
        return door

    def _make(self, handler: type[WebSocketHandler], endpoint: Endpoint) -> type[Door]:
        facts: dict[str, object] = {
            "__module__": handler.__module__,
            "__qualname__": handler.__qualname__,
            "__doc__": handler.__doc__,
            "guard": self._guard,
            "endpoint": endpoint,
            "translator": self._translator,
            "own_origin_check": handler.check_origin is not WebSocketHandler.check_origin,
            "own_message_size": _is_overridden(handler, "max_message_size"),
        }
        bases: tuple[type, ...]
        if issubclass(handler, GuardedHandler):
            if handler.actions is not None:
                bases = (DeclaringDoor, CommandDoor, handler)
            else:
                bases = (DeclaringDoor, RawDoor, handler)
                facts["message_permission"] = handler.message_permission or endpoint.permission
        else:
            bases = (RawDoor, handler)
            facts["message_permission"] = endpoint.permission
        return cast(
            type[Door],
            types.new_class(handler.__name__, bases, {}, lambda namespace: namespace.update(facts)),
        )


def _is_overridden(handler: type[WebSocketHandler], name: str) -> bool:
    return getattr(handler, name) is not getattr(WebSocketHandler, name)
