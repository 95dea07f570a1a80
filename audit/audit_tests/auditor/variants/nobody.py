"""Lessons from handlers of a sixth set: a failed look-up gives no user, and later code fails on that."""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_PREPARED = """
class Door(WebSocketHandler):
    def get_current_user(self):
        name = self.get_secure_cookie("who")
        if not name:
            return None
        return db.users.get(name)
    def prepare(self):
        room.count(self.request.path)
        self.who = {early}
    def open(self):
        {opening}
        room.join(self)
    def on_message(self, message):
        room.say(message)
"""

_FOUND = """
class Shelf:
    def __init__(self, session):
        self.session = session
    def find(self, name):
        books = self.session.get("books")
        if books:
            return books.get(name)
        return None
class Door(WebSocketHandler):
    def initialize(self):
        self.shelf = Shelf({session})
    async def open(self, name):
        book = self.shelf.find(name)
        {asked}
        self.remote = await websocket.websocket_connect({address})
    async def on_message(self, message):
        self.remote.write_message(message)
"""

_STATE = """
class Door(WebSocketHandler):
    def initialize(self):
        self.user = None
    def on_message(self, message):
        said = json.loads(message)
        if said["type"] == "login":
            found = db.users.check_password(said["name"], said["password"])
            if found:
                self.user = found
        elif said["type"] == "rename":
            {rename}
    def on_close(self):
        room.leave(self)
"""

_OVERWRITTEN = """
class Session:
    def __init__(self, user):
        self.user = user
        self.language = "en"
class Door(WebSocketHandler):
    def open(self):
        self.session = Session(self.current_user)
    def on_message(self, message):
        said = json.loads(message)
        {fills}
        if not self.session.user:
            return self.close()
        room.say(said["text"])
"""

_LISTED = """
class Door(WebSocketHandler):
    def open(self):
        self.name = f"user-{{self.current_user}}"
        {joins}
    def on_message(self, message):
        if self.name not in room.members:
            return self.close()
        room.say(message)
"""

_AFTER = """
class Door(WebSocketHandler):
    def __init__(self, application, request, **words):
        super().__init__(application, request, **words)
        self.host = self.host_of(request.arguments.get("token", []).pop())
    @staticmethod
    def host_of(token):
        for host in room.hosts:
            if {test}:
                return host
        return None
    def get(self, *args, **words):
        super().get(*args, **words)
        if {question}:
            self.host.write_message("one more")
        else:
            {otherwise}
    def on_message(self, message):
        room.move(message)
"""

_TRIED = """
class Door(WebSocketHandler):
    def get(self, *args, **words):
        try:
            super().get(*args, **words)
            {asked}
        except ValueError:
            pass
    def on_message(self, message):
        room.move(message)
"""

_LEFT = """
class Door(WebSocketHandler):
    def open(self):
        who = {who}
        if not who:
            self.write_message("no such guest")
            return
        self.nick = who
        room.join(self)
    def on_message(self, message):
        room.say(self.nick, message)
"""

_TEXT = """
class Door(WebSocketHandler):
    def on_message(self, message):
        who = str({who}, encoding="utf-8")
        room.say(who, message)
"""

_PERSON = """
class Visitor:
    def __init__(self, name="", is_authenticated=False):
        self.name = name
        self.is_authenticated = is_authenticated
class Door(WebSocketHandler):
    def initialize(self):
        self.visitor = Visitor({given})
    def on_message(self, message):
        said = json.loads(message)
        if said["type"] == "login" and db.users.check_password(said["name"], said["password"]):
            self.visitor.is_authenticated = True
        elif not self.visitor.is_authenticated:
            self.close()
        else:
            room.say(said["text"])
"""

_ROOM = """
class Hall:
    def __init__(self, name, user=None):
        self.name = name
        self.people = {{user}} if user else set()
class Server(Application):
    def __init__(self):
        self.hall = Hall("hall")
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def open(self):
        for one in self.application.hall.people:
            one.write_message({greeting})
        {joining}
    def on_message(self, message):
        room.say(message)
"""

_PICTURE = """
class Door(WebSocketHandler):
    def initialize(self):
        self.user = None
    def on_message(self, message):
        said = json.loads(message)
        if said["type"] == "login":
            found = db.users.check_password(said["name"], said["password"])
            if found:
                self.user = found
        elif self.user is None or not os.path.exists(f"/pictures/{self.user.picture}.png"):
            self.write_message("who are you?")
        else:
            room.say(said["text"])
"""

_TABLE = """
PAGES = {{}}
class Door(WebSocketHandler):
    def on_message(self, message):
        said = json.loads(message)
        session = said["sessionId"]
        {keeping}
        room.draw(said["text"])
"""

_CACHE = """
MODES = {{}}
class Door(WebSocketHandler):
    def on_message(self, message):
        said = json.loads(message)
        mode = self.mode_of(said["session_id"])
        room.run(said["text"], mode)
    def mode_of(self, session_id):
        held = MODES.get(session_id)
        if held is not None:
            return held["mode"]
        {otherwise}
"""

_PARCEL = """
PARCELS = {{}}
class Door(WebSocketHandler):
    def on_message(self, message):
        said = json.loads(message)
        if said["type"] == "put":
            {asked}
            token = os.urandom(16).hex()
            PARCELS[token] = said["text"]
            self.write_message(token)
        else:
            text = PARCELS.pop(said["token"], None)
            if text is None:
                self.close()
            else:
                self.write_message(text)
"""

_STORE = """
import redis
class Store:
    def __init__(self):
        self.redis = redis.Redis()
    def get(self, key):
        found = self.redis.get(key)
        if found:
            return found.decode("utf-8")
    def set(self, key, value):
        self.redis.set(key, value)
store = Store()
class Door(WebSocketHandler):
    def on_message(self, message):
        said = json.loads(message)
        held = store.get({key})
        if not held:
            {otherwise}
        room.draw(said["text"])
"""

_RETURN = """
def answered(text):
    return gen.Return({{"text": text}})
class Door(WebSocketHandler):
    @gen.coroutine
    def on_message(self, message):
        said = json.loads(message)
        answer = yield self.of(said)
        self.write_message(answer)
    @gen.coroutine
    def of(self, said):
        {asked}
        raise answered(room.find(said["text"]))
"""

_AUTH_FIELD = """
class Door(WebSocketHandler):
    def on_message(self, message):
        said = json.loads(message)
        if said.get("auth"):
            player = db.players.get(said["auth"]["{field}"])
            if not player:
                self.close()
                return
            self.player = player
        else:
            room.move(said["text"])
"""

_OFFERED = """
class Door(WebSocketHandler):
    def initialize(self):
        self.offered = []
    def select_subprotocol(self, subprotocols):
        self.offered[:] = subprotocols[:]
        return subprotocols[0]
    async def open(self):
        {asked}
        room.join(self)
    async def on_message(self, message):
        room.say(message)
"""

_REQUEST = """
class Door(WebSocketHandler):
    def open(self):
        if not hasattr(self.request, "headers"):
            self.write_message("not logged in")
            return
        {asked}
        room.join(self)
    def on_message(self, message):
        room.say(message)
"""

_ANOTHER = """
TOKEN = None
class Door(WebSocketHandler):
    def find(self):
        who = self.get_secure_cookie("who")
        if who:
            return who
        {beside}
        return None
    def open(self):
        if not self.find():
            self.close()
            return
        room.join(self)
"""

_PROGRAM = """
import subprocess
from base64 import b64decode
from shutil import which
HELD = os.path.exists(".htpasswd") and which("htpasswd") is not None
class Door(WebSocketHandler):
    def prepare(self):
        if HELD:
            shown = self.request.headers.get("Authorization")
            if shown is None:
                return self.refuse()
            user, password = b64decode(shown.split(maxsplit=1)[1]).split(b":", 1)
            {asking}
    def refuse(self):
        self.set_status(401)
        self.finish()
    def open(self):
        room.join(self)
"""

_PRESSED = """
import subprocess
class Door(WebSocketHandler):
    def on_message(self, message):
        said = json.loads(message)
        {asking}
        room.say(said["text"])
"""

_PREFIXED = """
from configuration import Config
class Server(Application):
    def __init__(self, config: Config):
        given = {{
            name[4:]: getattr(config, name) for name in dir(config) if name.startswith("web_")
        }}
        super().__init__([("/ws", Door)], **given)
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("who")
    def open(self):
        if self.current_user is None and self.settings.get("{name}"):
            raise HTTPError(403)
        room.join(self)
    def on_message(self, message):
        room.say(message)
"""

_NAMING = """
from sockjsroom import SockJSDefaultHandler
class Door(SockJSDefaultHandler):
    def initialize(self):
        self.user_id = None
    def on_open(self, info):
        self.initialize()
    def on_join(self, said):
        {asked}
        self.user_id = found
    def on_news(self, said):
        {question}
        self.send(room.news(said["page"]))
    def on_close(self):
        room.leave(self.user_id)
"""

_BLOCKS = """
from blocks import Parser
class Door(WebSocketHandler):
    def __init__(self, application, request, **words):
        super().__init__(application, request, **words)
        self.parser = Parser(self.got)
    def on_message(self, message):
        {rights}
        self.parser.feed(bytearray(message))
    def got(self, block):
        {asked}
        room.draw(block.text)
"""

_ITSELF = """
import sys
if hasattr(sys, "frozen"):
    folder = os.path.dirname(sys.executable)
else:
    folder = os.path.dirname(__file__)
if folder == "":
    folder = "."
class Door(WebSocketHandler):
    def open(self):
        {asked}
        room.join(self, os.path.join(folder, "pictures"))
"""

_VISITOR = """
SESSIONS = {{}}
class Kept:
    user = None
class Door(WebSocketHandler):
    def kept(self):
        sid = self.get_cookie("sid", "")
        if sid not in SESSIONS:
            SESSIONS[sid] = {fresh}
        return SESSIONS[sid]
    def open(self):
        kept = self.kept()
        {asked}
        room.join(self)
"""

_HELLO = """
SESSIONS = {{}}
class Door(WebSocketHandler):
    def on_message(self, message):
        said = json.loads(message)
        if said["type"] == "hello":
            token = os.urandom(16).hex()
            SESSIONS[token] = {fresh}
            self.write_message(token)
        elif said["type"] == "login":
            if said["token"] in SESSIONS and db.check_password(said["name"], said["password"]):
                SESSIONS[said["token"]]["user"] = said["name"]
        else:
            kept = SESSIONS.get(said["token"])
            if not kept or not kept.get("user"):
                self.close()
                return
            room.say(said["text"])
"""

_SEARCHED = """
class Door(WebSocketHandler):
    def open(self):
        wanted = {wanted}
        found = None
        for one in room.{where}:
            if one.{what} == wanted:
                found = one
        found.people.add(self)
        self.place = found
    def on_message(self, message):
        self.place.say(message)
"""

_REMOTE = """
class Door(WebSocketHandler):
    def initialize(self):
        self.{name} = None
    def open(self):
        room.when_ready(self, self.connected)
    def connected(self, made):
        self.{name} = made
    def on_message(self, message):
        said = json.loads(message)
        self.{name}.channel.send(said["text"])
"""

CASES: dict[str, Case] = {
    "who is looked for early is missed in open": (
        "late",
        _PREPARED.format(early="self.current_user", opening="assert self.current_user"),
        {},
    ),
    "who is looked for early is not missed": (
        "missing",
        _PREPARED.format(early="self.current_user", opening="room.greet(self.who)"),
        {},
    ),
    "who is missed in open by a condition": (
        "late",
        _PREPARED.format(
            early="self.current_user",
            opening="if self.current_user is None: return self.close()",
        ),
        {},
    ),
    "what belongs to the session is asked for more": (
        "late",
        _FOUND.format(session="self.session", asked="", address='f"ws://{book.address()}/ws"'),
        {},
    ),
    "what belongs to the session is not looked at": (
        "missing",
        _FOUND.format(session="self.session", asked="", address='f"ws://inside/{name}"'),
        {},
    ),
    "what belongs to nobody is asked for more": (
        "missing",
        _FOUND.format(session="room.shelf", asked="", address='f"ws://{book.address()}/ws"'),
        {},
    ),
    "messages ask the user for a name": (
        "late",
        _STATE.format(rename='db.rename(self.user.id, said["to"])'),
        {},
    ),
    "messages ask nobody for a name": (
        "late|missing",
        _STATE.format(rename='db.rename(said["id"], said["to"])'),
        {},
    ),
    "get() goes on after the 101, and closes": (
        "late",
        _AFTER.format(
            test="host.token == token", question="self.host", otherwise='self.close(4001, "no")'
        ),
        {},
    ),
    "get() goes on after the 101, and does not close": (
        "missing",
        _AFTER.format(
            test="host.token == token", question="self.host", otherwise="room.greet(self)"
        ),
        {},
    ),
    "get() goes on after the 101, and looks at the name of a room": (
        "missing",
        _AFTER.format(
            test="host.name == token",
            question='self.get_argument("room", "")',
            otherwise='self.write_message("which room?")',
        ),
        {},
    ),
    "get() goes on after the 101 where it looks for errors": (
        "late",
        _TRIED.format(
            asked='if not self.get_secure_cookie("who"):\n                self.close(4001, "no")'
        ),
        {},
    ),
    "get() goes on after the 101 where it looks for errors, and asks nobody": (
        "missing",
        _TRIED.format(asked="room.join(self)"),
        {},
    ),
    "messages need what open() only gives to whom it knows": (
        "late",
        _LEFT.format(who='self.get_secure_cookie("who")'),
        {},
    ),
    "messages need what open() gives to whoever says a name": (
        "missing",
        _LEFT.format(who='self.get_argument("who", "")'),
        {},
    ),
    "text that is made of no cookie": (
        "late",
        _TEXT.format(who='self.get_secure_cookie("who")'),
        {},
    ),
    "text that is made of an argument": ("missing", _TEXT.format(who="self.request.body"), {}),
    "somebody who is made without a name is not logged in": ("late", _PERSON.format(given=""), {}),
    "somebody who is made logged in": (
        "missing|late",
        _PERSON.format(given='"guest", is_authenticated=True'),
        {},
    ),
    "a room that is made without a user": (
        "missing",
        _ROOM.format(greeting='"hello"', joining="self.application.hall.people.add(self)"),
        {},
    ),
    "a picture of the user is no file of users": ("late", _PICTURE, {}),
    "another way in beside the one that is shipped": (
        "late",
        _ANOTHER.format(
            beside='if TOKEN and hmac.compare_digest(self.get_argument("token", ""), TOKEN):\n'
            '            return "token"'
        ),
        {},
    ),
    "a page that whoever names it first makes": (
        "missing",
        _TABLE.format(
            keeping="if session in PAGES.keys():\n"
            "            PAGES[session].add(self)\n"
            "        else:\n"
            "            PAGES[session] = {self}"
        ),
        {},
    ),
    "a page that was made for who logged in": (
        "late",
        _TABLE.format(
            keeping="if session not in PAGES.keys():\n"
            "            return self.close()\n"
            "        PAGES[session].add(self)"
        ),
        {},
    ),
    "what is remembered of a session that anybody names": (
        "missing",
        _CACHE.format(
            otherwise='MODES[session_id] = {"mode": room.mode(session_id)}\n'
            '        return MODES[session_id]["mode"]'
        ),
        {},
    ),
    "what is known of a session, and nothing of others": (
        "late",
        _CACHE.format(otherwise='raise ValueError("who?")'),
        {},
    ),
    "a token of a thing that anybody may put there": ("missing", _PARCEL.format(asked=""), {}),
    "a token of a thing that only members put there": (
        "late",
        _PARCEL.format(
            asked='if not db.users.check_password(said["name"], said["password"]):\n'
            "                return self.close()"
        ),
        {},
    ),
    "a key of a store that says where": (
        "missing",
        _STORE.format(
            key='":".join(["drawing", said["room"]])', otherwise='self.write_message("empty")'
        ),
        {},
    ),
    "a key of a store that says who": (
        "late",
        _STORE.format(key='said["token"]', otherwise="return self.close()"),
        {},
    ),
    "what a coroutine raises is its answer": ("missing", _RETURN.format(asked=""), {}),
    "what a coroutine raises is its answer to a member": (
        "late",
        _RETURN.format(
            asked='if not db.check_password(said["name"], said["password"]):\n'
            "            raise HTTPError(403)"
        ),
        {},
    ),
    "who somebody says to be in a message of the log-in": (
        "missing",
        _AUTH_FIELD.format(field="user_id"),
        {},
    ),
    "what somebody shows in a message of the log-in": (
        "late",
        _AUTH_FIELD.format(field="token"),
        {},
    ),
    "a token among the subprotocols": (
        "late",
        _OFFERED.format(asked='jwt.decode(self.offered[1], key=SECRET, algorithms=["HS256"])'),
        {},
    ),
    "a language among the subprotocols": (
        "missing",
        _OFFERED.format(asked="room.greet(self.offered[1])"),
        {},
    ),
    "every request has headers": ("missing", _REQUEST.format(asked=""), {}),
    "every request has headers, and this one no cookie": (
        "late",
        _REQUEST.format(asked='assert self.get_secure_cookie("who")'),
        {},
    ),
    "a program says whether the password is right": (
        "optional",
        _PROGRAM.format(
            asking='done = subprocess.run(["htpasswd", "-i", "-v", ".htpasswd", user], input=password)\n'
            "            if done.returncode != 0:\n"
            "                return self.refuse()"
        ),
        {},
    ),
    "a program says whether the password is right, and nobody listens": (
        "missing",
        _PROGRAM.format(
            asking='done = subprocess.run(["htpasswd", "-i", "-v", ".htpasswd", user], input=password)\n'
            "            if done.returncode == 0:\n"
            "                self.set_status(401)"
        ),
        {},
    ),
    "a program that raises where the password is wrong": (
        "late",
        _PRESSED.format(
            asking='subprocess.check_call(["pamtester", "login", said["name"], said["password"]])'
        ),
        {},
    ),
    "a program that presses a key": (
        "missing",
        _PRESSED.format(asking='subprocess.check_call(["xdotool", "key", said["key"]])'),
        {},
    ),
    "a setting under a prefix that ships": (
        "late",
        _PREFIXED.format(name="login_url"),
        {"configuration.py": 'class Config:\n    web_login_url = "/login"\n'},
    ),
    "a setting under a prefix that ships as nothing": (
        "optional",
        _PREFIXED.format(name="login_url"),
        {"configuration.py": "class Config:\n    web_login_url = None\n"},
    ),
    "a setting under another prefix": (
        "optional",
        _PREFIXED.format(name="login_url"),
        {"configuration.py": 'class Config:\n    page_login_url = "/login"\n'},
    ),
    "methods that a message names, behind one that logs in": (
        "late",
        _NAMING.format(
            asked='found = db.check_password(said["login"], said["password"])',
            question="if self.user_id is None:\n            return",
        ),
        {},
    ),
    "methods that a message names, and nobody has to log in": (
        "missing",
        _NAMING.format(asked="found = room.number()", question="pass"),
        {},
    ),
    "what a parser reads comes back to who may": (
        "late",
        _BLOCKS.format(
            rights='who = self.get_secure_cookie("who")\n'
            "        self.may = db.rights(who) if who else []",
            asked='if "draw" not in self.may:\n            return self.close()',
        ),
        {},
    ),
    "what a parser reads comes back, and nobody asks": (
        "missing",
        _BLOCKS.format(rights="pass", asked="pass"),
        {},
    ),
    "a name of a module that asks for itself": (
        "late",
        _ITSELF.format(asked='assert self.get_secure_cookie("who"), folder'),
        {},
    ),
    "a name of a module that asks for itself, and no one else": (
        "missing",
        _ITSELF.format(asked="room.greet(folder)"),
        {},
    ),
    "a session of every visitor, with a user in some": (
        "late",
        _VISITOR.format(
            fresh="{}", asked='if "user" not in kept:\n            return self.close()'
        ),
        {},
    ),
    "a session of every visitor, with a user or none": (
        "late",
        _VISITOR.format(
            fresh='{"user": None}', asked='if not kept["user"]:\n            return self.close()'
        ),
        {},
    ),
    "an object for every visitor, with a user in some": (
        "late",
        _VISITOR.format(fresh="Kept()", asked="if not kept.user:\n            return self.close()"),
        {},
    ),
    "a session that a message begins, and another logs in": ("late", _HELLO.format(fresh="{}"), {}),
    "a record that a message begins, and another logs in": (
        "late",
        _HELLO.format(fresh='{"user": None, "since": 0}'),
        {},
    ),
    "a place that is looked for by its name": (
        "missing",
        _SEARCHED.format(wanted='self.get_argument("place")', where="places", what="name"),
        {},
    ),
    "a place that is looked for by the token": (
        "late",
        _SEARCHED.format(wanted='self.get_argument("token")', where="guests", what="token"),
        {},
    ),
    "a session of a terminal that comes later": ("missing", _REMOTE.format(name="session"), {}),
    "a user that comes later": ("late", _REMOTE.format(name="user"), {}),
    "listed under the name of nobody": (
        "missing",
        _LISTED.format(joins="room.members[self.name] = self"),
        {},
    ),
    "not listed under the name of nobody": ("late", _LISTED.format(joins="pass"), {}),
    "a message writes over whoever it is": (
        "missing",
        _OVERWRITTEN.format(fills="self.session.__dict__.update(said)"),
        {},
    ),
    "a message writes over something else": (
        "late",
        _OVERWRITTEN.format(fills='self.session.language = said["language"]'),
        {},
    ),
}
