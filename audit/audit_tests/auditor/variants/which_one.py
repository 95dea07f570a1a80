"""Names of objects and invitations in a client's request, with a 403 for an unknown one.

An existing room number stops no client that knows a room. An existing invitation does.
"""

import textwrap

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_FRAME = """
ROOMS = {{}}
class Door(WebSocketHandler):
    async def prepare(self):
{check}
            raise HTTPError(403)
    def open(self, *args):
        clients.add(self)
"""

_CHECKS = {
    "a number that a function finds": (
        "missing",
        """
        guild = db.get_guild(int(self.get_argument("guild_id")))
        if not guild:
        """,
    ),
    "a table of the module": (
        "missing",
        """
        if ROOMS.get(self.get_argument("room_id")) is None:
        """,
    ),
    "one of a list": (
        "missing",
        """
        if int(self.get_argument("channel")) not in db.channels():
        """,
    ),
    "whether there is one": (
        "missing",
        """
        if not await db.room_exists(self.get_argument("room")):
        """,
    ),
    "a row": (
        "missing",
        """
        row = await db.fetchrow("select * from rooms where id = $1", int(self.get_argument("room")))
        if row is None:
        """,
    ),
    "a document": (
        "missing",
        """
        if not db.rooms.find_one({"_id": self.get_argument("room_id")}):
        """,
    ),
    "how the one is that was found": (
        "missing",
        """
        room = await db.rooms.find_one(self.get_argument("room_id"))
        if not room.is_open:
        """,
    ),
    "a row with an invitation": (
        "guarded",
        """
        row = await db.fetchrow(
            "select * from rooms where id = $1 and invitation = $2",
            int(self.get_argument("room")), self.get_argument("i"),
        )
        if row is None:
        """,
    ),
    "a document with an invitation": (
        "guarded",
        """
        wanted = {"_id": self.get_argument("room_id"), "invitation": self.get_argument("number")}
        if not db.rooms.find_one(wanted):
        """,
    ),
    "an invitation by its id": (
        "guarded",
        """
        if not db.find(self.get_argument("invitation_id")):
        """,
    ),
    "whoever it is": (
        "guarded",
        """
        if db.find(self.get_argument("q")) is None:
        """,
    ),
    "a member by a signed cookie": (
        "guarded",
        """
        guild = db.get_guild(int(self.get_argument("guild_id")))
        if not guild.get_member(self.get_secure_cookie("user")):
        """,
    ),
    "what the one that was found is called by": (
        "guarded",
        """
        room = await db.get_room(self.get_argument("room_id"))
        if room.phrase != self.get_argument("p"):
        """,
    ),
    "what the one that was found is shown": (
        "guarded",
        """
        room = await db.get_room(self.get_argument("room_id"))
        if not room.opens_with(self.get_argument("p")):
        """,
    ),
    "a permission": (
        "guarded",
        """
        if not db.may_enter(self.request, self.get_argument("room_id")):
        """,
    ),
}

_REFUSING: dict[str, Case] = {
    f"a 403 for {name}": (
        wanted,
        _FRAME.format(check=textwrap.indent(textwrap.dedent(check).strip("\n"), " " * 8)),
        {},
    )
    for name, (wanted, check) in _CHECKS.items()
}

CASES: dict[str, Case] = _REFUSING | {
    "a message names a guild and one of its members": (
        "missing",
        """
class Door(WebSocketHandler):
    def initialize(self, bot):
        self.bot = bot
    async def on_message(self, message):
        said = json.loads(message)
        guild = self.bot.get_guild(int(said.get("guild_id")))
        if not guild:
            return self.set_status(403)
        member = guild.get_member(int(said.get("user_id")))
        if not member:
            return self.set_status(403)
        self.write_message(guild.playing)
""",
        {},
    ),
    "a message names a guild and shows the token of one of its members": (
        "late",
        """
class Door(WebSocketHandler):
    def initialize(self, bot):
        self.bot = bot
    async def on_message(self, message):
        said = json.loads(message)
        guild = self.bot.get_guild(int(said.get("guild_id")))
        if not guild:
            return self.set_status(403)
        member = guild.get_member_by(said.get("token"))
        if not member:
            return self.set_status(403)
        self.write_message(guild.playing)
""",
        {},
    ),
    "a device of the path": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self, device_id):
        device = db.devices.get(device_id)
        if device is None:
            self.close(4403, "forbidden")
            return
        device.listeners.add(self)
""",
        {},
    ),
}
