"""Whether anything asks what a client that is let in may do."""

from stormdoor.auditor.judging.questions import asks_permission
from stormdoor.auditor.judging.table import verdicts
from stormdoor.report.finding import Check
from tests.auditor.sources import Make, door

__all__ = ["door"]

LET_IN = """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    @authenticated
    def get(self, *args):
        return super().get(*args)
"""


def test_doing_something_with_user_and_object_asks_nothing(door: Make) -> None:
    """`db.save(user, message)` is what should have been asked about."""
    body = "    def on_message(self, message):\n        db.save(self.current_user, message)\n"
    endpoint = door(LET_IN + body)
    assert not asks_permission(endpoint)


def test_looking_up_user_and_object_together_asks(door: Make) -> None:
    """The callee can tell whose it is."""
    body = (
        "    def on_message(self, message):\n"
        "        document = db.find(self.current_user, message)\n        document.open()\n"
    )
    assert asks_permission(door(LET_IN + body))


def test_membership_that_decides_asks(door: Make) -> None:
    """The user is compared with what belongs to the object."""
    body = (
        "    def open(self, name):\n        if self.current_user not in room.members[name]:\n"
        "            self.close()\n    def on_message(self, message):\n        room.say(message)\n"
    )
    assert asks_permission(door(LET_IN + body))


def test_a_check_of_identity_is_no_answer_about_permission(door: Make) -> None:
    """An endpoint that anybody can open is not called guarded by what it asks afterwards."""
    body = """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["token"] == os.environ["TOKEN"]:
            room.note(data)
        db.save(data)
"""
    assert verdicts(door(body), [])[Check.AUTHORIZATION].state == "unknown"
