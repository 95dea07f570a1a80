"""The browser client, served by the application itself, so that a page needs no bundler and no other host."""

from __future__ import annotations

from pathlib import Path

from tornado.routing import Rule, URLSpec
from tornado.web import StaticFileHandler

__all__ = ["client_routes"]

_SCRIPT = Path(__file__).parent / "static" / "stormdoor.js"


class _Client(StaticFileHandler):
    """One file, under whatever name the application gives it."""

    def initialize(self) -> None:  # type: ignore[override]
        super().initialize(str(_SCRIPT.parent))

    async def get(self, path: str = "", include_body: bool = True) -> None:  # noqa: FBT001, FBT002
        """The script. Its name never changes, so browsers ask each time whether it has (ETag)."""
        await super().get(_SCRIPT.name, include_body)

    async def head(self, path: str = "") -> None:
        """What `get` would say of it."""
        await self.get(path, include_body=False)

    def get_content_type(self) -> str:
        """A module must have the type of a script, whatever this machine thinks of `.js`."""
        return "text/javascript; charset=utf-8"

    def set_extra_headers(self, path: str) -> None:
        """Called by Tornado."""
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")


def client_routes(path: str = "/stormdoor.js") -> list[Rule]:
    """A route that serves the browser client, for `import { Door, ticketFrom } from "/stormdoor.js"`.

    The script is public, and the same for everybody.

    Args:
        path: Where.
    """
    return [URLSpec(path, _Client)]
