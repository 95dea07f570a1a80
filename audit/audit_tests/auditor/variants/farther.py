"""Checks that depend on code elsewhere: on a session store, an installed package, another file.

Each beside a twin that checks nothing, or too late.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_STORE = """
from elsewhere import engine
class Held:
    pass
class Door(WebSocketHandler):
    def who(self):
        asked = Held()
        asked.session = engine.SessionStore(self.get_cookie("sessionid"))
        if asked.session is not None:
            try:
                return asked.session["_auth_user_id"]
            except KeyError:
                {nobody}
        return None
    def open(self):
        self.user = self.who()
        self.write_message(json.dumps({{"topics": room.topics}}))
    def on_message(self, message):
        room.say(self.user, message)
"""

_SIGNED = """
from elsewhere import Verified
class Door(WebSocketHandler, Verified):
    def get(self, *args, **words):
        {question}
        return super().get(*args, **words)
    def on_message(self, message):
        room.say(message)
"""

_INSTALLED = """
try:
    import xxhash
    HAS_HASH = True
except ImportError:
    HAS_HASH = False
SECRET = os.environ["SECRET"]
class NotSigned(Exception):
    pass
def summed(text):
    if not HAS_HASH:
        raise ImportError("install xxhash")
    return xxhash.xxh64(text + SECRET.encode()).digest()
def read(message):
    said = json.loads(message)
    {question}
    return said["text"]
class Door(WebSocketHandler):
    def on_message(self, message):
        try:
            text = read(message)
        except NotSigned:
            self.close()
            raise
        room.say(text)
"""

_PASSWORDS = """
try:
    import pam
    HAS_PAM = True
except ImportError:
    HAS_PAM = False
class Door(WebSocketHandler):
    def prepare(self):
        if {condition}:
            if not pam.authenticate(self.get_argument("name"), self.get_argument("password")):
                raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_FIELDS = """
import enum
import fields
class Field(enum.Enum):
    TOKEN = "token"
    ROOM = "room"
class Door(WebSocketHandler):
    def on_message(self, message):
        said = json.loads(message)
        found = db.find({field})
        if found is None:
            self.write_message("no")
            return
        room.say(said["text"])
"""
_FIELD_NAMES = {"fields.py": 'TOKEN = "token"\nROOM = "room"\n'}

_AFTERWARDS = """
class Door(WebSocketHandler):
    def open(self):
        self.known = {{"user": self.current_user}}
    def on_message(self, message):
        said = json.loads(message)
        context = Context(said["id"], self.known)
        service = self.settings["services"].get(said["action"])
        if service is None:
            self.write_message({{"error": "no such service"}})
            return
        {before}
        found = service.perform(context, **said["args"])
        {after}
        context.flush(self.settings.get("queue"), self)
    def get_current_user(self):
        return self.get_secure_cookie("user")
class Context:
    def __init__(self, number, cookies):
        self.number = number
        self.cookies = cookies
    def flush(self, queue, connection):
        queue.tell(connection)
"""
_NEW_COOKIE = (
    'answer = {"result": found}\n'
    '        if context.cookies.get("user") != self.current_user:\n'
    '            answer["cookie"] = web.create_signed_value(\n'
    '                self.settings["cookie_secret"], "user", context.cookies.get("user"))\n'
    "        self.write_message(answer)"
)

_STARRED = """
from halls.doors import Hall
class Door(Hall):
    pass
application = Application([("/ws", Door)])
"""
_STARS = {
    "halls/__init__.py": "from .bases import *\nfrom .doors import Hall\nfrom .pages import *\n",
    "halls/pages.py": "from halls import Base\nclass Page(Base):\n    pass\n",
    "halls/doors.py": (
        "from tornado.websocket import WebSocketHandler\n"
        "from halls import Base\n"
        "class Hall(Base, WebSocketHandler):\n"
        "    def on_message(self, message):\n"
        "        self.write_message(message)\n"
    ),
}
_ASKING_BASE = """
from tornado.web import RequestHandler
class Base(RequestHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if not self.current_user:
            self.redirect("/login")
"""
_PLAIN_BASE = """
from tornado.web import RequestHandler
class Base(RequestHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
"""

_API = """
class Api:
    def __init__(self, client):
        self.user = None
        self.client = client
    def authenticate(self, token):
        self.user = jwt.decode(token, os.environ["KEY"], algorithms=["HS256"])["name"]
        return "welcome"
    def open_gate(self, gate):
        {question}
        return db.gates.open(gate, self.user)
    def gates(self):
        {listing}
        return db.gates.all()
class Door(WebSocketHandler):
    def open(self):
        self.api = Api(self)
    def on_message(self, message):
        said = json.loads(message)
        try:
            self.write_message({{"done": getattr(self.api, said["method"])(**said["args"])}})
        except Exception:
            self.write_message({{"error": "no"}})
"""
_NEEDS_USER = 'if self.user is None:\n            raise HTTPError(403, "log in first")'

_PLAYERS = """
import collections
class Server(Application):
    def __init__(self):
        self.players = {table}
        super().__init__([("/ws", Door)], cookie_secret=os.environ["SECRET"])
    def profiles(self):
        return [player.{profile} for player in self.players.values()]
class Door(WebSocketHandler):
    def get_current_user(self):
        name = self.get_secure_cookie("user")
        if not name:
            return None
        return Player(name)
    def open(self):
        self.application.players[self] = {player}
        self.write_message({{"players": self.application.profiles()}})
    def on_message(self, message):
        room.say(message)
class Player:
    def __init__(self, name):
        self.name = name
"""

_OWN_QUEUE = """
class Door(WebSocketHandler):
    def open(self):
        self.user = None
        self.waiting = asyncio.Queue()
        asyncio.create_task(self.work())
    async def work(self):
        while True:
            said = json.loads(await self.waiting.get())
            if self.user is None:
                self.user = {user}
            else:
                room.say(self.user, said["text"])
    async def on_message(self, message):
        await self.waiting.put(message)
"""

_ROWS = """
from tortoise import Model, fields
class User(Model):
    session = fields.CharField(64)
    name = fields.CharField(64)
class Room(Model):
    uuid = fields.UUIDField()
    async def connect(self, socket):
        user = await User.get_or_none({key})
        if user is None:
            return socket.close(4001, "no")
        self.sockets.add(socket)
        return user
class Door(WebSocketHandler):
    user = None
    async def open(self, room):
        self.room = await Room.get_or_none(uuid=room)
        if self.room is None:
            return self.close(404)
        self.user = await self.room.connect(self)
    async def on_message(self, message):
        if self.user is None:
            return
        await self.room.say(message)
"""

_OF_DJANGO = """
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
class Door(WebSocketHandler):
    def open(self):
        session = SessionStore(session_key=self.get_cookie("sessionid"))
        number = session.get("_auth_user_id")
        {question}
        room.join(self)
    def on_message(self, message):
        room.say(message)
"""

_BY_CONSTANTS = """
LOGIN = "login"
class Kind:
    SAY = "say"
def login(door, said):
    door.user = db.login(said["name"], said["password"])
def say(door, said):
    {question}
    room.say(said["text"])
{table}
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        said = json.loads(message)
        {picked}
"""
_ONLY_USERS = "if door.user is None:\n        return"
_TABLE_OF = "ACTIONS = {LOGIN: login, Kind.SAY: say}"
_FROM_TABLE = 'ACTIONS[said["type"]](self, said)'
_LISTENED_TO = """
class Bus:
    def __init__(self):
        self.listeners = {}
    def listen(self, name, function):
        self.listeners.setdefault(name, []).append(function)
    def tell(self, name, *given):
        for one in self.listeners.get(name, []):
            one(*given)
bus = Bus()
bus.listen(LOGIN, login)
bus.listen(Kind.SAY, say)
"""
_FROM_BUS = 'bus.tell(said["type"], self, said)'

_COMMANDS = """
class Command:
    def __init__(self, door):
        self.door = door
class Login(Command):
    name = "login"
    def run(self, said):
        self.door.user = db.login(said["name"], said["password"])
class Say(Command):
    name = "say"
    def run(self, said):
        {question}
        room.say(self.door.user, said["text"])
COMMANDS = {{one.name: one for one in Command.__subclasses__()}}
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        said = json.loads(message)
        COMMANDS[said["type"]](self).run(said)
"""

CASES: dict[str, Case] = {
    "a session's store is there, names nobody, and open() closes": (
        "late",
        _STORE.format(nobody="self.close()"),
        {},
    ),
    "a session's store is there, names nobody, and open() goes on": (
        "missing",
        _STORE.format(nobody='print("nobody")'),
        {},
    ),
    "who does not sign is given a name that is drawn": (
        "missing",
        _SIGNED.format(
            question="if self.is_signed():\n"
            "            self.user = self.verify_request()\n"
            "        else:\n"
            "            self.user = os.urandom(10).hex()"
        ),
        {},
    ),
    "who does not sign is verified, too": (
        "guarded",
        _SIGNED.format(question="self.user = self.verify_request()"),
        {},
    ),
    "a sum that needs what is installed is compared": (
        "late",
        _INSTALLED.format(
            question='if said["signature"] != summed(said["text"].encode()):\n'
            "        raise NotSigned"
        ),
        {},
    ),
    "a sum that needs what is installed is only made": (
        "missing",
        _INSTALLED.format(question='summed(said["text"].encode())'),
        {},
    ),
    "passwords are asked only where it is installed what asks": (
        "missing|optional",
        _PASSWORDS.format(condition="HAS_PAM"),
        {},
    ),
    "passwords are asked": ("guarded", _PASSWORDS.format(condition="True"), {}),
    "a field that another file names is a credential": (
        "late",
        _FIELDS.format(field="said[fields.TOKEN]"),
        _FIELD_NAMES,
    ),
    "a field that another file names may be got": (
        "late",
        _FIELDS.format(field="said.get(fields.TOKEN, None)"),
        _FIELD_NAMES,
    ),
    "a field that an enumeration names is a credential": (
        "late",
        _FIELDS.format(field="said.get(Field.TOKEN.value)"),
        _FIELD_NAMES,
    ),
    "a field that another file names is chosen": (
        "missing",
        _FIELDS.format(field="said[fields.ROOM]"),
        _FIELD_NAMES,
    ),
    "a field that an enumeration names is chosen": (
        "missing",
        _FIELDS.format(field="said.get(Field.ROOM.value)"),
        _FIELD_NAMES,
    ),
    "a cookie is renewed when the message is done": (
        "missing",
        _AFTERWARDS.format(before="", after=_NEW_COOKIE),
        {},
    ),
    "a user is asked for before the message is done": (
        "late",
        _AFTERWARDS.format(
            before='if context.cookies.get("user") is None:\n            return', after=_NEW_COOKIE
        ),
        {},
    ),
    "files of a package import from it what another defines, which asks": (
        "guarded",
        _STARRED,
        {**_STARS, "halls/bases.py": _ASKING_BASE},
    ),
    "files of a package import from it what another defines, which asks nobody": (
        "missing",
        _STARRED,
        {**_STARS, "halls/bases.py": _PLAIN_BASE},
    ),
    "an object whose methods a message names asks in each": (
        "late",
        _API.format(question=_NEEDS_USER, listing=_NEEDS_USER),
        {},
    ),
    "an object whose methods a message names asks in one": (
        "late",
        _API.format(question=_NEEDS_USER, listing="pass"),
        {},
    ),
    "an object whose methods a message names asks in none": (
        "missing|late",
        _API.format(question="pass", listing="pass"),
        {},
    ),
    "an application tells of all its players, and of nobody it cannot": (
        "late",
        _PLAYERS.format(
            table="collections.OrderedDict()", profile="name", player="self.current_user"
        ),
        {},
    ),
    "an application tells of all its players in a table": (
        "late",
        _PLAYERS.format(table="{}", profile="name", player="self.current_user"),
        {},
    ),
    "an application tells of its players what a guest has, too": (
        "missing",
        _PLAYERS.format(table="{}", profile="name", player='Player("guest")'),
        {},
    ),
    "a connection's own loop verifies what its messages bring": (
        "late",
        _OWN_QUEUE.format(user='await sessions.verify(said["token"])'),
        {},
    ),
    "a connection's own loop notes what its messages say": (
        "missing",
        _OWN_QUEUE.format(user='said["name"]'),
        {},
    ),
    "what a class finds for itself looks for the client's session": (
        "late",
        _ROWS.format(key='session=socket.get_cookie("session")'),
        {},
    ),
    "what a class finds for itself looks for the client's name": (
        "missing",
        _ROWS.format(key='name=socket.get_argument("name")'),
        {},
    ),
    "a model of users has none under nobody's number": (
        "late",
        _OF_DJANGO.format(question="self.user = get_user_model().objects.get(pk=number)"),
        {},
    ),
    "a session's number of nobody closes": (
        "late",
        _OF_DJANGO.format(question="if number is None:\n            return self.close()"),
        {},
    ),
    "a session's number of nobody is only noted": (
        "missing",
        _OF_DJANGO.format(question="self.number = number"),
        {},
    ),
    "actions stand in a table under constants, and ask": (
        "late",
        _BY_CONSTANTS.format(question=_ONLY_USERS, table=_TABLE_OF, picked=_FROM_TABLE),
        {},
    ),
    "actions stand in a table under constants, and do not ask": (
        "missing|late",
        _BY_CONSTANTS.format(question="pass", table=_TABLE_OF, picked=_FROM_TABLE),
        {},
    ),
    "actions are told to an object when the program starts, and ask": (
        "late",
        _BY_CONSTANTS.format(question=_ONLY_USERS, table=_LISTENED_TO, picked=_FROM_BUS),
        {},
    ),
    "actions are told to an object when the program starts, and do not ask": (
        "missing|late",
        _BY_CONSTANTS.format(question="pass", table=_LISTENED_TO, picked=_FROM_BUS),
        {},
    ),
    "commands found among subclasses by what they are called ask": (
        "late",
        _COMMANDS.format(question="if not self.door.user:\n            raise HTTPError(403)"),
        {},
    ),
    "commands found among subclasses by what they are called do not ask": (
        "missing|late",
        _COMMANDS.format(question="pass"),
        {},
    ),
}
