"""A key has one algorithm, is strong enough for it, and is shown in no text."""

import datetime as dt
import hashlib
import warnings
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from stormdoor.auth.jose.jwt_key import ALGORITHMS, JwtKey, KeyMaterial, _check_asymmetric
from stormdoor.errors import ConfigurationError
from tests.support.tokens import rsa_key

SECRET = "correct-horse-battery-staple-0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
RSA = rsa_key()
CURVES: dict[str, ec.EllipticCurve] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
}
EC = {name: ec.generate_private_key(curve) for name, curve in CURVES.items()}
ED = ed25519.Ed25519PrivateKey.generate()


def private_of(algorithm: str) -> KeyMaterial:
    """Return the private key or secret for that algorithm."""
    if algorithm.startswith("HS"):
        return SECRET
    if algorithm in EC:
        return EC[algorithm]
    return ED if algorithm == "EdDSA" else RSA


def public_pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
) -> str:
    """The public key, as it is published."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
) -> str:
    """The private key as a file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_signs_and_verifies(algorithm: str) -> None:
    """A key verifies its own signature, PyJWT reads it, and a changed message or signature fails."""
    key = JwtKey(algorithm, private_of(algorithm), kid="k")
    token = key.sign(b'{"sub":"alice"}', typ="at+jwt")
    signed, _, signature = token.rpartition(".")
    raw = jwt.utils.base64url_decode(signature)
    assert key.verify(signed.encode(), raw)
    assert not key.verify(signed.encode() + b"x", raw)
    assert not key.verify(signed.encode(), raw[:-1])
    assert not key.verify(signed.encode(), raw[:-1] + bytes([raw[-1] ^ 1]))
    assert not key.verify(signed.encode(), b"")
    header = jwt.get_unverified_header(token)
    assert header == {"alg": algorithm, "kid": "k", "typ": "at+jwt"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pyjwt_agrees_in_both_directions(algorithm: str) -> None:
    """An independent library verifies the signature of joserfc, and the reverse."""
    private: Any = private_of(algorithm)
    key = JwtKey(algorithm, private)
    public = key.public_key or SECRET
    token = key.sign(b'{"sub":"alice"}', typ="JWT")
    assert jwt.decode(token, public, [algorithm]) == {"sub": "alice"}
    signed, _, signature = jwt.encode({"sub": "bob"}, private, algorithm).rpartition(".")
    raw = jwt.utils.base64url_decode(signature)
    assert key.verify(signed.encode(), raw)
    assert not key.verify(signed.encode(), b"\0" * len(raw))
    assert not key.verify(signed.encode(), raw + b"\0")


def test_a_line_of_openssh_is_a_key() -> None:
    """A public key in the format of `ssh-keygen` verifies."""
    line = ED.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    assert JwtKey("EdDSA", line).verify(b"signed", ED.sign(b"signed"))


def _certificate(encoding: Encoding) -> bytes:
    """A certificate of RSA: its public key is known to attackers."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])
    start = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - cryptography reads it as UTC
    builder = (
        x509.CertificateBuilder(name, name, RSA.public_key(), 1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
    )
    return builder.sign(RSA, SHA256()).public_bytes(encoding)


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_certificate_is_no_secret_and_no_key(encoding: Encoding) -> None:
    """An HMAC with a published certificate would be a forgery that verifies."""
    certificate = _certificate(encoding)
    with pytest.raises(ConfigurationError, match="secret must be random bytes"):
        JwtKey("HS256", certificate)
    with pytest.raises(ConfigurationError, match="not a key of its kind in PEM"):
        JwtKey("RS256", certificate)


@pytest.mark.parametrize("algorithm", [one for one in ALGORITHMS if not one.startswith("HS")])
def test_a_public_pem_verifies_and_cannot_sign(algorithm: str) -> None:
    """The door needs the public half only; the private half may be given to the issuer as PEM."""
    private = private_of(algorithm)
    assert not isinstance(private, str | bytes)
    issuer = JwtKey(algorithm, private_pem(private))  # type: ignore[arg-type]
    door = JwtKey(algorithm, public_pem(private).encode())  # type: ignore[arg-type]
    token = issuer.sign(b"{}", typ="JWT")
    signed, _, signature = token.rpartition(".")
    assert door.verify(signed.encode(), jwt.utils.base64url_decode(signature))
    assert (issuer.can_sign, door.can_sign) == (True, False)
    with pytest.raises(ConfigurationError, match="is public"):
        door.sign(b"{}", typ="JWT")


@pytest.mark.parametrize(
    "algorithm",
    [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS1",
        "HS2048",
        "hs256",
        "RS1",
        "ES256K",
        "ES521",
        "HS256 ",
    ],
)
def test_other_algorithms_are_refused(algorithm: str) -> None:
    """`none` is not an algorithm, in any spelling."""
    with pytest.raises(ConfigurationError, match="not an accepted algorithm"):
        JwtKey(algorithm, SECRET)


SMALL = rsa_key(bits=1024)
P256 = EC["ES256"]
CASES: list[tuple[str, Callable[[], object], str]] = [
    ("HS256", lambda: "x" * 31, "has 31 bytes; use 32 or more"),
    ("HS256", lambda: b"", "has 0 bytes"),
    ("HS384", lambda: SECRET[:47], "use 48 or more"),
    ("HS512", lambda: SECRET[:63], "use 64 or more"),
    ("HS256", lambda: public_pem(RSA), "secret must be random bytes"),
    ("HS256", lambda: public_pem(RSA).encode(), "secret must be random bytes"),
    ("HS256", lambda: private_pem(ED), "secret must be random bytes"),
    ("HS256", lambda: " \n" + public_pem(P256), "secret must be random bytes"),
    (
        "HS256",
        lambda: RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "secret must be random bytes",
    ),
    (
        "HS256",
        lambda: ED.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "secret must be random bytes",
    ),
    ("HS256", lambda: '{"kty":"oct","k":"' + "A" * 43 + '"}', "secret must be random bytes"),
    ("HS256", RSA.public_key, "is not a secret"),
    ("RS256", lambda: SECRET, "not a key of its kind in PEM"),
    ("RS256", lambda: "", "not a key of its kind in PEM"),
    ("RS256", lambda: None, "is not an RSA key"),
    ("RS256", lambda: 7, "is not an RSA key"),
    ("RS256", lambda: public_pem(P256), "is not a"),
    ("RS256", lambda: P256, "is not an RSA key"),
    ("PS512", lambda: public_pem(ED), "is not a"),
    ("RS256", lambda: SMALL, "has 1024 bits; use 2048 or more"),
    ("PS384", lambda: public_pem(SMALL), "has 1024 bits; use 2048 or more"),
    ("ES256", lambda: RSA, "is not an elliptic-curve key"),
    ("ES256", lambda: public_pem(ED), "is not a"),
    ("ES384", EC["ES512"].public_key, "ES384"),
    ("ES256", lambda: public_pem(EC["ES384"]), "ES256"),
    ("EdDSA", lambda: P256, "is not an Ed25519 key"),
    ("EdDSA", lambda: SECRET, "not a key of its kind in PEM"),
    ("EdDSA", ed448.Ed448PrivateKey.generate, "is not an Ed25519 key"),
    ("EdDSA", lambda: x25519.X25519PrivateKey.generate().public_key(), "is not an Ed25519 key"),
]


@pytest.mark.parametrize(("algorithm", "make", "says"), CASES)
def test_a_wrong_key_is_refused(algorithm: str, make: Callable[[], object], says: str) -> None:
    """Too short, of another kind, on another curve: refused when the door is set up."""
    key = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConfigurationError, match=says) as caught:
            JwtKey(algorithm, key, kid="k")  # type: ignore[arg-type]
    message = str(caught.value)
    assert "kid='k'" in message
    if isinstance(key, str) and len(key) > 8:
        assert key not in message


@pytest.mark.parametrize(
    ("algorithm", "key", "says"),
    [
        ("RS256", P256, "is not an RSA key"),
        ("PS512", ED.public_key(), "is not an RSA key"),
        ("ES256", RSA, "is not an elliptic-curve key"),
        ("ES256", EC["ES384"], "lies on secp384r1; ES256 is defined on secp256r1"),
        ("ES512", EC["ES384"].public_key(), "lies on secp384r1"),
        ("EdDSA", P256, "is not an Ed25519 key"),
    ],
)
def test_the_kind_of_key_is_checked_here_too(algorithm: str, key: object, says: str) -> None:
    """A PEM text may hold a key of any kind."""
    assert says in (_check_asymmetric(algorithm, key) or "")


def test_a_key_of_small_order_is_refused() -> None:
    """With such an Ed25519 key one signature is good for every message; proved first."""
    identity = bytes([1]) + bytes(31)
    key = ed25519.Ed25519PublicKey.from_public_bytes(identity)
    forged = identity + bytes(32)
    for message in (b"one", b"another"):
        key.verify(forged, message)  # no exception: it verifies
    with pytest.raises(ConfigurationError, match="small order"):
        JwtKey("EdDSA", key)


_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_ORDER = 2**252 + 27742317777372353535851937790883648493  # of the base point (RFC 8032)
Point = tuple[int, int]


def _add(one: Point, other: Point) -> Point:
    """The sum of two points of edwards25519 (RFC 8032 §5.1.4, affine)."""
    (ax, ay), (bx, by) = one, other
    t = _D * ax * bx * ay * by
    return (
        (ax * by + bx * ay) * pow(1 + t, -1, _P) % _P,
        (ay * by + ax * bx) * pow(1 - t, -1, _P) % _P,
    )


def _times(n: int, point: Point) -> Point:
    """The `n`-fold of a point."""
    total = (0, 1)
    while n:
        if n & 1:
            total = _add(total, point)
        point, n = _add(point, point), n >> 1
    return total


def _point(y: int) -> Point | None:
    """A point of that y, if the curve has one."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    for root in (x, x * pow(2, (_P - 1) // 4, _P) % _P):
        if (root * root - square) % _P == 0:
            return root, y
    return None


SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]
"""The encodings of the points of small order; to compute them takes a second."""


def _points_of_small_order() -> set[bytes]:
    """All eight, found by taking the large factor of the order out of points of any order."""
    found = set()
    for y in range(2, 40):
        point = _point(y)
        if point is not None:
            x, y_small = _times(_ORDER, point)
            found |= {
                (one | ((x & 1) << 255)).to_bytes(32, "little") for one in {y_small, -y_small % _P}
            }
    return found


def test_the_points_are_eight() -> None:
    """The search finds every point of an order that divides the cofactor (x and -x look alike here)."""
    found = _points_of_small_order()
    assert sorted(found) == [bytes.fromhex(one) for one in SMALL_ORDER]
    assert len({point[:-1] + bytes([point[-1] & 0x7F]) for point in found}) == 5


@pytest.mark.parametrize("point", list(map(bytes.fromhex, SMALL_ORDER)), ids=bytes.hex)
def test_all_points_of_small_order_are_known(point: bytes) -> None:
    """Each of the eight, with either sign bit."""
    for sign in (0, 0x80):
        key = ed25519.Ed25519PublicKey.from_public_bytes(
            point[:-1] + bytes([point[-1] & 0x7F | sign])
        )
        with pytest.raises(ConfigurationError, match="small order"):
            JwtKey("EdDSA", key)


def test_no_secret_in_the_repr() -> None:
    """A key can be logged."""
    assert repr(JwtKey("HS256", SECRET, kid="2026")) == "JwtKey('HS256', kid='2026')"


def test_an_empty_kid_is_refused() -> None:
    """A name that a token could leave empty is no name."""
    with pytest.raises(ConfigurationError, match="kid must not be empty"):
        JwtKey("HS256", SECRET, kid="")


@pytest.mark.parametrize(
    ("secret", "weak"),
    [
        ("x" * 32, True),
        ("abcabc" * 8, True),
        (SECRET, False),
        (hashlib.sha256(b"x").digest(), False),
    ],
)
def test_a_repetitive_secret_is_reported(secret: str | bytes, weak: bool) -> None:
    """Long is not random; the start-up check can say so."""
    assert (JwtKey("HS256", secret).weakness is not None) is weak


@pytest.mark.parametrize("first", [b"{", b" {", b"0", b"[", b"-"])
def test_random_bytes_may_begin_with_anything(first: bytes) -> None:
    """One of 256 random secrets begins like a JSON Web Key or a DER key, and is none."""
    assert JwtKey("HS256", first + bytes(range(1, 41))).can_sign
