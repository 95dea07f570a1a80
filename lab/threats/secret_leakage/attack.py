"""Send unexpected input, search the answers for secrets, and use them."""

import re

from lab.harness import Outcome, Refused, Session, Target

BY_HAND = False
WHY = (
    "The client gets the same words for each error, the key is no part of any address, and "
    "what was asked for is checked before it is asked for. The author must think of it in every handler."
)
TRAIL = frozenset({"input_validation_fail"})

PATH = "/ws/chart"
NONSENSE = (
    '{"type": "chart", "station": "nowhere"}',
    '{"type": "chart", "station": "../archive"}',
    '{"type": "chart", "station": ["harbour"]}',
    '{"type": "chart"}',
    "no json at all",
    b"\xff\xfe",
)
KEY = re.compile(r"\b[0-9a-f]{32}\b")


async def session_of(target: Target, name: str) -> Session:
    """Logged in, where there is a login."""
    try:
        return await target.login(name)
    except Refused:
        return Session(name)


async def legitimate(target: Target) -> None:
    """A chart of a station."""
    async with target.connect(PATH, session=await session_of(target, "alice")) as socket:
        answer = await socket.ask({"type": "chart", "station": "harbour"})
        assert answer["readings"] == [12.5, 12.9]


async def attack(target: Target) -> Outcome:
    """Collect every answer to nonsense, on the socket and on the pages."""
    session = await session_of(target, "mallory")
    answers = []
    for nonsense in NONSENSE:
        try:
            async with target.connect(PATH, session=session) as socket:
                answers.append(str(await socket.ask(nonsense, 0.7)))
        except Refused as refused:
            answers.append(str(refused))
    paths = ("/archive/harbour", "/archive?key=%ff", "/ws/chart", "/nowhere")
    pages = [await target.request("GET", path, session=session) for path in paths]
    answers += [page.text for page in pages]
    for key in set(KEY.findall("\n".join(answers))):
        target.note("something in an answer looks like a key")
        page = await target.request(
            "GET", f"/archive?key={key}", headers={"X-Key": key}, who="mallory"
        )
        if page.status_code == 200:
            return target.outcome(True, "reads the whole archive with a key from an error message")
    return target.outcome(False, "no answer says more than that something was wrong")
