"""Identity headers count only if the trusted proxy sends them."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from stormdoor import (
    Authentication,
    ConfigurationError,
    Principal,
    ProxyIdentityAuthenticator,
    Rejected,
    TrustedProxy,
)
from stormdoor.auth.proxy.proxy_identity import PROXY_HEADERS
from stormdoor.core.account import Account
from stormdoor.core.credential import presented
from stormdoor.core.handshake import Handshake
from stormdoor.ports import StoredState
from stormdoor.stores import MemoryStore

NOW = 1_767_225_600.0
SECRET = "a secret of thirty-two characters"
PROXY = TrustedProxy(["10.0.0.5"], secrets=[SECRET])
HANDSHAKE = Handshake(
    path="/feed",
    address="203.0.113.7",
    peer="10.0.0.5",
    scheme="https",
    host="app.example",
    origin="https://app.example",
)


def sent(**headers: Any) -> Handshake:
    """Return a handshake as the proxy sends it, with further headers."""
    values = {"x_proxy_secret": SECRET, "x_forwarded_user": "alice", **headers}
    return replace(
        HANDSHAKE,
        headers={
            name.replace("_", "-"): (value,) if isinstance(value, str) else value
            for name, value in values.items()
            if value is not None
        },
    )


def listed(*groups: object) -> str:
    """Return the header that Envoy writes for a claim that is a list."""
    return base64.b64encode(json.dumps(groups).encode()).decode()


async def ask(
    handshake: Handshake,
    store: MemoryStore | None = None,
    proxy: TrustedProxy = PROXY,
    **options: Any,
) -> Authentication | Rejected:
    """Return the outcome of the authenticator."""
    authenticator = ProxyIdentityAuthenticator(proxy, **options)
    if store is None:
        store = MemoryStore()
        await store.open()
    [credential] = presented(handshake, authenticator.places)
    assert authenticator.recognises(credential)
    return await authenticator.authenticate(
        credential, handshake, state=StoredState.of(store), now=NOW
    )


async def test_the_proxy_names_the_principal() -> None:
    """The header names the principal and its groups; the credential is ambient, like a cookie."""
    outcome = await ask(sent(x_forwarded_groups="member, moderator"))
    assert isinstance(outcome, Authentication)
    assert outcome.principal.id == "alice"
    assert outcome.principal.roles == frozenset({"member", "moderator"})
    assert (outcome.kind, outcome.credential_id) == ("proxy", "proxy:alice")
    assert outcome.ambient
    assert outcome.expires_at == NOW + 3600


@pytest.mark.parametrize("convention", PROXY_HEADERS)
async def test_conventions(convention: str) -> None:
    """Each proxy has its headers, and all of them are its own."""
    headers = PROXY_HEADERS[convention]
    groups = listed("member") if convention == "envoy" else "member"
    names = {"x-forwarded-user": None, headers["user"]: "bob", headers["groups"]: groups}
    handshake = sent(**{name.lower().replace("-", "_"): v for name, v in names.items()})
    outcome = await ask(handshake, convention=convention)
    assert isinstance(outcome, Authentication)
    assert outcome.principal == Principal("bob", frozenset({"member"}))
    authenticator = ProxyIdentityAuthenticator(PROXY, convention=convention)
    assert {name.lower() for name in headers.values()} < set(authenticator.exclusive_headers)
    assert "x-proxy-secret" in authenticator.exclusive_headers


async def test_groups_stand_for_roles() -> None:
    """A group without a mapping gives no role."""
    outcome = await ask(
        sent(x_forwarded_groups="/staff,/admins,/strangers"),
        roles={"/staff": "member", "/admins": "moderator"},
    )
    assert isinstance(outcome, Authentication)
    assert outcome.principal.roles == frozenset({"member", "moderator"})


@pytest.mark.parametrize(
    ("value", "roles"),
    [
        (listed("member", "über, uns"), ["member", "über, uns"]),
        (listed(), []),
        (None, []),
        ("member", None),
        ("member,moderator", None),
        (listed("member", 1), None),
        (listed(["member"]), None),
        (base64.b64encode(b'{"member": 1}').decode(), None),
        (base64.b64encode(b'["member"').decode(), None),
        (base64.b64encode(b'["\xff"]').decode(), None),
        (base64.urlsafe_b64encode('["~~~?ÿ"]'.encode()).decode(), None),
        (listed("member", ""), None),
        (listed("member "), None),
        (listed("a\u0000b"), None),
        (listed(*map(str, range(300))), None),
        ((listed("member"), listed("moderator")), None),
        ("é", None),
    ],
    ids=ascii,
)
async def test_a_claim_that_is_a_list(value: Any, roles: list[str] | None) -> None:
    """Envoy writes it as base64 of JSON; all but a list of names is refused."""
    outcome = await ask(sent(x_forwarded_groups=value), groups_as="json")
    if roles is None:
        assert isinstance(outcome, Rejected)
    else:
        assert isinstance(outcome, Authentication)
        assert outcome.principal.roles == frozenset(roles)


@pytest.mark.parametrize(
    ("value", "ends"),
    [
        (None, 3600),
        (f"{NOW + 60:.0f}", 60),
        (f"{NOW + 60.5:.6f}", 60.5),
        (f"{NOW + 9000:.0f}", 3600),
        ("9" * 15, 3600),
        (f"{NOW:.0f}", None),
        (f"{NOW - 30:.0f}", None),
        ("0", None),
        ("", None),
        ("-1", None),
        ("inf", None),
        ("1e12", None),
        ("٩" * 12, None),
        ("9" * 16, None),
        (f"{NOW + 60:.0f},{NOW + 90:.0f}", None),
        ((f"{NOW + 60:.0f}", f"{NOW + 90:.0f}"), None),
    ],
    ids=ascii,
)
async def test_the_connection_ends_with_the_token(value: Any, ends: float | None) -> None:
    """If the proxy says when that is; what is no date is refused, rather than taken for no end."""
    outcome = await ask(sent(x_until=value), expires_header="X-Until")
    if ends is None:
        assert isinstance(outcome, Rejected)
    else:
        assert isinstance(outcome, Authentication)
        assert outcome.expires_at == pytest.approx(NOW + ends)
    assert (
        "x-until" in ProxyIdentityAuthenticator(PROXY, expires_header="X-Until").exclusive_headers
    )


async def test_names_are_utf_8() -> None:
    """HTTP knows bytes; a name is what the proxy meant."""
    outcome = await ask(sent(x_forwarded_user="zoë".encode().decode("latin-1")))
    assert isinstance(outcome, Authentication)
    assert outcome.principal.id == "zoë"


@pytest.mark.parametrize(
    "headers",
    [
        {"x_forwarded_user": ""},
        {"x_forwarded_user": "alice,ada"},
        {"x_forwarded_user": "a" * 257},
        {"x_forwarded_user": "a\x7f"},
        {"x_forwarded_user": "\xff"},
        {"x_forwarded_user": " alice"},
        {"x_forwarded_user": "\u2028"},
        {"x_forwarded_groups": ("member", "admin")},
        {"x_forwarded_groups": "member,\xff"},
        {"x_forwarded_groups": ",".join(f"g{i}" for i in range(300))},
    ],
    ids=ascii,
)
async def test_what_is_no_name(headers: dict[str, Any]) -> None:
    """Two names folded into one, or an unprintable name, is refused."""
    assert isinstance(await ask(sent(**headers)), Rejected)


@pytest.mark.parametrize(
    "change",
    [
        {"peer": "10.0.0.6"},
        {"headers": {"x-forwarded-user": ("ada",)}},
        {"headers": {"x-forwarded-user": ("ada",), "x-proxy-secret": ("x" * 33,)}},
    ],
    ids=str,
)
async def test_anybody_else_is_refused(change: dict[str, Any]) -> None:
    """Another sender of the header is refused by the check of every handshake and by the authenticator."""
    forged = replace(sent(), **change)
    assert isinstance(await ask(sent()), Authentication)
    assert isinstance(await ask(forged), Rejected)
    assert isinstance(ProxyIdentityAuthenticator(PROXY).screen(forged), Rejected)


@pytest.mark.parametrize(
    "name",
    [
        "x-forwarded-groups",
        "x-forwarded-email",
        "x-forwarded-preferred-username",
        "x_forwarded_groups",
        "x-proxy-secret",
    ],
)
def test_also_what_is_not_read_is_refused(name: str) -> None:
    """A client's own groups beside its credential never reach the handler."""
    authenticator = ProxyIdentityAuthenticator(PROXY)
    stranger = replace(HANDSHAKE, peer="192.0.2.1")
    assert authenticator.screen(stranger) is stranger
    forged = replace(stranger, headers={name: ("admin",)})
    assert isinstance(authenticator.screen(forged), Rejected)


def test_the_certificate_of_the_proxy_is_nobody_s() -> None:
    """The certificate of the proxy does not count as a certificate of the client."""
    authenticator = ProxyIdentityAuthenticator(PROXY)
    through = replace(sent(), certificate=b"proxy", peer_certificate=b"proxy")
    screened = authenticator.screen(through)
    assert isinstance(screened, Handshake)
    assert screened.certificate is None
    forwarded = authenticator.screen(replace(through, certificate=b"client"))
    assert isinstance(forwarded, Handshake)
    assert forwarded.certificate == b"client"


async def test_the_store_says_what_a_user_may() -> None:
    """The store has the roles of a user, and whether the user is disabled."""
    store = MemoryStore()
    await store.open()
    assert isinstance(await ask(sent(), store, principals="store"), Rejected)
    await store.add_account(Account(id="alice", roles=frozenset({"reader"})))
    outcome = await ask(sent(x_forwarded_groups="admin"), store, principals="store")
    assert isinstance(outcome, Authentication)
    assert outcome.principal.roles == frozenset({"reader"})
    assert outcome.live
    await store.set_disabled("alice", True)
    assert isinstance(await ask(sent(), store, principals="store"), Rejected)


@pytest.mark.parametrize(
    ("change", "accepted"),
    [({"origin": None}, True), ({}, False), ({"origin": None, "fetch_site": "none"}, False)],
    ids=str,
)
async def test_programs_are_no_browsers(change: dict[str, Any], accepted: bool) -> None:
    """With `clients="programs"` no Origin is required, and a request with one is refused."""
    outcome = await ask(replace(sent(), **change), clients="programs")
    assert isinstance(outcome, Authentication) is accepted
    if isinstance(outcome, Authentication):
        assert not outcome.ambient


@pytest.mark.parametrize(
    "options",
    [
        {"convention": "apache"},
        {"principals": "both"},
        {"clients": "all"},
        {"principals": "store", "roles": {}},
        {"principals": "store", "groups_header": "X-Groups"},
        {"principals": "store", "groups_as": "json"},
        {"groups_as": "lines"},
        {"expires_header": "X_Until"},
        {"max_age": 0},
        {"user_header": "Authorization"},
        {"user_header": "X_User"},
        {"user_header": ""},
    ],
    ids=str,
)
def test_options_that_contradict(options: dict[str, Any]) -> None:
    """Contradictory options are refused when the door is set up."""
    with pytest.raises(ConfigurationError):
        ProxyIdentityAuthenticator(PROXY, **options)
