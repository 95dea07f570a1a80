"""Heads of requests, ordinary and not, for the tests that give the same bytes to the front and to Tornado."""

from __future__ import annotations

__all__ = ["HEADS", "ORDINARY", "READ", "UNUSUAL", "changed"]

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

ORDINARY = {
    "short": (
        "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\n{KEY}\r\n\r\n"
    ),
    "Chromium": (
        "GET /ws?room=1&name=a%20b HTTP/1.1\r\nHost: app.example:8443\r\nConnection: Upgrade\r\n"
        "Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
        "Upgrade: websocket\r\nOrigin: https://app.example:8443\r\nSec-WebSocket-Version: 13\r\n"
        "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n"
        "Cookie: __Host-session=abc; theme=dark; __Host-session=other\r\n"
        f"{KEY}\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
        "Sec-WebSocket-Protocol: chat, stormdoor.bearer.x.y.z\r\nSec-Fetch-Site: same-origin\r\n"
        "Sec-Fetch-Mode: websocket\r\n\r\n"
    ),
    "proxy": (
        "GET /ws HTTP/1.1\r\nhost: [::1]:80\r\nX-Forwarded-For: 203.0.113.7, 10.0.0.9\r\n"
        "X-Forwarded-Proto: https\r\nX-Real-IP: 203.0.113.7\r\nupgrade: WebSocket\r\n"
        "connection: keep-alive, Upgrade\r\nsec-websocket-version: 13\r\n"
        f"{KEY}\r\nAuthorization: Bearer a.b.c\r\nX-API-Key: key\r\nx-empty:\r\nx-tab:a\tb\r\n"
        "x-beyond-ascii: \xe4\xa0\r\n\r\n"
    ),
}
"""Heads that the front reads."""

_SHORT = ORDINARY["short"]


def changed(old: str, new: str, head: str = _SHORT) -> str:
    """A head with one change."""
    assert old in head
    return head.replace(old, new, 1)


def _more(line: str) -> str:
    return changed("\r\n\r\n", f"\r\n{line}\r\n\r\n")


REPEATED = {
    "two Cookies": _more("Cookie: a=1\r\nCookie: b=2"),
    "two Authorizations": _more("Authorization: Bearer a\r\nAuthorization: Bearer b"),
    "two X-Forwarded-For": _more("X-Forwarded-For: 1.2.3.4\r\nx-forwarded-for: 5.6.7.8"),
    "two unknown headers": _more("X-A:\r\nX-B: b\r\nx-a:\r\nX-A: c"),
    "two Connections": _more("Connection: keep-alive"),
    "two X-API-Keys": _more("X-API-Key:\r\nX-API-Key: key"),
}
"""Heads with a header that comes twice, which the front reads as well."""

UNUSUAL = {
    "a known name without a colon": _more("Cookie"),
    "a tab in the target": changed("/ws ", "/w\ts "),
    "Connection: notupgrade": changed("Connection: Upgrade", "Connection: notupgrade"),
    "another method": changed("GET", "POST"),
    "HTTP/1.0": changed("HTTP/1.1", "HTTP/1.0"),
    "an absolute target": changed("/ws ", "http://127.0.0.1/ws "),
    "a target beyond ASCII": changed("/ws ", "/ws\xe4 "),
    "two spaces": changed("/ws ", "/ws  "),
    "a space in the target": changed("/ws ", "/w s "),
    "an unfinished line": changed("\r\n\r\n", "\r\n"),
    "bytes behind the head": _SHORT + "x",
    "a second request": _SHORT + _SHORT,
    "a frame": _SHORT + "\x81\x80\0\0\0\0",
    "an empty line first": "\r\n" + _SHORT,
    "a line end without CR": changed("127.0.0.1\r\n", "127.0.0.1\n"),
    "a line end without LF": changed("127.0.0.1\r\n", "127.0.0.1\r"),
    "a CR in a value": _more("X: a\rb"),
    "NUL": _more("X: a\0b"),
    "DEL": _more("X: a\x7fb"),
    "a folded line": _more("X: a\r\n b"),
    "a line that begins with a space": _more(" X: a"),
    "a space before the colon": _more("Cookie : a=b"),
    "an empty name": _more(": a"),
    "a name beyond ASCII": _more("X\xe4: a"),
    "no Host": changed("Host: 127.0.0.1\r\n", ""),
    "an empty Host": changed("Host: 127.0.0.1", "Host:"),
    "two hosts in one": changed("127.0.0.1", "127.0.0.1,evil.example"),
    "a Host with a path": changed("127.0.0.1", "127.0.0.1/x"),
    "a Host with a user": changed("127.0.0.1", "x@127.0.0.1"),
    "a Host in percent": changed("127.0.0.1", "%31"),
    "two Hosts": _more("host: evil.example"),
    "two Origins": _more("Origin: http://a\r\nORIGIN: http://b"),
    "two keys": _more(KEY),
    "a length": _more("Content-Length: 0"),
    "a body": _more("Content-Length: 5") + "hello",
    "chunks": _more("Transfer-Encoding: chunked"),
    "chunks, in another case": _more("tRANSFER-eNCODING: chunked"),
    "an expectation": _more("Expect: 100-continue"),
    "a type": _more("Content-Type: multipart/form-data; boundary=x"),
    "an encoding": _more("Content-Encoding: gzip"),
    "no upgrade": changed("Upgrade: websocket\r\n", ""),
    "another upgrade": changed("websocket", "h2c"),
    "two upgrades": changed("websocket", "websocket, h2c"),
    "no connection": changed("Connection: Upgrade\r\n", ""),
    "another version": changed("Version: 13", "Version: 8"),
    "a short key": changed("dGhl", ""),
    "Sec-Fetch-Site alone": _more("Sec-Fetch-Site: same-origin"),
}
"""Heads that the front leaves to Tornado."""

READ = {**ORDINARY, **REPEATED}
HEADS = {**READ, **UNUSUAL}
