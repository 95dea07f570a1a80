"""A token that was not signed with the server's key is accepted.

What:
    The owner's JSON Web Token is changed in these ways: `alg` is `none` in four spellings, empty, or missing;
    the signature is missing; claims are changed and the signature is kept; it is signed with an empty or a
    well-known secret, with a key inside the token (`jwk`), or with an empty file as the key (`kid`); or it is
    signed with HMAC of each size and the server's public key (from `--public-key FILE` or
    `/.well-known/jwks.json`).

Why:
    An attacker writes a token with any name in it, and is that user.

Fix:
    Verify with a fixed algorithm for each key: `JwtAuthenticator(keys=[JwtKey("RS256", …)], …)`, or
    `jwt.decode(token, key, algorithms=["RS256"])`; take neither the key nor the algorithm from the token.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stormdoor_audit.prober.attempts import each_form, token_form
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    SAY,
    NotTried,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.prober.wire import NoAnswer, Request
from stormdoor_audit.report.finding import Check, Level

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from stormdoor_audit.report.installation import install_command

__all__ = ["PROBE", "SPELLINGS", "decoded", "unsigned_as"]

_EXTRA = "'stormdoor-audit[probe]'"

_KNOWN = (
    "", "secret", "changeme", "password", "your-256-bit-secret", "key", "jwt", "supersecret", "test",
    "dev", "secret-key", "my-secret", "mysecret", "s3cr3t", "change-me", "default", "admin", "123456",
)  # fmt: skip
SPELLINGS = ("none", "None", "NONE", "nOnE")
_KEYS = "/.well-known/jwks.json"
_NO_KEY = "../../../../../../dev/null"
_HMAC = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def _encode(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> bytes:
    """Return the bytes of a part of a JSON Web Token: base64url without padding."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _signed(header: dict[str, Any], payload: str, key: bytes, algorithm: str = "HS256") -> str:
    text = f"{_encode({**header, 'alg': algorithm})}.{payload}"
    return f"{text}.{_encode(hmac.new(key, text.encode(), _HMAC[algorithm]).digest())}"


def _weak_secret(token: str, header: dict[str, Any]) -> str | None:
    """The well-known secret that it is signed with; found without asking the server."""
    algorithm = str(header.get("alg", ""))
    if algorithm not in _HMAC:
        return None
    text, _, signature = token.rpartition(".")
    for secret in _KNOWN:
        made = hmac.new(secret.encode(), text.encode(), _HMAC[algorithm]).digest()
        if hmac.compare_digest(_encode(made), signature):
            return secret
    return None


def unsigned_as(token: str, spelling: str) -> str:
    """The token without a signature, with `alg` spelt in this way."""
    head, payload, _ = token.split(".")
    return f"{_encode({**json.loads(decoded(head)), 'alg': spelling})}.{payload}."


def _forgeries(token: str, public_key: bytes) -> Iterator[tuple[str, str]]:
    head, payload, signature = token.split(".")
    header: dict[str, Any] = json.loads(decoded(head))
    claims: dict[str, Any] = json.loads(decoded(payload))
    unsigned = {name: value for name, value in header.items() if name != "alg"}
    for spelling in (*SPELLINGS, ""):
        yield f"with alg `{spelling}`", unsigned_as(token, spelling)
    yield "without an algorithm", f"{_encode(unsigned)}.{payload}."
    yield "without its signature", f"{head}.{payload}."
    changed = {**claims, "stormdoor_probe": 1}
    yield "with claims changed under the old signature", f"{head}.{_encode(changed)}.{signature}"
    yield "signed with an empty secret", _signed(header, payload, b"")
    own = b"a key that the probe has made, and that no server trusts"
    brought = {**unsigned, "jwk": {"kty": "oct", "k": _encode(own)}}
    yield "signed with a key that it brings along", _signed(brought, payload, own)
    yield "that names an empty file as its key", _signed({**header, "kid": _NO_KEY}, payload, b"")
    if (secret := _weak_secret(token, header)) is not None:
        made = _signed(header, _encode(changed), secret.encode(), str(header["alg"]))
        yield "signed anew with a well-known secret", made
    if public_key:
        for algorithm in _HMAC:
            made = _signed(header, payload, public_key, algorithm)
            yield f"signed with {algorithm} and the public key", made
        # Files end with a line feed; what a server was configured with may not.
        yield "signed with HMAC and the public key", _signed(header, payload, public_key.strip())


async def _published(situation: Situation, token: str) -> bytes:
    """Return the key that the server publishes for this token, as PEM; nothing where there is none.

    Raises:
        ImportError: There is one, and the extra `probe` is not installed.
    """
    with contextlib.suppress(NoAnswer, ValueError, TypeError, AttributeError, KeyError):
        header = json.loads(decoded(token.partition(".")[0]))
        if str(header.get("alg", ""))[:2] not in {"RS", "PS", "ES"}:
            return b""
        answer = await situation.client.plain(situation.client.target.at(_KEYS), Request())
        keys = [one for one in json.loads(answer.body)["keys"] if isinstance(one, dict)]
        named = [one for one in keys if one.get("kid") == header.get("kid")] or keys[:1]
        return _as_pem(named[0]) if named else b""
    return b""


def _as_pem(key: dict[str, Any]) -> bytes:
    """Return a public key as PEM.

    Args:
        key: A JSON Web Key (RFC 7517).

    Raises:
        ValueError: It is malformed, or neither an RSA nor an EC key.
        ImportError: joserfc is not installed, the extra `probe`.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra
    from joserfc.errors import JoseError  # noqa: PLC0415 - likewise
    from joserfc.jwk import ECKey, RSAKey  # noqa: PLC0415 - likewise

    kinds: dict[str, type[RSAKey | ECKey]] = {"RSA": RSAKey, "EC": ECKey}
    if (kind := kinds.get(key["kty"])) is None:
        raise ValueError("neither an RSA nor an EC key")
    try:
        kind.validate_dict_key(key)
    except JoseError as error:
        raise ValueError("malformed") from error
    # Not by import_key: it warns of a short key, which the server chose.
    public: RSAPublicKey | EllipticCurvePublicKey = kind.binding.import_from_dict(key)
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


async def _run(situation: Situation) -> list[Result]:
    owner = situation.owner
    tokens = owner.jwts() if owner is not None else []
    tokens = [one for one in tokens if one.count(".") == 2]
    if owner is None or not tokens:
        return [NotTried("a JSON Web Token as the credential")]
    if situation.open_to_all:
        return [NotTried(CREDENTIAL)]
    doubts: list[str] = []
    settle = SAY
    try:
        key = situation.public_key or await _published(situation, tokens[0])
    except ImportError:
        key, settle = b"", f"the extra `probe`: {install_command(_EXTRA)}"
        doubts.append("the key that the server publishes was not tried: joserfc is missing")
    try:
        forgeries = dict(_forgeries(tokens[0], key))
    except (ValueError, TypeError, AttributeError):
        return [NotTried("a JSON Web Token as the credential")]
    return await each_form(
        situation,
        [token_form(situation, owner, name, forged) for name, forged in forgeries.items()],
        closed="Unsigned, altered and foreign tokens are refused.",
        asked="The probe cannot tell whether a forged token gets in",
        settle=settle,
        doubts=doubts,
    )


PROBE = probe(
    __doc__,
    id="SP103",
    slug="forged-token",
    level=Level.ERROR,
    threat="weak-token-verification",
    cwe=(347,),
    asvs=("9.1.1", "9.1.2"),
    check=Check.AUTHENTICATION,
    run=_run,
)
