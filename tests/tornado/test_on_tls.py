"""The tests of the fast protocol, and of sockets that no guard has admitted, with TLS by Tornado."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from tornado.websocket import WebSocketProtocol13

from stormdoor.tornado.fast.protocol import FastProtocol
from stormdoor.tornado.fast.tls_transport import TlsTransport
from tests.support.certificates import Authority
from tests.tornado import (
    test_answer_check,
    test_fast_protocol,
    test_fence,
    test_socket_of_page,
    test_too_fast,
    test_unsent_output,
    wire,
)
from tests.tornado.test_fast_protocol import ALICE, Echo, at

pytestmark = pytest.mark.sampled(3)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One for the server of each test."""
    folder = tmp_path_factory.mktemp("tls")
    return Authority(1.8e9).issue("app.example", server=True).write(folder, "server")


@pytest.fixture(autouse=True)
def _encrypted(monkeypatch: pytest.MonkeyPatch, certificate: tuple[Path, Path]) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*certificate)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    monkeypatch.setattr(wire.Encrypted, "server", server)
    monkeypatch.setattr(wire.Encrypted, "client", client)


NAMES = [
    "test_everything_in_its_order",
    "test_a_client_that_vanishes_while_a_handler_waits",
    "test_what_floods_in_does_not_keep_the_others_waiting",
    "test_what_one_turn_writes_goes_out_together",
    "test_a_write_is_done_when_the_kernel_has_it",
    "test_too_much_waits_for_a_client_that_does_not_read",
    "test_pongs_do_not_pile_up",
    "test_compression",
    "test_who_breaks_a_rule_hears_which",
    "test_who_breaks_a_rule_and_stays_is_cut_off",
    "test_the_server_closes",
    "test_a_client_that_does_not_answer_the_close_frame",
    "test_a_client_that_closes_and_does_not_read_is_cut_off",
    "test_a_handler_that_raises",
    "test_nothing_is_delivered_before_it_is_open",
    "test_a_client_that_leaves_with_the_handshake",
    "test_stream_keeps_the_interface_of_iostream",
    "test_commands_in_their_order",
    "test_nothing_behind_the_end_is_carried_out",
]
TOO_FAST = ["test_it_ends_like_any_other"]
SOCKETS = [
    "test_no_other_part_of_an_application_does",
    "test_an_admitted_socket_opens_no_other_one",
    "test_ordinary_answers_are_sent_as_before",
]
DECLARED = [
    "test_a_declared_handler_ends_with_the_logout",
    "test_a_declared_handler_waits_for_the_lease",
]
globals().update({name: vars(test_socket_of_page)[name] for name in DECLARED})
globals().update({name: vars(test_answer_check)[name] for name in SOCKETS})
globals().update({name: vars(test_fast_protocol)[name] for name in NAMES})
UNSENT = ["test_a_revoked_slow_reader_gets_nothing_more"]
FENCE = ["test_messages_wait_in_both_directions", "test_a_slow_reader_behind_the_fence"]
globals().update({name: vars(test_too_fast)[name] for name in TOO_FAST})
globals().update({name: vars(test_unsent_output)[name] for name in UNSENT})
globals().update({name: vars(test_fence)[name] for name in FENCE})


async def test_it_is_on_the_fast_one() -> None:
    """Otherwise this file would prove nothing."""
    async with at() as (served, _), await wire.connect(served.port, "/ws", ALICE) as ws:
        ws.send("x")
        assert await ws.text() == "x"
        protocol = Echo.here[0].ws_connection
        assert isinstance(protocol, FastProtocol)
        assert isinstance(protocol._transport, TlsTransport)
    async with at(fast=False) as (served, _), await wire.connect(served.port, "/ws", ALICE) as ws:
        assert isinstance(Echo.here[0].ws_connection, WebSocketProtocol13)
        await ws.close()
