"""The pages of the demo, and the foreign page that attacks it from another origin."""

from __future__ import annotations

from pathlib import Path

from tornado.httputil import HTTPServerRequest
from tornado.web import HTTPError, RequestHandler, StaticFileHandler

from stormdoor import Guard
from stormdoor.tornado.metrics import exposition
from stormdoor.tornado.session_handler import SessionHandler

__all__ = ["HERE", "ForeignFile", "Info", "Metrics", "Page", "Static", "TrailOfCaller"]

HERE = Path(__file__).parent

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def content_security_policy(*, connect: str = "'self'", frames: str = "") -> str:
    """Return a Content Security Policy that allows only files of the demo, and no inline script or style."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            f"connect-src {connect}",
            f"frame-src {frames or chr(39) + 'none' + chr(39)}",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def twin_origin(request: HTTPServerRequest, port: int | None) -> str | None:
    """Return the origin of the unguarded twin for a browser on this machine; None for all others.

    Args:
        request: A request for a page of the demo.
        port: The port of the twin; None if it does not run.
    """
    name = request.host_name
    if port is None or name not in ("127.0.0.1", "localhost", "[::1]"):
        return None
    return f"http://{name}:{port}"


class Page(RequestHandler):
    """One page: a template without data. Its script fetches the data."""

    def initialize(
        self, guard: Guard, template: str, foreign_origin: str | None, twin_port: int | None
    ) -> None:
        """Called by Tornado with the arguments of the route."""
        self.guard = guard
        self.template = template
        self.foreign_origin = foreign_origin
        self.twin_port = twin_port

    def set_default_headers(self) -> None:
        """Set the security headers of every page."""
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    def get(self) -> None:
        """Render the page."""
        host = self.request.host
        if not self.guard.handshake_policy.hosts.allows(host):
            # A foreign name that was pointed to this address: it must not get into the policy below.
            raise HTTPError(403)
        # Some browsers do not include ws: in 'self'.
        connect = f"'self' ws://{host} wss://{host}"
        twin = twin_origin(self.request, self.twin_port)
        if twin is not None and self.template == "attack.html":
            connect += f" {twin} ws{twin.removeprefix('http')}"
        policy = content_security_policy(connect=connect, frames=self.foreign_origin or "")
        self.set_header("Content-Security-Policy", policy)
        self.set_header("Cache-Control", "no-cache")
        self.render(self.template)


class Static(StaticFileHandler):
    """Scripts, styles and pictures."""

    def parse_url_path(self, url_path: str) -> str:
        """Called by Tornado with the requested path: no file has a NUL in its name."""
        if "\0" in url_path:
            raise HTTPError(404)
        return super().parse_url_path(url_path)

    def set_extra_headers(self, path: str) -> None:
        """Called by Tornado for each file."""
        for name, value in _HEADERS.items():
            self.set_header(name, value)
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("Cache-Control", "no-cache")


class ForeignFile(StaticFileHandler):
    """The files of the foreign page, on another origin. Only the demo may frame it."""

    def initialize(self, path: str, framed_by: str) -> None:  # type: ignore[override]
        """Called by Tornado with the arguments of the route."""
        super().initialize(path)
        self.framed_by = framed_by

    def set_extra_headers(self, path: str) -> None:
        """Called by Tornado for each file."""
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-cache")
        self.set_header(
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; "
            f"connect-src *; base-uri 'none'; frame-ancestors {self.framed_by}",
        )


class Info(SessionHandler):
    """`GET /demo/info`: the addresses of the foreign page and of the unguarded twin."""

    def initialize(
        self, guard: Guard, foreign_origin: str | None = None, twin_port: int | None = None
    ) -> None:
        """Called by Tornado with the arguments of the route."""
        super().initialize(guard)
        self.foreign_origin = foreign_origin
        self.twin_port = twin_port

    async def get(self) -> None:
        """Return the two addresses."""
        self.answer(
            {
                "name": "stormdoor demo",
                "foreign_origin": self.foreign_origin,
                "twin_origin": twin_origin(self.request, self.twin_port),
            }
        )


class Metrics(SessionHandler):
    """`GET /metrics`: Prometheus metrics, for administrators."""

    async def get(self) -> None:
        """Return the metrics to principals with the permission."""
        await self.caller("metrics:read")
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(exposition(self.guard))


class TrailOfCaller(SessionHandler):
    """`GET /demo/trail?since=SEQ`: the entries of the trail about the caller."""

    async def get(self) -> None:
        """Return the latest events of the caller, and of unauthenticated clients at the caller's address."""
        caller = await self.caller()
        text = self.get_query_argument("since", "0")
        since = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
        await self.guard.trail.flush()
        entries = await self.guard.state.trail.entries(after=since, limit=200, newest_first=True)
        shown = []
        for entry in entries:
            event = entry.event
            own = event.principal == caller.account.id
            if own or (not event.principal and event.address == self.handshake.address):
                detail = {"endpoint": event.endpoint, "kind": event.kind, "count": event.count}
                if event.policies:
                    detail["policies"] = ", ".join(event.policies)
                shown.append(
                    {
                        "seq": entry.number,
                        "time": event.time,
                        "event": event.name,
                        "cause": event.cause,
                        "detail": detail,
                    }
                )
        last = entries[0].number if entries else since
        self.answer({"events": shown[::-1][-50:], "last": last})
