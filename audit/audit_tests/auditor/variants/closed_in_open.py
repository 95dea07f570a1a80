"""close() in open(): messages are handled until the closing handshake ends (Tornado 6.5, 6.6)."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "close return plain": (
        "frames-pass",
        """
class Door(WebSocketHandler):
    def open(self):
        if not self.get_signed_cookie("user"):
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "close code reason, token compare": (
        "frames-pass",
        """
TOKEN = os.environ["TOKEN"]
class Door(WebSocketHandler):
    def open(self):
        if not hmac.compare_digest(self.get_argument("token", ""), TOKEN):
            self.close(code=4401, reason="unauthorized")
            return
        self.ready = True
    def on_message(self, message):
        data = json.loads(message)
        db.execute("insert into lines values (?)", data["text"])
""",
        {},
    ),
    "returns self.close()": (
        "frames-pass",
        """
class Door(WebSocketHandler):
    async def open(self):
        user = await sessions.find(self.get_cookie("sid"))
        if user is None:
            return self.close()
        self.user = user
    async def on_message(self, message):
        await room.say(message)
""",
        {},
    ),
    "state noted and asked": (
        "after-accept",
        """
class Door(WebSocketHandler):
    user = None
    def open(self):
        self.user = self.get_signed_cookie("user")
        if not self.user:
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        if not self.user:
            return
        room.say(message)
""",
        {},
    ),
    "attribute missing raises": (
        "after-accept",
        """
class Door(WebSocketHandler):
    def open(self):
        user = self.get_signed_cookie("user")
        if not user:
            self.close()
            return
        self.user = user
    def on_message(self, message):
        room.say(self.user, message)
""",
        {},
    ),
    "raises after close": (
        "frames-pass|after-accept",
        """
class Door(WebSocketHandler):
    def open(self):
        if not self.get_signed_cookie("user"):
            self.close()
            raise HTTPError(403)
        clients.add(self)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "replies only": (
        "after-accept",
        """
class Door(WebSocketHandler):
    def open(self):
        if not self.get_signed_cookie("user"):
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        self.write_message(message)
""",
        {},
    ),
    "guard decorator in helper": (
        "frames-pass",
        """
class Door(WebSocketHandler):
    def reject(self, why):
        self.close(4001, why)
    def open(self, room_name):
        self.name = room_name
        token = self.get_query_argument("token", None)
        if token is None or not sessions.verify(token):
            self.reject("bad token")
            return
        room.join(room_name, self)
    def on_message(self, message):
        room.broadcast(self.name, message)
""",
        {},
    ),
    "after the message in lists of members": (
        "after-accept|frames-pass",
        """
members = {}
class Door(WebSocketHandler):
    def open(self):
        user = self.get_signed_cookie("user")
        if not user:
            self.close()
            return
        members[self] = user
    def on_message(self, message):
        who = members[self]
        room.say(who, message)
""",
        {},
    ),
    "no effect in on_message but join elsewhere": (
        "after-accept|frames-pass",
        """
class Door(WebSocketHandler):
    def open(self):
        if self.get_signed_cookie("user") is None:
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        for one in clients:
            one.write_message(message)
""",
        {},
    ),
    "queue put": (
        "frames-pass",
        """
class Door(WebSocketHandler):
    def initialize(self, queue):
        self.queue = queue
    def open(self):
        if self.get_signed_cookie("user") is None:
            self.close()
            return
        clients.add(self)
    async def on_message(self, message):
        await self.queue.put(message)
queue = asyncio.Queue()
application = Application([("/ws", Door, {"queue": queue})])
""",
        {},
    ),
    "delegates": (
        "frames-pass",
        """
class Door(WebSocketHandler):
    def open(self, name):
        self.name = name
        self.document = self.application.documents.get(name)
        if not self.application.tokens.is_valid(self.get_argument("token", None)):
            self.close(4403)
            return
        self.document.join(self)
    def on_message(self, message):
        self.document.apply(json.loads(message))
""",
        {},
    ),
    "subprocess stdin": (
        "frames-pass",
        """
import subprocess
class Door(WebSocketHandler):
    def open(self):
        if not sessions.verify(self.get_cookie("sid")):
            self.close(4001, "no")
            return
    def on_message(self, message):
        subprocess.run(message, shell=True)
""",
        {},
    ),
    "process started in open": (
        "after-accept",
        """
import subprocess
class Door(WebSocketHandler):
    process = None
    def open(self):
        if not sessions.verify(self.get_cookie("sid")):
            self.close(4001, "no")
            return
        self.process = subprocess.Popen(["sh"], stdin=subprocess.PIPE)
    def on_message(self, message):
        self.process.stdin.write(message)
""",
        {},
    ),
    "flag reads closing": (
        "after-accept",
        """
class Door(WebSocketHandler):
    def open(self):
        self.ok = False
        if not sessions.verify(self.get_cookie("sid")):
            self.close(4001, "no")
            return
        self.ok = True
    def on_message(self, message):
        if self.ok:
            room.say(message)
""",
        {},
    ),
    "else instead of return": (
        "frames-pass",
        """
class Door(WebSocketHandler):
    def open(self):
        if sessions.verify(self.get_cookie("sid")):
            clients.add(self)
        else:
            self.close()
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "log only with a setting": (
        "frames-pass",
        """
import logging
log = logging.getLogger(__name__)
class Door(WebSocketHandler):
    def open(self):
        token = self.get_argument("token", None)
        if token != self.settings["token"]:
            log.warning("refused")
            self.close(1008, "policy")
            return
        log.info("opened")
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "set":
            self.application.state[data["key"]] = data["value"]
        elif data["op"] == "get":
            self.write_message(self.application.state)
""",
        {},
    ),
    "reads only": (
        "frames-pass|after-accept",
        """
class Door(WebSocketHandler):
    async def open(self):
        if await sessions.find(self.get_cookie("sid")) is None:
            self.close()
            return
    async def on_message(self, message):
        data = json.loads(message)
        rows = await db.query("select * from t where id = ?", data["id"])
        await self.write_message(json.dumps(rows))
""",
        {},
    ),
    "closes for another reason first": (
        "frames-pass",
        """
class Door(WebSocketHandler):
    def open(self, name):
        self.room = self.application.rooms.get(name)
        if self.room is None:
            self.close(4004, "no such room")
            return
        if not self.get_signed_cookie("user"):
            self.close(4001, "log in")
            return
        self.room.add(self)
    def on_message(self, message):
        self.room.say(message)
""",
        {},
    ),
    "in a coroutine after an await": (
        "frames-pass",
        """
class Door(WebSocketHandler):
    async def open(self):
        token = self.get_argument("token", "")
        user = await db.fetchrow("select * from users where token = $1", token)
        if not user:
            self.close()
            return
        self.user = user
    async def on_message(self, message):
        await db.execute("insert into lines values ($1)", message)
""",
        {},
    ),
    "helper that answers yes or no": (
        "frames-pass",
        """
class Door(WebSocketHandler):
    def authenticate(self):
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            self.claims = jwt.decode(token, self.settings["key"], algorithms=["HS256"])
        except jwt.InvalidTokenError:
            self.close(4401)
            return False
        return True
    def open(self):
        if not self.authenticate():
            return
        clients.add(self)
    def on_message(self, message):
        for one in clients:
            one.write_message(message)
""",
        {},
    ),
    "tell others": (
        "frames-pass",
        """
waiters = set()
class Door(WebSocketHandler):
    def open(self):
        if not self.get_signed_cookie("user"):
            self.close()
            return
        waiters.add(self)
    def on_message(self, message):
        for one in list(waiters):
            one.write_message(message)
""",
        {},
    ),
    "bytes to a terminal": (
        "frames-pass",
        """
class Door(WebSocketHandler):
    def open(self, number):
        self.terminal = self.application.terminals[number]
        if self.get_cookie("key") != self.application.key:
            self.close()
            return
        self.terminal.clients.append(self)
    def on_message(self, message):
        self.terminal.write(message)
""",
        {},
    ),
    "state through a session object": (
        "frames-pass",
        """
class Session:
    def __init__(self):
        self.lines = []
    def push(self, line):
        self.lines.append(line)
        db.save(self.lines)
class Door(WebSocketHandler):
    def open(self):
        self.session = Session()
        if not self.get_signed_cookie("user"):
            self.close()
            return
        self.session.push("joined")
    def on_message(self, message):
        self.session.push(message)
""",
        {},
    ),
    "http client": (
        "frames-pass",
        """
from tornado.httpclient import AsyncHTTPClient
class Door(WebSocketHandler):
    def open(self):
        self.client = AsyncHTTPClient()
        if self.current_user is None:
            self.close()
            return
    def get_current_user(self):
        return self.get_signed_cookie("user")
    async def on_message(self, message):
        await self.client.fetch("http://backend/run", method="POST", body=message)
""",
        {},
    ),
    "guard in on_message by connection state": (
        "after-accept",
        """
class Door(WebSocketHandler):
    def open(self):
        if not self.get_signed_cookie("user"):
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        if self not in clients:
            return
        room.say(message)
""",
        {},
    ),
    "closed flag": (
        "after-accept",
        """
class Door(WebSocketHandler):
    closed = False
    def open(self):
        if not self.get_signed_cookie("user"):
            self.closed = True
            self.close()
            return
    def on_message(self, message):
        if self.closed:
            return
        room.say(message)
""",
        {},
    ),
    "log only": (
        "after-accept",
        """
import logging
class Door(WebSocketHandler):
    def open(self):
        if not self.get_signed_cookie("user"):
            self.close()
            return
    def on_message(self, message):
        logging.info("message of %d bytes", len(message))
""",
        {},
    ),
}
