"""A program without any credential connects to the feed and reads the desk's positions."""

from lab.harness import Outcome, Refused, Target

BY_HAND = False
WHY = "`prepare` runs before the 101 and looks for a login. One handler, one check: nothing is forgotten yet."
TRAIL = frozenset({"authn_login_fail"})

PRETENCES: tuple[tuple[str, list[tuple[str, str]]], ...] = (
    ("/ws/book", []),
    ("/ws/book", [("Cookie", "user=nora")]),
    ("/ws/book?user=nora", [("X-Forwarded-For", "127.0.0.1"), ("X-User", "nora")]),
)


async def legitimate(target: Target) -> None:
    async with target.connect("/ws/book", session=await target.login("nora")) as socket:
        book = await socket.receive()
        assert book["positions"]["copper"] == 1200


async def attack(target: Target) -> Outcome:
    stopped = ""
    for path, headers in PRETENCES:
        for origin in (None, target.origin):
            try:
                async with target.connect(path, headers=headers, origin=origin) as socket:
                    book = await socket.receive()
            except Refused as refused:
                stopped = str(refused)
                continue
            if "positions" in book:
                return target.outcome(True, f"read the desk's positions: {book['positions']}")
    return target.outcome(False, stopped)
