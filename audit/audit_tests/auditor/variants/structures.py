"""Log-ins in larger structures: decorators, metaclasses, registries of commands, threads, classes by name.

Each with its twin that asks, or does not.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_PROGRAMS: dict[str, tuple[str, str]] = {
    "a decorator of the class wraps open()": (
        "late",
        """
def only_users(cls):
    original = cls.open
    def open(self, *args, **kwargs):
        if not self.get_secure_cookie("user"):
            self.close()
            return None
        return original(self, *args, **kwargs)
    cls.open = open
    return cls

@only_users
class Door(WebSocketHandler):
    def open(self):
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
    "a metaclass wraps open()": (
        "late",
        """
def guarded(method):
    def wrapper(self, *args):
        if not self.get_secure_cookie("user"):
            return self.close()
        return method(self, *args)
    return wrapper
class Meta(type):
    def __new__(mcs, name, bases, body):
        if "open" in body:
            body["open"] = guarded(body["open"])
        return super().__new__(mcs, name, bases, body)

class Door(WebSocketHandler, metaclass=Meta):
    __metaclass__ = None
    def open(self):
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
    "__init_subclass__ wraps open()": (
        "late",
        """
class Base(WebSocketHandler):
    def __init_subclass__(cls, **words):
        super().__init_subclass__(**words)
        inner = cls.open
        def open(self, *args):
            if self.get_signed_cookie("user") is None:
                self.close(4401)
                return None
            return inner(self, *args)
        cls.open = open

class Door(Base):
    def open(self):
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
    "a base opens, and a method of the class is called then": (
        "late",
        """
class Base(WebSocketHandler):
    def open(self, *args):
        self.user = self.authenticate()
        if self.user is None:
            self.reject()
            return
        self.on_ready()
    def authenticate(self):
        return db.user_of_token(self.get_argument("token", ""))
    def reject(self):
        self.close(1008, "policy violation")
    def on_ready(self):
        pass

class Door(Base):
    def on_ready(self):
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
    "a base opens, and the class knows anybody": (
        "missing",
        """
class Base(WebSocketHandler):
    def open(self, *args):
        self.user = self.authenticate()
        if self.user is None:
            self.reject()
            return
        self.on_ready()
    def authenticate(self):
        return db.user_of_token(self.get_argument("token", ""))
    def reject(self):
        self.close(1008, "policy violation")
    def on_ready(self):
        pass

class Door(Base):
    def authenticate(self):
        return {"name": "anybody"}
    def on_ready(self):
        clients.add(self)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a base opens, and the class says who it is": (
        "late|missing",
        """
class Base(WebSocketHandler):
    def open(self, *args):
        if not self.authenticate():
            self.close()
            return
        self.on_ready()
    def authenticate(self):
        raise NotImplementedError

class Door(Base):
    def authenticate(self):
        return self.get_secure_cookie("user")
    def on_ready(self):
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
    "classes of commands say whether they need a user": (
        "late",
        """
COMMANDS = {}
class Context(object):
    def __init__(self, socket):
        self.socket = socket
        self.user = None
class Command(object):
    needs_user = True
    def __init__(self, context):
        self.context = context
    def run(self, data):
        if self.needs_user and self.context.user is None:
            self.context.socket.write_message({"error": "log in"})
            return
        self.execute(data)
def register(name):
    def around(cls):
        COMMANDS[name] = cls
        return cls
    return around
@register("login")
class Login(Command):
    needs_user = False
    def execute(self, data):
        self.context.user = db.check_password(data["name"], data["password"])
@register("say")
class Say(Command):
    def execute(self, data):
        room.say(self.context.user, data["text"])

class Door(WebSocketHandler):
    def open(self):
        self.context = Context(self)
    def on_message(self, message):
        data = json.loads(message)
        command = COMMANDS.get(data["name"])
        if command is None:
            return self.write_message({"error": "unknown"})
        command(self.context).run(data)
""",
    ),
    "classes of commands say whether they need a user, and nobody asks": (
        "late|missing",
        """
COMMANDS = {}
class Context(object):
    def __init__(self, socket):
        self.socket = socket
        self.user = None
class Command(object):
    needs_user = True
    def __init__(self, context):
        self.context = context
    def run(self, data):
        self.execute(data)
def register(name):
    def around(cls):
        COMMANDS[name] = cls
        return cls
    return around
@register("login")
class Login(Command):
    needs_user = False
    def execute(self, data):
        self.context.user = db.check_password(data["name"], data["password"])
@register("say")
class Say(Command):
    def execute(self, data):
        room.say(self.context.user, data["text"])

class Door(WebSocketHandler):
    def open(self):
        self.context = Context(self)
    def on_message(self, message):
        data = json.loads(message)
        command = COMMANDS.get(data["name"])
        if command is None:
            return self.write_message({"error": "unknown"})
        command(self.context).run(data)
""",
    ),
    "a chain of kinds of messages, some before the user is asked for": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        self.user = None
    def on_message(self, message):
        data = json.loads(message)
        t = data.get("t")
        if t == "login":
            self._login(data)
        elif t == "ping":
            self.write_message('{"t": "pong"}')
        elif self.user is None:
            self.write_message('{"t": "error"}')
        elif t == "say":
            room.say(data["text"])
        elif t == "kick":
            room.kick(data["who"])
    def _login(self, data):
        row = db.get("select * from users where name=%s and password=%s", data["n"], data["p"])
        if row:
            self.user = row
            self.write_message('{"t": "welcome"}')
        else:
            self.write_message('{"t": "wrong"}')
""",
    ),
    "a refusal is an exception that is told": (
        "late",
        """
async def verify(token):
    row = await db.fetchrow("select 1 from tokens where token = $1", token)
    return row is not None

class Door(WebSocketHandler):
    def open(self):
        self.authenticated = False
    async def on_message(self, message):
        try:
            await self.handle(json.loads(message))
        except PermissionError as error:
            await self.write_message({"error": str(error)})
    async def handle(self, data):
        if data["op"] == "auth":
            self.authenticated = await verify(data["token"])
            if not self.authenticated:
                raise PermissionError("bad token")
            return
        if not self.authenticated:
            raise PermissionError("authenticate first")
        room.say(data["text"])
""",
    ),
    "methods by name, some of them marked as public": (
        "late",
        """
def public(method):
    method.public = True
    return method

class Door(WebSocketHandler):
    def open(self):
        self.session = None
    @gen.coroutine
    def on_message(self, message):
        call = json.loads(message)
        method = getattr(self, "rpc_" + call["method"], None)
        if method is None:
            return
        if not getattr(method, "public", False) and self.session is None:
            self.write_message(json.dumps({"id": call["id"], "error": "auth"}))
            return
        result = yield method(*call["params"])
        self.write_message(json.dumps({"id": call["id"], "result": result}))
    @public
    @gen.coroutine
    def rpc_login(self, name, password):
        self.session = yield db.login(name, password)
        raise gen.Return(self.session is not None)
    @gen.coroutine
    def rpc_restart(self, service):
        yield room.restart(service)
""",
    ),
    "methods by name, all of them marked as public": (
        "late|missing",
        """
def public(method):
    method.public = True
    return method

class Door(WebSocketHandler):
    def open(self):
        self.session = None
    @gen.coroutine
    def on_message(self, message):
        call = json.loads(message)
        method = getattr(self, "rpc_" + call["method"], None)
        if method is None:
            return
        if not getattr(method, "public", False) and self.session is None:
            self.write_message(json.dumps({"id": call["id"], "error": "auth"}))
            return
        result = yield method(*call["params"])
        self.write_message(json.dumps({"id": call["id"], "result": result}))
    @public
    @gen.coroutine
    def rpc_login(self, name, password):
        self.session = yield db.login(name, password)
        raise gen.Return(self.session is not None)
    @public
    @gen.coroutine
    def rpc_restart(self, service):
        yield room.restart(service)
""",
    ),
    "a thread looks who it is": (
        "late",
        """
from concurrent.futures import ThreadPoolExecutor
from tornado.concurrent import run_on_executor
class Door(WebSocketHandler):
    executor = ThreadPoolExecutor(4)
    @run_on_executor
    def who(self, token):
        return db.user_of_token(token)
    @gen.coroutine
    def open(self):
        self.user = yield self.who(self.get_argument("token", None))
        if not self.user:
            self.close()
            raise gen.Return()
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
    "a signed cookie of SockJS, decoded by hand": (
        "late",
        """
from sockjs.tornado import SockJSConnection, SockJSRouter
from tornado.web import decode_signed_value
SECRET = os.environ["S"]
class Door(SockJSConnection):
    def on_open(self, info):
        cookie = info.get_cookie("user")
        self.user = None
        if cookie is not None:
            self.user = decode_signed_value(SECRET, "user", cookie.value)
        if self.user is None:
            return False
        clients.add(self)
    def on_message(self, message):
        pass

application = Application(SockJSRouter(Door, "/door").urls)
""",
    ),
    "SockJS for everybody": (
        "missing",
        """
from sockjs.tornado import SockJSConnection, SockJSRouter
class Door(SockJSConnection):
    clients = set()
    def on_open(self, info):
        self.ip = info.ip
        self.clients.add(self)
    def on_message(self, message):
        self.broadcast(self.clients, message)

application = Application(SockJSRouter(Door, "/door").urls)
""",
    ),
    "a namespace refuses by an exception of its own": (
        "late",
        """
import socketio
from urllib.parse import parse_qs
from socketio.exceptions import ConnectionRefusedError
class Door(socketio.AsyncNamespace):
    async def on_connect(self, sid, environ):
        token = parse_qs(environ["QUERY_STRING"]).get("token", [""])[0]
        user = await db.user_of_token(token)
        if user is None:
            raise ConnectionRefusedError("unauthorized")
        await self.save_session(sid, {"user": user})
    async def on_say(self, sid, data):
        room.say(data["text"])

sio = socketio.AsyncServer(async_mode="tornado")
sio.register_namespace(Door("/room"))
application = Application([("/socket.io/", socketio.get_tornado_handler(sio))])
""",
    ),
    "a token in a file": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        with open("/etc/room.token") as stream:
            token = stream.read().strip()
        if self.request.headers.get("X-Token") != token:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a token in a file, if there is one": (
        "optional|guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not os.path.exists("/etc/room.token"):
            return
        with open("/etc/room.token") as stream:
            token = stream.read().strip()
        if self.request.headers.get("X-Token") != token:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a password that is not set makes everybody known": (
        "optional",
        """
class Door(WebSocketHandler):
    authed = False
    def open(self):
        if not self.settings.get("password"):
            self.authed = True
    def on_message(self, message):
        if not self.authed:
            if message == self.settings["password"]:
                self.authed = True
            else:
                self.close()
            return
        room.say(message)

define("password", default="")
def main():
    Application([("/ws", Door)], password=options.password).listen(8888)
""",
    ),
    "a password that is set as shipped": (
        "late",
        """
class Door(WebSocketHandler):
    authed = False
    def open(self):
        if not self.settings.get("password"):
            self.authed = True
    def on_message(self, message):
        if not self.authed:
            if message == self.settings["password"]:
                self.authed = True
            else:
                self.close()
            return
        room.say(message)

define("password", default="x1y2z3")
def main():
    Application([("/ws", Door)], password=options.password).listen(8888)
""",
    ),
    "each message is asked where a table says so, off": (
        "optional",
        """
CONFIG = {"auth": {"enabled": False}, "port": 1}
from elsewhere import tokens
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if CONFIG["auth"]["enabled"]:
            if not tokens.verify(data.get("token", "")):
                self.write_message({"error": "unauthorized"})
                return
        room.run(data["command"])
""",
    ),
    "each message is asked where a table says so, on": (
        "late",
        """
CONFIG = {"auth": {"enabled": True}, "port": 1}
from elsewhere import tokens
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if CONFIG["auth"]["enabled"]:
            if not tokens.verify(data.get("token", "")):
                self.write_message({"error": "unauthorized"})
                return
        room.run(data["command"])
""",
    ),
    "anonymous clients are welcome as shipped": (
        "optional",
        """
class Server(Application):
    def __init__(self, allow_anonymous=True):
        self.allow_anonymous = allow_anonymous
        super().__init__([("/ws", Door)])

class Door(WebSocketHandler):
    def open(self):
        user = self.get_secure_cookie("user")
        if user is None and not self.application.allow_anonymous:
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        room.say(message)

def main():
    Server().listen(8888)
""",
    ),
    "anonymous clients are not welcome as shipped": (
        "late",
        """
class Server(Application):
    def __init__(self, allow_anonymous=False):
        self.allow_anonymous = allow_anonymous
        super().__init__([("/ws", Door)])

class Door(WebSocketHandler):
    def open(self):
        user = self.get_secure_cookie("user")
        if user is None and not self.application.allow_anonymous:
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        pass

def main():
    Server().listen(8888)
""",
    ),
    "a class by its name lets everybody in as shipped": (
        "optional",
        """
import importlib
DEFAULTS = {"auth": {"class": "app.AllowAll"}}
class AllowAll(object):
    def is_valid(self, token):
        return True
class Static(object):
    def is_valid(self, token):
        return token == "abc-def"
def load(path):
    module, name = path.rsplit(".", 1)
    return getattr(importlib.import_module(module), name)
class Server(Application):
    def __init__(self, config):
        self.auth = load(config["auth"]["class"])()
        Application.__init__(self, [("/ws", Door)])
def main():
    Server(DEFAULTS).listen(8888)

class Door(WebSocketHandler):
    def open(self):
        if not self.application.auth.is_valid(self.get_argument("token", "")):
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a class by its name asks as shipped": (
        "late",
        """
import importlib
DEFAULTS = {"auth": {"class": "app.Static"}}
class AllowAll(object):
    def is_valid(self, token):
        return True
class Static(object):
    def is_valid(self, token):
        return token == "abc-def"
def load(path):
    module, name = path.rsplit(".", 1)
    return getattr(importlib.import_module(module), name)
class Server(Application):
    def __init__(self, config):
        self.auth = load(config["auth"]["class"])()
        Application.__init__(self, [("/ws", Door)])
def main():
    Server(DEFAULTS).listen(8888)

class Door(WebSocketHandler):
    def open(self):
        if not self.application.auth.is_valid(self.get_argument("token", "")):
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
}

CASES: dict[str, Case] = {name: (wanted, text, {}) for name, (wanted, text) in _PROGRAMS.items()}
