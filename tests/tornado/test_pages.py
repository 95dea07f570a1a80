"""`protect(..., pages=…)`: pages need a permission too, and a browser is led to the login and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    ResponseStartLine,
)
from tornado.routing import PathMatches, Rule, RuleRouter
from tornado.web import Application, RequestHandler, StaticFileHandler, stream_request_body
from tornado.websocket import WebSocketHandler

from stormdoor import (
    ApiKeyAuthenticator,
    ConfigurationError,
    Guard,
    Limits,
    PolicySet,
    SessionAuthenticator,
    login_routes,
    protect,
    public,
    role,
)
from tests.support.references import without_reference
from tests.tornado.wire import request, serving

ORIGIN = "http://127.0.0.1"
NAVIGATION = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Site", "none"))
FOREIGN = ("Origin", "https://evil.example")


class Page(RequestHandler):
    """Notes that it ran."""

    ran: list[str]

    def get(self, *_: str) -> None:
        self.ran.append(f"GET {self.request.path}")
        self.write("secret")

    def post(self, *_: str) -> None:
        self.ran.append(f"POST {self.request.path}")
        self.write("done")

    def on_finish(self) -> None:
        self.ran.append("finished")


@stream_request_body
class Upload(Page):
    """Reads its body as it arrives."""

    def data_received(self, chunk: bytes) -> None:
        self.ran.append(f"{len(chunk)} bytes")


class Feed(WebSocketHandler):
    """A socket beside the pages."""


class PageAndSocket(WebSocketHandler):
    """Serves its page and its socket at one path."""

    ran: list[str]

    async def get(self, *args: str, **kwargs: str) -> None:
        if self.request.headers.get("Upgrade", "").lower() == "websocket":
            await super().get(*args, **kwargs)
            return
        self.ran.append("page")
        self.write("secret")

    def open(self, *_: str) -> None:
        self.ran.append("open")


class Streamed(HTTPServerConnectionDelegate):
    """Answers requests without a handler, as a WSGI container or a proxy does."""

    def __init__(self, ran: list[str]) -> None:
        self.ran = ran

    def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        return _StreamedRequest(self.ran, request_conn)


class _StreamedRequest(HTTPMessageDelegate):
    def __init__(self, ran: list[str], connection: Any) -> None:
        self.ran = ran
        self.connection = connection

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> None:
        self.ran.append(f"{start_line.method} {start_line.path}")

    def data_received(self, chunk: bytes) -> None:
        self.ran.append(chunk.decode())

    def finish(self) -> None:
        line, headers = (
            ResponseStartLine("HTTP/1.1", 200, "OK"),
            HTTPHeaders({"Content-Length": "4"}),
        )
        self.connection.write_headers(line, headers, b"done")
        self.connection.finish()


@dataclass
class _Site:
    guard: Guard
    port: int
    ran: list[str]
    cookies: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, path: str, *headers: tuple[str, str], who: str = "", method: str = "GET"
    ) -> tuple[int, str]:
        """Return the status, and the address of a redirection."""
        if who:
            headers += (("Cookie", f"{self.guard.sessions.cookie.name}={self.cookies[who]}"),)
        if method != "GET":
            headers += (("Content-Length", "0"),)
        async with await request(self.port, path, *headers, method=method, upgrade=False) as wire:
            return wire.status, wire.header("Location") or ""


@asynccontextmanager
async def _site(pages: Any = "app:use", **limits: str) -> AsyncIterator[_Site]:
    guard = Guard(
        origins=[f"{ORIGIN}:1"],
        hosts=["127.0.0.1"],
        authenticators=[SessionAuthenticator(), ApiKeyAuthenticator()],
        policies=PolicySet([role("member", "app:use"), role("admin", "app:*")]),
        limits=Limits(**limits) if limits else None,  # type: ignore[arg-type]
    )
    ran: list[str] = []
    page, upload = type("Page", (Page,), {"ran": ran}), type("Upload", (Upload,), {"ran": ran})
    routes: list[Any] = [
        *login_routes(guard, endpoint="/ws", built_in_pages=True),
        ("/ws", Feed),
        ("/upload", upload),
        ("/(.*)", page),
    ]
    application = protect(Application(routes), guard, "app:use", pages=pages)
    async with serving(application, guard) as at:
        site = _Site(guard, at.port, ran)
        guard.handshake_policy.origins.add([f"{ORIGIN}:{at.port}"])
        for name, roles in (("alice", ["member"]), ("eve", []), ("root", ["admin"])):
            await guard.admin.add_principal(name, roles=roles)
            site.cookies[name] = (await guard.sessions.create(name)).secret
        yield site


async def test_a_page_needs_a_session_with_the_permission() -> None:
    """The handler runs for the member alone, and its `on_finish` too; other requests get no byte."""
    async with _site() as site:
        assert await site.ask("/lab", who="alice") == (200, "")
        assert site.ran == ["GET /lab", "finished"]
        site.ran.clear()
        assert (await site.ask("/lab"))[0] == 401
        assert (await site.ask("/lab", who="eve"))[0] == 403
        assert (await site.ask("/lab", ("Cookie", "__Host-stormdoor=x")))[0] == 401
        assert (await site.ask("/api", who="eve", method="POST"))[0] == 403
        assert (await site.ask("/api", method="POST"))[0] == 401
        assert (await site.ask("/upload", method="POST"))[0] == 401
        cookie = ("Cookie", f"__Host-stormdoor={site.cookies['alice']}")
        async with await request(
            site.port, "/lab", cookie, host=f"evil.example:{site.port}", upgrade=False
        ) as wire:
            assert wire.status == 403
        assert site.ran == []
        key = await site.guard.admin.issue_key("alice", name="script", scopes=["*"])
        assert (await site.ask("/api", ("Authorization", f"Bearer {key.secret}")))[0] == 200


async def test_a_browser_is_led_to_the_login_and_back() -> None:
    """Only a navigation is redirected, and only to a path of the application."""
    async with _site() as site:
        assert await site.ask("/lab?file=a", *NAVIGATION) == (
            303,
            "/auth/login?next=%2Flab%3Ffile%3Da",
        )
        assert await site.ask("/lab", ("Accept", "text/html,*/*")) == (
            303,
            "/auth/login?next=%2Flab",
        )
        assert await site.ask("//evil.example", *NAVIGATION) == (303, "/auth/login")
        assert (await site.ask("/auth/login"))[0] == 200
        assert (await site.ask("/auth/session"))[0] == 401
        script = (("Sec-Fetch-Mode", "cors"), ("Accept", "text/html"))
        assert (await site.ask("/lab", *script))[0] == 401
        assert (await site.ask("/lab", NAVIGATION[0], method="POST"))[0] == 401


async def test_a_browser_learns_that_its_session_has_ended() -> None:
    """The login says so, and returns to the path. Every cookie that opens nothing has the same answer."""
    async with _site() as site:
        issued = await site.guard.sessions.create("alice")
        alice = _session(site.guard, issued.secret)
        assert (await site.ask("/lab", alice, *NAVIGATION))[0] == 200
        await site.guard.admin.end_session(issued.session.id)
        for cookie in (
            alice,
            _session(site.guard, "a" * len(issued.secret)),
            _session(site.guard, "x"),
        ):
            status, location = await site.ask("/lab", cookie, *NAVIGATION)
            assert status == 303
            assert without_reference(location) == "/auth/login?next=%2Flab&error=session-ended"


@pytest.mark.parametrize("guarded", [False, True])
async def test_no_cache_in_front_of_the_server_keeps_a_page(guarded: bool, tmp_path: Path) -> None:
    """A cache would serve the file to every client. An attacker makes the member ask with `?v=`."""
    (tmp_path / "report.txt").write_text("secret")
    guard = _guard()
    routes: list[Any] = [
        *login_routes(guard, endpoint="/ws", built_in_pages=True),
        ("/ws", Feed),
        ("/files/(.*)", StaticFileHandler, {"path": str(tmp_path)}),
        ("/public", _headed("public, max-age=60")),
        ("/own", _headed("max-age=60, PRIVATE")),
        ("/fields", _headed('private="set-cookie", s-maxage=60')),
    ]
    application = protect(
        Application(routes), guard, "app:use", pages="app:use" if guarded else None
    )
    async with serving(application, guard) as at:
        await guard.admin.add_principal("alice", roles=["member"])
        alice = _session(guard, (await guard.sessions.create("alice")).secret)
        found = {}
        for path in ("/files/report.txt?v=1", "/public", "/own", "/fields"):
            async with await request(at.port, path, alice, upgrade=False) as wire:
                found[path] = wire.header("Cache-Control")
    shared = ["max-age=315360000", "public, max-age=60", "max-age=60, PRIVATE"]
    private = ["private, max-age=315360000", "private, max-age=60", "max-age=60, PRIVATE"]
    fields = 'private="set-cookie", s-maxage=60'
    assert list(found.values()) == (
        [*private, f"private, {fields}"] if guarded else [*shared, fields]
    )


@pytest.mark.parametrize(
    "path",
    [
        "/open/../secret.txt",
        "/open/%2e%2e/secret.txt",
        "/open/%2E./secret.txt",
        "/open//../../secret.txt",
        "/open/x/..%2f../secret.txt",
        "/open/./../secret.txt",
        "/./secret.txt",
        "//secret.txt",
        "/open/..//secret.txt",
        "/open/..%5csecret.txt",
        "/staff/../secret.txt",
        "/open/../staff/plan.txt",
        "/./staff/plan.txt",
        "/staff//plan.txt",
    ],
)
@pytest.mark.parametrize("who", ["", "alice"])
async def test_no_other_spelling_of_a_path_opens_a_file(
    path: str, who: str, tmp_path: Path
) -> None:
    """Tornado removes dots and empty segments from the path of a file, after the permission was chosen."""
    for name in ("secret.txt", "open/logo.txt", "staff/plan.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    pages = {"/open/.*": public("a logo"), "/staff/plan.txt": "app:change", "/.*": "app:change"}
    async with _files(tmp_path, pages, who) as ask:
        assert await ask("/open/logo.txt") == "open/logo.txt"
        assert await ask(path) == ""
    async with _files(tmp_path, None, who) as ask:
        assert await ask("/secret.txt") == "secret.txt"


async def test_an_ordinary_path_with_dots_and_slashes_stays_open(tmp_path: Path) -> None:
    """Only a spelling that leads to another permission is refused."""
    (tmp_path / "a..b").mkdir()
    (tmp_path / "a..b" / ".hidden").write_text("hidden")
    async with _files(tmp_path, {"/.*": "app:use"}, "alice") as ask:
        for path in ("/a..b/.hidden", "/./a..b//.hidden", "/%61..b/.hidden"):
            assert await ask(path) == "hidden"


@asynccontextmanager
async def _files(
    folder: Path, pages: Any, who: str
) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Serve the files of a folder, and yield a function that returns the content at a path."""
    guard = _guard()
    routes: list[Any] = [
        *login_routes(guard, endpoint="/ws", built_in_pages=True),
        ("/ws", Feed),
        ("/(.*)", StaticFileHandler, {"path": str(folder)}),
    ]
    application = protect(Application(routes), guard, "app:use", pages=pages)
    async with serving(application, guard) as at:
        await guard.admin.add_principal("alice", roles=["member"])
        session = _session(guard, (await guard.sessions.create("alice")).secret)

        async def ask(path: str) -> str:
            headers = [session] if who else []
            async with await request(at.port, path, *headers, upgrade=False) as wire:
                return wire.body.decode() if wire.status == 200 else ""

        yield ask


def _headed(value: str) -> type[RequestHandler]:
    """Return a handler with a Cache-Control of its own."""

    class Headed(RequestHandler):
        def get(self) -> None:
            self.set_header("Cache-Control", value)

    return Headed


async def test_a_foreign_page_changes_and_reads_nothing() -> None:
    """A link from another site works; its scripts, images and forms get 403, even with the cookie."""
    async with _site() as site:
        cross = ("Sec-Fetch-Site", "cross-site")
        same_site = ("Sec-Fetch-Site", "same-site")
        assert (await site.ask("/a", FOREIGN, who="alice", method="POST"))[0] == 403
        assert (await site.ask("/a", FOREIGN, who="alice"))[0] == 403
        assert (await site.ask("/a", cross, ("Sec-Fetch-Mode", "no-cors"), who="alice"))[0] == 403
        assert (await site.ask("/a", same_site, ("Sec-Fetch-Mode", "cors"), who="alice"))[0] == 403
        form = (cross, ("Sec-Fetch-Mode", "navigate"))
        assert (await site.ask("/a", *form, who="alice", method="POST"))[0] == 403
        assert site.ran == []
        assert (await site.ask("/a", *form, who="alice"))[0] == 200
        own = ("Origin", f"{ORIGIN}:{site.port}")
        assert (await site.ask("/a", own, who="alice", method="POST"))[0] == 200


async def test_a_revoked_session_gets_no_page() -> None:
    """The next request after a revocation is refused, and so is that of a disabled account."""
    async with _site() as site:
        assert (await site.ask("/a", who="alice"))[0] == 200
        await site.guard.admin.set_disabled("alice", True)
        assert (await site.ask("/a", who="alice"))[0] == 401


async def test_each_page_has_its_permission() -> None:
    """Method and path select the permission; a page without one is refused, one may be public."""
    pages = {
        "POST|DELETE /api/.*": "app:change",
        "/api/.*": "app:use",
        "/health": public("a probe asks it"),
        Upload: "app:change",
    }
    async with _site(pages) as site:
        assert (await site.ask("/api/x", who="alice"))[0] == 200
        assert (await site.ask("/api/x", who="alice", method="POST"))[0] == 403
        assert (await site.ask("/api/x", who="root", method="POST"))[0] == 200
        assert (await site.ask("/upload", who="alice", method="POST"))[0] == 403
        assert (await site.ask("/other", who="root"))[0] == 403
        assert (await site.ask("/health"))[0] == 200
        assert (await site.ask("/he%61lth"))[0] == 401 or site.ran[-1] != "GET /he%61lth"


async def test_files_of_a_page_count_for_no_limit_but_refusals_do() -> None:
    """A page of a user loads hundreds of files; an unauthenticated client is limited."""
    async with _site(pages_per_address="5/min burst 5") as site:
        assert {(await site.ask("/a", who="alice"))[0] for _ in range(20)} == {200}
        assert [(await site.ask("/a"))[0] for _ in range(7)] == [401] * 5 + [429] * 2
        assert (await site.ask("/a", who="alice"))[0] == 200


async def test_an_object_without_a_handler_class_serves_nothing() -> None:
    """The guard cannot run in front of it, so it is refused."""
    called: list[str] = []

    def raw(request: Any) -> None:
        called.append(request.path)

    guard = Guard(
        origins=[ORIGIN], authenticators=[SessionAuthenticator()], insecure_allow_any_host=True
    )
    routes: list[Any] = [Rule(_any(), RuleRouter([(_any(), raw)])), ("/ws", Feed)]
    application = protect(Application(routes), guard, "app:use", pages="app:use")
    async with serving(application, guard) as at:
        assert await _Site(guard, at.port, []).ask("/raw") == (401, "")
    assert called == []


def _any() -> Any:
    from tornado.routing import PathMatches

    return PathMatches("/raw")


def test_a_wrong_declaration_stops_the_start() -> None:
    """A permission must be one, and a path a pattern. A mistyped method would leave the weaker permission."""
    methods = ("post /a", "POST,PUT /a", "POST  /a", "POST | PUT /a", "PSOT /a", "HEAD /a")
    mistyped = [{one: "app:change", "/.*": "app:use"} for one in methods]
    for pages in ("", {"/a": ""}, {"/a": 7}, {"/(": "app:use"}, *mistyped):
        guard = Guard(origins=[ORIGIN], authenticators=[SessionAuthenticator()])
        with pytest.raises(ConfigurationError):
            protect(Application([("/ws", Feed)]), guard, "app:use", pages=pages)  # type: ignore[arg-type]


async def test_an_account_without_the_permission_gets_a_page_in_place_of_a_loop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The login knew the account, and led it back to the page. The log names the permission."""
    async with _site() as site:
        eve = ("Cookie", f"{site.guard.sessions.cookie.name}={site.cookies['eve']}")
        async with await request(site.port, "/lab?a=b", eve, *NAVIGATION, upgrade=False) as wire:
            page = wire.body.decode()
            assert (wire.status, wire.header("Location")) == (403, None)
            assert wire.header("Cache-Control") == "no-store"
            assert "default-src 'none'" in (wire.header("Content-Security-Policy") or "")
        assert "signed in as <bdi>eve</bdi>. This account may not open the page" in page
        again = "/auth/login?next=%2Flab%3Fa%3Db&amp;error=forbidden"
        assert f'href="{again}"' in page
        async with await request(
            site.port, again.replace("&amp;", "&"), eve, *NAVIGATION, upgrade=False
        ) as wire:
            assert (wire.status, b'name="password"' in wire.body) == (200, True)
        assert site.ran == []
    (record,) = [one for one in caplog.records if one.name == "stormdoor.refused"]
    assert "nothing grants app:use to eve" in record.message
    assert vars(record)["permission"] == "app:use"
    assert vars(record)["principal"] == "eve"


async def test_pages_that_read_no_session_lead_to_no_login() -> None:
    """A login for clients with keys alone: after it, each page would lead to the login again."""
    guard = Guard(
        origins=[f"{ORIGIN}:1"],
        hosts=["127.0.0.1"],
        authenticators=[ApiKeyAuthenticator()],
        policies=PolicySet([role("member", "app:use")]),
    )
    routes: list[Any] = [
        *login_routes(guard, endpoint="/ws", built_in_pages=True),
        ("/ws", Feed),
        ("/(.*)", _headed("no-store")),
    ]
    application = protect(Application(routes), guard, "app:use", pages="app:use")
    async with serving(application, guard) as at:
        assert await _asked(at.port, "/lab", *NAVIGATION) == 401


async def _asked(port: int, path: str, *headers: tuple[str, str], body: bytes = b"") -> int:
    method = "POST" if body else "GET"
    if body:
        headers += (("Content-Length", str(len(body))),)
    async with await request(port, path, *headers, method=method, upgrade=False, body=body) as wire:
        return wire.status


def _session(guard: Guard, secret: str) -> tuple[str, str]:
    return "Cookie", f"{guard.sessions.cookie.name}={secret}"


@pytest.mark.parametrize("guarded", [False, True])
async def test_an_object_without_a_handler_class_is_reached_after_the_decision(
    guarded: bool,
) -> None:
    """Without pages=, each client reaches it; with it, only a member does, and its body arrives whole."""
    guard, ran = _guard(), list[str]()
    application = Application(
        [*login_routes(guard, endpoint="/ws", built_in_pages=True), ("/ws", Feed)]
    )
    application.default_router.rules.append(Rule(PathMatches("/stream"), Streamed(ran)))
    protect(application, guard, "app:use", pages="app:use" if guarded else None)
    async with serving(application, guard) as at:
        guard.handshake_policy.origins.add([f"{ORIGIN}:{at.port}"])
        await guard.admin.add_principal("alice", roles=["member"])
        alice = _session(guard, (await guard.sessions.create("alice")).secret)
        assert await _asked(at.port, "/stream", body=b"stolen") == (401 if guarded else 200)
        assert ran == ([] if guarded else ["POST /stream", "stolen"])
        ran.clear()
        assert await _asked(at.port, "/stream", alice, body=b"mine") == 200
        assert await _asked(at.port, "/stream?a=b", alice) == 200
        assert ran == ["POST /stream", "mine", "GET /stream?a=b"]
        async with await request(at.port, "/stream", alice) as wire:
            assert wire.status == 403  # a handshake: nothing could guard its messages


async def test_no_other_spelling_of_a_path_opens_a_socket_without_a_handler_class() -> None:
    """A proxy may pass the path to a server that removes its dots."""
    guard, ran = _guard(), list[str]()
    application = Application([("/ws", Feed)])
    application.default_router.rules.append(Rule(PathMatches("/.*"), Streamed(ran)))
    permissions: Any = {"/ws": "app:use", "/open/.*": public("a feed for all")}
    protect(application, guard, permissions=permissions)
    async with serving(application, guard) as at:
        for path, status in (("/open/feed", 200), ("/open/../x", 403), ("/open/%2e%2e/x", 403)):
            async with await request(at.port, path) as wire:
                assert wire.status == status, path


@pytest.mark.parametrize("pages", [None, "app:use", {"/api": "app:use"}])
async def test_a_socket_handler_that_serves_its_page(pages: Any) -> None:
    """A browser gets the page after the login, without an Origin header, and the handler's socket opens."""
    guard, ran = _guard(), list[str]()
    handler = type("PageAndSocket", (PageAndSocket,), {"ran": ran})
    routes: list[Any] = [*login_routes(guard, endpoint="/", built_in_pages=True), ("/", handler)]
    application = protect(Application(routes), guard, "app:use", pages=pages)
    async with serving(application, guard) as at:
        origin = f"{ORIGIN}:{at.port}"
        guard.handshake_policy.origins.add([origin])
        for name, roles in (("alice", ["member"]), ("eve", [])):
            await guard.admin.add_principal(name, roles=roles)
        alice = _session(guard, (await guard.sessions.create("alice")).secret)
        eve = _session(guard, (await guard.sessions.create("eve")).secret)
        assert await _asked(at.port, "/", *NAVIGATION) == 303
        assert await _asked(at.port, "/", eve) == 403
        assert await _asked(at.port, "/", alice, FOREIGN) == 403
        async with await request(at.port, "/", ("Origin", origin)) as wire:
            assert wire.status == 401
        async with await request(at.port, "/", alice, FOREIGN) as wire:
            assert wire.status == 403
        assert ran == []
        assert await _asked(at.port, "/", alice, *NAVIGATION) == 200
        async with await request(at.port, "/", alice, ("Origin", origin)) as wire:
            assert wire.status == 101
        assert await _asked(at.port, "/", *NAVIGATION) == 303  # not the class of the handshake
        assert ran == ["page", "open"]


async def test_an_access_log_that_fails_at_a_refused_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log function of the application reads what its `prepare` sets: the answer and the cleaning stay."""

    class Named(Feed):
        """Sets its user in `prepare`."""

        def prepare(self) -> None:
            self.user = "alice"

    class NamedPage(Page):
        """Sets its user in `prepare`."""

        ran: list[str] = []  # noqa: RUF012

        def prepare(self) -> None:
            self.user = "alice"

    logged: list[str] = []
    guard = _guard()
    routes: list[Any] = [("/ws", Named), ("/page", NamedPage)]
    application = Application(routes, log_function=lambda handler: logged.append(handler.user))
    protect(application, guard, "app:use", pages="app:use")
    async with serving(application, guard) as at:
        async with await request(at.port, "/ws", ("Origin", f"{ORIGIN}:1")) as wire:
            assert wire.status == 401
        assert await _asked(at.port, "/page") == 401
        assert not [one for one in caplog.records if one.exc_info]
        assert caplog.text.count("the access log of the application has failed") == 2
        await guard.admin.add_principal("alice", roles=["member"])
        alice = _session(guard, (await guard.sessions.create("alice")).secret)
        assert await _asked(at.port, "/page", alice) == 200
        assert logged == ["alice"]


def _guard() -> Guard:
    return Guard(
        origins=[f"{ORIGIN}:1"],
        hosts=["127.0.0.1"],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("member", "app:use")]),
    )
