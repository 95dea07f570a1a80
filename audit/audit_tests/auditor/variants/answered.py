"""How the answer of a look-up comes back to who asked, and what the client is told of it.

A generator gives it to `yield from`. Who is told no more than what it said itself was refused, if nothing
else is done for it.
"""

import textwrap

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_BEFORE = """
def number():
    yield gen.moment
    return 3
def find(token, number=0):
    row = yield db.find(token)
    if not row:
        {nothing}
    return row, True
class Door(WebSocketHandler):
    @gen.coroutine
    def prepare(self):
        self.user, known = {asked}
        if not known:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
"""
_FROM = 'yield from find(self.get_argument("token"))'

_OPEN = """
class Tokens:
    def __init__(self, db):
        self.db = db
    def find(self, given):
        row = yield self.db.get(given["token"]).run()
        if row:
            return row, True, ""
        return {{}}, False, "no such token"
tokens = Tokens(db)
class Door(WebSocketHandler):
    @gen.coroutine
    def open(self):
        given = {{"room": self.get_argument("room", ""), "token": self.get_argument("token", "")}}
        found, known, why = yield from tokens.find(given)
        if known and found["room"] == given["room"]:
            clients.add(self)
            answer = {{"room": given["room"], "joined": True}}
        else:
{otherwise}
        self.write_message(json.dumps(answer))
    def on_message(self, message):
        {then}
"""
_TOLD = 'answer = {"room": given["room"], "joined": False}'

_PROGRAMS = {
    "a generator gives nobody": (
        "guarded",
        _BEFORE.format(nothing="return None, False", asked=_FROM),
    ),
    "a generator raises": ("guarded", _BEFORE.format(nothing="raise HTTPError(403)", asked=_FROM)),
    "a generator is told what another gives": (
        "guarded",
        _BEFORE.format(
            nothing="return None, False",
            asked='yield from find(self.get_argument("token"), (yield from number()))',
        ),
    ),
    "a generator gives a guest": (
        "missing",
        _BEFORE.format(nothing='return {"name": "guest"}, True', asked=_FROM),
    ),
    "nobody waits for what a generator gives": (
        "missing",
        _BEFORE.format(
            nothing="return None, False",
            asked='(find(self.get_argument("token")), find(self.get_argument("token")))',
        ),
    ),
    "whoever has no token is told the room it named": (
        "late",
        _OPEN.format(otherwise=textwrap.indent(_TOLD, " " * 12), then="pass"),
    ),
    "whoever has no token is told what is in the room": (
        "missing",
        _OPEN.format(
            otherwise=" " * 12 + 'answer = {"room": db.contents(given["room"])}', then="pass"
        ),
    ),
    "whoever has no token is told the room it named, and enters it": (
        "missing",
        _OPEN.format(
            otherwise=textwrap.indent(f"{_TOLD}\nclients.add(self)", " " * 12), then="pass"
        ),
    ),
    "whoever has no token is told the room it named, and is heard": (
        "missing",
        _OPEN.format(otherwise=textwrap.indent(_TOLD, " " * 12), then="room.say(message)"),
    ),
}

CASES: dict[str, Case] = {
    f"answered: {name}": (wanted, text, {}) for name, (wanted, text) in _PROGRAMS.items()
}
