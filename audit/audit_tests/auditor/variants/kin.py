"""A question about one object of a message, and a deed to another, beside twins where the two are kin."""

__all__ = ["MEMBERS"]

MEMBERS: dict[str, tuple[str, str]] = {
    "the owner of a room is asked, and a line of any id is deleted": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = db.rooms.get(data["room_id"])
        if room.owner != self.current_user:
            return
        db.messages.delete(data["message_id"])
""",
    ),
    "the owner of a room is asked, and a line of it is deleted": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = db.rooms.get(data["room_id"])
        if room.owner != self.current_user:
            return
        room.messages.delete(data["message_id"])
""",
    ),
    "the owner of a room is asked, and a line of that room is deleted by both ids": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = db.rooms.get(data["room_id"])
        if room.owner != self.current_user:
            return
        db.messages.delete(data["room_id"], data["message_id"])
""",
    ),
    "the owner of a room is asked, and any line is found and deleted": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = db.rooms.get(data["room_id"])
        if room.owner != self.current_user:
            return
        line = db.messages.get(data["message_id"])
        line.delete()
""",
    ),
    "the owner of a room is asked, and a line that was compared with it is deleted": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = db.rooms.get(data["room_id"])
        if room.owner != self.current_user:
            return
        line = db.messages.get(data["message_id"])
        if line.room_id != room.id:
            return
        line.delete()
""",
    ),
    "the owner of the room of a line is asked": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        line = db.messages.get(data["message_id"])
        room = db.rooms.get(line.room_id)
        if room.owner != self.current_user:
            return
        line.delete()
""",
    ),
    "the owner of the room of a line is asked, which is deleted by its id": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        line = db.messages.get(data["message_id"])
        room = db.rooms.get(line.room_id)
        if room.owner != self.current_user:
            return
        db.messages.delete(data["message_id"])
""",
    ),
    "a question about a found room, and another id is deleted": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = db.rooms.get(data["room_id"])
        if not can_edit(self.current_user, room):
            return
        db.messages.delete(data["message_id"])
""",
    ),
    "a question about a found room, which is deleted by its id": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = db.rooms.get(data["room_id"])
        if not can_edit(self.current_user, room):
            return
        db.rooms.delete(data["room_id"])
""",
    ),
    "a found room is asked, and another id is deleted": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = db.rooms.get(data["room_id"])
        if not room.allows(self.current_user):
            return
        db.messages.delete(data["message_id"])
""",
    ),
    "the user is in the room, and another id is deleted": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = db.rooms.get(data["room_id"])
        if self.current_user not in room.members:
            return
        db.messages.delete(data["message_id"])
""",
    ),
    "the user is in the room, whose line is deleted": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = db.rooms.get(data["room_id"])
        if self.current_user not in room.members:
            return
        room.messages[data["message_id"]].delete()
""",
    ),
    "the user may, whatever the id": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if not self.current_user.is_admin:
            return
        db.messages.delete(data["message_id"])
""",
    ),
    "a room of the user is found, and another id is deleted": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = db.rooms.find_one({"_id": data["room_id"], "owner": self.current_user})
        if room is None:
            return
        db.messages.delete(data["message_id"])
""",
    ),
    "a room of the user is found, and a line of it is deleted": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        room = db.rooms.find_one({"_id": data["room_id"], "owner": self.current_user})
        if room is None:
            return
        db.messages.delete({"_id": data["message_id"], "room": room["_id"]})
""",
    ),
    "the role in a room is asked, and another id is deleted": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        member = db.members.find(data["room_id"], self.current_user)
        if member.role != "admin":
            return
        db.messages.delete(data["message_id"])
""",
    ),
    "the role in a room is asked, and one of it is put out": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        member = db.members.find(data["room_id"], self.current_user)
        if member.role != "admin":
            return
        db.members.delete(data["room_id"], data["user_id"])
""",
    ),
    "a right in the user's own profile, whatever the id": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        profile = db.profiles.get(self.current_user)
        if not profile.may_delete:
            return
        db.messages.delete(data["message_id"])
""",
    ),
}
