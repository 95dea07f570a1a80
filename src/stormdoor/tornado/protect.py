"""`protect`: one call that guards every WebSocket of an application."""

from __future__ import annotations

import logging
from collections import ChainMap
from collections.abc import Callable
from pathlib import Path

from tornado.web import Application, RequestHandler

from stormdoor.core.credential import Source
from stormdoor.errors import ConfigurationError, StartupRefused, StormdoorError
from stormdoor.otel import instrument_by_environment
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.access_log import install_access_log
from stormdoor.tornado.declarations import (
    Declarations,
    Declared,
    EndpointLimitsOf,
    FreshnessOf,
    MessagesOf,
    Names,
    Permissions,
)
from stormdoor.tornado.front import put_front_before_new_servers
from stormdoor.tornado.inspection import Inspection, inspect
from stormdoor.tornado.interception import intercept
from stormdoor.tornado.page_rules import PageRules, Pages
from stormdoor.tornado.redaction import redact_headers, redact_logs
from stormdoor.tornado.startup_check import (
    changing_routes,
    check,
    login_without_provider,
    neighbour_routes,
    permissions_of_pages,
    uninspected_parts,
)
from stormdoor.tornado.transports import Transport
from stormdoor.tornado.transports.declared import transport_of
from stormdoor.tornado.transports.table import Transports, TransportTable
from stormdoor.tornado.unguarded_connections import end_unguarded_connections
from stormdoor.tornado.wrapper import HandlerWrapper

__all__ = ["protect"]

_log = logging.getLogger("stormdoor.protect")

_SETTING = "stormdoor_guard"
_TWICE = "this application is guarded already; call protect() once"


def protect(
    application: Application,
    guard: Guard | str | Path | Callable[[], Guard],
    permission: Declared | None = None,
    *,
    permissions: Permissions | None = None,
    first_message: Names = (),
    receive_only: Names = (),
    limits: EndpointLimitsOf | None = None,
    messages: MessagesOf | None = None,
    freshness: FreshnessOf | None = None,
    transports: Transports | None = None,
    pages: Pages | None = None,
) -> Application:
    """Guard every WebSocket of `application`, those of present and of later handlers.

    Handlers keep their code and their protocol. A `GuardedHandler` declares its permission itself;
    those of other handlers are declared here. A handler without a declaration admits no client, and the
    application does not start.

    From the first line of this function until it has succeeded, every WebSocket of the application answers
    503. A host that catches the exception, logs it and continues therefore serves nothing unguarded.
    Sockets that the application opened before are closed.

    Args:
        application: The application. Nested routers and applications are covered too, and routes that
            `add_handlers` adds later.
        guard: The guard; the path of a configuration file; or a function without arguments that makes the
            guard. In a plug-in that a host loads, pass the path or the function: if it raises, the
            application answers 503. The table `[protect]` of the file adds declarations to the arguments.
        permission: The permission to connect, for every handler that declares none.
        permissions: The same for single handlers, by class or by the path pattern of their route. A literal
            path has priority over a pattern, and the first matching pattern over later ones. An HTTP handler
            that opens a WebSocket by itself must be named here; otherwise its 101 is refused.
        first_message: The handlers, by class or by path as in `permissions`, with clients that may send their
            credential in their first message (see `GuardedHandler.first_message`).
        receive_only: The handlers, named in the same way, with connections that stay open after the idle
            timeout of the login (see `GuardedHandler.receive_only`).
        limits: The limits of single handlers, named in the same way. They have priority over those of the
            guard.
        messages: The permission of each type of message, for handlers that decode their messages themselves,
            named in the same way. The routes and HTTP transports of such a handler share them.
        freshness: The greatest age of revocations at single handlers, named in the same way: "strict", a
            number of seconds such as "5", or "none" (see `GuardedHandler.freshness`).
        transports: HTTP handlers that carry the conversation of a socket, by class or by path as in
            `permissions`. Those of SockJS and Engine.IO are found without it.
        pages: The permission for all other HTTP handlers, or for each by class, path, or method and path:
            `{"POST /api/.*": "app:change", "/.*": "app:use"}`. The first entry that fits path and method
            decides: one for the class, then the literal path, then patterns in their order. A page without a
            permission is refused. A browser without a session is redirected to the page of `login_routes`,
            and returns after the login. A `SessionHandler` checks its clients itself. Left out, pages are not
            guarded.

    Returns:
        `application`.

    Raises:
        StartupRefused: A handler is undeclared or a setting is unsafe; every problem is named with its fix.
        ConfigurationError: The application is guarded already, or a permission is malformed.
        Exception: The error of the function that makes the guard.
    """
    outermost = intercept(application)
    if outermost.wrapper is not None:
        raise ConfigurationError(_TWICE)
    try:
        found, table = _close(application, transports or {})
        made = guard if isinstance(guard, Guard) else _make(guard)
        protection = made.protection
        if protection.transports:
            listed: dict[str | type[RequestHandler], Transport] = {
                path: transport_of(one) for path, one in protection.transports.items()
            }
            found, table = _close(application, listed | {**(transports or {})})
        declarations = Declarations(
            made.limits,
            permission,
            permissions or {},
            first_message=first_message,
            receive_only=receive_only,
            limits=limits,
            messages=messages,
            freshness=freshness,
            freshness_of_guard=made.freshness,
            lease=made.lease,
            protection=protection,
        )
        pages = protection.pages if pages is None else pages
        rules = PageRules({} if pages is None else pages, found, protection.other_pages)
        session = made.sessions.cookie.name
        if not any(
            one.source is Source.COOKIE and one.name == session for one in made.credentials.places
        ):
            rules.login = None  # a page would not read its cookie, and lead back to it
        instrument_by_environment(made)
        made.in_use = True
        wrapper = HandlerWrapper(made, declarations, table, rules, guards_pages=pages is not None)
        guarded = [
            (one, endpoint)
            for one in found.routes
            if (endpoint := wrapper.endpoint(one)) is not None
        ]
        settings = ChainMap(*(one.settings for one in found.applications))
        problems, remarks = check(made, settings, guarded)
        problems += login_without_provider(made, found.routes)
        problems += declarations.unmatched_messages(
            [(one.handler, one.pattern) for one, _ in guarded]
        )
        problems += rules.hidden(protection.optional, in_file=made.under_run)
        if problems:
            raise StartupRefused(problems)
        for one, endpoint in guarded:
            wrapper.make(one, endpoint)
        opened = [
            one
            for one in found.routes
            if wrapper.endpoint(one) is None
            and declarations.socket_of_page(one.handler, one.pattern) is not None
        ]
        if pages is None:
            remarks += permissions_of_pages(opened)
        remarks += declarations.unused(
            [(one.handler, one.pattern) for one in (*(one for one, _ in guarded), *opened)],
            [pattern for _, pattern in found.hidden],
        )
        remarks += table.unused(found)
        remarks += uninspected_parts(made, found)
        if pages is None and not made.credentials.needs_request:
            # Else the application has a login of its own, which the guard asks.
            remarks += neighbour_routes(made, found, [one for one, _ in guarded])
        if protection.insecure_unguarded_pages and pages is None:
            open_to_all = changing_routes(found, [one for one, _ in guarded])
            remarks.append(
                "pages are not guarded (insecure_unguarded_pages). Each client may send "
                + (", ".join(open_to_all) or "no POST, PUT, PATCH or DELETE to a known route")
            )
        remarks += rules.unused(protection.optional)
    except BaseException as error:
        _log.error(
            "protect() has failed: every WebSocket of this application answers 503 until protect() "
            "succeeds. The cause: %s: %s",
            type(error).__name__,
            error,
            exc_info=None if isinstance(error, StormdoorError) else error,
        )
        raise
    redact_headers(made.credentials.places, made.credentials.exclusive_headers)
    remarks += [
        remark
        for served in found.applications
        if (remark := install_access_log(served, made.clock, wrap=made.under_run)) is not None
    ]
    for remark in dict.fromkeys(remarks):
        _log.warning("start-up check: %s", remark)
    for served in found.applications:
        served.settings[_SETTING] = made
        intercept(served).wrapper = wrapper
    put_front_before_new_servers()
    return application


def _close(application: Application, declared: Transports) -> tuple[Inspection, TransportTable]:
    """Let `application` and the applications in it answer 503, and end their open sockets."""
    found = inspect(application)
    interceptions = [(one, intercept(one)) for one in found.applications]
    redact_logs()
    for one, door in interceptions:
        if door.wrapper is None:
            install_access_log(one)
    table = TransportTable(application, found, declared)
    polls = {
        one.handler
        for one in found.routes
        if table.find(one.handler, one.pattern, one.arguments) is not None
    }
    end_unguarded_connections([one for one, door in interceptions if door.wrapper is None], polls)
    if any(door.wrapper is not None for _, door in interceptions):
        raise ConfigurationError(_TWICE)
    for _, door in interceptions:
        door.transports = table
    return found, table


def _make(factory: str | Path | Callable[[], Guard]) -> Guard:
    if isinstance(factory, (str, Path)):
        return Guard.from_config(factory)
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
