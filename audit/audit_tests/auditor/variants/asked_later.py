"""Logins after the 101 as real handlers do them, each beside a twin that continues without one.

Sessions of mixins, callbacks that close, futures that a login completes, timers for late clients,
exceptions that are only logged, commands in tables, and the ways of Tornado 2 and 3.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_SESSION_MIXIN = """
class SessionMixin(object):
    @property
    def session(self):
        if getattr(self, "_session", None) is None:
            self._session = self.load_session()
        return self._session
    def load_session(self):
        sid = self.get_secure_cookie("sid")
        if not sid:
            return {{}}
        data = redis.get("session:" + sid)
        return json.loads(data) if data else {{}}
    @property
    def user_id(self):
        return self.session.get("user_id")
class Door(SessionMixin, WebSocketHandler):
    def open(self):
        {asked}
        clients.setdefault(self.user_id, []).append(self)
    def on_message(self, message):
        room.say(message)
"""

_CALLBACK = """
from tornado.httpclient import AsyncHTTPClient
class Door(WebSocketHandler):
    ready = False
    def open(self):
        token = self.get_argument("token", "")
        AsyncHTTPClient().fetch("https://auth/check?token=" + token, self.on_checked)
    def on_checked(self, response):
        if {test}:
            self.close()
            return
        self.ready = True
        clients.add(self)
    def on_message(self, message):
        {asked}
        room.say(message)
"""

_FUTURE = """
from tornado.concurrent import Future
class Door(WebSocketHandler):
    def open(self):
        self.login = Future()
    @gen.coroutine
    def on_message(self, message):
        asked = json.loads(message)
        if asked["type"] == "login":
            user = yield db.check(asked["name"], asked["password"])
            if user is None:
                self.write_message({{"error": "wrong"}})
            else:
                self.login.set_result(user)
            return
        {waited}
        room.say(asked["text"])
"""

_TIMER = """
import tornado.ioloop
class Door(WebSocketHandler):
    def open(self):
        self.user = None
        self.deadline = tornado.ioloop.IOLoop.current().call_later(10, self.too_late)
    def too_late(self):
        if self.user is None:
            self.close(4408, "login timed out")
    def on_message(self, message):
        asked = json.loads(message)
        if asked.get("type") == "auth":
            self.user = db.user_of_token(asked.get("token"))
            if self.user is None:
                self.close(4401, "wrong token")
            return
        {asked}
        room.say(asked["text"])
"""

_LOGGED = """
import logging
class NotAllowed(Exception):
    pass
class Door(WebSocketHandler):
    def authenticate(self):
        user = db.user_of_token(self.get_argument("token", ""))
        if user is None:
            raise NotAllowed("no such token")
        return user
    def open(self):
        self.user = None
        try:
            self.user = self.authenticate()
        except NotAllowed as error:
            logging.warning("refused: %s", error)
            {then}
        clients.add(self)
    def on_message(self, message):
        {asked}
        room.say(message)
"""

_FINALLY = """
class Door(WebSocketHandler):
    async def open(self):
        ok = False
        try:
            payload = jwt.decode(self.get_argument("token"), os.environ["KEY"], algorithms=["HS256"])
            ok = payload["aud"] == "room"
        except jwt.PyJWTError:
            {on_error}
        finally:
            if {test}:
                self.close(4401, "unauthorized")
        {rest}
        clients.add(self)
    def on_message(self, message):
        {told}
"""

_COMMANDS = """
class Door(WebSocketHandler):
    def initialize(self):
        self.user = None
        self.handlers = {{
            "login": self.do_login,
            "say": self.do_say,
            "ping": self.do_ping,
        }}
        self.public = {public}
    def on_message(self, message):
        asked = json.loads(message)
        command = asked.get("cmd")
        if command not in self.handlers:
            return self.write_message(json.dumps({{"error": "unknown"}}))
        if self.user is None and command not in self.public:
            return self.write_message(json.dumps({{"error": "login first"}}))
        self.handlers[command](asked)
    def do_login(self, asked):
        self.user = db.check_password(asked["name"], asked["password"])
        self.write_message(json.dumps({{"ok": self.user is not None}}))
    def do_ping(self, asked):
        self.write_message(json.dumps({{"pong": 1}}))
    def do_say(self, asked):
        room.say(asked["text"])
"""

_ENGINE = """
import tornado.gen
class Door(websocket.WebSocketHandler):
    @tornado.gen.engine
    def open(self):
        name = self.get_secure_cookie("name")
        user = yield tornado.gen.Task(self.find_user, name)
        if {test}:
            self.close()
            return
        self.user = user
        clients.append(self)
    def find_user(self, name, callback):
        def found(result, error):
            callback(None if error else result)
        db.users.find_one({{"name": name}}, callback=found)
    def on_message(self, message):
        {told}
"""

_WAIT = """
class Door(websocket.WebSocketHandler):
    @gen.engine
    def open(self):
        self.lookup(self.get_secure_cookie("sid"), callback=(yield gen.Callback("user")))
        user = yield gen.Wait("user")
        {asked}
        clients.append(self)
    def lookup(self, sid, callback):
        callback(sessions.find(sid) if sid else None)
    def on_message(self, message):
        {told}
"""

_ASYNC_CALLBACK = """
class Door(websocket.WebSocketHandler):
    def open(self):
        self.user = None
        db.find_session(self.get_secure_cookie("sid"), callback=self.async_callback(self.on_session))
    def on_session(self, session):
        if not session:
            {refusal}
            return
        self.user = session["user"]
    def on_message(self, message):
        {asked}
        room.say(message)
"""

_WRAPPED_OPEN = """
def with_user(method):
    def wrapper(self, *args):
        self.user = self.get_secure_cookie("user")
        if not self.user:
            {refusal}
        return method(self, *args)
    return wrapper
class Door(WebSocketHandler):
    @with_user
    def open(self, name):
        clients.add(self)
    def on_message(self, message):
        {told}
"""

_PEER_OBJECT = """
class Member(object):
    def __init__(self, socket):
        self.socket = socket
        self.name = None
    @property
    def known(self):
        return self.name is not None
    def handle(self, asked):
        method = getattr(self, "on_" + asked["type"], None)
        if method is not None:
            method(asked)
    def on_hello(self, asked):
        if db.check_password(asked["name"], asked["password"]):
            self.name = asked["name"]
        else:
            self.socket.close()
    def on_say(self, asked):
        {asked}
        room.say(self.name, asked["text"])
class Door(WebSocketHandler):
    def open(self):
        self.member = Member(self)
    def on_message(self, message):
        self.member.handle(json.loads(message))
"""

_QUEUE = """
from tornado.queues import Queue
class Door(WebSocketHandler):
    def open(self):
        self.incoming = Queue()
        gen.convert_yielded(self.talk())
    def on_message(self, message):
        self.incoming.put_nowait(json.loads(message))
    async def talk(self):
        first = await self.incoming.get()
        {question}
        while True:
            asked = await self.incoming.get()
            room.say(asked["text"])
"""

_ASSERT = """
class Door(WebSocketHandler):
    def open(self):
        self.user = db.user_of_cookie(self.get_secure_cookie("user"))
        {asked}
        clients.add(self)
    def on_message(self, message):
        {told}
"""

_STATE = """
class States:
    CONNECTED, AUTHENTICATED, CLOSED = range(3)
class Door(WebSocketHandler):
    def open(self):
        self.state = States.CONNECTED
    def on_message(self, message):
        asked = json.loads(message)
        if self.state == States.CONNECTED:
            if asked.get("token") and db.user_of_token(asked["token"]):
                self.state = States.AUTHENTICATED
            else:
                self.close(1008, "policy")
                {closed}
            return
        {asked}
        room.say(asked["text"])
"""

_SUBPROTOCOL = """
class Door(WebSocketHandler):
    def select_subprotocol(self, offered):
        for one in offered:
            if one.startswith("token."):
                self.token = one[len("token."):]
                return one
        return None
    def open(self):
        user = db.user_of_token(getattr(self, "token", ""))
        {asked}
        clients.add(self)
    def on_message(self, message):
        {told}
"""

_SPAWNED = """
import tornado.ioloop
class Door(WebSocketHandler):
    user = None
    def open(self):
        tornado.ioloop.IOLoop.current().spawn_callback(self.check)
    async def check(self):
        self.user = await db.user_of_token(self.get_argument("token", ""))
        if self.user is None:
            self.close()
    async def on_message(self, message):
        {asked}
        room.say(message)
"""

_DJANGO_SESSION = """
from django.contrib.sessions.models import Session
from django.contrib.auth.models import User
class Door(WebSocketHandler):
    def open(self):
        try:
            session = Session.objects.get(session_key=self.get_cookie("sessionid"))
            uid = session.get_decoded().get("_auth_user_id")
            self.user = User.objects.get(id=uid)
        except (Session.DoesNotExist, User.DoesNotExist):
            {then}
        clients.add(self)
    def on_message(self, message):
        {told}
"""

_FLASK_COOKIE = """
from itsdangerous import BadSignature, URLSafeTimedSerializer
signer = URLSafeTimedSerializer(os.environ["SECRET_KEY"])
class Door(WebSocketHandler):
    def on_message(self, message):
        asked = json.loads(message)
        try:
            who = signer.loads(asked["ticket"], max_age=3600)
        except BadSignature:
            {then}
        room.say({who}, asked["text"])
"""

_REAPER = """
import tornado.ioloop
PENDING = set()
def reap():
    for one in list(PENDING):
        one.close()
class Door(WebSocketHandler):
    user = None
    def open(self):
        PENDING.add(self)
    def on_message(self, message):
        asked = json.loads(message)
        if "password" in asked:
            self.user = db.check_password(asked["name"], asked["password"])
            if self.user:
                PENDING.discard(self)
            return
        {asked}
        room.say(asked["text"])
tornado.ioloop.PeriodicCallback(reap, 30000).start()
"""

_RETURN_FUTURE = """
class Base(WebSocketHandler):
    async def get_user_async(self):
        token = self.request.headers.get("Authorization", "")[7:]
        if not token:
            return None
        return await db.fetchrow("select * from users where token = $1", token)
class Door(Base):
    async def open(self):
        self.user = await self.get_user_async()
        {asked}
        await self.write_message("welcome")
        clients.add(self)
    async def on_message(self, message):
        {told}
"""

_NO_AWAIT = """
class Door(WebSocketHandler):
    async def check(self):
        if await db.fetchrow("select 1 from users where token = $1", self.get_argument("token")) is None:
            self.close()
            raise HTTPError(403)
    async def open(self):
        {call}
        clients.add(self)
    async def on_message(self, message):
        {told}
"""

_ASKS = "if self.user is None:\n            return"

_PANEL = """
import view
class Base(RequestHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
class Door(Base, WebSocketHandler):
    everybody = set()
    def open(self):
        Door.everybody.add(self)
    def on_message(self, message):
        panel = view.Panel(self)
        user = self.get_current_user()
        if {asked}:
            for one in Door.everybody:
                one.write_message({{"who": user, "shown": panel.render(message)}})
"""

_NUMBERED = """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user_id")
    @property
    def current_user(self):
        if not hasattr(self, "_current_user"):
            self._current_user = self.get_current_user()
        return int(self._current_user or {nobody})
    def prepare(self):
        if not self.current_user:
            return self.finish()
    def on_message(self, message):
        room.say(message)
"""

_NOTEBOOK = """
class Door(WebSocketHandler):
    def open(self):
        {opening}
        self.names = {{}}
    def on_message(self, message):
        asked = json.loads(message)
        code = asked["code"]
        if asked["mode"] == "show":
            found = self.names.get(code)
            if found is not None:
                self.write_message(repr(found))
        else:
            exec(code, self.names)
            self.write_message("done")
"""

_PROTOCOL = """
class Door(WebSocketHandler):
    def open(self):
        user = db.user_of_token(self.get_argument("token", ""))
        if user is None:
            self.close(4001, "no")
        else:
            self.user = user
    def close(self, code=None, reason=None):
        if self.ws_connection:
            {closing}
    def on_message(self, message):
        self.write_message(db.find(message))
"""

_KEPT = """
from elsewhere import engine
class Door(WebSocketHandler):
    def session(self):
        return engine.SessionStore(self.get_cookie("sessionid"))
    def who(self):
        try:
            return self.session()["_auth_user_id"]
        except KeyError:
            {nobody}
        return None
    def open(self):
        self.user = self.who()
        self.write_message("welcome, " + str(self.user))
    def on_message(self, message):
        room.say(message)
"""

CASES: dict[str, Case] = {
    "a mixin's session names nobody, and open() closes": (
        "late",
        _SESSION_MIXIN.format(asked="if not self.user_id:\n            return self.close()"),
        {},
    ),
    "a mixin's session names nobody, and open() goes on": (
        "missing",
        _SESSION_MIXIN.format(asked="pass"),
        {},
    ),
    "a callback closes, and messages wait for it": (
        "late",
        _CALLBACK.format(
            test="response.error or not json.loads(response.body)['ok']",
            asked="if not self.ready:\n            return",
        ),
        {},
    ),
    "a callback only notes": ("missing", _CALLBACK.format(test="False", asked="pass"), {}),
    "a future that a login fulfils": ("late", _FUTURE.format(waited="user = yield self.login"), {}),
    "a future that is asked whether it is done": (
        "late",
        _FUTURE.format(waited="if not self.login.done():\n            return"),
        {},
    ),
    "a future that nobody waits for": ("late|missing", _FUTURE.format(waited="pass"), {}),
    "a timer for whoever is late, and messages are asked": ("late", _TIMER.format(asked=_ASKS), {}),
    "a timer for whoever is late, and messages are not": (
        "late|missing",
        _TIMER.format(asked="pass"),
        {},
    ),
    "a refusal is logged, and the connection closed": (
        "late",
        _LOGGED.format(then="self.close()\n            return", asked="pass"),
        {},
    ),
    "a refusal is logged, and messages are asked": (
        "late",
        _LOGGED.format(then="pass", asked=_ASKS),
        {},
    ),
    "a refusal is only logged": ("missing", _LOGGED.format(then="pass", asked="pass"), {}),
    "a flag is looked at in the end": (
        "late",
        _FINALLY.format(
            on_error="pass", test="not ok", rest="if not ok:\n            return", told="pass"
        ),
        {},
    ),
    "a flag is set by whatever fails": (
        "missing",
        _FINALLY.format(on_error="ok = True", test="not ok", rest="pass", told="pass"),
        {},
    ),
    "commands in a table, and those for anybody": (
        "late",
        _COMMANDS.format(public='("login", "ping")'),
        {},
    ),
    "commands in a table, all of them for anybody": (
        "late|missing",
        _COMMANDS.format(public='("login", "ping", "say")'),
        {},
    ),
    "an engine finds a user in a callback": (
        "late",
        _ENGINE.format(test="user is None", told="room.say(self.user['name'], message)"),
        {},
    ),
    "an engine finds a user in a callback and goes on without": (
        "missing",
        _ENGINE.format(test="False", told="room.say(message)"),
        {},
    ),
    "an engine waits for a key": (
        "late",
        _WAIT.format(asked="if user is None:\n            return self.close()", told="pass"),
        {},
    ),
    "an engine waits for a key in vain": (
        "missing",
        _WAIT.format(asked="room.greet(user)", told="room.say(message)"),
        {},
    ),
    "a callback of old that closes": (
        "late",
        _ASYNC_CALLBACK.format(refusal="self.close()", asked=_ASKS),
        {},
    ),
    "a callback of old that greets": (
        "missing",
        _ASYNC_CALLBACK.format(refusal="room.greet(self)", asked="pass"),
        {},
    ),
    "a decorator of open() closes and returns": (
        "late",
        _WRAPPED_OPEN.format(refusal="self.close()\n            return None", told="pass"),
        {},
    ),
    "a decorator of open() asks and goes on": (
        "missing",
        _WRAPPED_OPEN.format(refusal='self.user = "guest"', told="room.say(message)"),
        {},
    ),
    "an object of the connection asks for each message": (
        "late",
        _PEER_OBJECT.format(asked="if not self.known:\n            return"),
        {},
    ),
    "an object of the connection never asks": (
        "late|missing",
        _PEER_OBJECT.format(asked="pass"),
        {},
    ),
    "a conversation from a queue begins with a token": (
        "late",
        _QUEUE.format(
            question='if not sessions.verify(first["token"]):\n            return self.close()'
        ),
        {},
    ),
    "a conversation from a queue begins with a greeting": (
        "missing",
        _QUEUE.format(question='room.greet(first["name"])'),
        {},
    ),
    "an assertion in open()": (
        "late",
        _ASSERT.format(asked="assert self.user, 'log in'", told="pass"),
        {},
    ),
    "no assertion in open()": (
        "missing",
        _ASSERT.format(asked="pass", told="room.say(message)"),
        {},
    ),
    "a state of numbers": ("late", _STATE.format(closed="pass", asked="pass"), {}),
    "a state of numbers that a wrong token changes, too": (
        "missing|late",
        _STATE.format(closed="self.state = States.AUTHENTICATED", asked="pass"),
        {},
    ),
    "a token in the subprotocol, after the 101": (
        "late",
        _SUBPROTOCOL.format(asked="if user is None:\n            return self.close()", told="pass"),
        {},
    ),
    "a token in the subprotocol that nobody asks for": (
        "missing",
        _SUBPROTOCOL.format(asked="pass", told="room.say(message)"),
        {},
    ),
    "a task looks who it is, and messages are asked": ("late", _SPAWNED.format(asked=_ASKS), {}),
    "a session of Django that does not exist": (
        "late",
        _DJANGO_SESSION.format(then="self.close()\n            return", told="pass"),
        {},
    ),
    "a session of Django that does not exist, and nobody minds": (
        "missing",
        _DJANGO_SESSION.format(then="self.user = None", told="room.say(message)"),
        {},
    ),
    "a ticket in each message": (
        "late",
        _FLASK_COOKIE.format(then="return self.close()", who="who"),
        {},
    ),
    "a ticket in each message that may be wrong": (
        "missing|late",
        _FLASK_COOKIE.format(then='who = "guest"', who="who"),
        {},
    ),
    "a loop closes those who wait, and messages are asked": (
        "late",
        _REAPER.format(asked=_ASKS),
        {},
    ),
    "a coroutine of the base gives nobody": (
        "late",
        _RETURN_FUTURE.format(
            asked="if self.user is None:\n            return self.close()", told="pass"
        ),
        {},
    ),
    "a coroutine of the base gives nobody, who is welcome": (
        "missing",
        _RETURN_FUTURE.format(asked="pass", told="room.say(message)"),
        {},
    ),
    "a coroutine that is waited for refuses": (
        "late",
        _NO_AWAIT.format(call="await self.check()", told="pass"),
        {},
    ),
    "a coroutine that nobody waits for": (
        "missing",
        _NO_AWAIT.format(call="self.check()", told="room.say(message)"),
        {},
    ),
    "a panel is made of the connection before it is asked": (
        "late",
        _PANEL.format(asked="user"),
        {},
    ),
    "a panel is made of the connection, and everybody speaks": (
        "missing",
        _PANEL.format(asked="True"),
        {},
    ),
    "the number of nobody is 0": ("guarded", _NUMBERED.format(nobody="0"), {}),
    "the number of nobody is that of a guest": ("missing", _NUMBERED.format(nobody="7"), {}),
    "what code has defined is no login": ("missing", _NOTEBOOK.format(opening="pass"), {}),
    "who runs code in a table of its own was asked": (
        "late",
        _NOTEBOOK.format(
            opening="if not self.get_secure_cookie('user'):\n            raise HTTPError(403)"
        ),
        {},
    ),
    "a close of its own closes the protocol": (
        "late",
        _PROTOCOL.format(closing="self.ws_connection.close(code, reason)"),
        {},
    ),
    "a close of its own only writes a line": (
        "missing",
        _PROTOCOL.format(closing="print('closing', code, reason)"),
        {},
    ),
    "a session without a user closes, and the greeting fails": (
        "late",
        _KEPT.format(nobody="self.close()"),
        {},
    ),
    "a session without a user is that of a guest": (
        "missing",
        _KEPT.format(nobody="return 'guest'"),
        {},
    ),
}
