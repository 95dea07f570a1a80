"""Targets that may be probed: this machine, and hosts that the operator has authorised.

INVARIANT: no name is resolved before it is authorised, since the look-up itself tells the name server.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

__all__ = ["NotAllowed", "Target", "is_named", "parse_target", "resource_of"]

_PORTS = {"ws": 80, "http": 80, "wss": 443, "https": 443}


class NotAllowed(Exception):
    """The address is no address, or is not authorised."""


@dataclass(frozen=True, slots=True)
class Target:
    """The address to connect to, and the resource.

    Args:
        secure: Whether TLS is spoken.
        host: Name or address, without brackets.
        port: TCP port.
        resource: Path and query, as they go into the request line.
        address: The IP address that `host` had when it was checked: what is connected to.
    """

    secure: bool
    host: str
    port: int
    resource: str
    address: str

    @property
    def netloc(self) -> str:
        """Value of `Host:`; with the port only if it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """The origin of a page of the same site."""
        return f"http{'s' if self.secure else ''}://{self.netloc}"

    @property
    def path(self) -> str:
        """The path without the query, where people put secrets."""
        return self.resource.partition("?")[0]

    @property
    def url(self) -> str:
        """The address of the socket without its query: what reports name it by."""
        return f"ws{'s' if self.secure else ''}://{self.netloc}{self.path}"

    @property
    def is_here(self) -> bool:
        """Return True if it is this machine."""
        return _is_loopback(self.address)

    def at(self, resource: str) -> Target:
        """Another resource of the same server."""
        return replace(self, resource=resource)


def resource_of(url: str) -> str:
    """Return the path and the query of an address, as a request names them."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotAllowed(f"{host} has no address") from error
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _is_loopback(address: str) -> bool:
    """Also where it is written as one of IPv6 (`::ffff:127.0.0.1`)."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def is_named(host: str, port: int, authorized: Collection[str]) -> bool:
    """Return True if the operator has authorised this host, or this port of it.

    Args:
        host: Name or address, without brackets.
        port: TCP port.
        authorized: `HOST` or `HOST:PORT`; an IPv6 address with a port stands in brackets.
    """
    shown = f"[{host}]" if ":" in host else host
    named = {one.lower() for one in authorized}
    return bool(named & {host, shown, f"{shown}:{port}"})


def parse_target(url: str, authorized: Collection[str] = ()) -> Target:
    """Return the target of `url`, if it may be probed.

    A name is looked up once, and the prober connects to the address that was found. So a name cannot point
    elsewhere after the check.

    Args:
        url: With the scheme ws, wss, http or https.
        authorized: Hosts, with or without a port, that may be probed although they are not this machine.

    Raises:
        NotAllowed: It is no such URL, or it points to a machine that is not among them.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NotAllowed(f"{url!r} is no URL: {error}") from error
    host = parts.hostname
    if parts.scheme not in _PORTS or not host:
        raise NotAllowed(f"{url!r} is no URL of a WebSocket; write ws://HOST:PORT/PATH")
    if parts.username is not None or not url.isprintable() or " " in url or not url.isascii():
        raise NotAllowed(
            f"the URL for {host} holds a name, a space or a sign that URLs do not have"
        )
    if port == 0:
        raise NotAllowed(f"{url!r} names port 0, where nothing listens")
    port = port or _PORTS[parts.scheme]
    refusal = NotAllowed(
        f"{host} is not this machine; probe only what you may, and say so: --authorized {host}"
    )
    named = is_named(host, port, authorized)
    # `localhost` and the names below it are this machine's (RFC 6761, section 6.3).
    here = _is_address(host) or host == "localhost" or host.endswith(".localhost")
    if not named and not here:
        raise refusal
    addresses = _addresses(host, port)
    if not named and not all(map(_is_loopback, addresses)):
        raise refusal
    resource = resource_of(url)
    return Target(parts.scheme in {"wss", "https"}, host, port, resource, addresses[0])
