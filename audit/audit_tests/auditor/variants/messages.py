"""Parsing of a message before its token is checked, and comparison of passwords.

Formats of all kinds, objects made of messages, hashes of passwords; and failures for unknown clients.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_PROGRAMS: dict[str, tuple[str, str]] = {
    "a token in a message of msgpack": (
        "late",
        """
import msgpack
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = msgpack.unpackb(message)
        rest = data[b"text"]
        if self.user is None:
            if db.check_token(data[b"token"]):
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "a token in a message that another library reads": (
        "late",
        """
import ujson
TOKEN = os.environ["T"]
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = ujson.loads(message)
        rest = data["text"]
        if self.user is None:
            if data["token"] == TOKEN:
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "a token in a message of YAML": (
        "late",
        """
import yaml
TOKEN = os.environ["T"]
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = yaml.safe_load(message)
        rest = data["text"]
        if self.user is None:
            if data["token"] == TOKEN:
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "a token between colons": (
        "late",
        """
TOKEN = os.environ["T"]
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        kind, token, rest = message.split(":", 2)
        if self.user is None:
            if token == TOKEN:
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "a token before a space": (
        "late",
        """
TOKEN = os.environ["T"]
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        token, _, rest = message.partition(" ")
        if self.user is None:
            if hmac.compare_digest(token, TOKEN):
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "a token in a group of a pattern": (
        "late",
        """
import re
LINE = re.compile("(\\\\w+) (.*)")
TOKEN = os.environ["T"]
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        found = LINE.match(message)
        token, rest = found.group(1), found.group(2)
        if self.user is None:
            if token == TOKEN:
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "a token in a group with a name": (
        "late",
        """
import re
TOKEN = os.environ["T"]
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        found = re.match(r"(?P<token>\\w+) (?P<rest>.*)", message)
        rest = found.group("rest")
        if self.user is None:
            if found.group("token") == TOKEN:
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "the sum of a password in a frame of bytes": (
        "late",
        """
import struct, hashlib
DIGEST = "da39a3ee"
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        size, = struct.unpack("!I", message[:4])
        password, rest = message[4:4 + size], message[4 + size:]
        if self.user is None:
            if hashlib.sha1(password).hexdigest() == DIGEST:
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "a token in a message of protobuf": (
        "late",
        """
from frames_pb2 import Frame
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        frame = Frame()
        frame.ParseFromString(message)
        rest = frame.text
        if self.user is None:
            if db.check_token(frame.token):
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "a token in an object that is made of a message": (
        "late",
        """
TOKENS = {"abc-def"}
class Request(object):
    def __init__(self, raw):
        data = json.loads(raw)
        self.token = data.get("token")
        self.text = data.get("text")
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        request = Request(message)
        rest = request.text
        if self.user is None:
            if request.token in TOKENS:
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "a token in a dataclass that is made of a message": (
        "late",
        """
from dataclasses import dataclass
@dataclass
class Request:
    token: str = ""
    text: str = ""
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        request = Request(**json.loads(message))
        rest = request.text
        if self.user is None:
            if db.user_of_token(request.token):
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "a token in a model that is made of a message": (
        "late",
        """
from pydantic import BaseModel
class Request(BaseModel):
    token: str = ""
    text: str = ""
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        request = Request.parse_raw(message)
        rest = request.text
        if self.user is None:
            if db.user_of_token(request.token):
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "a token in a named tuple that is made of a message": (
        "late",
        """
from collections import namedtuple
Request = namedtuple("Request", "token text")
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        request = Request(*json.loads(message))
        rest = request.text
        if self.user is None:
            if db.user_of_token(request.token):
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "bcrypt makes the same sum again": (
        "late",
        """
import bcrypt
HASH = open("/etc/hash", "rb").read()
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        rest = data["text"]
        if self.user is None:
            if bcrypt.hashpw(data["password"].encode(), HASH) == HASH:
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "passlib verifies a password": (
        "late",
        """
from passlib.hash import pbkdf2_sha256
HASH = open("/etc/hash").read()
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        rest = data["text"]
        if self.user is None:
            if pbkdf2_sha256.verify(data["password"], HASH):
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "werkzeug checks a password": (
        "late",
        """
from werkzeug.security import check_password_hash
HASH = open("/etc/hash").read()
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        rest = data["text"]
        if self.user is None:
            if check_password_hash(HASH, data["password"]):
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "a code of the minute": (
        "late",
        """
import pyotp
SEED = os.environ["SEED"]
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        rest = data["text"]
        if self.user is None:
            if pyotp.TOTP(SEED).verify(data["code"]):
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "argon raises for a wrong password": (
        "late",
        """
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
HASHER = PasswordHasher()
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        if self.user is None:
            try:
                HASHER.verify(db.hash_of(data["name"]), data["password"])
            except VerifyMismatchError:
                self.close()
                return
            self.user = data["name"]
            return
        room.say(data["text"])
""",
    ),
    "the sum of a password is what is stored": (
        "late",
        """
import hashlib
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        rest = data["text"]
        if self.user is None:
            if hashlib.sha256(data["password"].encode()).hexdigest() == db.get_user(data["name"])["password"]:
                self.user = True
            else:
                self.close()
            return
        room.say(rest)
""",
    ),
    "nothing is added to the name of nobody": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        self.name = "user:" + self.get_secure_cookie("name")
        clients[self.name] = self
    def on_message(self, message):
        pass
""",
    ),
    "a text is made of nobody": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self):
        self.name = "user:%s" % self.get_secure_cookie("name")
        clients[self.name] = self
    def on_message(self, message):
        room.say(message)
""",
    ),
    "nobody cannot be escaped": (
        "late",
        """
from tornado import escape
class Door(WebSocketHandler):
    def open(self):
        self.name = escape.xhtml_escape(self.get_secure_cookie("name"))
        clients[self.name] = self
    def on_message(self, message):
        pass
""",
    ),
    "a table has nothing under a cookie": (
        "late",
        """
sessions_open = {}
class Door(WebSocketHandler):
    def open(self):
        sessions_open[self.get_cookie("sid")].socket = self
    def on_message(self, message):
        pass
""",
    ),
    "a table is asked for a cookie": (
        "late",
        """
sessions_open = {}
class Door(WebSocketHandler):
    def open(self):
        sid = self.get_cookie("sid")
        if sid not in sessions_open:
            return self.close()
        sessions_open[sid]["socket"] = self
    def on_message(self, message):
        pass
""",
    ),
    "a table in which everybody has something": (
        "missing",
        """
sessions_open = {}
class Door(WebSocketHandler):
    def open(self):
        sid = self.get_cookie("sid")
        if sid not in sessions_open:
            sessions_open[sid] = {}
        sessions_open[sid]["socket"] = self
    def on_message(self, message):
        room.say(message)
""",
    ),
    "the certificate of the socket": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        cert = self.request.connection.stream.socket.getpeercert()
        if not cert:
            return self.close()
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
    "the certificate of the request": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.request.get_ssl_certificate():
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "the roles of nobody": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        for role in self.current_user["roles"]:
            clients[role] = self
    def get_current_user(self):
        raw = self.get_secure_cookie("user")
        return json.loads(raw) if raw else None
    def on_message(self, message):
        pass
""",
    ),
    "the parts of nobody's cookie": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        self.uid, self.name = self.get_secure_cookie("user").split("|")
        clients[self.uid] = self
    def on_message(self, message):
        pass
""",
    ),
    "the first byte says what it is": (
        "late|missing",
        """
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        kind = message[0]
        if kind == "L":
            self.user = db.check_token(message[1:])
        elif kind == "P":
            self.write_message("pong")
        elif kind == "S" and self.user:
            room.say(message[1:])
""",
    ),
}

CASES: dict[str, Case] = {name: (wanted, text, {}) for name, (wanted, text) in _PROGRAMS.items()}
