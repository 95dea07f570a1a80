"""A rule finds its mistake in each shape in which it is written, and not its look-alike."""

from pathlib import Path
from textwrap import indent

import pytest

from audit_tests.auditor.sources import HEAD, write
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings

# One scan serves all cases of a module: in one of the workers.
pytestmark = pytest.mark.xdist_group("auditor-shapes")

DOOR = """
import logging, math, time
from authlib.jose import JsonWebToken
from jose import jwt as jose
from tornado.httpserver import HTTPServer

class Door(WebSocketHandler):
    async def prepare(self):
        token = self.request.headers['Authorization']
{}
    def on_message(self, message):
        self.write_message(message)

app = Application([(r'/door', Door)])
"""

OWN = """
class Door(WebSocketHandler):
    def get_current_user(self):
{}
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)
    def on_message(self, message):
        self.write_message(message)
"""

SHAPES = {
    ("SD401", "argument"): ("self.get_argument('token')", "self.get_argument('room')"),
    ("SD401", "argument by name"): (
        "self.get_query_argument(name='token')",
        "self.get_query_argument(default='token')",
    ),
    ("SD401", "got"): (
        "self.request.arguments.get('access_token')",
        "self.request.headers.get('access_token')",
    ),
    ("SD401", "item"): (
        "self.request.query_arguments['api_key']",
        "self.request.body_arguments['api_key']",
    ),
    ("SD403", "none"): (
        "jwt.decode(token, 'k', algorithms=['HS256', 'none'])",
        "jwt.decode(token, 'k', algorithms=['HS256', 'HS512'])",
    ),
    ("SD403", "not given"): ("jwt.decode(token, 'k')", "jwt.decode(token, 'k', ['RS256'])"),
    ("SD403", "not given to another"): (
        "jose.decode(token, 'k')",
        "jose.decode(token, 'k', algorithms='RS256')",
    ),
    ("SD403", "two kinds"): (
        "jwt.decode(token, 'k', algorithms=['HS256', 'RS256'])",
        "jwt.decode(token, 'k', algorithms=['ES256', 'RS256'])",
    ),
    ("SD403", "of the header"): (
        "jwt.decode(token, 'k', algorithms=[jwt.get_unverified_header(token)['alg']])",
        "jwt.decode(token, 'k', algorithms=[self.settings['alg']])",
    ),
    ("SD403", "got of the header"): (
        "jwt.decode(token, 'k', algorithms=[jwt.get_unverified_header(token).get('alg')])",
        "jwt.decode(token, 'k', algorithms=[self.settings.get('alg')])",
    ),
    ("SD403", "a list made before"): (
        "JsonWebToken(['HS256', 'none']).decode(token, 'k')",
        "JsonWebToken(['HS256']).decode(token, 'k')",
    ),
    ("SD601", "product"): (
        "Application([], websocket_max_message_size=100 * 1024 * 1024)",
        "Application([], websocket_max_message_size=10 * 1024 * 1024)",
    ),
    ("SD601", "power"): (
        "Application([], websocket_max_message_size=2 ** 30)",
        "Application([], websocket_max_message_size=2 ** 20)",
    ),
    ("SD601", "shift"): (
        "Application([], websocket_max_message_size=1 << 30)",
        "Application([], websocket_max_message_size=1 << 20)",
    ),
    ("SD601", "without end"): (
        "Application([], websocket_max_message_size=math.inf)",
        "Application([], websocket_max_message_size=30 - 20)",
    ),
    ("SD601", "infinite"): (
        "Application([], websocket_max_message_size=float('inf'))",
        "Application([], websocket_max_message_size=int('3'))",
    ),
    ("SD402", "option"): (
        "jwt.decode(token, 'k', ['HS256'], options={'verify_signature': False})",
        "jwt.decode(token, 'k', ['HS256'], options={'verify_signature': True})",
    ),
    ("SD402", "third argument"): (
        "jwt.decode(token, 'k', False)",
        "jwt.decode(token, 'k', ['HS256'])",
    ),
    ("SD402", "claims"): (
        "jose.get_unverified_claims(token)",
        "jose.get_unverified_claims(token)\njose.decode(token, 'k', 'HS256')",
    ),
    ("SD411", "name"): ("token = self.get_argument('t')\nprint(token)", "print(len(token))"),
    ("SD411", "f-string"): ("logging.info(f'of {token}')", "logging.info(f'of {len(token)}')"),
    ("SD411", "percent"): ("logging.info('of %s' % token)", "logging.info('of %s' % len(token))"),
    ("SD411", "percent of two"): (
        "logging.info('of %s, %s' % (1, token))",
        "logging.info('of %s, %s' % (1, len(token)))",
    ),
    ("SD411", "format"): (
        "logging.info('of {}'.format(token))",
        "logging.info('of {}'.format(len(token)))",
    ),
    ("SD411", "got"): (
        "logging.info(self.get_argument('token'))",
        "logging.info(self.get_argument('room'))",
    ),
    ("SD607", "sleep"): (
        "time.sleep(1)\nself.set_status(200)",
        "await asyncio.sleep(1)\nself.set_status(200)",
    ),
    ("SD607", "in another thread"): (
        "def wait():\n    time.sleep(1)\nwait()\nself.set_status(200)",
        "def wait():\n    time.sleep(1)\nawait asyncio.to_thread(wait)\nself.set_status(200)",
    ),
    ("SD607", "in another thread by its decorator"): (
        "@clients.counted\ndef wait():\n    time.sleep(1)\nwait()\nself.set_status(200)",
        "@clients.run_on_executor\ndef wait():\n    time.sleep(1)\nwait()\nself.set_status(200)",
    ),
    ("SD611", "application"): ("app.listen(80)", "app.listen(80, ssl_options={})"),
    ("SD611", "every address"): ("app.listen(80, '0.0.0.0')", "app.listen(80, '127.0.0.1')"),
    ("SD611", "server"): (
        "HTTPServer(app).listen(80)",
        "HTTPServer(app, ssl_options={}).listen(80)",
    ),
    ("SD611", "server in a name"): (
        "server = HTTPServer(app)\nserver.bind(80, address='')",
        "server = HTTPServer(app, xheaders=True)\nserver.bind(80, address='')",
    ),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Files and the rules that found something in them: one scan for all."""
    folder = tmp_path_factory.mktemp("shapes")
    for at, pair in enumerate(SHAPES.values()):
        for kind, text in zip(("bad", "good"), pair, strict=True):
            inside = "self." in text or "token" in text
            body = indent(text if inside else "pass", " " * 8)
            after = "" if inside else f"{text}\n"
            write(folder, {f"{kind}{at}.py": HEAD + DOOR.format(body) + after})
    report = scan([folder], settings=Settings(root=folder, jobs=1))
    return {(one.location.path, one.rule_id) for one in report.findings}


@pytest.mark.parametrize(("rule", "shape"), SHAPES)
def test_a_shape_of_a_mistake(found: set[tuple[str, str]], rule: str, shape: str) -> None:
    """It is found, and what is right and looks like it is not."""
    at = list(SHAPES).index((rule, shape))
    assert [(f"{kind}{at}.py", rule) in found for kind in ("bad", "good")] == [True, False]


IDENTITIES = {
    "cookie": ("return self.get_cookie('user')", "return self.get_signed_cookie('user')"),
    "name": (
        "user = self.get_argument('user')\nreturn user",
        "user = self.get_argument('user')\nreturn sessions.verify(user)",
    ),
    "found where there is one": (
        "user = self.get_cookie('user')\nif self.settings:\n    user = sessions.find(user)\nreturn user",
        "user = self.get_cookie('user')\nif user:\n    user = sessions.find(user)\nreturn user",
    ),
    "found under the same name": (
        "user = sessions.find(1)\nuser = self.get_cookie('user')\nreturn user",
        "user = self.get_cookie('user')\nuser = sessions.find(user)\nreturn user",
    ),
    "header": ("return self.request.headers['User']", "return self.settings['user']"),
    "read header": ("return self.request.headers.get('User')", "return self.settings.get('user')"),
    "part": (
        "return self.cookies['user'].value",
        "return sessions.verify(self.cookies['user']).value",
    ),
    "text": ("return str(self.get_cookie('user'))", "return hash(self.get_cookie('user'))"),
    "or": (
        "return self.get_signed_cookie('user') or self.get_cookie('user')",
        "return self.get_signed_cookie('user') or None",
    ),
    "conditional": (
        "return 'a' if self.settings else self.get_cookie('user')",
        "return self.get_signed_cookie('user') if self.settings else None",
    ),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_who_somebody_is_in_words_of_the_client(tmp_path: Path, name: str) -> None:
    """An identity that the client writes itself is found; one that is verified is not."""
    for kind, body in zip(("bad", "good"), IDENTITIES[name], strict=True):
        write(tmp_path, {f"{kind}.py": HEAD + OWN.format(indent(body, " " * 8))})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1, select=("SD110",)))
    assert {one.location.path for one in report.findings} == {"bad.py"}


def test_a_page_that_puts_its_token_into_the_address(tmp_path: Path) -> None:
    """A script is read as well: a token in the address of its socket is found, a room is not."""
    opens = "<script>\nnew WebSocket('wss://a.example/door?{}=' + it)\n</script>"
    write(tmp_path, {"app.py": HEAD + OWN.format(" " * 8 + "return None")})
    write(tmp_path, {"bad.html": opens.format("token"), "good.html": opens.format("room")})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1, select=("SD401",)))
    assert [(one.location.path, one.location.line) for one in report.findings] == [("bad.html", 2)]


def test_a_demo_in_a_copy_of_tornado_is_not_the_project(tmp_path: Path) -> None:
    """A demo in a copy of Tornado's repository is not reported, and files beside the copy are."""
    app = HEAD + OWN.format(" " * 8 + "return None") + "Application([], cookie_secret='secret')\n"
    write(tmp_path, {"app.py": app, "tornado/demos/chat/chatdemo.py": app})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1, select=("SD408",)))
    assert {one.location.path for one in report.findings} == {"app.py"}


STOPS_NOBODY = """
clients = set()
listening = []
class Door(WebSocketHandler):
    def open(self):
        if self.get_signed_cookie('user') is None:
            print('nobody')
        clients.add(self)
    def on_message(self, message):
        for one in clients:
            one.write_message(message)

class Bell(WebSocketHandler):
    def on_message(self, message):
        if self not in listening:
            listening.append(self)
        self.write_message(message)
"""


def test_a_question_that_stops_nobody_is_named(tmp_path: Path) -> None:
    """Whether the connection is in a list already is no question who its client is."""
    write(tmp_path, {"app.py": HEAD + STOPS_NOBODY})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1, select=("SD101",)))
    told = {one.subject: "refuses no client" in one.message for one in report.findings}
    assert told == {"app.Door": True, "app.Bell": False}
