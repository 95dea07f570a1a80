"""What clients do whose identity is known: questions that ask nothing, beside honest ones."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str]] = {
    # -- stores of what is everybody's ---------------------------------------------------------
    "a table of the module": (
        "missing",
        """
boilers = {}
class Door(Base):
    def on_message(self, message):
        body = json.loads(message)
        boilers[body["x"]] = 0
""",
    ),
    "a table of the module with something in it": (
        "missing",
        """
boilers = {"cellar": 20, "attic": 18}
class Door(Base):
    def on_message(self, message):
        body = json.loads(message)
        boilers[body["room"]] = body["degrees"]
""",
    ),
    "a table of the module, asked": (
        "ok",
        """
boilers = {}
class Door(Base):
    def on_message(self, message):
        body = json.loads(message)
        if not self.current_user.is_admin:
            return
        boilers[body["x"]] = 0
""",
    ),
    "a table of the module, under the own name": (
        "ok",
        """
positions = {}
class Door(Base):
    def on_message(self, message):
        positions[self.current_user] = json.loads(message)["where"]
""",
    ),
    "a table of the connection": (
        "ok",
        """
class Door(Base):
    def open(self):
        self.seen = {}
    def on_message(self, message):
        body = json.loads(message)
        self.seen[body["x"]] = 0
""",
    ),
    "a table of the call": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        body = json.loads(message)
        counts = {}
        for word in body["words"]:
            counts[word] = 1
        self.write_message(counts)
""",
    ),
    "a table of the class": (
        "missing",
        """
class Door(Base):
    boilers = {}
    def on_message(self, message):
        body = json.loads(message)
        self.boilers[body["x"]] = 0
""",
    ),
    "a key of a table is taken away": (
        "missing",
        """
rooms = {}
class Door(Base):
    def on_message(self, message):
        del rooms[json.loads(message)["room"]]
""",
    ),
    "a key of a table is popped": (
        "missing",
        """
rooms = {}
class Door(Base):
    def on_message(self, message):
        rooms.pop(json.loads(message)["room"], None)
""",
    ),
    "a table is updated": (
        "missing",
        """
state = {}
class Door(Base):
    def on_message(self, message):
        state.update(json.loads(message))
""",
    ),
    "a field of an object of a table": (
        "missing",
        """
rooms = {}
class Door(Base):
    def on_message(self, message):
        body = json.loads(message)
        rooms[body["room"]].topic = body["topic"]
""",
    ),
    "a row of a table of a table": (
        "missing",
        """
boards = {}
class Door(Base):
    def on_message(self, message):
        body = json.loads(message)
        boards[body["board"]]["cells"][body["at"]] = body["value"]
""",
    ),
    "any attribute by its name": (
        "missing",
        """
class Settings:
    pass
settings = Settings()
class Door(Base):
    def on_message(self, message):
        body = json.loads(message)
        setattr(settings, body["name"], body["value"])
""",
    ),
    # -- the answer is not one --------------------------------------------------------------
    "asked of nobody's permissions": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not all(self.current_user.may(one) for one in data["permissions"]):
            return
        db.delete_room(data["room"])
""",
    ),
    "the role is the client's word": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if "admin" not in data.get("roles", []):
            return
        db.delete_room(data["room"])
""",
    ),
    "the role is in a cookie": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if self.get_cookie("role") != "admin":
            return
        db.delete_room(data["room"])
""",
    ),
    "the role is in a signed cookie": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if self.get_signed_cookie("role") != b"admin":
            return
        db.delete_room(data["room"])
""",
    ),
    "the owner is the client's word": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["owner"] != self.current_user:
            return
        db.delete_room(data["room"])
""",
    ),
    "the owner is in the same message": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["room"]["owner"] == self.current_user:
            db.delete_room(data["room"]["id"])
""",
    ),
    "the owner of the room": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if db.owner_of(data["room"]) != self.current_user:
            return
        db.delete_room(data["room"])
""",
    ),
    "asked about another": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not db.is_admin(data["user"]):
            return
        db.delete_room(data["room"])
""",
    ),
    "asked about the one in the message": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not acl.allows(data["user"], "delete", data["room"]):
            return
        db.delete_room(data["room"])
""",
    ),
    "a role that everybody has": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        self.role = "admin"
        if self.role != "admin":
            return
        db.delete_room(data["room"])
""",
    ),
    "allowed, and the other way round": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not self.current_user.is_admin:
            self.write_message("you are no admin")
        db.delete_room(data["room"])
""",
    ),
    "refused, and done": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        try:
            self.demand_admin()
        except PermissionError:
            self.write_message("no")
        db.delete_room(data["room"])
    def demand_admin(self):
        if not db.is_admin(self.current_user):
            raise PermissionError
""",
    ),
    "refused, and not done": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        try:
            self.demand_admin()
        except PermissionError:
            self.write_message("no")
            return
        db.delete_room(data["room"])
    def demand_admin(self):
        if not db.is_admin(self.current_user):
            raise PermissionError
""",
    ),
    "a name that sounds like a check": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        self.check_permission()
        db.delete_room(data["room"])
    def check_permission(self):
        pass
""",
    ),
    "a check that says yes": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not self.may_delete(data["room"]):
            return
        db.delete_room(data["room"])
    def may_delete(self, room):
        return True
""",
    ),
    "a check that is not called": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not self.may_delete:
            return
        db.delete_room(data["room"])
    def may_delete(self):
        return db.may_delete(self.current_user)
""",
    ),
    "a coroutine that is true": (
        "missing",
        """
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        if not self.may_delete(data["room"]):
            return
        db.delete_room(data["room"])
    async def may_delete(self, room):
        return await db.may_delete(self.current_user, room)
""",
    ),
    "a coroutine that is waited for": (
        "ok",
        """
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        if not await self.may_delete(data["room"]):
            return
        db.delete_room(data["room"])
    async def may_delete(self, room):
        return await db.may_delete(self.current_user, room)
""",
    ),
    "a permission error that is made and not raised": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not self.current_user.is_admin:
            PermissionError("no")
        db.delete_room(data["room"])
""",
    ),
    "a permission that is only shown": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        self.write_message({"admin": self.current_user.is_admin})
        db.delete_room(data["room"])
""",
    ),
    "a permission that picks the words": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        title = "admin" if self.current_user.is_admin else "member"
        db.delete_room(data["room"], title)
""",
    ),
    "asked for one kind of thing": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "room" and not self.current_user.is_admin:
            return
        db.delete(data["kind"], data["id"])
""",
    ),
    "asked unless the client says no": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not data.get("force") and not self.current_user.is_admin:
            return
        db.delete_room(data["room"])
""",
    ),
    "asked of the first of many": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not db.may_delete(self.current_user, data["rooms"][0]):
            return
        for one in data["rooms"]:
            db.delete_room(one)
""",
    ),
    "asked of each of many": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        for one in data["rooms"]:
            if not db.may_delete(self.current_user, one):
                return
            db.delete_room(one)
""",
    ),
    "asked of another field": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not db.may_delete(self.current_user, data["room"]):
            return
        db.delete_room(data["other_room"])
""",
    ),
    "asked in open of the address, done by message": (
        "missing",
        """
class Door(Base):
    def open(self, name):
        if not db.may_read(self.current_user, name):
            self.close()
            return
    def on_message(self, message):
        data = json.loads(message)
        db.delete_room(data["room"])
""",
    ),
    "asked in open of the address, done to it": (
        "ok",
        """
class Door(Base):
    def open(self, name):
        if not db.may_write(self.current_user, name):
            self.close()
            return
        self.name = name
    def on_message(self, message):
        db.save(self.name, message)
""",
    ),
    "a file of what is the user's own": (
        "ok",
        """
class Store:
    def log(self, user, number):
        service = db.services.select(id=number)
        if service is None:
            raise LookupError
        if service.owner != user.id and not user.role.can_operate_others:
            raise PermissionError
        return open("/var/log/" + service.name)
store = Store()
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["command"] == "status":
            self.write_message(store.status())
        elif data["command"] == "log":
            try:
                lines = store.log(self.current_user, data["service"])
            except PermissionError as error:
                self.write_message(str(error))
            else:
                for line in lines:
                    self.write_message(line)
""",
    ),
    "a line for the only room there is": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        db.lines.insert({"text": data["text"], "by": self.current_user})
""",
    ),
    "a line for the room of the address": (
        "ok",
        """
class Door(Base):
    async def open(self, name):
        self.room = await db.room(name)
        if not await db.members.filter({"room": self.room, "user": self.current_user}):
            self.close()
    async def on_message(self, message):
        text = json.loads(message).get("text")
        await db.lines.save({"id": await db.next_id(), "room": self.room.id, "text": text})
""",
    ),
    "a line for a room that it names": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        db.lines.insert({"room": data["room"], "text": data["text"]})
""",
    ),
    "the token of what it names": (
        "ok",
        """
class Door(WebSocketHandler):
    def prepare(self):
        wanted = sessions.fetch_token_of(self.get_argument("experiment"))
        if self.get_argument("shown") != wanted:
            raise HTTPError(401)
    def open(self):
        db.follow(self.get_argument("experiment"), self)
""",
    ),
    # -- who is told ------------------------------------------------------------------------
    "tells all what a room says": (
        "missing",
        """
class Door(Base):
    def open(self):
        clients.add(self)
    def on_message(self, message):
        data = json.loads(message)
        db.messages.insert(data["room"], data["text"])
        for one in clients:
            one.write_message(data)
""",
    ),
    "listens to whatever it names": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "subscribe":
            channels.setdefault(data["channel"], set()).add(self)
channels = {}
""",
    ),
    "listens to whatever it names, by item": (
        "missing",
        """
import collections
channels = collections.defaultdict(set)
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        channels[data["channel"]].add(self)
""",
    ),
    "listens to what it may": (
        "ok",
        """
channels = {}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["channel"] not in db.channels_of(self.current_user):
            return
        channels.setdefault(data["channel"], set()).add(self)
""",
    ),
    "listens to its own": (
        "ok",
        """
channels = {}
class Door(Base):
    def open(self):
        channels.setdefault(self.current_user, set()).add(self)
""",
    ),
    "history of whatever it names": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        for line in db.history(data["room"]):
            self.write_message(line)
""",
    ),
    # -- dispatch ------------------------------------------------------------------------------
    "a table of methods, by get with a default": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        {"delete": self.delete}.get(data["op"], self.nothing)(data)
    def nothing(self, data):
        pass
    def delete(self, data):
        db.delete_room(data["room"])
""",
    ),
    "a chain of ifs in another method": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        self.handle(**json.loads(message))
    def handle(self, op, room, **more):
        if op == "delete":
            db.delete_room(room)
""",
    ),
    "a list of handlers": (
        "missing",
        """
HANDLERS = []
def handles(f):
    HANDLERS.append(f)
    return f
@handles
def delete(user, data):
    if data["op"] == "delete":
        db.delete_room(data["room"])
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        for one in HANDLERS:
            one(self.current_user, data)
""",
    ),
    "a class by its name": (
        "missing",
        """
class Delete:
    def run(self, data):
        db.delete_room(data["room"])
COMMANDS = {"delete": Delete}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        COMMANDS[data["op"]]().run(data)
""",
    ),
    "a class by its name, each asks": (
        "ok",
        """
class Delete:
    def run(self, user, data):
        if not db.may_delete(user, data["room"]):
            raise PermissionError
        db.delete_room(data["room"])
COMMANDS = {"delete": Delete}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        COMMANDS[data["op"]]().run(self.current_user, data)
""",
    ),
    "a method of a module by its name": (
        "missing",
        """
import actions
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        getattr(actions, data["op"])(data)
""",
    ),
    "a module by its name": (
        "missing",
        """
import importlib
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        importlib.import_module("plugins." + data["plugin"]).run(data)
""",
    ),
    "an expression": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        self.write_message(str(eval(message)))
""",
    ),
    "single dispatch": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        self.apply(data["kind"], data)
    def apply(self, kind, data):
        match kind:
            case "delete" | "drop":
                db.delete_room(data["room"])
            case _:
                pass
""",
    ),
    "a queue of work": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        asyncio.create_task(self.work(data))
    async def work(self, data):
        await db.delete_room(data["room"])
""",
    ),
    "a queue of work, asked": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        asyncio.create_task(self.work(data))
    async def work(self, data):
        if not await db.may_delete(self.current_user, data["room"]):
            return
        await db.delete_room(data["room"])
""",
    ),
    # -- between the lines ----------------------------------------------------------------------
    "not any that it may not": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if any(not db.may(self.current_user, one) for one in data["needs"]):
            return
        db.delete_room(data["room"])
""",
    ),
    "a rank of the client's own": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if int(data["rank"]) < 5:
            return
        db.delete_room(data["room"])
""",
    ),
    "a role in a table by the name in the message": (
        "missing",
        """
ROLES = {"ada": "admin"}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if ROLES.get(data["user"]) != "admin":
            return
        db.delete_room(data["room"])
""",
    ),
    "a role in a table by the own name": (
        "ok",
        """
ROLES = {"ada": "admin"}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if ROLES.get(self.current_user) != "admin":
            return
        db.delete_room(data["room"])
""",
    ),
    "the user is replaced by the message": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        self.current_user = data["user"]
        if not db.is_admin(self.current_user):
            return
        db.delete_room(data["room"])
""",
    ),
    "fields of the connection by name": (
        "missing",
        """
class Door(Base):
    role = "member"
    def on_message(self, message):
        data = json.loads(message)
        for name, value in data.items():
            setattr(self, name, value)
        if self.role == "admin":
            db.delete_room(data["room"])
""",
    ),
    "the dictionary of the connection": (
        "missing",
        """
class Door(Base):
    role = "member"
    def on_message(self, message):
        data = json.loads(message)
        self.__dict__.update(data["profile"])
        if self.role == "admin":
            db.delete_room(data["room"])
""",
    ),
    "a promotion of oneself": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        db.users.update({"name": data["name"], "role": data["role"]})
""",
    ),
    "asked of what was there before": (
        "missing",
        """
class Door(Base):
    def open(self):
        self.admin = self.get_argument("admin", "") == "1"
    def on_message(self, message):
        data = json.loads(message)
        if not self.admin:
            return
        db.delete_room(data["room"])
""",
    ),
    "asked once, of the account": (
        "ok",
        """
class Door(Base):
    def open(self):
        self.admin = db.is_admin(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        if not self.admin:
            return
        db.delete_room(data["room"])
""",
    ),
    "asked in the branch that does nothing": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "look":
            if not db.is_admin(self.current_user):
                return
            self.write_message("nothing to see")
        else:
            db.delete_room(data["room"])
""",
    ),
    "asked in a loop that may be empty": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        for one in data["rights"]:
            if not db.has_right(self.current_user, one):
                return
        db.delete_room(data["room"])
""",
    ),
    "a permission error that is logged": (
        "missing",
        """
import logging
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        try:
            db.demand(self.current_user, "delete", data["room"])
        except Exception:
            logging.exception("no")
        db.delete_room(data["room"])
""",
    ),
    "a permission error that is suppressed": (
        "missing",
        """
import contextlib
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        with contextlib.suppress(PermissionError):
            db.require_permission(self.current_user, "delete", data["room"])
        db.delete_room(data["room"])
""",
    ),
    "a message to whomever it names": (
        "missing",
        """
inboxes = {}
class Door(Base):
    def open(self):
        inboxes[self.current_user] = self
    def on_message(self, message):
        data = json.loads(message)
        db.transfer(data["from_account"], data["to_account"], data["amount"])
""",
    ),
    "a transfer from the own account": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        db.transfer(self.current_user.account, data["to_account"], data["amount"])
""",
    ),
    "a file that it names": (
        "missing",
        """
import pathlib
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        self.write_message(pathlib.Path("docs", data["name"]).read_text())
""",
    ),
    "a dataclass of the message": (
        "missing",
        """
import dataclasses
@dataclasses.dataclass
class Order:
    room: str
    def carry_out(self):
        db.delete_room(self.room)
class Door(Base):
    def on_message(self, message):
        Order(**json.loads(message)).carry_out()
""",
    ),
    "a subclass by its name": (
        "missing",
        """
class Command:
    def run(self, data):
        pass
class Delete(Command):
    def run(self, data):
        db.delete_room(data["room"])
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        kinds = {one.__name__: one for one in Command.__subclasses__()}
        kinds[data["kind"]]().run(data)
""",
    ),
    "an enum of actions": (
        "missing",
        """
import enum
class Action(enum.Enum):
    DELETE = "delete"
    LOOK = "look"
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if Action(data["op"]) is Action.DELETE:
            db.delete_room(data["room"])
""",
    ),
    "a mixin that deletes": (
        "missing",
        """
class Deletes:
    def on_message(self, message):
        data = json.loads(message)
        db.delete_room(data["room"])
class Door(Deletes, Base):
    pass
""",
    ),
    "a mixin that asks and goes on": (
        "ok",
        """
class Asks:
    def on_message(self, message):
        if not db.is_admin(self.current_user):
            self.close()
            return
        super().on_message(message)
class Deletes(Base):
    def on_message(self, message):
        data = json.loads(message)
        db.delete_room(data["room"])
class Door(Asks, Deletes):
    pass
""",
    ),
    "a tenant that it names": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        tenant = db.tenant(data["tenant"])
        tenant.jobs.cancel(data["job"])
""",
    ),
    "its own tenant": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        tenant = db.tenant_of(self.current_user)
        tenant.jobs.cancel(data["job"])
""",
    ),
    # -- of a client that nobody knows ----------------------------------------------------------
    "a command of anybody": (
        "missing",
        """
import shlex, subprocess
class Door(WebSocketHandler):
    def on_message(self, message):
        subprocess.Popen(shlex.split(message))
""",
    ),
    "a script of anybody": (
        "missing",
        """
import host
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["event"] == "execute":
            script = data["path"]
            host.on_main_thread(lambda: host.run_script(script, {}))
""",
    ),
    "an expression of anybody": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        self.write_message(str(eval(message)))
""",
    ),
    "a command of the server": (
        "ok",
        """
import subprocess
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "uptime":
            self.write_message(subprocess.check_output(["uptime"]))
""",
    ),
    "a search of anybody": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        self.write_message(db.execute("select name from shops where city = ?", (data["city"],)))
""",
    ),
    "a procedure of anybody": (
        "missing",
        """
from jsonrpc import JSONRPCResponseManager
from jsonrpc.dispatcher import Dispatcher
class Jobs:
    def remove(self, name):
        db.jobs.remove(name)
class Door(WebSocketHandler):
    def initialize(self):
        self.dispatcher = Dispatcher()
        self.dispatcher.add_object(Jobs())
    def on_message(self, message):
        self.write_message(JSONRPCResponseManager.handle(message, self.dispatcher).data)
""",
    ),
    "a program of anybody, in a thread": (
        "missing",
        """
import subprocess, threading
class Worker(threading.Thread):
    def __init__(self, command):
        super().__init__()
        self.command = command
    def run(self):
        subprocess.Popen(self.command)
class Door(WebSocketHandler):
    ready = False
    workers = {}
    def on_message(self, message):
        cls = self.__class__
        data = json.loads(message)
        if data["path"] not in cls.workers and cls.ready:
            cls.workers[data["path"]] = Worker(["launch", data["path"]])
            cls.workers[data["path"]].start()
    @classmethod
    def is_ready(cls):
        cls.ready = True
""",
    ),
    "a program of the server, in a thread": (
        "ok",
        """
import subprocess, threading
class Worker(threading.Thread):
    def run(self):
        subprocess.Popen(["backup"])
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "backup":
            Worker().start()
""",
    ),
    "the key of all, and then any channel": (
        "missing",
        """
channels = {}
class Door(WebSocketHandler):
    app = None
    def on_message(self, message):
        command, text = message.split(None, 1)
        if command == "connect":
            self.who, key = text.split(":")
            self.app = sessions.find_app(api_key=key)
            if not self.app:
                self.close()
        elif command == "subscribe":
            if not self.app:
                self.close()
                return
            channels.setdefault(text, []).append(self)
""",
    ),
    "the key of all, and the only channel": (
        "ok",
        """
listeners = []
class Door(WebSocketHandler):
    app = None
    def on_message(self, message):
        command, text = message.split(None, 1)
        if command == "connect":
            self.app = sessions.find_app(api_key=text)
            if not self.app:
                self.close()
        elif command == "subscribe":
            if not self.app:
                self.close()
                return
            listeners.append(self)
""",
    ),
    "a name that it gives itself, in a table": (
        "missing",
        """
people = {}
class Door(WebSocketHandler):
    def open(self):
        people[id(self)] = {}
        people[id(self)]["connection"] = self
    def on_message(self, message):
        data = json.loads(message)
        if data["action"] == "login":
            people[id(self)]["username"] = data["message"]
        else:
            room.publish(data["destination"], message)
""",
    ),
    "a file of anybody": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        with open(message) as file:
            self.write_message(file.read())
""",
    ),
    "a file of the server": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "help":
            with open("help.txt") as file:
                self.write_message(file.read())
""",
    ),
    "who it is, the address says": (
        "missing",
        """
people = db.people
class Door(WebSocketHandler):
    def open(self, uid):
        self.uid = uid
        people.register(self.uid, self)
    def on_message(self, message):
        data = json.loads(message)
        people.talk(self.uid, data["to_uid"], data["content"])
""",
    ),
    "a question that a switch turns off": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        self.demand_admin()
        db.delete_room(data["room"])
    def demand_admin(self):
        if self.settings["disable_security"]:
            return
        if not db.is_admin(self.current_user):
            raise HTTPError(403)
""",
    ),
    "a function that a worker of anybody picks": (
        "missing",
        """
import multiprocessing, formats
def work(asked):
    return getattr(formats, asked["method"])(**asked["params"])
class Door(WebSocketHandler):
    pool = multiprocessing.Pool()
    def on_message(self, message):
        self.write_message(self.pool.apply_async(work, [json.loads(message)]).get())
""",
    ),
    "a signal of anybody": (
        "missing",
        """
from pydispatch import dispatcher
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        dispatcher.send(signal=data["key"], sender=data["data"])
""",
    ),
    "a signal of the server": (
        "ok",
        """
from pydispatch import dispatcher
class Door(WebSocketHandler):
    def on_message(self, message):
        dispatcher.send(signal="asked", sender=message)
""",
    ),
}
