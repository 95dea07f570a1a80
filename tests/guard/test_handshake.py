"""The steps of a handshake: each refusal, its status, its place in the order, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from stormdoor import (
    ApiKeyAuthenticator,
    Connection,
    Denial,
    Guard,
    JwtAuthenticator,
    JwtIssuer,
    JwtKey,
    PolicySet,
    SessionAuthenticator,
    Target,
    TicketAuthenticator,
    public,
    role,
)
from stormdoor.auth.application.authenticator import ApplicationAuthenticator
from stormdoor.auth.authenticator import Rejected
from stormdoor.core.address import client_address, parse_networks
from stormdoor.core.handshake import MOST_SUBPROTOCOLS, Handshake
from stormdoor.core.revocation import Revocation
from stormdoor.guard.attempt import HANDSHAKES
from stormdoor.guard.endpoint import Endpoint
from stormdoor.ports import Store
from tests.guard.fakes import (
    CHAT,
    HANDSHAKE,
    ORIGIN,
    FakeStore,
    Tokens,
    admit,
    authentication,
    bearer,
    events,
    make_guard,
    opened,
    refused,
    settle,
)
from tests.support.clock import FakeClock

PUBLIC = Endpoint("tests.Prices", None, public("prices are published"))


def forged(**changes: Any) -> Handshake:
    """A good handshake of alice's, changed."""
    return bearer("alice", **changes)


# -- the order --------------------------------------------------------------------------------------

Fault = Callable[[Guard, Handshake], Handshake]


def _closing(guard: Guard, handshake: Handshake) -> Handshake:
    guard.checks.closing = True
    return handshake


def _used_up(guard: Guard, handshake: Handshake) -> Handshake:
    while guard.checks._requests[HANDSHAKES].spend(handshake.address, guard.clock.monotonic()):
        pass
    return handshake


def _failed(guard: Guard, handshake: Handshake) -> Handshake:
    while guard.checks._failures.spend(handshake.address, guard.clock.monotonic()):
        pass
    return handshake


def _no_trail(guard: Guard, handshake: Handshake) -> Handshake:
    guard.trail.gap = 1
    return handshake


def _lapsed(guard: Guard, handshake: Handshake) -> Handshake:
    guard.lease.until = guard.clock.monotonic()
    return handshake


# The order of the architecture. Each fault is tried together with all that come after it.
STEPS: list[tuple[str, Fault, Denial, int]] = [
    ("closing", _closing, Denial.SHUTDOWN, 503),
    ("no host", lambda _, h: replace(h, host=""), Denial.MALFORMED, 400),
    (
        "many subprotocols",
        lambda _, h: replace(h, subprotocols=["a"] * (MOST_SUBPROTOCOLS + 1)),
        Denial.MALFORMED,
        400,
    ),
    ("long path", lambda _, h: replace(h, path="/" + "a" * 3000), Denial.MALFORMED, 400),
    ("host", lambda _, h: replace(h, host=h.host and "evil.example"), Denial.HOST, 403),
    ("plaintext", lambda _, h: replace(h, scheme="http"), Denial.INSECURE_TRANSPORT, 403),
    ("origin", lambda _, h: replace(h, origin="https://evil.example"), Denial.ORIGIN, 403),
    ("trail", _no_trail, Denial.UNAVAILABLE, 503),
    ("lease", _lapsed, Denial.UNAVAILABLE, 503),
    ("budget", _used_up, Denial.HANDSHAKE_RATE, 429),
    (
        "two credentials",
        lambda _, h: replace(h, authorization=["Bearer alice", "Bearer alice"]),
        Denial.AMBIGUOUS_CREDENTIAL,
        400,
    ),
    ("failures", _failed, Denial.BACKOFF, 429),
    (
        "bad credential",
        lambda _, h: replace(h, authorization=[one + "x" for one in h.authorization]),
        Denial.BAD_CREDENTIAL,
        401,
    ),
]


@pytest.mark.parametrize("step", range(len(STEPS)), ids=[step[0] for step in STEPS])
async def test_the_first_fault_decides(step: int) -> None:
    """Of several faults the cheapest to find is answered, and no credential is verified for it."""
    guard = await settle(make_guard())
    handshake = forged()
    for _, fault, _, _ in reversed(STEPS[step:]):
        handshake = fault(guard, handshake)
    refusal = await refused(guard, handshake)
    _, _, denial, status = STEPS[step]
    assert (refusal.denial, refusal.answer.status) == (denial, status)
    [tokens, *_] = guard.authenticators
    assert isinstance(tokens, Tokens)
    assert bool(tokens.asked) == (denial is Denial.BAD_CREDENTIAL)
    assert len(guard.registry) == 0
    guard.trail.gap = 0
    [*_, event] = await events(guard)
    assert event.cause == denial.value


async def test_a_refusal_before_the_credential_asks_the_store_nothing() -> None:
    """Refusals must be cheaper than what is refused."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    store.calls.clear()
    for _, fault, denial, _ in STEPS[1:7]:
        assert (await refused(guard, fault(guard, forged()))).denial is denial
    assert store.calls == []


async def test_a_hostile_page_does_not_use_up_the_budget_of_whoever_looks_at_it() -> None:
    """Sockets that a foreign page opens are refused before they count."""
    guard = await settle(make_guard(limits={"handshakes_per_address": "2/min"}))
    for _ in range(10):
        foreign = forged(origin="https://evil.example")
        assert (await refused(guard, foreign)).denial is Denial.ORIGIN
    await admit(guard, forged())


async def test_the_good_handshake_is_admitted() -> None:
    """None of the tests above proves anything if alice herself is refused."""
    guard = await settle(make_guard())
    connection = await admit(guard, forged())
    assert connection.principal.id == "alice"
    assert not connection.open
    [*_, event] = await events(guard)
    assert (event.name, event.principal, event.kind) == ("connection_opened", "alice", "token")


# -- each cause -------------------------------------------------------------------------------------


async def _slow(store: Store) -> Any:
    await asyncio.Event().wait()


async def _broken(store: Store) -> Any:
    raise RuntimeError("secret detail")


CAUSES: list[tuple[str, Any, Handshake, Denial, int, bool]] = [
    ("no credential", None, HANDSHAKE, Denial.NO_CREDENTIAL, 401, False),
    ("unknown token", None, bearer("nobody"), Denial.BAD_CREDENTIAL, 401, False),
    ("unrecognised", None, bearer("?"), Denial.BAD_CREDENTIAL, 401, False),
    ("long token", None, bearer("x" * 8193), Denial.BAD_CREDENTIAL, 401, False),
    ("forbidden", None, bearer("eve"), Denial.FORBIDDEN, 403, False),
    ("expired", Rejected(Denial.EXPIRED, "over"), bearer("t"), Denial.EXPIRED, 401, False),
    ("revoked", Rejected(Denial.REVOKED, "gone"), bearer("t"), Denial.REVOKED, 401, False),
    ("slow", _slow, bearer("t"), Denial.AUTHENTICATION_TIMEOUT, 503, True),
    ("broken", _broken, bearer("t"), Denial.INTERNAL, 500, False),
    (
        "over already",
        authentication("alice", expires_at=1_767_225_600.0),
        bearer("t"),
        Denial.EXPIRED,
        401,
        False,
    ),
]


@pytest.mark.parametrize(
    ("known", "handshake", "denial", "status", "retry"),
    [cause[1:] for cause in CAUSES],
    ids=[cause[0] for cause in CAUSES],
)
async def test_each_cause_has_its_status(
    known: Any, handshake: Handshake, denial: Denial, status: int, retry: bool
) -> None:
    """The table of denials, from the handshake's side; and one entry in the trail for each."""
    tokens = Tokens({"eve": authentication("eve", "nobody"), "t": known})
    guard = await settle(make_guard(tokens, limits={"authentication_seconds": 0.01}))
    refusal = await refused(guard, handshake)
    assert (refusal.denial, refusal.answer.status) == (denial, status)
    assert (refusal.retry_after is not None) is retry
    assert len(guard.registry) == 0
    assert "secret" not in refusal.answer.text
    written = [event for event in await events(guard) if event.cause]
    assert [event.cause for event in written] == [denial.value]
    assert guard.statistics.refused[denial] == 1


async def test_an_undeclared_endpoint_lets_nobody_in() -> None:
    """An undeclared endpoint refuses every client, also if the start-up check did not find it."""
    guard = await settle(make_guard())
    refusal = await refused(guard, forged(), Endpoint("tests.Late"))
    assert (refusal.denial, refusal.answer.status) == (Denial.UNDECLARED, 403)
    assert "permission" in refusal.detail


async def test_a_store_that_is_down_lets_nobody_in() -> None:
    """The guard answers 503 with Retry-After to a handshake that needs a store that is down."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    issued = await guard.sessions.create("carol")
    store.down = True
    for handshake in (bearer("carol"), cookie(issued.secret)):
        refusal = await refused(guard, handshake)
        assert (refusal.denial, refusal.answer.status) == (Denial.UNAVAILABLE, 503)
        assert refusal.retry_after


# -- credentials ------------------------------------------------------------------------------------


def cookie(*secrets: str, **changes: Any) -> Handshake:
    """A handshake with session cookies."""
    return replace(HANDSHAKE, cookies={"__Host-stormdoor": list(secrets)}, **changes)


def with_ticket(secret: str, handshake: Handshake = HANDSHAKE, **changes: Any) -> Handshake:
    """The same with a ticket."""
    return replace(
        handshake, subprotocols=["stormdoor.v1", f"stormdoor.ticket.{secret}"], **changes
    )


async def _ticket(guard: Guard, secret: str) -> str:
    found = await guard.sessions.find(secret)
    assert found is not None
    issued = await guard.tickets.issue(found[0], origin=ORIGIN, endpoint="/ws")
    assert issued is not None
    return issued.secret


async def test_two_credentials_are_refused() -> None:
    """The guard refuses two credentials: an attacker may have added one of them."""
    guard = await settle(make_guard())
    session = (await guard.sessions.create("carol")).secret
    other = (await guard.sessions.create("carol")).secret
    pairs: dict[str, Handshake] = {
        "two tokens": replace(HANDSHAKE, authorization=["Bearer alice", "Bearer bob"]),
        "the same twice": replace(HANDSHAKE, authorization=["Bearer alice", "Bearer alice"]),
        "two cookies": cookie(session, other),
        "one cookie twice": cookie(session, session),
        "token and ticket": with_ticket(await _ticket(guard, session), bearer("alice")),
        "token and cookie": replace(cookie(session), authorization=["Bearer alice"]),
        "own token and cookie": replace(cookie(session), authorization=["Bearer carol"]),
        "ticket and foreign cookie": with_ticket(await _ticket(guard, session), cookie(other)),
        "ticket and no session": with_ticket(await _ticket(guard, session), cookie("x" * 43)),
        "two tickets": replace(
            HANDSHAKE,
            subprotocols=[f"stormdoor.ticket.{await _ticket(guard, session)}" for _ in range(2)],
        ),
    }
    for name, handshake in pairs.items():
        refusal = await refused(guard, handshake)
        assert refusal.denial is Denial.AMBIGUOUS_CREDENTIAL, name
        assert refusal.answer.status == 400, name
    assert len(guard.registry) == 0


async def test_a_ticket_and_the_cookie_of_its_session_are_one() -> None:
    """A browser sends its cookie whether the page wants it or not."""
    guard = await settle(make_guard())
    session = (await guard.sessions.create("carol")).secret
    connection = await admit(guard, with_ticket(await _ticket(guard, session), cookie(session)))
    assert connection.authentication.kind == "ticket"


async def test_a_ticket_counts_once() -> None:
    """Two handshakes at the same moment: one is let in, the other is known to be a replay."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    secret = await _ticket(guard, (await guard.sessions.create("carol")).secret)
    outcomes = await asyncio.gather(
        *(guard.admission.admit(with_ticket(secret), CHAT) for _ in range(5))
    )
    assert sum(isinstance(one, Connection) for one in outcomes) == 1
    names = [event.name for event in await events(guard)]
    assert names.count("connection_opened") == 1
    assert names.count("authn_token_reuse") == 4


async def test_every_kind_of_credential_comes_in() -> None:
    """Session, ticket, JWT from three places, API key from two: each alone is enough."""
    key = JwtKey("HS256", "0123456789abcdef" * 4)
    guard = make_guard(
        SessionAuthenticator(),
        TicketAuthenticator(),
        ApiKeyAuthenticator(),
        JwtAuthenticator(
            keys=[key], issuer="me", audience="chat", header="X-Token", insecure_query="token"
        ),
    )
    await settle(guard)
    session = (await guard.sessions.create("carol")).secret
    api_key = (await guard.keys.issue("carol", name="k", scopes=["*"])).secret
    issuer = JwtIssuer(key, "me", "chat")
    token = issuer.issue("carol", now=guard.clock.now(), claims={"roles": ["member"]}).token
    ways: dict[str, Handshake] = {
        "session": cookie(session),
        "ticket": with_ticket(await _ticket(guard, session)),
        "api-key": bearer(api_key),
        "api-key header": replace(HANDSHAKE, headers={"x-api-key": [api_key]}),
        "jwt": bearer(token),
        "jwt subprotocol": replace(HANDSHAKE, subprotocols=[f"stormdoor.bearer.{token}"]),
        "jwt header": replace(HANDSHAKE, headers={"x-token": [token]}),
        "jwt query": replace(HANDSHAKE, query={"token": [token]}),
    }
    for name, handshake in ways.items():
        connection = await admit(guard, handshake)
        assert connection.principal.id == "carol", name
        assert connection.authentication.kind == name.split()[0], name


async def test_failures_slow_an_address_down_and_nobody_else() -> None:
    """Guessing from one address ends after a while; others, and the address later, come in."""
    clock = FakeClock()
    guard = await settle(make_guard(clock=clock, limits={"failures_per_address": "3/min burst 3"}))
    for _ in range(3):
        assert (await refused(guard, bearer("guess"))).denial is Denial.BAD_CREDENTIAL
    refusal = await refused(guard, bearer("alice"))
    assert (refusal.denial, refusal.answer.status) == (Denial.BACKOFF, 429)
    assert refusal.retry_after is not None
    await admit(guard, bearer("alice", address="192.0.2.2"))
    clock.advance(refusal.retry_after)
    await admit(guard, bearer("alice"))


async def test_an_ipv6_network_is_one_client() -> None:
    """All addresses of an IPv6 /64 network share one rate limit."""
    guard = await settle(make_guard(limits={"handshakes_per_address": "2/min burst 2"}))
    for host in (1, 2):
        await admit(guard, bearer("alice", address=f"2001:db8::{host}"))
    refusal = await refused(guard, bearer("alice", address="2001:db8::3"))
    assert refusal.denial is Denial.HANDSHAKE_RATE
    assert refusal.retry_after is not None
    await admit(guard, bearer("alice", address="2001:db8:0:1::1"))


# -- where from, where to ---------------------------------------------------------------------------

ORIGINS: list[tuple[str, dict[str, Any], bool]] = [
    ("same page", {}, True),
    ("old browser", {"fetch_site": None, "fetch_mode": None}, True),
    ("sibling that is listed", {"fetch_site": "same-site"}, True),
    ("cross-site that is listed", {"fetch_site": "cross-site"}, True),
    ("no page", {"origin": None, "fetch_site": None, "fetch_mode": None}, True),
    ("Node, which says the mode and no more", {"origin": None, "fetch_site": None}, True),
    ("a browser without an origin", {"origin": None}, False),
    ("typed into the address bar", {"fetch_site": "none"}, False),
    ("not a socket", {"fetch_mode": "no-cors"}, False),
    ("other scheme", {"origin": "http://app.example"}, False),
    ("other port", {"origin": "https://app.example:8443"}, False),
    ("default port", {"origin": "https://app.example:443"}, False),
    ("subdomain", {"origin": "https://evil.app.example"}, False),
    ("suffix", {"origin": "https://evilapp.example"}, False),
    ("prefix", {"origin": "https://app.example.evil.example"}, False),
    ("null", {"origin": "null"}, False),
    ("empty", {"origin": ""}, False),
    ("two", {"origin": f"{ORIGIN},https://evil.example"}, False),
    ("upper case", {"origin": "HTTPS://APP.EXAMPLE"}, False),
    ("trailing dot", {"origin": "https://app.example."}, False),
    ("user", {"origin": "https://app.example@evil.example"}, False),
    ("foreign, claims to be same-origin", {"origin": "https://evil.example"}, False),
    ("origin is host", {"origin": "https://other.example", "host": "other.example"}, False),
]


@pytest.mark.parametrize(
    ("changes", "allowed"), [case[1:] for case in ORIGINS], ids=[case[0] for case in ORIGINS]
)
async def test_origins(changes: dict[str, Any], allowed: bool) -> None:
    """The list of origins decides, and `Sec-Fetch-*` cannot override it."""
    guard = await settle(make_guard(hosts=["app.example", "other.example"]))
    outcome = await guard.admission.admit(forged(**changes), CHAT)
    assert isinstance(outcome, Connection) is allowed
    if not isinstance(outcome, Connection):
        assert (outcome.denial, outcome.answer.status) == (Denial.ORIGIN, 403)


@pytest.mark.parametrize("insecure", [False, True])
async def test_a_cookie_without_an_origin(insecure: bool) -> None:
    """A browser attaches a cookie by itself, so the page must be known; a token it does not attach."""
    guard = await settle(make_guard(insecure_allow_missing_origin=insecure))
    session = (await guard.sessions.create("carol")).secret
    bare: dict[str, Any] = {"origin": None, "fetch_site": None, "fetch_mode": None}
    await admit(guard, bearer("alice", **bare))
    mode_alone = cookie(session, **{**bare, "fetch_mode": "websocket"})
    assert isinstance(await guard.admission.admit(mode_alone, CHAT), Connection) is insecure
    outcome = await guard.admission.admit(cookie(session, **bare), CHAT)
    assert isinstance(outcome, Connection) is insecure
    if not isinstance(outcome, Connection):
        assert outcome.denial is Denial.ORIGIN


HOSTS: list[tuple[str, str, bool]] = [
    ("exact", "app.example", True),
    ("with port", "app.example:8443", True),
    ("subdomain", "a.app.example", False),
    ("rebound", "evil.example", False),
    ("address", "192.0.2.80", False),
    ("wildcard", "a.tenants.example", True),
    ("the wildcard's own domain", "tenants.example", False),
    ("port listed", "ported.example:8443", True),
    ("other port", "ported.example:9000", False),
    ("user", "app.example@evil.example", False),
    ("two", "app.example,evil.example", False),
    ("trailing dot", "app.example.", False),
]


@pytest.mark.parametrize(
    ("host", "allowed"), [case[1:] for case in HOSTS], ids=[case[0] for case in HOSTS]
)
async def test_hosts(host: str, allowed: bool) -> None:
    """A name that is not the application's was made to point here (DNS rebinding)."""
    guard = await settle(
        make_guard(hosts=["app.example", "*.tenants.example", "ported.example:8443"])
    )
    outcome = await guard.admission.admit(forged(host=host), CHAT)
    assert isinstance(outcome, Connection) is allowed
    if not isinstance(outcome, Connection):
        assert (outcome.denial, outcome.answer.status) == (Denial.HOST, 403)
        assert "hosts = [" in outcome.detail


PLAINTEXT: list[tuple[str, dict[str, Any], bool, bool]] = [
    ("https", {}, False, True),
    ("http from afar", {"scheme": "http"}, False, False),
    ("http from afar, insecure", {"scheme": "http"}, True, True),
    (
        "this machine",
        {"scheme": "http", "peer": "127.0.0.1", "host": "localhost:8888"},
        False,
        True,
    ),
    ("this machine, IPv6", {"scheme": "http", "peer": "::1", "host": "[::1]:8888"}, False, True),
    (
        "this machine, address",
        {"scheme": "http", "peer": "127.9.9.9", "host": "127.0.0.1"},
        False,
        True,
    ),
    ("a proxy on this machine", {"scheme": "http", "peer": "127.0.0.1"}, False, False),
    ("afar, claims to be local", {"scheme": "http", "host": "localhost"}, False, False),
    (
        "a name that looks local",
        {"scheme": "http", "peer": "127.0.0.1", "host": "localhost.evil"},
        False,
        False,
    ),
    (
        "an address that looks local",
        {"scheme": "http", "peer": "127.0.0.1", "host": "127.0.0.1.evil"},
        False,
        False,
    ),
    ("websocket scheme", {"scheme": "ws"}, False, False),
]


@pytest.mark.parametrize(
    ("changes", "insecure", "allowed"),
    [case[1:] for case in PLAINTEXT],
    ids=[case[0] for case in PLAINTEXT],
)
async def test_plaintext(changes: dict[str, Any], insecure: bool, allowed: bool) -> None:
    """Without TLS, only connections from this machine are accepted."""
    guard = await settle(
        make_guard(
            insecure_allow_plaintext=insecure, origins=[ORIGIN], insecure_allow_any_host=True
        )
    )
    outcome = await guard.admission.admit(forged(**changes), CHAT)
    assert isinstance(outcome, Connection) is allowed
    if not isinstance(outcome, Connection):
        assert outcome.denial is Denial.INSECURE_TRANSPORT


PROXIES: list[tuple[str, str, list[str], str]] = [
    ("no proxy", "203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
    ("one proxy", "10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    ("what the client wrote before", "10.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
    ("two proxies", "10.0.0.1", ["198.51.100.1", "10.0.0.2"], "198.51.100.1"),
    ("nonsense", "10.0.0.1", ["198.51.100.1", "nonsense"], "10.0.0.1"),
    ("nobody said", "10.0.0.1", [], "10.0.0.1"),
    ("all trusted", "10.0.0.1", ["10.0.0.3", "10.0.0.2"], "10.0.0.3"),
]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"), [case[1:] for case in PROXIES], ids=[c[0] for c in PROXIES]
)
def test_forwarded_addresses(peer: str, forwarded: list[str], client: str) -> None:
    """The forwarded address is used only if a trusted proxy added it."""
    assert client_address(peer, forwarded, parse_networks(["10.0.0.0/8"])) == client


# -- public endpoints -------------------------------------------------------------------------------


async def test_a_public_endpoint_asks_for_nothing_and_looks_at_nothing() -> None:
    """No credential, no origin; a credential that comes along is not read, not even spent."""
    guard = await settle(make_guard())
    session = (await guard.sessions.create("carol")).secret
    ticket = await _ticket(guard, session)
    connection = await admit(guard, with_ticket(ticket, bearer("alice")), PUBLIC)
    assert connection.principal.id == "anonymous"
    assert connection.authentication.kind == "public"
    await admit(guard, forged(origin="https://evil.example"), PUBLIC)
    await admit(guard, with_ticket(ticket))


async def test_a_public_endpoint_keeps_host_transport_and_budget() -> None:
    """A public endpoint still checks host, TLS and rate limit."""
    guard = await settle(make_guard(limits={"handshakes_per_address": "1/min"}))
    for changes, denial in (
        ({"host": "evil.example"}, Denial.HOST),
        ({"scheme": "http"}, Denial.INSECURE_TRANSPORT),
    ):
        refusal = await refused(guard, replace(HANDSHAKE, **changes), PUBLIC)  # type: ignore[arg-type]
        assert refusal.denial is denial
    await admit(guard, HANDSHAKE, PUBLIC)
    assert (await refused(guard, HANDSHAKE, PUBLIC)).denial is Denial.HANDSHAKE_RATE


# -- caps -------------------------------------------------------------------------------------------

CAPS: list[tuple[str, str, Denial, int]] = [
    ("process", "connections", Denial.BUSY, 503),
    ("address", "connections_per_address", Denial.TOO_MANY_CONNECTIONS, 429),
    ("principal", "connections_per_principal", Denial.TOO_MANY_CONNECTIONS, 429),
]


@pytest.mark.parametrize(
    ("limit", "denial", "status"), [case[1:] for case in CAPS], ids=[case[0] for case in CAPS]
)
async def test_caps(limit: str, denial: Denial, status: int) -> None:
    """One more than the cap is refused; when one leaves, the next comes in."""
    guard = await settle(make_guard(limits={limit: 2}))
    first, _ = await opened(guard, bearer("alice"))
    pending = await admit(guard, bearer("alice"))  # counts from its registration
    refusal = await refused(guard, bearer("alice"))
    assert (refusal.denial, refusal.answer.status) == (denial, status)
    assert refusal.retry_after
    guard.registry.end(first)
    second = await admit(guard, bearer("alice"))
    guard.registry.end(pending)
    guard.registry.end(second)
    assert len(guard.registry) == 0
    assert guard.registry._addresses == {}
    guard.registry.forget_idle(guard.clock.monotonic())
    assert guard.registry._principals == {}


async def test_the_cap_of_a_principal_is_no_others() -> None:
    """Bob comes in although alice has used up hers; both share the address."""
    guard = await settle(make_guard(limits={"connections_per_principal": 1}))
    await admit(guard, bearer("alice"))
    assert (await refused(guard, bearer("alice"))).denial is Denial.TOO_MANY_CONNECTIONS
    await admit(guard, bearer("bob"))


async def test_nobody_can_be_the_anonymous_of_an_address() -> None:
    """A principal that names itself like an address, or `anonymous`, shares no cap with strangers."""
    known = {"a": authentication("192.0.2.1"), "b": authentication("anonymous")}
    guard = await settle(make_guard(Tokens(known), limits={"connections_per_principal": 1}))
    await admit(guard, HANDSHAKE, PUBLIC)
    await admit(guard, bearer("a"))
    await admit(guard, bearer("b"))
    assert (await refused(guard, HANDSHAKE, PUBLIC)).denial is Denial.TOO_MANY_CONNECTIONS


async def test_many_handshakes_at_once_do_not_pass_a_cap_together() -> None:
    """Checking and counting are one step."""
    guard = await settle(make_guard(limits={"connections_per_principal": 3}))
    outcomes = await asyncio.gather(
        *(guard.admission.admit(bearer("alice"), CHAT) for _ in range(20))
    )
    assert sum(isinstance(one, Connection) for one in outcomes) == 3


# -- revoked ----------------------------------------------------------------------------------------

REVOCATIONS: list[tuple[str, Target, str, bool]] = [
    ("principal", Target.PRINCIPAL, "alice", True),
    ("another principal", Target.PRINCIPAL, "bob", False),
    ("credential", Target.CREDENTIAL, "credential-of-alice", True),
    ("everything", Target.EVERYTHING, "", True),
    ("changed", Target.CHANGED, "alice", False),
]


@pytest.mark.parametrize(
    ("target", "value", "ends"), [case[1:] for case in REVOCATIONS], ids=[c[0] for c in REVOCATIONS]
)
async def test_what_was_revoked_does_not_come_in(target: Target, value: str, ends: bool) -> None:
    """Known to this process, or learnt from the store when it started."""
    store = FakeStore()
    await store.open()
    await store.add_revocation(Revocation(target, value, FakeClock().now()))
    guard = await settle(make_guard(store=store))
    outcome = await guard.admission.admit(bearer("alice"), CHAT)
    assert isinstance(outcome, Connection) is not ends
    if not isinstance(outcome, Connection):
        assert (outcome.denial, outcome.answer.status) == (Denial.REVOKED, 401)
        assert len(guard.registry) == 0


async def test_policies_that_raise_deny() -> None:
    """A policy that raises denies the handshake, and the log reports the error."""
    from stormdoor import permit

    def broken(request: object) -> bool:
        raise LookupError("no attribute")

    policies = PolicySet([role("member"), permit("chat:connect", when=broken, id="odd")])
    guard = await settle(make_guard(policies=policies))
    refusal = await refused(guard, bearer("alice"))
    assert refusal.denial is Denial.FORBIDDEN
    assert refusal.policy_ids == ("odd",)
    [*_, event] = await events(guard)
    assert event.policies == ("odd",)


async def test_secrets_do_not_reach_the_trail_or_a_refusal() -> None:
    """No presented secret appears in the trail or in a refusal."""
    guard = await settle(make_guard())
    secret = "s3cr3t-s3cr3t-s3cr3t"
    tries = [
        bearer(secret),
        cookie(secret),
        cookie(secret, "other"),
        with_ticket(secret),
        replace(HANDSHAKE, authorization=[f"Bearer {secret}", f"Bearer {secret}"]),
    ]
    for handshake in tries:
        assert secret not in repr(await refused(guard, handshake))
        assert secret not in repr(handshake)
    assert secret not in repr(await events(guard))


async def test_a_login_of_the_application_without_an_origin_is_named_so() -> None:
    """The log called the cookies of Jupyter a proxy header, which was not sent."""
    authenticator = ApplicationAuthenticator()
    authenticator.connect(_NoTokens())
    guard = await settle(make_guard(authenticators=[authenticator]))
    bare = replace(forged(origin=None, fetch_site=None, fetch_mode=None), request=object())
    refusal = await refused(guard, bare)
    assert refusal.denial is Denial.ORIGIN
    assert refusal.detail.startswith("cookies of the application without an Origin")


class _NoTokens:
    def tokens(self, request: object) -> list[str]:
        return []

    async def authenticate(self, request: object, *, state: object, now: float) -> Any:
        raise AssertionError("it is refused before")
