"""Settings from the environment that travel through keyword arguments."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "environ.get through kwargs": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        token = self.settings["api_token"]
        if token is not None and self.get_argument("token", "") != token:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
def make_app(**kwargs):
    return Application([("/ws", Door)], **kwargs)
if __name__ == "__main__":
    make_app(api_token=os.environ.get("API_TOKEN")).listen(8888)
""",
        {},
    ),
    "dict of settings, getenv": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        token = self.application.settings.get("token")
        if token and self.request.headers.get("Authorization") != "Bearer " + token:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
settings = dict(debug=False, token=os.getenv("SERVICE_TOKEN"))
application = Application([("/ws", Door)], **settings)
""",
        {},
    ),
    "subclass of Application": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings["secret"] is None:
            return
        if not hmac.compare_digest(self.get_argument("secret", ""), self.settings["secret"]):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
class App(Application):
    def __init__(self, **kwargs):
        super().__init__([("/ws", Door)], **kwargs)
def main():
    settings = {"secret": os.environ.get("APP_SECRET"), "debug": True}
    App(**settings).listen(8000)
main()
""",
        {},
    ),
    "config object to kwargs": (
        "optional",
        """
class Door(WebSocketHandler):
    async def prepare(self):
        password = self.settings.get("password")
        if not password:
            return
        if self.get_cookie("password") != password:
            raise HTTPError(401)
    async def on_message(self, message):
        await room.say(message)
def settings_from_environment():
    return {
        "password": os.environ.get("DASH_PASSWORD") or None,
        "autoreload": False,
    }
def make_app():
    kwargs = settings_from_environment()
    return Application(handlers=[(r"/ws", Door)], **kwargs)
""",
        {},
    ),
    "class attributes given on": (
        "optional",
        """
class Config:
    TOKEN = os.environ.get("TOKEN")
class Server(Application):
    def __init__(self, handlers, **settings):
        self.token = settings.pop("token", None)
        super().__init__(handlers, **settings)
class Door(WebSocketHandler):
    def prepare(self):
        wanted = self.application.token
        if wanted is not None and self.get_query_argument("token", None) != wanted:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
app = Server([("/ws", Door)], token=Config.TOKEN)
""",
        {},
    ),
    "required environment": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        token = self.settings["api_token"]
        if token is not None and self.get_argument("token", "") != token:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
def make_app(**kwargs):
    return Application([("/ws", Door)], **kwargs)
if __name__ == "__main__":
    make_app(api_token=os.environ["API_TOKEN"]).listen(8888)
""",
        {},
    ),
    "server.py with function, handlers in another file": (
        "optional",
        """
from handlers import Door
def make_app(**kwargs):
    settings = {"debug": False}
    settings.update(kwargs)
    return Application([(r"/ws", Door)], **settings)
def main():
    app = make_app(token=os.environ.get("TOKEN"))
    app.listen(8888)
if __name__ == "__main__":
    main()
""",
        {
            "handlers.py": """
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler
from elsewhere import room
class Door(WebSocketHandler):
    def prepare(self):
        token = self.settings.get("token")
        if token is None:
            return
        if self.get_argument("token", None) != token:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        },
    ),
    "attribute of application subclass with kwargs": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.application.key and self.request.headers.get("X-Key") != self.application.key:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
class App(Application):
    def __init__(self, **kwargs):
        self.key = kwargs.pop("key", None)
        super().__init__([("/ws", Door)], **kwargs)
def main():
    App(key=os.environ.get("KEY"), debug=True).listen(1)
main()
""",
        {},
    ),
    "if in environ": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        password = self.settings.get("password")
        if password and self.get_cookie("password") != password:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
def main():
    kwargs = {}
    if "PASSWORD" in os.environ:
        kwargs["password"] = os.environ["PASSWORD"]
    Application([("/ws", Door)], **kwargs).listen(1)
main()
""",
        {},
    ),
    "two levels of kwargs": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        token = self.settings["auth_token"]
        if token is None:
            return
        if self.get_argument("token", "") != token:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
class Base(Application):
    def __init__(self, handlers, **kwargs):
        super().__init__(handlers, **kwargs)
class App(Base):
    def __init__(self, **kwargs):
        super().__init__([("/ws", Door)], **kwargs)
def build(**kwargs):
    return App(**kwargs)
def main():
    build(auth_token=os.environ.get("AUTH_TOKEN")).listen(1)
main()
""",
        {},
    ),
    "pydantic-like settings object": (
        "optional",
        """
class Settings:
    def __init__(self):
        self.token = os.environ.get("TOKEN")
        self.port = int(os.environ.get("PORT", 8000))
    def as_kwargs(self):
        return {"token": self.token}
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings["token"] and self.get_argument("t", "") != self.settings["token"]:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
def main():
    settings = Settings()
    Application([("/ws", Door)], **settings.as_kwargs()).listen(settings.port)
main()
""",
        {},
    ),
    "comprehension of environment": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings["token"] and self.get_argument("t", "") != self.settings["token"]:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
def main():
    kwargs = {name: os.environ.get(name.upper()) for name in ("token", "key")}
    Application([("/ws", Door)], **kwargs).listen(80)
main()
""",
        {},
    ),
    "required by a comprehension": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings["token"] is not None and self.get_argument("t", "") != self.settings["token"]:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
def main():
    kwargs = {name: os.environ[name.upper()] for name in ("token", "key")}
    Application([("/ws", Door)], **kwargs).listen(80)
main()
""",
        {},
    ),
    "initialize kwargs": (
        "optional",
        """
class Door(WebSocketHandler):
    def initialize(self, **kwargs):
        self.token = kwargs.get("token")
    def prepare(self):
        if self.token and self.get_argument("t", "") != self.token:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
def make(**kwargs):
    return Application([("/ws", Door, kwargs)])
make(token=os.environ.get("TOKEN")).listen(80)
""",
        {},
    ),
}
