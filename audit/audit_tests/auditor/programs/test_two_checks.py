"""A check that a setting switches, beside one that comes too late."""

from pathlib import Path

from audit_tests.auditor.programs.table import ANSWERS, endpoint_of
from audit_tests.auditor.sources import HEAD

TWO_CHECKS = """
class Nobody:
    get_user = None
class Server(Application):
    def __init__(self, *, provider=None):
        self.provider = provider or Nobody()
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def get_current_user(self):
        if self.application.provider.get_user is not None:
            return self.application.provider.get_user(self)
        return "anybody"
    @authenticated
    def open(self):
        if not sessions.verify(self.get_argument("session", ""), self.settings["key"]):
            self.close()
            return
        clients.add(self)
"""


def test_a_check_that_is_off_is_told_beside_one_that_is_late(tmp_path: Path) -> None:
    """A session token that is asked for too late does not hide that users are not asked for."""
    endpoint = endpoint_of(tmp_path, {"app.py": HEAD + TWO_CHECKS})
    assert ANSWERS["authentication"](endpoint) == "late"
    assert endpoint.optional_part is not None
    assert endpoint.optional_part.setting is not None
    assert endpoint.optional_part.setting.name == "provider"


ASKS_ANYWAY = """
TOKENS = {"s3cret-token"}
def known(token):
    return token in TOKENS
class Server(Application):
    def __init__(self, *, authorise=known):
        self.authorise = authorise
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def open(self):
        if not self.application.authorise(self.get_argument("token", "")):
            self.close()
            return
        clients.add(self)
"""


def test_a_hook_whose_default_asks_is_not_optional(tmp_path: Path) -> None:
    """Another may be given in its place, but as shipped it asks, if late."""
    endpoint = endpoint_of(tmp_path, {"app.py": HEAD + ASKS_ANYWAY})
    assert ANSWERS["authentication"](endpoint) == "late"
    assert endpoint.optional_part is None


ANOTHER_WAY_IN = """
TOKEN = None
class Door(WebSocketHandler):
    def find(self):
        who = self.get_secure_cookie("who")
        if who:
            return who
        if TOKEN and hmac.compare_digest(self.get_argument("token", ""), TOKEN):
            return "token"
        return None
    def open(self):
        if not self.find():
            self.close()
            return
        clients.add(self)
"""


def test_another_way_in_is_not_optional(tmp_path: Path) -> None:
    """A missing cookie with an alternative token admits no unauthenticated client."""
    endpoint = endpoint_of(tmp_path, {"app.py": HEAD + ANOTHER_WAY_IN})
    assert ANSWERS["authentication"](endpoint) == "late"
    assert endpoint.optional_part is None
