"""Refused starts, with the message that names the problem and the line to write."""

from __future__ import annotations

from typing import Any

import pytest
from tornado.routing import PathMatches, Router, Rule
from tornado.web import Application, ErrorHandler, RequestHandler
from tornado.websocket import WebSocketHandler
from tornado.wsgi import WSGIContainer

from stormdoor import (
    Command,
    ConfigurationError,
    EndpointLimits,
    GuardedHandler,
    JwtAuthenticator,
    JwtKey,
    Limits,
    PolicyError,
    SessionAuthenticator,
    SignedCookieAuthenticator,
    StartupRefused,
    action,
    protect,
    public,
)
from tests.guard.fakes import Tokens, give_lease, make_guard
from tests.tornado.wire import log_lines, request, serving

CONNECT = "chat:connect"
_OPTIONS = ("permissions", "receive_only", "limits", "freshness")
SECRET = "0123456789abcdef" * 4


class Plain(WebSocketHandler):
    """An existing handler."""


class Silent(GuardedHandler):
    """Says nothing about who may."""


class Declared(GuardedHandler):
    permission = CONNECT


class Open(GuardedHandler):
    permission = public("prices are published anyway")


class Ask(Command, tag="ask"):
    """Ask."""


class Commanded(GuardedHandler):
    """Takes commands."""

    permission = CONNECT

    @action("chat:say")
    def ask(self, command: Ask) -> None:
        """Answer nothing."""


class Page(RequestHandler):
    """Not a socket."""


def start(routes: list[Any], permission: Any = None, **more: Any) -> list[str]:
    """Protect an application; what was remarked."""
    settings = more.pop("settings", {})
    options = {name: more.pop(name) for name in _OPTIONS if name in more}
    guard = more.pop("guard", None) or make_guard(**more)
    application = Application(routes, websocket_ping_interval=20, **settings)
    with log_lines("stormdoor") as lines:
        protect(application, guard, permission, **options)
    return lines


UNDECLARED: list[tuple[str, list[Any], str]] = [
    (
        "existing handler",
        [("/ws", Plain)],
        (
            "test_startup.Plain (/ws$) is not declared; write protect(application, guard, "
            'permissions={Plain: "chat:connect"}), or public("the reason")'
        ),
    ),
    (
        "guarded handler",
        [("/ws", Silent)],
        (
            'test_startup.Silent (/ws$) declares no permission; write permission = "chat:connect" in the '
            'class, or permission = public("the reason")'
        ),
    ),
    ("nested", [Rule(PathMatches("/a.*"), [("/a/ws", Plain)])], "test_startup.Plain (/a/ws$)"),
    (
        "nested application",
        [Rule(PathMatches("/a.*"), Application([("/a/ws", Plain)]))],
        "test_startup.Plain (/a/ws$)",
    ),
]


@pytest.mark.parametrize(
    ("routes", "problem"), [case[1:] for case in UNDECLARED], ids=[case[0] for case in UNDECLARED]
)
def test_an_undeclared_endpoint_is_refused_with_the_line_to_write(
    routes: list[Any], problem: str
) -> None:
    """Deny by default begins before the first client."""
    with pytest.raises(StartupRefused) as refused:
        start(routes)
    assert any(problem in one for one in refused.value.problems), refused.value.problems


def test_every_problem_is_named_at_once() -> None:
    """The start reports every problem at once."""
    with pytest.raises(StartupRefused) as refused:
        start(
            [("/a", Plain), ("/b", Silent), ("/c", Declared), ("/page", Page)],
            settings={"debug": True},
        )
    assert len(refused.value.problems) == 3
    assert str(refused.value).count("\n  - ") == 3


DECLARED: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("in the class", [("/ws", Declared)], {}),
    ("public", [("/ws", Open)], {}),
    ("default", [("/ws", Plain)], {"permission": CONNECT}),
    ("by class", [("/ws", Plain)], {"permissions": {Plain: CONNECT}}),
    ("by a base", [("/ws", Plain)], {"permissions": {WebSocketHandler: CONNECT}}),
    ("by path", [("/ws", Plain)], {"permissions": {"/ws": CONNECT}}),
    ("by pattern", [("/ws/(.*)", Plain)], {"permissions": {"/ws/(.*)": CONNECT}}),
    ("by a wider pattern", [("/ws/room", Plain)], {"permissions": {"/ws/.*": CONNECT}}),
    ("with anchors", [("/ws", Plain)], {"permissions": {"^/ws$": CONNECT}}),
    ("pages need none", [("/page", Page)], {}),
]


@pytest.mark.parametrize(
    ("routes", "more"), [case[1:] for case in DECLARED], ids=[case[0] for case in DECLARED]
)
def test_a_declared_endpoint_starts(routes: list[Any], more: dict[str, Any]) -> None:
    """In each of the ways to declare it."""
    start(routes, **more)


def test_a_handler_s_own_word_goes_before_the_default() -> None:
    """And `permissions` before both."""
    application = Application([("/ws", Declared)])
    guard = make_guard()
    protect(application, guard, "other:connect", permissions={Declared: "third:connect"})
    endpoints = [
        door._door_endpoint.permission  # type: ignore[attr-defined]
        for door in Declared.__subclasses__()
        if getattr(door, "_door_guard", None) is guard
    ]
    assert endpoints == ["third:connect"]


UNSAFE: list[tuple[str, dict[str, Any], str]] = [
    ("debug", {"settings": {"debug": True}}, "debug=True shows tracebacks"),
    ("autoreload", {"settings": {"autoreload": True}}, "autoreload=True"),
    ("weak cookie secret", {"settings": {"cookie_secret": "short"}}, "cookie_secret is shorter"),
    (
        "one weak cookie secret of several",
        {"settings": {"cookie_secret": {0: SECRET, 1: "short"}, "key_version": 0}},
        "cookie_secret is shorter",
    ),
    (
        "no origins for cookies",
        {"origins": [], "authenticators": [SessionAuthenticator()]},
        "no page may open a socket",
    ),
    ("no authenticators", {"authenticators": []}, "no authenticators"),
    (
        "weak key",
        {
            "authenticators": [
                JwtAuthenticator(keys=[JwtKey("HS256", "ab" * 32)], issuer="me", audience="chat")
            ]
        },
        "the secret repeats a few characters",
    ),
]


@pytest.mark.parametrize("production", [True, False])
@pytest.mark.parametrize(
    ("options", "problem"), [case[1:] for case in UNSAFE], ids=[case[0] for case in UNSAFE]
)
def test_what_is_unsafe_does_not_start_in_production(
    options: dict[str, Any], problem: str, production: bool
) -> None:
    """In development it is remarked upon."""
    from stormdoor import Guard

    given = {
        "origins": ["https://app.example"],
        "authenticators": [Tokens()],
        "production": production,
        **{name: value for name, value in options.items() if name != "settings"},
    }
    guard = Guard(**given)
    settings = options.get("settings", {})
    if production:
        with pytest.raises(StartupRefused, match=problem):
            start([("/ws", Declared)], guard=guard, settings=settings)
    else:
        lines = start([("/ws", Declared)], guard=guard, settings=settings)
        assert any(problem in line for line in lines)


@pytest.mark.parametrize(
    ("settings", "remark"),
    [(case[1]["settings"], case[2]) for case in UNSAFE if "settings" in case[1]],
)
def test_settings_of_another_program_are_remarked_upon(
    settings: dict[str, Any], remark: str
) -> None:
    """Its operator may be unable to change them, and the guard does not use them."""
    lines = start([("/ws", Plain)], CONNECT, settings=settings)
    assert any(remark in line for line in lines)


def test_a_weak_secret_that_the_guard_uses_does_not_start() -> None:
    """One of two secrets is weak, and a cookie that either of them has signed logs in."""
    settings = {"cookie_secret": {0: SECRET, 1: "short"}, "key_version": 0}
    guard = make_guard(SignedCookieAuthenticator("user", {0: SECRET}))
    with pytest.raises(StartupRefused, match="cookie_secret is shorter"):
        start([("/ws", Plain)], CONNECT, guard=guard, settings=settings)


def _query() -> JwtAuthenticator:
    key = JwtKey("HS256", SECRET)
    return JwtAuthenticator(keys=[key], issuer="me", audience="chat", insecure_query="token")


REMARKS: list[tuple[str, dict[str, Any], str]] = [
    ("public", {}, "Open is public: prices are published anyway"),
    ("plaintext", {"insecure_allow_plaintext": True}, "insecure_allow_plaintext is in use"),
    (
        "missing origin",
        {"insecure_allow_missing_origin": True},
        "insecure_allow_missing_origin is in use",
    ),
    ("query", {"guard": lambda: make_guard(_query())}, "JwtAuthenticator.insecure_query is in use"),
    (
        "huge messages of the application",
        {"settings": {"websocket_max_message_size": 50 << 20}},
        "websocket_max_message_size = 52428800 lets one message take 50 MiB",
    ),
    ("no ping", {"settings": {"websocket_ping_interval": 0}}, "websocket_ping_interval=20"),
    ("memory", {"guard": lambda: _in_memory()}, "kept in memory"),  # noqa: PLW0108 - defined below
    (
        "a permission for nothing",
        {"permissions": {"/wss": CONNECT}},
        "permissions names /wss, and no route",
    ),
    (
        "a permission for no class",
        {"permissions": {Plain: CONNECT}},
        "permissions names Plain, and no route",
    ),
]


def _in_memory() -> Any:
    from stormdoor import Guard

    return Guard(origins=["https://app.example"], authenticators=[SessionAuthenticator()])


@pytest.mark.parametrize(
    ("options", "remark"), [case[1:] for case in REMARKS], ids=[case[0] for case in REMARKS]
)
def test_what_an_operator_should_know_is_said(options: dict[str, Any], remark: str) -> None:
    """Once, at start-up, and it starts."""
    given = dict(options)
    if "guard" in given:
        given["guard"] = given["guard"]()
    settings = given.pop("settings", {})
    application = Application(
        [("/ws", Open), ("/ws2", Open)], **{"websocket_ping_interval": 20, **settings}
    )
    permissions = given.pop("permissions", None)
    guard = given.pop("guard", None) or make_guard(**given)
    with log_lines("stormdoor") as lines:
        protect(application, guard, permissions=permissions)
    assert len([line for line in lines if remark in line]) == 1, lines


def test_a_safe_application_starts_in_silence() -> None:
    """Nothing to remark: nothing said."""
    assert start([("/ws", Declared)]) == []
    assert start([("/ws", Plain), ("/commands", Commanded)], CONNECT) == []


def test_huge_commands() -> None:
    """More than a megabyte is too much to decode as a command; another protocol may need it."""
    guard = make_guard(limits={"message_bytes": 2 << 20, "bytes_per_connection": "4194304/s"})
    (line,) = start([("/ws", Plain), ("/commands", Commanded)], CONNECT, guard=guard)
    assert "limits.message_bytes = 2097152 is huge" in line
    assert "Commanded" in line


def test_a_receive_only_endpoint() -> None:
    """Its connections outlive the idle time of a login, so the operator is told."""
    for lines in (
        start([("/ws", type("Board", (Declared,), {"receive_only": True}))]),
        start([("/ws", Plain)], CONNECT, receive_only=["/ws"]),
        start([("/ws", Plain)], CONNECT, receive_only=[Plain]),
    ):
        (line,) = lines
        assert "is receive_only: its connections stay open" in line


def test_an_endpoint_with_its_own_freshness() -> None:
    """Messages pass there after the lease has lapsed, so the operator is told."""
    for lines in (
        start([("/ws", type("Board", (Declared,), {"freshness": "5"}))]),
        start([("/ws", Plain)], CONNECT, freshness={"/ws": "5"}),
        start([("/ws", Plain)], CONNECT, freshness={Plain: "5"}),
        start([("/ws", Plain)], CONNECT, guard=make_guard(freshness={"/w.": "5"})),
        start(
            [("/ws", Plain)],
            CONNECT,
            freshness={"/ws": "5"},
            guard=make_guard(freshness={"/ws": "none"}),
        ),
    ):
        (line,) = lines
        assert "revocations of the last 5 s may be unknown" in line
    strict = {"freshness": "strict"}
    for lines in (
        start(
            [("/ws", type("Board", (Declared,), strict))], guard=make_guard(freshness={"/ws": "5"})
        ),
        start([("/ws", Plain)], CONNECT),
    ):
        assert lines == []


@pytest.mark.parametrize("freshness", ["fast", "0.1", 5])
def test_a_freshness_that_stops_the_start(freshness: object) -> None:
    """It is mistyped, or shorter than the lease, so that the endpoint would be fenced between two beats."""
    guard = make_guard()
    give_lease(guard, 0.4)
    with pytest.raises(ConfigurationError, match="Plain at /ws: freshness"):
        start([("/ws", Plain)], CONNECT, freshness={"/ws": freshness}, guard=guard)


def test_options_that_name_no_handler() -> None:
    """A name that applies to nothing is probably mistyped."""
    limits = {"/wss": EndpointLimits(message_bytes=5)}
    lines = start([("/ws", Plain)], CONNECT, receive_only=["/wss"], limits=limits)
    assert [line.split(": ")[-1].split(",")[0] for line in lines] == [
        "receive_only names /wss",
        "limits names /wss",
    ]
    with pytest.raises(ConfigurationError, match=r'write receive_only=\["/ws"\]'):
        start([("/ws", Plain)], CONNECT, receive_only="/ws")
    with pytest.raises(ConfigurationError, match="must be EndpointLimits"):
        start([("/ws", Plain)], CONNECT, limits={"/ws": {"message_bytes": 5}})


def test_nothing_is_changed_by_a_start_that_was_refused() -> None:
    """The next try is not `guarded already`."""
    application = Application([("/ws", Plain)])
    with pytest.raises(StartupRefused):
        protect(application, make_guard())
    protect(application, make_guard(), CONNECT)


def test_a_public_endpoint_needs_a_reason() -> None:
    """A word is none."""
    for reason in ("", "  ", "yes"):
        with pytest.raises(ConfigurationError, match="needs a reason"):
            public(reason)


def test_a_permission_of_a_class_is_checked() -> None:
    """`chat` may be one, `Chat Connect` is none."""
    bad = type("Bad", (GuardedHandler,), {"permission": "Chat Connect"})
    with pytest.raises(PolicyError):
        start([("/ws", bad)])


def test_limits_that_cannot_work_are_refused() -> None:
    """Before there is a guard."""
    with pytest.raises(ConfigurationError):
        Limits(handshakes_per_address="often")


class Choosing(Application):
    """Hands requests to applications that are in no table, as Dask's scheduler does."""

    def __init__(self, *routes: Any) -> None:
        super().__init__(list(routes))
        self.applications: list[Application] = []

    def find_handler(self, request: Any, **kwargs: Any) -> Any:
        for one in self.applications:
            found = one.find_handler(request, **kwargs)
            if found.handler_class is not ErrorHandler:
                return found
        return super().find_handler(request, **kwargs)


async def test_an_application_in_an_attribute() -> None:
    """Its sockets are listed and guarded, and the log says that there may be others."""
    application = Choosing(("/ws", Plain))
    application.applications.append(Application([("/held", Plain)]))
    with pytest.raises(StartupRefused) as refused:
        protect(application, make_guard())
    assert [one for one in refused.value.problems if "Plain (/held$)" in one]
    guard = make_guard(insecure_allow_any_host=True)
    with log_lines("stormdoor") as lines:
        protect(application, guard, CONNECT)
    assert any("Choosing chooses handlers by itself" in line for line in lines)
    application.applications.append(Application([("/late", Plain)]))
    async with serving(application, guard) as at:
        for path in ("/ws", "/held", "/late"):
            async with await request(at.port, path) as ws:
                assert ws.status == 401


def test_remarks_under_run_name_no_line_of_code() -> None:
    """The operator of `stormdoor run` changes no file of the program: each remark names another line."""

    class Choosing(Application):
        def find_handler(self, request: Any, **more: Any) -> Any:
            return super().find_handler(request, **more)

    class Answering(Router):
        def find_handler(self, request: Any, **more: Any) -> None:
            return None

    shared = object()
    routes = [
        ("/ws", Silent),
        ("/api/ws", Plain),
        ("/api/messages", Page),
        ("/own/.*", Choosing([("/own/ws", Plain)])),
        ("/wsgi/.*", WSGIContainer(lambda _environ, _start: [])),
    ]
    application = Application(
        routes,
        debug=True,
        autoreload=False,
        cookie_secret="short",
        log_function=lambda _handler: shared,
        websocket_max_message_size=1 << 26,
    )
    guard = make_guard(origins=[], insecure_allow_any_host=True)
    guard.under_run = True
    with pytest.raises(StartupRefused) as refused:
        protect(application, guard)
    assert "below [protect.permissions]: '/ws' = \"app:use\"" in str(refused.value)
    remarks = [str(refused.value)]
    application = Application(routes[1:], **application.settings)
    guard = make_guard()
    guard.under_run = True
    with log_lines("stormdoor") as lines:
        protect(application, guard, CONNECT)
    remarks += lines
    text = "\n".join(remarks)
    for expected in (
        "start the program without its option for debugging",
        "pass it by the option that the program has for it",
        "below [limits.own_protocol]: message_bytes = 16777216",
        "the table [protect.permissions] of --config",
        '"/path" = "app:use"',
        "/api/messages; leave insecure_unguarded_pages out",
    ):
        assert expected in text
    for code in ("Application(", "Guard(", "protect(", "permissions={", "log_function"):
        assert code not in text
