"""The logs of an existing application: no credential in them, and no flood of refusals."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Application, HTTPError, RequestHandler, decode_signed_value
from tornado.websocket import WebSocketHandler

from stormdoor import (
    Guard,
    JwtAuthenticator,
    JwtKey,
    StartupRefused,
    protect,
    redacting_log_function,
)
from stormdoor.tornado.redaction import redact_query, redact_target
from tests.guard.fakes import make_guard
from tests.support.clock import FakeClock
from tests.tornado.wire import connect, log_lines, request, serving, until

SECRET = "s3cr3t"
LOGS = ("tornado.access", "tornado.application", "tornado.general")
ALICE = ("Authorization", "Bearer alice")
CONNECT = "chat:connect"


class Echo(WebSocketHandler):
    """An existing handler, which reads its query after the handshake."""

    def open(self) -> None:
        self.write_message(
            f"{self.request.uri} {self.request.query} {self.get_argument('room', '')}"
        )

    def on_message(self, message: str | bytes) -> None:
        raise RuntimeError("on purpose")


class Page(RequestHandler):
    def get(self) -> None:
        if self.get_argument("fail", None):
            raise HTTPError(400, "the page of %s", self.request.uri)
        if self.get_argument("crash", None):
            raise ValueError(f"cannot read {self.request.uri}")


ROUTES: list[Any] = [("/ws", Echo), ("/page", Page)]


def door(**options: Any) -> Guard:
    """A guard for an application on this machine."""
    return make_guard(insecure_allow_any_host=True, **options)


async def _ask_everything(port: int) -> None:
    """Make the server write each of its lines that shows a request."""
    for path in (f"/ws?token={SECRET}", f"/ws?{SECRET}", f"/nowhere?token={SECRET}"):
        async with await request(port, path):
            pass
    for path in (
        f"/page?token={SECRET}",
        f"/page?fail=1&token={SECRET}",
        f"/page?crash=1&x={SECRET}",
    ):
        async with await request(port, path, upgrade=False):
            pass
    async with await connect(port, f"/ws?token={SECRET}&room=lobby", ALICE) as ws:
        assert await ws.text() == f"/ws?token={SECRET}&room=lobby token={SECRET}&room=lobby lobby"
        ws.send("crash")
        await ws.ended()


async def test_no_credential_of_an_address_is_logged() -> None:
    """Plain Tornado writes it in five kinds of lines; a guarded application in none."""
    with log_lines(*LOGS) as lines:
        async with serving(ROUTES) as at:
            await _ask_everything(at.port)
    plain = [one for one in lines if SECRET in one]
    assert len(plain) >= 6
    with log_lines(*LOGS) as lines:
        async with serving(ROUTES, door(), CONNECT) as at:
            await _ask_everything(at.port)
            await until(lambda: any("on purpose" in one for one in lines))
    text = "\n".join(lines)
    assert SECRET not in text
    for kept in (
        "401 GET /ws?token=redacted (127.0.0.1)",
        "401 GET /ws?redacted (127.0.0.1)",
        "404 GET /nowhere?token=redacted",
        "200 GET /page?token=redacted",
        "400 GET /page?fail=redacted&token=redacted (127.0.0.1): the page of /page?fail=redacted",
        "Uncaught exception GET /page?crash=redacted&x=redacted",
        "uri='/page?crash=redacted&x=redacted'",
        "cannot read /page?crash=redacted&x=redacted",
        "101 GET /ws?token=redacted&room=redacted",
    ):
        assert kept in text, kept


async def test_no_byte_of_a_path_controls_a_terminal() -> None:
    """Tornado accepts bytes beyond ASCII. U+009B begins a sequence that terminals obey, U+0085 a line."""
    shown_by = {None: "/\x85FORGED\x9b2J ", door(): "/%85FORGED%9B2J "}
    for guard, shown in shown_by.items():
        with log_lines("tornado.access") as lines:
            async with serving(ROUTES, guard, CONNECT) as at:
                reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
                writer.write(b"GET /\x85FORGED\x9b2J HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await reader.readline()
                await until(lambda lines=lines: bool(lines))
                writer.close()
        assert shown in lines[0]


async def test_a_token_that_is_not_valid() -> None:
    """The access log of a refused handshake, with a guard that reads the query."""
    key = JwtKey("HS256", "0123456789abcdef0123456789abcdef")
    tokens = JwtAuthenticator(keys=[key], issuer="me", audience="app", insecure_query="token")
    guard = make_guard(tokens, insecure_allow_any_host=True)
    with log_lines("tornado", "stormdoor", *LOGS) as lines:
        async with serving(ROUTES, guard, CONNECT) as at:
            async with await request(at.port, f"/ws?token={SECRET}&t=x") as ws:
                assert ws.status == 401
    assert SECRET not in "\n".join(lines)


async def test_refused_handshakes_do_not_fill_the_log() -> None:
    """Ten lines a minute for each status and address; other lines as ever."""
    clock = FakeClock()
    async with serving(ROUTES, door(clock=clock), CONNECT) as at:
        with log_lines("tornado.access") as lines:
            for _ in range(30):
                async with await request(at.port):
                    pass
            assert len(lines) == 10
            async with await request(at.port, "/page", upgrade=False):
                pass
            assert len(lines) == 11
            clock.advance(60)
            async with await request(at.port):
                pass
            assert "[and 20 like it]" in lines[-1]


async def test_a_failed_protect_does_not_fill_the_log() -> None:
    """503 is a refusal as well."""
    application = Application(ROUTES)
    with pytest.raises(StartupRefused):
        protect(application, door())
    async with serving(application) as at:
        with log_lines("tornado.access") as lines:
            for _ in range(15):
                async with await request(at.port, f"/ws?token={SECRET}") as ws:
                    assert ws.status == 503
    assert len(lines) == 10
    assert SECRET not in "\n".join(lines)


async def test_a_log_function_of_ones_own() -> None:
    """It stays, and the start-up check says how to wrap it. Wrapped, it sees nothing secret."""
    seen: list[tuple[str | None, str | None, str | None]] = []

    def own(handler: RequestHandler) -> None:
        headers = handler.request.headers
        seen.append((handler.request.uri, headers.get("Authorization"), headers.get("Cookie")))

    application = Application(ROUTES, log_function=own)
    with log_lines("stormdoor") as lines:
        protect(application, door(), CONNECT)
    assert application.settings["log_function"] is own
    assert any("redacting_log_function(own)" in one for one in lines)

    application = Application(ROUTES, log_function=redacting_log_function(own))
    guard = door()
    with log_lines("stormdoor") as lines:
        protect(application, guard, CONNECT)
    assert not any("redacting_log_function" in one for one in lines)
    async with serving(application, guard) as at:
        async with await connect(at.port, f"/ws?token={SECRET}", ALICE, ("Cookie", f"a={SECRET}")):
            pass
    assert seen == [("/ws?token=redacted", "redacted", "redacted")]


async def test_headers_of_authenticators() -> None:
    """A log function sees no header that carries a credential: of any kind, under any name."""
    shown: list[str] = []

    def own(handler: RequestHandler) -> None:
        shown.extend(f"{name}: {value}" for name, value in handler.request.headers.items())

    key = JwtKey("HS256", "correct-horse-battery-staple-0123456789")
    tokens = JwtAuthenticator(keys=[key], issuer="i", audience="a", header="X-Token")
    application = Application(ROUTES, log_function=redacting_log_function(own))
    guard = door(authenticators=[tokens])
    protect(application, guard, CONNECT)
    async with serving(application, guard) as at:
        for name in ("X-Token", "X-API-Key", "Authorization", "Cookie", "Signature"):
            async with await request(at.port, "/page", (name, f"of={SECRET}"), upgrade=False):
                pass
    assert not [one for one in shown if SECRET in one]
    assert {"X-Token: redacted", "X-Api-Key: redacted", "Signature: redacted"} <= set(shown)


def test_a_log_request_of_ones_own() -> None:
    """A subclass of `Application` writes its own log: the start-up check says so."""

    class Own(Application):
        def log_request(self, handler: RequestHandler) -> None:
            """Write nothing."""

    application = Own(ROUTES)
    with log_lines("stormdoor") as lines:
        protect(application, door(), CONNECT)
    assert any("log_request of the application" in one for one in lines)
    assert "log_function" not in application.settings


@pytest.mark.parametrize("by", ["setting", "method"])
async def test_logs_of_a_program_under_run(by: str) -> None:
    """Its operator cannot wrap a function of it: the guard does. An override of `_log` works as well."""
    seen: list[str | None] = []
    logged: list[int] = []

    class Own(Application):
        def log_request(self, handler: RequestHandler) -> None:
            seen.append(handler.request.uri)
            raise ValueError("of the application")

    class Logging(Page):
        def _log(self) -> None:
            logged.append(self.get_status())
            super()._log()

    routes = [*ROUTES[:1], ("/page", Logging)]
    application = (
        Own(routes)
        if by == "method"
        else Application(routes, log_function=lambda one: seen.append(one.request.uri))
    )
    guard = door()
    guard.under_run = True
    with log_lines("stormdoor") as lines:
        protect(application, guard, CONNECT, pages=CONNECT)
    assert not any("log" in one for one in lines)
    async with serving(application, guard) as at:
        async with await request(at.port, f"/page?token={SECRET}", upgrade=False) as refused:
            assert refused.status == 401
        async with await request(at.port, f"/ws?token={SECRET}") as refused:
            assert refused.status == 401
    assert seen == ["/page?token=redacted", "/ws?token=redacted"]
    assert logged == [401]


def test_a_cookie_of_the_old_form() -> None:
    """The log hides a cookie that Tornado quotes because its signature is wrong."""

    def told() -> str:
        with log_lines("tornado.general") as lines:
            value = f"{SECRET}|1234567890|0123456789abcdef"
            decode_signed_value("key" * 20, "name", value, min_version=1)
        return "\n".join(lines)

    assert SECRET in told()
    protect(Application(ROUTES), door(), CONNECT)
    assert SECRET not in told()


QUERIES = [
    ("a=1&b=2", "a=redacted&b=redacted"),
    ("secret", "redacted"),
    ("a=", "a=redacted"),
    ("=secret", "=redacted"),
    ("a=1&secret", "a=redacted&redacted"),
    ("a=b=c", "a=redacted"),
    ("x" * 65 + "=1", "redacted"),
]


@pytest.mark.parametrize(("query", "shown"), QUERIES)
def test_a_query(query: str, shown: str) -> None:
    """Names stay, values go; what has no name goes as a whole."""
    assert redact_query(query) == shown


def test_the_query_of_a_target_shows_ascii_alone() -> None:
    """Its names are the client's choice, too."""
    assert redact_target("/a?\x9b2J=1&b=2") == "/a?%9B2J=redacted&b=redacted"


def test_records_of_other_forms() -> None:
    """The filter handles a message without arguments, and one with a dictionary of arguments."""
    protect(Application(ROUTES), door(), CONNECT)
    logger = logging.getLogger("tornado.application")
    with log_lines("tornado.application") as lines:
        logger.info(f"asked for /ws?token={SECRET}")  # noqa: G004 - as applications write it
        logger.info("is %(it)s? yes", {"it": "so"})
        start = RequestStartLine("GET", f"/ws?token={SECRET}", "HTTP/1.1")
        asked = HTTPServerRequest(start_line=start, headers=HTTPHeaders({"Host": "app.example"}))
        asked.protocol, asked.remote_ip = "http", "127.0.0.1"
        logger.info("%r %d", asked, 7)
    assert lines[:2] == ["asked for /ws?token=redacted", "is so? yes"]
    assert lines[2].startswith("HTTPServerRequest(")
    assert "uri='/ws?token=redacted'" in lines[2]
    assert lines[2].endswith(" 7")
