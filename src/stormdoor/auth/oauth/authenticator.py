"""The resource server: accepts access tokens of an authorization server (RFC 6749, 6750, 9068, 7662)."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.jose.account_lookup import AccountLookup
from stormdoor.auth.jose.jws import Jws, json_object, parse_jws
from stormdoor.auth.jose.jwt_verifier import JwtVerifier, Verified
from stormdoor.auth.managed_resource import BreakerState
from stormdoor.auth.oauth.breaker import Breaker
from stormdoor.auth.oauth.bulkhead import Bulkhead
from stormdoor.auth.oauth.client import ProviderClient, check_url, is_local
from stormdoor.auth.oauth.discovery import IssuerMetadata, check_issuer
from stormdoor.auth.oauth.introspection import Introspection, Introspector
from stormdoor.auth.oauth.jwks import KeySet, check_algorithms
from stormdoor.auth.oauth.provider import Provider
from stormdoor.auth.oauth.purpose import for_something_else
from stormdoor.auth.oauth.recheck import AskAgain, KeyStillThere
from stormdoor.auth.oauth.remote_keys import RemoteKeys
from stormdoor.auth.oauth.single_flight import SingleFlight
from stormdoor.auth.possession import PossessionProof, confirm
from stormdoor.core.apikey import PREFIX
from stormdoor.core.claims import ClaimRules, Path
from stormdoor.core.credential import (
    BEARER_SUBPROTOCOL,
    MAX_SECRET,
    TICKET_SUBPROTOCOL,
    Credential,
    Place,
    Source,
)
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.malformed import Malformed
from stormdoor.core.permission import check_pattern
from stormdoor.core.principal import Authentication, Recheck
from stormdoor.core.ticket import TICKET_PREFIX
from stormdoor.errors import ConfigurationError
from stormdoor.ports import Clock, StoredState

__all__ = ["OAuthAuthenticator"]

_DAY = 86_400.0
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # b64token, RFC 6750 §2.1
_OURS = (PREFIX, TICKET_PREFIX, TICKET_SUBPROTOCOL)
_ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA")


class OAuthAuthenticator:
    """Accepts access tokens of one authorization server, for one audience.

    JWTs (RFC 9068) are verified here, with the keys that the server publishes. Other tokens, or all, are
    introspected (`introspection`). The server is discovered from its issuer (RFC 8414, OpenID Discovery).
    While it does not answer, known keys and answers are used for a bounded time; then tokens are refused
    with 503.

    Tokens are read from `Authorization: Bearer` and from the subprotocol `stormdoor.bearer.<token>`.

    Args:
        issuer: The server's name, exactly as in its tokens and in its document: an https URL.
        audience: This service's name in `aud`, or several; a token must name one of them.
        scopes: Permission patterns by scope. A scope that is not listed grants nothing, and no scope grants
            more than the policies grant to the principal. None only with `scope_claim=None`.
        introspection: Settings for the introspection of tokens that are not JWTs; None to refuse them.
        scope_claim: Claim with the scopes, or None: then scopes restrict nothing.
        roles_claim: Claim with the role names (`principals="claims"` only), or None. Dots select members of
            objects: `realm_access.roles`. A list of names is the path itself.
        tenant_claim: Claim with the tenant, if `principals` is `claims`, or None.
        attributes_claims: Claims that become attributes (`principals="claims"` only).
        principals: `claims`: the token contains the roles of its subject. `store`: the account of `sub`
            does, an unknown or disabled one is refused, and a change reaches open connections.
        clients: The accepted clients (`client_id` or `azp`); None for all of the server.
        services: Accept tokens of services, which have no person (`sub` is the client, or missing). Their
            principal is this text and the `client_id`, such as `client:robot`, so that a client with the
            name of a person is not that person. None: they are refused.
        required: Claims that must have exactly these values, such as `{"typ": "Bearer"}`.
        types: Accepted `typ` headers of JWTs, without `application/`; None for one without. The
            default is that of RFC 9068, which no ID token has.
        algorithms: Accepted algorithms; the first RSA algorithm is that of RSA keys without `alg`.
        leeway: As `JwtAuthenticator`.
        max_age: Seconds from `iat` to `exp` of a JWT at most; None for no bound.
        jwks_uri: Address of the keys; None to discover it.
        refresh_seconds: Age after which the keys are fetched again.
        cooldown_seconds: Least time between two attempts to fetch them, even if tokens name unknown keys.
        max_stale_seconds: Greatest age of the keys while the server does not answer.
        insecure_outlive_keys: Leave a connection open after the server has dropped the key of its token.
        other_issuers: `refuse` JWTs of other issuers, or `leave` them to later authenticators.
        proofs: Checkers for tokens that are bound to a key (`cnf`). A bound token without a checker for its
            proof is refused.
        timeout: Seconds for one request to the server.
        tls: Settings for the check of its certificate, or None for the authorities of this machine.
        cache: Number of cached tokens, and of cached answers; 0 for none.
        clock: Source of the time; tests pass their own.

    Raises:
        ConfigurationError: The options contradict each other or accept every token.
    """

    kind: str = "oauth"

    def __init__(
        self,
        *,
        issuer: str,
        audience: str | Sequence[str],
        scopes: Mapping[str, Sequence[str]] | None,
        introspection: Introspection | None = None,
        scope_claim: str | None = "scope",
        roles_claim: str | Sequence[str] | None = "roles",
        tenant_claim: str | Sequence[str] | None = None,
        attributes_claims: Sequence[str] = (),
        principals: Literal["claims", "store"] = "claims",
        clients: Sequence[str] | None = None,
        services: str | None = None,
        required: Mapping[str, str] | None = None,
        types: Sequence[str | None] = ("at+jwt",),
        algorithms: Sequence[str] = _ALGORITHMS,
        leeway: float = 0.0,
        max_age: float | None = _DAY,
        jwks_uri: str | None = None,
        refresh_seconds: float = 300.0,
        cooldown_seconds: float = 10.0,
        max_stale_seconds: float = 3600.0,
        insecure_outlive_keys: bool = False,
        other_issuers: Literal["refuse", "leave"] = "refuse",
        proofs: Sequence[PossessionProof] = (),
        timeout: float = 5.0,
        tls: ssl.SSLContext | None = None,
        cache: int = 4096,
        clock: Clock | None = None,
    ) -> None:
        if principals not in {"claims", "store"}:
            raise ConfigurationError(f'principals must be "claims" or "store", not {principals!r}')
        if other_issuers not in {"refuse", "leave"}:
            raise ConfigurationError(
                f'other_issuers must be "refuse" or "leave", not {other_issuers!r}'
            )
        from_store = principals == "store"
        if from_store and (tenant_claim is not None or attributes_claims):
            raise ConfigurationError(
                'with principals="store" tenant and attributes come from the account; '
                "leave out tenant_claim and attributes_claims"
            )
        if clients is not None and (isinstance(clients, str) or not clients):
            raise ConfigurationError(
                'clients must be a list of names; write clients=["spa"], or leave it out for all'
            )
        if services == "":
            raise ConfigurationError(
                'services="" would let a client take a person\'s name; write services="client:"'
            )
        self.issuer = check_issuer(issuer)
        rules = ClaimRules(
            issuer=issuer,
            audiences=frozenset((audience,) if isinstance(audience, str) else audience),
            leeway=leeway,
            max_age=max_age,
            roles=None if from_store else _path(roles_claim),
            tenant=_path(tenant_claim),
            scope=scope_claim,
            attributes=tuple(attributes_claims),
            grants=_grants(scopes, scope_claim),
            clients=None if clients is None else frozenset(clients),
            services=services,
            persons=services is None,
            required=required,
        )
        monotonic = _loop_time if clock is None else clock.monotonic
        self._client = ProviderClient(seconds=timeout, tls=tls)
        provider = Provider(issuer, client=self._client, monotonic=monotonic)
        told = _told(issuer, jwks_uri)
        # A separate breaker: a server with a broken introspection may still serve its keys.
        self._key_calls: SingleFlight[KeySet] = SingleFlight(
            Bulkhead(breaker=Breaker(), monotonic=monotonic, parallel=1)
        )
        self._keys = RemoteKeys(
            provider=(
                provider
                if told is None
                else Provider(issuer, client=self._client, monotonic=monotonic, told=told)
            ),
            client=self._client,
            calls=self._key_calls,
            monotonic=monotonic,
            algorithms=check_algorithms(algorithms),
            refresh_seconds=refresh_seconds,
            cooldown_seconds=cooldown_seconds,
            max_stale_seconds=max_stale_seconds,
        )
        self._verifier = JwtVerifier(
            keys=self._keys,
            rules=rules,
            types=types,
            kind=self.kind,
            cache=cache,
            foreign=for_something_else,
        )
        self._introspector: Introspector | None = None
        self._calls: SingleFlight[Verified | Rejected] | None = None
        if introspection is not None:
            self._calls, self._introspector = self._introspecting(
                introspection, rules, provider, monotonic, cache
            )
        self._everything = introspection is not None and introspection.everything
        self._lookup = AccountLookup(rules=rules, from_store=from_store)
        self._proofs = tuple(proofs)
        self._leaves_others = other_issuers == "leave"
        self.insecure_outlive_keys = insecure_outlive_keys
        self.insecure_missing_audience = (
            introspection is not None and introspection.insecure_missing_audience
        )
        self.insecure_missing_type = (
            introspection is not None and introspection.insecure_missing_type
        )
        self.needs_headers: Sequence[str] = tuple(
            name for one in self._proofs for name in one.needs_headers
        )
        places = [
            Place(Source.AUTHORIZATION, "bearer"),
            Place(Source.SUBPROTOCOL, BEARER_SUBPROTOCOL),
            *(place for one in self._proofs for place in one.places),
        ]
        self.places: Sequence[Place] = tuple(dict.fromkeys(places))

    def _introspecting(
        self,
        settings: Introspection,
        rules: ClaimRules,
        provider: Provider,
        monotonic: Callable[[], float],
        cache: int,
    ) -> tuple[SingleFlight[Verified | Rejected], Introspector]:
        if settings.endpoint is not None:
            check_url(settings.endpoint, "endpoint", local=is_local(self.issuer))
        calls: SingleFlight[Verified | Rejected] = SingleFlight(
            Bulkhead(
                breaker=Breaker(
                    failures=settings.breaker_failures, open_seconds=settings.breaker_seconds
                ),
                monotonic=monotonic,
                parallel=settings.parallel,
                waiting=settings.waiting,
            )
        )
        # RFC 7662 §2.2 requires none of these. The answer of the server itself replaces `iss`; a token
        # without an end is introspected again.
        bare = {"iss", "exp"} | ({"aud"} if settings.insecure_missing_audience else set())
        introspector = Introspector(
            settings,
            provider=provider,
            client=self._client,
            calls=calls,
            rules=replace(rules, bare=frozenset(bare), max_age=None),
            kind=self.kind,
            monotonic=monotonic,
            cache=cache,
        )
        return calls, introspector

    @property
    def checks(self) -> tuple[str, ...]:
        """Describe the comparisons, for an explanation."""
        asked = (
            ()
            if self._introspector is None
            else ("an opaque token: its issuer says that it is active, and the same of its claims",)
        )
        return (*self._verifier.checks, *asked)

    def recognises(self, credential: Credential) -> bool:
        """Return whether it has the form of an accepted token. Credentials of this guard never have it."""
        secret = credential.secret
        if len(secret) > MAX_SECRET or secret.startswith(_OURS):
            return False
        if secret.count(".") == 2:
            return not self._leaves_others or _issuer(secret) in {None, self.issuer}
        return self._introspector is not None and _TOKEN.fullmatch(secret) is not None

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """Verify the token, or introspect it (see `Authenticator`)."""
        token = credential.secret
        # INVARIANT: a credential that this guard issued is never sent to a provider, from any caller.
        if len(token) > MAX_SECRET or not _TOKEN.fullmatch(token) or token.startswith(_OURS):
            return Rejected(Denial.BAD_CREDENTIAL, "it is not an access token")
        introspector, generation = self._introspector, self._keys.generation
        if token.count(".") == 2 and not self._everything:
            introspector = None
            verified = await self._verifier.verify(token, now)
        elif introspector is not None:
            verified = await introspector.introspect(token, now)
        else:
            return Rejected(
                Denial.BAD_CREDENTIAL,
                "it is not a JWT; to ask its issuer about such tokens, write introspection=…",
            )
        if isinstance(verified, Rejected):
            return verified
        confirmation = verified.claims.confirmation
        proofs: frozenset[str] | Rejected = frozenset()
        if confirmation is not None or self._proofs:
            proofs = await confirm(
                confirmation, self._proofs, credential, handshake, state=state, now=now
            )
        if isinstance(proofs, Rejected):
            return proofs
        # After the proof: the next step reveals whether the store has the account.
        outcome = await self._lookup.bind(verified, state=state, now=now)
        if isinstance(outcome, Rejected):
            return outcome
        recheck: Recheck | None = None
        if introspector is not None:
            recheck = AskAgain(introspector, self._lookup, state, token, proofs)
        elif verified.key is not None and not self.insecure_outlive_keys:
            recheck = KeyStillThere(self._keys, verified.key, outcome, generation, proofs)
        return replace(outcome, proofs=proofs, recheck=recheck)

    async def prefetch(self, now: float) -> None:
        """Discover the server, and fetch its keys, before the first token arrives (see `Prefetching`)."""
        if not self._everything:
            await self._keys.prefetch(now)
        if self._introspector is not None:
            await self._introspector.prefetch(now)

    def breakers(self) -> Iterable[BreakerState]:
        """Return the states of the circuit breakers (see `Watched`)."""
        yield self._key_calls.bulkhead.state(self.issuer, "keys")
        if self._calls is not None:
            yield self._calls.bulkhead.state(self.issuer, "introspection")

    async def close(self) -> None:
        """Cancel requests, and close connections. Safe to call twice."""
        await self._key_calls.close()
        if self._calls is not None:
            await self._calls.close()
        await self._client.close()


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _told(issuer: str, jwks_uri: str | None) -> IssuerMetadata | None:
    """Return the configured address of the keys."""
    if jwks_uri is None:
        return None
    return IssuerMetadata(issuer, check_url(jwks_uri, "jwks_uri", local=is_local(issuer)))


def _path(claim: str | Sequence[str] | None) -> Path | None:
    """Return the path that a dotted name such as `realm_access.roles` means; return a list unchanged.

    Raises:
        ConfigurationError: A name is empty.
    """
    if claim is None:
        return None
    names = tuple(claim.split(".")) if isinstance(claim, str) else tuple(claim)
    if not names or "" in names:
        raise ConfigurationError(
            f"{claim!r} is no claim; write a name, a path such as realm_access.roles, or, where a "
            'name has dots itself, a list such as ["https://app.example/roles"]'
        )
    return names[0] if len(names) == 1 else names


def _grants(
    scopes: Mapping[str, Iterable[str]] | None, scope_claim: str | None
) -> Mapping[str, frozenset[str]] | None:
    """Return the permissions of each scope.

    Raises:
        ConfigurationError: There is a table and no claim, or a claim and no table; or a pattern is
            malformed.
    """
    if scope_claim is None:
        if scopes:
            raise ConfigurationError("scopes mean nothing with scope_claim=None; leave one out")
        return None
    if not scopes:
        raise ConfigurationError(
            'say what each scope allows: scopes={"chat:read": ["chat:connect", "chat:hear"]}; if this '
            "server has no scopes, write scopes=None, scope_claim=None"
        )
    for scope, patterns in scopes.items():
        if isinstance(patterns, str):
            raise ConfigurationError(f'a scope allows a list; write "{scope}": ["{patterns}"]')
        if not scope or not scope.isprintable() or " " in scope:
            raise ConfigurationError(f"{scope!r} is no scope")
    return {scope: frozenset(map(check_pattern, patterns)) for scope, patterns in scopes.items()}


def _issuer(token: str) -> str | None:
    """Return the unverified issuer of a token; None if it cannot be read."""
    jws = parse_jws(token)
    payload = json_object(jws.payload) if isinstance(jws, Jws) else jws
    if isinstance(payload, Malformed):
        return None
    issuer = payload.get("iss")
    return issuer if isinstance(issuer, str) else None
