"""What a question hangs on stands elsewhere: in a session's store, in what is installed, in another file.

Each beside a twin that asks nobody, or too late.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_STORE = """
from elsewhere import engine
class Held:
    pass
class Door(WebSocketHandler):
    def who(self):
        asked = Held()
        asked.session = engine.SessionStore(self.get_cookie("sessionid"))
        if asked.session is not None:
            try:
                return asked.session["_auth_user_id"]
            except KeyError:
                {nobody}
        return None
    def open(self):
        self.user = self.who()
        self.write_message(json.dumps({{"topics": room.topics}}))
    def on_message(self, message):
        room.say(self.user, message)
"""

_SIGNED = """
from elsewhere import Verified
class Door(WebSocketHandler, Verified):
    def get(self, *args, **words):
        {question}
        return super().get(*args, **words)
    def on_message(self, message):
        room.say(message)
"""

_INSTALLED = """
try:
    import xxhash
    HAS_HASH = True
except ImportError:
    HAS_HASH = False
SECRET = os.environ["SECRET"]
class NotSigned(Exception):
    pass
def summed(text):
    if not HAS_HASH:
        raise ImportError("install xxhash")
    return xxhash.xxh64(text + SECRET.encode()).digest()
def read(message):
    said = json.loads(message)
    {question}
    return said["text"]
class Door(WebSocketHandler):
    def on_message(self, message):
        try:
            text = read(message)
        except NotSigned:
            self.close()
            raise
        room.say(text)
"""

_PASSWORDS = """
try:
    import pam
    HAS_PAM = True
except ImportError:
    HAS_PAM = False
class Door(WebSocketHandler):
    def prepare(self):
        if {condition}:
            if not pam.authenticate(self.get_argument("name"), self.get_argument("password")):
                raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
"""

_FIELDS = """
import enum
import fields
class Field(enum.Enum):
    TOKEN = "token"
    ROOM = "room"
class Door(WebSocketHandler):
    def on_message(self, message):
        said = json.loads(message)
        found = db.find({field})
        if found is None:
            self.write_message("no")
            return
        room.say(said["text"])
"""
_FIELD_NAMES = {"fields.py": 'TOKEN = "token"\nROOM = "room"\n'}

CASES: dict[str, Case] = {
    "a session's store is there, names nobody, and open() closes": (
        "late",
        _STORE.format(nobody="self.close()"),
        {},
    ),
    "a session's store is there, names nobody, and open() goes on": (
        "missing",
        _STORE.format(nobody='print("nobody")'),
        {},
    ),
    "who does not sign is given a name that is drawn": (
        "unknown",
        _SIGNED.format(
            question="if self.is_signed():\n"
            "            self.user = self.verify_request()\n"
            "        else:\n"
            "            self.user = os.urandom(10).hex()"
        ),
        {},
    ),
    "who does not sign is verified, too": (
        "guarded",
        _SIGNED.format(question="self.user = self.verify_request()"),
        {},
    ),
    "a sum that needs what is installed is compared": (
        "late",
        _INSTALLED.format(
            question='if said["signature"] != summed(said["text"].encode()):\n'
            "        raise NotSigned"
        ),
        {},
    ),
    "a sum that needs what is installed is only made": (
        "missing",
        _INSTALLED.format(question='summed(said["text"].encode())'),
        {},
    ),
    "passwords are asked only where it is installed what asks": (
        "missing|optional",
        _PASSWORDS.format(condition="HAS_PAM"),
        {},
    ),
    "passwords are asked": ("guarded", _PASSWORDS.format(condition="True"), {}),
    "a field that another file names is a credential": (
        "late",
        _FIELDS.format(field="said[fields.TOKEN]"),
        _FIELD_NAMES,
    ),
    "a field that another file names may be got": (
        "late",
        _FIELDS.format(field="said.get(fields.TOKEN, None)"),
        _FIELD_NAMES,
    ),
    "a field that an enumeration names is a credential": (
        "late",
        _FIELDS.format(field="said.get(Field.TOKEN.value)"),
        _FIELD_NAMES,
    ),
    "a field that another file names is chosen": (
        "missing",
        _FIELDS.format(field="said[fields.ROOM]"),
        _FIELD_NAMES,
    ),
    "a field that an enumeration names is chosen": (
        "missing",
        _FIELDS.format(field="said.get(Field.ROOM.value)"),
        _FIELD_NAMES,
    ),
}
