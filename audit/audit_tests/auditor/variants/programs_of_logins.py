"""Whole programs with a login, each in another way."""

__all__ = ["PROGRAMS"]

Program = tuple[str, dict[str, str]]
"""The kind of its verdict, and its files."""

PROGRAMS: dict[str, Program] = {
    "chat first message sqlite": (
        "after-accept",
        {
            "server.py": """
# -*- coding: utf-8 -*-
import hashlib
import json
import sqlite3
import tornado.httpserver
import tornado.ioloop
import tornado.web
import tornado.websocket

conn = sqlite3.connect('chat.db')

class ChatHandler(tornado.websocket.WebSocketHandler):
    users = {}

    def check_origin(self, origin):
        return True

    def open(self):
        self.nick = None
        print('new connection')

    def on_message(self, message):
        msg = json.loads(message)
        kind = msg.get('type')
        if kind == 'auth':
            cur = conn.cursor()
            cur.execute('select salt, hash from users where nick = ?', (msg['nick'],))
            row = cur.fetchone()
            if not row or hashlib.sha256(row[0] + msg['password']).hexdigest() != row[1]:
                self.write_message(json.dumps({'type': 'error', 'text': 'bad login'}))
                self.close()
                return
            self.nick = msg['nick']
            ChatHandler.users[self.nick] = self
            return
        if self.nick is None:
            self.write_message(json.dumps({'type': 'error', 'text': 'login first'}))
            return
        if kind == 'say':
            for user in ChatHandler.users.values():
                user.write_message({'type': 'say', 'from': self.nick, 'text': msg['text']})

    def on_close(self):
        if self.nick:
            ChatHandler.users.pop(self.nick, None)

if __name__ == '__main__':
    app = tornado.web.Application([(r'/chat', ChatHandler)], debug=True)
    http_server = tornado.httpserver.HTTPServer(app)
    http_server.listen(8888)
    tornado.ioloop.IOLoop.instance().start()
""",
        },
    ),
    "chat first message forgets": (
        "skippable",
        {
            "server.py": """
# -*- coding: utf-8 -*-
import hashlib
import json
import sqlite3
import tornado.httpserver
import tornado.ioloop
import tornado.web
import tornado.websocket

conn = sqlite3.connect('chat.db')

class ChatHandler(tornado.websocket.WebSocketHandler):
    users = {}

    def open(self):
        self.nick = None
        print('new connection')

    def on_message(self, message):
        msg = json.loads(message)
        kind = msg.get('type')
        if kind == 'auth':
            cur = conn.cursor()
            cur.execute('select salt, hash from users where nick = ?', (msg['nick'],))
            row = cur.fetchone()
            if not row or hashlib.sha256(row[0] + msg['password']).hexdigest() != row[1]:
                self.write_message(json.dumps({'type': 'error', 'text': 'bad login'}))
            self.nick = msg['nick']
            ChatHandler.users[self.nick] = self
            return
        if self.nick is None:
            self.write_message(json.dumps({'type': 'error', 'text': 'login first'}))
            return
        if kind == 'say':
            for user in ChatHandler.users.values():
                user.write_message({'type': 'say', 'from': self.nick, 'text': msg['text']})

if __name__ == '__main__':
    app = tornado.web.Application([(r'/chat', ChatHandler)], debug=True)
    http_server = tornado.httpserver.HTTPServer(app)
    http_server.listen(8888)
    tornado.ioloop.IOLoop.instance().start()
""",
        },
    ),
    "iot gateway challenge response": (
        "after-accept",
        {
            "gateway/__init__.py": "",
            "gateway/registry.py": """
import redis

class DeviceRegistry(object):
    def __init__(self, host="localhost"):
        self._redis = redis.StrictRedis(host)

    def secret_for(self, serial):
        return self._redis.hget("device:%s" % serial, "secret")

    def publish(self, serial, reading):
        self._redis.publish("readings", "%s=%s" % (serial, reading))
""",
            "gateway/states.py": """
import enum

class State(enum.Enum):
    NEW = 0
    CHALLENGED = 1
    READY = 2
""",
            "gateway/ws.py": """
import binascii
import hashlib
import hmac
import json
import logging
import os

from tornado.websocket import WebSocketHandler, WebSocketClosedError

from .states import State

log = logging.getLogger(__name__)

class DeviceSocket(WebSocketHandler):
    def initialize(self, registry):
        self.registry = registry
        self.state = State.NEW
        self.serial = None
        self.nonce = None

    def open(self):
        self.set_nodelay(True)

    def on_message(self, raw):
        try:
            frame = json.loads(raw)
        except ValueError:
            self.close(1003, "not json")
            return
        if self.state is State.NEW:
            self._hello(frame)
        elif self.state is State.CHALLENGED:
            self._response(frame)
        else:
            self._reading(frame)

    def _hello(self, frame):
        self.serial = frame["serial"]
        self.nonce = binascii.hexlify(os.urandom(16)).decode()
        self.state = State.CHALLENGED
        self.write_message(json.dumps({"challenge": self.nonce}))

    def _response(self, frame):
        secret = self.registry.secret_for(self.serial)
        if secret is None:
            log.warning("unknown device %s", self.serial)
            return self.close(4001, "unknown device")
        expected = hmac.new(secret, self.nonce.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, frame.get("response", "")):
            return self.close(4003, "bad response")
        self.state = State.READY
        self.write_message(json.dumps({"ok": True}))

    def _reading(self, frame):
        self.registry.publish(self.serial, frame["value"])
""",
            "gateway/__main__.py": """
from tornado.ioloop import IOLoop
from tornado.web import Application
from .registry import DeviceRegistry
from .ws import DeviceSocket

def make_app():
    return Application([(r"/device", DeviceSocket, dict(registry=DeviceRegistry()))])

if __name__ == "__main__":
    make_app().listen(9000)
    IOLoop.current().start()
""",
        },
    ),
    "iot gateway skips the response": (
        "skippable",
        {
            "gateway/__init__.py": "",
            "gateway/registry.py": """
import redis

class DeviceRegistry(object):
    def __init__(self, host="localhost"):
        self._redis = redis.StrictRedis(host)

    def secret_for(self, serial):
        return self._redis.hget("device:%s" % serial, "secret")

    def publish(self, serial, reading):
        self._redis.publish("readings", "%s=%s" % (serial, reading))
""",
            "gateway/states.py": """
import enum

class State(enum.Enum):
    NEW = 0
    CHALLENGED = 1
    READY = 2
""",
            "gateway/ws.py": """
import hashlib
import hmac
import json
import logging
import os

from tornado.websocket import WebSocketHandler

from .states import State

log = logging.getLogger(__name__)

class DeviceSocket(WebSocketHandler):
    def initialize(self, registry):
        self.registry = registry
        self.state = State.NEW
        self.serial = None
        self.nonce = None

    def on_message(self, raw):
        try:
            frame = json.loads(raw)
        except ValueError:
            self.close(1003, "not json")
            return
        if frame["op"] == "hello":
            self.serial = frame["serial"]
            self.nonce = os.urandom(16).hex()
            self.state = State.CHALLENGED
            self.write_message(json.dumps({"challenge": self.nonce}))
        elif frame["op"] == "response":
            secret = self.registry.secret_for(self.serial)
            expected = hmac.new(secret, self.nonce.encode(), hashlib.sha256).hexdigest()
            if hmac.compare_digest(expected, frame.get("response", "")):
                self.state = State.READY
        elif frame["op"] == "reading" and self.state is not State.NEW:
            self.registry.publish(self.serial, frame["value"])
""",
            "gateway/__main__.py": """
from tornado.ioloop import IOLoop
from tornado.web import Application
from .registry import DeviceRegistry
from .ws import DeviceSocket

def make_app():
    return Application([(r"/device", DeviceSocket, dict(registry=DeviceRegistry()))])

if __name__ == "__main__":
    make_app().listen(9000)
    IOLoop.current().start()
""",
        },
    ),
    "ci logs http call to github": (
        "after-accept",
        {
            "ci/ws.py": """
import json
import urllib
from tornado import gen, httpclient, web, websocket, ioloop
from ci.builds import Builds

class BuildLogSocket(websocket.WebSocketHandler):
    @gen.coroutine
    def open(self, build_id):
        token = self.request.headers.get("Authorization", "").replace("token ", "")
        client = httpclient.AsyncHTTPClient()
        response = yield client.fetch("https://api.github.com/user",
                                      headers={"Authorization": "token " + token}, raise_error=False)
        if response.code != 200:
            self.close(4001, "who are you?")
            return
        login = json.loads(response.body)["login"]
        build = Builds.get(build_id)
        if build is None or not build.visible_to(login):
            self.close(4003, "not yours")
            return
        build.follow(self.write_message)
""",
            "ci/builds.py": """
class Builds(object):
    _all = {}
    @classmethod
    def get(cls, build_id):
        return cls._all.get(build_id)
""",
            "ci/main.py": """
from tornado import web, ioloop
from ci.ws import BuildLogSocket
if __name__ == "__main__":
    web.Application([(r"/builds/(\\w+)/log", BuildLogSocket)]).listen(80)
    ioloop.IOLoop.current().start()
""",
        },
    ),
    "ci logs http call whose answer is not looked at": (
        "missing",
        {
            "ci/ws.py": """
import json
from tornado import gen, httpclient, web, websocket, ioloop
from ci.builds import Builds

class BuildLogSocket(websocket.WebSocketHandler):
    @gen.coroutine
    def open(self, build_id):
        client = httpclient.AsyncHTTPClient()
        response = yield client.fetch("http://builds.internal/builds/" + build_id, raise_error=False)
        if response.code != 200:
            self.close(4001, "no such build")
            return
        build = json.loads(response.body)
        self.write_message(build["log"])
        Builds.follow(build_id, self)
""",
            "ci/builds.py": """
class Builds(object):
    followers = {}
    @classmethod
    def follow(cls, build_id, socket):
        cls.followers.setdefault(build_id, []).append(socket)
""",
            "ci/main.py": """
from tornado import web, ioloop
from ci.ws import BuildLogSocket
if __name__ == "__main__":
    web.Application([(r"/builds/(\\w+)/log", BuildLogSocket)]).listen(80)
    ioloop.IOLoop.current().start()
""",
        },
    ),
    "session table by connection with timeout": (
        "after-accept",
        {
            "feed.py": """
import asyncio
import logging
import msgpack
import tornado
from tornado.websocket import WebSocketHandler
from models import ApiKey, Quote

AUTH_TIMEOUT = 5
sessions = {}

class Session:
    def __init__(self, conn):
        self.conn = conn
        self.key = None
        self.timer = asyncio.get_event_loop().call_later(AUTH_TIMEOUT, self.expire)

    def expire(self):
        if self.key is None:
            self.conn.close(4008, "authentication timeout")

    async def dispatch(self, op, args):
        if op == "auth":
            key = await ApiKey.get_or_none(public=args["key"])
            if key is None or not key.check_signature(args["signature"], args["nonce"]):
                return self.conn.close(4003, "forbidden")
            self.key = key
            return {"ok": True}
        if self.key is None:
            return self.conn.close(4001, "unauthenticated")
        if op == "subscribe":
            Quote.listeners[args["symbol"]].add(self.conn)
            return {"ok": True}
        return {"error": "unknown op"}

class Feed(WebSocketHandler):
    def open(self):
        sessions[self] = Session(self)

    async def on_message(self, message):
        op, args = msgpack.unpackb(message)
        answer = await sessions[self].dispatch(op, args)
        if answer is not None:
            await self.write_message(msgpack.packb(answer), binary=True)

    def on_close(self):
        sessions.pop(self, None)

async def main():
    tornado.web.Application([("/feed", Feed)]).listen(8765)
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
""",
            "models.py": """
import collections
from tortoise import Model, fields

class ApiKey(Model):
    public = fields.CharField(64)
    secret = fields.CharField(64)

    def check_signature(self, signature, nonce):
        import hashlib, hmac
        made = hmac.new(self.secret.encode(), nonce.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(made, signature)

class Quote:
    listeners = collections.defaultdict(set)
""",
        },
    ),
    "state machine of transitions": (
        "after-accept",
        {
            "term.py": """
import json, pwd, spwd, crypt, pexpect
import tornado.ioloop, tornado.web, tornado.websocket

ASK_USER, ASK_PASSWORD, SHELL = range(3)

class Terminal(tornado.websocket.WebSocketHandler):
    def open(self):
        self.step = ASK_USER
        self.tries = 0
        self.write_message("login: ")

    def on_message(self, line):
        if self.step == ASK_USER:
            self.username = line.strip()
            self.step = ASK_PASSWORD
            self.write_message("password: ")
        elif self.step == ASK_PASSWORD:
            if self.check(line.strip()):
                self.step = SHELL
                self.child = pexpect.spawn("su", ["-", self.username])
            else:
                self.tries += 1
                if self.tries >= 3:
                    self.close()
                    return
                self.step = ASK_USER
                self.write_message("login incorrect\\r\\nlogin: ")
        elif self.step == SHELL:
            self.child.send(line)

    def check(self, password):
        try:
            hashed = spwd.getspnam(self.username).sp_pwd
        except KeyError:
            return False
        return crypt.crypt(password, hashed) == hashed

tornado.web.Application([("/tty", Terminal)]).listen(4200)
tornado.ioloop.IOLoop.instance().start()
""",
        },
    ),
    "state machine whose failure goes on": (
        "skippable|missing",
        {
            "term.py": """
import json, pwd, spwd, crypt, pexpect
import tornado.ioloop, tornado.web, tornado.websocket

ASK_USER, ASK_PASSWORD, SHELL = range(3)

class Terminal(tornado.websocket.WebSocketHandler):
    def open(self):
        self.step = ASK_USER
        self.tries = 0
        self.write_message("login: ")

    def on_message(self, line):
        if self.step == ASK_USER:
            self.username = line.strip()
            self.step = SHELL
            self.write_message("password: ")
        elif self.step == ASK_PASSWORD:
            if self.check(line.strip()):
                self.step = SHELL
                self.child = pexpect.spawn("su", ["-", self.username])
        elif self.step == SHELL:
            self.child = pexpect.spawn("su", ["-", self.username])
            self.child.send(line)

    def check(self, password):
        hashed = spwd.getspnam(self.username).sp_pwd
        return crypt.crypt(password, hashed) == hashed

tornado.web.Application([("/tty", Terminal)]).listen(4200)
tornado.ioloop.IOLoop.instance().start()
""",
        },
    ),
}
