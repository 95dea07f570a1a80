"""Authentication that a switch turns off as shipped."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "setting False": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings["auth_enabled"] and not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
application = Application([("/ws", Door)], auth_enabled=False)
""",
        {},
    ),
    "initialize parameter": (
        "optional",
        """
class Door(WebSocketHandler):
    def initialize(self, auth_enabled=False):
        self.auth_enabled = auth_enabled
    def prepare(self):
        if self.auth_enabled and not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
application = Application([("/ws", Door)])
""",
        {},
    ),
    "route keyword": (
        "optional",
        """
class Door(WebSocketHandler):
    def initialize(self, auth_enabled):
        self.auth_enabled = auth_enabled
    def prepare(self):
        if self.auth_enabled and not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
application = Application([("/ws", Door, {"auth_enabled": False})])
""",
        {},
    ),
    "class attribute": (
        "optional",
        """
class Door(WebSocketHandler):
    auth_enabled = False
    def prepare(self):
        if self.auth_enabled and not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "module constant": (
        "optional",
        """
AUTH_ENABLED = False
class Door(WebSocketHandler):
    def prepare(self):
        if AUTH_ENABLED and not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "factory parameter": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.application.auth_enabled:
            if not sessions.verify(self.get_argument("token", "")):
                raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
class App(Application):
    def __init__(self, auth_enabled=False):
        self.auth_enabled = auth_enabled
        super().__init__([("/ws", Door)])
if __name__ == "__main__":
    App().listen(80)
""",
        {},
    ),
    "dataclass config": (
        "optional",
        """
from dataclasses import dataclass
@dataclass
class Config:
    auth_enabled: bool = False
    token: str = ""
class Door(WebSocketHandler):
    def prepare(self):
        config = self.settings["config"]
        if config.auth_enabled and self.get_argument("token", "") != config.token:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
def make_app(config=None):
    return Application([("/ws", Door)], config=config or Config())
""",
        {},
    ),
    "factory called with False": (
        "optional",
        """
class Door(WebSocketHandler):
    def initialize(self, auth_enabled, token):
        self.auth_enabled, self.token = auth_enabled, token
    def prepare(self):
        if self.auth_enabled and self.get_argument("token", "") != self.token:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
def make_app(auth_enabled=False, token=None):
    return Application([("/ws", Door, dict(auth_enabled=auth_enabled, token=token))])
if __name__ == "__main__":
    make_app(auth_enabled=False).listen(8000)
""",
        {},
    ),
    "constructor of a service": (
        "optional",
        """
class Server:
    def __init__(self, port, auth_enabled=False, token=None):
        self.port, self.auth_enabled, self.token = port, auth_enabled, token
    def app(self):
        return Application([("/ws", Door, {"server": self})])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
    def prepare(self):
        if self.server.auth_enabled and self.get_argument("token", "") != self.server.token:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
Server(8000).app().listen(8000)
""",
        {},
    ),
    "settings get default False": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.application.settings.get("auth_enabled", False):
            return
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
application = Application([("/ws", Door)])
""",
        {},
    ),
    "route dict name": (
        "optional",
        """
OPTIONS = {"auth_enabled": False, "name": "x"}
class Door(WebSocketHandler):
    def initialize(self, auth_enabled, name):
        self.auth_enabled = auth_enabled
    def prepare(self):
        if self.auth_enabled and not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
application = Application([("/ws", Door, OPTIONS)])
""",
        {},
    ),
    "subclass turns off": (
        "missing|optional",
        """
class Base(WebSocketHandler):
    auth_enabled = True
    def prepare(self):
        if self.auth_enabled and not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
class Door(Base):
    auth_enabled = False
""",
        {},
    ),
    "App(auth_enabled=False) explicit": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.application.auth_enabled:
            if not sessions.verify(self.get_argument("token", "")):
                raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
class App(Application):
    def __init__(self, auth_enabled):
        self.auth_enabled = auth_enabled
        super().__init__([("/ws", Door)])
if __name__ == "__main__":
    App(auth_enabled=False).listen(80)
""",
        {},
    ),
    "toml-like dict": (
        "optional",
        """
CONFIG = {"server": {"port": 80}, "auth": {"enabled": False, "token": ""}}
class Door(WebSocketHandler):
    def prepare(self):
        auth = CONFIG["auth"]
        if auth["enabled"] and self.get_argument("token", "") != auth["token"]:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "decorator argument": (
        "optional",
        """
AUTH_ENABLED = False
def guarded(enabled):
    def around(method):
        @functools.wraps(method)
        def inner(self, *args, **kwargs):
            if enabled and not self.get_signed_cookie("user"):
                raise HTTPError(403)
            return method(self, *args, **kwargs)
        return inner
    return around
class Door(WebSocketHandler):
    @guarded(AUTH_ENABLED)
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "settings of route with on": (
        "guarded",
        """
class Door(WebSocketHandler):
    def initialize(self, auth_enabled):
        self.auth_enabled = auth_enabled
    def prepare(self):
        if self.auth_enabled and not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
application = Application([("/ws", Door, {"auth_enabled": True})])
""",
        {},
    ),
}
