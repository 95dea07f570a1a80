"""The grammar of the front: the heads of upgrade requests that it reads itself.

The grammar is a part of Tornado's: `tests/tornado/front/test_head.py` gives the same bytes to both. Record
115 of `docs/decisions/` states it. A head outside of it is no error: Tornado reads that one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from stormdoor.tornado.handshake_parser import is_upgrade, is_websocket_key

__all__ = ["MOST_BYTES", "Head", "read_head"]

MOST_BYTES = 16 * 1024
"""Bytes of the longest head that the front reads."""

_FIRST = re.compile(rb"GET (/[\x21-\x7e]*) HTTP/1\.1\r\n")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = bytes({*range(0x20), 0x7F} - set(b"\t\r\n"))
_HANDED_OVER = frozenset(
    {"content-length", "transfer-encoding", "content-type", "content-encoding", "expect"}
)
"""Headers that announce a body, or that change how a request is read."""
_KNOWN = {
    name: name.lower()
    for name in (
        "Host",
        "Connection",
        "Pragma",
        "Cache-Control",
        "User-Agent",
        "Upgrade",
        "Origin",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Protocol",
        "Accept-Encoding",
        "Accept-Language",
        "Sec-Fetch-Dest",
        "Sec-Fetch-Mode",
        "Sec-Fetch-Site",
        "Cookie",
        "Authorization",
        "X-API-Key",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
    )
}
"""The usual spellings of frequent names, which need no check."""


class Head:
    """The head of an ordinary upgrade request.

    Attributes:
        target: The request target, with the query.
        path: The target without the query.
        headers: The headers by lower-case name. No header is repeated.
    """

    __slots__ = ("headers", "path", "target")

    def __init__(self, target: str, headers: Mapping[str, str]) -> None:
        self.target = target
        self.path = target.partition("?")[0]
        self.headers = headers

    def values(self, name: str) -> list[str]:
        """Return the values of a header by its lower-case name: one, or none."""
        value = self.headers.get(name)
        return [] if value is None else [value]


def read_head(data: bytes) -> Head | None:
    """Return the head of an ordinary upgrade request, or None if Tornado must read it.

    Args:
        data: All bytes that the client has sent.
    """
    first = _FIRST.match(data)
    if first is None or len(data) > MOST_BYTES or data[-4:] != b"\r\n\r\n":
        return None
    if b"websocket" not in data.lower():
        return None  # a page
    lines = data.count(b"\r\n")
    if data.count(b"\n") != lines or data.count(b"\r") != lines:
        return None
    if len(data.translate(None, _CONTROL)) != len(data):
        return None
    headers: dict[str, str] = {}
    for line in data[first.end() : -4].decode("latin-1").split("\r\n"):
        name, colon, value = line.partition(":")
        lower = _KNOWN.get(name)
        if lower is None:
            if _NAME.fullmatch(name) is None:
                return (
                    None  # also a folded line, and the end of the head before the end of the bytes
                )
            lower = name.lower()
            if lower in _HANDED_OVER:
                return None
        if not colon or lower in headers:
            return None
        headers[lower] = value.strip(" \t")
    return Head(first[1].decode("ascii"), headers) if _opens_websocket(headers) else None


def _opens_websocket(headers: Mapping[str, str]) -> bool:
    """Return whether the headers are those of an opening handshake (RFC 6455 §4.2.1)."""
    get = headers.get
    return (
        get("upgrade", "").lower() == "websocket"
        and is_upgrade(get("connection", "").lower())
        and get("sec-websocket-version") == "13"
        and is_websocket_key(get("sec-websocket-key", ""))
        and _HOST.fullmatch(get("host", "")) is not None
        # Tornado requires an Origin with it.
        and not (get("sec-fetch-site") and not get("origin"))
    )
