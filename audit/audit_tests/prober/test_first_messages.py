"""Greetings, receipts and heartbeats prove nothing, and an open feed does; a run opens few connections."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from audit_tests.prober.cost import SERVERS, connections
from audit_tests.prober.servers import ALICE, SESSIONS, Feed, probed, serving
from audit_tests.prober.test_four_results import outcomes
from stormdoor_audit.prober.budget import Budget
from stormdoor_audit.prober.conversation import Ask, Client
from stormdoor_audit.prober.probes.sp201_foreign_origin import _origins
from stormdoor_audit.prober.redact import Redactor
from stormdoor_audit.prober.target import parse_target

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


@pytest.mark.parametrize(("owner", "most"), [(False, 20), (True, 60)], ids=["url", "owner"])
@pytest.mark.parametrize("handler", SERVERS)
async def test_a_run_opens_few_connections(handler: type[Feed], owner: bool, most: int) -> None:
    """At most 20 connections with the URL alone, and 60 with an owner."""
    assert 0 < await connections(handler, owner=owner) <= most


def test_a_host_name_has_a_few_more_origins() -> None:
    """The guide says how many: below the name, like its pattern, a longer port, without TLS."""
    more = _origins("https://chat.example.com:4443")
    assert len(more) == len(_origins("http://127.0.0.1:8899")) + 4


async def test_a_reference_that_was_seen_is_not_fetched_again() -> None:
    """A conversation counts for a later probe only in the same manner, at the same address."""
    async with serving(OpenFeed) as port:
        target = parse_target(f"ws://127.0.0.1:{port}/ws")
        client = Client(target, Budget(9, 1000.0, 9.0), None, Redactor(()), listen=0.12)
        ask = Ask(ALICE, target.origin)
        await client.converse(replace(ask, patience=3.0))
        assert len(client.earlier(ask)) == 1
        assert not client.earlier(replace(ask, origin=None))
        client.manner = replace(client.manner, say=("list",))
        assert not client.earlier(ask)


class HasHadEnough(OpenFeed):
    """Refuses each client after the first few connections."""

    count: ClassVar[list[int]] = []

    def prepare(self) -> None:
        self.count.append(1)
        if len(self.count) > 5:
            raise HTTPError(403)


async def test_a_server_that_has_had_enough_closes_nothing() -> None:
    """Refusals prove nothing if the endpoint's own page is refused after them."""
    HasHadEnough.count.clear()
    async with serving(HasHadEnough) as port:
        report = await probed(port)
    assert outcomes(report, "SP101") == {"open"}
    assert outcomes(report, "SP201") == {"not-determined"}
