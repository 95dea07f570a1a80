"""Parse a recorded request into the facts that the server would have received."""

from __future__ import annotations

import shlex
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

from tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPServerRequest,
    RequestStartLine,
    parse_request_start_line,
)

from stormdoor.core.handshake import Handshake
from stormdoor.errors import ConfigurationError
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.handshake_parser import HandshakeParser

__all__ = ["read_request", "replay"]

_FORMS = (
    "write the request line and headers, such as\n\n"
    "  GET /ws HTTP/1.1\n  Host: app.example\n  Authorization: Bearer …\n\n"
    'or a command line as browsers copy it: curl "wss://app.example/ws" -H "Origin: https://app.example"'
)


def read_request(text: str) -> tuple[HTTPServerRequest, str | None]:
    """Parse the request in `text`, and its scheme if there is one.

    Args:
        text: The head of an HTTP request, or the `curl` command that a browser's developer tools copy.

    Raises:
        ConfigurationError: It is neither.
    """
    text = text.strip()
    if text.startswith("curl "):
        return _from_curl(text)
    head, _, _ = text.replace("\r\n", "\n").partition("\n\n")
    line, _, rest = head.partition("\n")
    try:
        start = parse_request_start_line(line.strip())
        headers = HTTPHeaders.parse(rest.replace("\n", "\r\n"))
    except (HTTPInputError, ValueError) as error:
        raise ConfigurationError(f"this is no request ({error}); {_FORMS}") from None
    return _request(start.method, start.path, headers), None


def _from_curl(text: str) -> tuple[HTTPServerRequest, str | None]:
    try:
        words = shlex.split(text.replace("\\\n", " "))[1:]
    except ValueError as error:
        raise ConfigurationError(f"the command line cannot be read ({error}); {_FORMS}") from None
    url, headers, method = None, HTTPHeaders(), "GET"
    arguments = iter(words)
    for word in arguments:
        if word in ("-H", "--header"):
            name, _, value = next(arguments, "").partition(":")
            headers.add(name.strip(), value.strip())
        elif word in ("-b", "--cookie"):
            headers.add("Cookie", next(arguments, ""))
        elif word in ("-X", "--request"):
            method = next(arguments, method)
        elif not word.startswith("-"):
            url = word
    if url is None:
        raise ConfigurationError(f"the command names no address; {_FORMS}")
    parts = urlsplit(url)
    scheme = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
    headers.setdefault("Host", parts.netloc.rpartition("@")[2])
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _request(method, target, headers), scheme


def _request(method: str, target: str, headers: HTTPHeaders) -> HTTPServerRequest:
    # A copied command contains the browser's headers, except those of the upgrade.
    headers.setdefault("Host", "")
    line = RequestStartLine(method, target, "HTTP/1.1")
    return HTTPServerRequest(start_line=line, headers=headers)


def replay(
    guard: Guard,
    request: HTTPServerRequest,
    *,
    peer: str,
    scheme: str,
    certificate: bytes | None = None,
) -> Handshake:
    """Return the facts of `request` from `peer` over `scheme`.

    Args:
        guard: Guard with the trusted proxies and the authenticators.
        request: The request.
        peer: The address at the other end of the TCP connection.
        scheme: `http` or `https`.
        certificate: The client's certificate in DER, if TLS had verified one.
    """
    context = SimpleNamespace(address=(peer, 0), protocol=scheme, _orig_protocol=scheme)
    request.connection = cast(Any, SimpleNamespace(context=context, stream=None))
    handshake = HandshakeParser.for_guard(guard).parse(request)
    if certificate is None:
        return handshake
    return replace(handshake, certificate=certificate, peer_certificate=certificate)
