"""Whole programs with tables of permissions: of connections, of commands, of a broker."""

__all__ = ["PROGRAMS"]

Program = tuple[str, dict[str, str]]
"""The kind of its verdict, and its files."""

PROGRAMS: dict[str, Program] = {
    "login kept in a weak table": (
        "after-accept",
        {
            "trace.py": """
import json, weakref
from tornado import web, websocket, ioloop
from models import Member

members = weakref.WeakKeyDictionary()

def member_required(function):
    def inner(socket, **kw):
        member = members.get(socket)
        if member is None:
            socket.write_message({"error": "members only"})
            return
        return function(socket, member, **kw)
    return inner

def login(socket, email, password):
    member = Member.authenticate(email, password)
    if member:
        members[socket] = member
    socket.write_message({"ok": bool(member)})

@member_required
def post(socket, member, text):
    member.post(text)

ACTIONS = dict(login=login, post=post)

class Trace(websocket.WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        action = ACTIONS.get(data.pop("action"))
        if action:
            action(self, **data)

web.Application([("/trace", Trace)]).listen(8000)
ioloop.IOLoop.current().start()
""",
            "models.py": """
import mongoengine as me
import bcrypt
class Member(me.Document):
    email = me.EmailField()
    pw = me.BinaryField()
    @classmethod
    def authenticate(cls, email, password):
        found = cls.objects(email=email).first()
        if found and bcrypt.hashpw(password.encode(), found.pw) == found.pw:
            return found
        return None
    def post(self, text):
        self.update(push__posts=text)
""",
        },
    ),
    "login kept in a weak table with an open action": (
        "skippable",
        {
            "trace.py": """
import json, weakref
from tornado import web, websocket, ioloop
from models import Member

members = weakref.WeakKeyDictionary()

def member_required(function):
    def inner(socket, **kw):
        member = members.get(socket)
        if member is None:
            socket.write_message({"error": "members only"})
            return
        return function(socket, member, **kw)
    return inner

def login(socket, email, password):
    member = Member.authenticate(email, password)
    if member:
        members[socket] = member

@member_required
def post(socket, member, text):
    member.post(text)

def drop(socket, ident):
    Member.objects(id=ident).delete()

ACTIONS = dict(login=login, post=post, drop=drop)

class Trace(websocket.WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        action = ACTIONS.get(data.pop("action"))
        if action:
            action(self, **data)

web.Application([("/trace", Trace)]).listen(8000)
ioloop.IOLoop.current().start()
""",
            "models.py": """
import mongoengine as me
import bcrypt
class Member(me.Document):
    email = me.EmailField()
    pw = me.BinaryField()
    @classmethod
    def authenticate(cls, email, password):
        found = cls.objects(email=email).first()
        if found and bcrypt.hashpw(password.encode(), found.pw) == found.pw:
            return found
        return None
    def post(self, text):
        self.update(push__posts=text)
""",
        },
    ),
    "commands registered in main": (
        "after-accept",
        {
            "ctl.py": """
import json, subprocess
from tornado import web, websocket, ioloop
from tornado.options import define, options

define("pin", type=str, help="pin that has to be entered")

class Dispatcher:
    def __init__(self):
        self.commands = {}
    def add(self, name, function, free=False):
        self.commands[name] = (function, free)
    def run(self, client, name, argument):
        if name not in self.commands:
            raise LookupError(name)
        function, free = self.commands[name]
        if not free and not client.trusted:
            raise PermissionError(name)
        return function(client, argument)

class Ctl(websocket.WebSocketHandler):
    def initialize(self, dispatcher):
        self.dispatcher = dispatcher
        self.trusted = False

    def on_message(self, message):
        name, _, argument = message.partition(":")
        try:
            self.write_message(str(self.dispatcher.run(self, name, argument)))
        except PermissionError:
            self.write_message("denied")
        except LookupError:
            self.write_message("what?")

def enter_pin(client, argument):
    client.trusted = argument == options.pin
    return client.trusted

def reboot(client, argument):
    return subprocess.call(["reboot"])

def main():
    options.parse_command_line()
    dispatcher = Dispatcher()
    dispatcher.add("pin", enter_pin, free=True)
    dispatcher.add("reboot", reboot)
    web.Application([("/ctl", Ctl, {"dispatcher": dispatcher})]).listen(8000)
    ioloop.IOLoop.current().start()

main()
""",
        },
    ),
    "commands registered in main all free": (
        "missing|skippable",
        {
            "ctl.py": """
import json, subprocess
from tornado import web, websocket, ioloop
from tornado.options import define, options

define("pin", type=str, help="pin that has to be entered")

class Dispatcher:
    def __init__(self):
        self.commands = {}
    def add(self, name, function, free=True):
        self.commands[name] = (function, free)
    def run(self, client, name, argument):
        function, free = self.commands[name]
        if not free and not client.trusted:
            raise PermissionError(name)
        return function(client, argument)

class Ctl(websocket.WebSocketHandler):
    def initialize(self, dispatcher):
        self.dispatcher = dispatcher
        self.trusted = False

    def on_message(self, message):
        name, _, argument = message.partition(":")
        self.write_message(str(self.dispatcher.run(self, name, argument)))

def enter_pin(client, argument):
    client.trusted = argument == options.pin
    return client.trusted

def reboot(client, argument):
    return subprocess.call(["reboot"])

def main():
    options.parse_command_line()
    dispatcher = Dispatcher()
    dispatcher.add("pin", enter_pin)
    dispatcher.add("reboot", reboot)
    web.Application([("/ctl", Ctl, {"dispatcher": dispatcher})]).listen(8000)
    ioloop.IOLoop.current().start()

main()
""",
        },
    ),
    "anonymous allowed in yaml dict config": (
        "optional",
        {
            "broker.yml": """
listeners:
  ws: 9001
allow_anonymous: true
password_file: null
""",
            "mqttws.py": """
import hashlib, yaml
from tornado import web, websocket, ioloop
import packets

CONF = yaml.safe_load(open("broker.yml"))

def load_passwords():
    if not CONF["password_file"]:
        return {}
    with open(CONF["password_file"]) as f:
        return dict(line.strip().split(":", 1) for line in f)

PASSWORDS = load_passwords()

class Mqtt(websocket.WebSocketHandler):
    topics = {}

    def open(self):
        self.connected = False

    def on_message(self, data):
        packet = packets.decode(data)
        if packet.kind == packets.CONNECT:
            if not CONF["allow_anonymous"]:
                wanted = PASSWORDS.get(packet.username)
                if wanted is None or wanted != hashlib.sha256(packet.password).hexdigest():
                    self.write_message(packets.connack(5), binary=True)
                    self.close()
                    return
            self.connected = True
            self.write_message(packets.connack(0), binary=True)
        elif not self.connected:
            self.close()
        elif packet.kind == packets.SUBSCRIBE:
            self.topics.setdefault(packet.topic, set()).add(self)
        elif packet.kind == packets.PUBLISH:
            for one in self.topics.get(packet.topic, ()):
                one.write_message(data, binary=True)

web.Application([("/mqtt", Mqtt)]).listen(CONF["listeners"]["ws"])
ioloop.IOLoop.current().start()
""",
            "packets.py": """
CONNECT, CONNACK, PUBLISH, SUBSCRIBE = 1, 2, 3, 8
class Packet:
    def __init__(self, kind, topic=None, username=None, password=None):
        self.kind, self.topic, self.username, self.password = kind, topic, username, password
def decode(data):
    topic, username, password = data[1:].split(b"/", 2)
    return Packet(data[0] >> 4, topic, username.decode(), password)
def connack(code):
    return bytes([CONNACK << 4, 2, 0, code])
""",
        },
    ),
    "everybody is a teacher": (
        "missing",
        {
            "quiz.py": """
import json
from tornado import web, websocket, ioloop

handlers = {}

def on(event):
    def decorate(function):
        handlers[event] = function
        return function
    return decorate

@on("login")
def login(socket, data):
    socket.teacher = data["role"] == "teacher"

@on("start")
def start(socket, data):
    assert socket.teacher, "teachers only"
    socket.application.quiz.start(data["quiz"])

class Quiz(websocket.WebSocketHandler):
    teacher = False

    def on_message(self, message):
        event, data = json.loads(message)
        handlers[event](self, data)

class App(web.Application):
    def __init__(self, quiz):
        self.quiz = quiz
        super().__init__([("/quiz", Quiz)])
""",
        },
    ),
    "login and then one of the others deletes the check": (
        "after-accept",
        {
            "quiz.py": """
import json
from functools import wraps
from tornado import web, websocket, ioloop
import teachers

handlers = {}

def on(event):
    def decorate(function):
        handlers[event] = function
        return function
    return decorate

def teacher(function):
    @wraps(function)
    def wrapped(socket, data):
        assert socket.teacher, "teachers only"
        return function(socket, data)
    return wrapped

@on("login")
def login(socket, data):
    socket.teacher = teachers.check(data["name"], data["password"])

@on("start")
@teacher
def start(socket, data):
    socket.application.quiz.start(data["quiz"])

@on("stop")
@teacher
def stop(socket, data):
    socket.application.quiz.stop()

class Quiz(websocket.WebSocketHandler):
    teacher = False

    def on_message(self, message):
        event, data = json.loads(message)
        try:
            handlers[event](self, data)
        except AssertionError as error:
            self.write_message(str(error))
        except KeyError:
            self.write_message("unknown event")

class App(web.Application):
    def __init__(self, quiz):
        self.quiz = quiz
        super().__init__([("/quiz", Quiz)])
""",
            "teachers.py": """
import csv, hashlib
def check(name, password):
    with open("teachers.csv") as f:
        for row in csv.DictReader(f):
            if row["name"] == name and row["digest"] == hashlib.sha512(password.encode()).hexdigest():
                return True
    return False
""",
        },
    ),
}
