"""One grammar: the front reads no head that Tornado refuses, and finds the same facts in it."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPServerRequest,
    parse_request_start_line,
)

from stormdoor import ApiKeyAuthenticator, JwtAuthenticator, JwtKey, SessionAuthenticator
from stormdoor.core.handshake import Handshake
from stormdoor.tornado.front.arrival import FrontConnection, FrontRequest
from stormdoor.tornado.front.head import read_head
from stormdoor.tornado.handshake_parser import HandshakeParser, _cookie_pattern, _cookies
from tests.guard.fakes import make_guard
from tests.tornado.front.heads import HEADS, ORDINARY, READ, UNUSUAL

PEER = "192.0.2.1"
PROXY = "10.0.0.1"
_END = re.compile(rb"\r?\n\r?\n")
_READS: Any = HTTP1Connection._parse_headers


def parser() -> HandshakeParser:
    """The parser of a guard with every usual place of a credential."""
    guard = make_guard(
        authenticators=[
            SessionAuthenticator(),
            JwtAuthenticator(keys=[JwtKey("HS256", "x" * 40)], issuer="i", audience="a"),
            ApiKeyAuthenticator(),
        ],
        trusted_proxies=["10.0.0.0/8"],
    )
    return HandshakeParser.for_guard(guard)


PARSER = parser()


def server() -> Any:
    """What an arrival needs of its server."""
    return SimpleNamespace(
        protocol=None, trusted_downstream=None, max_buffer_size=None, read_chunk_size=None
    )


def tornado_reads(data: bytes, peer: str) -> tuple[HTTPServerRequest, bytes] | None:
    """The request as Tornado reads it, and the bytes behind it; None if Tornado refuses it."""
    end = _END.search(data)
    if end is None:
        return None
    try:
        line, headers = _READS(None, data[: end.end()])
        context = SimpleNamespace(
            address=(peer, 1), remote_ip=peer, protocol="http", _orig_protocol="http"
        )
        connection: Any = SimpleNamespace(context=context, stream=None)
        request = HTTPServerRequest(
            start_line=parse_request_start_line(line), headers=headers, connection=connection
        )
        request._parse_body()
    except HTTPInputError:
        return None
    return request, data[end.end() :]


def front_reads(data: bytes, peer: str) -> tuple[Handshake, FrontRequest] | None:
    """The facts and the request as the front reads them; None if it leaves them to Tornado."""
    head = read_head(data)
    if head is None:
        return None
    facts = PARSER.parse_head(head.values, head.path, head.target, peer, "http")
    sock: Any = SimpleNamespace(family=2)
    arrival = FrontConnection(server(), sock, (peer, 1), peer, peer, proxy=False)
    arrival.add(data)
    return facts, FrontRequest(arrival)


def agree(data: bytes, peer: str = PEER) -> bool:
    """Compare both. Returns whether the front reads the head."""
    found = front_reads(data, peer)
    if found is None:
        return False
    facts, lazy = found
    read = tornado_reads(data, peer)
    assert read is not None, data
    request, rest = read
    assert rest == b"", data
    assert facts == PARSER.parse(request), data
    # Everything that Tornado's own `get` would check.
    assert request.method == "GET", data
    assert request.headers["Upgrade"].lower() == "websocket", data
    assert "upgrade" in [one.strip().lower() for one in request.headers["Connection"].split(",")], (
        data
    )
    for name in vars(request).keys() - {"connection", "server_connection", "_start_time"}:
        assert getattr(lazy, name) == getattr(request, name), (name, data)
    return True


@pytest.mark.parametrize("peer", [PEER, PROXY])
@pytest.mark.parametrize("head", READ.values(), ids=READ)
def test_it_reads_ordinary_heads(head: str, peer: str) -> None:
    """With the facts that Tornado finds, behind a trusted proxy as well."""
    assert agree(head.encode("latin-1"), peer)


@pytest.mark.parametrize("head", UNUSUAL.values(), ids=UNUSUAL)
def test_it_leaves_unusual_heads_to_tornado(head: str) -> None:
    """It neither refuses nor repairs them."""
    assert read_head(head.encode("latin-1")) is None


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_it_leaves_each_part_of_a_head_to_tornado(head: str) -> None:
    """A part is no head, unless the head was followed by other bytes."""
    data = head.encode("latin-1")
    complete = [size for size in range(len(data)) if agree(data[:size])]
    assert len(complete) <= 1


ODD_BYTES = b'\0\t\n\r "#%&,-./:;=?@A[]_a\x7f\x80\xa0\xff'


def mutations(data: bytes) -> Iterator[bytes]:
    """Each byte replaced by, and preceded by, each odd byte; each byte and each line removed or repeated."""
    for at in range(len(data)):
        yield data[:at] + data[at + 1 :]
        yield data[:at] + data[at : at + 1] + data[at:]
        yield data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :]
        for odd in ODD_BYTES:
            yield data[:at] + bytes([odd]) + data[at + 1 :]
            yield data[:at] + bytes([odd]) + data[at:]
    lines = data.split(b"\r\n")
    for at in range(len(lines)):
        yield b"\r\n".join([*lines[:at], *lines[at + 1 :]])
        for to in range(len(lines)):
            yield b"\r\n".join([*lines[:to], lines[at], *lines[to:]])


@pytest.mark.parametrize("name", ORDINARY)
def test_it_agrees_with_tornado_about_a_sample_of_mutations(name: str) -> None:
    """One in forty mutations of an ordinary head; both readings occur."""
    mutated = list(mutations(ORDINARY[name].encode("latin-1")))[::40]
    assert {agree(one, PROXY) for one in mutated} == {True, False}


@pytest.mark.extended
@pytest.mark.parametrize("name", ORDINARY)
def test_it_agrees_with_tornado_about_all_mutations(name: str) -> None:
    """Of one byte or one line."""
    for one in mutations(ORDINARY[name].encode("latin-1")):
        agree(one, PROXY)


@pytest.mark.extended
def test_it_agrees_with_tornado_about_pairs_of_mutations() -> None:
    """Of a short head: an odd byte at each of two places."""
    data = ORDINARY["short"].encode()
    for first in range(0, len(data), 3):
        for second in range(first, len(data), 3):
            for odd in b"\0\t\n\r :,":
                twice = bytearray(data)
                twice[first] = twice[second] = odd
                agree(bytes(twice))


@given(st.text('; \t="ab\xa0' + string.ascii_uppercase[:2], max_size=30))
def test_cookies_are_split_as_browsers_do(header: str) -> None:
    """RFC 6265bis §5.6: pairs between semicolons, names and values without their spaces and tabs."""
    found: dict[str, list[str]] = {}
    for pair in header.split(";"):
        name, equals, value = (part.strip(" \t") for part in pair.partition("="))
        if equals and name in ("a", "ab"):
            quoted = len(value) > 1 and value[0] == value[-1] == '"'
            found.setdefault(name, []).append(value[1:-1] if quoted else value)
    assert _cookies([header], _cookie_pattern(["a", "ab"])) == found


def test_headers_are_tornados(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request of the front is parsed on the first access, once, by Tornado."""
    parsed: list[str] = []
    parse = HTTPHeaders.parse

    def counted(text: str, **options: Any) -> HTTPHeaders:
        parsed.append(text)
        return parse(text, **options)

    monkeypatch.setattr(HTTPHeaders, "parse", counted)
    found = front_reads(ORDINARY["short"].encode(), PEER)
    assert found is not None
    request = found[1]
    assert parsed == []
    request.marked = True  # type: ignore[attr-defined]  # by a handler
    assert request.headers["Host"] == "127.0.0.1"
    assert request.path == "/ws"
    assert getattr(request, "marked") is True  # noqa: B009 - for mypy
    assert len(parsed) == 1
    assert not hasattr(request, "unknown")
