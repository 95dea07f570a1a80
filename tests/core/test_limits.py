"""Limits are safe as they come, and refuse to be none."""

import math
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from stormdoor.core.limits import COMMAND_LIMITS, OWN_PROTOCOL_LIMITS, EndpointLimits, Limits
from stormdoor.errors import ConfigurationError

USUAL = {
    **{one.name: one.default for one in fields(Limits) if one.name != "own_protocol"},
    **COMMAND_LIMITS.given(),
}
RATES = [name for name, usual in USUAL.items() if isinstance(usual, str)]
NUMBERS = [name for name in USUAL if name not in RATES]
WHOLE = [name for name in NUMBERS if isinstance(USUAL[name], int)]
OF_ENDPOINTS = list(COMMAND_LIMITS.given())


def limits(name: str, value: object) -> Limits:
    """Limits with one of them set."""
    options: dict[str, Any] = {name: value}
    return Limits(**options)


def test_the_defaults_are_limits() -> None:
    """By default each resource that an unauthenticated client can use has a limit."""
    usual = Limits()
    assert all(getattr(usual, name) for name in USUAL if name not in OF_ENDPOINTS)
    assert [one.name for one in fields(EndpointLimits)] == OF_ENDPOINTS
    assert list(OWN_PROTOCOL_LIMITS.given()) == OF_ENDPOINTS


def test_the_defaults_are_these() -> None:
    """The numbers that a guard has without an option are a promise: a change of one is deliberate."""
    assert {name: USUAL[name] for name in NUMBERS} == {
        "tcp_per_address": 100,
        "tcp": 1000,
        "unfinished_requests_per_address": 32,
        "body_seconds": 10.0,
        "body_bytes_per_second": 8192,
        "unauthenticated_body_bytes": 1_048_576,
        "unfinished_body_bytes": 67_108_864,
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
        "buffered_bytes": 268_435_456,
    }
    assert OWN_PROTOCOL_LIMITS.given() == {
        "connections_per_principal": 64,
        "message_bytes": 16_777_216,
        "messages_per_connection": "500/s burst 2000",
        "bytes_per_connection": "16777216/s burst 67108864",
        "messages_per_principal": "2000/s burst 8000",
        "hold_seconds": 30.0,
        "outbound_bytes": 16_777_216,
    }


@pytest.mark.parametrize("name", RATES)
def test_each_rate_can_be_set(name: str) -> None:
    """A rate is kept as it was written."""
    assert getattr(limits(name, "100000/s burst 200000"), name) == "100000/s burst 200000"


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("value", ["", "0/s", "unlimited", "5", 5, 5.0, True, b"5/s", ["5/s"]])
def test_each_rate_must_be_one(name: str, value: object) -> None:
    """An invalid rate is refused when the limits are made."""
    with pytest.raises(ConfigurationError, match=r"is not a rate; write|is a rate; write"):
        limits(name, value)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [0, -1, -(10**30)])
def test_each_number_must_be_positive(name: str, value: float) -> None:
    """Zero and less would refuse everything, or nothing; neither is meant."""
    if (name, value) == ("hold_seconds", 0):
        assert limits(name, value).hold_seconds == 0  # a message above the rate is refused at once
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


@pytest.mark.parametrize(
    "name", [name for name in USUAL if name not in ("connection_seconds", *OF_ENDPOINTS)]
)
def test_none_is_no_limit(name: str) -> None:
    """None does not turn a limit off."""
    kind = "is a rate; write" if name in RATES else "must be a number such as"
    with pytest.raises(ConfigurationError, match=f"limits.{name} {kind}"):
        limits(name, None)


@pytest.mark.parametrize("name", OF_ENDPOINTS)
def test_none_is_the_default_of_the_endpoint(name: str) -> None:
    """None for a limit of endpoints selects the default of the endpoint's set of limits."""
    usual, own = COMMAND_LIMITS.given()[name], OWN_PROTOCOL_LIMITS.given()[name]
    of_guard = limits(name, None)
    assert of_guard.applied(own_protocol=False).setting(name) == f"limits.{name} = {usual!r}"
    assert (
        of_guard.applied(own_protocol=True).setting(name) == f"limits.own_protocol.{name} = {own!r}"
    )


@pytest.mark.parametrize("name", OF_ENDPOINTS)
def test_an_explicit_limit_wins(name: str) -> None:
    """A limit applies to every endpoint, and a limit closer to the endpoint overrides it."""
    given: list[Any] = ["7/s burst 100000000"] * 3 if name in RATES else [70_001, 70_002, 70_003]
    if name in RATES:
        given = [f"{number}/s burst 100000000" for number in (7, 8, 9)]
    of_all, of_own, of_one = given
    own = EndpointLimits(**{name: of_own})
    only = EndpointLimits(**{name: of_one})
    roomy: dict[str, Any] = {"bytes_per_connection": "1/s burst 100000000"}
    of_guard = Limits(**(roomy | {name: of_all}))
    assert of_guard.applied(own_protocol=False).setting(name).endswith(f"{of_all!r}")
    assert of_guard.applied(own_protocol=True).setting(name) == f"limits.{name} = {of_all!r}"
    of_guard = Limits(**(roomy | {name: of_all}), own_protocol=own)
    assert of_guard.applied(own_protocol=False).setting(name) == f"limits.{name} = {of_all!r}"
    nearer = of_guard.applied(own_protocol=True)
    assert nearer.setting(name) == f"limits.own_protocol.{name} = {of_own!r}"
    nearest = of_guard.applied(own_protocol=True, endpoint=only)
    assert nearest.setting(name) == f"EndpointLimits.{name} = {of_one!r}"
    if isinstance(of_one, int):
        assert (getattr(nearest, name, of_one), getattr(nearer, name, of_own)) == (of_one, of_own)


@pytest.mark.parametrize("value", [None, 5, {"message_bytes": 5}, Limits()])
def test_own_protocol_takes_limits_of_endpoints(value: Any) -> None:
    """Anything else is a mistake."""
    with pytest.raises(ConfigurationError, match=r"write Limits\(own_protocol=EndpointLimits\("):
        Limits(own_protocol=value)


@pytest.mark.parametrize("name", OF_ENDPOINTS)
def test_the_limits_of_one_endpoint_are_checked(name: str) -> None:
    """The limits of one endpoint are checked like those of the guard."""
    wrong: dict[str, Any] = {name: "often" if name in RATES else -1}
    with pytest.raises(ConfigurationError, match=r"is not a rate|must be greater than 0"):
        EndpointLimits(**wrong)


def test_a_default_gives_way() -> None:
    """The default of message size or of bytes adapts to the explicit value of the other."""
    few = Limits(own_protocol=EndpointLimits(bytes_per_connection="1000/s burst 70000"))
    assert few.applied(own_protocol=True).message_bytes == 70_000
    assert "message_bytes = 70000" in few.applied(own_protocol=True).setting("message_bytes")
    large = Limits(own_protocol=EndpointLimits(message_bytes=100_000_000))
    assert large.applied(own_protocol=True).bytes.burst >= 100_000_000
    with pytest.raises(ConfigurationError, match="write burst 2000 or more"):
        Limits(
            own_protocol=EndpointLimits(
                message_bytes=2000, bytes_per_connection="1000/s burst 1000"
            )
        )


def test_a_connection_may_live_on() -> None:
    """Only the greatest age of a connection may be None, because credentials have their own expiry."""
    assert Limits(connection_seconds=None).connection_seconds is None


def test_seconds_may_be_whole() -> None:
    """`authentication_seconds = 5` in a file is a number like 5.0."""
    assert Limits(authentication_seconds=5).authentication_seconds == 5


@pytest.mark.parametrize("prefix", [16, 48, 64, 128])
def test_a_prefix_of_ipv6(prefix: int) -> None:
    """The IPv6 prefix that counts as one client has 16 to 128 bits."""
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
    """The limit that the error message proposes is accepted, despite rounding."""
    text = f"{count}/s burst 65536"
    found = Limits(bytes_per_connection=text).applied(own_protocol=False)
    assert found.bytes.burst >= 65_536


def test_limits_cannot_be_changed() -> None:
    """Limits that a guard was built with stay what they are."""
    with pytest.raises(FrozenInstanceError):
        Limits().connections = 1_000_000  # type: ignore[misc]


def test_limits_are_named() -> None:
    """No limit can be passed by position."""
    with pytest.raises(TypeError):
        Limits("60/min")  # type: ignore[call-arg, arg-type]
