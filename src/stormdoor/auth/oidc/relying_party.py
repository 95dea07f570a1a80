"""The application as a client of the provider: it redirects browsers, and verifies the answers.

Code flow with PKCE (RFC 7636), `state`, nonce and `iss` (RFC 9207), as in RFC 9700 §2.1. Authlib builds
requests and checks ID tokens; httpx2 sends; the signature is verified like that of any other token here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from stormdoor.auth.managed_resource import BreakerState
from stormdoor.auth.oauth.breaker import Breaker
from stormdoor.auth.oauth.bulkhead import Bulkhead
from stormdoor.auth.oauth.client import ProviderClient, Unanswered
from stormdoor.auth.oauth.discovery import IssuerMetadata
from stormdoor.auth.oauth.jwks import KeySet
from stormdoor.auth.oauth.provider import Provider
from stormdoor.auth.oauth.remote_keys import RemoteKeys
from stormdoor.auth.oauth.single_flight import SingleFlight
from stormdoor.auth.oidc.authorization_request import (
    PURPOSE,
    SECONDS,
    AuthorizationRequest,
    Intent,
    LoginStateCookie,
)
from stormdoor.auth.oidc.entry import check_entry
from stormdoor.auth.oidc.exchange import more_claims, redeem
from stormdoor.auth.oidc.github import ask_user, fixed_metadata
from stormdoor.auth.oidc.id_token import Expected, IdToken, verify_id_token
from stormdoor.auth.oidc.library import OAuth2Client
from stormdoor.auth.oidc.logout_token import LogoutToken, verify_logout_token
from stormdoor.auth.oidc.metadata import ProviderMetadata, read_metadata
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.core.credential import MAX_SECRET
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.origin import quote
from stormdoor.core.session import Session
from stormdoor.ports import Clock, StoredState

__all__ = ["Arrived", "RelyingParty"]

_MAX_PARAMETER = 4096


@dataclass(frozen=True, slots=True)
class Arrived:
    """A browser that has returned with a valid answer of the provider.

    Attributes:
        request: The request.
        token: The verified ID token.
        claims: Claims of the token and of UserInfo.
    """

    request: AuthorizationRequest
    token: IdToken
    claims: Mapping[str, object] = field(repr=False)


class RelyingParty:
    """The application, as registered at one provider.

    Args:
        provider: Settings of the provider.
        state: State of unfinished logins.
        clock: Source of the time.
        seconds: Seconds for one request to the provider.
        max_unauthenticated: Limit of unfinished logins of unauthenticated clients.
    """

    __slots__ = (
        "_calls",
        "_client",
        "_found",
        "_keys",
        "_max_unauthenticated",
        "_questions",
        "_state",
        "provider",
    )

    def __init__(
        self,
        provider: OpenIdProvider,
        *,
        state: StoredState,
        clock: Clock,
        seconds: float = 5.0,
        max_unauthenticated: int = 10_000,
    ) -> None:
        self.provider = provider
        self._state = state
        self._max_unauthenticated = max_unauthenticated
        self._client = ProviderClient(seconds=seconds)
        self._found = Provider(
            provider.issuer,
            client=self._client,
            monotonic=clock.monotonic,
            base=provider.metadata_base,
        )
        # Used by every login: one request at a time, and none while the provider fails.
        self._questions: SingleFlight[IssuerMetadata] = SingleFlight(
            Bulkhead(breaker=Breaker(), monotonic=clock.monotonic, parallel=1)
        )
        self._calls: SingleFlight[KeySet] = SingleFlight(
            Bulkhead(breaker=Breaker(), monotonic=clock.monotonic, parallel=1)
        )
        self._keys = RemoteKeys(
            provider=self._found,
            client=self._client,
            calls=self._calls,
            monotonic=clock.monotonic,
            algorithms=tuple(provider.algorithms),
        )

    async def prefetch(self, now: float) -> None:
        """Discover the provider, and fetch its keys, before the first login (see `Prefetching`)."""
        if not self.provider.known.api:
            await self._keys.prefetch(now)

    def breakers(self) -> Iterable[BreakerState]:
        """Return the states of the circuit breakers (see `Watched`)."""
        yield self._questions.bulkhead.state(self.provider.issuer, "login")
        yield self._calls.bulkhead.state(self.provider.issuer, "keys")

    async def close(self) -> None:
        """Cancel requests, and close connections. Safe to call twice."""
        await self._questions.close()
        await self._calls.close()
        await self._client.close()

    async def metadata(self, now: float) -> ProviderMetadata | Refusal:
        """Return the provider's endpoints, discovered or cached."""
        if self.provider.known.api:
            return fixed_metadata(self.provider)
        found = await self._questions.ask(b"metadata", lambda: self._found.metadata(now))
        if isinstance(found, Unanswered):
            return Refusal(Denial.UNAVAILABLE, found.reason, retry_after=found.retry_after)
        metadata = read_metadata(found.document, self.provider.issuer)
        if isinstance(metadata, str):
            return Refusal(
                Denial.UNAVAILABLE, f"the provider's metadata: {metadata}", retry_after=60
            )
        return metadata

    # -- to the provider ---------------------------------------------------------------------------

    async def send(
        self,
        intent: Intent,
        state_cookie: LoginStateCookie,
        *,
        return_to: str,
        now: float,
        session: Session | None = None,
        acr_values: Sequence[str] = (),
        max_age: float | None = None,
        prompt: str | None = None,
    ) -> str | Refusal:
        """Begin a login. Returns the address for the browser.

        Args:
            intent: The action at the browser's return.
            state_cookie: The secret in the browser's cookie.
            return_to: The local path to which the browser is redirected at the end.
            now: Unix seconds.
            session: The login session that is linked or stepped up, if any.
            acr_values: Required classes; empty requests the provider's setting without requiring it.
            max_age: Greatest age of the login there; None for the provider's setting.
            prompt: `login` to require a new login in any case.
        """
        metadata = await self.metadata(now)
        if isinstance(metadata, Refusal):
            return metadata
        provider = self.provider
        age = provider.max_age if max_age is None else max_age
        state = secrets.token_urlsafe(32)
        request = AuthorizationRequest(
            intent=intent,
            issuer=metadata.issuer,
            return_to=return_to,
            began_at=now,
            max_age=age,
            acr_values=tuple(acr_values),
            session_id=None if session is None else session.id,
        )
        principal_id = None if session is None else session.principal_id
        stored = await self._state.pendings.add_pending(
            request.pending(state_cookie.id(state), principal_id),
            max_unauthenticated=self._max_unauthenticated if principal_id is None else None,
        )
        if not stored:
            return Refusal(Denial.BUSY, "too many logins are unfinished", retry_after=5)
        client = OAuth2Client(
            None,
            client_id=provider.client_id,
            redirect_uri=provider.redirect_uri,
            scope=provider.scope,
            code_challenge_method="S256",
        )
        url, _ = client.create_authorization_url(
            metadata.authorization_endpoint,
            state=state,
            code_verifier=state_cookie.verifier(state),
            nonce=state_cookie.nonce(state),
            acr_values=" ".join(acr_values or provider.acr_values) or None,
            max_age=None if age is None else f"{age:.0f}",
            prompt=prompt,
        )
        return str(url)

    # -- back from it ------------------------------------------------------------------------------

    async def receive(
        self, state_cookie: LoginStateCookie, query: Mapping[str, Sequence[str]], now: float
    ) -> Arrived | Refusal:
        """Verify the answer that a browser has brought back.

        Args:
            state_cookie: The secret in its cookie.
            query: The arguments of the callback, each with all its values.
            now: Unix seconds.
        """
        given = _single(query)
        if isinstance(given, Refusal):
            return given
        state = given.get("state", "")
        # INVARIANT: removed before any other check: a state is accepted once, with any other content.
        pending = await self._state.pendings.take_pending(state_cookie.id(state), PURPOSE)
        if pending is None:
            return Refusal(
                Denial.BAD_CREDENTIAL,
                "no login of this browser waits for that answer: it was answered already, its cookie is "
                "missing, or the answer to another browser was injected into this one",
            )
        if not pending.alive(now):
            return Refusal(Denial.EXPIRED, f"the login took longer than {SECONDS:.0f} s")
        request = AuthorizationRequest.read(pending)
        metadata = await self.metadata(now)
        if isinstance(metadata, Refusal):
            return metadata
        fault = self._mixed_up(request, metadata, given.get("iss"))
        if fault is not None:
            return Refusal(Denial.BAD_CREDENTIAL, fault)
        if "error" in given:
            said = given.get("error_description", "")
            return Refusal(
                Denial.NO_CREDENTIAL,
                f"the provider refused: {quote(given['error'])} {quote(said) if said else ''}".rstrip(),
            )
        if not given.get("code"):
            return Refusal(Denial.MALFORMED, "the answer holds neither code nor error")
        tokens = await redeem(
            self._client, self.provider, metadata, given["code"], state_cookie.verifier(state)
        )
        if isinstance(tokens, Refusal):
            return tokens
        return await self._believe(request, metadata, tokens, state_cookie.nonce(state), now)

    def _mixed_up(
        self, request: AuthorizationRequest, metadata: ProviderMetadata, iss: str | None
    ) -> str | None:
        """Return the refusal if another provider has answered (RFC 9207 §2.4); else None."""
        if request.issuer != self.provider.issuer:
            return "the login was begun at another provider"
        if iss is None and metadata.names_itself:
            return "the answer does not say who gives it (iss), although the provider promises that it does"
        if iss is not None and iss not in self.provider.issuers:
            return f"the answer comes from {quote(iss)}, who was not asked"
        return None

    async def _believe(
        self,
        request: AuthorizationRequest,
        metadata: ProviderMetadata,
        tokens: Mapping[str, object],
        nonce: str,
        now: float,
    ) -> Arrived | Refusal:
        """Verify that the ID token belongs to this login, and return the result."""
        if self.provider.known.api:
            return await self._believe_api(request, tokens, now)
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str) or len(id_token) > 2 * MAX_SECRET:
            return Refusal(
                Denial.BAD_CREDENTIAL,
                "the token endpoint gave no ID token; is it an OpenID provider that grants openid?",
            )
        expected = Expected(
            nonce=nonce,
            began_at=request.began_at,
            max_age=request.max_age,
            acr_values=request.acr_values,
            access_token=access_token if isinstance(access_token, str) else None,
        )
        token = await verify_id_token(
            id_token, provider=self.provider, keys=self._keys, expected=expected, now=now
        )
        if isinstance(token, Refusal):
            return token
        claims: Mapping[str, object] | Refusal = token.claims
        if self.provider.userinfo:
            claims = await more_claims(self._client, metadata, token, expected.access_token)
        if isinstance(claims, Refusal):
            return claims
        # INVARIANT: before a login, a link and a step-up alike.
        return check_entry(self.provider, claims) or Arrived(request, token, claims)

    async def _believe_api(
        self, request: AuthorizationRequest, tokens: Mapping[str, object], now: float
    ) -> Arrived | Refusal:
        """Return the result of a login at a provider without ID tokens."""
        if request.max_age is not None or request.acr_values:
            return Refusal(
                Denial.FORBIDDEN, "this provider does not say when and how a user authenticated"
            )
        token = await ask_user(self._client, self.provider, tokens, now)
        if isinstance(token, Refusal):
            return token
        return check_entry(self.provider, token.claims) or Arrived(request, token, token.claims)

    # -- logout ------------------------------------------------------------------------------------

    async def logged_out(self, token: str, now: float) -> LogoutToken | Refusal:
        """Verify a logout token, except for a repeated use."""
        if self.provider.known.api:
            return Refusal(Denial.BAD_CREDENTIAL, "this provider sends no logout tokens")
        if len(token) > MAX_SECRET:
            return Refusal(Denial.BAD_CREDENTIAL, "the logout token is too long")
        return await verify_logout_token(token, provider=self.provider, keys=self._keys, now=now)

    async def logout_url(self, state: str, now: float) -> str | None:
        """Return the address where the browser logs out of the provider, too; None if there is none.

        Args:
            state: Returned with the browser.
            now: Unix seconds.
        """
        metadata = await self.metadata(now)
        if isinstance(metadata, Refusal) or metadata.end_session_endpoint is None:
            return None
        query = {"client_id": self.provider.client_id}
        if self.provider.post_logout_redirect_uri is not None:
            query["post_logout_redirect_uri"] = self.provider.post_logout_redirect_uri
            query["state"] = state
        joint = "&" if "?" in metadata.end_session_endpoint else "?"
        return f"{metadata.end_session_endpoint}{joint}{urlencode(query)}"


def _single(query: Mapping[str, Sequence[str]]) -> dict[str, str] | Refusal:
    """Return the arguments that occur once and are not too long; two values would be ambiguous."""
    given: dict[str, str] = {}
    for name, values in query.items():
        if len(values) != 1:
            return Refusal(Denial.MALFORMED, f"the answer holds {quote(name)} {len(values)} times")
        if len(values[0]) > _MAX_PARAMETER:
            return Refusal(Denial.MALFORMED, f"{quote(name)} is too long")
        given[name] = values[0]
    return given
