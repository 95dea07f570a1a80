"""Whole programs with protocols of their own: numbers, generators, states, messages that are classes."""

__all__ = ["PROGRAMS"]

Program = tuple[str, dict[str, str]]
"""The kind of its verdict, and its files."""

PROGRAMS: dict[str, Program] = {
    "wamp hello authenticate": (
        "after-accept",
        {
            "wamp.py": """
import json, random, hmac, hashlib, base64
from tornado import ioloop, web, websocket

HELLO, WELCOME, ABORT, CHALLENGE, AUTHENTICATE, PUBLISH, SUBSCRIBE = 1, 2, 3, 4, 5, 16, 32

class Broker:
    def __init__(self):
        self.topics = {}
    def subscribe(self, topic, session):
        self.topics.setdefault(topic, set()).add(session)
    def publish(self, topic, args):
        for session in self.topics.get(topic, ()):
            session.event(topic, args)

class WampSocket(websocket.WebSocketHandler):
    broker = Broker()

    def initialize(self, secrets):
        self.secrets = secrets
        self.session_id = None
        self.pending = None

    def select_subprotocol(self, protocols):
        return "wamp.2.json"

    def on_message(self, raw):
        message = json.loads(raw)
        code = message[0]
        if code == HELLO:
            self.pending = (message[2]["authid"], base64.b64encode(str(random.getrandbits(128)).encode()))
            self.reply(CHALLENGE, "wampcra", {"challenge": self.pending[1].decode()})
        elif code == AUTHENTICATE:
            if self.pending is None:
                return self.abort("wamp.error.protocol_violation")
            authid, challenge = self.pending
            secret = self.secrets.get(authid)
            if secret is None:
                return self.abort("wamp.error.not_authorized")
            signature = base64.b64encode(hmac.new(secret, challenge, hashlib.sha256).digest()).decode()
            if signature != message[1]:
                return self.abort("wamp.error.not_authorized")
            self.session_id = random.getrandbits(53)
            self.reply(WELCOME, self.session_id, {})
        elif self.session_id is None:
            self.abort("wamp.error.protocol_violation")
        elif code == SUBSCRIBE:
            self.broker.subscribe(message[3], self)
        elif code == PUBLISH:
            self.broker.publish(message[3], message[4])

    def event(self, topic, args):
        self.reply(36, topic, args)

    def reply(self, *message):
        self.write_message(json.dumps(message))

    def abort(self, reason):
        self.reply(ABORT, {}, reason)
        self.close()

def main():
    with open("secrets.json") as f:
        secrets = {k: v.encode() for k, v in json.load(f).items()}
    web.Application([("/ws", WampSocket, {"secrets": secrets})]).listen(8080)
    ioloop.IOLoop.current().start()
main()
""",
        },
    ),
    "wamp hello welcomes": (
        "missing",
        {
            "wamp.py": """
import json, random
from tornado import ioloop, web, websocket

HELLO, WELCOME, ABORT, PUBLISH, SUBSCRIBE = 1, 2, 3, 16, 32
topics = {}

class WampSocket(websocket.WebSocketHandler):
    def initialize(self):
        self.session_id = None

    def on_message(self, raw):
        message = json.loads(raw)
        code = message[0]
        if code == HELLO:
            self.realm = message[1]
            self.session_id = random.getrandbits(53)
            self.reply(WELCOME, self.session_id, {})
        elif self.session_id is None:
            self.reply(ABORT, {}, "wamp.error.protocol_violation")
            self.close()
        elif code == SUBSCRIBE:
            topics.setdefault(message[3], set()).add(self)
        elif code == PUBLISH:
            for one in topics.get(message[3], ()):
                one.reply(36, message[3], message[4])

    def reply(self, *message):
        self.write_message(json.dumps(message))

web.Application([("/ws", WampSocket)]).listen(8080)
ioloop.IOLoop.current().start()
""",
        },
    ),
    "generator protocol": (
        "after-accept",
        {
            "shell.py": """
import crypt, os, spwd
from tornado import web, websocket, ioloop

def protocol(socket):
    for attempt in range(3):
        socket.write_message("user: ")
        user = yield
        socket.write_message("password: ")
        password = yield
        try:
            stored = spwd.getspnam(user).sp_pwd
        except KeyError:
            continue
        if crypt.crypt(password, stored) == stored:
            break
    else:
        socket.close()
        return
    while True:
        command = yield
        socket.write_message(os.popen(command).read())

class Shell(websocket.WebSocketHandler):
    def open(self):
        self.talk = protocol(self)
        next(self.talk)

    def on_message(self, message):
        try:
            self.talk.send(message)
        except StopIteration:
            self.close()

web.Application([("/shell", Shell)]).listen(8888)
ioloop.IOLoop.current().start()
""",
        },
    ),
    "message classes handle themselves": (
        "after-accept",
        {
            "messages.py": """
import json
from auth import check

class Message:
    kind = None
    private = True

    def __init__(self, data):
        self.data = data

    @classmethod
    def parse(cls, text):
        data = json.loads(text)
        for sub in cls.__subclasses__():
            if sub.kind == data["kind"]:
                return sub(data)
        raise ValueError(data["kind"])

    def process(self, hub):
        if self.private and not hub.logged_in:
            hub.write_message({"error": "login required"})
            return
        self.run(hub)

class Login(Message):
    kind = "login"
    private = False
    def run(self, hub):
        hub.logged_in = check(self.data["user"], self.data["password"])

class Switch(Message):
    kind = "switch"
    def run(self, hub):
        hub.application.lights[self.data["light"]].toggle()
""",
            "auth.py": """
import hmac, json
def check(user, password):
    with open("users.json") as f:
        users = json.load(f)
    return user in users and hmac.compare_digest(users[user], password)
""",
            "hub.py": """
from tornado import web, websocket, ioloop
from messages import Message

class Hub(websocket.WebSocketHandler):
    logged_in = False
    def on_message(self, text):
        Message.parse(text).process(self)

class App(web.Application):
    def __init__(self, lights):
        super().__init__([("/hub", Hub)])
        self.lights = lights
""",
        },
    ),
    "message class private is not looked at": (
        "missing|skippable",
        {
            "messages.py": """
import json
from auth import check

class Message:
    kind = None

    def __init__(self, data):
        self.data = data

    @classmethod
    def parse(cls, text):
        data = json.loads(text)
        for sub in cls.__subclasses__():
            if sub.kind == data["kind"]:
                return sub(data)
        raise ValueError(data["kind"])

class Login(Message):
    kind = "login"
    def run(self, hub):
        hub.logged_in = check(self.data["user"], self.data["password"])

class Switch(Message):
    kind = "switch"
    def run(self, hub):
        hub.application.lights[self.data["light"]].toggle()
""",
            "auth.py": """
import hmac, json
def check(user, password):
    with open("users.json") as f:
        users = json.load(f)
    return user in users and hmac.compare_digest(users[user], password)
""",
            "hub.py": """
from tornado import web, websocket, ioloop
from messages import Message

class Hub(websocket.WebSocketHandler):
    logged_in = False
    def on_message(self, text):
        Message.parse(text).run(self)

class App(web.Application):
    def __init__(self, lights):
        super().__init__([("/hub", Hub)])
        self.lights = lights
""",
        },
    ),
    "bit flags of the session": (
        "after-accept",
        {
            "mud.py": """
from tornado import web, websocket, ioloop
import users

CONNECTED = 1
AUTHED = 2
ADMIN = 4

class Mud(websocket.WebSocketHandler):
    def open(self):
        self.flags = CONNECTED
        self.write_message("Welcome. Who are you?")

    def on_message(self, line):
        verb, _, rest = line.partition(" ")
        if verb == "connect":
            name, _, password = rest.partition(" ")
            user = users.find(name)
            if user and user.verify(password):
                self.flags |= AUTHED
                self.user = user
            else:
                self.write_message("No.")
            return
        if not self.flags & AUTHED:
            self.write_message("connect <name> <password>")
            return
        self.application.game.command(self.user, verb, rest)

class Application(web.Application):
    def __init__(self, game):
        self.game = game
        web.Application.__init__(self, [("/mud", Mud)])
""",
            "users.py": """
import bcrypt, shelve
class User:
    def __init__(self, name, hashed):
        self.name, self.hashed = name, hashed
    def verify(self, password):
        return bcrypt.checkpw(password.encode(), self.hashed)
def find(name):
    with shelve.open("users") as db:
        return db.get(name)
""",
        },
    ),
    "rpc class with exposed methods": (
        "after-accept",
        {
            "rpc/core.py": """
import inspect
import json
import logging
from tornado.websocket import WebSocketHandler

class Unauthenticated(Exception):
    code = 401

def expose(auth=True):
    def mark(method):
        method.exposed = True
        method.auth = auth
        return method
    return mark

class RpcSocket(WebSocketHandler):
    def initialize(self, api):
        self.api = api
        self.principal = None

    async def on_message(self, message):
        call = json.loads(message)
        try:
            result = await self.dispatch(call["method"], call.get("params", {}))
        except Unauthenticated as e:
            return self.write_message({"id": call["id"], "error": e.code})
        except Exception:
            logging.exception("rpc failed")
            return self.write_message({"id": call["id"], "error": 500})
        self.write_message({"id": call["id"], "result": result})

    async def dispatch(self, name, params):
        method = getattr(self.api, name, None)
        if method is None or not getattr(method, "exposed", False):
            raise AttributeError(name)
        if method.auth and self.principal is None:
            raise Unauthenticated()
        return await method(self, **params)
""",
            "rpc/api.py": """
from rpc.core import expose, Unauthenticated
from rpc import ldap_auth

class Api:
    @expose(auth=False)
    async def login(self, conn, user, password):
        who = await ldap_auth.bind(user, password)
        if not who:
            raise Unauthenticated()
        conn.principal = who
        return True

    @expose()
    async def restart(self, conn, service):
        import subprocess
        return subprocess.call(["systemctl", "restart", "app"])
""",
            "rpc/ldap_auth.py": """
import bonsai
async def bind(user, password):
    client = bonsai.LDAPClient("ldap://localhost")
    client.set_credentials("SIMPLE", user=user, password=password)
    try:
        async with client.connect(is_async=True) as conn:
            return await conn.whoami()
    except bonsai.AuthenticationError:
        return None
""",
            "rpc/main.py": """
import tornado.web, tornado.ioloop
from rpc.api import Api
from rpc.core import RpcSocket
tornado.web.Application([("/rpc", RpcSocket, {"api": Api()})]).listen(9000)
tornado.ioloop.IOLoop.current().start()
""",
        },
    ),
    "rpc class marked without auth": (
        "ignored|missing|skippable",
        {
            "rpc/core.py": """
import json
from tornado.websocket import WebSocketHandler

def expose(auth=False):
    def mark(method):
        method.exposed = True
        method.auth = auth
        return method
    return mark

class RpcSocket(WebSocketHandler):
    def initialize(self, api):
        self.api = api
        self.principal = None

    async def on_message(self, message):
        call = json.loads(message)
        method = getattr(self.api, call["method"], None)
        if method is None or not getattr(method, "exposed", False):
            return self.write_message({"error": "no such method"})
        if method.auth and self.principal is None:
            return self.write_message({"error": "log in"})
        self.write_message({"result": await method(self, **call["params"])})
""",
            "rpc/api.py": """
import subprocess
from rpc.core import expose
from rpc import ldap_auth

class Api:
    @expose()
    async def login(self, conn, user, password):
        conn.principal = await ldap_auth.bind(user, password)
        return True

    @expose()
    async def restart(self, conn, service):
        return subprocess.call(["systemctl", "restart", service])
""",
            "rpc/ldap_auth.py": """
import bonsai
async def bind(user, password):
    client = bonsai.LDAPClient("ldap://localhost")
    client.set_credentials("SIMPLE", user=user, password=password)
    async with client.connect(is_async=True) as conn:
        return await conn.whoami()
""",
            "rpc/main.py": """
import tornado.web, tornado.ioloop
from rpc.api import Api
from rpc.core import RpcSocket
tornado.web.Application([("/rpc", RpcSocket, {"api": Api()})]).listen(9000)
tornado.ioloop.IOLoop.current().start()
""",
        },
    ),
    "middlewares raise": (
        "after-accept",
        {
            "api.py": """
import json
from tornado import web, websocket, ioloop
import keys

class Stop(Exception):
    pass

def authenticate(socket, message):
    if socket.account is not None:
        return
    if message.get("op") != "auth":
        raise Stop("unauthenticated")
    account = keys.lookup(message["key"], message["sign"])
    if account is None:
        raise Stop("bad key")
    socket.account = account
    raise Stop("ok")

def throttle(socket, message):
    socket.count += 1
    if socket.count > 1000:
        raise Stop("too many messages")

class Api(websocket.WebSocketHandler):
    middlewares = [throttle, authenticate]

    def open(self):
        self.account = None
        self.count = 0

    def on_message(self, text):
        message = json.loads(text)
        try:
            for middleware in self.middlewares:
                middleware(self, message)
        except Stop as stop:
            self.write_message({"status": str(stop)})
            return
        self.application.engine.submit(self.account, message["order"])

class App(web.Application):
    def __init__(self, engine):
        self.engine = engine
        super().__init__([("/api", Api)])
""",
            "keys.py": """
import hashlib, hmac, json
KEYS = json.load(open("/etc/keys.json"))
def lookup(key, sign):
    if key not in KEYS:
        return None
    wanted = hmac.new(KEYS[key]["secret"].encode(), key.encode(), hashlib.sha512).hexdigest()
    return KEYS[key]["account"] if hmac.compare_digest(wanted, sign) else None
""",
        },
    ),
    "middlewares without the one that asks": (
        "skippable",
        {
            "api.py": """
import json
from tornado import web, websocket, ioloop
import keys

class Stop(Exception):
    pass

def authenticate(socket, message):
    if message.get("op") == "auth":
        account = keys.lookup(message["key"], message["sign"])
        if account is None:
            raise Stop("bad key")
        socket.account = account
        raise Stop("ok")

class Api(websocket.WebSocketHandler):
    middlewares = [authenticate]

    def open(self):
        self.account = None

    def on_message(self, text):
        message = json.loads(text)
        try:
            for middleware in self.middlewares:
                middleware(self, message)
        except Stop as stop:
            self.write_message({"status": str(stop)})
            return
        self.application.engine.submit(self.account, message["order"])

class App(web.Application):
    def __init__(self, engine):
        self.engine = engine
        super().__init__([("/api", Api)])
""",
            "keys.py": """
import hashlib, hmac, json
KEYS = json.load(open("/etc/keys.json"))
def lookup(key, sign):
    if key not in KEYS:
        return None
    wanted = hmac.new(KEYS[key]["secret"].encode(), key.encode(), hashlib.sha512).hexdigest()
    return KEYS[key]["account"] if hmac.compare_digest(wanted, sign) else None
""",
        },
    ),
    "irc like protocol": (
        "after-accept",
        {
            "ircd.py": """
import base64
from tornado import web, websocket, ioloop
from accounts import Accounts

accounts = Accounts("accounts.db")
channels = {}

class Irc(websocket.WebSocketHandler):
    def open(self):
        self.nick = None
        self.registered = False
        self.sasl = False

    def on_message(self, text):
        for line in text.split("\\r\\n"):
            if not line:
                continue
            command, _, rest = line.partition(" ")
            handler = self.COMMANDS.get(command.upper())
            if handler is None:
                self.reply("421", command)
                continue
            function, needs_registration = handler
            if needs_registration and not self.registered:
                self.reply("451", "You have not registered")
                continue
            function(self, rest)

    def cmd_nick(self, rest):
        self.nick = rest

    def cmd_authenticate(self, rest):
        _, user, password = base64.b64decode(rest).decode().split("\\0")
        if not accounts.verify(user, password):
            self.reply("904", "SASL authentication failed")
            return
        self.registered = True
        self.reply("903", "SASL authentication successful")

    def cmd_join(self, rest):
        channels.setdefault(rest, set()).add(self)

    def cmd_privmsg(self, rest):
        target, _, body = rest.partition(" :")
        for one in channels.get(target, ()):
            one.write_message(":%s PRIVMSG %s :%s" % (self.nick, target, body))

    def reply(self, code, text):
        self.write_message(":server %s %s" % (code, text))

    COMMANDS = {
        "NICK": (cmd_nick, False),
        "AUTHENTICATE": (cmd_authenticate, False),
        "JOIN": (cmd_join, True),
        "PRIVMSG": (cmd_privmsg, True),
    }

web.Application([("/irc", Irc)]).listen(6667)
ioloop.IOLoop.current().start()
""",
            "accounts.py": """
import argon2, sqlite3
class Accounts:
    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.hasher = argon2.PasswordHasher()
    def verify(self, user, password):
        row = self.db.execute("SELECT hash FROM account WHERE name = ?", [user]).fetchone()
        if row is None:
            return False
        try:
            return self.hasher.verify(row[0], password)
        except argon2.exceptions.VerifyMismatchError:
            return False
""",
        },
    ),
    "irc like protocol without the flag": (
        "skippable",
        {
            "ircd.py": """
import base64
from tornado import web, websocket, ioloop
from accounts import verify

channels = {}

class Irc(websocket.WebSocketHandler):
    def open(self):
        self.nick = None
        self.registered = False

    def on_message(self, line):
        command, _, rest = line.partition(" ")
        handler = self.COMMANDS.get(command.upper())
        if handler is not None:
            handler(self, rest)

    def cmd_nick(self, rest):
        self.nick = rest
        self.registered = True

    def cmd_authenticate(self, rest):
        _, user, password = base64.b64decode(rest).decode().split("\\0")
        if verify(user, password):
            self.registered = True

    def cmd_join(self, rest):
        if self.registered:
            channels.setdefault(rest, set()).add(self)

    def cmd_privmsg(self, rest):
        target, _, body = rest.partition(" :")
        if self.registered:
            for one in channels.get(target, ()):
                one.write_message(body)

    COMMANDS = {"NICK": cmd_nick, "AUTHENTICATE": cmd_authenticate, "JOIN": cmd_join, "PRIVMSG": cmd_privmsg}

web.Application([("/irc", Irc)]).listen(6667)
ioloop.IOLoop.current().start()
""",
            "accounts.py": """
import argon2, sqlite3
db = sqlite3.connect("x.db")
def verify(user, password):
    row = db.execute("SELECT hash FROM account WHERE name = ?", [user]).fetchone()
    return argon2.PasswordHasher().verify(row[0], password)
""",
        },
    ),
    "sockjs chat names itself": (
        "missing",
        {
            "chat.py": """
import json
import sockjs.tornado
import tornado.web, tornado.ioloop

class ChatConnection(sockjs.tornado.SockJSConnection):
    participants = {}

    def on_open(self, info):
        self.user = None

    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "hello":
            self.user = data["user"]
            self.participants[self.user] = self
        elif self.user is None:
            self.send("say hello first")
        else:
            to = self.participants.get(data["to"])
            if to is not None:
                to.send(json.dumps({"user": self.user, "text": data["text"]}))

router = sockjs.tornado.SockJSRouter(ChatConnection, "/chat")
tornado.web.Application(router.urls).listen(8080)
tornado.ioloop.IOLoop.instance().start()
""",
        },
    ),
}
