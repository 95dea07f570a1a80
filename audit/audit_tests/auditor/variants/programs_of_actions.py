"""Whole programs with actions in tables that their files fill, or with actions told apart by a name."""

__all__ = ["PROGRAMS"]

Program = tuple[str, dict[str, str]]
"""The kind of its verdict, and its files."""

PROGRAMS: dict[str, Program] = {
    "eq chain": (
        "after-accept",
        {
            "a.py": """
import json
from tornado.web import Application
from tornado.websocket import WebSocketHandler
from elsewhere import db, room
class S(WebSocketHandler):
    user = None
    def on_message(self, message):
        msg = json.loads(message)
        if msg["type"] != "login" and not self.user:
            self.close()
            return
        if msg["type"] == "login":
            self.user = db.check_password(msg["name"], msg["password"])
        elif msg["type"] == "say":
            room.say(msg["text"])
Application([("/", S)])
""",
        },
    ),
    "in chain": (
        "after-accept",
        {
            "a.py": """
import json
from tornado.web import Application
from tornado.websocket import WebSocketHandler
from elsewhere import db, room
PUBLIC = ("login", "ping")
class S(WebSocketHandler):
    user = None
    def on_message(self, message):
        msg = json.loads(message)
        kind = msg["type"]
        if kind not in PUBLIC and not self.user:
            self.close()
            return
        if kind == "login":
            self.user = db.check_password(msg["name"], msg["password"])
        elif kind == "ping":
            self.write_message("pong")
        elif kind == "say":
            room.say(msg["text"])
Application([("/", S)])
""",
        },
    ),
    "in chain wrong": (
        "skippable",
        {
            "a.py": """
import json
from tornado.web import Application
from tornado.websocket import WebSocketHandler
from elsewhere import db, room
PUBLIC = ("login", "say")
class S(WebSocketHandler):
    user = None
    def on_message(self, message):
        msg = json.loads(message)
        kind = msg["type"]
        if kind not in PUBLIC and not self.user:
            self.close()
            return
        if kind == "login":
            self.user = db.check_password(msg["name"], msg["password"])
        elif kind == "ping":
            self.write_message("pong")
        elif kind == "say":
            room.say(msg["text"])
Application([("/", S)])
""",
        },
    ),
    "getattr in": (
        "after-accept",
        {
            "a.py": """
import json
from tornado.web import Application
from tornado.websocket import WebSocketHandler
from elsewhere import db, room
class S(WebSocketHandler):
    user = None
    def on_message(self, message):
        msg = json.loads(message)
        kind = msg["type"]
        handler = getattr(self, "do_" + kind, None)
        if handler is None:
            return
        if not self.user and kind not in ("login", "ping"):
            self.close()
            return
        handler(msg)
    def do_login(self, msg):
        self.user = db.check_password(msg["name"], msg["password"])
    def do_ping(self, msg):
        self.write_message("pong")
    def do_say(self, msg):
        room.say(msg["text"])
Application([("/", S)])
""",
        },
    ),
    "table in": (
        "after-accept",
        {
            "a.py": """
import json
from tornado.web import Application
from tornado.websocket import WebSocketHandler
from elsewhere import db, room
class S(WebSocketHandler):
    user = None
    def on_message(self, message):
        msg = json.loads(message)
        handlers = {"login": self.login, "ping": self.ping, "say": self.say}
        kind = msg["type"]
        if kind not in handlers:
            return
        if not self.user and kind not in ("login", "ping"):
            self.close()
            return
        handlers[kind](msg)
    def login(self, msg):
        self.user = db.check_password(msg["name"], msg["password"])
    def ping(self, msg):
        self.write_message("pong")
    def say(self, msg):
        room.say(msg["text"])
Application([("/", S)])
""",
        },
    ),
    "table in flag tuple": (
        "after-accept",
        {
            "a.py": """
import json
from tornado.web import Application
from tornado.websocket import WebSocketHandler
from elsewhere import db, room
class S(WebSocketHandler):
    user = None
    def on_message(self, message):
        msg = json.loads(message)
        handlers = {"login": (self.login, False), "ping": (self.ping, False), "say": (self.say, True)}
        func, private = handlers[msg["type"]]
        if private and not self.user:
            self.close()
            return
        func(msg)
    def login(self, msg):
        self.user = db.check_password(msg["name"], msg["password"])
    def ping(self, msg):
        self.write_message("pong")
    def say(self, msg):
        room.say(msg["text"])
Application([("/", S)])
""",
        },
    ),
    "trading jsonrpc decorator": (
        "after-accept",
        {
            "desk/rpc.py": """
import functools
import json

class RpcError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
        self.message = message

METHODS = {}

def method(name=None, public=False):
    def wrap(func):
        @functools.wraps(func)
        async def inner(conn, **params):
            if not public and conn.account is None:
                raise RpcError(-32001, "not logged in")
            return await func(conn, **params)
        METHODS[name or func.__name__] = inner
        return inner
    return wrap
""",
            "desk/methods.py": """
import bcrypt
from .rpc import method, RpcError
from .book import book

@method(public=True)
async def login(conn, user, password):
    account = await conn.application.db.fetchrow("select * from accounts where login = $1", user)
    if account is None or not bcrypt.checkpw(password.encode(), account["password_hash"]):
        raise RpcError(-32000, "wrong credentials")
    conn.account = account
    return {"account": account["id"]}

@method(public=True)
async def ping(conn):
    return "pong"

@method(name="order.place")
async def place(conn, symbol, side, amount):
    return await book.place(conn.account["id"], symbol, side, amount)

@method(name="order.list")
async def orders(conn):
    return await book.orders_of(conn.account["id"])
""",
            "desk/book.py": """
class Book:
    async def place(self, account, symbol, side, amount):
        return {"id": 1}

    async def orders_of(self, account):
        return []

book = Book()
""",
            "desk/server.py": """
import asyncio
import json
import logging

import asyncpg
import tornado.web
from tornado.websocket import WebSocketHandler

from . import methods
from .rpc import METHODS, RpcError

class TradeSocket(WebSocketHandler):
    account = None

    async def on_message(self, message):
        request = json.loads(message)
        answer = {"jsonrpc": "2.0", "id": request.get("id")}
        try:
            func = METHODS[request["method"]]
            answer["result"] = await func(self, **request.get("params", {}))
        except KeyError:
            answer["error"] = {"code": -32601, "message": "no such method"}
        except RpcError as error:
            answer["error"] = {"code": error.code, "message": error.message}
        await self.write_message(answer)

async def main():
    app = tornado.web.Application([("/rpc", TradeSocket)])
    app.db = await asyncpg.create_pool("postgres://localhost/desk")
    app.listen(8080)
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
""",
        },
    ),
    "trading jsonrpc decorator with a public one too many": (
        "skippable",
        {
            "desk/rpc.py": """
import functools
import json

class RpcError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
        self.message = message

METHODS = {}

def method(name=None, public=False):
    def wrap(func):
        @functools.wraps(func)
        async def inner(conn, **params):
            if not public and conn.account is None:
                raise RpcError(-32001, "not logged in")
            return await func(conn, **params)
        METHODS[name or func.__name__] = inner
        return inner
    return wrap
""",
            "desk/methods.py": """
import bcrypt
from .rpc import method, RpcError
from .book import book

@method(public=True)
async def login(conn, user, password):
    account = await conn.application.db.fetchrow("select * from accounts where login = $1", user)
    if account is None or not bcrypt.checkpw(password.encode(), account["password_hash"]):
        raise RpcError(-32000, "wrong credentials")
    conn.account = account
    return {"account": account["id"]}

@method(name="order.place")
async def place(conn, symbol, side, amount):
    return await book.place(conn.account["id"], symbol, side, amount)

@method(name="order.cancel", public=True)
async def cancel(conn, order):
    return await book.cancel(order)
""",
            "desk/book.py": """
import asyncpg

class Book:
    async def place(self, account, symbol, side, amount):
        return {"id": 1}

    async def cancel(self, order):
        await self.db.execute("delete from orders where id = $1", order)
        return order

book = Book()
""",
            "desk/server.py": """
import asyncio
import json

import asyncpg
import tornado.web
from tornado.websocket import WebSocketHandler

from . import methods
from .rpc import METHODS, RpcError

class TradeSocket(WebSocketHandler):
    account = None

    async def on_message(self, message):
        request = json.loads(message)
        answer = {"jsonrpc": "2.0", "id": request.get("id")}
        try:
            func = METHODS[request["method"]]
            answer["result"] = await func(self, **request.get("params", {}))
        except KeyError:
            answer["error"] = {"code": -32601, "message": "no such method"}
        except RpcError as error:
            answer["error"] = {"code": error.code, "message": error.message}
        await self.write_message(answer)

async def main():
    app = tornado.web.Application([("/rpc", TradeSocket)])
    app.db = await asyncpg.create_pool("postgres://localhost/desk")
    app.listen(8080)
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
""",
        },
    ),
    "stomp broker": (
        "after-accept",
        {
            "broker/frames.py": """
class Frame:
    def __init__(self, command, headers=None, body=""):
        self.command = command
        self.headers = headers or {}
        self.body = body

    @classmethod
    def parse(cls, data):
        head, _, body = data.partition("\\n\\n")
        lines = head.split("\\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name] = value
        return cls(lines[0], headers, body.rstrip("\\0"))

    def dump(self):
        lines = [self.command] + ["%s:%s" % pair for pair in self.headers.items()]
        return "\\n".join(lines) + "\\n\\n" + self.body + "\\0"
""",
            "broker/users.py": """
import crypt

def load(path="/etc/broker/passwd"):
    users = {}
    with open(path) as lines:
        for line in lines:
            name, _, hashed = line.strip().partition(":")
            users[name] = hashed
    return users

USERS = load()

def verify(name, passcode):
    hashed = USERS.get(name)
    return hashed is not None and crypt.crypt(passcode, hashed) == hashed
""",
            "broker/handler.py": """
import collections
import itertools
import logging
from tornado import web, websocket, ioloop
from broker import users
from broker.frames import Frame

subscriptions = collections.defaultdict(dict)

class ProtocolError(Exception):
    pass

class StompHandler(websocket.WebSocketHandler):
    def select_subprotocol(self, subprotocols):
        return "v12.stomp" if "v12.stomp" in subprotocols else None

    def open(self):
        self.connected = False
        self.session = None

    def on_message(self, data):
        frame = Frame.parse(data)
        name = "on_" + frame.command.lower()
        handler = getattr(self, name, None)
        try:
            if handler is None:
                raise ProtocolError("unknown command")
            if not self.connected and frame.command not in ("CONNECT", "STOMP"):
                raise ProtocolError("not connected")
            handler(frame)
        except ProtocolError as e:
            self.write_message(Frame("ERROR", {"message": str(e)}).dump())
            self.close()

    def on_connect(self, frame):
        if not users.verify(frame.headers.get("login"), frame.headers.get("passcode", "")):
            raise ProtocolError("access refused")
        self.connected = True
        self.write_message(Frame("CONNECTED", {"version": "1.2"}).dump())

    on_stomp = on_connect

    def on_subscribe(self, frame):
        subscriptions[frame.headers["destination"]][self] = frame.headers["id"]

    def on_send(self, frame):
        for one, sid in subscriptions[frame.headers["destination"]].items():
            one.write_message(Frame("MESSAGE", {"subscription": sid}, frame.body).dump())

app = web.Application([("/stomp", StompHandler)])
if __name__ == "__main__":
    app.listen(15674)
    ioloop.IOLoop.current().start()
""",
        },
    ),
    "socket io like event registry open": (
        "skippable",
        {
            "live/events.py": """
class Events(object):
    def __init__(self):
        self._handlers = {}

    def on(self, name):
        def register(function):
            self._handlers[name] = function
            return function
        return register

    def fire(self, name, socket, data):
        if name in self._handlers:
            return self._handlers[name](socket, data)

events = Events()
""",
            "live/chat.py": """
from .events import events
from . import store

@events.on("login")
def login(socket, data):
    user = store.check_password(data["name"], data["password"])
    if user:
        socket.user = user
        socket.emit("welcome", user)
    else:
        socket.emit("denied", None)

@events.on("message")
def message(socket, data):
    store.add_message(data["room"], data["text"])
    for other in socket.all:
        other.emit("message", data)
""",
            "live/store.py": """
import sqlite3
db = sqlite3.connect("chat.db")
def check_password(name, password):
    query = "select id, name from users where name = ? and password = ?"
    return db.execute(query, (name, password)).fetchone()
def add_message(room, text):
    db.execute("insert into messages values (?, ?)", (room, text))
""",
            "live/server.py": """
import json
import tornado.ioloop
from tornado.web import Application
from tornado.websocket import WebSocketHandler
from .events import events
from . import chat

class EventSocket(WebSocketHandler):
    all = set()
    user = None

    def open(self):
        self.all.add(self)

    def on_close(self):
        self.all.discard(self)

    def on_message(self, message):
        name, data = json.loads(message)
        events.fire(name, self, data)

    def emit(self, name, data):
        self.write_message(json.dumps([name, data]))

if __name__ == "__main__":
    Application([("/live", EventSocket)]).listen(8000)
    tornado.ioloop.IOLoop.instance().start()
""",
        },
    ),
    "socket io like event registry with guard": (
        "after-accept",
        {
            "live/events.py": """
class Events(object):
    def __init__(self):
        self._handlers = {}
        self._open = set()

    def on(self, name, anonymous=False):
        def register(function):
            self._handlers[name] = function
            if anonymous:
                self._open.add(name)
            return function
        return register

    def fire(self, name, socket, data):
        if name not in self._handlers:
            return
        if socket.user is None and name not in self._open:
            socket.emit("denied", name)
            return
        return self._handlers[name](socket, data)

events = Events()
""",
            "live/chat.py": """
from .events import events
from . import store

@events.on("login", anonymous=True)
def login(socket, data):
    user = store.check_password(data["name"], data["password"])
    if user:
        socket.user = user
        socket.emit("welcome", None)
    else:
        socket.emit("denied", None)

@events.on("message")
def message(socket, data):
    store.add_message(socket.user[0], data["text"])
    for other in list(socket.all):
        other.emit("message", data["text"])
""",
            "live/store.py": """
import sqlite3
db = sqlite3.connect("chat.db")
def check_password(name, password):
    query = "select id, name from users where name = ? and password = ?"
    return db.execute(query, (name, password)).fetchone()
def add_message(user, text):
    db.execute("insert into messages values (?, ?)", (user, text))
""",
            "live/server.py": """
import json
import tornado.ioloop
from tornado.web import Application
from tornado.websocket import WebSocketHandler
from .events import events
from . import chat

class EventSocket(WebSocketHandler):
    all = set()
    user = None

    def on_close(self):
        self.all.discard(self)

    def on_message(self, message):
        name, data = json.loads(message)
        events.fire(name, self, data)

    def emit(self, name, data):
        self.write_message(json.dumps([name, data]))

if __name__ == "__main__":
    Application([("/live", EventSocket)]).listen(8000)
    tornado.ioloop.IOLoop.instance().start()
""",
        },
    ),
    "metaclass command registry": (
        "after-accept",
        {
            "app/commands.py": """
from .errors import Denied

class CommandMeta(type):
    registry = {}
    def __new__(mcs, name, bases, attrs):
        cls = type.__new__(mcs, name, bases, attrs)
        if attrs.get("name"):
            mcs.registry[attrs["name"]] = cls
        return cls

class Command(object, metaclass=CommandMeta):
    name = None
    login_required = True

    def __init__(self, client):
        self.client = client

    def __call__(self, *args):
        if self.login_required and not self.client.identity:
            raise Denied(self.name)
        return self.run(*args)

class Login(Command):
    name = "login"
    login_required = False

    def run(self, user, password):
        if not self.client.application.auth.authenticate(user, password):
            raise Denied("login")
        self.client.identity = user

class Reboot(Command):
    name = "reboot"

    def run(self):
        self.client.application.machine.reboot()
""",
            "app/errors.py": """
class Denied(Exception):
    pass
""",
            "app/auth.py": """
import pam
class PamAuth:
    def __init__(self):
        self._pam = pam.pam()
    def authenticate(self, user, password):
        return self._pam.authenticate(user, password)
""",
            "app/server.py": """
import json
from tornado import ioloop, web, websocket
from .auth import PamAuth
from .commands import CommandMeta
from .errors import Denied

class CommandSocket(websocket.WebSocketHandler):
    def open(self):
        self.identity = None

    def on_message(self, message):
        words = json.loads(message)
        try:
            command = CommandMeta.registry[words[0]](self)
            self.write_message({"result": command(*words[1:])})
        except Denied as e:
            self.write_message({"denied": str(e)})
        except KeyError:
            self.write_message({"error": "no such command"})

class App(web.Application):
    def __init__(self, machine):
        super().__init__([("/cmd", CommandSocket)])
        self.auth = PamAuth()
        self.machine = machine
""",
            "app/__main__.py": """
from tornado import ioloop
from .server import App
from .machine import Machine
App(Machine()).listen(8000)
ioloop.IOLoop.current().start()
""",
            "app/machine.py": """
import os
class Machine:
    def reboot(self):
        os.system("reboot")
""",
        },
    ),
}
