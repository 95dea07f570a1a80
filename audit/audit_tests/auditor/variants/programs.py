"""Whole programs in which a client triggers an action: each with a hole, and beside it a sound twin.

`@@` marks the difference of the two. `MEMBERS` are of authenticated clients, `ANYBODY` of unauthenticated
ones: there the twin does something that needs no permission.
"""

__all__ = ["ANYBODY", "MEMBERS"]

_Pair = tuple[str, str, str]
"""The program, what stands in it where there is a hole, and what stands there in its twin."""

_MEMBERS: dict[str, _Pair] = {
    "thermostat": (
        """
class Device:
    def __init__(self, name, owner):
        self.name, self.owner, self.target = name, owner, 20
    def set_target(self, degrees):
        self.target = degrees
class Hub:
    def __init__(self):
        self.devices = {}
    def load(self):
        for row in db.devices.all():
            self.devices[row.name] = Device(row.name, row.owner)
hub = Hub()
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        device = hub.devices.get(data["device"])
        if device is None:
            self.write_message({"error": "no such device"})
            return
        @@
        device.set_target(float(data["target"]))
        self.write_message({"ok": True})
""",
        "pass",
        """if device.owner != self.current_user:
            self.write_message({"error": "not yours"})
            return""",
    ),
    "order of an object mapper": (
        """
from models import Order
class Door(Base):
    def on_message(self, message):
        payload = json.loads(message)
        if payload["action"] == "cancel":
            try:
                order = Order.objects.get(@@)
            except Order.DoesNotExist:
                self.write_message("unknown order")
            else:
                order.cancel()
""",
        'id=payload["order_id"]',
        'id=payload["order_id"], customer=self.current_user',
    ),
    "player is kicked": (
        """
class Game:
    def __init__(self, host):
        self.host = host
        self.players = {}
    def kick(self, name):
        player = self.players.pop(name, None)
        if player:
            player.close()
class Registry:
    _instance = None
    def __init__(self):
        self.games = {}
    @classmethod
    def instance(cls):
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance
    def find(self, name):
        return self.games.get(name)
class Door(Base):
    def on_kick(self, data):
        game = Registry.instance().find(data["game"])
        if game is None:
            return
        @@
        game.kick(data["player"])
    def on_message(self, message):
        data = json.loads(message)
        if data["event"] == "kick":
            self.on_kick(data)
""",
        "pass",
        """if game.host != self.current_user:
            return self.write_message({"error": "only the host may kick"})""",
    ),
    "room is closed": (
        """
class Door(Base):
    def on_message(self, message):
        command, _, name = message.partition(" ")
        rooms = self.application.rooms
        if command == "/close" and name in rooms:
            @@
            for member in list(rooms[name].members):
                member.close()
            del rooms[name]
""",
        "pass",
        """if self.current_user not in rooms[name].operators:
                self.write_message("you are no operator")
                return""",
    ),
    "account in a pool": (
        """
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        async with self.application.pool.acquire() as connection:
            await connection.execute("UPDATE accounts SET email = $1 WHERE id = $2", data["email"], @@)
        self.write_message("changed")
""",
        'data["id"]',
        "self.current_user.id",
    ),
    "file of a name": (
        """
import aiofiles
ROOT = "/srv/files"
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        path = os.path.join(ROOT, @@)
        async with aiofiles.open(path, "w") as file:
            await file.write(data["content"])
""",
        'os.path.basename(data["name"])',
        'self.current_user, os.path.basename(data["name"])',
    ),
    "job is revoked": (
        """
from celery.result import AsyncResult
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        @@
        AsyncResult(data["job"]).revoke(terminate=True)
""",
        "pass",
        """if data["job"] not in db.jobs_of(self.current_user):
            self.write_message("unknown job")
            return""",
    ),
    "configuration": (
        """
import configparser
config = configparser.ConfigParser()
config.read("server.ini")
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        @@
        config.set(data["section"], data["key"], data["value"])
        with open("server.ini", "w") as file:
            config.write(file)
""",
        "pass",
        """user = db.users.get(self.current_user)
        if not user.is_superuser:
            self.write_message({"error": "forbidden"})
            return""",
    ),
    "refund": (
        """
import stripe
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        @@
        stripe.Refund.create(charge=data["charge"])
""",
        "pass",
        """charge = stripe.Charge.retrieve(data["charge"])
        if charge.customer != self.current_user:
            raise ValueError("not your charge")""",
    ),
    "mail is deleted": (
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        box = db.mailboxes.find_one({"name": @@})
        box.delete(data["uid"])
""",
        'data["box"]',
        "self.current_user",
    ),
    "cell is run": (
        """
class Cell:
    def __init__(self, source):
        self.source = source
class Session:
    def __init__(self, user):
        self.user = user
        self.cells = {}
    async def run(self, number):
        await kernel.execute(self.cells[number].source)
from elsewhere import kernel
SESSIONS = {}
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        session = SESSIONS.get(data["session"])
        @@
        await session.run(data["cell"])
""",
        "pass",
        """if session is None or session.user != self.current_user:
            self.write_message("no such session")
            return""",
    ),
    "presence in redis": (
        """
import redis
store = redis.Redis()
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        store.setex("presence:%s" % @@, 30, data["state"])
""",
        'data["user"]',
        "self.current_user",
    ),
    "ban": (
        """
BANNED = set()
MODERATORS = {"ann", "bob"}
def ban(nick):
    BANNED.add(nick)
    for one in list(clients):
        if one.nick == nick:
            one.close()
class Door(Base):
    def open(self):
        self.nick = self.current_user
        clients.add(self)
    def on_message(self, message):
        if message.startswith("/ban "):
            @@
            ban(message[5:].strip())
        else:
            for one in clients:
                one.write_message({"from": self.nick, "text": message})
""",
        "pass",
        """if self.nick not in MODERATORS:
                self.write_message("you may not ban")
                return""",
    ),
    "match statement": (
        """
class Door(Base):
    async def on_message(self, message):
        match json.loads(message):
            case {"type": "ping"}:
                self.write_message({"type": "pong"})
            case {"type": "remove", "post": post}:
                @@
                await db.posts.delete(post)
            case _:
                self.write_message({"type": "error"})
""",
        "pass",
        """if not await db.posts.is_author(post, self.current_user):
                    return self.write_message({"type": "denied"})""",
    ),
    "registry of commands": (
        """
COMMANDS = {}
def command(name):
    def register(function):
        COMMANDS[name] = function
        return function
    return register
@command("list")
async def list_hosts(handler, data):
    handler.write_message({"hosts": ["a", "b"]})
@command("reboot")
async def reboot(handler, data):
    @@
    await db.hosts.reboot(data["host"])
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        await COMMANDS[data["command"]](self, data)
""",
        "pass",
        """if not handler.current_user.can("reboot", data["host"]):
        raise PermissionError(data["host"])""",
    ),
    "dataclasses of messages": (
        """
from dataclasses import dataclass
@dataclass
class Say:
    text: str
@dataclass
class Archive:
    project: str
KINDS = {"say": Say, "archive": Archive}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        event = KINDS[data.pop("kind")](**data)
        if isinstance(event, Say):
            self.write_message(event.text)
        elif isinstance(event, Archive):
            self.archive(event)
    def archive(self, event):
        project = db.projects.get(event.project)
        @@
        project.archive()
""",
        "pass",
        """if project.owner_id != self.current_user.id:
            return self.close(4403, "forbidden")""",
    ),
    "enumeration of actions": (
        """
import enum
class Action(enum.Enum):
    JOIN = "join"
    DROP = "drop"
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        action = Action(data["action"])
        if action is Action.JOIN:
            self.write_message("welcome")
        elif action is Action.DROP:
            @@
            db.tables.drop(data["table"])
""",
        "pass",
        """if "owner" not in db.roles(self.current_user, data["table"]):
                return""",
    ),
    "rows of a session": (
        """
from models import Session, Task
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        with Session() as session:
            session.query(Task).filter_by(@@).delete()
            session.commit()
""",
        'id=data["id"]',
        'id=data["id"], owner=self.current_user',
    ),
    "rows of a query that is built": (
        """
from models import Task
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        Task.delete().where(@@).execute()
""",
        'Task.id == data["id"]',
        '(Task.id == data["id"]) & (Task.owner == self.current_user)',
    ),
    "document that is found and updated": (
        """
from bson import ObjectId
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        await db.tasks.find_one_and_update(@@, {"$set": {"done": data["done"]}})
""",
        '{"_id": ObjectId(data["id"])}',
        '{"_id": ObjectId(data["id"]), "owner": self.current_user}',
    ),
    "decorator of a method": (
        """
def only_for(role):
    def around(method):
        @functools.wraps(method)
        def wrapper(self, *args, **kwargs):
            if db.role(self.current_user) != role:
                self.write_message({"error": "forbidden"})
                return None
            return method(self, *args, **kwargs)
        return wrapper
    return around
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        getattr(self, "do_" + data["do"])(data)
    def do_ping(self, data):
        self.write_message("pong")
    @@
    def do_wipe(self, data):
        db.volumes.wipe(data["volume"])
""",
        "# anybody",
        '@only_for("operator")',
    ),
    "document of the address": (
        """
class Document:
    def __init__(self, title):
        self.title, self.clients, self.readers = title, set(), set()
    def shared_with(self, user):
        return user in self.readers
docs = {}
class Door(Base):
    def open(self, key):
        document = docs.get(key)
        if document is None:
            self.close(4404)
            return
        @@
        document.clients.add(self)
        self.document = document
    def on_message(self, message):
        for one in self.document.clients:
            one.write_message(message)
""",
        "pass",
        """if not document.shared_with(self.current_user):
            self.close(4403)
            return""",
    ),
    "helper that answers": (
        """
class Door(Base):
    def allowed(self, channel):
        if self.current_user in db.channels[channel].writers:
            return True
        self.write_message({"error": "read only"})
        return False
    def on_message(self, message):
        data = json.loads(message)
        if @@:
            db.channels[data["channel"]].topic = data["topic"]
""",
        'data["topic"]',
        'self.allowed(data["channel"])',
    ),
    "service": (
        """
class Denied(Exception):
    pass
class Service:
    def __init__(self, store):
        self.store = store
    def remove(self, user, key):
        thing = self.store.things.get(key)
        @@
        self.store.things.remove(key)
class Door(Base):
    def initialize(self):
        self.service = Service(db)
    def on_message(self, message):
        data = json.loads(message)
        try:
            self.service.remove(self.current_user, data["thing"])
        except Denied:
            self.write_message("denied")
""",
        "print(user, thing)",
        """if thing.owner != user:
            raise Denied(key)""",
    ),
    "leave to the page": (
        """
class Door(Base):
    def check(self, data):
        @@
    def on_message(self, message):
        data = json.loads(message)
        if not self.check(data):
            return
        db.invoices.delete(data["invoice"])
""",
        'return isinstance(data["invoice"], int)',
        'return db.invoices.get(data["invoice"]).company == self.current_user.company',
    ),
    "command pattern": (
        """
from abc import ABC, abstractmethod
class Command(ABC):
    def __init__(self, handler, data):
        self.handler, self.data = handler, data
    @abstractmethod
    def execute(self): ...
class Rename(Command):
    def execute(self):
        @@
        db.channels.rename(self.data["channel"], self.data["name"])
class Quit(Command):
    def execute(self):
        self.handler.close()
COMMANDS = {one.__name__.lower(): one for one in (Rename, Quit)}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        COMMANDS[data["cmd"]](self, data).execute()
""",
        "pass",
        """if db.channels.owner(self.data["channel"]) != self.handler.current_user:
            raise PermissionError""",
    ),
    "pydantic union": (
        """
from typing import Literal, Union, Annotated
from pydantic import BaseModel, Field, TypeAdapter
class Delete(BaseModel):
    kind: Literal["delete"]
    note: int
class Read(BaseModel):
    kind: Literal["read"]
Message = TypeAdapter(Annotated[Union[Delete, Read], Field(discriminator="kind")])
class Door(Base):
    async def on_message(self, message):
        request = Message.validate_json(message)
        if isinstance(request, Delete):
            @@
            await db.notes.delete(request.note)
        else:
            self.write_message({"notes": await db.notes.of(self.current_user)})
""",
        "pass",
        """note = await db.notes.get(request.note)
            if note.author != self.current_user:
                return self.write_message({"error": "not yours"})""",
    ),
    "event emitter": (
        """
class Emitter:
    def __init__(self):
        self.listeners = {}
    def on(self, name, function):
        self.listeners.setdefault(name, []).append(function)
    def emit(self, name, *args):
        for function in self.listeners.get(name, []):
            function(*args)
emitter = Emitter()
def drop_list(user, data):
    @@
    db.lists.drop(data["list"])
emitter.on("drop", drop_list)
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        emitter.emit(data["event"], self.current_user, data)
""",
        "pass",
        """if user not in db.lists.members(data["list"]):
        return""",
    ),
    "queue and worker": (
        """
tasks = asyncio.Queue()
async def worker():
    while True:
        user, data = await tasks.get()
        @@
        await db.builds.cancel(data["build"])
class Door(Base):
    async def on_message(self, message):
        await tasks.put((self.current_user, json.loads(message)))
async def main():
    application = Application([("/ws", Door)])
    application.listen(8888)
    asyncio.create_task(worker())
    await asyncio.Event().wait()
asyncio.run(main())
""",
        "pass",
        """if (await db.builds.get(data["build"])).owner != user:
            continue""",
    ),
    "tortoise": (
        """
from models import Board
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        board = await Board.get_or_none(@@)
        if board is None:
            return
        board.title = data["title"]
        await board.save()
""",
        'id=data["board"]',
        'id=data["board"], owner__name=self.current_user',
    ),
    "flag of a row": (
        """
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        row = await db.fetchrow("select * from documents where id = $1", data["id"])
        if row is None:
            self.write_message({"error": 404})
            return
        @@
        await db.execute("update documents set body = $1 where id = $2", data["body"], data["id"])
""",
        "pass",
        """if row["owner"] != self.current_user and not row["public"]:
            self.write_message({"error": 403})
            return""",
    ),
    "user of a session object": (
        """
class Person:
    def __init__(self, row):
        self.name, self.groups = row["name"], row["groups"]
    def may(self, what, group):
        return group in self.groups and what in ("read", "write")
class Door(Base):
    async def open(self):
        self.person = Person(await db.people.find_one({"name": self.current_user}))
    async def on_message(self, message):
        data = json.loads(message)
        @@
        await db.groups.post(data["group"], self.person.name, data["text"])
        await db.groups.pin(data["group"], data["post"])
""",
        "pass",
        """if not self.person.may("write", data["group"]):
            return self.write_message("forbidden")""",
    ),
    "cached membership": (
        """
class Door(Base):
    async def open(self):
        self.mine = {row["id"] async for row in db.projects.find({"members": self.current_user})}
    async def on_message(self, message):
        data = json.loads(message)
        @@
        await db.projects.delete_one({"_id": data["project"]})
""",
        "pass",
        """if data["project"] not in self.mine:
            return""",
    ),
    "subscription to a channel": (
        """
import redis.asyncio as redis
class Door(Base):
    async def open(self):
        self.pubsub = redis.Redis().pubsub()
    async def on_message(self, message):
        data = json.loads(message)
        @@
        await self.pubsub.subscribe("project:%s" % data["project"])
        asyncio.create_task(self.forward())
    async def forward(self):
        async for item in self.pubsub.listen():
            self.write_message(item["data"])
""",
        "pass",
        """if not await db.is_member(data["project"], self.current_user):
            return""",
    ),
    "kernel of the address": (
        """
kernels = {}
def started(kernel):
    kernels[kernel.id] = kernel
class Door(Base):
    def open(self, kernel_id):
        self.kernel = kernels.get(kernel_id)
        @@
    def on_message(self, message):
        self.kernel.execute(json.loads(message)["code"])
""",
        "pass",
        """if self.kernel is None or self.kernel.user != self.current_user:
            self.close(4403)
            raise HTTPError(403)""",
    ),
    "role asked at login only for some": (
        """
class Door(Base):
    def open(self):
        self.role = db.role_of(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "publish":
            @@
            db.articles.publish(data["article"])
        elif data["op"] == "draft":
            db.drafts.insert({"author": self.current_user, "text": data["text"]})
""",
        "pass",
        """if self.role != "editor":
                return self.write_message("only editors")""",
    ),
    "table of required roles": (
        """
NEEDED = {"stop": "operator", "status": "viewer"}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        @@
        getattr(self, "run_" + data["op"])(data)
    def run_stop(self, data):
        db.machines.stop(data["machine"])
    def run_status(self, data):
        self.write_message(db.machines.status(data["machine"]))
""",
        "print(NEEDED[data['op']])",
        """if NEEDED[data["op"]] not in db.roles(self.current_user):
            return self.write_message("denied")""",
    ),
    "casbin": (
        """
import casbin
enforcer = casbin.Enforcer("model.conf", "policy.csv")
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        @@
        db.reports.delete(data["report"])
""",
        "pass",
        """if not enforcer.enforce(self.current_user, data["report"], "delete"):
            return""",
    ),
    "scope of a token": (
        """
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.claims = jwt.decode(self.get_argument("token"), os.environ["KEY"], algorithms=["HS256"])
        except jwt.InvalidTokenError:
            raise HTTPError(401)
    def on_message(self, message):
        data = json.loads(message)
        @@
        db.devices.reset(data["device"])
""",
        "pass",
        """if "devices:write" not in self.claims["scope"].split():
            return self.write_message("insufficient scope")""",
    ),
    "upload in pieces": (
        """
class Door(Base):
    def open(self):
        self.file = None
    def on_message(self, message):
        if self.file is None:
            head = json.loads(message)
            @@
        else:
            self.file.write(message)
""",
        'self.file = open("uploads/" + head["name"], "wb")',
        'self.file = open(os.path.join("uploads", self.current_user, os.path.basename(head["name"])), "wb")',
    ),
    "kick with exceptions": (
        """
class Forbidden(Exception): pass
class Room:
    def __init__(self):
        self.members, self.admins = {}, set()
    def require_admin(self, user):
        if user not in self.admins:
            raise Forbidden(user)
    def kick(self, name):
        self.members.pop(name).close()
rooms = {}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = rooms[data["room"]]
        try:
            @@
            room.kick(data["name"])
        except Forbidden:
            self.write_message({"error": "forbidden"})
""",
        "pass",
        "room.require_admin(self.current_user)",
    ),
    "kick after a swallowed question": (
        """
class Room:
    def __init__(self):
        self.members, self.admins = {}, set()
    def is_admin(self, user):
        return user in self.admins
    def kick(self, name):
        self.members.pop(name).close()
rooms = {}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = rooms[data["room"]]
        if not room.is_admin(self.current_user):
            self.write_message({"error": "forbidden"})
            @@
        room.kick(data["name"])
""",
        "print(data)",
        "return",
    ),
    "object registry by decorator": (
        """
class Router:
    def __init__(self):
        self.routes = {}
    def on(self, name):
        def around(function):
            self.routes[name] = function
            return function
        return around
    async def dispatch(self, handler, data):
        route = self.routes.get(data["type"])
        if route is None:
            handler.write_message("unknown")
            return
        await route(handler, data)
router = Router()
@router.on("list")
async def list_all(handler, data):
    handler.write_message({"lists": 3})
@router.on("drop")
async def drop(handler, data):
    @@
    await db.lists.drop(data["list"])
class Door(Base):
    async def on_message(self, message):
        await router.dispatch(self, json.loads(message))
""",
        "pass",
        """if handler.current_user not in await db.lists.owners(data["list"]):
        return""",
    ),
    "object registry by call": (
        """
class Commands:
    def __init__(self):
        self.known = {}
    def register(self, name, function):
        self.known[name] = function
    def run(self, name, *args):
        return self.known[name](*args)
commands = Commands()
def drop(user, data):
    @@
    db.lists.drop(data["list"])
commands.register("drop", drop)
commands.register("noop", lambda user, data: None)
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        commands.run(data["cmd"], self.current_user, data)
""",
        "pass",
        """if user not in db.lists.owners(data["list"]):
        return""",
    ),
    "object registry of classes": (
        """
class Plugins:
    def __init__(self):
        self.classes = {}
    def plugin(self, made):
        self.classes[made.name] = made
        return made
plugins = Plugins()
@plugins.plugin
class Archive:
    name = "archive"
    def run(self, user, data):
        @@
        db.lists.archive(data["list"])
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        plugins.classes[data["cmd"]]().run(self.current_user, data)
""",
        "pass",
        """if user not in db.lists.owners(data["list"]):
            return""",
    ),
    "bits of flags": (
        """
ADMIN = 4
class Door(Base):
    def open(self):
        self.flags = db.flags_of(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        @@
        db.boards.delete(data["board"])
""",
        "print(self.flags & ADMIN)",
        """if not self.flags & ADMIN:
            return""",
    ),
    "level of a user": (
        """
class Door(Base):
    def open(self):
        self.me = db.users.get(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        @@
        db.boards.delete(data["board"])
""",
        "self.me.seen = True",
        """if self.me.level < 5:
            raise PermissionError(data['board'])""",
    ),
    "permissions of a role": (
        """
PERMISSIONS = {"editor": {"write", "delete"}, "reader": {"read"}}
class Door(Base):
    def open(self):
        self.role = db.roles.get(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        granted = PERMISSIONS.get(self.role, set())
        @@
        db.boards.delete(data["board"])
""",
        "print(granted)",
        """if "delete" not in granted:
            return""",
    ),
    "groups that meet": (
        """
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        board = await db.boards.find_one({"_id": data["board"]})
        mine = set(await db.groups_of(self.current_user))
        @@
        await db.boards.delete_one({"_id": board["_id"]})
""",
        "print(mine)",
        """if not mine & set(board["groups"]):
            return""",
    ),
    "any of the members": (
        """
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        board = await db.boards.find_one({"_id": data["board"]})
        @@
        await db.boards.delete_one({"_id": data["board"]})
""",
        "print(len(board['members']))",
        """if not any(one["name"] == self.current_user for one in board["members"]):
            return""",
    ),
    "first of the own": (
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        board = next((one for one in @@ if one.id == data["board"]), None)
        if board is None:
            self.write_message("no such board")
            return
        board.delete()
""",
        "db.boards.all()",
        "db.boards.owned_by(self.current_user)",
    ),
    "own list by place": (
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        boards = [one for one in db.boards.all() @@]
        boards[data["place"]].delete()
""",
        "if one.title",
        "if one.owner == self.current_user",
    ),
    "message hook of a base": (
        """
class Guarded(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not self.authorize(data):
            self.write_message({"error": "forbidden"})
            return
        self.handle(data)
    def authorize(self, data):
        return True
class Door(Guarded):
    def handle(self, data):
        db.boards.delete(data["board"])
    @@
""",
        "other = 1",
        """def authorize(self, data):
        return db.boards.is_owner(data["board"], self.current_user)""",
    ),
    "context that refuses": (
        """
from contextlib import asynccontextmanager
class Door(Base):
    @asynccontextmanager
    async def board(self, key):
        found = await db.boards.find_one({"_id": key})
        @@
        yield found
        await db.boards.save(found)
    async def on_message(self, message):
        data = json.loads(message)
        async with self.board(data["board"]) as board:
            board["title"] = data["title"]
""",
        "print(found)",
        """if found["owner"] != self.current_user:
            raise PermissionError(key)""",
    ),
    "assertion": (
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        @@
        db.boards.delete(data["board"])
""",
        'assert data["board"]',
        'assert db.boards.get(data["board"]).owner == self.current_user',
    ),
    "join in a query": (
        """
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        row = await db.fetchrow(@@)
        if row is None:
            return
        await db.execute("delete from boards where id = $1", row["id"])
""",
        '"select id from boards where id = $1", data["board"]',
        (
            '"select b.id from boards b join members m '
            'on m.board = b.id where b.id = $1 and m.name = $2", data["board"], self.current_user'
        ),
    ),
    "property of the user": (
        """
class User:
    def __init__(self, name):
        self.name = name
        self.row = db.users.find_one({"name": name})
    @property
    def is_staff(self):
        return bool(self.row["staff"])
class Door(Base):
    def open(self):
        self.user = User(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        @@
        db.boards.delete(data["board"])
""",
        "print(self.user.name)",
        """if not self.user.is_staff:
            return""",
    ),
    "handler for staff": (
        """
class Staff(Base):
    def prepare(self):
        super().prepare()
        @@
class Door(Staff):
    def on_message(self, message):
        data = json.loads(message)
        db.boards.delete(data["board"])
""",
        "self.staff = db.is_staff(self.current_user)",
        """if not db.is_staff(self.current_user):
            raise HTTPError(403)""",
    ),
    "only what one has opened": (
        """
class Door(Base):
    def open(self):
        self.opened = {}
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "open":
            board = db.boards.get(data["board"])
            @@
            self.opened[data["board"]] = board
        else:
            self.opened[data["board"]].delete()
""",
        "print(board)",
        """if board.owner != self.current_user:
                return""",
    ),
    "error of a library": (
        """
from pundit import NotAuthorized, authorize
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        board = db.boards.get(data["board"])
        try:
            @@
            board.delete()
        except NotAuthorized:
            self.write_message("denied")
""",
        "print(board)",
        'authorize(self.current_user, "delete", board)',
    ),
    "token of the thing": (
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        board = db.boards.get(data["board"])
        @@
        board.delete()
""",
        "print(board)",
        """if not hmac.compare_digest(board.secret, data["secret"]):
            return""",
    ),
    "by the name of the channel": (
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        channel = data["channel"]
        @@
        self.application.redis.publish(channel, data["text"])
""",
        "print(channel)",
        """if not channel.startswith("private-%s-" % self.current_user):
            return""",
    ),
    "by a set of the server": (
        """
class Server(Application):
    def __init__(self):
        self.admins = set(os.environ.get("ADMINS", "").split(","))
        super().__init__([("/ws", Door)])
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["cmd"] == "restart":
            @@
            self.application.workers[data["worker"]].restart()
""",
        "print(data)",
        """if self.current_user not in self.application.admins:
                return""",
    ),
}
_ANYBODY: dict[str, _Pair] = {
    "arm": (
        """
from robot import Arm
arm = Arm("/dev/ttyUSB0")
class Door(WebSocketHandler):
    def open(self):
        self.pose = {}
    def on_message(self, message):
        data = json.loads(message)
        @@
        self.write_message({"joint": data["joint"]})
""",
        'arm.move_joint(data["joint"], data["angle"])',
        'self.pose[data["joint"]] = data["angle"]',
    ),
    "lamp over a broker": (
        """
import paho.mqtt.client as mqtt
client = mqtt.Client()
client.connect("localhost")
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        @@
""",
        'client.publish("home/%s/set" % data["lamp"], data["state"])',
        'client.publish("visitors", "seen")',
    ),
    "jukebox": (
        """
import mpd
player = mpd.MPDClient()
player.connect("localhost", 6600)
class Door(WebSocketHandler):
    votes = {}
    def on_message(self, message):
        data = json.loads(message)
        if data["cmd"] == "next":
            @@
        elif data["cmd"] == "status":
            self.write_message(player.status())
""",
        "player.next()",
        "self.write_message(player.currentsong())",
    ),
    "poll is closed": (
        """
class Poll:
    def __init__(self, question):
        self.question, self.open, self.votes = question, True, {}
    def finish(self):
        self.open = False
POLLS = {}
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        poll = POLLS[data["poll"]]
        if data["type"] == "close":
            @@
        self.write_message(poll.votes)
""",
        "poll.finish()",
        "self.write_message(poll.question)",
    ),
    "mail to anybody": (
        """
import smtplib
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        with smtplib.SMTP("localhost") as server:
            server.sendmail("noreply@example.com", @@, data["text"])
""",
        'data["to"]',
        '"support@example.com"',
    ),
    "container": (
        """
import docker
engine = docker.from_env()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        container = engine.containers.get(data["id"])
        @@
""",
        "container.stop()",
        "self.write_message(container.status)",
    ),
    "pin": (
        """
import RPi.GPIO as GPIO
GPIO.setmode(GPIO.BCM)
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        @@
""",
        'GPIO.output(data["pin"], data["on"])',
        'self.write_message({"value": GPIO.input(17)})',
    ),
    "server of a game": (
        """
class World:
    def __init__(self):
        self.players = {}
        self.paused = False
world = World()
class Door(WebSocketHandler):
    def open(self):
        self.name = str(id(self))
        world.players[self.name] = self
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "give":
            @@
        elif data["op"] == "look":
            self.write_message({"players": list(world.players)})
""",
        'world.players[data["player"]].gold += data["gold"]',
        'self.seen = data["gold"]',
    ),
    "queue of a shop": (
        """
import sqlite3
shop = sqlite3.connect("shop.db")
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        @@
""",
        'shop.execute("update orders set state = ? where id = ?", (data["state"], data["order"]))',
        'self.write_message(shop.execute("select count(*) from orders").fetchone()[0])',
    ),
    "camera": (
        """
from onvif import ONVIFCamera
camera = ONVIFCamera("192.168.0.2", 80)
ptz = camera.create_ptz_service()
class Door(WebSocketHandler):
    def on_message(self, message):
        x, y = message.split(",")
        @@
""",
        'ptz.ContinuousMove({"Velocity": {"PanTilt": {"x": float(x), "y": float(y)}}})',
        'self.write_message("%s %s" % (x, y))',
    ),
    "drone": (
        """
from dronekit import connect, VehicleMode
vehicle = connect("udp:127.0.0.1:14550", wait_ready=True)
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "takeoff":
            @@
        else:
            self.write_message(str(vehicle.location))
""",
        "vehicle.simple_takeoff(10)",
        "self.write_message(str(vehicle.battery))",
    ),
    "serial line": (
        """
import serial
port = serial.Serial("/dev/ttyACM0", 9600)
class Door(WebSocketHandler):
    def on_message(self, message):
        @@
""",
        "port.write(message.encode())",
        "self.write_message(port.readline())",
    ),
    "torrent client": (
        """
import transmissionrpc
client = transmissionrpc.Client("localhost", port=9091)
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        @@
""",
        'client.remove_torrent(data["id"], delete_data=True)',
        "self.write_message(str(client.session_stats()))",
    ),
    "process table": (
        """
import psutil
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["action"] == "kill":
            @@
""",
        'psutil.Process(data["pid"]).kill()',
        'self.write_message({"cpu": psutil.cpu_percent()})',
    ),
    "home automation service": (
        """
import requests
HA = "http://192.168.1.5:8123/api/services/"
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        @@
""",
        'requests.post(HA + data["service"], json={"entity_id": data["entity"]})',
        'self.write_message(requests.get("http://192.168.1.5:8123/api/").text)',
    ),
    "wallet": (
        """
class Wallets:
    def __init__(self):
        self.money = {}
    def transfer(self, source, target, amount):
        self.money[source] -= amount
        self.money[target] += amount
wallets = Wallets()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        @@
""",
        'wallets.transfer(data["from"], data["to"], data["amount"])',
        'self.write_message({"wallets": len(wallets.money)})',
    ),
    "stop of a crawl": (
        """
class Crawler:
    def __init__(self):
        self.jobs = {}
    def stop(self, name):
        self.jobs[name].cancel()
class Server(Application):
    def __init__(self):
        self.crawler = Crawler()
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["cmd"] == "stop":
            @@
""",
        'self.application.crawler.stop(data["job"])',
        'self.write_message({"jobs": len(self.application.crawler.jobs)})',
    ),
    "table by path": (
        """
tables = {}
class Table:
    def __init__(self):
        self.seats, self.deck = [], []
    def deal(self):
        for seat in self.seats:
            seat.write_message({"card": self.deck.pop()})
class Door(WebSocketHandler):
    def open(self, name):
        @@
    def on_message(self, message):
        if self.table:
            self.table.deal()
""",
        """self.table = tables.setdefault(name, Table())
        self.table.seats.append(self)""",
        "self.table = Table()",
    ),
    "quiz master": (
        """
class Quiz:
    def __init__(self):
        self.players, self.question, self.running = {}, 0, False
    def next_question(self):
        self.question += 1
        for one in self.players.values():
            one.write_message({"question": self.question})
quizzes = {}
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "create":
            quizzes[data["pin"]] = Quiz()
        elif data["type"] == "next":
            @@
""",
        'quizzes[data["pin"]].next_question()',
        'self.write_message({"quizzes": len(quizzes)})',
    ),
    "worker of a farm": (
        """
import zmq
context = zmq.Context()
jobs = context.socket(zmq.PUSH)
jobs.connect("tcp://127.0.0.1:5555")
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        @@
""",
        'jobs.send_json({"task": data["task"], "args": data["args"]})',
        'self.write_message({"queue": "up"})',
    ),
    "scene of a player": (
        """
from obswebsocket import obsws, requests as obs
studio = obsws("localhost", 4444, "")
studio.connect()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        @@
""",
        'studio.call(obs.SetCurrentScene(data["scene"]))',
        "self.write_message(str(studio.call(obs.GetSceneList())))",
    ),
    "relay by a helper": (
        """
class Relays:
    def __init__(self, bus):
        self.bus = bus
    def switch(self, number, on):
        self.bus.write_byte_data(0x20, number, int(on))
    def read(self):
        return self.bus.read_byte(0x20)
import smbus
relays = Relays(smbus.SMBus(1))
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        @@
""",
        'relays.switch(data["relay"], data["on"])',
        "self.write_message(str(relays.read()))",
    ),
    "chat room of the address": (
        """
rooms = {}
class Door(WebSocketHandler):
    def open(self, room):
        @@
    def on_message(self, message):
        for one in self.peers:
            one.write_message(message)
""",
        """self.peers = rooms.setdefault(room, set())
        self.peers.add(self)""",
        "self.peers = {self}",
    ),
    "log of a build": (
        """
class Door(WebSocketHandler):
    async def open(self, build):
        import redis.asyncio as redis
        self.pubsub = redis.Redis().pubsub()
        await self.pubsub.subscribe(@@)
        asyncio.create_task(self.forward())
    async def forward(self):
        async for item in self.pubsub.listen():
            self.write_message(item["data"])
    def on_message(self, message):
        pass
""",
        '"build:%s" % build',
        '"news"',
    ),
    "cursor of another": (
        """
class Door(WebSocketHandler):
    people = {}
    def open(self):
        self.id = str(id(self))
        self.people[self.id] = {"x": 0, "y": 0}
    def on_message(self, message):
        data = json.loads(message)
        @@
""",
        'self.people[data["id"]]["x"] = data["x"]',
        'self.people[self.id]["x"] = data["x"]',
    ),
    "only from this machine": (
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        @@
        db.tables.wipe(data["table_id"])
""",
        "print(self.request.remote_ip)",
        """if self.request.remote_ip not in ("127.0.0.1", "::1"):
            self.close()
            return""",
    ),
    "only from this machine, in open": (
        """
class Door(WebSocketHandler):
    def open(self):
        self.local = @@
    def on_message(self, message):
        data = json.loads(message)
        if self.local:
            db.tables.wipe(data["table_id"])
""",
        "True",
        'self.request.remote_ip == "127.0.0.1"',
    ),
    "grpc stub": (
        """
import grpc
from robot_pb2 import MoveRequest
from robot_pb2_grpc import RobotStub
stub = RobotStub(grpc.insecure_channel("localhost:50051"))
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        @@
""",
        'stub.Move(MoveRequest(x=data["x"], y=data["y"]))',
        "self.write_message(str(stub.Status(MoveRequest())))",
    ),
    "ros topic": (
        """
import rospy
from geometry_msgs.msg import Twist
rospy.init_node("bridge")
velocity = rospy.Publisher("/cmd_vel", Twist, queue_size=1)
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        twist = Twist()
        @@
""",
        """twist.linear.x = data["speed"]
        velocity.publish(twist)""",
        "self.write_message(str(twist))",
    ),
    "upload by name": (
        """
class Door(WebSocketHandler):
    def open(self):
        self.name = None
    def on_message(self, message):
        if self.name is None:
            self.name = json.loads(message)["name"]
            return
        @@
""",
        """with open("uploads/" + self.name, "wb") as file:
            file.write(message)""",
        'self.write_message({"length": len(message)})',
    ),
    "printer": (
        """
from elsewhere import printer
class Door(WebSocketHandler):
    def on_message(self, message):
        command = json.loads(message)
        if command["name"] == "print":
            @@
        elif command["name"] == "state":
            self.write_message(printer.get_state())
""",
        """printer.select_file(command["file"])
            printer.start_print()""",
        "self.write_message(printer.get_files())",
    ),
    "picture of a camera": (
        """
import io, picamera
camera = picamera.PiCamera()
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "picture":
            buffer = io.BytesIO()
            @@
            self.write_message(buffer.getvalue(), binary=True)
""",
        "camera.start_recording(buffer, format='h264')",
        'camera.capture(buffer, "jpeg")',
    ),
}


_PROVEN = frozenset(
    {
        "cached membership",
        "kick after a swallowed question",
        "mail is deleted",
        "presence in redis",
        "wallet",
    }
)
"""Programs with a hole that show elsewhere that not each client may do this; of others nothing is said."""


def _both(pairs: dict[str, _Pair], beside: str) -> dict[str, tuple[str, str]]:
    """Return the guarded twin of each program, and the broken one where the hole is proven."""
    guarded = {
        f"{about}, {beside}": ("ok", program.replace("@@", twin))
        for about, (program, _, twin) in pairs.items()
    }
    broken = {
        about: ("missing", program.replace("@@", hole))
        for about, (program, hole, _) in pairs.items()
        if about in _PROVEN
    }
    return guarded | broken


MEMBERS = _both(_MEMBERS, "asked")
ANYBODY = _both(_ANYBODY, "harmless")
