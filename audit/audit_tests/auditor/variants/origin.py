"""Ways to write `check_origin`, each with what an attacker's page gets."""

__all__ = ["CASES"]

_CONSTRUCTED = """
class Door(WebSocketHandler):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.allow_origin = options.allowed_hosts
        if self.get_argument("id", None) is None or self.get_argument("debug", None):
            {noted}
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        if self.allow_origin == "*":
            return True
        return origin == self.allow_origin
"""

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "true": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return True
""",
        {},
    ),
    "lambda": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    check_origin = lambda self, origin: True
""",
        {},
    ),
    "class lambda assigned": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
Door.check_origin = lambda self, origin: True
""",
        {},
    ),
    "setattr": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
setattr(Door, "check_origin", lambda s, o: True)
""",
        {},
    ),
    "tornado monkeypatch": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
WebSocketHandler.check_origin = lambda self, origin: True
""",
        {},
    ),
    "tornado monkeypatch dotted": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
websocket.WebSocketHandler.check_origin = lambda self, origin: True
""",
        {},
    ),
    "function assigned": (
        "open",
        """
def any_origin(self, origin):
    return True
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    check_origin = any_origin
""",
        {},
    ),
    "imported function": (
        "open",
        """
from cors import any_origin
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    check_origin = any_origin
""",
        {
            "cors.py": """
def any_origin(self, origin):
    return True
"""
        },
    ),
    "decorator adds": (
        "open",
        """
def cors(cls):
    cls.check_origin = lambda self, origin: True
    return cls
@cors
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
""",
        {},
    ),
    "init_subclass adds": (
        "open",
        """
class Base(WebSocketHandler):
    def __init_subclass__(cls):
        cls.check_origin = lambda self, o: True
class Door(Base):
    def on_message(self, m):
        room.say(m)
""",
        {},
    ),
    "parsed truthy": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        from urllib.parse import urlparse
        return urlparse(origin)
""",
        {},
    ),
    "string": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return "ok"
""",
        {},
    ),
    "none": (
        "restricted",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        print(origin)
""",
        {},
    ),
    "bool origin": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return bool(origin)
""",
        {},
    ),
    "async": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    async def check_origin(self, origin):
        return origin == "https://a.example"
""",
        {},
    ),
    "coroutine": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    @gen.coroutine
    def check_origin(self, origin):
        return origin == "https://a.example"
""",
        {},
    ),
    "settings star": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        allowed = self.settings.get("origins", ["*"])
        return "*" in allowed or origin in allowed
""",
        {},
    ),
    "settings none": (
        "restricted",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        allowed = self.settings.get("origins", [])
        return "*" in allowed or origin in allowed
""",
        {},
    ),
    "setting none = all": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        allowed = self.settings.get("origins")
        if not allowed:
            return True
        return origin in allowed
""",
        {},
    ),
    "env all": (
        "open",
        """
ALLOWED = os.environ.get("ALLOWED_ORIGINS", "*").split(",")
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return "*" in ALLOWED or origin in ALLOWED
""",
        {},
    ),
    "env empty": (
        "restricted",
        """
ALLOWED = os.environ.get("ALLOWED_ORIGINS", "").split(",")
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return origin in ALLOWED
""",
        {},
    ),
    "super or true": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return super().check_origin(origin) or True
""",
        {},
    ),
    "super": (
        "restricted",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return super().check_origin(origin)
""",
        {},
    ),
    "super or list": (
        "restricted",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return super().check_origin(origin) or origin in {"https://b.example"}
""",
        {},
    ),
    "match all": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        import re
        return re.match(".*", origin) is not None
""",
        {},
    ),
    "debug on": (
        "open",
        """
DEBUG = True
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return DEBUG or super().check_origin(origin)
""",
        {},
    ),
    "debug off": (
        "restricted",
        """
DEBUG = False
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return DEBUG or super().check_origin(origin)
""",
        {},
    ),
    "define debug off": (
        "restricted",
        """
define("debug", default=False)
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return options.debug or super().check_origin(origin)
""",
        {},
    ),
    "define debug on": (
        "open",
        """
define("debug", default=True)
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return options.debug or super().check_origin(origin)
""",
        {},
    ),
    "app debug on": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        if self.settings["debug"]:
            return True
        return super().check_origin(origin)
app = Application([("/", Door)], debug=True)
""",
        {},
    ),
    "blocklist": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return not origin.startswith("http://evil.")
""",
        {},
    ),
    "blocklist set": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return origin not in {"http://evil.example"}
""",
        {},
    ),
    "mixin before": (
        "open",
        """
class Cors:
    def check_origin(self, origin):
        return True
class Door(Cors, WebSocketHandler):
    def on_message(self, m):
        room.say(m)
""",
        {},
    ),
    "mixin after": (
        "default",
        """
class Cors:
    def check_origin(self, origin):
        return True
class Door(WebSocketHandler, Cors):
    def on_message(self, m):
        room.say(m)
""",
        {},
    ),
    "netloc": (
        "restricted",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        from urllib.parse import urlparse
        return urlparse(origin).netloc == self.request.host
""",
        {},
    ),
    "host in origin": (
        "weak",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return self.request.host in origin
""",
        {},
    ),
    "endswith": (
        "weak",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return origin.endswith("example.com")
""",
        {},
    ),
    "endswith dot": (
        "restricted",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        from urllib.parse import urlparse
        return urlparse(origin).hostname.endswith(".example.com")
""",
        {},
    ),
    "startswith": (
        "weak",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return origin.startswith("https://example.com")
""",
        {},
    ),
    "any endswith": (
        "weak",
        """
HOSTS = ["example.com", "b.example"]
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return any(origin.endswith(h) for h in HOSTS)
""",
        {},
    ),
    "regex dot": (
        "weak",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        import re
        return bool(re.match(r"https://app.example.com", origin))
""",
        {},
    ),
    "localhost host": (
        "weak|open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        host = self.request.host.split(":")[0]
        if host in ("localhost", "127.0.0.1"):
            return True
        return super().check_origin(origin)
""",
        {},
    ),
    "client header": (
        "open|weak",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return origin == self.request.headers.get("Origin")
""",
        {},
    ),
    "zip": (
        "weak",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        host = self.request.host
        name = origin.split("://")[1]
        return all(a == b for a, b in zip(host, name))
""",
        {},
    ),
    "null": (
        "weak",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return origin in ("null", "https://a.example")
""",
        {},
    ),
    "arg list initialize": (
        "open",
        """
class Door(WebSocketHandler):
    def initialize(self, origins=None):
        self.origins = origins
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return self.origins is None or origin in self.origins
""",
        {},
    ),
    "dict route": (
        "open",
        """
class Door(WebSocketHandler):
    def initialize(self, allow_all):
        self.allow_all = allow_all
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return self.allow_all or super().check_origin(origin)
app = Application([("/", Door, {"allow_all": True})])
""",
        {},
    ),
    "dict route off": (
        "restricted",
        """
class Door(WebSocketHandler):
    def initialize(self, allow_all):
        self.allow_all = allow_all
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return self.allow_all or super().check_origin(origin)
app = Application([("/", Door, {"allow_all": False})])
""",
        {},
    ),
    "argparse star": (
        "open",
        """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--origin", default="*")
args = p.parse_args()
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return args.origin == "*" or origin == args.origin
""",
        {},
    ),
    "class attr": (
        "open",
        """
class Base(WebSocketHandler):
    cors = True
    def check_origin(self, origin):
        return self.cors or super().check_origin(origin)
class Door(Base):
    def on_message(self, m):
        room.say(m)
""",
        {},
    ),
    "class attr overridden": (
        "restricted",
        """
class Base(WebSocketHandler):
    cors = True
    def check_origin(self, origin):
        return self.cors or super().check_origin(origin)
class Door(Base):
    cors = False
    def on_message(self, m):
        room.say(m)
""",
        {},
    ),
    "helper": (
        "open",
        """
def is_allowed(origin, allowed):
    if not allowed or "*" in allowed:
        return True
    return origin in allowed
ALLOWED = []
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return is_allowed(origin, ALLOWED)
""",
        {},
    ),
    "config get": (
        "open",
        """
import yaml
config = yaml.safe_load(open("c.yml"))
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        allowed = config.get("allowed_origins", ["*"])
        return "*" in allowed or origin in allowed
""",
        {},
    ),
    "unknown check": (
        "restricted|unknown",
        """
from other import origin_ok
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return origin_ok(origin)
""",
        {},
    ),
    "default": (
        "default",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
""",
        {},
    ),
    "fnmatch all": (
        "open",
        """
import fnmatch
PATTERNS = ["*"]
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return any(fnmatch.fnmatch(origin, p) for p in PATTERNS)
""",
        {},
    ),
    "for loop regex all": (
        "open",
        """
import re
PATTERNS = [".*"]
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        for p in PATTERNS:
            if re.match(p, origin):
                return True
        return False
""",
        {},
    ),
    "for loop list": (
        "restricted",
        """
ALLOWED = ["https://a.example"]
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        for one in ALLOWED:
            if origin == one:
                return True
        return False
""",
        {},
    ),
    "xsrf instead": (
        "restricted",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        from urllib.parse import urlparse
        host = urlparse(origin).hostname
        return host in {"a.example", "localhost"}
""",
        {},
    ),
    "finally true": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        ok = super().check_origin(origin)
        if not ok:
            print("foreign", origin)
        return True
""",
        {},
    ),
    "setting unknown": (
        "optional|unknown|restricted",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        if self.settings["any_origin"]:
            return True
        return super().check_origin(origin)
""",
        {},
    ),
    "property mixin mro": (
        "open",
        """
class Api(RequestHandler):
    def check_origin(self, origin):
        return True
class Door(Api, WebSocketHandler):
    def on_message(self, m):
        room.say(m)
""",
        {},
    ),
    "RequestHandler after": (
        "default",
        """
class Api(RequestHandler):
    def check_origin(self, origin):
        return True
class Door(WebSocketHandler, Api):
    def on_message(self, m):
        room.say(m)
""",
        {},
    ),
    "staticmethod": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    @staticmethod
    def check_origin(origin):
        return True
""",
        {},
    ),
    "endpoint_after_regexp list": (
        "restricted",
        """
import re
ORIGIN = re.compile(r"^https://([a-z]+\\.)?example\\.com$")
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return ORIGIN.match(origin) is not None
""",
        {},
    ),
    "a star in a file that ships": (
        "open",
        """
import re
class Door(WebSocketHandler):
    def initialize(self):
        self.allowed = re.compile(self.config.api.allow_origin.replace("*", ".*"))
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return self.allowed.match(origin) is not None
""",
        {"app.yaml": 'api:\n  allow_origin: "*"\n  port: 5001\n'},
    ),
    "no star in a file that ships": (
        "restricted|optional",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return origin == self.config.api.allow_origin
""",
        {"app.yaml": 'api:\n  allow_origin: "https://app.example"\n'},
    ),
    "the constructor looks at the address for something else": (
        "optional|restricted",
        'define("allowed_hosts", default=db.DOMAIN + ":443")'
        + _CONSTRUCTED.format(noted="room.note(self)"),
        {},
    ),
    "the constructor looks at the address for who may connect": (
        "weak|open",
        'define("allowed_hosts", default=db.DOMAIN + ":443")'
        + _CONSTRUCTED.format(noted="self.allow_origin = '*'"),
        {},
    ),
}
