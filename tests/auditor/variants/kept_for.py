"""What is kept for somebody, waits to be done, or is put into an application: who may have it."""

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

ANYBODY: dict[str, tuple[str, str]] = {
    "a mailbox is read under a name that is said": (
        "missing",
        _MAILBOX.format(key='self.channel + ":messages"'),
    ),
    "one list for all is read": ("ok", _MAILBOX.format(key='"lines"')),
    "a message waits among the commands": ("missing", _LINED_UP.format(listed="cmd_list")),
    "a message is kept with the commands of the past": (
        "ok",
        _LINED_UP.format(listed="cmd_history"),
    ),
    "what was None is put into the application before it serves": (
        "missing",
        _STORED.format(leaf="leaf"),
    ),
    "what was None is put into the application, and is for all": (
        "ok",
        _STORED.format(leaf='"all"'),
    ),
    "who it is was found out, and what it names is joined": (
        "missing",
        _WHO.format(
            question='if row["auth"] != cookie:\n            return None',
            deed='yield gen.Task(room.subscribe, asked["channel_id"])',
        ),
    ),
    "only administrators are anybody": (
        "ok",
        _WHO.format(
            question='if row["role"] != "admin":\n            return None',
            deed='yield gen.Task(room.subscribe, asked["channel_id"])',
        ),
    ),
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
    "a set of another is added to": (
        "missing",
        """
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        await clients.sadd("channels:%s" % data["name"], data["channel"])
""",
    ),
    "the user is noted, and is asked nothing": (
        "missing",
        """
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        await clients.sadd("channels:%s" % self.current_user, data["channel"])
        await clients.delete("channel:%s" % data["channel"])
""",
    ),
}
