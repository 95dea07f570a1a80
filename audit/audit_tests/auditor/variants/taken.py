"""Look-ups of a taken name: a registration that refuses it, and a login that admits the client under it."""

import textwrap

__all__ = ["ANYBODY", "MEMBERS"]

_REGISTERS = """
from models import User
from sqlalchemy.exc import NoResultFound
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        said = json.loads(message)
        if said["type"] == "login":
            row = db.users.find_one({{"name": said["name"]}})
            if row is None or not db.check_password(row["password"], said["password"]):
                return self.write_message("no")
            self.user = row["id"]
        elif said["type"] == "register":
            nickname = said.get("nickname")
{look}
            self.write_message("welcome")
        elif self.user is not None:
            room.say(self.user, said["text"])
"""
_ADDED = 'db.add(User(nickname=nickname, password=hashed(said["password"])))'
_LOOKS: dict[str, tuple[str, str, str]] = {
    "a row is asked for": (
        """
try:
    db.query(User).filter_by(nickname=nickname).one()
    @@
    return
except NoResultFound:
    pass
##
""",
        'self.write_message("taken")',
        "self.user = nickname",
    ),
    "a row is asked for, else": (
        """
try:
    db.query(User).filter_by(nickname=nickname).one()
except NoResultFound:
    ##
else:
    @@
    return
""",
        'self.write_message("taken")',
        "room.enter(nickname, self)",
    ),
    "the first row": (
        """
if db.query(User).filter_by(nickname=nickname).first():
    @@
    return
##
""",
        'self.write_message("taken")',
        "self.user = nickname",
    ),
    "a row that is not None": (
        """
if db.query(User).filter_by(nickname=nickname).first() is not None:
    @@
##
""",
        'raise ValueError("taken")',
        """room.enter(nickname, self)
return""",
    ),
    "what was found": (
        """
found = db.users.find_one({"nickname": nickname})
if found:
    @@
    return
##
""",
        'self.write_message("taken")',
        'self.user = found["id"]',
    ),
    "what was found is not None": (
        """
found = User.objects.filter(nickname=nickname).first()
if found is not None:
    @@
    return
##
""",
        """self.write_message({"error": "taken"})
self.close()""",
        "self.user = nickname",
    ),
    "an object": (
        """
try:
    User.objects.get(nickname=nickname)
    @@
except User.DoesNotExist:
    pass
##
""",
        'raise ValueError("taken")',
        """self.user = nickname
return""",
    ),
    "one of two": (
        """
if db.users.find_one({"nickname": nickname}):
    @@
else:
    ##
""",
        'self.write_message("taken")',
        "self.log_in(nickname)",
    ),
    "nobody is there": (
        """
if not db.users.find_one({"nickname": nickname}):
    ##
else:
    @@
""",
        'self.write_message("taken")',
        "self.user = nickname",
    ),
}


def _program(look: str, there: str) -> str:
    """Return the program with the code for an existing name."""
    head, mark, tail = look.strip().replace("##", _ADDED).partition("@@")
    depth = len(head) - len(head.rstrip(" "))
    told = textwrap.indent(there, " " * depth).lstrip()
    return _REGISTERS.format(look=textwrap.indent(head + told + tail if mark else look, " " * 12))


ANYBODY = {
    f"{name}: {end}": (wanted, _program(look, there))
    for name, (look, refused, let_in) in _LOOKS.items()
    for end, wanted, there in (("turned away", "ok", refused), ("let in", "missing", let_in))
}

_LOOKS_UP = """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        number = data["id"]
{look}
"""
_FOUND: dict[str, tuple[str, str]] = {
    "it is there": (
        """
row = db.rows.find_one({"id": number})
if row:
    @@
    return
self.write_message("free")
""",
        'row["text"]',
    ),
    "it is not there, else": (
        """
row = db.rows.find_one({"id": number})
if row is None:
    self.write_message("free")
else:
    @@
""",
        'row["text"]',
    ),
    "it is there, and what follows": (
        """
row = db.rows.find_one({"id": number})
if row is not None:
    self.write_message("there")
else:
    return
@@
""",
        'row["text"]',
    ),
    "it is there, and what is done by its number follows": (
        """
if db.rows.find_one({"id": number}):
    self.write_message("there")
else:
    return
@@
""",
        "files[number]",
    ),
}
MEMBERS = {
    f"{name}: {end}": (
        wanted,
        _LOOKS_UP.format(
            look=textwrap.indent(look.replace("@@", f"self.write_message({told})"), " " * 8)
        ),
    )
    for name, (look, found) in _FOUND.items()
    for end, wanted, told in (("only that", "ok", '"taken"'), ("all of it", "ok", found))
}
"""Who is known asks for what is another's: to hear that there is such a thing is not to have it."""
