"""Handlers that ask who the client is, that only seem to, or that ask too late: each with the verdict."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "init_subclass wraps get": (
        "guarded",
        """
class Base(WebSocketHandler):
    def __init_subclass__(cls, **kw):
        super().__init_subclass__(**kw)
        inner = cls.get
        def get(self, *a, **k):
            if not self.get_signed_cookie("user"):
                raise HTTPError(401)
            return inner(self, *a, **k)
        cls.get = get
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "init_subclass wraps open": (
        "late",
        """
class Base(WebSocketHandler):
    def __init_subclass__(cls, **kw):
        inner = cls.open
        def opened(self, *a, **k):
            if not self.get_signed_cookie("user"):
                self.close(); return
            return inner(self, *a, **k)
        cls.open = opened
class Door(Base):
    def open(self):
        clients.add(self)
""",
        {},
    ),
    "init_subclass wraps all verbs": (
        "guarded",
        """
class Base(RequestHandler):
    def __init_subclass__(cls, **kw):
        for verb in cls.SUPPORTED_METHODS:
            verb = verb.lower()
            method = getattr(cls, verb)
            if method is not RequestHandler._unimplemented_method:
                setattr(cls, verb, Base.asks(method))
    @staticmethod
    def asks(method):
        def asked(self, *a, **k):
            if not self.current_user:
                if not self.settings["is_valid_password"](self.get_argument("token", "")):
                    self.set_status(403)
                    return None
            return method(self, *a, **k)
        return asked
    def get_current_user(self):
        return self.get_signed_cookie("user") == b"y"
class Door(WebSocketHandler, Base):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "init_subclass wraps what is written in another class": (
        "missing",
        """
class Base(RequestHandler):
    def __init_subclass__(cls, **kw):
        for verb in cls.SUPPORTED_METHODS:
            verb = verb.lower()
            method = getattr(cls, verb)
            if method is RequestHandler._unimplemented_method:
                setattr(cls, verb, Base.asks(method))
    @staticmethod
    def asks(method):
        def asked(self, *a, **k):
            if not self.get_signed_cookie("user"):
                raise HTTPError(403)
            return method(self, *a, **k)
        return asked
class Door(WebSocketHandler, Base):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "the token against forgery is made for anybody": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        token = self.xsrf_token
        assert token
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "new_class that is filled by a lambda": (
        "guarded",
        """
import types
def heard(self, message):
    room.say(message)
def refuse(self):
    if not self.get_secure_cookie("user"):
        raise HTTPError(401)
Door = types.new_class(
    "Door", (WebSocketHandler,), {}, lambda names: names.update({"prepare": refuse, "on_message": heard})
)
""",
        {},
    ),
    "new_class without a check": (
        "missing",
        """
import types
def heard(self, message):
    room.say(message)
Door = types.new_class("Door", (WebSocketHandler,), {}, lambda names: names.update({"on_message": heard}))
""",
        {},
    ),
    "new_class that a function fills": (
        "unknown",
        """
import types
def fill(names):
    names["prepare"] = refuse
Door = types.new_class("Door", (WebSocketHandler,), exec_body=fill)
""",
        {},
    ),
    "a setting that is put in on a condition": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings.get("require_key", False):
            if self.get_argument("key") not in self.settings["keys"]:
                raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
def make(config):
    settings = {"keys": config.keys}
    if config.require_key:
        settings.update({"require_key": True})
    return Application([("/door", Door)], **settings)
""",
        {},
    ),
    "a setting that is put in": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings.get("require_key", False):
            if self.get_argument("key") not in self.settings["keys"]:
                raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
def make(config):
    settings = {"keys": config.keys}
    settings.update({"require_key": True})
    return Application([("/door", Door)], **settings)
""",
        {},
    ),
    "a setting that is put in as off": (
        "optional|missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings.get("require_key", False):
            if self.get_argument("key") not in self.settings["keys"]:
                raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
def make(config):
    settings = {"keys": config.keys}
    settings.update({"require_key": False})
    return Application([("/door", Door)], **settings)
""",
        {},
    ),
    "init_subclass that logs only": (
        "missing",
        """
class Base(WebSocketHandler):
    def __init_subclass__(cls, **kw):
        registry[cls.__name__] = cls
registry = {}
class Door(Base):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "super under a setting on": (
        "guarded",
        """
class Base(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
class Door(Base):
    def prepare(self):
        if not self.settings.get("insecure", False):
            super().prepare()

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "super under a setting off": (
        "optional",
        """
class Base(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
class Door(Base):
    def prepare(self):
        if self.settings.get("secured", False):
            super().prepare()

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "closure flag True": (
        "guarded",
        """
def make(require):
    class Door(WebSocketHandler):
        def prepare(self):
            if require and not self.get_signed_cookie("user"):
                raise HTTPError(401)
        def on_message(self, message):
            room.say(message)
    return Door
app = Application([("/ws", make(True))])
""",
        {},
    ),
    "closure flag default True": (
        "guarded",
        """
def make(require=True):
    class Door(WebSocketHandler):
        def prepare(self):
            if require and not self.get_signed_cookie("user"):
                raise HTTPError(401)
        def on_message(self, message):
            room.say(message)
    return Door
app = Application([("/ws", make())])
""",
        {},
    ),
    "closure flag False": (
        "missing|optional",
        """
def make(require):
    class Door(WebSocketHandler):
        def prepare(self):
            if require and not self.get_signed_cookie("user"):
                raise HTTPError(401)
        def on_message(self, message):
            room.say(message)
    return Door
app = Application([("/ws", make(False))])
""",
        {},
    ),
    "closure flag default False": (
        "missing|optional",
        """
def make(require=False):
    class Door(WebSocketHandler):
        def prepare(self):
            if require and not self.get_signed_cookie("user"):
                raise HTTPError(401)
        def on_message(self, message):
            room.say(message)
    return Door
app = Application([("/ws", make())])
""",
        {},
    ),
    "closure flag word": (
        "missing|optional",
        """
def make(name, *, require=True):
    class Door(WebSocketHandler):
        def prepare(self):
            if require and not self.get_signed_cookie("user"):
                raise HTTPError(401)
        def on_message(self, message):
            room.say(message)
    return Door
app = Application([("/ws", make("x", require=False))])
""",
        {},
    ),
    "protocol object": (
        "guarded",
        """
class Proto(websocket.WebSocketProtocol13):
    async def accept_connection(self, handler):
        if await handler.allowed():
            await super().accept_connection(handler)
class Door(WebSocketHandler):
    async def allowed(self):
        if not self.get_signed_cookie("user"):
            self.set_status(403)
            return False
        return True
    def get_websocket_protocol(self):
        return Proto(self, mask_outgoing=True, params=None)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "class decorator wraps": (
        "guarded",
        """
def protected(cls):
    inner = cls.prepare
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
        return inner(self)
    cls.prepare = prepare
    return cls
@protected
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "class decorator authenticated": (
        "guarded",
        """
def protected(cls):
    setattr(cls, "get", authenticated(cls.get))
    return cls
@protected
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "class decorator loop": (
        "guarded",
        """
def protected(cls):
    for name in ("get", "post"):
        method = getattr(cls, name, None)
        if method:
            setattr(cls, name, authenticated(method))
    return cls
@protected
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "class decorator with args": (
        "guarded",
        """
def protected(status=401):
    def wrap(cls):
        class Wrapped(cls):
            def prepare(self):
                if not self.get_signed_cookie("user"):
                    raise HTTPError(status)
                super().prepare()
        return Wrapped
    return wrap
@protected(403)
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "class decorator registers": (
        "missing",
        """
routes = []
def route(path):
    def wrap(cls):
        routes.append((path, cls))
        return cls
    return wrap
@route("/ws")
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "metaclass": (
        "guarded",
        """
class Meta(type):
    def __new__(mcs, name, bases, body):
        cls = super().__new__(mcs, name, bases, body)
        inner = cls.prepare
        def prepare(self):
            if not self.get_signed_cookie("user"):
                raise HTTPError(401)
            return inner(self)
        cls.prepare = prepare
        return cls
class Door(WebSocketHandler, metaclass=Meta):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "monkeypatch prepare": (
        "guarded",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)

def guarded(self):
    if not self.get_signed_cookie("user"):
        raise HTTPError(401)
Door.prepare = guarded
""",
        {},
    ),
    "monkeypatch get": (
        "guarded",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    def on_message(self, message):
        room.say(message)

Door.get = authenticated(Door.get)
""",
        {},
    ),
    "monkeypatch away": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)

Door.prepare = lambda self: None
""",
        {},
    ),
    "monkeypatch in another module": (
        "guarded",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
""",
        {
            "setup.py": """
from tornado.web import HTTPError
import app
def check(self):
    if not self.get_signed_cookie("user"):
        raise HTTPError(401)
app.Door.prepare = check
"""
        },
    ),
    "subprotocol raises": (
        "guarded",
        """
class Door(WebSocketHandler):
    def select_subprotocol(self, protocols):
        token = protocols[0] if protocols else ""
        if not hmac.compare_digest(token, self.settings["token"]):
            raise HTTPError(403)
        return token

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "subprotocol ignored": (
        "missing",
        """
class Door(WebSocketHandler):
    def select_subprotocol(self, protocols):
        return "token" if "token" in protocols else None

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "initialize raises": (
        "guarded",
        """
class Door(WebSocketHandler):
    def initialize(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "init raises": (
        "guarded",
        """
class Door(WebSocketHandler):
    def __init__(self, application, request, **kw):
        super().__init__(application, request, **kw)
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "execute overridden": (
        "guarded",
        """
class Door(WebSocketHandler):
    async def _execute(self, transforms, *args, **kwargs):
        if not self.get_signed_cookie("user"):
            self._transforms = []
            self.send_error(403)
            return
        await super()._execute(transforms, *args, **kwargs)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "get writes": (
        "guarded",
        """
class Door(WebSocketHandler):
    def get(self, *a):
        if not self.get_signed_cookie("user"):
            self.set_status(401)
            self.write("no")
            return
        super().get(*a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "context manager": (
        "guarded",
        """
import contextlib
class Door(WebSocketHandler):
    @contextlib.contextmanager
    def known(self):
        user = self.get_signed_cookie("user")
        if user is None:
            raise HTTPError(401)
        yield user
    async def get(self, *a):
        with self.known() as user:
            self.user = user
            await super().get(*a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "walrus": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if (user := self.get_signed_cookie("u")) is None:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "or deny": (
        "guarded",
        """
class Door(WebSocketHandler):
    def deny(self):
        raise HTTPError(401)
    def prepare(self):
        self.user = self.get_signed_cookie("u") or self.deny()

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "keyerror lookup": (
        "guarded",
        """
TOKENS = {}
class Door(WebSocketHandler):
    def prepare(self):
        self.user = TOKENS[self.get_argument("token")]

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "not in tokens": (
        "guarded",
        """
TOKENS = set()
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_argument("token") not in TOKENS:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "jwt in try returns None": (
        "guarded",
        """
KEY = os.environ["KEY"]
def read(token):
    try:
        return jwt.decode(token, KEY, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return None
class Door(WebSocketHandler):
    def prepare(self):
        claims = read(self.get_argument("token", ""))
        if claims is None:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "orm lookup": (
        "guarded",
        """
from models import User
class Door(WebSocketHandler):
    def prepare(self):
        user = db.query(User).filter_by(token=self.get_argument("token")).first()
        if not user:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "orm raises": (
        "guarded",
        """
from models import User
class Door(WebSocketHandler):
    def prepare(self):
        self.user = User.objects.get(auth_token__key=self.get_argument("token"))

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "redis session": (
        "guarded",
        """
class Door(WebSocketHandler):
    async def prepare(self):
        sid = self.get_cookie("sid")
        session = await self.application.redis.get(f"session:{sid}")
        if session is None:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "ticket pop": (
        "guarded",
        """
TICKETS = {}
class Door(WebSocketHandler):
    def prepare(self):
        ticket = TICKETS.pop(self.get_argument("ticket", None), None)
        if ticket is None or ticket.expired():
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "auth server": (
        "guarded",
        """
from tornado.httpclient import AsyncHTTPClient
class Door(WebSocketHandler):
    async def prepare(self):
        shown = {"Authorization": self.request.headers.get("Authorization", "")}
        reply = await AsyncHTTPClient().fetch("http://auth/me", headers=shown, raise_error=False)
        if reply.code != 200:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "hmac new": (
        "guarded",
        """
KEY = os.environ["KEY"].encode()
class Door(WebSocketHandler):
    def prepare(self):
        user = self.get_argument("user")
        sig = self.get_argument("sig")
        want = hmac.new(KEY, user.encode(), "sha256").hexdigest()
        if not hmac.compare_digest(sig, want):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "prepare swallows": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        try:
            if not self.get_signed_cookie("user"):
                raise HTTPError(401)
        except Exception:
            pass

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "swallow logged": (
        "missing",
        """
import logging
class Base(WebSocketHandler):
    def prepare(self):
        self.user = self.load()
    def load(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
class Door(Base):
    def prepare(self):
        try:
            super().prepare()
        except HTTPError as e:
            logging.warning("no: %s", e)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "fallback user": (
        "missing",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user") or b"anonymous"
    @authenticated
    def get(self, *a):
        return super().get(*a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "authenticated on open": (
        "late",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    @authenticated
    def open(self):
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "authenticated on message": (
        "late",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    @authenticated
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "authenticated on post": (
        "missing",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    @authenticated
    def post(self):
        pass

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "async get_current_user": (
        "missing",
        """
class Door(WebSocketHandler):
    async def get_current_user(self):
        return await db.user(self.get_signed_cookie("user"))
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "token default None": (
        "optional",
        """
class Door(WebSocketHandler):
    def initialize(self, token=None):
        self.token = token
    def prepare(self):
        if self.token and self.get_argument("token", "") != self.token:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "environ get": (
        "optional",
        """
TOKEN = os.environ.get("TOKEN")
class Door(WebSocketHandler):
    def prepare(self):
        if TOKEN and self.get_argument("token", "") != TOKEN:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "environ get early return": (
        "optional",
        """
TOKEN = os.environ.get("APP_TOKEN", "")
class Door(WebSocketHandler):
    def prepare(self):
        if not TOKEN:
            return
        if self.get_argument("token", "") != TOKEN:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "environ required": (
        "guarded",
        """
TOKEN = os.environ["TOKEN"]
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_argument("token", "") != TOKEN:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "argparse": (
        "optional",
        """
import argparse
class Door(WebSocketHandler):
    def initialize(self, token):
        self.token = token
    def prepare(self):
        if self.token is not None and self.get_argument("token", None) != self.token:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--token", help="x")
    args = parser.parse_args()
    app = Application([("/ws", Door, {"token": args.token})])
""",
        {},
    ),
    "argparse required": (
        "guarded",
        """
import argparse
class Door(WebSocketHandler):
    def initialize(self, token):
        self.token = token
    def prepare(self):
        if self.token is not None and self.get_argument("token", None) != self.token:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--token", required=True)
    args = parser.parse_args()
    app = Application([("/ws", Door, {"token": args.token})])
""",
        {},
    ),
    "click": (
        "optional",
        """
import click
class Door(WebSocketHandler):
    def initialize(self, password):
        self.password = password
    def prepare(self):
        if self.password and self.get_argument("password", None) != self.password:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)

def make_app(password):
    return Application([("/ws", Door, dict(password=password))])
@click.command()
@click.option("--password", default="", help="x")
def main(password):
    make_app(password).listen(8000)
""",
        {},
    ),
    "settings through function": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        secret = self.application.settings.get("api_key")
        if secret and self.request.headers.get("X-Api-Key") != secret:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)

def make_app(**settings):
    return Application([("/ws", Door)], **settings)
""",
        {},
    ),
    "configparser": (
        "optional",
        """
import configparser
config = configparser.ConfigParser()
config.read("x.ini")
class Door(WebSocketHandler):
    def prepare(self):
        if config.getboolean("auth", "enabled", fallback=False) and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "dataclass config": (
        "optional",
        """
from dataclasses import dataclass
@dataclass
class Config:
    port: int = 8000
    auth_enabled: bool = False
config = Config()
class Door(WebSocketHandler):
    def prepare(self):
        if config.auth_enabled and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "dataclass config on": (
        "guarded",
        """
from dataclasses import dataclass
@dataclass
class Config:
    port: int = 8000
    auth_enabled: bool = True
config = Config()
class Door(WebSocketHandler):
    def prepare(self):
        if config.auth_enabled and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "dataclass in app": (
        "optional",
        """
from dataclasses import dataclass
@dataclass
class Config:
    port: int = 8000
    auth_enabled: bool = False
class App(Application):
    def __init__(self, config):
        self.config = config
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def prepare(self):
        if self.application.config.auth_enabled and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)

def main():
    App(Config()).listen(1)
""",
        {},
    ),
    "pydantic settings": (
        "optional",
        """
from pydantic_settings import BaseSettings
from pydantic import Field
class Config(BaseSettings):
    auth: bool = Field(default=False, env="AUTH")
    token: str = ""
config = Config()
class Door(WebSocketHandler):
    def prepare(self):
        if config.token and self.get_argument("token", "") != config.token:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "constant flag": (
        "optional",
        """
REQUIRE_AUTH = False
class Door(WebSocketHandler):
    def prepare(self):
        if REQUIRE_AUTH and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "constant flag in another module": (
        "optional",
        """
import settings
class Door(WebSocketHandler):
    def prepare(self):
        if settings.REQUIRE_AUTH and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "settings.py": """
REQUIRE_AUTH = False
"""
        },
    ),
    "hook": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        hook = self.settings.get("authenticator")
        if hook and not hook(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "hook allow": (
        "optional|missing",
        """
class Door(WebSocketHandler):
    def initialize(self, auth=lambda handler: True):
        self.auth = auth
    def prepare(self):
        if not self.auth(self):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "hook of class": (
        "missing|optional",
        """
class Door(WebSocketHandler):
    authenticate = None
    def prepare(self):
        if self.authenticate is not None and not self.authenticate(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "getattr app": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        auth = getattr(self.application, "auth", None)
        if auth and not auth.check(self.request):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "debug bypass": (
        "optional",
        """
DEBUG = True
class Door(WebSocketHandler):
    def prepare(self):
        if DEBUG:
            return
        if not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "debug bypass off": (
        "guarded",
        """
DEBUG = False
class Door(WebSocketHandler):
    def prepare(self):
        if DEBUG:
            return
        if not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "first message login": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        self.user = None
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            self.user = sessions.get(data["token"])
            return
        if self.user is None:
            self.close()
            return
        room.say(data["text"])
""",
        {},
    ),
    "first message login skipped": (
        "late|missing",
        """
class Door(WebSocketHandler):
    def open(self):
        self.user = None
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            self.user = sessions.get(data["token"])
            return
        room.say(data["text"])
""",
        {},
    ),
    "joins first": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        clients.add(self)
        if not self.get_signed_cookie("u"):
            self.close()
""",
        {},
    ),
    "close without return": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        if not self.get_signed_cookie("u"):
            self.close()
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "presence only": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_argument("token", None):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "presence of header": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if "Authorization" not in self.request.headers:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "bearer prefix only": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        header = self.request.headers.get("Authorization", "")
        if not header.startswith("Bearer "):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "length only": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        token = self.get_argument("token", "")
        if len(token) != 32:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "decoded only": (
        "missing",
        """
import base64
class Door(WebSocketHandler):
    def prepare(self):
        token = self.get_argument("token", "")
        claims = json.loads(base64.b64decode(token))
        if not claims.get("user"):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "plain cookie": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_cookie("user"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "jwt unverified": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        claims = jwt.decode(self.get_argument("token"), options={"verify_signature": False})
        if not claims.get("sub"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "mixin after": (
        "missing",
        """
class Auth:
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
class Door(WebSocketHandler, Auth):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "mixin before": (
        "guarded",
        """
class Auth:
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
class Door(Auth, WebSocketHandler):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "base after, RequestHandler": (
        "guarded",
        """
class Auth(RequestHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
class Door(WebSocketHandler, Auth):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "mixin get after": (
        "missing",
        """
class Auth(RequestHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    @authenticated
    def get(self, *a):
        return super().get(*a)
class Door(WebSocketHandler, Auth):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "skips base": (
        "missing",
        """
class Base(WebSocketHandler):
    def get(self, *a):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
        return super().get(*a)
class Door(Base):
    def get(self, *a):
        return super(Base, self).get(*a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "explicit tornado get": (
        "missing",
        """
class Base(WebSocketHandler):
    def get(self, *a):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
        return super().get(*a)
class Door(Base):
    def get(self, *a):
        return WebSocketHandler.get(self, *a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "upgrade excepted": (
        "missing",
        """
class Base(RequestHandler):
    def prepare(self):
        if self.request.headers.get("Upgrade", "").lower() == "websocket":
            return
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
class Door(Base, WebSocketHandler):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "method excepted": (
        "missing",
        """
class Base(RequestHandler):
    def prepare(self):
        if self.request.method in ("GET", "OPTIONS"):
            return
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
class Door(Base, WebSocketHandler):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "factory": (
        "guarded",
        """
def authed(base):
    class Authed(base):
        def prepare(self):
            if not self.get_signed_cookie("user"):
                raise HTTPError(401)
    return Authed
class Door(authed(WebSocketHandler)):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "type made": (
        "guarded",
        """
def prepare(self):
    if not self.get_signed_cookie("user"):
        raise HTTPError(401)
Auth = type("Auth", (WebSocketHandler,), {"prepare": prepare})
class Door(Auth):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "wrapper app object": (
        "guarded",
        """
class Gate:
    def __init__(self, secret):
        self.secret = secret
    def admit(self, handler):
        if not hmac.compare_digest(handler.get_argument("t", ""), self.secret):
            raise HTTPError(403)
gate = Gate(os.environ["S"])
class Door(WebSocketHandler):
    def prepare(self):
        gate.admit(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "open raises": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        if not self.get_signed_cookie("u"):
            raise HTTPError(403)
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "db by session key": (
        "late",
        """
class Door(WebSocketHandler):
    async def open(self, session_key):
        session = await db.sessions.find_one({"key": self.get_argument("key")})
        if not session:
            self.close(4003)
            return
        clients.add(self)
""",
        {},
    ),
    "login decorator third party": (
        "guarded",
        """
from other.auth import login_required
class Door(WebSocketHandler):
    @login_required
    def get(self, *a):
        return super().get(*a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "on_close instead of close": (
        "late|missing",
        """
class Door(WebSocketHandler):
    def open(self):
        user = self.get_signed_cookie("user")
        if user:
            clients.add(self)
        else:
            self.on_close()
    def on_close(self):
        pass

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "flag AUTH and ok": (
        "late",
        """
PASSWORD = os.environ["PASSWORD"]
AUTH = bool(PASSWORD)
class AuthMixin:
    def _ok_auth(self):
        return hmac.compare_digest(self.get_cookie("auth", ""), PASSWORD)
class Door(AuthMixin, WebSocketHandler):
    def open(self):
        if AUTH and not self._ok_auth():
            self.close(4401, "Unauthorized")
            return
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "flag AUTH optional": (
        "optional",
        """
PASSWORD = os.environ.get("PASSWORD", "")
AUTH = bool(PASSWORD)
class AuthMixin:
    def _ok_auth(self):
        return hmac.compare_digest(self.get_cookie("auth", ""), PASSWORD)
class Door(AuthMixin, WebSocketHandler):
    def prepare(self):
        if AUTH and not self._ok_auth():
            raise HTTPError(401)
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "session decorator passes user": (
        "late",
        """
def session(fn):
    def wrapper(self, *a, **k):
        token = self.get_secure_cookie("session")
        user = db.user_of(token) if token else None
        return fn(self, user=user, *a, **k)
    return wrapper
class Door(WebSocketHandler):
    @session
    def open(self, scene, user):
        if not user:
            self.close()
            return
        room.join(scene, self)
""",
        {},
    ),
    "jupyter style": (
        "guarded",
        """
from jupyter_server.base.handlers import JupyterHandler
class Door(WebSocketHandler, JupyterHandler):
    async def get(self, *a, **k):
        if not self.current_user:
            raise HTTPError(403)
        await super().get(*a, **k)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "jupyter none": (
        "missing",
        """
from jupyter_server.base.handlers import JupyterHandler
class Door(WebSocketHandler, JupyterHandler):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "jupyter authenticated": (
        "guarded",
        """
from jupyter_server.base.handlers import APIHandler
from jupyter_server.base.websocket import WebSocketMixin
class Door(WebSocketMixin, WebSocketHandler, APIHandler):
    @authenticated
    async def get(self, *a, **k):
        await super().get(*a, **k)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "jupyter ws_authenticated": (
        "guarded",
        """
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.auth.decorator import ws_authenticated
class Door(WebSocketHandler, JupyterHandler):
    @ws_authenticated
    async def get(self, *a, **k):
        await super().get(*a, **k)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "jupyter ws_authenticated open": (
        "late",
        """
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.auth.decorator import ws_authenticated
class Door(WebSocketHandler, JupyterHandler):
    @ws_authenticated
    def open(self, *a, **k):
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "jupyter allow_unauthenticated": (
        "missing",
        """
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.auth.decorator import allow_unauthenticated
class Door(WebSocketHandler, JupyterHandler):
    @allow_unauthenticated
    async def get(self, *a, **k):
        await super().get(*a, **k)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "jupyterhub": (
        "guarded",
        """
from jupyterhub.services.auth import HubAuthenticated
class Door(HubAuthenticated, WebSocketHandler):
    @authenticated
    def get(self, *a, **k):
        return super().get(*a, **k)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "jupyterhub none": (
        "missing",
        """
from jupyterhub.services.auth import HubAuthenticated
class Door(HubAuthenticated, WebSocketHandler):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "unread base": (
        "unknown",
        """
from company.web import SecureSocket
class Door(SecureSocket, WebSocketHandler):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "unread data mixin": (
        "missing|unknown",
        """
from company.web import JsonMixin
class Door(JsonMixin, WebSocketHandler):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "unread base, overridden": (
        "missing",
        """
from company.web import Base
class Door(Base, WebSocketHandler):
    def prepare(self):
        pass
    def get(self, *a):
        return WebSocketHandler.get(self, *a)
    def open(self):
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "copy of WebSocketHandler": (
        "missing",
        """
from sockets import WebSocketHandler as WS
class Door(WS):
    def open(self):
        clients.add(self)
    def on_message(self, m):
        room.say(m)
""",
        {
            "sockets.py": """
import tornado.web
class WebSocketHandler(tornado.web.RequestHandler):
    def _execute(self, transforms, *args, **kwargs):
        self.stream.write("HTTP/1.1 101 Switching Protocols\\r\\nSec-WebSocket-Accept: x")
        self.open(*args)
    def write_message(self, m):
        self.stream.write(m)
    def open(self):
        pass
    def on_message(self, m):
        raise NotImplementedError
"""
        },
    ),
    "gatekeeper object": (
        "guarded",
        """
from gate import Gate
class App(Application):
    def __init__(self):
        self.gate = Gate(os.environ["SECRET"])
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    async def prepare(self):
        await self.application.gate.check(self.request)

    def on_message(self, message):
        room.say(message)
""",
        {
            "gate.py": """
from tornado.web import HTTPError
import hmac
class Gate:
    def __init__(self, secret):
        self.secret = secret
    async def check(self, request):
        if not hmac.compare_digest(request.headers.get("X-Key", ""), self.secret):
            raise HTTPError(403)
"""
        },
    ),
    "gatekeeper returns bool ignored": (
        "missing",
        """
from gate import Gate
class App(Application):
    def __init__(self):
        self.gate = Gate(os.environ["SECRET"])
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    async def prepare(self):
        await self.application.gate.check(self.request)

    def on_message(self, message):
        room.say(message)
""",
        {
            "gate.py": """
import hmac
class Gate:
    def __init__(self, secret):
        self.secret = secret
    async def check(self, request):
        return hmac.compare_digest(request.headers.get("X-Key", ""), self.secret)
"""
        },
    ),
    "state machine object": (
        "late",
        """
class Session:
    def __init__(self, handler):
        self.handler = handler
        self.user = None
    def handle(self, data):
        if data["type"] == "auth":
            self.user = sessions.verify(data["token"])
            return
        if not self.user:
            self.handler.close(4401)
            return
        room.say(data)
class Door(WebSocketHandler):
    def open(self):
        self.session = Session(self)
    def on_message(self, message):
        self.session.handle(json.loads(message))
""",
        {},
    ),
    "state machine object skipped": (
        "late|missing",
        """
class Session:
    def __init__(self, handler):
        self.handler = handler
        self.user = None
    def handle(self, data):
        if data["type"] == "auth":
            self.user = sessions.verify(data["token"])
            return
        room.say(data)
class Door(WebSocketHandler):
    def open(self):
        self.session = Session(self)
    def on_message(self, message):
        self.session.handle(json.loads(message))
""",
        {},
    ),
    "handlers dict by state": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        self.handle = self.handle_login
    def handle_login(self, data):
        if not sessions.verify(data["token"]):
            self.close()
            return
        self.handle = self.handle_chat
    def handle_chat(self, data):
        room.say(data)
    def on_message(self, message):
        self.handle(json.loads(message))
""",
        {},
    ),
    "first message timeout": (
        "late",
        """
from tornado.ioloop import IOLoop
class Door(WebSocketHandler):
    def open(self):
        self.authenticated = False
        IOLoop.current().call_later(5, self.drop)
    def drop(self):
        if not self.authenticated:
            self.close()
    def on_message(self, message):
        data = json.loads(message)
        if not self.authenticated:
            if data.get("password") != self.settings["password"]:
                self.close()
                return
            self.authenticated = True
            return
        room.say(data)
""",
        {},
    ),
    "drop by timer only": (
        "missing|late",
        """
from tornado.ioloop import IOLoop
class Door(WebSocketHandler):
    def open(self):
        self.authenticated = False
        IOLoop.current().call_later(5, self.drop)
    def drop(self):
        if not self.authenticated:
            self.close()
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            self.authenticated = sessions.verify(data["token"])
        else:
            room.say(data)
""",
        {},
    ),
    "yaml default off": (
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
        {},
    ),
    "config class attr": (
        "optional",
        """
class Config:
    AUTH = False
    SECRET = "x"
class Door(WebSocketHandler):
    def prepare(self):
        if Config.AUTH and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "config dict": (
        "optional",
        """
CONFIG = {"auth": {"enabled": False}}
class Door(WebSocketHandler):
    def prepare(self):
        if CONFIG["auth"]["enabled"] and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "config dict get": (
        "optional",
        """
DEFAULTS = {"password": None}
class Door(WebSocketHandler):
    def prepare(self):
        password = DEFAULTS.get("password")
        if password and self.get_argument("password", "") != password:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "define option": (
        "optional",
        """
define("token", default="", help="x")
class Door(WebSocketHandler):
    def prepare(self):
        if options.token and self.get_argument("token", "") != options.token:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "define option in get_current_user": (
        "optional",
        """
define("password", default=None)
class Base(RequestHandler):
    def get_current_user(self):
        if not options.password:
            return "anyone"
        return self.get_secure_cookie("user")
class Door(Base, WebSocketHandler):
    @authenticated
    def get(self, *a):
        return WebSocketHandler.get(self, *a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "server object setting": (
        "optional",
        """
class Server:
    def __init__(self, port=8000, password=None):
        self.password = password
        self.app = Application([("/ws", Door, {"server": self})])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
    def prepare(self):
        if self.server.password and self.get_argument("password", "") != self.server.password:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "traitlets": (
        "optional",
        """
from traitlets.config import Application as TApp
from traitlets import Unicode, Bool
class Config(TApp):
    auth_token = Unicode("", help="x").tag(config=True)
class Door(WebSocketHandler):
    def prepare(self):
        token = self.settings["config"].auth_token
        if token and self.get_argument("token", "") != token:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "random default token": (
        "guarded",
        """
import secrets
define("token", default=secrets.token_hex(16))
class Door(WebSocketHandler):
    def prepare(self):
        if options.token and self.get_argument("token", "") != options.token:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "token or random": (
        "guarded",
        """
import secrets
TOKEN = os.environ.get("TOKEN") or secrets.token_hex(16)
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_argument("token", "") != TOKEN:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "hook attribute default": (
        "optional|missing",
        """
class Door(WebSocketHandler):
    def authenticate(self):
        return True
    def prepare(self):
        if not self.authenticate():
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "abstract hook": (
        "guarded|unknown",
        """
class Door(WebSocketHandler):
    def authenticate(self):
        raise NotImplementedError
    def prepare(self):
        if not self.authenticate():
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "ip only": (
        "missing",
        """
ALLOWED = {"127.0.0.1"}
class Door(WebSocketHandler):
    def prepare(self):
        if self.request.remote_ip not in ALLOWED:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "basic auth helper": (
        "guarded",
        """
import base64
class Door(WebSocketHandler):
    def basic(self):
        header = self.request.headers.get("Authorization", "")
        if not header.startswith("Basic "):
            return False
        name, _, password = base64.b64decode(header[6:]).decode().partition(":")
        return db.check_password(name, password)
    def prepare(self):
        if not self.basic():
            self.set_status(401)
            self.set_header("WWW-Authenticate", "Basic")
            self.finish()

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "users dict password": (
        "guarded",
        """
USERS = {"admin": "secret"}
class Door(WebSocketHandler):
    def prepare(self):
        name = self.get_argument("user")
        if USERS.get(name) != self.get_argument("password"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "return in prepare does nothing": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("u"):
            return

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "returns False in prepare": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("u"):
            return False

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "set_status only": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("u"):
            self.set_status(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "close in prepare": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("u"):
            self.close()

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "redirect in prepare": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("u"):
            self.redirect("/login")

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "write_error": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("u"):
            self.send_error(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "assert": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        assert self.get_signed_cookie("u")

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "warn only": (
        "missing",
        """
import logging
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("u"):
            logging.warning("unauthorized")

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "write_message only": (
        "missing|late",
        """
class Door(WebSocketHandler):
    def open(self):
        if not self.get_signed_cookie("u"):
            self.write_message("unauthorized")
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "get 401 no return": (
        "guarded",
        """
class Door(WebSocketHandler):
    def get(self, *a):
        if not self.get_signed_cookie("u"):
            self.set_status(401)
            self.finish("no")
        return super().get(*a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "null provider": (
        "optional",
        """
class Provider:
    @property
    def get_user(self):
        raise NotImplementedError
class Nobody(Provider):
    @property
    def get_user(self):
        return None
class Module(Provider):
    def __init__(self, module):
        self._module = module
    @property
    def get_user(self):
        return self._module.get_user
class Server(Application):
    def __init__(self, apps, auth_provider=Nobody()):
        self.auth_provider = auth_provider
        super().__init__([("/ws", Door)])
class Base(RequestHandler):
    def get_current_user(self):
        if self.application.auth_provider.get_user is not None:
            return self.application.auth_provider.get_user(self)
        return "default_user"
class Door(Base, WebSocketHandler):
    @authenticated
    def get(self, *a):
        return WebSocketHandler.get(self, *a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "null provider on open": (
        "optional",
        """
class Nobody:
    get_user = None
class Server(Application):
    def __init__(self, apps, *, provider=None):
        self.provider = provider or Nobody()
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def get_current_user(self):
        if self.application.provider.get_user is not None:
            return self.application.provider.get_user(self)
        return "default_user"
    @authenticated
    def open(self):
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "registry of options": (
        "optional",
        """
import config
class Door(WebSocketHandler):
    def prepare(self):
        if config.get_option("server.requireLogin") and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "config.py": """
_OPTIONS = {}
class Option:
    def __init__(self, key, default):
        self.key, self.value = key, default
def _create_option(key, description=None, default_val=None, type_=str):
    _OPTIONS[key] = Option(key, default_val)
def get_option(key):
    return _OPTIONS[key].value
_create_option("server.requireLogin", description="x", default_val=False, type_=bool)
"""
        },
    ),
    "flower like": (
        "optional",
        """
define("basic_auth", type=str, default=None, multiple=True)
define("auth", default="", type=str)
class App(Application):
    def __init__(self, options=None, **kw):
        super().__init__([("/ws", Door)], **kw)
        self.options = options
class Base(RequestHandler):
    def prepare(self):
        if self.application.options.basic_auth:
            header = self.request.headers.get("Authorization", "")
            if not db.credentials(header, self.application.options.basic_auth):
                raise HTTPError(401)
    def get_current_user(self):
        if not self.application.options.auth:
            return True
        return self.get_secure_cookie("user")
class Door(Base, WebSocketHandler):
    @authenticated
    def get(self, *a):
        return WebSocketHandler.get(self, *a)

    def on_message(self, message):
        room.say(message)

def main():
    App(options=options).listen(1)
""",
        {},
    ),
    "settings singleton": (
        "optional",
        """
class Settings:
    def __init__(self):
        self.using_password = False
        self.password_hash = ""
    def parse(self, args):
        password = args.password or os.getenv("PASSWORD", "")
        self.using_password = bool(password)
        if password:
            self.password_hash = hash(password)
    @property
    def using_auth(self):
        return self.using_password
settings = Settings()
def is_authenticated(handler):
    if settings.using_auth:
        return handler.get_secure_cookie("authenticated") == b"yes"
    return True
def checked(func):
    @functools.wraps(func)
    def wrapper(self, *a, **k):
        if not is_authenticated(self):
            self.redirect("/login")
            return None
        return func(self, *a, **k)
    return wrapper
class Door(WebSocketHandler):
    @checked
    def get(self, *a):
        return WebSocketHandler.get(self, *a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "settings singleton on open": (
        "optional|late",
        """
class Settings:
    def __init__(self):
        self.using_password = False
settings = Settings()
def is_authenticated(handler):
    if settings.using_password:
        return handler.get_secure_cookie("authenticated") == b"yes"
    return True
class Door(WebSocketHandler):
    def open(self):
        if not is_authenticated(self):
            self.close()
            return
        clients.add(self)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "token mixin": (
        "optional",
        """
from traitlets import Unicode, default
from traitlets.config import Application as TApp
class Gateway(TApp):
    auth_token = Unicode(config=True, help="x")
    @default("auth_token")
    def _auth_token_default(self):
        return os.getenv("AUTH_TOKEN", "")
    def init(self):
        self.web_app = Application([("/ws", Door)], kg_auth_token=self.auth_token)
class TokenMixin:
    def prepare(self):
        server_token = self.settings.get("kg_auth_token")
        if server_token and not self.request.method == "OPTIONS":
            client = self.get_argument("token", None)
            if client is None:
                client = self.request.headers.get("Authorization")
            if client != server_token:
                return self.send_error(401)
        return super().prepare()
class Door(TokenMixin, WebSocketHandler):
    pass

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "auth_enabled property": (
        "optional",
        """
class Auth:
    token = ""
    password = ""
    @property
    def enabled(self):
        return bool(self.token or self.password)
    def user(self, handler):
        if not self.enabled:
            return "anonymous"
        return handler.get_signed_cookie("user")
auth = Auth()
class Door(WebSocketHandler):
    def get_current_user(self):
        return auth.user(self)
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "trusted token": (
        "optional",
        """
class Door(WebSocketHandler):
    def initialize(self, service, token=None, token_trusted=None):
        self.token, self.token_trusted = token, token_trusted
    def prepare(self):
        given = self.get_argument("token", "")
        if self.token and given != self.token and given != self.token_trusted:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "options unsecure": (
        "guarded",
        """
define("unsecure", default=False)
class Door(WebSocketHandler):
    def prepare(self):
        if not options.unsecure and not self.request.get_ssl_certificate():
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "hook lambda in app": (
        "optional|missing",
        """
class Server:
    def __init__(self, check=lambda request: True):
        self.check = check
        self.app = Application([("/ws", Door, {"server": self})])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
    def prepare(self):
        if not self.server.check(self.request):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "function default auth hook": (
        "optional|missing",
        """
def allow_all(handler):
    return True
class Door(WebSocketHandler):
    def initialize(self, authorize=allow_all):
        self.authorize = authorize
    def prepare(self):
        if not self.authorize(self):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "api key env list": (
        "optional",
        """
KEYS = [k for k in os.environ.get("API_KEYS", "").split(",") if k]
class Door(WebSocketHandler):
    def prepare(self):
        if KEYS and self.get_argument("api_key", "") not in KEYS:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "user db may be empty": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        users = self.settings.get("users", {})
        if not users:
            return
        if self.get_argument("password", "") not in users.values():
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "mode string": (
        "optional",
        """
define("auth_mode", default="none")
class Door(WebSocketHandler):
    def prepare(self):
        if options.auth_mode == "none":
            return
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "mode string on": (
        "guarded",
        """
define("auth_mode", default="password")
class Door(WebSocketHandler):
    def prepare(self):
        if options.auth_mode == "none":
            return
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "match mode": (
        "optional",
        """
MODE = os.environ.get("AUTH_MODE", "off")
class Door(WebSocketHandler):
    def prepare(self):
        match MODE:
            case "off":
                return
            case _:
                if not self.get_signed_cookie("user"):
                    raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "class selected by setting": (
        "optional",
        """
class Open:
    def check(self, handler):
        return True
class Closed:
    def check(self, handler):
        return handler.get_signed_cookie("user") is not None
AUTH = Closed() if os.environ.get("AUTH") else Open()
class Door(WebSocketHandler):
    def prepare(self):
        if not AUTH.check(self):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "base by setting": (
        "optional",
        """
SECURE = False
class Plain(WebSocketHandler):
    pass
class Safe(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("u"):
            raise HTTPError(401)
class Door(Safe if SECURE else Plain):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "decorator that is off": (
        "optional",
        """
LOGIN = os.environ.get("REQUIRE_LOGIN") == "1"
def maybe(method):
    return authenticated(method) if LOGIN else method
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("u")
    @maybe
    def get(self, *a):
        return super().get(*a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "two endpoints words": (
        "optional",
        """
class Door(WebSocketHandler):
    def initialize(self, auth):
        self.auth = auth
    def prepare(self):
        if self.auth and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)

def make(auth=False):
    return Application([("/ws", Door, {"auth": auth})])
""",
        {},
    ),
    "kwargs to app": (
        "optional",
        """
class App(Application):
    def __init__(self, **settings):
        settings.setdefault("login_required", False)
        super().__init__([("/ws", Door)], **settings)
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings["login_required"] and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "settings update": (
        "optional",
        """
settings = {"debug": False}
settings.update(login_required=False)
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings["login_required"] and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)

app = Application([("/ws", Door)], **settings)
""",
        {},
    ),
    "proxy: get upgrade bypass": (
        "missing",
        """
class ProxyMixin(WebSocketHandler):
    async def get(self, *a, **k):
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            return await self.http_get(*a, **k)
        await super().get(*a, **k)
class Door(ProxyMixin):
    @authenticated
    async def http_get(self, *a):
        self.write("x")
    async def open(self, port):
        self.ws = await websocket.websocket_connect(f"ws://localhost:{port}")
    def on_message(self, m):
        self.ws.write_message(m)
""",
        {},
    ),
    "proxy: fixed prepare": (
        "guarded",
        """
class ProxyMixin(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("u")
    async def prepare(self, *a, **k):
        if not self.current_user:
            raise HTTPError(403)
    async def get(self, *a, **k):
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            return await self.http_get(*a, **k)
        await super().get(*a, **k)
class Door(ProxyMixin):
    async def http_get(self, *a):
        self.write("x")
    async def open(self, port):
        self.ws = await websocket.websocket_connect(f"ws://localhost:{port}")
    def on_message(self, m):
        self.ws.write_message(m)
""",
        {},
    ),
    "proxy: fixed by decorated get": (
        "guarded",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("u")
    @authenticated
    async def get(self, *a, **k):
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            return await self.http_get(*a, **k)
        return await super().get(*a, **k)
    async def http_get(self, *a):
        self.write("x")

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "token compare then fixed": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not secrets_equal(token, self.application.settings["auth_token"]):
            raise HTTPError(403)
def secrets_equal(a, b):
    return hmac.compare_digest(a.encode(), b.encode())

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "mitm like": (
        "guarded",
        """
import secrets
class App(Application):
    def __init__(self, options):
        self.options = options
        secret = secrets.token_bytes(32)
        super().__init__([("/ws", Door)], is_valid_password=self.valid, cookie_secret=secret)
    def valid(self, password):
        return hmac.compare_digest(password, self.options.web_password)
class AuthHandler(RequestHandler):
    def auth_fail(self, bad):
        self.set_status(403)
    def get_current_user(self):
        cookie = self.get_signed_cookie("auth", min_version=2)
        if cookie == b"y":
            return True
        return None
    def prepare(self):
        if not self.current_user:
            if not self.settings["is_valid_password"](self.get_argument("token", default="")):
                self.auth_fail(True)
                raise HTTPError(403)
            self.set_signed_cookie("auth", b"y")
class Door(AuthHandler, WebSocketHandler):
    pass

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "decorator checks header only on http": (
        "missing",
        """
def auth(method):
    @functools.wraps(method)
    def inner(self, *a, **k):
        if isinstance(self, WebSocketHandler):
            return method(self, *a, **k)
        if not self.get_signed_cookie("u"):
            raise HTTPError(401)
        return method(self, *a, **k)
    return inner
class Door(WebSocketHandler):
    @auth
    def get(self, *a):
        return super().get(*a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "decorator for both": (
        "guarded|late",
        """
def auth(method):
    @functools.wraps(method)
    def inner(self, *a, **k):
        if not self.get_signed_cookie("u"):
            if isinstance(self, WebSocketHandler):
                self.close()
                return
            raise HTTPError(401)
        return method(self, *a, **k)
    return inner
class Door(WebSocketHandler):
    @auth
    def open(self, *a):
        clients.add(self)
""",
        {},
    ),
    "exempt path list": (
        "missing",
        """
EXEMPT = {"/login", "/ws"}
class Base(RequestHandler):
    def prepare(self):
        if self.request.path in EXEMPT:
            return
        if not self.get_signed_cookie("u"):
            raise HTTPError(401)
class Door(Base, WebSocketHandler):

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "exempt flag on class": (
        "missing",
        """
class Base(RequestHandler):
    requires_auth = True
    def prepare(self):
        if self.requires_auth and not self.get_signed_cookie("u"):
            raise HTTPError(401)
class Door(Base, WebSocketHandler):
    requires_auth = False

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "flag on class on": (
        "guarded",
        """
class Base(RequestHandler):
    requires_auth = False
    def prepare(self):
        if self.requires_auth and not self.get_signed_cookie("u"):
            raise HTTPError(401)
class Door(Base, WebSocketHandler):
    requires_auth = True

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "attribute marker decorator": (
        "guarded",
        """
def public(method):
    method.public = True
    return method
class Base(RequestHandler):
    def prepare(self):
        method = getattr(self, self.request.method.lower())
        if getattr(method, "public", False):
            return
        if not self.get_signed_cookie("u"):
            raise HTTPError(401)
class Door(Base, WebSocketHandler):
    pass

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "attribute marker public": (
        "missing",
        """
def public(method):
    method.public = True
    return method
class Base(RequestHandler):
    def prepare(self):
        method = getattr(self, self.request.method.lower())
        if getattr(method, "public", False):
            return
        if not self.get_signed_cookie("u"):
            raise HTTPError(401)
class Door(Base, WebSocketHandler):
    @public
    def get(self, *a):
        return WebSocketHandler.get(self, *a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "gen.coroutine with Return": (
        "guarded",
        """
class Door(WebSocketHandler):
    @gen.coroutine
    def user(self):
        value = yield db.find(self.get_cookie("session"))
        raise gen.Return(value)
    @gen.coroutine
    def prepare(self):
        user = yield self.user()
        if user is None:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "py2 super": (
        "guarded",
        """
class Base(WebSocketHandler):
    def prepare(self):
        if not self.get_secure_cookie("u"):
            raise HTTPError(401)
class Door(Base):
    def prepare(self):
        super(Door, self).prepare()

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "session mixin method called in open": (
        "late",
        """
class SessionMixin:
    def require(self):
        if not self.get_secure_cookie("u"):
            raise HTTPError(401)
class Door(SessionMixin, WebSocketHandler):
    def open(self):
        self.require()
        clients.add(self)
""",
        {},
    ),
    "async task auth in open": (
        "late",
        """
class Door(WebSocketHandler):
    async def open(self):
        user = await self.load()
        if user is None:
            self.close(code=4401)
            return
        clients.add(self)
    async def load(self):
        token = self.get_argument("token", None)
        if token is None:
            return None
        return await db.user_by_token(token)
""",
        {},
    ),
    "background task auth": (
        "missing|late",
        """
from tornado.ioloop import IOLoop
class Door(WebSocketHandler):
    def open(self):
        IOLoop.current().spawn_callback(self.authenticate)
        clients.add(self)
    async def authenticate(self):
        if not await db.user_by_token(self.get_argument("token", "")):
            self.close()

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "try except returns": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.user = jwt.decode(self.get_argument("token"), self.settings["key"], algorithms=["HS256"])
        except Exception:
            self.set_status(401)
            self.finish()

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "try except continues as guest": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.user = jwt.decode(self.get_argument("token"), self.settings["key"], algorithms=["HS256"])
        except Exception:
            self.user = {"sub": "guest"}

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "except then check": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        self.user = None
        try:
            self.user = jwt.decode(self.get_argument("token"), self.settings["key"], algorithms=["HS256"])
        except Exception:
            pass
        if not self.user:
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "else branch": (
        "guarded",
        """
class Door(WebSocketHandler):
    async def get(self, *a):
        user = await db.user(self.get_cookie("session"))
        if user:
            self.user = user
            await super().get(*a)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "wsgi style middleware": (
        "guarded",
        """
from tornado.routing import Router, HostMatches, RuleRouter
class AuthApplication(Application):
    pass
class Door(WebSocketHandler):
    async def prepare(self):
        await require_login(self)
async def require_login(handler):
    session = await sessions.get(handler.get_cookie("sid"))
    if session is None or session.get("user") is None:
        raise HTTPError(401, "login")

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "check returns tuple": (
        "guarded",
        """
def check(handler):
    user = handler.get_signed_cookie("u")
    if not user:
        return False, "no user"
    return True, None
class Door(WebSocketHandler):
    def prepare(self):
        ok, why = check(self)
        if not ok:
            raise HTTPError(403, why)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "check returns tuple, tuple tested": (
        "missing",
        """
def check(handler):
    user = handler.get_signed_cookie("u")
    if not user:
        return False, "no user"
    return True, None
class Door(WebSocketHandler):
    def prepare(self):
        if not check(self):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "what is comprehended as a set is one": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not isinstance({one for one in ("a", "b")}, set):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "check returns dict": (
        "guarded",
        """
def check(handler):
    user = handler.get_signed_cookie("u")
    return {"ok": bool(user), "user": user}
class Door(WebSocketHandler):
    def prepare(self):
        if not check(self)["ok"]:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "method reference not called": (
        "missing",
        """
class Door(WebSocketHandler):
    def is_allowed(self):
        return self.get_signed_cookie("u") is not None
    def prepare(self):
        if not self.is_allowed:
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "inverted": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_signed_cookie("u"):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "or instead of and": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_signed_cookie("u") or self.get_argument("guest", None):
            return
        raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "both needed": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_signed_cookie("u") and self.get_argument("room", None):
            return
        raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "any of two proofs": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_signed_cookie("u"):
            return
        if hmac.compare_digest(self.get_argument("token", ""), self.settings["token"]):
            return
        raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
}
