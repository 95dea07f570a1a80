"""The table of the HTTP transports of an application: declared by hand, or recognised by structure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tornado.web import Application, RequestHandler

from stormdoor.errors import ConfigurationError
from stormdoor.tornado.by_handler import ByHandler, bare
from stormdoor.tornado.inspection import FoundRoute, Inspection, inspect
from stormdoor.tornado.transports.recognition import Recognised, recognise, shared_objects
from stormdoor.tornado.transports.transport import Transport

__all__ = ["TransportTable", "Transports"]

Transports = Mapping[str | type[RequestHandler], Transport]


class TransportTable:
    """Finds the HTTP transport of a request. Routes that are added later are found too.

    Args:
        application: The application.
        found: Its routes.
        declared: Transports by class or by the path pattern of their route.

    Attributes:
        version: Changes when further routes have been found.

    Raises:
        ConfigurationError: A declaration is not well formed.
    """

    def __init__(self, application: Application, found: Inspection, declared: Transports) -> None:
        self._application = application
        for where, transport in declared.items():
            if not isinstance(transport, Transport):
                raise ConfigurationError(
                    f"transports: {where!r} needs a Transport, not {type(transport).__name__}"
                )
        self._declared = ByHandler("transports", declared)
        self.version = 0
        self._recognised = Recognised()
        self._read(found)

    def find(
        self, handler: type[RequestHandler], path: str, arguments: Mapping[str, Any]
    ) -> Transport | None:
        """Return the transport of a request or a route.

        Args:
            handler: The class that serves it.
            path: Its path, or the pattern of the route.
            arguments: The keyword arguments of the route.
        """
        self._read_later_routes()
        transport = self._declared.find(handler, bare(path))
        if transport is not None:
            return transport
        server = self._server(handler, arguments, self._recognised.classes)
        if server is not None:
            return self._recognised.by_server[server]
        return self._recognised.by_class.get(handler)

    def is_companion(self, handler: type[RequestHandler], arguments: Mapping[str, Any]) -> bool:
        """Return whether `handler` is a page that serves a transport and reaches no session."""
        return self._server(handler, arguments, self._recognised.companions) is not None

    def socket(self, arguments: Mapping[str, Any]) -> FoundRoute | None:
        """Return the route of the socket that shares the server object of a transport."""
        for one in shared_objects(arguments):
            if id(one) in self._recognised.sockets:
                return self._recognised.sockets[id(one)]
        return None

    def unused(self, found: Inspection) -> list[str]:
        """Return a remark for each declaration that applies to no route."""
        return self._declared.unused([(one.handler, bare(one.pattern)) for one in found.routes])

    @staticmethod
    def _server(
        handler: type[RequestHandler],
        arguments: Mapping[str, Any],
        classes: Mapping[int, set[type[RequestHandler]]],
    ) -> int | None:
        if classes:
            for one in shared_objects(arguments):
                if handler in classes.get(id(one), ()):
                    return id(one)
        return None

    def _read(self, found: Inspection) -> None:
        self._routers = found.routers
        self._rules = sum(len(one.rules) for one in self._routers)
        before, now = self._recognised, recognise(found.routes)
        # INVARIANT: a known transport stays the same object, since its sessions are kept by it.
        now.by_server |= before.by_server
        now.by_class |= before.by_class
        now.kept += before.kept
        self._recognised = now
        self.version += 1

    def _read_later_routes(self) -> None:
        if sum([len(one.rules) for one in self._routers]) != self._rules:
            self._read(inspect(self._application))
