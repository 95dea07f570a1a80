"""The largest networks of a flood are named, in bounded memory."""

import random

import pytest

from stormdoor.core.largest_networks import LargestNetworks


@pytest.mark.parametrize(
    ("addresses", "named"),
    [
        ([], ""),
        (["", "unix:/run/door"], ""),
        (["192.0.2.1", "192.0.2.200", "198.51.100.1"], "192.0.2.0/24 2, 198.51.100.0/24 1"),
        (["::ffff:192.0.2.1", "192.0.2.9"], "192.0.2.0/24 2"),
        (
            ["2001:db8:1:2::1", "2001:db8:1:ffff::9", "2001:db8:2::"],
            "2001:db8:1::/48 2, 2001:db8:2::/48 1",
        ),
        (
            ["2001:db8:0:1::", "2001:0:5::", "64:ff9b::1"],
            "64:ff9b::/48 1, 2001:0:5::/48 1, 2001:db8::/48 1",
        ),
    ],
)
def test_networks_are_counted_by_their_addresses(addresses: list[str], named: str) -> None:
    """24 bits of an IPv4 address, 48 of an IPv6 address; a text that is no address counts nowhere."""
    networks = LargestNetworks()
    for one in addresses:
        networks.add(one)
    assert str(networks) == named


def test_at_most_twenty_are_named_and_few_are_kept() -> None:
    """A flood from twenty thousand networks takes bounded memory and text."""
    networks = LargestNetworks()
    for number in range(20_000):
        networks.add(f"10.{number >> 8 & 255}.{number & 255}.1", 1 + (number % 7 == 0))
        assert len(networks._counts) <= 512
    assert str(networks).count(", ") <= 19
    assert len(str(networks)) < 700


def test_no_number_of_addresses_hides_a_large_network() -> None:
    """A network with one in 200 of all events is named, at any place among new ones; no count is too high."""
    events = ["203.0.113.9"] * 100 + [f"2001:db8:{number:x}::1" for number in range(19_900)]
    random.Random(7).shuffle(events)
    networks = LargestNetworks()
    for one in events:
        networks.add(one)
    network, _, count = str(networks).split(", ")[0].partition(" ")
    assert network == "203.0.113.0/24"
    assert 0 < int(count) <= 100
