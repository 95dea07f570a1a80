"""The unguarded twin of the demo: it falls to each attack, on loopback only, and has nothing to lose."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stormdoor.demo.server import Demo, bind_twin
from tests.demo.running import Running
from tests.demo.visitor import Visitor

pytestmark = pytest.mark.extended

HOSTILE = "https://evil.example"


async def twin_of(demo: Running) -> Visitor:
    """An unauthenticated client of the twin, at the address that the demo names."""
    info = json.loads((await demo.visitor().get("/demo/info")).body)
    visitor = demo.visitor()
    visitor.port = urlsplit(info["twin_origin"]).port or 0
    assert visitor.port not in (0, demo.port, urlsplit(info["foreign_origin"]).port)
    return visitor


async def test_a_hostile_page_uses_the_cookie_of_the_user(demo: Running) -> None:
    """The twin believes any name, lets every page connect, and every member announce."""
    victim = await twin_of(demo)
    assert (await victim.post("/auth/login", {"username": "alice"})).status == 200
    async with await victim.open(origin=HOSTILE) as wire:
        assert wire.status == 101
        told = await wire.ask({"type": "announce", "text": "I am the administrator now", "x": 1})
    assert told == {
        "type": "announced", "from": "alice", "text": "I am the administrator now", "x": 1
    }  # fmt: skip


async def test_its_tickets_are_good_for_ever(demo: Running) -> None:
    """The same ticket opens a second socket; the demo refuses that (tests/attacks)."""
    victim = await twin_of(demo)
    ticket = json.loads((await victim.post("/auth/ticket", {})).body)["ticket"]
    for _ in range(2):
        async with await victim.with_ticket(ticket, origin=HOSTILE) as wire:
            assert wire.status == 101


async def test_twin_refuses_sessions_of_the_demo(demo: Running) -> None:
    """The session of the demo, which browsers send to each port, is nothing to the twin."""
    alice, other = await demo.visit("alice"), await twin_of(demo)
    other.cookies = alice.cookies
    answer = await other.get("/auth/session")
    assert json.loads(answer.body) == {"principal": "guest"}
    assert not [value for value in alice.cookies.values() if value.encode() in answer.body]
    for path in ("/chat", "/demo/trail", "/metrics", "/static/chat.js", "/demo-credentials.json"):
        assert (await other.get(path)).status == 404


async def test_it_says_that_it_is_vulnerable(demo: Running) -> None:
    """The page of the twin and the terminal warn that it is vulnerable."""
    other = await twin_of(demo)
    assert b"vulnerable on purpose" in (await other.get("/")).body
    assert f"vulnerable on purpose, on loopback only: port {other.port}" in demo.output


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"[" * 9000, b'{"username": 1}', b'{"username": "a;b=c"}']
)
async def test_nonsense_costs_no_traceback(body: bytes, demo: Running) -> None:
    """A page that sends nonsense to the twin fills no terminal (the fixture checks the output)."""
    other = await twin_of(demo)
    assert (await other.request("POST", "/auth/login", body=body)).status == 400
    async with await other.open() as wire:
        wire.frame(1, body)
        assert (await wire.ask({"type": "say", "text": "still here"}))["type"] == "said"


@pytest.mark.parametrize(
    ("host", "bound"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("::1", "::1"),
        ("0.0.0.0", None),
        ("::", None),
        ("", None),
        ("192.0.2.1", None),
        ("app.example", None),
    ],
)
def test_it_is_on_loopback_only(host: str, bound: str | None) -> None:
    """A demo that other machines can reach has no twin."""
    sockets, port = bind_twin(host, 0)
    addresses = [one.getsockname()[0] for one in sockets]
    for one in sockets:
        one.close()
    assert addresses == ([] if bound is None else [bound])
    assert (port is None) == (bound is None)


async def test_a_demo_without_twin_names_none(tmp_path: Path) -> None:
    """The attack page then attacks the demo alone."""
    demo = Demo(origins=["http://127.0.0.1:1"], foreign_origin=None, data=tmp_path, store="memory:")
    arguments = [
        rule.target_kwargs
        for rule in demo.application.wildcard_router.rules
        if "twin_port" in rule.target_kwargs
    ]
    assert arguments
    assert {one["twin_port"] for one in arguments} == {None}
