"""Handlers with their work in tasks, threads and traits; and checks that a review would pass."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "a task asks for each message": (
        "late",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        asyncio.create_task(self.handle(json.loads(message)))
    async def handle(self, data):
        if not sessions.verify(data.get("token")):
            return
        room.say(data["text"])
""",
        {},
    ),
    "a task asks nobody": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        asyncio.create_task(self.handle(json.loads(message)))
    async def handle(self, data):
        room.say(data["text"])
""",
        {},
    ),
    "a callback raises for who is not known": (
        "late",
        """
from tornado.ioloop import IOLoop
class Door(WebSocketHandler):
    def on_message(self, message):
        IOLoop.current().add_callback(self.handle, json.loads(message))
    def handle(self, data):
        user = sessions.verify(data["token"])
        if user is None:
            raise HTTPError(401)
        room.say(data["text"])
""",
        {},
    ),
    "a loop that was not read goes on with the message": (
        "late",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        self.settings["server"].get_loop().register_callback(self.handle, message)
    def handle(self, message):
        data = json.loads(message)
        if not sessions.verify(data.get("token")):
            return
        room.say(data["text"])
""",
        {},
    ),
    "a thread asks": (
        "late",
        """
import threading
def work(handler, message):
    data = json.loads(message)
    if not sessions.verify(data.get("token")):
        return
    room.say(data["text"])
class Door(WebSocketHandler):
    def on_message(self, message):
        threading.Thread(target=work, args=(self, message)).start()
""",
        {},
    ),
    "a thread asks nobody": (
        "missing",
        """
import threading
def work(handler, message):
    room.say(json.loads(message)["text"])
class Door(WebSocketHandler):
    def on_message(self, message):
        threading.Thread(target=work, args=(self, message)).start()
""",
        {},
    ),
    "a thread of the project's own asks": (
        "late",
        """
import threading
class Worker(threading.Thread):
    def __init__(self, target, one, two):
        super().__init__(target=target, args=(self, one, two))
def work(thread, message, handler):
    data = json.loads(message)
    if not sessions.verify(data.get("token")):
        return
    room.say(data["text"])
class Door(WebSocketHandler):
    def on_message(self, message):
        worker = Worker(work, message, self)
        worker.start()
""",
        {},
    ),
    "a thread whose run() asks": (
        "late",
        """
import threading
class Worker(threading.Thread):
    def __init__(self, message):
        super().__init__()
        self.message = message
    def run(self):
        data = json.loads(self.message)
        if not sessions.verify(data.get("token")):
            return
        room.say(data["text"])
class Door(WebSocketHandler):
    def on_message(self, message):
        Worker(message).start()
""",
        {},
    ),
    "a task of open() admits": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        asyncio.ensure_future(self.admit())
    async def admit(self):
        if not self.get_signed_cookie("user"):
            self.close()
            return
        clients.add(self)
""",
        {},
    ),
    "a task that prepare() starts stops nobody": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        asyncio.ensure_future(self.admit())
    async def admit(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a pool parses, then it is asked": (
        "late",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(None, json.loads, message)
        if not await loop.run_in_executor(None, sessions.verify, data["token"]):
            self.close()
            return
        room.say(data["text"])
""",
        {},
    ),
    "pages ask, the upgrade does not": (
        "missing",
        """
class Door(WebSocketHandler):
    async def get(self, *args):
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            return await self.page(*args)
        return await super().get(*args)
    @authenticated
    async def page(self, *args):
        self.write("hello")
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "the upgrade asks, pages do not": (
        "guarded",
        """
class Door(WebSocketHandler):
    async def get(self, *args):
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            self.write("hello")
            return
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
        return await super().get(*args)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a handshake of its own asks nobody": (
        "missing",
        """
class Door(WebSocketHandler):
    async def get(self, *args):
        if "upgrade" not in self.request.headers.get("Connection", "").lower():
            self.set_status(400)
            self.finish()
            return
        self.ws_connection = self.get_websocket_protocol()
        if self.ws_connection:
            await self.ws_connection.accept_connection(self)
        else:
            self.set_status(426)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a handshake of its own asks": (
        "guarded",
        """
class Door(WebSocketHandler):
    async def get(self, *args):
        if not self.get_signed_cookie("user"):
            self.set_status(401)
            self.finish()
            return
        self.ws_connection = self.get_websocket_protocol()
        if self.ws_connection:
            await self.ws_connection.accept_connection(self)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a trait that nobody sets": (
        "optional",
        """
from traitlets import Unicode, default
from traitlets.config import Configurable
class Server(Configurable):
    door_token = Unicode("", config=True)
    def start(self):
        return Application([("/ws", Door)], door_token=self.door_token)
class Door(WebSocketHandler):
    def prepare(self):
        wanted = self.settings["door_token"]
        if wanted and self.get_argument("token", None) != wanted:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a trait whose default is from the environment": (
        "optional",
        """
from traitlets import Unicode, default
from traitlets.config import Configurable
class Server(Configurable):
    door_token_env = "DOOR_TOKEN"
    door_token = Unicode(config=True)
    @default("door_token")
    def _door_token_default(self):
        return os.getenv(self.door_token_env, "")
    def start(self):
        return Application([("/ws", Door)], door_token=self.door_token)
class Door(WebSocketHandler):
    def prepare(self):
        wanted = self.settings.get("door_token")
        if wanted:
            shown = self.get_argument("token", None)
            if shown is None:
                shown = self.request.headers.get("Authorization")
                if shown and shown.startswith("token "):
                    shown = shown[6:]
                else:
                    shown = None
            if shown != wanted:
                return self.send_error(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a trait that is made up where nobody sets it": (
        "guarded",
        """
import secrets
from traitlets import Unicode, default
from traitlets.config import Configurable
class Server(Configurable):
    door_token = Unicode(config=True)
    @default("door_token")
    def _door_token_default(self):
        return secrets.token_hex(16)
    def start(self):
        return Application([("/ws", Door)], door_token=self.door_token)
class Door(WebSocketHandler):
    def prepare(self):
        wanted = self.settings["door_token"]
        if wanted and self.get_argument("token", None) != wanted:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a variable that is read as a truth and off": (
        "optional",
        """
def truth(value):
    if value is None:
        return False
    return value.lower() in ("true", "1", "t")
VERBOSE = truth(os.getenv("VERBOSE", "True"))
REQUIRE_LOGIN = truth(os.getenv("REQUIRE_LOGIN", "False"))
class Door(WebSocketHandler):
    def prepare(self):
        if VERBOSE:
            print("hello")
        if REQUIRE_LOGIN and not self.get_signed_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a variable that is read as a truth and on": (
        "guarded",
        """
def truth(value):
    if value is None:
        return False
    return value.lower() in ("true", "1", "t")
VERBOSE = truth(os.getenv("VERBOSE", "False"))
REQUIRE_LOGIN = truth(os.getenv("REQUIRE_LOGIN", "True"))
class Door(WebSocketHandler):
    def prepare(self):
        if VERBOSE:
            print("hello")
        if REQUIRE_LOGIN and not self.get_signed_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a message without the token is told so": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        clients.add(self)
    def on_message(self, message):
        data = json.loads(message)
        token, valid = data.get("token"), False
        if token:
            valid = sessions.verify(token)
        if not valid:
            return self.send_message({"error": "no", "id": data.get("id")})
        room.say(data["text"])
    @classmethod
    def send_message(cls, answer):
        for client in clients:
            client.write_message(json.dumps(answer))
""",
        {},
    ),
    "a message without the token is acted upon": (
        "late",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        token = data.get("token")
        if token:
            if not sessions.verify(token):
                self.close()
                return
        room.say(data["text"])
""",
        {},
    ),
    "it waits for a login": (
        "late",
        """
class Door(WebSocketHandler):
    def initialize(self):
        self.waiting_for_auth = True
    async def on_message(self, message):
        data = json.loads(message)
        if self.waiting_for_auth:
            if sessions.verify(data["token"]):
                self.waiting_for_auth = False
                return
            self.close()
            return
        room.say(data["text"])
""",
        {},
    ),
    "a message that holds a token is passed on whole": (
        "missing|late",
        """
class Message:
    def __init__(self, data, handler):
        self.session = data["session"]
        self.body = data["body"]
        self.handler = handler
class Door(WebSocketHandler):
    def on_message(self, message):
        found = Message(json.loads(message), self)
        for part in registry.match(found.body):
            part().call(found)
from elsewhere import registry
""",
        {},
    ),
    "a failure that the connection remembers": (
        "late",
        """
class Door(WebSocketHandler):
    async def prepare(self):
        auth = self.settings["server"].lookup("authorization")
        try:
            self.user = await auth.authenticate_request(self.request)
        except Exception:
            self.user = None
            self.need_auth = True
    def on_message(self, message):
        self.settings["server"].lookup("rpc").dispatch(message, self)
""",
        {},
    ),
    "a failure that nobody remembers": (
        "missing",
        """
class Door(WebSocketHandler):
    async def prepare(self):
        auth = self.settings["server"].lookup("authorization")
        try:
            self.user = await auth.authenticate_request(self.request)
        except Exception:
            pass
    def on_message(self, message):
        self.settings["server"].lookup("rpc").dispatch(message, self)
""",
        {},
    ),
    "text of a cookie that is not there raises": (
        "guarded",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        cookie = self.get_secure_cookie("user")
        try:
            return db.objects(name=str(cookie, "utf-8"))[0]
        except (IndexError, TypeError):
            return None
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "text of a cookie that is not there is true": (
        "missing",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        return str(self.get_secure_cookie("user"))
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a credential that stands for none": (
        "late",
        """
TOKENS = {}
class Door(WebSocketHandler):
    def open(self):
        token = self.get_argument("token", None) or "none"
        if token not in TOKENS:
            self.close()
            return
        clients.add(self)
""",
        {},
    ),
    "options of the route hold no token": (
        "optional",
        """
class Server:
    def __init__(self, token=None):
        self.token = token
        self.options = dict(server=self)
        self.application = Application([("/ws", Door, self.options)])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
    def prepare(self):
        if self.server.token and self.get_argument("token", "") != self.server.token:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a base that a function imports": (
        "missing",
        """
from packages import optional_import
terminado = optional_import("terminado", lazy=False)
class Door(terminado.TermSocket):
    def open(self, name=None):
        self.terminal = self.term_manager.get_terminal(name)
        self.terminal.clients.append(self)
""",
        {},
    ),
    "a base that a function imports, and a check": (
        "guarded",
        """
from packages import optional_import
terminado = optional_import("terminado", lazy=False)
class Door(terminado.TermSocket):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
""",
        {},
    ),
    "a package without a file of its own": (
        "late",
        """
import spaced.server.worker
class Door(WebSocketHandler):
    def initialize(self):
        self.worker = spaced.server.worker.Worker()
    def on_message(self, message):
        self.worker.handle(message)
""",
        {
            "spaced/server/__init__.py": "",
            "spaced/server/worker.py": """
import json
from elsewhere import room, sessions
class Worker:
    def handle(self, message):
        data = json.loads(message)
        if not sessions.verify(data.get("token")):
            return
        room.say(data["text"])
""",
        },
    ),
    "plumbing with many ways comes before the question": (
        "late",
        """
from plumbing import load
class Door(WebSocketHandler):
    def open(self):
        clients.add(self)
    def on_message(self, message):
        data = json.loads(message)
        row = load(data.get("row"))
        if not sessions.verify(data.get("token")):
            self.close()
            return
        room.say(row, data["text"])
""",
        {
            "plumbing.py": """
class Row:
    def __init__(self, given):
        self.name = given.name or "row"
        self.tags = given.tags or []
        self.retry = given.retry if given.retry else None
        self.kind = given.kind if given.kind else "plain"
        self.size = given.size if given.size else 1
        self.depth = given.depth if given.depth else 1
        self.color = given.color if given.color else "red"
        self.shape = given.shape if given.shape else "round"
        self.place = given.place if given.place else "here"
        if given.parent:
            self.parent = Row(given.parent)
        if given.children:
            self.children = [Row(one) for one in given.children]
def load(number):
    from elsewhere import store
    return Row(store.read(number))
"""
        },
    ),
    # what a review would pass ---------------------------------------------------------------
    "a mixin behind the handler never runs": (
        "missing",
        """
class Checked:
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
class Door(WebSocketHandler, Checked):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a handler behind the socket whose prepare() runs": (
        "guarded",
        """
class Checked(RequestHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
class Door(WebSocketHandler, Checked):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a handler behind the socket whose get() does not run": (
        "missing",
        """
class Checked(RequestHandler):
    @authenticated
    def get(self):
        self.write("hello")
class Door(WebSocketHandler, Checked):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "on_open() of a plain handler never runs": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_open(self):
        if not self.get_signed_cookie("user"):
            self.close()
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a tuple is true whatever is in it": (
        "missing",
        """
TOKENS = {}
def check(token):
    if token in TOKENS:
        return True, TOKENS[token]
    return False, None
class Door(WebSocketHandler):
    def prepare(self):
        if not check(self.get_argument("token", "")):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "the first of a tuple is looked at": (
        "guarded",
        """
TOKENS = {}
def check(token):
    if token in TOKENS:
        return True, TOKENS[token]
    return False, None
class Door(WebSocketHandler):
    def prepare(self):
        known, self.user = check(self.get_argument("token", ""))
        if not known:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a coroutine that nobody awaits is true": (
        "missing",
        """
class Door(WebSocketHandler):
    async def known(self):
        return self.get_signed_cookie("user") is not None
    async def prepare(self):
        if not self.known():
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a coroutine that is called and not awaited stops nobody": (
        "missing",
        """
class Door(WebSocketHandler):
    async def demand(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
    async def prepare(self):
        self.demand()
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "prepare() goes back without refusing": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            return
        self.known = True
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a status and on it goes": (
        "missing",
        """
class Door(WebSocketHandler):
    async def get(self, *args):
        if not self.get_signed_cookie("user"):
            self.set_status(401)
        await super().get(*args)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a status and no handshake": (
        "guarded",
        """
class Door(WebSocketHandler):
    async def get(self, *args):
        if not self.get_signed_cookie("user"):
            self.set_status(401)
            return
        await super().get(*args)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "write_error() ends the request": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            self.write_error(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "Finish ends the request": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            self.set_status(401)
            raise web.Finish()
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "finally takes the refusal back": (
        "missing",
        """
class Door(WebSocketHandler):
    async def get(self, *args):
        try:
            if not self.get_signed_cookie("user"):
                raise HTTPError(401)
        finally:
            return await super().get(*args)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "close() before the 101 does nothing": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            self.close(4001)
            return
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "the origin check asks for the cookie": (
        "missing",
        """
class Door(WebSocketHandler):
    def check_origin(self, origin):
        return bool(self.get_signed_cookie("user"))
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "the xsrf check is no login": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        self.check_xsrf_cookie()
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a full room is no login": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if room.is_full():
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "too many connections are no login": (
        "missing",
        """
from elsewhere import limiter
class Door(WebSocketHandler):
    def prepare(self):
        if limiter.exceeded("ws"):
            raise HTTPError(403, "rate limit")
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a word of the header is no proof": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.request.headers.get("Authorization", "").startswith("Bearer "):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a password of the header is compared": (
        "guarded",
        """
import base64
class Door(WebSocketHandler):
    def prepare(self):
        shown = self.request.headers.get("Authorization", "")
        if not shown.startswith("Basic "):
            raise HTTPError(401)
        name, _, password = base64.b64decode(shown[6:]).decode().partition(":")
        if not hmac.compare_digest(password, self.settings["password"]):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "the state of the connection says who may": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        self.state = "new"
    def on_message(self, message):
        data = json.loads(message)
        if self.state == "new":
            if not sessions.verify(data["token"]):
                self.close()
                return
            self.state = "ready"
        elif self.state == "ready":
            room.say(data["text"])
""",
        {},
    ),
    "another method takes the messages after the login": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        self.take = self.login
    def on_message(self, message):
        self.take(json.loads(message))
    def login(self, data):
        if not sessions.verify(data["token"]):
            self.close()
            return
        self.take = self.say
    def say(self, data):
        room.say(data["text"])
""",
        {},
    ),
    "an answer to a challenge": (
        "late",
        """
import hashlib, secrets
class Door(WebSocketHandler):
    def open(self):
        self.known = False
        self.nonce = secrets.token_hex(16)
        self.write_message({"challenge": self.nonce})
    def on_message(self, message):
        data = json.loads(message)
        if not self.known:
            wanted = hmac.new(self.settings["secret"], self.nonce.encode(), hashlib.sha256).hexdigest()
            if not hmac.compare_digest(wanted, data["answer"]):
                self.close()
                return
            self.known = True
            return
        room.say(data["text"])
""",
        {},
    ),
    "a room's name is no proof": (
        "missing",
        """
from elsewhere import rooms
class Door(WebSocketHandler):
    def open(self, room_id):
        self.room = rooms.get(room_id)
        if self.room is None:
            self.close(reason="no such room")
            return
        self.room.add(self)
    def on_message(self, message):
        self.room.say(message)
""",
        {},
    ),
    "a session in the path": (
        "guarded",
        """
class Door(WebSocketHandler):
    async def get(self, session_id):
        if session_id not in sessions:
            raise HTTPError(403)
        await super().get(session_id)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a session in the path, after the 101": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self, session_id):
        if session_id not in sessions:
            self.close()
            return
        clients.add(self)
""",
        {},
    ),
    "one of two providers must say yes": (
        "guarded",
        """
from elsewhere import basic_auth, token_auth
class Door(WebSocketHandler):
    providers = [basic_auth, token_auth]
    def prepare(self):
        for provider in self.providers:
            if provider.authenticate(self.request):
                break
        else:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a constructor that raises": (
        "guarded",
        """
class Door(WebSocketHandler):
    def initialize(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a subclass switches it on": (
        "guarded",
        """
class Base(WebSocketHandler):
    require_auth = False
    def prepare(self):
        if self.require_auth and not self.get_signed_cookie("user"):
            raise HTTPError(401)
class Door(Base):
    require_auth = True
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "shipped in debug": (
        "optional|missing",
        """
DEBUG = True
class Door(WebSocketHandler):
    def prepare(self):
        if not DEBUG and not self.get_signed_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a way around that is not there as shipped": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if os.environ.get("DISABLE_AUTH"):
            return
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "actions by name, each of which asks": (
        "late",
        """
def known(method):
    @functools.wraps(method)
    def inner(self, data):
        if not self.user:
            raise HTTPError(403)
        return method(self, data)
    return inner
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        {"login": self.login, "say": self.say}[data["type"]](data)
    def login(self, data):
        self.user = sessions.verify(data["token"])
    @known
    def say(self, data):
        room.say(data["text"])
""",
        {},
    ),
    "defaults in a module that names no handler": (
        "optional",
        """
from house.settings import settings
class Door(WebSocketHandler):
    def prepare(self):
        name = settings().get(["cloud", "logged_user"])
        if name and not sessions.verify(self.get_argument("token", "")):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {
            "house/__init__.py": "",
            "house/settings.py": """
_instance = None
default_settings = {
    "cloud": {"server": "https://cloud.example", "logged_user": None},
}
from elsewhere import Settings
def settings():
    global _instance
    if _instance is None:
        _instance = Settings()
    return _instance
""",
        },
    ),
    "the refusal differs, and is one in each case": (
        "guarded",
        """
from elsewhere import policy
def demand(user, needed):
    if not policy.covers(user, needed):
        if user == "anybody":
            raise HTTPError(401)
        else:
            raise HTTPError(403)
class Door(WebSocketHandler):
    def prepare(self):
        demand(self.settings["users"].find(self.request), ["read"])
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "the applications of tests are not the one that is served": (
        "optional",
        """
class Server(Application):
    def __init__(self, users=None):
        self.users = users
        super().__init__([("/ws", Door)])
    @property
    def asks(self):
        return self.users is not None
class Door(WebSocketHandler):
    def open(self):
        if self.application.asks and not self.current_user:
            self.close()
            return
        clients.add(self)
    def get_current_user(self):
        return self.get_signed_cookie("user")
""",
        {
            "tests/test_app.py": """
from tornado.web import Application
class Fake(Application):
    asks = True
""",
        },
    ),
    "a serializer that signs, made where it is used": (
        "guarded",
        """
from itsdangerous import BadSignature, URLSafeTimedSerializer
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.user = URLSafeTimedSerializer(os.environ["KEY"]).loads(self.get_argument("t"))
        except BadSignature:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a box that opens what it sealed": (
        "guarded",
        """
from cryptography.fernet import Fernet, InvalidToken
box = Fernet(os.environ["KEY"])
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.user = box.decrypt(self.get_argument("t").encode())
        except InvalidToken:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "what is called for its exception about a signature": (
        "guarded",
        """
from elsewhere.seals import BadSignature, wax
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.name = wax.open(self.get_argument("t"))
        except BadSignature:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "the exception about a signature is passed over": (
        "missing",
        """
from elsewhere.seals import BadSignature, wax
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.name = wax.open(self.get_argument("t"))
        except BadSignature:
            self.name = "somebody"
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "the header of a token is not what is signed": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        try:
            jwt.get_unverified_header(self.get_argument("token"))
        except jwt.InvalidTokenError:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a word drawn when the program starts": (
        "guarded",
        """
import uuid
class Door(WebSocketHandler):
    word = uuid.uuid4().hex
    def prepare(self):
        if self.get_argument("t", "") != self.word:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a word drawn for each connection, and told to it": (
        "missing",
        """
import uuid
class Door(WebSocketHandler):
    def open(self):
        self.number = uuid.uuid4().hex
        self.write_message(self.number)
    def on_message(self, message):
        data = json.loads(message)
        if data["number"] == self.number:
            room.say(data)
""",
        {},
    ),
    "a sum that needs a key, which is elsewhere": (
        "guarded",
        """
from elsewhere import KEY
class Door(WebSocketHandler):
    def prepare(self):
        name = self.get_argument("name")
        if hmac.new(KEY, name.encode(), "sha256").hexdigest() != self.get_argument("sum"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a sum that everybody can make": (
        "missing",
        """
import hashlib
class Door(WebSocketHandler):
    def prepare(self):
        name = self.get_argument("name")
        if hashlib.sha256(name.encode()).hexdigest() != self.get_argument("sum"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "the first message is a word from the environment": (
        "late",
        """
class Door(WebSocketHandler):
    ready = False
    def on_message(self, message):
        if not self.ready:
            if message != os.environ["TOKEN"]:
                self.close(4001)
                return
            self.ready = True
            return
        room.say(message)
""",
        {},
    ),
}
