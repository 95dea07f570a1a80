"""JSON Web Tokens: verifying other people's and one's own, and issuing them.

PyJWT verifies the signature; `stormdoor.auth.jws` takes the token apart and `stormdoor.core.claims`
judges what it says. Sources: RFC 7515, 7519, 8725 (best practice), 9068 (access tokens); ASVS 9.1,
9.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.jws import Jws, Malformed, json_object, parse_jws
from stormdoor.auth.jwt_issuer import IssuedToken, JwtIssuer
from stormdoor.auth.jwt_key import ALGORITHMS, JwtKey
from stormdoor.auth.session import note_use
from stormdoor.auth.token_cache import TokenCache
from stormdoor.core.account import Account
from stormdoor.core.claims import ClaimRules, Claims, Unsound, read_claims
from stormdoor.core.credential import (
    BEARER_SUBPROTOCOL,
    MAX_SECRET,
    Credential,
    Place,
    Source,
    fingerprint,
)
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication, Principal
from stormdoor.errors import ConfigurationError
from stormdoor.ports import Store

__all__ = ["ALGORITHMS", "IssuedToken", "JwtAuthenticator", "JwtIssuer", "JwtKey"]

_DAY = 86_400.0
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class _Verified:
    """A token whose signature and claims are sound, as the cache keeps it."""

    claims: Claims
    authentication: Authentication


def _quoted(text: str) -> str:
    """A text from an unverified header, safe to show an operator."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


class JwtAuthenticator:
    """Accepts tokens of one issuer, for one audience, signed with one of `keys`.

    Tokens come from `Authorization: Bearer` and from the subprotocol `stormdoor.bearer.<token>`;
    from elsewhere only if asked.

    Args:
        keys: The keys, several while they are rotated. With more than one, each but one needs a
            `kid`.
        issuer: The exact `iss`.
        audience: The exact `aud`, or several of which a token must name one.
        header: A header that may hold a token too, such as `X-Forwarded-Access-Token`.
        insecure_query: A query argument that may hold a token. Insecure: addresses are logged, kept
            in histories and sent on.
        types: Accepted `typ` headers, without `application/`; None for a token without one.
        leeway: Seconds by which the issuer's clock may be ahead. 0, because clocks that are set by
            NTP differ by milliseconds and most issuers round `iat` down; every second more is a
            second in which a token issued before a revocation looks as if it came after it. `exp`
            is always exact.
        max_age: Seconds from `iat` to `exp` at most; None for no bound.
        single_use: Accept each token once; it needs a `jti`.
        principals: `claims`: the token says which roles its subject has. `store`: the account of
            `sub` does, an unknown or disabled one is refused, and a change reaches open
            connections.
        roles_claim: Claim with the role names (`principals="claims"` only), or None.
        tenant_claim: Claim with the tenant (`principals="claims"` only), or None.
        scope_claim: Claim that restricts the token to permission patterns, or None.
        attributes_claims: Claims that become attributes (`principals="claims"` only).
        session_claim: Claim with the id of the login session that the token belongs to. If it is
            there, the session must still live in the store. None for an issuer with a `sid` of its
            own.
        cache: Verified tokens that are remembered; 0 for none.

    Raises:
        ConfigurationError: The options contradict each other or accept anything.
    """

    kind: str = "jwt"

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
        cache: int = 4096,
    ) -> None:
        if principals not in {"claims", "store"}:
            raise ConfigurationError(f'principals must be "claims" or "store", not {principals!r}')
        self._from_store = principals == "store"
        if self._from_store and (tenant_claim is not None or attributes_claims):
            raise ConfigurationError(
                'with principals="store" tenant and attributes come from the account; '
                "leave out tenant_claim and attributes_claims"
            )
        if not types:
            raise ConfigurationError('types accepts no token; write types=(None, "JWT", "at+jwt")')
        self._named, self._unnamed = _by_kid(keys)
        self._types = frozenset(typ if typ is None else typ.lower() for typ in types)
        self._rules = ClaimRules(
            issuer=issuer,
            audiences=frozenset((audience,) if isinstance(audience, str) else audience),
            leeway=leeway,
            max_age=max_age,
            jti_required=single_use,
            roles=None if self._from_store else roles_claim,
            tenant=tenant_claim,
            scope=scope_claim,
            session=session_claim,
            attributes=tuple(attributes_claims),
        )
        self._single_use = single_use
        self._cache: TokenCache[_Verified] = TokenCache(cache)
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
        self.places: Sequence[Place] = tuple(places)

    def recognises(self, credential: Credential) -> bool:
        """Whether it has the three segments of a token."""
        return credential.secret.count(".") == 2

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, store: Store, now: float
    ) -> Authentication | Rejected:
        """Verify the token, then judge it as of `now` (see `Authenticator`)."""
        token = credential.secret
        if len(token) > MAX_SECRET:
            return _bad(f"the token is longer than {MAX_SECRET} characters")
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        verified = self._cache.get(digest, now)
        fresh = verified is None
        if verified is None:
            outcome = self._verify(token, digest)
            if isinstance(outcome, Rejected):
                return outcome
            verified = outcome
        claims = verified.claims
        # INVARIANT: everything below is judged again each time, remembered or not.
        fault = claims.misuse(self._rules, now)
        if fault is not None:
            denial = Denial.EXPIRED if claims.expired(now) else Denial.BAD_CREDENTIAL
            return Rejected(denial, fault, claims.subject)
        if fresh:
            self._cache.put(digest, verified, expires_at=claims.expires_at, now=now)
        if claims.session_id is None and not self._from_store and not self._single_use:
            return verified.authentication
        return await self._bind(verified, store, now)

    def _key(self, jws: Jws) -> JwtKey | str:
        """The key that the header asks for by name; or why there is none."""
        if jws.kid is not None and self._named:
            # A dictionary is all that a `kid` is ever looked up in.
            return self._named.get(jws.kid) or f"no key has the kid {_quoted(jws.kid)}"
        if self._unnamed is not None:
            return self._unnamed
        if len(self._named) == 1:
            return next(iter(self._named.values()))
        return "the token names no key (kid), and there are several"

    def _verify(self, token: str, digest: bytes) -> _Verified | Rejected:
        """Signature and claims, without the time."""
        jws = parse_jws(token)
        if isinstance(jws, Malformed):
            return _bad(jws.reason)
        key = self._key(jws)
        if isinstance(key, str):
            return _bad(key)
        if jws.algorithm != key.algorithm:
            return _bad(f"alg is {_quoted(jws.algorithm)}; the key is for {key.algorithm} only")
        if jws.typ not in self._types:
            shown = "missing" if jws.typ is None else _quoted(jws.typ)
            return _bad(f"typ is {shown}; accepted are {_listed(self._types)}")
        if not key.verify(jws.signed, jws.signature):
            return _bad("the signature is not of this token and key")
        payload = json_object(jws.payload)
        if isinstance(payload, Malformed):
            return _bad(f"the payload: {payload.reason}")
        claims = read_claims(payload, self._rules)
        if isinstance(claims, Unsound):
            return _bad(claims.reason)
        issued_at = claims.issued_by(self._rules)
        authentication = Authentication(
            Principal(claims.subject, claims.roles, claims.tenant, claims.attributes),
            self.kind,
            credential_id=digest.hex() if claims.id is None else claims.id,
            ambient=False,
            authenticated_at=(
                issued_at if claims.authenticated_at is None else claims.authenticated_at
            ),
            issued_at=issued_at,
            expires_at=claims.expires_at,
            scopes=claims.scopes,
            strength=claims.strength,
        )
        return _Verified(claims, authentication)

    async def _bind(
        self, verified: _Verified, store: Store, now: float
    ) -> Authentication | Rejected:
        """Tie the token to what the store knows: its session, its account, its one use."""
        claims, authentication = verified.claims, verified.authentication
        subject = claims.subject
        account: Account | None = None
        if claims.session_id is not None:
            found = await store.session(claims.session_id)
            if found is None or not found[0].alive(now):
                return Rejected(
                    Denial.EXPIRED,
                    "the login session of the token has ended; if its issuer's "
                    f"{self._rules.session} is no session of this store, write session_claim=None",
                    subject,
                )
            session, account = found
            if account.id != subject:
                return _bad("the token belongs to somebody else's login session", subject)
            authentication = replace(
                authentication,
                session_id=session.id,
                # A revocation that covers the session covers what was issued from it.
                issued_at=min(authentication.issued_at, session.created_at),
                authenticated_at=min(authentication.authenticated_at, session.authenticated_at),
                expires_at=min(claims.expires_at, session.expires_at),
                idle_seconds=session.idle_seconds,
                strength=session.strength,
            )
            await note_use(store, session, now)
        elif self._from_store:
            account = await store.account(subject)
            if account is None:
                return _bad("the store knows no such principal", subject)
        if account is not None and account.disabled:
            return _bad("the principal is disabled", subject)
        if account is not None and self._from_store:
            authentication = replace(authentication, principal=account.principal, live=True)
        if claims.id is not None and self._single_use:
            value = fingerprint(f"{self._rules.issuer}\n{claims.id}")
            if not await store.use_nonce("jti", value, claims.expires_at):
                return Rejected(
                    Denial.BAD_CREDENTIAL, "the token was used before (jti)", subject, reused=True
                )
        return authentication


def _bad(detail: str, principal_id: str = "") -> Rejected:
    return Rejected(Denial.BAD_CREDENTIAL, detail, principal_id)


def _listed(types: frozenset[str | None]) -> str:
    return ", ".join(sorted("none at all" if typ is None else typ for typ in types))


def _by_kid(keys: Sequence[JwtKey]) -> tuple[dict[str, JwtKey], JwtKey | None]:
    """The keys by name, and the one without.

    Raises:
        ConfigurationError: There is no key, two have the same name, or two have none.
    """
    if not keys:
        raise ConfigurationError('a token needs a key; write keys=[JwtKey("EdDSA", public_pem)]')
    named: dict[str, JwtKey] = {}
    unnamed: JwtKey | None = None
    for key in keys:
        if key.kid is None:
            if unnamed is not None:
                raise ConfigurationError(
                    "two keys have no kid; name them, as in JwtKey(…, kid='2026-1')"
                )
            unnamed = key
        elif key.kid in named:
            raise ConfigurationError(f"two keys have the kid {key.kid!r}")
        else:
            named[key.kid] = key
    return named, unnamed
