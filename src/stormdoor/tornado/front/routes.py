"""The routes that the front decides, and those of handlers that need nothing of Tornado before their 101."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from itertools import chain
from types import FunctionType, ModuleType
from typing import Any

from tornado import http1connection, httpserver, httputil, routing, tcpserver, web, websocket
from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.routing import (
    AnyMatches,
    HostMatches,
    PathMatches,
    Router,
    Rule,
    RuleRouter,
    URLSpec,
)
from tornado.tcpserver import TCPServer
from tornado.web import Application, RequestHandler, _ApplicationRouter, _has_stream_request_body
from tornado.websocket import WebSocketHandler

from stormdoor.tornado.declare import GuardedHandler
from stormdoor.tornado.front.arrival import FrontConnection, request_of_path
from stormdoor.tornado.front.head import Head
from stormdoor.tornado.interception import intercept
from stormdoor.tornado.sentry_mixin import SentryRouteMixin
from stormdoor.tornado.socket.facts import HandlerFacts
from stormdoor.tornado.socket.handler import HandlerCalls
from stormdoor.tornado.traced import TracedDecisionMixin

__all__ = ["Route", "Routes", "recognise_patches"]

_MOST_PATHS = 1024
_LONGEST_PATH = 256

_HONOURED = frozenset(
    [
        "initialize",
        "open",
        "on_finish",
        "check_origin",
        "check_trusted_origin",
        "select_subprotocol",
        "get_compression_options",
        "on_message",
        "on_ping",
        "on_pong",
        "on_close",
        "on_ws_connection_close",
        "on_connection_close",
        "log_exception",
        "write_message",
        "ping",
        "close",
        "ping_interval",
        "ping_timeout",
        "max_message_size",
        "selected_subprotocol",
        "set_nodelay",
        "current_user",
        "get_current_user",
        "get_login_url",
        "settings",
        "head",
        "post",
        "put",
        "patch",
        "delete",
        "options",
        "data_received",
        "write_error",
        "send_error",
        "write",
        "redirect",
        "render",
        "render_string",
        "render_linked_js",
        "render_embed_js",
        "render_linked_css",
        "render_embed_css",
        "get_template_path",
        "get_template_namespace",
        "create_template_loader",
        "locale",
        "get_user_locale",
        "get_browser_locale",
        "require_setting",
        "static_url",
        "reverse_url",
        "get_argument",
        "get_arguments",
        "get_body_argument",
        "get_body_arguments",
        "get_query_argument",
        "get_query_arguments",
        "cookies",
        "get_cookie",
        "set_cookie",
        "clear_cookie",
        "clear_all_cookies",
        "create_signed_value",
        "get_signed_cookie",
        "get_secure_cookie",
        "set_signed_cookie",
        "set_secure_cookie",
        "get_signed_cookie_key_version",
        "get_secure_cookie_key_version",
        "xsrf_token",
        "check_xsrf_cookie",
        "xsrf_form_html",
        "compute_etag",
        "set_etag_header",
        "check_etag_header",
    ]
)
"""Names that a handler may override: the front calls them as Tornado does, or Tornado calls none of them
between the request and the 101. If a handler overrides any other name, the front refuses its handshakes, and
Tornado executes it after an admission."""

_SPECIAL = frozenset(
    {"__init__", "__new__", "__getattribute__", "__setattr__", "__delattr__", "__class__"}
)
"""Special methods that the front does not call as Tornado does."""

_IN_REFUSALS = _SPECIAL | {"_execute", "set_default_headers", "clear", "_log"}
"""Names that have a part in a refusal. If a handler overrides one, Tornado executes the refusal."""

_ROUTING = frozenset({"find_handler", "get_target_delegate", "start_request"})

_TORNADO: tuple[tuple[type, ModuleType, tuple[str, ...]], ...] = (
    (
        RequestHandler,
        web,
        (
            *(
                "__init__",
                "_execute",
                "prepare",
                "on_finish",
                "finish",
                "flush",
                "clear",
                "set_status",
            ),
            *("set_header", "set_default_headers", "log_exception", "_log", "decode_argument"),
        ),
    ),
    (WebSocketHandler, websocket, ("__init__", "get", "open", "_detach_stream")),
    (Application, web, ("find_handler", "get_handler_delegate", "__call__", "log_request")),
    (_ApplicationRouter, web, ("get_target_delegate",)),
    (Router, routing, ("start_request",)),
    (RuleRouter, routing, ("find_handler",)),
    (PathMatches, routing, ("match",)),
    (web._HandlerDelegate, web, ("finish", "execute")),  # noqa: SLF001 - see `compat`
    (HTTPServer, httpserver, ("handle_stream", "start_request", "on_close")),
    (TCPServer, tcpserver, ("_handle_connection",)),
    (HTTP1Connection, http1connection, ("read_response", "write_headers", "finish", "detach")),
    (HTTPServerRequest, httputil, ("__init__",)),
)
"""Methods of Tornado that the front does the work of. Instrumentation replaces some of them."""


_recognised: set[int] = set()


def recognise_patches(patches: Iterable[FunctionType]) -> None:
    """Serve although these functions have replaced methods of Tornado: they only ask for a guard.

    Args:
        patches: Functions that live as long as the process: those of the hook of `stormdoor run`.
    """
    _recognised.update(map(id, patches))


def _is_unchanged() -> bool:
    """Return whether no other library has replaced a method of Tornado that the front does the work of."""
    return all(
        # The type itself: a proxy of `wrapt` is an instance of everything.
        type(method := inspect.getattr_static(owner, name)) is FunctionType
        and (method.__globals__ is vars(module) or id(method) in _recognised)
        for owner, module, names in _TORNADO
        for name in names
    )


def _needs_tornado(handler: type[WebSocketHandler]) -> bool:
    """Return whether `handler` overrides a method that Tornado calls, and the front does not."""
    return any(
        name not in _HONOURED
        and (name in _SPECIAL or not name.startswith("__"))
        and _overrides(handler, name)
        for name in {*dir(WebSocketHandler), *dir(handler)}
    )


def _overrides(handler: type[WebSocketHandler], name: str) -> bool:
    usual = inspect.getattr_static(WebSocketHandler, name, None)
    if usual is None and not hasattr(WebSocketHandler, name):
        return False
    own = inspect.getattr_static(handler, name)
    return own is not usual and own is not vars(GuardedHandler).get(name)


def _is_decided(made: type) -> bool:
    """Return whether the front decides the handshakes of a class: `guarded_class` has made it."""
    if not issubclass(made, HandlerCalls):
        return False
    handler = vars(made)["_door_handler"]
    return (
        not issubclass(made, (TracedDecisionMixin, SentryRouteMixin))
        and made._door_facts.parser.reads_heads  # noqa: SLF001 - of a guarded class
        and not _has_stream_request_body(handler)
    )


class _Class:
    """The part of the front in the handshakes of a guarded class, all of which it decides.

    Attributes:
        refuses: See `Route`.
        opens: See `Route`.
    """

    __slots__ = ("opens", "refuses")

    def __init__(self, made: Any, *, transformed: bool) -> None:
        facts, handler = made._door_facts, vars(made)["_door_handler"]  # noqa: SLF001 - of a guarded class
        self.refuses = not (transformed or any(_overrides(handler, name) for name in _IN_REFUSALS))
        self.opens = (
            self.refuses
            and facts.before_prepare is None
            and facts.fast
            and not _needs_tornado(handler)
        )


class Route:
    """The guarded class of a path, with the arguments of its route.

    Attributes:
        made: The guarded class.
        facts: Its facts.
        arguments: The keyword arguments of the route, for `initialize`.
        args: The positional arguments in the path.
        kwargs: The named arguments in the path.
        initializes: Whether the handler has an `initialize` of its own, or gets arguments.
        checks_origin: Whether its `check_origin` decides: the endpoint is public, or the method is its own.
        refuses: Whether the front writes its refusals; if not, Tornado executes the handler for them.
        opens: Whether the front opens its sockets; if not, Tornado executes the handler.
    """

    __slots__ = (
        "args",
        "arguments",
        "checks_origin",
        "facts",
        "initializes",
        "kwargs",
        "made",
        "opens",
        "raw",
        "refuses",
    )

    def __init__(
        self,
        made: Any,
        arguments: Mapping[str, Any],
        args: list[Any],
        kwargs: Mapping[str, Any],
        part: _Class,
    ) -> None:
        self.made = made
        self.facts: HandlerFacts = made._door_facts  # noqa: SLF001 - of a guarded class
        self.arguments = arguments
        self.raw = (args, kwargs)
        self.args = tuple(_decoded(one) for one in args)
        self.kwargs = {name: _decoded(one) for name, one in kwargs.items()}
        handler = made._door_handler  # noqa: SLF001 - of a guarded class
        self.initializes = bool(arguments) or handler.initialize is not RequestHandler.initialize
        self.checks_origin = self.facts.checks_origin
        self.refuses, self.opens = part.refuses, part.opens


def _decoded(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _rules(application: Application) -> list[list[Any]]:
    """Return the outer rules of an application, which may be for hosts, and the inner ones of each."""
    outer = application.default_router.rules
    return [outer, *(getattr(rule.target, "rules", []) for rule in outer)]


def _ignores_hosts(matcher: object) -> bool:
    """Return whether a matcher reads the path alone, or nothing: that of `add_handlers(".*", ...)`, too."""
    return type(matcher) in (AnyMatches, PathMatches) or (
        type(matcher) is HostMatches and matcher.host_pattern.pattern == ".*$"
    )


class Routes:
    """Finds the guarded class of a request.

    Args:
        application: The application. It asks itself, so its own `find_handler` has the last word.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._interception = intercept(application)
        self._found: dict[str, Route | None] = {}
        self._classes: dict[type, _Class | None] = {}
        """The part of the front by class; None if Tornado serves it."""
        self._rules: list[list[Any]] = []
        self._of: tuple[object, ...] = ()
        """The wrapper, the version of its transports and the output transforms that `_found` comes from."""
        self._served = False

    def find(self, head: Head, arrival: FrontConnection) -> Route | None:
        """Return the route of a request; None if Tornado serves it.

        Args:
            head: The head of the request.
            arrival: Its connection.
        """
        application = self._application
        rules = _rules(application)
        wrapper, transports = self._interception.wrapper, self._interception.transports
        of = (wrapper, 0 if transports is None else transports.version, *application.transforms)
        if rules != self._rules or of != self._of:
            self._rules, self._of = [list(one) for one in rules], of
            self._found.clear()
            self._classes.clear()
            self._served = wrapper is not None and self._are_usual()
        if not self._served:
            return None
        path = head.path
        try:
            return self._found[path]
        except KeyError:
            pass
        route = self._search(path, arrival)
        if len(self._found) >= _MOST_PATHS:
            self._found.clear()
        if len(path) <= _LONGEST_PATH:
            self._found[path] = route
        return route

    def _are_usual(self) -> bool:
        """Return whether paths alone select the handlers, and nothing is around them."""
        application = self._application
        default = application.default_router
        outer = default.rules
        own = vars(application)
        settings = application.settings
        return (
            all(_ignores_hosts(rule.matcher) for rule in outer)
            and all(
                type(router) is _ApplicationRouter and _ROUTING.isdisjoint(vars(router))
                for router in (default, *(rule.target for rule in outer))
            )
            and all(
                type(rule) in (Rule, URLSpec) and type(rule.matcher) is PathMatches
                for rules in self._rules[1:]
                for rule in rules
            )
            and all(
                getattr(type(application), name) is getattr(Application, name)
                for name in ("find_handler", "get_handler_delegate", "start_request", "__call__")
            )
            and "start_request" not in own
            and self._interception.is_outermost
            and settings.get("compiled_template_cache", True)
            and settings.get("static_hash_cache", True)
            and _is_unchanged()
        )

    def _search(self, path: str, arrival: FrontConnection) -> Route | None:
        inner = (
            outer.target.rules
            for outer in self._rules[0]
            if type(outer.matcher) is not PathMatches or outer.matcher.regex.match(path)
        )
        for rule in chain.from_iterable(inner):
            if rule.matcher.regex.match(path) is None:
                continue
            target = rule.target
            if not (inspect.isclass(target) and issubclass(target, WebSocketHandler)):
                return None
            break
        else:
            return None
        delegate: Any = self._application.find_handler(request_of_path(arrival, path))
        made = getattr(delegate, "handler_class", None)
        if type(delegate) is not web._HandlerDelegate or not isinstance(made, type):  # noqa: SLF001 - see `compat`
            return None
        if made not in self._classes:
            transformed = bool(self._application.transforms)
            self._classes[made] = (
                _Class(made, transformed=transformed) if _is_decided(made) else None
            )
        part = self._classes[made]
        if part is None:
            return None
        arguments, args, kwargs = delegate.handler_kwargs, delegate.path_args, delegate.path_kwargs
        try:
            return Route(made, arguments, args, kwargs, part)
        except UnicodeDecodeError:
            return None  # Tornado answers 400
