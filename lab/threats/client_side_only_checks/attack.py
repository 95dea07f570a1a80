"""The page hides a button and keeps the turns. Its script is skipped, in a browser and then without one."""

import contextlib
import json

from lab.harness import Outcome, Refused, Session, Target

BROWSER = True
BY_HAND = False
WHY = "The server checks the identity before the 101, and the owner of the piece at every move."
TRAIL = frozenset({"authn_login_fail", "authz_fail"})

# Commands in the console of the browser, on the game's own page and not logged in.
CONSOLE = """message => new Promise(resolve => {
    const socket = new WebSocket(location.origin.replace("http", "ws") + "/ws/game");
    socket.onopen = () => { socket.send(message); setTimeout(() => resolve("sent"), 500); };
    socket.onerror = () => resolve("refused");
})"""


async def legitimate(target: Target) -> None:
    async with target.connect("/ws/game", session=await target.login("white")) as socket:
        await socket.receive()
        board = await socket.ask({"type": "move", "piece": "wKe1", "to": "e2"})
        assert board["pieces"]["wKe1"] == "e2"


async def _pieces(target: Target, umpire: Session) -> dict[str, str]:
    async with target.connect("/ws/game", session=umpire) as socket:
        pieces: dict[str, str] = (await socket.receive())["pieces"]
        return pieces


async def attack(target: Target) -> Outcome:
    umpire = await target.login("umpire")
    async with target.browser() as profile:
        page = await profile.new_page()
        await page.goto(f"{target.http}/")
        move = json.dumps({"type": "move", "piece": "bKe8", "to": "a1"})
        target.write("attacker", ">", f"in the console of {target.http}/: socket.send({move})")
        target.write("attacker", "<", await page.evaluate(CONSOLE, move))
    if (await _pieces(target, umpire)).get("bKe8") == "a1":
        return target.outcome(True, "moved the black king from the console, not logged in")
    # A player of one side who plays the other, and the umpire's button that its page does not show.
    white = await target.login("white")
    for message in ({"type": "move", "piece": "bKe8", "to": "a1"}, {"type": "void"}):
        with contextlib.suppress(Refused):
            async with target.connect("/ws/game", session=white) as socket:
                await socket.receive()
                await socket.ask(message, 1)
    pieces = await _pieces(target, umpire)
    if pieces.get("bKe8") != "e8":
        return target.outcome(True, f"white did what only others may: {pieces}")
    return target.outcome(False, "refused at the handshake, and at each move")
