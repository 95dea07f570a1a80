"""What handlers of a fifth set showed: asked after the 101, in ways that are met again and again."""

__all__ = ["CASES", "ORIGINS"]

Case = tuple[str, str, dict[str, str]]

_SESSION = """
class Base(WebSocketHandler):
    _held = None
    @property
    def session(self):
        if self._held is None:
            key = self.get_secure_cookie("sid")
            if key is not None:
                self._held = self.load(key)
        return self._held
    {setter}
    def load(self, key):
        return room.find(key)
class Door(Base):
    def open(self):
        if self.session is not None and "crew" in self.session:
            room.join(self)
        else:
            {refusal}
    def on_message(self, message):
        pass
"""
_SETTER = """@session.setter
    def session(self, fresh):
        self._held = fresh"""

_LISTED = """
LISTED = {{}}
class Door(WebSocketHandler):
    def open(self):
        {listing}
    def on_message(self, message):
        if {question}:
            room.say(json.loads(message))
    def on_close(self):
        LISTED.pop(id(self), None)
"""
_WHO = """who = self.get_secure_cookie("who")
        if who:
            LISTED[id(self)] = who"""

_COMMANDS = """
class Door(WebSocketHandler):
    def initialize(self):
        if not options.use_robots:
            self.close()
        else:
            self.number = room.number()
            self.commands = {{"{name}": self.{name}}}
    def on_message(self, message):
        try:
            asked = json.loads(message)
            if asked["do"] not in self.commands:
                raise ValueError("what?")
            self.commands[asked["do"]](asked)
        except ValueError:
            self.close()
    def login(self, asked):
        who = room.people.check_password(asked["name"], asked["password"])
        if not who:
            self.close()
        else:
            self.who = who
            room.join(self)
    def say(self, asked):
        room.say(asked["text"])
"""

_SIGNED = """
{constant} = json.dumps({{"error": "no"}})
class Door(WebSocketHandler):
    def on_message(self, message):
        try:
            data = envelope.unpack(message)
        except Exception:
            self.write_message({constant})
            return
        welcome = self.application.directory.admits(self, message)
        if not welcome:
            self.write_message({constant})
            return
        room.add(self, data["topic"])
"""

_PROTOCOL = """
class Code:
    HELLO = 1
    SAY = 2
class Greeting:
    def __init__(self, message, link):
        self.answer = "hello"
class Saying:
    def __init__(self, message, link):
        room.say(message.text)
        self.answer = None
class Message:
    def __init__(self, text):
        data = json.loads(text)
        self.code, self.text = data[0], data[1]
{table}
class Door(WebSocketHandler):
    def on_message(self, text):
        message = Message(text)
        kind = table.get(message.code, Saying)
        done = kind(message, self)
        if done.answer is not None:
            self.write_message(done.answer)
"""

CASES: dict[str, Case] = {
    "a session that can be set is asked for when it is open": (
        "late",
        _SESSION.format(setter=_SETTER, refusal="self.close()"),
        {},
    ),
    "a session that nothing sets is asked for when it is open": (
        "late",
        _SESSION.format(setter="", refusal="self.close()"),
        {},
    ),
    "a session that can be set changes nothing": (
        "missing",
        _SESSION.format(setter=_SETTER, refusal="room.watch(self)"),
        {},
    ),
    "messages of who was listed": (
        "late",
        _LISTED.format(listing=_WHO, question="id(self) in LISTED"),
        {},
    ),
    "messages of everybody, listed or not": (
        "missing",
        _LISTED.format(listing=_WHO, question="id(self) not in LISTED or message"),
        {},
    ),
    "everybody is listed": (
        "missing",
        _LISTED.format(listing='LISTED[id(self)] = "somebody"', question="id(self) in LISTED"),
        {},
    ),
    "a command that logs in, where there are any": ("late", _COMMANDS.format(name="login"), {}),
    "a command that asks nobody, where there are any": (
        "missing",
        _COMMANDS.format(name="say"),
        {},
    ),
    "a refusal that has a name": ("late", _SIGNED.format(constant="ERROR_LOGIN_FAILED"), {}),
    "an error that has a name": ("missing", _SIGNED.format(constant="ERROR_NO_TOPIC"), {}),
    "the code of a message picks what is done": (
        "missing",
        _PROTOCOL.format(table="table = {Code.HELLO: Greeting, Code.SAY: Saying}"),
        {},
    ),
    "the code of a message picks from a table of defaults": (
        "missing",
        _PROTOCOL.format(
            table="""
from collections import defaultdict
table = defaultdict(lambda: Saying)
table[Code.HELLO] = Greeting
"""
        ),
        {},
    ),
}

_ENDS = """
from urllib.parse import urlparse
define("page", default="https://app.example", help="the page")
class Door(WebSocketHandler):
    def check_origin(self, origin):
        try:
            asked = urlparse(origin)
            page = urlparse(options.page)
            return {question}
        except ValueError:
            return False
    def on_message(self, message):
        pass
"""

ORIGINS: dict[str, Case] = {
    "ends with any part of an address": (
        "weak|open",
        _ENDS.format(question="asked.netloc.endswith(page)"),
        {},
    ),
    "begins with any part of an address": (
        "weak|open",
        _ENDS.format(question="origin.startswith(page)"),
        {},
    ),
    "is the host of an address": (
        "restricted",
        _ENDS.format(question="asked.netloc == page.netloc"),
        {},
    ),
    "ends with one of two hosts": (
        "weak",
        _ENDS.format(question="asked.netloc.endswith((page.netloc, 'shop.example'))"),
        {},
    ),
    "is one of the parts of an address": (
        "restricted",
        _ENDS.format(question="asked.netloc in page"),
        {},
    ),
}
