"""Gates of the upgrade, and log-ins after it, in the places where programs of all ages put them.

Each beside a twin: one that only looks like it, or one that asks in time.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_TAIL = """
    def on_message(self, message):
        room.say(message)
"""

_WAIT = """
from tornado.concurrent import Future
from tornado.ioloop import IOLoop
import datetime
class Door(WebSocketHandler):
    @gen.coroutine
    def open(self):
        self.hello = Future()
        try:
            user = yield gen.with_timeout(datetime.timedelta(seconds=5), self.hello)
        except gen.TimeoutError:
            self.close(4001)
            return
        self.user = user
        {joining}
    def on_message(self, message):
        data = json.loads(message)
        if not self.hello.done():
            {question}
            self.hello.set_result(data["name"])
            return
        room.say(data["text"])
"""

_MIDDLEWARE = (
    """
class Gate:
    def __init__(self, handler):
        self.handler = handler
    def __enter__(self):
        {asking}
    def __exit__(self, *error):
        return False
class Door(WebSocketHandler):
    def {method}(self, *args):
        with Gate(self):
            {inside}
"""
    + _TAIL
)

_CHAIN = """
class Step:
    def __init__(self, following=None):
        self.following = following
    def handle(self, socket, data):
        if self.following is not None:
            self.following.handle(socket, data)
class Authenticate(Step):
    def handle(self, socket, data):
        if socket.user is None:
            socket.user = sessions.by_token(data.get("token"))
        {question}
        super().handle(socket, data)
class Speak(Step):
    def handle(self, socket, data):
        room.say(data["text"])
CHAIN = Authenticate(Speak())
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        CHAIN.handle(self, json.loads(message))
"""

_FILTERS = """
def logged_in(socket, data):
    {answer}
def sane(socket, data):
    return "text" in data
FILTERS = [logged_in, sane]
class Door(WebSocketHandler):
    def open(self):
        self.user = None
    def on_message(self, message):
        data = json.loads(message)
        if data.get("type") == "login":
            self.user = db.check_password(data["name"], data["password"])
            return
        if not all(one(self, data) for one in FILTERS):
            self.close()
            return
        room.say(data["text"])
"""

_DATACLASS = """
import dataclasses
from typing import Optional
@dataclasses.dataclass
class Session:
    user: Optional[str] = None
    rooms: list = dataclasses.field(default_factory=list)
    @property
    def known(self):
        return self.user is not None
class Door(WebSocketHandler):
    def open(self):
        self.session = Session()
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "login":
            self.session.user = db.check_password(data["name"], data["password"])
        elif data["op"] == "say":
            {question}
            room.say(data["text"])
"""

_INDEXED = """
class Door(WebSocketHandler):
    sessions = {{}}
    def open(self):
        self.sessions[id(self)] = {{"user": None, "since": 0}}
    def on_message(self, message):
        data = json.loads(message)
        mine = self.sessions[id(self)]
        if data["op"] == "login":
            mine["user"] = db.check_password(data["name"], data["password"])
            return
        {question}
        room.say(data["text"])
    def on_close(self):
        del self.sessions[id(self)]
"""

_SUB = """
class Base(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "login":
            self.user = db.check_password(data["name"], data["password"])
            return
        if not self.allows(data):
            self.close()
            return
        self.handle(data)
    def open(self):
        self.user = None
    def allows(self, data):
        return self.user is not None
class Door(Base):
    {override}
    def handle(self, data):
        room.say(data["text"])
"""

_JWT_EACH = """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        try:
            claims = jwt.decode(data["token"], options.secret, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            {refusal}
        room.say(data["text"])
"""

_ARGUMENTS = """
class Door(WebSocketHandler):
    def open(self, room_name, key):
        {question}
        room.join(room_name, self)
    def on_message(self, message):
        room.say(message)
application = Application([(r"/ws/(\\w+)/(\\w+)", Door)])
"""

_ASYNC_PREPARE = (
    """
class Door(WebSocketHandler):
    {kind}def prepare(self):
        user = {wait}sessions.find(self.get_cookie("sid", ""))
        if not user:
            {refusal}
        self.user = user
"""
    + _TAIL
)

_TEMPLATES = (
    """
class Base(RequestHandler):
    public = False
    def prepare(self):
        if not self.public and not self.get_secure_cookie("user"):
            self.redirect("/login")
class Door({bases}):
    {own}
"""
    + _TAIL
)

_PERIODIC = """
from tornado.ioloop import PeriodicCallback
class Door(WebSocketHandler):
    def open(self):
        self.user = None
        self.timer = PeriodicCallback(self.look, 1000)
        self.timer.start()
    def look(self):
        if self.user is None:
            self.close()
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "login":
            self.user = db.check_password(data["name"], data["password"])
            return
        {question}
        room.say(data["text"])
"""

_COUNT = """
class Door(WebSocketHandler):
    def open(self):
        self.messages = 0
    def on_message(self, message):
        self.messages += 1
        if self.messages == 1:
            {question}
            return
        room.say(message)
"""

_SWAP = """
class Door(WebSocketHandler):
    def open(self):
        self.receive = self.first
    def on_message(self, message):
        self.receive(json.loads(message))
    def first(self, data):
        {question}
        self.receive = self.later
    def later(self, data):
        room.say(data["text"])
"""

_PARTIAL = """
def login(socket, data):
    socket.user = db.check_password(data["name"], data["password"])
def say(socket, data):
    room.say(data["text"])
def guarded(function, socket, data):
    if socket.user is None:
        socket.write_message("log in")
        return
    function(socket, data)
ACTIONS = {{"login": login, "say": {say}}}
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        ACTIONS[data["op"]](self, data)
"""

_TWO_STEPS = """
class Door(WebSocketHandler):
    def open(self):
        self.name = None
        self.trusted = False
    def on_message(self, message):
        data = json.loads(message)
        if self.name is None:
            self.name = data["name"]
            self.nonce = room.nonce()
            self.write_message({{"nonce": self.nonce}})
        elif not self.trusted:
            {question}
            self.trusted = True
        else:
            room.say(self.name, data["text"])
"""

_CLOSE = "self.close()\n            return"

CASES: dict[str, Case] = {
    "a future that the first message keeps": (
        "late",
        _WAIT.format(
            question='if not sessions.verify(data["token"]):\n                self.close()\n'
            "                return",
            joining="room.join(self)",
        ),
        {},
    ),
    "a future that any first message keeps": (
        "missing",
        _WAIT.format(question="print(data)", joining="room.join(self)"),
        {},
    ),
    "a context manager refuses in get()": (
        "guarded",
        _MIDDLEWARE.format(
            asking='if not self.handler.get_secure_cookie("user"):\n            raise HTTPError(403)',
            method="get",
            inside="return super().get(*args)",
        ),
        {},
    ),
    "a context manager only looks": (
        "missing",
        _MIDDLEWARE.format(
            asking='print(self.handler.get_cookie("user"))',
            method="get",
            inside="return super().get(*args)",
        ),
        {},
    ),
    "a context manager refuses in open()": (
        "late",
        _MIDDLEWARE.format(
            asking='if not self.handler.get_secure_cookie("user"):\n            raise HTTPError(403)',
            method="open",
            inside="clients.add(self)",
        ),
        {},
    ),
    "a chain of steps, one of which asks": (
        "late",
        _CHAIN.format(
            question="if socket.user is None:\n            socket.close()\n            return"
        ),
        {},
    ),
    "a chain of steps that only notes": ("late|missing", _CHAIN.format(question="pass"), {}),
    "filters that all must say yes": (
        "late",
        _FILTERS.format(answer="return socket.user is not None"),
        {},
    ),
    "filters that say yes to anybody": ("late|missing", _FILTERS.format(answer="return True"), {}),
    "a data class of the connection": (
        "late",
        _DATACLASS.format(question="if not self.session.known:\n                return"),
        {},
    ),
    "a data class that nobody looks at": ("late|missing", _DATACLASS.format(question="pass"), {}),
    "a record by the number of the connection": (
        "late",
        _INDEXED.format(question='if mine["user"] is None:\n            return'),
        {},
    ),
    "a record by the number that nobody looks at": (
        "late|missing",
        _INDEXED.format(question="pass"),
        {},
    ),
    "a base that asks a method": ("late", _SUB.format(override=""), {}),
    "a method that says yes to everybody": (
        "late|missing",
        _SUB.format(override="def allows(self, data):\n        return True"),
        {},
    ),
    "a token in each message": (
        "late",
        _JWT_EACH.format(refusal="self.close()\n            return"),
        {},
    ),
    "a token in each message, or none": (
        "late|missing",
        _JWT_EACH.format(refusal="claims = {}"),
        {},
    ),
    "a key in the address, compared in open()": (
        "late",
        _ARGUMENTS.format(
            question="if not hmac.compare_digest(key, options.room_key):\n            " + _CLOSE
        ),
        {},
    ),
    "a key in the address that nobody compares": (
        "missing",
        _ARGUMENTS.format(question="self.key = key"),
        {},
    ),
    "prepare() waits and refuses": (
        "guarded",
        _ASYNC_PREPARE.format(kind="async ", wait="await ", refusal="raise HTTPError(401)"),
        {},
    ),
    "prepare() waits, answers and goes back": (
        "guarded",
        _ASYNC_PREPARE.format(
            kind="async ",
            wait="await ",
            refusal="self.set_status(401)\n            self.finish()\n            return",
        ),
        {},
    ),
    "prepare() waits and goes back": (
        "missing",
        _ASYNC_PREPARE.format(kind="async ", wait="await ", refusal="return"),
        {},
    ),
    "prepare() of old waits and refuses": (
        "guarded",
        _ASYNC_PREPARE.format(
            kind="@gen.coroutine\n    ", wait="yield ", refusal="raise HTTPError(401)"
        ),
        {},
    ),
    "pages send to the login, and so does the socket": (
        "guarded",
        _TEMPLATES.format(bases="Base, WebSocketHandler", own="pass"),
        {},
    ),
    "pages send to the login, and the socket is public": (
        "missing",
        _TEMPLATES.format(bases="Base, WebSocketHandler", own="public = True"),
        {},
    ),
    "pages send to the login, and the socket is no page": (
        "missing",
        _TEMPLATES.format(bases="WebSocketHandler", own="pass"),
        {},
    ),
    "a callback looks now and then, and messages wait": (
        "late",
        _PERIODIC.format(question="if self.user is None:\n            return"),
        {},
    ),
    "a callback looks now and then": ("late|missing", _PERIODIC.format(question="pass"), {}),
    "the first of many messages is a token": (
        "late",
        _COUNT.format(
            question="if not sessions.verify(json.loads(message)['token']):\n                self.close()"
        ),
        {},
    ),
    "the first of many messages is a name": (
        "missing",
        _COUNT.format(question="self.name = json.loads(message)['name']"),
        {},
    ),
    "a method that is swapped after the token": (
        "late",
        _SWAP.format(question='if not sessions.verify(data["token"]):\n            ' + _CLOSE),
        {},
    ),
    "a method that is swapped after a name": (
        "missing",
        _SWAP.format(question='self.name = data["name"]'),
        {},
    ),
    "partial functions that ask": (
        "late",
        _PARTIAL.format(say="functools.partial(guarded, say)"),
        {},
    ),
    "functions that do not ask": ("late|missing", _PARTIAL.format(say="say"), {}),
    "a name and then an answer": (
        "late",
        _TWO_STEPS.format(
            question='wanted = hmac.new(db.key_of(self.name), self.nonce, "sha256").hexdigest()\n'
            '            if not hmac.compare_digest(wanted, data["answer"]):\n'
            "                self.close()\n                return"
        ),
        {},
    ),
    "a name and then anything": ("missing", _TWO_STEPS.format(question="print(data)"), {}),
}

_HELLO = """
class Door(WebSocketHandler):
    def open(self):
        self.ready = False
    def on_message(self, message):
        data = json.loads(message)
        if not self.ready:
            {first}
            self.ready = True
            return
        room.say(data["text"])
"""

_REDIS_TICKET = (
    """
import redis
store = redis.Redis()
class Door(WebSocketHandler):
    async def {method}(self, *args):
        ticket = self.get_query_argument("{name}", None)
        if not ticket:
            {refusal}
        pipe = store.pipeline()
        pipe.get("{name}:" + ticket)
        pipe.delete("{name}:" + ticket)
        found, _ = pipe.execute()
        if found is None:
            {refusal}
        {then}
"""
    + _TAIL
)

_HEADER = (
    """
class Door(WebSocketHandler):
    def prepare(self):
        scheme, _, shown = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer"{more}:
            self.set_status(401)
            self.set_header("WWW-Authenticate", "Bearer")
            self.finish()
"""
    + _TAIL
)

_ROLES = """
class Door(WebSocketHandler):
    roles_of = {{"say": {say}}}
    def open(self):
        self.roles = frozenset(["anonymous"])
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "login":
            user = db.check_password(data["name"], data["password"])
            if user:
                self.roles = frozenset(["anonymous", "user"])
            return
        if not self.roles & set(self.roles_of[data["op"]]):
            self.write_message({{"error": "forbidden"}})
            return
        room.say(data["text"])
"""

_FALLTHROUGH = """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "login":
            self.user = db.check_password(data["name"], data["password"])
        if data["op"] == "say" {question}:
            room.say(data["text"])
    user = None
"""

_TRY = """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "login":
            user = db.check_password(data["name"], data["password"])
            if user:
                self.user = user
            return
        try:
            who = {who}
        except AttributeError:
            self.close()
            return
        room.say(who, data["text"])
"""

_EXECUTOR = (
    """
from concurrent.futures import ThreadPoolExecutor
from tornado.concurrent import run_on_executor
class Door(WebSocketHandler):
    executor = ThreadPoolExecutor(4)
    @run_on_executor
    def user_of(self, token):
        return db.users.find_one({{"token": token}})
    async def {method}(self, *args):
        user = await self.user_of(self.get_argument("token", ""))
        if user is None:
            {refusal}
        self.user = user
        {then}
"""
    + _TAIL
)

_OPEN_RETURNS = """
class Door(WebSocketHandler):
    def open(self):
        if not self.get_secure_cookie("user"):
            {refusal}
        room.listeners.add(self)
    def on_message(self, message):
        {question}
        room.say(message)
"""

_GUEST = (
    """
class Door(WebSocketHandler):
    def get_current_user(self):
        cookie = self.get_secure_cookie("user")
        return db.users.get(cookie) if cookie else {fallback}
    def prepare(self):
        if {test}:
            raise HTTPError(403)
"""
    + _TAIL
)

_MULTI = (
    """
class Door(WebSocketHandler):
    def prepare(self):
        for ask in (self.by_cookie, self.by_token{more}):
            if ask():
                return
        raise HTTPError(401)
    def by_cookie(self):
        return self.get_secure_cookie("user") is not None
    def by_token(self):
        return sessions.verify(self.get_argument("token", ""))
    def by_address(self):
        return self.request.remote_ip.startswith("10.")
    def by_header(self):
        return "X-Internal" in self.request.headers
"""
    + _TAIL
)

CASES |= {
    "it is ready after a token": (
        "late",
        _HELLO.format(
            first='if not sessions.verify(data.get("token")):\n                self.close()\n'
            "                return"
        ),
        {},
    ),
    "it is ready after a version": (
        "missing",
        _HELLO.format(
            first='if data.get("version") != 3:\n                self.close()\n                return'
        ),
        {},
    ),
    "a pipeline takes the ticket in prepare()": (
        "guarded",
        _REDIS_TICKET.format(
            method="prepare", name="ticket", refusal="raise HTTPError(403)", then="self.who = found"
        ),
        {},
    ),
    "a pipeline takes the ticket in open()": (
        "late",
        _REDIS_TICKET.format(
            method="open",
            name="ticket",
            refusal="self.close()\n            return",
            then="clients.add(self)",
        ),
        {},
    ),
    "a scheme and a token": (
        "guarded",
        _HEADER.format(more=" or not sessions.verify(shown)"),
        {},
    ),
    "a scheme and anything": ("missing", _HEADER.format(more=" or not shown"), {}),
    "sets of roles that meet": ("late", _ROLES.format(say='("user",)'), {}),
    "sets of roles that meet for everybody": (
        "late|missing",
        _ROLES.format(say='("user", "anonymous")'),
        {},
    ),
    "two conditions one after the other": (
        "late",
        _FALLTHROUGH.format(question="and self.user is not None"),
        {},
    ),
    "two conditions that ask for nobody": (
        "late|missing",
        _FALLTHROUGH.format(question='and "text" in data'),
        {},
    ),
    "an attribute that is not there yet raises": ("late", _TRY.format(who="self.user"), {}),
    "an attribute that anybody has": (
        "late|missing",
        _TRY.format(who="self.request.remote_ip"),
        {},
    ),
    "an executor looks for the token in prepare()": (
        "guarded",
        _EXECUTOR.format(method="prepare", refusal="raise HTTPError(401)", then="pass"),
        {},
    ),
    "an executor looks for the token in open()": (
        "late",
        _EXECUTOR.format(
            method="open", refusal="self.close()\n            return", then="clients.add(self)"
        ),
        {},
    ),
    "open() goes back without closing": (
        "missing|late",
        _OPEN_RETURNS.format(refusal="return", question="pass"),
        {},
    ),
    "open() goes back, and messages of who listens are heard": (
        "late",
        _OPEN_RETURNS.format(
            refusal="return", question="if self not in room.listeners:\n            return"
        ),
        {},
    ),
    "a guest is nobody": (
        "guarded",
        _GUEST.format(fallback="None", test="self.current_user is None"),
        {},
    ),
    "a guest is somebody": (
        "missing",
        _GUEST.format(fallback='"guest"', test="self.current_user is None"),
        {},
    ),
    "a guest is somebody who is refused": (
        "guarded",
        _GUEST.format(fallback='"guest"', test='self.current_user == "guest"'),
        {},
    ),
    "one of two proofs": ("guarded", _MULTI.format(more=""), {}),
    "one of two proofs, or a header": ("missing", _MULTI.format(more=", self.by_header"), {}),
    "one of two proofs, or an address": (
        "missing|optional|guarded",
        _MULTI.format(more=", self.by_address"),
        {},
    ),
}

_PREPARE = (
    """
{before}
class Door(WebSocketHandler):
    {kind}def prepare(self):
        {body}
"""
    + _TAIL
)


def _prepared(body: str, before: str = "", kind: str = "") -> str:
    return _PREPARE.format(body=body, before=before, kind=kind)


_REFUSE = "\n            raise HTTPError(403)"

CASES |= {
    "only paths of the interface are asked": (
        "missing",
        _prepared(
            'if self.request.path.startswith("/api/") and not self.get_secure_cookie("user"):'
            + _REFUSE
        )
        + '\napplication = Application([("/ws", Door)])\n',
        {},
    ),
    "all paths but the login are asked": (
        "guarded",
        _prepared(
            'if self.request.path != "/login" and not self.get_secure_cookie("user"):' + _REFUSE
        )
        + '\napplication = Application([("/ws", Door)])\n',
        {},
    ),
    "who the header says": (
        "missing|optional",
        _prepared(
            'self.user = self.request.headers.get("X-Remote-User")\n        if not self.user:'
            + _REFUSE
        ),
        {},
    ),
    "who the header says, with a secret of the proxy": (
        "guarded",
        _prepared(
            'if self.request.headers.get("X-Proxy-Secret") != os.environ["PROXY_SECRET"]:'
            + _REFUSE
            + '\n        self.user = self.request.headers.get("X-Remote-User")'
        ),
        {},
    ),
    "failures that are gathered": (
        "missing",
        _prepared(
            "await asyncio.gather(self.ask(), self.load(), return_exceptions=True)\n"
            "    async def load(self):\n        self.data = await room.load()\n"
            '    async def ask(self):\n        if not self.get_secure_cookie("user"):' + _REFUSE,
            kind="async ",
        ),
        {},
    ),
    "failures that end what is gathered": (
        "guarded",
        _prepared(
            "await asyncio.gather(self.ask(), self.load())\n"
            "    async def load(self):\n        self.data = await room.load()\n"
            '    async def ask(self):\n        if not self.get_secure_cookie("user"):' + _REFUSE,
            kind="async ",
        ),
        {},
    ),
    "a decorator that swallows": (
        "missing",
        _prepared(
            'if not self.get_secure_cookie("user"):' + _REFUSE,
            before="def safely(method):\n    def wrapper(self):\n"
            "        try:\n            return method(self)\n"
            "        except Exception as error:\n            print(error)\n    return wrapper\n",
            kind="@safely\n    ",
        ),
        {},
    ),
    "a decorator that raises again": (
        "guarded",
        _prepared(
            'if not self.get_secure_cookie("user"):' + _REFUSE,
            before="def noted(method):\n    def wrapper(self):\n"
            "        try:\n            return method(self)\n"
            "        except Exception as error:\n            print(error)\n            raise\n"
            "    return wrapper\n",
            kind="@noted\n    ",
        ),
        {},
    ),
    "a word of the environment is compared": (
        "optional",
        _prepared(
            'if MODE == "private" and not self.get_secure_cookie("user"):' + _REFUSE,
            before='MODE = os.environ.get("ROOM_ACCESS", "public")',
        ),
        {},
    ),
    "a word of the environment that is private": (
        "guarded",
        _prepared(
            'if MODE != "public" and not self.get_secure_cookie("user"):' + _REFUSE,
            before='MODE = os.environ.get("ROOM_ACCESS", "private")',
        ),
        {},
    ),
    "a count of users": (
        "optional",
        _prepared(
            'if len(options.users) > 0 and not self.get_secure_cookie("user"):' + _REFUSE,
            before='define("users", default=[], multiple=True)',
        ),
        {},
    ),
    "a coroutine that answers and goes back": (
        "guarded",
        _prepared(
            'user = yield sessions.find(self.get_argument("token", ""))\n'
            "        if user is None:\n            self.set_status(403)\n            self.finish()\n"
            "            raise gen.Return()",
            kind="@gen.coroutine\n    ",
        ),
        {},
    ),
    "a coroutine that only goes back": (
        "missing",
        _prepared(
            'user = yield sessions.find(self.get_argument("token", ""))\n'
            "        if user is None:\n            raise gen.Return()\n        self.user = user",
            kind="@gen.coroutine\n    ",
        ),
        {},
    ),
    "a limit that is met": (
        "missing",
        _prepared("if len(clients) > options.most:\n            raise HTTPError(503)"),
        {},
    ),
    "a token or none is fine": (
        "missing",
        _prepared(
            'token = self.get_argument("token", None)\n'
            "        if token is not None and not sessions.verify(token):" + _REFUSE
        ),
        {},
    ),
    "a token or a cookie": (
        "guarded",
        _prepared(
            'token = self.get_argument("token", None)\n'
            "        known = sessions.verify(token) if token else self.get_secure_cookie('user')\n"
            "        if not known:" + _REFUSE
        ),
        {},
    ),
    "a cookie that an age is asked of": (
        "guarded",
        _prepared(
            'user = self.get_secure_cookie("user", max_age_days=1)\n'
            "        if user is None or db.is_blocked(user):" + _REFUSE
        ),
        {},
    ),
    "who is blocked": (
        "missing",
        _prepared("if db.is_blocked(self.request.remote_ip):" + _REFUSE),
        {},
    ),
}

CASES |= {
    "methods that say what state they need": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        self.stat = 0
    def on_message(self, message):
        cmd, sep, arg = message.partition(" ")
        fn = getattr(self, "cmd_" + cmd.lower(), None)
        if fn is None:
            return self.write_message("ERR unknown")
        if self.stat < fn.minstat:
            return self.write_message("ERR login first")
        fn(arg)
    def cmd_user(self, arg):
        self.name = arg
    cmd_user.minstat = 0
    def cmd_pass(self, arg):
        if db.check_password(self.name, arg):
            self.stat = 1
    cmd_pass.minstat = 0
    def cmd_say(self, arg):
        room.say(arg)
    cmd_say.minstat = 1
""",
        {},
    ),
    "a table of connections by user": (
        "late",
        """
class Door(WebSocketHandler):
    users = {}
    def open(self):
        token = self.get_argument("token")
        user = db.session_by_token(token)
        if not user:
            self.write_message({"type": "error", "text": "bad token"})
            self.close()
            return
        self.user = user
        Door.users.setdefault(user.id, set()).add(self)
    def on_message(self, message):
        for one in Door.users[json.loads(message)["to"]]:
            one.write_message(message)
""",
        {},
    ),
    "who has no cookie is told and closed": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        user = self.get_secure_cookie("user")
        if user:
            self.user = user
            clients.add(self)
        else:
            self.write_message("who?")
            self.close()
    def on_message(self, message):
        pass
""",
        {},
    ),
    "an object of the application decodes the token": (
        "guarded",
        """
class Authenticator:
    def __init__(self, secret):
        self.secret = secret
    def user_of(self, request):
        try:
            return jwt.decode(request.headers.get("X-Token", ""), self.secret, algorithms=["HS256"])["sub"]
        except jwt.PyJWTError:
            return None
class Server(Application):
    def __init__(self):
        self.authenticator = Authenticator(os.environ["SECRET"])
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        self.user = self.application.authenticator.user_of(self.request)
        if self.user is None:
            self.send_error(401)
    def on_message(self, message):
        room.say(self.user, message)
""",
        {},
    ),
    "a function in open() is called back": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        def found(result, error=None):
            if error or result is None:
                self.close()
            else:
                self.user = result["user"]
                clients.add(self)
        db.sessions.find_one({"sid": self.get_cookie("sid")}, callback=found)
    def on_message(self, message):
        if not hasattr(self, "user"):
            return
        room.say(message)
""",
        {},
    ),
    "a future is called back about": (
        "late",
        """
from tornado.ioloop import IOLoop
class Door(WebSocketHandler):
    def open(self):
        future = sessions.find(self.get_cookie("sid"))
        IOLoop.current().add_future(future, self.found)
    def found(self, future):
        user = future.result()
        if user is None:
            self.close()
            return
        self.user = user
        clients.add(self)
    def on_message(self, message):
        if getattr(self, "user", None) is None:
            return
        room.say(message)
""",
        {},
    ),
    "numbers of states": (
        "late",
        """
STATE_CONNECTED = 0
STATE_AUTHENTICATED = 1
class Door(WebSocketHandler):
    def open(self):
        self.state = STATE_CONNECTED
    def on_message(self, message):
        msg = json.loads(message)
        if self.state == STATE_CONNECTED:
            if msg["cmd"] == "auth" and db.valid_token(msg["token"]):
                self.state = STATE_AUTHENTICATED
                self.write_message({"ok": True})
            else:
                self.write_message({"ok": False})
            return
        if self.state == STATE_AUTHENTICATED:
            room.say(msg["text"])
""",
        {},
    ),
    "numbers of states, and a greeting": (
        "missing",
        """
STATE_CONNECTED = 0
STATE_READY = 1
class Door(WebSocketHandler):
    def open(self):
        self.state = STATE_CONNECTED
    def on_message(self, message):
        msg = json.loads(message)
        if self.state == STATE_CONNECTED:
            if msg["cmd"] == "hello":
                self.state = STATE_READY
                self.write_message({"ok": True})
            return
        if self.state == STATE_READY:
            room.say(msg["text"])
""",
        {},
    ),
    "methods that anybody may call are listed": (
        "late",
        """
class Door(WebSocketHandler):
    user = None
    anonymous = ("login", "register")
    def on_message(self, message):
        request = json.loads(message)
        name = request["method"]
        if not self.user and name not in self.anonymous:
            return self.reply(request, error="unauthorized")
        self.reply(request, result=getattr(self, "do_" + name)(**request["params"]))
    def reply(self, request, **answer):
        self.write_message(dict(answer, id=request["id"]))
    def do_login(self, name, password):
        self.user = db.check_password(name, password)
        return bool(self.user)
    def do_register(self, name, password):
        return False
    def do_say(self, text):
        room.say(text)
""",
        {},
    ),
    "a session of the application is loaded in open()": (
        "late",
        """
class Door(WebSocketHandler):
    @gen.coroutine
    def open(self, room_id):
        session = yield self.application.sessions.load(self.get_cookie("session_id"))
        if session is None or not session.get("user_id"):
            self.close(code=4401, reason="unauthorized")
            return
        self.user_id = session["user_id"]
        self.room = yield self.application.rooms.get(room_id)
        self.room.add(self)
    def on_message(self, message):
        self.room.broadcast(self.user_id, message)
""",
        {},
    ),
}


_NEEDED = """
from django.conf import settings
class Conf:
    def __init__(self):
        told = getattr(settings, "ROOM_SERVER", None)
        if not told:
            raise Exception("ROOM_SERVER is not set")
        self.secret = told.get("secret", "")
class Door(WebSocketHandler):
    def open(self):
        room.listen(self)
    def on_message(self, message):
        data = json.loads(message)
        conf = Conf()
        {question}
        room.subscribe(data["room"], self)
"""

CASES |= {
    "nothing works without the setting, and then it asks": (
        "late",
        _NEEDED.format(
            question='wanted = hmac.new(conf.secret.encode(), data["room"].encode(), "sha256")\n'
            '        if data["token"] != wanted.hexdigest():\n            return'
        ),
        {},
    ),
    "nothing works without the setting, and then it asks nobody": (
        "missing",
        _NEEDED.format(question="pass"),
        {},
    ),
}
