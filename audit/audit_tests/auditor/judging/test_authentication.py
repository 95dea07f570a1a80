"""Verdicts on the authentication of a connection."""

import ast
from pathlib import Path

import pytest

from audit_tests.auditor.sources import HEAD, Make, door, scene_of

__all__ = ["GUARDED", "MISSING", "OTHER", "acting", "door"]

ACTS = """
    def on_message(self, message):
        room.say(message)
"""

GUARDED = {
    "prepare raises": """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)
""",
    "prepare finishes": """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            self.set_status(403)
            self.finish()
""",
    "async prepare through a helper": """
class Door(WebSocketHandler):
    async def prepare(self):
        await self.look()
    async def look(self):
        self.user = await self.whoever()
        if self.user is None:
            raise HTTPError(403)
    async def whoever(self):
        return self.get_signed_cookie("user")
""",
    "authenticated get": """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
""",
    "old coroutine style": """
class Door(websocket.WebSocketHandler):
    @gen.coroutine
    def get(self, *args):
        yield self.look()
        super(Door, self).get(*args)
    @gen.coroutine
    def look(self):
        if self.get_secure_cookie("user") is None:
            raise web.HTTPError(401)
""",
    "an exception nobody catches": """
class Door(WebSocketHandler):
    def prepare(self):
        self.claims = jwt.decode(self.get_argument("token"), KEY, algorithms=["HS256"])
KEY = os.environ["KEY"]
""",
    "a decorator of the project": """
def known(method):
    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        if self.get_signed_cookie("user") is None:
            raise HTTPError(403)
        return method(self, *args, **kwargs)
    return wrapper
class Door(WebSocketHandler):
    @known
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
""",
    "a decorator with arguments": """
def known(status):
    def decorator(method):
        async def wrapper(self, *args, **kwargs):
            if not await sessions.find(self.get_cookie("session")):
                raise HTTPError(status)
            return await method(self, *args, **kwargs)
        return wrapper
    return decorator
class Door(WebSocketHandler):
    @known(401)
    async def get(self, *args, **kwargs):
        await super().get(*args, **kwargs)
""",
    "a positive guard": """
class Door(WebSocketHandler):
    async def get(self, *args, **kwargs):
        if self.get_signed_cookie("user"):
            await super().get(*args, **kwargs)
        else:
            self.send_error(401)
""",
    "a secret compared": """
class Door(WebSocketHandler):
    def prepare(self):
        if not hmac.compare_digest(self.get_argument("token"), self.settings["token"]):
            raise HTTPError(403)
""",
    "a session looked up": """
SESSIONS = {}
class Door(WebSocketHandler):
    def prepare(self):
        session = SESSIONS.get(self.get_cookie("sid"))
        if session is None:
            raise HTTPError(401)
""",
    "a lookup that raises": """
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.session = sessions.load(self.request.headers["Authorization"])
        except KeyError:
            raise HTTPError(401)
""",
    "the name of a check": """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.application.gate.is_authenticated(self.request):
            raise HTTPError(403)
""",
    "on by default": """
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings.get("auth", True) and not self.get_signed_cookie("user"):
            raise HTTPError(403)
""",
}

MISSING = {
    "nothing": """
class Door(WebSocketHandler):
    def open(self):
        clients.add(self)
""",
    "only a greeting": """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    def open(self):
        self.name = self.current_user or "guest"
""",
    "a sibling that checks": """
class Other(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
class Door(WebSocketHandler):
    pass
""",
    "prepare that is overridden": """
class Base(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
class Door(Base):
    def prepare(self):
        self.started = True
""",
    "a checker that nobody calls": """
class Door(WebSocketHandler):
    def check_user(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
""",
    "a stub that says yes": """
def is_authenticated(request):
    return True
class Door(WebSocketHandler):
    def prepare(self):
        if not is_authenticated(self.request):
            raise HTTPError(401)
""",
    "a coroutine that nobody awaits": """
class Door(WebSocketHandler):
    async def look(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
    def prepare(self):
        self.look()
""",
    "a constant user": """
class Door(WebSocketHandler):
    def get_current_user(self):
        return {"name": "guest"}
    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
""",
    "a plain cookie": """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_cookie("user")
    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
""",
    "close before there is a connection": """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            self.close()
""",
    "not found is not unauthorized": """
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_argument("room") not in db.rooms:
            raise HTTPError(404)
""",
}

OTHER = {
    "open raises": (
        "after-accept",
        """
class Door(WebSocketHandler):
    def open(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
""",
    ),
    "authenticated open": (
        "after-accept",
        """
class Door(WebSocketHandler):
    @authenticated
    def open(self):
        clients.add(self)
""",
    ),
    "close in open": (
        "frames-pass",
        """
class Door(WebSocketHandler):
    def open(self):
        if not self.get_signed_cookie("user"):
            self.close()
""",
    ),
    "close in open and a flag": (
        "after-accept",
        """
class Door(WebSocketHandler):
    user = None
    def open(self):
        self.user = self.get_signed_cookie("user")
        if not self.user:
            self.close()
    def on_message(self, message):
        if not self.user:
            return
        room.say(message)
""",
    ),
    "first message": (
        "after-accept",
        """
class Door(WebSocketHandler):
    authenticated = False
    def on_message(self, message):
        data = json.loads(message)
        if not self.authenticated:
            if sessions.verify(data["token"]):
                self.authenticated = True
            else:
                self.close()
            return
        room.say(data)
""",
    ),
    "swallowed": (
        "swallowed",
        """
class Door(WebSocketHandler):
    def prepare(self):
        try:
            if not self.get_signed_cookie("user"):
                raise HTTPError(401)
        except Exception:
            pass
""",
    ),
    "off by default": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.settings.get("auth") and not self.get_signed_cookie("user"):
            raise HTTPError(401)
""",
    ),
    "an option": (
        "optional",
        """
define("auth", default="")
class Door(WebSocketHandler):
    def get_current_user(self):
        if not options.auth:
            return "everybody"
        return self.get_signed_cookie("user")
    @authenticated
    def get(self, *args):
        return super().get(*args)
""",
    ),
    "an environment variable": (
        "optional",
        """
TOKEN = os.environ.get("TOKEN")
class Door(WebSocketHandler):
    def prepare(self):
        if TOKEN and self.get_argument("token", "") != TOKEN:
            raise HTTPError(401)
""",
    ),
    "nothing equals nothing": (
        "optional",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_argument("token", None) != self.settings.get("token"):
            raise HTTPError(401)
""",
    ),
    "a decorator that was not read": (
        "presumed",
        """
from elsewhere import login_required
class Door(WebSocketHandler):
    @login_required
    def get(self, *args):
        return super().get(*args)
""",
    ),
    "a base that was not read": (
        "unread",
        """
from elsewhere import Base
class Door(Base, WebSocketHandler):
    pass
""",
    ),
}


def acting(body: str) -> str:
    """The handlers of a case, the last of which acts on what it is sent."""
    return (
        body
        if "on_message" in body
        else body.rstrip()
        .replace(
            "class Door(WebSocketHandler):", "class Door(WebSocketHandler):" + ACTS.rstrip(), 1
        )
        .replace(
            "class Door(websocket.WebSocketHandler):",
            "class Door(websocket.WebSocketHandler):" + ACTS.rstrip(),
            1,
        )
        .replace("class Door(Base):", "class Door(Base):" + ACTS.rstrip(), 1)
        .replace(
            "class Door(Base, WebSocketHandler):",
            "class Door(Base, WebSocketHandler):" + ACTS.rstrip(),
            1,
        )
        + "\n"
    )


@pytest.mark.parametrize("name", GUARDED)
def test_a_check_is_a_check(door: Make, name: str) -> None:
    """The check stops every client without a credential, in each form."""
    assert door(acting(GUARDED[name])).authentication.kind == "guarded"


@pytest.mark.parametrize("name", MISSING)
def test_what_only_looks_like_a_check(door: Make, name: str) -> None:
    """A client without a credential gets in."""
    assert door(acting(MISSING[name])).authentication.kind == "missing"


@pytest.mark.parametrize("name", OTHER)
def test_each_kind_is_told_apart(door: Make, name: str) -> None:
    """Late, optional, swallowed and unreadable checks have their own answers."""
    kind, body = OTHER[name]
    assert door(acting(body)).authentication.kind == kind


def test_a_mixin_in_another_module_is_followed(door: Make) -> None:
    """prepare() of a mixin, imported under an alias through a re-export, counts."""
    endpoint = door(
        "from web.parts import Locked as L\nclass Door(L, WebSocketHandler):" + ACTS,
        web____init__="",
        web__parts="from .locks import *\n",
        web__locks="""
            from tornado.web import HTTPError

            class Locked:
                def prepare(self):
                    super().prepare()
                    if not self.get_signed_cookie("user"):
                        raise HTTPError(401)
        """,
    )
    assert endpoint.authentication.kind == "guarded"


def test_what_is_initialized_by_the_route_counts(door: Make) -> None:
    """A route turns the check on that is off by default."""
    body = (
        """
class Door(WebSocketHandler):
    def initialize(self, secret=None):
        self.secret = secret
    def prepare(self):
        if self.secret and self.get_argument("token") != self.secret:
            raise HTTPError(401)
"""
        + ACTS
    )
    assert door(body).authentication.kind == "optional"


def test_the_way_to_the_check_is_told(door: Make) -> None:
    """The evidence names the place of the check."""
    endpoint = door(acting(GUARDED["async prepare through a helper"]))
    event = endpoint.authentication.event
    assert event is not None
    assert "get_signed_cookie" in event.text
    assert endpoint.steps(event)[-1].location.path == "app.py"


CONFIGURED = {
    "a file that was not read": """
class Door(WebSocketHandler):
    def initialize(self, config):
        self.config = config
    def prepare(self):
        if self.config.get("auth", {}).get("enabled", False):
            if self.get_query_argument("token", "") != self.config["auth"]["token"]:
                raise HTTPError(401)
""",
    "an INI file": """
import configparser
parser = configparser.ConfigParser()
class Door(WebSocketHandler):
    def prepare(self):
        if parser.getboolean("web", "auth", fallback=False) and not self.get_secure_cookie("u"):
            raise HTTPError(401)
""",
    "the object that makes the routes": """
class Server:
    def __init__(self, port, token=None):
        self.token = token
        self.app = Application([("/door", Door, {"server": self})])
class Door(WebSocketHandler):
    def initialize(self, server):
        self.server = server
    def open(self):
        if self.server.token and self.get_argument("token", None) != self.server.token:
            self.close()
            return
        self.server.clients.add(self)
""",
}


@pytest.mark.parametrize("case", CONFIGURED)
def test_a_check_that_is_off_where_nothing_is_configured(door: Make, case: str) -> None:
    """The check is off as shipped, and a setting turns it on."""
    assert door(CONFIGURED[case] + ACTS).authentication.kind == "optional"


def test_the_kind_of_a_message_is_no_credential(door: Make) -> None:
    """A room's key and a command's code prove nothing."""
    body = """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == db.GenerateCode:
            room.generate(data["roomKey"])
        else:
            db.save(data)
"""
    assert door(body).authentication.kind == "missing"


class _Moved(ast.NodeTransformer):
    """The handler's methods stand in a base class of the project."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        if node.name != "Door" or not node.body:
            return node
        mixin = ast.ClassDef("Part", [], [], list(node.body), [])
        door = ast.ClassDef("Door", [ast.Name("Part"), *node.bases], [], [ast.Pass()], [])
        return ast.Module([mixin, door], [])


@pytest.mark.parametrize("name", [*GUARDED, *MISSING])
def test_moving_methods_to_a_mixin_keeps_the_verdict(tmp_path: Path, name: str) -> None:
    """It does not matter in which class of the hierarchy a method stands."""
    body = acting(GUARDED.get(name) or MISSING[name]).replace(
        "super(Door, self)", "super(Part, self)"
    )
    tree = ast.fix_missing_locations(ast.parse(body))
    moved: list[ast.stmt] = []
    for one in tree.body:
        result = _Moved().visit(one)
        moved.extend(result.body if isinstance(result, ast.Module) else [result])
    text = HEAD + ast.unparse(ast.fix_missing_locations(ast.Module(moved, [])))
    scene = scene_of(tmp_path, {"app.py": text})
    endpoint = next(one for one in scene.endpoints if one.info.name == "Door")
    assert endpoint.authentication.kind == ("guarded" if name in GUARDED else "missing")
