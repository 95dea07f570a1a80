"""Whole programs that ask in front of the handler: routers, matchers, what handlers are put through, parts.

Each with its twin that leaves the hole.
"""

from audit_tests.auditor.variants.changed import Program, program

__all__ = ["PROGRAMS"]

_MATCHER = """
from tornado.httpserver import HTTPServer
from tornado.routing import Matcher, PathMatches, Rule, RuleRouter
from tornado.web import Application, RequestHandler, decode_signed_value
from tornado.websocket import WebSocketHandler

SECRET = open("/etc/deploy/secret").read()

class SignedIn(Matcher):
    def __init__(self, path):
        self.path = PathMatches(path)

    def match(self, request):
        morsel = request.cookies.get("deployer")
        if morsel is None:
            return None
        if decode_signed_value(SECRET, "deployer", morsel.value) is None:
            return None
        return self.path.match(request)

class Deploy(WebSocketHandler):
    async def on_message(self, message):
        await run("/srv/deploy.sh", message)

class Home(RequestHandler):
    def get(self):
        self.write("nothing to see here")

def main():
    inside = Application([(r"/deploy", Deploy)])
    outside = Application([(r"/.*", Home)])
    router = RuleRouter([Rule(SignedIn(r"/deploy"), inside), Rule(PathMatches(r"/.*"), outside)])
    HTTPServer(router).listen(8888)
"""

_ROUTER = """
import hashlib, sqlite3
from tornado.httpserver import HTTPServer
from tornado.routing import Router
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

db = sqlite3.connect("keys.db")

class Lab(WebSocketHandler):
    def on_message(self, scpi):
        self.write_message(instrument.query(scpi))

class Refuse(RequestHandler):
    def prepare(self):
        self.set_status(401)
        self.finish("api key")

class KeyRouter(Router):
    def __init__(self, app, refuse):
        self.app = app
        self.refuse = refuse

    def find_handler(self, request, **kwargs):
        digest = hashlib.sha256(request.headers.get("X-Api-Key", "").encode()).hexdigest()
        row = db.execute("SELECT 1 FROM keys WHERE sha = ?", (digest,)).fetchone()
        if row is None:
            return self.refuse.find_handler(request, **kwargs)
        return self.app.find_handler(request, **kwargs)

def main():
    app = Application([(r"/inst/(\\w+)", Lab)])
    HTTPServer(KeyRouter(app, Application([(r".*", Refuse)]))).listen(5025)
"""

_DELEGATES = """
from tornado.httpserver import HTTPServer
from tornado.routing import AnyMatches, Router, Rule, RuleRouter
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

class Lab(WebSocketHandler):
    def on_message(self, scpi):
        self.write_message(instrument.query(scpi))

class Refuse(RequestHandler):
    def prepare(self):
        self.set_status(401)
        self.finish("api key")

class KeyRouter(Router):
    def __init__(self, app):
        self.app = app

    def find_handler(self, request, **kwargs):
        if request.headers.get("X-Api-Key") != open("/etc/lab/key").read():
            return self.app.get_handler_delegate(request, Refuse)
        return self.app.get_handler_delegate(request, Lab)

def main():
    app = Application([(r"/inst", Lab)])
    HTTPServer(KeyRouter(app)).listen(5025)
"""

_ASKED_FOR_KEY = """        if request.headers.get("X-Api-Key") != open("/etc/lab/key").read():
            return self.app.get_handler_delegate(request, Refuse)
"""

_RULES_LATER = """
    router = RuleRouter([])
    router.add_rules([Rule(AnyMatches(), app)])
    HTTPServer(router).listen(5025)
"""

_PUT_THROUGH = """
import base64, crypt, hmac, spwd
import tornado.web
import tornado.websocket

class Shell(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.process.stdin.write(message)

class Page(tornado.web.RequestHandler):
    def get(self):
        self.render("shell.html")

def unix_login(header):
    name, _, pw = base64.b64decode(header[6:]).decode().partition(":")
    stored = spwd.getspnam(name).sp_pwdp
    return name if hmac.compare_digest(crypt.crypt(pw, stored), stored) else None

def secure(handler):
    def prepare(self):
        self.current_user = unix_login(self.request.headers.get("Authorization", ""))
        if self.current_user is None:
            raise tornado.web.HTTPError(401)
        return handler.prepare(self)
    return type("Secure" + handler.__name__, (handler,), {"prepare": prepare})

ROUTES = [(r"/shell", Shell), (r"/", Page)]

def make_app():
    return tornado.web.Application([(path, secure(cls)) for path, cls in ROUTES])
"""

_PUT_THROUGH_IF_TOLD = """
import argparse, base64, os, pty
from passlib.apache import HtpasswdFile
from tornado.web import Application
from tornado.websocket import WebSocketHandler

def basic_auth(cls, passwords):
    class Protected(cls):
        def prepare(self):
            header = self.request.headers.get("Authorization", "")
            if header.startswith("Basic "):
                user, _, pw = base64.b64decode(header[6:]).decode().partition(":")
                if passwords.check_password(user, pw):
                    return super().prepare()
            self.set_status(401)
            self.finish()
    return Protected

class Share(WebSocketHandler):
    def open(self):
        self.pid, self.fd = pty.fork()

    def on_message(self, data):
        os.write(self.fd, data)

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--htpasswd")
    args = parser.parse_args()
    handler = Share
    if args.htpasswd:
        handler = basic_auth(handler, HtpasswdFile(args.htpasswd))
    Application([(r"/tty", handler)]).listen(7681)
"""

_TRUE_WHERE_THERE = """
import os
import tornado.web
import tornado.websocket

class KeyFile:
    def __init__(self, path):
        self.path = path

    def __bool__(self):
        return os.path.isfile(self.path)

    def matches(self, candidate):
        with open(self.path) as f:
            return f.read().strip() == candidate

api_key = KeyFile(os.path.expanduser("~/.octo/api.key"))

class Printer(tornado.websocket.WebSocketHandler):
    def prepare(self):
        if api_key and not api_key.matches(self.get_argument("apikey", "")):
            self.set_status(403)
            self.finish("wrong API key")

    def on_message(self, message):
        self.application.port.write(message)

app = tornado.web.Application([("/printer", Printer)])
"""

_INJECTED = {
    "container.py": """
class Container:
    def __init__(self):
        self._factories = {}
        self._built = {}

    def register(self, name, factory):
        self._factories[name] = factory

    def __getattr__(self, name):
        try:
            if name not in self._built:
                self._built[name] = self._factories[name](self)
            return self._built[name]
        except KeyError:
            raise AttributeError(name)
""",
    "security.py": """
import hashlib, hmac

class Forbidden(Exception):
    pass

class Signing:
    def __init__(self, key):
        self.key = key

    def guard(self, request):
        want = hmac.new(self.key, request.path.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(want, request.headers.get("X-Signature", "")):
            raise Forbidden("signature")
        return request.headers["X-Key-Id"]
""",
    "main.py": """
import queue, yaml
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler
from container import Container
from security import Forbidden, Signing

class Injected:
    def initialize(self, container):
        self.auth = container.auth
        self.orders = container.orders

class Factory(Injected, WebSocketHandler):
    def prepare(self):
        try:
            self.caller = self.auth.guard(self.request)
        except Forbidden as error:
            raise HTTPError(403, str(error))

    def on_message(self, message):
        self.orders.put(message)

def build(conf):
    c = Container()
    c.register("auth", lambda c: Signing(conf["key"]))
    c.register("orders", lambda c: queue.Queue())
    return c

def main():
    conf = yaml.safe_load(open("factory.yml"))
    Application([(r"/line", Factory, {"container": build(conf)})]).listen(8123)
""",
}


_SUBCLASSED = """
import functools
import pyseto
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

KEY = pyseto.Key.new(version=4, purpose="public", key=open("public.pem").read())

def verified(get):
    @functools.wraps(get)
    async def wrapper(self, *args, **kwargs):
        raw = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            self.claims = pyseto.decode(KEY, raw).payload
        except (pyseto.VerifyError, pyseto.DecryptError, ValueError) as exc:
            raise HTTPError(401) from exc
        return await get(self, *args, **kwargs)
    return wrapper

class SecureSocket(WebSocketHandler):
    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.get = verified(cls.get)

class Inventory(SecureSocket):
    watchers = set()

    def open(self):
        self.watchers.add(self)

    def on_message(self, message):
        for one in self.watchers:
            one.write_message(message)

app = Application([("/inventory", Inventory)])
"""

PROGRAMS: dict[str, Program] = {
    "a matcher asks": program("guarded", _MATCHER),
    "a matcher asks, and another rule leads there, too": program(
        "missing",
        _MATCHER,
        ('Rule(PathMatches(r"/.*"), outside)', 'Rule(PathMatches(r"/.*"), inside)'),
    ),
    "a matcher looks for a cookie": program(
        "missing",
        _MATCHER,
        ('if decode_signed_value(SECRET, "deployer", morsel.value) is None', "if not morsel.value"),
    ),
    "a router asks": program("guarded", _ROUTER),
    "a router counts": program(
        "missing", _ROUTER, ("if row is None:", "self.count = row\n        if request.path == '/':")
    ),
    "a router refuses nobody": program("missing", _ROUTER, ("self.refuse.find", "self.app.find")),
    "a router names the handler": program("guarded", _DELEGATES),
    "a router names the handler for anybody": program("missing", _DELEGATES, (_ASKED_FOR_KEY, "")),
    "a router asks nobody, and hands on to rules": program(
        "missing",
        _DELEGATES,
        (_ASKED_FOR_KEY, ""),
        ("self.app = app", "self.rules = RuleRouter([Rule(AnyMatches(), app)])"),
        ("self.app.get_handler_delegate(request, Lab)", "self.rules.find_handler(request)"),
    ),
    "a router is given its rules later": program(
        "missing", _DELEGATES, ("    HTTPServer(KeyRouter(app)).listen(5025)\n", _RULES_LATER)
    ),
    "an application is given its handlers later": program(
        "missing",
        _DELEGATES,
        ('[(r"/inst", Lab)])', '[(r"/", Refuse)])\n    app.add_handlers(".*", [(r"/inst", Lab)])'),
        ("KeyRouter(app)", "RuleRouter([Rule(AnyMatches(), app)])"),
    ),
    "an application names its handler with a text": program(
        "missing",
        _DELEGATES,
        ('[(r"/inst", Lab)])', '[(r"/inst", "app.Lab")])'),
        ("KeyRouter(app)", "RuleRouter([Rule(AnyMatches(), app)])"),
    ),
    "all routes put through": program("guarded", _PUT_THROUGH),
    "all routes put through in a loop": program(
        "guarded",
        _PUT_THROUGH,
        (
            "return tornado.web.Application([(path, secure(cls)) for path, cls in ROUTES])",
            """made = []
    for path, cls in ROUTES:
        made.append((path, secure(cls)))
    return tornado.web.Application(made)""",
        ),
    ),
    "some routes put through": program(
        "missing",
        _PUT_THROUGH,
        ("for path, cls in ROUTES", "for path, cls in ROUTES if cls is Page"),
    ),
    "put through, and routed bare": program(
        "missing", _PUT_THROUGH, ("in ROUTES])", 'in ROUTES] + [("/raw", Shell)])')
    ),
    "put through, and routed in another application as they are": program(
        "missing",
        _PUT_THROUGH,
        ("for path, cls in ROUTES])", "for path, cls in ROUTES]), tornado.web.Application(ROUTES)"),
    ),
    "put through, and routed in the same loop as they are": program(
        "missing",
        _PUT_THROUGH,
        (
            "return tornado.web.Application([(path, secure(cls)) for path, cls in ROUTES])",
            """made = []
    for path, cls in ROUTES:
        made.append((path, secure(cls)))
        made.append(("/raw" + path, cls))
    return tornado.web.Application(made)""",
        ),
    ),
    "put through where a file says so": program(
        "missing",
        _PUT_THROUGH,
        (
            "return tornado.web.Application([(path, secure(cls)) for path, cls in ROUTES])",
            """made = []
    for path, cls in ROUTES:
        with open("guarded") as paths:
            if path in paths.read():
                made.append((path, secure(cls)))
            else:
                made.append((path, cls))
    return tornado.web.Application(made)""",
        ),
    ),
    "put through what asks nobody": program(
        "missing", _PUT_THROUGH, ("raise tornado.web.HTTPError(401)", "log.info('nobody')")
    ),
    "put through if told": program("optional", _PUT_THROUGH_IF_TOLD),
    "put through whatever is told": program(
        "guarded",
        _PUT_THROUGH_IF_TOLD,
        ('"--htpasswd")', '"htpasswd")'),
        ("    if args.htpasswd:\n        handler", "    handler"),
    ),
    "put through after it was routed": program(
        "missing",
        _PUT_THROUGH_IF_TOLD,
        (
            "    handler = Share\n",
            "    handler = Share\n    app = Application([(r'/tty', handler)])\n",
        ),
        ('Application([(r"/tty", handler)]).listen', "app.listen"),
    ),
    "an object that is true where its file is": program("optional", _TRUE_WHERE_THERE),
    "an object that is always true": program(
        "guarded", _TRUE_WHERE_THERE, ("return os.path.isfile(self.path)", "return True")
    ),
    "an object that is never true": program(
        "missing", _TRUE_WHERE_THERE, ("return os.path.isfile(self.path)", "return False")
    ),
    "a part from a container": ("guarded", _INJECTED),
    "a part from a container that only counts": (
        "missing",
        _INJECTED
        | {"security.py": _INJECTED["security.py"].replace("raise Forbidden", "self.bad = str")},
    ),
    "a token that another library verifies": program("guarded", _SUBCLASSED),
    "a token that another library verifies in vain": program(
        "swallowed", _SUBCLASSED, ("raise HTTPError(401) from exc", "self.claims = None")
    ),
    "a token that another library cuts up": program(
        "missing",
        _SUBCLASSED,
        ("(pyseto.VerifyError, pyseto.DecryptError, ValueError)", "ValueError"),
    ),
}
