"""Determine the address of a client behind proxies, which are trusted by their network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from stormdoor.errors import ConfigurationError

__all__ = [
    "Network",
    "client_address",
    "in_networks",
    "is_loopback",
    "is_loopback_host",
    "parse_address",
    "parse_networks",
    "rate_key",
]

Network = IPv4Network | IPv6Network

_PORT = r":\d{1,5}"
_BRACKETED = rf"\[([0-9A-Fa-f]*:[0-9A-Fa-f:.]+(?:%[\w.-]{{1,16}})?)\](?:{_PORT})?"
_WRITTEN = re.compile(rf'"?(?:{_BRACKETED}|([0-9.]+){_PORT}|([^\[\]"]+))"?', re.ASCII)


_MAX_LENGTH = 100


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in `text`, without brackets, port or zone; None if there is none.

    All spellings of an IPv4 address give that address: `::ffff:10.0.0.1` is 10.0.0.1. Otherwise a client
    could bypass a rule on an IPv4 network through a socket that accepts both families.
    """
    # Checked before the memo: unauthenticated clients choose the text, and 4096 long ones would fill the
    # memory.
    return _parse(text) if len(text) <= _MAX_LENGTH else None


# Pure, and called for the same few peers, proxies and clients again and again.
@lru_cache(maxsize=4096)
def _parse(text: str) -> IPv4Address | IPv6Address | None:
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        return None
    try:
        address = ip_address(match[1] or match[2] or match[3])
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))  # the number alone: no zone


def parse_networks(networks: Sequence[str]) -> tuple[Network, ...]:
    """Read networks such as `10.0.0.0/8` or single addresses.

    Raises:
        ConfigurationError: One is not a network.
    """
    parsed: list[Network] = []
    for text in networks:
        try:
            network = ip_network(str(text))  # ip_network(10) would be 0.0.0.10
        except ValueError as error:
            raise ConfigurationError(f'{error}; write "10.0.0.0/8" or "192.0.2.1"') from None
        if isinstance(network, IPv6Network) and network.prefixlen >= 96:
            mapped = network.network_address.ipv4_mapped
            if mapped is not None:
                network = IPv4Network((mapped, network.prefixlen - 96))
        parsed.append(network)
    return tuple(parsed)


def in_networks(address: str, networks: Sequence[Network]) -> bool:
    """Return whether `address` lies in one of `networks`; False if it is not an address."""
    if not networks:
        return False
    parsed = parse_address(address)
    return parsed is not None and any(
        parsed in network for network in networks if network.version == parsed.version
    )


def is_loopback(address: str) -> bool:
    """Return whether `address` is a loopback address (127.0.0.0/8 or ::1)."""
    return len(address) <= _MAX_LENGTH and _loopback(address)


def is_loopback_host(host: str) -> bool:
    """Return whether the host of a URL, without brackets, is `localhost` or a loopback address."""
    return host == "localhost" or is_loopback(host)


@lru_cache(maxsize=4096)
def _loopback(text: str) -> bool:
    parsed = _parse(text)
    return parsed is not None and parsed.is_loopback


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """Return the address of the client.

    `X-Forwarded-For` is read from the right, as long as each address is a trusted proxy. Entries further
    left were written by an untrusted client and are ignored (ASVS 4.1.3, 15.3.4).

    Args:
        peer: The address at the other end of the TCP connection.
        forwarded_for: The entries of all `X-Forwarded-For` headers, in order.
        trusted: Networks of the proxies.
    """
    address = peer
    if ":" in peer:
        # So that conditions and the trail have one spelling of each client.
        address = str(parse_address(peer) or peer)
    for entry in reversed(forwarded_for):
        if not in_networks(address, trusted):
            break
        parsed = parse_address(entry)
        if parsed is None:
            break
        address = str(parsed)
    return address


def rate_key(address: str, ipv6_prefix: int) -> str:
    """Return the key of a client for limits: an IPv4 address, or an IPv6 network of `ipv6_prefix` bits.

    A text that is not an address (a UNIX socket's peer) is its own key.
    """
    if ":" not in address:
        return address
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, ipv6_prefix), strict=False))
    return address if parsed is None else str(parsed)
