"""Every parser, on every text: it accepts what it should, or refuses as it says; no more."""

import json
from datetime import timedelta
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

import msgspec
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from stormdoor.core.address import (
    client_address,
    in_networks,
    is_loopback,
    parse_address,
    parse_networks,
    rate_key,
)
from stormdoor.core.bucket import Rate
from stormdoor.core.condition import parse_condition
from stormdoor.core.decision import AccessRequest, Environment, Resource
from stormdoor.core.message import Command, decoder, encode_error, read_id, too_deep
from stormdoor.core.origin import HostPolicy, OriginPolicy, parse_origin, quote
from stormdoor.core.permission import check_pattern, check_permission, granted
from stormdoor.core.principal import Principal
from stormdoor.errors import ConfigurationError, PolicyError
from tests.properties.strategies import any_text, json_values, nearly

# A text that makes a parser slow fails here; the limit is far above what a busy machine needs.
prompt = settings(deadline=timedelta(seconds=2))

# Permissions ------------------------------------------------------------------------------------

names = nearly(st.sampled_from(["chat:say", "chat:*", "*", "chat.v2:room:say_all"]))


@prompt
@given(any_text | names)
def test_permission_or_refusal(text: str) -> None:
    """A text is a permission of plain lower-case words, or it is refused."""
    try:
        assert check_permission(text) == text
    except PolicyError:
        return
    assert text.isascii()
    assert text == text.lower()
    assert not set(text) - set("abcdefghijklmnopqrstuvwxyz0123456789_.-:")
    assert check_pattern(text) == text
    assert granted(text, [text])


@prompt
@given(any_text | names, names)
def test_a_pattern_grants_only_what_begins_like_it(pattern: str, permission: str) -> None:
    """A valid pattern grants itself, or names that continue it after a colon."""
    try:
        check_pattern(pattern)
        check_permission(permission)
    except PolicyError:
        return
    if granted(permission, [pattern]) and pattern != "*":
        assert permission == pattern or (
            pattern.endswith(":*") and permission.startswith(pattern[:-1])
        )


# Conditions -------------------------------------------------------------------------------------

paths = st.sampled_from(
    [
        "principal.id",
        "principal.roles",
        "principal.tenant",
        "principal.x",
        "principal.y",
        "principal.absent",
        "resource.id",
        "resource.x",
        "resource.y",
        "environment.strength",
        "environment.address",
        "environment.hour",
        "environment.authentication_age",
    ]
)
literals = st.sampled_from(
    ["null", "true", "5", "2.5", '"alice"', '["alice", 5]', "[]", "{}", '"10.0.0.0/8"', '["::/0"]']
) | json_values.map(json.dumps)
operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "not in", "within"])
lines = st.builds(
    lambda left, symbol, right: f"{left} {symbol} {right}", paths, operators, paths | literals
)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 5),
    st.floats(),
    st.sampled_from(["alice", "", "10.0.0.1", "10.0.0.0/8", "::ffff:10.0.0.1"]),
    st.lists(st.none() | st.booleans() | st.integers(0, 5) | st.sampled_from(["alice", "b"])),
    st.frozensets(st.sampled_from(["alice", "b"])),
    st.dictionaries(st.sampled_from(["alice"]), st.integers()),
)
asked = st.builds(
    lambda tenant, p, q, resource, age: AccessRequest(
        Principal("alice", frozenset({"member"}), tenant, {"x": p, "y": q}),
        "chat:say",
        resource,
        Environment(1e9, "10.0.0.1", "/chat", "jwt", age, 1),
    ),
    st.sampled_from([None, "acme"]),
    values,
    values,
    st.none()
    | st.builds(lambda p, q: Resource("room", "lobby", None, {"x": p, "y": q}), values, values),
    st.floats(),
)


@prompt
@given(any_text | nearly(lines))
@example('principal.id == "' + "a" * 600 + '"')
@example("principal.id == " + "[" * 400)
def test_condition_or_refusal(text: str) -> None:
    """A text is a condition that prints as itself, or a PolicyError with a short message."""
    try:
        condition = parse_condition(text)
    except PolicyError as error:
        assert len(str(error)) < 700  # noqa: PT017 - the message is the outcome here
        return
    assert parse_condition(repr(condition)) == condition
    assert "\n" not in repr(condition)


def answer(text: str, request: AccessRequest) -> bool | None:
    """Return the value of the condition; None if it raises or cannot be parsed."""
    try:
        said: Any = parse_condition(text)(request)
    except Exception:  # noqa: BLE001 - any exception denies
        return None
    assert said is True or said is False
    return bool(said)


@given(paths, paths | literals, asked)
def test_a_condition_and_its_opposite(left: str, right: str, request: AccessRequest) -> None:
    """Of a question and its negation, one is true, or neither can be answered.

    So a forbid cannot be escaped by making its question unanswerable in one direction only.
    """
    for one, other in (("==", "!="), ("in", "not in")):
        yes, no = (
            answer(f"{left} {one} {right}", request),
            answer(f"{left} {other} {right}", request),
        )
        assert (yes is None and no is None) or yes is (not no)


@given(paths, paths | literals, asked)
def test_numbers_and_texts_are_ordered(left: str, right: str, request: AccessRequest) -> None:
    """Exactly one of less and greater-or-equal is true for two numbers."""
    less = answer(f"{left} < {right}", request)
    rest = answer(f"{left} >= {right}", request)
    both = (answer(f"{left} > {right}", request), answer(f"{left} <= {right}", request))
    assert (less is None) == (rest is None) == (both[0] is None) == (both[1] is None)
    if less:
        assert (rest, *both) == (False, False, True)


@given(lines, asked)
def test_a_condition_answers_or_raises(line: str, request: AccessRequest) -> None:
    """A condition returns True or False, or raises an exception, which denies."""
    answer(line, request)


@given(values.filter(lambda value: not isinstance(value, bool)), asked)
def test_two_kinds_are_never_equal(value: Any, request: AccessRequest) -> None:
    """True is not 1, and a text is not a number: such a question has no answer."""
    principal = Principal("alice", attributes={"x": value, "y": True})
    request = AccessRequest(principal, "chat:say", None, request.environment)
    if value is not None:
        assert answer("principal.x == principal.y", request) is None
        assert answer("principal.x != principal.y", request) is None


# Rates ------------------------------------------------------------------------------------------

rate_texts = st.sampled_from(["5/s", "100/min", "10/30s", "5/s burst 20", "0.5/h", "1/d burst 1"])


@prompt
@given(any_text | nearly(rate_texts))
@example("5/" + " " * 100_000)
def test_rate_or_refusal(text: str) -> None:
    """A text is a rate that limits something, or a ConfigurationError."""
    try:
        rate = Rate.parse(text)
    except ConfigurationError:
        return
    assert 0 < rate.interval <= rate.tolerance < float("inf")


# Addresses --------------------------------------------------------------------------------------

real = st.ip_addresses()
written = real.flatmap(
    lambda address: st.sampled_from(
        [str(address), f"[{address}]:80", f'"[{address}]:80"', f" {address} ", f"{address}%eth0"]
        if address.version == 6
        else [str(address), f"{address}:80", f'"{address}:80"', f"::ffff:{address}"]
    )
)


@given(real)
def test_every_address_is_read(address: Any) -> None:
    """`parse_address` reads every address that the standard library writes."""
    expected = getattr(address, "ipv4_mapped", None) or address
    assert parse_address(str(address)) == expected


@prompt
@given(any_text | written | nearly(written))
def test_address_or_none(text: str) -> None:
    """A text is an address that has one spelling, or None; nothing raises."""
    parsed = parse_address(text)
    everywhere = parse_networks(["0.0.0.0/0", "::/0"])
    assert in_networks(text, everywhere) is (parsed is not None)
    assert is_loopback(text) is (parsed is not None and parsed.is_loopback)
    key = rate_key(text, 64)
    if parsed is None:
        assert key == text
        return
    assert parse_address(str(parsed)) == parsed
    if ":" in text:
        assert rate_key(str(parsed), 64) == key


@given(real, st.integers(16, 128), st.integers(0, 2**128 - 1))
def test_one_prefix_is_one_client(address: Any, prefix: int, other: int) -> None:
    """Every address of an IPv6 prefix has one key, and every IPv4 address its own."""
    key = rate_key(str(address), prefix)
    if address.version == 4:
        assert key == str(address)
        return
    assume(address.ipv4_mapped is None)
    network = ip_network((address, prefix), strict=False)
    neighbour = network[other % network.num_addresses]
    assume(neighbour.version == 6 and getattr(neighbour, "ipv4_mapped", None) is None)
    assert rate_key(str(neighbour), prefix) == key == str(network)


@prompt
@given(any_text | nearly(st.sampled_from(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"])))
def test_network_or_refusal(text: str) -> None:
    """A text is a network, or a ConfigurationError."""
    try:
        (network,) = parse_networks([text])
    except ConfigurationError:
        return
    assert in_networks(str(network.network_address), [network])


trusted = parse_networks(["10.0.0.0/8"])
proxies = st.integers(1, 250).map("10.0.0.{}".format)
strangers = st.integers(1, 250).map("198.51.100.{}".format)


@given(
    st.lists(any_text | proxies | strangers, max_size=6),
    strangers,
    st.lists(proxies, min_size=1, max_size=4),
)
def test_forged_forwarding_header_is_ignored(
    forged: list[str], client: str, path: list[str]
) -> None:
    """The client's address is the one that the first proxy saw, with any forged header."""
    *hops, peer = path
    assert client_address(peer, [*forged, client, *hops], trusted) == client


@given(strangers, st.lists(any_text | proxies | strangers, max_size=6))
def test_a_stranger_is_not_a_proxy(client: str, forged: list[str]) -> None:
    """The address of a client that connects directly is the peer's."""
    assert client_address(client, forged, trusted) == client


# Origins and hosts ------------------------------------------------------------------------------

LISTED = ("https://app.example", "https://*.example.com", "https://app.example:8443")
POLICY = OriginPolicy(LISTED)
labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
hosts = st.lists(labels, min_size=1, max_size=3).map(".".join) | st.sampled_from(
    ["app.example", "a.example.com", "example.com", "[::1]", "127.0.0.1"]
)
origins = st.builds(
    lambda scheme, host, port: f"{scheme}://{host}{port}",
    st.sampled_from(["https", "http", "wss"]),
    hosts,
    st.sampled_from(["", ":443", ":80", ":8443", ":65535", ":65536"]),
)


@prompt
@given(any_text | origins | nearly(origins))
def test_an_origin_has_one_spelling(text: str) -> None:
    """A parsed origin is written back unchanged, and `urlsplit` agrees with it."""
    parsed = parse_origin(text)
    if parsed is None:
        return
    default = {"http": 80, "https": 443}.get(parsed.scheme, 0)
    port = "" if parsed.port == default else f":{parsed.port}"
    assert f"{parsed.scheme}://{parsed.host}{port}" == text
    split = urlsplit(text)
    assert (split.scheme, split.hostname) == (parsed.scheme, parsed.host.strip("[]"))
    assert (split.port or default) == parsed.port
    assert (split.path, split.query, split.fragment, split.username) == ("", "", "", None)


@prompt
@given(
    any_text | origins | nearly(st.sampled_from(["https://app.example", "https://a.example.com"]))
)
def test_only_listed_origins_are_allowed(text: str) -> None:
    """An allowed origin is on the list, or is a subdomain for every parser."""
    if not POLICY.allows(text):
        return
    if text not in LISTED:
        split = urlsplit(text)
        assert (split.scheme, split.port, split.netloc) == ("https", None, split.hostname)
        assert (split.hostname or "").endswith(".example.com")
        assert text == f"https://{split.hostname}"
        assert text.isascii()


@prompt
@given(any_text | hosts | nearly(st.sampled_from(["app.example:8443", "a.example.com"])))
def test_only_listed_hosts_are_allowed(text: str) -> None:
    """A Host that is allowed is a listed name, or a subdomain, with or without a port."""
    if not HostPolicy(["app.example", "*.example.com"]).allows(text):
        return
    name, _, port = text.partition(":")
    assert name == "app.example" or (name.endswith(".example.com") and name.isascii())
    assert port == "" or (port.isascii() and port.isdigit())


@given(any_text | nearly(origins))
def test_an_allow_list_of_anything(text: str) -> None:
    """An entry is refused, or allows at most what it says."""
    try:
        policy = OriginPolicy([text])
    except ConfigurationError as error:
        assert str(error).isprintable()  # noqa: PT017 - the message is the outcome here
        return
    assert policy.allows(text) is ("*" not in text)


@given(any_text)
def test_quoted_text_is_one_line(text: str) -> None:
    """Quoted text is printable ASCII of bounded length."""
    quoted = quote(text)
    assert quoted.isascii()
    assert quoted.isprintable()
    assert len(quoted) <= 1210


# Messages ---------------------------------------------------------------------------------------


class Say(Command, tag="say"):
    """A command."""

    room: str


DECODE = decoder([Say]).decode


def depth(value: Any) -> int:
    """Return the depth of nested lists and objects."""
    inner = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    )
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(json_values, st.integers(0, 6))
def test_depth_is_depth(value: Any, limit: int) -> None:
    """For valid JSON the measured depth is correct."""
    assert too_deep(json.dumps(value), limit) is (depth(value) > limit)


@prompt
@given(any_text | nearly(json_values.map(json.dumps)), st.integers(0, 3))
@example("[" * 20 + '"' + '\\"' * 100_000, 3)
def test_what_is_deep_does_not_pass_as_shallow(text: str, limit: int) -> None:
    """`too_deep` never misses the depth of a valid JSON text."""
    deep = too_deep(text, limit)
    try:
        value = json.loads(text)
    except ValueError:
        return
    assert deep is (depth(value) > limit)


@prompt
@given(
    any_text | nearly(st.just('{"type":"say","room":"lobby","id":7}')) | json_values.map(json.dumps)
)
def test_message_or_refusal(text: str) -> None:
    """A text is a command with nothing unknown in it, or an error; its id is one, or none."""
    id = read_id(text)
    assert id is msgspec.UNSET or isinstance(id, (str, int))
    if id is not msgspec.UNSET:
        assert json.loads(encode_error("invalid", id))["id"] == id
    try:
        command = DECODE(text)
    except (msgspec.DecodeError, UnicodeError):
        return
    assert type(command) is Say
    assert set(json.loads(text)) <= {"type", "room", "id"}
