"""A file without sockets can contain the code that makes the project's tokens."""

from pathlib import Path

import pytest

from audit_tests.auditor.fixtures import found_in
from audit_tests.auditor.sources import write

SOCKET = """
import jwt
from django.conf import settings
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

class Chat(WebSocketHandler):
    def initialize(self, secret_key):
        self.secret_key = secret_key

    def prepare(self):
        try:
            jwt.decode(self.get_argument("token"), self.secret_key, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            raise HTTPError(401) from None

routes = [("/chat", Chat, {"secret_key": settings.SECRET_KEY})]
"""

LOGIN = """
import jwt
from django.conf import settings

def login(request):
    payload = {"id": request.user.id, CLAIM: "chat"}
    return jwt.encode(payload, settings.KEY, algorithm="HS256")
"""

MADE = {
    ("SD404", "by nobody here", True): {},
    ("SD404", "by the project", False): {"views.py": ("SECRET_KEY", "'exp'")},
    ("SD404", "for somebody", True): {"views.py": ("SECRET_KEY", "'aud'")},
    ("SD404", "with another key", True): {"views.py": ("MAIL_KEY", "'exp'")},
    ("SD404", "by a test", True): {"test_views.py": ("SECRET_KEY", "'exp'")},
    ("SD405", "by the project, which says so", False): {"views.py": ("SECRET_KEY", "'iss'")},
    ("SD405", "by nobody here", True): {},
}


@pytest.mark.parametrize(("rule", "how", "expected"), MADE)
def test_who_makes_the_tokens(rule: str, how: str, expected: bool, tmp_path: Path) -> None:
    """What the project makes with its own secret needs neither an audience nor an issuer."""
    files = {"app.py": SOCKET}
    for name, (key, claim) in MADE[rule, how, expected].items():
        files[name] = LOGIN.replace("KEY", key).replace("CLAIM", claim)
    write(tmp_path, files)
    assert bool(found_in(tmp_path, rule)) is expected
