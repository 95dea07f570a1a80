"""Signed handshakes: HTTP Message Signatures (RFC 9421) for devices and services.

The signature covers method, address and time of the request, and is accepted once. An attacker who records
a handshake cannot repeat it later, twice, or at another address.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from stormdoor.auth.authenticator import Rejected, bad_credential, from_lost_log
from stormdoor.auth.http_signature.message_signature import (
    SignedParts,
    read_signature,
    signature_base,
)
from stormdoor.auth.http_signature.request_key import (
    KEYID,
    SIGNATURE_ALGORITHMS,
    FixedRequestKeys,
    RequestKey,
    RequestKeys,
)
from stormdoor.auth.http_signature.request_signature import (
    COVERED,
    SIGNATURE_SUBPROTOCOL,
    facts_of,
    read_offer,
    sign_offer,
    sign_request,
)
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.core.credential import Credential, Place, Source, fingerprint
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.header import header_name
from stormdoor.core.malformed import Malformed
from stormdoor.core.principal import Authentication
from stormdoor.errors import ConfigurationError
from stormdoor.ports import StoredState

__all__ = [
    "SIGNATURE_ALGORITHMS",
    "FixedRequestKeys",
    "RequestKey",
    "RequestKeys",
    "SignedRequestAuthenticator",
    "sign_offer",
    "sign_request",
]

_DERIVED = frozenset({*COVERED, "@scheme", "@target-uri", "@request-target"})
_PARAMETERS = frozenset({"created", "expires", "nonce", "keyid", "alg", "tag"})
_NONCE = re.compile(r"[\x21-\x7e]{16,128}", re.ASCII)
_MAX_WINDOW = 3600.0
_OFFER = Place(Source.SUBPROTOCOL, SIGNATURE_SUBPROTOCOL)


class SignedRequestAuthenticator:
    """Accepts handshakes with `Signature` and `Signature-Input`, each once.

    A signature must cover `@method`, `@authority`, `@path` and `@query`, and have `created`, `nonce` and
    `keyid`. The store keeps used nonces, so that a restart does not make them valid again.

    Both headers may also come as one subprotocol, `stormdoor.signature.` (`sign_offer`); and on an open
    connection in a message, for the request that opened it.

    Args:
        keys: The keys, or their source.
        headers: Further headers that must be covered, for example `X-Firmware`. A message has no headers,
            so signatures are then not accepted in messages.
        max_age: Seconds for which a signature is valid after `created`.
        ahead: Seconds by which the clock of a signer may be ahead.
        tag: The `tag` that a signature must have. A signature for another application of the same host is
            then refused. None if it must have no tag.

    Raises:
        ConfigurationError: There is no key, or a duration is out of range.
    """

    kind: str = "signed-request"

    def __init__(
        self,
        keys: Sequence[RequestKey] | RequestKeys,
        *,
        headers: Sequence[str] = (),
        max_age: float = 60.0,
        ahead: float = 10.0,
        tag: str | None = None,
    ) -> None:
        if not 0 < max_age <= _MAX_WINDOW or not 0 <= ahead <= max_age:
            raise ConfigurationError(
                f"max_age must be 1 to {_MAX_WINDOW:g} seconds and ahead 0 to max_age, not "
                f"{max_age:g} and {ahead:g}"
            )
        self._keys: RequestKeys = FixedRequestKeys(keys) if isinstance(keys, Sequence) else keys
        self._headers = tuple(map(header_name, headers))
        self._required = frozenset((*COVERED, *self._headers))
        self._max_age = max_age
        self._ahead = ahead
        self._tag = tag
        self.places: Sequence[Place] = (Place(Source.HEADER, "signature"), _OFFER)
        self.needs_headers: Sequence[str] = ("signature-input", *self._headers)

    @property
    def keys(self) -> Sequence[JwtKey]:
        """Return the keys of the configuration; none if they are in the store."""
        keys = self._keys
        return [one.key for one in keys.keys.values()] if isinstance(keys, FixedRequestKeys) else []

    @property
    def checks(self) -> tuple[str, ...]:
        """Describe the comparisons, for an explanation."""
        headers = ", ".join(sorted(self._required))
        return (
            f"the signature covers {headers}",
            f"created is at most {self._max_age:g} s ago and {self._ahead:g} s ahead",
            f"tag is {self._tag!r}",
            "the key of that keyid, and its algorithm, verify it over this request",
            "its principal is known and not disabled; the key has not expired",
            "the nonce was not used before: it is used up",
        )

    def recognises(self, credential: Credential) -> bool:
        """Return True: these places contain no other credentials."""
        return True

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """Verify the signature, and use up its nonce (see `Authenticator`)."""
        both = _both(credential, handshake)
        parts = both if isinstance(both, Malformed) else read_signature(*both)
        if isinstance(parts, Malformed):
            return bad_credential(parts.reason)
        fault = self._unsound(parts) or self._untimely(parts, now)
        if fault is not None:
            return bad_credential(fault)
        keyid, nonce = str(parts.parameters["keyid"]), str(parts.parameters["nonce"])
        key = await self._keys.find(keyid, state=state)
        if key is None or key.keyid != keyid:
            return bad_credential("no key has that keyid")
        fault = _forged(parts, key.key, handshake)
        if fault is not None:
            return bad_credential(fault)
        # From here on the client has proved possession of the key.
        return await self._vouch(key, nonce, int(parts.parameters["created"]), state, now)

    def _unsound(self, parts: SignedParts) -> str | None:
        """Return the error in the signature's parameters, except its times; None if they are correct."""
        parameters, covered = parts.parameters, frozenset(parts.components)
        unknown = sorted(parameters.keys() - _PARAMETERS)
        if unknown:
            return f"the signature has a parameter that means nothing here: {unknown[0]}"
        for name in ("created", "expires"):
            if not isinstance(parameters.get(name, 0), int):
                return f"{name} is not an integer"
        for name in ("nonce", "keyid", "alg", "tag"):
            if not isinstance(parameters.get(name, ""), str):
                return f"{name} is not a string"
        missing = sorted({"created", "nonce", "keyid"} - parameters.keys())
        if missing:
            return f"the signature lacks {', '.join(missing)}"
        if parameters.get("tag") != self._tag:
            return "the signature is for another application (tag)"
        if _NONCE.fullmatch(str(parameters["nonce"])) is None:
            return "the nonce is not 16 to 128 visible characters"
        if KEYID.fullmatch(str(parameters["keyid"])) is None:
            return "the keyid is not 1 to 128 printable characters"
        uncovered = sorted(self._required - covered)
        if uncovered:
            return f"the signature does not cover {', '.join(uncovered)}"
        strange = covered - _DERIVED - set(self._headers)
        if strange:
            return "the signature covers a header that is not configured; add it to headers"
        return None

    def _untimely(self, parts: SignedParts, now: float) -> str | None:
        created = int(parts.parameters["created"])
        expires = parts.parameters.get("expires")
        if created > now + self._ahead:
            return f"created lies {created - now:.1f} s in the future; that clock is ahead"
        if now >= created + self._max_age or (isinstance(expires, int) and now >= expires):
            return f"the signature is {now - created:.1f} s old"
        return None

    async def _vouch(
        self, key: RequestKey, nonce: str, created: int, state: StoredState, now: float
    ) -> Authentication | Rejected:
        principal, live = key.principal, False
        if isinstance(principal, str):
            account = await state.accounts.account(principal)
            if account is None or account.disabled:
                what = "not known to the store" if account is None else "disabled"
                return bad_credential(f"the principal of the key is {what}", principal)
            principal, live = account.principal, True
        if key.expires_at is not None and now >= key.expires_at:
            return Rejected(Denial.EXPIRED, "the key has expired", principal.id)
        used = fingerprint(f"{key.keyid}\n{nonce}")
        if not await state.nonces.use_nonce("signed-request", used, created + self._max_age):
            return replace(
                bad_credential(
                    "the nonce was used before: a client repeats a handshake", principal.id
                ),
                reused=True,
            )
        # Compared after the use: the log may change before the use.
        if state.epoch.may_have_lost(created - self._ahead):
            return from_lost_log(principal.id)
        return Authentication(
            principal,
            self.kind,
            credential_id=key.keyid,
            ambient=False,
            authenticated_at=now,  # a signature proves possession each time
            issued_at=key.issued_at,
            expires_at=key.expires_at,
            scopes=key.scopes,
            live=live,
            device_id=key.device_id or key.keyid,
        )


def _both(credential: Credential, handshake: Handshake) -> tuple[str, str] | Malformed:
    """Return `Signature-Input` and `Signature` from the headers or the offer."""
    if credential.place == _OFFER:
        return read_offer(credential.secret)
    described = handshake.headers.get("signature-input", ())
    if len(described) != 1:
        return Malformed(f"there must be one Signature-Input, not {len(described)}")
    return described[0], credential.secret


def _forged(parts: SignedParts, key: JwtKey, handshake: Handshake) -> str | None:
    """Return why the signature is not by this key over this handshake; None if it is."""
    named = parts.parameters.get("alg")
    # The key determines the algorithm, not the client.
    if named is not None and named != SIGNATURE_ALGORITHMS[key.algorithm]:
        return "alg is not the algorithm of the key"
    target = handshake.target
    if not target.startswith("/"):
        return "the request target is not a path"
    facts = dict(facts_of(handshake.method, handshake.scheme, handshake.host, target))
    for name, values in handshake.headers.items():
        facts[name] = ", ".join(value.strip() for value in values)
    absent = sorted(set(parts.components) - facts.keys())
    if absent:
        return f"the signature covers {absent[0]}, which the request lacks"
    try:
        base = signature_base([(name, facts[name]) for name in parts.components], parts.text)
    except ValueError:
        return "a covered value is not printable ASCII"
    return None if key.verify(base, parts.signature) else "the signature does not fit the request"
