"""Authentication that the operator must turn on, in the many ways to write it.

Each with the verdict; beside many stands the same with the check on as shipped.
"""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "authenticator none means return": (
        "optional",
        """
class Server(Application):
    def __init__(self, auth=None):
        self.auth = auth
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if self.application.auth is None:
            return
        if not self.application.auth.check(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "token constant empty returns true": (
        "optional",
        """
TOKEN = ""
def allowed(request):
    if not TOKEN:
        return True
    return hmac.compare_digest(request.headers.get("X-Token", ""), TOKEN)
class Door(WebSocketHandler):
    def prepare(self):
        if not allowed(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "token from environment returns true": (
        "optional",
        """
TOKEN = os.getenv("ROOM_TOKEN")
def allowed(request):
    if not TOKEN:
        return True
    return hmac.compare_digest(request.headers.get("X-Token", ""), TOKEN)
class Door(WebSocketHandler):
    def prepare(self):
        if not allowed(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "token from environment required": (
        "guarded",
        """
TOKEN = os.environ["ROOM_TOKEN"]
def allowed(request):
    return hmac.compare_digest(request.headers.get("X-Token", ""), TOKEN)
class Door(WebSocketHandler):
    def prepare(self):
        if not allowed(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "import of auth fails to none": (
        "optional|guarded",
        """
try:
    import pam_auth
except ImportError:
    pam_auth = None
class Door(WebSocketHandler):
    def prepare(self):
        if pam_auth is not None:
            if not pam_auth.authenticate(self.get_argument("user"), self.get_argument("password")):
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "password default empty compared": (
        "optional",
        """
define("password", default="", type=str)
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_argument("password", "") != options.password:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "password default empty compared in argparse": (
        "optional",
        """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--password", default="")
args = parser.parse_args()
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_query_argument("pw", "") == args.password:
            return
        raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "decorator chosen at import": (
        "optional",
        """
REQUIRE_LOGIN = False
if REQUIRE_LOGIN:
    login_required = authenticated
else:
    def login_required(method):
        return method
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("u")
    @login_required
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "decorator chosen by environment": (
        "optional",
        """
def identity(method):
    return method
login_required = authenticated if os.environ.get("APP_LOGIN") else identity
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("u")
    @login_required
    async def get(self, *args, **kwargs):
        await super().get(*args, **kwargs)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "settings get require login false": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings.get("require_login", False) and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "settings get require login true": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings.get("require_login", True) and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "hook of subclass is pass": (
        "missing|optional",
        """
class Base(WebSocketHandler):
    def authenticate(self):
        pass
    def prepare(self):
        self.authenticate()
class Door(Base):
    def open(self):
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "current user anonymous unless configured": (
        "optional",
        """
define("users_file", default=None)
class Door(WebSocketHandler):
    def get_current_user(self):
        if not options.users_file:
            return "anonymous"
        return self.get_signed_cookie("user")
    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "allow list empty means everybody": (
        "optional",
        """
define("allowed_users", default=[], multiple=True)
class Door(WebSocketHandler):
    def prepare(self):
        user = self.get_signed_cookie("user")
        if options.allowed_users and user not in options.allowed_users:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "allow list of module empty": (
        "optional",
        """
ALLOWED_TOKENS = []
class Door(WebSocketHandler):
    def prepare(self):
        token = self.request.headers.get("Authorization", "")
        if len(ALLOWED_TOKENS) > 0 and token not in ALLOWED_TOKENS:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "tokens set from constructor": (
        "optional",
        """
class Gate:
    def __init__(self, tokens=()):
        self.tokens = set(tokens)
    def admits(self, token):
        if not self.tokens:
            return True
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
    "debug bypass returns dev user": (
        "optional",
        """
DEBUG = os.environ.get("DEBUG", "1") == "1"
class Door(WebSocketHandler):
    def get_current_user(self):
        if DEBUG:
            return "dev"
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "debug off as shipped": (
        "guarded",
        """
DEBUG = os.environ.get("DEBUG", "0") == "1"
class Door(WebSocketHandler):
    def get_current_user(self):
        if DEBUG:
            return "dev"
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "allow all authenticator by default in a dict": (
        "optional",
        """
class AllowAll:
    def check(self, token):
        return True
class Static:
    def __init__(self, secret):
        self.secret = secret
    def check(self, token):
        return hmac.compare_digest(token, self.secret)
BACKENDS = {"none": AllowAll, "static": Static}
define("auth", default="none")
define("secret", default="")
def backend():
    if options.auth == "static":
        return Static(options.secret)
    return AllowAll()
class Door(WebSocketHandler):
    def prepare(self):
        if not backend().check(self.get_argument("token", "")):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "backend from table": (
        "optional",
        """
class AllowAll:
    def check(self, token):
        return True
class Static:
    def check(self, token):
        return hmac.compare_digest(token, os.environ["SECRET"])
BACKENDS = {"none": AllowAll, "static": Static}
define("auth", default="none")
class Door(WebSocketHandler):
    def initialize(self):
        self.backend = BACKENDS[options.auth]()
    def prepare(self):
        if not self.backend.check(self.get_argument("token", "")):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "backend from table on": (
        "guarded",
        """
class AllowAll:
    def check(self, token):
        return True
class Static:
    def check(self, token):
        return hmac.compare_digest(token, os.environ["SECRET"])
BACKENDS = {"none": AllowAll, "static": Static}
define("auth", default="static")
class Door(WebSocketHandler):
    def initialize(self):
        self.backend = BACKENDS[options.auth]()
    def prepare(self):
        if not self.backend.check(self.get_argument("token", "")):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "authenticator by dotted name": (
        "optional",
        """
from importlib import import_module
from elsewhere import conf
AUTH_CLASS = getattr(conf, "AUTH_CLASS", "auth.Everybody")
def load(path):
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)
class Door(WebSocketHandler):
    def prepare(self):
        if not load(AUTH_CLASS)().authenticate(self.request):
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
    "traitlets class of authenticator": (
        "optional",
        """
from traitlets import Type, Instance, Unicode, Bool
from traitlets.config import Configurable
class NullAuthenticator(Configurable):
    def authenticate(self, handler):
        return {"name": "anonymous"}
class PasswordAuthenticator(NullAuthenticator):
    def authenticate(self, handler):
        if handler.get_argument("password") == "x":
            return {"name": "user"}
class App(Configurable):
    authenticator_class = Type(NullAuthenticator, config=True)
    def start(self):
        self.authenticator = self.authenticator_class(parent=self)
        self.web = Application([("/ws", Door)], authenticator=self.authenticator)
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings["authenticator"].authenticate(self) is None:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "trait token empty": (
        "optional",
        """
from traitlets import Unicode
from traitlets.config import Application as ConfigApp
class Gateway(ConfigApp):
    auth_token = Unicode(config=True, help="token")
    def init(self):
        self.web_app = Application([("/ws", Door)], auth_token=self.auth_token)
class Door(WebSocketHandler):
    def prepare(self):
        server_token = self.settings.get("auth_token")
        if server_token:
            if self.get_argument("token", None) != server_token:
                return self.send_error(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "dataclass auth disabled": (
        "optional",
        """
from dataclasses import dataclass, field
@dataclass
class Auth:
    enabled: bool = False
    tokens: list = field(default_factory=list)
@dataclass
class Config:
    auth: Auth = field(default_factory=Auth)
config = Config()
class Door(WebSocketHandler):
    def prepare(self):
        if not config.auth.enabled:
            return
        if self.get_argument("token") not in config.auth.tokens:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "pydantic optional secret": (
        "optional",
        """
from typing import Optional
from pydantic import BaseSettings, SecretStr
class Settings(BaseSettings):
    api_key: Optional[SecretStr] = None
settings = Settings()
class Door(WebSocketHandler):
    async def prepare(self):
        if settings.api_key is not None:
            given = self.request.headers.get("X-Api-Key")
            if given != settings.api_key.get_secret_value():
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "pydantic required secret": (
        "guarded",
        """
from pydantic import BaseSettings, SecretStr
class Settings(BaseSettings):
    api_key: SecretStr
settings = Settings()
class Door(WebSocketHandler):
    async def prepare(self):
        given = self.request.headers.get("X-Api-Key")
        if given != settings.api_key.get_secret_value():
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "pydantic field default": (
        "optional",
        """
from pydantic_settings import BaseSettings
from pydantic import Field
class Settings(BaseSettings):
    auth_enabled: bool = Field(default=False, env="AUTH_ENABLED")
settings = Settings()
class Door(WebSocketHandler):
    async def prepare(self):
        if settings.auth_enabled:
            if not await db.verify_token(self.get_argument("token", "")):
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "yaml config get": (
        "optional",
        """
import yaml
with open("config.yml") as f:
    config = yaml.safe_load(f) or {}
class Door(WebSocketHandler):
    def prepare(self):
        password = config.get("password")
        if password and self.get_argument("password", None) != password:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "config section get with fallback": (
        "optional",
        """
import configparser
cfg = configparser.ConfigParser()
cfg.read("app.ini")
class Door(WebSocketHandler):
    def prepare(self):
        if cfg.getboolean("auth", "enabled", fallback=False):
            if not self.get_signed_cookie("user"):
                raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "config section get with fallback on": (
        "guarded",
        """
import configparser
cfg = configparser.ConfigParser()
cfg.read("app.ini")
class Door(WebSocketHandler):
    def prepare(self):
        if cfg.getboolean("auth", "enabled", fallback=True):
            if not self.get_signed_cookie("user"):
                raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "basic auth tuple none": (
        "optional",
        """
import base64
def basic(handler):
    expected = handler.application.options.basic_auth
    if not expected:
        return True
    header = handler.request.headers.get("Authorization", "")
    try:
        user, _, password = base64.b64decode(header[6:]).decode().partition(":")
    except ValueError:
        return False
    return (user, password) == expected
class Server(Application):
    def __init__(self, options):
        self.options = options
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if not basic(self):
            self.set_status(401)
            self.finish()
define("basic_auth", default=None)
def main():
    Server(options).listen(1)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "auth function list empty": (
        "optional|missing",
        """
AUTHENTICATORS = []
def register(function):
    AUTHENTICATORS.append(function)
class Door(WebSocketHandler):
    def prepare(self):
        for check in AUTHENTICATORS:
            if not check(self.request):
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "all of an empty list": (
        "optional|missing",
        """
class App(Application):
    def __init__(self, checks=None):
        self.checks = checks or []
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if not all(check(self.request) for check in self.application.checks):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "callable none in settings": (
        "optional",
        """
def make_app(authenticate=None):
    return Application([("/ws", Door)], authenticate=authenticate)
class Door(WebSocketHandler):
    async def prepare(self):
        authenticate = self.settings.get("authenticate")
        if authenticate:
            user = await authenticate(self)
            if user is None:
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "lambda true as default hook": (
        "optional",
        """
class App(Application):
    def __init__(self, authorize=lambda request: True):
        self.authorize = authorize
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if not self.application.authorize(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "function as default hook": (
        "optional",
        """
def allow(request):
    return True
class Door(WebSocketHandler):
    def initialize(self, authorize=allow):
        self.authorize = authorize
    def prepare(self):
        if not self.authorize(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "function as default hook asks": (
        "guarded",
        """
def ask(request):
    return bool(sessions.verify(request.headers.get("Authorization")))
class Door(WebSocketHandler):
    def initialize(self, authorize=ask):
        self.authorize = authorize
    def prepare(self):
        if not self.authorize(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "no auth flag true": (
        "optional",
        """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--auth", action="store_true")
args = parser.parse_args()
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("u") if args.auth else "local"
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "no auth flag off": (
        "guarded",
        """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--no-auth", action="store_true")
args = parser.parse_args()
class Door(WebSocketHandler):
    def get_current_user(self):
        return "local" if args.no_auth else self.get_signed_cookie("u")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "argparse in main handed through settings": (
        "optional",
        """
import argparse
def make_app(token):
    return Application([("/ws", Door)], token=token)
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--token", default=None)
    args = parser.parse_args()
    make_app(args.token).listen(80)
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings["token"] and self.get_argument("token", "") != self.settings["token"]:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "click option handed to the constructor": (
        "optional",
        """
import click
@click.command()
@click.option("--token", default="")
def main(token):
    App(token).listen(80)
class App(Application):
    def __init__(self, token):
        self.token = token
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if self.application.token:
            if self.get_argument("token", "") != self.application.token:
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "late optional password": (
        "optional",
        """
define("password", default=None)
class Door(WebSocketHandler):
    def open(self):
        self.authenticated = options.password is None
    def on_message(self, message):
        data = json.loads(message)
        if not self.authenticated:
            if data.get("password") != options.password:
                self.close()
                return
            self.authenticated = True
            return
        room.say(data)
""",
        {},
    ),
    "late optional token in first message": (
        "optional",
        """
class Server:
    def __init__(self, token=None):
        self.token = token
        self.app = Application([("/ws", Door, {"server": self})])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
        self.ready = server.token is None
    def on_message(self, message):
        if not self.ready:
            if hmac.compare_digest(message, self.server.token):
                self.ready = True
            else:
                self.close()
            return
        room.say(message)
""",
        {},
    ),
    "authentication enabled in a nested dict": (
        "optional",
        """
CONFIG = {"http": {"port": 80, "auth": {"enabled": False, "users": {}}}}
class Door(WebSocketHandler):
    def prepare(self):
        auth = CONFIG["http"]["auth"]
        if auth["enabled"]:
            user = self.get_argument("user", "")
            if auth["users"].get(user) != self.get_argument("password", ""):
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "mixin chosen by flag": (
        "optional",
        """
AUTH = os.environ.get("AUTH", "") == "1"
class Open:
    def prepare(self):
        pass
class Guarded:
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
Mixin = Guarded if AUTH else Open
class Door(Mixin, WebSocketHandler):
    pass

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "mixin chosen by if": (
        "optional",
        """
if os.environ.get("AUTH"):
    class Base(WebSocketHandler):
        def prepare(self):
            if not self.get_signed_cookie("user"):
                raise HTTPError(401)
else:
    class Base(WebSocketHandler):
        pass
class Door(Base):
    def open(self):
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "handler made by type in a loop": (
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
inner = [("/ws", DoorPlain)]
handlers = []
for path, cls in inner:
    handlers.append((path, type(cls.__name__, (Ask, cls), {})))
def main():
    Application(handlers, auth_token=os.environ.get("TOKEN", "")).listen(80)
""",
        {},
    ),
    "ldap server none": (
        "optional",
        """
class Auth:
    def __init__(self, config):
        self.url = config.get("ldap_url", None)
    def login(self, user, password):
        if self.url is None:
            return True
        return ldap_bind(self.url, user, password)
def load_config():
    return json.load(open("config.json"))
auth = Auth(load_config())
class Door(WebSocketHandler):
    def prepare(self):
        if not auth.login(self.get_argument("user", ""), self.get_argument("password", "")):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "auth manager created if configured": (
        "optional",
        """
import argparse
class AuthManager:
    def __init__(self, path):
        self.users = json.load(open(path))
    def verify(self, handler):
        return handler.get_argument("token", "") in self.users
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--auth-file")
    args = parser.parse_args()
    manager = None
    if args.auth_file:
        manager = AuthManager(args.auth_file)
    app = Application([("/ws", Door, dict(auth_manager=manager))])
    app.listen(8000)
class Door(WebSocketHandler):
    def initialize(self, auth_manager):
        self.auth_manager = auth_manager
    async def prepare(self):
        if self.auth_manager and not self.auth_manager.verify(self):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "global auth set by setup": (
        "optional",
        """
_auth = None
def set_auth(auth):
    global _auth
    _auth = auth
class Door(WebSocketHandler):
    def prepare(self):
        if _auth is not None and not _auth(self.request):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "class attribute callable none": (
        "optional",
        """
class Door(WebSocketHandler):
    auth_callback = None
    def prepare(self):
        if self.auth_callback and not self.auth_callback(self.request):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "class method to set the authenticator": (
        "optional",
        """
class Door(WebSocketHandler):
    authenticator = None
    @classmethod
    def set_authenticator(cls, authenticator):
        cls.authenticator = authenticator
    def prepare(self):
        if self.authenticator is None:
            return
        if not self.authenticator.authenticate(self):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "environment default true": (
        "guarded",
        """
AUTH = os.environ.get("AUTH", "true").lower() in ("1", "true", "yes")
class Door(WebSocketHandler):
    def prepare(self):
        if AUTH and not self.get_signed_cookie("user"):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "environment default false in a list": (
        "optional",
        """
AUTH = os.environ.get("AUTH", "false").lower() in ("1", "true", "yes")
class Door(WebSocketHandler):
    def prepare(self):
        if AUTH and not self.get_signed_cookie("user"):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "environment disable default true": (
        "optional",
        """
DISABLE_AUTH = os.environ.get("DISABLE_AUTH", "True") == "True"
class Door(WebSocketHandler):
    def prepare(self):
        if DISABLE_AUTH:
            return
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "json loads of environment": (
        "optional",
        """
TOKENS = json.loads(os.environ.get("TOKENS", "[]"))
class Door(WebSocketHandler):
    def prepare(self):
        if TOKENS and self.get_argument("token", "") not in TOKENS:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "split of environment": (
        "optional",
        """
TOKENS = [one for one in os.environ.get("TOKENS", "").split(",") if one]
class Door(WebSocketHandler):
    def prepare(self):
        if TOKENS and self.get_argument("token", "") not in TOKENS:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "split of environment set": (
        "optional",
        """
def tokens():
    return set(filter(None, os.environ.get("TOKENS", "").split(",")))
class Door(WebSocketHandler):
    def prepare(self):
        known = tokens()
        if known and self.get_argument("token", "") not in known:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "bool of environment in constructor": (
        "optional",
        """
class Config:
    def __init__(self):
        self.auth = bool(os.environ.get("AUTH"))
        self.token = os.environ.get("TOKEN")
config = Config()
class Door(WebSocketHandler):
    def prepare(self):
        if config.auth and self.get_argument("token", "") != config.token:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "namedtuple config": (
        "optional",
        """
from typing import NamedTuple
class Config(NamedTuple):
    port: int = 80
    token: str | None = None
class Server(Application):
    def __init__(self, config=Config()):
        self.config = config
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        token = self.application.config.token
        if token is not None and self.get_argument("token", "") != token:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "attrs config": (
        "optional",
        """
import attr
@attr.s(auto_attribs=True)
class Config:
    port: int = 80
    require_token: bool = False
class Server(Application):
    def __init__(self, config):
        self.config = config
        super().__init__([("/ws", Door)])
def main():
    Server(Config()).listen(1)
class Door(WebSocketHandler):
    def prepare(self):
        if self.application.config.require_token and not sessions.verify(self.get_argument("token", "")):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "simple namespace": (
        "optional",
        """
from types import SimpleNamespace
conf = SimpleNamespace(port=80, auth_required=False)
class Door(WebSocketHandler):
    def prepare(self):
        if conf.auth_required and not self.get_signed_cookie("user"):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "default config merged": (
        "optional",
        """
DEFAULTS = {"port": 80, "authentication": False}
config = dict(DEFAULTS)
config.update(json.load(open("config.json")))
class Door(WebSocketHandler):
    def prepare(self):
        if config["authentication"] and not self.get_signed_cookie("user"):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "default config unpacked": (
        "optional",
        """
DEFAULTS = {"port": 80, "authentication": False}
def load(path):
    return {**DEFAULTS, **json.load(open(path))}
config = load("config.json")
class Door(WebSocketHandler):
    def prepare(self):
        if config["authentication"] and not self.get_signed_cookie("user"):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "config class with load": (
        "optional",
        """
class Config:
    auth_enabled = False
    port = 80
    def load(self, path):
        for key, value in json.load(open(path)).items():
            setattr(self, key, value)
config = Config()
class Door(WebSocketHandler):
    def prepare(self):
        if config.auth_enabled and not self.get_signed_cookie("user"):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "kwargs pop": (
        "optional",
        """
class Server(Application):
    def __init__(self, **kwargs):
        self.auth_token = kwargs.pop("auth_token", None)
        super().__init__([("/ws", Door)], **kwargs)
class Door(WebSocketHandler):
    def prepare(self):
        if self.application.auth_token and self.get_argument("token", "") != self.application.auth_token:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "kwargs get": (
        "optional",
        """
class Server:
    def __init__(self, **kwargs):
        self.password = kwargs.get("password")
        self.app = Application([("/ws", Door, {"server": self})])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
    def prepare(self):
        if self.server.password and self.get_argument("pw", "") != self.server.password:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "partial handler factory": (
        "optional",
        """
def make(token=None):
    class Door(WebSocketHandler):
        def prepare(self):
            if token and self.get_argument("token", "") != token:
                raise HTTPError(403)
        def on_message(self, message):
            room.say(message)
    return Door
def main():
    Application([("/ws", make())]).listen(1)
""",
        {},
    ),
    "factory with auth argument": (
        "optional",
        """
def serve(port, auth=None):
    class Door(WebSocketHandler):
        async def prepare(self):
            if auth is not None:
                user = await auth(self.request)
                if not user:
                    raise HTTPError(403)
        def on_message(self, message):
            room.say(message)
    Application([("/ws", Door)]).listen(port)
""",
        {},
    ),
    "decorator with option": (
        "optional",
        """
def login_required(method):
    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        if not options.auth:
            return method(self, *args, **kwargs)
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
        return method(self, *args, **kwargs)
    return wrapper
define("auth", default=False, type=bool)
class Door(WebSocketHandler):
    @login_required
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "decorator that wraps only if on": (
        "optional",
        """
define("auth", default=False, type=bool)
def login_required(method):
    if not options.auth:
        return method
    def wrapper(self, *args, **kwargs):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
        return method(self, *args, **kwargs)
    return wrapper
class Door(WebSocketHandler):
    @login_required
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "class decorator that wraps only if on": (
        "optional",
        """
AUTH_USER = os.environ.get("AUTH_USER")
def protected(cls):
    if not AUTH_USER:
        return cls
    def prepare(self):
        if self.get_signed_cookie("user") != AUTH_USER:
            raise HTTPError(401)
    cls.prepare = prepare
    return cls
@protected
class Door(WebSocketHandler):
    def open(self):
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "wraps if both user and password given": (
        "optional|missing",
        """
def basic_auth(handler_class, user=None, password=None):
    if user and password:
        class Wrapped(handler_class):
            def prepare(self):
                if self.request.headers.get("Authorization") != encode(user, password):
                    raise HTTPError(401)
        return Wrapped
    return handler_class
class Door(WebSocketHandler):
    def open(self):
        clients.add(self)
    def on_message(self, message):
        room.say(message)
def make_app(user=None, password=None):
    return Application([("/ws", basic_auth(Door, user, password))])
""",
        {},
    ),
    "multi user mode": (
        "optional",
        """
define("multiuser", default=False)
class Door(WebSocketHandler):
    def get_current_user(self):
        if not options.multiuser:
            return "default"
        return self.get_signed_cookie("user")
    @authenticated
    async def get(self, *args, **kwargs):
        await super().get(*args, **kwargs)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "login disabled": (
        "optional|missing",
        """
class App(Application):
    def __init__(self):
        self.login_enabled = False
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if self.application.login_enabled and not self.current_user:
            self.redirect("/login")
    def get_current_user(self):
        return self.get_signed_cookie("user")

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "jwt secret not set": (
        "optional",
        """
JWT_SECRET = os.environ.get("JWT_SECRET")
class Door(WebSocketHandler):
    def prepare(self):
        if JWT_SECRET is None:
            self.user = {"sub": "anonymous"}
            return
        try:
            self.user = jwt.decode(self.get_argument("token", ""), JWT_SECRET, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "jwt secret default text": (
        "guarded",
        """
JWT_SECRET = os.environ.get("JWT_SECRET", "change-me")
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.user = jwt.decode(self.get_argument("token", ""), JWT_SECRET, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "provider object with none method": (
        "optional",
        """
class Provider:
    get_user = None
    login_url = None
class NullProvider(Provider):
    pass
class Module(Provider):
    def __init__(self, path):
        self.module = load(path)
    @property
    def get_user(self):
        return self.module.get_user
class Server(Application):
    def __init__(self, provider=NullProvider()):
        self.provider = provider
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def get_current_user(self):
        provider = self.application.provider
        if provider.get_user is None:
            return "default"
        return provider.get_user(self)
    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "enabled property of authenticator": (
        "optional",
        """
class Authenticator:
    def __init__(self, users=None):
        self.users = users
    @property
    def enabled(self):
        return self.users is not None
    def check(self, name, password):
        return self.users.get(name) == password
class Server(Application):
    def __init__(self, users=None):
        self.authenticator = Authenticator(users)
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        one = self.application.authenticator
        if one.enabled and not one.check(self.get_argument("user", ""), self.get_argument("password", "")):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "permission default anonymous": (
        "optional",
        """
class Acl:
    def __init__(self, anonymous=True):
        self.anonymous = anonymous
    def allows(self, user):
        return self.anonymous or user is not None
acl = Acl()
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not acl.allows(self.current_user):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "hook overridden to ask": (
        "guarded",
        """
class Base(WebSocketHandler):
    def authenticate(self):
        pass
    def prepare(self):
        self.authenticate()
class Door(Base):
    def authenticate(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def open(self):
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "ssl client certificate optional": (
        "optional|missing",
        """
define("client_ca", default=None)
class Door(WebSocketHandler):
    def prepare(self):
        if options.client_ca:
            if not self.request.get_ssl_certificate():
                raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "token generated if not given": (
        "guarded",
        """
import secrets
TOKEN = os.environ.get("TOKEN") or secrets.token_hex(16)
class Door(WebSocketHandler):
    def prepare(self):
        if TOKEN and self.get_argument("token", "") != TOKEN:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "token generated in the constructor": (
        "guarded",
        """
import secrets
class Server:
    def __init__(self, token=None):
        if token is None:
            token = secrets.token_urlsafe(32)
        self.token = token
        self.app = Application([("/ws", Door, {"server": self})])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
    def prepare(self):
        if self.server.token and self.get_argument("token", "") != self.server.token:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "two tokens one of them on": (
        "guarded",
        """
define("admin_token", default=None)
class Door(WebSocketHandler):
    def prepare(self):
        token = self.get_argument("token", "")
        if options.admin_token and token == options.admin_token:
            self.admin = True
            return
        if not sessions.verify(token):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "local connections only bypass": (
        "optional|guarded|missing",
        """
define("trust_local", default=True)
class Door(WebSocketHandler):
    def prepare(self):
        if options.trust_local and self.request.remote_ip == "127.0.0.1":
            return
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "route list filled only if no auth": (
        "optional|missing",
        """
define("auth", default=False)
def handlers():
    if options.auth:
        return [("/ws", Guarded)]
    return [("/ws", Door)]
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
class Guarded(Door):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
""",
        {},
    ),
    "multi-file server with conf object": (
        "optional",
        """
from server.conf import Conf
from server.auth import AuthService
class Server:
    def __init__(self, conf):
        self.conf = conf
        self.auth = AuthService(conf)
        self.app = Application([("/ws", Door, {"ctx": self})])
class Door(WebSocketHandler):
    def initialize(self, ctx):
        self.ctx = ctx
    def prepare(self):
        if not self.ctx.auth.allowed(self.request):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {
            "server/conf.py": """
import os
class Conf:
    def __init__(self, port=80, users=None, secret=None):
        self.port = port
        self.users = users
        self.secret = secret
""",
            "server/auth.py": """
import hmac
class AuthService:
    def __init__(self, conf):
        self.conf = conf
    @property
    def enabled(self):
        return self.conf.secret is not None
    def allowed(self, request):
        if not self.enabled:
            return True
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given, self.conf.secret)
""",
            "server//init/.py": "",
        },
    ),
    "parsed arguments to class": (
        "optional",
        """
import argparse
class Door(WebSocketHandler):
    def initialize(self, args):
        self.args = args
    def prepare(self):
        if self.args.credential:
            user, password = self.args.credential.split(":")
            if self.get_argument("user", "") != user or self.get_argument("password", "") != password:
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--credential", help="user:password")
    args = parser.parse_args()
    Application([("/ws", Door, dict(args=args))]).listen(80)
""",
        {},
    ),
    "basic auth header checked if set": (
        "optional",
        """
import base64
define("basic_auth", default=None, multiple=True)
class Base(RequestHandler):
    def get_current_user(self):
        if not self.application.options.basic_auth:
            return True
        header = self.request.headers.get("Authorization", "")
        try:
            kind, given = header.split(" ")
            if base64.b64decode(given).decode() in self.application.options.basic_auth:
                return True
        except ValueError:
            pass
        return None
class Door(Base, WebSocketHandler):
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)
class App(Application):
    def __init__(self, options):
        self.options = options
        super().__init__([("/ws", Door)])
define("auth", default="")
""",
        {},
    ),
    "auth regexp of e-mails": (
        "optional",
        """
import re
define("auth", default="", type=str)
class Door(WebSocketHandler):
    def get_current_user(self):
        if not options.auth:
            return True
        user = self.get_signed_cookie("user")
        if user and not re.match(options.auth, user.decode()):
            return None
        return user
    def open(self):
        if not self.current_user:
            self.close()
            return
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "settings singleton with dict defaults": (
        "optional",
        """
class Settings:
    _defaults = {"server": {"auth": False, "port": 80}}
    def __init__(self, path=None):
        self.values = dict(self._defaults)
        if path:
            self.values.update(json.load(open(path)))
    def get(self, section, key):
        return self.values[section][key]
settings = Settings()
class Door(WebSocketHandler):
    def prepare(self):
        if settings.get("server", "auth") and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "schema of configuration": (
        "optional",
        """
import voluptuous as vol
SCHEMA = vol.Schema({vol.Optional("auth", default=False): bool, vol.Optional("port", default=80): int})
config = SCHEMA(json.load(open("c.json")))
class Door(WebSocketHandler):
    def prepare(self):
        if config["auth"] and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "component of configuration": (
        "optional",
        """
class Webserver:
    def __init__(self, vis, config):
        self.auth = None
        if config.get("auth"):
            self.auth = Auth(vis, config["auth"])
        self.application = Application([("/ws", Door, {"server": self})])
class Auth:
    def __init__(self, vis, config):
        self.config = config
    def validate_access_token(self, token):
        return jwt.decode(token, self.config["secret"], algorithms=["HS256"])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
    async def prepare(self):
        if self.server.auth:
            try:
                self.server.auth.validate_access_token(self.get_argument("access_token", ""))
            except jwt.InvalidTokenError:
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "first message authenticates if auth is on": (
        "optional",
        """
class Webserver:
    def __init__(self, auth=None):
        self.auth = auth
        self.application = Application([("/ws", Door, {"server": self})])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
        self.waiting_for_auth = True
    async def open(self):
        if self.server.auth:
            self.write_message({"type": "auth_required"})
        else:
            self.waiting_for_auth = False
    async def on_message(self, message):
        data = json.loads(message)
        if self.waiting_for_auth:
            if data["type"] == "auth" and self.server.auth.validate_access_token(data["access_token"]):
                self.waiting_for_auth = False
                return
            self.close()
            return
        await room.handle(data)
""",
        {},
    ),
    "config_has_password in a helper module": (
        "optional",
        """
from dashboard import settings
class Door(WebSocketHandler):
    def prepare(self):
        if settings.using_auth and not self.get_signed_cookie("authenticated"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "dashboard.py": """
import os
class DashboardSettings:
    def __init__(self):
        self.password = ""
        self.using_password = False
        self.on_ha_addon = False
    def parse_args(self, args):
        password = args.password or os.getenv("PASSWORD") or ""
        self.using_password = bool(password)
        if self.using_password:
            self.password_hash = hash_of(password)
    @property
    def using_ha_addon_auth(self):
        if not self.on_ha_addon:
            return False
        return not os.getenv("DISABLE_HA_AUTHENTICATION")
    @property
    def using_auth(self):
        return self.using_password or self.using_ha_addon_auth
settings = DashboardSettings()
""",
        },
    ),
    "decorator in helper module": (
        "optional",
        """
from guard import authenticated_if_needed
class Door(WebSocketHandler):
    @authenticated_if_needed
    def open(self, *args):
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {
            "guard.py": """
import functools
from tornado.options import options, define
define("login_required", default=False)
def is_authenticated(handler):
    if options.login_required:
        return handler.get_signed_cookie("user") is not None
    return True
def authenticated_if_needed(func):
    @functools.wraps(func)
    def decorator(self, *args, **kwargs):
        if not is_authenticated(self):
            self.close()
            return
        return func(self, *args, **kwargs)
    return decorator
""",
        },
    ),
    "list of authenticators by name": (
        "optional",
        """
AUTHENTICATORS = {}
def authenticator(name):
    def wrap(cls):
        AUTHENTICATORS[name] = cls
        return cls
    return wrap
@authenticator("none")
class NoneAuth:
    def login(self, handler):
        return "anonymous"
@authenticator("password")
class PasswordAuth:
    def login(self, handler):
        return check_password(handler.get_argument("user"), handler.get_argument("password"))
define("authenticator", default="none")
def current():
    return AUTHENTICATORS[options.authenticator]()
class Door(WebSocketHandler):
    def prepare(self):
        if not current().login(self):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "if elif chain of kinds": (
        "optional",
        """
class Permit:
    def authenticate(self, request): return True
class Ldap:
    def authenticate(self, request):
        return ldap_login(request.headers.get("Authorization"))
class Token:
    def __init__(self, token): self.token = token
    def authenticate(self, request):
        return request.headers.get("Authorization") == self.token
def create(kind, config):
    if kind == "ldap":
        return Ldap()
    elif kind == "token":
        return Token(config["token"])
    elif kind == "none":
        return Permit()
    raise ValueError(kind)
define("auth_type", default="none")
class App(Application):
    def __init__(self, config):
        self.authenticator = create(options.auth_type, config)
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if not self.application.authenticator.authenticate(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "abstract authenticator subclass by flag": (
        "optional",
        """
import argparse
class Authenticator:
    def check(self, request):
        raise NotImplementedError
class Open(Authenticator):
    def check(self, request):
        return True
class Closed(Authenticator):
    def __init__(self, password):
        self.password = password
    def check(self, request):
        return hmac.compare_digest(request.headers.get("Authorization", ""), self.password)
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--password")
    args = parser.parse_args()
    if args.password:
        authenticator = Closed(args.password)
    else:
        authenticator = Open()
    Application([("/ws", Door, dict(authenticator=authenticator))]).listen(80)
class Door(WebSocketHandler):
    def initialize(self, authenticator):
        self.authenticator = authenticator
    def prepare(self):
        if not self.authenticator.check(self.request):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "ternary authenticator in main": (
        "optional",
        """
import argparse
class Open:
    def check(self, request):
        return True
class Closed:
    def __init__(self, password):
        self.password = password
    def check(self, request):
        return hmac.compare_digest(request.headers.get("Authorization", ""), self.password)
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--password")
    args = parser.parse_args()
    authenticator = Closed(args.password) if args.password else Open()
    Application([("/ws", Door, dict(authenticator=authenticator))]).listen(80)
class Door(WebSocketHandler):
    def initialize(self, authenticator):
        self.authenticator = authenticator
    def prepare(self):
        if not self.authenticator.check(self.request):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "user table empty means open": (
        "optional",
        """
class Users:
    def __init__(self):
        self.table = {}
        path = os.environ.get("USERS_FILE")
        if path:
            self.table = json.load(open(path))
    def login(self, name, password):
        return not self.table or self.table.get(name) == password
users = Users()
class Door(WebSocketHandler):
    def prepare(self):
        if not users.login(self.get_argument("n", ""), self.get_argument("p", "")):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "plugin hook returns none": (
        "optional|missing",
        """
class Plugins:
    def __init__(self, plugins=()):
        self.plugins = plugins
    def authenticate(self, request):
        for plugin in self.plugins:
            if not plugin.authenticate(request):
                return False
        return True
plugins = Plugins()
class Door(WebSocketHandler):
    def prepare(self):
        if not plugins.authenticate(self.request):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "ip whitelist and token": (
        "optional",
        """
define("token", default="")
class Door(WebSocketHandler):
    def prepare(self):
        if options.token == "":
            return
        if self.get_argument("token", "") == options.token:
            return
        self.set_status(403)
        self.finish("forbidden")

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "open checks token only if server has one": (
        "optional",
        """
class Door(WebSocketHandler):
    def open(self):
        token = self.application.settings.get("token")
        if token is not None:
            if self.get_query_argument("token", default=None) != token:
                self.close(code=4001, reason="unauthorized")
                return
        clients.add(self)

    def on_message(self, message):
        room.say(message)

def make_app(token=None):
    return Application([("/ws", Door)], token=token)
""",
        {},
    ),
    "super user when auth disabled": (
        "optional",
        """
from store import config, sessions
class AuthMixin:
    def get_current_user(self):
        if not config.get("auth", "enabled"):
            return {"name": "admin", "role": "admin"}
        cookie = self.get_signed_cookie("session")
        return sessions.get(cookie) if cookie else None
class Door(AuthMixin, WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {
            "store.py": """
DEFAULTS = {"auth": {"enabled": False}, "http": {"port": 80}}
class Config:
    def __init__(self):
        self._data = {section: dict(values) for section, values in DEFAULTS.items()}
    def get(self, section, key):
        return self._data[section][key]
config = Config()
sessions = {}
""",
        },
    ),
    "password none compared": (
        "optional",
        """
class Server:
    def __init__(self, port=80, password=None):
        self.password = password
        self.app = Application([("/ws", Door, {"server": self})])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
        self.logged_in = False
    def on_message(self, message):
        data = json.loads(message)
        if data.get("password") == self.server.password:
            self.logged_in = True
        if not self.logged_in:
            self.close()
            return
        room.say(data)
""",
        {},
    ),
    "class attribute auth false in a config module": (
        "optional",
        """
import config
class Door(WebSocketHandler):
    def prepare(self):
        if config.AUTH_ENABLED:
            user = self.get_signed_cookie("user")
            if user is None:
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "config.py": """
AUTH_ENABLED = False
PORT = 80
""",
        },
    ),
    "config module overridden by local": (
        "optional",
        """
import config
class Door(WebSocketHandler):
    def prepare(self):
        if config.AUTH_ENABLED:
            user = self.get_signed_cookie("user")
            if user is None:
                raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "config.py": """
import os
AUTH_ENABLED = False
PORT = 80
try:
    from local_config import *
except ImportError:
    pass
""",
        },
    ),
    "env bool helper": (
        "optional",
        """
def env_bool(name, default=False):
    value = os.environ.get(name)
    if value is None:
        return default
    return value.lower() in ("1", "true", "yes", "on")
AUTH = env_bool("AUTH_REQUIRED")
class Door(WebSocketHandler):
    def prepare(self):
        if AUTH and not self.get_signed_cookie("user"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "env bool helper on": (
        "guarded",
        """
def env_bool(name, default=False):
    value = os.environ.get(name)
    if value is None:
        return default
    return value.lower() in ("1", "true", "yes", "on")
AUTH = env_bool("AUTH_REQUIRED", True)
class Door(WebSocketHandler):
    def prepare(self):
        if AUTH and not self.get_signed_cookie("user"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "oauth configured by environment": (
        "optional",
        """
OAUTH = {"key": os.environ.get("OAUTH_KEY"), "secret": os.environ.get("OAUTH_SECRET")}
class Door(WebSocketHandler):
    def get_current_user(self):
        if not OAUTH["key"]:
            return "anonymous"
        return self.get_signed_cookie("user")
    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "both factories": (
        "optional",
        """
def make_handler(auth):
    class Door(WebSocketHandler):
        def prepare(self):
            if auth is not None and not auth(self):
                raise HTTPError(401)
        def on_message(self, message):
            room.say(message)
    return Door
def run(port=80, auth=None):
    Application([("/ws", make_handler(auth))]).listen(port)
if __name__ == "__main__":
    run()
""",
        {},
    ),
    "toml config loaded over defaults": (
        "optional",
        """
import tomllib, copy
DEFAULT_CONFIG = {"web": {"port": 80}, "auth": {"enabled": False, "token": ""}}
def load_config(path):
    config = copy.deepcopy(DEFAULT_CONFIG)
    with open(path, "rb") as f:
        for section, values in tomllib.load(f).items():
            config[section].update(values)
    return config
class App(Application):
    def __init__(self, config):
        self.config = config
        super().__init__([("/ws", Door)])
def main():
    App(load_config("config.toml")).listen(80)
class Door(WebSocketHandler):
    def prepare(self):
        auth = self.application.config["auth"]
        if auth["enabled"] and self.get_argument("token", "") != auth["token"]:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
}
