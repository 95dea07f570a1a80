"""Proof of possession of the key of a token, at the handshake (DPoP, RFC 9449).

A stolen token alone is useless. Each handshake needs a proof that is signed with the key of the token, for
this address and the present minute. A proof is accepted once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from stormdoor.auth.authenticator import Rejected, from_lost_log
from stormdoor.auth.dpop.server_nonce import ServerNonce
from stormdoor.auth.jose.jws import Jws, json_object, parse_jws
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.auth.jose.public_jwk import JWK_ALGORITHMS, jwk_of, jwk_thumbprint, read_jwk
from stormdoor.core.claims import MAX_TEXT
from stormdoor.core.credential import Credential, Place, Source, fingerprint
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.malformed import Malformed
from stormdoor.errors import ConfigurationError
from stormdoor.ports import StoredState

__all__ = ["DPOP_SUBPROTOCOL", "PROOF_SUBPROTOCOL", "DpopProof", "dpop_proof"]

DPOP_SUBPROTOCOL = "stormdoor.dpop."
"""Prefix of a bound token as a subprotocol, for browsers, which cannot set headers."""

PROOF_SUBPROTOCOL = "stormdoor.proof."
"""Prefix of its proof."""

_MAX_PROOF = 4096
_MAX_WINDOW = 600.0
_URI = re.compile(
    r"(https?|wss?)://([^/?#@\\\s]+)(/[^?#\s]*)?(?:\?[^#\s]*)?(?:#\S*)?", re.ASCII | re.IGNORECASE
)
_END = 253_402_300_800.0  # the year 10000, later than any plausible date
_PLAIN = {"ws": "http", "wss": "https"}
_DEFAULT_PORT = {"http": ":80", "https": ":443"}


class DpopProof:
    """Checks tokens that are bound to a key of the client: `jkt` of `cnf` (RFC 9449 §6).

    Pass it to the authenticator of the tokens::

        JwtAuthenticator(..., proofs=[DpopProof(required=True)])

    The token comes in `Authorization: DPoP <token>` and the proof in the header `DPoP`; or, from browsers,
    in the subprotocols `stormdoor.dpop.<token>` and `stormdoor.proof.<proof>`. A bound token in
    `Authorization: Bearer` is refused, and so is a token that is not bound in `Authorization: DPoP`.

    Args:
        required: Refuse tokens that are not bound to a key, wherever they stand.
        max_age: Seconds for which a proof is valid after its `iat`.
        ahead: Seconds by which the clock of a client may be ahead.
        nonce_secret: Require a nonce of this server, made with this secret of at least 32 bytes, so that an
            attacker cannot sign proofs in advance. To change the secret, pass several, the newest first. All
            nodes need the same. None: no nonce is required.
        nonce_seconds: Seconds for which such a nonce is valid.

    Raises:
        ConfigurationError: A duration is out of range, or the secret is too short.
    """

    member: str = "jkt"
    places: Sequence[Place] = (
        Place(Source.AUTHORIZATION, "dpop"),
        Place(Source.SUBPROTOCOL, DPOP_SUBPROTOCOL),
    )
    needs_headers: Sequence[str] = ("dpop",)

    def __init__(
        self,
        *,
        required: bool = False,
        max_age: float = 60.0,
        ahead: float = 5.0,
        nonce_secret: bytes | Sequence[bytes] | None = None,
        nonce_seconds: float = 300.0,
    ) -> None:
        if not 0 < max_age <= _MAX_WINDOW or not 0 <= ahead <= max_age:
            raise ConfigurationError(
                f"max_age must be 1 to {_MAX_WINDOW:g} seconds and ahead 0 to max_age, not "
                f"{max_age:g} and {ahead:g}"
            )
        self.required = required
        self._max_age = max_age
        self._ahead = ahead
        if isinstance(nonce_secret, bytes):
            nonce_secret = (nonce_secret,)
        self._nonces = None if nonce_secret is None else ServerNonce(nonce_secret, nonce_seconds)

    async def prove(
        self,
        expected: str,
        credential: Credential,
        handshake: Handshake,
        *,
        state: StoredState,
        now: float,
    ) -> str | Rejected:
        """Check the proof: its key, request, time and single use (see `PossessionProof`)."""
        if credential.place not in self.places:
            return _bad("the token is bound to a key (DPoP), and came as a bearer token")
        proofs = [
            *handshake.headers.get("dpop", ()),
            *(
                one.removeprefix(PROOF_SUBPROTOCOL)
                for one in handshake.subprotocols
                if one.startswith(PROOF_SUBPROTOCOL)
            ),
        ]
        if len(proofs) != 1:
            return _bad(f"there must be one proof, not {len(proofs)}")
        if len(proofs[0]) > _MAX_PROOF:
            return _bad(f"the proof is longer than {_MAX_PROOF} characters")
        jws = parse_jws(proofs[0], own_key=True)
        if isinstance(jws, Malformed):
            return _bad(jws.reason)
        fault = _forged(jws, expected)
        if fault is not None:
            return _bad(fault)
        # From here on the client has proved possession of the key.
        claims = json_object(jws.payload)
        if isinstance(claims, Malformed):
            return _bad(f"the payload: {claims.reason}")
        fault = _misdirected(claims, credential.secret, handshake) or self._untimely(claims, now)
        if fault is not None:
            return _bad(fault)
        if self._nonces is not None:
            nonce = claims.get("nonce")
            if not isinstance(nonce, str) or not self._nonces.fresh(nonce, now):
                return _challenge(self._nonces.issue(now))
        used = fingerprint(f"{expected}\n{claims['jti']}")
        until = float(str(claims["iat"])) + self._max_age
        if not await state.nonces.use_nonce("dpop", used, until):
            return Rejected(
                Denial.BAD_CREDENTIAL,
                "the proof was used before (jti): a client repeats a handshake",
                reused=True,
                headers=_refused("invalid_dpop_proof"),
            )
        # Compared after the use: the log may change before the use.
        if state.epoch.may_have_lost(float(str(claims["iat"])) - self._ahead):
            return replace(from_lost_log(), headers=_refused("invalid_dpop_proof"))
        return f"dpop:{expected}"

    def _untimely(self, claims: Mapping[str, object], now: float) -> str | None:
        for name in ("iat", "exp", "nbf"):
            at = claims.get(name)
            if name not in claims and name != "iat":
                continue
            if not isinstance(at, int | float) or isinstance(at, bool) or not 0 <= at < _END:
                return f"{name} is not a date"
            if name != "exp" and at > now + self._ahead:
                return f"{name} lies {at - now:.1f} s in the future; that clock is ahead"
            if name == "exp" and now >= at:
                return "the proof has expired (exp)"
            if name == "iat" and now >= at + self._max_age:
                return f"the proof is {now - at:.1f} s old"
        return None


def _forged(jws: Jws, expected: str) -> str | None:
    """Return why the proof is not signed with the key of the token; None if it is."""
    if jws.typ != "dpop+jwt":
        return "typ of the proof is not dpop+jwt"
    if jws.algorithm not in JWK_ALGORITHMS or jws.jwk is None:
        return f"alg of the proof is none of {', '.join(JWK_ALGORITHMS)}"
    key = read_jwk(jws.jwk, jws.algorithm)
    if isinstance(key, Malformed):
        return key.reason
    bound = expected.encode("utf-8", "surrogatepass")
    if not hmac.compare_digest(jwk_thumbprint(key).encode(), bound):
        return "the token is bound to another key"
    return None if key.verify(jws.signed, jws.signature) else "the proof is not signed with its key"


def _misdirected(claims: Mapping[str, object], token: str, handshake: Handshake) -> str | None:
    """Return why the proof is not for this request and this token; None if it is."""
    jti, htu, ath = claims.get("jti"), claims.get("htu"), claims.get("ath")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_TEXT or not jti.isprintable():
        return f"jti is not a text of 1 to {MAX_TEXT} printable characters"
    if claims.get("htm") != handshake.method:
        return "htm is another method"
    target = handshake.target.partition("?")[0]
    here = f"{handshake.scheme}://{_authority(handshake.scheme, handshake.host)}{target or '/'}"
    if not isinstance(htu, str) or _plain(htu) != here:
        return f"htu is not {here}"
    if not isinstance(ath, str) or not hmac.compare_digest(
        ath.encode("utf-8", "surrogatepass"), _hash(token).encode()
    ):
        return "ath is not the hash of this token"
    return None


def _authority(scheme: str, authority: str) -> str:
    return authority.lower().removesuffix(_DEFAULT_PORT.get(scheme, "/"))


def _plain(uri: str) -> str | None:
    """Return an address without query and fragment, normalised as in RFC 9449 §4.3; None if malformed."""
    match = _URI.fullmatch(uri)
    if match is None:
        return None
    scheme = match[1].lower()
    scheme = _PLAIN.get(scheme, scheme)
    return f"{scheme}://{_authority(scheme, match[2])}{match[3] or '/'}"


def _hash(token: str) -> str:
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _refused(error: str) -> tuple[tuple[str, str], ...]:
    algorithms = " ".join(JWK_ALGORITHMS)
    return (("WWW-Authenticate", f'DPoP error="{error}", algs="{algorithms}"'),)


def _bad(detail: str) -> Rejected:
    return Rejected(
        Denial.BAD_CREDENTIAL, f"dpop: {detail}", headers=_refused("invalid_dpop_proof")
    )


def _challenge(nonce: str) -> Rejected:
    return Rejected(
        Denial.BAD_CREDENTIAL,
        "dpop: the proof has no nonce of this server, or an old one; the client now has one",
        headers=(*_refused("use_dpop_nonce"), ("DPoP-Nonce", nonce)),
        charged=False,
    )


def dpop_proof(
    url: str,
    token: str,
    key: JwtKey,
    *,
    now: float,
    nonce: str | None = None,
    jti: str | None = None,
    method: str = "GET",
) -> str:
    """Create a proof for one handshake, for clients: the value of the header `DPoP`.

    Args:
        url: Address of the socket: `wss://app.example/feed`.
        token: The access token that is bound to the key.
        key: The private key: `ES256` or `EdDSA`.
        now: Unix seconds.
        nonce: The value of `DPoP-Nonce` from the server, if it sent one.
        jti: A text that was never used before; random by default.
        method: The method of the request.

    Raises:
        ConfigurationError: The key cannot sign proofs, or the address is malformed.
    """
    parts = urlsplit(url)
    address = _plain(parts._replace(query="", fragment="").geturl())
    if address is None:
        raise ConfigurationError("a proof is for an address such as wss://app.example/feed")
    claims: dict[str, object] = {
        "jti": secrets.token_urlsafe(16) if jti is None else jti,
        "htm": method,
        "htu": address,
        "iat": int(now),
        "ath": _hash(token),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    payload = json.dumps(claims, separators=(",", ":")).encode("utf-8")
    return key.sign(payload, typ="dpop+jwt", jwk=jwk_of(key))
