"""A signed handshake counts here, now and once."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stormdoor import (
    AccountKeys,
    Authentication,
    ConfigurationError,
    Denial,
    JwtKey,
    Principal,
    Rejected,
    RequestKey,
    SignedRequestAuthenticator,
)
from stormdoor.auth.http_signature.message_signature import signature_base, write_inner_list
from stormdoor.client import sign_request
from stormdoor.core.account import Account
from stormdoor.core.credential import Credential, presented
from stormdoor.core.handshake import Handshake
from stormdoor.ports import StoredState
from stormdoor.stores import MemoryStore, SqliteStore

NOW = 1_767_225_600.0
URL = "wss://app.example/feed?room=1"
SECRET = b"a secret of a device of 32 bytes"
ED25519 = Ed25519PrivateKey.generate()
P256 = generate_private_key(SECP256R1())
SIGNERS = {
    "HS256": JwtKey("HS256", SECRET, "hmac"),
    "EdDSA": JwtKey("EdDSA", ED25519, "ed"),
    "ES256": JwtKey("ES256", P256, "ec"),
}
VERIFIERS = [
    RequestKey(key=SIGNERS["HS256"], principal=Principal("device-h", frozenset({"device"}))),
    RequestKey(
        key=JwtKey("EdDSA", ED25519.public_key(), "ed"),
        principal=Principal("device-e", frozenset({"device"})),
        expires_at=NOW + 3600,
        scopes=frozenset({"feed:*"}),
        issued_at=NOW - 100,
        device_id="serial 7",
    ),
    RequestKey(key=JwtKey("ES256", P256.public_key(), "ec"), principal="alice"),
]
HANDSHAKE = Handshake(
    path="/feed",
    target="/feed?room=1",
    address="192.0.2.1",
    peer="192.0.2.1",
    scheme="https",
    host="app.example",
)
TO_ALL = SignedRequestAuthenticator(VERIFIERS)


def sent(headers: dict[str, str], **changes: Any) -> Handshake:
    """A handshake with these headers."""
    lower = {name.lower(): (value,) for name, value in headers.items()}
    return replace(HANDSHAKE, headers=lower, **changes)


def signed(algorithm: str = "EdDSA", url: str = URL, **options: Any) -> Handshake:
    """A handshake that is signed."""
    return sent(sign_request(url, SIGNERS[algorithm], **{"created": NOW, **options}))


async def empty() -> MemoryStore:
    """A store without accounts."""
    store = MemoryStore()
    await store.open()
    return store


async def ask(
    handshake: Handshake,
    authenticator: SignedRequestAuthenticator = TO_ALL,
    *,
    store: Any = None,
    now: float = NOW,
) -> Authentication | Rejected:
    """Return the outcome of the authenticator."""
    [credential] = presented(handshake, authenticator.places)
    assert authenticator.recognises(credential)
    return await authenticator.authenticate(
        credential, handshake, state=StoredState.of(store or await empty()), now=now
    )


async def refused(handshake: Handshake, *options: Any, **more: Any) -> str:
    """Return the reason of the refusal."""
    outcome = await ask(handshake, *options, **more)
    assert isinstance(outcome, Rejected)
    return outcome.detail


@pytest.mark.parametrize("algorithm", SIGNERS)
async def test_a_signed_handshake_is_accepted(algorithm: str) -> None:
    """A handshake with a signature of each kind of key is accepted."""
    store = await empty()
    await store.add_account(Account(id="alice", roles=frozenset({"member"})))
    outcome = await ask(signed(algorithm), store=store)
    assert isinstance(outcome, Authentication)
    assert outcome.kind == "signed-request"
    assert outcome.authenticated_at == NOW
    assert not outcome.ambient
    assert outcome.live is (algorithm == "ES256")


async def test_what_the_key_says_is_vouched_for() -> None:
    """Scopes, expiry, when it was made, and the device that it is in."""
    outcome = await ask(signed())
    assert isinstance(outcome, Authentication)
    assert outcome.credential_id == "ed"
    assert outcome.device_id == "serial 7"
    assert (outcome.issued_at, outcome.expires_at) == (NOW - 100, NOW + 3600)
    assert outcome.scopes == frozenset({"feed:*"})
    assert outcome.principal.id == "device-e"
    other = await ask(signed("HS256"))
    assert isinstance(other, Authentication)
    assert (other.device_id, other.issued_at) == ("hmac", 0.0)


CHANGED: list[dict[str, Any]] = [
    {"method": "POST"},
    {"host": "app.example:8443"},
    {"host": "other.example"},
    {"target": "/feed"},
    {"target": "/feed?room=2"},
    {"target": "/feed?room=1&room=2"},
    {"target": "/admin?room=1"},
    {"target": "/feed/?room=1"},
    {"target": "/%66eed?room=1"},
    {"target": "https://app.example/feed?room=1"},
]


@pytest.mark.parametrize("change", CHANGED, ids=str)
async def test_a_signature_is_for_one_request(change: dict[str, Any]) -> None:
    """A signature for one address is refused at another."""
    assert isinstance(await ask(signed()), Authentication)
    detail = await refused(replace(signed(), **change))
    assert "does not fit" in detail or "not a path" in detail


@pytest.mark.parametrize(
    ("signed_for", "host", "scheme"),
    [
        ("wss://app.example/feed?room=1", "app.example:443", "https"),
        ("wss://APP.example:443/feed?room=1", "app.example", "https"),
        ("ws://app.example:80/feed?room=1", "app.example", "http"),
        ("https://app.example/feed?room=1", "app.example", "https"),
        ("wss://app.example:8443/feed?room=1", "app.example:8443", "https"),
        ("wss://[::1]:8443/feed?room=1", "[::1]:8443", "https"),
    ],
)
async def test_the_same_address_is_the_same(signed_for: str, host: str, scheme: str) -> None:
    """Case and the usual port do not count (RFC 9421 §2.2.3)."""
    handshake = replace(signed(url=signed_for), host=host, scheme=scheme)
    assert isinstance(await ask(handshake), Authentication)


@pytest.mark.parametrize(
    ("seconds", "accepted"),
    [(-11, False), (-10, True), (0, True), (59.9, True), (60, False), (3600, False)],
)
async def test_acceptance_window_around_created(seconds: float, accepted: bool) -> None:
    """A signature is accepted from `ahead` seconds before `created` to `max_age` seconds after it."""
    outcome = await ask(signed(), now=NOW + seconds)
    assert isinstance(outcome, Authentication) is accepted


async def test_a_nonce_counts_once() -> None:
    """The second time is called what it is."""
    store, handshake = await empty(), signed()
    assert isinstance(await ask(handshake, store=store), Authentication)
    again = await ask(handshake, store=store)
    assert isinstance(again, Rejected)
    assert again.reused
    assert isinstance(await ask(signed(), store=store), Authentication)


async def test_a_nonce_counts_once_across_a_restart(tmp_path: Path) -> None:
    """A used nonce is refused after a restart, because it is in the store."""
    handshake = signed()
    url = f"sqlite://{tmp_path}/door.db"
    for expected in (Authentication, Rejected):
        store = SqliteStore(tmp_path / "door.db")
        await store.open()
        assert isinstance(await ask(handshake, store=store), expected), url
        await store.close()


async def test_a_refused_signature_uses_no_nonce() -> None:
    """A client without the key cannot use up the nonces of its owner."""
    store, handshake = await empty(), signed(nonce="the-nonce-of-the-victim")
    assert "does not fit" in await refused(replace(handshake, target="/other"), store=store)
    assert isinstance(await ask(handshake, store=store), Authentication)


def handmade(
    change: Callable[[dict[str, str], dict[str, Any]], None], key: JwtKey = SIGNERS["EdDSA"]
) -> Handshake:
    """A sound signature over what `change` makes of components and parameters."""
    components = {
        "@method": "GET",
        "@authority": "app.example",
        "@path": "/feed",
        "@query": "?room=1",
    }
    parameters: dict[str, Any] = {
        "created": int(NOW),
        "nonce": "a-nonce-of-many-characters",
        "keyid": "ed",
    }
    change(components, parameters)
    text = write_inner_list(components, parameters)
    signature = key.sign_bytes(signature_base(components.items(), text))
    encoded = base64.b64encode(signature).decode()
    return sent({"Signature-Input": f"s={text}", "Signature": f"s=:{encoded}:"})


def without(*names: str) -> Callable[[dict[str, str], dict[str, Any]], None]:
    """Leave components or parameters out."""

    def change(components: dict[str, str], parameters: dict[str, Any]) -> None:
        for name in names:
            components.pop(name, None)
            parameters.pop(name, None)

    return change


def having(**values: Any) -> Callable[[dict[str, str], dict[str, Any]], None]:
    """Set parameters."""
    return lambda components, parameters: parameters.update(values)


UNSOUND = [
    (without("@method"), "does not cover @method"),
    (without("@authority"), "does not cover @authority"),
    (without("@path"), "does not cover @path"),
    (without("@query"), "does not cover @query"),
    (without("@method", "@authority", "@path", "@query"), "does not cover @authority, @method"),
    (without("created"), "lacks created"),
    (without("nonce"), "lacks nonce"),
    (without("keyid"), "lacks keyid"),
    (having(created=str(int(NOW))), "created is not an integer"),
    (having(nonce=1), "nonce is not a string"),
    (having(nonce="short"), "the nonce is not"),
    (having(nonce="x" * 129), "the nonce is not"),
    (having(nonce="with spaces, which are not visible"), "the nonce is not"),
    (having(keyid="nobody"), "no key has that keyid"),
    (having(keyid="x" * 129), "the keyid is not"),
    (having(keyid=""), "the keyid is not"),
    (having(keyid="hmac"), "does not fit"),
    (having(expires=int(NOW)), "s old"),
    (having(expires="never"), "expires is not an integer"),
    (having(alg="hmac-sha256"), "not the algorithm of the key"),
    (having(alg="none"), "not the algorithm of the key"),
    (having(tag="other"), "another application"),
    (having(more=1), "means nothing here: more"),
    (lambda c, p: c.update({"x-more": "1"}), "a header that is not configured"),
    (lambda c, p: c.update({"@status": "200"}), "a header that is not configured"),
]


@pytest.mark.parametrize(("change", "reason"), UNSOUND, ids=[reason for _, reason in UNSOUND])
async def test_a_sound_signature_over_too_little(change: Any, reason: str) -> None:
    """The signer decides what is covered; this decides what must be."""
    assert isinstance(await ask(handmade(having())), Authentication)
    assert reason in await refused(handmade(change))


async def test_order_does_not_matter() -> None:
    """Other libraries cover in another order, and more of what is known."""

    def change(components: dict[str, str], parameters: dict[str, Any]) -> None:
        swapped = dict(reversed(components.items()))
        components.clear()
        components |= swapped
        components["@scheme"] = "https"
        components["@target-uri"] = "https://app.example/feed?room=1"
        components["@request-target"] = "/feed?room=1"
        parameters["expires"] = int(NOW) + 5
        parameters["alg"] = "ed25519"

    assert isinstance(await ask(handmade(change)), Authentication)


async def test_the_algorithm_is_the_key_s() -> None:
    """A public key is no secret: an HMAC with it is refused."""
    pem = ED25519.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    raw = ED25519.public_key().public_bytes_raw()
    with pytest.raises(ConfigurationError):
        JwtKey("HS256", pem)
    confused = JwtKey("HS256", raw, "ed")
    for alg in ({}, {"alg": "hmac-sha256"}, {"alg": "ed25519"}):
        assert isinstance(await ask(handmade(having(**alg), confused)), Rejected)


async def test_headers_that_must_be_covered() -> None:
    """A handshake is refused if the signature does not cover a required header."""
    authenticator = SignedRequestAuthenticator(VERIFIERS, headers=["X-Firmware"])
    assert "x-firmware" in authenticator.needs_headers
    options = {"headers": {"X-Firmware": "1.2"}}
    both = sign_request(URL, SIGNERS["EdDSA"], created=NOW, **options)  # type: ignore[arg-type]
    assert isinstance(await ask(sent({**both, "X-Firmware": "1.2"}), authenticator), Authentication)
    assert "does not fit" in await refused(sent({**both, "X-Firmware": "1.3"}), authenticator)
    assert "lacks" in await refused(sent(both), authenticator)
    bare = {**sign_request(URL, SIGNERS["EdDSA"], created=NOW), "X-Firmware": "1.2"}
    assert "does not cover x-firmware" in await refused(sent(bare), authenticator)
    doubled = replace(sent(both), headers={**sent(both).headers, "x-firmware": ("1.2", "1.3")})
    assert "does not fit" in await refused(doubled, authenticator)


async def test_a_tag_separates_applications() -> None:
    """A signature for another application of the same host and key is none for this one."""
    tagged = SignedRequestAuthenticator(VERIFIERS, tag="feed")
    assert isinstance(await ask(signed(tag="feed"), tagged), Authentication)
    for handshake in (signed(), signed(tag="other")):
        assert "another application" in await refused(handshake, tagged)
    assert "another application" in await refused(signed(tag="feed"))


async def test_both_headers_once() -> None:
    """Two descriptions are refused, so that the server need not choose one."""
    headers = dict(signed().headers)
    twice = replace(
        HANDSHAKE, headers={**headers, "signature-input": (*headers["signature-input"],) * 2}
    )
    assert "one Signature-Input, not 2" in await refused(twice)
    none = replace(HANDSHAKE, headers={"signature": headers["signature"]})
    assert "one Signature-Input, not 0" in await refused(none)
    doubled = replace(HANDSHAKE, headers={**headers, "signature": (*headers["signature"],) * 2})
    assert len(presented(doubled, TO_ALL.places)) == 2  # which the guard refuses


async def test_the_store_says_whether_the_principal_still_may() -> None:
    """An account that is disabled or gone signs nothing."""
    store = await empty()
    assert "not known" in await refused(signed("ES256"), store=store)
    await store.add_account(Account(id="alice"))
    await store.set_disabled("alice", True)
    assert "disabled" in await refused(signed("ES256"), store=store)


async def test_a_key_expires() -> None:
    """The connection would end with it; after it there is none."""
    [key] = [replace(one, expires_at=NOW) for one in VERIFIERS if one.keyid == "ed"]
    outcome = await ask(signed(), SignedRequestAuthenticator([key]))
    assert isinstance(outcome, Rejected)
    assert outcome.denial is Denial.EXPIRED


async def test_keys_in_accounts() -> None:
    """A device is enrolled by adding an account, and a second key is one more name."""
    store, authenticator = await empty(), SignedRequestAuthenticator(AccountKeys())
    pems = [
        one.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        for one in (ED25519, P256)
    ]
    await store.add_account(
        Account(
            id="device-7",
            roles=frozenset({"device"}),
            attributes={"request_keys": {"": pems[0], "next": pems[1], "bad": "x", "n": 1}},
            created_at=NOW - 50,
        )
    )
    await store.add_account(Account(id="device-8", attributes={"request_keys": "x"}))
    for keyid, key in (("device-7", ED25519), ("device-7#next", P256)):
        algorithm = "EdDSA" if key is ED25519 else "ES256"
        headers = sign_request(URL, JwtKey(algorithm, key, keyid), created=NOW)
        outcome = await ask(sent(headers), authenticator, store=store)
        assert isinstance(outcome, Authentication)
        assert (outcome.principal.id, outcome.credential_id) == ("device-7", keyid)
        assert (outcome.issued_at, outcome.device_id) == (NOW - 50, "device-7")
    for keyid in ("device-7#bad", "device-7#n", "device-7#", "device-8", "device-9", "#"):
        headers = sign_request(URL, JwtKey("ES256", P256, keyid), created=NOW)
        assert isinstance(await ask(sent(headers), authenticator, store=store), Rejected), keyid
    assert authenticator.keys == []


@pytest.mark.parametrize(
    "options",
    [
        {"max_age": 0},
        {"max_age": 86_400},
        {"ahead": -1},
        {"ahead": 61},
        {"headers": ["Authorization"]},
        {"headers": ["X_Firmware"]},
    ],
    ids=str,
)
def test_options_that_accept_anything(options: dict[str, Any]) -> None:
    """Options that would accept every request are refused when the door is set up."""
    with pytest.raises(ConfigurationError):
        SignedRequestAuthenticator(VERIFIERS, **options)


def test_keys_that_verify_nothing() -> None:
    """A key has a name of its own and one of the three algorithms."""
    with pytest.raises(ConfigurationError, match="need keys"):
        SignedRequestAuthenticator([])
    with pytest.raises(ConfigurationError, match="need keys"):
        SignedRequestAuthenticator([VERIFIERS[0], VERIFIERS[0]])
    with pytest.raises(ConfigurationError, match="has a name"):
        RequestKey(key=JwtKey("HS256", SECRET), principal="x")
    with pytest.raises(ConfigurationError, match="is for HS256"):
        RequestKey(key=JwtKey("HS512", SECRET * 2, "x"), principal="x")


@pytest.mark.parametrize(
    "url", ["app.example/feed", "ftp://app.example/", "wss:///feed", "wss://a@app.example/"]
)
def test_what_cannot_be_signed(url: str) -> None:
    """A signer is told at once, not by a refused handshake."""
    with pytest.raises(ConfigurationError):
        sign_request(url, SIGNERS["EdDSA"], created=NOW)


def test_a_public_key_signs_nothing() -> None:
    """A public key cannot sign, and a header with a line end is not signed."""
    with pytest.raises(ConfigurationError):
        sign_request(URL, VERIFIERS[1].key, created=NOW)
    with pytest.raises(ConfigurationError, match="cannot be signed"):
        sign_request(URL, SIGNERS["EdDSA"], created=NOW, headers={"X-A": "a\nb"})


async def test_no_secret_in_what_is_logged() -> None:
    """Logged reasons contain neither the secret nor the signature."""
    handshake = signed("HS256")
    text = await refused(replace(handshake, target="/other"))
    [credential] = presented(handshake, TO_ALL.places)
    assert isinstance(credential, Credential)
    assert SECRET.decode() not in text + repr(VERIFIERS)
    assert credential.secret not in text + repr(handshake)
