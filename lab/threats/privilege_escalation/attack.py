"""A tenant of one house turns the heating of the other off, and drains the boiler of its own."""

import contextlib

from lab.harness import Outcome, Refused, Target

BY_HAND = False
WHY = "The role and the house are checked at each message; there are three kinds, and none was forgotten."
TRAIL = frozenset({"authz_fail"})


async def legitimate(target: Target) -> None:
    async with target.connect("/ws/heating", session=await target.login("tom")) as socket:
        answer = await socket.ask({"type": "set", "boiler": "north-1", "value": 22})
        assert answer["value"] == 22
    async with target.connect("/ws/heating", session=await target.login("sue")) as socket:
        assert (await socket.ask({"type": "read", "boiler": "south-1"}))["value"] == 21


async def attack(target: Target) -> Outcome:
    tom, sue = await target.login("tom"), await target.login("sue")
    for message in (
        {"type": "set", "boiler": "south-1", "value": 5},
        {"type": "drain", "boiler": "south-1"},
        {"type": "drain", "boiler": "north-1"},
    ):
        with contextlib.suppress(Refused):
            async with target.connect("/ws/heating", session=tom) as socket:
                await socket.ask(message, 1)
    async with target.connect("/ws/heating", session=sue) as socket:
        south = (await socket.ask({"type": "read", "boiler": "south-1"}))["value"]
    async with target.connect("/ws/heating", session=tom) as socket:
        north = (await socket.ask({"type": "read", "boiler": "north-1"}))["value"]
    if south != 21:
        return target.outcome(True, f"the house of another is at {south} degrees")
    if north == 0:
        return target.outcome(True, "a tenant has drained the boiler, which only owners may")
    return target.outcome(False, "each of the messages is forbidden")
