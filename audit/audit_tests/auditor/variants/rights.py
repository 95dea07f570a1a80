"""Permissions in programs with self-filling tables of commands, and with users in tokens.

`MEMBERS` are of authenticated clients, `ANYBODY` of unauthenticated ones;
`PROGRAMS` are whole, `FILES` are of several files.
"""

__all__ = ["ANYBODY", "FILES", "MEMBERS", "PROGRAMS"]

_COMMANDS = """
COMMANDS = {{}}
{registry}
class Command{meta}:
    name = None
    for_admins = False
    def __init__(self, door, data):
        self.door = door
        self.data = data
{marked}class Remove(Command):
    name = "remove"
    for_admins = True
    def run(self):
        db.items.remove({{"_id": self.data["id"]}})
{marked}class Hello(Command):
    name = "hello"
    def run(self):
        self.door.write_message("hello")
{filled}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        command = COMMANDS.get(data["name"])
        if command is None:
            return
        {asks}
        command(self, data).run()
"""
_ASKS = """if command.for_admins and not db.is_admin(self.current_user):
            self.write_message("no")
            return"""
_REGISTRIES = {
    "a metaclass": {
        "registry": """
class Meta(type):
    def __new__(mcs, name, bases, members):
        made = super().__new__(mcs, name, bases, members)
        if members.get("name"):
            COMMANDS[members["name"]] = made
        return made
""",
        "meta": "(metaclass=Meta)",
    },
    "a metaclass that sets up": {
        "registry": """
class Meta(type):
    def __init__(cls, name, bases, members):
        super().__init__(name, bases, members)
        if cls.name:
            COMMANDS[cls.name] = cls
""",
        "meta": "(metaclass=Meta)",
    },
    "a base": {
        "registry": """
class Noted:
    name = None
    def __init_subclass__(cls, **words):
        super().__init_subclass__(**words)
        if cls.name:
            COMMANDS[cls.name] = cls
""",
        "meta": "(Noted)",
    },
    "a decorator": {
        "registry": "def command(made):\n    COMMANDS[made.name] = made\n    return made\n",
        "marked": "@command\n",
    },
    "statements": {"filled": 'COMMANDS["remove"] = Remove\nCOMMANDS["hello"] = Hello\n'},
    "a loop": {"filled": "for made in (Remove, Hello):\n    COMMANDS[made.name] = made\n"},
    "an update": {"filled": 'COMMANDS.update({"remove": Remove, "hello": Hello})\n'},
    "a function": {
        "registry": "def note(made):\n    COMMANDS[made.name] = made\n",
        "filled": "note(Remove)\nnote(Hello)\n",
    },
}


def _of_commands(asks: str, **parts: str) -> str:
    empty = {"registry": "", "meta": "", "marked": "", "filled": ""}
    return _COMMANDS.format(asks=asks, **{**empty, **parts})


_SIGNED = """
SECRET = os.environ["SECRET"]
inboxes = {{}}
def read_token(token):
    parts = token.split(".")
    if len(parts) != 2:
        return None
    payload, signature = parts
    wanted = hmac.new({key}.encode(), payload.encode(), "sha256").hexdigest()
    if not hmac.compare_digest(signature, wanted):
        return None
    return json.loads(payload)
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            user = read_token(data["token"])
            if not user:
                return
            self.user = user
            inboxes.setdefault({whose}, set()).add(self)
        elif self.user is None:
            self.close()
"""
_LISTENS = """
class Door(Base):
    def open(self, number):
        job = db.jobs.get(number)
        if job is None:
            self.close()
            return
        {asks}
        job.listeners.append(self.hear)
    def hear(self, line):
        self.write_message(line)
"""

_ROOMS = """
class Door(Base):
    def open(self):
        self.joined = {joined}
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "join":
            {joins}
        elif data["type"] == "say":
            room = data["room"]
            {asks}
            for one in rooms[{where}]:
                one.write_message({{"from": self.current_user, "text": data["text"]}})
"""
_JOINS = """if not db.is_member(data["room"], self.current_user):
                return
            rooms[data["room"]].add(self)
            self.joined.add(data["room"])"""
_KEEPS = 'self.joined.add(data["room"])'
_IN_ROOM = "if room not in self.joined:\n                return"
_SHARED = """
TOKEN = os.environ["TOKEN"]
KEY = os.environ["KEY"]
class Door(WebSocketHandler):
    may = False
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "ping":
            self.write_message("pong")
        elif data["type"] == "login":
            {login}
        elif data["type"] == "delete":
            {asks}
            db.devices.delete_one({{"_id": data["id"]}})
"""
_BY_TOKEN = 'if data["token"] != TOKEN:\n                return'
_INSERTS = """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        statement = "insert into lines (author, text) values ('%s', '%s')"
        db.execute(statement % ({author}, data["text"]))
"""

MEMBERS: dict[str, tuple[str, str]] = {
    **{
        f"{name} has the commands": ("ok", _of_commands("pass", **parts))
        for name, parts in _REGISTRIES.items()
    },
    **{
        f"{name} has the commands, of which some are for some": (
            "ok",
            _of_commands(_ASKS, **parts),
        )
        for name, parts in _REGISTRIES.items()
    },
    "a method of the connection listens to what is its own": (
        "ok",
        _LISTENS.format(asks="if job.owner != self.current_user:\n            return"),
    ),
}
_READS = """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        document = db.documents.get(data["id"], {whose})
        {does}
"""
_JOBS = """
class Door(Base):
    def open(self):
        self.jobs = {{}}
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "start":
            job = {found}
            self.jobs[job.id] = job
        elif data["type"] == "cancel":
            job = self.jobs.{takes}
            if job is not None:
                job.cancel()
"""
_OWN_JOB = "db.start(self.current_user)"
_ANY_JOB = 'db.jobs.get(data["job"])'
_TAKES = ('get(data["id"])', 'pop(data["id"], None)')
MEMBERS |= {
    "a page of what is for all": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        rows = db.posts.find({}).sort("at", -1).skip(data["page"] * 20).limit(20)
        self.write_message({"rows": list(rows)})
""",
    ),
    **{
        f"the connection has its own jobs, {takes}": (
            "ok",
            _JOBS.format(found=_OWN_JOB, takes=takes),
        )
        for takes in _TAKES
    },
    **{
        f"the connection has jobs that it named, {takes}": (
            "ok",
            _JOBS.format(found=_ANY_JOB, takes=takes),
        )
        for takes in _TAKES
    },
    "a line of the user is added": (
        "ok",
        """
class Note(BaseModel):
    text: str
class Door(Base):
    def on_message(self, message):
        note = Note.model_validate_json(message)
        db.add_note(self.current_user, note.text)
""",
    ),
    "what was found for the user says something of itself": (
        "ok",
        _READS.format(
            whose="self.current_user", does='self.write_message({"title": document.get_title()})'
        ),
    ),
    "what a message says is packed": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        packed = snappy.compress(data["text"])
        self.write_message(packed, binary=True)
""",
    ),
    "the connection knows where it was let in": (
        "ok",
        _ROOMS.format(joined="set()", joins=_JOINS, asks=_IN_ROOM, where="room"),
    ),
    "the connection knows from the database where it is in": (
        "ok",
        _ROOMS.format(
            joined="set(db.rooms_of(self.current_user))", joins="pass", asks=_IN_ROOM, where="room"
        ),
    ),
    "a message names the author of a row that is spliced together": (
        "missing",
        _INSERTS.format(author='data["author"]'),
    ),
    "the user is the author of a row that is spliced together": (
        "ok",
        _INSERTS.format(author="self.current_user"),
    ),
}
_PLAY = """
class Game:
    def __init__(self):
        self.cells = [[None] * 3 for _ in range(3)]
        self.turn = 0
    def move(self, player, x, y):
        if self.turn == player and self.cells[x][y] is None:
            self.cells[x][y] = player
            self.turn = 1 - self.turn
game = Game()
class Door(WebSocketHandler):
    players = []
    def open(self):
        self.number = len(self.players)
        self.players.append(self)
    def on_message(self, message):
        data = json.loads(message)
        game.move({player}, data["x"], data["y"])
        for one in self.players:
            one.write_message({{"cells": game.cells}})
"""
_PASSES_ON = """
class Door(WebSocketHandler):
    here = set()
    def open(self):
        self.name = "guest %d" % len(self.here)
        self.here.add(self)
    def on_message(self, message):
        data = json.loads(message)
        {first}
        data["at"] = now()
        for one in self.here:
            one.write_message(json.dumps(data))
"""
_WATCHES = """
config = {{"interval": 1}}
class Door(WebSocketHandler):
    def open(self):
        self.config = {{}}
    def on_message(self, message):
        data = json.loads(message)
        {sets}
"""
_WORKS = """
import zmq
worker = zmq.Context().socket(zmq.REQ)
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "start":
            {does}
            self.write_message(worker.recv_json())
"""

_SCRIPTS = """
import subprocess
SCRIPTS = {{"backup": "/opt/backup", "clean": "/opt/clean"}}
class Door(WebSocketHandler):
    def on_message(self, message):
        name = json.loads(message)["script"]
        if name in SCRIPTS:
            {does}
"""
_TALKS = """
class Door(WebSocketHandler):
    here = set()
    def open(self):
        self.name = "guest %d" % len(self.here)
        self.here.add(self)
    def on_message(self, message):
        data = json.loads(message)
        for one in self.here:
            one.write_message({{"name": {name}, "{what}": data["{what}"]}})
"""
_MAILS = """
import smtplib
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        letter = make_letter(data["text"])
        smtplib.SMTP("localhost").sendmail("us@example.org", [{to}], letter.as_string())
"""
_COUNTS = """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "seen":
            db.figures.update_one({{"name": "seen"}}, {{"${how}": {{"count": 1}}}})
"""
_LAMP = """
from elsewhere import Lamp
class Door(WebSocketHandler):
    {begins}
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "level":
            {sets}
application = Application([("/ws", Door{given})])
"""
_OWN_LAMP = {"begins": "def open(self):\n        self.lamp = Lamp()", "given": ""}
_THE_LAMP = {
    "begins": "def initialize(self, lamp):\n        self.lamp = lamp",
    "given": ', {"lamp": Lamp()}',
}
_SETS = ('setattr(self.lamp, "level", data["level"])', 'self.lamp.level = data["level"]')
_PLAYERS = """
class Door(WebSocketHandler):
    players = []
    def open(self):
        {begins}
        self.players.append(self)
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "kick":
            self.players[data["index"]].close()
"""
_GOES = """
class Door(WebSocketHandler):
    def open(self):
        self.board = Board()
    def on_message(self, message):
        data = json.loads(message)
        self.board.{verb}(data["from"], data["{what}"])
        self.write_message(self.board.dump())
"""
_RELAYS = """
import socket
{shared}
class Door(WebSocketHandler):
    def open(self):
        {own}
    def on_message(self, message):
        {holder}.sendall(message.encode())
"""
_CONNECTED = 'link = socket.create_connection(("127.0.0.1", 7000))'
_REMOTE = """
from fabric import Connection
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        {does}
"""
ANYBODY: dict[str, tuple[str, str]] = {
    "a program is told on a connection of its own": (
        "ok",
        _RELAYS.format(shared="", own=f"self.{_CONNECTED}", holder="self.link"),
    ),
    "another machine says how it is": (
        "ok",
        _REMOTE.format(does='self.write_message(Connection("web").run("uptime").stdout)'),
    ),
    **{f"the own lamp, {sets}": ("ok", _LAMP.format(sets=sets, **_OWN_LAMP)) for sets in _SETS},
    **{f"the lamp, {sets}": ("ok", _LAMP.format(sets=sets, **_THE_LAMP)) for sets in _SETS},
    "a message closes one of its own": ("ok", _PLAYERS.format(begins="self.players = []")),
    "a piece goes from somewhere": ("ok", _GOES.format(verb="move", what="to")),
    "a line is from somebody": ("missing", _GOES.format(verb="say", what="text")),
    "a picture is opened": (
        "ok",
        """
import io
from PIL import Image
class Door(WebSocketHandler):
    def on_message(self, message):
        picture = Image.open(io.BytesIO(message))
        self.write_message({"size": picture.size})
""",
    ),
    "a message says what its speaker is called": (
        "missing",
        _TALKS.format(name='data["name"]', what="text"),
    ),
    "the connection says what its speaker is called": (
        "ok",
        _TALKS.format(name="self.name", what="text"),
    ),
    "a message says what something is called": (
        "ok",
        _TALKS.format(name='data["name"]', what="price"),
    ),
    "the source names whom a letter goes to": ("ok", _MAILS.format(to='"help@example.org"')),
    "a message is counted": ("ok", _COUNTS.format(how="inc")),
    "a message picks the script whose name is told": (
        "ok",
        _SCRIPTS.format(does="self.write_message(SCRIPTS[name])"),
    ),
    "a message picks what is told of the machine": (
        "ok",
        _SCRIPTS.format(does="self.write_message(subprocess.check_output([SCRIPTS[name]]))"),
    ),
    "one secret is for all who may": ("ok", _SHARED.format(login="pass", asks=_BY_TOKEN)),
    "a player moves for the number that it was given": ("ok", _PLAY.format(player="self.number")),
    "a message says which player moves": ("missing", _PLAY.format(player='data["player"]')),
    "a message goes on with the name that it brings": (
        "missing",
        _PASSES_ON.format(first='print("%s says" % data["username"])'),
    ),
    "a message goes on with the name of the connection": (
        "ok",
        _PASSES_ON.format(first='data["username"] = self.name'),
    ),
    "a message goes on, whatever it says": ("ok", _PASSES_ON.format(first='print("a line")')),
    "what the connection is set to is set by a message": (
        "ok",
        _WATCHES.format(sets='self.config["interval"] = data["interval"]'),
    ),
    "another program is asked how it is": (
        "ok",
        _WORKS.format(does='worker.send_json({"ask": "state"})'),
    ),
    "the source names the event that is fired": (
        "ok",
        """
from elsewhere import emit_event
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        emit_event("heard", data)
""",
    ),
    "a signed token says who it is": (
        "ok",
        _SIGNED.format(key="SECRET", whose='user["id"]'),
    ),
}

_SCREENS = """
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler
{users}
screens = {{}}
class Show(RequestHandler):
    def post(self, name):
        for one in screens.get(name, ()):
            one.write_message(self.request.body)
class Door(WebSocketHandler):
    def open(self, name):
        screens.setdefault(name, set()).add(self)
    def on_message(self, message):
        {does}
application = Application([("/show/(.*)", Show), ("/ws/(.*)", Door)])
"""
_USERS = """
class Login(RequestHandler):
    def post(self):
        if known(self.get_argument("name"), self.get_argument("password")):
            self.set_signed_cookie("user", self.get_argument("name"))
"""
_HANDS_IN = """
import json
from shared import {names}
import worker
from tornado.web import Application
from tornado.ioloop import IOLoop
from tornado.websocket import WebSocketHandler
class Door(WebSocketHandler):
    async def on_message(self, message):
        await {puts}(json.loads(message))
application = Application([("/ws", Door)])
IOLoop.current().spawn_callback(worker.run)
"""
_SHARED_QUEUE = """
import asyncio
incoming = asyncio.Queue()
async def enqueue(one):
    await incoming.put(one)
async def next_one():
    return await incoming.get()
"""
_WORKER = """
from shared import {names}
from elsewhere import db
async def run():
    while True:
        job = await {takes}()
        {does}
"""
_WORKS_FOR_ALL = """
from shared import incoming
from elsewhere import db
class Worker:
    def __init__(self, db):
        self.db = db
    async def run(self):
        while True:
            await self.handle(await incoming.get())
    async def handle(self, job):
        self.db.devices.delete_one({"_id": job["id"]})
run = Worker(db).run
"""
_REMOVES = 'db.devices.delete_one({"_id": job["id"]})'
_ENDS = {
    "put and taken there": (("incoming", "incoming.put"), ("incoming", "incoming.get")),
    "handed in": (("enqueue", "enqueue"), ("incoming", "incoming.get")),
    "handed out": (("incoming", "incoming.put"), ("next_one", "next_one")),
    "handed in and out": (("enqueue", "enqueue"), ("next_one", "next_one")),
}


def _at_the_other_end(ends: tuple[tuple[str, str], tuple[str, str]], does: str) -> dict[str, str]:
    (put, puts), (taken, takes) = ends
    return {
        "app.py": _HANDS_IN.format(names=put, puts=puts),
        "shared.py": _SHARED_QUEUE,
        "worker.py": _WORKER.format(names=taken, takes=takes, does=does),
    }


FILES: dict[str, tuple[str, dict[str, str]]] = {
    **{
        f"another file has it done, {name}": ("ok", _at_the_other_end(ends, _REMOVES))
        for name, ends in _ENDS.items()
    },
    **{
        f"another file only notes it, {name}": ("ok", _at_the_other_end(ends, "print(job)"))
        for name, ends in _ENDS.items()
    },
}
PROGRAMS: dict[str, tuple[str, str]] = {
    "whoever connects hears what is shown, and the program knows no users": (
        "ok",
        _SCREENS.format(users="", does="pass"),
    ),
}

_VERIFIED = """
import subprocess
def verify(name, token):
    row = db.users.find_one({{"id": name}})
    if row is None:
        return 404
    try:
        said = jwt.decode(token, row["key"], algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return 401
    if said["id"] == row["id"]{right}:
        return 200
    return 401
class Door(WebSocketHandler):
    def on_message(self, message):
        said = json.loads(message)
        if verify(said["{who}"], said["token"]) != 200:
            self.write_message("no")
            return
        subprocess.Popen(said["command"], shell=True)
"""
ANYBODY |= {
    f"a command of whom verify() finds under {who}: {name}": (
        wanted,
        _VERIFIED.format(who=who, right=right),
    )
    for who in ("id", "client_id", "user")
    for name, wanted, right in (
        ("it is who it says", "ok", ""),
        ("its role is asked for", "ok", ' and row["role"] == "admin"'),
        ("it may", "ok", ' and row["may_run"]'),
    )
}
