"""`protect`: one call that puts a door in front of every WebSocket of an application."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from tornado.httputil import HTTPMessageDelegate, HTTPServerConnectionDelegate, HTTPServerRequest
from tornado.routing import PathMatches, Router, RuleRouter
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor.config.guard import Guard
from stormdoor.core.permission import check_permission
from stormdoor.errors import ConfigurationError, StartupRefused
from stormdoor.guard.endpoint import Endpoint, Public
from stormdoor.tornado.declare import GuardedHandler
from stormdoor.tornado.door import Door
from stormdoor.tornado.guarded_class import guarded_class
from stormdoor.tornado.startup_check import Route, check
from stormdoor.tornado.translate import Translator

__all__ = ["protect"]

_log = logging.getLogger("stormdoor")

_SETTING = "stormdoor_guard"
_KNOWN_PATHS = 1024
_KNOWN_LENGTH = 256

Declared = str | Public
Permissions = Mapping[str | type[WebSocketHandler], Declared]


def protect(
    application: Application,
    guard: Guard,
    permission: Declared | None = None,
    *,
    permissions: Permissions | None = None,
    first_message: Collection[str | type[WebSocketHandler]] = (),
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
        permissions: The same for single handlers, by class or by the path pattern of their route. A path
            that is written out goes before a pattern, and of several patterns the first that matches
            counts.
        first_message: The handlers, by class or by path as in `permissions`, whose clients may send their
            credential in their first message (see `GuardedHandler.first_message`).

    Returns:
        `application`.

    Raises:
        StartupRefused: Something is undeclared or unsafe; every problem is named with its fix.
        ConfigurationError: The application is guarded already, or a permission is not well formed.
    """
    doorman = _Doorman(guard, permission, permissions or {}, first_message)
    applications: dict[int, Application] = {id(application): application}
    routes: list[Route] = []
    unseen: list[str] = []
    for pattern, target in _walk(application):
        if isinstance(target, Application):
            applications[id(target)] = target
        elif not isinstance(target, type):
            unseen.append(f"{type(target).__qualname__} ({pattern})")
        elif issubclass(target, WebSocketHandler):
            routes.append(Route(target, pattern, doorman.declared(target, pattern)))
    if any(_SETTING in one.settings for one in applications.values()):
        raise ConfigurationError("this application is guarded already; call protect() once")
    problems, remarks = check(guard, application.settings, routes)
    if problems:
        raise StartupRefused(problems)
    remarks += doorman.unused(routes)
    remarks += [
        f"{one} serves requests by itself: nobody can guard what it opens" for one in unseen
    ]
    for remark in dict.fromkeys(remarks):
        _log.warning("start-up check: %s", remark)
    for route in routes:
        doorman.door(route.handler, route.endpoint)
    for one in applications.values():
        one.settings[_SETTING] = guard
        doorman.stand_before(one)
    return application


def _walk(router: RuleRouter | Application, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Everything below `router` that can serve a request, with the pattern of its route.

    Handler classes; applications, before what is in them; and what nobody can look into.
    """
    rules = router.rules if isinstance(router, RuleRouter) else router.default_router.rules
    if isinstance(router, Application):
        fallback = router.settings.get("default_handler_class")
        if fallback is not None:
            yield prefix or "default_handler_class", fallback
    for rule in rules:
        matcher, target = rule.matcher, rule.target
        pattern = matcher.regex.pattern if isinstance(matcher, PathMatches) else prefix
        if isinstance(target, Application):
            yield pattern, target
            yield from _walk(target, pattern)
        elif isinstance(target, RuleRouter):
            yield from _walk(target, pattern)
        elif isinstance(target, type):
            if issubclass(target, RequestHandler):
                yield pattern, target
        elif isinstance(target, HTTPServerConnectionDelegate) and not isinstance(target, Router):
            yield pattern, target


def _bare(pattern: str) -> str:
    """A path pattern without the anchors that Tornado adds."""
    return pattern.removeprefix("^").removesuffix("$")


class _Doorman:
    """Makes the doors: one class for each handler class and declaration, made once."""

    def __init__(
        self,
        guard: Guard,
        permission: Declared | None,
        permissions: Permissions,
        first_message: Collection[str | type[WebSocketHandler]] = (),
    ) -> None:
        if isinstance(first_message, str):
            raise ConfigurationError(f'write first_message=["{first_message}"]')
        self._first_classes = tuple(one for one in first_message if not isinstance(one, str))
        self._first_paths = tuple(
            _compiled(_bare(one)) for one in first_message if isinstance(one, str)
        )
        self._guard = guard
        self._default = permission
        self._by_class: dict[type[WebSocketHandler], Declared] = {}
        self._by_path: dict[str, tuple[re.Pattern[str], Declared]] = {}
        for where, declared in permissions.items():
            if isinstance(declared, str):
                check_permission(declared)
            if isinstance(where, str):
                self._by_path[_bare(where)] = (_compiled(_bare(where)), declared)
            else:
                self._by_class[where] = declared
        self._translator = Translator(
            guard.admission.places,
            guard.trusted_proxies,
            headers=guard.admission.headers,
            exclusive=guard.admission.exclusive_headers,
        )
        self._doors: dict[tuple[type[WebSocketHandler], Endpoint], type[Door]] = {}
        self._known: dict[tuple[type[WebSocketHandler], str], type[Door]] = {}
        """The doors by path. Bounded: clients choose paths."""

    def declared(self, handler: type[WebSocketHandler], path: str) -> Endpoint:
        """What was declared about `handler` at `path`, which may also be the pattern of a route."""
        name = f"{handler.__module__}.{handler.__qualname__}"
        first = self._waits(handler, _bare(path))
        for base in handler.__mro__:
            if base in self._by_class:
                return Endpoint.declare(name, self._by_class[base], first_message=first)
        found = self._at(_bare(path))
        # The handler gets its path arguments decoded. A path that means one thing written in one way and
        # another thing in another way is nobody's.
        if "%" in path and self._at(_bare(unquote(path))) != found:
            return Endpoint(name)
        if found is None and issubclass(handler, GuardedHandler):
            found = handler.permission
        return Endpoint.declare(
            name, self._default if found is None else found, first_message=first
        )

    def _waits(self, handler: type[WebSocketHandler], path: str) -> bool:
        """Whether its clients may say who they are in a first message."""
        if issubclass(handler, GuardedHandler) and handler.first_message:
            return True
        if issubclass(handler, self._first_classes):
            return True
        return any(one.fullmatch(path) or one.pattern == path for one in self._first_paths)

    def _at(self, path: str) -> Declared | None:
        exact = self._by_path.get(path)
        if exact is not None:
            return exact[1]
        for compiled, declared in self._by_path.values():
            if compiled.fullmatch(path):
                return declared
        return None

    def unused(self, routes: list[Route]) -> list[str]:
        """Permissions that apply to nothing that is served now: added later, or mistyped."""
        patterns = {_bare(route.pattern) for route in routes}
        paths = [
            path
            for path, (compiled, _) in self._by_path.items()
            if path not in patterns and not any(compiled.fullmatch(one) for one in patterns)
        ]
        classes = [
            one.__qualname__
            for one in self._by_class
            if not any(issubclass(route.handler, one) for route in routes)
        ]
        return [
            f"permissions names {one}, and no route of that name is there"
            for one in paths + classes
        ]

    def stand_before(self, application: Application) -> None:
        """Let every WebSocket handler class that `application` is about to serve pass through here.

        Every router, nested or made by hand, comes to these two public methods in the end, so nothing that
        is added later can be forgotten: `get_handler_delegate` of the application that serves, and
        `find_handler` of the outermost one, in case the one that serves was added later.
        """
        serve, find = application.get_handler_delegate, application.find_handler

        def get_handler_delegate(
            request: HTTPServerRequest,
            target_class: type[RequestHandler],
            *args: Any,
            **kwargs: Any,
        ) -> HTTPMessageDelegate:
            return serve(request, self._behind_door(request, target_class), *args, **kwargs)

        def find_handler(request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
            delegate = find(request, **kwargs)
            target_class = getattr(delegate, "handler_class", None)
            if isinstance(target_class, type):
                setattr(delegate, "handler_class", self._behind_door(request, target_class))  # noqa: B010
            return delegate

        setattr(application, "get_handler_delegate", get_handler_delegate)  # noqa: B010 - a method
        setattr(application, "find_handler", find_handler)  # noqa: B010 - a method

    def _behind_door(
        self, request: HTTPServerRequest, target: type[RequestHandler]
    ) -> type[RequestHandler]:
        if not issubclass(target, WebSocketHandler):
            return target
        _expect_no_body(request, target)
        if issubclass(target, Door):
            return target
        known = (target, request.path)
        door = self._known.get(known)
        if door is None:
            door = self.door(target, self.declared(target, request.path))
            if len(self._known) >= _KNOWN_PATHS:
                self._known.clear()
            if len(request.path) <= _KNOWN_LENGTH:
                self._known[known] = door
        return door

    def door(self, handler: type[WebSocketHandler], endpoint: Endpoint) -> type[Door]:
        """The door in front of `handler` for what was declared."""
        key = (handler, endpoint)
        door = self._doors.get(key)
        if door is None:
            door = self._doors[key] = guarded_class(
                handler, endpoint, self._guard, self._translator
            )
        return door


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(f"permissions: {pattern!r} is not a pattern: {error}") from None


def _expect_no_body(request: HTTPServerRequest, handler: type[RequestHandler]) -> None:
    """A handshake has no body. Tornado would keep up to 100 MiB of it before anybody is asked who it is."""
    limit = getattr(request.connection, "set_max_body_size", None)
    if limit is None:
        return
    if request.method != "GET":
        method = (request.method or "").lower()
        own = getattr(handler, method, None) is not getattr(RequestHandler, method, None)
        if own and method != "get":
            return
    limit(0)
