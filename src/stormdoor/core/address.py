"""Whose address it is: the client's, behind proxies that are trusted by network and by nobody's word."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from stormdoor.errors import ConfigurationError

__all__ = ["Network", "client_address", "in_networks", "is_loopback", "parse_networks", "rate_key"]

Network = IPv4Network | IPv6Network


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """The address in `text`, without brackets, port or zone; None if it is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def parse_networks(networks: Sequence[str]) -> tuple[Network, ...]:
    """Read networks such as `10.0.0.0/8` or single addresses.

    Raises:
        ConfigurationError: One is not a network.
    """
    parsed = []
    for network in networks:
        try:
            parsed.append(ip_network(network))
        except ValueError as error:
            raise ConfigurationError(f'{error}; write "10.0.0.0/8" or "192.0.2.1"') from None
    return tuple(parsed)


def in_networks(address: str, networks: Sequence[Network]) -> bool:
    """Whether `address` lies in one of `networks`; False if it is not an address."""
    if not networks:
        return False
    parsed = _parse(address)
    return parsed is not None and any(
        parsed in network for network in networks if network.version == parsed.version
    )


def is_loopback(address: str) -> bool:
    """Whether `address` is this machine's own (127.0.0.0/8 or ::1)."""
    parsed = _parse(address)
    return parsed is not None and parsed.is_loopback


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address of the client.

    `X-Forwarded-For` is read from the right and only as long as the speaker is a trusted proxy: what an
    untrusted client wrote further left is never believed (ASVS 4.1.3, 15.3.4).

    Args:
        peer: The address at the other end of the TCP connection.
        forwarded_for: The entries of all `X-Forwarded-For` headers, in order.
        trusted: Networks of the proxies.
    """
    address = peer
    for entry in reversed(forwarded_for):
        if not in_networks(address, trusted):
            break
        parsed = _parse(entry)
        if parsed is None:
            break
        address = str(parsed)
    return address


def rate_key(address: str, ipv6_prefix: int) -> str:
    """What counts as one client: an IPv4 address, or an IPv6 network of `ipv6_prefix` bits.

    A text that is not an address (a UNIX socket's peer) counts as itself.
    """
    if ":" not in address:
        return address
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, ipv6_prefix), strict=False))
    return address if parsed is None else str(parsed)
