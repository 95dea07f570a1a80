"""Handlers that ask what a client may do, for all that it can choose or not, each with the verdict."""

__all__ = ["CASES"]

_EXTENSION = """
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
class Door(WebSocketHandler, JupyterHandler):
    {decorator}
    async def get(self, *args):
        if self.current_user is None:
            raise HTTPError(403)
        {asks}
        await super().get(*args)
    def open(self, path):
        {uses}
    def on_message(self, message):
        pass
"""
_OWN_AUTHORIZER = """
class Base(WebSocketHandler):
    @property
    def authorizer(self):
        return self.settings["rights"]
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)
class Door(Base):
    def open(self, path):
        {asks}
        self.room = room.named(path)
    def on_message(self, message):
        room.say("hello")
"""

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "open document checked": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def open(self, name):
        doc = db.documents[name]
        if self.current_user not in doc.members:
            self.close(); return
        doc.add(self)
""",
        {},
    ),
    "open document owner": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def open(self, name):
        doc = db.documents.get(name)
        if doc.owner != self.current_user:
            self.close(); return
        doc.add(self)
""",
        {},
    ),
    "query with user": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def open(self, name):
        doc = db.query(Document).filter_by(name=name, user=self.current_user).one()
        doc.add(self)
""",
        {},
    ),
    "message deletes admin": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "delete":
            if not self.is_admin():
                return
            db.delete_room(data["room"])
    def is_admin(self):
        return db.role(self.current_user) == "admin"
""",
        {},
    ),
    "one type asked, other not": (
        "missing",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "delete":
            if not self.current_user.is_admin:
                return
            db.delete_room(data["room"])
        elif data["type"] == "rename":
            db.rename_room(data["room"], data["name"])
""",
        {},
    ),
    "dispatch table decorated": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

def needs(role):
    def wrap(f):
        @functools.wraps(f)
        def inner(self, *a):
            if role not in self.roles():
                raise HTTPError(403)
            return f(self, *a)
        return inner
    return wrap
class Door(Base):
    def roles(self):
        return db.roles_of(self.current_user)
    @needs("admin")
    def delete(self, data):
        db.delete_room(data["room"])
    def on_message(self, message):
        data = json.loads(message)
        actions = {"delete": self.delete}
        actions[data["type"]](data)
""",
        {},
    ),
    "dispatch table one undecorated": (
        "missing",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

def needs(role):
    def wrap(f):
        @functools.wraps(f)
        def inner(self, *a):
            if role not in self.roles():
                raise HTTPError(403)
            return f(self, *a)
        return inner
    return wrap
class Door(Base):
    def roles(self):
        return db.roles_of(self.current_user)
    @needs("admin")
    def delete(self, data):
        db.delete_room(data["room"])
    def ban(self, data):
        db.ban_user(data["user"])
    def on_message(self, message):
        data = json.loads(message)
        actions = {"delete": self.delete, "ban": self.ban}
        actions[data["type"]](data)
""",
        {},
    ),
    "listener only": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def open(self):
        clients.add(self)
""",
        {},
    ),
    "chat to everybody": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def open(self):
        clients.add(self)
    def on_message(self, message):
        for one in clients:
            one.write_message(message)
""",
        {},
    ),
    "subscribe checked": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not self.application.acl.allows(self.current_user, data["channel"]):
            return
        self.application.hub.subscribe(data["channel"], self)
""",
        {},
    ),
    "sibling sockets: one asks": (
        "missing",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Other(Base):
    def open(self, project):
        if not db.has_access(self.current_user, project):
            self.close(); return
        db.follow(project, self)
class Door(Base):
    def open(self, project):
        db.follow(project, self)
""",
        {},
    ),
    "own session id": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def open(self):
        self.kernel = self.application.kernels[self.current_user]
    def on_message(self, message):
        self.kernel.execute(message)
""",
        {},
    ),
    "logs by query checked in prepare": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def prepare(self):
        super().prepare()
        job = self.get_argument("job")
        if not db.may_read(self.current_user, job):
            raise HTTPError(403)
    def open(self):
        for line in db.logs(self.get_argument("job")):
            self.write_message(line)
""",
        {},
    ),
    "jwt scope checked": (
        "ok",
        """
KEY = os.environ["KEY"]
class Door(WebSocketHandler):
    def prepare(self):
        self.claims = jwt.decode(self.get_argument("token"), KEY, algorithms=["HS256"])
    def open(self, room_id):
        if room_id not in self.claims["rooms"]:
            self.close(); return
        room.join(room_id, self)
""",
        {},
    ),
    "role decorator on open": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

def admin(f):
    def inner(self, *a):
        if self.current_user.role != "admin":
            self.close(); return
        return f(self, *a)
    return inner
class Door(Base):
    @admin
    def open(self, job):
        db.follow(job, self)
""",
        {},
    ),
    "third party decorator": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

from other import require_permission
class Door(Base):
    @require_permission("rooms:read")
    def open(self, job):
        db.follow(job, self)
""",
        {},
    ),
    "get_user_rooms": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        rooms = db.rooms_of(self.current_user)
        if data["room"] in rooms:
            rooms[data["room"]].say(data["text"])
""",
        {},
    ),
    "attr role": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def open(self, job):
        if not self.current_user.is_admin:
            self.close(); return
        db.follow(job, self)
""",
        {},
    ),
    "attr role compare": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def open(self, job):
        user = db.user(self.current_user)
        if user.role != "admin":
            self.close(); return
        db.follow(job, self)
""",
        {},
    ),
    "service object checks": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Service:
    def run(self, user, name, args):
        if not db.has_permission(user, name):
            raise PermissionError(name)
        return db.call(name, args)
service = Service()
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        self.write_message(service.run(self.current_user, data["method"], data["args"]))
""",
        {},
    ),
    "match action one asked": (
        "missing",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        match data["action"]:
            case "kick":
                if "moderator" not in db.roles(self.current_user):
                    return
                db.kick(data["user"])
            case "mute":
                db.mute(data["user"])
""",
        {},
    ),
    "match action all asked": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if "moderator" not in db.roles(self.current_user):
            return
        match data["action"]:
            case "kick":
                db.kick(data["user"])
            case "mute":
                db.mute(data["user"])
""",
        {},
    ),
    "url user compared": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def open(self, user_id):
        if user_id != self.current_user:
            self.close(); return
        room.join(user_id, self)
""",
        {},
    ),
    "url user not compared": (
        "missing",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def open(self, user_id):
        room.join(user_id, self)
""",
        {},
    ),
    "ping only": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def on_message(self, message):
        if message == "ping":
            self.write_message("pong")
""",
        {},
    ),
    "echo": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def on_message(self, message):
        self.write_message(message)
""",
        {},
    ),
    "log message": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

import logging
class Door(Base):
    def on_message(self, message):
        logging.info("got %s", message)
""",
        {},
    ),
    "filter own list": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    def open(self):
        for job in db.jobs_of(self.current_user):
            self.write_message(job)
""",
        {},
    ),
    "async permission": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    async def open(self, doc):
        if not await self.application.policy.allows(self.current_user, "read", doc):
            self.close(4403)
            return
        await db.watch(doc, self)
""",
        {},
    ),
    "authorizer in get": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

class Door(Base):
    async def get(self, *a, **k):
        if not await self.authorizer.is_authorized(self, self.current_user, "execute", "docs"):
            raise HTTPError(403)
        return await super().get(*a, **k)
    async def open(self, doc):
        await db.watch(doc, self)
""",
        {},
    ),
    "decorator authorized": (
        "ok",
        """
class Base(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

def authorized(action):
    def wrap(f):
        @functools.wraps(f)
        async def inner(self, *a, **k):
            if not self.application.acl.may(self.current_user, action):
                raise HTTPError(403)
            return await f(self, *a, **k)
        return inner
    return wrap
class Door(Base):
    @authorized("watch")
    async def get(self, *a, **k):
        return await super().get(*a, **k)
    async def open(self, doc):
        await db.watch(doc, self)
""",
        {},
    ),
    "the authorizer of a base that was not read": (
        "missing",
        _EXTENSION.format(asks="", decorator="", uses="self.room = room.named(path)"),
        {},
    ),
    "the authorizer of a base that was not read, asked": (
        "ok",
        _EXTENSION.format(
            asks="if not self.authorizer.is_authorized(self, self.current_user, 'read', 'x'):\n"
            "            raise HTTPError(403)",
            decorator="",
            uses="self.room = room.named(path)",
        ),
        {},
    ),
    "the authorizer of a base that was not read, asked by a decorator": (
        "ok",
        _EXTENSION.format(asks="", decorator="@authorized", uses="self.room = room.named(path)"),
        {},
    ),
    "the authorizer of a base that was not read, and one thing for all": (
        "ok",
        _EXTENSION.format(asks="", decorator="", uses="self.write_message('load: 3')").replace(
            "open(self, path)", "open(self)"
        ),
        {},
    ),
    "the authorizer of a base": (
        "missing",
        _OWN_AUTHORIZER.format(asks=""),
        {},
    ),
    "the authorizer of a base, asked": (
        "ok",
        _OWN_AUTHORIZER.format(asks="self.authorizer.check(self.current_user, 'chat')"),
        {},
    ),
}
