"""Words that are no secrets, log-ins elsewhere, names that the server makes up, and settings or nothing.

Each way of writing stands beside the twin that does ask, or is asked.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_KEYS = """
KEYS = {keys}
class Door(WebSocketHandler):
    {opening}
    def on_message(self, message):
        said = json.loads(message)
        key = said.get("{field}")
        if key not in KEYS:
            self.write_message({{"error": "unknown"}})
            return
        room.drive(KEYS, key)
"""

_CHAIN = """
class Door(WebSocketHandler):
    def on_message(self, message):
        said = json.loads(message)
        {field} = said.get("{field}", "none")
        if {field} == "{first}":
            self.name = "guest"
        {second}
        else:
            self.write_message({{"error": "unsupported"}})
            return
        room.say(self.name, said["text"])
"""

_ELSEWHERE = """
import {library}
class Door(WebSocketHandler):
    remote = None
    def on_message(self, message):
        said = json.loads(message)
        if said["type"] == "connect":
            try:
                {connected}
            except {error}:
                self.write_message({{"error": "login failed"}})
                return
            self.write_message({{"type": "connected"}})
        elif self.remote is None:
            self.write_message({{"error": "connect first"}})
        else:
            self.remote.send(said["input"])
"""
_SSH = """remote = paramiko.SSHClient()
                remote.connect({where}, username=said["user"], password=said["password"])
                self.remote = remote.invoke_shell()"""

_GUEST = """
import random, uuid
from elsewhere import User
define("allow_guests", default={default}, type=bool)
class Guest:
    name = "guest"
class Door(WebSocketHandler):
    user = None
    def open(self):
        if options.allow_guests:
            self.user = {made}
    def on_message(self, message):
        said = json.loads(message)
        if said["type"] == "login":
            self.user = db.check_password(said["name"], said["password"])
            return
        if {nobody}:
            self.write_message({{"error": "log in"}})
            return
        room.say(self.user, said["text"])
"""

_FILE = """
import yaml
class Config:
    def __init__(self, path):
        data = yaml.safe_load(open(path)) {empty}
        self.port = data.get("port", 8080)
        self.users = data.get("users"{default}) {without}
class Door(WebSocketHandler):
    def initialize(self, config):
        self.config = config
    def get_current_user(self):
        if not self.config.users:
            return {nobody}
        return self.get_secure_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
def main():
    config = Config("config.yml")
    Application([(r"/socket", Door, dict(config=config))], cookie_secret="x").listen(config.port)
main()
"""

_GLOBAL = """
import configparser
CONFIG = None
class Config:
    def __init__(self, parser):
        self.parser = parser
        self.{name} = self.read("{name}", {shipped})
    def read(self, name, default=None):
        value = default
        try:
            value = self.parser.getboolean("server", name)
        except Exception:
            pass
        return value
class Door(WebSocketHandler):
    def open(self):
        self.is_authenticated = False
    def on_message(self, message):
        said = json.loads(message)
        if CONFIG.{name} and not self.is_authenticated:
            self.is_authenticated = db.check_password(said["name"], said["password"])
            self.write_message({{"ok": self.is_authenticated}})
            return
        room.say(said["text"])
def main():
    global CONFIG
    parser = configparser.ConfigParser()
    parser.read("server.ini")
    CONFIG = Config(parser)
    Application([(r"/socket", Door)]).listen(80)
main()
"""


def _guest(made: str, nobody: str, default: str = "True") -> str:
    return _GUEST.format(made=made, nobody=nobody, default=default)


def _file(**parts: str) -> str:
    usual = {"empty": "or {}", "default": "", "without": "or {}", "nobody": '"anonymous"'}
    return _FILE.format(**usual | parts)


CASES: dict[str, Case] = {
    "keys of a table of the source": (
        "missing",
        _KEYS.format(keys='{"left": 1, "right": 2, "up": 3}', opening="", field="key"),
        {},
    ),
    "codes of a tuple of the source": (
        "missing",
        _KEYS.format(keys='("start", "stop", "status")', opening="", field="code"),
        {},
    ),
    "keys of a table that is filled from a file": (
        "late",
        _KEYS.format(keys='json.load(open("keys.json"))', opening="", field="key"),
        {},
    ),
    "tokens of a tuple of the source": (
        "late",
        _KEYS.format(keys='("start", "stop", "status")', opening="", field="token"),
        {},
    ),
    "one of two ways to say who it is": (
        "missing",
        _CHAIN.format(
            field="auth",
            first="none",
            second='elif auth == "nick":\n            self.name = said["nick"]',
        ),
        {},
    ),
    "one of two keys": (
        "missing",
        _CHAIN.format(
            field="key",
            first="left",
            second='elif key == "right":\n            self.name = "right"',
        ),
        {},
    ),
    "one key that is said in the source": (
        "late",
        _CHAIN.format(field="key", first="opensesame", second=""),
        {},
    ),
    "one of two passwords": (
        "late",
        _CHAIN.format(
            field="password",
            first="opensesame",
            second='elif password == "openbarley":\n            self.name = "other"',
        ),
        {},
    ),
    "a shell on the server that the message names": (
        "missing",
        _ELSEWHERE.format(
            library="paramiko",
            connected=_SSH.format(where='said["host"]'),
            error="paramiko.AuthenticationException",
        ),
        {},
    ),
    "a shell on the own server": (
        "late",
        _ELSEWHERE.format(
            library="paramiko",
            connected=_SSH.format(where='"localhost"'),
            error="paramiko.AuthenticationException",
        ),
        {},
    ),
    "a database that the message names": (
        "missing",
        _ELSEWHERE.format(
            library="psycopg2",
            connected='self.remote = psycopg2.connect(host=said["host"], user=said["user"],'
            ' password=said["password"])',
            error="psycopg2.OperationalError",
        ),
        {},
    ),
    "a broker of the server asks the device": (
        "late",
        _ELSEWHERE.format(
            library="broker",
            connected='self.remote = broker.connect(said["device_id"], said["secret"])',
            error="broker.AuthenticationError",
        ),
        {},
    ),
    "a guest has a name with a number": (
        "optional",
        _guest('"guest-%d" % random.randint(0, 9999)', "self.user is None"),
        {},
    ),
    "a guest has a name that is added up": (
        "optional",
        _guest('"guest" + str(random.randint(0, 9999))', "not self.user"),
        {},
    ),
    "a guest has a number": ("optional", _guest("uuid.uuid4().hex", "not self.user"), {}),
    "a guest has the text of a number": (
        "optional",
        _guest("str(uuid.uuid4())", "not self.user"),
        {},
    ),
    "a guest is an object that was not read": (
        "optional",
        _guest('User("guest")', "self.user is None"),
        {},
    ),
    "a guest is an object": ("optional", _guest("Guest()", "not self.user"), {}),
    "a guest has a name, where guests are let in": (
        "late",
        _guest('"guest-%d" % random.randint(0, 9999)', "self.user is None", default="False"),
        {},
    ),
    "users of a file, or none": ("optional", _file(), {}),
    "users of a file that may be empty": ("optional", _file(default=", {}", without=""), {}),
    "users of a file": ("optional", _file(empty="", without=""), {}),
    "users of a file, or none, and without any nobody comes in": (
        "guarded",
        _file(nobody="None"),
        {},
    ),
    "a configuration that main makes, for several users or not": (
        "optional",
        _GLOBAL.format(name="multiuser", shipped="False"),
        {},
    ),
    "a configuration that main makes, with users as shipped": (
        "late",
        _GLOBAL.format(name="multiuser", shipped="True"),
        {},
    ),
    "a configuration that main makes, with a log-in that is off": (
        "optional",
        _GLOBAL.format(name="login", shipped="False"),
        {},
    ),
    "a configuration that main makes, with a log-in that is on": (
        "late",
        _GLOBAL.format(name="login", shipped="True"),
        {},
    ),
}
