"""Whole programs, each with a mechanism of its own, and beside each the one that differs in what is asked.

`FILES` are of several files, by their names; each says whether its one endpoint lacks a permission.
"""

__all__ = ["FILES"]

Program = tuple[str, dict[str, str]]
"""Whether a permission is missing, and the files."""

_WIKI = """
import json, sqlite3
import tornado.web, tornado.websocket

connection = sqlite3.connect("wiki.db")

class WikiSocket(tornado.websocket.WebSocketHandler):
    def get_current_user(self):
        return connection.execute(
            "select users.* from users join sessions on users.id = sessions.user_id where sid = ?",
            (self.get_cookie("sid"),)).fetchone()

    def prepare(self):
        if self.current_user is None:
            raise tornado.web.HTTPError(401)

    def on_message(self, message):
        user = self.current_user
        data = json.loads(message)
        page = connection.execute("select * from pages where slug = ?", (data["slug"],)).fetchone()
        mine = page["author_id"] == user["id"]
        if data["op"] == "save":
            if not mine:
                return
            connection.execute("update pages set body = ? where slug = ?", (data["body"], data["slug"]))
        elif data["op"] == "remove":
            {asks}
            connection.execute("delete from pages where slug = ?", (data["slug"],))
        connection.commit()

tornado.web.Application([("/wiki", WikiSocket)]).listen(8080)
"""

_DEPLOY = """
import asyncio, json
import tornado.web, tornado.websocket

TEAMS = json.load(open("teams.json"))

def can_deploy(user, app):
    for team in TEAMS.values():
        if user in team["members"] and app in team["apps"]:
            return True
    return False

class DeploySocket(tornado.websocket.WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("login")

    @tornado.web.authenticated
    def prepare(self):
        pass

    async def on_message(self, message):
        app = json.loads(message)["app"]
        {asks}
        job = await asyncio.create_subprocess_exec("./deploy.sh", app, stdout=asyncio.subprocess.PIPE)
        async for line in job.stdout:
            self.write_message({{"line": line.decode()}})

tornado.web.Application([("/deploy", DeploySocket)], cookie_secret="of the server").listen(8080)
"""

_BRIDGE = """
import threading, Queue
import serial
import tornado.web, tornado.websocket

lines = Queue.Queue()

class Worker(threading.Thread):
    def __init__(self, port):
        threading.Thread.__init__(self)
        self.port = serial.Serial(port)
        self.seen = 0

    def run(self):
        while True:
            try:
                line = lines.get_nowait()
            except Queue.Empty:
                pass
            else:
                {does}

class SerialSocket(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        lines.put(message.encode("ascii"))

def main():
    Worker("/dev/ttyUSB0").start()
    tornado.web.Application([("/ws", SerialSocket)]).listen(8080)
"""

_RPC = {
    "main.py": """
import tornado.web
import shop.methods
from shop.server import RpcSocket

tornado.web.Application([("/rpc", RpcSocket)]).listen(4000)
""",
    "shop/server.py": """
import json
from tornado.websocket import WebSocketHandler

METHODS = {}

def method(name=None):
    def put(function):
        METHODS[name or function.__name__.replace("_", ".", 1)] = function
        return function
    return put

class RpcSocket(WebSocketHandler):
    def on_message(self, message):
        request = json.loads(message)
        function = METHODS[request["method"]]
        self.write_message({"result": function(**request.get("params", {}))})
""",
}

_ANYBODY = """
import json, os, sqlite3
import redis, graphene, mcrcon, tornado.gen, tornado.process, zmq
import tornado.web, tornado.websocket
from twilio.rest import Client

r = redis.Redis()
twilio = Client(os.environ["SID"], os.environ["SECRET"])
schema = graphene.Schema()
rows = sqlite3.connect("news.db")
push = zmq.Context.instance().socket(zmq.PUSH)
news = zmq.Context.instance().socket(zmq.PUB)

class Socket(tornado.websocket.WebSocketHandler):
    def initialize(self):
        self.console = mcrcon.MCRcon("127.0.0.1", os.environ["RCON"])

    def on_message(self, message):
        data = json.loads(message)
        {does}

tornado.web.Application([("/ws", Socket)]).listen(8080)
"""
_DONE = {
    "what is said goes to a worker": ("ok", "push.send_multipart([b'1', message.encode()])"),
    "what is said goes to all who hear": ("ok", "news.send_multipart([b'1', message.encode()])"),
    "a console is given the line": ("ok", "self.write_message(self.console.command(message))"),
    "the command of a line is read": ("ok", "self.write_message(read_command(message))"),
    "a schema is given the query": (
        "ok",
        'self.write_message(schema.execute(data["query"]).data)',
    ),
    "a schema is given one query": ("ok", 'self.write_message(schema.execute("{ hello }").data)'),
    "a statement is given the words": (
        "ok",
        'self.write_message(rows.execute("select title from news where text like ?", data["query"]))',
    ),
    "what is said goes where it says": (
        "ok",
        'r.publish(data["publish"], json.dumps(data["text"]))',
    ),
    "what is said goes to one place": ("ok", 'r.publish("hall", json.dumps(data["text"]))'),
    "a text goes to the number it says": (
        "ok",
        'twilio.messages.create(to=data["to"], from_="555", body=data["body"])',
    ),
    "a text goes to the owner": (
        "ok",
        'twilio.messages.create(to=os.environ["OWNER"], from_="555", body=data["body"])',
    ),
}

_TAIL = """
import os
import tornado.gen, tornado.process, tornado.web, tornado.websocket

class TailSocket(tornado.websocket.WebSocketHandler):
    @tornado.gen.coroutine
    def open(self):
        path = os.path.join("/var/log", {which})
        stream = tornado.process.Subprocess.STREAM
        program = tornado.process.Subprocess(["tail", "-F", path], stdout=stream)
        while True:
            line = yield program.stdout.read_until(b"\\n")
            self.write_message(line)

tornado.web.Application([("/tail", TailSocket)]).listen(8080)
"""

_EVENTS = {
    "listeners.py": """
from pydispatch import dispatcher
from models import Dataset

def remove(id):
    Dataset.get(Dataset.id == id).delete_instance()

dispatcher.connect(remove, signal="dataset.remove")
""",
    "server.py": """
import json
import tornado.web, tornado.websocket
import listeners
from pydispatch import dispatcher

class EventSocket(tornado.websocket.WebSocketHandler):
    def get_current_user(self):
        return json.loads(self.get_secure_cookie("user"))

    @tornado.web.authenticated
    def prepare(self):
        pass

    def on_message(self, message):
        event = json.loads(message)
        ASKS
        dispatcher.send(signal=event["event"], sender="ws", **event["args"])

tornado.web.Application([("/events", EventSocket)], cookie_secret="of the server").listen(8080)
""",
}

_CMS = """
import contextlib, json
import dataset
import tornado.web, tornado.websocket

db = dataset.connect("sqlite:///cms.db")

class NoPermission(Exception):
    pass

@contextlib.contextmanager
def permitted(user, page):
    {asks}
    yield page

class CmsSocket(tornado.websocket.WebSocketHandler):
    def prepare(self):
        session = db["sessions"].find_one(sid=self.get_cookie("sid"))
        self.user = session and db["users"].find_one(id=session["user_id"])
        if self.user is None:
            raise tornado.web.HTTPError(401)

    def on_message(self, message):
        data = json.loads(message)
        page = db["pages"].find_one(slug=data["slug"])
        try:
            with permitted(self.user, page):
                db["pages"].update({{"slug": data["slug"], "body": data["body"]}}, ["slug"])
        except NoPermission:
            self.write_message("no")

tornado.web.Application([("/cms", CmsSocket)]).listen(8080)
"""

_MONITOR = """
import json
import redis
import tornado.web
from sockjs.tornado import SockJSConnection, SockJSRouter
from supervisor.childutils import getRPCInterface

r = redis.Redis()
rpc = getRPCInterface({{"SUPERVISOR_SERVER_URL": "unix:///run/supervisor.sock"}})

class MonitorConnection(SockJSConnection):
    def on_open(self, request):
        cookie = request.get_cookie("sid")
        if cookie is None:
            return False
        data = r.get("session:" + cookie.value)
        if not data:
            return False
        session = json.loads(data)
        {asks}
        self.user = session["user"]

    def on_message(self, message):
        verb, name = message.split(":", 1)
        if verb == "stop":
            rpc.supervisor.stopProcess(name)

tornado.web.Application(SockJSRouter(MonitorConnection, "/monitor").urls).listen(8080)
"""

_SCOPES = """
import json
import asyncio_mqtt, jwt
import tornado.web, tornado.websocket

NEEDS = {{"set": "devices:write", "firmware": "devices:admin"}}

class DeviceSocket(tornado.websocket.WebSocketHandler):
    scopes: frozenset = frozenset()

    def select_subprotocol(self, protocols):
        for one in protocols:
            if one.startswith("bearer."):
                self.token = one[7:]
                return one

    def open(self):
        try:
            token = getattr(self, "token", "")
            claims = jwt.decode(token, self.settings["key"], algorithms=["ES256"])
        except jwt.InvalidTokenError:
            self.close(4401)
            return
        self.scopes = frozenset(claims["scope"].split())

    async def on_message(self, message):
        frame = json.loads(message)
        needed = NEEDS.get(frame["kind"])
        if needed is None:
            return
        {asks}
        async with asyncio_mqtt.Client("broker") as client:
            await client.publish("devices/%s/set" % frame["device"], frame["state"])

tornado.web.Application([("/iot", DeviceSocket)], key=open("public.pem").read()).listen(8080)
"""

_JOBS = """
import itertools, json
import tornado.process, tornado.web, tornado.websocket

jobs = {{}}
numbers = itertools.count(1)

class Job:
    def __init__(self, owner):
        self.owner = owner
        self.number = next(numbers)
        self.program = tornado.process.Subprocess(["ffmpeg", "-i", "-"])
        jobs[self.number] = self

class JobSocket(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "new":
            self.write_message({{"job": Job(self).number}})
        elif data["op"] == "cancel":
            job = jobs.get(data["job"])
            if {asks}:
                return
            job.program.proc.send_signal(15)

tornado.web.Application([("/jobs", JobSocket)]).listen(8080)
"""

_KEYS = """
import hmac, json, secrets, subprocess
import tornado.web, tornado.websocket

class Job:
    table = {{}}

    def __init__(self):
        self.key = secrets.token_hex(4)
        self.secret = secrets.token_urlsafe(24)
        self.program = subprocess.Popen(["./simulate"])
        Job.table[self.key] = self

class JobSocket(tornado.websocket.WebSocketHandler):
    def job(self, data):
        job = Job.table.get(data["job"])
        {asks}
            raise LookupError("no such job")
        return job

    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "new":
            job = Job()
            self.write_message({{"job": job.key, "secret": job.secret}})
        elif data["op"] == "kill":
            self.job(data).program.kill()

tornado.web.Application([("/jobs", JobSocket)]).listen(8080)
"""

_TICKETS = """
import json
import tornado.web, tornado.websocket
from helpdesk.models import Ticket

class TicketSocket(tornado.websocket.WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")

    @tornado.web.authenticated
    def prepare(self):
        pass

    def on_message(self, message):
        data = json.loads(message)
        found = Ticket.objects.filter({which}pk=data["ticket"])
        found.update(assigned_to=data["to"])

tornado.web.Application([("/tickets", TicketSocket)], cookie_secret="of the server").listen(8080)
"""

_MUD = """
import hashlib, json, os
import tornado.web, tornado.websocket

PLAYERS = json.load(open("players.json"))
WORLD = {{}}

def look(socket, rest):
    socket.write_message("a cave")

def stop(socket, rest):
    os._exit(0)

COMMANDS = {{"look": (look, 0), "stop": (stop, 10)}}

class MudSocket(tornado.websocket.WebSocketHandler):
    player = None

    def on_message(self, line):
        if self.player is None:
            name, _, pw = line.partition(" ")
            found = PLAYERS.get(name)
            if found and found["hash"] == hashlib.sha256(pw.encode()).hexdigest():
                self.player = found
            return
        word, _, rest = line.partition(" ")
        function, level = COMMANDS.get(word, (look, 0))
        {asks}
        function(self, rest)

tornado.web.Application([("/mud", MudSocket)]).listen(4000)
"""

_ROW = """
import json, sqlite3
import tornado.web, tornado.websocket

db = sqlite3.connect("items.db")

class ItemSocket(tornado.websocket.WebSocketHandler):
    def prepare(self):
        token = self.get_argument("token", "")
        row = db.execute("select id, role from users where token = ?", (token,)).fetchone()
        if not row:
            raise tornado.web.HTTPError(401)
        {asks}
        self.user = row[0]

    def on_message(self, message):
        db.execute("delete from items where id = ?", (json.loads(message)["item"],))
        db.commit()

tornado.web.Application([("/items", ItemSocket)]).listen(8080)
"""

_MAIL = """
import imaplib, json, os
import tornado.web, tornado.websocket

{shared}

class MailSocket(tornado.websocket.WebSocketHandler):
    box = None

    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "login":
            {login}
        elif self.box is None:
            self.close()
        elif data["op"] == "open":
            self.box.select(data["folder"])
        elif data["op"] == "delete":
            self.box.store(data["number"], "+FLAGS", "Deleted")

tornado.web.Application([("/mail", MailSocket)]).listen(8080)
"""

_CONVERT = """
import json, subprocess
import tornado.web, tornado.websocket

class ConvertSocket(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        {asks}
        self.program = subprocess.Popen(["ffmpeg", "-i", "-", "-f", data["format"], "-"])

tornado.web.Application([("/convert", ConvertSocket)]).listen(8080)
"""

_NAMED = """
import tornado.web, tornado.websocket

clients = dict()

class Page(tornado.web.RequestHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")

class Socket(tornado.websocket.WebSocketHandler):
    def open(self):
        self.id = self.get_argument("Id")
        clients[self.id] = self

    def on_message(self, message):
        self.write_message(message.upper())

    def on_close(self):
        if self.id in clients:
            del clients[self.id]

def tell(name, text):
    {does}

tornado.web.Application([("/", Page), ("/ws", Socket)]).listen(8080)
"""


def _pair(template: str, asked: str, unasked: str) -> tuple[dict[str, str], dict[str, str]]:
    return {"app.py": template.format(asks=asked)}, {"app.py": template.format(asks=unasked)}


_PAIRS = {
    "each statement of one connection to the database": _pair(
        _WIKI, "if not mine:\n                return", "pass"
    ),
    "the answer decides about a program that is started": _pair(
        _DEPLOY,
        "if not can_deploy(self.current_user, app):\n            return",
        "can_deploy(self.current_user, app)",
    ),
    "a context manager raises": _pair(
        _CMS,
        'if not (user["admin"] or page["author"] == user["id"]):\n        raise NoPermission()',
        "pass",
    ),
    "a session of SockJS is refused": _pair(
        _MONITOR, 'if not session.get("is_admin"):\n            return False', "pass"
    ),
    "scopes that begin empty": _pair(
        _SCOPES, "if needed not in self.scopes:\n            return", "pass"
    ),
    "a row of who logs in": _pair(
        _ROW, 'if row[1] != "editor":\n            raise tornado.web.HTTPError(403)', "pass"
    ),
    "a program that is given one of a list": _pair(
        _CONVERT, 'if data["format"] not in ("mp3", "ogg", "wav"):\n            return', "pass"
    ),
    "the connection that began it": _pair(
        _JOBS, "job is None or job.owner is not self", "job is None"
    ),
    "the secret of the thing itself": _pair(
        _KEYS,
        'if job is None or not hmac.compare_digest(job.secret, data.get("secret", "")):',
        "if job is None:",
    ),
}

_PROVEN = ("a context manager raises", "each statement of one connection to the database")
"""Pairs with a broken program that shows elsewhere that not each client may do this."""
FILES: dict[str, Program] = {
    **{f"{name}, asked": ("ok", files) for name, (files, _) in _PAIRS.items()},
    **{f"{name}, unasked": ("missing", _PAIRS[name][1]) for name in _PROVEN},
    **{
        name: (wanted, {"app.py": _ANYBODY.format(does=does)})
        for name, (wanted, does) in _DONE.items()
    },
    "a thread of the same file counts": ("ok", {"app.py": _BRIDGE.format(does="self.seen += 1")}),
    "a file that is imported as a whole adds up": (
        "ok",
        {
            **_RPC,
            "shop/methods.py": """
from shop.server import method

@method()
def numbers_add(a, b):
    return a + b
""",
        },
    ),
    "a program reads one file": ("ok", {"app.py": _TAIL.format(which='"syslog"')}),
    "an event that a message of an administrator names": (
        "ok",
        {
            name: text.replace("ASKS", 'if "admin" not in self.current_user["roles"]: return')
            for name, text in _EVENTS.items()
        },
    ),
    "a ticket of a help desk that is the user's": (
        "ok",
        {"app.py": _TICKETS.format(which="customer=self.current_user, ")},
    ),
    "the mailbox of who logs in": (
        "ok",
        {
            "app.py": _MAIL.format(
                shared="",
                login="""box = imaplib.IMAP4_SSL("mail.example.org")
            box.login(data["user"], data["password"])
            self.box = box""",
            )
        },
    ),
    "all are told, whatever they are called": (
        "ok",
        {
            "app.py": _NAMED.format(
                does="for key in clients.keys(): clients[key].write_message(text)"
            )
        },
    ),
    "a level that each command needs": (
        "ok",
        {"app.py": _MUD.format(asks='if self.player["level"] < level: return')},
    ),
}
