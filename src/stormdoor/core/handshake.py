"""The facts of a handshake, as the adapter received them, without any decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stormdoor.core.value import value

__all__ = ["MOST_SUBPROTOCOLS", "Handshake"]

MOST_SUBPROTOCOLS = 128
"""Subprotocols that a client may offer. RFC 6455 has no limit, and each one costs a comparison."""


@value
@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """One request to open a WebSocket (RFC 6455 §4.1), reduced to the fields that the guard checks.

    Attributes:
        path: The path of the endpoint, without the query.
        address: The client's address, resolved through trusted proxies.
        peer: The address at the other end of the TCP connection.
        scheme: `http` or `https`, as the client used it.
        host: The Host that the client named, lower case, with port if given.
        origin: The Origin header as sent, or None.
        fetch_site: `Sec-Fetch-Site`, or None.
        fetch_mode: `Sec-Fetch-Mode`, or None.
        user_agent: The User-Agent header, cut to 256 characters.
        authorization: All `Authorization` headers.
        headers: Values of each header that an authenticator needs, by lower-case name.
        cookies: Cookies by name, each with every value that was sent under it.
        subprotocols: Offered subprotocols, in order.
        query: Values of each query argument that an authenticator needs.
        method: The method, as sent: `GET`.
        target: The request target as sent, with the query (RFC 9112 §3.2). It may contain secrets.
        certificate: The client's certificate in DER, verified by TLS here or by an authenticated proxy;
            None if there is none.
        peer_certificate: The certificate at the other end of the TLS connection: the client's, or a
            proxy's.
        request: The server's own object for the request, if an authenticator declares `needs_request`: it
            asks the login of the application, which reads requests. Otherwise None.
    """

    path: str
    address: str
    peer: str
    scheme: str
    host: str
    origin: str | None = None
    fetch_site: str | None = None
    fetch_mode: str | None = None
    user_agent: str = ""
    authorization: Sequence[str] = field(default=(), repr=False)
    headers: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    subprotocols: Sequence[str] = field(default=(), repr=False)
    query: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    method: str = "GET"
    target: str = field(default="", repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    peer_certificate: bytes | None = field(default=None, repr=False)
    request: object = field(default=None, repr=False)
