"""Handlers with a check that a file beside the code switches, each with the verdict."""

__all__ = ["CASES"]

_CONF = (
    """
import json, os
class ServerConfig:
    def __init__(self):
        self.port = None
        self.authenticator = None
def from_json(path):
    if not os.path.exists(path):
        raise Exception("no configuration")
    given = json.loads(open(path).read())
    config = ServerConfig()
"""
    + "".join(f"    config.part{at} = given.get('part{at}') or {at}\n" for at in range(60))
    + """
    if given.get("auth"):
        config.authenticator = make(given.get("auth"))
    return config
"""
)
_MAIN = """
import conf, app
def main():
    server_config = conf.from_json("conf.json")
    app.init(server_config, server_config.authenticator)
"""
_SERVER = """
class Asking:
    def __init__(self, authenticator):
        self.authenticator = authenticator
    def is_enabled(self):
        return {enabled}
    async def is_authenticated(self, handler):
        if not self.is_enabled():
            return True
        return bool(handler.get_signed_cookie("user"))
def checked(func):
    async def wrapper(self, *args):
        if not await self.application.auth.is_authenticated(self):
            self.close()
            raise HTTPError(401)
        return func(self, *args)
    return wrapper
class Door(WebSocketHandler):
    @checked
    def open(self):
        self.known = True
        clients.add(self)
    def on_message(self, message):
        if getattr(self, "known", False):
            room.say(message)
def init(server_config, authenticator):
    auth = Asking(authenticator)
    application = Application([("/ws", Door)])
    application.auth = auth
"""
_BY_PATH = """
default_settings = {{"cloud": {{"logged_user": {default}}}, "serial": {{"port": None}}}}
instance = None
def settings(init=False):
    global instance
    if instance is None:
        if not init:
            raise ValueError("not yet")
        instance = load()
    return instance
class Door(WebSocketHandler):
    def open(self):
        s = settings()
        if s.get(["cloud", "logged_user"]):
            if not sessions.verify(self.get_argument("token", "")):
                self.close()
                return
        clients.add(self)
"""
_FIRST_MESSAGE = """
class Door(WebSocketHandler):
    def get_current_user(self):
        user = self.get_signed_cookie("user")
        if user is None and not self.settings.get("password", {password}):
            user = "anybody"
        return user
    def open(self):
        self.saved, self.on_message = self.on_message, self.first
    def first(self, message):
        if self.get_current_user() is None:
            self.close()
            raise HTTPError(403)
        self.on_message = self.saved
        room.enter(message)
    def on_message(self, message):
        room.say(message)
"""

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "yaml false": (
        "optional",
        """
import yaml
config = yaml.safe_load(open("config.yml"))
class Door(WebSocketHandler):
    def prepare(self):
        if config["auth"]["enabled"] and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "config.yml": """
server:
  port: 80
auth:
  enabled: false
  users: []
"""
        },
    ),
    "toml false": (
        "optional",
        """
import tomllib
config = tomllib.load(open("settings.toml", "rb"))
class Door(WebSocketHandler):
    def prepare(self):
        if config.get("security", {}).get("require_login") and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "settings.toml": """
[security]
require_login = false
"""
        },
    ),
    "json false": (
        "optional",
        """
with open("config/default.json") as file:
    config = json.load(file)
class Door(WebSocketHandler):
    def prepare(self):
        if config["login"] and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "config/default.json": """
{"login": false}
"""
        },
    ),
    "ini false": (
        "optional",
        """
import configparser
config = configparser.ConfigParser()
config.read("app.conf")
class Door(WebSocketHandler):
    def prepare(self):
        if config.getboolean("auth", "enabled") and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "app.conf": """
[auth]
enabled = false
"""
        },
    ),
    "yaml true": (
        "guarded",
        """
import yaml
config = yaml.safe_load(open("config.yml"))
class Door(WebSocketHandler):
    def prepare(self):
        if config["auth"]["enabled"] and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "config.yml": """
server:
  port: 80
auth:
  enabled: true
  users: []
"""
        },
    ),
    "toml true": (
        "guarded",
        """
import tomllib
config = tomllib.load(open("settings.toml", "rb"))
class Door(WebSocketHandler):
    def prepare(self):
        if config.get("security", {}).get("require_login") and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "settings.toml": """
[security]
require_login = true
"""
        },
    ),
    "json true": (
        "guarded",
        """
with open("config/default.json") as file:
    config = json.load(file)
class Door(WebSocketHandler):
    def prepare(self):
        if config["login"] and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "config/default.json": """
{"login": true}
"""
        },
    ),
    "ini true": (
        "guarded",
        """
import configparser
config = configparser.ConfigParser()
config.read("app.conf")
class Door(WebSocketHandler):
    def prepare(self):
        if config.getboolean("auth", "enabled") and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "app.conf": """
[auth]
enabled = true
"""
        },
    ),
    "a long reading of a file that may name an authenticator": (
        "optional",
        _SERVER.format(enabled="bool(self.authenticator)"),
        {"conf.py": _CONF, "main.py": _MAIN},
    ),
    "a long reading of a file, and an authenticator whatever it says": (
        "late",
        _SERVER.format(enabled="True"),
        {"conf.py": _CONF, "main.py": _MAIN},
    ),
    "a nested default by its path": (
        "optional",
        _BY_PATH.format(default="None"),
        {},
    ),
    "a nested default by its path, set": (
        "late",
        _BY_PATH.format(default="'operator'"),
        {},
    ),
    "a first message that needs proof where a password is set": (
        "optional",
        _FIRST_MESSAGE.format(password="''"),
        {},
    ),
    "a first message that needs proof whatever is set": (
        "late",
        _FIRST_MESSAGE.format(password="'changed at the first start'"),
        {},
    ),
}
