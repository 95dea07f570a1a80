"""Endpoints are found from a page, a browser session and a description; hostile ones break nothing."""

import base64
import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tornado.web import RequestHandler

from audit_tests.prober.servers import Feed, serving
from stormdoor_audit.prober.budget import Budget
from stormdoor_audit.prober.described import read_description
from stormdoor_audit.prober.discover import Bounds, Discovered, discover
from stormdoor_audit.prober.document import BadDocument
from stormdoor_audit.prober.entrance import named_in
from stormdoor_audit.prober.har import read_har
from stormdoor_audit.prober.identity import NOBODY, Identity
from stormdoor_audit.prober.page import read_page
from stormdoor_audit.prober.script import Script
from stormdoor_audit.prober.target import NotAllowed
from stormdoor_audit.prober.web import Web

PAGE = "http://127.0.0.1:8888/app/"

EXPRESSIONS = [
    ("new WebSocket('ws://127.0.0.1:9999/chat')", "ws://127.0.0.1:9999/chat"),
    ("new WebSocket('/ws/a')", "ws://127.0.0.1:8888/ws/a"),
    (
        "new WebSocket((location.protocol === 'https:' ? 'wss://' : 'ws://') + location.host + '/b')",
        "ws://127.0.0.1:8888/b",
    ),
    (
        "const p = location.protocol === 'https:' ? 'wss' : 'ws'; new WebSocket(`${p}://${location.host}/c`)",
        "ws://127.0.0.1:8888/c",
    ),
    ("new WebSocket(location.href.replace(/^http/, 'ws') + 'd')", "ws://127.0.0.1:8888/app/d"),
    ("const u = new URL('e', location.href); new WebSocket(u)", "ws://127.0.0.1:8888/app/e"),
    (
        "new WebSocket('ws://' + document.domain + ':' + location.port + '/f')",
        "ws://127.0.0.1:8888/f",
    ),
    ("new WebSocket(`ws://${location.host}/g/${room}`)", "ws://127.0.0.1:8888/g/{room}"),
    ("new WebSocket('ws:\\/\\/127.0.0.1:1\\/h')", "ws://127.0.0.1:1/h"),
    ("function go(path) { new WebSocket(path) }", "{path}"),
    ("new SockJS('/echo')", "ws://127.0.0.1:8888/echo/websocket"),
    ("io()", "ws://127.0.0.1:8888/socket.io/?EIO=4&transport=websocket"),
    ("new WebSocket(null || '/i')", "ws://127.0.0.1:8888/i"),
]


@pytest.mark.parametrize(("text", "address"), EXPRESSIONS)
def test_expressions(text: str, address: str) -> None:
    """The address that a script opens is worked out; what is not known stands in braces."""
    assert [one.text for one in Script(text, PAGE).addresses()][:1] == [address]


HOSTILE = [
    "new WebSocket(" * 5_000,
    "new WebSocket(" + "(" * 100_000,
    "a=a+a;" * 5_000 + "new WebSocket(a)",
    "new WebSocket(`" + "${" * 50_000,
    "new WebSocket(" + "!" * 100_000,
    "new WebSocket(/*" * 10_000,
    "'/ws" + "/ws" * 100_000,
    "//# sourceMappingURL=" * 20_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda one: one[:16])
def test_hostile_scripts(text: str) -> None:
    """Nothing is run, and the work is bounded, in steps rather than in seconds: it ends."""
    assert len(Script(text, PAGE).addresses()) <= 4 * 60


@pytest.mark.parametrize(
    "piece", ["<a ", "<!--", "<a b='", "<script>", '<meta content="', "<a '\""]
)
def test_hostile_pages(piece: str) -> None:
    """A page of a megabyte that never ends what it begins is read at once, and holds nothing."""
    read = read_page("http://h/", piece * (1_000_000 // len(piece)))
    assert [*read.scripts, *read.pages, *read.sockets, *read.inline] == []
    named_in(piece * 100_000)


def test_page() -> None:
    """Scripts in it and beside it, other pages, attributes; a broken one is read, too."""
    read = read_page(
        "http://h/a/",
        '<base href="/b/"><script src=x.js></script><link rel=modulepreload href=y.js>'
        '<a href="more">m</a><div ws-connect="/chat"></div><div data-url="ws://h/x"></div>'
        "<meta http-equiv=refresh content='0; url=/next'><script>new WebSocket('/z')</script><a href",
    )
    assert read.scripts == ["http://h/b/x.js", "http://h/b/y.js"]
    assert read.pages == ["http://h/b/more", "http://h/next"]
    assert [text for _, text in read.sockets] == ["/chat", "ws://h/x"]
    assert [text for _, text in read.inline] == ["new WebSocket('/z')"]


SEEN: list[tuple[str, str]] = []


class Site(RequestHandler):
    """A small site, as people build them."""

    def get(self, path: str) -> None:
        SEEN.append((path, self.request.headers.get("Cookie", "")))
        sources = {"sourcesContent": ["new WebSocket(`ws://${location.host}/from-map`)", 7, None]}
        inline = base64.b64encode(
            json.dumps({"sourcesContent": ["new WebSocket('/from-data')"]}).encode()
        )
        texts = {
            "": "<script>new WebSocket('/ws/inline')</script><script src=/app.js></script>"
            "<script src=https://cdn.example/x.js></script><a href=/members>m</a>"
            "<a href=/logout>bye</a><a href=/room/delete>d</a>",
            "app.js": "import './chunk.js'; new WebSocket(`ws://${location.host}/room/${id}`);\n"
            "new WebSocket('ws://192.0.2.7/elsewhere')\n//# sourceMappingURL=app.js.map",
            "chunk.js": "const path = '/api/ws/guess';\n//# sourceMappingURL=data:application/json;base64,"
            + inline.decode(),
            "app.js.map": json.dumps(sources),
            "members": "<script>new WebSocket('/ws/members?token=' + token)</script>",
        }
        if path == "old":
            self.redirect("/")
        elif path == "away":
            self.redirect("http://192.0.2.9/")
        elif path in texts:
            self.set_header(
                "Content-Type", "text/javascript" if path.endswith(".js") else "text/html"
            )
            self.finish(texts[path])
        else:
            self.set_status(404)


async def _look(port: int, path: str = "", **more: Any) -> Discovered:
    SEEN.clear()
    start = f"http://127.0.0.1:{port}/{path}"
    web = Web(Budget(200, 1000.0, 60.0), None, (), more.pop("who", NOBODY), start)
    return await discover([start], web, **more)


async def test_discover() -> None:
    """Inline and linked scripts, imports, source maps and redirects; and what was not worked out is said."""
    async with serving(Feed, ("/api/ws/guess", Feed), ("/live", Feed), ("/(.*)", Site)) as port:
        seen = await _look(port, "old", who=Identity("a", cookies=(("session", "x"),)))
    found = {one.url.replace(f"ws://127.0.0.1:{port}", "") for one in seen.endpoints}
    assert found == {
        *("/ws/inline", "/from-map", "/from-data", "/ws/members", "/api/ws/guess", "/ws"),
    }
    asked = {path for path, _ in SEEN}
    assert not asked & {"logout", "room/delete"}
    assert {cookie for path, cookie in SEEN if path == "members"} == {"session=x"}
    doubts = "\n".join(one.what for one in seen.unresolved)
    for said in ("/room/{id}", "--authorized 192.0.2.7", "cdn.example", "/live"):
        assert said in doubts or any(said in one.location.path for one in seen.unresolved), said
    assert "asked for 2 pages, 2 scripts, 1 source map" in seen.looked[0]


async def test_discovery_is_bounded() -> None:
    """In pages and scripts; what was left out is said. A redirect to another machine is not followed."""
    async with serving(Feed, ("/(.*)", Site)) as port:
        seen = await _look(port, bounds=Bounds(pages=1, scripts=1))
        away = await _look(port, "away")
    assert any("more addresses were not looked at" in one.what for one in seen.unresolved)
    assert any("not followed" in one.what for one in away.unresolved)
    with pytest.raises(NotAllowed):
        await discover(
            ["http://192.0.2.1/"], Web(Budget(), None, (), NOBODY, "http://127.0.0.1:1/")
        )


async def test_credentials_stay_where_they_belong() -> None:
    """A redirect to another port gets no header, and a script cannot ask for one."""
    got: list[str] = []

    class Other(RequestHandler):
        def get(self) -> None:
            got.append(self.request.headers.get("Authorization", ""))

    class Leads(RequestHandler):
        def get(self) -> None:
            self.redirect(self.get_query_argument("to"))

    who = Identity("a", headers=(("Authorization", "Bearer secret"),))
    async with serving(Other, path="/x") as other, serving(Leads, path="/y") as port:
        web = Web(Budget(50, 1000.0), None, (), who, f"http://127.0.0.1:{port}/")
        await web.ask(f"http://127.0.0.1:{port}/y?to=http://127.0.0.1:{other}/x")
    assert got == [""]


def _har(entries: Any) -> str:
    return json.dumps({"log": {"version": "1.2", "entries": entries}})


ENTRY = {
    "request": {
        "url": "ws://127.0.0.1:8888/chat",
        "headers": [
            {"name": "Cookie", "value": "session=abc; theme=dark"},
            {"name": "Origin", "value": "http://127.0.0.1:8888"},
            {"name": "X-Team", "value": "blue"},
            {"name": "Sec-WebSocket-Protocol", "value": "chat.v1"},
            {"name": "User-Agent", "value": "x"},
        ],
    },
    "response": {"status": 101},
    "_resourceType": "websocket",
    "_webSocketMessages": [
        {"type": "send", "opcode": 1, "data": '{"type":"auth","token":"t-0123456789abcdef"}'},
        {"type": "send", "opcode": 1, "data": '{"type":"list"}'},
        {"type": "receive", "opcode": 1, "data": '{"type":"rooms","rooms":["a"]}'},
        {"type": "send", "opcode": 2, "data": "AAEC"},
    ],
}


def test_har(tmp_path: Path) -> None:
    """The endpoint, what the browser showed, and what was said; the credential is no action."""
    file = tmp_path / "a.har"
    page = {
        "request": {"url": "http://127.0.0.1:8888/", "headers": []},
        "response": {"status": 200},
    }
    file.write_text(_har([page, ENTRY, None, {"request": {"url": 7}}]))
    session = read_har(file)
    assert session.owner == Identity(
        "the owner",
        (("session", "abc"), ("theme", "dark")),
        (("X-Team", "blue"),),
        (),
        ("chat.v1",),
        '{"type":"auth","token":"t-0123456789abcdef"}',
    )
    [recording] = session.recordings
    assert (recording.url, session.origin) == ("ws://127.0.0.1:8888/chat", "http://127.0.0.1:8888")
    [action] = recording.actions
    assert (action.name, action.reads, len(action.answers)) == ("list", False, 1)


BAD = [
    ("{", "no JSON"),
    ("[" * 200_000, "nested too deeply"),
    ('{"log": 7}', "no `log`"),
    ('{"log": {"entries": {}}}', "no list"),
    (_har([]), "no WebSocket"),
    ('{"log": NaN}', "no JSON"),
    ("\udcff", "no UTF-8"),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=[said for _, said in BAD])
def test_bad_har(text: str, said: str, tmp_path: Path) -> None:
    """An invalid HAR file is refused with a reason."""
    file = tmp_path / "a.har"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadDocument, match=said):
        read_har(file)


OPENAPI = """\
openapi: 3.1.0
servers:
  - url: http://{host}:8888/api
    variables: {host: {default: 127.0.0.1}}
paths:
  /items: {get: {summary: all items, responses: {"200": {description: ok}}}}
  /live/{room}:
    get:
      parameters: [{name: room, in: path, schema: {type: string, example: lobby}}]
      responses: {"101": {description: switches}}
  /ws/{id}: {get: {responses: {}}}
"""

ASYNCAPI = {
    "asyncapi": "3.0.0",
    "servers": {"local": {"host": "127.0.0.1:8888", "pathname": "/v1", "protocol": "ws"}},
    "channels": {"chat": {"address": "chat"}, "n": {"address": None}},
}
ASYNCAPI_2 = {
    "asyncapi": "2.6.0",
    "servers": {
        "local": {"url": "127.0.0.1:8888", "protocol": "ws"},
        "q": {"url": "x", "protocol": "kafka"},
    },
    "channels": {"/feed/{n}": {"parameters": {"n": {"schema": {"enum": ["one"]}}}}},
}


def test_descriptions(tmp_path: Path) -> None:
    """OpenAPI and both kinds of AsyncAPI; places are filled with the description's own examples."""
    file = tmp_path / "a"
    file.write_text(OPENAPI)
    found = read_description(file)
    assert found.urls == ("ws://127.0.0.1:8888/api/live/lobby",)
    assert "`id` has no example" in found.unresolved[0].what
    file.write_text(json.dumps(ASYNCAPI))
    assert read_description(file).urls == ("ws://127.0.0.1:8888/v1/chat", "ws://127.0.0.1:8888/v1")
    file.write_text(json.dumps(ASYNCAPI_2))
    assert read_description(file).urls == ("ws://127.0.0.1:8888/feed/one",)
    assert read_description(file, "https://h:1/x").urls == ("wss://h:1/x/feed/one",)


def _asyncapi(messages: dict[str, Any], operations: dict[str, Any]) -> dict[str, Any]:
    """A channel with a room in its path."""
    room = {
        "address": "/rooms/{room}",
        "parameters": {"room": {"$ref": "#/components/parameters/room"}},
        "bindings": {"ws": {"query": {"properties": {"lang": {"enum": ["en"]}, "x": {}}}}},
        "messages": messages,
    }
    return {
        "asyncapi": "3.0.0",
        "servers": {"local": {"host": "127.0.0.1:8888", "protocol": "ws"}},
        "channels": {"rooms": room},
        "operations": operations,
        "components": {
            "parameters": {"room": {"examples": ["lobby"]}},
            "messages": {"Say": {"examples": [{"payload": {"type": "say", "room": "lobby"}}]}},
        },
    }


LISTS = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"const": "list"},
        "room": {"type": "string"},
        "most": {"type": "integer", "default": 5},
        "after": {"type": "string"},
    },
}
NEEDS = {"type": "object", "required": ["token"], "properties": {"token": {"type": "string"}}}


def _received(*names: str, **more: Any) -> dict[str, Any]:
    messages = [{"$ref": f"#/channels/rooms/messages/{name}"} for name in names]
    channel = {"$ref": "#/channels/rooms"}
    return {"action": "receive", "channel": channel, "messages": messages, **more}


def test_messages_of_a_description(tmp_path: Path) -> None:
    """Its examples are what is sent, about the owner's objects; nothing is made up, and nothing is a read."""
    messages = {
        "Say": {"$ref": "#/components/messages/Say"},
        "List": {"payload": LISTS},
        "Enter": {"payload": NEEDS},
        "News": {"examples": [{"payload": {"type": "news", "items": [1]}}]},
    }
    operations = {
        "say": _received("Say", "Enter"),
        "list": _received(
            "List", **{"x-stormdoor-reads": True, "reply": {"messages": [messages["News"]]}}
        ),
        "tell": {**_received("News"), "action": "send"},
    }
    file = tmp_path / "a.json"
    file.write_text(json.dumps(_asyncapi(messages, operations)))
    found = read_description(file)
    [recording] = found.recordings
    assert (recording.url,) == found.urls == ("ws://127.0.0.1:8888/rooms/lobby?lang=en",)
    assert [(one.name, one.reads) for one in recording.actions] == [("say", False), ("list", True)]
    assert json.loads(recording.actions[1].message) == {"type": "list", "most": 5}
    assert recording.actions[1].answers == ('{"type": "news", "items": [1]}',)
    assert "Enter: there is no example" in found.unresolved[0].what
    own = read_description(file, ids={"room": "of-alice"})
    assert own.urls == ("ws://127.0.0.1:8888/rooms/of-alice?lang=en",)
    assert [json.loads(one.message)["room"] for one in own.recordings[0].actions] == [
        "of-alice"
    ] * 2


def test_messages_of_older_descriptions(tmp_path: Path) -> None:
    """Messages come from `publish` (AsyncAPI 2.x), or from the request body of a socket path (OpenAPI)."""
    file = tmp_path / "a.json"
    two = {"oneOf": [{"payload": {"example": "ping me"}}, {"payload": {"enum": ["a", "b"]}}]}
    hears = {"message": {"payload": {"example": "heard"}}}
    channels = {"/feed": {"publish": {"message": two}, "subscribe": hears}}
    file.write_text(json.dumps({**ASYNCAPI_2, "channels": channels}))
    [recording] = read_description(file).recordings
    assert [one.message for one in recording.actions] == ["ping me", "a"]
    body = {"content": {"application/json": {"examples": {"one": {"value": {"op": "list"}}}}}}
    get = {"responses": {"101": {}}, "requestBody": body}
    whole = {
        "openapi": "3.1.0",
        "servers": [{"url": "http://127.0.0.1:1"}],
        "paths": {"/x": {"get": get}},
    }
    file.write_text(json.dumps(whole))
    [recording] = read_description(file).recordings
    assert [one.message for one in recording.actions] == ['{"op": "list"}']


CIRCLES = [
    {"Say": {"$ref": "#/components/messages/Say"}},
    {"Say": {"payload": {"$ref": "#/channels/rooms/messages/Say/payload"}}},
    {"Say": {"payload": {"allOf": [{"$ref": "#/channels/rooms/messages/Say/payload"}] * 9}}},
    {"Say": {"payload": {"properties": {"a": {"$ref": "#/channels/rooms/messages/Say/payload"}} }}},
    {"Say": {"payload": {"anyOf": [7, None], "items": "x", "required": {}, "properties": []}}},
]  # fmt: skip


@pytest.mark.parametrize("messages", CIRCLES, ids=range(len(CIRCLES)))
def test_hostile_descriptions_of_messages(messages: dict[str, Any], tmp_path: Path) -> None:
    """References in circles, schemas that grow, and what is no schema, end in a doubt."""
    whole = _asyncapi(messages, {"say": _received("Say")})
    whole["components"]["messages"]["Say"] = {"$ref": "#/channels/rooms/messages/Say"}
    file = tmp_path / "a.json"
    file.write_text(json.dumps(whole))
    assert "no example" in read_description(file).unresolved[0].what


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [x]\nb: *a", "aliases"),
        ("[" * 100_000, "nested too deeply|no YAML|no JSON"),
        ("- " * 50_000, "nested too deeply|no YAML"),
        ("a: !!python/object/apply:os.system [x]", "no YAML"),
        ("a: b: c", "no YAML"),
        ("x" * 2_000_000, "too long"),
        ("{}", "neither OpenAPI nor AsyncAPI"),
        ("plain text", "neither OpenAPI nor AsyncAPI"),
    ],
    ids=range(8),
)
def test_bad_descriptions(text: str, said: str, tmp_path: Path) -> None:
    """Aliases that grow, objects that run, and what is no description."""
    file = tmp_path / "a.yaml"
    file.write_text(text)
    with pytest.raises(BadDocument, match=said):
        read_description(file)


class Leads(RequestHandler):
    """Page with a script that opens a socket on another port, and loads a script from there."""

    def initialize(self, other: int) -> None:
        self.other = other

    def get(self) -> None:
        where = f"127.0.0.1:{self.other}"
        self.write(
            f'<script>new WebSocket("ws://{where}/admin")</script><script src="http://{where}/a.js">'
            f'</script><iframe src="http://{where}/page"></iframe>'
        )


class Hears(RequestHandler):
    """Another server of the same machine, which counts what it is asked."""

    asked: ClassVar[list[str]] = []

    def prepare(self) -> None:
        self.asked.append(self.request.path)


@pytest.mark.parametrize("named", [False, True])
async def test_it_stays_on_the_given_origin(named: bool) -> None:
    """A script leads to another port of the same machine only where `--authorized` names it."""
    Hears.asked.clear()
    async with (
        serving(Hears, path="/.*") as other,
        serving(Feed, ("/", Leads, {"other": other})) as port,
    ):
        start = f"http://127.0.0.1:{port}/"
        authorized = (f"127.0.0.1:{other}",) if named else ()
        web = Web(Budget(200, 1000.0, 60.0), None, authorized, NOBODY, start)
        seen = await discover([start], web)
    assert bool(Hears.asked) is named
    assert any(f":{other}/admin" in one.url for one in seen.endpoints) is named
    if not named:
        assert any(f"--authorized 127.0.0.1:{other}" in one.what for one in seen.unresolved)
