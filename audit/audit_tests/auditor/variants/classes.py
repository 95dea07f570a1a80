"""Handlers with classes that are found in many ways, and without authentication."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "a base by the version of Python": (
        "missing",
        """
import sys
if sys.version_info[0] >= 3:
    class Base(WebSocketHandler):
        pass
else:
    class Base(WebSocketHandler):
        def prepare(self): raise HTTPError(403)
class Door(Base):
    def on_message(self, message): self.write_message(message)
""",
        {},
    ),
    "a base by the version of Python, which asks": (
        "guarded",
        """
import sys
if sys.version_info < (3, 5):
    class Base(WebSocketHandler):
        pass
else:
    class Base(WebSocketHandler):
        def prepare(self):
            if not self.get_signed_cookie("user"): raise HTTPError(403)
class Door(Base):
    def on_message(self, message): self.write_message(message)
""",
        {},
    ),
    "asked on an old Python only": (
        "missing",
        """
from tornado.util import PY3
class Door(WebSocketHandler):
    def prepare(self):
        if not PY3 and not self.get_signed_cookie("user"): raise HTTPError(403)
    def on_message(self, message): self.write_message(message)
""",
        {},
    ),
    "a base of a package that may not be there": (
        "unknown",
        """
try:
    import fancy
except ImportError:
    fancy = None
Base = fancy.Base if fancy else WebSocketHandler
class Door(Base):
    def on_message(self, message): self.write_message(message)
""",
        {},
    ),
    "a base with a short name in a file that names neither Tornado nor sockets": (
        "missing",
        """
from links import WS
class Other(WS):
    def prepare(self):
        if not self.get_signed_cookie("user"): raise HTTPError(403)
""",
        {
            "links.py": "from tornado.websocket import WebSocketHandler\n"
            "class WS(WebSocketHandler): pass\n",
            "rooms.py": "from links import WS\n"
            "class Door(WS):\n    def on_message(self, message): self.write_message(message)\n",
        },
    ),
    "local import": (
        "missing",
        """
def make():
    import tornado.websocket
    class Door(tornado.websocket.WebSocketHandler):
        def open(self):
            clients.add(self)
    return Door
""",
        {},
    ),
    "local from import": (
        "missing",
        """
def make():
    from tornado.websocket import WebSocketHandler as WS
    class Door(WS):
        def open(self):
            clients.add(self)
    return [("/", Door)]
""",
        {},
    ),
    "nested class": (
        "missing",
        """
class Server:
    class Door(WebSocketHandler):
        def open(self):
            clients.add(self)
    def run(self):
        Application([("/", self.Door)])
""",
        {},
    ),
    "getattr base": (
        "missing",
        """
WS = getattr(websocket, "WebSocketHandler")
class Door(WS):
    def open(self):
        clients.add(self)
""",
        {},
    ),
    "importlib": (
        "missing",
        """
import importlib
ws = importlib.import_module("tornado.websocket")
class Door(ws.WebSocketHandler):
    def open(self):
        clients.add(self)
""",
        {},
    ),
    "try import else object": (
        "missing",
        """
try:
    from tornado.websocket import WebSocketHandler as WS
except ImportError:
    WS = object
class Door(WS):
    def open(self):
        clients.add(self)
""",
        {},
    ),
    "try import none": (
        "missing",
        """
try:
    import tornado.websocket as tw
except ImportError:
    tw = None
if tw is not None:
    class Door(tw.WebSocketHandler):
        def open(self):
            clients.add(self)
""",
        {},
    ),
    "star bases": (
        "missing|unknown",
        """
BASES = (WebSocketHandler,)
class Door(*BASES):
    def open(self):
        clients.add(self)
""",
        {},
    ),
    "generic": (
        "missing",
        """
from typing import Generic, TypeVar
T = TypeVar("T")
class Base(WebSocketHandler, Generic[T]):
    pass
class Door(Base[int]):
    def open(self):
        clients.add(self)
""",
        {},
    ),
    "base of package init": (
        "missing",
        """
from lib import Socket
class Door(Socket):
    def open(self):
        clients.add(self)
""",
        {
            "lib/__init__.py": """
from .core import *
""",
            "lib/core.py": """
from tornado import websocket
__all__ = ["Socket"]
class Socket(websocket.WebSocketHandler):
    pass
""",
        },
    ),
    "lazy getattr package": (
        "missing",
        """
import lib
class Door(lib.Socket):
    def open(self):
        clients.add(self)
""",
        {
            "lib/__init__.py": """
def __getattr__(name):
    if name == "Socket":
        from lib.core import Socket
        return Socket
    raise AttributeError(name)
""",
            "lib/core.py": """
from tornado import websocket
class Socket(websocket.WebSocketHandler):
    pass
""",
        },
    ),
    "with_metaclass": (
        "missing",
        """
import six, abc
class Door(six.with_metaclass(abc.ABCMeta, WebSocketHandler)):
    def open(self):
        clients.add(self)
""",
        {},
    ),
    "dict of classes": (
        "missing",
        """
HANDLERS = {"ws": WebSocketHandler}
class Door(HANDLERS["ws"]):
    def open(self):
        clients.add(self)
""",
        {},
    ),
    "base with derived": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self):
        clients.add(self)
    def on_message(self, m):
        self.handle(m)
    def handle(self, m):
        room.say(m)
class Special(Door):
    def handle(self, m):
        room.say(m, self)
""",
        {},
    ),
    "abc base": (
        "missing",
        """
import abc
class Door(WebSocketHandler, abc.ABC):
    def open(self):
        clients.add(self)
class Special(Door):
    pass
""",
        {},
    ),
    "sockjs": (
        "missing",
        """
from sockjs.tornado import SockJSConnection, SockJSRouter
class Door(SockJSConnection):
    def on_open(self, info):
        clients.add(self)
    def on_message(self, m):
        self.broadcast(clients, m)
router = SockJSRouter(Door, "/ws")
""",
        {},
    ),
    "tornadio": (
        "missing",
        """
import tornadio2
class Door(tornadio2.SocketConnection):
    def on_open(self, info):
        clients.add(self)
""",
        {},
    ),
    "a connection of TornadIO in a file that does not speak of Tornado": (
        "missing",
        """
from tornadio import get_router
from connection import Door
Application([get_router(Door).route()])
""",
        {
            "connection.py": """
from tornadio import SocketConnection
class Door(SocketConnection):
    def on_open(self, *args):
        self.id = None
    def on_message(self, message):
        self.id = self.id or message.get("id")
        self.send("hello %s" % self.id)
"""
        },
    ),
    "a user made up where nobody was asked yet": (
        "guarded",
        """
import inspect
class Person:
    def __init__(self, name):
        self.name = name
class Base(WebSocketHandler):
    def get_current_user(self):
        if hasattr(self, "_person"):
            return self._person
        raise RuntimeError("nobody was asked yet")
    def prepare(self):
        if inspect.getmodule(self.get_current_user).__name__ != __name__:
            person = Person(self.get_current_user())
        else:
            person = self.settings["provider"].get_user(self)
        self.current_user = self._person = person
class Door(Base):
    def get(self, *args):
        if self.current_user is None:
            raise HTTPError(403)
        return super().get(*args)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a user made up for everybody": (
        "missing",
        """
import inspect
class Person:
    def __init__(self, name):
        self.name = name
class Base(WebSocketHandler):
    def get_current_user(self):
        if hasattr(self, "_person"):
            return self._person
        return None
    def prepare(self):
        if inspect.getmodule(self.get_current_user).__name__ == __name__:
            person = Person(self.get_current_user())
        else:
            person = self.settings["provider"].get_user(self)
        self.current_user = self._person = person
class Door(Base):
    def get(self, *args):
        if self.current_user is None:
            raise HTTPError(403)
        return super().get(*args)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "frames fail on what is not there": (
        "late",
        """
class Door(WebSocketHandler):
    def initialize(self):
        self.worker = None
    def open(self):
        worker = sessions.get(self.get_argument("session"))
        if not worker:
            self.close()
            return
        self.worker = worker
    def on_message(self, message):
        self.worker().run(message)
""",
        {},
    ),
    "only the login is picked by who is nobody": (
        "late",
        """
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        kind = data["type"]
        if kind != "login" and self.user is None:
            return
        getattr(self, "on_{}".format(kind))(**data["data"])
    def on_delete(self, room):
        db.delete_room(room)
    def on_login(self, token):
        user = sessions.find(token)
        if user is None:
            return
        self.user = user
""",
        {},
    ),
    "only the login is picked, of another json": (
        "late",
        """
import ujson
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = ujson.loads(message)
        kind = data["type"]
        if kind != "login" and self.user is None:
            return
        getattr(self, "on_{}".format(kind))(**data["data"])
    def on_delete(self, room):
        db.delete_room(room)
    def on_login(self, token):
        user = sessions.find(token)
        if user is None:
            return
        self.user = user
""",
        {},
    ),
    "another than the login is picked by who is nobody": (
        "late",
        """
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        kind = data["type"]
        if kind != "delete" and self.user is None:
            return
        getattr(self, "on_{}".format(kind))(**data["data"])
    def on_delete(self, room):
        db.delete_room(room)
    def on_login(self, token):
        user = sessions.find(token)
        if user is None:
            return
        self.user = user
""",
        {},
    ),
    "frames reach what another object put there": (
        "late",
        """
class Door(WebSocketHandler):
    def initialize(self):
        self.worker = None
    def open(self):
        clients.add(self)
        if not sessions.get(self.get_argument("session")):
            self.close()
            return
    def on_message(self, message):
        self.worker().run(message)
""",
        {},
    ),
}
