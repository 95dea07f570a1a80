"""Checks that the operator provides: settings of many libraries, replaceable parts.

As shipped off, and as shipped on.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_TAIL = """
class Door(WebSocketHandler):
    def prepare(self):
        if {switch} and not self.get_secure_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""


def _switched(setup: str, switch: str) -> str:
    return setup + _TAIL.format(switch=switch)


_DOCOPT = '''
HELP = """Room.

Usage:
  room [--port=PORT] [{option}]

Options:
  --port=PORT  where to listen [default: 8888]
  {option}       {help}
"""
from docopt import docopt
arguments = docopt(HELP)
'''

_CLASSES = """
class Config(object):
    LOGIN = {base}
class Production(Config):
    LOGIN = {production}
CONFIGS = {{"development": Config, "production": Production}}
config = CONFIGS[os.environ.get("ROOM_ENV", "{shipped}")]
"""

_NAMESPACE = """
import argparse
from types import SimpleNamespace
config = {maker}(login={value}, port=8888)
"""

_ATTRS = """
import attr
@attr.s
class Config:
    port = attr.ib(default=8888)
    login = attr.ib(default={value})
config = Config()
"""

_TUPLE = """
import typing
class Config(typing.NamedTuple):
    port: int = 8888
    login: bool = {value}
config = Config()
"""

_MERGED = """
import json
DEFAULTS = {{"port": 8888, "login": {value}}}
def load(path="room.json"):
    config = dict(DEFAULTS)
    try:
        with open(path) as stream:
            config.update(json.load(stream))
    except IOError:
        pass
    return config
config = load()
"""

_SPREAD = """
import tomllib
DEFAULTS = {{"port": 8888, "login": {value}}}
def load(path):
    with open(path, "rb") as stream:
        return {{**DEFAULTS, **tomllib.load(stream)}}
config = load("room.toml")
"""

_LOCAL = """
LOGIN = {value}
try:
    from local_settings import *
except ImportError:
    pass
"""

_ARGV = """
import sys
LOGIN = "--login" {test} sys.argv
"""

_GETOPT = """
import getopt, sys
login = {value}
opts, args = getopt.getopt(sys.argv[1:], "", ["login", "no-login"])
for name, _ in opts:
    if name == "--login":
        login = True
    elif name == "--no-login":
        login = False
"""

_ABSL = """
from absl import flags
FLAGS = flags.FLAGS
flags.DEFINE_bool("login", {value}, "ask who it is")
"""

_DECOUPLE = """
from decouple import config
LOGIN = config("ROOM_LOGIN", default={value}, cast=bool)
"""

_ENVIRONS = """
from environs import Env
env = Env()
env.read_env()
LOGIN = env.bool("ROOM_LOGIN", {value})
"""

_SET_DEFAULTS = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--login", dest="login", action="store_true")
parser.add_argument("--no-login", dest="login", action="store_false")
parser.set_defaults(login={value})
args = parser.parse_args()
"""

_TYPER = """
import typer
app = typer.Typer()
@app.command()
def main(port: int = 8888, login: bool = typer.Option({value}, help="ask who it is")):
    Application([("/ws", Door, {{"login": login}})]).listen(port)
class Door(WebSocketHandler):
    def initialize(self, login):
        self.login = login
    def prepare(self):
        if self.login and not self.get_secure_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_PART = """
class {shipped}:
    def check(self, handler):
        {answer}
class Server(Application):
    def __init__(self, auth=None):
        self.auth = auth or {shipped}()
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if not self.application.auth.check(self):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_SWITCHED_PART = """
class Auth:
    def __init__(self, enabled={value}):
        self.enabled = enabled
    def check(self, handler):
        if not self.enabled:
            return True
        return handler.get_secure_cookie("user") is not None
application = Application([("/ws", "app.Door")], auth=Auth())
class Door(WebSocketHandler):
    def prepare(self):
        if not self.settings["auth"].check(self):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_FACTORY = """
def everybody(handler):
    return True
def by_cookie(handler):
    return handler.get_secure_cookie("user") is not None
def make_app(authenticate={default}, **settings):
    class Door(WebSocketHandler):
        def prepare(self):
            if not authenticate(self):
                raise HTTPError(403)
        def on_message(self, message):
            room.say(message)
    return Application([("/ws", Door)], **settings)
"""

_PROPERTY = """
class Server(Application):
    def __init__(self, password={password}):
        self.password = password
        super().__init__([("/ws", Door)])
    @property
    def login_required(self):
        return bool(self.password)
class Door(WebSocketHandler):
    def prepare(self):
        if self.application.login_required:
            if self.get_argument("password", "") != self.application.password:
                raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_LATE_FLAG = """
define("require_login", default={value}, type=bool)
class Door(WebSocketHandler):
    def open(self):
        self.user = None
        if not options.require_login:
            self.user = "guest"
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            self.user = db.check_password(data["name"], data["password"])
            return
        if self.user is None:
            self.close()
            return
        room.say(data["text"])
"""

_STATES = """
define("password", default={value})
class Door(WebSocketHandler):
    def open(self):
        self.state = "login" if options.password else "ready"
    def on_message(self, message):
        if self.state == "login":
            if message == options.password:
                self.state = "ready"
            else:
                self.close()
        elif self.state == "ready":
            room.say(message)
"""

_MESSAGES = """
define("token", default={value}, help="if set, the first message must be it")
class Door(WebSocketHandler):
    def open(self):
        self.authenticated = options.token is None
    def on_message(self, message):
        data = json.loads(message)
        if data.get("type") == "auth":
            self.authenticated = hmac.compare_digest(data["token"], options.token or "")
            return
        if not self.authenticated:
            self.close(4401, "authenticate first")
            return
        room.say(data["text"])
"""

_TRAIT_CLASS = """
from traitlets import Type
from traitlets.config import Configurable
class Everybody:
    def user_of(self, handler):
        return "anybody"
class Cookies:
    def user_of(self, handler):
        return handler.get_secure_cookie("user")
class Server(Configurable):
    authenticator_class = Type({default}, config=True)
    def start(self):
        authenticator = self.authenticator_class()
        return Application([("/ws", Door)], authenticator=authenticator)
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.settings["authenticator"].user_of(self)
    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
    def on_message(self, message):
        room.say(message)
"""

_COMBINED = """
define("auth", default="{shipped}", help="a list of: none, cookie, token")
class Door(WebSocketHandler):
    def prepare(self):
        for kind in options.auth.split(","):
            if getattr(self, "auth_" + kind)():
                return
        raise HTTPError(401)
    def auth_none(self):
        return True
    def auth_cookie(self):
        return self.get_secure_cookie("user") is not None
    def auth_token(self):
        return sessions.verify(self.get_argument("token", ""))
    def on_message(self, message):
        room.say(message)
"""

CASES: dict[str, Case] = {
    "docopt turns it on": (
        "optional",
        _switched(_DOCOPT.format(option="--login", help="ask who it is"), 'arguments["--login"]'),
        {},
    ),
    "docopt turns it off": (
        "guarded",
        _switched(_DOCOPT.format(option="--open", help="ask nobody"), 'not arguments["--open"]'),
        {},
    ),
    "classes of configuration, as for development": (
        "optional|missing",
        _switched(
            _CLASSES.format(base="False", production="True", shipped="development"), "config.LOGIN"
        ),
        {},
    ),
    "classes of configuration, as for production": (
        "guarded",
        _switched(
            _CLASSES.format(base="False", production="True", shipped="production"), "config.LOGIN"
        ),
        {},
    ),
    **{
        f"a name space as configuration, {word}": (
            verdict,
            _switched(_NAMESPACE.format(maker=maker, value=value), "config.login"),
            {},
        )
        for word, verdict, maker, value in (
            ("off", "optional", "SimpleNamespace", "False"),
            ("on", "guarded", "SimpleNamespace", "True"),
            ("of arguments, off", "optional", "argparse.Namespace", "False"),
        )
    },
    **{
        f"{what}, {word}": (verdict, _switched(setup.format(value=value), switch), {})
        for what, setup, switch in (
            ("fields of attr", _ATTRS, "config.login"),
            ("a named tuple as configuration", _TUPLE, "config.login"),
            ("defaults that a file is merged into", _MERGED, 'config["login"]'),
            ("defaults under a file", _SPREAD, 'config["login"]'),
            ("settings that another module may replace", _LOCAL, "LOGIN"),
            ("a variable of getopt", _GETOPT, "login"),
            ("a flag of absl", _ABSL, "FLAGS.login"),
            ("decouple", _DECOUPLE, "LOGIN"),
            ("environs", _ENVIRONS, "LOGIN"),
            ("defaults that the parser is told", _SET_DEFAULTS, "args.login"),
        )
        for word, verdict, value in (("off", "optional", "False"), ("on", "guarded", "True"))
    },
    "a word on the command line": (
        "optional",
        _switched(_ARGV.format(test="in"), "LOGIN"),
        {},
    ),
    "no word on the command line": (
        "guarded",
        _switched(_ARGV.format(test="not in"), "LOGIN"),
        {},
    ),
    "typer, off": ("optional", _TYPER.format(value="False"), {}),
    "typer, on": ("guarded", _TYPER.format(value="True"), {}),
    "a part that says yes where none is given": (
        "optional",
        _PART.format(shipped="Everybody", answer="return True"),
        {},
    ),
    "a part that asks where none is given": (
        "guarded",
        _PART.format(shipped="Cookies", answer='return bool(handler.get_secure_cookie("user"))'),
        {},
    ),
    "a part that is switched off": ("optional", _SWITCHED_PART.format(value="False"), {}),
    "a part that is switched on": ("guarded", _SWITCHED_PART.format(value="True"), {}),
    "a factory that lets everybody in": ("optional", _FACTORY.format(default="everybody"), {}),
    "a factory that asks": ("guarded", _FACTORY.format(default="by_cookie"), {}),
    "a property of the application without a password": (
        "optional",
        _PROPERTY.format(password="None"),
        {},
    ),
    "a property of the application with a password": (
        "guarded",
        _PROPERTY.format(password='"sesame-open"'),
        {},
    ),
    "guests where no login is required": ("optional", _LATE_FLAG.format(value="False"), {}),
    "no guests where a login is required": ("late", _LATE_FLAG.format(value="True"), {}),
    "a state to begin with that needs no password": (
        "optional",
        _STATES.format(value="None"),
        {},
    ),
    "a state to begin with that needs a password": (
        "late",
        _STATES.format(value='"sesame-open"'),
        {},
    ),
    "a first message that is a token, if there is one": (
        "optional",
        _MESSAGES.format(value="None"),
        {},
    ),
    "a first message that is a token": ("late", _MESSAGES.format(value='"sesame-open"'), {}),
    "a class among the traits that lets everybody in": (
        "optional",
        _TRAIT_CLASS.format(default="Everybody"),
        {},
    ),
    "a class among the traits that asks": ("guarded", _TRAIT_CLASS.format(default="Cookies"), {}),
    "one of several ways, of which none is one": (
        "optional|missing",
        _COMBINED.format(shipped="none"),
        {},
    ),
    "one of several ways": ("guarded", _COMBINED.format(shipped="cookie,token"), {}),
}

_DESCRIPTOR = """
class Option:
    def __init__(self, default, help=""):
        self.default = default
    def __set_name__(self, owner, name):
        self.name = name
    def __get__(self, instance, owner):
        if instance is None:
            return self
        return os.environ.get(self.name.upper(), self.default)
class Options:
    port = Option(8888)
    login_provider = Option({default}, help="who says who it is")
told = Options()
"""

_PROVIDERS = """
import conf
PROVIDERS = {{
    "github": {{"client_id": lambda: conf.GITHUB_CLIENT_ID}},
    "google": {{"client_id": lambda: conf.GOOGLE_CLIENT_ID}},
}}
def enabled_providers():
    return [name for name, one in PROVIDERS.items() if one["client_id"]()]
class Door(WebSocketHandler):
    def open(self):
        if enabled_providers() and not self.get_secure_cookie("user"):
            self.close(1008)
            return
        clients.add(self)
    def on_message(self, message):
        pass
"""

_CHECKS = """
auth_checks = []
def add_check(check):
    auth_checks.append(check)
{adding}
class Door(WebSocketHandler):
    def prepare(self):
        for check in auth_checks:
            if not check(self):
                raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_FEATURE = """
define("use_robots", default=False, help="let robots play")
class Door(WebSocketHandler):
    def initialize(self):
        if options.use_robots:
            self.commands = {{"login": self.login}}
    def open(self):
        self.write_message({{"number": room.number()}})
    def on_message(self, message):
        data = json.loads(message)
        self.commands[data["command"]](data)
    def login(self, data):
        {question}
        room.add_robot(self, data["name"])
"""

_OF_CLASS = """
class Door(WebSocketHandler):
    all = {{}}
    @staticmethod
    def get(user):
        return Door.all.get(user, None)
    def open(self):
        user = self.get_secure_cookie("user")
        {question}
        Door.all[user] = self
    def on_message(self, message):
        pass
"""

_PROXIED = """
from tornado.httpclient import AsyncHTTPClient, HTTPError as FetchError
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        if data["do"] == "ask":
            url = options.oracle + "?password=" + data["password"]
            try:
                reply = await AsyncHTTPClient().fetch(url)
                answer = json.loads(reply.body)
            except FetchError as error:
                answer = {{"error": str(error)}}
            self.write_message({{"answer": answer}})
        else:
            room.say(data["text"])
"""

_NONE = """
class Door(WebSocketHandler):
    def initialize(self):
        self.session = None
    def on_message(self, message):
        command, _, rest = message.partition(":")
        if command == "login":
            self.session = sessions.by_token(rest)
        elif command == "say":
            {question}
"""

CASES |= {
    "a descriptor of options, none": (
        "optional",
        _switched(_DESCRIPTOR.format(default="None"), "told.login_provider"),
        {},
    ),
    "a descriptor of options, one": (
        "guarded",
        _switched(_DESCRIPTOR.format(default='"cookie"'), "told.login_provider"),
        {},
    ),
    "providers that are configured, none": (
        "optional",
        _PROVIDERS.format(),
        {"conf.py": "GITHUB_CLIENT_ID = None\nGOOGLE_CLIENT_ID = ''\n"},
    ),
    "providers that are configured, one": (
        "late",
        _PROVIDERS.format(),
        {"conf.py": "GITHUB_CLIENT_ID = 'c0ffee'\nGOOGLE_CLIENT_ID = ''\n"},
    ),
    "checks that a module adds": (
        "guarded",
        _CHECKS.format(
            adding='def by_cookie(handler):\n    return handler.get_secure_cookie("user") is not None\n'
            "add_check(by_cookie)"
        ),
        {},
    ),
    "checks that nobody adds": ("optional|missing", _CHECKS.format(adding=""), {}),
    "robots that are off as shipped ask for a password": (
        "late",
        _FEATURE.format(
            question='if not db.check_password(data["name"], data["password"]):\n'
            "            self.close()\n            return"
        ),
        {},
    ),
    "robots that are off as shipped ask for nothing": (
        "missing",
        _FEATURE.format(question="pass"),
        {},
    ),
    "a get() that finds connections": (
        "late",
        _OF_CLASS.format(question="if not user:\n            self.close()\n            return"),
        {},
    ),
    "a get() that finds connections of anybody": ("missing", _OF_CLASS.format(question="pass"), {}),
    "another server is asked with a password of its own": ("missing", _PROXIED.format(), {}),
    "what is there after the login is asked": (
        "late",
        _NONE.format(question="self.session.say(rest)"),
        {},
    ),
    "what is there after the login is not asked": (
        "late|missing",
        _NONE.format(question="room.say(rest)"),
        {},
    ),
}
