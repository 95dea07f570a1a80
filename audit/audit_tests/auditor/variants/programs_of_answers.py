"""Logins that depend on a function's result, enumerations, the content of a message, derived keys.

Each with its twin, in which the check has no effect.
"""

from collections.abc import Iterator

from audit_tests.auditor.sources import HEAD

__all__ = ["PROGRAMS"]

Program = tuple[str, dict[str, str]]
"""The kinds of its verdict, and its files."""

_REFUSED = "after-accept"
_LET_IN = "skippable|missing"

# what a function that verifies answers ------------------------------------------------------

_ANSWERS = """
import collections, dataclasses, enum, http
from http import HTTPStatus
{before}
def verify(name, token):
    row = db.find(name)
    if row is None:
        return {refused}
    try:
        said = jwt.decode(token, row["key"], algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return {refused}
    return {fine}
class Door(WebSocketHandler):
    def on_message(self, message):
        said = json.loads(message)
        status = verify(said["id"], said["token"])
        if {condition}:
            self.write_message("no")
            return
        room.say(said["text"])
"""
_COUNTED = "class Result(enum.Enum):\n    FINE = enum.auto()\n    FAILED = enum.auto()"
_NUMBERED = "class Result(enum.IntEnum):\n    FINE = 0\n    FAILED = 1"
_TRUTH = """
class Result:
    def __init__(self, fine):
        self.fine = fine
    def __bool__(self):
        return self.fine
"""
_VERIFIES: dict[str, tuple[str, str, str, str]] = {
    "a table and a code, or a code": ('{"error": "no"}, 401', "200", "status != 200", ""),
    "a list, or that it is so": ('["no"]', "True", "status is not True", ""),
    "a table, or that it is so": ('{"error": "no"}', "True", "status is not True", ""),
    "a list, or one of two codes": ('["no"]', "200", "status not in (200, 201)", ""),
    "an empty table": ("{}", '{"id": name}', "status == {}", ""),
    "a tuple, or a row": ('{"error": "no"}, 401', "row", "isinstance(status, tuple)", ""),
    "a text, or a table": ('"no"', '{"id": name}', "isinstance(status, str)", ""),
    "a text, or a table, by its type": ('"no"', '{"id": name}', "type(status) is str", ""),
    "a code, of hundreds": ("401", "200", "status // 100 != 2", ""),
    "one object for nobody": ("NOBODY", "row", "status is NOBODY", "NOBODY = object()"),
    "JSON": ('json.dumps({"ok": 0})', 'json.dumps({"ok": 1})', 'not json.loads(status)["ok"]', ""),
    "an object that is false": ("Result(False)", "Result(True)", "not status", _TRUTH),
    "counted members": ("Result.FAILED", "Result.FINE", "status is not Result.FINE", _COUNTED),
    "the value of a member": ("Result.FAILED", "Result.FINE", "status.value", _NUMBERED),
    "the name of a member": ("Result.FAILED", "Result.FINE", 'status.name != "FINE"', _NUMBERED),
    "a status of HTTP": ("HTTPStatus.UNAUTHORIZED", "HTTPStatus.OK", "status != HTTPStatus.OK", ""),
    "a status of HTTP, by its number": ("http.HTTPStatus.FORBIDDEN", "200", "status >= 400", ""),
}

# kinds of messages --------------------------------------------------------------------------

_KINDS = """
import enum
class Kind({base}):
    LOGIN = {login}
    SAY = {say}
    LOGOUT = {logout}
class Refused(Exception):
    pass
class Login:
    def run(self, door, said):
        if not db.check_password(said["name"], said["password"]):
            raise Refused()
        door.user = said["name"]
class Say:
    def run(self, door, said):
        {question}
        room.say(said["text"])
{table}
class Door(WebSocketHandler):
    user = None
    def log_in(self, said):
        Login().run(self, said)
    def say(self, said):
        Say().run(self, said)
    def on_message(self, message):
        said = json.loads(message)
        try:
            {pick}
        except (ValueError, KeyError):
            self.write_message("what?")
        except Refused:
            self.write_message("no")
"""
_ENUMERATIONS = {
    "numbers": ("enum.Enum", "0", "1", "2"),
    "texts": ("str, enum.Enum", '"login"', '"say"', '"logout"'),
    "counted": ("enum.Enum", "enum.auto()", "enum.auto()", "enum.auto()"),
}
_BY_MEMBER = "TABLE = {Kind.LOGIN: Login, Kind.SAY: Say}"
_BY_VALUE = "TABLE = {Kind.LOGIN.value: Login, Kind.SAY.value: Say}"
_BY_NAME = "TABLE = {Kind.LOGIN.name: Login, Kind.SAY.name: Say}"
_COMPARED = """kind = Kind(said["type"])
            if kind is Kind.LOGIN:
                self.log_in(said)
            elif kind is Kind.SAY:
                self.say(said)"""
_CHECKED = """action = TABLE.get(Kind(said["type"]))
            if action is None:
                return
            action().run(self, said)"""
_PICKS = {
    "a member is looked up": (_BY_MEMBER, 'TABLE.get(Kind(said["type"]))().run(self, said)'),
    "a member is an item": (_BY_MEMBER, 'TABLE[Kind(said["type"])]().run(self, said)'),
    "a member may have nothing": (_BY_MEMBER, _CHECKED),
    "a member by its name": (_BY_MEMBER, 'TABLE[Kind[said["type"].upper()]]().run(self, said)'),
    "the value of a member": (_BY_VALUE, 'TABLE[Kind(said["type"]).value]().run(self, said)'),
    "values": (_BY_VALUE, 'TABLE[said["type"]]().run(self, said)'),
    "names": (_BY_NAME, 'TABLE[said["type"]]().run(self, said)'),
    "members are compared": ("", _COMPARED),
}
_ASKS = "if door.user is None:\n            raise Refused()"
_FIRST = """kind = Kind(said["type"])
            if kind is not Kind.LOGIN and {question}:
                return
            if kind is Kind.LOGIN:
                self.log_in(said)
            else:
                room.say(said["text"])"""

# objects that a message fills ---------------------------------------------------------------

_FILLED = """
class Message:
{fields}
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        said = {made}
        if said.kind == "login":
            if not db.check_password(said.name, said.password):
                self.write_message("no")
                return
            self.user = said.name
        elif said.kind == "say":
            {question}
            room.say(said.text)
"""
_INIT = "    def __init__(self, {}):\n        {}"
_LOOP = "for key, value in data.items():\n            {}(self, key, value)"
_DEFAULTS = '    kind = None\n    name = password = text = ""\n'
_MADE = "Message(json.loads(message))"
_LOADS = """
    @classmethod
    def load(cls, text):
        made = cls()
        for key, value in json.loads(text).items():
            setattr(made, key, value)
        return made
"""
_FILLS = {
    "by words, one by one": (
        _INIT.format("**data", _LOOP.format("setattr")),
        "Message(**json.loads(message))",
    ),
    "one by one": (_INIT.format("data", _LOOP.format("setattr")), _MADE),
    "past its own way": (_INIT.format("data", _LOOP.format("object.__setattr__")), _MADE),
    "where it has defaults": (_DEFAULTS + _INIT.format("data", _LOOP.format("setattr")), _MADE),
    "where it had something": (
        _INIT.format("data", f'self.kind = self.name = ""\n        {_LOOP.format("setattr")}'),
        _MADE,
    ),
    "all at once": (_INIT.format("data", "self.__dict__.update(data)"), _MADE),
    "all at once, as words": (_INIT.format("data", "self.__dict__.update(**data)"), _MADE),
    "all of its variables": (_INIT.format("data", "vars(self).update(data)"), _MADE),
    "by its class": (_LOADS, "Message.load(message)"),
}

# keys that are made of who it is ------------------------------------------------------------

_KEYS = """
import redis
from tornado.web import decode_signed_value
_KEY = "session:{{}}"
conn = redis.StrictRedis()
def find(key):
    return conn.get({key})
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        said = json.loads(message)
        secret = self.application.settings["cookie_secret"]
        self.user = find(decode_signed_value(secret, "token", said["token"]))
        {question}
        room.add(self.user, self)
"""
_MADE_OF = {
    "a format": "_KEY.format(key)",
    "a format that stands there": '"session:{}".format(key)',
    "a text with it in it": 'f"session:{key}"',
    "a percent sign": '"session:%s" % key',
    "a percent sign, and more": '"%s:%s" % ("session", key)',
    "a sum": '"session:" + str(key)',
    "joined parts": '":".join(["session", str(key)])',
    "itself": "key",
}


def _cases() -> Iterator[tuple[str, str, str]]:
    """The name of each, its program, and that of its twin."""
    for name, (refused, fine, condition, before) in _VERIFIES.items():
        one, twin = (
            _ANSWERS.format(refused=answer, fine=fine, condition=condition, before=before)
            for answer in (refused, fine)
        )
        yield f"verified: {name}", one, twin
    for kind, (base, login, say, logout) in _ENUMERATIONS.items():
        members = {"base": base, "login": login, "say": say, "logout": logout}
        for name, (table, pick) in _PICKS.items():
            one, twin = (
                _KINDS.format(**members, table=table, pick=pick, question=question)
                for question in (_ASKS, "pass")
            )
            yield f"{kind}: {name}", one, twin
        one, twin = (
            _KINDS.format(
                **members, table="", pick=_FIRST.format(question=question), question="pass"
            )
            for question in ("self.user is None", "self.closed")
        )
        yield f"{kind}: the log-in first", one, twin
    for name, (fields, made) in _FILLS.items():
        one, twin = (
            _FILLED.format(fields=fields, made=made, question=question)
            for question in ("if self.user is None:\n                return", "pass")
        )
        yield f"filled: {name}", one, twin
    for name, key in _MADE_OF.items():
        one, twin = (
            _KEYS.format(key=key, question=question)
            for question in ("if self.user is None:\n            return", "pass")
        )
        yield f"kept under {name}", one, twin


PROGRAMS: dict[str, Program] = {
    f"{name}, {end}": (kinds, {"app.py": HEAD + text})
    for name, one, twin in _cases()
    for end, kinds, text in (("refused", _REFUSED, one), ("whoever it is", _LET_IN, twin))
}
