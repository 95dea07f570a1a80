"""Values that stay empty for unauthenticated clients and are checked later, and partial checks."""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_NUMBER = """
class Door(WebSocketHandler):
    waiters = {{}}
    def get_current_user(self):
        uid = self.get_signed_cookie("uid") or b"0"
        uid = int(uid.decode())
        {question}
        return db.load(uid)
    def open(self):
        Door.waiters[self.current_user.id] = self
    def on_message(self, message):
        for one in Door.waiters.values():
            one.write_message(message)
"""

_FLAG = """
class Door(WebSocketHandler):
    def open(self):
        row = db.find_user(self.get_signed_cookie("user"))
        self.extra = {began}
        if row:
            self.extra = db.rights(row) > 7
        room.prepare(self)
    def on_message(self, message):
        asked = json.loads(message)
        if self.extra:
            room.change(asked["text"])
"""

_CODES = """
import struct
READ, FIND, LIST, WATCH, LINK, NAME, SIZE, MAKE, DROP, MOVE, COPY = range(11)
class Relay:
    def __init__(self, back, extra=False):
        self.back = back
        self.extra = extra
    def send(self, message):
        code, size = struct.unpack_from("=BI", message)
        if (
            code == READ or code == FIND or code == LIST or code == WATCH
            or code == LINK or code == NAME or code == SIZE
            or ({question} and (code == MAKE or code == DROP or code == MOVE or code == COPY))
        ):
            self.back(room.run(message))
        else:
            self.back(b"no")
class Door(WebSocketHandler):
    def open(self):
        row = db.users.filter(db.User.key == self.get_signed_cookie("key", None, 1)).first()
        extra = False
        if row:
            extra = db.rights(row) > 7
        self.relay = Relay(self.write_message, extra)
    def on_message(self, message):
        self.relay.send(message)
"""

_VISITOR = """
from django.contrib.auth import get_user
def belongs(user, house):
    try:
        return user in house.company.group.user_set.all()
    except AttributeError:
        return False
class Door(WebSocketHandler):
    heard = {{}}
    def on_message(self, message):
        asked = json.loads(message)
        if "subscribe" in asked:
            self.subscribe(asked)
        else:
            self.new_data(asked)
    def subscribe(self, asked):
        user = get_user(sessions.request_of(self))
        house = db.house(asked["house"])
        if not belongs(user, house):
            {answer}
        Door.heard.setdefault(house.pk, set()).add(self)
        self.write_message(house.data)
"""

_NO_SUCH = """
class Door(WebSocketHandler):
    def on_message(self, message):
        asked = json.loads(message)
        if "say" in asked:
            if self.current_user:
                room.say(asked["text"])
        else:
            self.take_over(asked)
"""

_PARTLY = """
class Door(WebSocketHandler):
    def on_message(self, message):
        asked = json.loads(message)
        if asked["op"] == "read":
            self.write_message(room.read(asked["what"]))
            return
        row = db.{found}
        {question}
        room.change(asked["what"])
"""

_ROLES = """
class Air(Application):
    def process(self, asked, user=None):
        return room.publish(asked)
class Trunk(Application):
    def process(self, asked, user=None):
        response = None
        function = asked.get("function")
        if function == "known":
            response = {{"functions": ["change"]}}
        if {question}:
            return {{"result": "not authenticated"}}
        if function == "change":
            response = room.change(asked)
        return response
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def on_message(self, message):
        asked = json.loads(message)
        try:
            response = self.application.process(asked, user=self.get_current_user())
        except Exception:
            response = {{"result": "error"}}
        self.write_message(json.dumps(response))
LISTENERS = []
if options.role == "air":
    LISTENERS.append((r"/", RequestHandler))
    APP = Air(LISTENERS)
if options.role == "trunk":
    LISTENERS.append((r"/", RequestHandler))
    LISTENERS.append((r"/ws", Door))
    APP = Trunk(LISTENERS)
"""

CASES: dict[str, Case] = {
    "the application that has the handler asks": (
        "late",
        _ROLES.format(question="not response and not user"),
        {},
    ),
    "the application that has the handler does not ask": (
        "missing",
        _ROLES.format(question="not response and not function"),
        {},
    ),
    "the number of nobody is 0": (
        "late",
        _NUMBER.format(question="if not uid:\n            return None"),
        {},
    ),
    "the number of nobody is not looked at": ("missing", _NUMBER.format(question="pass"), {}),
    "what somebody may stays False": ("late", _FLAG.format(began="False"), {}),
    "what somebody may stays None": ("late", _FLAG.format(began="None"), {}),
    "what somebody may begins as True": ("missing", _FLAG.format(began="True"), {}),
    "a relay is told what somebody may, and most codes are for all": (
        "late",
        _CODES.format(question="self.extra"),
        {},
    ),
    "a relay is told what somebody may, and does not look": (
        "missing",
        _CODES.format(question="self.back"),
        {},
    ),
    "a visitor is in no list": ("late", _VISITOR.format(answer="return"), {}),
    "a visitor is in no list, and goes on": ("missing", _VISITOR.format(answer="pass"), {}),
    "a method that nobody has written": ("late", _NO_SUCH, {}),
    "a method that is put into the connection": (
        "late|missing",
        _NO_SUCH
        + """
def take_over(asked):
    room.write(asked["text"])
def prepare_socket(socket):
    socket.take_over = take_over
""",
        {},
    ),
    "some messages are for whoever is found under the cookie": (
        "late",
        _PARTLY.format(
            found='find_user(self.get_signed_cookie("user"))',
            question="if not row:\n            return",
        ),
        {},
    ),
    "some messages are for whoever is found, and nobody looks": (
        "missing",
        _PARTLY.format(found='find_user(self.get_signed_cookie("user"))', question="pass"),
        {},
    ),
    "some messages are for whoever is found under what they say": (
        "missing",
        _PARTLY.format(
            found='find_user(asked["user"])', question="if not row:\n            return"
        ),
        {},
    ),
}
