"""Authentication as shipped, according to options, files and classes of settings.

Each setting in the way of some library or age, as shipped off and as shipped on.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_ARGPARSE = """
import argparse
def make_app(auth):
    return Application([("/ws", Door)], auth=auth)
def main(argv=None):
    parser = argparse.ArgumentParser()
    {option}
    args = parser.parse_args(argv)
    app = make_app({given})
    app.listen(8888)
class Door(WebSocketHandler):
    def prepare(self):
        if self.application.settings["auth"] and not self.get_secure_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_CLICK = """
import click
def make_app(token):
    return Application([("/ws", Door, {{"token": token}})])
@click.command()
@click.option("--token", {default}, help="what clients must show")
def main(token):
    make_app(token).listen(8888)
class Door(WebSocketHandler):
    def initialize(self, token):
        self.token = token
    def prepare(self):
        if self.token and not hmac.compare_digest(self.get_argument("token", ""), self.token):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_ENVIRONMENT = """
AUTH = {read}
class Door(WebSocketHandler):
    async def get(self, *args, **kwargs):
        if AUTH and self.get_secure_cookie("user") is None:
            self.set_status(401)
            self.finish("who are you?")
            return
        await super().get(*args, **kwargs)
    def on_message(self, message):
        room.say(message)
"""

_INI = """
import configparser
parser = configparser.ConfigParser()
parser.read("server.ini")
class Door(WebSocketHandler):
    def prepare(self):
        if parser.getboolean("auth", "enabled"):
            if self.get_secure_cookie("user") is None:
                raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_YAML = """
import yaml
class Server(Application):
    def __init__(self, path="server.yaml"):
        with open(path) as stream:
            self.config = yaml.safe_load(stream)
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if self.application.config["security"]["require_login"]:
            if not self.get_secure_cookie("user"):
                raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_DATACLASS = """
import dataclasses
@dataclasses.dataclass
class Config:
    port: int = 8888
    require_login: bool = {default}
    @classmethod
    def from_env(cls):
        config = cls()
        if "REQUIRE_LOGIN" in os.environ:
            config.require_login = os.environ["REQUIRE_LOGIN"] == "1"
        return config
config = Config.from_env()
class Door(WebSocketHandler):
    def prepare(self):
        if config.require_login and not self.get_secure_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_TRAITS = """
from traitlets import Bool, Unicode
from traitlets.config import Application as Program
class Server(Program):
    authenticate = Bool({default}, help="ask who it is").tag(config=True)
    def start(self):
        self.web = Application([("/ws", Door)], server=self)
class Door(WebSocketHandler):
    @property
    def server(self):
        return self.settings["server"]
    def prepare(self):
        if self.server.authenticate and not self.get_secure_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_PYDANTIC = """
from typing import Optional
from pydantic import BaseSettings
class Settings(BaseSettings):
    api_key: {field}
    class Config:
        env_prefix = "ROOM_"
@functools.lru_cache()
def get_settings():
    return Settings()
class Door(WebSocketHandler):
    def prepare(self):
        wanted = get_settings().api_key
        if wanted {test}and self.request.headers.get("X-Api-Key") != wanted:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_MODES = """
define("auth", default="{mode}", help="none, token or cookie")
define("token", default="")
def anybody(handler):
    return True
def by_token(handler):
    return hmac.compare_digest(handler.get_argument("token", ""), os.environ["ROOM_TOKEN"])
def by_cookie(handler):
    return handler.get_secure_cookie("user") is not None
MODES = {{"none": anybody, "token": by_token, "cookie": by_cookie}}
class Door(WebSocketHandler):
    def prepare(self):
        if not MODES[options.auth](self):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_NAMED_USER = """
class Base(RequestHandler):
    def get_current_user(self):
        if not self.settings.get("login", {default}):
            return "anonymous"
        user = self.get_secure_cookie("user")
        return user.decode() if user else None
class Door(Base, WebSocketHandler):
    def open(self):
        if self.current_user is None:
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        room.say(self.current_user, message)
"""

_SECRET_FILE = """
def read_token():
    path = os.environ.get("TOKEN_FILE", "/run/secrets/room_token")
    {reading}
TOKEN = read_token()
class Door(WebSocketHandler):
    def prepare(self):
        if TOKEN is None:
            return
        if self.get_argument("token", "") != TOKEN:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_MAYBE = """
def maybe_authenticated(method):
    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        if self.application.options.get("auth", {default}):
            if not self.current_user:
                self.set_status(403)
                return self.finish()
        return method(self, *args, **kwargs)
    return wrapper
class Server(Application):
    def __init__(self, **options):
        self.options = options
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    @maybe_authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
    def on_message(self, message):
        room.say(message)
"""

_USERS = """
define("users", default={default}, help="name:password of those who may")
class Server(Application):
    def __init__(self):
        self.users = {{}}
        if options.users:
            for one in options.users.split(","):
                name, _, password = one.partition(":")
                self.users[name] = password
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def on_message(self, message):
        asked = json.loads(message)
        if asked["do"] == "login":
            if self.application.users.get(asked["name"]) == asked["password"]:
                self.user = asked["name"]
            return
        if self.application.users and not self.user:
            self.close()
            return
        room.say(asked["text"])
    def open(self):
        self.user = None
"""

_CLASS_FLAG = """
class Base(WebSocketHandler):
    login_required = {base}
    def prepare(self):
        if self.login_required and not self.get_secure_cookie("user"):
            raise HTTPError(403)
class Door(Base):
    {own}
    def on_message(self, message):
        room.say(message)
"""

_LATE_SETTING = """
define("password", default={default})
class Door(WebSocketHandler):
    def open(self):
        self.logged_in = not options.password
    def on_message(self, message):
        asked = json.loads(message)
        if not self.logged_in:
            if asked.get("password") == options.password:
                self.logged_in = True
            else:
                self.close()
            return
        room.say(asked["text"])
"""

_PARSED = """
from optparse import OptionParser
parser = OptionParser()
parser.add_option("-p", "--password", dest="password", default={default})
opts, args = parser.parse_args()
class Door(WebSocketHandler):
    def open(self):
        if opts.password is not None:
            if self.get_argument("password", None) != opts.password:
                self.close()
                return
        clients.add(self)
    def on_message(self, message):
        room.say(message)
"""

_KEYWORD = """
class RoomServer(object):
    def __init__(self, port=8888, auth_callback={default}):
        self.auth_callback = auth_callback
        self.app = Application([("/ws", Door, dict(server=self))])
        self.app.listen(port)
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
    def prepare(self):
        callback = self.server.auth_callback
        if callback is not None and not callback(self.request):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_SECTIONED = """
from configUtil import get_config
class Door(WebSocketHandler):
    def open(self):
        if get_config().setting.auth.enabled:
            return
        room.join(self)
    def on_message(self, message):
        auth = get_config().setting.auth
        if not auth.enabled:
            room.join(self)
            return
        if json.loads(message).get("token") != auth.token:
            self.close(1008, "wrong token")
            return
        room.join(self)
"""

_SECTIONS = {
    "configUtil.py": """
from configTypes import AppConfig

_config: AppConfig | None = None

def load(path):
    global _config
    with open(path) as file:
        _config = AppConfig.model_validate_json(file.read())

def get_config() -> AppConfig:
    if _config is None:
        raise RuntimeError("load() first")
    return _config
""",
    "configTypes.py": """
from pydantic import BaseModel, Field

class ThemeConfig(BaseModel):
    enabled: bool = %s

class AuthConfig(BaseModel):
    enabled: bool = %s
    token: str = ""

class SettingConfig(BaseModel):
    theme: ThemeConfig = Field(default_factory=ThemeConfig)
    auth: AuthConfig = Field(default_factory=AuthConfig)

class AppConfig(BaseModel):
    setting: SettingConfig = Field(default_factory=SettingConfig)
""",
}

CASES: dict[str, Case] = {
    "argparse turns it on": (
        "optional",
        _ARGPARSE.format(
            option='parser.add_argument("--auth", action="store_true")', given="args.auth"
        ),
        {},
    ),
    "argparse turns it off": (
        "guarded",
        _ARGPARSE.format(
            option='parser.add_argument("--no-auth", action="store_true")', given="not args.no_auth"
        ),
        {},
    ),
    "argparse turns it off, into the same place": (
        "guarded",
        _ARGPARSE.format(
            option='parser.add_argument("--no-auth", dest="auth", action="store_false")',
            given="args.auth",
        ),
        {},
    ),
    "argparse with a pair of options": (
        "optional",
        _ARGPARSE.format(
            option='parser.add_argument("--auth", action=argparse.BooleanOptionalAction, default=False)',
            given="args.auth",
        ),
        {},
    ),
    "click without a token": ("optional", _CLICK.format(default="default=None"), {}),
    "click from the environment": (
        "optional",
        _CLICK.format(default='envvar="ROOM_TOKEN", default=""'),
        {},
    ),
    "click that must have a token": ("guarded", _CLICK.format(default="required=True"), {}),
    "an environment that says on": (
        "optional",
        _ENVIRONMENT.format(read='os.environ.get("ROOM_AUTH", "off").lower() == "on"'),
        {},
    ),
    "an environment that says yes in many words": (
        "optional",
        _ENVIRONMENT.format(read='os.getenv("ROOM_AUTH", "").lower() in ("1", "true", "yes")'),
        {},
    ),
    "an environment that does not say off": (
        "guarded",
        _ENVIRONMENT.format(read='os.environ.get("ROOM_AUTH", "on") != "off"'),
        {},
    ),
    "an environment that says no": (
        "guarded",
        _ENVIRONMENT.format(read='not os.environ.get("ROOM_NO_AUTH")'),
        {},
    ),
    "an environment as a number": (
        "optional",
        _ENVIRONMENT.format(read='bool(int(os.environ.get("ROOM_AUTH", "0")))'),
        {},
    ),
    "ini says no": ("optional", _INI, {"server.ini": "[auth]\nenabled = no\n"}),
    "ini says yes": ("guarded", _INI, {"server.ini": "[auth]\nenabled = yes\n"}),
    "yaml in the constructor says false": (
        "optional",
        _YAML,
        {"server.yaml": "port: 8888\nsecurity:\n  require_login: false\n"},
    ),
    "yaml in the constructor says true": (
        "guarded",
        _YAML,
        {"server.yaml": "port: 8888\nsecurity:\n  require_login: true\n"},
    ),
    "a data class that the environment changes, off": (
        "optional",
        _DATACLASS.format(default="False"),
        {},
    ),
    "a data class that the environment changes, on": (
        "guarded",
        _DATACLASS.format(default="True"),
        {},
    ),
    "a trait of the program in the settings, off": (
        "optional",
        _TRAITS.format(default="False"),
        {},
    ),
    "a trait of the program in the settings, on": ("guarded", _TRAITS.format(default="True"), {}),
    "settings of pydantic without a key": (
        "optional",
        _PYDANTIC.format(field="Optional[str] = None", test=""),
        {},
    ),
    "settings of pydantic that must have a key": (
        "guarded|optional",
        _PYDANTIC.format(field="str", test=""),
        {},
    ),
    "a table of modes, none": ("optional", _MODES.format(mode="none"), {}),
    "a table of modes, cookie": ("guarded", _MODES.format(mode="cookie"), {}),
    "anonymous unless there is a login": ("optional|late", _NAMED_USER.format(default="False"), {}),
    "nobody unless there is none": ("late", _NAMED_USER.format(default="True"), {}),
    "a file of secrets that may be there": (
        "optional",
        _SECRET_FILE.format(
            reading=(
                "if not os.path.exists(path):\n"
                "        return None\n"
                "    with open(path) as stream:\n"
                "        return stream.read().strip()"
            ),
        ),
        {},
    ),
    "a file of secrets that must be there": (
        "guarded",
        _SECRET_FILE.format(
            reading="with open(path) as stream:\n        return stream.read().strip()"
        ),
        {},
    ),
    "a decorator that looks at what the application was told, off": (
        "optional",
        _MAYBE.format(default="False"),
        {},
    ),
    "a decorator that looks at what the application was told, on": (
        "guarded",
        _MAYBE.format(default="True"),
        {},
    ),
    "users of an option, none": ("optional|late", _USERS.format(default='""'), {}),
    "a flag of the class, off": (
        "missing|optional",
        _CLASS_FLAG.format(base="False", own="pass"),
        {},
    ),
    "a flag of the class, on": ("guarded", _CLASS_FLAG.format(base="True", own="pass"), {}),
    "a flag of the class that a subclass turns off": (
        "missing|optional",
        _CLASS_FLAG.format(base="True", own="login_required = False"),
        {},
    ),
    "a flag of the class that a subclass turns on": (
        "guarded",
        _CLASS_FLAG.format(base="False", own="login_required = True"),
        {},
    ),
    "a connection that begins logged in without a password": (
        "optional",
        _LATE_SETTING.format(default='""'),
        {},
    ),
    "a connection that begins logged in, with a password as shipped": (
        "late",
        _LATE_SETTING.format(default='"sesame-open"'),
        {},
    ),
    "options of old without a password": ("optional", _PARSED.format(default="None"), {}),
    "options of old with a password": ("late", _PARSED.format(default='"sesame-open"'), {}),
    "a callback of the server, none": ("optional", _KEYWORD.format(default="None"), {}),
    "a callback of the server that asks": (
        "guarded|optional",
        _KEYWORD.format(default='lambda request: db.check(request.headers.get("X-Token"))'),
        {},
    ),
    "a section of the configuration that is off": (
        "optional",
        _SECTIONED,
        {
            name: text.replace("%s", "True", 1).replace("%s", "False")
            for name, text in _SECTIONS.items()
        },
    ),
    "a section of the configuration that is on": (
        "late",
        _SECTIONED,
        {
            name: text.replace("%s", "False", 1).replace("%s", "True")
            for name, text in _SECTIONS.items()
        },
    ),
}
