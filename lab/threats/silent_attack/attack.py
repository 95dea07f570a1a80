"""At night a clerk guesses, tries and wipes the traces. In the morning the owner reads what happened."""

import json
from contextlib import suppress

from lab.harness import Outcome, Refused, Target

BY_HAND = True
WHY = (
    "Every refusal is a line of a log. But a line is text: an attacker can put a line break into the name at "
    "the login writes the next line, and the owner reads that another user did it."
)
TRAIL = frozenset({"authz_fail"})

PATH = "/ws/register"
FORGED = "INFO olga erase Ann Example"


async def lines_of(target: Target) -> list[str]:
    """Return the lines that the owner reads."""
    async with target.connect(PATH, session=await target.login("olga")) as socket:
        await socket.send({"type": "log"})
        answer = await socket.until(lambda said: said.get("type") == "log")
        return [str(line) for line in answer["lines"]]


async def legitimate(target: Target) -> None:
    """Doctors read, and what they did can be read."""
    async with target.connect(PATH, session=await target.login("olga")) as socket:
        assert (await socket.ask({"type": "read", "patient": "Ben Example"}))["type"] == "done"
    assert await lines_of(target)


async def attack(target: Target) -> Outcome:
    """Be refused in many ways; then see whether the record tells of it, and tells the truth."""
    name = f"mallory from 127.0.0.1\n{FORGED}"
    await target.request("POST", "/auth/login", body={"username": name, "password": "x"})
    session = await target.login("mallory")
    async with target.connect(PATH, session=session) as socket:
        for kind in ("read", "erase", "clear-log"):
            with suppress(Refused):
                await socket.ask({"type": kind, "patient": "Ann Example"}, 0.5)
    lines = await lines_of(target)
    for line in lines:
        target.write("olga reads", "<", line)
    if any(line.startswith(FORGED) for line in lines):
        return target.outcome(True, "the record says that olga did it")
    refusals = [line for line in lines if "mallory" in line and tells_of_refusal(line)]
    if not refusals:
        return target.outcome(True, "nothing tells of what was tried")
    return target.outcome(False, f"{len(refusals)} entries tell who was refused what")


def tells_of_refusal(line: str) -> bool:
    """Return whether a line reports a refusal."""
    try:
        return bool(json.loads(line).get("cause"))
    except ValueError:
        return "refused" in line or "failed" in line
