"""The attacker's own site: pages that a victim is lured to, and what they send home."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

__all__ = ["Hostile", "hostile_site"]


class Hostile:
    """A site of the attacker on this machine.

    Args:
        port: Where it listens.

    Attributes:
        pages: Path to HTML; write a page here, then let a victim open it.
        loot: What was sent to `/loot`, oldest first.
        seen: Path and headers of every request, for example a `Referer`.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.pages: dict[str, str] = {}
        self.loot: list[str] = []
        self.seen: list[tuple[str, dict[str, str]]] = []
        self._arrived = asyncio.Event()

    @property
    def foreign(self) -> str:
        """Its origin on another site: a browser keeps `SameSite=Lax` cookies back from it."""
        return f"http://localhost:{self.port}"

    @property
    def sibling(self) -> str:
        """Its origin on the server's own site, at another port, like a subdomain that was taken over."""
        return f"http://127.0.0.1:{self.port}"

    def keep(self, text: str) -> None:
        """Something has been sent home."""
        self.loot.append(text)
        self._arrived.set()

    async def looted(self, seconds: float) -> str | None:
        """The first thing that was sent home, as soon as there is one; None if there is none in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return None
        return self.loot[0]

    def reset(self) -> None:
        """Forget everything before the next attack."""
        self.pages.clear()
        self.seen.clear()
        self.forget_loot()

    def forget_loot(self) -> None:
        """Wait for what comes next."""
        self.loot.clear()
        self._arrived.clear()


class _Anything(RequestHandler):
    def initialize(self, site: Hostile) -> None:
        self.site = site

    def prepare(self) -> None:
        self.site.seen.append((self.request.uri or "", dict(self.request.headers.get_all())))
        self.set_header("Access-Control-Allow-Origin", "*")

    def get(self, path: str) -> None:
        page = self.site.pages.get(self.request.path)
        if page is None:
            self.set_status(404)
            return
        self.finish(page)

    def post(self, path: str) -> None:
        self.site.keep(self.request.body.decode(errors="replace"))
        self.set_status(204)


@asynccontextmanager
async def hostile_site() -> AsyncIterator[Hostile]:
    """Serve the attacker's site on a free port of loopback."""
    sockets = bind_sockets(0, "127.0.0.1")
    site = Hostile(sockets[0].getsockname()[1])
    application = Application([(r"(/.*)", _Anything, {"site": site})], log_function=lambda _: None)
    server = HTTPServer(application)
    server.add_sockets(sockets)
    try:
        yield site
    finally:
        server.stop()
        await server.close_all_connections()
