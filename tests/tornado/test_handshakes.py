"""Handshakes over real sockets: the answers, the log, and the headers that the guard trusts."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import ssl
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPServerRequest, RequestStartLine
from tornado.websocket import WebSocketHandler

import stormdoor
from stormdoor import Guard, JwtAuthenticator, JwtIssuer, JwtKey, StoreUnavailable
from stormdoor.core.address import parse_networks
from stormdoor.core.credential import Place, Source
from stormdoor.tornado.handshake_parser import HandshakeParser
from tests.guard.fakes import FakeStore, Tokens, events, make_guard
from tests.support.references import without_reference
from tests.tornado.wire import SERVER, Ended, connect, log_lines, request, serving, until

ALICE = ("Authorization", "Bearer alice")
CONNECT = "chat:connect"
LOGS = ("tornado.access", "tornado.general", "tornado.application", "stormdoor")


class Echo(WebSocketHandler):
    def on_message(self, message: str | bytes) -> Any:
        return self.write_message(message, binary=isinstance(message, bytes))


def door(**options: Any) -> Guard:
    """A guard for an application on this machine."""
    return make_guard(**{"insecure_allow_any_host": True, **options})


# -- what a refused client hears --------------------------------------------------------------------

REFUSED: list[tuple[str, list[tuple[str, str]], dict[str, Any], int, str]] = [
    ("no credential", [], {}, 401, "authentication required"),
    ("bad credential", [("Authorization", "Bearer x")], {}, 401, "authentication required"),
    ("two", [ALICE, ALICE], {}, 400, "bad request"),
    ("no role", [("Authorization", "Bearer eve")], {}, 403, "forbidden"),
    ("origin", [ALICE, ("Origin", "https://evil.example")], {}, 403, "forbidden"),
    ("two origins", [ALICE, ("Origin", "https://app.example")] * 2, {}, 403, "forbidden"),
]


@pytest.mark.parametrize(
    ("headers", "limits", "status", "text"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
async def test_a_refused_handshake(
    headers: list[tuple[str, str]], limits: dict[str, Any], status: int, text: str
) -> None:
    """A status and one generic line; nothing that tells why, nothing to keep in a cache."""
    async with serving([("/ws", Echo)], door(limits=limits), CONNECT) as at:
        async with await request(at.port, "/ws", *headers) as ws:
            assert ws.status == status
            assert without_reference(ws.body) == f"{text}\n".encode()
            assert ws.header("Cache-Control") == "no-store"
            assert ws.header("Content-Type") == "text/plain; charset=utf-8"
            assert (ws.header("WWW-Authenticate") == "Bearer") is (status == 401)
            assert ws.header("Sec-WebSocket-Accept") is None
            # The connection can be used again: a refusal costs no new TCP handshake.
            await ws.hang_up()


LATER: list[tuple[str, dict[str, Any], int]] = [
    ("handshakes", {"handshakes_per_address": "1/min burst 1"}, 429),
    ("failures", {"failures_per_address": "1/min burst 1"}, 429),
    ("of the principal", {"connections_per_principal": 1}, 429),
    ("of the address", {"connections_per_address": 1}, 429),
    ("of the process", {"connections": 1}, 503),
]


@pytest.mark.parametrize(("limits", "status"), [c[1:] for c in LATER], ids=[c[0] for c in LATER])
async def test_who_may_come_later_is_told_when(limits: dict[str, Any], status: int) -> None:
    """`Retry-After`, in whole seconds."""
    async with serving([("/ws", Echo)], door(limits=limits), CONNECT) as at:
        first = ("Authorization", "Bearer x") if "failures_per_address" in limits else ALICE
        async with (
            await request(at.port, "/ws", first),
            await request(at.port, "/ws", ALICE) as ws,
        ):
            assert ws.status == status
            retry_after = ws.header("Retry-After")
            assert retry_after is not None
            assert 1 <= int(retry_after) <= 60


async def test_a_store_that_is_down_lets_nobody_in() -> None:
    """With the store down new handshakes get 503, open connections stay, and the trail records the 503."""
    store = FakeStore()
    guard = door(store=store)
    async with serving([("/ws", Echo)], guard, CONNECT) as at:
        async with await connect(at.port, "/ws", ALICE) as inside:
            store.down = True
            carol = ("Authorization", "Bearer carol")
            async with await request(at.port, "/ws", carol) as ws:
                assert ws.status == 503
                assert ws.header("Retry-After")
            inside.send("x")
            assert await inside.text() == "x"
            store.down = False
        assert "unavailable" in [event.cause for event in await events(guard)]


async def test_a_guard_that_cannot_start_lets_nobody_in() -> None:
    """A guard that cannot start answers 503 and counts each refusal until the store answers."""
    store = FakeStore()
    store.broken["lasting_revocations"] = StoreUnavailable("no")
    guard = door(store=store)
    with log_lines("stormdoor"):
        async with serving([("/ws", Echo)], guard, CONNECT) as at:
            for _ in range(2):
                async with await request(at.port, "/ws", ALICE) as ws:
                    assert ws.status == 503
            store.broken.clear()
            async with await connect(at.port, "/ws", ALICE):
                pass
            [refused] = [event for event in await events(guard) if event.cause]
            assert (refused.cause, refused.count) == ("unavailable", 2)


async def test_an_unforeseen_error_lets_nobody_in() -> None:
    """500, and not a word about it."""

    async def odd(store: Any) -> Any:
        raise RuntimeError("secret of the server")

    with log_lines(*LOGS, "stormdoor.admission"):
        async with serving(
            [("/ws", Echo)], make_guard(Tokens({"t": odd}), insecure_allow_any_host=True), CONNECT
        ) as at:
            async with await request(at.port, "/ws", ("Authorization", "Bearer t")) as ws:
                assert ws.status == 500
                assert without_reference(ws.body) == b"internal error\n"


async def test_a_handshake_with_a_body_is_not_kept() -> None:
    """The guard does not keep the body of a handshake; plain Tornado keeps up to 100 MiB of it."""
    seen: list[str] = []

    class Seen(Echo):
        def prepare(self) -> None:
            seen.append("prepare")

    guard = door()
    async with serving([("/ws", Seen)], guard, CONNECT) as at:
        for sent in (
            [("Content-Length", "100000000")],
            [("Transfer-Encoding", "chunked")],
        ):
            ws = await request(at.port, "/ws", ALICE, *sent, body=b"ffff\r\n" + b"x" * 70_000)
            assert ws.status == (
                413 if SERVER == "guarded" and sent[0][0] == "Content-Length" else 400
            )
            await ws.hang_up()
        async with await request(at.port, "/ws", ALICE, ("Content-Length", "0")) as ws:
            assert ws.status == 101
    assert seen == ["prepare"]


async def test_a_method_of_the_handler_s_own_may_have_a_body() -> None:
    """Some handlers answer POST as well. It takes the same permission."""

    class Posting(Echo):
        def post(self) -> None:
            self.write(self.request.body)

    async with serving([("/ws", Posting)], door(), CONNECT) as at:
        length = ("Content-Length", "5")
        for headers, status in (([ALICE], 200), ([], 401)):
            async with await request(
                at.port, "/ws", *headers, length, method="POST", upgrade=False, body=b"hello"
            ) as http:
                assert http.status == status
                assert (http.body == b"hello") is (status == 200)


# -- secrets ----------------------------------------------------------------------------------------

KEY = JwtKey("HS256", "0123456789abcdef" * 4)


def _token(guard: Guard) -> str:
    issuer = JwtIssuer(KEY, "me", "chat")
    return issuer.issue("alice", now=guard.clock.now(), claims={"roles": ["member"]}).token


def _jwt_door() -> Guard:
    return make_guard(
        JwtAuthenticator(keys=[KEY], issuer="me", audience="chat", insecure_query="access_token"),
        insecure_allow_any_host=True,
    )


@pytest.mark.parametrize("good", [True, False], ids=["admitted", "refused"])
@pytest.mark.parametrize(
    "query",
    [
        "access_token={}",
        "a=1&access_token={}&b=%26",
        "%61ccess_token={}",
        "access_token={}&access_token=x",
    ],
)
async def test_a_token_in_the_query_is_not_in_the_log(query: str, good: bool) -> None:
    """However it is written, and whether it was good or not."""
    guard = _jwt_door()
    token = _token(guard) if good else "s3cr3t.s3cr3t.s3cr3t"
    with log_lines(*LOGS) as lines:
        async with serving([("/ws", Echo)], guard, CONNECT) as at:
            async with await request(at.port, f"/ws?{query.format(token)}") as ws:
                two = query.count("access_token") == 2
                assert ws.status == (400 if two else 101 if good else 401)
            written = repr(await events(guard))
    secret = token.rpartition(".")[2]
    logged = [line for line in lines if "/ws" in line]
    assert logged
    assert any("access_token=redacted" in line for line in lines)
    assert secret not in "\n".join(lines)
    assert secret not in written


async def test_the_query_of_the_handler_is_its_own() -> None:
    """Other arguments are where they were."""
    seen: list[Any] = []

    class Asking(Echo):
        def open(self) -> None:
            seen.append((self.get_argument("a"), self.get_query_arguments("b"), self.request.path))

    guard = _jwt_door()
    async with serving([("/ws", Asking)], guard, CONNECT) as at:
        path = f"/ws?a=1&b=2&access_token={_token(guard)}&b=%263"
        async with await connect(at.port, path):
            await until(lambda: seen)
    assert seen == [("1", ["2", "&3"], "/ws")]


async def test_a_token_in_a_subprotocol_is_neither_echoed_nor_logged() -> None:
    """The server answers `stormdoor.v1` and nothing else."""
    guard = _jwt_door()
    token = _token(guard)
    with log_lines(*LOGS) as lines:
        async with serving([("/ws", Echo)], guard, CONNECT) as at:
            offer = ("Sec-WebSocket-Protocol", f"stormdoor.bearer.{token}, stormdoor.v1")
            async with await connect(at.port, "/ws", offer) as ws:
                assert ws.header("Sec-WebSocket-Protocol") == "stormdoor.v1"
                assert token not in repr(ws.headers)
            async with await request(at.port, "/ws", ("Sec-WebSocket-Protocol", offer[1] + "x")):
                pass
            written = repr(await events(guard))
    assert token not in "\n".join(lines)
    assert token not in written


async def test_a_handler_that_chooses_a_secret_is_refused() -> None:
    """It cannot even see it; naming what the client did not offer is an error of Tornado's."""

    class Echoing(Echo):
        def select_subprotocol(self, subprotocols: list[str]) -> str | None:
            assert not any("bearer" in one for one in subprotocols)
            return subprotocols[0] if subprotocols else None

    guard = _jwt_door()
    async with serving([("/ws", Echoing)], guard, CONNECT) as at:
        offer = ("Sec-WebSocket-Protocol", f"stormdoor.bearer.{_token(guard)}")
        async with await connect(at.port, "/ws", offer) as ws:
            assert ws.header("Sec-WebSocket-Protocol") is None


# -- proxies and TLS --------------------------------------------------------------------------------

BEHIND: list[tuple[str, list[str], list[tuple[str, str]], int, str]] = [
    ("nobody trusted", [], [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "1.2.3.4")], 403, "127.0.0.1"),  # noqa: E501 - one row a line
    ("trusted", ["127.0.0.1"], [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "1.2.3.4")], 101, "1.2.3.4"),  # noqa: E501 - one row a line
    ("trusted, plaintext", ["127.0.0.1"], [("X-Forwarded-Proto", "http"), ("X-Forwarded-For", "1.2.3.4")], 403, "1.2.3.4"),  # noqa: E501 - one row a line
    ("trusted, says nothing", ["127.0.0.1"], [], 403, "127.0.0.1"),
    ("what the client wrote first", ["127.0.0.1"], [("X-Forwarded-Proto", "https, http")], 403, "127.0.0.1"),
    ("a list of addresses", ["127.0.0.1"], [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "9.9.9.9, 1.2.3.4")], 101, "1.2.3.4"),  # noqa: E501 - one row a line
    ("two headers", ["127.0.0.1"], [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "9.9.9.9"), ("X-Forwarded-For", "1.2.3.4")], 101, "1.2.3.4"),  # noqa: E501 - one row a line
    ("another scheme", ["127.0.0.1"], [("X-Forwarded-Proto", "gopher")], 403, "127.0.0.1"),
    ("X-Real-Ip", ["127.0.0.1"], [("X-Forwarded-Proto", "https"), ("X-Real-Ip", "6.6.6.6")], 101, "127.0.0.1"),  # noqa: E501 - one row a line
]  # fmt: skip


@pytest.mark.parametrize("xheaders", [False, True])
@pytest.mark.parametrize(
    ("trusted", "headers", "status", "address"),
    [case[1:] for case in BEHIND],
    ids=[case[0] for case in BEHIND],
)
async def test_behind_a_proxy(
    trusted: list[str], headers: list[tuple[str, str]], status: int, address: str, xheaders: bool
) -> None:
    """The guard trusts only the listed proxies, also if Tornado's `xheaders` trusts every client."""
    guard = make_guard(trusted_proxies=trusted, hosts=["app.example"])
    options = {"xheaders": xheaders}
    async with serving([("/ws", Echo)], guard, CONNECT, server_options=options) as at:
        async with await request(at.port, "/ws", ALICE, *headers, host="app.example") as ws:
            assert ws.status == status
        [*_, event] = [one for one in await events(guard) if one.name != "connection_closed"]
        assert event.address == address


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app.example")])
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=36_500))
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


async def test_tls(tmp_path: Path) -> None:
    """A server that ends TLS itself needs no proxy to be believed, and no loopback name."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(_certificate(tmp_path))
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    guard = make_guard()
    options = {"ssl_options": server}
    async with serving([("/ws", Echo)], guard, CONNECT, server_options=options) as at:
        origin = ("Origin", "https://app.example")
        for headers, host, status in (
            ([ALICE, origin], "app.example", 101),
            ([ALICE, ("Origin", "http://app.example")], "app.example", 403),
            ([ALICE, origin], "evil.example", 403),
            ([origin], "app.example", 401),
        ):
            async with await request(at.port, "/ws", *headers, host=host, tls=client) as ws:
                assert ws.status == status, (headers, host)
        with pytest.raises(Ended):
            await request(at.port, "/ws", ALICE, host="app.example")


def _parsed(context: Any, trusted: list[str] | None = None, **headers: Any) -> Any:
    fields = HTTPHeaders({"Host": "x"})
    for name, values in headers.items():
        for value in values if isinstance(values, list) else [values]:
            fields.add(name.replace("_", "-"), value)
    connection: Any = SimpleNamespace(context=context, set_close_callback=lambda _: None)
    line = RequestStartLine("GET", "/ws", "HTTP/1.1")
    http = HTTPServerRequest(start_line=line, headers=fields, connection=connection)
    places = [Place(Source.COOKIE, "session"), Place(Source.HEADER, "x-token")]
    return HandshakeParser(places, parse_networks(trusted or [])).parse(http)


TCP = SimpleNamespace(address=("192.0.2.1", 1234), protocol="http", remote_ip="192.0.2.1")


def test_a_unix_socket_is_this_machine() -> None:
    """It has no address; a proxy in front of it can be trusted by that of loopback."""
    local = SimpleNamespace(address="", protocol="http", remote_ip="0.0.0.0")
    assert _parsed(local).peer == "127.0.0.1"
    behind = _parsed(local, ["127.0.0.1"], X_Forwarded_For="1.2.3.4", X_Forwarded_Proto="https")
    assert (behind.address, behind.scheme) == ("1.2.3.4", "https")


def test_what_tornado_believed_is_not_believed() -> None:
    """The guard ignores the address and scheme that `xheaders` takes from a client's headers."""
    fooled = SimpleNamespace(
        address=("192.0.2.1", 1234), protocol="https", _orig_protocol="http", remote_ip="10.0.0.1"
    )
    handshake = _parsed(fooled, ["10.0.0.0/8"])
    assert (handshake.peer, handshake.address, handshake.scheme) == (
        "192.0.2.1",
        "192.0.2.1",
        "http",
    )


COOKIES: list[tuple[str | list[str], dict[str, list[str]]]] = [
    ("session=a", {"session": ["a"]}),
    ('session="a"; other=b', {"session": ["a"]}),
    ("session=a; session=b", {"session": ["a", "b"]}),
    (["session=a", "session=b"], {"session": ["a", "b"]}),
    ("Session=a; session-x=b; xsession=c", {}),
    ("session", {}),
    ("session=", {"session": [""]}),
    ("a=b=session=c;session=d", {"session": ["d"]}),
    ("a=1;  session = a ;b=2", {"session": ["a"]}),
    ("b=1;\tsession\t=\ta\t;", {"session": ["a"]}),
    ('session=""a""; session="', {"session": ['"a"', '"']}),
    ("", {}),
]

# Latin-1, as Tornado decodes headers: each is a space for `str.strip`, or the first byte of one in UTF-8.
LOOK_ALIKES = [
    *"\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\x00\xad",
    *(space.encode().decode("latin-1") for space in "\x85\xa0\u1680\u2003\u2028\u202f\u3000\ufeff"),
]


@pytest.mark.parametrize("space", LOOK_ALIKES)
def test_a_cookie_whose_name_only_looks_the_same_is_another_cookie(space: str) -> None:
    """A cookie name with other spaces is another name, because any page of this host can set it."""
    for planted in (f"{space}session", f"session{space}", f" {space} session"):
        for own, found in (("session=ours", {"session": ["ours"]}), ("other=ours", {})):
            # Recent releases of Tornado refuse a request with control characters, before anything reads it.
            with contextlib.suppress(HTTPInputError):
                header = f"a=b; {planted}=theirs; {own}; {planted}=theirs"
                assert _parsed(TCP, Cookie=header).cookies == found


def test_no_other_parser_of_cookies_is_used() -> None:
    """Tornado's and Python's own remove a no-break space from a name: only the parser reads cookies."""
    parser = re.compile(
        r"\bget_(?:signed_|secure_)?cookie\(|request\.cookies|SimpleCookie|http\.cookies|parse_cookie"
    )
    room = Path(stormdoor.__file__).parent
    found = [
        path.relative_to(room).as_posix()
        for path in room.rglob("*.py")
        if parser.search(path.read_text(encoding="utf-8"))
    ]
    assert sorted(found) == [
        "apps/jupyter/login.py",  # must find the login in the cookie that Jupyter reads
        "demo/twin.py",  # vulnerable on purpose: the demo attacks it
    ]


@pytest.mark.parametrize(("header", "found"), COOKIES)
def test_every_cookie_of_a_name_is_found(header: Any, found: dict[str, list[str]]) -> None:
    """The parser returns every cookie of a name, and the order of the cookies decides nothing."""
    assert _parsed(TCP, Cookie=header).cookies == found


def test_only_what_is_asked_for_is_copied() -> None:
    """And nothing of it is in a repr."""
    handshake = _parsed(
        TCP,
        X_Token=["s3cr3t", "s4cr3t"],
        Authorization="Bearer s3cr3t",
        Cookie="session=s3cr3t",
        X_Other="o",
        Sec_WebSocket_Protocol="a, stormdoor.bearer.s3cr3t,, b",
    )
    assert handshake.headers == {"x-token": ["s3cr3t", "s4cr3t"]}
    assert handshake.subprotocols == ["a", "stormdoor.bearer.s3cr3t", "b"]
    assert "s3cr3t" not in repr(handshake)
