"""Where a switch for the check comes from and how it is asked.

Options of all kinds, enumerations, conditions of modules, parts that are given or left out: each as shipped
off, beside the same shipped on.
"""

import textwrap

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_ASKS = """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if {wanted} and not self.current_user:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
"""


def _asks(before: str, wanted: str, after: str = "") -> str:
    return textwrap.dedent(before) + _ASKS.format(wanted=wanted) + textwrap.dedent(after)


_PAIRS: dict[str, tuple[str, str]] = {
    "a text of the environment, turned round": (
        _asks('OFF = os.environ.get("DISABLE_AUTH", "true").lower() == "true"', "not OFF"),
        _asks('OFF = os.environ.get("DISABLE_AUTH", "false").lower() == "true"', "not OFF"),
    ),
    "an attribute of a module of settings, or a default": (
        _asks("import settings", 'getattr(settings, "REQUIRE_LOGIN", False)'),
        _asks("import settings", 'getattr(settings, "REQUIRE_LOGIN", True)'),
    ),
    "tables in the application's settings": (
        _asks("", 'self.application.settings.get("auth", {}).get("enabled", False)'),
        _asks("", 'self.application.settings.get("auth", {}).get("enabled", True)'),
    ),
    "an enumeration": (
        _asks(
            """
            import enum
            class Auth(enum.Enum):
                NONE = "none"
                LOGIN = "login"
            class Config:
                auth = Auth.NONE
            """,
            "Config.auth is Auth.LOGIN",
        ),
        _asks(
            """
            import enum
            class Auth(enum.Enum):
                NONE = "none"
                LOGIN = "login"
            class Config:
                auth = Auth.LOGIN
            """,
            "Config.auth is Auth.LOGIN",
        ),
    ),
    "an option of optparse": (
        _asks(
            """
            from optparse import OptionParser
            parser = OptionParser()
            parser.add_option("-l", "--login", dest="login", action="store_true", default=False)
            (opts, args) = parser.parse_args()
            """,
            "opts.login",
        ),
        _asks(
            """
            from optparse import OptionParser
            parser = OptionParser()
            parser.add_option("-l", "--no-login", dest="login", action="store_false", default=True)
            (opts, args) = parser.parse_args()
            """,
            "opts.login",
        ),
    ),
    "a flag of absl's": (
        _asks(
            """
            from absl import flags
            FLAGS = flags.FLAGS
            flags.DEFINE_boolean("require_auth", False, "ask who it is")
            """,
            "FLAGS.require_auth",
        ),
        _asks(
            """
            from absl import flags
            FLAGS = flags.FLAGS
            flags.DEFINE_boolean("require_auth", True, "ask who it is")
            """,
            "FLAGS.require_auth",
        ),
    ),
    "decouple's config": (
        _asks(
            """
            from decouple import config
            AUTH = config("ROOM_AUTH", default=False, cast=bool)
            """,
            "AUTH",
        ),
        _asks(
            """
            from decouple import config
            AUTH = config("ROOM_AUTH", default=True, cast=bool)
            """,
            "AUTH",
        ),
    ),
    "settings that are made once": (
        _asks(
            """
            from functools import lru_cache
            from pydantic_settings import BaseSettings
            class Settings(BaseSettings):
                login_required: bool = False
            @lru_cache()
            def get_settings():
                return Settings()
            """,
            "get_settings().login_required",
        ),
        _asks(
            """
            from functools import lru_cache
            from pydantic_settings import BaseSettings
            class Settings(BaseSettings):
                login_required: bool = True
            @lru_cache()
            def get_settings():
                return Settings()
            """,
            "get_settings().login_required",
        ),
    ),
    "classes of configuration, one for each environment": (
        _asks(
            """
            class Base(object):
                LOGIN = True
            class Development(Base):
                LOGIN = False
            class Production(Base):
                pass
            CONFIGS = {"development": Development, "production": Production}
            config = CONFIGS[os.environ.get("ROOM_ENV", "development")]
            """,
            "config.LOGIN",
        ),
        _asks(
            """
            class Base(object):
                LOGIN = True
            class Development(Base):
                LOGIN = False
            class Production(Base):
                pass
            CONFIGS = {"development": Development, "production": Production}
            config = CONFIGS[os.environ.get("ROOM_ENV", "production")]
            """,
            "config.LOGIN",
        ),
    ),
    "a property that is made of others": (
        _asks(
            """
            class Security(object):
                def __init__(self, users=None, proxied=False):
                    self.users = users or {}
                    self.proxied = proxied
                @property
                def required(self):
                    return bool(self.users) and not self.proxied
            security = Security()
            """,
            "security.required",
        ),
        _asks(
            """
            class Security(object):
                def __init__(self, users=None, proxied=False):
                    self.users = users or {"admin": "1"}
                    self.proxied = proxied
                @property
                def required(self):
                    return bool(self.users) and not self.proxied
            security = Security()
            """,
            "security.required",
        ),
    ),
    "what main() says to the module": (
        _asks(
            """
            import argparse
            LOGIN = False
            """,
            "LOGIN",
            """
            def main():
                global LOGIN
                parser = argparse.ArgumentParser()
                parser.add_argument("--login", action="store_true")
                LOGIN = parser.parse_args().login
                Application([("/ws", Door)]).listen(8888)
            """,
        ),
        _asks(
            """
            import argparse
            LOGIN = True
            """,
            "LOGIN",
            """
            def main():
                Application([("/ws", Door)]).listen(8888)
            """,
        ),
    ),
    "a condition of a module picks the base": (
        """
AUTH = os.environ.get("ROOM_AUTH", "")
class Open(WebSocketHandler):
    pass
class Closed(WebSocketHandler):
    def prepare(self):
        if not self.get_secure_cookie("user"):
            raise HTTPError(401)
Base = Closed if AUTH else Open
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        """
AUTH = os.environ.get("ROOM_AUTH", "on")
class Open(WebSocketHandler):
    pass
class Closed(WebSocketHandler):
    def prepare(self):
        if not self.get_secure_cookie("user"):
            raise HTTPError(401)
Base = Closed if AUTH else Open
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a part that the route is given or not": (
        """
import argparse
class Users(object):
    def __init__(self, path):
        self.path = path
    def check(self, handler):
        return db.user_of_token(handler.get_argument("token", ""))
class Door(WebSocketHandler):
    def initialize(self, users=None):
        self.users = users
    def prepare(self):
        if self.users is not None and not self.users.check(self):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", default=None)
    args = parser.parse_args()
    users = Users(args.users) if args.users else None
    Application([("/ws", Door, {"users": users})]).listen(8888)
""",
        """
import argparse
class Users(object):
    def __init__(self, path):
        self.path = path
    def check(self, handler):
        return db.user_of_token(handler.get_argument("token", ""))
class Door(WebSocketHandler):
    def initialize(self, users=None):
        self.users = users
    def prepare(self):
        if self.users is not None and not self.users.check(self):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", default="users.json")
    args = parser.parse_args()
    users = Users(args.users) if args.users else None
    Application([("/ws", Door, {"users": users})]).listen(8888)
""",
    ),
    "the class is told by main()": (
        """
class Tokens(object):
    def __init__(self, tokens):
        self.tokens = tokens
    def knows(self, token):
        return token in self.tokens
class Door(WebSocketHandler):
    auth = None
    def prepare(self):
        if self.auth and not self.auth.knows(self.get_argument("token", "")):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
define("tokens", default=[], multiple=True)
def main():
    if options.tokens:
        Door.auth = Tokens(options.tokens)
    Application([("/ws", Door)]).listen(8888)
""",
        """
class Tokens(object):
    def __init__(self, tokens):
        self.tokens = tokens
    def knows(self, token):
        return token in self.tokens
class Door(WebSocketHandler):
    auth = Tokens(["one"])
    def prepare(self):
        if self.auth and not self.auth.knows(self.get_argument("token", "")):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
def main():
    Application([("/ws", Door)]).listen(8888)
""",
    ),
    "a secret that is not set makes everybody somebody": (
        """
SECRET = os.getenv("JWT_SECRET", "")
def identify(handler):
    if not SECRET:
        return {"sub": "anonymous"}
    try:
        return jwt.decode(handler.get_argument("token", ""), SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return None
class Door(WebSocketHandler):
    def prepare(self):
        self.claims = identify(self)
        if self.claims is None:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(self.claims["sub"], message)
""",
        """
SECRET = os.environ["JWT_SECRET"]
def identify(handler):
    if not SECRET:
        return {"sub": "anonymous"}
    try:
        return jwt.decode(handler.get_argument("token", ""), SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return None
class Door(WebSocketHandler):
    def prepare(self):
        self.claims = identify(self)
        if self.claims is None:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(self.claims["sub"], message)
""",
    ),
    "a decorator that takes how strict it is": (
        """
STRICT = False
def authenticated_if(strict):
    def around(method):
        @functools.wraps(method)
        def wrapper(self, *args, **kwargs):
            if strict and not self.get_secure_cookie("user"):
                raise HTTPError(401)
            return method(self, *args, **kwargs)
        return wrapper
    return around
class Door(WebSocketHandler):
    @authenticated_if(STRICT)
    def prepare(self):
        pass
    def on_message(self, message):
        room.say(message)
""",
        """
STRICT = True
def authenticated_if(strict):
    def around(method):
        @functools.wraps(method)
        def wrapper(self, *args, **kwargs):
            if strict and not self.get_secure_cookie("user"):
                raise HTTPError(401)
            return method(self, *args, **kwargs)
        return wrapper
    return around
class Door(WebSocketHandler):
    @authenticated_if(STRICT)
    def prepare(self):
        pass
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a match on the kind of login": (
        """
define("login", default="none", help="none, token or cookie")
class Door(WebSocketHandler):
    def prepare(self):
        match options.login:
            case "none":
                pass
            case "token":
                if not sessions.verify(self.get_argument("token", "")):
                    raise HTTPError(401)
            case _:
                if not self.get_secure_cookie("user"):
                    raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        """
define("login", default="token", help="none, token or cookie")
class Door(WebSocketHandler):
    def prepare(self):
        match options.login:
            case "none":
                pass
            case "token":
                if not sessions.verify(self.get_argument("token", "")):
                    raise HTTPError(401)
            case _:
                if not self.get_secure_cookie("user"):
                    raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "an anonymous user unless there is a provider": (
        """
class Anonymous(object):
    async def authenticate(self, handler):
        return {"name": "anonymous"}
class Server(Application):
    def __init__(self, provider=None):
        self.provider = provider or Anonymous()
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    async def prepare(self):
        self.user = await self.application.provider.authenticate(self)
        if not self.user:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(self.user["name"], message)
def main():
    Server().listen(8888)
""",
        """
class Cookies(object):
    async def authenticate(self, handler):
        return handler.get_signed_cookie("user")
class Server(Application):
    def __init__(self, provider=None):
        self.provider = provider or Cookies()
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    async def prepare(self):
        self.user = await self.application.provider.authenticate(self)
        if not self.user:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(self.user["name"], message)
def main():
    Server().listen(8888)
""",
    ),
    "a list of handlers that are wrapped where it is said": (
        """
def locked(handler):
    class Locked(handler):
        def prepare(self):
            if not self.get_secure_cookie("user"):
                raise HTTPError(401)
            return super().prepare()
    return Locked
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
define("locked", default=False, type=bool)
def main():
    door = locked(Door) if options.locked else Door
    Application([("/ws", door)]).listen(8888)
""",
        """
def locked(handler):
    class Locked(handler):
        def prepare(self):
            if not self.get_secure_cookie("user"):
                raise HTTPError(401)
            return super().prepare()
    return Locked
@locked
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
def main():
    Application([("/ws", Door)]).listen(8888)
""",
    ),
    "an INI file has an option or not": (
        _asks(
            """
            import configparser
            config = configparser.ConfigParser()
            config.read("room.ini")
            """,
            'config.has_option("auth", "users")',
        ),
        _asks(
            """
            import configparser
            config = configparser.ConfigParser()
            config.read("room.ini")
            """,
            'not config.has_option("auth", "nobody_is_asked")',
        ),
    ),
    "a file of JSON has a password or not": (
        """
with open("/etc/room.json") as stream:
    CONFIG = json.load(stream)
class Door(WebSocketHandler):
    def open(self):
        if "password" in CONFIG and self.get_argument("password", None) != CONFIG["password"]:
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        pass
""",
        """
with open("/etc/room.json") as stream:
    CONFIG = json.load(stream)
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_argument("password", None) != CONFIG["password"]:
            raise HTTPError(403)
    def on_message(self, message):
        pass
""",
    ),
    "a demonstration": (
        _asks('DEMO = os.environ.get("ROOM_DEMO", "1") == "1"', "not DEMO"),
        _asks('DEMO = os.environ.get("ROOM_DEMO", "0") == "1"', "not DEMO"),
    ),
    "a method that a class may override": (
        """
class Base(WebSocketHandler):
    def needs_login(self):
        return False
    def prepare(self):
        if self.needs_login() and not self.get_secure_cookie("user"):
            raise HTTPError(401)
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        """
class Base(WebSocketHandler):
    def needs_login(self):
        return False
    def prepare(self):
        if self.needs_login() and not self.get_secure_cookie("user"):
            raise HTTPError(401)
class Door(Base):
    def needs_login(self):
        return True
    def on_message(self, message):
        room.say(message)
""",
    ),
    "all of several switches": (
        """
define("auth", default=False, type=bool)
define("auth_websockets", default=True, type=bool)
class Door(WebSocketHandler):
    def prepare(self):
        if not all([options.auth, options.auth_websockets]):
            return
        if not self.get_secure_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        """
define("auth", default=True, type=bool)
define("auth_websockets", default=True, type=bool)
class Door(WebSocketHandler):
    def prepare(self):
        if not all([options.auth, options.auth_websockets]):
            return
        if not self.get_secure_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "kinds of login, of which none is turned on": (
        """
class ByToken(object):
    def user(self, handler):
        return db.user_of_token(handler.get_argument("token", ""))
class ByCookie(object):
    def user(self, handler):
        return handler.get_secure_cookie("user")
LOGINS = []
if os.environ.get("ROOM_TOKENS"):
    LOGINS.append(ByToken())
if os.environ.get("ROOM_COOKIES"):
    LOGINS.append(ByCookie())
class Door(WebSocketHandler):
    def prepare(self):
        if not LOGINS:
            return
        if not any(one.user(self) for one in LOGINS):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        """
class ByToken(object):
    def user(self, handler):
        return db.user_of_token(handler.get_argument("token", ""))
class ByCookie(object):
    def user(self, handler):
        return handler.get_secure_cookie("user")
LOGINS = [ByToken(), ByCookie()]
class Door(WebSocketHandler):
    def prepare(self):
        if not LOGINS:
            return
        if not any(one.user(self) for one in LOGINS):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
}

_OFF = {
    "a method that a class may override": "optional|missing",
    "a list of handlers that are wrapped where it is said": "optional|missing",
}

CASES: dict[str, Case] = {
    f"{name}, {how}": (wanted, body, {})
    for name, (off, on) in _PAIRS.items()
    for how, wanted, body in (
        ("off", _OFF.get(name, "optional"), off),
        ("on", "guarded", on),
    )
}
