"""The client's address is what a trusted proxy saw, in one spelling, not what a client wrote."""

from ipaddress import ip_address, ip_network

import pytest

from stormdoor.core import address as address_module
from stormdoor.core.address import (
    client_address,
    in_networks,
    is_loopback,
    is_loopback_host,
    parse_address,
    parse_networks,
    rate_key,
)
from stormdoor.errors import ConfigurationError
from tests.support.effort import costs_less

ADDRESSES = [
    ("192.0.2.1", "192.0.2.1"),
    ("192.0.2.1:8080", "192.0.2.1"),
    ('"192.0.2.1:8080"', "192.0.2.1"),
    ("  192.0.2.1\t", "192.0.2.1"),
    ("2001:db8::1", "2001:db8::1"),
    ("2001:DB8:0:0::1", "2001:db8::1"),
    ("[2001:db8::1]", "2001:db8::1"),
    ("[2001:db8::1]:443", "2001:db8::1"),
    ('"[2001:db8::1]:443"', "2001:db8::1"),
    ("fe80::1%eth0", "fe80::1"),
    ("[fe80::1%eth0]:80", "fe80::1"),
    ("::1%25lo", "::1"),
    ("::", "::"),
    # IPv4 within IPv6
    ("::ffff:192.0.2.1", "192.0.2.1"),
    ("::FFFF:192.0.2.1", "192.0.2.1"),
    ("::ffff:c000:201", "192.0.2.1"),
    ("0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"),
    ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
    ("::ffff:192.0.2.1%eth0", "192.0.2.1"),
    # the same bits elsewhere are another address
    ("::192.0.2.1", "::c000:201"),
    ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
]

NO_ADDRESSES = [
    "",
    " ",
    '"',
    '""',
    "unknown",
    "_hidden",
    "localhost",
    "evil.example",
    "127.0.0.1.evil.example",
    "192.0.2",
    "192.0.2.256",
    "192.0.2.1.1",
    "192.0.2.01",
    "0300.0.2.1",
    "0xc0.0.2.1",
    "3221225985",
    "192.0.2.1/32",
    "192.0.2.1,10.0.0.1",
    "192.0.2.1, 10.0.0.1",
    "192.0.2.1 10.0.0.1",
    "192.0.2.1:",
    "192.0.2.1:http",
    "192.0.2.1:80:80",
    "192.0.2.1:999999",
    "192.0.2.1%eth0",
    "192.0.2.1\x00",
    "192.0.2.1\n10.0.0.1",
    "127.0.0.1:evil",
    "[192.0.2.1]",
    "[127.0.0.1",
    "127.0.0.1]",
    "[::1",
    "::1]",
    "[::1]evil.example",
    "[::1].evil.example",
    "[::1]:",
    "[::1]:http",
    "[[::1]]",
    "[]",
    "[]:80",
    "[::1]:80:80",
    "::1%",
    "::ffff:192.0.2.256",
    "::g",
    ":::",
    "1::2::3",
    "2001:db8::1/128",
    "\u0661\u0669\u0662.0.2.1",
    "１９２.0.2.1",  # noqa: RUF001 - full-width digits
    "192。0。2。1",
    "x" * 1_000_000,
    "1." * 500_000,
    ":" * 1_000_000,
    "[" * 1_000_000,
]


@pytest.mark.parametrize(("text", "expected"), ADDRESSES)
def test_an_address_is_read(text: str, expected: str) -> None:
    """Brackets, port, zone and the IPv6 form of an IPv4 address do not matter."""
    assert parse_address(text) == ip_address(expected)


@pytest.mark.parametrize("text", NO_ADDRESSES, ids=lambda text: ascii(text[:24]))
def test_what_is_no_address_is_none(text: str) -> None:
    """Something that only begins like an address is no address."""

    def read() -> None:
        address_module._parse.cache_clear()
        assert parse_address(text) is None

    assert costs_less(0.5, read)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("64:ff9b::/96", "64:ff9b::/96"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_is_read(text: str, expected: str) -> None:
    """A network is one, or a single address; the IPv6 form of an IPv4 network is that network."""
    assert parse_networks([text]) == (ip_network(expected),)


@pytest.mark.parametrize(
    "networks",
    [
        ["10.0.0.1/8"],
        ["10.0.0.0/33"],
        ["10.0.0.0/-1"],
        ["10/8"],
        ["proxy.example"],
        [""],
        ["*"],
        ["10.0.0.0/8", "x"],
        [10],
        [167772160],
        [None],
        [b"\x0a\x00\x00\x00"],
        "10.0.0.0/8",
        "10",
    ],
)
def test_what_is_no_network_is_refused(networks: list[str]) -> None:
    """Bits below the mask, a name, a number, or a text in place of a list: none is a network."""
    with pytest.raises(ConfigurationError, match=r'write "10.0.0.0/8" or "192.0.2.1"'):
        parse_networks(networks)


PRIVATE = parse_networks(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.255.255.255", True),
        ("::ffff:10.0.0.1", True),
        ("10.0.0.1:80", True),
        ("fd12::1", True),
        ("11.0.0.1", False),
        ("::10.0.0.1", False),
        ("fe00::1", False),
        ("", False),
        ("10.0.0.1.evil.example", False),
    ],
)
def test_in_networks(address: str, expected: bool) -> None:
    """An address is in a network by its bits, and what is no address is in none."""
    assert in_networks(address, PRIVATE) is expected


def test_nothing_is_in_no_network() -> None:
    """An empty list of networks contains no address."""
    assert not in_networks("10.0.0.1", ())


def test_an_ipv4_address_is_not_in_all_of_ipv6() -> None:
    """`::/0` covers IPv6 alone."""
    assert not in_networks("192.0.2.1", parse_networks(["::/0"]))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("127.0.0.1:8888", True),
        ("::1", True),
        ("[::1]:8888", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("::127.0.0.1", False),
        ("10.0.0.1", False),
        ("128.0.0.1", False),
        ("localhost", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1:evil.example", False),
        ("[::1]evil.example", False),
        ("[::1]@evil.example", False),
        ("127.1", False),
        ("0x7f000001", False),
        ("2130706433", False),
        ("", False),
    ],
)
def test_is_loopback(address: str, expected: bool) -> None:
    """An address counts as this machine's own only if it certainly is. A host may also be `localhost`."""
    assert is_loopback(address) is expected
    assert is_loopback_host(address) is (expected or address == "localhost")


PROXIES = parse_networks(["10.0.0.0/8"])

CHAINS = [
    pytest.param("192.0.2.1", [], "192.0.2.1", id="direct"),
    pytest.param("192.0.2.1", ["127.0.0.1"], "192.0.2.1", id="forged-without-proxy"),
    pytest.param("192.0.2.1", ["10.0.0.1"], "192.0.2.1", id="forged-proxy-without-proxy"),
    pytest.param("10.0.0.1", ["198.51.100.7"], "198.51.100.7", id="one-proxy"),
    pytest.param("10.0.0.1", [], "10.0.0.1", id="proxy-itself"),
    pytest.param(
        "10.0.0.1", ["127.0.0.1", "198.51.100.7"], "198.51.100.7", id="forged-behind-proxy"
    ),
    pytest.param(
        "10.0.0.1", ["10.9.9.9", "198.51.100.7"], "198.51.100.7", id="forged-proxy-behind-proxy"
    ),
    pytest.param(
        "10.0.0.1",
        ["203.0.113.5", "10.0.0.3", "198.51.100.7", "10.0.0.2"],
        "198.51.100.7",
        id="two-proxies-and-a-forged-chain",
    ),
    pytest.param("10.0.0.1", ["10.0.0.3", "10.0.0.2"], "10.0.0.3", id="client-among-proxies"),
    pytest.param("10.0.0.1", ["198.51.100.7", "unknown"], "10.0.0.1", id="no-address"),
    pytest.param("10.0.0.1", ["198.51.100.7", ""], "10.0.0.1", id="empty-entry"),
    pytest.param("10.0.0.1", ["198.51.100.7", "10.0.0.2, 1.1.1.1"], "10.0.0.1", id="unsplit"),
    pytest.param("10.0.0.1", ["127.0.0.1:evil"], "10.0.0.1", id="odd-port"),
    pytest.param("10.0.0.1", ["198.51.100.7:1234"], "198.51.100.7", id="port"),
    pytest.param("10.0.0.1", ["[2001:DB8::1]:1234"], "2001:db8::1", id="ipv6-and-port"),
    pytest.param("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7", id="mapped-proxy"),
    pytest.param("10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7", id="mapped-client"),
    pytest.param("::ffff:192.0.2.1", [], "192.0.2.1", id="mapped-peer"),
    pytest.param("fe80::1%eth0", [], "fe80::1", id="peer-with-zone"),
    pytest.param("2001:DB8::1", [], "2001:db8::1", id="peer-in-capitals"),
    pytest.param("", ["127.0.0.1"], "", id="unix-socket"),
    pytest.param("unix:/run/app.sock", ["127.0.0.1"], "unix:/run/app.sock", id="named-socket"),
]


@pytest.mark.parametrize(("peer", "forwarded", "expected"), CHAINS)
def test_client_address(peer: str, forwarded: list[str], expected: str) -> None:
    """Entries are believed from the right, and only as long as a trusted proxy wrote them."""
    assert client_address(peer, forwarded, PROXIES) == expected


def test_without_proxies_nothing_is_believed() -> None:
    """Without trusted proxies the client's address is the peer's, and forwarded headers are ignored."""
    assert client_address("10.0.0.1", ["192.0.2.1"], ()) == "10.0.0.1"


def test_strangers_do_not_fill_the_memo() -> None:
    """Long texts that are no addresses (a Host header, for one) are not kept."""
    before = address_module._parse.cache_info().currsize
    for n in range(200):
        assert not is_loopback(f"{n}." * 20_000)
    assert address_module._parse.cache_info().currsize == before


def test_a_long_forged_chain_costs_nothing() -> None:
    """Entries left of the client's own address are not parsed."""
    forged = ["10.0.0.2"] * 200_000

    def read() -> None:
        address_module._parse.cache_clear()
        assert client_address("10.0.0.1", [*forged, "198.51.100.7"], PROXIES) == "198.51.100.7"

    assert costs_less(0.5, read)


@pytest.mark.parametrize(
    ("address", "prefix", "expected"),
    [
        ("192.0.2.1", 64, "192.0.2.1"),
        ("192.0.2.1:80", 64, "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", 64, "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", 48, "2001:db8:1::/48"),
        ("2001:db8::1", 128, "2001:db8::1/128"),
        ("[2001:db8::1]:80", 64, "2001:db8::/64"),
        ("fe80::1%eth0", 64, "fe80::/64"),
        ("::ffff:192.0.2.1", 64, "192.0.2.1"),
        ("", 64, ""),
        ("unix:/run/app.sock", 64, "unix:/run/app.sock"),
    ],
)
def test_rate_key(address: str, prefix: int, expected: str) -> None:
    """An IPv4 address is one client; so is an IPv6 prefix, for a client may have 2**64 of those."""
    assert rate_key(address, prefix) == expected
