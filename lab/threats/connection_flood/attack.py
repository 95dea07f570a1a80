"""Idle sockets: first of unauthenticated clients, then of one account, until there is no room for others."""

from contextlib import AsyncExitStack

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Origin

from lab.harness import Outcome, Refused, Session, Target

BY_HAND = True
WHY = (
    "Only logged-in users get a seat, and there are never more than sixty. One account may "
    "take all sixty."
)
TRAIL = frozenset({"excess_sessions_exceeded", "excess_rate_limit_exceeded"})

PATH = "/ws/game"
SOCKETS = 65
ADDRESSES = ("127.0.0.66", "127.0.0.67")
"""Addresses of the attacker. All of 127.0.0.0/8 is this machine."""


async def legitimate(target: Target) -> None:
    """There is a seat for who is logged in."""
    async with target.connect(PATH, session=await target.login("alice")) as socket:
        assert (await socket.receive())["type"] == "seat"
        assert (await socket.ask({"type": "move", "to": "e4"}))["by"] == "alice"


async def attack(target: Target) -> Outcome:
    """Open sockets and leave them open; then a player wants to play."""
    mallory = await target.login("mallory")
    async with AsyncExitStack() as sockets:
        counts = []
        for session, address in zip((Session("nobody"), mallory), ADDRESSES, strict=True):
            counts.append(await flood(target, session, address, sockets))
            target.write(session.who, "-", f"has {counts[-1]} seats with {SOCKETS} handshakes")
        try:
            async with target.connect(PATH, session=await target.login("alice")) as socket:
                seated = (await socket.receive())["type"] == "seat"
        except Refused:
            seated = False
    held = f"{counts[0]} seats of unauthenticated clients and {counts[1]} of one account were held"
    if seated:
        return target.outcome(False, f"{held}, and alice plays")
    return target.outcome(True, f"{held}, and there is no seat for alice")


async def flood(target: Target, session: Session, address: str, sockets: AsyncExitStack) -> int:
    """Open many sockets from one address. Returns how many of them have a seat."""
    held = 0
    for _ in range(SOCKETS):
        wire = connect(
            target.ws + PATH,
            origin=Origin(target.origin),
            additional_headers=session.header(),
            ping_interval=None,
            close_timeout=1,
            proxy=None,
            local_addr=(address, 0),
        )
        try:
            socket = await sockets.enter_async_context(wire)
            await socket.recv()  # the seat
        except (InvalidHandshake, ConnectionClosed, OSError):
            continue
        held += 1
    return held
