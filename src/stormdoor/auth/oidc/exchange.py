"""Direct requests to the provider: an ID token for a code, and further claims about the user."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from urllib.parse import quote_plus

from stormdoor.auth.oauth.client import ProviderAnswer, ProviderClient, Unanswered
from stormdoor.auth.oauth.library import httpx2
from stormdoor.auth.oidc.id_token import IdToken
from stormdoor.auth.oidc.metadata import ProviderMetadata
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.origin import quote

__all__ = ["Bearer", "more_claims", "read_object", "redeem"]

_ADDRESS = frozenset({"email", "email_verified"})


class Bearer(httpx2.Auth):
    """An access token in the header `Authorization` (RFC 6750)."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


async def redeem(
    client: ProviderClient,
    provider: OpenIdProvider,
    metadata: ProviderMetadata,
    code: str,
    verifier: str,
) -> Mapping[str, object] | Refusal:
    """Exchange the code at the token endpoint."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": provider.redirect_uri,
        "code_verifier": verifier,
    }
    auth: httpx2.BasicAuth | None = None
    how = provider.client_authentication or (
        "client_secret_post" if metadata.posts_secret else "client_secret_basic"
    )
    if provider.client_secret is not None and how == "client_secret_basic":
        # RFC 6749 §2.3.1: both are form-encoded before they are joined by a colon.
        auth = httpx2.BasicAuth(quote_plus(provider.client_id), quote_plus(provider.client_secret))
    else:
        form["client_id"] = provider.client_id
        if provider.client_secret is not None:
            form["client_secret"] = provider.client_secret
    answer = await client.post(metadata.token_endpoint, form, auth=auth)
    return read_object(answer, "the token endpoint")


async def more_claims(
    client: ProviderClient, metadata: ProviderMetadata, token: IdToken, access_token: str | None
) -> Mapping[str, object] | Refusal:
    """Return the claims about the user from the token and from UserInfo (Core §5.3)."""
    if metadata.userinfo_endpoint is None or access_token is None:
        return Refusal(Denial.BAD_CREDENTIAL, "the provider has no UserInfo; write userinfo=False")
    answer = await client.get(metadata.userinfo_endpoint, auth=Bearer(access_token))
    more = read_object(answer, "UserInfo")
    if isinstance(more, Refusal):
        return more
    # INVARIANT: of the same user; otherwise an answer for another user was substituted.
    if more.get("sub") != token.subject:
        return Refusal(Denial.BAD_CREDENTIAL, "UserInfo speaks of another subject")
    # INVARIANT: both of one source; otherwise the one would vouch for an address that only the other names.
    if not _ADDRESS.isdisjoint(token.claims):
        more = {name: value for name, value in more.items() if name not in _ADDRESS}
    return {**more, **token.claims}


def read_object(answer: ProviderAnswer | Unanswered, where: str) -> Mapping[str, object] | Refusal:
    """Return the JSON object of an answer; or the refusal."""
    if isinstance(answer, Unanswered):
        return Refusal(
            Denial.UNAVAILABLE, f"{where}: {answer.reason}", retry_after=answer.retry_after
        )
    if answer.status >= 500:
        return Refusal(Denial.UNAVAILABLE, f"{where} answered {answer.status}", retry_after=5)
    body = answer.body
    if answer.status != 200 or body is None:
        error = f" {quote(answer.error)}" if answer.error else ""
        hint = "; is the client_secret right?" if answer.status == 401 else ""
        return Refusal(Denial.BAD_CREDENTIAL, f"{where} answered {answer.status}{error}{hint}")
    return body
