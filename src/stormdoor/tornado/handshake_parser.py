"""Convert a Tornado request to the facts of a handshake, without any decision."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from ssl import CERT_NONE, SSLSocket
from urllib.parse import parse_qsl, urlencode

from msgspec.structs import replace
from tornado.httputil import HTTPHeaders, HTTPServerRequest

from stormdoor.core.address import Network, client_address, in_networks
from stormdoor.core.credential import Place, Source
from stormdoor.core.handshake import MOST_SUBPROTOCOLS, Handshake
from stormdoor.core.header import canonical_header
from stormdoor.runtime.guard import Guard

__all__ = [
    "HandshakeParser",
    "find_malformed",
    "is_upgrade",
    "is_websocket_key",
    "offered_subprotocols",
]

_REDACTED = "redacted"
_KEY = re.compile("[A-Za-z0-9+/]{22}==")
_UPGRADE = re.compile(r"(?:^|,)\s*upgrade\s*(?:,|\Z)")


def is_websocket_key(value: str) -> bool:
    """Return whether `value` is a Sec-WebSocket-Key: the base64 of 16 bytes."""
    return _KEY.fullmatch(value) is not None


def is_upgrade(connection: str) -> bool:
    """Return whether the Connection header, in lower case, asks for an upgrade."""
    return connection == "upgrade" or _UPGRADE.search(connection) is not None


def _peer_and_scheme(request: HTTPServerRequest) -> tuple[str, str]:
    """Return the address at the other end of the TCP connection, and the scheme of that connection.

    Not `request.remote_ip` and `request.protocol`: with `xheaders=True` Tornado accepts them from every
    client.
    """
    context = getattr(request.connection, "context", None)
    scheme = getattr(context, "_orig_protocol", None) or getattr(context, "protocol", None)
    address = getattr(context, "address", None)
    if isinstance(address, tuple) and address:
        peer = str(address[0])
    else:
        # A UNIX socket has no address: each of its clients is on this machine.
        peer = "127.0.0.1" if address is not None else (request.remote_ip or "")
    return peer, str(scheme or request.protocol)


def _list(values: Iterable[str], most: int = -1) -> list[str]:
    """Return the parts between the commas of each value. After `most` commas, the rest is one part."""
    return [one for value in values for part in value.split(",", most) if (one := part.strip())]


def _joined(values: Sequence[str]) -> str | None:
    """Join the values of a repeated header with commas, as `headers.get` of Tornado does."""
    return ",".join(values) if values else None


def _certificate(request: HTTPServerRequest) -> bytes | None:
    """Return the certificate of the other end in DER. TLS has verified it before the request."""
    socket = getattr(getattr(request.connection, "stream", None), "socket", None)
    if not isinstance(socket, SSLSocket) or socket.context.verify_mode is CERT_NONE:
        return None
    return socket.getpeercert(binary_form=True)


def offered_subprotocols(request: HTTPServerRequest) -> list[str]:
    """Return the subprotocols that the client offers, in order."""
    values = request.headers.get_list("Sec-WebSocket-Protocol")
    return _list(values) if values else []


def _unquoted(value: str) -> str:
    """Remove the pair of quotes that `set_cookie` puts around a value with other characters."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def find_malformed(request: HTTPServerRequest) -> str | None:
    """Return the fault in the form of an opening handshake, for the operator; None if there is none.

    RFC 6455 §4.2.1 requires at least HTTP/1.1, and one key, the base64 of 16 bytes. For a request without an
    upgrade to a WebSocket the result is None, because a handler may serve pages as well.
    """
    values = request.headers.get_list
    upgrade = values("Upgrade")
    if not upgrade or upgrade[0].lower() != "websocket":
        return None
    if request.version != "HTTP/1.1":
        return f"a WebSocket needs HTTP/1.1, and this request is {request.version}"
    if values("Sec-WebSocket-Version") != ["13"]:
        return None  # Tornado answers 426, and names the version that it supports
    keys = values("Sec-WebSocket-Key")
    if len(keys) != 1 or not is_websocket_key(keys[0]):
        return "Sec-WebSocket-Key is not there once, as the base64 of 16 bytes"
    return None


def _cookie_pattern(names: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of one of these cookies, as RFC 6265bis §5.6 splits and trims pairs.

    Tornado's own parser keeps only the last of several. It also removes a no-break space from a name: a page
    on another port cannot set a `__Host-` cookie, but it can set one with such a space before its name.
    """
    return re.compile(rf";[ \t]*({'|'.join(map(re.escape, names))})[ \t]*=([^;]*)")


def _cookies(headers: Sequence[str], pattern: re.Pattern[str]) -> dict[str, list[str]]:
    """Return all values of the cookies of a pattern. A client may send thousands of other ones."""
    found: dict[str, list[str]] = {}
    for header in headers:
        for name, value in pattern.findall(";" + header):
            found.setdefault(name, []).append(_unquoted(value.strip(" \t")))
    return found


class HandshakeParser:
    """Parses requests into the facts that a guard decides on.

    Args:
        places: Places where the guard's authenticators read credentials; nothing else is copied.
        trusted_proxies: Networks of proxies; forwarded headers are accepted only from them.
        headers: Lower-case names of further headers that authenticators read.
        exclusive: Lower-case names of headers that only a proxy may send. They are removed from the
            request, with every spelling that another server would treat as the same name.
        keep_request: Whether the facts contain the request itself.
    """

    def __init__(
        self,
        places: Iterable[Place],
        trusted_proxies: Sequence[Network],
        *,
        headers: Iterable[str] = (),
        exclusive: Iterable[str] = (),
        keep_request: bool = False,
    ) -> None:
        self._trusted = tuple(trusted_proxies)
        names: dict[Source, set[str]] = {source: set() for source in Source}
        for place in places:
            names[place.source].add(place.name)
        self._headers = tuple(sorted(names[Source.HEADER] | set(headers)))
        self._exclusive = frozenset(map(canonical_header, exclusive))
        cookies = names[Source.COOKIE]
        self._cookie = _cookie_pattern(cookies) if cookies else None
        self._query_names = frozenset(names[Source.QUERY])
        self._keep_request = keep_request
        self._reads_usual_places = not (
            self._headers or self._exclusive or self._query_names or keep_request
        )

    @classmethod
    def for_guard(cls, guard: Guard) -> HandshakeParser:
        """Return a parser of every credential that opens a socket of `guard`."""
        credentials = guard.credentials
        return cls(
            credentials.places,
            guard.trusted_proxies,
            headers=credentials.headers,
            exclusive=credentials.exclusive_headers,
            keep_request=credentials.needs_request,
        )

    def parse(self, request: HTTPServerRequest) -> Handshake:
        """Return the facts of `request`."""
        headers = request.headers
        peer, scheme = _peer_and_scheme(request)
        proxied = self._is_proxy(peer)
        # Not `get`: for a missing header, the usual case, it first raises an exception.
        facts = self._facts(
            headers.get_list,
            request.uri or "",
            path=request.path,
            method=request.method or "",
            peer=peer,
            scheme=scheme,
            proxied=proxied,
        )
        certificate = _certificate(request)
        if certificate is None and self._reads_usual_places:
            return facts
        # Rare facts are added: CPython collects more than 15 named arguments in a dictionary first, which
        # would cost as much as all checks. A `Handshake` is a struct, see `core.value`.
        return replace(  # type: ignore[type-var]
            facts,
            headers=self._read(headers),
            query=self._query(request),
            # From a proxy's address it is the proxy's own certificate, and not a credential.
            certificate=None if proxied else certificate,
            peer_certificate=certificate,
            request=request if self._keep_request else None,
        )

    @property
    def reads_heads(self) -> bool:
        """Whether `parse_head` returns all facts: no authenticator needs the request, or changes it."""
        return not (self._exclusive or self._keep_request or self._query_names)

    def parse_head(
        self,
        values: Callable[[str], Sequence[str]],
        path: str,
        target: str,
        peer: str,
        scheme: str,
    ) -> Handshake:
        """Return the facts of a GET request without TLS; `reads_heads` must be true.

        Args:
            values: Returns the values of a header by its lower-case name.
            path: The request target without the query.
            target: The request target.
            peer: The address at the other end of the TCP connection.
            scheme: The scheme of that connection.
        """
        facts = self._facts(
            values,
            target,
            path=path,
            method="GET",
            peer=peer,
            scheme=scheme,
            proxied=self._is_proxy(peer),
        )
        if not self._headers:
            return facts
        found = {name: list(v) for name in self._headers if (v := values(name))}
        return replace(facts, headers=found) if found else facts  # type: ignore[type-var]

    def _is_proxy(self, peer: str) -> bool:
        return bool(self._trusted) and in_networks(peer, self._trusted)

    def _facts(
        self,
        values: Callable[[str], Sequence[str]],
        target: str,
        *,
        path: str,
        method: str,
        peer: str,
        scheme: str,
        proxied: bool,
    ) -> Handshake:
        """Return the facts that every request has."""
        address = peer
        if proxied:
            address = client_address(peer, _list(values("x-forwarded-for")), self._trusted)
            # Only the nearest proxy is trusted: it has overwritten the values from further away.
            forwarded = _list(values("x-forwarded-proto"))
            if forwarded and forwarded[-1].lower() in ("http", "https"):
                scheme = forwarded[-1].lower()
        cookies, offered = values("cookie"), values("sec-websocket-protocol")
        return Handshake(
            path=path,
            address=address,
            peer=peer,
            scheme=scheme,
            host=",".join(values("host")).lower(),
            origin=_joined(values("origin")),
            fetch_site=_joined(values("sec-fetch-site")),
            fetch_mode=_joined(values("sec-fetch-mode")),
            user_agent=",".join(values("user-agent"))[:256],
            authorization=values("authorization"),
            cookies=_cookies(cookies, self._cookie) if cookies and self._cookie else {},
            # No more than are needed to refuse too many.
            subprotocols=_list(offered, MOST_SUBPROTOCOLS) if offered else [],
            method=method,
            target=target,  # before secrets are removed from it
        )

    def _read(self, headers: HTTPHeaders) -> dict[str, list[str]]:
        """Return the configured headers.

        Those that only a proxy may send are then removed from the request.
        """
        found = {name: list(v) for name in self._headers if (v := headers.get_list(name))}
        if self._exclusive:
            for name in list(headers):
                if canonical_header(name) in self._exclusive:
                    found[name.lower()] = list(headers.get_list(name))
                    # Set first: Tornado 6.5 cannot delete a header that came twice and was not read.
                    headers[name] = ""
                    del headers[name]
        return found

    def _query(self, request: HTTPServerRequest) -> dict[str, list[str]]:
        """Return the credentials in the query, and remove them from Tornado's log."""
        if not (request.query and self._query_names):
            return {}
        found: dict[str, list[str]] = {}
        kept: list[tuple[str, str]] = []
        for name, value in parse_qsl(request.query, keep_blank_values=True):
            secret = name in self._query_names
            if secret:
                found.setdefault(name, []).append(value)
            kept.append((name, _REDACTED if secret else value))
        if found:
            request.query = urlencode(kept)
            request.uri = f"{request.path}?{request.query}"
        return found
