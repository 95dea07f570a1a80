"""Three hundred messages on ten sockets: count how many other users receive."""

import asyncio
from contextlib import AsyncExitStack

from lab.harness import Outcome, Refused, Socket, Target

BY_HAND = True
WHY = (
    "Each socket has a bucket of ten messages, five more a second. There is no limit for the sockets of one "
    "user, and with ten of them one says ten times as much."
)
TRAIL = frozenset({"excess_rate_limit_exceeded"})

PATH = "/ws/chat"
SOCKETS, MESSAGES = 10, 30
BEARABLE = 50


async def legitimate(target: Target) -> None:
    """Each user receives the messages of the others."""
    async with (
        target.connect(PATH, session=await target.login("alice")) as alice,
        target.connect(PATH, session=await target.login("mallory")) as mallory,
    ):
        await mallory.send({"type": "say", "text": "good evening"})
        assert (await alice.receive())["text"] == "good evening"


async def attack(target: Target) -> Outcome:
    """Say as much as one can, on as many sockets as one gets."""
    session = await target.login("mallory")
    async with (
        target.connect(PATH, session=await target.login("alice")) as alice,
        AsyncExitStack() as sockets,
    ):
        wires = [
            await sockets.enter_async_context(target.connect(PATH, session=session))
            for _ in range(SOCKETS)
        ]
        await asyncio.gather(*map(shout, wires))
        heard = sum(one.get("type") == "said" for one in await alice.heard(1.0))
        for wire in wires:
            wire.connection.transport.abort()  # an attacker sends no close frame
    target.note(f"alice had to hear {heard} of {SOCKETS * MESSAGES} messages")
    return target.outcome(
        heard > BEARABLE, f"{heard} of {SOCKETS * MESSAGES} messages went through"
    )


async def shout(wire: Socket) -> None:
    """Send without end, nearly."""
    try:
        for number in range(MESSAGES):
            await wire.send({"type": "say", "text": f"buy now! {number}"})
    except Refused:
        pass
