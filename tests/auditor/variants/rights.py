"""Who may, where a program keeps its commands in tables that fill themselves, and its users in tokens.

`MEMBERS` are of clients whose identity is known, `ANYBODY` of those of whom nobody knows who they are.
"""

__all__ = ["ANYBODY", "MEMBERS"]

_COMMANDS = """
COMMANDS = {{}}
{registry}
class Command{meta}:
    name = None
    for_admins = False
    def __init__(self, door, data):
        self.door = door
        self.data = data
{marked}class Remove(Command):
    name = "remove"
    for_admins = True
    def run(self):
        db.items.remove({{"_id": self.data["id"]}})
{marked}class Hello(Command):
    name = "hello"
    def run(self):
        self.door.write_message("hello")
{filled}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        command = COMMANDS.get(data["name"])
        if command is None:
            return
        {asks}
        command(self, data).run()
"""
_ASKS = """if command.for_admins and not db.is_admin(self.current_user):
            self.write_message("no")
            return"""
_REGISTRIES = {
    "a metaclass": {
        "registry": """
class Meta(type):
    def __new__(mcs, name, bases, members):
        made = super().__new__(mcs, name, bases, members)
        if members.get("name"):
            COMMANDS[members["name"]] = made
        return made
""",
        "meta": "(metaclass=Meta)",
    },
    "a metaclass that sets up": {
        "registry": """
class Meta(type):
    def __init__(cls, name, bases, members):
        super().__init__(name, bases, members)
        if cls.name:
            COMMANDS[cls.name] = cls
""",
        "meta": "(metaclass=Meta)",
    },
    "a base": {
        "registry": """
class Noted:
    name = None
    def __init_subclass__(cls, **words):
        super().__init_subclass__(**words)
        if cls.name:
            COMMANDS[cls.name] = cls
""",
        "meta": "(Noted)",
    },
    "a decorator": {
        "registry": "def command(made):\n    COMMANDS[made.name] = made\n    return made\n",
        "marked": "@command\n",
    },
    "statements": {"filled": 'COMMANDS["remove"] = Remove\nCOMMANDS["hello"] = Hello\n'},
    "a loop": {"filled": "for made in (Remove, Hello):\n    COMMANDS[made.name] = made\n"},
    "an update": {"filled": 'COMMANDS.update({"remove": Remove, "hello": Hello})\n'},
    "a function": {
        "registry": "def note(made):\n    COMMANDS[made.name] = made\n",
        "filled": "note(Remove)\nnote(Hello)\n",
    },
}


def _of_commands(asks: str, **parts: str) -> str:
    empty = {"registry": "", "meta": "", "marked": "", "filled": ""}
    return _COMMANDS.format(asks=asks, **{**empty, **parts})


_SIGNED = """
SECRET = os.environ["SECRET"]
inboxes = {{}}
def read_token(token):
    parts = token.split(".")
    if len(parts) != 2:
        return None
    payload, signature = parts
    wanted = hmac.new({key}.encode(), payload.encode(), "sha256").hexdigest()
    if not hmac.compare_digest(signature, wanted):
        return None
    return json.loads(payload)
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            user = read_token(data["token"])
            if not user:
                return
            self.user = user
            inboxes.setdefault({whose}, set()).add(self)
        elif self.user is None:
            self.close()
"""
_LISTENS = """
class Door(Base):
    def open(self, number):
        job = db.jobs.get(number)
        if job is None:
            self.close()
            return
        {asks}
        job.listeners.append(self.hear)
    def hear(self, line):
        self.write_message(line)
"""

MEMBERS: dict[str, tuple[str, str]] = {
    **{
        f"{name} has the commands": ("missing", _of_commands("pass", **parts))
        for name, parts in _REGISTRIES.items()
    },
    **{
        f"{name} has the commands, of which some are for some": (
            "ok",
            _of_commands(_ASKS, **parts),
        )
        for name, parts in _REGISTRIES.items()
    },
    "a method of the connection listens to what the address names": (
        "missing",
        _LISTENS.format(asks="pass"),
    ),
    "a method of the connection listens to what is its own": (
        "ok",
        _LISTENS.format(asks="if job.owner != self.current_user:\n            return"),
    ),
}
ANYBODY: dict[str, tuple[str, str]] = {
    "a signed token says who it is": (
        "ok",
        _SIGNED.format(key="SECRET", whose='user["id"]'),
    ),
    "a message says who it is beside a signed token": (
        "missing",
        _SIGNED.format(key="SECRET", whose='data["user"]'),
    ),
}
