"""Actions of authenticated clients: checks without an effect, beside effective ones."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str]] = {
    # -- stores of shared data ---------------------------------------------------------------------
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
    # -- dispatch ------------------------------------------------------------------------------
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
    # -- of an unauthenticated client ---------------------------------------------------------------
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
