"""A rule finds its mistake in each shape in which it is written, and not its look-alike."""

from textwrap import indent

import pytest

from stormdoor.auditor.engine import scan
from stormdoor.auditor.settings import Settings
from tests.auditor.sources import HEAD, write

DOOR = """
import math
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
