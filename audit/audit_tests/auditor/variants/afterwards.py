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

_NAMED = """
from sqlalchemy.orm import sessionmaker
query = sessionmaker()().query
class Door(WebSocketHandler):
    def on_message(self, message):
        asked = json.loads(message)
        person = query(db.Person).filter(db.Person.name == asked["name"]).first()
        if person is None or person.is_away():
            self.write_message("no")
            self.close()
        elif person.check_password(asked["password"]):
            room.join(self)
        else:
            self.close()
"""

_SIGNED = """
{constant} = json.dumps({{"error": "no"}})
class Door(WebSocketHandler):
    def on_message(self, message):
        try:
            data = room.parse(message)
        except Exception:
            self.write_message({constant})
            return
        welcome = room.find_signer(data)
        if not welcome:
            {saying}
            self.write_message({constant})
            return
        room.add(self, data["topic"])
"""

_PROTOCOL = """
import enum
class Code(enum.IntEnum):
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
        self.code, self.text = Code(data[0]), data[1]
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
    "everybody hears what is for all, and members what is theirs": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        room.listeners.add(self)
        who = self.get_secure_cookie("who")
        if who:
            room.tell(who, self)
    def on_message(self, message):
        pass
""",
        {},
    ),
    "only members hear anything": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        who = self.get_secure_cookie("who")
        if who:
            room.listeners.add(self)
            room.tell(who, self)
    def on_message(self, message):
        pass
""",
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
    "messages of who said a name": (
        "missing",
        """
class Door(WebSocketHandler):
    listed = set()
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "hello":
            Door.listed.add(self)
            self.name = data["name"]
        elif self in self.listed:
            room.say(self.name, data["text"])
""",
        {},
    ),
    "messages of who said a password": (
        "late",
        """
class Door(WebSocketHandler):
    listed = set()
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "hello":
            if room.check_password(data["name"], data["password"]):
                Door.listed.add(self)
        elif self in self.listed:
            room.say(self, data["text"])
""",
        {},
    ),
    "everybody is listed": (
        "missing",
        _LISTED.format(listing='LISTED[id(self)] = "somebody"', question="id(self) in LISTED"),
        {},
    ),
    "a command that logs in, where there are any": ("late", _COMMANDS.format(name="login"), {}),
    "a name that is looked up before the password": ("late", _NAMED, {}),
    "a command that asks nobody, where there are any": (
        "missing",
        _COMMANDS.format(name="say"),
        {},
    ),
    "a refusal that says why": (
        "late",
        _SIGNED.format(constant="REFUSAL", saying='room.log("not authorized")'),
        {},
    ),
    "an error that says what is not there": (
        "missing",
        _SIGNED.format(constant="REFUSAL", saying='room.log("no such topic")'),
        {},
    ),
    "a decorator asks before what a message names": (
        "late",
        """
def logged_in(method):
    def wrapper(self, data):
        if getattr(self, "user", None) is None:
            self.write_message({"error": "log in"})
            return
        return method(self, data)
    return wrapper
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        getattr(self, "do_" + data["do"])(data)
    def do_login(self, data):
        user = room.users.authenticate(data["name"], data["password"])
        if user:
            self.user = user
    @logged_in
    def do_say(self, data):
        room.say(self.user, data["text"])
""",
        {},
    ),
    "a job of who has logged in": (
        "late",
        """
import queue
jobs = queue.Queue()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if "login" in data:
            user = room.login(data["login"], data["password"])
            if user:
                self.user = user
            return
        if not hasattr(self, "user"):
            return
        jobs.put((self.user, data))
""",
        {},
    ),
    "a method that a message names, one without a question": (
        "late",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        getattr(self, "do_" + data["do"])(data)
    def do_login(self, data):
        user = room.users.authenticate(data["name"], data["password"])
        if user:
            self.user = user
    def do_say(self, data):
        room.say(data["text"])
""",
        {},
    ),
    "methods that a message names, none with a question": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        getattr(self, "do_" + data["do"])(data)
    def do_hear(self, data):
        self.write_message(room.said())
    def do_say(self, data):
        room.say(data["text"])
""",
        {},
    ),
    "what the program finds in its data decides if it asks": (
        "late",
        """
STATE = db.settings.find_one({"id": 1})
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "ping":
            self.write_message(json.dumps({"state": "pong"}))
            return
        who = self.get_secure_cookie("who")
        if STATE["ready"] == 0:
            db.waiting.insert(message)
        elif not who:
            self.write_message(json.dumps({"state": "who?"}))
        else:
            room.say(who, message)
""",
        {},
    ),
    "the transport of a SockJS session is no setting": (
        "late",
        """
from sockjs.tornado import SockJSConnection
class Door(SockJSConnection):
    def on_open(self, info):
        self.who = None
        if self.session.transport_name != "rawwebsocket":
            self.session.start_heartbeat()
            self.send(room.said())
    def on_message(self, message):
        data = json.loads(message)
        if not self.who:
            self.who = room.check_token(data["token"])
            if not self.who:
                return self.close()
        room.say(self.who, data["text"])
""",
        {},
    ),
    "the code of a message picks what is done": (
        "missing",
        _PROTOCOL.format(table="table = {Code.HELLO: Greeting, Code.SAY: Saying}"),
        {},
    ),
    "the hash of what is sent names a place": (
        "missing",
        """
from collections import defaultdict
waiting = defaultdict(list)
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "block":
            block_hash = room.hash_of(data["block"])
            waiting[block_hash].append(self.write_message)
        room.pass_on(data["block"])
""",
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

_MADE = """
class Engine:
    def __init__(self, pages={default}, size=5):
        self.pages = pages
        self.size = size
def door_of(engine):
    class Door(WebSocketHandler):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            if isinstance(engine.pages, str):
                self.pages = [engine.pages]
            else:
                self.pages = engine.pages
        def check_origin(self, origin):
            if {question}:
                return True
            return super().check_origin(origin)
        def on_message(self, message):
            pass
    return Door
"""

ORIGINS: dict[str, Case] = {
    "every page unless the engine it is made for is told some": (
        "open",
        _MADE.format(default="None", question="self.pages is None or origin in self.pages"),
        {},
    ),
    "the own page unless the engine it is made for is told some": (
        "restricted|default",
        _MADE.format(default="None", question="self.pages is not None and origin in self.pages"),
        {},
    ),
    "the pages that the engine it is made for is told": (
        "restricted",
        _MADE.format(default="'https://app.example'", question="origin in self.pages"),
        {},
    ),
    "ends with any part of an address": (
        "weak|open",
        _ENDS.format(question="asked.netloc.endswith(page)"),
        {},
    ),
    "ends with any part of an address that nobody can read here": (
        "weak|open",
        _ENDS.format(question="asked.netloc.endswith(page)").replace(
            'default="https://app.example"', "type=str"
        ),
        {},
    ),
    "ends with any part of an address, in both Pythons": (
        "weak|open",
        _ENDS.format(question="asked.netloc.endswith(page)").replace(
            "from urllib.parse import urlparse",
            """
try:
    from urllib.parse import urlparse
except ImportError:
    from urlparse import urlparse
""",
        ),
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
