"""A route that serves the browser client, so that a page needs no bundler and no other host."""

from __future__ import annotations

from pathlib import Path

from tornado.routing import Rule, URLSpec
from tornado.web import StaticFileHandler

__all__ = ["client_routes"]

_SCRIPT = Path(__file__).parent / "static" / "stormdoor.js"


class _Client(StaticFileHandler):
    """Handler that serves the script of the browser client."""

    def initialize(self) -> None:  # type: ignore[override]
        super().initialize(str(_SCRIPT.parent))

    async def get(self, path: str = "", include_body: bool = True) -> None:  # noqa: FBT001, FBT002
        """Return the script. Its name never changes, so browsers revalidate it each time (ETag)."""
        await super().get(_SCRIPT.name, include_body)

    async def head(self, path: str = "") -> None:
        """Return the headers of `get`."""
        await self.get(path, include_body=False)

    def get_content_type(self) -> str:
        """Return the type of a script, even if this machine maps `.js` to another one."""
        return "text/javascript; charset=utf-8"

    def set_extra_headers(self, path: str) -> None:
        """Called by Tornado."""
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")


def client_routes(path: str = "/stormdoor.js") -> list[Rule]:
    """Return a route that serves the browser client, for `import { Door, ticketFrom } from "/stormdoor.js"`.

    The script is public, and the same for every client.

    Args:
        path: Path of the route.
    """
    return [URLSpec(path, _Client)]
