"""Origin checks with a configurable star, with the rules that must and must not report them."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "list from environment, suffix": (
        "+SD203",
        """
ALLOWED = os.environ.get("ALLOWED_ORIGINS", "app.example").split(",")
class Door(WebSocketHandler):
    def check_origin(self, origin):
        if "*" in ALLOWED:
            return True
        return any(origin.endswith(one) for one in ALLOWED)
""",
        {},
    ),
    "list in settings, suffix": (
        "+SD203",
        """
from urllib.parse import urlparse
class Door(WebSocketHandler):
    def check_origin(self, origin):
        allowed = self.settings.get("allowed_origins", ["app.example"])
        if "*" in allowed:
            return True
        host = urlparse(origin).hostname or ""
        return any(host.endswith(one) for one in allowed)
""",
        {},
    ),
    "option, star equals": (
        "+SD203",
        """
from urllib.parse import urlparse
define("origin", default="app.example")
class Door(WebSocketHandler):
    def check_origin(self, origin):
        if options.origin == "*":
            return True
        return urlparse(origin).netloc.endswith(options.origin)
""",
        {},
    ),
    "setting without default, suffix": (
        "+SD203",
        """
class Door(WebSocketHandler):
    def check_origin(self, origin):
        allowed = self.settings["allowed_origins"]
        if "*" in allowed:
            return True
        for one in allowed:
            if origin.endswith(one):
                return True
        return False
""",
        {},
    ),
    "config object, in loop": (
        "+SD203",
        """
from config import config
class Door(WebSocketHandler):
    def check_origin(self, origin):
        for one in config.origins:
            if one == "*" or origin.endswith(one):
                return True
        return False
""",
        {},
    ),
    "environment required, equals star, suffix": (
        "+SD203",
        """
DOMAIN = os.environ["DOMAIN"]
class Door(WebSocketHandler):
    def check_origin(self, origin):
        return DOMAIN == "*" or origin.endswith(DOMAIN)
""",
        {},
    ),
    "application attribute, suffix": (
        "+SD203",
        """
from urllib.parse import urlparse
class App(Application):
    def __init__(self, origins=None):
        self.origins = origins or []
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def check_origin(self, origin):
        allowed = self.application.origins
        if "*" in allowed:
            return True
        host = urlparse(origin).hostname
        return any(host == one or host.endswith(one) for one in allowed)
""",
        {},
    ),
    "exact comparison": (
        "-SD203 -SD201 -SD204 -SD202",
        """
ALLOWED = os.environ.get("ALLOWED_ORIGINS", "https://app.example").split(",")
class Door(WebSocketHandler):
    def check_origin(self, origin):
        if "*" in ALLOWED:
            return True
        return origin in ALLOWED
""",
        {},
    ),
    "dotted suffix": (
        "-SD203 -SD201 -SD204 -SD202",
        """
from urllib.parse import urlparse
class Door(WebSocketHandler):
    def check_origin(self, origin):
        allowed = self.settings["allowed_hosts"]
        if "*" in allowed:
            return True
        host = urlparse(origin).hostname or ""
        return any(host == one or host.endswith("." + one) for one in allowed)
""",
        {},
    ),
    "star is shipped": (
        "+SD201",
        """
ALLOWED = os.environ.get("ALLOWED_ORIGINS", "*").split(",")
class Door(WebSocketHandler):
    def check_origin(self, origin):
        if "*" in ALLOWED:
            return True
        return origin in ALLOWED
""",
        {},
    ),
    "prefix": (
        "+SD202",
        """
class Door(WebSocketHandler):
    def check_origin(self, origin):
        allowed = self.settings["allowed_origins"]
        return any(one == "*" or origin.startswith(one) for one in allowed)
""",
        {},
    ),
    "substring": (
        "+SD204",
        """
class Door(WebSocketHandler):
    def check_origin(self, origin):
        allowed = self.settings.get("cors")
        if allowed == "*":
            return True
        return allowed in origin
""",
        {},
    ),
}
