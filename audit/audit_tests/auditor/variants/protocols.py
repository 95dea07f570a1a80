"""Protocols of messages with a login first, or a missing one: of libraries, games and services.

Each beside a twin without the check.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_MARKED = """
def rpc(auth=True):
    def mark(method):
        method.is_rpc = True
        method.needs_auth = auth
        return method
    return mark
class Door(WebSocketHandler):
    account = None
    def on_message(self, message):
        call = json.loads(message)
        method = getattr(self, "rpc_" + call["method"], None)
        if method is None or not getattr(method, "is_rpc", False):
            return self.fail(call, "no such method")
        if getattr(method, "needs_auth", True) and self.account is None:
            return self.fail(call, "authentication required")
        method(call["params"])
    def fail(self, call, why):
        self.write_message(json.dumps({{"id": call["id"], "error": why}}))
    @rpc(auth=False)
    def rpc_login(self, params):
        self.account = db.check_password(params["name"], params["password"])
    @rpc({auth})
    def rpc_say(self, params):
        room.say(params["text"])
"""

_ROUTES = """
def login(socket, data):
    socket.session["user"] = db.check_password(data["name"], data["password"])
def say(socket, data):
    room.say(data["text"])
ROUTES = {{
    "login": {{"handler": login, "auth": False}},
    "say": {{"handler": say, "auth": {auth}}},
}}
class Door(WebSocketHandler):
    def open(self):
        self.session = {{"user": None}}
    def on_message(self, message):
        data = json.loads(message)
        route = ROUTES.get(data["route"])
        if route is None:
            return
        if route["auth"] and not self.session["user"]:
            self.write_message({{"error": 401}})
            return
        route["handler"](self, data)
"""

_PUBLIC = """
PUBLIC_COMMANDS = {public}
class Door(WebSocketHandler):
    def open(self):
        self.user = None
    def on_message(self, message):
        data = json.loads(message)
        command = data.get("command")
        if self.user is None and command not in PUBLIC_COMMANDS:
            self.write_message({{"error": "please log in"}})
            return
        if command == "login":
            self.user = db.check_password(data["name"], data["password"])
        elif command == "say":
            room.say(data["text"])
"""

_SUBCLASSES = """
class Packet:
    registry = {{}}
    needs_login = True
    def __init_subclass__(cls, kind, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.registry[kind] = cls
    def __init__(self, data):
        self.data = data
class Login(Packet, kind="login"):
    needs_login = False
    def handle(self, socket):
        socket.player = db.check_password(self.data["name"], self.data["password"])
class Move(Packet, kind="move"):
    {marked}
    def handle(self, socket):
        room.move(self.data["to"])
class Door(WebSocketHandler):
    player = None
    def on_message(self, message):
        data = json.loads(message)
        packet = Packet.registry[data["kind"]](data)
        if packet.needs_login and self.player is None:
            self.close(4001)
            return
        packet.handle(self)
"""

_INIT = """
class Door(WebSocketHandler):
    def select_subprotocol(self, offered):
        return "graphql-ws" if "graphql-ws" in offered else None
    def open(self):
        self.acknowledged = False
    async def on_message(self, message):
        frame = json.loads(message)
        if frame["type"] == "connection_init":
            {question}
            self.acknowledged = True
            await self.write_message({{"type": "connection_ack"}})
        elif not self.acknowledged:
            self.close(4401, "Unauthorized")
        elif frame["type"] == "start":
            await room.execute(frame["payload"]["query"])
"""

_STOMP = """
class Frame:
    def __init__(self, text):
        head, _, self.body = text.partition("\\n\\n")
        self.command, *lines = head.splitlines()
        self.headers = dict(one.split(":", 1) for one in lines)
class Door(WebSocketHandler):
    connected = False
    def on_message(self, message):
        frame = Frame(message)
        if frame.command == "CONNECT":
            {question}
            self.connected = True
            self.write_message("CONNECTED\\n\\n")
            return
        if not self.connected:
            self.write_message("ERROR\\nmessage:not connected\\n\\n")
            self.close()
            return
        if frame.command == "SEND":
            room.say(frame.headers["destination"], frame.body)
"""

_CODES = """
HELLO, PUBLISH = 1, 16
class Door(WebSocketHandler):
    session_id = None
    def on_message(self, message):
        parts = json.loads(message)
        code = parts[0]
        if self.session_id is None and code != HELLO:
            self.abort("wamp.error.not_authorized")
            return
        if code == HELLO:
            details = parts[2]
            {question}
            self.session_id = room.number()
            self.write_message(json.dumps([2, self.session_id, {{}}]))
        elif code == PUBLISH:
            room.publish(parts[3], parts[4])
    def abort(self, why):
        self.write_message(json.dumps([3, {{}}, why]))
        self.close()
"""

_EACH = """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        {question}
        room.say(data["text"])
"""

_CALLBACK = """
class Door(WebSocketHandler):
    @web.asynchronous
    def open(self):
        token = self.get_argument("token", None)
        self.user = None
        self.application.db.users.find_one({{"token": token}}, callback=self.on_user)
    def on_user(self, user, error):
        {question}
        self.user = user
        room.join(self)
    def on_message(self, message):
        {check}
        room.say(message)
"""

_ENGINE = """
import tornadoredis
class Door(WebSocketHandler):
    @gen.engine
    def open(self):
        self.redis = tornadoredis.Client()
        self.redis.connect()
        user = yield gen.Task(self.redis.get, "session:" + self.get_cookie("sid", ""))
        {question}
        self.user = user
        yield gen.Task(self.redis.subscribe, "room")
        self.redis.listen(self.on_news)
    def on_news(self, news):
        self.write_message(news.body)
    def on_message(self, message):
        pass
"""

_BASIC = """
import base64
class Door(WebSocketHandler):
    def open(self):
        header = self.request.headers.get("Authorization", "")
        if not header.startswith("Basic "):
            self.close(1008)
            return
        name, _, password = base64.b64decode(header[6:]).decode().partition(":")
        {question}
        self.name = name
        clients.add(self)
    def on_message(self, message):
        pass
"""

_PROPERTY = """
class Base(WebSocketHandler):
    def initialize(self):
        self.__user = None
    @property
    def user(self):
        return self.__user
    @property
    def is_authenticated(self):
        return self.__user is not None
    def login(self, name, password):
        self.__user = db.check_password(name, password)
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            self.login(data["name"], data["password"])
            self.write_message({{"ok": self.is_authenticated}})
            return
        {question}
        room.say(data["text"])
"""

_DEFAULTS = """
import collections
STATE = collections.defaultdict(dict)
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        mine = STATE[self]
        if data["type"] == "login":
            if db.check_password(data["name"], data["password"]):
                mine["user"] = data["name"]
            return
        {question}
        room.say(data["text"])
    def on_close(self):
        STATE.pop(self, None)
"""

_CLASS_DECORATOR = """
class requires:
    def __init__(self, role):
        self.role = role
    def __call__(self, method):
        role = self.role
        @functools.wraps(method)
        def guarded(handler, data):
            if role not in handler.roles:
                handler.write_message({{"error": "forbidden"}})
                return
            return method(handler, data)
        return guarded
class Door(WebSocketHandler):
    def open(self):
        self.roles = set()
    def on_message(self, message):
        data = json.loads(message)
        action = {{"login": self.login, "say": self.say}}.get(data["action"])
        if action:
            action(data)
    def login(self, data):
        user = db.check_password(data["name"], data["password"])
        if user:
            self.roles.update(user.roles)
    {decorator}
    def say(self, data):
        room.say(data["text"])
"""

_HASATTR = """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            user = db.check_password(data["name"], data["password"])
            if user is not None:
                self.user = user
        {question}
            room.say(self.user, data["text"])
"""

_APPLICATION_SET = """
class Server(Application):
    def __init__(self):
        self.known = set()
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            if db.check_password(data["name"], data["password"]):
                self.application.known.add(self)
            return
        {question}
        room.say(data["text"])
    def on_close(self):
        self.application.known.discard(self)
"""

_SUPER = """
class AuthMixin:
    def open(self, *args):
        self.user = self.get_secure_cookie("user")
        if self.user is None:
            self.close()
            return False
        return True
class Door(AuthMixin, WebSocketHandler):
    def open(self, *args):
        {question}
        clients.add(self)
    def on_message(self, message):
        {check}
        room.say(message)
"""

_RAISES = """
class Door(WebSocketHandler):
    def open(self):
        if not self.{test}:
            raise HTTPError(403)
        clients.add(self)
    def on_message(self, message):
        pass
"""

_BACKEND = """
from tornado.websocket import websocket_connect
class Door(WebSocketHandler):
    def open(self):
        self.backend = None
    async def on_message(self, message):
        if self.backend is None:
            {question}
            self.backend = await websocket_connect(options.backend)
            return
        await self.backend.write_message(message)
"""

_ACCESS = """
import enum
class Access(enum.Enum):
    PUBLIC = "public"
    USER = "user"
ACCESS = {{"login": Access.PUBLIC, "say": {access}}}
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        access = ACCESS.get(data["do"], Access.USER)
        if access is not Access.PUBLIC and self.user is None:
            self.write_message({{"error": "log in"}})
            return
        if data["do"] == "login":
            self.user = db.check_password(data["name"], data["password"])
        elif data["do"] == "say":
            room.say(data["text"])
"""

_SERVICE = """
class Chat:
    def __init__(self):
        self.members = {{}}
    def login(self, socket, name, password):
        if not db.check_password(name, password):
            return False
        self.members[socket] = name
        return True
    def say(self, socket, text):
        {question}
        for one in self.members:
            one.write_message(text)
chat = Chat()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            self.write_message({{"ok": chat.login(self, data["name"], data["password"])}})
        else:
            chat.say(self, data["text"])
"""

_STOPS = """
class Door(WebSocketHandler):
    def open(self):
        self.user = None
    def on_message(self, message):
        data = json.loads(message)
        try:
            handler = getattr(self, "on_%s" % data["event"])
        except AttributeError:
            return
        handler(**data.get("args", {{}}))
    def on_login(self, name=None, password=None):
        self.user = db.check_password(name, password)
    def on_say(self, text=None):
        {question}
        room.say(text)
"""

_OTHER_FILE = """
from protocol import Connection
class Door(WebSocketHandler):
    def open(self):
        self.connection = Connection(self)
    def on_message(self, message):
        self.connection.received(json.loads(message))
    def on_close(self):
        self.connection = None
"""
_CONNECTION = """
from commands import COMMANDS
class Connection(object):
    def __init__(self, handler):
        self.handler = handler
        self.user = None
    def received(self, data):
        command = COMMANDS.get(data["command"])
        if command is None:
            return self.error("unknown")
        if command.login and self.user is None:
            return self.error("log in first")
        return command.run(self, data)
    def error(self, why):
        self.handler.write_message({"error": why})
"""
_COMMANDS = """
from elsewhere import db, room
class Command(object):
    def __init__(self, run, login=True):
        self.run = run
        self.login = login
def login(connection, data):
    connection.user = db.check_password(data["name"], data["password"])
def say(connection, data):
    room.say(data["text"])
COMMANDS = {{
    "login": Command(login, login=False),
    "say": Command(say{more}),
}}
"""

_REJECT = "if self.user is None:\n            self.close()\n            return"

CASES: dict[str, Case] = {
    "methods marked as remote calls": ("late", _MARKED.format(auth=""), {}),
    "a method marked as one for everybody": (
        "late|missing",
        _MARKED.format(auth="auth=False"),
        {},
    ),
    "routes that say whether they need a login": ("late", _ROUTES.format(auth="True"), {}),
    "a route that says that it needs none": ("late|missing", _ROUTES.format(auth="False"), {}),
    "commands before the login are listed": (
        "late",
        _PUBLIC.format(public='["login", "ping"]'),
        {},
    ),
    "all commands are listed as those before the login": (
        "late|missing",
        _PUBLIC.format(public='["login", "say"]'),
        {},
    ),
    "kinds of packets that register themselves": ("late", _SUBCLASSES.format(marked=""), {}),
    "a kind of packet that needs no login": (
        "late|missing",
        _SUBCLASSES.format(marked="needs_login = False"),
        {},
    ),
    "the first frame carries a token": (
        "late",
        _INIT.format(
            question=(
                'token = frame["payload"].get("authToken")\n'
                "            if not await sessions.verify(token):\n"
                "                self.close(4403)\n"
                "                return"
            )
        ),
        {},
    ),
    "the first frame carries nothing": ("missing", _INIT.format(question="pass"), {}),
    "a frame that connects with a passcode": (
        "late",
        _STOMP.format(
            question=(
                'if not db.check_password(frame.headers["login"], frame.headers["passcode"]):\n'
                "                self.close()\n"
                "                return"
            )
        ),
        {},
    ),
    "a frame that connects whoever sends it": ("missing", _STOMP.format(question="pass"), {}),
    "a session is given for a ticket": (
        "late",
        _CODES.format(
            question=(
                'if not sessions.verify(details.get("ticket")):\n'
                '                self.abort("wamp.error.authentication_failed")\n'
                "                return"
            )
        ),
        {},
    ),
    "a session is given to anybody": ("missing", _CODES.format(question="pass"), {}),
    "each message carries the token of the program": (
        "late",
        _EACH.format(
            question=(
                'if data.get("token") != self.application.settings["token"]:\n'
                '            self.write_message({"error": "bad token"})\n'
                "            return"
            )
        ),
        {},
    ),
    "each message names its session": (
        "late",
        _EACH.format(
            question=(
                'if not sessions.hget("sessions", data["sid"]):\n            self.close()\n            return'
            )
        ),
        {},
    ),
    "each message names its user": (
        "missing",
        _EACH.format(
            question='user = db.users.get(data["user"])\n        if user is None:\n            return'
        ),
        {},
    ),
    "a callback of a database closes": (
        "late",
        _CALLBACK.format(
            question="if error or not user:\n            self.close()\n            return",
            check="if self.user is None:\n            return",
        ),
        {},
    ),
    "a callback of a database notes": (
        "missing",
        _CALLBACK.format(question="print(user)", check="pass"),
        {},
    ),
    "an engine waits for Redis": (
        "late",
        _ENGINE.format(question="if not user:\n            self.close()\n            return"),
        {},
    ),
    "an engine does not look at what Redis says": (
        "missing",
        _ENGINE.format(question="print(user)"),
        {},
    ),
    "name and password of the header in open()": (
        "late",
        _BASIC.format(
            question=(
                "if not db.check_password(name, password):\n"
                "            self.close(1008)\n"
                "            return"
            )
        ),
        {},
    ),
    "a name of the header in open()": ("missing", _BASIC.format(question="pass"), {}),
    "a property says who is logged in": (
        "late",
        _PROPERTY.format(
            question="if not self.is_authenticated:\n            self.close()\n            return"
        ),
        {},
    ),
    "a property that nobody looks at": ("late|missing", _PROPERTY.format(question="pass"), {}),
    "a table of states that makes them": (
        "late",
        _DEFAULTS.format(question='if "user" not in mine:\n            return'),
        {},
    ),
    "a table of states that nobody looks at": (
        "late|missing",
        _DEFAULTS.format(question="pass"),
        {},
    ),
    "a decorator with a role": ("late", _CLASS_DECORATOR.format(decorator='@requires("user")'), {}),
    "a method without the decorator with a role": (
        "late|missing",
        _CLASS_DECORATOR.format(decorator=""),
        {},
    ),
    "an attribute is there after the login": (
        "late",
        _HASATTR.format(question='elif hasattr(self, "user"):'),
        {},
    ),
    "a set of the application": (
        "late",
        _APPLICATION_SET.format(
            question="if self not in self.application.known:\n            self.close()\n            return"
        ),
        {},
    ),
    "a set of the application that nobody asks": (
        "late|missing",
        _APPLICATION_SET.format(question="pass"),
        {},
    ),
    "a mixin's open() says whether": (
        "late",
        _SUPER.format(question="if not super().open(*args):\n            return", check=_REJECT),
        {},
    ),
    "open() raises without the cookie": (
        "late",
        _RAISES.format(test='get_secure_cookie("user")'),
        {},
    ),
    "open() raises without a room": (
        "missing",
        _RAISES.format(test='get_argument("room", None)'),
        {},
    ),
    "the backend is connected after the login": (
        "late",
        _BACKEND.format(
            question=(
                'if not sessions.verify(json.loads(message)["token"]):\n'
                "                self.close()\n"
                "                return"
            )
        ),
        {},
    ),
    "the backend is connected at the first message": (
        "missing",
        _BACKEND.format(question="pass"),
        {},
    ),
    "a table of access": ("late", _ACCESS.format(access="Access.USER"), {}),
    "a table of access for everybody": ("late|missing", _ACCESS.format(access="Access.PUBLIC"), {}),
    "a service knows its members": (
        "late",
        _SERVICE.format(question="if socket not in self.members:\n            return"),
        {},
    ),
    "a service hears everybody": ("late|missing", _SERVICE.format(question="pass"), {}),
    "an event asks for the user": (
        "late",
        _STOPS.format(question="if self.user is None:\n            return"),
        {},
    ),
    "an event does not ask": ("late|missing", _STOPS.format(question="pass"), {}),
    "commands of another file": (
        "late",
        _OTHER_FILE,
        {"protocol.py": _CONNECTION, "commands.py": _COMMANDS.format(more="")},
    ),
    "commands of another file, one for everybody": (
        "late|missing",
        _OTHER_FILE,
        {"protocol.py": _CONNECTION, "commands.py": _COMMANDS.format(more=", login=False")},
    ),
}

_WORKER = """
import threading
from queue import Queue
class Login:
    def __init__(self, socket, data):
        self.socket, self.data = socket, data
class Say:
    def __init__(self, socket, data):
        self.socket, self.data = socket, data
class Worker(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.queue = Queue()
        self.users = {{}}
    def put(self, event):
        self.queue.put(event)
    def run(self):
        while True:
            event = self.queue.get()
            if isinstance(event, Login):
                if db.check_password(event.data["name"], event.data["password"]):
                    self.users[event.socket] = event.data["name"]
            elif isinstance(event, Say):
                {question}
                room.say(event.data["text"])
worker = Worker()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            worker.put(Login(self, data))
        elif data["type"] == "say":
            worker.put(Say(self, data))
"""
_MODULE_QUEUE = """
import threading
from queue import Queue
JOBS = Queue()
USERS = {{}}
def work():
    while True:
        socket, data = JOBS.get()
        if data["type"] == "login":
            USERS[socket] = db.check_password(data["name"], data["password"])
            continue
        {question}
        room.say(data["text"])
threading.Thread(target=work).start()
class Door(WebSocketHandler):
    def on_message(self, message):
        JOBS.put((self, json.loads(message)))
"""

CASES |= {
    "a thread takes events from a queue": (
        "late",
        _WORKER.format(question="if event.socket not in self.users:\n                    continue"),
        {},
    ),
    "a thread takes events from a queue, and asks nobody": (
        "late|missing",
        _WORKER.format(question="pass"),
        {},
    ),
    "a function takes messages from a queue": (
        "late",
        _MODULE_QUEUE.format(question="if not USERS.get(socket):\n            continue"),
        {},
    ),
    "a function takes messages from a queue, and asks nobody": (
        "late|missing",
        _MODULE_QUEUE.format(question="pass"),
        {},
    ),
}


_NAMESPACE = """
import socketio
class Door(socketio.AsyncNamespace):
    async def on_connect(self, sid, environ{auth}):
        {question}
        await self.save_session(sid, {{"since": 1}})
    async def on_say(self, sid, data):
        {check}
        room.say(data["text"])
    async def on_login(self, sid, data):
        user = db.check_password(data["name"], data["password"])
        await self.save_session(sid, {{"user": user}})
    def on_disconnect(self, sid):
        pass
sio = socketio.AsyncServer(async_mode="tornado")
sio.register_namespace(Door("/room"))
application = Application([("/socket.io/", socketio.get_tornado_handler(sio))])
"""

CASES |= {
    "a namespace turns away by False": (
        "late",
        _NAMESPACE.format(
            auth="",
            question='if not sessions.verify(environ.get("HTTP_AUTHORIZATION")):\n            return False',
            check="pass",
        ),
        {},
    ),
    "a namespace turns away by an exception": (
        "late",
        _NAMESPACE.format(
            auth=", auth",
            question='if not await sessions.verify(auth.get("token")):\n'
            '            raise ConnectionRefusedError("who are you?")',
            check="pass",
        ),
        {},
    ),
    "a namespace asks for the session with each event": (
        "late",
        _NAMESPACE.format(
            auth="",
            question="pass",
            check="session = await self.get_session(sid)\n"
            '        if session.get("user") is None:\n            return',
        ),
        {},
    ),
    "a namespace of anybody": (
        "missing|late",
        _NAMESPACE.format(auth="", question="pass", check="pass"),
        {},
    ),
}


_EVENTS = """
import socketio
Door = socketio.AsyncServer(async_mode="tornado")
@Door.event
async def connect(sid, environ, auth):
    {question}
    await Door.save_session(sid, {{"since": 1}})
@Door.on("say something")
async def heard(sid, data):
    room.say(data["text"])
@Door.event
def disconnect(sid):
    pass
application = Application([("/socket.io/", socketio.get_tornado_handler(Door))])
"""
_ELSEWHERE = """
from app import Door
from elsewhere import room, sessions
@Door.on("connect")
def joined(sid, environ):
    {question}
    return True
"""

CASES |= {
    "functions are the events of a server, and one turns away": (
        "late",
        _EVENTS.format(
            question='if not sessions.verify(auth["token"]):\n'
            '        raise socketio.exceptions.ConnectionRefusedError("no")'
        ),
        {},
    ),
    "functions are the events of a server": ("missing", _EVENTS.format(question="pass"), {}),
    "a function of another file turns away": (
        "late",
        _EVENTS.replace("@Door.event\nasync def connect", "async def unused").format(
            question="pass"
        ),
        {
            "events.py": _ELSEWHERE.format(
                question='if not sessions.verify(environ["HTTP_COOKIE"]):\n        return False'
            )
        },
    ),
}


CASES |= {
    f"each message brings {name}": (
        "late",
        _EACH.format(
            question=f'if db.users.find_one({{"name": data["name"], "{name}": data["{name}"]}}) is None:\n'
            "            self.close()\n            return"
        ),
        {},
    )
    for name in ("pass", "authtoken", "userpassword", "phpsessid", "passcode")
}
