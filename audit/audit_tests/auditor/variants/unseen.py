"""What handlers of a fourth set showed: tables of places, state of a protocol, tickets, copied libraries."""

__all__ = ["CASES", "ORIGINS"]

Case = tuple[str, str, dict[str, str]]

_COPY = """
class SockJSConnection(object):
    def __init__(self, session):
        self.session = session
    def on_open(self, request):
        pass
    def on_message(self, message):
        raise NotImplementedError()
    def on_close(self):
        pass
    def send(self, message):
        self.session.send_message(message)
    def close(self):
        self.session.close()
"""

CASES: dict[str, Case] = {
    "the keys to verify with are fetched first": (
        "late",
        """
class Door(WebSocketHandler):
    people = set()
    def open(self):
        Door.people.add(self)
    def on_message(self, message):
        data = json.loads(message)
        if "hello" in data:
            known = room.login_service.certificates()
            if not known:
                Door.people.remove(self)
                return self.close()
            try:
                who = room.login_service.decode_token(data["token"], known)
            except jwt.InvalidTokenError:
                Door.people.remove(self)
                self.close()
""",
        {},
    ),
    "something is done before the keys are fetched": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        db.delete(data["row"])
        known = room.login_service.certificates()
        if not known:
            return self.close()
""",
        {},
    ),
    "a place in a table is made where there is none": (
        "missing",
        """
games = {}
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        self.game = self.game_of(data["player"], data["table"])
        self.game.play(data["move"])
    def game_of(self, player, table):
        key = player + "@" + str(table)
        if key not in list(games.keys()):
            game = room.start(player, table)
            games[key] = game
            return game
        return games[key]
""",
        {},
    ),
    "a place in a table is made with a formatted key": (
        "missing",
        """
seats = {}
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        key = f"{data['hall']}/{data['row']}"
        if key not in seats:
            seats[key] = room.seat(data["hall"])
        seats[key].take(data["number"])
""",
        {},
    ),
    "a key that must be known already": (
        "late",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        key = data["key"]
        if key not in clients:
            return self.close()
        room.say(data["text"])
""",
        {},
    ),
    "a key of the keyboard is passed on": (
        "missing",
        """
class Door(WebSocketHandler):
    def initialize(self, screen):
        self.screen = screen
    def on_message(self, message):
        data = json.loads(message)
        if data["what"] == "click":
            self.screen.click(int(data["x"]), int(data["y"]))
        elif data["what"] == "press":
            key = data["key"]
            try:
                if len(key) > 1:
                    self.screen.keyboard_send(key.lower())
                else:
                    self.screen.keyboard_write(key)
            except Exception as error:
                print(error)
""",
        {},
    ),
    "a key is looked up": (
        "late",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        owner = db.owner_of(data["key"])
        if owner is None:
            return self.close()
        room.say(data["text"])
""",
        {},
    ),
    "a session of the protocol that anyone begins": (
        "missing",
        """
class Door(WebSocketHandler):
    session = None
    def open(self):
        self.session = None
    async def on_message(self, message):
        if isinstance(message, bytes):
            if self.session is None:
                self.write_message({"error": "not begun"})
                return
            self.session.append(message)
            return
        data = json.loads(message)
        if data["type"] == "begin":
            self.session = self.settings["recorder"].new_session()
        elif data["type"] == "end":
            if self.session is None:
                self.write_message({"error": "not begun"})
                return
            self.write_message({"text": self.session.finish()})
""",
        {},
    ),
    "a session that a password begins": (
        "late",
        """
class Door(WebSocketHandler):
    session = None
    def open(self):
        self.session = None
    async def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            if not db.verify_password(data["name"], data["password"]):
                return self.close()
            self.session = self.settings["store"].new_session()
            return
        if self.session is None:
            self.write_message({"error": "log in first"})
            return
        self.session.append(data["text"])
""",
        {},
    ),
    "a connection of a copied library": (
        "missing",
        """
from shop.push import SockJSConnection
class Door(SockJSConnection):
    def on_open(self, info):
        room.listeners.add(self)
    def on_message(self, message):
        room.say(message)
""",
        {
            "shop/__init__.py": "",
            "shop/push/__init__.py": "from .conn import SockJSConnection",
            "shop/push/conn.py": _COPY,
        },
    ),
    "a connection of a copied library that asks": (
        "late",
        """
from shop.push import SockJSConnection
class Door(SockJSConnection):
    def on_open(self, info):
        self.user = None
    def on_message(self, message):
        data = json.loads(message)
        if not sessions.verify(data.get("token")):
            return self.close()
        room.say(data["text"])
""",
        {
            "shop/__init__.py": "",
            "shop/push/__init__.py": "from .conn import SockJSConnection",
            "shop/push/conn.py": _COPY,
        },
    ),
    "a switch that a function sets turns the check off": (
        "late",
        """
def read_configuration():
    global DISABLE_SECURITY
    DISABLE_SECURITY = room.read("server.dat", "DISABLE_SECURITY")
def demand(handler):
    if DISABLE_SECURITY:
        return
    if not handler.current_user:
        raise HTTPError(401)
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    async def open(self):
        try:
            demand(self)
        except HTTPError:
            self.close()
            return
        self.write_message(room.run(self.get_argument("project")))
""",
        {},
    ),
    "the handshake takes a ticket out of a table": (
        "late",
        """
tickets = {}
class Door(WebSocketHandler):
    def open(self):
        worker = tickets.pop(self.get_argument("id"), None)
        if not worker:
            self.close(reason="no such worker")
            return
        worker.attach(self)
    def on_message(self, message):
        self.write_message(f"got {message}")
""",
        {},
    ),
    "the handshake takes a ticket before the upgrade": (
        "guarded",
        """
tickets = {}
class Door(WebSocketHandler):
    async def get(self, *args):
        if not tickets.pop(self.get_argument("id"), None):
            raise HTTPError(403)
        await super().get(*args)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a message takes something out of a table": (
        "missing",
        """
jobs = {}
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        job = jobs.pop(data["job"], None)
        if job:
            job.cancel()
        room.say(data["text"])
""",
        {},
    ),
    "a cursor finds who has the password": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        self.ready = False
    def on_message(self, message):
        data = json.loads(message)
        if not self.ready:
            if not self.knows(data.get("name"), data.get("password")):
                self.write_message({"error": "no"})
                return
            self.ready = True
            return
        room.say(data["text"])
    def knows(self, name, password):
        cursor = db.connect().cursor()
        cursor.execute("select 1 from people where name = %s and hash = sha2(%s)", (name, password))
        row = cursor.fetchone()
        return row is not None
""",
        {},
    ),
    "a cursor finds a row for anybody": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        cursor = db.connect().cursor()
        cursor.execute("select text from pages where name = %s", (data["page"],))
        row = cursor.fetchone()
        if row is None:
            return
        room.say(row[0])
""",
        {},
    ),
    "a cursor notes the password and asks for something else": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        cursor = db.connect().cursor()
        cursor.execute("insert into tries (password) values (%s)", (data["password"],))
        cursor.execute("select text from pages where name = %s", (data["page"],))
        row = cursor.fetchone()
        if row is None:
            return
        room.say(row[0])
""",
        {},
    ),
    "a cursor finds no row before the upgrade": (
        "guarded",
        """
class Door(WebSocketHandler):
    async def get(self, *args):
        with db.connect() as connection:
            cursor = connection.cursor()
            cursor.execute("select name from sessions where token = ?", (self.get_argument("token"),))
            found = cursor.fetchall()
        if not found:
            raise HTTPError(403)
        await super().get(*args)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a client that proves nothing is put out on the next turn": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        self.whose = None
        try:
            self.whose = people.by_session(self.get_secure_cookie("sid").decode())
        except AttributeError:
            self.why = (403, "no session")
            IOLoop.current().add_callback(self.close)
            return
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a client that proves nothing is put out some day": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self):
        IOLoop.current().call_later(3600, self.close)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "one method by name before the login, the others after it": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        self.known = False
    def on_message(self, message):
        data = json.loads(message)
        verb = data.get("verb")
        if verb not in ["login"] and not self.known:
            self.write_message({"error": "log in first"})
            return
        getattr(self, "do_%s" % verb)(data)
    def do_login(self, data):
        if not hmac.compare_digest(data["token"], SECRET):
            return self.close()
        self.known = True
    def do_say(self, data):
        room.say(data["text"])
""",
        {},
    ),
    "one method by name before the login, and it does the work": (
        "missing|late",
        """
class Door(WebSocketHandler):
    def open(self):
        self.known = False
    def on_message(self, message):
        data = json.loads(message)
        verb = data.get("verb")
        if verb not in ["say"] and not self.known:
            self.write_message({"error": "log in first"})
            return
        getattr(self, "do_%s" % verb)(data)
    def do_login(self, data):
        if not hmac.compare_digest(data["token"], SECRET):
            return self.close()
        self.known = True
    def do_say(self, data):
        room.say(data["text"])
""",
        {},
    ),
    "a refusal speaks of what any message makes": (
        "missing",
        """
MOST = 100
class Door(WebSocketHandler):
    def open(self):
        self.ready = False
        self.line = None
    def on_message(self, message):
        if not self.ready and len(clients) < MOST:
            hello = json.loads(message)
            self.line = room.connect(hello["name"], int(hello["port"]))
            self.ready = True
            return
        if self.line is None:
            self.write_message("Error: could not authenticate you.")
            return
        self.line.put(message)
""",
        {},
    ),
    "a refusal speaks of what a password makes": (
        "late",
        """
MOST = 100
class Door(WebSocketHandler):
    def open(self):
        self.ready = False
        self.line = None
    def on_message(self, message):
        if not self.ready and len(clients) < MOST:
            hello = json.loads(message)
            if not db.verify_password(hello["name"], hello["password"]):
                self.write_message("Error: could not authenticate you.")
                return
            self.line = room.connect(hello["name"], int(hello["port"]))
            self.ready = True
            return
        if self.line is None:
            self.write_message("Error: could not authenticate you.")
            return
        self.line.put(message)
""",
        {},
    ),
}

ORIGINS: dict[str, Case] = {
    "a connection of a copied library": (
        "open",
        CASES["a connection of a copied library"][1],
        CASES["a connection of a copied library"][2],
    ),
    "everybody once it has begun": (
        "open",
        """
class Door(WebSocketHandler):
    running = False
    def check_origin(self, origin):
        cls = self.__class__
        return cls.running
    @classmethod
    def begin(cls):
        cls.running = True
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "nobody, whatever begins": (
        "restricted",
        """
class Door(WebSocketHandler):
    running = False
    def check_origin(self, origin):
        cls = self.__class__
        return cls.running
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "the own host once it has begun": (
        "restricted",
        """
class Door(WebSocketHandler):
    running = False
    def check_origin(self, origin):
        return self.running and super().check_origin(origin)
    @classmethod
    def begin(cls):
        cls.running = True
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a list that nobody fills": (
        "open",
        """
class Registry:
    _config: dict = {}
    @classmethod
    def configure(cls, *, config):
        cls._config = config
    @classmethod
    def config(cls):
        return cls._config
def pages():
    named = Registry.config().get("pages")
    if named is None:
        named = os.environ.get("PAGES", "")
    if isinstance(named, str):
        named = named.split(",")
    return {str(one).strip() for one in named if str(one).strip()}
class Door(WebSocketHandler):
    def check_origin(self, origin):
        known = pages()
        if not known:
            return True
        return origin in known
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a list that holds the own page unless it is filled": (
        "restricted",
        """
class Registry:
    _config: dict = {}
    @classmethod
    def configure(cls, *, config):
        cls._config = config
    @classmethod
    def config(cls):
        return cls._config
def pages():
    named = Registry.config().get("pages")
    if named is None:
        named = os.environ.get("PAGES", "https://app.example")
    if isinstance(named, str):
        named = named.split(",")
    return {str(one).strip() for one in named if str(one).strip()}
class Door(WebSocketHandler):
    def check_origin(self, origin):
        known = pages()
        if not known:
            return True
        return origin in known
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
}
