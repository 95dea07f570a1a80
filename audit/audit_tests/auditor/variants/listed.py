"""Every client may connect, and authenticated ones are listed: a user's data goes to its listed sockets."""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_NEWS = """
class Base(RequestHandler):
    def get_current_user(self):
        key = self.get_secure_cookie("user")
        return db.user(key) if key else None
class Door(Base, WebSocketHandler):
    users = {{}}
    everybody = set()
    def open(self):
        {listing}
        self.everybody.add(self)
        for one in self.everybody:
            one.write_message({{"online": len(self.everybody)}})
    @classmethod
    def tell(cls, user_id, text):
        for one in cls.users.get(user_id, ()):
            one.write_message(text)
    def on_message(self, message):
        {hearing}
"""


def _news(listing: str, hearing: str = "pass") -> str:
    lines = listing.strip().split("\n")
    return _NEWS.format(listing="\n        ".join(lines), hearing=hearing)


_LATE = {
    "in a set of its user": """
if self.current_user:
    self.users.setdefault(self.current_user.id, set()).add(self)
""",
    "as the connection of its user": """
user = self.current_user
if user is not None:
    self.users[user.id] = self
""",
    "by a register": """
if self.current_user:
    room.register(self.current_user, self)
""",
    "and others are told who they are": """
if not self.current_user:
    self.write_message("log in to get your news")
else:
    self.users.setdefault(self.current_user.id, set()).add(self)
""",
}
_MISSING = {
    "and others as guests": """
if self.current_user:
    self.users.setdefault(self.current_user.id, set()).add(self)
else:
    self.users.setdefault("guest", set()).add(self)
""",
    "in a list of all": """
if self.current_user:
    room.here.add(self)
""",
    "in the log": """
if self.current_user:
    logging.info("%s came: %s", self.current_user, self)
""",
    "or is greeted": """
if self.current_user:
    self.write_message("hello, " + self.current_user.name)
""",
}

CASES: dict[str, Case] = {
    **{
        f"who is known is listed {where}": ("late", _news(listing), {})
        for where, listing in _LATE.items()
    },
    **{
        f"who is known is listed {where}": ("missing", _news(listing), {})
        for where, listing in _MISSING.items()
    },
    "who is known is listed, and everybody speaks": (
        "missing",
        _news(_LATE["in a set of its user"], "room.say(message)"),
        {},
    ),
}
