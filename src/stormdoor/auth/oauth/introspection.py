"""Introspection of opaque tokens at the provider (RFC 7662)."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote_plus

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.auth.jose.jwt_verifier import Verified, judged, vouched
from stormdoor.auth.oauth.answer_cache import AnswerCache
from stormdoor.auth.oauth.client import ProviderAnswer, ProviderClient, Unanswered, check_url
from stormdoor.auth.oauth.library import httpx2
from stormdoor.auth.oauth.provider import Provider
from stormdoor.auth.oauth.purpose import for_something_else, wrong_token_type
from stormdoor.auth.oauth.single_flight import SingleFlight
from stormdoor.auth.oauth.timestamp import Timestamp
from stormdoor.core.claims import ClaimRules, read_claims
from stormdoor.core.denial import Denial
from stormdoor.core.malformed import Malformed
from stormdoor.errors import ConfigurationError

_log = logging.getLogger("stormdoor.oauth")

__all__ = ["Introspection", "Introspector"]

Method = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]

_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt")
_ASSERTION_SECONDS = 60
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_NO_SUCH_TOKEN = frozenset({400, 413, 414})


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspection:
    """Settings of introspection. Secret and key are not in its repr.

    Attributes:
        client_id: Name of this application at the provider.
        client_secret: Its secret; None with `private_key_jwt`.
        private_key: Its private key, for `private_key_jwt` (RFC 7523), else None.
        method: Authentication method of the client.
        endpoint: Address of the endpoint; None to discover it.
        everything: Introspect JWTs too, so that a token that was revoked at the provider is refused.
        max_seconds: Seconds for which a positive answer is used, and never longer than the token.
        negative_seconds: Seconds for which a negative answer is used.
        recheck_seconds: Interval between two introspections of an open connection's token.
        grace_seconds: Further seconds for which the last answer is used if the provider does not answer.
        parallel: Number of concurrent calls.
        waiting: Number of further calls that may wait.
        breaker_failures: Consecutive failures after which no request is sent for a while.
        breaker_seconds: Seconds of that pause.
        insecure_missing_audience: Accept an answer that does not name the audience of the token:
            a token for any other service of the provider is then valid here.
        insecure_missing_type: Accept an answer without `token_type`: it may be about a refresh token.

    Raises:
        ConfigurationError: The options contradict each other.
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    private_key: JwtKey | None = field(default=None, repr=False)
    method: Method = "client_secret_basic"
    endpoint: str | None = None
    everything: bool = False
    max_seconds: float = 30.0
    negative_seconds: float = 5.0
    recheck_seconds: float = 60.0
    grace_seconds: float = 60.0
    parallel: int = 16
    waiting: int = 1000
    breaker_failures: int = 5
    breaker_seconds: float = 10.0
    insecure_missing_audience: bool = False
    insecure_missing_type: bool = False

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise ConfigurationError(f"method must be one of {', '.join(_METHODS)}")
        if not self.client_id:
            raise ConfigurationError("an introspection needs a client_id")
        if self.method == "private_key_jwt":
            if self.private_key is None or self.client_secret is not None:
                raise ConfigurationError("private_key_jwt has a private_key, and no client_secret")
            if not self.private_key.can_sign or self.private_key.algorithm.startswith("HS"):
                raise ConfigurationError(
                    "private_key_jwt needs a private key, not a public or shared one"
                )
        elif not self.client_secret or self.private_key is not None:
            raise ConfigurationError(f"{self.method} has a client_secret, and no private_key")
        if not 1.0 <= self.recheck_seconds <= 3600.0:
            raise ConfigurationError(
                f"recheck_seconds must be 1 to 3600, not {self.recheck_seconds}"
            )
        if not 0.0 <= self.grace_seconds <= 3600.0:
            raise ConfigurationError(f"grace_seconds must be 0 to 3600, not {self.grace_seconds}")
        if self.endpoint is not None:
            check_url(self.endpoint, "endpoint", local=True)


class Introspector:
    """Introspects tokens, and caches the answers.

    Args:
        settings: Settings of introspection.
        provider: The provider.
        client: HTTPS client for the provider.
        calls: Combines equal requests, and stops them while the provider fails.
        rules: Requirements on an answer.
        kind: For `Authentication.kind`.
        monotonic: Function that returns monotonic seconds.
        cache: Number of cached answers.
    """

    def __init__(
        self,
        settings: Introspection,
        *,
        provider: Provider,
        client: ProviderClient,
        calls: SingleFlight[Verified | Rejected],
        rules: ClaimRules,
        kind: str,
        monotonic: Callable[[], float],
        cache: int,
    ) -> None:
        self.settings = settings
        self.rules = rules
        self._provider = provider
        self._client = client
        self._calls = calls
        self._kind = kind
        self._monotonic = monotonic
        self.cache = AnswerCache(
            size=cache,
            max_seconds=settings.max_seconds,
            negative_seconds=settings.negative_seconds,
        )

    async def introspect(
        self, token: str, now: float, *, within: float = float("inf")
    ) -> Verified | Rejected:
        """Return the provider's answer about a token.

        Args:
            token: The token.
            now: Unix seconds.
            within: Greatest age of a cached positive answer, in seconds.

        Returns:
            The verified token; or the refusal, `UNAVAILABLE` without an answer.
        """
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self.cache.get(digest, Timestamp(self._monotonic(), now), within=within)
        if known is None:
            answer = await self._calls.ask(digest, lambda: self._ask(token, digest, now))
            if isinstance(answer, Unanswered):
                return Rejected(
                    Denial.UNAVAILABLE, answer.reason, charged=False, retry_after=answer.retry_after
                )
            known = answer
        # INVARIANT: the times are checked at each use, also of a cached answer.
        return judged(known, self.rules, now) if isinstance(known, Verified) else known

    async def prefetch(self, now: float) -> None:
        """Discover the endpoint before the first token arrives."""
        if self.settings.endpoint is None:
            found = await self._provider.metadata(now)
            if isinstance(found, Unanswered):
                _log.warning(
                    "the document about %s is asked for again when a token comes: %s",
                    self._provider.issuer,
                    found.reason,
                )

    async def _ask(self, token: str, digest: bytes, now: float) -> Verified | Rejected | Unanswered:
        asked = Timestamp(self._monotonic(), now)
        endpoint = self.settings.endpoint
        if endpoint is None:
            metadata = await self._provider.metadata(now)
            if isinstance(metadata, Unanswered):
                return metadata
            endpoint = metadata.introspection_endpoint
            if endpoint is None:
                return Unanswered("the document about the issuer names no introspection_endpoint")
        form, auth = self._proof(now)
        answer = await self._client.post(
            endpoint, {"token": token, "token_type_hint": "access_token", **form}, auth=auth
        )
        outcome = answer if isinstance(answer, Unanswered) else self._read(answer, digest)
        if isinstance(outcome, Unanswered):
            self._provider.forget()  # its address may have changed
        else:
            self.cache.put(digest, outcome, asked)
        return outcome

    def _proof(self, now: float) -> tuple[dict[str, str], httpx2.BasicAuth | None]:
        """Return the client authentication for the request."""
        settings = self.settings
        secret = settings.client_secret or ""
        match settings.method:
            case "client_secret_basic":
                # RFC 6749 §2.3.1: both are form-encoded before they are joined.
                return {}, httpx2.BasicAuth(quote_plus(settings.client_id), quote_plus(secret))
            case "client_secret_post":
                return {"client_id": settings.client_id, "client_secret": secret}, None
            case "private_key_jwt":
                return {
                    "client_id": settings.client_id,
                    "client_assertion_type": _ASSERTION,
                    "client_assertion": self._assertion(now),
                }, None

    def _assertion(self, now: float) -> str:
        """Return a token that authenticates this application for one request, for a minute (RFC 7523 §3)."""
        claims = {
            "iss": self.settings.client_id,
            "sub": self.settings.client_id,
            "aud": self._provider.issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": int(now),
            "exp": int(now) + _ASSERTION_SECONDS,
        }
        if self.settings.private_key is None:
            raise ConfigurationError("private_key_jwt has a private_key")
        return self.settings.private_key.sign(json.dumps(claims).encode(), typ="JWT")

    def _read(self, answer: ProviderAnswer, digest: bytes) -> Verified | Rejected | Unanswered:
        if answer.body is None:
            if answer.status in _NO_SUCH_TOKEN:
                # It cannot be a token. Otherwise any client could open the breaker with malformed tokens.
                return _bad("the provider takes it for no token at all")
            if answer.status in {401, 403}:
                return Unanswered("the provider does not accept our client_id and its proof")
            return Unanswered(f"the introspection was answered with {answer.status}")
        active = answer.body.get("active")
        if active is False:
            return _bad("the provider says that it is not active")
        if active is not True:
            # "true", 1 and the like: the rest of the answer may be wrong too.
            return Unanswered("the introspection was answered without true or false")
        return self._judge(answer.body, digest)

    def _judge(self, body: Mapping[str, Any], digest: bytes) -> Verified | Rejected:
        fault = for_something_else(body) or wrong_token_type(
            body, missing_allowed=self.settings.insecure_missing_type
        )
        if fault is not None:
            return _bad(fault)
        claims = read_claims(body, self.rules)
        if isinstance(claims, Malformed):
            return _bad(claims.reason)
        return Verified(claims, vouched(claims, self.rules, self._kind, digest))


def _bad(detail: str) -> Rejected:
    return Rejected(Denial.BAD_CREDENTIAL, detail)
