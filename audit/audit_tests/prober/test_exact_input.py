"""The owner's input is followed exactly: query strings, subprotocols, headers, first messages, secrets."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from audit_tests.prober.servers import Feed, probed, serving, slugs
from audit_tests.prober.test_four_results import outcomes
from stormdoor_audit.cli.main import run as command
from stormdoor_audit.prober.identity import Identity, token_of
from stormdoor_audit.prober.redact import Redactor
from stormdoor_audit.prober.target import parse_target

pytestmark = pytest.mark.sampled(5)

DATA = {"quotes": [{"bid": 12, "name": "ACME"}]}


class Signed(WebSocketHandler):
    """Compares the query string as it came, as signed addresses are compared."""

    wanted: ClassVar[str] = "v=2&sig=aGVsbG8td29ybGQ=&room=a%20b"

    def prepare(self) -> None:
        if self.request.query != self.wanted:
            raise HTTPError(403)

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message(DATA)


async def test_a_query_goes_out_byte_for_byte() -> None:
    """Neither the order nor a sign of it changes; without the signature the client is refused."""
    async with serving(Signed) as port:
        report = await probed(port, f"/ws?{Signed.wanted}")
    assert outcomes(report, "SP101") == {"closed"}
    assert "credential-in-url" in slugs(report)


def test_parameters_keep_their_places() -> None:
    """Also where a name stands twice, a piece has no value, and another parameter is added."""
    target = parse_target("ws://127.0.0.1:1/x?a=1&b&a=2")
    who = Identity("ada", query=(("t", "x=%2B+"),), order=("a", "t", "b", "a"))
    assert who.at(target).resource == "/x?a=1&t=x=%2B+&b&a=2"
    assert Identity("ada", query=(("t", "ö"),)).at(target).resource == "/x?a=1&b&a=2&t=%C3%B6"


async def test_a_url_with_a_query_and_no_owner() -> None:
    """Parameters that are no credential are a part of the address of an unauthenticated client."""
    async with serving(Feed) as port:
        report = await probed(port, "/ws?key=lobby")
    assert outcomes(report, "SP101") == {"closed"}


class ShortSecret(WebSocketHandler):
    """The credential is a subprotocol that looks like a name."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "chat" if "chat" in subprotocols else None

    def prepare(self) -> None:
        if "tulip" not in self.request.headers.get("Sec-WebSocket-Protocol", ""):
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message(DATA)


Taken = pytest.CaptureFixture[str]


async def _command(capsys: Taken, handler: Any, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """The exit status, the report, and all that was printed."""
    async with serving(handler) as port:
        url = f"ws://127.0.0.1:{port}/ws"
        quick = ("--listen", "0.1", "--per-second", "500", "--format", "json")
        code = await asyncio.to_thread(command, ["probe", url, *quick, *arguments])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out.startswith("{") else {}, out + err


def _said(report: dict[str, Any], rule: str) -> set[str]:
    return {one["outcome"] for one in report["tried"] if one["rule_id"] == rule}


def _only(report: dict[str, Any], rule: str) -> str:
    [one] = _said(report, rule)
    return str(one)


async def test_credential_subprotocol(capsys: Taken) -> None:
    """`--credential-subprotocol` marks the credential; other subprotocols are names for every client."""
    names = ("--subprotocol", "chat", "--credential-subprotocol", "tulip")
    _, report, _ = await _command(capsys, ShortSecret, *names)
    assert _said(report, "SP101") == {"closed"}
    assert _said(report, "SP102") == {"closed"}
    # Without the option nothing tells the credential from a name.
    _, report, _ = await _command(
        capsys, ShortSecret, "--subprotocol", "chat", "--subprotocol", "tulip"
    )
    assert _said(report, "SP101") == {"open"}


class InSubprotocol(Feed):
    """Looks for the token among the subprotocols, as `bearer.TOKEN` or after `bearer`."""

    given: ClassVar[tuple[str, ...]] = ("bearer.opensesame",)

    def allowed(self) -> bool:
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "").split(", ")
        return offered[-len(self.given) :] == list(self.given)

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[0]


class AnyInSubprotocol(InSubprotocol):
    """Takes every token behind the name."""

    def allowed(self) -> bool:
        return "bearer." in self.request.headers.get("Sec-WebSocket-Protocol", "")


_ENCODED = base64.urlsafe_b64encode(b"opensesame").decode().rstrip("=")
_FORMS = [
    ("bearer.opensesame",),
    ("chat", "Bearer_opensesame"),
    ("bearer", "opensesame"),
    ("v1.chat", "access_token", "opensesame"),
    ("auth-opensesame",),
    (f"base64url.bearer.authorization.k8s.io.{_ENCODED}",),
]


@pytest.mark.parametrize("given", _FORMS, ids="+".join)
async def test_a_credential_in_a_subprotocol(
    capsys: Taken, tmp_path: Path, given: tuple[str, ...]
) -> None:
    """It is no part of an unauthenticated client, so no finding is false; no format shows it."""
    handler = type("Given", (InSubprotocol,), {"given": given})
    offered = [text for one in given for text in ("--subprotocol", one)]
    files = [tmp_path / f"report.{kind}" for kind in ("txt", "json", "sarif", "html")]
    written = [text for one in files for text in ("-o", str(one))]
    code, _, text = await _command(capsys, handler, *offered, "--quiet", *written)
    report = json.loads(files[1].read_text())
    assert not report["findings"], report["findings"]
    assert code == 0
    assert {_only(report, "SP101"), _only(report, "SP102")} == {"closed"}
    for shown in (text, *(one.read_text() for one in files)):
        assert "opensesame" not in shown
        assert _ENCODED not in shown


async def test_a_name_before_a_credential_is_kept(capsys: Taken) -> None:
    """Garbage is sent behind the name, since a server may look at the name only."""
    _, report, _ = await _command(capsys, AnyInSubprotocol, "--subprotocol", "bearer.opensesame")
    assert _only(report, "SP102") == "open"


@pytest.mark.parametrize(
    "names", [("auth.v1",), ("chat", "v12.stomp"), ("token",), ("graphql-ws",)]
)
def test_subprotocols_that_are_names(names: tuple[str, ...]) -> None:
    """A version or a protocol stays in the parts that may be no secret: only a comparison tells."""
    owner = Identity("ada", cookies=(("session", "a-1b2c3d4e5f"),), protocols=names)
    assert owner.plain_parts().protocols == names


@pytest.mark.parametrize("given", ["t-9z8y7x6w", "app.ticket.t-9z8y7x6w"])
def test_another_credential_in_its_place(given: str) -> None:
    """It is given with its name or without it, as for `--unused-token`."""
    owner = Identity("ada", protocols=("app.v1", "app.ticket.t-1a2b3c4d"))
    assert owner.changed("ada", lambda _: given).protocols == ("app.v1", "app.ticket.t-9z8y7x6w")


def test_a_subprotocol_with_a_word_for_a_credential() -> None:
    """Without a separator it is redacted and no part of other clients; only a comparison tells more."""
    owner = Identity("ada", protocols=("chat", "tokenopensesame"))
    assert owner.nobody().protocols == ("chat",)
    assert owner.plain_parts().protocols == owner.protocols
    assert "tokenopensesame" in owner.secrets()


class Scheme(Feed):
    """Has a scheme of its own, and takes the token from the address, too."""

    def allowed(self) -> bool:
        given = self.request.headers.get("Authorization", "")
        return given == "Token abc=123:4567" or self.get_argument("token", "") == "abc=123:4567"


@pytest.mark.parametrize(
    "header", ["Authorization: Token abc=123:4567", "Authorization=Token abc=123:4567"]
)
async def test_header_as_curl_writes_it(capsys: Taken, header: str) -> None:
    """`-H 'Name: value'` and `NAME=VALUE` are the same; the token of any scheme is tried in the address."""
    code, report, _ = await _command(capsys, Scheme, "-H", header)
    assert _said(report, "SP101") == {"closed"}
    assert _said(report, "SP304") == {"open"}
    assert code == 1


@pytest.mark.parametrize(
    ("header", "said"),
    [("Cookie: a=b", "--cookie"), ("Origin: x", "--origin"), ("nothing", "Name: value")],
)
async def test_headers_that_have_an_option(capsys: Taken, header: str, said: str) -> None:
    """They are given with it, so that the probes know what they are."""
    code, _, text = await _command(capsys, Scheme, "-H", header)
    assert code == 2
    assert said in text


def test_schemes() -> None:
    """The token of `Authorization` is found for every scheme except Basic."""
    assert token_of("authorization", "token abc") == "abc"
    assert token_of("Authorization", "Basic YTpi") == ""
    assert token_of("X-Other", "token abc") == ""


class Pin(Feed):
    """A credential of three characters, which the server says back."""

    def allowed(self) -> bool:
        return self.request.headers.get("X-Pin") == "q7z"

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message({"type": "prices", "items": [1], "for": "q7z"})


async def test_what_comes_from_a_file_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Taken
) -> None:
    """However short it is, and wherever it appears: in a header, or in what the server says."""
    file = tmp_path / "pin"
    file.write_text("q7z\n", encoding="utf-8")
    monkeypatch.setenv("THE_PIN", "q7z")
    for source in (f"@{file}", "env:THE_PIN"):
        _, report, text = await _command(capsys, Pin, "-H", f"X-Pin: {source}")
        assert _said(report, "SP101") == {"closed"}
        assert "q7z" not in text


def test_redactor_always() -> None:
    """Short texts are left unless the owner keeps them in a file."""
    assert Redactor(["ab"])("ab ab") == "ab ab"
    assert Redactor(["ab"], always=["ab", ""])("ab ab") == "<redacted> <redacted>"


class Inbox(WebSocketHandler):
    """Wants a cookie, and this first message; takes every origin."""

    wanted: ClassVar[dict[str, Any]] = {"op": "hello", "version": 3}
    asks: ClassVar[bool] = True

    def check_origin(self, origin: str) -> bool:
        return True

    def prepare(self) -> None:
        if self.asks and self.get_cookie("sid") != "h-5f1c9e07a2d4":
            raise HTTPError(403)

    def on_message(self, message: str | bytes) -> None:
        if json.loads(message) != self.wanted:
            self.close(4003)
            return
        self.write_message({"mails": [{"from": "bank", "subject": "letter"}]})


class Forgery(Inbox):
    wanted: ClassVar[dict[str, Any]] = {"op": "hello", "csrf": "x-77b0c1d9e3"}


class Forgets(Inbox):
    asks = False


@pytest.mark.parametrize(
    ("handler", "open_"),
    [(Inbox, {"foreign-origin"}), (Forgery, set()), (Forgets, {"no-credential", "foreign-origin"})],
)
async def test_the_first_message_is_part_of_every_comparison(handler: Any, open_: set[str]) -> None:
    """A greeting is said by every client, also by a foreign page; a secret in it by the owner alone."""
    owner = Identity(
        "ada", cookies=(("sid", "h-5f1c9e07a2d4"),), first_message=json.dumps(handler.wanted)
    )
    async with serving(handler) as port:
        report = await probed(port, owner=owner)
    assert slugs(report) & {"no-credential", "foreign-origin"} == open_
