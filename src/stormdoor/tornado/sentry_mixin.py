"""Mixin that names the transactions of Sentry after the route, where `sentry_sdk` was imported before."""

from __future__ import annotations

import sys
from typing import Any

from tornado.web import RequestHandler

from stormdoor.tornado.route_pattern import route_pattern

__all__ = ["SentryRouteMixin", "sentry_is_used"]


def sentry_is_used() -> bool:
    """Return whether the process has imported the SDK of Sentry."""
    return "sentry_sdk" in sys.modules


class SentryRouteMixin(RequestHandler):
    """Gives events and transactions of a request the pattern of its route as their name.

    Sentry's integration of Tornado names them after the method of the handler.
    """

    async def prepare(self) -> None:
        """Name the events of this request, then go on."""
        sentry: Any = sys.modules["sentry_sdk"]
        # INVARIANT: only inside of the scope that the integration opens for a request. Anywhere else each
        # request would add one more processor to the scope of the process.
        traced = sentry.get_client().get_integration("tornado") is not None
        route = route_pattern(self.application, self.request) if traced else ""
        if route:
            sentry.get_isolation_scope().add_event_processor(_Named(route))
        prepared = super().prepare()
        if prepared is not None:
            await prepared


class _Named:
    """Event processor of Sentry. It runs after that of the integration, which was added before it."""

    def __init__(self, route: str) -> None:
        self._route = route

    def __call__(self, event: dict[str, Any], _hint: dict[str, Any]) -> dict[str, Any]:
        """Name one event or transaction."""
        event["transaction"] = self._route
        event["transaction_info"] = {"source": "route"}
        return event
