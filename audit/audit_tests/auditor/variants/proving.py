"""What handlers of a sixth set showed: what is a proof by how it is used, and what every visitor is given."""

__all__ = ["CASES", "ORIGINS", "PERMISSIONS"]

Case = tuple[str, str, dict[str, str]]

_USER = """
class Door(WebSocketHandler):
    def get_current_user(self):
        {getter}
    def open(self):
        self.who = room.begin(self.current_user, self)
        if self.who:
            self.write_message(json.dumps({{"who": self.who}}))
        else:
            self.close()
    def on_message(self, message):
        self.write_message(json.dumps(self.who))
"""

_TESTS = """
class Plain(Application):
    def __init__(self, settings):
        super().__init__([(r"/ws", Door)])
        self.{name} = settings["{key}"]
class Door(WebSocketHandler):
    def get_current_user(self):
        if self.application.{name}:
            return "somebody"
        return self.get_secure_cookie("who")
    @authenticated
    def prepare(self):
        pass
    def open(self):
        room.join(self)
"""

_HELD = """
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.{name} = self.cookies["shop"].value
            self.who = int(db.get("{name}:%s" % self.{name}))
        except (KeyError, TypeError, ValueError):
            self.send_error(400)
    def open(self):
        room.join(self, self.who)
"""

_WANTED = """
class Door(WebSocketHandler):
    def prepare(self):
        {absent}
        found = db.evaluate(SCRIPT, self.path_args[0])
        if not all(found) or found[0] != self.{shown}:
            self.send_error(404)
    def open(self, game):
        room.join(self, game)
"""

_FINDS = """
class Door(WebSocketHandler):
    def open(self):
        who = self.get_secure_cookie("who")
        try:
            self.person = room.find_person(id=who)
        except {error}:
            {refusal}
        room.join(self)
    def on_message(self, message):
        pass
"""

_SUM = """
import hashlib
class Guests:
    def __init__(self):
        self.held = room.held()
    def check(self, shown):
        salt = shown.split("$")[1]
        {made}
        {compared}
class Door(WebSocketHandler):
    guests = Guests()
    def on_message(self, message):
        data = json.loads(message)
        if not self.guests.check(data["auth"]):
            return self.close()
        room.say(data["text"])
"""

_VISITORS = """
import uuid
class Page(RequestHandler):
    {before}
    def get(self):
        {given}
        self.render("index.html")
    def post(self):
        {login}
class Door(WebSocketHandler):
    def open(self):
        who = self.get_secure_cookie("who")
        {asked}
        room.join(self)
    def on_message(self, message):
        room.say(message)
"""
_GIVEN = """if not self.get_secure_cookie("who"):
            self.set_secure_cookie("who", str(uuid.uuid4()))"""
_CLOSED = """if not who:
            return self.close()"""

_FILLED = """
class Door(WebSocketHandler):
    def open(self):
        self.held = None
    def on_message(self, message):
        state = room.state()
        admin = self.get_secure_cookie("who") == b"admin"
        told = {{"rooms": state.rooms, "people": state.people}}
        {filled}
        if told != self.held:
            self.held = told
            state.count(told)
            self.write_message(told)
"""

_GUEST = """
class Room:
    def __init__(self, name, {who}=None):
        self.name = name
        self.people = {{{who}}} if {who} else set()
class Door(WebSocketHandler):
    hall = Room("hall")
    def open(self):
        self.hall.people.add(self)
    def on_message(self, message):
        who = self.get_secure_cookie("who").decode()
        for one in self.hall.people:
            one.write_message(who + message)
"""

_ROWS = """
class Door(WebSocketHandler):
    async def prepare(self):
        rows = await db.fetch("select name from people where {column} = $1", {shown})
        if {test}:
            raise HTTPError(404)
    def on_message(self, message):
        room.say(message)
"""

_TABLE = """
PEOPLE = {{}}
class Door(WebSocketHandler):
    def open(self):
        who = self.get_secure_cookie("who")
        try:
            self.person = {table}[who]
        except {error}:
            return self.close()
        room.join(self)
    def on_message(self, message):
        pass
"""

CASES: dict[str, Case] = {
    "fewer than one row": (
        "guarded",
        _ROWS.format(column="token", shown='self.get_cookie("token")', test="len(rows) < 1"),
        {},
    ),
    "one is more than there are rows": (
        "guarded",
        _ROWS.format(column="token", shown='self.get_cookie("token")', test="1 > len(rows)"),
        {},
    ),
    "at most no row": (
        "guarded",
        _ROWS.format(column="token", shown='self.get_cookie("token")', test="len(rows) <= 0"),
        {},
    ),
    "more than one row": (
        "missing|unknown",
        _ROWS.format(column="token", shown='self.get_cookie("token")', test="len(rows) > 1"),
        {},
    ),
    "fewer than one row of what anybody names": (
        "missing",
        _ROWS.format(column="hall", shown='self.get_argument("hall")', test="len(rows) < 1"),
        {},
    ),
    "nobody is in a table": ("late", _TABLE.format(table="PEOPLE", error="KeyError"), {}),
    "nobody is in a table of another file": (
        "late",
        _TABLE.format(table="room.people", error="(KeyError, ValueError)"),
        {},
    ),
    "another error than that nobody is there": (
        "late|missing",
        _TABLE.format(table="room.people", error="OSError"),
        {},
    ),
    "a cookie that every visitor is given": (
        "missing",
        _VISITORS.format(before="", given=_GIVEN, login="pass", asked=_CLOSED),
        {},
    ),
    "a cookie that every visitor of a page with a database is given": (
        "missing",
        _VISITORS.format(
            before="def prepare(self):\n        db.connect()",
            given=_GIVEN,
            login="pass",
            asked=_CLOSED,
        ),
        {},
    ),
    "a cookie that a page gives anew each time": (
        "missing",
        _VISITORS.format(
            before="",
            given='fresh = uuid.uuid4().hex\n        self.set_secure_cookie("who", fresh)',
            login="pass",
            asked=_CLOSED,
        ),
        {},
    ),
    "a cookie that a page gives after it asked": (
        "late",
        _VISITORS.format(
            before="",
            given='room.ask(self.get_argument("password"))\n'
            '        self.set_secure_cookie("who", uuid.uuid4().hex)',
            login="pass",
            asked=_CLOSED,
        ),
        {},
    ),
    "a cookie that a form gives": (
        "late",
        _VISITORS.format(
            before="",
            given="pass",
            login='self.set_secure_cookie("who", uuid.uuid4().hex)',
            asked=_CLOSED,
        ),
        {},
    ),
    "a cookie that a logout empties": (
        "late",
        _VISITORS.format(
            before="",
            given='self.set_secure_cookie("who", "")',
            login="pass",
            asked=_CLOSED,
        ),
        {},
    ),
    "a cookie that the door itself gives": (
        "missing",
        """
import uuid
class Door(WebSocketHandler):
    def prepare(self):
        who = self.get_secure_cookie("who")
        if who is None:
            self.set_secure_cookie("who", "guest|" + uuid.uuid4().hex)
    def open(self):
        if self.get_secure_cookie("who") is None:
            return self.close()
        room.join(self)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a cookie that is given after a question": (
        "late",
        _VISITORS.format(
            before="",
            given='if not room.knows(self.get_argument("name")):\n            raise HTTPError(403)\n'
            "        " + _GIVEN,
            login="pass",
            asked=_CLOSED,
        ),
        {},
    ),
    "a cookie that is given where prepare() asks": (
        "late",
        _VISITORS.format(
            before='def prepare(self):\n        if self.get_argument("key") != options.key:\n'
            "            raise HTTPError(403)",
            given=_GIVEN,
            login="pass",
            asked=_CLOSED,
        ),
        {},
    ),
    "another cookie that every visitor is given": (
        "late",
        _VISITORS.format(
            before="", given=_GIVEN.replace('"who"', '"seen"'), login="pass", asked=_CLOSED
        ),
        {},
    ),
    "a cookie that a login gives": (
        "late",
        _VISITORS.format(
            before="",
            given="pass",
            login='self.set_secure_cookie("who", db.login(self.get_argument("password")))',
            asked=_CLOSED,
        ),
        {},
    ),
    "a visitor's cookie under which somebody is looked up": (
        "late",
        _VISITORS.format(
            before="",
            given=_GIVEN,
            login='db.logged_in(self.get_secure_cookie("who"))',
            asked="if db.person(who) is None:\n            return self.close()",
        ),
        {},
    ),
    "the name that every visitor is given is refused": (
        "late",
        _VISITORS.format(
            before="",
            given='if not self.get_secure_cookie("who"):\n'
            '            self.set_secure_cookie("who", "nobody")',
            login='self.set_secure_cookie("who", db.login(self.get_argument("password")))',
            asked='if not who or who == b"nobody":\n            return self.close()',
        ),
        {},
    ),
    "the name that every visitor is given is let in": (
        "missing",
        _VISITORS.format(
            before="",
            given='if not self.get_secure_cookie("who"):\n'
            '            self.set_secure_cookie("who", "nobody")',
            login="pass",
            asked=_CLOSED,
        ),
        {},
    ),
    "a question that only fills something in": (
        "missing",
        _FILLED.format(
            filled='if admin:\n            told["log"] = state.log\n        else:\n'
            '            told["log"] = ""'
        ),
        {},
    ),
    "a question that refuses beside what is filled in": (
        "late",
        _FILLED.format(
            filled='if not admin:\n            return self.close()\n        told["log"] = state.log'
        ),
        {},
    ),
    "a place that may be made for somebody": ("missing|late", _GUEST.format(who="user"), {}),
    "the user that is None after a question is handed on": (
        "late",
        _USER.format(
            getter='key = self.get_secure_cookie("who")\n        if key:\n            return int(key)'
        ),
        {},
    ),
    "a user that is None for everybody is handed on": (
        "missing",
        _USER.format(getter="return None"),
        {},
    ),
    "a user of a plain cookie is handed on": (
        "missing",
        _USER.format(
            getter='key = self.get_cookie("colour")\n        if key:\n            return key'
        ),
        {},
    ),
    "a mode for tests that the settings say": (
        "guarded",
        _TESTS.format(name="test_mode", key="Testing mode"),
        {},
    ),
    "a mode for tests that the settings name otherwise": (
        "guarded",
        _TESTS.format(name="checks", key="testing"),
        {},
    ),
    "a mode for everybody that the settings say": (
        "missing|optional",
        _TESTS.format(name="open_house", key="Open house"),
        {},
    ),
    "a cookie under the name of a session": ("guarded", _HELD.format(name="session_id"), {}),
    "a cookie under the name of a place": ("missing", _HELD.format(name="shelf"), {}),
    "a cookie without which the answer is 401": (
        "guarded",
        _WANTED.format(
            absent='if "shop" not in self.cookies:\n            return self.send_error(401)',
            shown='cookies["shop"].value',
        ),
        {},
    ),
    "a cookie that is read, without which the answer is 403": (
        "guarded",
        _WANTED.format(
            absent='if not self.get_cookie("shop"):\n            raise HTTPError(403)',
            shown='get_cookie("shop")',
        ),
        {},
    ),
    "one of two without which the answer is 401": (
        "guarded",
        _WANTED.format(
            absent='if "shop" not in self.cookies or db.closed():\n            raise HTTPError(401)',
            shown='cookies["shop"].value',
        ),
        {},
    ),
    "a cookie without which the answer is 400": (
        "missing",
        _WANTED.format(
            absent='if "shop" not in self.cookies:\n            return self.send_error(400)',
            shown='cookies["shop"].value',
        ),
        {},
    ),
    "another cookie than that which is compared": (
        "missing",
        _WANTED.format(
            absent='if "shop" not in self.cookies:\n            return self.send_error(401)',
            shown='cookies["colour"].value',
        ),
        {},
    ),
    "with which the answer is 403": (
        "missing",
        _WANTED.format(
            absent='if "shop" in self.cookies:\n            return self.send_error(403)',
            shown='cookies["shop"].value',
        ),
        {},
    ),
    "nobody is not found": (
        "late",
        _FINDS.format(error="room.DoesNotExist", refusal="return self.close()"),
        {},
    ),
    "nobody is not found, and the connection goes on": (
        "missing",
        _FINDS.format(error="room.DoesNotExist", refusal='print("nobody")'),
        {},
    ),
    "whom nobody looks for may not be found": (
        "missing",
        _FINDS.format(error="room.DoesNotExist", refusal="return self.close()").replace(
            'self.get_secure_cookie("who")', 'self.get_argument("name")'
        ),
        {},
    ),
    "a sum of what is shown and a secret of the server": (
        "late",
        _SUM.format(
            made="mine = hashlib.sha256(self.held.rpcauth + salt).hexdigest()",
            compared='return "$%s$%s" % (salt, mine) == shown',
        ),
        {},
    ),
    "a sum of what is shown only": (
        "missing",
        _SUM.format(
            made="mine = hashlib.sha256(salt).hexdigest()",
            compared='return "$%s$%s" % (salt, mine) == shown',
        ),
        {},
    ),
    "a class that others derive from makes its own application": (
        "missing",
        """
class Proxy(WebSocketHandler):
    def where(self):
        raise NotImplementedError
    async def get(self):
        self.behind = await room.connect(self.where())
        await super().get()
    def on_message(self, message):
        self.behind.write(message)
    @classmethod
    def make_app(cls):
        return Application([(".*", cls)])
class Door(Proxy):
    def where(self):
        return self.request.host
class Inner(Door):
    def prepare(self):
        if not self.get_secure_cookie("who"):
            raise HTTPError(403)
if __name__ == "__main__":
    Door.make_app().listen(8888)
""",
        {},
    ),
    "the upgrade stands in a try": (
        "missing",
        """
class Door(WebSocketHandler):
    async def get(self, path=None):
        self.behind = await room.connect(path)
        try:
            await WebSocketHandler.get(self, path)
        except Exception:
            self.behind.close()
            raise
    def open(self, path):
        pass
    def on_message(self, message):
        self.behind.write(message)
""",
        {},
    ),
    "the upgrade stands in a try after a question": (
        "guarded",
        """
class Door(WebSocketHandler):
    async def get(self, path=None):
        if not self.get_secure_cookie("who"):
            raise HTTPError(403)
        try:
            await WebSocketHandler.get(self, path)
        except Exception:
            print("gone")
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
}

_LONG = """
class Door(WebSocketHandler):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for one in ("a", "b", "c", "d", "e", "f", "g", "h"):
            if room.has(one + "1"):
                room.note(one + "1")
            if room.has(one + "2"):
                room.note(one + "2")
            if room.has(one + "3"):
                room.note(one + "3")
        self.strict = bool(room.strict())
    def check_origin(self, origin):
        {answer}
"""

_SOCKJS = """
from sockjs.tornado import SockJSRouter
from rooms import DefaultHandler
class Door(DefaultHandler):
    def on_open(self, info):
        pass
    def on_join(self, data):
        room.join(self, data["room"])
app = Application({router}(Door, "/rooms").urls)
"""

ORIGINS: dict[str, Case] = {
    "True, whatever a long constructor finds": ("open", _LONG.format(answer="return True"), {}),
    "a comparison, whatever a long constructor finds": (
        "restricted",
        _LONG.format(answer='return origin == "https://app.example"'),
        {},
    ),
    "what the constructor notes": (
        "open",
        """
class Door(WebSocketHandler):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.anybody = [True]
    def check_origin(self, origin):
        return self.anybody[0]
""",
        {},
    ),
    "what the constructor notes otherwise": (
        "restricted",
        """
class Door(WebSocketHandler):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.anybody = [False]
    def check_origin(self, origin):
        return self.anybody[0]
""",
        {},
    ),
    "a connection whose base was not read is given to the router of SockJS": (
        "open",
        _SOCKJS.format(router="SockJSRouter"),
        {},
    ),
}

_OWNED = """
class Door(WebSocketHandler):
    def prepare(self):
        if "shop" not in self.cookies:
            return self.send_error(401)
        self.game = self.path_args[0]
        found = db.evaluate(SCRIPT, self.game)
        if {asked}:
            self.send_error(404)
    def open(self, game):
        room.join(self.game)
    def on_message(self, message):
        room.move(self.game, json.loads(message)["to"])
"""

PERMISSIONS: dict[str, Case] = {
    "the cookie is compared with whose it is": (
        "ok",
        _OWNED.format(asked='found[0] != self.cookies["shop"].value'),
        {},
    ),
}
