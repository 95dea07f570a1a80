"""direct-connection: a client connects to the endpoint with no credential."""

from __future__ import annotations

from typing import Any

import pytest
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import Guard, StartupRefused, protect
from tests.attacks.twin import Chat, site
from tests.attacks.twin import visitor as comes_to
from tests.demo.running import Running
from tests.demo.visitor import Visitor, answer
from tests.tornado.wire import serving

# Facts of a request that are no credential, but that an application may mistake for one.
WAYS: dict[str, dict[str, Any]] = {
    "nothing": {"origin": None},
    "the page's own origin": {},
    "a name": {"headers": [("X-User", "ada"), ("X-Forwarded-User", "ada"), ("From", "ada")]},
    "an address of this machine": {"headers": [("X-Forwarded-For", "127.0.0.1")]},
    "a name and password": {"headers": [("Authorization", "Basic YWRhOmFkYQ==")]},
    "a scheme nobody knows": {"headers": [("Authorization", "Internal true")]},
    "an empty token": {"headers": [("Authorization", "Bearer ")]},
    "an empty key": {"headers": [("X-API-Key", "")]},
    "a cookie of nothing": {"headers": [("Cookie", "__Host-stormdoor=")]},
    "a cookie that looks good": {"headers": [("Cookie", f"__Host-stormdoor={'A' * 43}")]},
    "a cookie of another name": {"headers": [("Cookie", "user=ada; admin=true")]},
    "a query": {"path": "/ws/chat?user=ada&token=let-me-in"},
    "an invented ticket": {"offers": ["stormdoor.v1", f"stormdoor.ticket.sdt_{'A' * 43}"]},
    "a ticket of nothing": {"offers": ["stormdoor.v1", "stormdoor.ticket."]},
}


class OpenToAll(Chat):
    """Careless chat: the page has a login, and the socket has no check."""

    def who(self) -> str:
        return self.site.sessions.get(self.get_cookie("sid") or "", "somebody")


async def gets_in(visitor: Visitor, way: dict[str, Any]) -> bool:
    """Connect in one of the ways and send a message. Returns whether other clients receive it."""
    path, headers = way.get("path", "/ws/chat"), way.get("headers", [])
    options = {name: value for name, value in way.items() if name in ("origin", "offers")}
    async with await visitor.handshake(path, *headers, **options) as wire:
        if wire.status != 101:
            return False
        reply = await answer(wire, {"type": "say", "room": "lobby", "text": "hello"})
        return reply is not None and reply["type"] == "said"


@pytest.mark.parametrize("way", WAYS)
async def test_nobody_gets_in_without_a_credential(way: str, demo: Running) -> None:
    """A request without a credential gets no 101 in any form, and the trail records it."""
    async with site(OpenToAll) as (at, _):
        assert await gets_in(comes_to(at), WAYS[way])
    stranger = demo.visitor()
    assert not await gets_in(stranger, WAYS[way])
    entry = await demo.recorded("authn_login_fail", address=stranger.address)
    assert entry["cause"] in ("no-credential", "bad-credential")
    assert (entry["endpoint"], entry["permission"]) == ("/ws/chat", "chat:connect")
    assert "principal" not in entry


@pytest.mark.parametrize(
    "path",
    [
        "/ws/dashboard",
        "/ws/chat/",
        "//ws/chat",
        "/ws//chat",
        "/ws/../ws/chat",
        "/ws/%63hat",
        "/WS/CHAT",
        "/ws/chat%00",
        "/ws/chat;x",
        "/static/../ws/chat",
    ],
)
async def test_there_is_no_other_way_in(path: str, demo: Running) -> None:
    """Every spelling of the path is refused without a credential."""
    assert await demo.visitor().refused(path) in (400, 401, 403, 404)


async def test_an_endpoint_that_somebody_forgot_does_not_start() -> None:
    """Plain Tornado serves every route; with a guard an undeclared handler stops the start."""

    class Debug(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            self.write_message(f"secret {message!r}")

    async with site(Debug) as (at, _), await comes_to(at).open(origin=None) as wire:
        wire.send("x")
        assert (await wire.text()).startswith("secret")
    with pytest.raises(StartupRefused, match="Debug"):
        protect(Application([("/ws/debug", Debug)]), Guard(production=False))


@pytest.mark.extended
async def test_an_endpoint_that_is_added_later_lets_nobody_in() -> None:
    """A handler that is added after the start is undeclared, and so refuses every client."""

    class Later(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            self.write_message("secret")

    guard = Guard(production=False)
    async with serving(Application([]), guard) as at:
        at.application.add_handlers(".*", [("/ws/later", Later)])
        assert await comes_to(at).refused("/ws/later", origin=None) == 403
