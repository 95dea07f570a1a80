"""Ways to write `check_origin` that a page of an attacker gets past or not, as a hostile reader finds them.

`CHECKS` has the statements of the method alone, `SHAPES` the ways in which a class comes by one.
"""

__all__ = ["CHECKS", "FRAME", "SHAPES"]

FRAME = """
import re
from urllib.parse import urlparse
{before}
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
{check}
"""

CHECKS: dict[str, tuple[str, str, str]] = {
    "any startswith": (
        "weak",
        "return any(origin.startswith(one) for one in ALLOWED)",
        'ALLOWED = ["https://app.example", "https://b.example"]',
    ),
    "any startswith with the slash": (
        "restricted",
        "return any(origin.startswith(one) for one in ALLOWED)",
        'ALLOWED = ["https://app.example/", "https://b.example/"]',
    ),
    "startswith of a tuple": (
        "weak",
        'return origin.startswith(("https://app.example.com", "https://b.example.com"))',
        "",
    ),
    "startswith scheme only": ("open", 'return origin.startswith("https://")', ""),
    "startswith schemes": ("open", 'return origin.startswith(("http://", "https://"))', ""),
    "startswith http only": ("open|weak", 'return origin.startswith("http://")', ""),
    "startswith own host": (
        "weak",
        'return origin.startswith(f"{self.request.protocol}://{self.request.host}")',
        "",
    ),
    "startswith own host, no scheme": (
        "weak",
        'return origin.partition("://")[2].startswith(self.request.host)',
        "",
    ),
    "startswith a setting": (
        "weak",
        'return origin.startswith(self.settings["public_address"])',
        "",
    ),
    "startswith an option": (
        "weak",
        "return origin.startswith(options.public_address)",
        'define("public_address")',
    ),
    "any startswith of settings": (
        "weak",
        'return any(origin.startswith(one) for one in self.settings["origins_known"])',
        "",
    ),
    "loop startswith of settings": (
        "weak",
        """
for one in self.settings["origins_known"]:
    if origin.startswith(one):
        return True
return False
""",
        "",
    ),
    "slice of the length": (
        "weak",
        "return origin[:len(SITE)] == SITE",
        'SITE = "https://app.example.com"',
    ),
    "slice from the end": ("weak", "return origin[-len(SITE):] == SITE", 'SITE = "example.com"'),
    "endswith a setting": ("weak", 'return origin.endswith(self.settings["domain"])', ""),
    "endswith a dot and a setting": (
        "restricted",
        'return urlparse(origin).hostname.endswith("." + self.settings["domain"])',
        "",
    ),
    "endswith a dotted f-string": (
        "restricted",
        'return origin.endswith(f".{DOMAIN}")',
        'DOMAIN = os.environ["DOMAIN"]',
    ),
    "endswith a constant by f-string": (
        "restricted",
        'return origin.endswith(f".{DOMAIN}")',
        'DOMAIN = "example.com"',
    ),
    "endswith own host": ("weak", "return origin.endswith(self.request.host)", ""),
    "netloc is or ends with the host": (
        "restricted",
        """
netloc = urlparse(origin).netloc
return netloc == self.request.host or netloc.endswith("." + self.request.host)
""",
        "",
    ),
    "endswith nothing": ("open", 'return origin.endswith("")', ""),
    "endswith an empty default": (
        "open",
        'return origin.endswith(self.settings.get("suffix", ""))',
        "",
    ),
    "endswith of the domain, no dot": (
        "weak",
        'return (urlparse(origin).hostname or "").endswith("example.com")',
        "",
    ),
    "endswith of several domains": (
        "weak",
        'return urlparse(origin).netloc.endswith((".example.com", "example.org"))',
        "",
    ),
    "endswith of dotted domains": (
        "restricted",
        'return urlparse(origin).netloc.endswith((".example.com", ".example.org"))',
        "",
    ),
    "contains": ("weak", 'return "example.com" in origin', ""),
    "contains any": (
        "weak",
        'return any(one in origin for one in ["app.example.com", "example.org"])',
        "",
    ),
    "contains any of settings": (
        "weak",
        'return any(one in origin for one in self.settings["hosts_known"])',
        "",
    ),
    "contains a setting": ("weak", 'return self.settings["public_name"] in origin', ""),
    "contains the name of the machine": (
        "weak",
        """
import socket
return socket.gethostname() in origin
""",
        "",
    ),
    "contains localhost": ("weak", 'return "localhost" in origin', ""),
    "index raises": (
        "weak",
        """
try:
    origin.index(self.request.host)
except ValueError:
    return False
return True
""",
        "",
    ),
    "index of a constant raises": (
        "weak",
        """
try:
    origin.index("app.example.com")
    return True
except ValueError:
    return False
""",
        "",
    ),
    "index of a setting raises": (
        "weak",
        """
try:
    origin.index(self.settings["public_name"])
except ValueError:
    return False
return True
""",
        "",
    ),
    "index raises, of a list": (
        "restricted",
        """
try:
    ALLOWED.index(origin)
except ValueError:
    return False
return True
""",
        'ALLOWED = ["https://app.example.com"]',
    ),
    "find at least 0": ("weak", "return origin.find(self.request.host) >= 0", ""),
    "find is not -1": ("weak", 'return origin.find("example.com") != -1', ""),
    "find as a truth": ("open", 'return origin.find("example.com")', ""),
    "find at 0": ("weak", 'return origin.find("https://app.example.com") == 0', ""),
    "count": ("weak", 'return origin.count("example.com") > 0', ""),
    "split by the host": ("weak", 'return len(origin.split("example.com")) > 1', ""),
    "contains a part of the host": ("weak", 'return self.request.host.split(":")[0] in origin', ""),
    "replaced": (
        "restricted",
        'return origin.replace("https://", "").replace("http://", "") == self.request.host',
        "",
    ),
    "lstrip of characters": ("weak", 'return origin.lstrip("https://") == "app.example.com"', ""),
    "removeprefix": (
        "restricted",
        'return origin.removeprefix("https://") == "app.example.com"',
        "",
    ),
    "zip of the allowed": (
        "weak",
        'return all(a == b for a, b in zip(origin, "https://app.example.com"))',
        "",
    ),
    "zip of the host": (
        "weak",
        'return all(a == b for a, b in zip(origin.split("://")[1], self.request.host))',
        "",
    ),
    "zip strict": (
        "restricted",
        """
name = origin.partition("://")[2]
return len(name) == len(self.request.host) and all(a == b for a, b in zip(name, self.request.host))
""",
        "",
    ),
    "in a string": ("weak", 'return origin in "https://app.example.com,https://b.example.com"', ""),
    "in a tuple of one without comma": ("weak", 'return origin in ("https://app.example.com")', ""),
    "in a tuple of one": ("restricted", 'return origin in ("https://app.example.com",)', ""),
    "in a default that is a string": (
        "weak",
        "return origin in ORIGINS",
        'ORIGINS = os.environ.get("ORIGINS", "https://app.example.com")',
    ),
    "in a default that is split": (
        "restricted",
        "return origin in ORIGINS",
        'ORIGINS = os.environ.get("ORIGINS", "https://app.example.com").split(",")',
    ),
    "in an option that is a string": (
        "weak",
        "return origin in options.known_origin",
        'define("known_origin", default="https://app.example.com")',
    ),
    "netloc in the host": ("weak", "return urlparse(origin).netloc in self.request.host", ""),
    "host ends with the netloc": (
        "weak",
        "return self.request.host.endswith(urlparse(origin).netloc)",
        "",
    ),
    "anchored pattern": (
        "restricted",
        'return re.match(r"^https://app\\.example\\.com$", origin) is not None',
        "",
    ),
    "any anchored patterns": (
        "restricted",
        "return any(re.match(one, origin) for one in PATTERNS)",
        'PATTERNS = [r"^https://app\\.example\\.com$", r"^https://b\\.example\\.com$"]',
    ),
    "any patterns without an end": (
        "weak",
        "return any(re.match(one, origin) for one in PATTERNS)",
        'PATTERNS = [r"^https://app\\.example\\.com", r"^https://b\\.example\\.com"]',
    ),
    "any compiled patterns without an end": (
        "weak",
        "return any(one.match(origin) for one in PATTERNS)",
        'PATTERNS = [re.compile(r"https://app\\.example\\.com"), re.compile(r"https://b\\.example\\.com")]',
    ),
    "compiled patterns by map": (
        "weak",
        "return any(one.match(origin) for one in PATTERNS)",
        'PATTERNS = list(map(re.compile, ["https://app.example.com", "https://b.example.com"]))',
    ),
    "subdomains without an end": (
        "weak",
        'return bool(re.match(r"https?://(.*\\.)?example\\.com", origin))',
        "",
    ),
    "end without a dot": ("weak", 'return bool(re.search(r"example\\.com$", origin))', ""),
    "end with a dot": ("restricted", 'return bool(re.search(r"\\.example\\.com$", origin))', ""),
    "fullmatch with wild dots": (
        "weak",
        'return bool(re.fullmatch("https://.*.example.com", origin))',
        "",
    ),
    "fullmatch escaped": (
        "restricted",
        'return bool(re.fullmatch(r"https://[a-z]+\\.example\\.com", origin))',
        "",
    ),
    "wild dot before a domain": (
        "weak",
        'return bool(re.match(r"^https://\\w+.example\\.com$", origin))',
        "",
    ),
    "wild dots in alternatives": (
        "weak",
        'return bool(re.match(r"^https://(app|www).example.com$", origin))',
        "",
    ),
    "alternatives escaped": (
        "restricted",
        'return bool(re.match(r"^https://(app|www)\\.example\\.com(:\\d+)?$", origin))',
        "",
    ),
    "an alternative without anchors": (
        "weak",
        'return bool(re.search(r"^https://a\\.example\\.com$|localhost", origin))',
        "",
    ),
    "joined patterns": (
        "weak",
        'return bool(re.match("|".join(ALLOWED), origin))',
        'ALLOWED = ["https://app.example.com", "https://b.example.com"]',
    ),
    "escaped host without an end": (
        "weak",
        'return bool(re.match(r"https?://" + re.escape(self.request.host), origin))',
        "",
    ),
    "escaped host with an end": (
        "restricted",
        'return bool(re.match(r"https?://" + re.escape(self.request.host) + "$", origin))',
        "",
    ),
    "escaped f-string without an end": (
        "weak",
        'return bool(re.match(rf"https?://{re.escape(self.request.host)}", origin))',
        "",
    ),
    "ignoring case": (
        "weak",
        'return re.compile("https://app.example.com", re.I).match(origin) is not None',
        "",
    ),
    "a pattern that may be nothing": (
        "open",
        'return re.match(r"(https://app\\.example\\.com)?", origin) is not None',
        "",
    ),
    "a set of characters": (
        "open",
        'return bool(re.match("[https://app.example.com]", origin))',
        "",
    ),
    "a port that is free": (
        "restricted",
        'return bool(re.match(r"^http://localhost:\\d+$", origin))',
        "",
    ),
    "a port that is free, no end": (
        "weak",
        'return bool(re.match(r"^https?://localhost", origin))',
        "",
    ),
    "a pattern of a setting": (
        "restricted|unknown|optional",
        'return bool(re.match(self.settings["origin_pattern"], origin))',
        "",
    ),
    "fnmatch subdomains": (
        "restricted",
        """
import fnmatch
return fnmatch.fnmatch(origin, "https://*.example.com")
""",
        "",
    ),
    "fnmatch without a dot": (
        "weak",
        """
import fnmatch
return fnmatch.fnmatch(origin, "*example.com")
""",
        "",
    ),
    "fnmatch open end": (
        "weak",
        """
import fnmatch
return fnmatch.fnmatch(origin, "https://example.*")
""",
        "",
    ),
    "fnmatch of a default": (
        "open",
        """
import fnmatch
return any(fnmatch.fnmatch(origin, one) for one in self.settings.get("origin_globs", ["*"]))
""",
        "",
    ),
    "fnmatch loop of a default": (
        "open",
        """
from fnmatch import fnmatch
for one in self.settings.get("origin_globs", "*").split(","):
    if fnmatch(origin, one):
        return True
return False
""",
        "",
    ),
    "null too": ("weak", 'return origin == "null" or super().check_origin(origin)', ""),
    "null in the list": ("weak", 'return origin in {"https://app.example.com", "null"}', ""),
    "file too": (
        "weak",
        """
if origin in ("file://", "null"):
    return True
return super().check_origin(origin)
""",
        "",
    ),
    "no netloc": (
        "weak",
        """
netloc = urlparse(origin).netloc
return not netloc or netloc == self.request.host
""",
        "",
    ),
    "hostname is None": (
        "weak",
        'return urlparse(origin).hostname in (None, "app.example.com")',
        "",
    ),
    "hostname of an address without scheme": (
        "weak",
        "return urlparse(origin).hostname == urlparse(self.request.host).hostname",
        "",
    ),
    "a failure lets in": (
        "weak",
        """
try:
    name = origin.split("//")[1]
except IndexError:
    return True
return name == self.request.host
""",
        "",
    ),
    "a failure keeps out": (
        "restricted",
        """
try:
    name = origin.split("//")[1]
except IndexError:
    return False
return name == self.request.host
""",
        "",
    ),
    "any failure lets in": (
        "weak",
        """
try:
    return origin.split("//")[1] == self.request.host
except Exception:
    return True
""",
        "",
    ),
    "hostname": ("restricted", 'return urlparse(origin).hostname == "app.example.com"', ""),
    "hostname of own host": (
        "restricted",
        'return urlparse(origin).hostname == self.request.host.split(":")[0]',
        "",
    ),
    "host_name": ("restricted", "return urlparse(origin).hostname == self.request.host_name", ""),
    "lower case": (
        "restricted",
        'return urlparse(origin.lower()).netloc == self.request.headers.get("Host").lower()',
        "",
    ),
    "lower case in list": (
        "restricted",
        "return origin.lower() in [one.lower() for one in ALLOWED]",
        'ALLOWED = ["https://App.example.com"]',
    ),
    "last two labels": (
        "restricted",
        'return ".".join(urlparse(origin).hostname.split(".")[-2:]) == "example.com"',
        "",
    ),
    "first label": ("weak", 'return urlparse(origin).hostname.split(".")[0] == "app"', ""),
    "the port only": ("open", "return urlparse(origin).port == 8888", ""),
    "the port of the host": (
        "open",
        'return origin.split(":")[-1] == self.request.host.split(":")[-1]',
        "",
    ),
    "the scheme only": ("open", 'return urlparse(origin).scheme in ("http", "https")', ""),
    "some netloc": ("open", "return bool(urlparse(origin).netloc)", ""),
    "some text": ("open", "return len(origin) > 0", ""),
    "not empty": ("open", 'return origin != ""', ""),
    "not None": ("open", "return origin is not None", ""),
    "a string": ("open", "return isinstance(origin, str)", ""),
    "true if there is one": ("open", "return True if origin else False", ""),
    "two slashes": ("open", 'return origin.count("/") == 2', ""),
    "not null": ("open", 'return origin != "null"', ""),
    "own host in a list": (
        "open",
        "return self.request.host in HOSTS",
        'HOSTS = ["app.example.com"]',
    ),
    "own host is": ("open", 'return self.request.host == "app.example.com"', ""),
    "localhost is the host": (
        "weak",
        """
if self.request.host.startswith("localhost"):
    return True
return super().check_origin(origin)
""",
        "",
    ),
    "localhost in the host": (
        "weak",
        'return "localhost" in self.request.host or super().check_origin(origin)',
        "",
    ),
    "from this machine": (
        "weak|open",
        """
if self.request.remote_ip in ("127.0.0.1", "::1"):
    return True
return super().check_origin(origin)
""",
        "",
    ),
    "from this machine only": ("weak|open", 'return self.request.remote_ip == "127.0.0.1"', ""),
    "has an origin": ("open", 'return "Origin" in self.request.headers', ""),
    "the header is": (
        "open",
        'return urlparse(origin).netloc == urlparse(self.request.headers["Origin"]).netloc',
        "",
    ),
    "the query says": ("open|weak", 'return origin == self.get_argument("origin")', ""),
    "the query lists": ("open|weak", 'return origin in self.get_arguments("allowed")', ""),
    "the query says, with a default": (
        "open|weak",
        """
allowed = self.get_query_argument("from", "https://app.example.com")
return origin.startswith(allowed)
""",
        "",
    ),
    "a flag in the query": (
        "open|weak",
        """
if self.get_argument("debug", None):
    return True
return super().check_origin(origin)
""",
        "",
    ),
    "the path": ("open|weak", "return urlparse(origin).hostname in self.request.uri", ""),
    "forwarded host": (
        "restricted",
        'return urlparse(origin).netloc == self.request.headers.get("X-Forwarded-Host", self.request.host)',
        "",
    ),
    "not in the allowed": (
        "open",
        "return origin not in ALLOWED",
        'ALLOWED = ["https://app.example.com"]',
    ),
    "if not in the allowed": (
        "open",
        """
if origin not in ALLOWED:
    return True
return False
""",
        'ALLOWED = ["https://app.example.com"]',
    ),
    "blocked are refused": (
        "open",
        """
if origin in BLOCKED:
    return False
return True
""",
        'BLOCKED = ["https://bad.example.com"]',
    ),
    "refusal is only logged": (
        "open",
        """
if origin not in ALLOWED:
    self.set_status(403)
return True
""",
        'ALLOWED = ["https://app.example.com"]',
    ),
    "closes before there is a connection": (
        "open",
        """
if origin not in ALLOWED:
    self.close()
return True
""",
        'ALLOWED = ["https://app.example.com"]',
    ),
    "None for others": (
        "restricted",
        """
if origin not in ALLOWED:
    return
return True
""",
        'ALLOWED = ["https://app.example.com"]',
    ),
    "raises for others": (
        "restricted",
        """
if origin not in ALLOWED:
    raise HTTPError(403)
return True
""",
        'ALLOWED = ["https://app.example.com"]',
    ),
    "never": ("restricted", "raise NotImplementedError", ""),
    "asserts": (
        "restricted",
        """
assert origin in ALLOWED
return True
""",
        'ALLOWED = ["https://app.example.com"]',
    ),
    "KeyError": (
        "restricted",
        """
try:
    SITES[origin]
except KeyError:
    return False
return True
""",
        'SITES = {"https://app.example.com": 1}',
    ),
    "KeyError is logged": (
        "open",
        """
try:
    SITES[origin]
except KeyError:
    print("foreign", origin)
return True
""",
        'SITES = {"https://app.example.com": 1}',
    ),
    "get from a dict": (
        "restricted",
        "return SITES.get(origin, False)",
        'SITES = {"https://app.example.com": True}',
    ),
    "get from a dict, default true": (
        "open",
        "return SITES.get(origin, True)",
        'SITES = {"https://bad.example.com": False}',
    ),
    "or a text": (
        "open",
        'return origin == "https://a.example.com" or "https://b.example.com"',
        "",
    ),
    "if or a text": (
        "open",
        """
if origin == "https://a.example.com" or "https://b.example.com":
    return True
return False
""",
        "",
    ),
    "a tuple": (
        "open",
        'return (origin in ALLOWED, "not allowed")',
        'ALLOWED = ["https://app.example.com"]',
    ),
    "a dict": (
        "open",
        'return {"allowed": origin in ALLOWED}',
        'ALLOWED = ["https://app.example.com"]',
    ),
    "the list": ("open", "return ALLOWED", 'ALLOWED = ["https://app.example.com"]'),
    "any of the list": ("open", "return any(ALLOWED)", 'ALLOWED = ["https://app.example.com"]'),
    "a generator": ("open", "yield origin in ALLOWED", 'ALLOWED = ["https://app.example.com"]'),
    "a function that is awaited in vain": (
        "open",
        "return known(origin)",
        """
async def known(origin):
    return origin == "https://app.example.com"
""",
    ),
    "a task": (
        "open|restricted|unknown",
        "return asyncio.ensure_future(known(origin))",
        """
async def known(origin):
    return origin == "https://app.example.com"
""",
    ),
    "nothing is everything": ("open", "return not ALLOWED or origin in ALLOWED", "ALLOWED = []"),
    "nothing is everything, set": (
        "open",
        """
if len(ALLOWED) == 0:
    return True
return origin in ALLOWED
""",
        "ALLOWED = set()",
    ),
    "nothing is everything, but it is filled": (
        "unknown|optional|restricted",
        "return not ALLOWED or origin in ALLOWED",
        """
ALLOWED = []
def setup(config):
    ALLOWED.extend(config["hosts"])
""",
    ),
    "nothing is everything, by environment": (
        "open",
        "return not ORIGINS or origin in ORIGINS",
        'ORIGINS = os.environ.get("ORIGINS", "").split()',
    ),
    "nothing is everything, split at commas": (
        "restricted",
        "return not ORIGINS or origin in ORIGINS",
        'ORIGINS = os.environ.get("ORIGINS", "").split(",")',
    ),
    "nothing is everything, filtered": (
        "open",
        "return not ORIGINS or origin in ORIGINS",
        'ORIGINS = [one for one in os.environ.get("ORIGINS", "").split(",") if one]',
    ),
    "environment unset": (
        "open",
        """
if ORIGIN is None:
    return True
return origin == ORIGIN
""",
        'ORIGIN = os.environ.get("ORIGIN")',
    ),
    "environment required": (
        "restricted",
        "return origin == ORIGIN",
        'ORIGIN = os.environ["ORIGIN"]',
    ),
    "environment star": (
        "open",
        'return ORIGINS == "*" or origin in ORIGINS.split(",")',
        'ORIGINS = os.getenv("ORIGINS", "*")',
    ),
    "environment star in list": (
        "open",
        'return "*" in ORIGINS or origin in ORIGINS',
        'ORIGINS = [one.strip() for one in os.getenv("ORIGINS", "*").split(",")]',
    ),
    "environment production": (
        "open",
        """
if os.environ.get("ENV") != "production":
    return True
return super().check_origin(origin)
""",
        "",
    ),
    "environment development": (
        "restricted",
        """
if os.environ.get("ENV") == "development":
    return True
return super().check_origin(origin)
""",
        "",
    ),
    "off by a setting that is not set": (
        "restricted",
        """
if self.settings.get("disable_origin_check"):
    return True
return super().check_origin(origin)
""",
        "",
    ),
    "on by a setting that is not set": (
        "open",
        """
if not self.settings.get("verify_origin", False):
    return True
return super().check_origin(origin)
""",
        "",
    ),
    "on by default": (
        "restricted",
        """
if not self.settings.get("verify_origin", True):
    return True
return super().check_origin(origin)
""",
        "",
    ),
    "strict or all": (
        "open",
        'return super().check_origin(origin) if self.settings.get("strict") else True',
        "",
    ),
    "option star": (
        "open",
        'return options.allow_origin == "*" or origin == options.allow_origin',
        'define("allow_origin", default="*")',
    ),
    "option empty": (
        "open",
        "return not options.allow_origin or origin == options.allow_origin",
        'define("allow_origin", default="")',
    ),
    "option named": (
        "restricted",
        'return options.allow_origin == "*" or origin == options.allow_origin',
        'define("allow_origin", default="https://app.example.com")',
    ),
}

SHAPES: dict[str, tuple[str, str, dict[str, str]]] = {
    "restricted lambda": (
        "restricted",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    check_origin = lambda self, origin: origin in ALLOWED
ALLOWED = {'https://app.example.com'}
""",
        {},
    ),
    "attribute of another class": (
        "open",
        """
class Cors:
    def any(self, origin):
        return True
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    check_origin = Cors.any
""",
        {},
    ),
    "imported in the body": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    from cors import check_origin
""",
        {
            "cors.py": """
def check_origin(self, origin):
    return True
"""
        },
    ),
    "partialmethod": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def _check(self, origin, everybody):
        return everybody or origin == 'x'
    check_origin = functools.partialmethod(_check, everybody=True)
""",
        {},
    ),
    "type": (
        "open",
        """
def message(self, m):
    room.say(m)
Door = type('Door', (WebSocketHandler,), {'on_message': message, 'check_origin': lambda self, origin: True})
""",
        {},
    ),
    "type restricted": (
        "restricted",
        """
def message(self, m):
    room.say(m)
body = {'on_message': message, 'check_origin': lambda self, origin: origin == 'https://a.example.com'}
Door = type('Door', (WebSocketHandler,), {**body})
""",
        {},
    ),
    "type of a subclass": (
        "open",
        """
class Base(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
Door = type('Door', (Base,), dict(check_origin=lambda self, origin: True))
app = Application([('/', Door)])
""",
        {},
    ),
    "monkeypatch restricts": (
        "restricted",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
WebSocketHandler.check_origin = lambda self, origin: origin == 'https://a.example.com'
""",
        {},
    ),
    "on the instance in initialize": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def initialize(self):
        self.check_origin = lambda origin: True
""",
        {},
    ),
    "on the instance in prepare": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def prepare(self):
        self.check_origin = lambda origin: True
""",
        {},
    ),
    "on the instance in get": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def get(self, *args):
        self.check_origin = lambda origin: True
        return super().get(*args)
""",
        {},
    ),
    "setattr on the instance": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def prepare(self):
        setattr(self, 'check_origin', lambda origin: True)
""",
        {},
    ),
    "header removed": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def prepare(self):
        self.request.headers.pop('Origin', None)
""",
        {},
    ),
    "header removed in get": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def get(self, *args):
        if 'Origin' in self.request.headers:
            del self.request.headers['Origin']
        return super().get(*args)
""",
        {},
    ),
    "header written": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def prepare(self):
        self.request.headers['Origin'] = 'http://' + self.request.host
""",
        {},
    ),
    "loop over classes": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
class Other(Door):
    pass
for one in (Door, Other):
    one.check_origin = lambda self, origin: True
""",
        {},
    ),
    "setattr loop": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
for one in (Door,):
    setattr(one, 'check_origin', lambda self, origin: True)
""",
        {},
    ),
    "in a function": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
def main():
    Door.check_origin = lambda self, origin: True
    Application([('/', Door)]).listen(1)
main()
""",
        {},
    ),
    "in a function, tornado": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
def main():
    websocket.WebSocketHandler.check_origin = lambda self, origin: True
    Application([('/', Door)]).listen(1)
main()
""",
        {},
    ),
    "patched in another file": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
""",
        {
            "start.py": """
import app
from tornado.websocket import WebSocketHandler
WebSocketHandler.check_origin = lambda self, origin: True
"""
        },
    ),
    "class patched in another file": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
""",
        {
            "start.py": """
import app
def any_origin(self, origin):
    return True
app.Door.check_origin = any_origin
"""
        },
    ),
    "wrapped class": (
        "open",
        """
def cors(cls):
    class Open(cls):
        def check_origin(self, origin):
            return True
    return Open
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
Door = cors(Door)
app = Application([('/', Door)])
""",
        {},
    ),
    "decorator that returns a subclass": (
        "open",
        """
def cors(cls):
    class Open(cls):
        def check_origin(self, origin):
            return True
    return Open
@cors
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
app = Application([('/', Door)])
""",
        {},
    ),
    "decorator with an argument": (
        "open",
        """
def cors(*origins):
    def wrap(cls):
        cls.check_origin = lambda self, origin: '*' in origins or origin in origins
        return cls
    return wrap
@cors('*')
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
""",
        {},
    ),
    "decorator with a list": (
        "restricted|default",
        """
def cors(*origins):
    def wrap(cls):
        cls.check_origin = lambda self, origin: '*' in origins or origin in origins
        return cls
    return wrap
@cors('https://a.example.com')
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
""",
        {},
    ),
    "mixin with a flag": (
        "open",
        """
class Cors:
    allow_any_origin = False
    def check_origin(self, origin):
        if self.allow_any_origin:
            return True
        return super().check_origin(origin)
class Door(Cors, WebSocketHandler):
    allow_any_origin = True
    def on_message(self, m):
        room.say(m)
""",
        {},
    ),
    "mixin with a list": (
        "open",
        """
class Cors:
    origins = ()
    def check_origin(self, origin):
        return '*' in self.origins or origin in self.origins
class Door(Cors, WebSocketHandler):
    origins = ('*',)
    def on_message(self, m):
        room.say(m)
""",
        {},
    ),
    "mixin with a pattern": (
        "weak",
        """
import re
from urllib.parse import urlparse
class Cors:
    pattern = None
    def check_origin(self, origin):
        return re.match(self.pattern, origin) is not None
class Door(Cors, WebSocketHandler):
    pattern = r'https://app\\.example\\.com'
    def on_message(self, m):
        room.say(m)
""",
        {},
    ),
    "mixin in another file": (
        "open",
        """
from web.cors import Cors
class Door(Cors, WebSocketHandler):
    def on_message(self, m):
        room.say(m)
""",
        {
            "web//init/.py": "",
            "web/cors.py": """
class Cors:
    def check_origin(self, origin):
        return self.is_allowed(origin)
    def is_allowed(self, origin):
        return True
""",
        },
    ),
    "wrapped by a decorator that allows": (
        "open",
        """
def always(f):
    def inner(self, origin):
        f(self, origin)
        return True
    return inner
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    @always
    def check_origin(self, origin):
        return origin == 'https://a.example.com'
""",
        {},
    ),
    "wrapped by a decorator that logs": (
        "restricted",
        """
def logged(f):
    @functools.wraps(f)
    def inner(self, origin):
        print(origin)
        return f(self, origin)
    return inner
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    @logged
    def check_origin(self, origin):
        return origin == 'https://a.example.com'
""",
        {},
    ),
    "property": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    @property
    def check_origin(self):
        return lambda origin: True
""",
        {},
    ),
    "only in development": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    if os.environ.get('ENV') != 'production':
        check_origin = lambda self, origin: True
""",
        {},
    ),
    "only when debugging": (
        "restricted",
        """
DEBUG = False
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    if DEBUG:
        def check_origin(self, origin):
            return True
""",
        {},
    ),
    "when debugging, on": (
        "open",
        """
DEBUG = True
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    if DEBUG:
        def check_origin(self, origin):
            return True
""",
        {},
    ),
    "factory": (
        "open",
        """
def make(origins):
    class Door(WebSocketHandler):
        def on_message(self, m):
            room.say(m)
        def check_origin(self, origin):
            return origins is None or origin in origins
    return Door
app = Application([('/', make(None))])
""",
        {},
    ),
    "factory restricted": (
        "restricted",
        """
def make(origins):
    class Door(WebSocketHandler):
        def on_message(self, m):
            room.say(m)
        def check_origin(self, origin):
            return origins is None or origin in origins
    return Door
app = Application([('/', make(['https://a.example.com']))])
""",
        {},
    ),
    "accepts by itself": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    async def get(self, *args):
        self.open_args, self.open_kwargs = args, {}
        self.ws_connection = self.get_websocket_protocol()
        await self.ws_connection.accept_connection(self)
""",
        {},
    ),
    "policy object": (
        "open",
        """
class Policy:
    def __init__(self, allow_all=True, origins=()):
        self.allow_all = allow_all
        self.origins = origins
    def allows(self, origin):
        return self.allow_all or origin in self.origins
policy = Policy()
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return policy.allows(origin)
""",
        {},
    ),
    "policy object restricted": (
        "restricted",
        """
class Policy:
    def __init__(self, allow_all=True, origins=()):
        self.allow_all = allow_all
        self.origins = origins
    def allows(self, origin):
        return self.allow_all or origin in self.origins
policy = Policy(allow_all=False, origins=['https://a.example.com'])
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return policy.allows(origin)
""",
        {},
    ),
    "dataclass config": (
        "open",
        """
from dataclasses import dataclass, field
@dataclass
class Config:
    origins: list = field(default_factory=lambda: ['*'])
config = Config()
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return '*' in config.origins or origin in config.origins
""",
        {},
    ),
    "dataclass default": (
        "open",
        """
from dataclasses import dataclass
@dataclass
class Config:
    origin: str = '*'
config = Config()
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return config.origin in ('*', origin)
""",
        {},
    ),
    "traitlets": (
        "open",
        """
from traitlets import Unicode
from traitlets.config import Configurable
class Config(Configurable):
    allow_origin = Unicode('*').tag(config=True)
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def initialize(self, config: Config):
        self.config = config
    def check_origin(self, origin):
        return self.config.allow_origin == '*' or origin == self.config.allow_origin
app = Application([('/', Door, {'config': Config()})])
""",
        {},
    ),
    "super of a mixin that allows": (
        "open",
        """
class Cors:
    def check_origin(self, origin):
        return True
class Base(Cors, WebSocketHandler):
    pass
class Door(Base):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return super().check_origin(origin)
""",
        {},
    ),
    "tornado's by name": (
        "restricted",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return WebSocketHandler.check_origin(self, origin)
""",
        {},
    ),
    "argparse flag on": (
        "restricted",
        """
import argparse
p = argparse.ArgumentParser()
p.add_argument('--any-origin', action='store_true')
args = p.parse_args()
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return args.any_origin or super().check_origin(origin)
""",
        {},
    ),
    "argparse store_false": (
        "open",
        """
import argparse
p = argparse.ArgumentParser()
p.add_argument('--check-origin', action='store_true')
args = p.parse_args()
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        if not args.check_origin:
            return True
        return super().check_origin(origin)
""",
        {},
    ),
    "patterns in the settings, all": (
        "open",
        """
import re
from urllib.parse import urlparse

class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        for one in self.settings["origin_patterns"]:
            if re.match(one, origin):
                return True
        return False
app = Application([("/", Door)], origin_patterns=[".*"])
""",
        {},
    ),
    "patterns in the settings, no end": (
        "weak",
        """
import re
from urllib.parse import urlparse

class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        for one in self.settings["origin_patterns"]:
            if re.match(one, origin):
                return True
        return False
app = Application([("/", Door)], origin_patterns=[r"https://app\\.example\\.com"])
""",
        {},
    ),
    "own host name in settings": (
        "open|weak",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return self.request.host_name in self.settings["host_names"]
app = Application([("/", Door)], host_names=["www.example.com"])
""",
        {},
    ),
    "a method that is not called": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return self._known
    def _known(self, origin):
        return origin == "https://app.example.com"
""",
        {},
    ),
    "a coroutine that is not awaited": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return self._known(origin)
    async def _known(self, origin):
        return origin == "https://app.example.com"
""",
        {},
    ),
    "off by a setting": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        if self.settings.get("disable_origin_check"):
            return True
        return super().check_origin(origin)
app = Application([("/", Door)], disable_origin_check=True)
""",
        {},
    ),
    "settings of the application, star": (
        "open",
        """
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        allowed = self.application.settings.get("cors")
        return allowed == "*" or origin == allowed
app = Application([("/", Door)], cors="*")
""",
        {},
    ),
    "settings by unpacking": (
        "open",
        """
SETTINGS = {"cors": "*"}
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        allowed = self.settings["cors"]
        return allowed == "*" or origin == allowed
app = Application([("/", Door)], **SETTINGS)
""",
        {},
    ),
    "settings in a file": (
        "open",
        """
import config
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        return '*' in config.ORIGINS or origin in config.ORIGINS
""",
        {
            "config.py": """
ORIGINS = ['*']
"""
        },
    ),
    "parts of a list that nobody can read": (
        "weak",
        """
import re
from urllib.parse import urlparse
def fits(host, pattern):
    host, pattern = host.split("."), pattern.split(".")
    for one, other in zip(host, pattern):
        if one != other and other != "*":
            return False
    return True
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        name = urlparse(origin).netloc.lower()
        known = self.application.known_hosts
        return name in known or any(fits(name, one) for one in known)
""",
        {},
    ),
    "all parts of a list that nobody can read": (
        "restricted",
        """
import re
from urllib.parse import urlparse
def fits(host, pattern):
    host, pattern = host.split("."), pattern.split(".")
    if len(host) != len(pattern):
        return False
    for one, other in zip(host, pattern):
        if one != other and other != "*":
            return False
    return True
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        name = urlparse(origin).netloc.lower()
        known = self.application.known_hosts
        return name in known or any(fits(name, one) for one in known)
""",
        {},
    ),
    "an origin of a list that nobody can read": (
        "restricted",
        """
import re
from urllib.parse import urlparse
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        for one in self.application.known_origins:
            if origin == one:
                return True
        return False
""",
        {},
    ),
    "the beginning of a list that nobody can read": (
        "weak",
        """
import re
from urllib.parse import urlparse
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        for one in self.application.known_origins:
            if origin.startswith(one):
                return True
        return False
""",
        {},
    ),
    "a name in a list that nobody can read": (
        "weak",
        """
import re
from urllib.parse import urlparse
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        for one in self.application.known_origins:
            if one in origin:
                return True
        return False
""",
        {},
    ),
    "patterns of a list that nobody can read": (
        "unknown|restricted",
        """
import re
from urllib.parse import urlparse
class Door(WebSocketHandler):
    def on_message(self, m):
        room.say(m)
    def check_origin(self, origin):
        for one in self.application.known_origins:
            if re.match(one, origin):
                return True
        return False
""",
        {},
    ),
}
