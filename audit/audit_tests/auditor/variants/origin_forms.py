"""Further ways to write `check_origin`, as products of all ages have them, each with who gets in.

`FORMS` has the statements of the method alone, `SHAPES` whole programs.
"""

__all__ = ["FORMS", "SHAPES"]

_PARTS = """
found = re.match(r"^(?P<scheme>\\w+)://([^/]*)/?", origin)
if found is None:
    return False
{taken}
if scheme not in ("http", "https"):
    return False
return {question}
"""

FORMS: dict[str, tuple[str, str, str]] = {
    "the groups of a pattern, an end with its dot": (
        "restricted",
        _PARTS.format(
            taken="scheme, domain = found.groups()",
            question='domain == "app.example" or domain.endswith(".app.example")',
        ),
        "",
    ),
    "the groups of a pattern, an end without a dot": (
        "weak",
        _PARTS.format(
            taken="scheme, domain = found.groups()", question='domain.endswith("app.example")'
        ),
        "",
    ),
    "a group by its name and one by its number": (
        "restricted",
        _PARTS.format(
            taken='scheme, domain = found.group("scheme"), found.group(2)',
            question='domain in {"app.example", "www.app.example"}',
        ),
        "",
    ),
    "two groups at once": (
        "restricted",
        _PARTS.format(
            taken="scheme, domain = found.group(1, 2)", question='domain == "app.example"'
        ),
        "",
    ),
    "the groups by their names": (
        "open",
        _PARTS.format(taken='scheme = found.groupdict()["scheme"]', question="True"),
        "",
    ),
    "an item of a match": (
        "restricted",
        _PARTS.format(taken="scheme = found[1]", question='found[2] == "app.example"'),
        "",
    ),
    "patterns of an option, with an end": (
        "restricted",
        'return any(re.match(one, origin) for one in options.pages.split(","))',
        'define("pages", default=r"^https://[a-z]+\\.example\\.com$")',
    ),
    "patterns of an option, without an end": (
        "weak",
        'return any(re.match(one, origin) for one in options.pages.split(","))',
        'define("pages", default=r"^https://[a-z]+\\.example\\.com")',
    ),
    "labels and a domain, no end": (
        "weak",
        'return re.match(r"https?://([a-z0-9-]+\\.)*example\\.com", origin) is not None',
        "",
    ),
    "search for an end": ("weak", 'return bool(re.search(r"example\\.com$", origin))', ""),
    "search for a dot and an end": (
        "restricted",
        'return bool(re.search(r"\\.example\\.com$", origin))',
        "",
    ),
    "names and a port": (
        "restricted",
        "return PAGES.match(origin) is not None",
        'PAGES = re.compile(r"^https://(www|api)\\.example\\.com(:\\d+)?$")',
    ),
    "findall": ("weak", 'return bool(re.findall(r"example\\.com", origin))', ""),
    "sub and compare": (
        "restricted",
        'return re.sub(r"^https?://", "", origin) == "app.example.com"',
        "",
    ),
    "fnmatch filter": (
        "restricted",
        'return bool(fnmatch.filter([urlparse(origin).hostname], "*.example.com"))',
        "import fnmatch",
    ),
    "fnmatch filter without a dot": (
        "weak",
        'return bool(fnmatch.filter([urlparse(origin).hostname], "*example.com"))',
        "import fnmatch",
    ),
    "fnmatch translated": (
        "restricted",
        'return re.match(fnmatch.translate("https://*.example.com"), origin) is not None',
        "import fnmatch",
    ),
    "fnmatch translated, any": (
        "open",
        "return any(re.match(fnmatch.translate(one), origin) for one in PAGES)",
        """
import fnmatch
PAGES = ["*"]
""",
    ),
    "scheme and host": (
        "restricted",
        """
parts = urlparse(origin)
return parts.scheme == "https" and parts.hostname in HOSTS
""",
        'HOSTS = {"app.example.com", "b.example.com"}',
    ),
    "scheme only of the parts": ("open", 'return urlparse(origin).scheme in ("http", "https")', ""),
    "host without its port": (
        "restricted",
        'return urlparse(origin).netloc.split(":")[0] == self.request.host.split(":")[0]',
        "",
    ),
    "rsplit labels": (
        "restricted",
        'return urlparse(origin).hostname.rsplit(".", 2)[-2:] == ["example", "com"]',
        "",
    ),
    "the first label": ("weak", 'return urlparse(origin).hostname.split(".")[0] == "console"', ""),
    "a label among others": ("weak", 'return "acme" in urlparse(origin).hostname.split(".")', ""),
    "lines of a file": (
        "restricted",
        "return origin in PAGES",
        'PAGES = [line.strip() for line in open("pages.txt")]',
    ),
    "lines of a file, read": (
        "restricted",
        "return origin in PAGES",
        """
with open("pages.txt") as file:
    PAGES = file.read().splitlines()
""",
    ),
    "the text of a file": ("weak", "return origin in PAGES", 'PAGES = open("pages.txt").read()'),
    "beginnings of a file": (
        "weak",
        'return any(origin.startswith(one) for one in json.load(open("pages.json")))',
        "",
    ),
    "lines of a file in the check": (
        "restricted",
        """
with open("pages.txt") as file:
    return origin in [line.strip() for line in file]
""",
        "",
    ),
    "lines of a file in the check, contained": (
        "weak",
        """
with open("pages.txt") as file:
    return any(line.strip() in origin for line in file)
""",
        "",
    ),
    "super or a subdomain": (
        "restricted",
        'return super().check_origin(origin) or origin.endswith(".example.com")',
        "",
    ),
    "super or an end without a dot": (
        "weak",
        'return super().check_origin(origin) or origin.endswith("example.com")',
        "",
    ),
    "super and true": ("restricted", "return super().check_origin(origin) and True", ""),
    "not super": ("open", "return not super().check_origin(origin)", ""),
    "super unless it is released": (
        "open",
        'return super().check_origin(origin) if self.settings.get("strict") else True',
        "",
    ),
    "super is noted": (
        "open",
        """
allowed = super().check_origin(origin)
if not allowed:
    logging.warning("foreign page %s", origin)
return True
""",
        "",
    ),
    "super in a try": (
        "restricted",
        """
try:
    allowed = super().check_origin(origin)
except Exception:
    allowed = True
return allowed
""",
        "",
    ),
    "super, python 2": (
        "restricted",
        "return super(Door, self).check_origin(origin) or origin in PAGES",
        'PAGES = ("https://a.example.com",)',
    ),
    "replaced and cut": (
        "restricted",
        'return origin.replace("https://", "").replace("http://", "").split("/")[0].split(":")[0] in HOSTS',
        'HOSTS = ["app.example.com"]',
    ),
    "cut and begun": ("weak", 'return origin.split("//")[1].startswith("app.example.com")', ""),
    "lstrip of a scheme": ("weak", 'return origin.lstrip("https://") == "example.com"', ""),
    "lstrip of a scheme, own host": (
        "weak",
        'return origin.lstrip("http://") == self.request.host',
        "",
    ),
    "is or ends with": (
        "weak",
        """
host = urlparse(origin).hostname or ""
return host == DOMAIN or host.endswith(DOMAIN)
""",
        'DOMAIN = "example.com"',
    ),
    "dots are counted": (
        "restricted",
        """
host = urlparse(origin).hostname or ""
return host.count(".") == 2 and host.endswith(".example.com")
""",
        "",
    ),
    "all parts are in it": (
        "weak",
        'return all(one in origin for one in ("https://", "example.com"))',
        "",
    ),
    "a set of labels": (
        "weak",
        'return set(urlparse(origin).netloc.split(".")) >= {"example", "com"}',
        "",
    ),
    "null in a list": (
        "weak",
        'return origin in ("null", "file://", "https://app.example.com")',
        "",
    ),
    "null or own": (
        "weak",
        """
if not origin or origin == "null":
    return True
return super().check_origin(origin)
""",
        "",
    ),
    "begins with localhost": (
        "weak",
        'return origin.startswith(("http://localhost", "http://127.0.0.1"))',
        "",
    ),
    "is localhost": (
        "restricted",
        'return urlparse(origin).hostname in ("localhost", "127.0.0.1", "::1")',
        "",
    ),
    "many options": (
        "restricted",
        "return origin in options.pages",
        'define("pages", default=["https://a.example.com"], multiple=True)',
    ),
    "many options, a star": (
        "open",
        'return "*" in options.pages or origin in options.pages',
        'define("pages", default=["*"], multiple=True)',
    ),
    "many options, none is all": (
        "open",
        "return not options.pages or origin in options.pages",
        'define("pages", default=[], multiple=True)',
    ),
    "find and compare": ("weak", 'return origin.find("example.com") != -1', ""),
    "find and forget": ("open", 'return origin.find("example.com")', ""),
    "find beyond the beginning": ("weak", 'return origin.find("example.com") > 0', ""),
    "rfind at the end": (
        "weak",
        'return origin.rfind("example.com") == len(origin) - len("example.com")',
        "",
    ),
    "the address of the request begins so": (
        "weak",
        "return self.request.full_url().startswith(origin)",
        "",
    ),
    "the host of the address of the request": (
        "restricted",
        "return urlparse(origin).netloc == urlparse(self.request.full_url()).netloc",
        "",
    ),
    "the browser is one": ("open", 'return "Chrome" in self.request.headers["User-Agent"]', ""),
    "tenants by host": (
        "restricted",
        "return TENANTS.get(urlparse(origin).hostname) is not None",
        'TENANTS = {"a.example.com": 1, "b.example.com": 2}',
    ),
    "tenants by label": (
        "weak",
        'return urlparse(origin).hostname.partition(".")[0] in TENANTS',
        'TENANTS = {"alpha": 1, "beta": 2}',
    ),
    "any of mapped ends": (
        "restricted",
        'return any(map(urlparse(origin).netloc.endswith, (".example.com", ".example.org")))',
        "",
    ),
    "any of mapped beginnings": (
        "weak",
        'return any(map(origin.startswith, ("https://a.example.com", "https://b.example.com")))',
        "",
    ),
    "next that is": (
        "restricted",
        "return next((True for one in PAGES if one == origin), False)",
        'PAGES = ["https://a.example.com"]',
    ),
    "next that is in it": (
        "weak",
        "return next((True for one in PAGES if one in origin), False)",
        'PAGES = ["a.example.com"]',
    ),
    "a list of those in it": (
        "weak",
        "return len([one for one in PAGES if one in origin]) > 0",
        'PAGES = ["a.example.com"]',
    ),
    "a list of those that are": (
        "restricted",
        "return bool([one for one in PAGES if one == origin])",
        'PAGES = ["https://a.example.com"]',
    ),
    "filter that is in it": (
        "weak",
        "return bool(list(filter(lambda one: one in origin, PAGES)))",
        'PAGES = ["a.example.com"]',
    ),
    "an intersection": (
        "restricted",
        "return bool(PAGES & {origin})",
        'PAGES = {"https://a.example.com"}',
    ),
    "a difference": (
        "restricted",
        "return not {origin} - PAGES",
        'PAGES = {"https://a.example.com"}',
    ),
    "a superset": (
        "restricted",
        "return PAGES.issuperset([origin])",
        'PAGES = {"https://a.example.com"}',
    ),
    "contains by operator": (
        "restricted",
        "return operator.contains(PAGES, origin)",
        """
import operator
PAGES = ["https://a.example.com"]
""",
    ),
    "contains a text by operator": (
        "weak",
        'return operator.contains(origin, "example.com")',
        "import operator",
    ),
    "dunder contains": ("weak", 'return origin.__contains__("example.com")', ""),
    "reduced": (
        "restricted",
        "return functools.reduce(lambda found, one: found or origin == one, PAGES, False)",
        """
import functools
PAGES = ["https://a.example.com"]
""",
    ),
    "match of texts": (
        "restricted",
        """
match origin:
    case "https://a.example.com" | "https://b.example.com":
        return True
    case _:
        return False
""",
        "",
    ),
    "match of parts with a guard": (
        "weak",
        """
match origin.split("://"):
    case [_, host] if host.endswith("example.com"):
        return True
return False
""",
        "",
    ),
    "walks up the labels": (
        "restricted",
        """
host = urlparse(origin).hostname or ""
while host:
    if host in HOSTS:
        return True
    host = host.partition(".")[2]
return False
""",
        'HOSTS = {"example.com"}',
    ),
    "a digest in a list": (
        "restricted",
        "return hashlib.sha256(origin.encode()).hexdigest() in DIGESTS",
        """
import hashlib
DIGESTS = {"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
""",
    ),
    "second of the parts, python 2": (
        "restricted",
        'return urlparse.urlparse(origin)[1].split(":")[0] == "www.example.com"',
        "import urlparse",
    ),
    "second of the parts ends so, python 2": (
        "weak",
        'return urlparse.urlparse(origin)[1].split(":")[0].endswith("example.com")',
        "import urlparse",
    ),
    "begins and ends": (
        "weak",
        'return origin.startswith("https://app") and origin.endswith("example.com")',
        "",
    ),
    "begins and ends with a dot": (
        "restricted",
        'return origin.startswith("https://app") and origin.endswith(".example.com")',
        "",
    ),
    "short and in it": ("weak", 'return len(origin) < 60 and "example.com" in origin', ""),
    "counted once": ("weak", 'return origin.count("example.com") == 1', ""),
    "counted in a list": (
        "restricted",
        "return PAGES.count(origin) > 0",
        'PAGES = ["https://a.example.com"]',
    ),
    "raises and says nothing": (
        "restricted",
        """
if origin not in PAGES:
    raise HTTPError(403)
""",
        'PAGES = ["https://a.example.com"]',
    ),
    "raises and says yes": (
        "restricted",
        """
if origin not in PAGES:
    raise HTTPError(403)
return True
""",
        'PAGES = ["https://a.example.com"]',
    ),
    "a flag in a loop": (
        "weak",
        """
allowed = False
for one in PAGES:
    allowed = allowed or origin.startswith(one)
return allowed
""",
        'PAGES = ["https://a.example.com"]',
    ),
    "a flag in a loop that is reset": (
        "restricted",
        """
allowed = False
for one in PAGES:
    allowed = origin == one
    if allowed:
        break
return allowed
""",
        'PAGES = ["https://a.example.com", "https://b.example.com"]',
    ),
    "for and else": (
        "restricted",
        """
for one in PAGES:
    if origin == one:
        break
else:
    return False
return True
""",
        'PAGES = ["https://a.example.com"]',
    ),
    "for and else, the other way round": (
        "open",
        """
for one in PAGES:
    if origin == one:
        return False
else:
    return True
""",
        'PAGES = ["https://a.example.com"]',
    ),
    "host compared without case": (
        "restricted",
        'return urlparse(origin.lower()).netloc == self.request.headers.get("Host", "").lower()',
        "",
    ),
    "host header ends so": ("weak", 'return origin.endswith(self.request.headers["Host"])', ""),
    "x-forwarded-host compared": (
        "restricted",
        'return urlparse(origin).netloc == self.request.headers.get("X-Forwarded-Host", self.request.host)',
        "",
    ),
    "joined with bars": (
        "weak",
        'return re.match("|".join(PAGES), origin) is not None',
        'PAGES = [r"https://a\\.example\\.com", r"https://b\\.example\\.com$"]',
    ),
    "formatted own host": (
        "restricted",
        'return origin in ("http://{0}".format(self.request.host), "https://{0}".format(self.request.host))',
        "",
    ),
    "formatted own host, percent": (
        "restricted",
        'return origin == "%s://%s" % (self.request.protocol, self.request.host)',
        "",
    ),
    "formatted own host is in it": (
        "weak",
        'return origin.startswith("%s://%s" % (self.request.protocol, self.request.host_name))',
        "",
    ),
    "domain of the host by rpartition": (
        "weak",
        'return urlparse(origin).hostname.endswith(self.request.host.split(":")[0])',
        "",
    ),
    "domain of the host by partition": (
        "weak|open",
        'return urlparse(origin).hostname.endswith(self.request.host.partition(":")[0].partition(".")[2])',
        "",
    ),
    "domain and a dot": (
        "restricted",
        """
host = urlparse(origin).hostname
return host == BASE or host.endswith("." + BASE)
""",
        'BASE = "example.com"',
    ),
    "domain and a dot by percent": (
        "restricted",
        """
host = urlparse(origin).hostname
return host == BASE or host.endswith(".%s" % BASE)
""",
        'BASE = "example.com"',
    ),
    "domain and a dot by format": (
        "restricted",
        """
host = urlparse(origin).hostname
return host == BASE or host.endswith(".{}".format(BASE))
""",
        'BASE = "example.com"',
    ),
    "domain and a dot of a setting, by join": (
        "restricted",
        'return urlparse(origin).hostname.endswith(".".join(["", self.settings["domain"]]))',
        "",
    ),
    "http or https by two tests": (
        "restricted",
        'return origin == "http://" + self.request.host or origin == "https://" + self.request.host',
        "",
    ),
    "the name of this machine": (
        "restricted",
        "return urlparse(origin).hostname in (socket.gethostname(), socket.getfqdn())",
        "import socket",
    ),
    "an exception for each that is unknown": (
        "restricted",
        """
try:
    PAGES[origin]
except KeyError:
    return False
return True
""",
        'PAGES = {"https://a.example.com": 1}',
    ),
    "an exception of urlparse lets in": (
        "weak|restricted",
        """
try:
    host = urlparse(origin).hostname
    return host in HOSTS
except ValueError:
    return True
""",
        'HOSTS = {"a.example.com"}',
    ),
    "a setting of the application that is a function": (
        "restricted|optional|unknown",
        'return self.settings["may_come"](origin)',
        "",
    ),
    "a default function": (
        "open",
        'return self.settings.get("may_come", lambda origin: True)(origin)',
        "",
    ),
    "browser only": (
        "open",
        """
if self.request.headers.get("User-Agent", "").startswith("Mozilla"):
    return True
return super().check_origin(origin)
""",
        "",
    ),
    "a token in the query": (
        "weak|open",
        """
if self.get_argument("embed", None):
    return True
return super().check_origin(origin)
""",
        "",
    ),
    "a header that no page can send": (
        "restricted",
        'return self.request.headers.get("X-Requested-With") == "XMLHttpRequest"',
        "",
    ),
    "a header that no page can send is there": (
        "restricted",
        'return "X-App-Token" in self.request.headers',
        "",
    ),
    "a header that no page can send, or the own host": (
        "restricted",
        'return bool(self.request.headers.get("X-Api-Client")) or super().check_origin(origin)',
        "",
    ),
    "no referer, or the own": (
        "open",
        """
referer = self.request.headers.get("Referer")
return not referer or urlparse(referer).netloc == self.request.host
""",
        "",
    ),
    "a referer that begins so": (
        "restricted",
        'return self.request.headers.get("Referer", "").startswith(origin)',
        "",
    ),
    "a token of the query that must be known": (
        "restricted",
        'return self.get_argument("token", "") == self.settings["embed_token"]',
        "",
    ),
    "a token of the query that must be known, in constant time": (
        "restricted",
        'return hmac.compare_digest(self.get_argument("token", ""), os.environ["EMBED_TOKEN"])',
        "",
    ),
    "whoever is logged in": ("open", 'return self.get_secure_cookie("user") is not None', ""),
    "whoever is logged in, or the own host": (
        "open",
        "return bool(self.current_user) or super().check_origin(origin)",
        "",
    ),
    "a network of the client": (
        "weak|open|unknown",
        "return ipaddress.ip_address(self.request.remote_ip).is_private",
        "import ipaddress",
    ),
    "the host of an option that is empty": (
        "weak",
        "return urlparse(origin).netloc == options.host",
        'define("host", default="")',
    ),
    "the host of an option that is not set": (
        "weak",
        "return urlparse(origin).hostname == options.host",
        'define("host", default=None)',
    ),
    "the host of the environment that is not set": (
        "weak",
        'return urlparse(origin).hostname in ("localhost", os.environ.get("PUBLIC_HOST"))',
        "",
    ),
    "the host of the environment that must be set": (
        "restricted",
        'return urlparse(origin).hostname in ("localhost", os.environ["PUBLIC_HOST"])',
        "",
    ),
    "a pattern or anything": (
        "open",
        'return re.match(options.pages or ".*", origin) is not None',
        'define("pages", default="")',
    ),
    "a pattern of the environment, no end": (
        "weak",
        'return bool(re.match(os.environ.get("PAGES", r"https?://localhost(:\\d+)?"), origin))',
        "",
    ),
    "a pattern of the environment with an end": (
        "restricted",
        'return bool(re.match(os.environ.get("PAGES", r"https?://localhost(:\\d+)?$"), origin))',
        "",
    ),
    "begins as a network does": (
        "weak",
        'return (urlparse(origin).hostname or "").startswith("192.168.")',
        "",
    ),
    "begins as one of many networks does": (
        "weak",
        'return (urlparse(origin).hostname or "").startswith(("10.", "192.168.", "172.16."))',
        "",
    ),
    "an address of a network, no end": (
        "weak",
        'return re.match(r"^192\\.168\\.\\d+\\.\\d+", urlparse(origin).hostname or "") is not None',
        "",
    ),
    "an address of a network": (
        "restricted",
        'return re.match(r"^192\\.168\\.\\d+\\.\\d+$", urlparse(origin).hostname or "") is not None',
        "",
    ),
    "a private address": (
        "restricted|unknown",
        """
try:
    return ipaddress.ip_address(urlparse(origin).hostname).is_private
except ValueError:
    return False
""",
        "import ipaddress",
    ),
    "an address of a list of networks": (
        "restricted|unknown",
        """
try:
    address = ipaddress.ip_address(urlparse(origin).hostname)
except ValueError:
    return False
return any(address in one for one in NETWORKS)
""",
        """
import ipaddress
NETWORKS = [ipaddress.ip_network("10.0.0.0/8")]
""",
    ),
    "names of the local network": (
        "restricted",
        'return (urlparse(origin).hostname or "").endswith((".local", ".internal"))',
        "",
    ),
    "names of the local network, no dot": (
        "restricted",
        'return (urlparse(origin).hostname or "").endswith("local")',
        "",
    ),
    "the own host by a method of the class": (
        "restricted",
        """
hosts = {self.request.host, self.request.host.split(":")[0]}
return urlparse(origin).netloc in hosts
""",
        "",
    ),
    "the scheme is compared, too": (
        "restricted",
        """
parts = urlparse(origin)
return (parts.scheme, parts.netloc) == (self.request.protocol, self.request.host)
""",
        "",
    ),
    "the scheme is compared only": (
        "open",
        "return urlparse(origin).scheme == self.request.protocol",
        "",
    ),
    "the end of a split": ("restricted", 'return origin.split("://")[-1] == self.request.host', ""),
    "the end of a split begins so": (
        "weak",
        'return origin.split("://")[-1].startswith(self.request.host.split(":")[0])',
        "",
    ),
    "the beginning of a split at a colon": (
        "restricted",
        'return origin.split("://", 1)[1].split(":")[0] == "app.example.com"',
        "",
    ),
    "not among the blocked hosts": (
        "open",
        "return urlparse(origin).hostname not in BLOCKED",
        'BLOCKED = {"evil.example"}',
    ),
    "a limit of the length": ("open", "return len(origin) < 100", ""),
    "an address that is one": (
        "open",
        """
parts = urlparse(origin)
return bool(parts.scheme and parts.netloc)
""",
        "",
    ),
    "a dot is in it": ("open", 'return "." in origin', ""),
    "the same as was told the last time": (
        "open|weak|unknown|restricted",
        """
self.origin = origin
return self.origin == origin
""",
        "",
    ),
    "equal to itself": ("open", 'return origin == self.request.headers["Origin"]', ""),
    "the list of the settings or a star": (
        "open",
        'return "*" in self.settings.get("origins", ["*"]) or origin in self.settings["origins"]',
        "",
    ),
    "the list of the settings, a star by default": (
        "open",
        """
allowed = self.settings.get("origins", "*")
if allowed == "*":
    return True
return origin in allowed
""",
        "",
    ),
    "the list of the settings, none by default": (
        "restricted",
        """
allowed = self.settings.get("origins") or ()
return origin in allowed
""",
        "",
    ),
    "a list in a dictionary of settings": (
        "open",
        'return any(fnmatch.fnmatch(origin, one) for one in CONFIG["web"]["origins"])',
        """
import fnmatch
CONFIG = {"web": {"origins": ["*"]}}
""",
    ),
    "a list in a dictionary of settings, named": (
        "restricted",
        'return any(fnmatch.fnmatch(origin, one) for one in CONFIG["web"]["origins"])',
        """
import fnmatch
CONFIG = {"web": {"origins": ["https://app.example.com"]}}
""",
    ),
    "a set that is added to": (
        "restricted",
        "return origin in PAGES",
        """
PAGES = set()
PAGES.add("https://app.example.com")
""",
    ),
    "a set that is updated from a file": (
        "restricted",
        "return origin in PAGES",
        """
PAGES = set()
PAGES.update(line.strip() for line in open("pages.txt"))
""",
    ),
    "a lower end in upper case": ("weak", 'return origin.upper().endswith("EXAMPLE.COM")', ""),
    "hosts by ports": (
        "restricted",
        'return origin in ["http://localhost:%d" % port for port in (3000, 8080)]',
        "",
    ),
    "any port of localhost": (
        "restricted",
        'return re.fullmatch(r"http://localhost:\\d+", origin) is not None',
        "",
    ),
    "an extension of a browser": (
        "weak|open|restricted",
        'return origin.startswith("chrome-extension://")',
        "",
    ),
    "the own host or an extension of a browser": (
        "restricted|weak",
        'return origin.startswith("chrome-extension://") or super().check_origin(origin)',
        "",
    ),
    "a host of two parts": ("open", 'return len(urlparse(origin).hostname.split(".")) == 2', ""),
    "a name of the machine in lower case": (
        "restricted",
        "return urlparse(origin).hostname == platform.node().lower()",
        "import platform",
    ),
}

SHAPES: dict[str, tuple[str, str, dict[str, str]]] = {
    "an answer that is remembered": (
        "restricted",
        """
PAGES = ["https://a.example.com"]
class Door(WebSocketHandler):
    seen = {}
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        if origin not in self.seen:
            self.seen[origin] = origin in PAGES
        return self.seen[origin]
""",
        {},
    ),
    "an answer that is remembered, of a beginning": (
        "weak",
        """
PAGES = ("https://a.example.com",)
class Door(WebSocketHandler):
    seen = {}
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        if origin not in self.seen:
            self.seen[origin] = origin.startswith(PAGES)
        return self.seen[origin]
""",
        {},
    ),
    "a cache around the check": (
        "weak",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    @staticmethod
    @functools.lru_cache(maxsize=128)
    def fits(origin):
        return origin.endswith("example.com")
    def check_origin(self, origin):
        return self.fits(origin)
""",
        {},
    ),
    "a base that adds to the list": (
        "restricted",
        """
class Base(WebSocketHandler):
    pages = ["https://a.example.com"]
    def check_origin(self, origin):
        return origin in self.pages or super().check_origin(origin)
class Door(Base):
    pages = Base.pages + ["https://b.example.com"]
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a base that adds a star": (
        "open",
        """
class Base(WebSocketHandler):
    pages = ["https://a.example.com"]
    def check_origin(self, origin):
        return "*" in self.pages or origin in self.pages
class Door(Base):
    pages = Base.pages + ["*"]
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "two mixins, all must agree": (
        "restricted",
        """
class Secure:
    def check_origin(self, origin):
        return origin.startswith("https://") and super().check_origin(origin)
class Listed:
    def check_origin(self, origin):
        return origin in ("https://a.example.com",) and super().check_origin(origin)
class Door(Secure, Listed, WebSocketHandler):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "two mixins, one is enough": (
        "open",
        """
class Secure:
    def check_origin(self, origin):
        return origin.startswith("https://") or super().check_origin(origin)
class Door(Secure, WebSocketHandler):
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "an object of patterns": (
        "weak",
        r"""
import re
class Pages:
    def __init__(self, *patterns):
        self.patterns = [re.compile(one) for one in patterns]
    def __contains__(self, origin):
        return any(one.match(origin) for one in self.patterns)
PAGES = Pages(r"https://a\.example\.com")
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        return origin in PAGES
""",
        {},
    ),
    "an object of patterns with an end": (
        "restricted",
        r"""
import re
class Pages:
    def __init__(self, *patterns):
        self.patterns = [re.compile(one) for one in patterns]
    def __contains__(self, origin):
        return any(one.match(origin) for one in self.patterns)
PAGES = Pages(r"https://a\.example\.com$")
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        return origin in PAGES
""",
        {},
    ),
    "pages of a configuration of sections": (
        "restricted",
        """
import configparser
config = configparser.ConfigParser()
config.read("server.ini")
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        return origin in config.get("web", "origins").split()
""",
        {},
    ),
    "beginnings of a configuration of sections": (
        "weak",
        """
import configparser
config = configparser.ConfigParser()
config.read("server.ini")
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        return any(origin.startswith(one) for one in config.get("web", "origins").split())
""",
        {},
    ),
    "open where the configuration says nothing": (
        "open",
        """
import configparser
config = configparser.ConfigParser()
config.read("server.ini")
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        allowed = config.get("web", "origins", fallback="*")
        return allowed == "*" or origin in allowed.split(",")
""",
        {},
    ),
    "a parameter of the route": (
        "weak",
        """
class Door(WebSocketHandler):
    def initialize(self, pages):
        self.pages = pages
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        return any(one in origin for one in self.pages)
application = Application([(r"/ws", Door, {"pages": ["a.example.com"]})])
""",
        {},
    ),
    "an application that knows": (
        "open",
        """
class Server(Application):
    def __init__(self):
        super().__init__([(r"/ws", Door)])
    def is_allowed(self, origin):
        return True
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        return self.application.is_allowed(origin)
""",
        {},
    ),
    "a generator of pages": (
        "restricted",
        """
def pages():
    yield "https://a.example.com"
    yield "https://b.example.com"
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        return origin in pages()
""",
        {},
    ),
    "a generator of beginnings": (
        "weak",
        """
def pages():
    yield "https://a.example.com"
    yield "https://b.example.com"
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        return any(origin.startswith(one) for one in pages())
""",
        {},
    ),
    "pages of two lists": (
        "restricted",
        """
from itertools import chain
OWN = ["https://a.example.com"]
OTHERS = ["https://b.example.com"]
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        return origin in chain(OWN, OTHERS)
""",
        {},
    ),
    "beginnings of two lists": (
        "weak",
        """
from itertools import chain
OWN = ["https://a.example.com"]
OTHERS = ["https://b.example.com"]
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        return any(origin.startswith(one) for one in chain(OWN, OTHERS))
""",
        {},
    ),
    "an enumeration of pages": (
        "restricted",
        """
import enum
class Page(enum.Enum):
    OWN = "https://a.example.com"
    OTHER = "https://b.example.com"
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        return origin in [one.value for one in Page]
""",
        {},
    ),
    "a row for each page": (
        "restricted",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
    def check_origin(self, origin):
        return db.get("select 1 from pages where origin = %s", origin) is not None
""",
        {},
    ),
}
