"""Verify the signature and the claims of a token."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.jose.jws import Jws, json_object, parse_jws
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.auth.jose.key_source import KeySource, quoted
from stormdoor.auth.jose.token_cache import TokenCache
from stormdoor.core.claims import ClaimRules, Claims, read_claims
from stormdoor.core.credential import MAX_SECRET
from stormdoor.core.denial import Denial
from stormdoor.core.malformed import Malformed
from stormdoor.core.principal import Authentication, Principal
from stormdoor.errors import ConfigurationError

__all__ = ["JwtVerifier", "Verified", "judged", "vouched"]


@dataclass(frozen=True, slots=True)
class Verified:
    """A verified token, as it is cached.

    Attributes:
        claims: Its claims.
        authentication: Its authentication.
        key: The key that verified it; None after an introspection.
    """

    claims: Claims
    authentication: Authentication
    key: JwtKey | None = None


class JwtVerifier:
    """Verifies tokens of one issuer, and caches valid ones.

    Args:
        keys: The keys.
        rules: Requirements on the claims.
        types: Accepted `typ` headers; None for a token without one.
        kind: For `Authentication.kind`.
        cache: Number of verified tokens that are cached; 0 for none.
        foreign: Function that gets the unread claims, and returns a further error or None.

    Raises:
        ConfigurationError: `types` is empty.
    """

    def __init__(
        self,
        *,
        keys: KeySource,
        rules: ClaimRules,
        types: Iterable[str | None],
        kind: str,
        cache: int,
        foreign: Callable[[Mapping[str, object]], str | None] | None = None,
    ) -> None:
        self.keys = keys
        self.rules = rules
        self._types = frozenset(typ if typ is None else typ.lower() for typ in types)
        if not self._types:
            raise ConfigurationError('types accepts no token; write types=(None, "JWT", "at+jwt")')
        self._kind = kind
        self._foreign = foreign
        self.cache: TokenCache[Verified] = TokenCache(cache)

    @property
    def checks(self) -> tuple[str, ...]:
        """Describe the comparisons, for an explanation."""
        rules = self.rules
        bound = "" if rules.max_age is None else f", at most {rules.max_age:g} s after iat"
        return (
            f"typ is one of {_listed(self._types)}",
            "the signature, with the key that kid names and no other algorithm than the key's",
            f"iss is {rules.issuer!r}",
            f"aud names {' or '.join(sorted(map(repr, rules.audiences)))}",
            f"exp is to come{bound}; nbf and iat are not",
        )

    async def verify(self, token: str, now: float) -> Verified | Rejected:
        """Verify `token`, and check its times at `now` (Unix seconds)."""
        if len(token) > MAX_SECRET:
            return _bad(f"the token is longer than {MAX_SECRET} characters")
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        verified = self.cache.get(digest, now)
        if verified is not None and (verified.key is None or self.keys.holds(verified.key, now)):
            # INVARIANT: the times and the key are checked at each use, also of a cached token.
            return judged(verified, self.rules, now)
        outcome = await self._verify(token, digest, now)
        if isinstance(outcome, Rejected):
            return outcome
        outcome = judged(outcome, self.rules, now)
        if isinstance(outcome, Verified):
            self.cache.put(digest, outcome, expires_at=outcome.claims.expires_at, now=now)
        return outcome

    async def _verify(self, token: str, digest: bytes, now: float) -> Verified | Rejected:
        """Verify the signature and the claims, except the times."""
        jws = parse_jws(token)
        if isinstance(jws, Malformed):
            return _bad(jws.reason)
        key = await self.keys.find(jws, now)
        if isinstance(key, Rejected):
            return key
        fault = self._fault(jws, key)
        if fault is not None:
            return _bad(fault)
        payload = json_object(jws.payload)
        if isinstance(payload, Malformed):
            return _bad(f"the payload: {payload.reason}")
        alien = None if self._foreign is None else self._foreign(payload)
        if alien is not None:
            return _bad(alien)
        claims = read_claims(payload, self.rules)
        if isinstance(claims, Malformed):
            return _bad(claims.reason)
        return Verified(claims, vouched(claims, self.rules, self._kind, digest), key)

    def _fault(self, jws: Jws, key: JwtKey) -> str | None:
        """Return the error in the header or the signature; None if both are correct."""
        if jws.algorithm != key.algorithm:
            return f"alg is {quoted(jws.algorithm)}; the key is for {key.algorithm} only"
        if jws.typ not in self._types:
            shown = "missing" if jws.typ is None else quoted(jws.typ)
            return f"typ is {shown}; accepted are {_listed(self._types)}"
        if not key.verify(jws.signed, jws.signature):
            return "the signature is not of this token and key"
        return None


def vouched(claims: Claims, rules: ClaimRules, kind: str, digest: bytes) -> Authentication:
    """Return the authentication of verified claims.

    Args:
        claims: Claims of the token.
        rules: Rules by which they were read.
        kind: Kind of credential.
        digest: SHA-256 of the token, which identifies it if it has no `jti`.
    """
    issued_at = claims.issued_by(rules)
    return Authentication(
        Principal(claims.subject, claims.roles, claims.tenant, claims.attributes),
        kind,
        credential_id=digest.hex() if claims.id is None else claims.id,
        ambient=False,
        authenticated_at=(
            issued_at if claims.authenticated_at is None else claims.authenticated_at
        ),
        issued_at=issued_at,
        expires_at=None if claims.expires_at == float("inf") else claims.expires_at,
        scopes=claims.scopes,
        strength=claims.strength,
        acr=claims.acr,
        token_hash=digest.hex(),
    )


def judged(verified: Verified, rules: ClaimRules, now: float) -> Verified | Rejected:
    """Return the token if its times are valid at `now` (Unix seconds); else the refusal."""
    claims = verified.claims
    fault = claims.misuse(rules, now)
    if fault is None:
        return verified
    denial = Denial.EXPIRED if claims.expired(now) else Denial.BAD_CREDENTIAL
    return Rejected(denial, fault, claims.subject)


def _bad(detail: str) -> Rejected:
    return Rejected(Denial.BAD_CREDENTIAL, detail)


def _listed(types: frozenset[str | None]) -> str:
    return ", ".join(sorted("none at all" if typ is None else typ for typ in types))
