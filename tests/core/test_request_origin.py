"""The rule for HTTP requests of pages of other origins: one table, and properties of all combinations."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from stormdoor.core.handshake import Handshake
from stormdoor.core.origin import LOOPBACK_NAMES, OriginPolicy, origins_at
from tests.core.hostile_origins import HOSTILE

PORT = 8888
OWN = f"http://127.0.0.1:{PORT}"
POLICY = OriginPolicy(origins_at(LOOPBACK_NAMES, PORT, secure=False))
ORIGINS = {"own": OWN, "foreign": "https://evil.example", "null": "null", "-": None}
SITES = {one: one for one in ("same-origin", "same-site", "cross-site", "none")} | {"-": None}
MODES = ("navigate", "cors", "no-cors", "same-origin", "websocket", None)
READS, CHANGES = ("GET", "HEAD", "OPTIONS"), ("POST", "PUT", "PATCH", "DELETE", "TRACE", "get", "")

ACCEPTED = {
    # Origin, Sec-Fetch-Site: what a client may do. All else is refused.
    ("own", "same-origin"): "read change logout",
    ("own", "same-site"): "read change logout",
    ("own", "cross-site"): "read change logout",
    ("own", "none"): "read change logout",
    ("own", "-"): "read change logout",
    ("-", "same-origin"): "read change logout",
    ("-", "same-site"): "link",
    ("-", "cross-site"): "link",
    ("-", "none"): "read logout",
    ("-", "-"): "read change logout",
}
"""`link` is a GET of a navigation, `logout` a GET that changes something, which no link may cause."""


def request(
    method: str = "GET",
    *,
    origin: str | None = None,
    site: str | None = None,
    mode: str | None = "no-cors",
    **credentials: Any,
) -> Handshake:
    """A request to the application."""
    return Handshake(
        path="/",
        address="127.0.0.1",
        peer="127.0.0.1",
        scheme="http",
        host=f"127.0.0.1:{PORT}",
        method=method,
        origin=origin,
        fetch_site=site,
        fetch_mode=mode,
        **credentials,
    )


def accepted(one: Handshake, referer: str | None = None, *, links: bool = True) -> bool:
    """Whether the rule accepts the request."""
    return POLICY.refuse_request(one, referer, links=links) is None


@pytest.mark.parametrize(("origin", "site"), list(product(ORIGINS, SITES)))
def test_the_table(origin: str, site: str) -> None:
    """Reading, changing, following a link and logging out, for each Origin and each Sec-Fetch-Site."""
    may = ACCEPTED.get((origin, site), "").split()
    asked: dict[str, Any] = {"origin": ORIGINS[origin], "site": SITES[site]}
    for mode in MODES:
        link = mode == "navigate" and "link" in may
        for method in READS:
            one = request(method, mode=mode, **asked)
            assert accepted(one) == ("read" in may or link), (method, mode)
            assert accepted(one, links=False) == ("logout" in may), (method, mode)
        for method in CHANGES:
            assert accepted(request(method, mode=mode, **asked)) == ("change" in may), method


CREDENTIALS: dict[str, dict[str, Any]] = {
    "none": {},
    "cookie": {"cookies": {"__Host-stormdoor": ["secret"]}},
    "header": {"authorization": ["Bearer key"]},
}


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_the_credential_does_not_matter(kind: str) -> None:
    """The answer is that of the table with a cookie, with a header, and without a credential."""
    for origin, site, method in product(ORIGINS.values(), SITES.values(), ("GET", "POST")):
        one = request(method, origin=origin, site=site, **CREDENTIALS[kind])
        assert accepted(one) == accepted(request(method, origin=origin, site=site))


@pytest.mark.parametrize(
    ("referer", "may_change"),
    [
        (f"{OWN}/form?a=b", True),
        (OWN, True),
        (f"http://localhost:{PORT}/", True),
        (f"http://[::1]:{PORT}/x", True),
        ("https://evil.example/form", False),
        (f"http://127.0.0.1:{PORT + 1}/", False),
        (f"https://127.0.0.1:{PORT}/", False),
        (f"http://evil@127.0.0.1:{PORT}/", False),
        (f"{OWN}.evil.example/", False),
        (f"https://evil.example/?{OWN}/", False),
        (f"https://evil.example/#{OWN}/", False),
        (f"{OWN}\\@evil.example/", False),
        (
            f"{OWN}/,https://evil.example/",
            True,
        ),  # two headers: the nearer one is of the application
        (f"https://evil.example/,{OWN}/", False),
        ("about:blank", False),
        ("", False),
    ],
)
def test_the_referer_of_a_browser_without_the_other_headers(referer: str, may_change: bool) -> None:
    """A foreign Referer stops a change where the browser sends neither Origin nor Sec-Fetch-Site."""
    assert accepted(request("POST"), referer) == may_change
    assert accepted(request("GET"), referer)
    for origin, site in product(ORIGINS.values(), SITES.values()):
        if origin is not None or site is not None:
            one = request("POST", origin=origin, site=site)
            assert accepted(one, referer) == accepted(one), "an Origin or Sec-Fetch-Site decides"


@pytest.mark.parametrize(
    ("referer", "may_read"),
    [
        (f"{OWN}/page", True),
        (f"http://localhost:{PORT}/", True),
        (f"http://127.0.0.1:{PORT + 1}/", False),
        ("https://evil.example/", False),
        ("", False),
        (None, False),
    ],
)
def test_a_script_of_an_allowed_page_on_another_port(referer: str | None, may_read: bool) -> None:
    """Live reload loads its script from a second port, without an Origin but with the Referer of the page."""
    for mode in ("no-cors", None):
        assert accepted(request(site="same-site", mode=mode), referer) == may_read
        assert not accepted(request(site="same-site", mode=mode), referer, links=False)
        assert not accepted(request(site="cross-site", mode=mode), referer)
        assert not accepted(request("POST", site="same-site", mode=mode), referer)
        assert not accepted(request(origin="null", site="same-site", mode=mode), referer)


_OTHERS = {name: one for name, one in HOSTILE.items() if one not in POLICY.entries}


@pytest.mark.parametrize("origin", _OTHERS.values(), ids=_OTHERS)
def test_no_other_spelling_of_an_origin(origin: str) -> None:
    """The request of a page of another origin is refused for each method, with each other header."""
    for method, site in product(("GET", "POST"), SITES.values()):
        one = request(method, origin=origin, site=site, mode="navigate")
        assert not accepted(one, f"{OWN}/")


@pytest.mark.parametrize(
    "site", ["", "Same-Origin", "same-origin,cross-site", "same-origin ", "cross-site,same-origin"]
)
def test_an_unknown_or_repeated_site_is_foreign(site: str) -> None:
    """Only the values of browsers count. A repeated header arrives with a comma."""
    for method in ("GET", "POST"):
        assert not accepted(request(method, site=site))


@pytest.mark.parametrize("mode", ["", "Navigate", "navigate,navigate", "nested-navigate"])
def test_an_unknown_or_repeated_mode_is_no_link(mode: str) -> None:
    """Only the value of browsers makes a request a link."""
    assert not accepted(request(site="cross-site", mode=mode))


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        (f"http://localhost:{PORT}", True),
        (f"http://[::1]:{PORT}", True),
        ("http://localhost", False),
        (f"https://localhost:{PORT}", False),
        (f"http://localhost.:{PORT}", False),
        (f"http://127.0.0.2:{PORT}", False),
        (f"http://127.1:{PORT}", False),
        (f"http://0.0.0.0:{PORT}", False),
        (f"http://[::ffff:127.0.0.1]:{PORT}", False),
        (f"http://127.0.0.1:0{PORT}", False),
        (f"http://127.0.0.1.nip.io:{PORT}", False),
        (f"http://evil.localhost:{PORT}", False),
    ],
)
def test_the_names_of_loopback(origin: str, own: bool) -> None:
    """The three names of this machine at this port are its own origins, and no other ones are."""
    for method in ("GET", "POST"):
        assert accepted(request(method, origin=origin, site="same-site")) == own


def test_the_origins_of_a_server() -> None:
    """The usual port of the scheme is left out, as browsers leave it out."""
    assert origins_at(["a.example"], 443, secure=True) == ["https://a.example"]
    assert origins_at(["a.example"], 443, secure=False) == ["http://a.example:443"]
    assert origins_at(["a.example", "[::1]"], 80, secure=False) == [
        "http://a.example",
        "http://[::1]",
    ]


@pytest.mark.parametrize(
    ("one", "referer", "reason"),
    [
        (request("POST", origin="https://new.example"), None, 'origins = ["https://new.example"]'),
        (request(origin="null"), None, "the origin is null"),
        (request(origin="x"), None, "'x' is not an origin"),
        (request(site="cross-site"), None, "Sec-Fetch-Site is 'cross-site'"),
        (request("POST"), "https://evil.example/a", "a page of 'https://evil.example' sent it"),
    ],
)
def test_a_refusal_says_why(one: Handshake, referer: str | None, reason: str) -> None:
    """The operator reads the header that decided, without text that could forge a line of the log."""
    assert reason in (POLICY.refuse_request(one, referer) or "")
