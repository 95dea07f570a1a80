"""A guest of a shared budget sends what no page would: a field too many, then a number that is none."""

import contextlib
import json
import math
from typing import Any

from lab.harness import Outcome, Refused, Session, Target

BY_HAND = True
WHY = (
    "Every field is checked, but Python's `json` reads `NaN`, and a comparison with it is never true: "
    "neither below zero nor over the limit. It is sent to all users, and no browser can read it."
)
TRAIL = frozenset({"input_validation_fail"})

MESSAGES = (
    '{"type":"set","line":"music","amount":400,"limit":1000000}',
    '{"type":"set","line":"salad","amount":5,"title":"<img src=x onerror=alert(1)>"}',
    '{"type":"set","line":"salad","amount":NaN}',
    '{"type":"set","line":"bread","amount":-1e999}',
)


async def legitimate(target: Target) -> None:
    async with target.connect("/ws/sheet", session=await target.login("guest")) as socket:
        await socket.receive()
        sheet = await socket.ask({"type": "set", "line": "salad", "amount": 20})
        assert sheet["lines"]["salad"] == 20


async def _sheet(target: Target, owner: Session) -> tuple[dict[str, Any], bool]:
    """The budget as its owner gets it, and whether a browser could read that."""
    async with target.connect("/ws/sheet", session=owner) as socket:
        sheet: dict[str, Any] = await socket.receive()
    numbers = [sheet["limit"], *sheet["lines"].values()]
    return sheet, all(math.isfinite(number) for number in numbers)


async def attack(target: Target) -> Outcome:
    owner, guest = await target.login("owner"), await target.login("guest")
    before, _ = await _sheet(target, owner)
    for message in MESSAGES:
        with contextlib.suppress(Refused):
            async with target.connect("/ws/sheet", session=guest) as socket:
                await socket.receive()
                await socket.ask(message, 1)
        sheet, readable = await _sheet(target, owner)
        if not readable:
            return target.outcome(True, f"no browser can read it: {json.dumps(sheet)}")
        if (sheet["limit"], sheet["title"]) != (before["limit"], before["title"]):
            return target.outcome(True, f"changed what no message changes: {json.dumps(sheet)}")
    return target.outcome(False, "each message is invalid, and the budget is as it was")
