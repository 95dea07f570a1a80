"""Actions of authenticated clients: code that checks their permission, and code that only looks like it."""

__all__ = ["BASE", "CASES"]

BASE = """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)
"""

CASES: dict[str, tuple[str, str]] = {
    "table of functions, each asks": (
        "ok",
        """
def delete(user, data):
    if not user.is_admin:
        raise PermissionError
    db.delete_room(data["room"])
ACTIONS = {"delete": delete}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        ACTIONS[data["type"]](self.current_user, data)
""",
    ),
    "table with the role of each": (
        "ok",
        """
def delete(data): db.delete_room(data["room"])
ACTIONS = {"delete": ("admin", delete)}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        role, action = ACTIONS[data["type"]]
        if role not in db.roles_of(self.current_user):
            return
        action(data)
""",
    ),
    "registry by a decorator that asks": (
        "ok",
        """
ACTIONS = {}
def action(name, role):
    def wrap(f):
        def inner(handler, data):
            if role not in handler.current_user.roles:
                raise HTTPError(403)
            return f(handler, data)
        ACTIONS[name] = inner
        return inner
    return wrap
@action("delete", "admin")
def delete(handler, data):
    db.delete_room(data["room"])
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        ACTIONS[data["type"]](self, data)
""",
    ),
    "registry, asked before": (
        "ok",
        """
ACTIONS = {}
def action(name):
    def wrap(f):
        ACTIONS[name] = f
        return f
    return wrap
@action("delete")
def delete(handler, data):
    db.delete_room(data["room"])
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not db.may(self.current_user, data["type"]):
            return
        ACTIONS[data["type"]](self, data)
""",
    ),
    "getattr with a prefix": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        handler = getattr(self, "on_" + data["type"], None)
        if handler:
            handler(data)
    def on_delete(self, data):
        db.delete_room(data["room"])
""",
    ),
    "getattr with an f-string": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        getattr(self, f"on_{data['type']}")(data)
    def on_delete(self, data):
        db.delete_room(data["room"])
""",
    ),
    "getattr in an allow-list that only reads": (
        "ok",
        """
SAFE = {"ping", "time"}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] not in SAFE:
            return
        self.write_message(getattr(self, "do_" + data["type"])())
    def do_ping(self):
        return "pong"
    def do_time(self):
        return "now"
""",
    ),
    "getattr, asked before": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not self.application.acl.allows(self.current_user, data["type"]):
            return
        getattr(self, "do_" + data["type"])(data)
    def do_delete(self, data):
        db.delete_room(data["room"])
""",
    ),
    "getattr of a service": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        result = getattr(self.application.service, data["method"])(*data["args"])
        self.write_message(result)
""",
    ),
    "methodcaller": (
        "missing",
        """
import operator
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        self.write_message(operator.methodcaller(data["method"], *data["args"])(self.application.service))
""",
    ),
    "globals": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        globals()[data["function"]](data)
""",
    ),
    "match asked in the guard": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        match json.loads(message):
            case {"type": "delete", "room": room_id} if db.owns(self.current_user, room_id):
                db.delete_room(room_id)
""",
    ),
    "filter by owner": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        document = db.query(Document).filter(
            Document.id == data["id"], Document.owner == self.current_user
        ).first()
        if document is None:
            return
        document.text = data["text"]
        document.save()
""",
    ),
    "filter by owner, django": (
        "ok",
        """
from models import Document
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        document = Document.objects.get(id=data["id"], owner=self.current_user)
        document.delete()
""",
    ),
    "own collection, then filter": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        documents = db.documents.filter(owner=self.current_user)
        document = documents.get(id=data["id"])
        document.delete()
""",
    ),
    "the store is given the user": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        self.application.store.delete(self.current_user, data["id"])
""",
    ),
    "the store is given the user by word": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        self.application.store.delete(document=data["id"], user=self.current_user)
""",
    ),
    "the store of the user": (
        "ok",
        """
class Door(Base):
    def open(self):
        self.store = db.store_of(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        self.store.delete(data["id"])
""",
    ),
    "sql with the user": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        db.execute("delete from documents where id = ? and owner = ?", (data["id"], self.current_user))
""",
    ),
    "owner compared": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        document = db.document(data["id"])
        if document["owner"] != self.current_user:
            self.write_message("no")
            return
        document.delete()
""",
    ),
    "owner compared, result ignored": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        document = db.document(data["id"])
        if document["owner"] != self.current_user:
            print("not the owner")
        document.delete()
""",
    ),
    "owner compared by a helper": (
        "ok",
        """
class Door(Base):
    def mine(self, document_id):
        document = db.document(document_id)
        if document.owner_id != self.current_user:
            raise HTTPError(403)
        return document
    def on_message(self, message):
        data = json.loads(message)
        self.mine(data["id"]).delete()
""",
    ),
    "members of the room": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        channel = room.named(data["room"])
        if self.current_user in channel.members:
            channel.say(data["text"])
""",
    ),
    "helper that raises": (
        "ok",
        """
def require(user, room_id, right):
    if right not in db.rights_of(user, room_id):
        raise HTTPError(403)
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        require(self.current_user, data["room"], "write")
        room.say(data["room"], data["text"])
""",
    ),
    "helper whose answer is ignored": (
        "missing",
        """
class Door(Base):
    def allowed(self, room_id):
        return room_id in db.rooms_of(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        self.allowed(data["room"])
        room.say(data["room"], data["text"])
""",
    ),
    "role from the message": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["role"] != "admin":
            return
        db.delete_room(data["room"])
""",
    ),
    "admin flag from the message": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data.get("is_admin"):
            db.delete_room(data["room"])
""",
    ),
    "role in the session": (
        "ok",
        """
class Door(Base):
    def open(self):
        self.role = db.role_of(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        if self.role != "admin":
            return
        db.delete_room(data["room"])
""",
    ),
    "admin action by a string, asked": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        if message == "shutdown":
            if self.current_user != b"root":
                return
            self.application.server.stop()
""",
    ),
    "token in each message": (
        "ok",
        """
KEY = os.environ["KEY"]
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        claims = jwt.decode(data["token"], KEY, algorithms=["HS256"], audience="x")
        if "admin" not in claims["roles"]:
            return
        db.delete_room(data["room"])
""",
    ),
    "room from the token": (
        "ok",
        """
KEY = os.environ["KEY"]
class Door(WebSocketHandler):
    def prepare(self):
        self.claims = jwt.decode(self.get_argument("token"), KEY, algorithms=["HS256"], audience="x")
    def open(self):
        room.join(self.claims["room"], self)
    def on_message(self, message):
        room.say(self.claims["room"], message)
""",
    ),
    "decorator on the action": (
        "ok",
        """
from guards import requires
class Door(Base):
    @requires("admin")
    def delete(self, data):
        db.delete_room(data["room"])
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "delete":
            self.delete(data)
""",
    ),
    "decorator on the action, local": (
        "ok",
        """
def requires(role):
    def wrap(f):
        @functools.wraps(f)
        def inner(self, data):
            if role not in self.current_user.roles:
                return self.write_message("no")
            return f(self, data)
        return inner
    return wrap
class Door(Base):
    @requires("admin")
    def delete(self, data):
        db.delete_room(data["room"])
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "delete":
            self.delete(data)
""",
    ),
    "chat with its author": (
        "ok",
        """
class Door(Base):
    def open(self):
        clients.add(self)
    def on_message(self, message):
        for one in clients:
            one.write_message({"from": self.current_user, "text": message})
""",
    ),
    "private message to anyone": (
        "ok",
        """
people = {}
class Door(Base):
    def open(self):
        people[self.current_user] = self
    def on_message(self, message):
        data = json.loads(message)
        people[data["to"]].write_message({"from": self.current_user, "text": data["text"]})
""",
    ),
    "cursor position": (
        "ok",
        """
class Door(Base):
    def open(self):
        clients.add(self)
    def on_message(self, message):
        data = json.loads(message)
        for one in clients:
            if one is not self:
                one.write_message({"user": self.current_user, "x": data["x"], "y": data["y"]})
""",
    ),
    "search": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        page = int(data.get("page", 0))
        self.write_message({"page": page, "items": list(range(page))})
""",
    ),
    "validated by a schema": (
        "ok",
        """
import jsonschema
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        jsonschema.validate(data, {"type": "object"})
        self.write_message(data)
""",
    ),
    "parsed by a model": (
        "ok",
        """
from pydantic import BaseModel
class Ping(BaseModel):
    number: int
class Door(Base):
    def on_message(self, message):
        ping = Ping.model_validate_json(message)
        self.write_message({"number": ping.number})
""",
    ),
    "metrics": (
        "ok",
        """
import time
class Door(Base):
    def on_message(self, message):
        self.last_seen = time.time()
        self.application.statistics.count(len(message))
""",
    ),
    "own settings": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        db.preferences[self.current_user] = data
""",
    ),
    "heartbeat of own object": (
        "ok",
        """
class Door(Base):
    def open(self):
        self.me = db.user(self.current_user)
    def on_message(self, message):
        self.me.touch(message)
""",
    ),
    "ignored address": (
        "ok",
        """
class Door(Base):
    def open(self, path=None):
        clients.add(self)
""",
    ),
    "proxy to one upstream": (
        "ok",
        """
from tornado.websocket import websocket_connect
class Door(Base):
    async def open(self):
        self.upstream = await websocket_connect("ws://127.0.0.1:9000")
    def on_message(self, message):
        self.upstream.write_message(message)
""",
    ),
    "mixin asks in prepare": (
        "ok",
        """
class RoomMember:
    def prepare(self):
        super().prepare()
        if self.path_args[0] not in db.rooms_of(self.current_user):
            raise HTTPError(403)
class Door(RoomMember, Base):
    def open(self, name):
        room.join(name, self)
""",
    ),
    "asked in get": (
        "ok",
        """
class Door(Base):
    async def get(self, name):
        if not await db.is_member(self.current_user, name):
            raise HTTPError(403)
        await super().get(name)
    def open(self, name):
        room.join(name, self)
""",
    ),
    "superusers only in prepare": (
        "ok",
        """
class Door(Base):
    def prepare(self):
        super().prepare()
        if not db.user(self.current_user).is_superuser:
            raise HTTPError(403)
    def on_message(self, message):
        data = json.loads(message)
        db.delete_room(data["room"])
""",
    ),
}
