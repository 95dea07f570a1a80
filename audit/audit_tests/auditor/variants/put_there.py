"""Tables that a program shares between its pages and its sockets, and indirect ways to fill them.

An entry that every client can make admits no client that finds it; an entry of a login does.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_HANDED = """
import uuid
class Page(RequestHandler):
    def initialize(self, models):
        self.models = models
    {page}
class Other(RequestHandler):
    def initialize(self, models):
        self.models = models
    def post(self):
        key = uuid.uuid4().hex
        self.models[key] = json.loads(self.request.body)
        self.write({{"key": key}})
class Door(WebSocketHandler):
    def initialize(self, database):
        self.database = database
    def open(self, key):
        self.model = self.database[key]
        clients.add(self)
    def on_message(self, message):
        room.say(self.model, message)
def main():
    known = {{}}
    others = {{}}
    Application([
        ("/models", Page, {{"models": known}}),
        ("/others", Other, {{"models": others}}),
        (r"/ws/(\\w+)", Door, dict(database=known)),
    ]).listen(80)
"""
_MADE = """
        key = uuid.uuid4().hex
        self.models[key] = json.loads(self.request.body)
        self.write({"key": key})
"""

_NUMBERED = """
import redis
TASKS = {{}}
class Task:
    def __init__(self, phone, port):
        self.phone = phone
        self.port = port
    async def finish(self):
        room.end(self.port)
class Door(WebSocketHandler):
    async def on_message(self, message):
        said = json.loads(message)
        sid = said["sid"]
        if said["type"] == "task":
            store = redis.Redis()
            port = store.get(sid)
            if not port:
                {absent}
            port = store.get(sid)
            if not port:
                self.close()
                return
            TASKS[sid] = Task(sid, port)
        elif sid in TASKS:
            await TASKS[sid].finish()
            self.write_message("done")
"""

CASES: dict[str, Case] = {
    "a table of main() that a page fills for whoever comes": (
        "missing",
        _HANDED.format(page="def post(self):" + _MADE),
        {},
    ),
    "a table of main() that a page fills for users": (
        "late",
        _HANDED.format(page="@authenticated\n    def post(self):" + _MADE),
        {},
    ),
    "a table of main() that a page fills for a password": (
        "late",
        _HANDED.format(
            page="def post(self):\n"
            '        if not db.fits(self.get_argument("password")):\n'
            "            raise HTTPError(401)" + _MADE
        ),
        {},
    ),
    "a table of main() in which whoever comes says the key": (
        "missing",
        _HANDED.format(
            page="def put(self, key):\n        self.models[key] = json.loads(self.request.body)"
        ),
        {},
    ),
    "a table of main() that no page fills": (
        "late",
        _HANDED.format(page='def get(self):\n        self.write("models")'),
        {},
    ),
    "a number is given to whoever asks, by way of a pipeline, and what is done with it is kept": (
        "missing",
        _NUMBERED.format(
            absent="""
                with store.pipeline() as pipe:
                    pipe.set(sid, 2001)
                    pipe.execute()
"""
        ),
        {},
    ),
    "a pipeline gives only those a number that have one": (
        "late",
        _NUMBERED.format(
            absent="""
                self.close()
                return
            with store.pipeline() as pipe:
                pipe.set(sid, 2001)
                pipe.execute()
"""
        ),
        {},
    ),
}
