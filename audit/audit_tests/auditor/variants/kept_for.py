"""Data that is stored for a user, queued, or put into an application: access to it."""

__all__ = ["ANYBODY", "MEMBERS"]

_MAILBOX = """
import redis
store = redis.Redis()
class Door(WebSocketHandler):
    def on_message(self, message):
        asked = json.loads(message)
        if "user:" in asked["msg"]:
            self.channel = asked["msg"].split(":")[1]
            self.show()
    def show(self):
        for line in store.lrange({key}, 0, -1):
            self.write_message(line)
"""

_LINED_UP = """
class Door(WebSocketHandler):
    _{listed} = []
    def on_message(self, message):
        asked = json.loads(message)
        if hasattr(asked, "items"):
            Door._{listed}.append(asked)
"""

_STORED = """
class Logs:
    def __init__(self):
        self.listeners = {{}}
    def add_listener(self, leaf, socket):
        self.listeners.setdefault(leaf, []).append(socket)
class Program(Application):
    def __init__(self, handlers):
        super().__init__(handlers)
        self.logs = None
class Door(WebSocketHandler):
    def open(self, leaf):
        self.application.logs.add_listener({leaf}, self)
def main():
    app = Program([(r"/logs/(.*)", Door)])
    app.logs = Logs()
    app.listen(8888)
"""

_WHO = """
import tornadoredis
store = tornadoredis.Client()
class Door(WebSocketHandler):
    @gen.coroutine
    def get_current_user_async(self):
        cookie = self.get_signed_cookie("user")
        if not cookie:
            return None
        number = yield gen.Task(store.hget, "auths", cookie)
        row = yield gen.Task(store.hgetall, "user:%s" % number)
        {question}
        return row
    @gen.coroutine
    def open(self):
        self.person = yield self.get_current_user_async()
        if self.person is None:
            self.close()
    @gen.coroutine
    def on_message(self, message):
        asked = json.loads(message)
        if self.person is None:
            return
        {deed}
"""

_LOGIN = """
class Door(WebSocketHandler):
    def open(self):
        self.account = None
    def on_message(self, message):
        asked = json.loads(message)
        if asked["kind"] == "login":
            record = db.accounts.find_one({{"name": asked["name"]}})
            if {proof}:
                self.account = record["_id"]
            self.write_message({{"in": self.account is not None}})
        elif asked["kind"] == "delete":
            if self.account is None:
                return
            {deed}
"""
_PROOF = (
    'record is not None and asked["name"] == record["name"] '
    'and asked["password"] == record["password"]'
)

_ONLY_ADMINISTRATORS = """if record["role"] != "admin":
                    return
                self.account = record"""

_INSTALLS = """
class Door(WebSocketHandler):
    async def on_message(self, message):
        asked = json.loads(message)
        if asked["download"]:
            self.start()
    def start(self):
        asyncio.get_running_loop().call_soon(self.run)
    def run(self):
        os.system({line})
"""

ANYBODY: dict[str, tuple[str, str]] = {
    "one list for all is read": ("ok", _MAILBOX.format(key='"lines"')),
    "a message is kept with the commands of the past": (
        "ok",
        _LINED_UP.format(listed="cmd_history"),
    ),
    "what was None is put into the application, and is for all": (
        "ok",
        _STORED.format(leaf='"all"'),
    ),
    "only administrators are anybody": (
        "ok",
        _WHO.format(
            question='if row["role"] != "admin":\n            return None',
            deed='yield gen.Task(room.subscribe, asked["channel_id"])',
        ),
    ),
}
ANYBODY |= {
    "who logged in deletes what is the own": (
        "ok",
        _LOGIN.format(
            proof=_PROOF,
            deed='db.characters.delete_one({"_id": asked["character_id"], "account": self.account})',
        ),
    ),
    "who logged in as an administrator deletes anything": (
        "ok",
        _LOGIN.format(
            proof=_PROOF + ' and record["role"] == "admin"',
            deed='db.characters.delete_one({"_id": int(asked["character_id"])})',
        ),
    ),
    "who logged in and is no administrator is sent away": (
        "ok",
        _LOGIN.replace("self.account = record", _ONLY_ADMINISTRATORS).format(
            proof=_PROOF, deed='db.characters.delete_one({"_id": int(asked["character_id"])})'
        ),
    ),
    "a secret of the thing is asked for": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        asked = json.loads(message)
        board = db.boards.get(asked["board"])
        if not hmac.compare_digest(board.secret, asked["secret"]):
            return
        board.delete()
""",
    ),
    "a message has it looked up what is installed": ("ok", _INSTALLS.format(line='"snap list"')),
}

MEMBERS: dict[str, tuple[str, str]] = {
    "a set of the user's own is added to": (
        "ok",
        """
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        await clients.sadd("channels:%s" % self.current_user, data["channel"])
""",
    ),
}
