"""The known attacks on tokens, each refused and named.

Each forgery is as good as it can be made: apart from the one thing that it tries, it is a token
that the door accepts (`test_the_honest_twin_is_accepted`).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.auth.jwt.authenticator import JwtAuthenticator
from stormdoor.core.denial import Denial
from stormdoor.core.principal import Authentication
from stormdoor.ports import StoredState
from stormdoor.stores.memory import MemoryStore
from tests.support.effort import await_costs_less
from tests.support.people import HANDSHAKE, bearer
from tests.support.tokens import b64, forge, hs256, rsa_key

NOW = 1_767_225_600.0
ISSUER = "https://login.example"
SECRET = "correct-horse-battery-staple-0123456789"
RSA, OTHER_RSA = rsa_key(), rsa_key("other")
P256 = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
SOUND: dict[str, object] = {
    "iss": ISSUER,
    "aud": "chat",
    "sub": "alice",
    "iat": NOW - 10,
    "exp": NOW + 300,
    "roles": ["member"],
}
PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
DER = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
Sign = Callable[[bytes], bytes]


def _rs256(key: rsa.RSAPrivateKey) -> Sign:
    return lambda signed: key.sign(signed, padding.PKCS1v15(), hashes.SHA256())


def _raw_ecdsa(r: int, s: int) -> Sign:
    return lambda _: r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _nothing(_: bytes) -> bytes:
    return b""


HS, RS, ES, EDDSA = "HS256", "RS256", "ES256", "EdDSA"
DOORS = {
    HS: JwtKey(HS, SECRET, "k"),
    RS: JwtKey(RS, RSA.public_key(), "k"),
    ES: JwtKey(ES, P256.public_key(), "k"),
    EDDSA: JwtKey(EDDSA, ED.public_key(), "k"),
}


def honest(algorithm: str) -> Sign:
    """Signs with the real key."""
    if algorithm == HS:
        return hs256(SECRET)
    if algorithm == RS:
        return _rs256(RSA)
    if algorithm == EDDSA:
        return ED.sign

    def es256(signed: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        r, s = decode_dss_signature(P256.sign(signed, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return es256


async def knock(door: str, token: str, *, cache: int = 16) -> Authentication | Rejected:
    """Come to a door with that key."""
    authenticator = JwtAuthenticator(
        keys=[DOORS[door]], issuer=ISSUER, audience="chat", cache=cache
    )
    return await authenticator.authenticate(
        bearer(token), HANDSHAKE, state=StoredState.of(MemoryStore()), now=NOW
    )


@pytest.mark.parametrize("door", DOORS)
async def test_the_honest_twin_is_accepted(door: str) -> None:
    """Without a trick, a token made this way opens the door."""
    token = forge({"alg": door, "kid": "k", "typ": "JWT"}, SOUND, honest(door))
    assert isinstance(await knock(door, token), Authentication)


Changes = Mapping[str, object] | str | None


def _changed(sound: dict[str, object], changes: Changes) -> dict[str, object] | str:
    """`sound` with `changes`, or the exact text that stands for it; `...` takes a member away."""
    if isinstance(changes, str):
        return changes
    return {name: one for name, one in {**sound, **(changes or {})}.items() if one is not ...}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One forgery.

    Attributes:
        name: What it is called.
        says: Part of the reason that the operator reads.
        door: Algorithm of the door's key.
        header: Members added to the header (or the exact text).
        payload: Claims changed, `...` for taken away (or the exact text).
        sign: Makes the signature; None for the real key.
        denial: How it is refused.
    """

    name: str
    says: str
    door: str = HS
    header: Changes = None
    payload: Changes = None
    sign: Sign | None = None
    denial: Denial = Denial.BAD_CREDENTIAL

    @property
    def token(self) -> str:
        """The forgery."""
        header = _changed({"alg": self.door, "kid": "k", "typ": "JWT"}, self.header)
        payload = _changed(SOUND, self.payload)
        return forge(header, payload, self.sign or honest(self.door))


def _text(**changes: object) -> str:
    return json.dumps(SOUND | changes)


NONES = ["none", "None", "NONE", "nOnE", "none ", " none", "non\u0435", "null", ""]
ATTACKS = [
    # RFC 8725 §2.1: no signature
    *(
        Attack(name=f"alg={alg!a}", says="alg is", header={"alg": alg}, sign=lambda _: b"x")
        for alg in NONES
    ),
    *(
        Attack(
            name=f"unsigned, alg={alg!a}", says="no signature", header={"alg": alg}, sign=_nothing
        )
        for alg in ("none", "NONE", "HS256")
    ),
    Attack(name="empty signature, RS256", says="no signature", door=RS, sign=_nothing),
    Attack(name="empty signature, ES256", says="no signature", door=ES, sign=_nothing),
    Attack(name="alg missing", says="alg is not a text", header={"alg": ...}),
    Attack(name="alg a list", says="alg is not a text", header={"alg": ["HS256", "none"]}),
    # key confusion: the public key as HMAC secret
    *(
        Attack(
            name=f"{door} key as HMAC secret ({form})",
            says=f"the key is for {door} only",
            door=door,
            header={"alg": alg},
            sign=hs256(secret),
        )
        for door in (RS, ES, EDDSA)
        for alg in ("HS256", "HS384", "HS512")
        for form, secret in (("PEM", PEM), ("PEM without line end", PEM.rstrip()), ("DER", DER))
    ),
    Attack(name="HS256 signed, alg says RS256", says="for HS256 only", header={"alg": "RS256"}),
    Attack(name="alg in lower case", says="for HS256 only", header={"alg": "hs256"}),
    Attack(name="PS256 for an RS256 key", says="for RS256 only", door=RS, header={"alg": "PS256"}),
    Attack(name="ES384 for an ES256 key", says="for ES256 only", door=ES, header={"alg": "ES384"}),
    # keys that come with the token
    Attack(
        name="jwk in the header",
        says="(jwk)",
        door=RS,
        header={
            "jwk": {
                "kty": "RSA",
                "n": b64(OTHER_RSA.public_key().public_numbers().n.to_bytes(256, "big")),
                "e": "AQAB",
            }
        },
        sign=_rs256(OTHER_RSA),
    ),
    *(
        Attack(
            name=f"{name} in the header",
            says=f"({name})",
            door=RS,
            header={name: value},
            sign=_rs256(OTHER_RSA),
        )
        for name, value in (
            ("jku", "https://evil.example/jwks.json"),
            ("jku", f"{ISSUER}@evil.example/jwks.json"),
            ("jku", "file:///etc/passwd"),
            ("x5u", "https://evil.example/chain.pem"),
            ("x5c", ["MIIB"]),
            ("jku", None),
        )
    ),
    Attack(name="jku, honestly signed", says="(jku)", header={"jku": f"{ISSUER}/jwks.json"}),
    # kid injection: a kid is looked up in a dictionary, and nowhere else
    *(
        Attack(name=f"kid={kid!r}", says="no key has the kid", header={"kid": kid}, sign=hs256(""))
        for kid in (
            "../../../../dev/null",
            "/dev/null",
            "k' UNION SELECT 'AA'; --",
            "k\x00",
            "K",
            "",
            "k" * 3000,
            "https://evil.example/key",
            "__class__",
            "$(id)",
        )
    ),
    Attack(name="kid a list", says="kid is not a text", header={"kid": ["k"]}),
    Attack(name="kid an object", says="kid is not a text", header={"kid": {"k": 1}}),
    # two readings of one token
    Attack(
        name="alg twice in the header",
        says="comes twice",
        header='{"alg":"none","kid":"k","alg":"HS256"}',
    ),
    Attack(
        name="kid twice in the header",
        says="comes twice",
        header='{"alg":"HS256","kid":"k","kid":"other"}',
    ),
    Attack(
        name="sub twice in the payload",
        says="comes twice",
        payload=_text()[:-1] + ',"sub":"admin"}',
    ),
    Attack(
        name="exp twice, once escaped",
        says="comes twice",
        payload=_text()[:-1] + ',"\\u0065xp":99999999999}',
    ),
    Attack(name="payload a list", says="not a JSON object", payload="[]"),
    Attack(name="payload a text", says="not a JSON object", payload='"alice"'),
    Attack(name="payload empty", says="canonical", payload=""),
    Attack(name="payload not JSON", says="not JSON", payload="sub=alice"),
    Attack(name="payload too deep", says="nest deeper", payload="[" * 2900 + "]" * 2900),
    Attack(name="payload with NaN", says="NaN is not JSON", payload=_text(exp=float("nan"))),
    Attack(
        name="payload with Infinity",
        says="Infinity is not JSON",
        payload=_text(exp=float("inf")),
    ),
    Attack(name="payload with 1e999", says="out of range", payload='{"exp":1e999}'),
    Attack(name="huge", says="longer than", payload={"x": "a" * 10_000}),
    Attack(name="compressed", says="(zip)", header={"zip": "DEF"}),
    # extensions that the verifier does not know
    Attack(name="crit", says="(crit)", header={"crit": ["exp"], "exp": 1}),
    Attack(name="crit empty", says="(crit)", header={"crit": []}),
    Attack(name="b64 false", says="(b64)", header={"b64": False}),
    Attack(name="b64 false with crit", says="(crit)", header={"b64": False, "crit": ["b64"]}),
    # for another purpose, issuer or audience
    Attack(name="a logout token", says="typ is", header={"typ": "logout+jwt"}),
    Attack(name="a DPoP proof", says="typ is", header={"typ": "dpop+jwt"}),
    Attack(name="typ a number", says="typ is not a text", header={"typ": 1}),
    Attack(name="iss missing", says="iss is not", payload={"iss": ...}),
    Attack(name="iss another", says="another issuer", payload={"iss": "https://evil.example"}),
    Attack(
        name="iss with a suffix", says="another issuer", payload={"iss": f"{ISSUER}.evil.example"}
    ),
    Attack(name="iss a list", says="iss is not", payload={"iss": [ISSUER]}),
    Attack(name="aud missing", says="aud is not", payload={"aud": ...}),
    Attack(name="aud null", says="aud is not", payload={"aud": None}),
    Attack(name="aud another", says="other audiences", payload={"aud": "admin"}),
    Attack(name="aud with a suffix", says="other audiences", payload={"aud": "chat2"}),
    Attack(name="aud a part", says="other audiences", payload={"aud": "cha"}),
    Attack(name="aud an empty list", says="other audiences", payload={"aud": []}),
    Attack(name="aud a nested list", says="aud is not", payload={"aud": [["chat"]]}),
    Attack(name="aud an object", says="aud is not", payload={"aud": {"chat": 1}}),
    Attack(name="aud a mixed list", says="aud is not", payload={"aud": ["chat", 0]}),
    Attack(name="aud with a wildcard", says="other audiences", payload={"aud": "*"}),
    # who
    Attack(name="sub missing", says="sub is missing", payload={"sub": ...}),
    Attack(name="sub empty", says="sub is not a text", payload={"sub": ""}),
    Attack(name="sub a number", says="sub is not a text", payload={"sub": 0}),
    Attack(name="sub with a line end", says="sub is not a text", payload={"sub": "a\nb"}),
    Attack(name="sub half a letter", says="not JSON", payload=_text().replace("alice", "\\ud800")),
    Attack(name="roles a text", says="roles is not", payload={"roles": "administrator"}),
    # when
    Attack(name="expired", says="expired", payload={"exp": NOW}, denial=Denial.EXPIRED),
    Attack(
        name="expired long ago",
        says="expired",
        payload={"exp": 1, "iat": 0},
        denial=Denial.EXPIRED,
    ),
    Attack(name="exp missing", says="exp is missing", payload={"exp": ...}),
    Attack(name="exp a text", says="exp is not a number", payload={"exp": str(NOW + 9)}),
    Attack(name="exp true", says="exp is not a number", payload={"exp": True}),
    Attack(name="exp null", says="exp is not a number", payload={"exp": None}),
    Attack(name="exp in milliseconds", says="exp is not a date", payload={"exp": NOW * 1000}),
    Attack(name="exp far away", says="longer than max_age", payload={"exp": NOW + 10**9}),
    Attack(
        name="exp far away, without iat",
        says="longer than max_age",
        payload={"exp": NOW + 10**9, "iat": ...},
    ),
    Attack(name="exp negative", says="exp is not a date", payload={"exp": -1}),
    Attack(name="not yet", says="nbf lies", payload={"nbf": NOW + 1}),
    Attack(name="from the future", says="iat lies", payload={"iat": NOW + 1}),
    Attack(name="iat after exp", says="exp comes before iat", payload={"iat": NOW + 301}),
    Attack(name="proved in the future", says="auth_time lies", payload={"auth_time": NOW + 1}),
    # signatures
    Attack(name="another secret", says="the signature is not", sign=hs256("x" * 32)),
    Attack(name="the empty secret", says="the signature is not", sign=hs256("")),
    Attack(
        name="a truncated MAC",
        says="the signature is not",
        sign=lambda signed: hs256(SECRET)(signed)[:16],
    ),
    Attack(
        name="an extended MAC",
        says="the signature is not",
        sign=lambda signed: hs256(SECRET)(signed) + b"\0",
    ),
    Attack(name="another RSA key", says="the signature is not", door=RS, sign=_rs256(OTHER_RSA)),
    Attack(name="RSA signature 0", says="the signature is not", door=RS, sign=lambda _: bytes(256)),
    Attack(
        name="RSA signature 1",
        says="the signature is not",
        door=RS,
        sign=lambda _: (1).to_bytes(256, "big"),
    ),
    # CVE-2022-21449: r = s = 0 verified every message
    *(
        Attack(name=f"psychic signature {name}", says="the signature is not", door=ES, sign=sign)
        for name, sign in (
            ("(0, 0)", _raw_ecdsa(0, 0)),
            ("(0, 1)", _raw_ecdsa(0, 1)),
            ("(1, 0)", _raw_ecdsa(1, 0)),
            (
                "(n, n)",
                _raw_ecdsa(
                    *[0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551] * 2
                ),
            ),
            ("empty integers", lambda _: bytes(2)),
            ("in DER", lambda signed: P256.sign(signed, ec.ECDSA(hashes.SHA256()))),
        )
    ),
    Attack(
        name="EdDSA signature of small order",
        says="the signature is not",
        door=EDDSA,
        sign=lambda _: bytes([1]) + bytes(63),
    ),
    Attack(
        name="EdDSA signature with s + L",
        says="the signature is not",
        door=EDDSA,
        sign=lambda signed: (
            ED.sign(signed)[:32]
            + (
                int.from_bytes(ED.sign(signed)[32:], "little")
                + 2**252
                + 27742317777372353535851937790883648493
            ).to_bytes(32, "little")
        ),
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: ascii(attack.name)[:60])
async def test_attack_is_refused_and_named(attack: Attack) -> None:
    """The forgery opens nothing, and the operator reads why, without the token."""
    token = attack.token
    outcome = await knock(attack.door, token)
    assert isinstance(outcome, Rejected), attack.name
    assert attack.says in outcome.detail
    assert outcome.denial is attack.denial
    assert not outcome.reused
    assert outcome.detail.isprintable()
    assert len(outcome.detail) < 200
    assert token not in outcome.detail


def _respelled(token: str) -> list[str]:
    head, body, signature = token.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # 32 bytes are 43 letters: two bits of the last one are not used, so four letters decode alike
    index = last.index(signature[-1])
    twins = [signature[:-1] + last[index & ~3 | bits] for bits in range(4)]
    return [
        *(f"{head}.{body}.{twin}" for twin in twins if twin != signature),
        f"{head}.{body}.{signature}=",
        f"{head}=.{body}.{signature}",
        f"{head}.{body}.{signature[:10]}\n{signature[10:]}",
        f"{head}.{body}.{signature[:10]}!{signature[10:]}",
        f"{head}.{body}.{signature}.",
        f"{head}.{body}.{signature}.{signature}",
        f" {token}",
        f"{token}\x00",
        f"Bearer {token}",
        token.swapcase(),
    ]


HONEST = forge({"alg": "HS256", "kid": "k"}, SOUND, hs256(SECRET))


@pytest.mark.parametrize("token", _respelled(HONEST), ids=range(len(_respelled(HONEST))))
async def test_a_token_has_one_spelling(token: str) -> None:
    """Another spelling of a good token is none: it would escape a revocation by hash."""
    assert isinstance(await knock(HS, HONEST), Authentication)
    outcome = await knock(HS, token)
    assert isinstance(outcome, Rejected)


async def test_every_flipped_bit_is_noticed() -> None:
    """No letter of a token can be changed."""
    for at in range(len(HONEST)):
        changed = HONEST[:at] + ("A" if HONEST[at] != "A" else "B") + HONEST[at + 1 :]
        assert isinstance(await knock(HS, changed), Rejected), at


async def test_a_refused_token_is_not_remembered() -> None:
    """The cache is filled by signatures that verified, and by nothing else."""
    authenticator = JwtAuthenticator(keys=[DOORS[HS]], issuer=ISSUER, audience="chat")
    for attack in ATTACKS:
        if attack.door == HS:
            for _ in range(2):
                outcome = await authenticator.authenticate(
                    bearer(attack.token), HANDSHAKE, state=StoredState.of(MemoryStore()), now=NOW
                )
                assert isinstance(outcome, Rejected)
    assert len(authenticator._verifier.cache) == 0


async def test_the_unverified_subject_is_not_recorded() -> None:
    """A forger cannot write another principal's name into the trail."""
    for attack in ATTACKS:
        if "signature" in attack.says:
            outcome = await knock(attack.door, attack.token)
            assert isinstance(outcome, Rejected)
            assert outcome.principal_id == ""


async def test_a_huge_token_is_refused_cheaply() -> None:
    """Before anything is hashed or decoded."""
    token = HONEST + "A" * 10_000_000
    outcome = await knock(HS, token)
    assert isinstance(outcome, Rejected)
    assert "longer than" in outcome.detail
    assert await await_costs_less(0.1, lambda: knock(HS, token))
