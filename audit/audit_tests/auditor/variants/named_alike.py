"""What is called like a credential or a user and is none: kinds of messages, code to run, other sessions."""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_KIND = """
from elsewhere import protocol
class Door(WebSocketHandler):
    def on_message(self, message):
        asked = json.loads(message)
        if asked[{asked!r}] == {kind}:
            room.say(asked["text"])
"""

_RUN = """
from elsewhere import CACHE
class Door(WebSocketHandler):
    def on_message(self, message):
        asked = json.loads(message)
        held = CACHE[asked[{outer!r}][{inner!r}].strip()]
        if held is not None:
            self.write_message(held)
            return
        room.say(asked["text"])
"""

_PEER = """
class Door(WebSocketHandler):
    def open(self):
        self.{name} = None
        room.waiting(self)
    def pair(self, other):
        self.{name} = other
    def on_message(self, message):
        asked = json.loads(message)
        room.note(asked["text"])
        if self.{name} is None:
            return
        room.say(asked["text"])
"""

_MAPPED = """
from {module} import {name}
class Base(RequestHandler):
    @{name}
    def get_current_user(self):
        key = self.get_secure_cookie("user")
        return db.user(key) if key else None
class Door(Base, WebSocketHandler):
    @{name}
    def open(self):
        {check}
        clients.add(self)
    def on_message(self, message):
        room.say(message)
"""

CASES: dict[str, Case] = {
    "a kind of message that is called as a credential is": (
        "missing",
        _KIND.format(asked="type", kind="protocol.Message.EXECUTE_CODE"),
        {},
    ),
    "a kind of message about tokens": (
        "missing",
        _KIND.format(asked="cmd", kind="protocol.REFRESH_TOKEN"),
        {},
    ),
    "a kind that only the list of kinds tells": (
        "missing",
        _KIND.format(asked="t", kind="protocol.MsgTypes.ROTATE_KEY"),
        {},
    ),
    "a token that a protocol holds": (
        "late",
        _KIND.format(asked="token", kind="protocol.ACCESS_TOKEN"),
        {},
    ),
    "a token that is compared beside the kinds": (
        "late",
        _KIND.format(asked="t", kind="protocol.ACCESS_TOKEN"),
        {},
    ),
    "a secret in the place of a kind": (
        "late",
        _KIND.format(asked="type", kind='os.environ["ROOM_SECRET"]'),
        {},
    ),
    "what was found for code that is run": (
        "missing",
        _RUN.format(outer="execute_code", inner="code"),
        {},
    ),
    "what was found for code that is run, under another name": (
        "missing",
        _RUN.format(outer="run", inner="code"),
        {},
    ),
    "what was found for a code that was sent to somebody": (
        "late",
        _RUN.format(outer="login", inner="code"),
        {},
    ),
    "a session with another device": ("missing", _PEER.format(name="dsp_session"), {}),
    "a session of a game": ("missing", _PEER.format(name="game_session"), {}),
    "a session of a user": ("late", _PEER.format(name="user_session"), {}),
    "a session": ("late", _PEER.format(name="session"), {}),
    "a decorator that opens a session of the database": (
        "missing",
        _MAPPED.format(module="pony.orm", name="db_session", check="room.welcome(self)"),
        {},
    ),
    "a user is asked for in a session of the database": (
        "late",
        _MAPPED.format(
            module="pony.orm",
            name="db_session",
            check="if self.current_user is None:\n            return self.close()",
        ),
        {},
    ),
    "a decorator that wants a session": (
        "late|guarded|unknown",
        _MAPPED.format(module="elsewhere", name="session_required", check="room.welcome(self)"),
        {},
    ),
}
