"""Codes, sessions and tickets that a server issues: to every client, or only to some.

The presence of an issued value proves nothing if every client can get it; its content may.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_ROOM = """
import random, string
PLACES = {{}}
def drawn():
    return "".join(random.choice(string.ascii_uppercase) for _ in range(4))
class Door(WebSocketHandler):
    def open(self):
        self.place = None
    def on_message(self, message):
        said = json.loads(message)
        if said["type"] == "create":
            {asked}
            code = drawn()
            PLACES[code] = [self]
            self.place = code
            self.write_message({{"type": "created", "code": {told}}})
        elif said["type"] == "join":
            if said["code"] not in PLACES:
                self.write_message({{"type": "error", "text": "no such room"}})
                return
            self.place = said["code"]
            PLACES[self.place].append(self)
        elif self.place is None:
            self.write_message({{"type": "error", "text": "join first"}})
        else:
            for one in PLACES[self.place]:
                one.write_message(message)
"""

_RESUMED = """
import secrets
KEPT = {{}}
class Door(WebSocketHandler):
    def open(self):
        self.session = None
    def on_message(self, message):
        said = json.loads(message)
        if said["op"] == "hello":
            token = said.get("token")
            if token and token in KEPT:
                self.session = KEPT[token]
                self.write_message({{"op": "resumed"}})
            else:
                token = secrets.token_hex(16)
                self.session = KEPT[token] = {{"token": token, {fresh}}}
                self.write_message({{"op": "welcome", "token": token}})
        elif self.session is None:
            self.close()
        {login}
        else:
            {asked}
            room.say(said["text"])
"""

_MANAGED = """
import uuid
class Visit:
    def __init__(self, socket, user=None):
        self.id = uuid.uuid4().hex
        self.socket = socket
        self.user = user
class Desk:
    def __init__(self):
        self.visits = {{}}
    def begin(self, socket, user=None):
        visit = Visit(socket, user)
        self.visits[visit.id] = visit
        return visit
    def find(self, session):
        return self.visits.get(session)
desk = Desk()
class Door(WebSocketHandler):
    def open(self):
        {opening}
    def on_message(self, message):
        said = json.loads(message)
        {login}
        visit = desk.find(said["session"])
        if visit is None:
            self.write_message({{"error": "invalid session"}})
            return
        {asked}
        room.say(said["text"])
"""

_LOGIN = """elif said["op"] == "login":
            if db.check_password(said["name"], said["password"]):
                self.session["user"] = said["name"]"""
_OF_DESK = """if said["type"] == "login":
            user = db.check_password(said["name"], said["password"])
            if user is None:
                self.write_message({"error": "login failed"})
                return
            self.write_message({"session": desk.begin(self, user).id})
            return"""

_PAGE = """
import secrets
tickets = {{}}
class Base(RequestHandler):
    def get_current_user(self):
        return self.get_secure_cookie("who")
class Page(Base):
    {decorated}
    def {verb}(self):
        {asked}
        ticket = secrets.token_urlsafe(16)
        {kept}
        {told}
class Door(WebSocketHandler):
    {prepared}
    def open(self):
        self.write_message("welcome")
    def on_message(self, message):
        room.say(message)
application = Application([(r"/", Page), (r"/socket", Door)], cookie_secret=os.environ["KEY"])
"""
_ASKED = """def prepare(self):
        if self.get_argument("ticket", "") not in tickets:
            raise HTTPError(403)"""
_OF_USER = """def prepare(self):
        found = tickets.get(self.get_argument("ticket", ""))
        if found is None or not found["user"]:
            raise HTTPError(403)"""

_APPLICATION = """
import uuid
class Server(Application):
    def __init__(self):
        self.{table} = {empty}
        super().__init__([(r"/list", List), (r"/watch/(\\w+)", Door)])
class List(RequestHandler):
    def post(self):
        state = json.loads(self.request.body)
        {made}
class Door(WebSocketHandler):
    def open(self, sid):
        if sid not in self.application.{table}:
            raise HTTPError(404, "no such session")
        self.sid = sid
        self.write_message(str(self.application.{table}))
    def on_message(self, message):
        room.say(message)
"""

_ELSEWHERE = """
import uuid
codes = {{}}
class Screen(WebSocketHandler):
    {opening}
        code = uuid.uuid4().hex
        codes[code] = self
        self.write_message({{"code": {told}}})
class Door(WebSocketHandler):
    def on_message(self, message):
        said = json.loads(message)
        screen = codes.get(said["code"])
        if screen is None:
            self.write_message({{"error": "wrong code"}})
            return
        screen.write_message(said["text"])
application = Application([(r"/screen", Screen), (r"/socket", Door)])
"""


_SECRET = """
import secrets
define("token", type=str)
{made}
class Page(RequestHandler):
    def get_current_user(self):
        return self.get_secure_cookie("who")
    {decorated}
    def get(self):
        {asked}
        self.render("page.html", token={told})
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_argument("token", "") != {wanted}:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
application = Application([(r"/", Page), (r"/socket", Door)], cookie_secret=os.environ["KEY"])
"""

_DESK = """
import secrets
class Tickets:
    def __init__(self):
        self.given = {{}}
    def issue(self, who):
        key = secrets.token_urlsafe(12)
        self.given[key] = who
        return key
    def check(self, key):
        return self.given.pop(key, None) is not None
class Page(RequestHandler):
    def initialize(self, tickets):
        self.tickets = tickets
    def get_current_user(self):
        return self.get_secure_cookie("who")
    {decorated}
    def get(self):
        self.render("page.html", ticket=self.tickets.issue({who}))
class Door(WebSocketHandler):
    def initialize(self, tickets):
        self.tickets = tickets
    def prepare(self):
        if not self.tickets.check(self.get_argument("ticket", "")):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
tickets = Tickets()
application = Application(
    [(r"/", Page, {{"tickets": tickets}}), (r"/socket", Door, {{"tickets": tickets}})]
)
"""

_REDIS = """
import redis, uuid
store = redis.Redis()
class Page(RequestHandler):
    def post(self):
        {asked}
        token = uuid.uuid4().hex
        store.setex({under}, 3600, "x")
        self.write({{"token": token}})
class Door(WebSocketHandler):
    def prepare(self):
        if not store.get(self.get_argument("token", "")):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
application = Application([(r"/", Page), (r"/socket", Door)])
"""
_LOGGED_IN = """if not db.check_password(self.get_argument("name"), self.get_argument("password")):
            raise HTTPError(403)"""


def _secret(**parts: str) -> str:
    """A secret of the whole program, and the page that may tell it."""
    usual = {
        "made": "TOKEN = secrets.token_hex(16)",
        "decorated": "",
        "asked": "",
        "told": "TOKEN",
        "wanted": "TOKEN",
    }
    return _SECRET.format(**usual | parts)


def _page(**parts: str) -> str:
    """A page that hands out tickets, and the socket that asks for one."""
    usual = {
        "decorated": "",
        "verb": "get",
        "asked": "",
        "kept": "tickets[ticket] = True",
        "told": 'self.render("page.html", ticket=ticket)',
        "prepared": _ASKED,
    }
    return _PAGE.format(**usual | parts)


CASES: dict[str, Case] = {
    "a room has a code, and whoever makes one is told it": (
        "missing",
        _ROOM.format(asked="pass", told="code"),
        {},
    ),
    "a room has a code that nobody is told": (
        "late",
        _ROOM.format(asked="pass", told='"on the screen"'),
        {},
    ),
    "a room has a code, and only a user makes one": (
        "late",
        _ROOM.format(
            asked='if not db.check_password(said["name"], said["password"]):\n'
            "                return self.close()",
            told="code",
        ),
        {},
    ),
    "a token to come back with, for whoever says hello": (
        "missing",
        _RESUMED.format(login="", fresh='"log": []', asked="pass"),
        {},
    ),
    "a token to come back with, and a user is asked for": (
        "late",
        _RESUMED.format(
            login=_LOGIN,
            fresh='"user": None',
            asked='if not self.session["user"]:\n                return self.close()',
        ),
        {},
    ),
    "a token to come back with, and a user that nothing began is asked for": (
        "late",
        _RESUMED.format(
            login=_LOGIN,
            fresh='"log": []',
            asked='if not self.session.get("user"):\n                return self.close()',
        ),
        {},
    ),
    "a token to come back with, and the name of a room is asked for": (
        "missing",
        _RESUMED.format(
            login="",
            fresh='"room": "hall"',
            asked='if not self.session["room"]:\n                return self.close()',
        ),
        {},
    ),
    "a session for whoever connects": (
        "missing",
        _MANAGED.format(
            login="pass",
            opening='self.write_message({"session": desk.begin(self).id})',
            asked="pass",
        ),
        {},
    ),
    "a session for whoever connects, with a user in some": (
        "late",
        _MANAGED.format(
            login=_OF_DESK,
            opening='self.write_message({"session": desk.begin(self).id})',
            asked="if visit.user is None:\n            return",
        ),
        {},
    ),
    "a session for whoever connects, with a name in each": (
        "missing",
        _MANAGED.format(
            login="pass",
            opening='self.write_message({"session": desk.begin(self, "guest").id})',
            asked="if visit.user is None:\n            return",
        ),
        {},
    ),
    "a session for whoever logs in": (
        "late",
        _MANAGED.format(login=_OF_DESK, opening="pass", asked="pass"),
        {},
    ),
    "a ticket on the front page": ("missing", _page(), {}),
    "a ticket for whoever posts": (
        "missing",
        _page(verb="post", told='self.write({"ticket": ticket})'),
        {},
    ),
    "a ticket on the front page, in a list": (
        "missing",
        _page(kept="tickets.setdefault(ticket, []).append(1)"),
        {},
    ),
    "a ticket on the front page of a user": ("guarded", _page(decorated="@authenticated"), {}),
    "a ticket for who has the password": (
        "guarded",
        _page(
            verb="post",
            asked='if self.get_argument("password") != os.environ["PASSWORD"]:\n'
            "            raise HTTPError(403)",
        ),
        {},
    ),
    "a ticket that goes by mail": (
        "guarded",
        _page(
            verb="post",
            told='db.mail(self.get_argument("address"), ticket)\n        self.write("look into your mail")',
        ),
        {},
    ),
    "a ticket with the user of the page": (
        "guarded",
        _page(kept='tickets[ticket] = {"user": self.current_user}', prepared=_OF_USER),
        {},
    ),
    "a ticket with the name that a form says": (
        "missing",
        _page(
            verb="post",
            kept='tickets[ticket] = {"user": self.get_argument("name")}',
            prepared=_OF_USER,
        ),
        {},
    ),
    "games of the application under what a page says": (
        "missing",
        _APPLICATION.format(
            table="games",
            empty="{}",
            made='self.application.games[state["sessionId"]] = state',
        ),
        {},
    ),
    "sessions of the application under what a page draws": (
        "missing",
        _APPLICATION.format(
            table="sessions",
            empty="set()",
            made="sid = uuid.uuid4().hex\n        self.application.sessions.add(sid)\n"
            '        self.write({"sid": sid})',
        ),
        {},
    ),
    "sessions of the application of those who log in": (
        "late",
        _APPLICATION.format(
            table="sessions",
            empty="set()",
            made='if not db.check_password(state["name"], state["password"]):\n'
            "            raise HTTPError(403)\n"
            "        sid = uuid.uuid4().hex\n        self.application.sessions.add(sid)\n"
            '        self.write({"sid": sid})',
        ),
        {},
    ),
    "a code that another socket gives to whoever comes": (
        "missing",
        _ELSEWHERE.format(opening="def open(self):", told="code"),
        {},
    ),
    "a code that another socket gives to a user": (
        "late",
        _ELSEWHERE.format(
            opening="def open(self):\n        if not self.get_secure_cookie('who'):\n"
            "            return self.close()",
            told="code",
        ),
        {},
    ),
    "a code that another socket only keeps": (
        "late",
        _ELSEWHERE.format(opening="def open(self):", told='"look at the screen"'),
        {},
    ),
    "the token of the program is in the page of everybody": ("missing", _secret(), {}),
    "the token of the program is in the page of users": (
        "guarded",
        _secret(decorated="@authenticated"),
        {},
    ),
    "the token of the program is in the page of who is asked first": (
        "guarded",
        _secret(asked="if self.current_user is None:\n            return self.redirect('/in')"),
        {},
    ),
    "another token is in the page of everybody": (
        "guarded",
        _secret(made="TOKEN = secrets.token_hex(16)\nOTHER = secrets.token_hex(8)", told="OTHER"),
        {},
    ),
    "the token of the configuration is in the page of everybody": (
        "missing",
        _secret(made="", told="options.token", wanted="options.token"),
        {},
    ),
    "the token of the configuration is in no page": (
        "guarded",
        _secret(made='TOKEN = os.environ["TOKEN"]', told='"none"'),
        {},
    ),
    "tickets of an object that the route gives": (
        "missing",
        _DESK.format(decorated="", who='"guest"'),
        {},
    ),
    "tickets of an object that the route gives, for users": (
        "guarded",
        _DESK.format(decorated="@authenticated", who="self.current_user"),
        {},
    ),
    "tickets in a store for whoever asks": (
        "missing",
        _REDIS.format(asked="", under="token"),
        {},
    ),
    "tickets in a store for whoever logs in": (
        "guarded",
        _REDIS.format(asked=_LOGGED_IN, under="token"),
        {},
    ),
}
