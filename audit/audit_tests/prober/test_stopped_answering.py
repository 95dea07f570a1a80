"""A server that ends during the probe: the report says so, and calls nothing closed that it did not see."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from audit_tests.prober.servers import ALICE, Feed, probed, serving
from audit_tests.prober.test_four_results import outcomes
from stormdoor_audit.cli.probe_run import exit_status


class Mortal(Feed):
    """A feed on a server that can be ended."""

    end: ClassVar[Callable[[], None]]


@contextlib.asynccontextmanager
async def mortal(kind: type[Mortal], **own: Any) -> AsyncIterator[int]:
    """The port of a server that its handler can end."""
    sock, port = bind_unused_port()
    handler: Any = type(kind.__name__, (kind,), own)
    server = HTTPServer(Application([("/ws", handler)]))
    server.add_sockets([sock])
    ending: list[asyncio.Future[None]] = []

    def end() -> None:
        server.stop()
        ending.append(asyncio.ensure_future(server.close_all_connections()))

    handler.end = staticmethod(end)
    try:
        yield port
    finally:
        end()
        await asyncio.gather(*ending)


class EndsAtStrangers(Mortal):
    """Ends at the second client that shows a wrong session."""

    count: ClassVar[list[int]] = []

    def prepare(self) -> None:
        if not self.allowed() and self.get_cookie("session"):
            self.count.append(1)
            if len(self.count) > 1:
                type(self).end()
                return
        super().prepare()


class EndsAtBrokenWrites(Mortal):
    """Ends if a client leaves while it sends its second message."""

    ended: ClassVar[list[int]] = []

    def open(self, *args: str, **kwargs: str) -> None:
        super().open()
        asyncio.get_running_loop().call_later(0.003, self.more)

    def more(self) -> None:
        """Send the second message."""
        if self.ws_connection is None or self.ws_connection.is_closing():
            self.ended.append(1)
            type(self).end()
        else:
            self.write_message({"type": "news", "items": ["rain"]})


async def test_a_server_that_ends() -> None:
    """It has a line of its own, the exit status 3, and takes back what was called closed after the end."""
    async with mortal(EndsAtStrangers, count=[]) as port:
        report = await probed(port, owner=ALICE)
    assert outcomes(report, "SP908") == {"not-determined"}
    assert outcomes(report, "SP102") == {"not-determined"}
    assert exit_status(report, "warning", allow_not_determined=False) == 3


async def test_a_server_that_stays() -> None:
    """The twin answers at the end."""
    async with serving(Feed) as port:
        report = await probed(port, owner=ALICE)
    assert outcomes(report, "SP908") == {"closed"}
    assert outcomes(report, "SP102") == {"closed"}


async def test_the_client_stays_for_a_moment() -> None:
    """A server that breaks at a client that leaves at once is not ended by a default run."""
    ended: list[int] = []
    async with mortal(EndsAtBrokenWrites, ended=ended) as port:
        report = await probed(port, owner=ALICE)
    assert not ended
    assert outcomes(report, "SP908") == {"closed"}


@pytest.mark.parametrize("path", ["/ws"])
async def test_the_close_frame_is_answered(path: str) -> None:
    """The client waits for the server's close frame, so that no end is abrupt."""
    codes: list[int | None] = []

    class Notes(Feed):
        def on_close(self) -> None:
            codes.append(self.close_code)

    async with serving(Notes, path=path) as port:
        await probed(port, path, owner=ALICE)
    assert codes
    assert set(codes) == {1000}
