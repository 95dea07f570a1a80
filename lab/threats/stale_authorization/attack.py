"""An employee leaves the company with the terminal open."""

from lab.harness import Outcome, Refused, Target

BY_HAND = True
WHY = (
    "Every message that comes in is checked against the directory, so nothing is typed any more. "
    "What goes out is not: the open socket hears the journal until its owner closes it."
)
TRAIL = frozenset({"user_updated", "authn_login_fail"})

PATH = "/ws/terminal"
SECRET = "the new password of the database is in the safe"


async def legitimate(target: Target) -> None:
    """An employee types, and reads the journal."""
    async with (
        target.connect(PATH, session=await target.login("ada")) as ada,
        target.connect(PATH, session=await target.login("mallory")) as mallory,
    ):
        await ada.receive()
        await mallory.receive()
        assert (await mallory.ask({"type": "run", "command": "uptime"}))["type"] == "output"
        await ada.send({"type": "log", "text": "good morning"})
        assert (await mallory.receive())["text"] == "good morning"


async def attack(target: Target) -> Outcome:
    """Keep the socket; listen to the journal, and type."""
    won = []
    session = await target.login("mallory")
    async with (
        target.connect(PATH, session=await target.login("ada")) as ada,
        target.connect(PATH, session=session) as mallory,
    ):
        await ada.receive()
        await mallory.receive()
        assert (await ada.ask({"type": "dismiss", "who": "mallory"}))["type"] == "dismissed"
        target.note("mallory has no account any more")
        await ada.send({"type": "log", "text": SECRET})
        if any(SECRET in str(one) for one in await mallory.heard(0.5)):
            won.append("hears what is said in the journal")
        try:
            answer = await mallory.ask({"type": "run", "command": "cat /etc/shadow"}, 1)
            if answer["type"] == "output":
                won.append("runs commands")
        except Refused:
            pass
    try:
        async with target.connect(PATH, session=session) as once_more:
            if (await once_more.receive())["type"] == "ready":
                won.append("opens another terminal")
    except Refused:
        pass
    return target.outcome(bool(won), ", ".join(won) or "the terminal closed with the account")
