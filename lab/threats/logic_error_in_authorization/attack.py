"""An operator requests the vault by other spellings, and again while the directory of its users is down."""

import contextlib

from lab.harness import Outcome, Refused, Target

BY_HAND = True
WHY = (
    "What the directory does not answer is refused. But the list says what is restricted, and not what is "
    "allowed: the same machine in capitals is not on it."
)
TRAIL = frozenset({"authz_fail"})


async def legitimate(target: Target) -> None:
    async with target.connect("/ws/terminal", session=await target.login("kim")) as socket:
        assert (await socket.ask({"type": "run", "host": "web"}))["text"] == "welcome"
    async with target.connect("/ws/terminal", session=await target.login("root")) as socket:
        assert "4711" in (await socket.ask({"type": "run", "host": "vault"}))["text"]


async def attack(target: Target) -> Outcome:
    kim = await target.login("kim")
    for step in ("vault", "Vault", "VAULT", None, "vault"):
        if step is None:
            target.note("the directory is down")
            await target.control("directory down")
            continue
        with contextlib.suppress(Refused):
            async with target.connect("/ws/terminal", session=kim) as socket:
                answer = await socket.ask({"type": "run", "host": step}, 1)
                if "4711" in str(answer):
                    return target.outcome(True, f"{step!r} was run: {answer['text']}")
    return target.outcome(False, "forbidden in every spelling, with the directory and without")
