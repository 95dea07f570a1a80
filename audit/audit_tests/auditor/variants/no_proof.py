"""What looks like a proof and is none, beside the twin in which it is one."""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_HEADER = """
class Door(WebSocketHandler):
    async def get(self, *args, **kwargs):
        if not self.is_allowed():
            return
        return await super().get(*args, **kwargs)
    def is_allowed(self):
        shown = self.request.headers.get("Authorization")
        if not shown:
            self.set_status(401)
            return False
        status = 400
        auth_scheme, token = shown.strip().split(" ", 1)
        if auth_scheme != {scheme}:
            status = 400
        else:
            user = db.users.by_token(token)
            if not user:
                status = 401
            {overwritten}status = 200
        if status != 200:
            self.set_status(status)
        return status == 200
    def on_message(self, message):
        room.say(message)
"""

_COMMANDS = """
import shlex
COMMANDS = {{"spin", "stop"}}
class Door(WebSocketHandler):
    def on_message(self, message):
        {cut}
        if {test}:
            room.run(tokens)
        else:
            self.write_message("no such command")
"""

_GAME = """
class Door(WebSocketHandler):
    def on_message(self, message):
        if message.startswith("set"):
            tokens = message.split()
            self.fill(tokens)
            room.say(message)
    def fill(self, tokens):
        {question}
        db.board(int(tokens[2])).write(tokens[4])
"""

_PAGE = """
import binascii, os
class Page(RequestHandler):
    def post(self):
        {before}
        if self.get_argument("start", None):
            number = binascii.hexlify(os.urandom(16))
            self.set_secure_cookie({given})
        elif self.get_argument("stop", None):
            number = None
            self.clear_cookie("number")
        self.render("page.html")
class Game:
    def __init__(self, number):
        self.number, self.process = number, None
    def launch(self):
        self.process = room.start(self.number)
class Door(WebSocketHandler):
    def open(self):
        number = self.get_secure_cookie("number")
        if not number:
            raise Exception("no game")
        game = self.application.games.get(number)
        if not game:
            {absent}
        self.number = number
    def on_message(self, message):
        game = self.application.games.get(self.number)
        if not game:
            raise Exception("no game")
        game.launch()
        game.process.say(message)
Application([("/", Page), ("/ws", Door)], cookie_secret=os.environ["SECRET"])
"""
_NEW_GAME = """game = Game(number)
            self.application.games[number] = game"""

_STORE = """
class Store:
    def __init__(self):
        self._kept = {{}}
    def get(self, uid):
        if uid not in self._kept:
            {missing}
        return self._kept[uid]
STORE = Store()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        kept = STORE.get(data["session_id"])
        room.say(kept, data["text"])
"""

_ROWS = """
class Page(RequestHandler):
    def get(self):
        if not self.get_secure_cookie("a"):
            self.set_secure_cookie(name="a", value=str(uuid4()))
        self.render("page.html")
class Users:
    @classmethod
    def get(cls, number):
        cursor = db.connection.cursor()
        cursor.execute("select * from users where number = ?", (number,))
        return cursor.fetchall()
    @classmethod
    def add(cls, number):
        cursor = db.connection.cursor()
        user = cls.get(number)
        if len(user) == 0:
            {absent}
    @classmethod
    def reward(cls, number, points):
        try:
            cursor = db.connection.cursor()
            cursor.execute("update users set points = ? where number = ?", (points, number))
        except Exception:
            print("failed")
class Door(WebSocketHandler):
    def on_message(self, message):
        number = self.get_secure_cookie("a").decode("utf-8")[0:5]
        Users.add(number)
        found = Users.get(number)
        if len(found) == 0:
            return
        Users.reward(number, found[0]["points"] + 1)
        room.say(message)
from uuid import uuid4
"""

_TOLD = """
class Door(WebSocketHandler):
    waiters = {{}}
    def on_message(self, message):
        data = json.loads(message)
        {asked}
"""

_KEPT = """
import hashlib
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        {made}
        self.find(made)
    def find(self, key):
        found = db.search(key)
        if found:
            room.say(found)
"""

_SEALED = """
import base64
from Crypto.Cipher import AES
from phpserialize import loads
class Door(WebSocketHandler):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        shown = json.loads(base64.b64decode(self.get_argument("token")))
        value = base64.b64decode(shown["value"])
        box = AES.new(key=os.environ["APP_KEY"], mode=AES.MODE_CBC, IV=shown["iv"])
        {opened}
    def open(self):
        room.join(self)
    def on_message(self, message):
        room.say(message)
"""

_ROLES = """
ADMIN_ROLE = {role}
class Door(WebSocketHandler):
    def who(self, role=False):
        cookie = self.get_secure_cookie("user")
        if not cookie:
            return None
        return cookie.split(":")[1 if role else 0]
    def open(self):
        self.name = self.who()
        self.role = self.who(role=True)
        if not self.name:
            {refused}
        {joined}
    def on_message(self, message):
        data = json.loads(message)
        if {asked}:
            if data["kind"] not in ("say", "leave"):
                raise Exception("no")
        room.say(data["text"])
"""

_PLAYERS = """
class User:
    def __init__(self, token):
        self.token, self.place = token, None
        {made}
class Door(WebSocketHandler):
    everybody = set()
    user = None
    def open(self):
        Door.everybody.add(self)
    def others(self):
        return [
            one for one in Door.everybody
            if one.user is not None and one.user != self.user and one.user.place == self.user.place
        ]
    def on_message(self, message):
        data = json.loads(message)
        if data["action"] == "token":
            token = data["data"]
            if not token:
                self.close()
                return
            {asked}
            self.user = User(token)
        elif data["action"] == "start":
            self.user.place = data["place"]
            for one in self.others():
                one.write_message(json.dumps({{"who": self.user.token}}))
"""

_NAMED = """
class Plot:
    def __init__(self, name):
        self.name, self.people = name, set()
{table} = {entries}
class Made(RequestHandler):
    def post(self):
        {table}[os.urandom(6).hex()] = Plot("made")
class Door(WebSocketHandler):
    def plot(self):
        token = self.request.uri.replace("plots", "").strip("/")
        {found}
    def open(self, *args):
        plot = self.plot()
        if plot is None:
            return
        plot.people.add(self)
    def on_message(self, message):
        plot = self.plot()
        if plot is None:
            return
        for one in plot.people:
            one.write_message(message)
"""

CASES: dict[str, Case] = {
    "the scheme of the header is a word, and the refusal is overwritten": (
        "missing",
        _HEADER.format(scheme='"Bearer"', overwritten=""),
        {},
    ),
    "the scheme of the header is a word in small letters": (
        "missing",
        _HEADER.format(scheme='"token"', overwritten=""),
        {},
    ),
    "the scheme of the header is a word, and the token is looked up": (
        "guarded",
        _HEADER.format(scheme='"Bearer"', overwritten="else:\n                "),
        {},
    ),
    "what is shown is compared with the secret itself": (
        "guarded",
        _HEADER.format(scheme='"hR7-kk2-Zp9"', overwritten=""),
        {},
    ),
    "tokens are the words of a command": (
        "missing",
        _COMMANDS.format(
            cut='tokens = shlex.split(json.loads(message)["command"])', test="tokens[0] in COMMANDS"
        ),
        {},
    ),
    "tokens are words, and one of them is compared with a secret": (
        "late",
        _COMMANDS.format(
            cut="tokens = message.split()",
            test='hmac.compare_digest(tokens[0], os.environ["ROOM_TOKEN"])',
        ),
        {},
    ),
    "tokens are what is shown, and no words of it": (
        "late",
        _COMMANDS.format(
            cut='tokens = json.loads(message)["tokens"]', test="db.users.by_token(tokens)"
        ),
        {},
    ),
    "tokens are words that a function is given": ("missing", _GAME.format(question="pass"), {}),
    "tokens are words of which one is looked up": (
        "late",
        _GAME.format(
            question="token = tokens[1]\n        if sessions.by_token(token) is None:\n"
            '            raise ValueError("who?")'
        ).replace("            room.say(message)\n", ""),
        {},
    ),
    "a page gives a drawn cookie to whoever presses a button": (
        "missing",
        _PAGE.format(before="pass", given='"number", number', absent=_NEW_GAME),
        {},
    ),
    "a page gives it by the names of its parameters": (
        "missing",
        _PAGE.format(before="pass", given='name="number", value=number', absent=_NEW_GAME),
        {},
    ),
    "a page gives the drawn cookie to whom it knows": (
        "late",
        _PAGE.format(
            before='if not db.is_password(self.get_argument("password")):\n'
            "            raise HTTPError(403)",
            given='"number", number',
            absent=_NEW_GAME,
        ),
        {},
    ),
    "a cookie is there for everybody, and what stands under it is not": (
        "late",
        _PAGE.format(
            before="pass", given='"number", number', absent='raise Exception("not known")'
        ),
        {},
    ),
    "what is not kept yet is made": (
        "missing",
        _STORE.format(missing="self._kept[uid] = {}"),
        {},
    ),
    "what is not kept yet is refused": (
        "late",
        _STORE.format(missing='raise KeyError("who?")'),
        {},
    ),
    "what is not kept yet is noted elsewhere": (
        "late",
        _STORE.format(missing="self.failed[uid] = 1"),
        {},
    ),
    "a visitor's row is put in where there is none": (
        "missing",
        _ROWS.format(absent='cursor.execute("insert into users (number) values (?)", (number,))'),
        {},
    ),
    "a visitor without a row is refused": (
        "late",
        _ROWS.format(absent='raise ValueError("who?")'),
        {},
    ),
    "who waits under a key is told, if there is one": (
        "missing",
        _TOLD.format(
            asked='room.say(data["text"])\n        if data["token"] in self.waiters.keys():\n'
            '            self.waiters[data["token"]].write_message("well")'
        ),
        {},
    ),
    "a key lets in": (
        "late",
        _TOLD.format(
            asked='if data["token"] in self.waiters.keys():\n            room.say(data["text"])'
        ),
        {},
    ),
    "a key is the digest of a word": (
        "missing",
        _KEPT.format(made='made = hashlib.sha1(("word-%s" % data["word"]).encode()).hexdigest()'),
        {},
    ),
    "a key is the digest of a password": (
        "late",
        _KEPT.format(made='made = hashlib.sha1(data["password"].encode()).hexdigest()'),
        {},
    ),
    "what is shown is deciphered and read before the upgrade": (
        "guarded",
        _SEALED.format(opened='self.channel, since = loads(box.decrypt(value)).split("|")'),
        {},
    ),
    "what is deciphered is read, and that it cannot be is caught": (
        "missing",
        _SEALED.format(
            opened="try:\n            self.channel = loads(box.decrypt(value))\n"
            "        except ValueError:\n            self.channel = None"
        ),
        {},
    ),
    "what is shown is read and deciphered by nobody": (
        "missing",
        _SEALED.format(opened='self.channel, since = loads(value).split("|")'),
        {},
    ),
    "nobody has a role, whatever that of the administrator is called": (
        "late",
        _ROLES.format(
            role='"admin"',
            refused="self.close()",
            joined="room.join(self)",
            asked="self.role != ADMIN_ROLE",
        ),
        {},
    ),
    "whether there is such a role is a setting": (
        "optional",
        _ROLES.format(
            role='"admin"', refused="pass", joined="room.join(self)", asked="ADMIN_ROLE is None"
        ),
        {},
    ),
    "the role is that of everybody as shipped": (
        "optional",
        _ROLES.format(
            role="None",
            refused="pass",
            joined="room.join(self)",
            asked="self.role != ADMIN_ROLE",
        ),
        {},
    ),
    "any text does as the token": ("missing", _PLAYERS.format(made="pass", asked="pass"), {}),
    "the token is looked up": (
        "late",
        _PLAYERS.format(
            made="pass",
            asked="if db.find_user(token) is None:\n                self.close()\n"
            "                return",
        ),
        {},
    ),
    "the token is looked up where the user is made": (
        "late",
        _PLAYERS.format(
            made="if db.find_user(token) is None:\n            raise ValueError(token)",
            asked="pass",
        ),
        {},
    ),
    "two stand in the source under their names": (
        "missing",
        _NAMED.format(
            table="_plots",
            entries='{"hall": Plot("hall"), "garden": Plot("garden")}',
            found="return _plots.get(token, None)",
        ),
        {},
    ),
    "two stand in the source under their names, and it is asked first if there is one": (
        "missing",
        _NAMED.format(
            table="_plots",
            entries='{"hall": Plot("hall"), "garden": Plot("garden")}',
            found="return _plots[token] if token in _plots else None",
        ),
        {},
    ),
    "none stand there before somebody has made one": (
        "late",
        _NAMED.format(table="_plots", entries="{}", found="return _plots.get(token, None)"),
        {},
    ),
    "what stands in the source is a secret, and has another name": (
        "late",
        _NAMED.format(
            table="_plots",
            entries='{"kfhqpw": Plot("hall")}',
            found="return _plots.get(token, None)",
        ),
        {},
    ),
    "what stands in the source is said to be a secret": (
        "late",
        _NAMED.format(
            table="TOKENS",
            entries='{"kfhqpw": Plot("kfhqpw")}',
            found="return TOKENS.get(token, None)",
        ),
        {},
    ),
}
