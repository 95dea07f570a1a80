"""Log-ins after the 101 as products of all ages write them, each beside the twin that lacks the question.

State in objects, dictionaries and machines; commands that say whether they need a log-in; decorators, queues,
coroutines, tickets, timers; and the configuration that turns a question on.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_PEER = """
class Peer:
    def __init__(self, socket):
        self.socket = socket
        self.user = None
    def login(self, asked):
        self.user = db.check_password(asked["name"], asked["password"])
        return self.user is not None
class Door(WebSocketHandler):
    def open(self):
        self.peer = Peer(self)
    def on_message(self, message):
        asked = json.loads(message)
        if asked["type"] == "login":
            self.write_message({{"ok": self.peer.login(asked)}})
            return
        {question}
        room.say(asked["text"])
"""

_BY_CONNECTION = """
USERS = {{}}
class Door(WebSocketHandler):
    {opening}
    def on_message(self, message):
        asked = json.loads(message)
        if self not in USERS:
            who = db.check_password(asked["name"], asked["password"])
            if who is None:
                self.close(4001, "no")
                return
            USERS[self] = who
            return
        room.say(USERS[self], asked["text"])
    def on_close(self):
        USERS.pop(self, None)
"""

_METHODS = """
class Door(WebSocketHandler):
    def open(self):
        self.state = self.hello
    def on_message(self, message):
        self.state = self.state(json.loads(message))
    def hello(self, asked):
        {question}
        return self.ready
    def ready(self, asked):
        room.say(asked["text"])
        return self.ready
    def ended(self, asked):
        return self.ended
"""

_ENUM = """
import enum
class State(enum.Enum):
    NEW = 1
    READY = 2
class Door(WebSocketHandler):
    def open(self):
        self.state = State.NEW
    def on_message(self, message):
        asked = json.loads(message)
        if self.state is State.NEW:
            if asked.get("op") == "auth" and sessions.verify(asked.get("token")):
                self.state = State.READY
            else:
                self.close(4401, "authenticate first")
            return
        {question}
        room.say(asked["text"])
"""

_TABLE = """
def login(socket, asked):
    socket.user = db.check_password(asked["name"], asked["password"])
    socket.write_message({{"ok": socket.user is not None}})
def say(socket, asked):
    room.say(asked["text"])
def leave(socket, asked):
    socket.close()
COMMANDS = {{
    "login": (login, False),
    "leave": (leave, False),
    "say": (say, {needs}),
}}
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        asked = json.loads(message)
        function, needs_login = COMMANDS[asked["command"]]
        if needs_login and self.user is None:
            self.write_message({{"error": "log in first"}})
            return
        function(self, asked)
"""

_DECORATED = """
def needs_login(method):
    @functools.wraps(method)
    def wrapper(self, asked):
        if self.user is None:
            self.write_message(json.dumps({{"error": "log in first"}}))
            return None
        return method(self, asked)
    return wrapper
class Door(WebSocketHandler):
    def initialize(self):
        self.user = None
    def on_message(self, message):
        asked = json.loads(message)
        handler = getattr(self, "do_" + asked["do"], None)
        if handler is None:
            self.write_message("what?")
        else:
            handler(asked)
    def do_login(self, asked):
        self.user = db.check_password(asked["name"], asked["password"])
    {decorator}
    def do_say(self, asked):
        room.say(asked["text"])
"""

_REGISTERED = """
HANDLERS = {{}}
def on(kind, login=True):
    def register(function):
        @functools.wraps(function)
        def guarded(socket, data):
            if login and not socket.account:
                return socket.fail("not logged in")
            return function(socket, data)
        HANDLERS[kind] = guarded
        return function
    return register
@on("login", login=False)
def login(socket, data):
    socket.account = db.check_password(data["name"], data["password"])
@on("say"{extra})
def say(socket, data):
    room.say(data["text"])
class Door(WebSocketHandler):
    account = None
    def on_message(self, message):
        data = json.loads(message)
        HANDLERS[data["kind"]](self, data)
    def fail(self, why):
        self.write_message(json.dumps({{"error": why}}))
"""

_QUEUE = """
class Door(WebSocketHandler):
    def open(self):
        self.inbox = asyncio.Queue()
        self.task = asyncio.ensure_future(self.run())
    async def on_message(self, message):
        await self.inbox.put(json.loads(message))
    async def run(self):
        first = await self.inbox.get()
        {question}
        while True:
            asked = await self.inbox.get()
            room.say(asked["text"])
"""

_OLD_QUEUE = """
from tornado.queues import Queue
from tornado.ioloop import IOLoop
class Door(WebSocketHandler):
    def open(self):
        self.messages = Queue()
        IOLoop.current().spawn_callback(self.serve)
    def on_message(self, message):
        self.messages.put_nowait(message)
    @gen.coroutine
    def serve(self):
        hello = json.loads((yield self.messages.get()))
        {question}
        while True:
            message = yield self.messages.get()
            room.say(message)
"""

_TICKET = """
import redis
store = redis.StrictRedis(host="localhost")
class Door(WebSocketHandler):
    def {method}(self, *args, **kwargs):
        key = "ticket:%s" % self.get_argument("ticket", "")
        who = store.get(key)
        if not who:
            {refusal}
        store.delete(key)
        self.who = who
        {joins}
    def on_message(self, message):
        room.say(self.who, message)
"""

_TIMER = """
from tornado.ioloop import IOLoop
class Door(WebSocketHandler):
    def open(self):
        self.name = None
        self.timer = IOLoop.current().call_later(10, self.put_out)
    def put_out(self):
        if self.name is None:
            self.close(4001, "nobody logged in")
    def on_message(self, message):
        asked = json.loads(message)
        if asked["type"] == "login":
            self.name = db.check_password(asked["name"], asked["password"])
            return
        {question}
        room.say(asked["text"])
"""

_IDENTIFIED = """
OP_IDENTIFY, OP_SAY = 2, 3
class Door(WebSocketHandler):
    def open(self):
        self.{flag} = {begin}
        self.write_message({{"op": 10}})
    def on_message(self, message):
        packet = json.loads(message)
        if packet["op"] == OP_IDENTIFY:
            who = sessions.by_token(packet["d"]["token"])
            if who is None:
                self.close(4004)
                return
            self.{flag} = {end}
            self.write_message({{"op": 0}})
        elif not self.{flag}:
            self.close(4003)
        elif packet["op"] == OP_SAY:
            room.say(packet["d"])
"""

_LEVELS = """
LEVELS = {{"login": 0, "say": {say}, "kick": 2}}
class Door(WebSocketHandler):
    def open(self):
        self.level = 0
    def on_message(self, message):
        asked = json.loads(message)
        command = asked["command"]
        if self.level < LEVELS.get(command, 99):
            self.write_message({{"error": "not allowed"}})
            return
        if command == "login":
            user = db.check_password(asked["name"], asked["password"])
            if user is not None:
                self.level = user.level
        elif command == "say":
            room.say(asked["text"])
        elif command == "kick":
            room.kick(asked["name"])
"""

_ALLOWED = """
class Door(WebSocketHandler):
    def open(self):
        self.commands = {first}
    def on_message(self, message):
        asked = json.loads(message)
        if asked["command"] not in self.commands:
            self.write_message({{"error": "unknown command"}})
            return
        getattr(self, "cmd_" + asked["command"])(asked)
    def cmd_login(self, asked):
        if db.check_password(asked["name"], asked["password"]):
            self.commands |= {{"say"}}
    def cmd_say(self, asked):
        room.say(asked["text"])
"""

_PENDING = """
class Door(WebSocketHandler):
    pending = set()
    members = set()
    def open(self):
        {opening}
    def on_message(self, message):
        if self in self.pending:
            if not sessions.verify(json.loads(message)["token"]):
                self.close()
                return
            self.pending.discard(self)
            self.members.add(self)
            return
        for one in self.members:
            one.write_message(message)
    def on_close(self):
        self.pending.discard(self)
        self.members.discard(self)
"""

_PROTOCOLS = """
class Greeting:
    def __init__(self, socket):
        self.socket = socket
    def handle(self, asked):
        {question}
        self.socket.protocol = Talking(self.socket)
class Talking:
    def __init__(self, socket):
        self.socket = socket
    def handle(self, asked):
        room.say(asked["text"])
class Door(WebSocketHandler):
    def open(self):
        self.protocol = Greeting(self)
    def on_message(self, message):
        self.protocol.handle(json.loads(message))
"""

_GENERATOR = """
class Door(WebSocketHandler):
    def open(self):
        self.talk = self.conversation()
        next(self.talk)
    def on_message(self, message):
        try:
            self.talk.send(json.loads(message))
        except StopIteration:
            self.close()
    def conversation(self):
        hello = yield
        {question}
        while True:
            asked = yield
            room.say(asked["text"])
"""

_EVENT = """
class Door(WebSocketHandler):
    def open(self):
        self.authed = asyncio.Event()
        asyncio.create_task(self.deadline())
    async def deadline(self):
        try:
            await asyncio.wait_for(self.authed.wait(), 5)
        except asyncio.TimeoutError:
            self.close(4401, "too slow")
    async def on_message(self, message):
        asked = json.loads(message)
        {question}
        room.say(asked["text"])
"""

_EXCEPTION = """
class NotLoggedIn(Exception):
    pass
class Door(WebSocketHandler):
    user = None
    def need_user(self):
        if self.user is None:
            raise NotLoggedIn()
        return self.user
    def on_message(self, message):
        asked = json.loads(message)
        try:
            self.handle(asked)
        except NotLoggedIn:
            self.write_message({{"error": "log in first"}})
        except KeyError:
            self.write_message({{"error": "what?"}})
    def handle(self, asked):
        if asked["do"] == "login":
            self.user = db.check_password(asked["name"], asked["password"])
        elif asked["do"] == "say":
            {question}
            room.say(asked["text"])
"""

_TUPLE = """
import collections
Client = collections.namedtuple("Client", "socket user")
CLIENTS = {{}}
class Door(WebSocketHandler):
    def open(self):
        CLIENTS[self] = Client(self, None)
    def on_message(self, message):
        asked = json.loads(message)
        client = CLIENTS[self]
        if asked["do"] == "login":
            user = db.check_password(asked["name"], asked["password"])
            CLIENTS[self] = client._replace(user=user)
            return
        {question}
        room.say(asked["text"])
    def on_close(self):
        del CLIENTS[self]
"""

_MATCH = """
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        match json.loads(message):
            case {{"type": "auth", "token": token}}:
                self.user = sessions.by_token(token)
            {first}
            case {{"type": "say", "text": text}}:
                room.say(text)
            case _:
                self.close()
"""

_ACTIONS = """
class Action:
    needs_login = True
    def run(self, socket, asked):
        raise NotImplementedError
class Login(Action):
    needs_login = False
    def run(self, socket, asked):
        socket.user = db.check_password(asked["name"], asked["password"])
class Say(Action):
    {marked}
    def run(self, socket, asked):
        room.say(asked["text"])
ACTIONS = {{"login": Login(), "say": Say()}}
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        asked = json.loads(message)
        action = ACTIONS.get(asked["do"])
        if action is None:
            return
        if action.needs_login and self.user is None:
            self.write_message({{"error": "log in first"}})
            return
        action.run(self, asked)
"""

_CHALLENGE = """
import hashlib, secrets
class Door(WebSocketHandler):
    def open(self):
        self.nonce = secrets.token_hex(16)
        self.trusted = False
        self.write_message({{"challenge": self.nonce}})
    def on_message(self, message):
        asked = json.loads(message)
        if not self.trusted:
            {question}
            self.trusted = True
            self.write_message({{"welcome": True}})
            return
        room.say(asked["text"])
"""

_TEMPLATE = """
class Base(WebSocketHandler):
    authorized = False
    def on_message(self, message):
        asked = json.loads(message)
        if not self.authorized:
            self.authorized = sessions.verify(asked.get("token", ""))
            if not self.authorized:
                self.close()
            return
        self.handle(asked)
    def handle(self, asked):
        raise NotImplementedError
class Door(Base):
    def {method}(self, asked):
        room.say(asked)
"""

_SUBPROTOCOL = """
class Door(WebSocketHandler):
    user = None
    def select_subprotocol(self, subprotocols):
        for one in subprotocols:
            if one.startswith("bearer."):
                self.user = sessions.by_token(one[7:])
        return "chat" if "chat" in subprotocols else None
    def open(self):
        {question}
        clients.add(self)
    def on_message(self, message):
        room.say(message)
"""

_SERVICE = """
from tornado.httpclient import AsyncHTTPClient
class Door(WebSocketHandler):
    async def {method}(self, *args):
        token = self.get_argument("token", "")
        reply = await AsyncHTTPClient().fetch(
            options.accounts + "/check?token=" + token, raise_error=False
        )
        if reply.code != 200:
            {refusal}
        self.user = json.loads(reply.body)
        {joins}
    def on_message(self, message):
        room.say(message)
"""

_SOCKJS = """
from sockjs.tornado import SockJSConnection, SockJSRouter
class Door(SockJSConnection):
    def on_open(self, info):
        {question}
        clients.add(self)
    def on_message(self, message):
        self.broadcast(clients, message)
    def on_close(self):
        clients.remove(self)
router = SockJSRouter(Door, "/chat")
application = Application(router.urls)
"""

_OLD = """
import tornado.web, tornado.websocket
from tornado.web import decode_signed_value
class Door(tornado.websocket.WebSocketHandler):
    listeners = set([])
    def open(self):
        try:
            sid = self.get_secure_cookie("sid")
            self.user = db.users[sid]
        except Exception as e:
            print("no session", e)
            {refusal}
        Door.listeners.add(self)
    def on_message(self, message):
        for one in Door.listeners:
            one.write_message(u"%s: %s" % (self.user, message))
"""

_BINARY = """
import struct
class Door(WebSocketHandler):
    def open(self):
        self.device = None
    def on_message(self, message):
        code, = struct.unpack("!H", message[:2])
        body = message[2:]
        if code == 1:
            serial, key = body[:8], body[8:40]
            device = db.devices.get(serial)
            if device is None or not hmac.compare_digest(device.key, key):
                self.close()
                return
            self.device = device
            return
        {question}
        room.reading(body)
"""

CASES: dict[str, Case] = {
    "an object holds who it is": (
        "late",
        _PEER.format(
            question="if self.peer.user is None:\n            self.close()\n            return"
        ),
        {},
    ),
    "an object holds who it is, and nobody looks": (
        "late|missing",
        _PEER.format(question="pass"),
        {},
    ),
    "a dictionary by connection": ("late", _BY_CONNECTION.format(opening=""), {}),
    "a dictionary by connection that holds everybody": (
        "missing|late",
        _BY_CONNECTION.format(opening='def open(self):\n        USERS[self] = "guest"'),
        {},
    ),
    "methods as states": (
        "late",
        _METHODS.format(
            question=(
                'if not sessions.verify(asked["token"]):\n'
                "            self.close()\n"
                "            return self.ended"
            ),
        ),
        {},
    ),
    "methods as states, and a greeting that asks nothing": (
        "missing",
        _METHODS.format(question='self.write_message("hello")'),
        {},
    ),
    "an enumeration of states": ("late", _ENUM.format(question=""), {}),
    "commands that say whether they need a login": ("late", _TABLE.format(needs="True"), {}),
    "a command that needs none does the work": ("late|missing", _TABLE.format(needs="False"), {}),
    "a decorator of the methods that messages name": (
        "late",
        _DECORATED.format(decorator="@needs_login"),
        {},
    ),
    "a method that messages name, and no decorator": (
        "late|missing",
        _DECORATED.format(decorator=""),
        {},
    ),
    "functions that are registered with a login": ("late", _REGISTERED.format(extra=""), {}),
    "a function that is registered without one": (
        "late|missing",
        _REGISTERED.format(extra=", login=False"),
        {},
    ),
    "a task reads the first message from a queue": (
        "late",
        _QUEUE.format(
            question=(
                'if not await sessions.verify(first.get("token")):\n'
                "            self.close()\n"
                "            return"
            ),
        ),
        {},
    ),
    "a task reads messages from a queue, and asks nobody": (
        "missing",
        _QUEUE.format(question='self.write_message("hello")'),
        {},
    ),
    "a coroutine of old reads the first message from a queue": (
        "late",
        _OLD_QUEUE.format(
            question=(
                'if not (yield sessions.verify(hello["token"])):\n'
                "            self.close()\n"
                "            raise gen.Return(None)"
            ),
        ),
        {},
    ),
    "a coroutine of old reads a queue, and asks nobody": (
        "missing",
        _OLD_QUEUE.format(question="pass"),
        {},
    ),
    "a ticket of Redis in open()": (
        "late",
        _TICKET.format(
            method="open", refusal="self.close()\n            return", joins="room.join(self)"
        ),
        {},
    ),
    "a ticket of Redis in prepare()": (
        "guarded",
        _TICKET.format(method="prepare", refusal="raise HTTPError(403)", joins="pass"),
        {},
    ),
    "a timer puts out who has not logged in, who may speak until then": (
        "late|missing",
        _TIMER.format(question="pass"),
        {},
    ),
    "a timer puts out who has not logged in, and is not heard": (
        "late",
        _TIMER.format(question="if self.name is None:\n            return"),
        {},
    ),
    **{
        f"a gateway waits until it is {flag}": (
            "late",
            _IDENTIFIED.format(flag=flag, begin=begin, end=end),
            {},
        )
        for flag, begin, end in (
            ("identified", "False", "True"),
            ("ready", "False", "True"),
            ("who", "None", "who"),
            ("handshake_done", "False", "True"),
            ("player", "None", "who"),
            ("step", "0", "1"),
        )
    },
    "levels of commands": ("late", _LEVELS.format(say=1), {}),
    "levels of commands, one of which is nobody's": ("late", _LEVELS.format(say=0), {}),
    "a set of commands that grows with the login": (
        "late",
        _ALLOWED.format(first='{"login"}'),
        {},
    ),
    "a set of commands that holds all from the beginning": (
        "late|missing",
        _ALLOWED.format(first='{"login", "say"}'),
        {},
    ),
    "connections that wait for their login": (
        "late",
        _PENDING.format(opening="self.pending.add(self)"),
        {},
    ),
    "connections that wait for nothing": (
        "missing|late",
        _PENDING.format(opening="self.members.add(self)"),
        {},
    ),
    "a protocol takes over from another": (
        "late",
        _PROTOCOLS.format(
            question=(
                'if not sessions.verify(asked["token"]):\n'
                "            self.socket.close()\n"
                "            return"
            ),
        ),
        {},
    ),
    "a protocol takes over from one that asks nothing": (
        "missing",
        _PROTOCOLS.format(question='self.socket.write_message("hello")'),
        {},
    ),
    "a generator is the conversation": (
        "late",
        _GENERATOR.format(question='if not sessions.verify(hello["token"]):\n            return'),
        {},
    ),
    "a generator is a conversation that asks nobody": (
        "missing",
        _GENERATOR.format(question="pass"),
        {},
    ),
    "an event is set by the login": (
        "late",
        _EVENT.format(
            question=(
                "if not self.authed.is_set():\n"
                '            if sessions.verify(asked["token"]):\n'
                "                self.authed.set()\n"
                "            return"
            ),
        ),
        {},
    ),
    "an event is set by the login, and nothing waits for it": (
        "late|missing",
        _EVENT.format(
            question='if sessions.verify(asked.get("token")):\n            self.authed.set()'
        ),
        {},
    ),
    "an exception says that nobody is logged in": (
        "late",
        _EXCEPTION.format(question="self.need_user()"),
        {},
    ),
    "an exception for those who are not logged in is never raised": (
        "late",
        _EXCEPTION.format(question="pass"),
        {},
    ),
    "a tuple by connection": (
        "late",
        _TUPLE.format(
            question="if client.user is None:\n            self.close()\n            return"
        ),
        {},
    ),
    "a tuple by connection, and nobody looks": ("late|missing", _TUPLE.format(question="pass"), {}),
    "a match of messages": (
        "late",
        _MATCH.format(first="case _ if self.user is None:\n                self.close()"),
        {},
    ),
    "a match of messages that asks nobody": ("late|missing", _MATCH.format(first=""), {}),
    "objects of actions that need a login": ("late", _ACTIONS.format(marked=""), {}),
    "an object of an action that needs none": (
        "late|missing",
        _ACTIONS.format(marked="needs_login = False"),
        {},
    ),
    "the answer to a challenge": (
        "late",
        _CHALLENGE.format(
            question=(
                "wanted = hmac.new(options.secret.encode(), self.nonce.encode(), hashlib.sha256)\n"
                '            if not hmac.compare_digest(asked["answer"], wanted.hexdigest()):\n'
                "                self.close()\n"
                "                return"
            ),
        ),
        {},
    ),
    "the challenge comes back": (
        "missing",
        _CHALLENGE.format(
            question='if asked["answer"] != self.nonce:\n                self.close()\n                return'
        ),
        {},
    ),
    "a base asks before it hands on": ("late", _TEMPLATE.format(method="handle"), {}),
    "a class takes the messages from the base that asks": (
        "missing",
        _TEMPLATE.format(method="on_message"),
        {},
    ),
    "a token among the subprotocols, looked at in open()": (
        "late",
        _SUBPROTOCOL.format(
            question="if self.user is None:\n            self.close(4401)\n            return"
        ),
        {},
    ),
    "a token among the subprotocols that nobody looks at": (
        "missing",
        _SUBPROTOCOL.format(question="pass"),
        {},
    ),
    "another service is asked in open()": (
        "late",
        _SERVICE.format(
            method="open", refusal="self.close()\n            return", joins="clients.add(self)"
        ),
        {},
    ),
    "another service is asked in prepare()": (
        "guarded",
        _SERVICE.format(method="prepare", refusal="raise HTTPError(401)", joins="pass"),
        {},
    ),
    "SockJS turns away in on_open()": (
        "late",
        _SOCKJS.format(
            question=(
                'cookie = info.get_cookie("session")\n'
                "        if cookie is None or not sessions.get(cookie.value):\n"
                "            return False"
            ),
        ),
        {},
    ),
    "SockJS notes the cookie": (
        "missing",
        _SOCKJS.format(question='self.cookie = info.get_cookie("session")'),
        {},
    ),
    "The handler closes in the except": (
        "late",
        _OLD.format(refusal="self.close()\n            return"),
        {},
    ),
    "The handler goes on after the except": (
        "missing",
        _OLD.format(refusal="self.user = None"),
        {},
    ),
    "a packet carries the key of a device": (
        "late",
        _BINARY.format(question="if self.device is None:\n            return"),
        {},
    ),
    "a packet carries the key of a device, others need none": (
        "late|missing",
        _BINARY.format(question="pass"),
        {},
    ),
}
