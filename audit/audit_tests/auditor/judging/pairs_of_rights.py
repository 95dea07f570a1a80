"""Pairs of programs that differ in one line: with it the client's right is checked, without it is not.

A line that ends with `#+` stands only in the guarded program, one that ends with `#-` only in the broken one.
"""

__all__ = ["PAIRS", "SILENT", "broken", "guarded"]

HEAD = """
import asyncio, functools, json, sqlite3
from dataclasses import dataclass, field
from tornado import web, websocket
from tornado.web import Application, HTTPError, RequestHandler, authenticated
from tornado.websocket import WebSocketHandler

class Base(WebSocketHandler):
    def get_current_user(self):
        value = self.get_signed_cookie("user")
        return value.decode() if value else None
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)
"""


def guarded(text: str) -> str:
    """The program in which the right is checked."""
    return _without(text, "#-")


def broken(text: str) -> str:
    """The program in which it is not."""
    return _without(text, "#+")


def _without(text: str, mark: str) -> str:
    lines = [line for line in (HEAD + text).splitlines() if not line.endswith(mark)]
    return "\n".join(line.removesuffix("#+").removesuffix("#-").rstrip() for line in lines) + "\n"


PAIRS: dict[str, str] = {
    "owner of a document": """
DOCS = {}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["do"] == "create":
            DOCS[data["id"]] = {"owner": self.current_user, "text": ""}
        elif data["do"] == "edit":
            doc = DOCS[data["id"]]
            if doc["owner"] != self.current_user:  #+
                return  #+
            doc["text"] = data["text"]
""",
    "a case of a match refuses": """
DOCS = {}
class Door(Base):
    def mine(self, number):
        return DOCS[number]["owner"] == self.current_user
    def on_message(self, message):
        match json.loads(message):
            case {"do": "new", "doc": int(number)}:
                DOCS[number] = {"owner": self.current_user, "text": ""}
            case {"do": "edit" | "clear", "doc": int(number)} if not self.mine(number):  #+
                self.write_message("no")  #+
            case {"do": "edit", "doc": int(number)} if not self.mine(number):  #-
                self.write_message("no")  #-
            case {"do": "edit", "doc": int(other), "text": str(text)}:
                DOCS[other]["text"] = text
            case {"do": "clear", "doc": int(other)}:
                DOCS[other]["text"] = ""
""",
    "a text escapes the case for numbers": """
DOCS = {}
class Door(Base):
    def mine(self, number):
        return DOCS[number]["owner"] == self.current_user
    def on_message(self, message):
        match json.loads(message):
            case {"do": "new", "doc": number}:
                DOCS[number] = {"owner": self.current_user, "text": ""}
            case {"do": "edit", "doc": number} if not self.mine(number):  #+
                self.write_message("no")  #+
            case {"do": "edit", "doc": int(number)} if not self.mine(number):  #-
                self.write_message("no")  #-
            case {"do": "edit", "doc": number}:
                DOCS[number]["text"] = ""
""",
    "an entry of an owned list is deleted": """
BOOKS = {}
class Door(Base):
    def book(self, number):
        return BOOKS.get(number)
    def own(self, number):
        book = self.book(number)
        return None if book is None or book["owner"] != self.current_user else book
    def on_message(self, message):
        data = json.loads(message)
        book = self.own(data["book"])  #+
        book = self.book(data["book"])  #-
        if book is not None:
            del book["pages"][int(data["page"])]
""",
    "sibling asks for a role": """
from store import rooms, roles
class Door(Base):
    def open(self):
        self.role = roles.of(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        if data["do"] == "delete":
            if self.role != "admin":
                self.write_message("no")
                return
            rooms.delete(data["room"])
        elif data["do"] == "rename":
            if self.role != "admin":  #+
                return  #+
            rooms.rename(data["room"], data["name"])
""",
    "helper raises": """
from store import db
class Forbidden(Exception):
    pass
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        getattr_table = {"read": self.read, "drop": self.drop}
        try:
            getattr_table[data["verb"]](data)
        except Forbidden:
            self.write_message({"error": 403})
    def _require_owner(self, key):
        row = db.execute("SELECT owner FROM notes WHERE id = ?", (key,)).fetchone()
        if row is None or row[0] != self.current_user:
            raise Forbidden(key)
    def read(self, data):
        self._require_owner(data["note"])
        text = db.execute("SELECT body FROM notes WHERE id = ?", (data["note"],)).fetchone()
        self.write_message({"body": text[0]})
    def drop(self, data):
        self._require_owner(data["note"])  #+
        db.execute("DELETE FROM notes WHERE id = ?", (data["note"],))
""",
    "check after the effect": """
class Job:
    def __init__(self, owner):
        self.owner = owner
        self.running = True
    def cancel(self):
        self.running = False
JOBS = {}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data.get("op") == "start":
            JOBS[data["id"]] = Job(self.current_user)
            return
        job = JOBS.get(data["id"])
        if job is None:
            return
        job.cancel()  #-
        if job.owner != self.current_user:
            self.close(4403)
            return
        job.cancel()  #+
        self.write_message("cancelled")
""",
    "result ignored": """
from policy import allows
from store import documents
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        ok = allows(self.current_user, "write", data["document"])
        if not ok:  #+
            raise HTTPError(403)  #+
        documents[data["document"]].text = data["text"]
""",
    "another object": """
from store import boards, cards
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        board = boards.get(data["board"])
        if self.current_user not in board.members:
            return
        card = board.cards[data["card"]]  #+
        card = cards[data["card"]]  #-
        card.title = data["title"]
        card.save()
""",
    "look-up takes the user": """
from store import session, Invoice
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "list":
            mine = session.query(Invoice).filter_by(owner=self.current_user).all()
            self.write_message({"invoices": [one.number for one in mine]})
        elif data["type"] == "void":
            invoice = session.query(Invoice).filter_by(id=data["id"], owner=self.current_user).one()  #+
            invoice = session.query(Invoice).filter_by(id=data["id"]).one()  #-
            invoice.state = "void"
            session.commit()
""",
    "table by principal": """
DRAFTS = {}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["do"] == "save":
            DRAFTS.setdefault(self.current_user, {})[data["id"]] = data["text"]
        elif data["do"] == "load":
            text = DRAFTS[self.current_user][data["id"]]  #+
            text = DRAFTS[data["author"]][data["id"]]  #-
            self.write_message({"text": text})
""",
    "decorator": """
def role(name):
    def wrap(method):
        @functools.wraps(method)
        def inner(self, data):
            if name not in self.application.roles_of(self.current_user):
                self.write_message({"error": "forbidden"})
                return None
            return method(self, data)
        return inner
    return wrap
class Door(Base):
    def initialize(self, devices):
        self.devices = devices
    @role("operator")
    def handle_reboot(self, data):
        self.devices.reboot(data["device"])
    @role("operator")  #+
    def handle_reset(self, data):
        self.devices.reset(data["device"])
    def on_message(self, message):
        data = json.loads(message)
        handlers = {"reboot": self.handle_reboot, "reset": self.handle_reset}
        handler = handlers.get(data["kind"])
        if handler is not None:
            handler(data)
""",
    "one branch only": """
from store import repository
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        page = repository.load(data["page"])
        if data.get("minor"):  #-
            repository.store(page, data["text"])  #-
            return  #-
        if self.current_user not in page.editors:
            self.write_message("forbidden")
            return
        repository.store(page, data["text"])
""",
    "role from the message": """
from store import accounts, roles
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["verb"] == "restore":
            if roles.get(self.current_user) != "admin":
                return
            accounts.restore(data["account"])
        elif data["verb"] == "suspend":
            role = roles.get(self.current_user)  #+
            role = data["role"]  #-
            if role != "admin":
                self.write_message("admins only")
                return
            accounts.suspend(data["account"])
""",
    "membership in a tenant": """
class Sensors:
    def __init__(self):
        self.rows = {}
    def write(self, tenant, key, value):
        self.rows[(tenant, key)] = value
    def read(self, tenant, key):
        return self.rows[(tenant, key)]
sensors = Sensors()
class Door(Base):
    def tenant(self):
        return self.application.directory.tenant_of(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "read":
            self.write_message(sensors.read(self.tenant(), data["key"]))
        else:
            tenant = self.tenant()  #+
            tenant = data["tenant"]  #-
            sensors.write(tenant, data["key"], data["value"])
""",
    "policy object": """
from files import Files
class Policy:
    def __init__(self, grants):
        self.grants = grants
    def check(self, who, what):
        if who not in self.grants.get(what, ()):
            raise PermissionError(what)
class Door(Base):
    def initialize(self, policy, files):
        self.policy, self.files = policy, files
    def on_message(self, message):
        data = json.loads(message)
        self.policy.check(self.current_user, data["path"])  #+
        self.files.remove(data["path"])
class List(Base):
    def initialize(self, policy, files):
        self.policy, self.files = policy, files
    def on_message(self, message):
        data = json.loads(message)
        self.policy.check(self.current_user, data["path"])
        self.write_message(self.files.read(data["path"]))
def make():
    parts = {"policy": Policy({}), "files": Files()}
    return Application([("/door", Door, parts), ("/list", List, parts)])
""",
    "joined in open": """
from store import channels
class Door(Base):
    def open(self, name):
        channel = channels.find(name)
        if not channel.is_member(self.current_user):  #+
            self.close(4403, "not a member")  #+
            return  #+
        channel.listeners.add(self)
        self.channel = channel
    def on_message(self, message):
        if not self.channel.is_member(self.current_user):
            return
        for one in self.channel.listeners:
            one.write_message(message)
""",
    "compared with what the message says": """
from store import orders
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        order = orders.fetch(data["order"])
        if order.customer != self.current_user:  #+
        if order.customer != data["customer"]:  #-
            self.write_message("not yours")
            return
        order.cancel()
    def open(self):
        for one in orders.of(customer=self.current_user):
            self.write_message(one.to_json())
""",
    "match statement": """
@dataclass
class Game:
    host: str
    players: set = field(default_factory=set)
    state: str = "open"
GAMES: dict[str, Game] = {}
class Door(Base):
    async def on_message(self, message):
        match json.loads(message):
            case {"type": "new", "game": name}:
                GAMES[name] = Game(host=self.current_user)
            case {"type": "join", "game": name}:
                GAMES[name].players.add(self.current_user)
            case {"type": "start", "game": name} if GAMES[name].host == self.current_user:
                GAMES[name].state = "running"
            case {"type": "abort", "game": name} if GAMES[name].host == self.current_user:  #+
            case {"type": "abort", "game": name}:  #-
                GAMES[name].state = "aborted"
""",
    "sql with the tenant": """
class Door(Base):
    def open(self):
        self.db = sqlite3.connect("app.db")
        self.org = self.db.execute("select org from people where name = ?", (self.current_user,))
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "show":
            rows = self.db.execute("select * from tickets where id = ? and org = ?", (data["id"], self.org))
            self.write_message({"rows": rows.fetchall()})
        else:
            of_org = (data["state"], data["id"], self.org)
            by_id = (data["state"], data["id"])
            self.db.execute("update tickets set state = ? where id = ? and org = ?", of_org)  #+
            self.db.execute("update tickets set state = ? where id = ?", by_id)  #-
            self.db.commit()
""",
    "swallowed refusal": """
from policy import require
from store import wiki
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        try:
            require(self.current_user, data["page"], "edit")
        except PermissionError:
            self.write_message("no")
            return  #+
        wiki.write(data["page"], data["text"])
""",
    "address names the object": """
from store import documents
class Door(Base):
    async def get(self, key):
        doc = await documents.load(key)
        if self.current_user not in doc.readers:
            raise HTTPError(404)
        await super().get(key)
    async def open(self, key):
        self.key = key
        self.write_message((await documents.load(key)).text)
    async def on_message(self, message):
        doc = await documents.load(self.key)  #+
        doc = await documents.load(json.loads(message)["key"])  #-
        doc.text = json.loads(message)["text"]
        await doc.save()
""",
}

SILENT: dict[str, str] = {
    "a chat without rights": """
ROOMS = {}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "join":
            ROOMS.setdefault(data["room"], set()).add(self)
        elif data["type"] == "say":
            for one in ROOMS[data["room"]]:
                one.write_message({"from": self.current_user, "text": data["text"]})
    def on_close(self):
        for one in ROOMS.values():
            one.discard(self)
""",
    "the message's own dictionary": """
from store import db
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        kind = data.pop("kind")
        data.update({"user": self.current_user})
        data.setdefault("at", 0)
        if kind == "admin" and db.role(self.current_user) == "admin":
            db.purge(data["room"])
        self.write_message(data)
""",
    "a cache that feeds the check": """
from store import db
CACHE = {}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        key = data["document"]
        if key not in CACHE:
            CACHE[key] = db.owner_of(key)
        if CACHE[key] != self.current_user:
            return
        db.delete(key)
""",
    "a key of the connection": """
from store import redis
class Door(Base):
    def open(self, room):
        self.key = f"presence:{self.current_user}"
        redis.set(self.key, "here")
        self.room = room
    def on_message(self, message):
        data = json.loads(message)
        redis.hset(self.key, data["field"], data["value"])
        if data.get("kick") and redis.sismember("admins", self.current_user):
            redis.delete("presence:" + data["kick"])
""",
    "a log table": """
class Door(Base):
    def initialize(self, db):
        self.db = db
    def on_message(self, message):
        data = json.loads(message)
        self.db.execute("INSERT INTO audit (who, what, target) VALUES (?, ?, ?)",
                        (self.current_user, data["op"], data["id"]))
        row = self.db.execute("SELECT owner FROM notes WHERE id = ?", (data["id"],)).fetchone()
        if row["owner"] != self.current_user:
            self.write_message("forbidden")
            return
        self.db.execute("DELETE FROM notes WHERE id = ?", (data["id"],))
""",
    "everybody may do everything": """
from store import lamps
class Door(Base):
    def on_message(self, message):
        line = json.loads(message)["line"]
        lamps[line].switch(True)
""",
    "own state of the connection": """
from store import roles
class Door(Base):
    def open(self):
        self.filters = {}
        self.subscribed = set()
        self.page = 1
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "filter":
            self.filters[data["name"]] = data["value"]
        elif data["op"] == "subscribe":
            self.subscribed.add(data["topic"])
        elif data["op"] == "page":
            self.page = int(data["page"])
        elif data["op"] == "stop" and roles.of(self.current_user) == "admin":
            self.application.stop(data["service"])
""",
    "asked before the 101": """
from policy import may
from store import documents
class Door(Base):
    async def get(self, key):
        if not await may(self.current_user, key):
            raise HTTPError(403)
        await super().get(key)
    def open(self, key):
        self.document = documents[key]
        self.document.watchers.add(self)
    def on_message(self, message):
        data = json.loads(message)
        self.document.replace(data["from"], data["to"], data["text"])
""",
    "a room that the client was let into": """
from store import rooms
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["do"] == "enter":
            room = rooms.get(data["room"])
            if self.current_user not in room.guests:
                return
            self.room = room
            room.sockets.add(self)
        elif data["do"] == "say" and self.room is not None:
            self.room.history.append(data["text"])
            for one in self.room.sockets:
                one.write_message(data["text"])
    room = None
""",
    "nobody is asked who it is": """
from store import rooms
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        rooms.delete(data["room"])
""",
}
