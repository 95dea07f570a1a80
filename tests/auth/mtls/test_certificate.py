"""A certificate authenticates its subject while it is valid; a token that is bound to one needs it."""

from __future__ import annotations

import base64
import random
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509

from stormdoor import (
    Authentication,
    CertificateAuthenticator,
    CertificatePossessionProof,
    ConfigurationError,
    Denial,
    JwtAuthenticator,
    JwtKey,
    Rejected,
)
from stormdoor.auth.mtls.certificate_names import CertificateNames, read_certificate
from stormdoor.core.account import Account
from stormdoor.core.credential import Credential, Place, Source, presented
from stormdoor.core.handshake import Handshake
from stormdoor.core.malformed import Malformed
from stormdoor.core.revocation import Revocation, RevocationIndex, Target
from stormdoor.ports import StoredState
from stormdoor.stores import MemoryStore
from tests.support.certificates import Authority, Issued
from tests.support.tokens import forge, hs256

NOW = 1_767_225_600.0
AUTHORITY = Authority(NOW)
SPIFFE = r"spiffe://fleet\.example/device/(?P<id>[a-z0-9-]+)"
DEVICE = AUTHORITY.issue(
    "device 7", x509.UniformResourceIdentifier("spiffe://fleet.example/device/d7")
)
HANDSHAKE = Handshake(
    path="/feed", address="192.0.2.1", peer="192.0.2.1", scheme="https", host="app.example"
)


def uri(text: str) -> x509.GeneralName:
    """A URI as an alternative name."""
    return x509.UniformResourceIdentifier(text)


def sent(issued: Issued = DEVICE, **changes: Any) -> Handshake:
    """A handshake with a certificate."""
    return replace(HANDSHAKE, certificate=issued.der, peer_certificate=issued.der, **changes)


async def ask(
    handshake: Handshake, *, store: MemoryStore | None = None, now: float = NOW, **options: Any
) -> Authentication | Rejected:
    """Return the outcome of the authenticator."""
    authenticator = CertificateAuthenticator(
        **(
            options
            if "fingerprints" in options
            else {"named_by": "uri", "pattern": SPIFFE} | options
        )
    )
    [credential] = presented(handshake, authenticator.places)
    assert authenticator.recognises(credential)
    if store is None:
        store = MemoryStore()
        await store.open()
    return await authenticator.authenticate(
        credential, handshake, state=StoredState.of(store), now=now
    )


async def test_a_certificate_names_its_holder() -> None:
    """The connection ends with it, and it can be revoked by its thumbprint."""
    outcome = await ask(sent(), roles=["device"])
    assert isinstance(outcome, Authentication)
    assert outcome.principal.id == outcome.device_id == "d7"
    assert outcome.principal.roles == frozenset({"device"})
    assert outcome.credential_id == DEVICE.thumbprint
    assert (outcome.issued_at, outcome.expires_at) == (NOW - 3600, NOW + 86_400)
    assert outcome.proofs == frozenset({f"mtls:{DEVICE.thumbprint}"})
    assert not outcome.ambient
    revoked = RevocationIndex([Revocation(Target.CREDENTIAL, DEVICE.thumbprint, NOW)])
    assert revoked.ends(outcome)


@pytest.mark.parametrize(
    ("named_by", "pattern", "names", "id"),
    [
        ("uri", r"urn:dev:(?P<id>\w+)", [uri("urn:dev:a1"), uri("urn:other:b")], "a1"),
        ("dns", r"(?P<id>[a-z0-9-]+)\.fleet\.example", [x509.DNSName("d8.fleet.example")], "d8"),
        ("email", r".+@example\.org", [x509.RFC822Name("zoe@example.org")], "zoe@example.org"),
        ("common-name", r"device (?P<id>\d+)", [], "7"),
        ("subject", r"CN=device (?P<id>\d+)", [], "7"),
    ],
)
async def test_where_the_name_stands(
    named_by: str, pattern: str, names: list[x509.GeneralName], id: str
) -> None:
    """The principal is read from one kind of name, which the pattern must match completely."""
    issued = AUTHORITY.issue("device 7", *names)
    outcome = await ask(sent(issued), named_by=named_by, pattern=pattern)
    assert isinstance(outcome, Authentication)
    assert outcome.principal.id == id


async def test_a_tenant_in_the_name() -> None:
    """A group of the pattern says which."""
    issued = AUTHORITY.issue("", uri("urn:acme:d1"))
    outcome = await ask(sent(issued), pattern=r"urn:(?P<tenant>\w+):(?P<id>\w+)")
    assert isinstance(outcome, Authentication)
    assert (outcome.principal.tenant, outcome.principal.id) == ("acme", "d1")


@pytest.mark.parametrize(
    "names",
    [
        [],
        [uri("spiffe://fleet.example/device/d7/more")],
        [uri("xspiffe://fleet.example/device/d7")],
        [uri("spiffe://fleet.example.evil/device/d7")],
        [uri("spiffe://fleetXexample/device/d7")],
        [uri("spiffe://fleet.example/device/d7\n")],
        [uri("spiffe://fleet.example/device/d7"), uri("spiffe://fleet.example/device/d8")],
        [x509.DNSName("spiffe://fleet.example/device/d7")],
    ],
    ids=str,
)
async def test_a_name_that_is_not_meant(names: list[x509.GeneralName]) -> None:
    """None, a longer one, two of them, or one in another place."""
    outcome = await ask(sent(AUTHORITY.issue("spiffe://fleet.example/device/d7", *names)))
    assert isinstance(outcome, Rejected)


@pytest.mark.parametrize(
    ("options", "now", "denial"),
    [
        ({}, NOW + 86_399, None),
        ({}, NOW + 86_400, Denial.EXPIRED),
        ({}, NOW - 3_601, Denial.BAD_CREDENTIAL),
        ({"server": True}, NOW, Denial.BAD_CREDENTIAL),
        ({"ca": True}, NOW, Denial.BAD_CREDENTIAL),
        ({"usage": False}, NOW, None),
    ],
    ids=str,
)
async def test_dates_and_purpose(
    options: dict[str, Any], now: float, denial: Denial | None
) -> None:
    """A server's certificate, or an authority's, is no client's."""
    issued = AUTHORITY.issue("", uri("spiffe://fleet.example/device/d7"), **options)
    outcome = await ask(sent(issued), now=now)
    assert (outcome.denial if isinstance(outcome, Rejected) else None) is denial


async def test_a_list_of_certificates() -> None:
    """No other is accepted, under any name."""
    listed = {DEVICE.thumbprint: "device-7"}
    outcome = await ask(sent(), fingerprints=listed)
    assert isinstance(outcome, Authentication)
    assert outcome.principal.id == "device-7"
    twin = AUTHORITY.issue("device 7", uri("spiffe://fleet.example/device/d7"))
    assert isinstance(await ask(sent(twin), fingerprints=listed), Rejected)


async def test_the_store_says_what_a_device_may() -> None:
    """The store has the roles of a device, and whether it is disabled."""
    store = MemoryStore()
    await store.open()
    assert isinstance(await ask(sent(), store=store, principals="store"), Rejected)
    await store.add_account(Account(id="d7", roles=frozenset({"device"})))
    outcome = await ask(sent(), store=store, principals="store")
    assert isinstance(outcome, Authentication)
    assert outcome.live
    assert outcome.principal.roles == frozenset({"device"})
    await store.set_disabled("d7", True)
    assert isinstance(await ask(sent(), store=store, principals="store"), Rejected)


@pytest.mark.parametrize("change", [{"origin": "https://app.example"}, {"fetch_site": "none"}])
async def test_a_browser_among_programs(change: dict[str, Any]) -> None:
    """A browser would attach the certificate for any page, so it must be asked for."""
    assert isinstance(await ask(sent(**change)), Rejected)
    outcome = await ask(sent(**change), clients="browsers")
    assert isinstance(outcome, Authentication)
    assert outcome.ambient


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"named_by": "uri"},
        {"named_by": "serial", "pattern": ".*"},
        {"named_by": "uri", "pattern": "("},
        {"named_by": "uri", "pattern": ".*", "fingerprints": {}},
        {"fingerprints": {"ab": "x"}},
        {"named_by": "uri", "pattern": ".*", "principals": "both"},
        {"named_by": "uri", "pattern": ".*", "clients": "all"},
        {"named_by": "uri", "pattern": ".*", "principals": "store", "roles": ["x"]},
    ],
    ids=str,
)
def test_options_that_accept_anything(options: dict[str, Any]) -> None:
    """Options that would accept every certificate are refused when the door is set up."""
    with pytest.raises(ConfigurationError):
        CertificateAuthenticator(**options)


def test_reading_never_raises() -> None:
    """A certificate of arbitrary bytes."""
    assert isinstance(read_certificate(DEVICE.der), CertificateNames)
    assert isinstance(read_certificate(b""), Malformed)
    chance = random.Random(7)
    for _ in range(500):
        changed = bytearray(DEVICE.der)
        for _ in range(chance.randrange(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        read_certificate(bytes(changed))


@pytest.mark.parametrize("secret", ["", "====", "é", "\ud800", "AAAA"], ids=ascii)
async def test_a_credential_that_is_no_certificate(secret: str) -> None:
    """A credential that is no certificate is refused."""
    authenticator = CertificateAuthenticator(named_by="uri", pattern=SPIFFE)
    outcome = await authenticator.authenticate(
        Credential(authenticator.places[0], secret),
        HANDSHAKE,
        state=StoredState.of(MemoryStore()),
        now=NOW,
    )
    assert isinstance(outcome, Rejected)


# -- bound tokens -----------------------------------------------------------------------------------

SECRET = b"a secret of thirty-two bytes or more"
BEARER = Place(Source.AUTHORIZATION, "bearer")


def token(cnf: object = None) -> str:
    """A token, bound or not."""
    claims = {"iss": "i", "aud": "a", "sub": "s", "iat": NOW - 1, "exp": NOW + 60}
    bound = claims if cnf is None else {**claims, "cnf": cnf}
    return forge({"alg": "HS256", "typ": "JWT"}, bound, hs256(SECRET))


async def present(
    text: str, handshake: Handshake, *proofs: CertificatePossessionProof, now: float = NOW
) -> Authentication | Rejected:
    """Return the outcome of the token authenticator."""
    authenticator = JwtAuthenticator(
        keys=[JwtKey("HS256", SECRET)], issuer="i", audience="a", max_age=None, proofs=proofs
    )
    return await authenticator.authenticate(
        Credential(BEARER, text), handshake, state=StoredState.of(MemoryStore()), now=now
    )


async def test_a_bound_token_needs_its_certificate() -> None:
    """A thief of the token does not have the key of the certificate."""
    bound = token({"x5t#S256": DEVICE.thumbprint})
    outcome = await present(bound, sent(), CertificatePossessionProof())
    assert isinstance(outcome, Authentication)
    assert outcome.proofs == frozenset({f"mtls:{DEVICE.thumbprint}"})
    thief = AUTHORITY.issue("thief")
    for handshake in (HANDSHAKE, sent(thief)):
        assert isinstance(await present(bound, handshake, CertificatePossessionProof()), Rejected)
    assert isinstance(await present(bound, sent()), Rejected)  # without a configured check


async def test_a_remembered_token_is_checked_again() -> None:
    """The cache of verified tokens does not remember who proved what."""
    authenticator = JwtAuthenticator(
        keys=[JwtKey("HS256", SECRET)],
        issuer="i",
        audience="a",
        proofs=[CertificatePossessionProof()],
    )
    bound = Credential(BEARER, token({"x5t#S256": DEVICE.thumbprint}))
    for handshake, expected in ((sent(), Authentication), (HANDSHAKE, Rejected)):
        outcome = await authenticator.authenticate(
            bound, handshake, state=StoredState.of(MemoryStore()), now=NOW
        )
        assert isinstance(outcome, expected)


async def test_binding_may_be_required() -> None:
    """If binding is required, an unbound token is refused, with or without a certificate."""
    for handshake in (HANDSHAKE, sent()):
        assert isinstance(
            await present(token(), handshake, CertificatePossessionProof()), Authentication
        )
        refused = await present(token(), handshake, CertificatePossessionProof(required=True))
        assert isinstance(refused, Rejected)


@pytest.mark.parametrize(
    "value",
    ["", DEVICE.thumbprint + "=", base64.b64encode(b"x" * 32).decode(), "\udcff", "é"],
    ids=["empty", "padded", "other alphabet", "half a letter", "not ASCII"],
)
async def test_other_spellings_of_a_thumbprint(value: str) -> None:
    """Another spelling of a thumbprint does not match."""
    outcome = await present(token({"x5t#S256": value}), sent(), CertificatePossessionProof())
    assert isinstance(outcome, Rejected)


async def test_the_certificate_of_a_token_expires_too() -> None:
    """TLS may have resumed a session that is older."""
    short = AUTHORITY.issue("short", seconds=30)
    bound = token({"x5t#S256": short.thumbprint})
    assert isinstance(
        await present(bound, sent(short), CertificatePossessionProof()), Authentication
    )
    outcome = await present(bound, sent(short), CertificatePossessionProof(), now=NOW + 30)
    assert isinstance(outcome, Rejected)
    assert outcome.denial is Denial.EXPIRED
    broken = replace(HANDSHAKE, certificate=b"no certificate")
    outcome = await present(
        token({"x5t#S256": "PAa_6nD-iFnzv1gHEKTN5-Pb9YKHgdCF4bNSnjBFlYg"}),
        broken,
        CertificatePossessionProof(),
    )
    assert isinstance(outcome, Rejected)
