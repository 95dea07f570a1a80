"""Allow-list of pages that may open a socket: exact scheme, host and port (RFC 6454, ASVS 4.4.2).

Browsers serialise an origin in exactly one way: ASCII, lower case, no default port, no path. Any other
spelling does not come from a browser, and is refused without interpretation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address

from stormdoor.core.handshake import Handshake
from stormdoor.errors import ConfigurationError

__all__ = [
    "LOOPBACK_NAMES",
    "SAFE_METHODS",
    "HostPolicy",
    "Origin",
    "OriginPolicy",
    "origins_at",
    "parse_origin",
    "quote",
    "request_as_handshake",
]

_MAX_LENGTH = 300
_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_NAME = rf"{_LABEL}(?:\.{_LABEL})*"
_SCHEME = r"[a-z][a-z0-9+.-]{0,30}"
_ADDRESS = r"\[[0-9a-f:.]{2,45}\]"
_PORT = r"(?::([1-9][0-9]{0,4}))?"
# A domain of at least two labels; the last is not a number, which would make it part of an address.
_DOMAIN = rf"{_NAME}\.(?![0-9]+(?:[^a-z0-9_.-]|\Z)){_LABEL}"
_ORIGIN = re.compile(rf"({_SCHEME})://({_NAME}|{_ADDRESS}){_PORT}", re.ASCII)
_WILDCARD = re.compile(rf"({_SCHEME})://\*\.({_DOMAIN}){_PORT}", re.ASCII)
_HOST = re.compile(rf"({_NAME}|{_ADDRESS})(?::([0-9]{{1,5}}))?", re.ASCII)
_HOST_WILDCARD = re.compile(rf"\*\.({_DOMAIN})", re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods of requests that change nothing (RFC 9110 §9.2.1); TRACE is none that an application needs."""
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
"""The names under which a browser addresses its own machine."""


def quote(text: str) -> str:
    """Return `text` in a form that is safe in a log line: shortened, and without line ends."""
    return ascii(text if len(text) <= 120 else text[:117] + "...")


def _canonical_host(host: str) -> bool:
    """Return whether `host`, if it is an address, has the spelling of a browser."""
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1])) == host[1:-1]
        except ValueError:
            return False
    if host.rpartition(".")[2].isdigit():
        try:
            return str(ip_address(host)) == host
        except ValueError:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Origin:
    """A tuple origin (RFC 6454 §4).

    Attributes:
        scheme: Lower case.
        host: Lower case ASCII; IPv6 in brackets.
        port: The port, with the scheme's default filled in; 0 for schemes without one.
    """

    scheme: str
    host: str
    port: int


def origins_at(names: Iterable[str], port: int, *, secure: bool) -> list[str]:
    """Return the origins of the pages that a server sends under `names` at `port`."""
    scheme = "https" if secure else "http"
    suffix = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    return [f"{scheme}://{name}{suffix}" for name in names]


def parse_origin(text: str) -> Origin | None:
    """Return the origin in `text`, or None if it is not a serialised origin (`null` is not)."""
    match = _ORIGIN.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        return None
    scheme, host, port = match.groups()
    default = _DEFAULT_PORTS.get(scheme, 0)
    number = int(port) if port else default
    if number > 65535 or (port and number == default) or not _canonical_host(host):
        return None
    return Origin(scheme, host, number)


class OriginPolicy:
    """The allow-list of origins.

    Args:
        origins: `https://app.example`, `https://app.example:8443`, or `https://*.example.com` for
            every subdomain (not the domain itself).

    Raises:
        ConfigurationError: An entry is not an origin, or is `null`.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self.entries: tuple[str, ...] = ()
        self._exact: set[str] = set()
        self._suffixes: list[tuple[str, str, int]] = []
        self.add(origins)

    def add(self, origins: Iterable[str]) -> None:
        """Allow more origins, such as those of an address that the server listens on later.

        Raises:
            ConfigurationError: An entry is not an origin, or is `null`.
        """
        for entry in origins:
            match = _WILDCARD.fullmatch(entry)
            if match is not None:
                scheme, domain, port = match.groups()
                number = int(port) if port else _DEFAULT_PORTS.get(scheme, 0)
                self._suffixes.append((scheme, "." + domain, number))
            elif parse_origin(entry) is not None:
                self._exact.add(entry)
            else:
                raise ConfigurationError(_not_an_origin(entry))
            if entry not in self.entries:
                self.entries += (entry,)

    def allows(self, origin: str) -> bool:
        """Return whether a page of `origin` (the header as sent) may open a socket."""
        # INVARIANT: entries are canonical, so comparing the texts compares scheme, host and port.
        if origin in self._exact:
            return True
        if not self._suffixes:
            return False
        parsed = parse_origin(origin)
        return parsed is not None and any(
            parsed.scheme == scheme and parsed.port == port and parsed.host.endswith(suffix)
            for scheme, suffix, port in self._suffixes
        )

    @property
    def hosts(self) -> frozenset[str]:
        """Return the host names of the entries, as the default of the Host allow-list."""
        exact = [parse_origin(entry) for entry in self._exact]
        names = {origin.host for origin in exact if origin is not None}
        return frozenset(names | {"*" + suffix for _, suffix, _ in self._suffixes})

    def refuse(self, handshake: Handshake) -> str | None:
        """Return the reason why the page of `handshake` may not open a socket; None if it may.

        A client that is not a browser has no page, and the result is None.
        `Sec-Fetch-Site` never replaces a missing or foreign Origin, because other clients than browsers can
        send any value. It only makes the result stricter.
        """
        origin = handshake.origin
        if origin is None:
            # A browser always sends both. Node's own WebSocket sends the mode alone, and is not a browser:
            # it needs a credential that it attaches itself, which other checks require.
            if handshake.fetch_site is not None:
                return "a browser's handshake (Sec-Fetch-Site) without an Origin"
            return _other_than_a_socket(handshake)
        if origin not in self._exact and not self.allows(origin):
            return _not_allowed(origin)
        if handshake.fetch_site == "none":
            return "Sec-Fetch-Site says that no page asked for it"
        return None if handshake.fetch_mode is None else _other_than_a_socket(handshake)

    def refuse_request(
        self, request: Handshake, referer: str | None, *, links: bool = True
    ) -> str | None:
        """Return the reason why the page that sent an HTTP request may not send it; None if it may.

        An Origin decides, for each method. Without one, `Sec-Fetch-Site` decides. A script or image of an
        allowed page on another port has no Origin: it may be read if the Referer names that page. A
        browser without both sends at least a Referer with a form. A client that sends none of the three is
        not a browser, so that it carries no cookie of a victim. No header replaces a foreign Origin.

        Args:
            request: The facts of the request.
            referer: Its Referer header.
            links: Accept a navigation from another site, such as a link. False for a GET that changes
                something, such as a logout.

        Source: Fetch Standard (Origin header), W3C Fetch Metadata, ASVS 3.5.1.
        """
        origin, site = request.origin, request.fetch_site
        if origin is not None:
            return None if self.allows(origin) else _not_allowed(origin)
        safe = request.method in SAFE_METHODS
        if site is None:
            if safe or referer is None or self.allows(_origin_of(referer)):
                return None
            return f"a page of {quote(_origin_of(referer))} sent it, as its Referer says"
        if site == "same-origin" or (safe and site == "none"):
            return None
        if safe and links and request.fetch_mode == "navigate":
            return None
        if safe and links and site == "same-site" and referer and self.allows(_origin_of(referer)):
            return None
        return f"Sec-Fetch-Site is {quote(site)}"


_OF_SCRIPTS = frozenset({"cors", "no-cors", "same-origin"})
"""Values of `Sec-Fetch-Mode` for requests by a script or an element of a page: no navigation."""


def request_as_handshake(handshake: Handshake) -> Handshake:
    """Return the facts of a page's HTTP request, for a check by the rules for handshakes.

    A browser's handshake always has an Origin. A page's GET to its own origin has none: there the browser
    sends `Sec-Fetch-Site: same-origin`, and the origin is that of the request itself. Browsers send
    `Sec-Fetch-*` over HTTPS, and over HTTP to loopback only. A navigation is never treated as a handshake.

    Source: Fetch Standard (Origin header), W3C Fetch Metadata.
    """
    if handshake.fetch_mode not in _OF_SCRIPTS:
        return handshake
    if handshake.origin is not None:
        return replace(handshake, fetch_mode=None)
    if handshake.fetch_site != "same-origin":
        return handshake
    own = f"{handshake.scheme}://{handshake.host}"
    return replace(handshake, origin=own, fetch_mode=None)


def _other_than_a_socket(handshake: Handshake) -> str | None:
    if handshake.fetch_mode is not None and handshake.fetch_mode != "websocket":
        return f"Sec-Fetch-Mode is {quote(handshake.fetch_mode)}, not websocket"
    return None


def _not_allowed(origin: str) -> str:
    if origin == "null":
        return "the origin is null (a sandboxed or local page); serve the page from an address"
    if parse_origin(origin) is None:
        return f"{quote(origin)} is not an origin"
    line = f'origins = ["{origin}"]'
    return f"{quote(origin)} is not allowed; to allow it, add to the guard: {line}"


def _origin_of(address: str) -> str:
    """Return the text of the origin in a Referer, which browsers write as in an Origin header."""
    return "/".join(address.split("/", 3)[:3])


def _not_an_origin(entry: str) -> str:
    shown = quote(entry)
    if entry == "*":
        return "origins: '*' would let every page of the web in; list the origins of your own pages"
    if entry == "null":
        return "origins: 'null' is the origin of every sandboxed page; it cannot be allowed"
    parsed = parse_origin(entry.lower().rstrip("/"))
    if parsed is not None and parse_origin(entry) is None:
        return f'origins: {shown} is not exact; write "{entry.lower().rstrip("/")}"'
    return (
        f'origins: {shown} is not an origin; write "https://app.example" or "https://*.example.com"'
    )


class HostPolicy:
    """Allow-list of Host names, against DNS rebinding.

    Args:
        hosts: `app.example` (any port), `app.example:8443`, or `*.example.com`.

    Raises:
        ConfigurationError: An entry is not a host name.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        self.entries = tuple(hosts)
        self._exact: set[str] = set()
        self._suffixes: list[str] = []
        for entry in self.entries:
            match = _HOST_WILDCARD.fullmatch(entry)
            if match is not None:
                self._suffixes.append("." + match[1])
            elif _HOST.fullmatch(entry):
                self._exact.add(entry)
            else:
                raise ConfigurationError(
                    f'hosts: {quote(entry)} is not a host; write "app.example"'
                )

    def allows(self, host: str) -> bool:
        """Return whether `host` (the header in lower case) names this application."""
        if not self.entries or host in self._exact:
            return True
        name, _, port = host.partition(":")
        if name in self._exact and port.isdecimal() and port.isascii() and len(port) <= 5:
            return True  # the result of the expression, at a tenth of its cost
        match = _HOST.fullmatch(host) if len(host) <= _MAX_LENGTH else None
        if match is None:
            return False
        name = match[1]
        return name in self._exact or any(name.endswith(suffix) for suffix in self._suffixes)
