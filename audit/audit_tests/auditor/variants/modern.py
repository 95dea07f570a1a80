"""Logins of newer code, and of event libraries: patterns, futures, events, task groups, enumerations.

Each with a twin without a check.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_PROGRAMS: dict[str, tuple[str, str]] = {
    "messages are matched, and some ask for the user": (
        "late",
        """
class Door(WebSocketHandler):
    user = None
    async def on_message(self, message):
        match json.loads(message):
            case {"type": "auth", "token": token}:
                self.user = await db.user_of_token(token)
                if self.user is None:
                    self.close(4401)
            case {"type": "ping"}:
                await self.write_message({"type": "pong"})
            case {"type": "say", "text": text} if self.user is not None:
                room.say(self.user, text)
            case _:
                self.close(4400)
""",
    ),
    "messages are matched, and none asks for the user": (
        "late|missing",
        """
class Door(WebSocketHandler):
    user = None
    async def on_message(self, message):
        match json.loads(message):
            case {"type": "auth", "token": token}:
                self.user = await db.user_of_token(token)
                if self.user is None:
                    self.close(4401)
            case {"type": "say", "text": text}:
                room.say(self.user, text)
            case _:
                self.close(4400)
""",
    ),
    "messages are matched, and the name is what they say": (
        "missing",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        match json.loads(message):
            case {"type": "name", "name": name}:
                self.name = name
            case {"type": "say", "text": text}:
                room.say(self.name, text)
""",
    ),
    "a cookie is looked at where it is named": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        if not (user := self.get_signed_cookie("user")):
            self.close(4401, "unauthorized")
            return
        clients[user] = self
    def on_message(self, message):
        pass
""",
    ),
    "a token is looked at where it is named": (
        "late",
        """
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        if (token := data.get("token")) is not None:
            self.user = db.user_of_token(token)
            return
        if not self.user:
            return self.close()
        room.say(data["text"])
""",
    ),
    "open() waits for a login that a message brings": (
        "late",
        """
class Door(WebSocketHandler):
    async def open(self):
        self.login = asyncio.get_running_loop().create_future()
        try:
            self.user = await asyncio.wait_for(self.login, timeout=5)
        except asyncio.TimeoutError:
            self.close(4408, "log in faster")
            return
        clients.add(self)
    async def on_message(self, message):
        data = json.loads(message)
        if not self.login.done():
            user = await db.user_of_token(data.get("token"))
            if user is None:
                self.close(4401)
            else:
                self.login.set_result(user)
            return
        room.say(data["text"])
""",
    ),
    "an event is set by a login": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        self.known = asyncio.Event()
        asyncio.get_event_loop().call_later(5, self.expire)
    def expire(self):
        if not self.known.is_set():
            self.close()
    async def on_message(self, message):
        data = json.loads(message)
        if data.get("op") == "login":
            if await db.check(data["user"], data["password"]):
                self.known.set()
            else:
                self.close()
            return
        if not self.known.is_set():
            return
        room.say(data["text"])
""",
    ),
    "an event is set by a login, and nobody asks for it": (
        "late|missing",
        """
class Door(WebSocketHandler):
    def open(self):
        self.known = asyncio.Event()
    async def on_message(self, message):
        data = json.loads(message)
        if data.get("op") == "login":
            if await db.check(data["user"], data["password"]):
                self.known.set()
            return
        room.say(data["text"])
""",
    ),
    "every exception is suppressed": (
        "missing",
        """
import contextlib
KEY = os.environ["K"]
class Door(WebSocketHandler):
    async def prepare(self):
        with contextlib.suppress(Exception):
            self.claims = jwt.decode(self.get_argument("token", ""), KEY, algorithms=["HS256"])
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a task of a group finds who it is": (
        "late",
        """
class Door(WebSocketHandler):
    async def open(self):
        async with asyncio.TaskGroup() as group:
            found = group.create_task(db.user_of_token(self.get_argument("token", "")))
        self.user = found.result()
        if self.user is None:
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
    "who it is, gathered with other things": (
        "late",
        """
class Door(WebSocketHandler):
    async def open(self):
        user, rooms = await asyncio.gather(db.user_of_token(self.get_argument("token", "")), db.rooms())
        if user is None:
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
    "who it is, in a variable of the context": (
        "guarded",
        """
import contextvars
user = contextvars.ContextVar("user")
class Door(WebSocketHandler):
    async def prepare(self):
        user.set(await db.user_of_token(self.get_argument("token", "")))
        if user.get() is None:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a role of the connection is that of a guest": (
        "late",
        """
import enum
KEY = os.environ["K"]
class Role(enum.Enum):
    GUEST = 0
    ADMIN = 1
class Door(WebSocketHandler):
    def open(self):
        self.role = Role.GUEST
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "auth":
            self.role = Role.ADMIN if hmac.compare_digest(data["key"], KEY) else Role.GUEST
            return
        if self.role is not Role.ADMIN:
            return self.write_message({"error": "forbidden"})
        room.run(data["command"])
""",
    ),
    "a level of the connection is zero": (
        "late",
        """
class Door(WebSocketHandler):
    level = 0
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "auth":
            self.level = db.level_of(data["token"]) or 0
            return
        if self.level < 2:
            return self.write_message({"error": "forbidden"})
        room.run(data["command"])
""",
    ),
    "a registry has those who wait and those who are known": (
        "late",
        """
class Manager(object):
    def __init__(self):
        self.pending = set()
        self.members = {}
    def add_pending(self, socket):
        self.pending.add(socket)
    def handle(self, socket, data):
        if socket in self.pending:
            user = db.check_password(data.get("name"), data.get("password"))
            if user is None:
                socket.close()
                return
            self.pending.discard(socket)
            self.members[socket] = user
            return
        room.say(self.members[socket], data["text"])
manager = Manager()

class Door(WebSocketHandler):
    def open(self):
        manager.add_pending(self)
    def on_message(self, message):
        manager.handle(self, json.loads(message))
""",
    ),
    "events of TornadIO, one of which logs in": (
        "late",
        """
from tornadio2 import SocketConnection, TornadioRouter, SocketServer, event
class Door(SocketConnection):
    user = None
    @event("login")
    def login(self, name, password):
        self.user = db.check_password(name, password)
        self.emit("login", bool(self.user))
    @event("say")
    def say(self, text):
        if not self.user:
            return
        room.say(text)

router = TornadioRouter(Door)
application = Application(router.urls)
""",
    ),
    "events of TornadIO, and nobody is asked": (
        "missing",
        """
from tornadio2 import SocketConnection, TornadioRouter, SocketServer, event
class Door(SocketConnection):
    @event("say")
    def say(self, text):
        room.say(text)

router = TornadioRouter(Door)
application = Application(router.urls)
""",
    ),
    "a token says until when": (
        "late",
        """
import time
KEY = os.environ["K"]
class Door(WebSocketHandler):
    def open(self):
        self.expires = 0
    def on_message(self, message):
        data = json.loads(message)
        if "jwt" in data:
            try:
                self.expires = jwt.decode(data["jwt"], KEY, algorithms=["HS256"])["exp"]
            except jwt.InvalidTokenError:
                self.close()
            return
        if time.time() > self.expires:
            return self.close(4401, "expired")
        room.say(data["text"])
""",
    ),
    "an object hands on to the connection": (
        "late",
        """
class Client(object):
    def __init__(self, socket):
        self._socket = socket
    def __getattr__(self, name):
        return getattr(self._socket, name)
    def logged_in(self):
        return self.get_secure_cookie("user") is not None

class Door(WebSocketHandler):
    def open(self):
        self.client = Client(self)
        if not self.client.logged_in():
            self.close()
            return
        clients.add(self.client)
    def on_message(self, message):
        pass
""",
    ),
    "a ping is compared, and no message": (
        "missing",
        """
TOKEN = b"x"
class Door(WebSocketHandler):
    def on_ping(self, data):
        if data != TOKEN:
            self.close()
    def on_message(self, message):
        room.say(message)
""",
    ),
    "messages are counted": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self):
        self.count = 0
    def on_message(self, message):
        self.count += 1
        if self.count > 100:
            self.close()
            return
        room.say(message)
""",
    ),
    "a key of the environment, with an exception in open()": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        if self.request.headers.get("X-API-Key") != os.environ["API_KEY"]:
            raise HTTPError(403)
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
}

CASES: dict[str, Case] = {name: (wanted, text, {}) for name, (wanted, text) in _PROGRAMS.items()}
