"""One object for the whole program, made when first asked for: what it keeps is there for who asks next."""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_PROGRAM = """
class People:
    def __init__(self):
        self.held = dict()
    def set(self, key, value):
        self.held[key] = value
    def get(self, key, default=None):
        if key in self.held:
            return self.held[key]["v"]
        return default
class Hub:
    clients = {{}}
    def have(self, one):
        return one in self.clients
    def register(self, one):
        self.clients[one] = []
    def on_message(self, one, message):
        self.clients[one].append(message)
        one.write_message(db.state())
{made}
class Login(RequestHandler):
    def post(self):
        user = db.check_password(self.get_argument("name"), self.get_argument("password"))
        if user is None:
            return
        sid = os.urandom(16).hex()
        people().set("user-" + sid, {{"v": user}})
        self.set_cookie("sid", sid)
class Door(WebSocketHandler):
    def open(self, sid):
        user = people().get("user-{{}}".format(sid), None)
        if user is None:
            self.write_message(json.dumps({{"code": 9, "message": "?"}}))
            {refusal}
        hub().register(self)
    def on_message(self, message):
        if not hub().have(self):
            self.write_message(json.dumps({{"code": 9, "message": "?"}}))
            return
        hub().on_message(self, message)
application = Application([("/ws/(.*)", Door), ("/login", Login)])
"""

_MADE = {
    "under a name of builtins": """
def people():
    import builtins
    if "__people__" not in builtins.__dict__:
        builtins.__dict__["__people__"] = People()
    return builtins.__dict__["__people__"]
def hub():
    import builtins
    if "__hub__" not in builtins.__dict__:
        builtins.__dict__["__hub__"] = Hub()
    return builtins.__dict__["__hub__"]
""",
    "in a global": """
_people = None
_hub = None
def people():
    global _people
    if _people is None:
        _people = People()
    return _people
def hub():
    global _hub
    if _hub is not None:
        return _hub
    _hub = Hub()
    return _hub
""",
    "under a lock": """
import threading
_lock = threading.Lock()
_people = None
_hub = None
def people():
    global _people
    if not _people:
        with _lock:
            if not _people:
                _people = People()
    return _people
def hub():
    global _hub
    with _lock:
        if not _hub:
            _hub = Hub()
    return _hub
""",
    "in the names of the module": """
def people():
    if "_people" not in globals():
        globals()["_people"] = People()
    return globals()["_people"]
def hub():
    if "_hub" not in globals():
        globals()["_hub"] = Hub()
    return globals()["_hub"]
""",
    "on the function itself": """
def people():
    if not hasattr(people, "it"):
        people.it = People()
    return people.it
def hub():
    if not hasattr(hub, "it"):
        hub.it = Hub()
    return hub.it
""",
    "in a table of parts": """
PARTS = {}
def people():
    if "people" not in PARTS:
        PARTS["people"] = People()
    return PARTS["people"]
def hub():
    if "hub" not in PARTS:
        PARTS["hub"] = Hub()
    return PARTS["hub"]
""",
    "on another class": """
class Parts:
    _people = None
    _hub = None
    @classmethod
    def people(cls):
        if cls._people is None:
            cls._people = People()
        return cls._people
    @staticmethod
    def hub():
        if Parts._hub is None:
            Parts._hub = Hub()
        return Parts._hub
people = Parts.people
hub = Parts.hub
""",
    "kept by a cache": """
@functools.lru_cache(maxsize=None)
def people():
    return People()
@functools.lru_cache(maxsize=None)
def hub():
    return Hub()
""",
}

_FOR_EACH = """
class Seat:
    def __init__(self, who):
        self.who = who
SEATS = {}
def seat(who):
    if who not in SEATS:
        SEATS[who] = Seat(who)
    return SEATS[who]
class Door(WebSocketHandler):
    def on_message(self, message):
        asked = json.loads(message)
        one = seat(asked["name"])
        if not one.who:
            self.write_message("?")
            return
        room.say(asked["text"])
"""

CASES: dict[str, Case] = {
    **{
        f"who is known to the one object, {where}": (
            "late",
            _PROGRAM.format(made=made, refusal="return"),
            {},
        )
        for where, made in _MADE.items()
    },
    **{
        f"who is not known goes on, with the one object {where}": (
            "missing",
            _PROGRAM.format(made=made, refusal=""),
            {},
        )
        for where, made in _MADE.items()
    },
    "an object for each that is named": (
        "missing",
        _FOR_EACH,
        {},
    ),
}
