"""A customer, and a trader who was on the desk, try to read the clients of these orders."""

from contextlib import suppress

from lab.harness import Outcome, Refused, Session, Target

BY_HAND = True
WHY = (
    "The subscription is checked, and the tape has no names. A trader who leaves the desk stays in the set "
    "of its listeners: the delivery checks nothing."
)
TRAIL = frozenset({"authz_fail"})

PATH = "/ws/feed"


def order(client: str) -> dict[str, object]:
    """An order of that client."""
    return {"type": "order", "client": client, "what": "TIN", "amount": 500}


async def legitimate(target: Target) -> None:
    """The desk reads the client of an order; a customer reads the trade."""
    async with (
        target.connect(PATH, session=await target.login("dora")) as dora,
        target.connect(PATH, session=await target.login("carl")) as carl,
    ):
        await dora.ask({"type": "subscribe", "channel": "desk"})
        await carl.ask({"type": "subscribe", "channel": "tape"})
        await dora.send(order("Fern & Sons"))
        heard = await dora.until(lambda said: said["type"] == "order")
        assert heard["client"] == "Fern & Sons"
        assert (await carl.until(lambda said: said["type"] == "tape"))["what"] == "TIN"


async def attack(target: Target) -> Outcome:
    """Listen to nothing, to what is for others, and on after one has left."""
    dora = await target.login("dora")
    carl, mallory = await target.login("carl"), await target.login("mallory")
    won = []
    if await overhears(target, dora, carl, "tape", "Oak Ltd"):
        won.append("a customer reads the client on the tape")
    if await overhears(target, dora, carl, "desk", "Pine Inc"):
        won.append("a customer hears the desk")
    async with target.connect(PATH, session=mallory) as ear:
        await ear.ask({"type": "subscribe", "channel": "desk"})
        async with target.connect(PATH, session=dora) as head:
            assert (await head.ask({"type": "release", "who": "mallory"}))["type"] == "released"
            target.note("mallory is not on the desk any more")
            await head.send(order("Orchid Fund"))
            if any("Orchid Fund" in str(one) for one in await ear.heard(0.5)):
                won.append("who has left the desk goes on hearing it")
    return target.outcome(
        bool(won), ", ".join(won) or "no recipient gets messages without the permission"
    )


async def overhears(target: Target, dora: Session, spy: Session, channel: str, client: str) -> bool:
    """Return whether the spy, who subscribes to that channel, reads the client's name."""
    async with (
        target.connect(PATH, session=spy) as ear,
        target.connect(PATH, session=dora) as head,
    ):
        with suppress(Refused):
            await ear.ask({"type": "subscribe", "channel": channel}, 0.5)
        await head.send(order(client))
        return any(client in str(one) for one in await ear.heard(0.5))
