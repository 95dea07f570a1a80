"""The log-ins of known kinds of products, in a few lines each: terminals, dashboards, printers, homes.

Beside some stands what they would be with one word less.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_PROGRAMS: dict[str, tuple[str, str]] = {
    "a worker by its number, for the address it was made for": (
        "late|missing",
        """
clients_by_ip = {}
class Door(WebSocketHandler):
    def open(self):
        self.src_addr = self.request.remote_ip
        ws = clients_by_ip.get(self.src_addr)
        if not ws:
            self.close(reason="Websocket authentication failed.")
            return
        worker_id = self.get_argument("id")
        worker = ws.get(worker_id)
        if worker:
            ws[worker_id] = None
            self.worker = worker
        else:
            self.close(reason="Websocket authentication failed.")
    def on_message(self, message):
        self.worker.write(message)
""",
    ),
    "get() waits for a method that asks": (
        "guarded",
        """
class Door(WebSocketHandler):
    async def pre_get(self):
        if self.get_current_user() is None:
            raise HTTPError(403)
    async def get(self, *args, **kwargs):
        await self.pre_get()
        await super().get(*args, **kwargs)
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def on_message(self, message):
        room.say(message)
""",
    ),
    "get() does not wait for a method that asks": (
        "missing",
        """
class Door(WebSocketHandler):
    async def pre_get(self):
        if self.get_current_user() is None:
            raise HTTPError(403)
    async def get(self, *args, **kwargs):
        self.pre_get()
        await super().get(*args, **kwargs)
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a terminal of a library, and get() asks": (
        "guarded",
        """
from terminado import TermSocket
class Door(TermSocket):
    def get(self, *args, **kwargs):
        if not self.get_current_user():
            raise HTTPError(403)
        return super().get(*args, **kwargs)
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a proxy of a library, and open() asks": (
        "late",
        """
from tornado_proxy_handlers import ProxyWSHandler
class Door(ProxyWSHandler):
    @authenticated
    @gen.coroutine
    def open(self, *args):
        yield super().open(url=self.get_argument("path"))
""",
    ),
    "a proxy of a library, and nobody asks": (
        "missing",
        """
from tornado_proxy_handlers import ProxyWSHandler
class Door(ProxyWSHandler):
    @gen.coroutine
    def open(self, *args):
        yield super().open(url=self.get_argument("path"))
""",
    ),
    "an option of the application's without which everybody joins": (
        "optional",
        """
class Door(WebSocketHandler):
    def open(self):
        if not self.application.options.auth:
            clients.add(self)
            return
        if not self.get_secure_cookie("user"):
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        room.say(message)

define("auth", default="")
class Server(Application):
    def __init__(self):
        self.options = options
        super().__init__([("/ws", Door)])
""",
    ),
    "an object of settings that is told at the start": (
        "optional",
        """
class Settings(object):
    def __init__(self):
        self.password = ""
        self.using_password = False
    def parse(self, args):
        self.password = args.password or os.getenv("PASSWORD", "")
        self.using_password = bool(self.password)
settings = Settings()
def authenticated_here(method):
    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        if settings.using_password and self.get_secure_cookie("authenticated") != b"yes":
            self.redirect("/login")
            return None
        return method(self, *args, **kwargs)
    return wrapper

class Door(WebSocketHandler):
    @authenticated_here
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "actions that need no user, and others": (
        "late",
        """
SECRET = os.environ["S"].encode()
class Door(WebSocketHandler):
    def open(self):
        self.actions = {"ping": self.ping_back, "authenticate": self.authenticate, "run": self.run}
        self.user = None
    def on_message(self, message):
        for key, value in json.loads(message).items():
            if not self.user and key not in ("ping", "authenticate"):
                self.write_message(json.dumps({"go:reauthenticate": True}))
                self.close()
                return
            if key in self.actions:
                self.actions[key](value)
    def ping_back(self, value):
        self.write_message(json.dumps({"pong": value}))
    def authenticate(self, value):
        wanted = hmac.new(SECRET, value["upn"].encode(), "sha256").hexdigest()
        if hmac.compare_digest(wanted, value["signature"]):
            self.user = value["upn"]
        else:
            self.close()
    def run(self, value):
        room.run(value)
""",
    ),
    "a message of SockJS with a session": (
        "late",
        """
from sockjs.tornado import SockJSConnection, SockJSRouter
from elsewhere import users
class Door(SockJSConnection):
    def on_open(self, info):
        self._authed = False
        self._send("connected", {"version": 1})
    def on_message(self, message):
        data = json.loads(message)
        if "auth" in data:
            user_id, session = data["auth"].split(":", 1)
            if users.validate_session(user_id, session):
                self._authed = True
            return
        if not self._authed:
            return
        room.run(data)
    def _send(self, kind, payload):
        self.send({kind: payload})

application = Application(SockJSRouter(Door, "/sockjs").urls)
""",
    ),
    "a refusal is kept for the messages": (
        "late",
        """
class Door(WebSocketHandler):
    def initialize(self):
        self.auth = self.settings["server"].lookup_component("authorization", None)
        self.needs = False
    def prepare(self):
        try:
            self.current = self.auth.authenticate_request(self.request)
        except HTTPError:
            self.needs = True
    def on_message(self, message):
        data = json.loads(message)
        if self.needs:
            if data.get("method") != "identify" or not self.auth.validate_jwt(data["params"]["token"]):
                self.write_message({"error": "Unauthorized"})
                return
            self.needs = False
            return
        room.run(data)
""",
    ),
    "a server that is given, and asks nobody": (
        "missing",
        """
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
    def open(self):
        self.server.plugins.append(self)
    def on_message(self, message):
        self.server.handle(message)

def main(server):
    Application([("/ws", Door, {"server": server})]).listen(1)
""",
    ),
    "a conversation that begins with a token": (
        "late",
        """
from elsewhere import auth
class Door(WebSocketHandler):
    async def open(self):
        self.authenticated = False
        await self.write_message({"type": "auth_required"})
        self.timer = asyncio.get_running_loop().call_later(10, self.close)
    async def on_message(self, message):
        data = json.loads(message)
        if not self.authenticated:
            if data.get("type") == "auth" and await auth.validate(data.get("access_token")):
                self.timer.cancel()
                self.authenticated = True
                await self.write_message({"type": "auth_ok"})
            else:
                await self.write_message({"type": "auth_invalid"})
                self.close()
            return
        room.run(data)
""",
    ),
    "a service of JupyterHub": (
        "guarded|unknown",
        """
from jupyterhub.services.auth import HubAuthenticated
class Door(HubAuthenticated, WebSocketHandler):
    @authenticated
    async def get(self, *args, **kwargs):
        await super().get(*args, **kwargs)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a token in the subprotocol, which open() checks": (
        "late",
        """
from elsewhere import check_token
SECRET = os.environ["S"]
class Door(WebSocketHandler):
    def select_subprotocol(self, subprotocols):
        if len(subprotocols) != 2:
            return None
        self.token = subprotocols[1]
        return subprotocols[0]
    def open(self):
        if self.token is None or not check_token(self.token, SECRET):
            self.close(1008)
            raise ValueError("invalid token")
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
}

CASES: dict[str, Case] = {name: (wanted, text, {}) for name, (wanted, text) in _PROGRAMS.items()}
