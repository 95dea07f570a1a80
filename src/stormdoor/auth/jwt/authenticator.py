"""JSON Web Tokens of one issuer.

joserfc verifies the signature; `jose.jws` parses the token, `stormdoor.core.claims` checks its claims, and
`jose.account_lookup` reads its data in the store. Sources: RFC 7515, 7519, 8725 (best practice), 9068 (access
tokens), 7800 (bound tokens); ASVS 9.1, 9.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.jose.account_lookup import AccountLookup
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.auth.jose.jwt_verifier import JwtVerifier
from stormdoor.auth.jose.key_source import FixedKeys
from stormdoor.auth.possession import PossessionProof, confirm
from stormdoor.core.claims import ClaimRules
from stormdoor.core.credential import BEARER_SUBPROTOCOL, Credential, Place, Source
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication
from stormdoor.errors import ConfigurationError
from stormdoor.ports import StoredState

__all__ = ["JwtAuthenticator"]

_DAY = 86_400.0


class JwtAuthenticator:
    """Accepts tokens of one issuer, for one audience, signed with one of `keys`.

    Tokens are read from `Authorization: Bearer` and from the subprotocol `stormdoor.bearer.<token>`; from
    other places only if configured.

    Args:
        keys: The keys, several while they are rotated. With more than one, each but one needs a
            `kid`.
        issuer: The exact `iss`.
        audience: The exact `aud`, or several; a token must name one of them.
        header: A header that may contain a token too, such as `X-Forwarded-Access-Token`.
        insecure_query: A query argument that may contain a token. Insecure: addresses are logged, kept in
            histories and sent on.
        types: Accepted `typ` headers, without `application/`; None for a token without one.
        leeway: Seconds by which the issuer's clock may be ahead. 0 by default, because clocks that are set by
            NTP differ by milliseconds and most issuers round `iat` down. With a greater value, a token that
            was issued up to so many seconds before a revocation can escape it. `exp` is always exact.
        max_age: Seconds from `iat` to `exp` at most; None for no bound.
        single_use: Accept each token once; it needs a `jti` and an `iat`.
        principals: `claims`: the roles are those in the token. `store`: the roles are those of the account
            `sub`; an unknown or disabled account is refused, and changed roles reach open connections.
        roles_claim: Claim with the role names (`principals="claims"` only), or None.
        tenant_claim: Claim with the tenant (`principals="claims"` only), or None.
        scope_claim: Claim that restricts the token to permission patterns, or None.
        attributes_claims: Claims that become attributes (`principals="claims"` only).
        session_claim: Claim with the id of the login session that the token belongs to. If it is there, the
            session must still exist in the store. None for an issuer with a `sid` of its own.
        proofs: Checkers for tokens that are bound to a key (`cnf`). A bound token without a checker for its
            proof is refused.
        cache: Number of verified tokens that are cached; 0 for none.

    Raises:
        ConfigurationError: The options contradict each other or accept every token.
    """

    kind: str = "jwt"
    needs_task = False
    """Only the store may wait."""

    def __init__(
        self,
        *,
        keys: Sequence[JwtKey],
        issuer: str,
        audience: str | Sequence[str],
        header: str | None = None,
        insecure_query: str | None = None,
        types: Sequence[str | None] = (None, "JWT", "at+jwt"),
        leeway: float = 0.0,
        max_age: float | None = _DAY,
        single_use: bool = False,
        principals: Literal["claims", "store"] = "claims",
        roles_claim: str | None = "roles",
        tenant_claim: str | None = None,
        scope_claim: str | None = None,
        attributes_claims: Sequence[str] = (),
        session_claim: str | None = "sid",
        proofs: Sequence[PossessionProof] = (),
        cache: int = 4096,
    ) -> None:
        if principals not in {"claims", "store"}:
            raise ConfigurationError(f'principals must be "claims" or "store", not {principals!r}')
        from_store = principals == "store"
        if from_store and (tenant_claim is not None or attributes_claims):
            raise ConfigurationError(
                'with principals="store" tenant and attributes come from the account; '
                "leave out tenant_claim and attributes_claims"
            )
        rules = ClaimRules(
            issuer=issuer,
            audiences=frozenset((audience,) if isinstance(audience, str) else audience),
            leeway=leeway,
            max_age=max_age,
            single_use=single_use,
            roles=None if from_store else roles_claim,
            tenant=tenant_claim,
            scope=scope_claim,
            session=session_claim,
            attributes=tuple(attributes_claims),
        )
        self._verifier = JwtVerifier(
            keys=FixedKeys(keys), rules=rules, types=types, kind=self.kind, cache=cache
        )
        self._lookup = AccountLookup(rules=rules, from_store=from_store, single_use=single_use)
        self._proofs = tuple(proofs)
        self.needs_task = bool(proofs)
        self.needs_headers = tuple(name for one in self._proofs for name in one.needs_headers)
        self.keys = tuple(keys)
        self.insecure_query = insecure_query
        places = [
            Place(Source.AUTHORIZATION, "bearer"),
            Place(Source.SUBPROTOCOL, BEARER_SUBPROTOCOL),
        ]
        if header is not None:
            if header.lower() in {"authorization", "cookie"}:
                raise ConfigurationError(f"header={header!r} has a meaning already; name another")
            places.append(Place(Source.HEADER, header.lower()))
        if insecure_query is not None:
            places.append(Place(Source.QUERY, insecure_query))
        places += [place for one in self._proofs for place in one.places]
        self.places: Sequence[Place] = tuple(dict.fromkeys(places))

    @property
    def checks(self) -> tuple[str, ...]:
        """Describe the comparisons, for an explanation."""
        return (*self._verifier.checks, *self._lookup.checks)

    def recognises(self, credential: Credential) -> bool:
        """Return whether it has the three segments of a token."""
        return credential.secret.count(".") == 2

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """Verify the token, then check its times at `now` (see `Authenticator`)."""
        verified = await self._verifier.verify(credential.secret, now)
        if isinstance(verified, Rejected):
            return verified
        confirmation = verified.claims.confirmation
        if confirmation is None and not self._proofs:
            return await self._lookup.bind(verified, state=state, now=now)
        proofs = await confirm(
            confirmation, self._proofs, credential, handshake, state=state, now=now
        )
        if isinstance(proofs, Rejected):
            return proofs
        outcome = await self._lookup.bind(verified, state=state, now=now)
        return outcome if isinstance(outcome, Rejected) else replace(outcome, proofs=proofs)
