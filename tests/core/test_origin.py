"""Only pages of allowed origins open sockets; other spellings of an origin are refused."""

from typing import Any

import pytest

from stormdoor.core.handshake import Handshake
from stormdoor.core.origin import (
    HostPolicy,
    Origin,
    OriginPolicy,
    parse_origin,
    quote,
    request_as_handshake,
)
from stormdoor.errors import ConfigurationError
from tests.core.hostile_origins import ALLOWED, HONEST, HOSTILE
from tests.support.effort import costs_less

POLICY = OriginPolicy(ALLOWED)
each_hostile = pytest.mark.parametrize("origin", HOSTILE.values(), ids=HOSTILE)


def handshake(
    origin: str | None, *, fetch_site: str | None = None, fetch_mode: str | None = None
) -> Handshake:
    """A handshake from a page of `origin`."""
    return Handshake(
        path="/chat",
        address="192.0.2.1",
        peer="192.0.2.1",
        scheme="https",
        host="app.example",
        origin=origin,
        fetch_site=fetch_site,
        fetch_mode=fetch_mode,
    )


# Origins ----------------------------------------------------------------------------------------


def test_the_table_is_large_and_fair() -> None:
    """The table has at least 200 hostile origins, and no allowed one."""
    assert len(set(HOSTILE.values())) >= 200
    assert len(set(HOSTILE.values())) == len(HOSTILE)
    assert not set(HOSTILE.values()) & set(HONEST)


@pytest.mark.parametrize("origin", HONEST)
def test_an_allowed_origin(origin: str) -> None:
    """A page that is on the list opens a socket."""
    assert POLICY.allows(origin)
    assert POLICY.refuse(handshake(origin)) is None


@each_hostile
def test_a_hostile_origin(origin: str) -> None:
    """No other origin, and no other spelling of an allowed one, gets through, nor costs much."""
    assert not POLICY.allows(origin)
    assert costs_less(0.5, lambda: POLICY.allows(origin))


@each_hostile
def test_a_hostile_origin_is_refused_safely(origin: str) -> None:
    """For any hostile header, the reason of the refusal is one short printable line."""
    reason = POLICY.refuse(handshake(origin))
    assert reason is not None
    assert reason.isascii()
    assert reason.isprintable()
    assert len(reason) < 800


def test_a_browser_header_does_not_help() -> None:
    """`Sec-Fetch-Site: same-origin` does not make up for a foreign Origin."""
    for origin in HOSTILE.values():
        asked = handshake(origin, fetch_site="same-origin", fetch_mode="websocket")
        assert POLICY.refuse(asked) is not None


def test_an_empty_list_allows_nothing() -> None:
    """Without configured origins, every page is refused."""
    assert not any(map(OriginPolicy([]).allows, [*HOSTILE.values(), *HONEST]))


def test_an_origin_is_allowed_later() -> None:
    """A list takes further origins, once each, and checks them as it checks the first ones."""
    policy = OriginPolicy(["https://app.example"])
    policy.add(["http://127.0.0.1:8888", "https://app.example"])
    assert policy.entries == ("https://app.example", "http://127.0.0.1:8888")
    assert policy.allows("http://127.0.0.1:8888")
    with pytest.raises(ConfigurationError):
        policy.add(["null"])


def test_the_refusal_names_the_line_to_write() -> None:
    """The operator reads what would allow it."""
    assert POLICY.refuse(handshake("https://new.example")) == (
        "'https://new.example' is not allowed; to allow it, add to the guard: "
        'origins = ["https://new.example"]'
    )


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        pytest.param(handshake("null"), "the origin is null", id="null"),
        pytest.param(handshake(""), "'' is not an origin", id="empty"),
        pytest.param(
            handshake("https://app.example/"), "'https://app.example/' is not an origin", id="path"
        ),
        pytest.param(
            handshake(None, fetch_site="same-origin"), "without an Origin", id="site-without-origin"
        ),
        pytest.param(
            handshake(None, fetch_mode="no-cors"),
            "Sec-Fetch-Mode is 'no-cors', not websocket",
            id="mode-without-origin",
        ),
        pytest.param(handshake(None, fetch_site=""), "without an Origin", id="empty-site"),
        pytest.param(
            handshake("https://app.example", fetch_site="none"), "no page asked", id="site-none"
        ),
        *(
            pytest.param(
                handshake("https://app.example", fetch_mode=mode),
                f"Sec-Fetch-Mode is '{mode}', not websocket",
                id=f"mode-{mode}",
            )
            for mode in ("navigate", "cors", "no-cors", "same-origin", "WebSocket", "")
        ),
    ],
)
def test_a_refusal_has_its_reason(asked: Handshake, reason: str) -> None:
    """Each way to be refused says which it was."""
    assert reason in (POLICY.refuse(asked) or "")


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(handshake(None), id="no-browser"),
        pytest.param(handshake("https://app.example"), id="old-browser"),
        *(
            pytest.param(
                handshake("https://app.example", fetch_site=site, fetch_mode="websocket"), id=site
            )
            for site in ("same-origin", "same-site", "cross-site")
        ),
    ],
)
def test_an_honest_handshake(asked: Handshake) -> None:
    """An allowed page passes, with or without Sec-Fetch headers; so does what is no page."""
    assert POLICY.refuse(asked) is None


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://app.example", Origin("https", "app.example", 443)),
        ("http://app.example", Origin("http", "app.example", 80)),
        ("https://app.example:8443", Origin("https", "app.example", 8443)),
        ("https://app.example:65535", Origin("https", "app.example", 65535)),
        ("https://app.example:80", Origin("https", "app.example", 80)),
        ("http://127.0.0.1:8888", Origin("http", "127.0.0.1", 8888)),
        ("https://[::1]", Origin("https", "[::1]", 443)),
        ("https://localhost", Origin("https", "localhost", 443)),
        ("chrome-extension://abcdefgh", Origin("chrome-extension", "abcdefgh", 0)),
        ("https://" + ".".join(["a" * 63] * 4), Origin("https", ".".join(["a" * 63] * 4), 443)),
    ],
)
def test_an_origin_is_read(text: str, origin: Origin) -> None:
    """Scheme, host and port, with the default port filled in."""
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "https://app.example:65536",
        "https://app.example:443",
        "http://app.example:80",
        "https://1.2.3.256",
        "https://1.2.3",
        "https://a.1",
        "https://[::01]",
        "https://[1.2.3.4]",
        "https://[:]",
        "null",
    ],
)
def test_what_is_no_origin(text: str) -> None:
    """A default port that is written and an address that is not canonical make no origin."""
    assert parse_origin(text) is None


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("*", "every page of the web"),
        ("null", "every sandboxed page"),
        ("https://app.example/", 'write "https://app.example"'),
        ("HTTPS://App.Example", 'write "https://app.example"'),
        ("https://app.example//", 'write "https://app.example"'),
        ("https://app.example:443", "is not an origin"),
        ("app.example", "is not an origin"),
        ("https://app.example/path", "is not an origin"),
        ("https://*", "is not an origin"),
        ("https://*.com", "is not an origin"),
        ("https://*.*.example.com", "is not an origin"),
        ("https://a*.example.com", "is not an origin"),
        ("https://a.*.example.com", "is not an origin"),
        ("*://*.example.com", "is not an origin"),
        ("*.example.com", "is not an origin"),
        ("https://*.example.com/", "is not an origin"),
        ("https://*.example.com:*", "is not an origin"),
        ("https://app.example:*", "is not an origin"),
        ("https://*.0.0.1", "is not an origin"),
        ("https://*.0.0.1:8443", "is not an origin"),
        ("https://*.[::1]", "is not an origin"),
        ("", "is not an origin"),
        ("https://app.example\n", "is not an origin"),
    ],
)
def test_an_entry_that_is_none_is_refused(entry: str, message: str) -> None:
    """An entry that matches nothing or too much is refused, and the error shows the line to write."""
    with pytest.raises(ConfigurationError) as caught:
        OriginPolicy(["https://app.example", entry])
    said = str(caught.value)
    assert said.startswith("origins: ")
    assert message in said


def test_a_text_is_no_list() -> None:
    """A text in place of a list is not taken letter by letter."""
    with pytest.raises(ConfigurationError):
        OriginPolicy("https://app.example")


def test_numbers_may_be_in_a_wildcard_domain() -> None:
    """A wildcard domain may contain numbers, but not as its last label, which would make it an IP address."""
    assert OriginPolicy(["https://*.1.example2"]).allows("https://a.1.example2")


def test_hosts_of_the_origins() -> None:
    """The hosts of the pages are the default for the Host allow-list."""
    assert POLICY.hosts == {
        "app.example",
        "*.example.com",
        "*.tenant.example.org",
        "127.0.0.1",
        "[2001:db8::1]",
        "xn--bcher-kva.example",
    }


# Hosts ------------------------------------------------------------------------------------------

HOSTS = HostPolicy(["app.example", "admin.example:8443", "*.example.com", "[::1]", "127.0.0.1"])


@pytest.mark.parametrize(
    "host",
    [
        "app.example",
        "app.example:443",
        "app.example:8443",
        "admin.example:8443",
        "a.example.com",
        "a.b.example.com:8080",
        "[::1]",
        "[::1]:8888",
        "127.0.0.1:8888",
    ],
)
def test_a_host_of_the_application(host: str) -> None:
    """A name on the list passes with any port, unless the list names one."""
    assert HOSTS.allows(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "app.example.evil.example",
        "evilapp.example",
        "evil.app.example",
        "example.com",
        ".example.com",
        "evilexample.com",
        "a..example.com",
        "admin.example",
        "admin.example:443",
        "admin.example:84430",
        "app.example.",
        "APP.EXAMPLE",
        "app.example:",
        "app.example:x",
        "app.example:443:443",
        "app.example:999999",
        "app.example@evil.example",
        "evil.example/app.example",
        "evil.example#.example.com",
        "evil.example\\.example.com",
        "app.example evil.example",
        "app.example,evil.example",
        "app.example\x00",
        "app.example\n",
        " app.example",
        "[::1",
        "[::1]x",
        "[::2]",
        "::1",
        "127.0.0.1.evil.example",
        "127.1",
        "*.example.com",
        "*",
        "\uff41pp.example",
    ],
    ids=ascii,
)
def test_another_host(host: str) -> None:
    """A name that an attacker's DNS points at this machine is refused."""
    assert not HOSTS.allows(host)


@pytest.mark.parametrize(
    "host", ["a." * 32_000 + "!", ("a" * 62 + ".") * 1000 + "-", "a" * 65_000, "[" + ":" * 65_000]
)
def test_a_huge_host_is_refused_at_once(host: str) -> None:
    """No Host header makes the check slow."""
    assert not HOSTS.allows(host)
    assert costs_less(0.01, lambda: HOSTS.allows(host))


def test_an_entry_is_one_host_or_all_hosts_below_a_domain() -> None:
    """`*.` stands for one or more names below the domain, and not for the domain itself."""
    exact, below = HostPolicy(["app.example"]), HostPolicy(["*.app.example"])
    hosts = ["app.example", "chat.app.example", "a.b.app.example"]
    assert [exact.allows(host) for host in hosts] == [True, False, False]
    assert [below.allows(host) for host in hosts] == [False, True, True]


def test_no_list_of_hosts_checks_none() -> None:
    """An empty list is no check: the guard gives one by default."""
    assert HostPolicy([]).allows("anything.example")


@pytest.mark.parametrize(
    "entry",
    ["", "*", "*.com", "https://app.example", "App.example", "a.example/", "a b", "*.0.0.1", "a*"],
)
def test_a_host_entry_that_is_none_is_refused(entry: str) -> None:
    """An entry that is no host name is refused."""
    with pytest.raises(ConfigurationError, match="is not a host; write"):
        HostPolicy([entry])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "'plain'"),
        ("line\nline", r"'line\nline'"),
        ("\x1b[2K\u202e\ud800", r"'\x1b[2K\u202e\ud800'"),
        ("it's", '"it\'s"'),
        ("x" * 121, "'" + "x" * 117 + "...'"),
        ("x" * 120, "'" + "x" * 120 + "'"),
    ],
)
def test_quote(text: str, expected: str) -> None:
    """A quoted text is one printable line of bounded length."""
    assert quote(text) == expected


PAGE_REQUESTS: list[tuple[str, dict[str, Any], str | None, str | None]] = [
    (
        "its own origin",
        {"fetch_site": "same-origin", "fetch_mode": "cors"},
        "https://app.example",
        None,
    ),
    (
        "a script",
        {"fetch_site": "same-origin", "fetch_mode": "no-cors"},
        "https://app.example",
        None,
    ),
    ("a navigation", {"fetch_site": "same-origin", "fetch_mode": "navigate"}, None, "navigate"),
    ("a socket", {"fetch_site": "same-origin", "fetch_mode": "websocket"}, None, "websocket"),
    ("no mode", {"fetch_site": "same-origin"}, None, None),
    ("a sibling", {"fetch_site": "same-site", "fetch_mode": "cors"}, None, "cors"),
    ("no browser", {}, None, None),
    ("an Origin", {"origin": "https://x.example", "fetch_mode": "cors"}, "https://x.example", None),
    (
        "an Origin that contradicts",
        {"origin": "https://x.example", "fetch_site": "same-origin", "fetch_mode": "cors"},
        "https://x.example",
        None,
    ),
    (
        "a form",
        {"origin": "https://app.example", "fetch_mode": "navigate"},
        "https://app.example",
        "navigate",
    ),
]


@pytest.mark.parametrize(
    ("facts", "origin", "mode"),
    [one[1:] for one in PAGE_REQUESTS],
    ids=[o[0] for o in PAGE_REQUESTS],
)
def test_a_request_is_judged_as_a_handshake(
    facts: dict[str, Any], origin: str | None, mode: str | None
) -> None:
    """The origin of a same-origin GET is that of the request; a navigation stays one."""
    handshake = Handshake(
        path="/poll", address="a", peer="a", scheme="https", host="app.example", **facts
    )
    judged = request_as_handshake(handshake)
    assert (judged.origin, judged.fetch_mode) == (origin, mode)
