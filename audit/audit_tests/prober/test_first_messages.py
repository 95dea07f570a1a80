"""Greetings, receipts and heartbeats prove nothing, and an open feed does; a run opens few connections."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from audit_tests.prober.servers import ALICE, SESSIONS, Feed, probed, serving
from audit_tests.prober.test_four_results import outcomes

pytestmark = pytest.mark.sampled(4)

PRICES = {"type": "prices", "items": [{"name": "oil", "price": 71}]}
GREETING = {"type": "welcome", "message": "hello"}
RECEIPT = {"type": "ack", "id": 7}
HEARTBEAT = {"type": "heartbeat", "time": 1764700000}


class Lobby(WebSocketHandler):
    """Sends a first message to each client, and the data to members."""

    first: ClassVar[dict[str, Any]] = GREETING

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message(json.dumps(self.first))
        if self.get_cookie("session") in SESSIONS:
            self.write_message(json.dumps(PRICES))

    def on_message(self, message: str | bytes) -> None:
        """Answer nothing."""


class Receipts(Lobby):
    first = RECEIPT


class Heartbeats(Lobby):
    first = HEARTBEAT


class OpenFeed(Lobby):
    """Sends the data to each client."""

    first = PRICES


class Guarded(Feed):
    """Refuses the handshake of other clients."""

    def prepare(self) -> None:
        if self.get_cookie("session") not in SESSIONS:
            raise HTTPError(403)


@pytest.mark.parametrize("handler", [Lobby, Receipts, Heartbeats])
@pytest.mark.parametrize("plan", [{}, {"owner": ALICE, "say": ("list",)}], ids=["url", "owner"])
async def test_a_first_message_without_data_is_no_entry(
    handler: type[Lobby], plan: dict[str, Any]
) -> None:
    """With the URL alone it is a doubt; beside an owner that gets data, it is closed."""
    async with serving(handler) as port:
        report = await probed(port, **plan)
    assert outcomes(report, "SP101") == ({"closed"} if plan else {"not-determined"})


@pytest.mark.parametrize("plan", [{}, {"owner": ALICE}], ids=["url", "owner"])
async def test_an_open_feed_is_a_finding(plan: dict[str, Any]) -> None:
    """The data of the owner reach each client."""
    async with serving(OpenFeed) as port:
        report = await probed(port, **plan)
    assert outcomes(report, "SP101") == {"open"}


@pytest.mark.parametrize(("plan", "most"), [({}, 20), ({"owner": ALICE}, 60)], ids=["url", "owner"])
async def test_a_run_opens_few_connections(plan: dict[str, Any], most: int) -> None:
    """A correct server is connected to 20 times with the URL alone, and 60 times with an owner."""
    async with serving(Guarded) as port:
        report = await probed(port, **plan)
    assert 0 < report.coverage.connections <= most
