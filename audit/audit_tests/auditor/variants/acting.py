"""Actions for a message in large programs: many methods, helpers, parts that come later.

`MEMBERS` are of authenticated clients, `ANYBODY` of unauthenticated clients.
"""

__all__ = ["ANYBODY", "MEMBERS"]

_GAME = """
class Games:
    def __init__(self):
        self.held = {{}}
    def get(self, key):
        found = self.held.get(key)
        if not found:
            raise LookupError(key)
        return found
games = Games()
class Door(WebSocketHandler):
    connections = {{}}
    def initialize(self):
        self.current_user = None
        self.authenticated = False
    def broadcast(self, message, users=None):
        for one in users or self.connections:
            known = self.connections.get(one)
            if known:
                known.write_message(message)
    def login(self, data):
        name = jwt.decode(data["token"], os.environ["KEY"], algorithms=["HS256"]).get("sub")
        if not name:
            raise jwt.DecodeError
        user = db.users.find(name)
        if not user:
            raise jwt.DecodeError
        self.current_user = user
        self.authenticated = True
        if self.current_user.name in self.connections:
            self.close()
        else:
            self.connections[self.current_user.name] = self
            self.write_message("in")
    def play(self, data, act):
        if self.current_user.game:
            try:
                game = games.get(self.current_user.game)
            except LookupError:
                self.write_message("no game")
                return
            moved = act(game)
            if moved:
                self.broadcast(moved, game.users)
            else:
                self.write_message("not moved")
        else:
            self.write_message("not in a game")
    def on_add(self, data):
        self.play(data, lambda game: game.add(self.current_user, data["piece"]))
    def on_move(self, data):
        self.play(data, lambda game: game.move(self.current_user, data["piece"], data.get("x", 0)))
    def on_turn(self, data):
        self.play(data, lambda game: game.turn(self.current_user, data["piece"], data.get("y", 0)))
    def on_take(self, data):
        self.play(data, lambda game: game.take(self.current_user, data["piece"]))
    def on_swap(self, data):
        self.play(data, lambda game: game.swap(self.current_user, data["piece"], data["other"]))
    def on_pass(self, data):
        self.play(data, lambda game: game.next(self.current_user))
    def on_clear(self, data):
        self.play(data, lambda game: game.clear(self.current_user))
    def on_resign(self, data):
        self.play(data, lambda game: game.resign(self.current_user))
    def on_undo(self, data):
        self.play(data, lambda game: game.undo(self.current_user, data["piece"]))
    def on_draw(self, data):
        self.play(data, lambda game: game.draw(self.current_user))
    def on_say(self, data):
        self.play(data, lambda game: game.say(self.current_user, data["text"]))
    def on_delete(self, data):
        {deletes}
    def methods(self):
        return {{"add": self.on_add, "move": self.on_move, "turn": self.on_turn, "take": self.on_take,
                "swap": self.on_swap, "pass": self.on_pass, "clear": self.on_clear,
                "resign": self.on_resign, "undo": self.on_undo, "draw": self.on_draw,
                "say": self.on_say, "delete": self.on_delete}}
    def on_message(self, message):
        try:
            data = json.loads(message)
            if not self.authenticated:
                self.login(data["payload"])
            else:
                self.methods()[data["kind"]](data.get("payload", {{}}))
        except jwt.DecodeError:
            self.close()
        except (ValueError, KeyError):
            self.write_message("bad message")
"""
_ROOM = """
class Rooms:
    def __init__(self):
        self.rooms = {{}}
    def named(self, name):
        return self.rooms.get(name)
rooms = Rooms()
class Door(Base):
    def open(self, name):
        user = self.current_user
        self.room = rooms.named(name)
        {asks}
        self.room.user_in(user, self.hear)
    def hear(self, news):
        self.write_message(news)
    def on_message(self, message):
        self.write_message("you can only listen")
"""
_PROFILE = """
class Door(Base):
    async def prepare(self):
        super().prepare()
        profile = await db.profiles.find_one({{"name": self.current_user}})
        if {question}:
            {answer}
        self.profile = profile
    async def on_message(self, message):
        data = json.loads(message)
        lines = await db.lines.find({{"room": data["room"]}}).to_list()
        self.write_message({{"lines": lines}})
"""

_DROPBOX = """
from tornadio2 import SocketConnection, event
class Door(SocketConnection):
    def tell(self, name, data):
        self.emit(name, json.dumps(data))
    def on_open(self, request):
        cookie = request.get_cookie("user")
        if not cookie:
            raise HTTPError(403)
        name = decode_signed_value(SECRET, "user", cookie.value)
        user = db.users.find_one({{"_id": name}})
        if not user:
            raise HTTPError(403)
        self.user = user
    @event
    def tree(self, path):
        {does}
"""
MEMBERS: dict[str, tuple[str, str]] = {
    "what a connection of TornadIO asked for is sent to itself": (
        "ok",
        _DROPBOX.format(does='self.tell("tree", client.tree(self.user, path))'),
    ),
    "the last of many methods": (
        "missing",
        _GAME.format(deletes='games.held.pop(data["game"])'),
    ),
    "the last of many methods asks": (
        "ok",
        _GAME.format(
            deletes='if self.current_user.is_admin:\n            games.held.pop(data["game"])'
        ),
    ),
    "a callback joins where the user is a member": (
        "ok",
        _ROOM.format(
            asks="if user not in self.room.members:\n            self.close()\n            return"
        ),
    ),
    "who is banned is refused": (
        "ok",
        _PROFILE.format(
            question='profile is None or "reader" not in profile.roles',
            answer="raise HTTPError(403)",
        ),
    ),
    "the sender is written into the message": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        data["from"] = self.current_user
        db.notes.insert({"from": data["from"], "text": data["text"]})
""",
    ),
    "the one whose row it is is written into the message": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        data["user"] = self.current_user
        db.users.update(data.get("user"), {"colour": data["colour"]})
""",
    ),
    "the sender is written where the message has none": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if "user" not in data:
            data["user"] = self.current_user
        db.users.update(data["user"], {"colour": data["colour"]})
""",
    ),
    "something else is written into the message": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        data["time"] = asyncio.get_event_loop().time()
        db.users.update(data["user"], {"colour": data["colour"]})
""",
    ),
    "what is made is given to a function that knows the session": (
        "ok",
        """
from psycopg2 import extras
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        query = "select * from act(given := %s, who := %s) where allowed"
        rows = await db.execute(query, (extras.Json(data), self.current_user))
        self.write_message(rows.fetchone()[0])
""",
    ),
    "what opens it is told the access code": (
        "ok",
        """
from elsewhere import terminals
class Door(Base):
    def open(self, name):
        self.terminal = terminals.open(name, access_code=self.current_user)
""",
    ),
}

_BROKER = """
import pika
class Broker:
    def __init__(self):
        self._connection = None
        self._channel = None
    def start(self):
        self._connection = pika.TornadoConnection(on_open_callback=self.opened)
    def opened(self, connection):
        connection.channel(on_open_callback=self.ready)
    def ready(self, channel):
        self._channel = channel
    def publish(self, text, key):
        self._channel.basic_publish(exchange="all", routing_key=key, body=json.dumps(text))
class Door(WebSocketHandler):
    def open(self):
        self.broker = Broker()
        self.broker.start()
    def on_message(self, message):
        data = json.loads(message)
        self.broker.publish(data["text"], {key})
"""
_PLACED = """
class Server(Application):
    def __init__(self):
        self.hosts = set(os.environ.get("HOSTS", "").split())
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def on_message(self, message):
        {address}
        word = json.loads(message)["id"]
        if source {among} self.application.hosts:
            {first}
        {then}
"""
_SET = """
import gpio
targets = None
def load():
    found = {{}}
    for one in json.load(open("pins.json")):
        target = getattr(gpio, one["class"])(one["pin"])
        found[one["prefix"]] = target
    return found
class Door(WebSocketHandler):
    def apply(self, target, message):
        return target.{does}(int(message[1:]))
    def on_message(self, message):
        if message[0] in targets:
            self.write_message(str(self.apply(targets[message[0]], message)))
if __name__ == "__main__":
    targets = load()
"""
_LATER = """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(4)
def keep(name, text):
    with open({place}, "a") as file:
        file.write(text)
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        await asyncio.wrap_future(pool.submit(keep, name=data["name"], text=data["text"]))
        self.write_message("kept")
"""
_OWN_TABLE = """
import subprocess
class Door(WebSocketHandler):
    def open(self):
        self.jobs = {{}}
        {fills}
    def on_message(self, message):
        asked = json.loads(message)
        self.started = self.jobs[asked["id"]]
        subprocess.run(asked["command"], shell=True)
"""

ANYBODY: dict[str, tuple[str, str]] = {
    "a channel that comes later, one for all": ("ok", _BROKER.format(key='"all"')),
    "only from some addresses": (
        "ok",
        _PLACED.format(
            address="source = self.request.remote_ip",
            among="in",
            first="db.words.delete(word)",
            then="return",
        ),
    ),
    "from other addresses it is closed": (
        "ok",
        _PLACED.format(
            address="source = self.request.remote_ip",
            among="not in",
            first="return self.close()",
            then="db.words.delete(word)",
        ),
    ),
    "a helper reads it and gives it back": ("ok", _SET.format(does="value_at")),
    "an executor computes": (
        "ok",
        """
from concurrent.futures import ThreadPoolExecutor
executor = ThreadPoolExecutor(2)
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        self.write_message(str(await asyncio.wrap_future(executor.submit(len, data["body"]))))
""",
    ),
    "words for what a pool runs, one file": ("ok", _LATER.format(place='"kept.txt"')),
    "a row that is only read, picked by a message": (
        "ok",
        """
import rethinkdb as r
async def note(actor, value):
    connection = await r.connect("localhost")
    await r.table("visits").insert({"actor": actor, "value": value}).run(connection)
class Door(WebSocketHandler):
    async def on_message(self, message):
        if message == "seen":
            await note("page", "seen")
""",
    ),
    "nobody puts anything into the connection's own table": (
        "ok",
        _OWN_TABLE.format(fills="pass"),
    ),
}
