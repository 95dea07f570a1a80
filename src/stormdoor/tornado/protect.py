"""`protect`: one call that puts a door in front of every WebSocket of an application."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Collection, Mapping
from urllib.parse import unquote

from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor.config.guard import Guard
from stormdoor.core.applied_limits import AppliedLimits
from stormdoor.core.limits import EndpointLimits
from stormdoor.core.permission import check_permission
from stormdoor.errors import ConfigurationError, StartupRefused, StormdoorError
from stormdoor.guard.endpoint import Endpoint, Public
from stormdoor.tornado.by_handler import ByHandler, bare
from stormdoor.tornado.declare import GuardedHandler, has_own_protocol
from stormdoor.tornado.door import Door
from stormdoor.tornado.earlier import end_earlier
from stormdoor.tornado.guarded_class import guarded_class
from stormdoor.tornado.inspection import Inspection, inspect
from stormdoor.tornado.interception import intercept, intercepted, upgrades
from stormdoor.tornado.session_handler import SessionHandler, limit_body
from stormdoor.tornado.startup_check import Route, check, unseen
from stormdoor.tornado.translate import Translator

__all__ = ["protect"]

_log = logging.getLogger("stormdoor")

_SETTING = "stormdoor_guard"
_TWICE = "this application is guarded already; call protect() once"
_HIDDEN = "a WebSocket of an object without a handler class"
_KNOWN_PATHS = 1024
_KNOWN_LENGTH = 256

Declared = str | Public
Permissions = Mapping[str | type[WebSocketHandler], Declared]


def protect(
    application: Application,
    guard: Guard | Callable[[], Guard],
    permission: Declared | None = None,
    *,
    permissions: Permissions | None = None,
    first_message: Collection[str | type[WebSocketHandler]] = (),
    receive_only: Collection[str | type[WebSocketHandler]] = (),
    limits: Mapping[str | type[WebSocketHandler], EndpointLimits] | None = None,
) -> Application:
    """Put `guard` in front of every WebSocket handler of `application`, now and later.

    Handlers keep their code and their protocol. A `GuardedHandler` says itself what it takes to connect;
    for other handlers it is said here. A handler about which nothing is said lets no client in, and the
    application does not start.

    From the first line of this function until it has succeeded, every WebSocket of the application answers
    503. So a loader that catches the exception, logs it and goes on serves nothing that is unguarded.
    Sockets that the application opened before are closed.

    Args:
        application: The application. Nested routers and applications are covered too, and so is what
            `add_handlers` adds later.
        guard: The guard; or a function without arguments that makes it. In a plug-in that a host loads, pass
            the function: if it raises, the application answers 503.
        permission: What it takes to connect to every handler that says nothing itself.
        permissions: The same for single handlers, by class or by the path pattern of their route. A path
            that is written out goes before a pattern, and of several patterns the first that matches
            counts.
        first_message: The handlers, by class or by path as in `permissions`, whose clients may send their
            credential in their first message (see `GuardedHandler.first_message`).
        receive_only: The handlers, named in the same way, whose connections stay open after the login has
            been idle for too long (see `GuardedHandler.receive_only`).
        limits: The limits of single handlers, named in the same way. They go before those of the guard.

    Returns:
        `application`.

    Raises:
        StartupRefused: Something is undeclared or unsafe; every problem is named with its fix.
        ConfigurationError: The application is guarded already, or a permission is not well formed.
        Exception: Whatever the function that makes the guard raises.
    """
    outermost = intercept(application)
    if outermost.wrapper is not None:
        raise ConfigurationError(_TWICE)
    try:
        found = _close(application)
        made = guard if isinstance(guard, Guard) else _make(guard)
        doorman = _Doorman(
            made,
            permission,
            permissions or {},
            first_message,
            receive_only=receive_only,
            limits=limits or {},
        )
        routes = [
            Route(one.handler, one.pattern, doorman.declared(one.handler, one.pattern))
            for one in found.routes
            if issubclass(one.handler, WebSocketHandler)
        ]
        problems, remarks = check(made, application.settings, routes)
        if problems:
            raise StartupRefused(problems)
        remarks += doorman.unused(routes, [pattern for _, pattern in found.hidden])
        remarks += unseen(found)
        for route in routes:
            doorman.door(route.handler, route.endpoint)
    except BaseException as error:
        _log.error(
            "protect() has failed: every WebSocket of this application answers 503 until protect() "
            "succeeds. The cause: %s: %s",
            type(error).__name__,
            error,
            exc_info=None if isinstance(error, StormdoorError) else error,
        )
        raise
    for remark in dict.fromkeys(remarks):
        _log.warning("start-up check: %s", remark)
    for one in found.applications:
        one.settings[_SETTING] = made
        intercept(one).wrapper = doorman
    return application


def _close(application: Application) -> Inspection:
    """Let `application` and those in it answer 503, and end the sockets that they have opened."""
    found = inspect(application)
    interceptions = [intercept(one) for one in found.applications]
    end_earlier(
        [
            one
            for one, interception in zip(found.applications, interceptions, strict=True)
            if interception.wrapper is None
        ]
    )
    if any(one.wrapper is not None for one in interceptions):
        raise ConfigurationError(_TWICE)
    for one in interceptions:
        one.inspected = True
    return found


def _make(factory: Callable[[], Guard]) -> Guard:
    if not callable(factory):
        raise ConfigurationError(
            f"protect() needs a Guard or a function that returns one, not {type(factory).__name__}"
        )
    made = factory()
    if not isinstance(made, Guard):
        raise ConfigurationError(
            f"the function that makes the guard must return a Guard, not {type(made).__name__}"
        )
    return made


class _Doorman:
    """Makes the doors: one class for each handler class and declaration, made once."""

    def __init__(
        self,
        guard: Guard,
        permission: Declared | None,
        permissions: Permissions,
        first_message: Collection[str | type[WebSocketHandler]] = (),
        *,
        receive_only: Collection[str | type[WebSocketHandler]] = (),
        limits: Mapping[str | type[WebSocketHandler], EndpointLimits] | None = None,
    ) -> None:
        self._first_message = _named("first_message", first_message)
        self._receive_only = _named("receive_only", receive_only)
        self._limits = ByHandler("limits", limits or {})
        self._applied: dict[tuple[bool, EndpointLimits | None], AppliedLimits] = {}
        """One object for each set of limits: connections under the same limits are counted together."""
        self._guard = guard
        self._default = permission
        self._by_class: dict[type[WebSocketHandler], Declared] = {}
        self._by_path: dict[str, tuple[re.Pattern[str], Declared]] = {}
        for where, declared in permissions.items():
            if isinstance(declared, str):
                check_permission(declared)
            if isinstance(where, str):
                self._by_path[bare(where)] = (_compiled(bare(where)), declared)
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
        declare = functools.partial(
            Endpoint.declare,
            name,
            first_message=_says(handler, "first_message")
            or self._first_message.find(handler, bare(path)) is not None,
            receive_only=_says(handler, "receive_only")
            or self._receive_only.find(handler, bare(path)) is not None,
            limits=self._limits_of(handler, bare(path)),
        )
        for base in handler.__mro__:
            if base in self._by_class:
                return declare(self._by_class[base])
        found = self._at(bare(path))
        # The handler gets its path arguments decoded. A path that means one thing written in one way and
        # another thing in another way is nobody's.
        if "%" in path and self._at(bare(unquote(path))) != found:
            return Endpoint(name)
        if found is None and issubclass(handler, GuardedHandler):
            found = handler.permission
        return declare(self._default if found is None else found)

    def _limits_of(self, handler: type[WebSocketHandler], path: str) -> AppliedLimits:
        """Return the limits that count on `handler` at `path`."""
        limits = self._limits.find(handler, path)
        if limits is None and issubclass(handler, GuardedHandler):
            limits = handler.limits
        if limits is not None and not isinstance(limits, EndpointLimits):
            raise ConfigurationError(
                f"the limits of {handler.__qualname__} must be EndpointLimits; write "
                "EndpointLimits(message_bytes=1048576)"
            )
        own_protocol = has_own_protocol(handler)
        applied = self._applied.get((own_protocol, limits))
        if applied is None:
            applied = self._guard.limits.applied(own_protocol=own_protocol, endpoint=limits)
            self._applied[own_protocol, limits] = applied
        return applied

    def _at(self, path: str) -> Declared | None:
        exact = self._by_path.get(path)
        if exact is not None:
            return exact[1]
        for compiled, declared in self._by_path.values():
            if compiled.fullmatch(path):
                return declared
        return None

    def unused(self, routes: list[Route], hidden: Collection[str] = ()) -> list[str]:
        """Permissions that apply to nothing that is served now: added later, or mistyped.

        Args:
            routes: The WebSockets that are served.
            hidden: Patterns of paths at which there may be others.
        """
        patterns = {bare(one) for one in (*(route.pattern for route in routes), *hidden)}
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
        served = [(route.handler, bare(route.pattern)) for route in routes]
        served += [(WebSocketHandler, bare(one)) for one in hidden]
        return [
            f"permissions names {one}, and no route of that name is there"
            for one in paths + classes
        ] + [
            remark
            for named in (self._first_message, self._receive_only, self._limits)
            for remark in named.unused(served)
        ]

    def wrap_unknown(
        self, request: HTTPServerRequest, delegate: HTTPMessageDelegate
    ) -> type[RequestHandler] | None:
        """Refuse a handshake for something that has no handler class, unless its path is public."""
        router = getattr(delegate, "router", None)
        if not upgrades(request) or (isinstance(router, Application) and intercepted(router)):
            return None
        if isinstance(self._at(bare(request.path)), Public):
            return None
        return self.door(WebSocketHandler, Endpoint(_HIDDEN))

    def wrap(
        self, request: HTTPServerRequest, target: type[RequestHandler]
    ) -> type[RequestHandler]:
        """Return the guarded class of a WebSocket handler; other handlers stay as they are."""
        if not issubclass(target, WebSocketHandler):
            if issubclass(target, SessionHandler):
                limit_body(request, self._guard.limits.body_seconds)
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


def _named(option: str, names: Collection[str | type[WebSocketHandler]]) -> ByHandler[bool]:
    if isinstance(names, str):
        raise ConfigurationError(f'write {option}=["{names}"]')
    return ByHandler(option, dict.fromkeys(names, True))


def _says(handler: type[WebSocketHandler], option: str) -> bool:
    """Whether a `GuardedHandler` sets a switch of its own."""
    return issubclass(handler, GuardedHandler) and bool(getattr(handler, option))


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
