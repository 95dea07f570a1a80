"""Settings as shipped, in files beside the code, in functions that make them, in objects that hold them.

Each check that is off as shipped, beside the same check on.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

CASES: dict[str, Case] = {
    "settings from a function off": (
        "optional",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if self.settings["auth"]["enabled"] and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)

def load_settings():
    settings = {"port": 8888, "auth": {"enabled": False}}
    if os.path.exists("local.json"):
        settings.update(json.load(open("local.json")))
    return settings
def main():
    Application([("/ws", Door)], **load_settings()).listen(8888)
""",
        {},
    ),
    "settings from a function on": (
        "guarded",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if self.settings["auth"]["enabled"] and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)

def load_settings():
    settings = {"port": 8888, "auth": {"enabled": True}}
    if os.path.exists("local.json"):
        settings.update(json.load(open("local.json")))
    return settings
def main():
    Application([("/ws", Door)], **load_settings()).listen(8888)
""",
        {},
    ),
    "settings from dict updated off": (
        "optional",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if self.settings.get("login_required") and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)

def main():
    settings = dict(port=8888, login_required=False)
    settings.update(options.as_dict())
    app = Application([("/ws", Door)], **settings)
    app.listen(8888)
""",
        {},
    ),
    "settings from dict updated on": (
        "guarded",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if self.settings.get("login_required") and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)

def main():
    settings = dict(port=8888, login_required=True)
    settings.update(options.as_dict())
    app = Application([("/ws", Door)], **settings)
    app.listen(8888)
""",
        {},
    ),
    "class config in package off": (
        "optional",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if self.application.config.LOGIN_REQUIRED and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)

from conf import Config
class Server(Application):
    def __init__(self):
        self.config = Config
        super(Server, self).__init__([("/ws", Door)])
""",
        {
            "conf/__init__.py": """
from conf.base import Config
""",
            "conf/base.py": """
class Config(object):
    LOGIN_REQUIRED = False
""",
        },
    ),
    "class config in package on": (
        "guarded",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if self.application.config.LOGIN_REQUIRED and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)

from conf import Config
class Server(Application):
    def __init__(self):
        self.config = Config
        super(Server, self).__init__([("/ws", Door)])
""",
        {
            "conf/__init__.py": """
from conf.base import Config
""",
            "conf/base.py": """
class Config(object):
    LOGIN_REQUIRED = True
""",
        },
    ),
    "json beside read in class off": (
        "optional",
        """
from conf import config

class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if config.get("auth", "enabled") and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {
            "conf.py": """
import json, os
class Conf(object):
    def __init__(self, path="config.json"):
        with open(os.path.join(os.path.dirname(__file__), path)) as stream:
            self.data = json.load(stream)
    def get(self, *path):
        value = self.data
        for one in path:
            value = value[one]
        return value
config = Conf()
""",
            "config.json": """
{"auth": {"enabled": false}}
""",
        },
    ),
    "json beside read in class on": (
        "guarded",
        """
from conf import config

class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if config.get("auth", "enabled") and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {
            "conf.py": """
import json, os
class Conf(object):
    def __init__(self, path="config.json"):
        with open(os.path.join(os.path.dirname(__file__), path)) as stream:
            self.data = json.load(stream)
    def get(self, *path):
        value = self.data
        for one in path:
            value = value[one]
        return value
config = Conf()
""",
            "config.json": """
{"auth": {"enabled": true}}
""",
        },
    ),
    "configparser beside off": (
        "optional",
        """
from conf import CONFIG

class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if CONFIG.getboolean("security", "require_login") and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {
            "conf.py": """
from ConfigParser import SafeConfigParser
CONFIG = SafeConfigParser()
CONFIG.read("room.cfg")
""",
            "room.cfg": """
[security]
require_login = no
""",
        },
    ),
    "configparser beside on": (
        "guarded",
        """
from conf import CONFIG

class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if CONFIG.getboolean("security", "require_login") and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {
            "conf.py": """
from ConfigParser import SafeConfigParser
CONFIG = SafeConfigParser()
CONFIG.read("room.cfg")
""",
            "room.cfg": """
[security]
require_login = yes
""",
        },
    ),
    "attrs config off": (
        "optional",
        """
from conf import config

class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if config.auth.required and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {
            "conf.py": """
import attr
@attr.s
class Auth(object):
    required = attr.ib(default=False)
@attr.s
class Config(object):
    auth = attr.ib(factory=Auth)
config = Config()
""",
        },
    ),
    "attrs config on": (
        "guarded",
        """
from conf import config

class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if config.auth.required and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {
            "conf.py": """
import attr
@attr.s
class Auth(object):
    required = attr.ib(default=True)
@attr.s
class Config(object):
    auth = attr.ib(factory=Auth)
config = Config()
""",
        },
    ),
    "singleton off": (
        "optional",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if Config.instance().auth and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)

class Config(object):
    _instance = None
    def __init__(self):
        self.auth = False
    @classmethod
    def instance(cls):
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance
""",
        {},
    ),
    "singleton on": (
        "guarded",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if Config.instance().auth and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)

class Config(object):
    _instance = None
    def __init__(self):
        self.auth = True
    @classmethod
    def instance(cls):
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance
""",
        {},
    ),
    "argparse subparser off": (
        "optional",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if self.settings["options"].require_login and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)

import argparse
def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    serve = commands.add_parser("serve")
    serve.add_argument("--require-login", action="store_true")
    options = parser.parse_args()
    Application([("/ws", Door)], options=options).listen(8888)
""",
        {},
    ),
    "argparse subparser on": (
        "guarded",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if self.settings["options"].require_login and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)

import argparse
def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    serve = commands.add_parser("serve")
    serve.add_argument("--no-login", dest="require_login", action="store_false")
    options = parser.parse_args()
    Application([("/ws", Door)], options=options).listen(8888)
""",
        {},
    ),
    "typer off": (
        "optional",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if self.settings["auth"] and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)

import typer
cli = typer.Typer()
@cli.command()
def serve(port: int = 8888, auth: bool = typer.Option(False, "--auth/--no-auth")):
    Application([("/ws", Door)], auth=auth).listen(port)
""",
        {},
    ),
    "typer on": (
        "guarded",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if self.settings["auth"] and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)

import typer
cli = typer.Typer()
@cli.command()
def serve(port: int = 8888, auth: bool = typer.Option(True, "--auth/--no-auth")):
    Application([("/ws", Door)], auth=auth).listen(port)
""",
        {},
    ),
    "constructor of a server class off": (
        "optional",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if self.server.secure and not self.current_user:
            raise HTTPError(401)
class Middle(Base):
    def on_message(self, message):
        room.say(message)

class Server(object):
    def __init__(self, port=8888, secure=False):
        self.port = port
        self.secure = secure
    def start(self):
        app = Application([("/ws", Door, {"server": self})])
        app.listen(self.port)
class Door(Middle):
    def initialize(self, server):
        self.server = server
""",
        {},
    ),
    "constructor of a server class on": (
        "guarded",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if self.server.secure and not self.current_user:
            raise HTTPError(401)
class Middle(Base):
    def on_message(self, message):
        room.say(message)

class Server(object):
    def __init__(self, port=8888, secure=True):
        self.port = port
        self.secure = secure
    def start(self):
        app = Application([("/ws", Door, {"server": self})])
        app.listen(self.port)
class Door(Middle):
    def initialize(self, server):
        self.server = server
""",
        {},
    ),
    "os environ in list off": (
        "optional",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if os.environ.get("ROOM_AUTH", "0") in ("1", "true", "yes") and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "os environ in list on": (
        "guarded",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if os.environ.get("ROOM_AUTH", "1") in ("1", "true", "yes") and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "strtobool off": (
        "optional",
        """
from distutils.util import strtobool

class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if strtobool(os.environ.get("ROOM_AUTH", "no")) and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "strtobool on": (
        "guarded",
        """
from distutils.util import strtobool

class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if strtobool(os.environ.get("ROOM_AUTH", "yes")) and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "int of environ off": (
        "optional",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if int(os.environ.get("ROOM_AUTH", 0)) and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "int of environ on": (
        "guarded",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if int(os.environ.get("ROOM_AUTH", 1)) and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "bool of environ off": (
        "optional",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if bool(os.environ.get("ROOM_AUTH")) and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "bool of environ on": (
        "guarded",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if bool(os.environ.get("ROOM_AUTH", "1")) and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "len of users off": (
        "optional",
        """
USERS = {}

class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if len(USERS) > 0 and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "len of users on": (
        "guarded",
        """
USERS = {"me": "x"}

class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if len(USERS) > 0 and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "chainmap off": (
        "optional",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if config["auth_required"] and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)

from collections import ChainMap
config = ChainMap(dict(os.environ), {"auth_required": False})
""",
        {},
    ),
    "chainmap on": (
        "guarded",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if config["auth_required"] and not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)

from collections import ChainMap
config = ChainMap(dict(os.environ), {"auth_required": True})
""",
        {},
    ),
}
