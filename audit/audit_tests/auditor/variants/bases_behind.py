"""Bases behind WebSocketHandler, and modules with the names of libraries."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "mixin behind": (
        "missing",
        """
from others import Reporting
class Door(WebSocketHandler, Reporting):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "mixin behind with check of its own": (
        "guarded",
        """
from others import Reporting
class Door(WebSocketHandler, Reporting):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "mixin behind, deeper": (
        "missing",
        """
from others import Emitter
class Base(WebSocketHandler, Emitter):
    def check_origin(self, origin):
        return True
class Door(Base):
    def open(self):
        clients.add(self)
    def on_message(self, message):
        self.emit("message", message)
""",
        {},
    ),
    "mixin before stays unknown": (
        "unread|presumed",
        """
from others import Reporting
class Door(Reporting, WebSocketHandler):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "on_message not defined here": (
        "missing|unread",
        """
from others import Reporting
class Door(WebSocketHandler, Reporting):
    def open(self):
        clients.add(self)
""",
        {},
    ),
    "check that is asked of it": (
        "presumed|guarded|unread",
        """
from others import Auth
class Door(WebSocketHandler, Auth):
    def prepare(self):
        self.require_user()
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "init_subclass could wrap": (
        "missing|unread",
        """
from others import Signals
class Door(WebSocketHandler, Signals):
    def open(self):
        self.connect_signals()
    def on_message(self, message):
        self.fire(message)
""",
        {},
    ),
    "unread metaclass": (
        "unread|presumed",
        """
from others import Meta
class Door(WebSocketHandler, metaclass=Meta):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "package with a sub-module of that name": (
        "missing",
        "",
        {
            "proj/__init__.py": "",
            "proj/sockjs/__init__.py": "",
            "proj/sockjs/tornado.py": """
import sockjs.tornado
class Door(sockjs.tornado.SockJSConnection):
    def on_message(self, message):
        self.broadcast(self.participants, message)
router = sockjs.tornado.SockJSRouter(Door, "/echo")
""",
        },
    ),
    "module sockjs beside": (
        "missing",
        "",
        {
            "proj/__init__.py": "",
            "proj/sockjs.py": """x = 1
""",
            "proj/door.py": """
import sockjs.tornado
class Door(sockjs.tornado.SockJSConnection):
    def on_message(self, message):
        self.broadcast(self.participants, message)
router = sockjs.tornado.SockJSRouter(Door, "/echo")
""",
        },
    ),
    "from sockjs.tornado import": (
        "missing",
        "",
        {
            "proj/__init__.py": "",
            "proj/sockjs/__init__.py": "",
            "proj/sockjs/tornado.py": """
from sockjs.tornado import SockJSConnection, SockJSRouter
class Door(SockJSConnection):
    def on_message(self, message):
        self.broadcast(self.participants, message)
router = SockJSRouter(Door, "/echo")
""",
        },
    ),
    "tornado itself shadowed": (
        "missing",
        "",
        {
            "proj/__init__.py": "",
            "proj/tornado.py": """
import tornado.websocket
import tornado.web
class Door(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        room.say(message)
""",
        },
    ),
    "namespace package": (
        "missing",
        "",
        {
            "proj/sockjs/tornado.py": """
import sockjs.tornado as sj
class Door(sj.SockJSConnection):
    def on_message(self, message):
        self.broadcast(self.participants, message)
router = sj.SockJSRouter(Door, "/echo")
""",
        },
    ),
}
