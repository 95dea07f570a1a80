"""Print how many connections a default run opens: `make probe-cost`."""

from __future__ import annotations

import asyncio
import logging
import sys

from tornado.web import HTTPError

from audit_tests.prober.servers import ALICE, SESSIONS, Feed, probed, serving

__all__ = ["SERVERS", "connections"]


class OwnerOnly(Feed):
    """Refuses the handshake of each client but the owner."""

    def prepare(self) -> None:
        if self.get_cookie("session") not in SESSIONS:
            raise HTTPError(403)


class OpenToItsHost(Feed):
    """Sends the data to each client of a page at the host of the request."""

    def prepare(self) -> None:
        """Ask for no credential."""


class OpenToItsAddress(Feed):
    """Sends the data to each client of the page at its own address, written in one way."""

    def prepare(self) -> None:
        host = self.request.headers["Host"]
        origins = self.request.headers.get_list("Origin")
        if not host.startswith("127.0.0.1:") or origins != [f"http://{host}"]:
            raise HTTPError(403)


class OpenToEachPage(OpenToItsHost):
    """Sends the data to each client of each page."""

    def check_origin(self, origin: str) -> bool:
        return True


SERVERS = (OwnerOnly, OpenToItsHost, OpenToItsAddress, OpenToEachPage)
"""Each is a real server of Tornado."""


async def connections(handler: type[Feed], *, owner: bool) -> int:
    """Probe a server, with the URL alone or with the owner's cookie, and return the connections."""
    async with serving(handler) as port:
        report = await probed(port, owner=ALICE if owner else None)
    return report.coverage.connections


async def _show() -> None:
    sys.stdout.write("server, URL alone, owner\n")
    for handler in SERVERS:
        counts = [await connections(handler, owner=owner) for owner in (False, True)]
        sys.stdout.write(f"{handler.__name__}, {counts[0]}, {counts[1]}\n")


if __name__ == "__main__":
    logging.getLogger("tornado").setLevel(logging.CRITICAL)
    asyncio.run(_show())
