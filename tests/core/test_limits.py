"""Limits are safe as they come, and refuse to be none."""

import math
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from stormdoor.core.bucket import Rate
from stormdoor.core.limits import Limits
from stormdoor.errors import ConfigurationError

RATES = [one.name for one in fields(Limits) if isinstance(one.default, str)]
NUMBERS = [one.name for one in fields(Limits) if not isinstance(one.default, str)]
WHOLE = [one.name for one in fields(Limits) if isinstance(one.default, int)]


def limits(name: str, value: object) -> Limits:
    """Limits with one of them set."""
    options: dict[str, Any] = {name: value}
    return Limits(**options)


def test_the_defaults_are_limits() -> None:
    """Without an option there is a limit on everything that a stranger can use up."""
    usual = Limits()
    assert all(getattr(usual, one.name) for one in fields(usual))


def test_the_defaults_are_these() -> None:
    """The numbers that a guard has without an option are a promise: a change of one is deliberate."""
    usual = {one.name: one.default for one in fields(Limits) if one.name in NUMBERS}
    assert usual == {
        "connections_per_address": 100,
        "connections_per_principal": 20,
        "connections": 10_000,
        "ipv6_prefix": 64,
        "authentication_seconds": 10.0,
        "connection_seconds": 86_400.0,
        "expiry_notice_seconds": 60.0,
        "first_message_seconds": 5.0,
        "first_message_bytes": 9216,
        "pending_per_address": 10,
        "pending": 1000,
        "unfinished_logins": 10_000,
        "message_bytes": 65_536,
        "message_depth": 16,
        "hold_seconds": 2.0,
        "offences": 20,
        "outbound_bytes": 1_048_576,
        "outbound_seconds": 30.0,
    }


@pytest.mark.parametrize("name", RATES)
def test_each_rate_can_be_set(name: str) -> None:
    """A rate is kept as it was written."""
    assert getattr(limits(name, "100000/s burst 200000"), name) == "100000/s burst 200000"


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize(
    "value", ["", "0/s", "unlimited", "5", 5, 5.0, None, True, b"5/s", ["5/s"]]
)
def test_each_rate_must_be_one(name: str, value: object) -> None:
    """What is not a rate is refused when the limits are made, not at the first message."""
    with pytest.raises(ConfigurationError, match=r"is not a rate; write|is a rate; write"):
        limits(name, value)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [0, -1, -(10**30)])
def test_each_number_must_be_positive(name: str, value: float) -> None:
    """Zero and less would refuse everything, or nothing; neither is meant."""
    if (name, value) == ("hold_seconds", 0):
        assert limits(name, value).hold_seconds == 0  # whoever is too fast is refused at once
        return
    with pytest.raises(ConfigurationError, match=f"limits.{name} must be greater than 0, not"):
        limits(name, value)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "5/s", "64k", [1], b"1"])
def test_each_number_must_be_one(name: str, value: object) -> None:
    """TOML knows `nan`, `inf` and `true`; none of them is a limit, and a rate is no number."""
    with pytest.raises(ConfigurationError, match=f"limits.{name} must be"):
        limits(name, value)


@pytest.mark.parametrize("name", WHOLE)
def test_a_count_must_be_whole(name: str) -> None:
    """Half a connection is a mistake."""
    with pytest.raises(ConfigurationError, match=f"limits.{name} must be a number such as"):
        limits(name, 64.5)


@pytest.mark.parametrize("name", [name for name in NUMBERS if name != "connection_seconds"])
def test_none_is_no_limit(name: str) -> None:
    """None does not turn a limit off."""
    with pytest.raises(ConfigurationError, match=f"limits.{name} must be a number such as"):
        limits(name, None)


def test_a_connection_may_live_on() -> None:
    """Only the greatest age of a connection may be left out: credentials have their own end."""
    assert Limits(connection_seconds=None).connection_seconds is None


def test_seconds_may_be_whole() -> None:
    """`authentication_seconds = 5` in a file is a number like 5.0."""
    assert Limits(authentication_seconds=5).authentication_seconds == 5


@pytest.mark.parametrize("prefix", [16, 48, 64, 128])
def test_a_prefix_of_ipv6(prefix: int) -> None:
    """From 16 to 128 bits count as one client."""
    assert Limits(ipv6_prefix=prefix).ipv6_prefix == prefix


@pytest.mark.parametrize("prefix", [1, 15, 129, 1000])
def test_a_prefix_that_is_none(prefix: int) -> None:
    """Fewer bits would throw half the world together, more do not exist."""
    with pytest.raises(ConfigurationError, match="between 16 and 128; 64 is usual"):
        Limits(ipv6_prefix=prefix)


def test_the_largest_message_must_fit_the_bucket() -> None:
    """A message that is allowed by size and could never pass by rate is a contradiction."""
    with pytest.raises(ConfigurationError, match="write burst 65536 or more"):
        Limits(bytes_per_connection="1000/s burst 65535")


@pytest.mark.parametrize("count", [1, 3, 7, 1000, 65_535, 131_071])
def test_a_bucket_of_exactly_the_largest_message(count: int) -> None:
    """The line that the error asks for is accepted, whatever the rounding."""
    text = f"{count}/s burst 65536"
    assert Rate.parse(Limits(bytes_per_connection=text).bytes_per_connection).burst >= 65_536


def test_limits_cannot_be_changed() -> None:
    """Limits that a guard was built with stay what they are."""
    with pytest.raises(FrozenInstanceError):
        Limits().connections = 1_000_000  # type: ignore[misc]


def test_limits_are_named() -> None:
    """No limit can be passed by position."""
    with pytest.raises(TypeError):
        Limits("60/min")  # type: ignore[call-arg]
