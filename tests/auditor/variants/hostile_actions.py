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
}
