"""Messages that log in, and other messages without a login."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "authorized and action != auth": (
        "after-accept",
        """
class Door(WebSocketHandler):
    def open(self):
        self.authorized = False
    def on_message(self, message):
        data = json.loads(message)
        action = data["action"]
        if not self.authorized and action != "auth":
            return
        if action == "auth":
            self.authorized = sessions.verify(data["token"])
        elif action == "say":
            room.say(data["text"])
""",
        {},
    ),
    "dispatch by dict": (
        "after-accept",
        """
class Door(WebSocketHandler):
    authorized = False
    def initialize(self):
        self.handlers = {"auth": self.do_auth, "say": self.do_say, "drop": self.do_drop}
    def do_auth(self, data):
        if hmac.compare_digest(data["password"], self.settings["password"]):
            self.authorized = True
    def do_say(self, data):
        room.say(data["text"])
    def do_drop(self, data):
        db.delete(data["id"])
    def on_message(self, message):
        data = json.loads(message)
        action = data["action"]
        if not self.authorized and action != "auth":
            return
        self.handlers[action](data)
""",
        {},
    ),
    "dispatch by getattr": (
        "after-accept",
        """
class Door(WebSocketHandler):
    authorized = False
    def handle_auth(self, data):
        self.authorized = sessions.verify(data["token"])
    def handle_say(self, data):
        room.say(data["text"])
    def on_message(self, message):
        data = json.loads(message)
        action = data.get("action")
        if not self.authorized and action != "auth":
            return
        getattr(self, "handle_" + action)(data)
""",
        {},
    ),
    "async, match": (
        "after-accept",
        """
class Door(WebSocketHandler):
    def open(self):
        self.authorized = False
    async def on_message(self, message):
        data = json.loads(message)
        action = data.pop("action")
        if not self.authorized and action != "auth":
            return
        match action:
            case "auth":
                self.authorized = await sessions.verify(data["token"])
            case "say":
                await room.say(data["text"])
            case _:
                self.write_message("what?")
""",
        {},
    ),
    "closes": (
        "after-accept",
        """
class Door(WebSocketHandler):
    def open(self):
        self.authorized = False
    def on_message(self, message):
        parts = message.split(" ", 1)
        action = parts[0]
        if not self.authorized and action != "auth":
            self.close(4001)
            return
        if action == "auth":
            if parts[1] == os.environ["TOKEN"]:
                self.authorized = True
            return
        room.say(parts[1])
""",
        {},
    ),
    "another kind is exempt": (
        "skippable",
        """
class Door(WebSocketHandler):
    def open(self):
        self.authorized = False
    def on_message(self, message):
        data = json.loads(message)
        action = data["action"]
        if not self.authorized and action not in ("auth", "say"):
            return
        if action == "auth":
            self.authorized = sessions.verify(data["token"])
        elif action == "say":
            room.say(data["text"])
        elif action == "drop":
            db.delete(data["id"])
""",
        {},
    ),
    "dispatch by getattr, broken": (
        "skippable",
        """
class Door(WebSocketHandler):
    authorized = False
    def handle_auth(self, data):
        self.authorized = sessions.verify(data["token"])
    def handle_say(self, data):
        room.say(data["text"])
    def on_message(self, message):
        data = json.loads(message)
        action = data.get("action")
        if not self.authorized and action == "drop":
            return
        getattr(self, "handle_" + action)(data)
""",
        {},
    ),
    "or instead of and is no guard": (
        "skippable|after-accept|missing",
        """
class Door(WebSocketHandler):
    def open(self):
        self.authorized = False
    def on_message(self, message):
        data = json.loads(message)
        action = data["action"]
        if not self.authorized and action != "say":
            return
        if action == "auth":
            self.authorized = sessions.verify(data["token"])
        elif action == "say":
            room.say(data["text"])
""",
        {},
    ),
    "authorized later in helper": (
        "after-accept",
        """
class Door(WebSocketHandler):
    def open(self):
        self.authorized = False
        self.actions = {"auth": self.auth, "list": self.list, "kill": self.kill}
    async def auth(self, token):
        if token == self.settings["token"]:
            self.authorized = True
            return {"ok": True}
        return {"ok": False}
    async def list(self):
        return await db.list()
    async def kill(self, pid):
        os.kill(int(pid), 9)
        return {}
    async def on_message(self, message):
        data = json.loads(message)
        action = data.pop("action", None)
        if not self.authorized and action != "auth":
            return
        result = await self.actions[action](**data)
        self.write_message(result)
""",
        {},
    ),
    "getattr with default": (
        "after-accept",
        """
class Door(WebSocketHandler):
    def initialize(self):
        self.authorized = False
    def action_auth(self, args):
        self.authorized = hmac.compare_digest(args["secret"], self.settings["secret"])
    def action_run(self, args):
        os.system(args["command"])
    def on_message(self, message):
        data = json.loads(message)
        action = data["action"]
        if not self.authorized and action != "auth":
            return
        method = getattr(self, "action_" + action, None)
        if method is None:
            return
        method(data["args"])
""",
        {},
    ),
    "work after the elif chain": (
        "after-accept",
        """
class Door(WebSocketHandler):
    authorized = False
    def on_message(self, message):
        data = json.loads(message)
        action, args = data.get("action"), data.get("args", {})
        if not self.authorized and action != "auth":
            return
        if action == "auth":
            user = db.check_password(args["user"], args["password"])
            if user:
                self.authorized = True
                self.user = user
            self.write_message({"ok": self.authorized})
            return
        self.handle(action, args)
    def handle(self, action, args):
        if action == "put":
            db.put(args)
        elif action == "del":
            db.delete(args["id"])
""",
        {},
    ),
    "constants, class": (
        "after-accept",
        """
class Actions:
    AUTH = "auth"
    SAY = "say"
class Door(WebSocketHandler):
    def open(self):
        self.authorized = False
    def on_message(self, message):
        data = json.loads(message)
        action = data["action"]
        if not self.authorized and action != Actions.AUTH:
            return
        handler = {Actions.AUTH: self._auth, Actions.SAY: self._say}.get(action)
        if handler:
            handler(data)
    def _auth(self, data):
        self.authorized = sessions.verify(data["token"])
    def _say(self, data):
        room.say(data["text"])
""",
        {},
    ),
    "registry decorator": (
        "after-accept",
        """
ACTIONS = {}
def action(name):
    def register(function):
        ACTIONS[name] = function
        return function
    return register
@action("auth")
def auth(door, data):
    door.authorized = sessions.verify(data["token"])
@action("say")
def say(door, data):
    room.say(data["text"])
class Door(WebSocketHandler):
    def open(self):
        self.authorized = False
    def on_message(self, message):
        data = json.loads(message)
        action = data["action"]
        if not self.authorized and action != "auth":
            return
        ACTIONS[action](self, data)
""",
        {},
    ),
    "unread dispatcher": (
        "after-accept|presumed|skippable",
        """
from dispatching import dispatch
class Door(WebSocketHandler):
    def open(self):
        self.authorized = False
    async def on_message(self, message):
        data = json.loads(message)
        action = data["action"]
        if not self.authorized and action != "auth":
            return
        if action == "auth":
            self.authorized = await sessions.verify(data["token"])
        await dispatch(action, data)
""",
        {},
    ),
}
