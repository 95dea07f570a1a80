"""The grammar of the front: the heads of upgrade requests that it reads itself.

The grammar is a part of Tornado's: `tests/tornado/front/test_head.py` gives the same bytes to both. Record
115 of `docs/decisions/` states it. A head outside of it is no error: Tornado reads that one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from stormdoor.tornado.handshake_parser import is_upgrade, is_websocket_key

__all__ = ["Head", "read_head"]

_FIRST = re.compile(rb"GET (/[\x21-\x7e]*) HTTP/1\.1\r\n")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = bytes({*range(0x20), 0x7F} - set(b"\t\r\n"))
_HANDED_OVER = frozenset(
    {"content-length", "transfer-encoding", "content-type", "content-encoding", "expect"}
)
"""Headers that announce a body, or that change how a request is read."""
_ONCE = frozenset(
    {
        *("host", "upgrade", "origin", "sec-fetch-site", "sec-websocket-version"),
        *("sec-websocket-key", "sec-websocket-protocol", "sec-websocket-extensions"),
    }
)
"""Headers that no ordinary handshake repeats. Others may come from several proxies."""
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
        headers: The headers by lower-case name; of a repeated one, the first value.
    """

    __slots__ = ("_repeated", "headers", "path", "target")

    def __init__(
        self, target: str, headers: Mapping[str, str], repeated: Mapping[str, list[str]]
    ) -> None:
        self.target = target
        self.path = target.partition("?")[0]
        self.headers = headers
        self._repeated = repeated

    def values(self, name: str) -> list[str]:
        """Return the values of a header by its lower-case name, in their order."""
        value = self.headers.get(name)
        if value is None:
            return []
        return self._repeated.get(name) or [value]


def read_head(data: bytes) -> Head | None:
    """Return the head of an ordinary upgrade request, or None if Tornado must read it.

    Args:
        data: All bytes that the client has sent.
    """
    first = _FIRST.match(data)
    if first is None or data[-4:] != b"\r\n\r\n":
        return None
    if b"websocket" not in data.lower():
        return None  # a page
    lines = data.count(b"\r\n")
    if data.count(b"\n") != lines or data.count(b"\r") != lines:
        return None
    if len(data.translate(None, _CONTROL)) != len(data):
        return None
    fields = _read_fields(data[first.end() : -4].decode("latin-1"))
    if fields is None or not _opens_websocket(fields[0]):
        return None
    return Head(first[1].decode("ascii"), *fields)


def _read_fields(text: str) -> tuple[dict[str, str], dict[str, list[str]]] | None:
    """Return the headers and the repeated ones, or None if Tornado must read them."""
    headers: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for line in text.split("\r\n"):
        name, colon, value = line.partition(":")
        lower = _KNOWN.get(name)
        if lower is None:
            if _NAME.fullmatch(name) is None:
                # Also a folded line, and the end of the head before the end of the bytes.
                return None
            lower = name.lower()
            if lower in _HANDED_OVER:
                return None
        if not colon:
            return None
        if lower not in headers:
            headers[lower] = value.strip(" \t")
        elif lower in _ONCE:
            return None
        else:
            repeated.setdefault(lower, [headers[lower]]).append(value.strip(" \t"))
    return headers, repeated


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
