"""cross-site-websocket-hijacking: a hostile page opens a socket with the victim's cookies."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from tornado.websocket import WebSocketHandler

from tests.attacks.twin import Chat, log_in, site
from tests.demo.running import Running
from tests.demo.visitor import Visitor, answer
from tests.support.references import without_reference
from tests.tornado.test_tornado_facts import V6_6

PAGES = {
    "another site": "https://evil.example",
    "another port": "http://127.0.0.1:1",
    "another scheme": "https://127.0.0.1:{port}",
    "a sandboxed frame or a file": "null",
    "a name that begins like ours": "http://127.0.0.1:{port}.evil.example",
    "a name that ends like ours": "http://evil127.0.0.1:{port}",
    "our name as a user name": "http://127.0.0.1:{port}@evil.example",
    "our name in a path": "http://evil.example/127.0.0.1:{port}",
    "our name and another": "http://127.0.0.1:{port}, https://evil.example",
    "a port that begins like ours": "http://127.0.0.1:{port}0",
    "no port": "http://127.0.0.1",
    "another name of this machine": "http://[::1]:{port}",
    "a browser extension": "chrome-extension://abcdefghijklmnop",
    "nothing": "",
}


async def speaks_as_victim(victim: Visitor, origin: str | None, host: str | None = None) -> bool:
    """Connect with the page's origin and the victim's cookie, and return whether a message is accepted."""
    async with await victim.handshake(origin=origin, host=host) as wire:
        if wire.status != 101:
            return False
        reply = await answer(wire, {"type": "say", "room": "lobby", "text": "I was robbed"})
        return reply is not None and reply["from"] == "alice"


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_of_another_origin(page: str, demo: Running) -> None:
    """Only the demo's own pages open its sockets; the trail names the foreign page and the victim."""
    async with site(Chat) as (at, _):
        victim = await log_in(at, "alice")
        assert await speaks_as_victim(victim, PAGES[page].format(port=at.port))
    victim = await demo.visit("alice")
    assert await speaks_as_victim(victim, victim.origin)
    assert not await speaks_as_victim(victim, PAGES[page].format(port=demo.port))
    entry = await demo.recorded("malicious_cors", address=victim.address)
    assert (entry["cause"], entry["endpoint"]) == ("origin-not-allowed", "/ws/chat")


async def test_the_operator_reads_how_to_allow_it(demo: Running) -> None:
    """The log has the line of configuration that would accept the page; the answer to the page does not."""
    victim = await demo.visit("alice")
    async with await victim.handshake(origin="https://new.example") as wire:
        assert (wire.status, without_reference(wire.body)) == (403, b"forbidden\n")
    assert 'origins = ["https://new.example"]' in demo.output


class DefaultCheck(Chat):
    """Tornado's own check of the origin, which compares it with the Host."""

    def check_origin(self, origin: str) -> bool:
        return WebSocketHandler.check_origin(self, origin)


@pytest.mark.parametrize(
    "name",
    ["evil.example:{port}", "evil.example", "localhost.evil.example:{port}", "127.0.0.2:{port}"],
)
async def test_a_foreign_name_that_points_here(name: str, demo: Running) -> None:
    """DNS rebinding: Origin and Host are equal, both the attacker's. The demo refuses the Host."""
    async with site(DefaultCheck) as (at, _):
        host = name.format(port=at.port)
        victim = await log_in(at, "alice")
        assert await speaks_as_victim(victim, f"http://{host}", host)
    host = name.format(port=demo.port)
    victim = await demo.visit("alice")
    assert not await speaks_as_victim(victim, f"http://{host}", host)
    # The cause, too: it came without TLS as well, and that is not what happened.
    entry = await demo.recorded("malicious_cors", address=victim.address)
    assert entry["cause"] == "host-not-allowed"


@pytest.mark.skipif(not V6_6, reason="Tornado 6.5 does not look at Sec-Fetch-Site")
async def test_a_header_that_takes_the_place_of_the_check(demo: Running) -> None:
    """`Sec-Fetch-Site: same-origin` beside a foreign Origin: a proxy or an old browser may let it by."""

    async def attack(victim: Visitor) -> bool:
        headers = ("Sec-Fetch-Site", "same-origin")
        async with await victim.handshake(
            "/ws/chat", headers, origin="https://evil.example"
        ) as wire:
            return wire.status == 101

    async with site(DefaultCheck) as (at, _):
        assert await attack(await log_in(at, "alice"))
    victim = await demo.visit("alice")
    assert not await attack(victim)
    await demo.recorded("malicious_cors", address=victim.address, cause="origin-not-allowed")


async def test_an_origin_that_is_not_there(demo: Running) -> None:
    """Plain Tornado accepts a client without Origin; the demo requires an Origin with a cookie."""
    async with site(DefaultCheck) as (at, _):
        assert await speaks_as_victim(await log_in(at, "alice"), None)
    victim = await demo.visit("alice")
    assert not await speaks_as_victim(victim, None)
    await demo.recorded("malicious_cors", address=victim.address, cause="origin-not-allowed")


async def test_a_hostile_page_cannot_use_up_the_victims_attempts(demo: Running) -> None:
    """A page that tries on and on uses up the limit of foreign requests, and no limit of the victim."""
    victim = await demo.visit("alice")
    answers: list[int] = []
    # Twenty at a time. Ten a second are free again: a slow machine would never reach the limit.
    while 429 not in answers and len(answers) < 3_000:
        some = (victim.refused(origin="https://evil.example") for _ in range(20))
        answers += await asyncio.gather(*some)
    assert set(answers) == {403, 429}
    assert await speaks_as_victim(victim, victim.origin)
    await demo.mark()
    entries = [one for one in demo.entries() if one.get("address") == victim.address]
    counts = Counter[str]()
    for one in entries:
        if one.get("cause") in {"origin-not-allowed", "handshake-rate"}:
            counts[one["cause"]] += one.get("count", 1)
    assert counts == {
        "origin-not-allowed": answers.count(403),
        "handshake-rate": answers.count(429),
    }
    assert demo.output.count(victim.address) < 100
