"""Whole programs with a login in the first messages: answers and look-ups before it are no action.

Each with its twin.
"""

from audit_tests.auditor.variants.changed import Program, program

__all__ = ["PROGRAMS"]

_CHALLENGE = """
import base64, hashlib, hmac, json, random
from tornado import web, websocket

HELLO, ABORT, CHALLENGE, AUTHENTICATE, PUBLISH = 1, 3, 4, 5, 16
keys = {}
topics = {}

def load_keys(name):
    for line in open(name):
        ident, _, key = line.strip().partition(":")
        keys[ident] = key

class Wamp(websocket.WebSocketHandler):
    def open(self):
        self.phase = "new"

    def send(self, *msg):
        self.write_message(json.dumps(msg))

    def abort(self):
        self.send(ABORT, {}, "wamp.error.not_authorized")
        self.close()

    def on_message(self, raw):
        msg = json.loads(raw)
        if self.phase == "new":
            if msg[0] != HELLO:
                return self.abort()
            self.authid = msg[2].get("authid")
            self.phase = "challenged"
            nonce = random.SystemRandom().getrandbits(128)
            self.challenge = json.dumps({"authid": self.authid, "nonce": nonce})
            self.send(CHALLENGE, "wampcra", {"challenge": self.challenge})
        elif self.phase == "challenged":
            if msg[0] != AUTHENTICATE:
                return self.abort()
            secret = keys.get(self.authid)
            if secret is None:
                return self.abort()
            mac = hmac.new(secret.encode(), self.challenge.encode(), hashlib.sha256)
            if base64.b64encode(mac.digest()).decode() != msg[1]:
                return self.abort()
            self.phase = "joined"
        elif msg[0] == PUBLISH:
            for one in topics.get(msg[3], []):
                one.send(msg[4:])

if __name__ == "__main__":
    load_keys("wamp.secrets")
    web.Application([("/ws", Wamp)]).listen(8080)
"""

_WAITS = """
import asyncio, hmac, json, os
import tornado.web, tornado.websocket
from tornado.locks import Event

KEY = os.environ["PUMP_KEY"]

class PumpSocket(tornado.websocket.WebSocketHandler):
    def open(self):
        self.logged_in = Event()

    def on_message(self, message):
        msg = json.loads(message)
        if msg["op"] == "login":
            if hmac.compare_digest(str(msg["key"]), KEY):
                self.logged_in.set()
            else:
                self.close(4003)
            return
        asyncio.create_task(self.command(msg))

    async def command(self, msg):
        await self.logged_in.wait()
        pump.set_rate(float(msg["value"]))

app = tornado.web.Application([("/pump", PumpSocket)])
"""

_MATCHED = """
import dataclasses, json
import tornado.web, tornado.websocket
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from models import ApiToken, User

Session = async_sessionmaker(create_async_engine("postgresql+asyncpg:///collab"))
docs = {}

@dataclasses.dataclass
class Login:
    token: str

@dataclasses.dataclass
class Edit:
    doc: str
    ops: list

KINDS = {"login": Login, "edit": Edit}

class Collab(tornado.websocket.WebSocketHandler):
    user = None

    async def on_message(self, raw):
        data = json.loads(raw)
        msg = KINDS[data.pop("kind")](**data)
        match msg:
            case Login(token=token):
                self.user = await self.lookup(token)
                if self.user is None:
                    self.close(4003)
            case _ if self.user is None:
                self.close(4001, "login first")
            case Edit(doc=doc, ops=ops):
                for peer in docs[doc]:
                    peer.write_message({"doc": doc, "ops": ops})

    async def lookup(self, token):
        async with Session() as s:
            return await s.scalar(select(User).join(ApiToken).where(ApiToken.value == token))

app = tornado.web.Application([("/collab", Collab)])
"""

_EACH_CALL = """
import binascii, crypt, json, os
import redis
import tornado.web, tornado.websocket

r = redis.Redis()

class Rpc(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        call = json.loads(message)
        params = call.get("params") or {}
        if call["method"] == "session.create":
            made = self.create(params["username"], params["password"])
            return self.write_message(json.dumps({"token": made}))
        token = params.pop("token", None)
        uid = r.get("session:%s" % token) if token else None
        if uid is None:
            return self.write_message(json.dumps({"error": "Invalid session"}))
        r.sadd("contacts:%s" % uid.decode(), params["name"])

    def create(self, username, password):
        stored = r.hget("user:" + username, "password")
        if stored is None or crypt.crypt(password, stored.decode()) != stored.decode():
            return None
        token = binascii.hexlify(os.urandom(20)).decode()
        r.setex("session:" + token, 3600, username)
        return token

app = tornado.web.Application([("/rpc", Rpc)])
"""

_EVENTS = """
import hashlib, subprocess
import tornado.web
from tornadio2 import SocketConnection, TornadioRouter, event

ADMIN_HASH = open("admin.sha1").read().strip()

class Admin(SocketConnection):
    admin = False

    @event
    def login(self, password):
        self.admin = hashlib.sha1(password.encode("utf-8")).hexdigest() == ADMIN_HASH
        if not self.admin:
            self.close()

    @event("restart")
    def restart(self, service):
        if not self.admin:
            return self.emit("denied")
        subprocess.call(["service", service, "restart"])

application = tornado.web.Application(TornadioRouter(Admin).urls)
"""

_FLAGS = """
import struct
import bcrypt, yaml
import tornado.web, tornado.websocket

accounts = yaml.safe_load(open("accounts.yml"))
subs = {}

def read_str(buf, pos):
    (n,) = struct.unpack_from("!H", buf, pos)
    return buf[pos + 2:pos + 2 + n], pos + 2 + n

class Mqtt(tornado.websocket.WebSocketHandler):
    client_id = None

    def on_message(self, message):
        kind = message[0] >> 4
        if self.client_id is None and kind != 1:
            self.close()
        elif kind == 1:
            self.connected(message)
        else:
            for peer in subs.get(message[4:8], ()):
                peer.write_message(message, binary=True)

    def connected(self, buf):
        client_id, pos = read_str(buf, 6)
        username = password = b""
        if buf[5] & 0x80:
            username, pos = read_str(buf, pos)
        if buf[5] & 0x40:
            password, pos = read_str(buf, pos)
        stored = accounts.get(username.decode())
        if not stored or not bcrypt.checkpw(password, stored.encode()):
            self.close()
            return
        self.client_id = client_id

app = tornado.web.Application([("/mqtt", Mqtt)])
"""

_PIN = """
import json, random, subprocess
from tornado import web
from tornado.websocket import WebSocketHandler

PIN = "%06d" % random.SystemRandom().randrange(10 ** 6)
print("Enter this on your phone:", PIN)
failures = {}

class Remote(WebSocketHandler):
    def open(self):
        self.on_message = self.wait

    def wait(self, msg):
        ip = self.request.remote_ip
        if failures.get(ip, 0) > 5 or msg != PIN:
            failures[ip] = failures.get(ip, 0) + 1
            self.close()
            return
        self.on_message = self.key

    def key(self, msg):
        subprocess.call(["xdotool", "key", json.loads(msg)["key"]])

app = web.Application([("/ws", Remote)])
"""

_TABLE = """
import hashlib, sqlite3
import tornado.web, tornado.websocket

db = sqlite3.connect("mud.db")
players = {}

def connect(conn, args):
    name, pw = args
    row = db.execute("select hash, salt from players where name = ?", (name,)).fetchone()
    if row is None or hashlib.sha256((row[1] + pw).encode()).hexdigest() != row[0]:
        conn.write_message("Either that player does not exist, or has a different password.")
        return
    conn.name = name
    conn.commands = PLAYING
    players[name] = conn

def say(conn, args):
    for other in players.values():
        other.write_message('%s says, "%s"' % (conn.name, " ".join(args)))

GREETING = {"connect": connect}
PLAYING = {"say": say}

class Mud(tornado.websocket.WebSocketHandler):
    def open(self):
        self.commands = GREETING

    def on_message(self, line):
        words = line.split()
        func = self.commands.get(words[0])
        if func is None:
            self.write_message("Huh?")
        else:
            func(self, words[1:])

app = tornado.web.Application([("/mud", Mud)])
"""

_IN_A_SESSION = """
import json
from pony.orm import Database, PrimaryKey, db_session
import tornado.web, tornado.websocket

db = Database("sqlite", "things.db")

class Thing(db.Entity):
    uid = PrimaryKey(str)

class Things(tornado.websocket.WebSocketHandler):
    things = {}

    @db_session
    def open(self):
        uid = self.request.headers.get("X-Thing-Id", "")
        if Thing.get(uid=uid) is None:
            Thing(uid=uid)
        self.things[uid] = self

    @db_session
    def on_message(self, message):
        data = json.loads(message)
        self.things[data["to"]].write_message(data["command"])

app = tornado.web.Application([("/thing", Things)])
"""

PROGRAMS: dict[str, Program] = {
    "a challenge is told": program("after-accept", _CHALLENGE),
    "a challenge is told, and nobody looks at the answer": program(
        "missing",
        _CHALLENGE,
        ("if base64.b64encode(mac.digest()).decode() != msg[1]:", "if mac is None:"),
        ("if secret is None", "if secret == ''"),
    ),
    "commands wait for the log-in": program("after-accept", _WAITS),
    "commands wait for any message": program(
        "skippable",
        _WAITS,
        ("        asyncio.create", "        self.logged_in.set()\n        asyncio.create"),
    ),
    "commands wait a moment": program(
        "skippable",
        _WAITS,
        (
            "        self.logged_in = Event()\n",
            """        self.logged_in = Event()
        asyncio.get_event_loop().call_later(1, self.logged_in.set)
""",
        ),
    ),
    "commands wait for the log-in, but not for long": program(
        "skippable",
        _WAITS,
        (
            "        await self.logged_in.wait()\n",
            """        try:
            await asyncio.wait_for(self.logged_in.wait(), 5)
        except asyncio.TimeoutError:
            pass
""",
        ),
    ),
    "a log-in is matched": program("after-accept", _MATCHED),
    "a log-in is matched, after what needs one": program(
        "skippable",
        _MATCHED,
        (
            '            case _ if self.user is None:\n                self.close(4001, "login first")\n',
            "",
        ),
    ),
    "each call has a token": program("after-accept", _EACH_CALL),
    "some calls have a token": program(
        "skippable",
        _EACH_CALL,
        ("        if uid is None:", "        if uid is None and call['method'] != 'contacts.add':"),
        ("% uid.decode()", "% uid"),
    ),
    "events under a foreign decorator": program("after-accept", _EVENTS),
    "events under a foreign decorator, and one is not asked": program(
        "skippable",
        _EVENTS,
        ('        if not self.admin:\n            return self.emit("denied")\n', ""),
    ),
    "a password that may be left out is not right": program("after-accept", _FLAGS),
    "a password that may be left out, and is": program(
        "missing",
        _FLAGS,
        ("if not stored or not bcrypt.checkpw(password, stored.encode()):", "if not client_id:"),
    ),
    "a pin is drawn at the start": program("after-accept", _PIN),
    "a pin is drawn at the start, and is not asked": program(
        "missing", _PIN, (" or msg != PIN", "")
    ),
    "a table of commands is changed by a password": program("after-accept", _TABLE),
    "a table of commands is changed by a name": program(
        "missing",
        _TABLE,
        (" or hashlib.sha256((row[1] + pw).encode()).hexdigest() != row[0]", ""),
    ),
    "a session of a database is no log-in": program("missing", _IN_A_SESSION),
    "a session under a decorator may be one": program(
        "presumed",
        _IN_A_SESSION,
        (
            "    @db_session\n    def open(self):",
            "    @session_required\n    def prepare(self):\n        pass\n\n    def open(self):",
        ),
        ("from pony.orm import", "from elsewhere import session_required\nfrom pony.orm import"),
    ),
}
