"""Checks that the operator turns on, as products of all ages write them, each beside its twin.

Configuration in dataclasses, pydantic, traitlets, click, argparse, INI, YAML and the environment; plugins
selected by a setting; feature flags and debug modes; no user registered yet; tokens made at start-up.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_DATACLASS = """
from dataclasses import dataclass, field
@dataclass
class Security:
    enabled: bool = {enabled}
    tokens: list = field(default_factory=list)
@dataclass
class Config:
    port: int = 8888
    security: Security = field(default_factory=Security)
class Door(WebSocketHandler):
    def initialize(self, config):
        self.config = config
    def prepare(self):
        if self.config.security.enabled:
            if self.get_argument("token", "") not in self.config.security.tokens:
                raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
def main():
    config = Config()
    Application([("/ws", Door, {{"config": config}})]).listen(config.port)
"""

_PYDANTIC = """
from pydantic import BaseSettings, SecretStr
class Settings(BaseSettings):
    port: int = 8888
    api_token: SecretStr = {default}
    class Config:
        env_prefix = "ROOM_"
settings = Settings()
class Door(WebSocketHandler):
    def prepare(self):
        wanted = settings.api_token.get_secret_value() if settings.api_token else None
        if wanted is not None and self.request.headers.get("X-Token") != wanted:
            self.set_status(401)
            self.finish()
    def on_message(self, message):
        room.say(message)
"""

_TRAITLETS = """
from traitlets import Bool, Unicode
from traitlets.config import Application as Configured
class Room(Configured):
    password = Unicode("", help="The password of the room").tag(config=True)
    allow_guests = Bool({guests}, help="Let in who has no password").tag(config=True)
    def start(self):
        self.web = Application([("/ws", Door, dict(room_app=self))])
        self.web.listen(8888)
class Door(WebSocketHandler):
    def initialize(self, room_app):
        self.room_app = room_app
    def get_current_user(self):
        if self.room_app.allow_guests:
            return "guest"
        return self.get_secure_cookie("user")
    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
    def on_message(self, message):
        room.say(message)
if __name__ == "__main__":
    Room.launch_instance()
"""

_CLICK = """
import click
class Door(WebSocketHandler):
    def open(self):
        secret = self.application.settings["secret"]
        if secret and self.get_argument("secret", None) != secret:
            self.close(4003, "wrong secret")
            return
        clients.add(self)
    def on_message(self, message):
        room.say(message)
@click.command()
@click.option("--port", default=8888)
@click.option("--secret", {option}, help="what clients must show")
def main(port, secret):
    Application([("/ws", Door)], secret=secret).listen(port)
"""

_ARGPARSE = """
import argparse
def parsed():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8888)
    parser.add_argument("--no-auth", dest="auth", action="store_false")
    parser.add_argument("--auth", dest="auth", action="store_true")
    parser.set_defaults(auth={default})
    return parser.parse_args()
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings["args"].auth and not self.get_secure_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
def main():
    args = parsed()
    Application([("/ws", Door)], args=args, cookie_secret="x" * 40).listen(args.port)
"""

_INI = """
import configparser
config = configparser.ConfigParser()
config.read_dict({{"server": {{"port": "8888"}}, "auth": {{"required": "{required}"}}}})
config.read("/etc/room.ini")
class Door(WebSocketHandler):
    def prepare(self):
        if not config.getboolean("auth", "required"):
            return
        if not sessions.verify(self.get_cookie("session")):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_YAML = """
import yaml
def load_config(path="config.yaml"):
    with open(path) as stream:
        return yaml.safe_load(stream)
CONFIG = load_config()
class Door(WebSocketHandler):
    def prepare(self):
        if CONFIG["authentication"]["enabled"]:
            if not sessions.verify(self.get_cookie("session")):
                raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_FLAGS = """
FEATURES = {{"emoji": True, "threads": False, "require_login": {login}}}
def is_on(feature):
    return FEATURES.get(feature, False)
class Door(WebSocketHandler):
    def prepare(self):
        if is_on("require_login") and not self.current_user:
            raise HTTPError(401)
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def on_message(self, message):
        room.say(message)
"""

_FLAG_OBJECT = """
class Flags(object):
    def __init__(self, **kept):
        self._kept = dict(dict(beta=False, login={login}), **kept)
    def __getattr__(self, name):
        try:
            return self._kept[name]
        except KeyError:
            raise AttributeError(name)
flags = Flags()
class Door(WebSocketHandler):
    def open(self):
        if flags.login and not self.get_secure_cookie("user"):
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        room.say(message)
"""

_DEBUG = """
define("debug", default={debug}, type=bool)
class Base(RequestHandler):
    def get_current_user(self):
        if options.debug:
            return {{"name": "developer"}}
        session = self.get_secure_cookie("session")
        return db.find_session(session) if session else None
class Door(Base, WebSocketHandler):
    def open(self):
        if self.current_user is None:
            self.close(4401, "log in first")
            return
        clients.add(self)
    def on_message(self, message):
        if self.current_user is None:
            return
        room.say(self.current_user["name"], message)
"""

_PLUGINS = """
class NoAuth(object):
    def authenticate(self, handler):
        return "anonymous"
class TokenAuth(object):
    def authenticate(self, handler):
        token = handler.get_argument("token", "")
        return db.user_of_token(token)
class PamAuth(object):
    def authenticate(self, handler):
        user = handler.get_argument("user")
        return user if pam.authenticate(user, handler.get_argument("password")) else None
PLUGINS = {{"none": NoAuth, "token": TokenAuth, "pam": PamAuth}}
define("auth", default="{auth}", help="one of none, token, pam")
class Door(WebSocketHandler):
    def initialize(self):
        self.authenticator = PLUGINS[options.auth]()
    def prepare(self):
        self.who = self.authenticator.authenticate(self)
        if self.who is None:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(self.who, message)
"""

_ENTRY_POINTS = """
import pkg_resources
class AllowAll(object):
    def check(self, request):
        return True
class Tokens(object):
    def check(self, request):
        return sessions.verify(request.headers.get("Authorization"))
def load_checker(name):
    for entry in pkg_resources.iter_entry_points("room.checkers", name):
        return entry.load()()
    return {fallback}()
class Server(Application):
    def __init__(self):
        self.checker = load_checker(os.environ.get("ROOM_CHECKER", "default"))
        super(Server, self).__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def open(self):
        if not self.application.checker.check(self.request):
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        room.say(message)
"""

_NO_USERS = """
class Users(object):
    def __init__(self, path):
        self.users = {{}}
        if os.path.exists(path):
            with open(path) as stream:
                self.users = json.load(stream)
    def needs_login(self):
        return {needs}
    def check(self, name, password):
        return name in self.users and hash_of(password) == self.users[name]
USERS = Users("users.json")
class Door(WebSocketHandler):
    def prepare(self):
        if USERS.needs_login():
            if not USERS.check(self.get_argument("name", ""), self.get_argument("password", "")):
                raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_SETUP = """
class Door(WebSocketHandler):
    def prepare(self):
        admin = self.application.settings.get("admin_password_hash")
        if {first_run}:
            return
        if not bcrypt.checkpw(self.get_argument("password").encode(), admin):
            raise HTTPError(401)
    def on_message(self, message):
        room.run(message)
"""

_START_UP = """
import secrets
class Server(Application):
    def __init__(self, token=None):
        {made}
        super().__init__([("/ws", Door)], login_url="/login")
class Door(WebSocketHandler):
    def prepare(self):
        token = self.application.token
        if token and self.get_argument("token", None) != token:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
def main():
    Server().listen(8888)
"""

_MODULE_TOKEN = """
import binascii
TOKEN = os.environ.get("ROOM_TOKEN"){otherwise}
class Door(WebSocketHandler):
    def prepare(self):
        if TOKEN:
            given = self.request.headers.get("Authorization", "").replace("Bearer ", "")
            if given != TOKEN:
                raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
"""

_LOCAL = """
define("address", default="{address}")
class Door(WebSocketHandler):
    def prepare(self):
        if options.address in ("127.0.0.1", "localhost"):
            return
        if not self.get_secure_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        room.run(message)
def main():
    Application([("/ws", Door)], cookie_secret="x" * 40).listen(8888, address=options.address)
"""

_CASES_OF_MIXIN = """
class LoginRequired(object):
    login_required = {required}
    def prepare(self):
        super(LoginRequired, self).prepare()
        if self.login_required and not self.get_secure_cookie("user"):
            self.send_error(401)
class Door(LoginRequired, WebSocketHandler):
    {own}
    def on_message(self, message):
        room.say(message)
"""

_DECORATOR = """
def login_required(method):
    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        if not self.settings.get("auth_enabled"{default}):
            return method(self, *args, **kwargs)
        if not self.get_secure_cookie("user"):
            raise HTTPError(401)
        return method(self, *args, **kwargs)
    return wrapper
class Door(WebSocketHandler):
    @login_required
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
    def on_message(self, message):
        room.say(message)
"""

_CERTIFICATES = """
import ssl
define("client_ca", default={default}, help="file of the authority of clients")
class Door(WebSocketHandler):
    def prepare(self):
        if options.client_ca and not self.request.get_ssl_certificate():
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_GITHUB = """
class Door(WebSocketHandler):
    def prepare(self):
        allowed = self.settings.get("allowed_users")
        if {condition} and self.get_current_user() not in allowed:
            raise HTTPError(403)
    def get_current_user(self):
        user = self.get_secure_cookie("user")
        return user.decode() if user else None
    def on_message(self, message):
        room.say(message)
def main():
    Application([("/ws", Door)], allowed_users={allowed}, cookie_secret="x" * 40).listen(8888)
"""

_HOOKS = """
class Server(Application):
    on_authenticate = {hook}
    def __init__(self):
        Application.__init__(self, [("/ws", Door)])
class Door(WebSocketHandler):
    def open(self):
        hook = self.application.on_authenticate
        if hook is not None and not hook(self.get_argument("token", "")):
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        room.say(message)
"""

_TOML = """
import tomllib
with open("settings.toml", "rb") as stream:
    SETTINGS = tomllib.load(stream)
class Door(WebSocketHandler):
    def open(self):
        if SETTINGS["server"]["require_token"]:
            if not sessions.verify(self.get_argument("token", "")):
                self.close()
                return
        clients.add(self)
    def on_message(self, message):
        room.say(message)
"""

_CASCADE = """
DEFAULTS = {{"auth": {{"type": {type}, "secret": ""}}, "port": 8888}}
def merged(base, more):
    result = dict(base)
    for key, value in more.items():
        result[key] = merged(base.get(key, {{}}), value) if isinstance(value, dict) else value
    return result
config = merged(DEFAULTS, json.load(open("/etc/room.json")) if os.path.exists("/etc/room.json") else {{}})
class Door(WebSocketHandler):
    def prepare(self):
        kind = config["auth"]["type"]
        if kind == "none":
            return
        if kind == "jwt":
            try:
                jwt.decode(self.get_argument("token"), config["auth"]["secret"], algorithms=["HS256"])
            except jwt.InvalidTokenError:
                raise HTTPError(401)
            return
        raise HTTPError(500)
    def on_message(self, message):
        room.say(message)
"""

CASES: dict[str, Case] = {
    "a switch in a dataclass in a dataclass": ("optional", _DATACLASS.format(enabled="False"), {}),
    "a switch in a dataclass, turned on": ("guarded", _DATACLASS.format(enabled="True"), {}),
    "a token of pydantic's settings, none as shipped": (
        "optional",
        _PYDANTIC.format(default="None"),
        {},
    ),
    "a token of pydantic's settings that must be given": (
        "guarded",
        _PYDANTIC.format(default="...").replace(
            "settings.api_token.get_secret_value() if settings.api_token else None",
            "settings.api_token.get_secret_value()",
        ),
        {},
    ),
    "guests are let in as a trait says": ("optional", _TRAITLETS.format(guests="True"), {}),
    "guests are not let in as a trait says": ("guarded", _TRAITLETS.format(guests="False"), {}),
    "a secret of click's, none as shipped": ("optional", _CLICK.format(option="default=None"), {}),
    "a secret of click's that must be given": ("late", _CLICK.format(option="required=True"), {}),
    "two arguments for one switch, off": ("optional", _ARGPARSE.format(default="False"), {}),
    "two arguments for one switch, on": ("guarded", _ARGPARSE.format(default="True"), {}),
    "a section of an INI file with its defaults in the code, off": (
        "optional",
        _INI.format(required="no"),
        {},
    ),
    "a section of an INI file with its defaults in the code, on": (
        "guarded",
        _INI.format(required="yes"),
        {},
    ),
    "a switch in a YAML file that ships, off": (
        "optional",
        _YAML.format(),
        {"config.yaml": "port: 8888\nauthentication:\n  enabled: false\n"},
    ),
    "a switch in a YAML file that ships, on": (
        "guarded",
        _YAML.format(),
        {"config.yaml": "port: 8888\nauthentication:\n  enabled: true\n"},
    ),
    "a feature flag, off": ("optional", _FLAGS.format(login="False"), {}),
    "a feature flag, on": ("guarded", _FLAGS.format(login="True"), {}),
    "an object of flags, off": ("optional", _FLAG_OBJECT.format(login="False"), {}),
    "an object of flags, on": ("late", _FLAG_OBJECT.format(login="True"), {}),
    "a developer while debugging, as shipped": ("optional", _DEBUG.format(debug="True"), {}),
    "a developer while debugging, not as shipped": ("late", _DEBUG.format(debug="False"), {}),
    "a plugin that knows anybody, as shipped": ("optional", _PLUGINS.format(auth="none"), {}),
    "a plugin that asks, as shipped": ("guarded", _PLUGINS.format(auth="token"), {}),
    "an entry point, or one that lets everybody in": (
        "optional|missing",
        _ENTRY_POINTS.format(fallback="AllowAll"),
        {},
    ),
    "an entry point, or one that asks": ("late", _ENTRY_POINTS.format(fallback="Tokens"), {}),
    "no users yet, and nobody is asked": (
        "optional",
        _NO_USERS.format(needs="bool(self.users)"),
        {},
    ),
    "no users yet, and nobody comes in": ("guarded", _NO_USERS.format(needs="True"), {}),
    "no password of the administrator yet": ("optional", _SETUP.format(first_run="not admin"), {}),
    "no password of the administrator, and nobody comes in": (
        "guarded",
        _SETUP.format(first_run="False"),
        {},
    ),
    "a token that is made at start-up": (
        "guarded",
        _START_UP.format(made="self.token = token or secrets.token_hex(16)"),
        {},
    ),
    "a token that is not made at start-up": (
        "optional",
        _START_UP.format(made="self.token = token"),
        {},
    ),
    "a token of the environment, or one that is drawn": (
        "guarded",
        _MODULE_TOKEN.format(otherwise=" or binascii.hexlify(os.urandom(24)).decode()"),
        {},
    ),
    "a token of the environment, or none": ("optional", _MODULE_TOKEN.format(otherwise=""), {}),
    "nobody is asked where the server listens to itself": (
        "optional|missing",
        _LOCAL.format(address="127.0.0.1"),
        {},
    ),
    "somebody is asked where the server listens to others": (
        "guarded",
        _LOCAL.format(address="0.0.0.0"),
        {},
    ),
    "a mixin that asks where a class says so, and none does": (
        "optional|missing",
        _CASES_OF_MIXIN.format(required="False", own="pass"),
        {},
    ),
    "a mixin that asks where a class says so, and it does": (
        "guarded",
        _CASES_OF_MIXIN.format(required="False", own="login_required = True"),
        {},
    ),
    "a mixin that asks unless a class says otherwise": (
        "guarded",
        _CASES_OF_MIXIN.format(required="True", own="pass"),
        {},
    ),
    "a mixin that asks unless a class says otherwise, and it does": (
        "missing",
        _CASES_OF_MIXIN.format(required="True", own="login_required = False"),
        {},
    ),
    "a decorator that asks where a setting says so": (
        "optional",
        _DECORATOR.format(default=""),
        {},
    ),
    "a decorator that asks unless a setting says otherwise": (
        "guarded",
        _DECORATOR.format(default=", True"),
        {},
    ),
    "certificates of clients where there is an authority": (
        "optional",
        _CERTIFICATES.format(default="None"),
        {},
    ),
    "certificates of clients, and an authority as shipped": (
        "guarded",
        _CERTIFICATES.format(default='"clients.pem"'),
        {},
    ),
    "a list of users that is empty lets everybody in": (
        "optional",
        _GITHUB.format(condition="allowed", allowed="None"),
        {},
    ),
    "a list of users, and somebody in it": (
        "guarded",
        _GITHUB.format(condition="allowed", allowed='["me"]'),
        {},
    ),
    "a list of users that is empty lets nobody in": (
        "guarded",
        _GITHUB.format(condition="True", allowed="[]"),
        {},
    ),
    "a hook of the application's class, none as shipped": (
        "optional",
        _HOOKS.format(hook="None"),
        {},
    ),
    "a hook of the application's class that asks": (
        "late",
        _HOOKS.format(hook="staticmethod(sessions.verify)"),
        {},
    ),
    "a switch in a TOML file that ships, off": (
        "optional",
        _TOML.format(),
        {"settings.toml": "[server]\nport = 8888\nrequire_token = false\n"},
    ),
    "a switch in a TOML file that ships, on": (
        "late",
        _TOML.format(),
        {"settings.toml": "[server]\nport = 8888\nrequire_token = true\n"},
    ),
    "defaults and a file are merged, and nobody is asked": (
        "optional",
        _CASCADE.format(type='"none"'),
        {},
    ),
    "defaults and a file are merged, and a token is asked for": (
        "guarded",
        _CASCADE.format(type='"jwt"'),
        {},
    ),
}


_LISTED = """
import notebook.services.kernels.handlers as theirs
class Asks(object):
    def prepare(self):
        token = self.settings.get("gateway_token")
        if token and self.get_argument("token", None) != token:
            return self.send_error(401)
        return super(Asks, self).prepare()
handlers = []
for path, cls in theirs.default_handlers:
    handlers.append((path, type("Door", (Asks, cls), {{}})))
define("gateway_token", default={default})
def main():
    Application(handlers, gateway_token=options.gateway_token).listen(8888)
"""

CASES |= {
    "a list of a package that was not read, with a token or none": (
        "optional",
        _LISTED.format(default='""'),
        {},
    ),
    "a list of a package that was not read, with a token": (
        "guarded",
        _LISTED.format(default='"one-token"'),
        {},
    ),
}
