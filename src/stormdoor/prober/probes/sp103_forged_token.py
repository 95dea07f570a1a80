"""A token that nobody with the key has signed is accepted.

What:
    The owner's JSON Web Token, changed: `alg: none` in four spellings, empty, and left out; without its
    signature; with claims changed under the old signature; signed anew with an empty or a well-known
    secret, with a key that it brings along (`jwk`), or with an empty file as its key (`kid`); or signed with
    HMAC and the server's own public key (`--public-key FILE`), in each of the three sizes.

Why:
    Whoever can write a token is whoever they like.

Fix:
    Verify with a fixed algorithm for each key: `JwtAuthenticator(keys=[JwtKey("RS256", …)], …)`, or
    `jwt.decode(token, key, algorithms=["RS256"])`; take neither the key nor the algorithm from the token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

from stormdoor.prober.conversation import Ask
from stormdoor.prober.decide import Access
from stormdoor.prober.probe import Result, Situation, clear, found, probe, skipped, unknown
from stormdoor.report.finding import Check, Level

__all__ = ["PROBE"]

_KNOWN = (
    "", "secret", "changeme", "password", "your-256-bit-secret", "key", "jwt", "supersecret", "test",
    "dev", "secret-key", "my-secret", "mysecret", "s3cr3t", "change-me", "default", "admin", "123456",
)  # fmt: skip
_NO_KEY = "../../../../../../dev/null"
_HMAC = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def _encode(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(part: str) -> bytes:
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


def _forgeries(token: str, public_key: bytes) -> Iterator[tuple[str, str]]:
    head, payload, signature = token.split(".")
    header: dict[str, Any] = json.loads(_decode(head))
    claims: dict[str, Any] = json.loads(_decode(payload))
    unsigned = {name: value for name, value in header.items() if name != "alg"}
    for spelling in ("none", "None", "NONE", "nOnE", ""):
        yield f"with alg `{spelling}`", f"{_encode({**header, 'alg': spelling})}.{payload}."
    yield "without an algorithm", f"{_encode(unsigned)}.{payload}."
    yield "without its signature", f"{head}.{payload}."
    changed = {**claims, "stormdoor_probe": 1}
    yield "with claims changed under the old signature", f"{head}.{_encode(changed)}.{signature}"
    yield "signed with an empty secret", _signed(header, payload, b"")
    own = b"a key that the probe has made, and that nobody trusts"
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


def _always(value: str) -> Callable[[str], str]:
    def change(_: str) -> str:
        return value

    return change


async def _run(situation: Situation) -> list[Result]:
    owner = situation.owner
    tokens = owner.jwts() if owner is not None else []
    tokens = [one for one in tokens if one.count(".") == 2]
    if owner is None or not tokens:
        return [skipped("The credential is no JSON Web Token.")]
    if situation.open_to_all:
        return [skipped("No credential is needed.")]
    doubts: list[str] = []
    for token in tokens[:1]:
        try:
            forgeries = list(_forgeries(token, situation.public_key))
        except (ValueError, TypeError, AttributeError):
            return [skipped("The credential is no JSON Web Token.")]
        for name, forged in forgeries:
            ask = Ask(
                owner.changed(f"{owner.name}, token {name}", _always(forged)), situation.origin
            )
            control = Ask(
                owner.changed("garbage", _always("stormdoor-probe-garbage")), situation.origin
            )
            proof = await situation.attempt(ask, control)
            if proof.access is Access.IN:
                return [found(f"A token {name} gets in: {proof.why}.", proof.transcript)]
            if proof.access is Access.UNKNOWN:
                doubts.append(f"{name}: {proof.why}")
    if doubts:
        return [unknown(f"Whether a forged token gets in ({'; '.join(doubts[:3])}).")]
    return [clear("Unsigned, altered and foreign tokens are refused.")]


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
