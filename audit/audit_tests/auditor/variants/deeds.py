"""Actions that a message names: checks before them, and code that only stands beside them.

`MEMBERS` are of authenticated clients, `LATE` of clients that authenticate after the 101,
`ANYBODY` of unauthenticated clients.
"""

__all__ = ["ANYBODY", "LATE", "MEMBERS"]

MEMBERS: dict[str, tuple[str, str]] = {
    "a mailbox that the client logs into": (
        "ok",
        """
import imaplib
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        box = imaplib.IMAP4_SSL("mail.example.org")
        if data["kind"] == "office":
            box.login(data["office"], data["password"])
        else:
            box.login(data["user"], data["password"])
        box.delete(data["folder"])
""",
    ),
    "all but oneself are told, and the owner asked": (
        "ok",
        """
ROOMS = {}
class Door(Base):
    def open(self):
        self.name = self.current_user
        for one in ROOMS["hall"]:
            if one.name != self.name:
                one.write_message("here")
    def on_message(self, message):
        data = json.loads(message)
        room = db.rooms.get(data["room"])
        if room.owner != self.name:
            return
        room.delete()
""",
    ),
    "one of many that is not one's own is left": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        self.name = self.current_user
        for one in db.find_rooms(data["room"]):
            if one.name != self.name:
                continue
            one.delete()
""",
    ),
    "one of many that is not one's own is told of": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        self.name = self.current_user
        for one in db.find_rooms(data["room"]):
            if one.name != self.name:
                self.write_message("no")
            else:
                one.delete()
""",
    ),
    "one of many that is not one's own is noted": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        self.name = self.current_user
        other = False
        room = db.rooms.get(data["room"])
        for one in room.owners:
            if one.name != self.name:
                other = True
        if other:
            return
        room.delete()
""",
    ),
    "an exception that is made of what was said": (
        "ok",
        """
from elsewhere import Refused, ValidationError
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        try:
            if data["kind"] != "ping":
                raise ValidationError(data["kind"])
        except Refused:
            pass
""",
    ),
    "a text that is translated": (
        "ok",
        """
TABLE = bytes(range(256))
class Door(Base):
    def on_message(self, message):
        self.write_message(bytes.translate(message, TABLE))
""",
    ),
    "a function by the class of the request, each asks": (
        "ok",
        """
class Delete:
    def __init__(self, room): self.room = room
class Rename:
    def __init__(self, room, name): self.room, self.name = room, name
def on_delete(user, server, request):
    if not server.owns(user, request.room):
        raise PermissionError
    server.rooms.delete(request.room)
def on_rename(user, server, request):
    if not server.owns(user, request.room):
        raise PermissionError
    server.rooms.rename(request.room, request.name)
HANDLERS = {Delete: on_delete, Rename: on_rename}
KINDS = {"delete": Delete, "rename": Rename}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        request = KINDS[data.pop("type")](**data)
        HANDLERS[type(request)](self.current_user, self.application, request)
""",
    ),
    "a path of attributes": (
        "missing",
        """
import api
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        target = api
        for part in data["method"].split("."):
            target = getattr(target, part)
        target(**data["arguments"])
""",
    ),
    "a path of attributes in an allow-list that reads": (
        "ok",
        """
import api
EXPOSED = frozenset({"clock.now", "status.show"})
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["method"] not in EXPOSED:
            return
        if data["method"] == "clock.now":
            self.write_message(api.clock.now())
        else:
            self.write_message(api.status.show())
""",
    ),
    "routes of patterns, asked": (
        "ok",
        r"""
import re
class Door(Base):
    routes = [(re.compile(r"^delete (?P<room>\w+)$"), "delete"), (re.compile(r"^say (?P<text>.*)$"), "say")]
    def on_message(self, message):
        for pattern, name in self.routes:
            found = pattern.match(message)
            if found:
                return getattr(self, name)(**found.groupdict())
    def delete(self, room):
        if not db.room(room).is_owned_by(self.current_user):
            return
        db.delete_room(room)
    def say(self, text):
        hall.say(self.current_user, text)
""",
    ),
    "a word of the line, python 2, operators only": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        words = message.split()
        func = getattr(self, "cmd_%s" % words[0].lower(), None)
        if func is None:
            self.write_message("unknown command %s" % words[0])
            return
        func(*words[1:])
    def cmd_kick(self, name):
        if self.current_user not in self.application.operators:
            self.write_message("you are no operator")
            return
        self.application.users[name].close()
    def cmd_help(self):
        self.write_message("kick, help")
""",
    ),
    "a row of an object mapper, of the owner": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        doc = session.query(Document).filter_by(id=data["id"], owner_id=self.current_user).first()
        if doc is None:
            return
        doc.title = data["title"]
        session.commit()
""",
    ),
    "a row of an object mapper, among the own": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        doc = session.query(Document).get(data["id"])
        user = session.query(User).get(self.current_user)
        if doc not in user.documents:
            return
        doc.title = data["title"]
        session.commit()
""",
    ),
    "published to a channel of a member": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not redis.sismember("members:" + data["room"], self.current_user):
            return
        redis.publish("room:" + data["room"], data["text"])
""",
    ),
    "a channel by a task, asked": (
        "ok",
        """
import tornado.gen
class Door(Base):
    @tornado.gen.engine
    def on_message(self, message):
        feed = json.loads(message)["feed"]
        reader = yield tornado.gen.Task(db.is_reader, self.current_user, feed)
        if not reader:
            self.close()
            return
        yield tornado.gen.Task(self.redis.subscribe, "feed:%s" % feed)
        self.redis.listen(self.on_feed)
    def on_feed(self, line):
        self.write_message(line.body)
""",
    ),
    "a document updated by an operation, of the owner": (
        "ok",
        """
import motor
from bson import ObjectId
class Door(Base):
    @gen.coroutine
    def on_message(self, message):
        data = json.loads(message)
        yield motor.Op(
            db.documents.update,
            {"_id": ObjectId(data["id"]), "owner": self.current_user},
            {"$set": {"title": data["title"]}},
        )
""",
    ),
    "a chain of a query, of the owner": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        Document.delete().where(Document.id == data["id"], Document.owner == self.current_user).execute()
""",
    ),
    "a file written in the own folder": (
        "ok",
        """
import os
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        name = os.path.basename(data["name"])
        with open(os.path.join("/srv/files", self.current_user, name), "w") as file:
            file.write(data["text"])
""",
    ),
    "a sealed handle": (
        "ok",
        """
from itsdangerous import URLSafeSerializer
seal = URLSafeSerializer(os.environ["KEY"])
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        db.delete_document(seal.loads(data["document"]))
""",
    ),
    "a sum of the handle": (
        "ok",
        """
import hmac
KEY = os.environ["KEY"].encode()
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        wanted = hmac.new(KEY, data["document"].encode(), "sha256").hexdigest()
        if not hmac.compare_digest(wanted, data["mac"]):
            return
        db.delete_document(data["document"])
""",
    ),
    "a share link in a table": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        share = db.shares.find(document=data["document"], token=data["share_token"])
        if share is None or not share.writable:
            return
        db.delete_document(data["document"])
""",
    ),
    "ranks and what each needs": (
        "ok",
        """
RANKS = {"guest": 0, "editor": 1, "owner": 2}
NEEDS = {"rename": "editor", "delete": "owner"}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        rank = RANKS[db.rank_of(self.current_user, data["room"])]
        if rank < RANKS[NEEDS[data["type"]]]:
            return
        if data["type"] == "rename":
            db.rename_room(data["room"], data["name"])
        else:
            db.delete_room(data["room"])
""",
    ),
    "a mark on the function that is looked at": (
        "ok",
        """
def command(admin=False):
    def mark(function):
        function.admin = admin
        return function
    return mark
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        function = {"delete": self.delete, "say": self.say}.get(data["type"])
        if function is None:
            return
        if function.admin and not users.is_admin(self.current_user):
            return
        function(data)
    @command(admin=True)
    def delete(self, data):
        db.delete_room(data["room"])
    @command()
    def say(self, data):
        hall.say(self.current_user, data["text"])
""",
    ),
    "rooms of the user, listed at the beginning": (
        "ok",
        """
class Door(Base):
    def open(self):
        self.rooms = set(db.rooms_of(self.current_user))
    def on_message(self, message):
        data = json.loads(message)
        if data["room"] not in self.rooms:
            return
        db.delete_room(data["room"])
""",
    ),
    "counted rows of the owner": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        given = (data["id"], self.current_user)
        found = db.execute("select count(*) from docs where id = ? and owner = ?", given)
        if not found.fetchone()[0]:
            return
        db.execute("delete from docs where id = ?", (data["id"],))
""",
    ),
    "the own account runs it": (
        "ok",
        """
class Door(Base):
    def open(self):
        self.acct = accounts.find(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        self.acct.run(data)
""",
    ),
    "a block that asks": (
        "ok",
        """
from contextlib import contextmanager
@contextmanager
def owned(user, room):
    if db.owner_of(room) != user:
        raise PermissionError(room)
    yield room
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        with owned(self.current_user, data["room"]) as room:
            db.delete_room(room)
""",
    ),
    "a block of a library that asks": (
        "ok",
        """
from rights import Permission, RoleNeed
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        with Permission(RoleNeed("admin")).require(self.current_user):
            db.delete_room(data["room"])
""",
    ),
    "found by a callback, of the owner": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        db.documents.find_one({"_id": data["id"], "owner": self.current_user}, callback=self.on_found)
    def on_found(self, document, error):
        if document is not None:
            db.documents.remove(document)
""",
    ),
    "of those that it names, the own": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        own = {room.id for room in db.rooms_of(self.current_user)}
        for room in own & set(json.loads(message)["rooms"]):
            db.delete_room(room)
""",
    ),
    "of those that it names, the own by a filter": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        own = [room.id for room in db.rooms_of(self.current_user)]
        for room in [one for one in json.loads(message)["rooms"] if one in own]:
            db.delete_room(room)
""",
    ),
    "all asked at once": (
        "ok",
        """
import asyncio
class Door(Base):
    async def on_message(self, message):
        rooms = json.loads(message)["rooms"]
        answers = await asyncio.gather(*[db.may_delete(self.current_user, room) for room in rooms])
        if not all(answers):
            return
        for room in rooms:
            await db.delete_room(room)
""",
    ),
    "a table of questions": (
        "ok",
        """
MAY = {
    "delete": lambda user: user.is_admin,
    "rename": lambda user: user.is_editor,
}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not MAY[data["type"]](self.current_user):
            return
        getattr(db, data["type"] + "_room")(data["room"])
""",
    ),
    "the document of the address, its owner compared": (
        "ok",
        """
class Door(Base):
    def open(self, number):
        self.document = Document.get(int(number))
        if self.document.owner_id != self.current_user:
            self.close(4403)
            return
        self.document.listeners.add(self)
    def on_message(self, message):
        self.document.apply(json.loads(message))
""",
    ),
    "the document of the address and the user, by a property": (
        "ok",
        """
class Door(Base):
    @property
    def document(self):
        return Document.objects.get(pk=self.path_kwargs["pk"], owner=self.current_user)
    def on_message(self, message):
        self.document.update(json.loads(message))
""",
    ),
    "a policy that is enforced": (
        "ok",
        """
import casbin
enforcer = casbin.Enforcer("model.conf", "policy.csv")
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not enforcer.enforce(self.current_user, data["room"], "delete"):
            self.write_message({"error": "no"})
            return
        db.delete_room(data["room"])
""",
    ),
    "a question with a perm": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = Room.objects.get(pk=data["room"])
        if not self.current_user.has_perm("rooms.delete_room", room):
            raise HTTPError(403)
        room.delete()
""",
    ),
    "a task of the server for the user": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        tasks.archive.delay(self.current_user)
""",
    ),
    "a row that is compared by its fields": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        row = db.get("select * from orders where id = %s", data["id"])
        if not row or row["customer"] != self.current_user:
            self.write_message({"error": "no such order"})
            return
        db.execute("delete from orders where id = %s", data["id"])
""",
    ),
    "the rooms of the connection, by the server": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = ROOMS[data["room"]]
        if self.current_user not in room.members:
            return
        for one in room.clients:
            one.write_message(data["text"])
""",
    ),
    "a role in a table of users, python 2": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        row = self.application.db.get("SELECT level FROM users WHERE name = %s", self.current_user)
        if row.level < 9:
            self.write_message(u"not allowed")
            return
        self.application.db.execute("DELETE FROM topics WHERE id = %s", data["topic"])
""",
    ),
    "a room whose owner is fetched": (
        "ok",
        """
class Door(Base):
    @gen.coroutine
    def on_message(self, message):
        data = json.loads(message)
        owner = yield self.application.db.rooms.find_owner(data["room"])
        if owner == self.current_user:
            yield self.application.db.rooms.remove(data["room"])
""",
    ),
    "rights in a bit mask": (
        "ok",
        """
DELETE = 4
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        mask = db.mask_of(self.current_user, data["room"])
        if mask & DELETE:
            db.delete_room(data["room"])
""",
    ),
    "rights in a set of the user": (
        "ok",
        """
class Door(Base):
    def open(self):
        self.rights = db.rights_of(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] not in self.rights:
            return
        getattr(self, "on_" + data["type"])(data)
    def on_delete(self, data):
        db.delete_room(data["room"])
""",
    ),
    "a method with the right in its name": (
        "ok",
        """
class Door(Base):
    def ensure_owner(self, room):
        if db.owner_of(room) != self.current_user:
            raise HTTPError(403)
    def on_message(self, message):
        data = json.loads(message)
        self.ensure_owner(data["room"])
        db.delete_room(data["room"])
""",
    ),
    "a loop over rules": (
        "ok",
        """
RULES = [lambda user, room: db.owner_of(room) == user, lambda user, room: user == "root"]
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not any(rule(self.current_user, data["room"]) for rule in RULES):
            return
        db.delete_room(data["room"])
""",
    ),
    "a policy object of the project": (
        "ok",
        """
class Policy:
    def __init__(self, user):
        self.user = user
    def permits(self, room):
        return db.owner_of(room) == self.user
class Door(Base):
    def open(self):
        self.policy = Policy(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        if self.policy.permits(data["room"]):
            db.delete_room(data["room"])
""",
    ),
    "an exception of the project is answered": (
        "ok",
        """
class Denied(Exception):
    pass
def require(user, room):
    if db.owner_of(room) != user:
        raise Denied(room)
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        try:
            require(self.current_user, data["room"])
            db.delete_room(data["room"])
        except Denied:
            self.write_message({"error": "denied"})
""",
    ),
    "an exception of the project is passed over": (
        "missing",
        """
class Denied(Exception):
    pass
def require(user, room):
    if db.owner_of(room) != user:
        raise Denied(room)
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        try:
            require(self.current_user, data["room"])
        except Denied:
            logging.info("denied")
        db.delete_room(data["room"])
""",
    ),
    "a decorator with the user of the handler": (
        "ok",
        """
def owner_only(method):
    @functools.wraps(method)
    def wrapper(self, data):
        room = db.room(data["room"])
        if room.owner_id != self.current_user:
            return self.write_message({"error": 403})
        return method(self, data)
    return wrapper
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        {"delete": self.delete, "rename": self.rename}[data["type"]](data)
    @owner_only
    def delete(self, data):
        db.delete_room(data["room"])
    @owner_only
    def rename(self, data):
        db.rename_room(data["room"], data["name"])
""",
    ),
    "a class of commands, each with its permission": (
        "ok",
        """
class Command:
    permission = None
    def run(self, user, data):
        raise NotImplementedError
class Delete(Command):
    permission = "rooms.delete"
    def run(self, user, data):
        db.delete_room(data["room"])
COMMANDS = {"delete": Delete()}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        command = COMMANDS[data["type"]]
        if not db.has_permission(self.current_user, command.permission):
            return
        command.run(self.current_user, data)
""",
    ),
    "the tenant of the user is a prefix": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        tenant = db.tenant_of(self.current_user)
        redis.delete("%s:rooms:%s" % (tenant, data["room"]))
""",
    ),
    "the own tenant's table": (
        "ok",
        """
class Door(Base):
    def open(self):
        self.store = stores.for_user(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        self.store.delete(data["id"])
""",
    ),
    "joined only by members, then spoken to": (
        "ok",
        """
ROOMS = {}
class Door(Base):
    def open(self):
        self.joined = {}
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "join":
            if not db.is_member(self.current_user, data["room"]):
                return
            self.joined[data["room"]] = ROOMS[data["room"]]
        elif data["room"] in self.joined:
            self.joined[data["room"]].say(self.current_user, data["text"])
""",
    ),
    "a token of the room in the query": (
        "ok",
        """
class Door(Base):
    def open(self, room):
        if not tokens.verify(self.get_argument("invitation"), room):
            self.close()
            return
        ROOMS[room].add(self)
""",
    ),
    "a signed room in the address": (
        "ok",
        """
from tornado.web import decode_signed_value
class Door(Base):
    def open(self):
        room = decode_signed_value(self.settings["cookie_secret"], "room", self.get_argument("room"))
        if room is None:
            self.close()
            return
        ROOMS[room].add(self)
""",
    ),
    "a superuser or the owner": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        user = db.users.get(self.current_user)
        room = db.rooms.get(data["room"])
        if user.is_superuser or room.owner == user.name:
            db.delete_room(data["room"])
""",
    ),
    "a state of the game": (
        "ok",
        """
class Door(Base):
    def open(self):
        self.game = games.of_player(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        self.game.move(self.current_user, data["x"], data["y"])
""",
    ),
    "the turn of the player": (
        "ok",
        """
games = {}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        game = games[data["game"]]
        if game.turn != self.current_user:
            return
        game.move(data["x"], data["y"])
""",
    ),
    "the own profile": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        profile = Profile.objects.get(user=self.current_user)
        profile.city = data["city"]
        profile.save()
""",
    ),
    "own uploads": (
        "ok",
        """
class Door(Base):
    def open(self):
        self.folder = os.path.join("/srv/uploads", self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        os.remove(os.path.join(self.folder, os.path.basename(data["name"])))
""",
    ),
    "a list of what may be asked": (
        "ok",
        """
QUESTIONS = ("time", "weather")
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        if data["question"] not in QUESTIONS:
            return
        self.write_message({"answer": await oracle.ask(data["question"])})
""",
    ),
    "paging through a list": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        rows = db.query("select id, title from news order by day limit 20 offset %s", int(data["page"]) * 20)
        self.write_message({"rows": rows})
""",
    ),
    "a reaction to a public post": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        db.likes.insert({"post": data["post"], "user": self.current_user})
""",
    ),
}

LATE: dict[str, tuple[str, str]] = {
    "the session of a cookie goes along to the database": (
        "ok",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        who = self.get_cookie("sesid")
        try:
            row = await db.execute("select * from api.call(%s, %s)", (json.dumps(data), who))
        except Exception as error:
            self.write_message(str(error))
            self.close()
            return
        self.write_message(row.fetchone()[0])
""",
    ),
    "the login is picked by name, and then what is allowed": (
        "ok",
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
        if not db.may_delete(self.user, room):
            return
        db.delete_room(room)
    def on_login(self, token):
        user = sessions.find(token)
        if user is None:
            return
        self.user = user
""",
    ),
    "any room of the address that its members are in, after a late question": (
        "ok",
        """
rooms = {}
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def open(self, room):
        user = self.get_current_user()
        if not user or user not in db.members_of(room):
            self.close()
            return
        self.room = room
        rooms.setdefault(room, set()).add(self)
    def on_message(self, message):
        for one in rooms[self.room]:
            one.write_message(message)
""",
    ),
    "the room of a message that is the user's, and its game begins": (
        "ok",
        """
games = {}
class Door(WebSocketHandler):
    def open(self):
        self.user = db.user_of(self.get_signed_cookie("user"))
        if self.user is None:
            self.close()
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "start":
            game = games[data["room"]]
            if game.host != self.user:
                return
            game.start()
""",
    ),
    "a decorator of the class wraps open and asks for the room": (
        "ok",
        """
rooms = {}
def members_only(cls):
    original = cls.open
    def open(self, room):
        user = self.get_signed_cookie("user")
        if not user or not db.is_member(user, room):
            self.close()
            return None
        return original(self, room)
    cls.open = open
    return cls
@members_only
class Door(WebSocketHandler):
    def open(self, room):
        self.room = room
        rooms.setdefault(room, set()).add(self)
    def on_message(self, message):
        for one in rooms[self.room]:
            one.write_message(message)
""",
    ),
    "the machine starts anew for the operator": (
        "ok",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)
    def on_message(self, message):
        if message == "restart" and db.is_operator(self.current_user):
            os.system("sudo systemctl restart kiosk")
""",
    ),
    "the user that a wrapper adds, asked for the room": (
        "ok",
        """
rooms = {}
def with_user(method):
    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        return method(self, *args, user=self.get_signed_cookie("user"), **kwargs)
    return wrapper
class Door(WebSocketHandler):
    @with_user
    def open(self, room, user):
        if not user or not db.is_member(user, room):
            self.close()
            return
        rooms[room].add(self)
    def on_message(self, message):
        self.write_message(message)
""",
    ),
}

_MAILBOXES = """
import queue
class Session:
    def __init__(self):
        self.tasks = {{}}
    def begin(self, name):
        self.tasks[name] = queue.Queue()
    def send(self, event):
        box = self.tasks.get(event["task_id"])
        if box:
            box.put_nowait(event)
{before}
class Door(WebSocketHandler):
    def open(self):
        {begin}
    def on_message(self, message):
        {session}.send(json.loads(message))
"""

ANYBODY: dict[str, tuple[str, str]] = {
    "a shell of a server that the client logs into": (
        "ok",
        """
import paramiko
class Door(WebSocketHandler):
    def open(self):
        ssh = paramiko.SSHClient()
        ssh.connect(
            self.get_argument("host"),
            username=self.get_argument("user"),
            password=self.get_argument("password"),
        )
        self.channel = ssh.invoke_shell()
    def on_message(self, message):
        self.channel.send(json.loads(message)["data"])
""",
    ),
    "a line in no channel": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        db.messages.insert({"text": data["text"], "colour": data["colour"]})
""",
    ),
    "a line in the one channel": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        db.messages.insert({"channel": "hall", "text": data["text"], "colour": data["colour"]})
""",
    ),
    "rows that are done are deleted": (
        "ok",
        """
import sqlite3
base = sqlite3.connect("lines.db")
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        base.execute("delete from lines where done = 1")
        self.write_message(data["text"])
""",
    ),
    "rows that a message names are read": (
        "ok",
        """
import sqlite3
base = sqlite3.connect("lines.db")
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        self.write_message(base.execute("select title from news where id = ?", (data["id"],)).fetchone()[0])
""",
    ),
    "a message is spread over a function that adds": (
        "ok",
        """
import sqlite3
base = sqlite3.connect("lines.db")
def add(text):
    base.execute("INSERT INTO lines (text) VALUES (?)", (text,))
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        add(**data)
""",
    ),
    "a task of the own session": (
        "ok",
        _MAILBOXES.format(before="", begin="self.session = Session()", session="self.session"),
    ),
    "told to whoever it names": (
        "missing",
        """
people = {}
class Door(WebSocketHandler):
    def open(self, uid):
        self.uid = uid
        people[uid] = self
    def on_message(self, message):
        data = json.loads(message)
        other = people.get(data["to_uid"])
        if other:
            other.write_message({"from": self.uid, "text": data["text"]})
""",
    ),
    "told to whoever it names, by a service": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self, uid):
        self.uid = uid
        Operations().set_notifier(self.uid, self)
    def on_message(self, message):
        data = json.loads(message)
        Operations().talk_to(self.uid, data["to_uid"], data["content"])
""",
    ),
    "told to all": (
        "ok",
        """
people = set()
class Door(WebSocketHandler):
    def open(self):
        people.add(self)
    def on_message(self, message):
        for one in people:
            one.write_message(message)
""",
    ),
    "what the lamps do": (
        "ok",
        """
control = Controller()
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "LIGHTS":
            self.write_message({"lights": control.readLights()})
        elif message == "TEMPERATURE":
            self.write_message({"temperature": control.readTemperature()})
""",
    ),
    "a file of a table": (
        "ok",
        """
FILES = {"access": "/var/log/access.log", "error": "/var/log/error.log"}
class Door(WebSocketHandler):
    def on_message(self, message):
        path = FILES.get(message)
        if path is None:
            return
        with open(path) as file:
            self.write_message(file.read())
""",
    ),
    "a signal to whoever listens": (
        "ok",
        """
from blinker import signal
spoken = signal("spoken")
class Door(WebSocketHandler):
    def on_message(self, message):
        spoken.send(self, text=message)
""",
    ),
    "a path of attributes of a module": (
        "missing",
        """
import methods
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        method = methods
        for part in data["method"].split("."):
            method = getattr(method, part)
        method.invoke(self, data["parameters"])
""",
    ),
    "a path of attributes of a module that an option names": (
        "missing",
        """
class Door(WebSocketHandler):
    @classmethod
    def configure(cls):
        cls.__method = __import__(options.socket_method_module)
    def on_message(self, message):
        method = self.__method
        try:
            data = json.loads(message)
            for part in data["method"].split("."):
                method = getattr(method, part)
            method.invoke(self, data["parameters"])
        except Exception as error:
            logging.error(error)
""",
    ),
    "listens to what it names": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        bugs.subscribe(data["bug"], self)
""",
    ),
    "a search": (
        "ok",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        found = await client.fetch("https://words.example/?q=" + message)
        self.write_message(found.body)
""",
    ),
    "an attribute of a motor": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        motor = getattr(robot, data["motor"])
        setattr(motor, data["register"], data["value"])
""",
    ),
    "counts the visits": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        stats.increment("messages")
        self.write_message({"online": len(people)})
""",
    ),
    "a player moves": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        self.player = world.enter(self)
    def on_message(self, message):
        data = json.loads(message)
        self.player.move(data["x"], data["y"])
""",
    ),
    "an item is added": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        lines.append(json.loads(message)["text"])
""",
    ),
    "a picture of the camera": (
        "ok",
        """
camera = Camera()
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "photo":
            picture = camera.capture()
            self.write_message(picture, binary=True)
""",
    ),
    "answers a ping": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "ping":
            self.write_message("pong")
""",
    ),
    "says how it is": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "status":
            self.write_message(db.get_status())
        elif message == "version":
            self.write_message({"version": db.version()})
""",
    ),
    "leaves where nothing is said": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        if not message:
            return
        stats.increment("messages")
        for one in clients:
            one.write_message(message)
""",
    ),
    "a line of a chat, and its history": (
        "ok",
        """
history = []
people = set()
class Door(WebSocketHandler):
    def open(self):
        people.add(self)
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "chat":
            history.append(data["text"])
            for one in people:
                one.write_message({"text": data["text"]})
""",
    ),
    "its own timer": (
        "ok",
        """
from tornado.ioloop import PeriodicCallback
class Door(WebSocketHandler):
    def open(self):
        self.timer = PeriodicCallback(self.tick, 500)
    def tick(self):
        self.write_message(db.get_load())
    def on_message(self, message):
        if message == "start":
            self.timer.start()
        elif message == "stop":
            self.timer.stop()
""",
    ),
    "listens, and no longer": (
        "ok",
        """
people = set()
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "subscribe":
            people.add(self)
        elif message == "unsubscribe":
            people.discard(self)
""",
    ),
    "logs what it is told": (
        "ok",
        """
import logging
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "ready":
            logging.info("the page is ready")
""",
    ),
    "the one room there is": (
        "ok",
        """
room = set()
class Door(WebSocketHandler):
    def open(self):
        room.add(self)
    def on_message(self, message):
        for one in room:
            one.write_message(message)
""",
    ),
    "the language of the query": (
        "ok",
        """
people = set()
class Door(WebSocketHandler):
    def open(self):
        self.language = self.get_argument("language", "en")
        people.add(self)
    def on_message(self, message):
        self.write_message(texts.translated(message, self.language))
""",
    ),
    "how often, by the query": (
        "ok",
        """
from tornado.ioloop import PeriodicCallback
people = set()
class Door(WebSocketHandler):
    def open(self):
        self.timer = PeriodicCallback(self.tick, int(self.get_argument("interval", "500")))
        self.timer.start()
        people.add(self)
    def tick(self):
        self.write_message(gauge.read())
""",
    ),
    "a page of what is for all, by the query": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        for line in db.lines.page(self.get_query_argument("page", "1")):
            self.write_message(line)
""",
    ),
    "a text with what the path says": (
        "ok",
        """
from tornado.template import Template
people = set()
class Door(WebSocketHandler):
    def open(self, name):
        self.write_message(Template("hello {{ name }}").generate(name=name))
        people.add(self)
""",
    ),
    "only logs the address": (
        "ok",
        """
people = set()
class Door(WebSocketHandler):
    def open(self, name):
        logging.info("%s is here", name)
        people.add(self)
    def on_message(self, message):
        logging.info("%s", message)
""",
    ),
    "run in another thread": (
        "ok",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        if data["action"] == "hash":
            loop = IOLoop.current()
            self.write_message(await loop.run_in_executor(None, hashlib.sha256, data["text"]))
""",
    ),
    "a motor of its own that a helper is given": (
        "ok",
        """
from robot import Simulated
class Door(WebSocketHandler):
    def open(self):
        self.motors = Simulated()
    def on_message(self, message):
        if message == "forward":
            self._drive(self.motors)
    def _drive(self, both):
        both.forward()
""",
    ),
    "published to the one channel": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        redis.publish("chat", message)
""",
    ),
    "subscribes to a user": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        redis.subscribe("user:%s" % data["user_id"], self.on_line)
    def on_line(self, line):
        self.write_message(line.body)
""",
    ),
    "subscribes to a bug": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["command"] == "subscribe":
            for bug in data["bugs"]:
                bugs.subscribe(bug, self)
""",
    ),
    "notes that somebody was there": (
        "ok",
        """
class Server(Application):
    def __init__(self):
        self.last_packet = None
        self.packets = 0
        super().__init__([(r"/ws", Door)])
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "alive":
            self.application.last_packet = data
            self.application.packets += 1
""",
    ),
    "a path of attributes, under a star": (
        "missing",
        """
from tornado.web import *
class Door(WebSocketHandler):
    def on_message(self, message):
        method = self.methods
        data = json.loads(message)
        for part in data["method"].split("."):
            method = getattr(method, part)
        method.invoke(self, data["parameters"])
""",
    ),
    "a robot of its own": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        self.robot = Robot()
    def on_message(self, message):
        if message == "forward":
            self.robot.forward()
""",
    ),
    "a parser of its own": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        self.parser = Parser()
    def on_message(self, message):
        self.parser.feed(message)
        self.write_message(self.parser.result())
""",
    ),
    "measures the time": (
        "ok",
        """
import time
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "time":
            self.write_message(str(time.time()))
        elif message == "date":
            self.write_message(time.strftime("%Y"))
""",
    ),
    "the page of a visitor": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "visit":
            metrics.visits.labels(data["page"]).inc()
""",
    ),
    "sends all that is new": (
        "ok",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "news":
            for row in await db.fetch("select * from news order by day"):
                self.write_message(dict(row))
""",
    ),
    "a game against the machine": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        self.board = Board()
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "move":
            self.board.play(data["cell"])
            answer = self.board.best_move()
            self.board.play(answer)
            self.write_message({"cell": answer})
""",
    ),
    "waits for others": (
        "ok",
        """
waiting = []
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "ready":
            waiting.append(self)
            if len(waiting) == 2:
                for one in waiting:
                    one.write_message("go")
""",
    ),
    "reconnects its own source": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        self.source = Source()
        self.source.start()
    def on_message(self, message):
        if message == "pause":
            self.source.stop()
        elif message == "go":
            self.source.start()
""",
    ),
}
