"""Opening handshakes that RFC 6455 §4.2.1 has the server refuse, and plain Tornado accepts."""

from __future__ import annotations

import pytest
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import public
from stormdoor.guard.endpoint import Public
from tests.guard.fakes import events, make_guard
from tests.tornado.test_answers import BEARER, HANDSHAKE, exchange, guarded

MALFORMED = {
    "HTTP/1.0": ("HTTP/1.1", "HTTP/1.0"),
    "a key of 15 bytes": ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"),
    "a key of 17 bytes": ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZSE="),
    "an empty key": ("dGhlIHNhbXBsZSBub25jZQ==", ""),
    "no key": ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
    "a key of one letter": ("dGhlIHNhbXBsZSBub25jZQ==", "x"),
    "a key that is not base64": ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub2_jZQ=="),
    "a key without its padding": ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ"),
    "two keys": ("\r\nSec-WebSocket-Key:", "\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Key:"),
}
"""Replacements in a valid handshake: old part, new part."""


def malform(order: str, instead: str) -> str:
    """A handshake of `alice`, malformed."""
    assert order in HANDSHAKE
    return f"{HANDSHAKE.replace(order, instead)}{BEARER}\r\n"


@pytest.mark.parametrize(
    ("order", "instead"),
    [one for name, one in MALFORMED.items() if name not in {"an empty key", "no key"}],
)
async def test_plain_tornado_accepts_it(order: str, instead: str) -> None:
    """Otherwise the tests below would prove nothing."""
    answer, _ = await exchange(Application([("/ws", WebSocketHandler)]), malform(order, instead))
    assert b" 101 " in answer.splitlines()[0]


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "Tornado's"])
@pytest.mark.parametrize("declared", ["chat:connect", public("a test")], ids=["guarded", "public"])
@pytest.mark.parametrize(("order", "instead"), MALFORMED.values(), ids=MALFORMED)
async def test_it_is_refused(order: str, instead: str, declared: str | Public, fast: bool) -> None:
    """With 400 and an entry in the trail, before anything of the handler runs."""
    ran: list[str] = []

    class Handler(WebSocketHandler):
        def prepare(self) -> None:
            ran.append("prepare")

    guard = make_guard(insecure_allow_any_host=True, fast=fast)
    async with guard:
        answer, _ = await exchange(guarded(Handler, guard, declared), malform(order, instead))
        causes = [one.cause for one in await events(guard) if one.name == "input_validation_fail"]
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert causes == ["malformed"]
    assert ran == []


async def test_a_page_of_the_same_handler_may_be_asked_for_with_http_1_0() -> None:
    """Only a request for a WebSocket has to be one."""

    class Both(WebSocketHandler):
        async def get(self, *args: str, **kwargs: str) -> None:
            if self.request.headers.get("Upgrade"):
                await super().get(*args, **kwargs)
            else:
                self.finish("a page")

    guard = make_guard(insecure_allow_any_host=True)
    async with guard:
        answer, _ = await exchange(
            guarded(Both, guard), f"GET /ws HTTP/1.0\r\nHost: 127.0.0.1\r\n{BEARER}\r\n"
        )
    assert answer.endswith(b"a page")
