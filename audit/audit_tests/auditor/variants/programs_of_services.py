"""Whole programs that ask another program, a table or a task for the identity of a client."""

__all__ = ["PROGRAMS"]

Program = tuple[str, dict[str, str]]
"""The kind of its verdict, and its files."""

PROGRAMS: dict[str, Program] = {
    "gen coroutine xmlrpc service login": (
        "after-accept",
        {
            "prices.py": """
from tornado import gen, httpclient, ioloop, web, websocket
import json, urllib

class PriceSocket(websocket.WebSocketHandler):
    clients = set()

    def initialize(self):
        self.http = httpclient.AsyncHTTPClient()
        self.customer = None

    @gen.coroutine
    def on_message(self, message):
        command, argument = message.split(" ", 1)
        method = getattr(self, "cmd_" + command.lower(), self.cmd_unknown)
        yield method(argument)

    @gen.coroutine
    def cmd_auth(self, argument):
        body = urllib.urlencode({"apikey": argument})
        response = yield self.http.fetch("http://billing.local/check", method="POST", body=body)
        answer = json.loads(response.body)
        if not answer["valid"]:
            self.write_message("ERR invalid key")
            raise gen.Return()
        self.customer = answer["customer"]
        self.write_message("OK")

    @gen.coroutine
    def cmd_sub(self, argument):
        if not self.customer:
            self.write_message("ERR auth first")
            return
        PriceSocket.clients.add(self)

    @gen.coroutine
    def cmd_unknown(self, argument):
        self.write_message("ERR what?")

web.Application([("/prices", PriceSocket)]).listen(8080)
ioloop.IOLoop.instance().start()
""",
        },
    ),
    "manager remembers connections": (
        "after-accept",
        {
            "manager.py": """
import hashlib
from db import query

class ConnectionManager:
    def __init__(self):
        self.connections = {}
    def connect(self, ws):
        self.connections[ws] = {"authenticated": False, "user_id": None}
    def disconnect(self, ws):
        self.connections.pop(ws, None)
    def login(self, ws, name, password):
        rows = query("SELECT id, pw FROM users WHERE name = ?", name)
        if not rows or rows[0]["pw"] != hashlib.md5(password.encode()).hexdigest():
            return False
        self.connections[ws]["authenticated"] = True
        self.connections[ws]["user_id"] = rows[0]["id"]
        return True
    def is_authenticated(self, ws):
        return self.connections[ws]["authenticated"]
    def broadcast(self, text):
        for ws, info in self.connections.items():
            if info["authenticated"]:
                ws.write_message(text)

manager = ConnectionManager()
""",
            "db.py": """
import sqlite3
def query(sql, *args):
    connection = sqlite3.connect("app.db")
    connection.row_factory = sqlite3.Row
    return connection.execute(sql, args).fetchall()
""",
            "app.py": """
import json
from tornado import ioloop, web, websocket
from manager import manager

class Ws(websocket.WebSocketHandler):
    def open(self):
        manager.connect(self)
    def on_close(self):
        manager.disconnect(self)
    def on_message(self, message):
        packet = json.loads(message)
        if packet["cmd"] == "login":
            ok = manager.login(self, packet["name"], packet["password"])
            self.write_message({"login": ok})
        elif manager.is_authenticated(self):
            manager.broadcast(packet["text"])
        else:
            self.write_message({"error": "not authenticated"})

web.Application([("/ws", Ws)]).listen(8000)
ioloop.IOLoop.current().start()
""",
        },
    ),
    "manager forgets to look": (
        "skippable",
        {
            "manager.py": """
import hashlib
from db import query

class ConnectionManager:
    def __init__(self):
        self.connections = {}
    def connect(self, ws):
        self.connections[ws] = {"authenticated": False, "user_id": None}
    def login(self, ws, name, password):
        rows = query("SELECT id, pw FROM users WHERE name = ?", name)
        if not rows or rows[0]["pw"] != hashlib.md5(password.encode()).hexdigest():
            return False
        self.connections[ws]["authenticated"] = True
        return True
    def broadcast(self, text):
        for ws, info in self.connections.items():
            ws.write_message(text)

manager = ConnectionManager()
""",
            "db.py": """
import sqlite3
def query(sql, *args):
    connection = sqlite3.connect("app.db")
    connection.row_factory = sqlite3.Row
    return connection.execute(sql, args).fetchall()
""",
            "app.py": """
import json
from tornado import ioloop, web, websocket
from manager import manager

class Ws(websocket.WebSocketHandler):
    def open(self):
        manager.connect(self)
    def on_message(self, message):
        packet = json.loads(message)
        if packet["cmd"] == "login":
            ok = manager.login(self, packet["name"], packet["password"])
            self.write_message({"login": ok})
        else:
            manager.broadcast(packet["text"])

web.Application([("/ws", Ws)]).listen(8000)
ioloop.IOLoop.current().start()
""",
        },
    ),
    "zmq asks the login service": (
        "after-accept",
        {
            "telemetry.py": """
import json
import zmq.asyncio
from tornado import web, websocket, ioloop

context = zmq.asyncio.Context()

class Telemetry(websocket.WebSocketHandler):
    async def open(self):
        self.vehicle = None
        self.login = context.socket(zmq.REQ)
        self.login.connect("tcp://auth:5555")

    async def on_message(self, message):
        data = json.loads(message)
        if self.vehicle is None:
            await self.login.send_json({"vin": data["vin"], "token": data["token"]})
            answer = await self.login.recv_json()
            if answer["status"] != "ok":
                await self.write_message({"error": answer["status"]})
                self.close()
                return
            self.vehicle = answer["vehicle"]
            return
        await self.application.store.append(self.vehicle, data)

class App(web.Application):
    def __init__(self, store):
        self.store = store
        super().__init__([("/telemetry", Telemetry)])
""",
        },
    ),
    "checks in a list that is empty": (
        "optional",
        {
            "bus.py": """
import tornado.web, tornado.websocket, tornado.ioloop

AUTH_CHECKS = []

class Bus(tornado.websocket.WebSocketHandler):
    members = set()
    def prepare(self):
        for check in AUTH_CHECKS:
            if not check(self.request):
                raise tornado.web.HTTPError(403)
    def open(self):
        self.members.add(self)
    def on_message(self, message):
        for one in self.members:
            one.write_message(message)

tornado.web.Application([("/bus", Bus)]).listen(8000)
tornado.ioloop.IOLoop.current().start()
""",
        },
    ),
    "password file optional by argparse": (
        "optional",
        {
            "remote.py": """
import argparse, json, hashlib
import tornado.ioloop, tornado.web, tornado.websocket

class Remote(tornado.websocket.WebSocketHandler):
    def initialize(self, passwd, device):
        self.passwd = passwd
        self.device = device
        self.ok = passwd is None

    def on_message(self, message):
        cmd = json.loads(message)
        if not self.ok:
            digest = hashlib.sha1(cmd.get("password", "").encode()).hexdigest()
            if digest == self.passwd:
                self.ok = True
                self.write_message("ok")
            else:
                self.close()
            return
        self.device.press(cmd["button"])

def main():
    p = argparse.ArgumentParser()
    p.add_argument("--port", type=int, default=8080)
    p.add_argument("--password-file", default=None)
    args = p.parse_args()
    passwd = None
    if args.password_file:
        with open(args.password_file) as f:
            passwd = f.read().strip()
    from ir import Device
    tornado.web.Application([("/remote", Remote, dict(passwd=passwd, device=Device()))]).listen(args.port)
    tornado.ioloop.IOLoop.current().start()

main()
""",
            "ir.py": """
import lirc
class Device:
    def press(self, button):
        lirc.Client().send_once("tv", button)
""",
        },
    ),
    "require auth default true by env": (
        "after-accept",
        {
            "remote.py": """
import json, os
import tornado.ioloop, tornado.web, tornado.websocket
from ir import Device

def env_flag(name, default):
    value = os.getenv(name)
    if value is None:
        return default
    return value.strip().lower() in ("1", "true", "on")

REQUIRE_PIN = env_flag("REMOTE_REQUIRE_PIN", True)
PIN = os.environ["REMOTE_PIN"]
device = Device()

class Remote(tornado.websocket.WebSocketHandler):
    paired = False

    def on_message(self, message):
        cmd = json.loads(message)
        if cmd["type"] == "pair":
            self.paired = cmd["pin"] == PIN
            self.write_message({"paired": self.paired})
            return
        if REQUIRE_PIN and not self.paired:
            self.write_message({"error": "pair first"})
            return
        device.press(cmd["button"])

tornado.web.Application([("/remote", Remote)]).listen(8080)
tornado.ioloop.IOLoop.current().start()
""",
            "ir.py": """
import lirc
class Device:
    def press(self, button):
        lirc.Client().send_once("tv", button)
""",
        },
    ),
    "require auth default false by env": (
        "optional",
        {
            "remote.py": """
import json, os
import tornado.ioloop, tornado.web, tornado.websocket
from ir import Device

def env_flag(name, default):
    value = os.getenv(name)
    if value is None:
        return default
    return value.strip().lower() in ("1", "true", "on")

REQUIRE_PIN = env_flag("REMOTE_REQUIRE_PIN", False)
PIN = os.getenv("REMOTE_PIN", "")
device = Device()

class Remote(tornado.websocket.WebSocketHandler):
    paired = False

    def on_message(self, message):
        cmd = json.loads(message)
        if cmd["type"] == "pair":
            self.paired = cmd["pin"] == PIN
            return
        if REQUIRE_PIN and not self.paired:
            self.write_message({"error": "pair first"})
            return
        device.press(cmd["button"])

tornado.web.Application([("/remote", Remote)]).listen(8080)
tornado.ioloop.IOLoop.current().start()
""",
            "ir.py": """
import lirc
class Device:
    def press(self, button):
        lirc.Client().send_once("tv", button)
""",
        },
    ),
    "first user becomes admin": (
        "after-accept",
        {
            "setup.py": """
import json, secrets
from tornado import web, websocket, ioloop
from store import Store

class Setup(websocket.WebSocketHandler):
    def initialize(self, store):
        self.store = store
        self.session = None

    def on_message(self, text):
        m = json.loads(text)
        try:
            reply = self.route(m)
        except PermissionError as error:
            reply = {"error": str(error)}
        self.write_message(dict(reply or {}, seq=m.get("seq")))

    def route(self, m):
        if m["method"] == "login":
            session = self.store.login(m["user"], m["password"])
            if session is None:
                raise PermissionError("login failed")
            self.session = session
            return {"token": session.token}
        if m["method"] == "resume":
            self.session = self.store.session(m["token"])
            return {"ok": self.session is not None}
        if self.session is None:
            raise PermissionError("not logged in")
        if m["method"] == "write":
            self.store.write(self.session.user, m["key"], m["value"])
        elif m["method"] == "read":
            return {"value": self.store.read(self.session.user, m["key"])}
        return None

store = Store()
web.Application([("/setup", Setup, {"store": store})]).listen(8000)
ioloop.IOLoop.current().start()
""",
            "store.py": """
import hashlib, os, secrets
class Session:
    def __init__(self, user):
        self.user = user
        self.token = secrets.token_urlsafe()
class Store:
    def __init__(self):
        self.users, self.sessions, self.data = {}, {}, {}
    def login(self, user, password):
        record = self.users.get(user)
        if record is None:
            return None
        salt, digest = record
        if hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 100000) != digest:
            return None
        session = Session(user)
        self.sessions[session.token] = session
        return session
    def session(self, token):
        return self.sessions.get(token)
    def write(self, user, key, value):
        self.data[user, key] = value
    def read(self, user, key):
        return self.data.get((user, key))
""",
        },
    ),
    "check is commented as a task that nobody awaits": (
        "swallowed|missing",
        {
            "doc.py": """
import json
from tornado import web, websocket, ioloop, gen
import backend

class Doc(websocket.WebSocketHandler):
    docs = {}

    @gen.coroutine
    def verify(self, token):
        user = yield backend.user_of(token)
        if user is None:
            raise web.HTTPError(403)
        self.user = user

    def prepare(self):
        self.verify(self.get_argument("token", ""))

    def on_message(self, message):
        data = json.loads(message)
        self.docs[data["doc"]] = data["text"]

web.Application([("/doc", Doc)]).listen(8000)
ioloop.IOLoop.current().start()
""",
            "backend.py": """
from tornado import gen, httpclient
@gen.coroutine
def user_of(token):
    headers = {"X-Token": token}
    client = httpclient.AsyncHTTPClient()
    response = yield client.fetch("http://sso/me", headers=headers, raise_error=False)
    raise gen.Return(response.body if response.code == 200 else None)
""",
        },
    ),
    "check awaited": (
        "guarded",
        {
            "doc.py": """
import json
from tornado import web, websocket, ioloop, gen
import backend

class Doc(websocket.WebSocketHandler):
    docs = {}

    @gen.coroutine
    def verify(self, token):
        user = yield backend.user_of(token)
        if user is None:
            raise web.HTTPError(403)
        self.user = user

    @gen.coroutine
    def prepare(self):
        yield self.verify(self.get_argument("token", ""))

    def on_message(self, message):
        data = json.loads(message)
        self.docs[data["doc"]] = data["text"]

web.Application([("/doc", Doc)]).listen(8000)
ioloop.IOLoop.current().start()
""",
            "backend.py": """
from tornado import gen, httpclient
@gen.coroutine
def user_of(token):
    headers = {"X-Token": token}
    client = httpclient.AsyncHTTPClient()
    response = yield client.fetch("http://sso/me", headers=headers, raise_error=False)
    raise gen.Return(response.body if response.code == 200 else None)
""",
        },
    ),
}
