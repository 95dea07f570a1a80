"""Frames of SockJS: the messages in them are judged, not the frames."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from tornado.websocket import WebSocketHandler

from audit_tests.prober.servers import ALICE, SESSIONS, probed, serving
from audit_tests.prober.test_four_results import outcomes
from stormdoor_audit.prober.delivered import content, is_bare, is_refusal, leaves, shape

PRICES = {"type": "prices", "items": [{"name": "oil", "price": 71}]}
HEARTBEAT = {"type": "heartbeat", "time": 1764700000}
WELCOME = {"type": "welcome", "message": "hello"}
ERROR = {"type": "error", "error": "not logged in"}


def frame(*messages: Any) -> str:
    """A frame with these messages, as objects."""
    return f"a{json.dumps(messages)}"


class SockJs(WebSocketHandler):
    """Sends an open frame, and then its messages."""

    sends: ClassVar[tuple[str, ...]] = ()
    members: ClassVar[tuple[str, ...]] = ()

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message("o")
        known = self.get_cookie("session") in SESSIONS
        for one in (*self.sends, *(self.members if known else ())):
            self.write_message(one)

    def on_message(self, message: str | bytes) -> None:
        """Answer nothing."""


@pytest.mark.parametrize(
    ("sends", "outcome"),
    [
        ((frame(HEARTBEAT),), "not-determined"),
        ((frame(WELCOME, HEARTBEAT),), "not-determined"),
        ((frame(json.dumps(WELCOME), json.dumps(HEARTBEAT)),), "not-determined"),
        (("h", frame(ERROR)), "not-determined"),
        ((frame(PRICES), frame(PRICES)), "open"),
        ((frame(WELCOME, PRICES), frame(PRICES)), "open"),
    ],
)
async def test_objects_in_a_frame(sends: tuple[str, ...], outcome: str) -> None:
    """Greetings, heartbeats and refusals are no data, also in a frame with several messages."""
    handler = type("Sends", (SockJs,), {"sends": sends})
    async with serving(handler) as port:
        report = await probed(port)
    assert outcomes(report, "SP101") == {outcome}


async def test_a_greeting_in_a_frame_beside_data_of_the_owner() -> None:
    """The owner gets data in the same kind of frame, and a client without a credential the greeting."""
    handler = type("Sends", (SockJs,), {"sends": (frame(WELCOME),), "members": (frame(PRICES),)})
    async with serving(handler) as port:
        report = await probed(port, owner=ALICE, say=("x",))
    assert outcomes(report, "SP101") == {"closed"}


def test_the_messages_of_a_frame() -> None:
    """Each form and each text of them is seen; a frame of one message is as good as the message."""
    for one in (PRICES, WELCOME, ERROR):
        for form in (frame(one), frame(json.dumps(one)), f"m{json.dumps(json.dumps(one))}"):
            alone = json.dumps(one)
            assert (shape(form), content(form)) == (shape(alone), content(alone))
            assert is_refusal(form) == is_refusal(alone)
            assert leaves(form) == leaves(alone)
    assert shape(frame(WELCOME, PRICES)) == shape(json.dumps(PRICES))
    assert is_bare(frame({"hello": "a1b2c3d4e5f60718"}))
    assert not shape("a[]")
    assert not shape('c[3000,"Go away!"]')
