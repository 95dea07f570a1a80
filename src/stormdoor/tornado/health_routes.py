"""Routes with which an orchestrator or a load balancer asks whether a process lives and is ready."""

from __future__ import annotations

import logging

from tornado.routing import Rule, URLSpec
from tornado.web import RequestHandler

from stormdoor.runtime.guard import Guard
from stormdoor.runtime.readiness import why_not_ready

__all__ = ["health_routes"]

_log = logging.getLogger("stormdoor.health")


class _Health(RequestHandler):
    """Answers a probe in plain text. It checks no Host and no credential, and asks no store."""

    SUPPORTED_METHODS = ("GET", "HEAD")

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")

    async def head(self) -> None:
        """Return the headers of `get`."""
        await self.get()

    def initialize(self, guard: Guard, told: list[str | None]) -> None:
        """Called by Tornado with the arguments of the route; `told` ends in the reason that the log has."""
        self._guard = guard
        self._told = told

    async def get(self) -> None:
        """Answer `alive`, or `not alive` with 503 while the maintenance loop of the guard has ended."""
        ended = self._guard.maintenance_ended.is_set()
        if ended:
            self.set_status(503)
        self.finish("not alive\n" if ended else "alive\n")


class _Readiness(_Health):
    """Answers whether the process should get new clients. The reason goes to the log only."""

    async def get(self) -> None:
        """Answer `ready`, or `not ready` with 503."""
        guard = self._guard
        await guard.ready()  # it starts with the first request, as a handshake would start it
        await guard.waits.until_renewed(guard.lease)
        why = why_not_ready(guard)
        if why != self._told[-1]:
            self._told[-1] = why
            _log.warning("%s", "ready again" if why is None else f"not ready: {why}")
        if why is not None:
            self.set_status(503)
        self.finish("ready\n" if why is None else "not ready\n")


def health_routes(guard: Guard, *, alive: str = "/livez", ready: str = "/readyz") -> list[Rule]:
    """Return two routes for the probes of an orchestrator or a load balancer.

    They are public, and say no more than two words. Liveness is 200 while the event loop of the process and
    the maintenance loop of the guard run: a store that is down is no reason to restart it. Readiness is
    200 if the process follows revocations, can write the trail and is not stopping; else 503.

    Args:
        guard: The guard.
        alive: Path of the liveness route.
        ready: Path of the readiness route.
    """
    arguments = {"guard": guard, "told": [None]}
    return [URLSpec(alive, _Health, arguments), URLSpec(ready, _Readiness, arguments)]
