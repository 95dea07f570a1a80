"""Which origins are let in: `check_origin` is asked about origins that an attacker can have."""

import pytest

from audit_tests.auditor.sources import Make, door

__all__ = ["door"]

CASES: dict[str, tuple[str, str | None]] = {
    "return True": ("open", "any"),
    "return bool(origin)": ("open", "any"),
    "return origin is not None": ("open", "any"),
    'return "*" in ["*"] or origin in {"https://a.example"}': ("open", "any"),
    'return self.settings.get("allow", "*") == "*"': ("open", "any"),
    "return super().check_origin(origin)": ("restricted", None),
    'return origin in {"https://app.example"}': ("restricted", None),
    'return origin in self.settings["origins"]': ("restricted", None),
    'return origin == "https://" + self.request.host': ("restricted", None),
    "return urlparse(origin).netloc == self.request.headers['Host']": ("restricted", None),
    'return self.settings.get("any_origin", False) or super().check_origin(origin)': (
        "restricted",
        None,
    ),
    'return re.fullmatch(r"https://[a-z]+\\.app\\.example", origin) is not None': (
        "restricted",
        None,
    ),
    'return urlparse(origin).hostname.endswith(".app.example")': ("restricted", None),
    'return origin.startswith("https://app.example")': ("weak", "prefix"),
    'return re.match(r"https://app\\.example", origin) is not None': ("weak", "prefix"),
    'return all(a == b for a, b in zip(origin, "https://app.example"))': ("weak", "prefix"),
    'return origin.endswith("app.example")': ("weak", "suffix"),
    'return "app.example" in origin': ("weak", "substring"),
    'return re.fullmatch("https://app.example", origin) is not None': ("weak", "pattern"),
    'return origin in ("null", "https://app.example")': ("weak", "null"),
    'return origin.endswith("")': ("open", "any"),
}


@pytest.mark.parametrize("body", CASES)
def test_the_answer_to_a_hostile_page(door: Make, body: str) -> None:
    """Each check is told apart by what passes it."""
    kind, trick = CASES[body]
    endpoint = door(
        "import re\nfrom urllib.parse import urlparse\n"
        f"class Door(WebSocketHandler):\n    def check_origin(self, origin):\n        {body}\n"
    )
    assert (endpoint.origins.kind, endpoint.origins.trick) == (kind, trick)


def test_tornados_own_check_is_never_blamed(door: Make) -> None:
    """A handler that keeps the default is guarded."""
    assert door("class Door(WebSocketHandler):\n    pass\n").origins.kind == "default"


def test_a_lambda_in_the_class_body_counts(door: Make) -> None:
    """The method may be any callable."""
    body = "class Door(WebSocketHandler):\n    check_origin = lambda self, origin: True\n"
    assert door(body).origins.kind == "open"


def test_a_base_behind_the_handler_does_not_count(door: Make) -> None:
    """WebSocketHandler comes first, so its own check runs."""
    body = """
class Base(RequestHandler):
    def check_origin(self, origin):
        return True
class Door(WebSocketHandler, Base):
    pass
"""
    assert door(body).origins.kind == "default"


def test_a_slow_pattern_is_not_run(door: Make) -> None:
    """A pattern of the scanned code cannot keep the scanner busy."""
    body = """
import re
class Door(WebSocketHandler):
    def check_origin(self, origin):
        return re.match("^(([a-z:/.])+.)+[A-Z]([a-z])+$", origin) is not None
"""
    assert door(body).origins.kind in {"restricted", "unknown", "optional"}


def test_a_pattern_that_is_not_known_is_not_called_safe(door: Make) -> None:
    """It may let in anything, so nothing is said about it."""
    body = """
import re
from elsewhere import configuration
class Door(WebSocketHandler):
    def initialize(self):
        self.pattern = re.compile(configuration.origin.replace("*", ".*"))
    def check_origin(self, origin):
        return self.pattern.match(origin) is not None
"""
    assert door(body).origins.kind == "unknown"


@pytest.mark.parametrize(
    "body",
    [
        'return bool(re.match(os.environ.get("ORIGINS", ".*"), origin))',
        'allowed = self.kwargs.get("origins", [])\n        return not allowed or origin in allowed',
        'a = os.environ.get("ORIGINS", "").split(",")\n        return a == [""] or origin in a',
    ],
)
def test_what_holds_where_nothing_is_configured(door: Make, body: str) -> None:
    """The default stands in the code."""
    endpoint = door(
        "import re\nclass Door(WebSocketHandler):\n"
        "    def initialize(self, kwargs):\n        self.kwargs = kwargs\n"
        f"    def check_origin(self, origin):\n        {body}\n"
    )
    assert endpoint.origins.kind == "open"
