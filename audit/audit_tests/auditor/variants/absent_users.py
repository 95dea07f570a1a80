"""Attributes of a user who is None."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "current_user.id in prepare": (
        "guarded",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        token = self.get_signed_cookie("user")
        if not token:
            return None
        return db.user_of(token)
    def prepare(self):
        self.user_id = self.current_user.id
    def on_message(self, message):
        room.say(self.user_id, message)
""",
        {},
    ),
    "find user by session then .id in get": (
        "guarded",
        """
class Door(WebSocketHandler):
    async def get(self, *args, **kwargs):
        user = await self.find_user()
        self.user_id = user.id
        await super().get(*args, **kwargs)
    async def find_user(self):
        name = self.get_signed_cookie("name")
        if name is None:
            return None
        return await db.users.find_one({"name": name})
    def on_message(self, message):
        room.say(self.user_id, message)
""",
        {},
    ),
    "in open": (
        "after-accept",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        token = self.get_signed_cookie("user")
        return db.user_of(token) if token else None
    def open(self):
        clients[self.current_user.id] = self
    def on_message(self, message):
        room.say(self.current_user.id, message)
""",
        {},
    ),
    "on message": (
        "after-accept",
        """
class Door(WebSocketHandler):
    user = None
    def open(self):
        raw = self.get_signed_cookie("user")
        if raw:
            self.user = db.user_of(raw)
    def on_message(self, message):
        db.add(self.user.id, message)
""",
        {},
    ),
    "getattr default does not raise": (
        "missing",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        token = self.get_signed_cookie("user")
        return db.user_of(token) if token else None
    def prepare(self):
        self.user_id = getattr(self.current_user, "id", None)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "subscript of None": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        raw = self.get_signed_cookie("user")
        user = json.loads(raw) if raw else None
        self.user_id = user["id"]
    def on_message(self, message):
        room.say(self.user_id, message)
""",
        {},
    ),
    "caught": (
        "missing|swallowed",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        token = self.get_signed_cookie("user")
        return db.user_of(token) if token else None
    def prepare(self):
        try:
            self.user_id = self.current_user.id
        except AttributeError:
            self.user_id = "guest"
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "dict get of sessions .id": (
        "guarded",
        """
class User:
    def __init__(self, id):
        self.id = id
SESSIONS = {}
class Door(WebSocketHandler):
    def get_current_user(self):
        return SESSIONS.get(self.get_cookie("sid"))
    def prepare(self):
        self.uid = self.current_user.id
    def on_message(self, message):
        room.say(self.uid, message)
""",
        {},
    ),
    "on message through property": (
        "after-accept",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        return db.user_of(self.get_signed_cookie("sid"))
    def on_message(self, message):
        room.say(self.current_user.id, message)
""",
        {},
    ),
    "lambda helper returns None": (
        "guarded",
        """
class Door(WebSocketHandler):
    def user(self):
        raw = self.get_signed_cookie("user")
        if raw:
            return db.load_user(raw)
    def prepare(self):
        name = self.user().name
        self.name = name.lower()
    def on_message(self, message):
        room.say(self.name, message)
""",
        {},
    ),
    "hasattr": (
        "missing",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        token = self.get_signed_cookie("user")
        return db.user_of(token) if token else None
    def prepare(self):
        if hasattr(self.current_user, "id"):
            self.user_id = self.current_user.id
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "getattr without a default": (
        "guarded",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        token = self.get_signed_cookie("user")
        return db.user_of(token) if token else None
    def prepare(self):
        self.user_id = getattr(self.current_user, "id")
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "on message session": (
        "after-accept",
        """
class Door(WebSocketHandler):
    session = None
    async def open(self):
        self.session = await sessions.find(self.get_cookie("sid"))
    async def on_message(self, message):
        await db.insert(message, author=self.session.account.id)
""",
        {},
    ),
    "argument evaluated after the deed": (
        "missing|skippable",
        """
class Door(WebSocketHandler):
    user = None
    def open(self):
        raw = self.get_signed_cookie("user")
        if raw:
            self.user = db.user_of(raw)
    def on_message(self, message):
        db.add(message)
        room.tell(self.user.id)
""",
        {},
    ),
    "class of None found": (
        "missing",
        """
class Player:
    def __init__(self, id):
        self.id = id
players = {}
class Door(WebSocketHandler):
    def open(self):
        self.player = players.get(self.get_cookie("player"))
    def on_message(self, message):
        room.move(self.player.id, message)
""",
        {},
    ),
}
