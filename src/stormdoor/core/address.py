"""Whose address it is: the client's, behind proxies trusted by network and by nobody's word."""

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
    """The address in `text`, without brackets, port or zone; None if it is none.

    An IPv4 address is an IPv4 address however it is written: `::ffff:10.0.0.1` is 10.0.0.1, so that
    a socket that speaks both families does not let anybody around a rule on an IPv4 network.
    """
    # Checked before the memo: strangers choose the text, and 4096 long ones would fill the memory.
    return _parse(text) if len(text) <= _MAX_LENGTH else None


# Pure, and asked about the same few peers, proxies and clients again and again.
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
    """Whether `address` lies in one of `networks`; False if it is not an address."""
    if not networks:
        return False
    parsed = parse_address(address)
    return parsed is not None and any(
        parsed in network for network in networks if network.version == parsed.version
    )


def is_loopback(address: str) -> bool:
    """Whether `address` is this machine's own (127.0.0.0/8 or ::1)."""
    return len(address) <= _MAX_LENGTH and _loopback(address)


@lru_cache(maxsize=4096)
def _loopback(text: str) -> bool:
    parsed = _parse(text)
    return parsed is not None and parsed.is_loopback


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address of the client.

    `X-Forwarded-For` is read from the right and only as long as the speaker is a trusted proxy:
    what an untrusted client wrote further left is never believed (ASVS 4.1.3, 15.3.4).

    Args:
        peer: The address at the other end of the TCP connection.
        forwarded_for: The entries of all `X-Forwarded-For` headers, in order.
        trusted: Networks of the proxies.
    """
    address = peer
    if ":" in peer:
        # So that conditions and the trail see one spelling of one client.
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
    """What counts as one client: an IPv4 address, or an IPv6 network of `ipv6_prefix` bits.

    A text that is not an address (a UNIX socket's peer) counts as itself.
    """
    if ":" not in address:
        return address
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, ipv6_prefix), strict=False))
    return address if parsed is None else str(parsed)
