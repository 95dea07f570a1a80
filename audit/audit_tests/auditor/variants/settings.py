"""Handlers with a check that depends on a setting, in the many ways to write one, each with the verdict."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "option registry dotted": (
        "optional",
        """
from options import get
class Door(WebSocketHandler):
    def prepare(self):
        if get("auth.required") and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "options.py": """
class Options:
    def __init__(self):
        self._values = {}
    def register(self, key, default):
        self._values[key] = default
    def __getitem__(self, key):
        return self._values[key]
_options = Options()
_options.register("auth.required", False)
def get(key):
    return _options[key]
"""
        },
    ),
    "enum mode": (
        "optional",
        """
import enum
class Mode(enum.Enum):
    NONE = "none"
    TOKEN = "token"
class Server:
    def __init__(self, mode=Mode.NONE):
        self.mode = mode
        self.app = Application([("/ws", Door, {"server": self})])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
    def prepare(self):
        if self.server.mode == Mode.TOKEN and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "user list file": (
        "optional|missing",
        """
class Users:
    def __init__(self, path=None):
        self.users = json.load(open(path)) if path else {}
    @property
    def enabled(self):
        return bool(self.users)
    def check(self, handler):
        return self.users.get(handler.get_argument("user", "")) == handler.get_argument("password", "")
users = Users()
class Door(WebSocketHandler):
    def prepare(self):
        if users.enabled and not users.check(self):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "none authenticator class by name": (
        "optional",
        """
class NoAuth:
    def authenticate(self, request):
        return "anonymous"
class TokenAuth:
    def __init__(self, token):
        self.token = token
    def authenticate(self, request):
        if hmac.compare_digest(request.headers.get("Authorization", ""), self.token):
            return "user"
        return None
def make(token):
    return TokenAuth(token) if token else NoAuth()
define("token", default="")
class App(Application):
    def __init__(self):
        self.auth = make(options.token)
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if self.application.auth.authenticate(self.request) is None:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "handlers list chosen by option": (
        "optional|missing",
        """
define("secure", default=False)
class Open(WebSocketHandler):
    pass
class Guarded(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("u"):
            raise HTTPError(401)
class Door(Open):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "default password in settings dict": (
        "optional",
        """
settings = dict(password=os.environ.get("PASSWORD"))
class Door(WebSocketHandler):
    def get_current_user(self):
        if self.settings["password"] is None:
            return "anonymous"
        return self.get_signed_cookie("u")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)

app = Application([("/ws", Door)], **settings)
""",
        {},
    ),
    "password flag computed": (
        "optional",
        """
class Door(WebSocketHandler):
    @property
    def login_available(self):
        return bool(self.settings.get("password", ""))
    def get_current_user(self):
        if not self.login_available:
            return "anonymous"
        return self.get_signed_cookie("u")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "login handler class in settings": (
        "optional",
        """
class LoginHandler(RequestHandler):
    @classmethod
    def get_user(cls, handler):
        user = handler.get_signed_cookie("u")
        if user is None and not handler.settings.get("password"):
            user = "anonymous"
        return user
class Base(RequestHandler):
    def get_current_user(self):
        return LoginHandler.get_user(self)
class Door(Base, WebSocketHandler):
    def get(self, *a):
        if self.get_current_user() is None:
            raise HTTPError(403)
        return WebSocketHandler.get(self, *a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "token and password both": (
        "optional",
        """
class Identity:
    token = ""
    password = ""
    @property
    def enabled(self):
        if not self.password and not self.token:
            return False
        return True
    def get_user(self, handler):
        if not self.enabled:
            return {"name": "anonymous"}
        given = handler.get_argument("token", "")
        if self.token and hmac.compare_digest(given, self.token):
            return {"name": "user"}
        return None
class App(Application):
    def __init__(self):
        super().__init__([("/ws", Door)], identity=Identity())
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.settings["identity"].get_user(self)
    def prepare(self):
        if not self.current_user:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "argparse namespace passed": (
        "optional",
        """
import argparse
def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--auth-token", default=None)
    return parser.parse_args()
class Server:
    def __init__(self, args):
        self.args = args
        self.app = Application([("/ws", Door, {"args": args})])
class Door(WebSocketHandler):
    def initialize(self, args):
        self.args = args
    def prepare(self):
        if self.args.auth_token and self.get_argument("token", "") != self.args.auth_token:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)

def main():
    Server(parse())
""",
        {},
    ),
    "argparse store_true no-auth": (
        "guarded",
        """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--no-auth", action="store_true")
args = parser.parse_args()
class Door(WebSocketHandler):
    def prepare(self):
        if not args.no_auth and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "fire kwargs": (
        "optional",
        """
import fire
class Door(WebSocketHandler):
    def initialize(self, secret):
        self.secret = secret
    def open(self):
        if self.secret and self.get_argument("secret", "") != self.secret:
            self.close()
            return
        clients.add(self)
def serve(port=80, secret=None):
    Application([("/ws", Door, dict(secret=secret))]).listen(port)
fire.Fire(serve)
""",
        {},
    ),
    "class attribute set by main": (
        "optional",
        """
class Door(WebSocketHandler):
    token = None
    def prepare(self):
        if self.token and self.get_argument("token", "") != self.token:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)

def main(argv):
    Door.token = os.environ.get("TOKEN")
""",
        {},
    ),
    "env truthy strings": (
        "optional",
        """
AUTH = os.environ.get("AUTH", "false").lower() in ("1", "true", "yes")
class Door(WebSocketHandler):
    def prepare(self):
        if AUTH and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "env truthy strings on": (
        "guarded",
        """
AUTH = os.environ.get("AUTH", "true").lower() in ("1", "true", "yes")
class Door(WebSocketHandler):
    def prepare(self):
        if AUTH and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "int env": (
        "optional",
        """
AUTH = bool(int(os.environ.get("AUTH", "0")))
class Door(WebSocketHandler):
    def prepare(self):
        if AUTH and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "strtobool": (
        "optional",
        """
from distutils.util import strtobool
AUTH = strtobool(os.environ.get("AUTH", "no"))
class Door(WebSocketHandler):
    def prepare(self):
        if AUTH and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "decouple": (
        "optional",
        """
from decouple import config
AUTH = config("AUTH", default=False, cast=bool)
class Door(WebSocketHandler):
    def prepare(self):
        if AUTH and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "django settings getattr": (
        "optional",
        """
from django.conf import settings
class Door(WebSocketHandler):
    def prepare(self):
        if getattr(settings, "WS_REQUIRE_LOGIN", False) and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
}
