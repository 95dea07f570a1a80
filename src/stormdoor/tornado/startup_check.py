"""The start-up check: problems that stop the start, and remarks for the operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tornado.web import ErrorHandler, RedirectHandler, StaticFileHandler

from stormdoor.auth.signed_cookie.authenticator import SignedCookieAuthenticator
from stormdoor.guard.endpoint import Endpoint
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.declare import GuardedHandler
from stormdoor.tornado.inspection import FoundRoute, Inspection
from stormdoor.tornado.login_route import LoginRoute
from stormdoor.tornado.page_rules import methods_of
from stormdoor.tornado.session_handler import SessionHandler
from stormdoor.tornado.transports.recognition import shared_objects

__all__ = [
    "Guarded",
    "changing_routes",
    "check",
    "login_without_provider",
    "neighbour_routes",
    "permissions_of_pages",
    "uninspected_parts",
]

_HUGE = 1024 * 1024
_HUGE_FOR_ANY = 32 * 1024 * 1024
_WEAK_SECRET = 32
_SHOWN = 8
"""Number of routes that one remark names at most."""
_LONGEST = 150
_CHANGING = ("POST", "PUT", "PATCH", "DELETE")
_HARMLESS = (ErrorHandler, RedirectHandler, StaticFileHandler, SessionHandler)


Guarded = tuple[FoundRoute, Endpoint]
"""The route of a WebSocket, or of an HTTP transport of one, and its endpoint."""


def check(
    guard: Guard, settings: Mapping[str, Any], routes: Sequence[Guarded]
) -> tuple[list[str], list[str]]:
    """Check a guard, the settings of an application and its routes.

    Returns:
        Problems that must stop the application from starting, and remarks that must not.
    """
    problems = [_undeclared(guard, route, one) for route, one in routes if not one.declared]
    remarks = [
        f"{one.name} is public: {one.public.reason}" for _, one in routes if one.public is not None
    ]
    remarks += [f"{name} is in use" for name in guard.insecure_options]
    # In development, a setting that is unsafe in production causes only a remark.
    unsafe = problems if guard.production else remarks
    # The settings of an application without a GuardedHandler belong to another program: its operator may be
    # unable to change them, and the guard does not depend on them.
    own = any(issubclass(route.handler, GuardedHandler) for route, _ in routes)
    unsafe_setting = unsafe if own else remarks
    if settings.get("debug"):
        line = _line(
            guard,
            "write Application(..., debug=False)",
            "start the program without its option for debugging",
        )
        unsafe_setting.append(f"debug=True shows tracebacks to every client; {line}")
    if settings.get("autoreload") and not settings.get("debug"):
        line = _line(guard, "leave it out", "start the program without its option for that")
        unsafe_setting.append(f"autoreload=True restarts the server when a file changes; {line}")
    unsafe += _origins(guard, routes)
    (unsafe if own or _signs_for(guard, settings) else remarks).extend(_secrets(guard, settings))
    unsafe += [
        f"{type(authenticator).__name__}: {key!r}: {key.weakness}"
        for authenticator in guard.authenticators
        for key in getattr(authenticator, "keys", ())
        if getattr(key, "weakness", None)
    ]
    remarks += _sizes(guard, settings, routes)
    if (
        guard.production
        and guard.memory_only
        and guard.handshake_policy.origins.entries
        and _ambient(guard)
    ):
        remarks.append(
            "sessions and the trail are kept in memory and end with the process; write "
            'Guard(store="sqlite:///var/lib/app/door.db")'
        )
    return problems, remarks


def _line(guard: Guard, in_code: str, under_run: str) -> str:
    """Return the line that the operator can write."""
    return under_run if guard.under_run else in_code


def _undeclared(guard: Guard, route: FoundRoute, endpoint: Endpoint) -> str:
    name = endpoint.name
    if guard.under_run:
        return (
            f"{name} ({route.pattern}) has no permission; write into the file of --config, below "
            f"[protect.permissions]: '{route.pattern.removesuffix('$')}' = \"app:use\""
        )
    if issubclass(route.handler, GuardedHandler):
        return (
            f'{name} ({route.pattern}) declares no permission; write permission = "chat:connect" in the '
            'class, or permission = public("the reason")'
        )
    return (
        f"{name} ({route.pattern}) is not declared; write protect(application, guard, "
        f'permissions={{{route.handler.__name__}: "chat:connect"}}), or public("the reason")'
    )


def _ambient(guard: Guard) -> bool:
    return any(place.ambient for place in guard.credentials.places)


def _origins(guard: Guard, routes: Sequence[Guarded]) -> list[str]:
    if not any(one.permission is not None for _, one in routes):
        return []
    if not guard.authenticators:
        line = _line(
            guard,
            "write Guard(authenticators=[...])",
            'write into the file of --config, below [[authenticators]]: kind = "session"',
        )
        return [f"the guard has no authenticators, so no client can connect; {line}"]
    if _ambient(guard) and not guard.handshake_policy.origins.entries:
        line = _line(
            guard,
            'write Guard(origins=["https://app.example"])',
            "start it with stormdoor run --origin https://app.example",
        )
        return [f"cookies or certificates are accepted, but no page may open a socket; {line}"]
    return []


def _cookie_secrets(settings: Mapping[str, Any]) -> list[str | bytes]:
    secret = settings.get("cookie_secret")
    if secret is None:
        return []
    return list(secret.values()) if isinstance(secret, dict) else [secret]


def _signs_for(guard: Guard, settings: Mapping[str, Any]) -> bool:
    """Return whether `guard` accepts cookies that the application's secret has signed."""
    secrets = _cookie_secrets(settings)
    return any(
        isinstance(one, SignedCookieAuthenticator) and one.uses(secrets)
        for one in guard.authenticators
    )


def _secrets(guard: Guard, settings: Mapping[str, Any]) -> list[str]:
    if any(len(one) < _WEAK_SECRET for one in _cookie_secrets(settings)):
        line = "make one with python -c 'import secrets; print(secrets.token_hex(32))'"
        if guard.under_run:
            line += ", and pass it by the option that the program has for it"
        return [f"cookie_secret is shorter than {_WEAK_SECRET} characters; {line}"]
    return []


def _sizes(guard: Guard, settings: Mapping[str, Any], routes: Sequence[Guarded]) -> list[str]:
    found = [
        f"{one.limits.setting('message_bytes')} is huge for {one.name}, which reads commands; 65536 is "
        "enough for most"
        for _, one in routes
        if one.limits is not None
        and not one.limits.own_protocol
        and one.limits.message_bytes > _HUGE
    ]
    size = settings.get("websocket_max_message_size", 0)
    if size > _HUGE_FOR_ANY:
        line = _line(
            guard,
            "16777216 is enough for most",
            "write into the file of --config, below [limits.own_protocol]: message_bytes = 16777216",
        )
        found.append(
            f"websocket_max_message_size = {size} lets one message take {size >> 20} MiB; {line}"
        )
    found += [
        f"{one.name} is receive_only: its connections stay open after the login has been idle "
        "for too long, until its absolute lifetime"
        for _, one in routes
        if one.receive_only
    ]
    found += [
        f"{one.name} lets messages pass while revocations of the last {one.freshness:g} s may be unknown "
        "(freshness)"
        for _, one in routes
        if one.freshness
    ]
    # Under `stormdoor run`, no line of the operator changes it.
    if routes and not settings.get("websocket_ping_interval") and not guard.under_run:
        found.append(
            "dead connections are kept until the operating system notices; write "
            "Application(..., websocket_ping_interval=20)"
        )
    return found


def login_without_provider(guard: Guard, routes: Sequence[FoundRoute]) -> list[str]:
    """Return the problem of a login at a provider alone, with no route that leads to the provider."""
    if guard.password_login or guard.provider_logins:
        return []
    if not any(issubclass(one.handler, LoginRoute) for one in routes):
        return []
    problem = (
        "no account can log in: password_login=False, and no route leads to the provider; write "
        "Application([*oidc_routes(guard), *login_routes(guard, ...), ...])"
    )
    return [problem]


def uninspected_parts(guard: Guard, found: Inspection) -> list[str]:
    """Return a remark for each part of an application with WebSockets that the check cannot see."""
    named = _line(guard, "permissions={...}", "the table [protect.permissions] of --config")
    line = _line(
        guard,
        'write permissions={"/path": "app:use"}',
        'write into the file of --config, below [protect.permissions]: "/path" = "app:use",',
    )
    remarks = [
        f"{one} chooses handlers by itself: it may serve WebSockets that are not listed here; the permission "
        f"for all handlers counts for them, or the one that {named} names, else they answer 403"
        for one in found.choosers
    ]
    remarks += [
        f"{one} serves requests by itself: its WebSockets answer 403; {line} to let the clients with a "
        "permission open them"
        for one, _ in found.hidden
    ]
    return remarks


def permissions_of_pages(routes: Sequence[FoundRoute]) -> list[str]:
    """Return a remark about HTTP handlers that `permissions` names: it guards no page.

    Args:
        routes: The routes of these handlers.
    """
    if not routes:
        return []
    shown = ", ".join(one.pattern.removesuffix("$") for one in routes[:_SHOWN])
    more = f" and {len(routes) - _SHOWN} more" if len(routes) > _SHOWN else ""
    says = "it guards the WebSockets that they open by themselves; pages= guards their pages"
    return [f"permissions names HTTP handlers: {shown}{more}; {says}"]


def neighbour_routes(guard: Guard, found: Inspection, guarded: Sequence[FoundRoute]) -> list[str]:
    """Return a remark about unguarded HTTP routes that may reach the same data as a guarded socket.

    Such routes share an argument with a guarded handler, or their path begins like the path of one.
    """
    objects = {id(one) for route in guarded for one in shared_objects(route.arguments)}
    parents = {route.pattern.removesuffix("$").rpartition("/")[0] for route in guarded} - {""}
    handlers = {route.handler for route in guarded}
    patterns = [
        route.pattern.removesuffix("$")
        for route in found.routes
        if route.handler not in handlers
        and not issubclass(route.handler, _HARMLESS)
        and (
            any(id(one) in objects for one in shared_objects(route.arguments))
            or route.pattern.startswith(tuple(f"{one}/" for one in parents))
        )
    ]
    if not patterns:
        return []
    shown = ", ".join(patterns[:_SHOWN])
    more = f" and {len(patterns) - _SHOWN} more" if len(patterns) > _SHOWN else ""
    line = _line(
        guard,
        "they must check their clients themselves. If one carries the conversation of a socket, write "
        'protect(..., transports={Handler: Transport.by_query("sid")})',
        "leave insecure_unguarded_pages out. If one carries the conversation of a socket, write into the "
        'file of --config, below [protect.transports]: "/poll" = { session = "query", name = "sid" }',
    )
    return [f"HTTP routes beside guarded sockets are not guarded: {shown}{more}; {line}"]


def changing_routes(found: Inspection, guarded: Sequence[FoundRoute]) -> list[str]:
    """Return the unguarded routes that accept a method that changes something, such as `POST /events`.

    A handler without a method, and an object without a handler class, may accept each of them.

    Args:
        found: The routes of the application.
        guarded: Those that are guarded although pages are not.
    """
    handlers = {one.handler for one in guarded}
    routes = [
        f"{'|'.join(accepted)} {route.pattern.removesuffix('$')[:_LONGEST]}"
        for route in found.routes
        if route.handler not in handlers
        and not issubclass(route.handler, _HARMLESS)
        and (accepted := [one for one in _CHANGING if one in methods_of(route.handler)])
    ]
    routes += [f"{'|'.join(_CHANGING)} {pattern[:_LONGEST]}" for _, pattern in found.hidden]
    return list(dict.fromkeys(routes))
