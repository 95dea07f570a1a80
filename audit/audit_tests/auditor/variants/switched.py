"""Authentication that a part of the program, a file or a flag switches on, each with the verdict."""

__all__ = ["CASES"]

_NAMES = (
    *("session_length", "user_limit", "cookie_prefix", "token_refresh", "login_banner"),
    *("key_rotation", "account_page", "member_list", "viewer_mode", "admin_mail"),
)
_WORK = "".join(
    f"""
        elif data["kind"] == "k{at}":
            if data["flag{at}"]:
                room.do{at}(data["x"])
            if data["other{at}"]:
                room.more{at}(data["y"])
            if data["third{at}"] and data["fourth{at}"]:
                self.write_message(room.tell{at}(data["z"]))
"""
    for at in range(6)
)
_USES = "".join(f"\n        if app.{one}:\n            self.{one} = app.{one}" for one in _NAMES)
_MANY = f"""
class Server(Application):
    def __init__(self, {", ".join(f"{one}=False" for one in _NAMES)}, auth=None):
{"".join(f"        self.{one} = {one}" + chr(10) for one in _NAMES)}
        self.auth = auth
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def {{method}}(self):
        app = self.application
{{first}}
        if app.auth is not None and not app.auth.check(self.get_argument("token", "")):
            {{refusal}}
    def on_message(self, message):
        app = self.application
        data = json.loads(message)
{{then}}
        if data["kind"] == "x":
            room.say(data)
{_WORK}
"""
"""Ten settings with names about identity, and only one of them enables the check."""

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "many settings before the one that asks": (
        "optional",
        """
class Server(Application):
    def __init__(
        self, compression=True, ping=30, keep=True, prefix="", limit=0, provider=None, title="x", cors=False
    ):
        self.compression = compression
        self.ping = ping
        self.keep = keep
        self.prefix = prefix
        self.limit = limit
        self.provider = provider
        self.title = title
        self.cors = cors
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        app = self.application
        if app.compression: self.set_header("X-Compress", "1")
        if app.cors: self.set_header("Access-Control-Allow-Origin", "*")
        if app.keep: self.set_header("X-Keep", "1")
        if app.prefix: self.set_header("X-Prefix", app.prefix)
        if app.limit: self.limit = app.limit
        if app.title: self.title = app.title
        if app.provider is not None and not app.provider.get_user(self):
            raise HTTPError(403)
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "a": room.a(data)
        elif data["kind"] == "b": room.b(data)
        elif data["kind"] == "c": room.c(data)
        if self.application.limit and data["size"] > 3: room.d(data)
        room.say(data)
""",
        {},
    ),
    "late signature and optional provider": (
        "late",
        """
class NoAuth:
    get_user = None
class Server(Application):
    def __init__(self, provider=NoAuth()):
        self.provider = provider
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def get_current_user(self):
        if self.application.provider.get_user is not None:
            return self.application.provider.get_user(self)
        return "default"
    @authenticated
    def open(self):
        if not sessions.verify(self.get_argument("session", ""), self.settings["key"]):
            self.close()
            return
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "token in each message compared with none": (
        "optional",
        """
class Engine:
    def __init__(self, send, token=None):
        self.send = send
        self.token = token
    async def handle(self, message):
        data = json.loads(message)
        try:
            if data["auth"]["token"] != self.token:
                raise ValueError("not authorized")
            result = room.run(data["command"])
            await self.send(json.dumps({"result": result}))
        except Exception as error:
            await self.send(json.dumps({"error": str(error)}))
class Server:
    def __init__(self, token=None):
        self.token = token
        self.options = dict(server=self)
        self.app = Application([("/ws", Door, self.options)])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.engine = Engine(self.write_message, token=server.token)
    async def on_message(self, message):
        await self.engine.handle(message)
""",
        {},
    ),
    "token in each message compared with one that is required": (
        "late",
        """
class Engine:
    def __init__(self, send, token):
        self.send = send
        self.token = token
    async def handle(self, message):
        data = json.loads(message)
        try:
            if data["auth"]["token"] != self.token:
                raise ValueError("not authorized")
            result = room.run(data["command"])
            await self.send(json.dumps({"result": result}))
        except Exception as error:
            await self.send(json.dumps({"error": str(error)}))
class Door(WebSocketHandler):
    def initialize(self):
        self.engine = Engine(self.write_message, token=os.environ["TOKEN"])
    async def on_message(self, message):
        await self.engine.handle(message)
""",
        {},
    ),
    "error reply is packed by another library": (
        "late",
        """
import msgpack
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = msgpack.unpackb(message)
        try:
            if not hmac.compare_digest(data["token"], os.environ["TOKEN"]):
                raise PermissionError("no")
            room.run(data["command"])
        except Exception as error:
            packed = msgpack.packb({"error": str(error), "id": data["id"]})
            await self.write_message(packed, binary=True)
""",
        {},
    ),
    "guest is joined where the check fails": (
        "missing|late",
        """
class Door(WebSocketHandler):
    def open(self):
        try:
            self.user = jwt.decode(self.get_argument("token", ""), "secret", algorithms=["HS256"])
        except jwt.InvalidTokenError:
            self.user = None
            clients.add(self)
            return
        clients.add(self)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "cancel request of a token is sent on": (
        "missing",
        """
class Door(WebSocketHandler):
    def initialize(self):
        self.tokens = {}
    def on_message(self, message):
        data = json.loads(message)
        info = self.tokens[data["tab"]]
        token_info = self.tokens[data["tab"]]
        lsp.send_notification("cancel", {"id": token_info.get("id")})
        room.say(data)
""",
        {},
    ),
    "session key is published": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        session_key = data["session_key"]
        broker.publish_event("typing", session_key)
        room.say(data)
""",
        {},
    ),
    "token is broadcast to workers": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        workers.broadcast_command(data["token"], data["command"])
""",
        {},
    ),
    "handler base from environment": (
        "optional",
        """
class Guarded(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
Base = Guarded if os.getenv("REQUIRE_LOGIN") else WebSocketHandler
class Door(Base):
    def open(self):
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "handler base from environment on": (
        "guarded",
        """
class Guarded(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
Base = Guarded if os.getenv("REQUIRE_LOGIN", "yes") == "yes" else WebSocketHandler
class Door(Base):
    def open(self):
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "grandparent chosen by option": (
        "optional",
        """
from settings import conf
class Plain:
    pass
class Asking:
    def prepare(self):
        if not sessions.verify(self.get_argument("token", "")):
            raise HTTPError(403)
AuthMixin = Asking if conf.use_auth else Plain
class Common(AuthMixin, WebSocketHandler):
    def check_origin(self, origin):
        return origin == "https://a.example"
class Door(Common):

    def on_message(self, message):
        room.say(message)
""",
        {
            "settings.py": """
class conf:
    use_auth = False
""",
        },
    ),
    "prepare assigned under a flag": (
        "optional",
        """
AUTH = False
def ask(self):
    if not self.get_signed_cookie("user"):
        raise HTTPError(403)
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    if AUTH:
        prepare = ask
""",
        {},
    ),
    "handler patched under a flag": (
        "optional",
        """
AUTH = os.environ.get("AUTH")
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
def ask(self):
    if not self.get_signed_cookie("user"):
        raise HTTPError(403)
if AUTH:
    Door.prepare = ask
""",
        {},
    ),
    "handler wrapped in route under a flag": (
        "optional|missing",
        """
def needs_login(cls):
    class Wrapped(cls):
        def prepare(self):
            if not self.get_signed_cookie("user"):
                raise HTTPError(403)
    return Wrapped
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
define("login", default=False)
def routes():
    handler = Door
    if options.login:
        handler = needs_login(Door)
    return [("/ws", handler)]
""",
        {},
    ),
    "types in a comprehension": (
        "optional",
        """
class Ask:
    def prepare(self):
        token = self.settings.get("auth_token")
        if token and self.get_argument("token", None) != token:
            raise HTTPError(401)
class DoorPlain(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
plain = [DoorPlain]
guarded = [type(cls.__name__, (Ask, cls), {}) for cls in plain]
""",
        {},
    ),
    "types in a loop that always ask": (
        "guarded",
        """
class Ask:
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
class DoorPlain(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
inner = [("/ws", DoorPlain)]
handlers = []
for path, cls in inner:
    handlers.append((path, type(cls.__name__, (Ask, cls), {})))
""",
        {},
    ),
    "types of a list in another module": (
        "optional",
        """
import plain
class Ask:
    def prepare(self):
        token = self.settings.get("auth_token")
        if token and self.get_argument("token", None) != token:
            raise HTTPError(401)
handlers = []
for path, cls in plain.routes:
    bases = (Ask, cls)
    handlers.append((path, type(cls.__name__, bases, {})))
""",
        {
            "plain.py": """
from tornado.websocket import WebSocketHandler
from elsewhere import room
class DoorPlain(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
routes = [("/ws", DoorPlain)]
""",
        },
    ),
    "class by tornado's import_object": (
        "optional",
        """
from tornado.util import import_object
define("authenticator", default="auth.Everybody")
class Door(WebSocketHandler):
    def prepare(self):
        who = import_object(options.authenticator)()
        if not who.authenticate(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "auth.py": """
class Everybody:
    def authenticate(self, request):
        return True
class Tokens:
    def authenticate(self, request):
        return request.headers.get("Authorization") == "x"
""",
        },
    ),
    "class by import_object that asks": (
        "guarded",
        """
from tornado.util import import_object
define("authenticator", default="auth.Tokens")
class Door(WebSocketHandler):
    def prepare(self):
        who = import_object(options.authenticator)()
        if not who.authenticate(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "auth.py": """
class Everybody:
    def authenticate(self, request):
        return True
class Tokens:
    def authenticate(self, request):
        return request.headers.get("Authorization") == "s3cret-token"
""",
        },
    ),
    "function by import_string in the settings": (
        "optional",
        """
from werkzeug.utils import import_string
AUTH_FUNCTION = os.environ.get("AUTH_FUNCTION", "auth.everybody")
class App(Application):
    def __init__(self):
        self.check = import_string(AUTH_FUNCTION)
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if not self.application.check(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "auth.py": """
def everybody(request):
    return True
""",
        },
    ),
    "module by name with getattr": (
        "optional",
        """
import importlib
backend = importlib.import_module("backends." + "none")
define("auth_backend", default="backends.none")
class Door(WebSocketHandler):
    def prepare(self):
        module = importlib.import_module(options.auth_backend)
        if not module.check(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "backends/none.py": """
def check(request):
    return True
""",
            "backends//init/.py": "",
        },
    ),
    "getattr of a module by option": (
        "optional",
        """
import backends
define("auth", default="nobody_is_asked")
class Door(WebSocketHandler):
    def prepare(self):
        check = getattr(backends, options.auth)
        if not check(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "backends.py": """
import hmac, os
def nobody_is_asked(request):
    return True
def token(request):
    return hmac.compare_digest(request.headers.get("Authorization", ""), os.environ["TOKEN"])
""",
        },
    ),
    "table get with a fallback": (
        "optional",
        """
class Everybody:
    def check(self, request):
        return True
class Tokens:
    def check(self, request):
        return sessions.verify(request.headers.get("Authorization"))
KINDS = {"token": Tokens}
class Door(WebSocketHandler):
    def prepare(self):
        kind = os.environ.get("AUTH_KIND")
        if not KINDS.get(kind, Everybody)().check(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "entry point of plugins": (
        "optional|missing",
        """
from importlib.metadata import entry_points
class Everybody:
    def check(self, request):
        return True
def load():
    for point in entry_points(group="app.auth"):
        return point.load()()
    return Everybody()
auth = load()
class Door(WebSocketHandler):
    def prepare(self):
        if not auth.check(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "set up in a method": (
        "optional",
        """
class Server:
    def __init__(self, config):
        self.config = config
        self.setup_auth()
        self.app = Application([("/ws", Door, {"server": self})])
    def setup_auth(self):
        self.auth = None
        if self.config.get("auth_file"):
            self.auth = FileAuth(self.config["auth_file"])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
    def prepare(self):
        if self.server.auth and not self.server.auth.check(self.get_argument("token", "")):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "traits of an application made in start": (
        "optional",
        """
from traitlets import Bool, Unicode
from traitlets.config import Application as Configured
class Main(Configured):
    require_token = Bool(False, config=True)
    def init_web(self):
        self.web = Application([("/ws", Door)], require_token=self.require_token)
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings["require_token"] and not sessions.verify(self.get_argument("token", "")):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "none then set under a flag at module level": (
        "optional",
        """
auth = None
if os.environ.get("AUTH_URL"):
    auth = AuthClient(os.environ["AUTH_URL"])
class Door(WebSocketHandler):
    async def prepare(self):
        if auth:
            if not await auth.validate(self.get_argument("token", "")):
                raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "try to import a setting": (
        "optional",
        """
try:
    from local_settings import AUTH_TOKEN
except ImportError:
    AUTH_TOKEN = None
class Door(WebSocketHandler):
    async def prepare(self):
        if AUTH_TOKEN and self.get_argument("token", "") != AUTH_TOKEN:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "allow list of e-mails from environment": (
        "optional",
        """
ALLOWED = set(filter(None, os.environ.get("ALLOWED_USERS", "").split(",")))
class Door(WebSocketHandler):
    def prepare(self):
        if ALLOWED:
            user = self.get_signed_cookie("email")
            if user is None or user.decode() not in ALLOWED:
                raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "dataclass with default factory list": (
        "optional",
        """
from dataclasses import dataclass, field
@dataclass
class Config:
    api_keys: list[str] = field(default_factory=list)
config = Config()
class Door(WebSocketHandler):
    def prepare(self):
        if not config.api_keys:
            return
        if self.request.headers.get("X-API-Key") not in config.api_keys:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "loop over keys with none of them": (
        "optional|missing",
        """
define("api_keys", default=[], multiple=True)
class Door(WebSocketHandler):
    def prepare(self):
        if len(options.api_keys) == 0:
            return
        for key in options.api_keys:
            if hmac.compare_digest(key, self.get_argument("key", "")):
                return
        raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "anonymous access allowed by default": (
        "optional",
        """
define("allow_anonymous", default=True)
class Door(WebSocketHandler):
    def get_current_user(self):
        user = self.get_signed_cookie("user")
        if user is None and options.allow_anonymous:
            return b"anonymous"
        return user
    @authenticated
    def get(self, *args):
        return super().get(*args)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "anonymous access not allowed by default": (
        "guarded",
        """
define("allow_anonymous", default=False)
class Door(WebSocketHandler):
    def get_current_user(self):
        user = self.get_signed_cookie("user")
        if user is None and options.allow_anonymous:
            return b"anonymous"
        return user
    @authenticated
    def get(self, *args):
        return super().get(*args)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "access level public by default": (
        "optional",
        """
class Room:
    def __init__(self, access="public", members=()):
        self.access = access
        self.members = members
room_of = Room()
class Door(WebSocketHandler):
    def prepare(self):
        if room_of.access != "public":
            if self.get_signed_cookie("user") not in room_of.members:
                raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "xsrf like token switched off": (
        "optional",
        """
class Door(WebSocketHandler):
    def check_token(self):
        if self.settings.get("disable_token_check", True):
            return
        if self.get_argument("token", "") != self.settings["token"]:
            raise HTTPError(403)
    def prepare(self):
        self.check_token()

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "globals of a package set by initialize": (
        "optional",
        """
import show
class Base(RequestHandler):
    def get_current_user(self):
        if show.WEB_USERNAME and show.WEB_PASSWORD:
            return self.get_secure_cookie("show_user")
        return True
class Door(Base, WebSocketHandler):
    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)

    def on_message(self, message):
        room.say(message)
""",
        {
            "show/__init__.py": """
WEB_USERNAME = None
WEB_PASSWORD = None
CFG = None
def check_setting_str(config, section, name, default):
    try:
        return config[section][name]
    except KeyError:
        config[section][name] = default
        return default
def initialize():
    global WEB_USERNAME, WEB_PASSWORD
    WEB_USERNAME = check_setting_str(CFG, "General", "web_username", "")
    WEB_PASSWORD = check_setting_str(CFG, "General", "web_password", "")
""",
        },
    ),
    "password file that may be there": (
        "optional|missing",
        """
HTPASSWD = os.path.expanduser("~/.app/htpasswd")
def check(request):
    if not os.path.exists(HTPASSWD):
        return True
    return verify_htpasswd(HTPASSWD, request.headers.get("Authorization"))
class Door(WebSocketHandler):
    def prepare(self):
        if not check(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "singleton configuration by instance": (
        "optional",
        """
from conf import Config
class Door(WebSocketHandler):
    def prepare(self):
        config = Config.instance()
        if config.get_section("server").getboolean("auth", False):
            if self.request.headers.get("Authorization") != make_header(config):
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "conf.py": """
import configparser
class Config:
    _instance = None
    def __init__(self):
        self._config = configparser.ConfigParser()
        self._config.read(["/etc/app.conf"])
    @classmethod
    def instance(cls):
        if cls._instance is None:
            cls._instance = Config()
        return cls._instance
    def get_section(self, name):
        return self._config[name]
""",
        },
    ),
    "get_config function": (
        "optional",
        """
from conf import get_config
class Door(WebSocketHandler):
    def prepare(self):
        if get_config().require_auth:
            if not sessions.verify(self.get_argument("token", "")):
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "conf.py": """
import os
class Config:
    def __init__(self):
        self.port = int(os.environ.get("PORT", "80"))
        self.require_auth = os.environ.get("REQUIRE_AUTH", "false").lower() == "true"
_config = None
def get_config():
    global _config
    if _config is None:
        _config = Config()
    return _config
""",
        },
    ),
    "lru cached settings": (
        "optional",
        """
from conf import get_settings
class Door(WebSocketHandler):
    def prepare(self):
        settings = get_settings()
        if not settings.auth_token:
            return
        if not hmac.compare_digest(self.get_argument("token", ""), settings.auth_token):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "conf.py": """
from functools import lru_cache
from pydantic_settings import BaseSettings
class Settings(BaseSettings):
    auth_token: str = ""
    port: int = 80
@lru_cache
def get_settings() -> Settings:
    return Settings()
""",
        },
    ),
    "settings put into the application later": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        auth = self.settings["auth"]
        if auth and not auth(self):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)

def make():
    app = Application([("/ws", Door)])
    app.settings["auth"] = None
    return app
""",
        {},
    ),
    "handler keyword arguments from yaml": (
        "optional",
        """
class Door(WebSocketHandler):
    @classmethod
    def setup(cls, auth=None, **kwargs):
        cls.auth_method = None
        if auth:
            cls.auth_method = make_auth(auth)
    def prepare(self):
        if self.auth_method is not None:
            if not self.auth_method(self):
                raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "methods to run in prepare": (
        "optional|missing",
        """
class Door(WebSocketHandler):
    checks = []
    @classmethod
    def setup(cls, auth=None):
        cls.checks = []
        if auth:
            cls.checks.append(cls.authorize)
    def authorize(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def prepare(self):
        for check in self.checks:
            check(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "single user mode": (
        "optional",
        """
class Server:
    def __init__(self, single_user=True):
        self.single_user = single_user
        self.app = Application([("/ws", Door, {"server": self})])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
    def get_current_user(self):
        if self.server.single_user:
            return "me"
        return self.get_signed_cookie("user")
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "hub host from environment": (
        "optional",
        """
HUB = os.environ.get("HUB_URL")
class Plain:
    def get_current_user(self):
        return "local"
class Hub:
    def get_current_user(self):
        return hub_user(self.get_cookie("hub-session"))
UserMixin = Hub if HUB else Plain
class Door(UserMixin, WebSocketHandler):
    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "options with a group": (
        "optional",
        """
define("user", default=None, group="auth")
define("passwd", default=None, group="auth")
class Door(WebSocketHandler):
    def prepare(self):
        if options.user is not None:
            auth = self.request.headers.get("Authorization", "")
            if not auth.startswith("Basic "):
                self.set_status(401)
                self.finish()
                return
            import base64
            user, _, password = base64.b64decode(auth[6:]).decode().partition(":")
            if user != options.user or password != options.passwd:
                self.set_status(401)
                self.finish()

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "tornado settings xauth": (
        "optional",
        """
class Door(WebSocketHandler):
    def open(self):
        if self.settings.get("auth_service"):
            token = self.get_argument("token", None)
            user = self.settings["auth_service"].verify(token)
            if user is None:
                self.close(4001, "unauthorized")
                return
            self.user = user
        else:
            self.user = "anonymous"
        clients.add(self)
    def on_message(self, message):
        room.say(self.user, message)
""",
        {},
    ),
    "rpc server with secret": (
        "optional",
        """
class RpcServer:
    def __init__(self, port, secret=None, verbose=False, max_clients=10):
        self.secret = secret
        self.verbose = verbose
        self.max_clients = max_clients
        self.clients = set()
    def handler(self):
        server = self
        class Door(WebSocketHandler):
            def open(self):
                if len(server.clients) > server.max_clients:
                    self.close()
                    return
                self.trusted = not server.secret
                server.clients.add(self)
            def on_message(self, message):
                data = json.loads(message)
                if server.verbose:
                    print(data)
                if not self.trusted:
                    if data.get("secret") == server.secret:
                        self.trusted = True
                    else:
                        self.close()
                    return
                room.run(data)
        return Door
    def run(self):
        Application([("/ws", self.handler())]).listen(80)
""",
        {},
    ),
    "challenge only if password set": (
        "optional",
        """
import hashlib, random
class Door(WebSocketHandler):
    password = None
    def open(self):
        if Door.password:
            self.nonce = "%x" % random.getrandbits(64)
            self.state = "challenge"
            self.write_message(self.nonce)
        else:
            self.state = "open"
    def on_message(self, message):
        if self.state == "challenge":
            wanted = hashlib.sha256((self.nonce + Door.password).encode()).hexdigest()
            if message != wanted:
                self.close()
                return
            self.state = "open"
            return
        room.say(message)
""",
        {},
    ),
    "signed urls if a key is set": (
        "optional",
        """
def signed(request, key):
    given = request.arguments.get("sig", [b""])[0].decode()
    return hmac.compare_digest(given, hmac.new(key.encode(), request.path.encode(), "sha256").hexdigest())
define("url_key", default="")
class Door(WebSocketHandler):
    def prepare(self):
        if options.url_key and not signed(self.request, options.url_key):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "check skipped unless production": (
        "optional",
        """
ENV = os.environ.get("APP_ENV", "development")
class Door(WebSocketHandler):
    def prepare(self):
        if ENV == "production" and not self.get_signed_cookie("user"):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "check skipped in development that is not default": (
        "guarded",
        """
ENV = os.environ.get("APP_ENV", "production")
class Door(WebSocketHandler):
    def prepare(self):
        if ENV != "development" and not self.get_signed_cookie("user"):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "auth required in the constructor of the base": (
        "optional",
        """
class Base(WebSocketHandler):
    login_required = False
    def prepare(self):
        if self.login_required and not self.current_user:
            raise HTTPError(403)
    def get_current_user(self):
        return self.get_signed_cookie("user")
class Door(Base):
    def open(self):
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "auth required said by the subclass": (
        "guarded",
        """
class Base(WebSocketHandler):
    login_required = False
    def prepare(self):
        if self.login_required and not self.current_user:
            raise HTTPError(403)
    def get_current_user(self):
        return self.get_signed_cookie("user")
class Door(Base):
    login_required = True
    def open(self):
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "remote user header trusted if proxy": (
        "optional|missing",
        """
define("proxy_auth", default=False)
class Door(WebSocketHandler):
    def get_current_user(self):
        if options.proxy_auth:
            return self.request.headers.get("X-Remote-User")
        return "admin"
    def prepare(self):
        if not self.current_user:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "async authorizer none": (
        "optional",
        """
class WebSocketServer:
    def __init__(self, loop=None, authorizer=None, on_connect=None):
        self.authorizer = authorizer
        self.on_connect = on_connect
        self.app = Application([("/ws", Door, {"server": self})])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
    async def get(self, *args, **kwargs):
        if self.server.authorizer is not None:
            allowed = await self.server.authorizer(self.request)
            if not allowed:
                self.set_status(401)
                await self.finish()
                return
        await super().get(*args, **kwargs)
    def open(self):
        if self.server.on_connect: self.server.on_connect(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "validate token default method says yes": (
        "optional|missing",
        """
class App(Application):
    def __init__(self, handlers):
        super().__init__(handlers)
    def validate_token(self, token):
        return True
class Door(WebSocketHandler):
    def prepare(self):
        if not self.application.validate_token(self.get_argument("token", "")):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "environment says no auth": (
        "optional",
        """
def auth_enabled():
    return os.environ.get("NO_AUTH", "1") not in ("1", "true")
class Door(WebSocketHandler):
    def prepare(self):
        if auth_enabled():
            try:
                jwt.decode(self.get_argument("token", ""), os.environ["SECRET"], algorithms=["HS256"])
            except jwt.PyJWTError:
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "yaml with defaults merged in a function": (
        "optional",
        """
import yaml
def load(path):
    with open(path) as f:
        given = yaml.safe_load(f)
    auth = given.get("auth", {})
    return {"port": given.get("port", 80), "auth": auth.get("enabled", False), "key": auth.get("key")}
class App(Application):
    def __init__(self, path):
        self.config = load(path)
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if self.application.config["auth"]:
            if self.get_argument("key", "") != self.application.config["key"]:
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "json schema defaults": (
        "optional",
        """
SCHEMA = {"auth": {"type": "object", "properties": {"enabled": {"type": "boolean", "default": False}}}}
config = fill_defaults(json.load(open("c.json")), SCHEMA)
class Door(WebSocketHandler):
    def prepare(self):
        if config["auth"]["enabled"] and not self.get_signed_cookie("user"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "specification with defaults": (
        "optional",
        """
SPEC = {
    "auth": {"type": "dict", "items": {"enabled": {"type": "bool", "default": False, "description": "ask"}}},
    "port": {"type": "int", "default": 80},
}
config = Configured(SPEC).load()
class Door(WebSocketHandler):
    def prepare(self):
        if config.auth.enabled and not self.get_signed_cookie("user"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "specification with defaults on": (
        "guarded",
        """
SPEC = {
    "auth": {"type": "dict", "items": {"enabled": {"type": "bool", "default": True, "description": "ask"}}},
    "port": {"type": "int", "default": 80},
}
config = Configured(SPEC).load()
class Door(WebSocketHandler):
    def prepare(self):
        if config.auth.enabled and not self.get_signed_cookie("user"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "ten telling settings before the one that asks": (
        "optional",
        _MANY.format(method="prepare", first=_USES, then="", refusal="raise HTTPError(403)"),
        {},
    ),
    "ten telling settings that are read by message": (
        "optional",
        _MANY.format(method="prepare", first="", then=_USES, refusal="raise HTTPError(403)"),
        {},
    ),
    "ten telling settings in open": (
        "optional|late",
        _MANY.format(method="open", first=_USES, then="", refusal="self.close()"),
        {},
    ),
    "a limit is no authentication": (
        "missing",
        """
define("max_users", default=0)
class Door(WebSocketHandler):
    def prepare(self):
        if options.max_users and len(clients) >= options.max_users:
            raise HTTPError(403, "full")

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "maintenance is no authentication": (
        "missing",
        """
define("maintenance", default=False)
class Door(WebSocketHandler):
    def prepare(self):
        if options.maintenance:
            raise HTTPError(503)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a feature that is off is no authentication": (
        "missing|unknown",
        """
define("public_sockets", default=True)
class Door(WebSocketHandler):
    def prepare(self):
        if not options.public_sockets:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "addresses are no authentication": (
        "missing",
        """
define("allowed_ips", default=[], multiple=True)
class Door(WebSocketHandler):
    def prepare(self):
        if options.allowed_ips and self.request.remote_ip not in options.allowed_ips:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "hosts are no authentication": (
        "missing",
        """
define("allowed_hosts", default=[], multiple=True)
class Door(WebSocketHandler):
    def prepare(self):
        if options.allowed_hosts and self.request.host not in options.allowed_hosts:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "second factor beside a login": (
        "guarded",
        """
define("require_otp", default=False)
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
        if options.require_otp and not sessions.verify_otp(self.get_argument("otp", "")):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a secret that only signs what is sent": (
        "missing",
        """
define("signing_key", default=None)
class Door(WebSocketHandler):
    def open(self):
        if options.signing_key:
            self.write_message(hmac.new(options.signing_key.encode(), b"hello", "sha256").hexdigest())
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a token of another service": (
        "missing",
        """
define("api_token", default=None)
class Door(WebSocketHandler):
    async def on_message(self, message):
        headers = {}
        if options.api_token:
            headers["Authorization"] = options.api_token
        await fetch("https://other.example", headers=headers, body=message)
""",
        {},
    ),
    "users are only counted": (
        "missing",
        """
define("track_users", default=False)
class Door(WebSocketHandler):
    def open(self):
        if options.track_users:
            db.count(self.get_signed_cookie("user"))
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "name of the user where there is one": (
        "missing",
        """
define("login_enabled", default=False)
class Door(WebSocketHandler):
    def open(self):
        self.name = "guest"
        if options.login_enabled:
            user = self.get_signed_cookie("user")
            if user:
                self.name = user.decode()
        clients.add(self)
    def on_message(self, message):
        room.say(self.name, message)
""",
        {},
    ),
    "list of users that a module fills": (
        "guarded|optional",
        """
USERS = []
def load():
    for line in open("users"):
        USERS.append(line.strip())
load()
class Door(WebSocketHandler):
    def prepare(self):
        user = self.get_signed_cookie("user")
        if user is None or user.decode() not in USERS:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "an empty list that refuses everybody": (
        "guarded",
        """
define("allowed_users", default=[], multiple=True)
class Door(WebSocketHandler):
    def prepare(self):
        user = self.get_signed_cookie("user")
        if user is None or user.decode() not in options.allowed_users:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "tokens of the constructor that must be among them": (
        "guarded",
        """
class Gate:
    def __init__(self, tokens=()):
        self.tokens = set(tokens)
    def admits(self, token):
        return token in self.tokens
class Server:
    def __init__(self, tokens=()):
        self.gate = Gate(tokens)
        self.app = Application([("/ws", Door, dict(gate=self.gate))])
class Door(WebSocketHandler):
    def initialize(self, gate):
        self.gate = gate
    def prepare(self):
        if not self.gate.admits(self.get_argument("token", "")):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "class as a default that asks": (
        "guarded",
        """
class Tokens:
    def check(self, request):
        return bool(sessions.verify(request.headers.get("Authorization", "")))
class App(Application):
    def __init__(self, authenticator=Tokens):
        self.authenticator = authenticator()
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if not self.application.authenticator.check(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "class as a default that lets in": (
        "optional",
        """
class Everybody:
    def check(self, request):
        return True
class App(Application):
    def __init__(self, authenticator=Everybody):
        self.authenticator = authenticator()
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if not self.application.authenticator.check(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "decorator under try and except": (
        "guarded",
        """
try:
    from fast import wraps
except ImportError:
    from functools import wraps
def needs_login(method):
    @wraps(method)
    def wrapper(self, *args):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
        return method(self, *args)
    return wrapper
class Door(WebSocketHandler):
    @needs_login
    def get(self, *args):
        return super().get(*args)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "base by version of a library": (
        "guarded",
        """
import tornado
if tornado.version_info[0] >= 6:
    class Base(WebSocketHandler):
        def prepare(self):
            if not self.get_signed_cookie("user"):
                raise HTTPError(401)
else:
    class Base(WebSocketHandler):
        def prepare(self):
            if not self.get_secure_cookie("user"):
                raise HTTPError(401)
class Door(Base):
    def open(self):
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "error reply and then the deed all the same": (
        "missing|late",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        try:
            if not hmac.compare_digest(data["token"], os.environ["TOKEN"]):
                raise PermissionError("no")
        except Exception as error:
            self.write_message(str(error))
        room.run(data["command"])
""",
        {},
    ),
    "a list that the main block switches on": (
        "optional",
        """
tokens = {}
class Door(WebSocketHandler):
    tokens = False
    def open(self, token):
        if Door.tokens:
            if token not in tokens:
                self.close()
                return
        clients.add(self)
    def on_message(self, message):
        pass
if __name__ == "__main__":
    import optparse
    parser = optparse.OptionParser()
    parser.add_option("-t", "--tokens", action="store_true", default=False, dest="tokens")
    options, _ = parser.parse_args()
    Door.tokens = options.tokens
""",
        {},
    ),
    "a method that the main block puts there": (
        "guarded",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
def ask(self):
    if not self.get_signed_cookie("user"):
        raise HTTPError(403)
if __name__ == "__main__":
    Door.prepare = ask
    Application([("/ws", Door)]).listen(80)
""",
        {},
    ),
}
