"""Declarations about the handlers of an application, as given to `protect`."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import replace

from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor.config.protection import Protection
from stormdoor.core.applied_limits import AppliedLimits
from stormdoor.core.lease import Lease, read_freshness
from stormdoor.core.limits import EndpointLimits, Limits
from stormdoor.core.permission import check_permission
from stormdoor.errors import ConfigurationError
from stormdoor.guard.endpoint import Endpoint, Public
from stormdoor.guard.message_permissions import MessagePermissions
from stormdoor.tornado.by_handler import ByHandler, bare, other_readings
from stormdoor.tornado.declare import GuardedHandler, has_own_protocol

__all__ = [
    "Declarations",
    "Declared",
    "EndpointLimitsOf",
    "FreshnessOf",
    "MessagesOf",
    "Names",
    "Permissions",
]

Declared = str | Public
Permissions = Mapping[str | type[RequestHandler], Declared]
Names = Collection[str | type[RequestHandler]]
EndpointLimitsOf = Mapping[str | type[RequestHandler], EndpointLimits]
MessagesOf = Mapping[str | type[RequestHandler], MessagePermissions]
FreshnessOf = Mapping[str | type[RequestHandler], str]


class _Hidden(RequestHandler):
    """Stands for an object that has no handler class, so that only its path can be declared."""


class Declarations:
    """The permission of each endpoint, its limits and switches, by class and by path.

    Args:
        of_guard: The limits of the guard.
        permission: The permission of every handler that declares none.
        permissions: The permissions of single handlers.
        first_message: The handlers that accept the credential in the first message.
        receive_only: The handlers with connections that outlive the idle time of their login.
        limits: The limits of single handlers.
        messages: The permissions of types of messages, for single handlers.
        freshness: The freshness of single handlers (see `stormdoor.core.lease.read_freshness`).
        freshness_of_guard: The same by path, from the guard. The other declarations have priority.
        lease: Lease of the guard; no endpoint can have a shorter time.
        protection: The declarations of the guard. The arguments have priority.

    Raises:
        ConfigurationError: A declaration is not well formed.
        PolicyError: A permission is not well formed.
    """

    def __init__(
        self,
        of_guard: Limits,
        permission: Declared | None,
        permissions: Permissions,
        *,
        first_message: Names = (),
        receive_only: Names = (),
        limits: EndpointLimitsOf | None = None,
        messages: MessagesOf | None = None,
        freshness: FreshnessOf | None = None,
        freshness_of_guard: FreshnessOf | None = None,
        lease: Lease | None = None,
        protection: Protection | None = None,
    ) -> None:
        further = protection or Protection()
        self._optional = further.optional
        self._of_guard = of_guard
        self._default = further.permission if permission is None else permission
        for declared in permissions.values():
            if isinstance(declared, str):
                check_permission(declared)
        self._permissions = ByHandler("permissions", permissions, further.permissions)
        self._first_message = _named("first_message", first_message, further.first_message)
        self._receive_only = _named("receive_only", receive_only, further.receive_only)
        self._limits = ByHandler("limits", limits or {}, further.limits)
        self._messages = ByHandler("messages", messages or {}, further.messages)
        self._messages_of: dict[type[RequestHandler], MessagePermissions] = {}
        """By class that has them at one of its routes: they count at its other routes too."""
        self._freshness = ByHandler("freshness", freshness or {})
        self._freshness_of_guard = ByHandler("freshness", freshness_of_guard or {})
        self._lease = lease or Lease()
        self._applied: dict[tuple[bool, EndpointLimits | None], AppliedLimits] = {}
        """By set of limits: an object that all its connections share, so that they are counted together."""

    def of(self, handler: type[RequestHandler], path: str) -> Endpoint:
        """Return the declared endpoint of `handler` at `path`, which may also be the pattern of a route."""
        path = bare(path)
        name = f"{handler.__module__}.{handler.__qualname__}"
        found = self._permissions.find(handler, path)
        # A path that has one declaration as it is written, and another one as a handler may read it, is not
        # declared.
        for plain in map(bare, other_readings(path)):
            if self._permissions.find(handler, plain) != found or self._messages.find(
                handler, plain
            ) is not self._messages.find(handler, path):
                return Endpoint(name)
        if found is None and issubclass(handler, GuardedHandler):
            found = handler.permission
        return self._declare(handler, path, self._default if found is None else found)

    def like(self, handler: type[RequestHandler], path: str, other: Endpoint) -> Endpoint:
        """Return the endpoint of `handler` at `path` with the permission of `other`."""
        return self._declare(handler, bare(path), other.permission or other.public)

    def _declare(
        self, handler: type[RequestHandler], path: str, declared: Declared | None
    ) -> Endpoint:
        declare = functools.partial(
            Endpoint.declare, f"{handler.__module__}.{handler.__qualname__}", declared
        )
        limits = self._limits_of(handler, path)
        freshness = self._freshness_of(handler, path)
        messages = self._messages.find(handler, path) or self._messages_of.get(handler)
        if not issubclass(handler, WebSocketHandler):
            return declare(limits=limits, freshness=freshness, messages=messages)
        return declare(
            freshness=freshness,
            messages=messages,
            first_message=_says(handler, "first_message")
            or self._first_message.find(handler, path) is not None,
            receive_only=_says(handler, "receive_only")
            or self._receive_only.find(handler, path) is not None,
            limits=limits,
        )

    def keep_messages(self, handler: type[RequestHandler], messages: MessagePermissions) -> None:
        """Let the permissions of messages at one route of `handler` count at its undeclared routes too.

        Otherwise a client could use another path to the same handler.
        """
        self._messages_of.setdefault(handler, messages)

    def _limits_of(self, handler: type[RequestHandler], path: str) -> AppliedLimits:
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
            applied = self._of_guard.applied(own_protocol=own_protocol, endpoint=limits)
            self._applied[own_protocol, limits] = applied
        return applied

    def _freshness_of(self, handler: type[RequestHandler], path: str) -> float:
        """Return the freshness of `handler` at `path`, in seconds; 0.0 for the lease of the guard."""
        text = self._freshness.find(handler, path)
        if text is None and issubclass(handler, GuardedHandler):
            text = handler.freshness
        if text is None:
            text = self._freshness_of_guard.find(handler, path)
        if text is None:
            return 0.0
        try:
            seconds = read_freshness(text)
            self._lease.tolerating(seconds)
        except ConfigurationError as error:
            raise ConfigurationError(f"{handler.__qualname__} at {path}: {error}") from None
        return seconds

    def socket_of_page(self, handler: type[RequestHandler] | None, path: str) -> Endpoint | None:
        """Return the endpoint of an HTTP handler that opens sockets by itself, if it is declared by name.

        Args:
            handler: The handler class; None for an object that has none.
            path: The path of a request, or the pattern of a route.
        """
        handler = handler or _Hidden
        if self._permissions.find(handler, bare(path)) is None:
            return None
        receive_only = self._receive_only.find(handler, bare(path)) is not None
        return replace(self.of(handler, path), receive_only=receive_only)

    def unmatched_messages(self, served: Collection[tuple[type[RequestHandler], str]]) -> list[str]:
        """Return a problem for each declaration of messages that applies to no route: it would check none.

        Args:
            served: The handlers that are guarded, with the patterns of their routes.
        """
        return [
            f"{remark}; no message is checked then. Write the path "
            "pattern of the route, or leave the declaration out"
            for remark in self._messages.unused([(one, bare(pattern)) for one, pattern in served])
        ]

    def unused(
        self, served: Collection[tuple[type[RequestHandler], str]], hidden: Collection[str]
    ) -> list[str]:
        """Return a remark for each declaration that applies to no route, for example a mistyped one.

        Args:
            served: The handlers that are guarded, with the patterns of their routes.
            hidden: The patterns of objects that may open other sockets.
        """
        known = [(handler, bare(pattern)) for handler, pattern in served]
        known += [(_Hidden, bare(pattern)) for pattern in hidden]
        return [
            remark
            for named in (
                self._permissions,
                self._first_message,
                self._receive_only,
                self._limits,
                self._freshness,
                self._freshness_of_guard,
            )
            for remark in named.unused(known, self._optional)
        ]


def _named(option: str, names: Names, further: Collection[str]) -> ByHandler[bool]:
    if isinstance(names, str):
        raise ConfigurationError(f'write {option}=["{names}"]')
    return ByHandler(option, dict.fromkeys(names, True), dict.fromkeys(further, True))


def _says(handler: type[WebSocketHandler], option: str) -> bool:
    """Return whether a `GuardedHandler` sets the switch itself."""
    return issubclass(handler, GuardedHandler) and bool(getattr(handler, option))
