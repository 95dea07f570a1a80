"""Sign in at GitHub, which has OAuth 2.0 and no OpenID: the user is the numeric id at GitHub's API.

There is no ID token: no signature, no nonce, no time and no strength of the login. The guard asks the API
itself, over TLS, with the access token that GitHub has just issued for a code of this application (PKCE,
`state`), and forgets the token. A login name and an e-mail address can change hands, so they identify no
user.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from stormdoor.auth.oauth.client import ProviderClient
from stormdoor.auth.oidc.exchange import Bearer, read_object
from stormdoor.auth.oidc.id_token import IdToken
from stormdoor.auth.oidc.metadata import ProviderMetadata
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.origin import quote

__all__ = ["ask_user", "fixed_metadata"]

_PAGE = "per_page=100"
_MEMBERSHIPS = ("/user/memberships/orgs?state=active&", "/user/teams?")


def fixed_metadata(provider: OpenIdProvider) -> ProviderMetadata:
    """Return the endpoints: GitHub publishes no metadata for a login."""
    return ProviderMetadata(
        issuer=provider.issuer,
        authorization_endpoint=f"{provider.issuer}/authorize",
        token_endpoint=f"{provider.issuer}/access_token",
        userinfo_endpoint=None,
        end_session_endpoint=None,
        names_itself=False,
        posts_secret=True,
    )


def _api(provider: OpenIdProvider) -> str:
    """Return the address of the API; a server of one's own has it below its own name."""
    if provider.issuer == provider.known.issuer:
        return provider.known.api
    parts = urlsplit(provider.issuer)
    return f"{parts.scheme}://{parts.netloc}/api/v3"


async def ask_user(
    client: ProviderClient, provider: OpenIdProvider, tokens: Mapping[str, object], now: float
) -> IdToken | Refusal:
    """Return the user of an access token, with claims as an OpenID provider would send them.

    `email` is the primary address, and `email_verified` says whether GitHub has verified it. `groups` are the
    organisations and teams of active memberships, at most 100 of each: `acme`, `id:9919` for its number, and
    `acme/team`.

    Args:
        client: HTTPS client for the provider.
        provider: Settings of the provider.
        tokens: Answer of the token endpoint.
        now: Unix seconds.
    """
    token = tokens.get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        error = tokens.get("error")
        said = quote(error) if isinstance(error, str) else "no access token"
        return Refusal(Denial.BAD_CREDENTIAL, f"the token endpoint answered {said}")
    api, auth = _api(provider), Bearer(token)
    user = read_object(await client.get(f"{api}/user", auth=auth), "the API")
    if isinstance(user, Refusal):
        return user
    number = user.get("id")
    if not isinstance(number, int) or isinstance(number, bool) or number <= 0:
        return Refusal(Denial.BAD_CREDENTIAL, "the API names no numeric id of the user")
    claims: dict[str, object] = {"iss": provider.issuer, "sub": str(number)}
    claims["preferred_username"] = user.get("login")
    if provider.reads_email:
        addresses = await _list(client, f"{api}/user/emails?{_PAGE}", auth)
        if isinstance(addresses, Refusal):
            return addresses
        claims |= _email(addresses)
    groups: list[str] = []
    for path in _MEMBERSHIPS if provider.reads_groups else ():
        found = await _list(client, f"{api}{path}{_PAGE}", auth)
        if isinstance(found, Refusal):
            return found
        groups += _groups(found)
    claims["groups"] = groups
    return IdToken(
        issuer=provider.issuer,
        subject=str(number),
        issued_at=now,
        authenticated_at=0.0,
        acr=None,
        strength=1,
        session_id=None,
        claims=claims,
    )


async def _list(
    client: ProviderClient, url: str, auth: Bearer
) -> list[Mapping[str, object]] | Refusal:
    """Return the objects in a list of the API."""
    found = read_object(await client.get(url, auth=auth, listed=True), f"the API at {url}")
    if isinstance(found, Refusal):
        return found
    listed = found["list"]
    return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []


def _email(addresses: list[Mapping[str, object]]) -> dict[str, object]:
    """Return the primary address, and whether it is verified. Others are no claim."""
    for one in addresses:
        if one.get("primary") is True:
            return {"email": one.get("email"), "email_verified": one.get("verified")}
    return {}


def _groups(listed: list[Mapping[str, object]]) -> list[str]:
    """Return the names of organisations or teams."""
    names: list[str] = []
    for one in listed:
        organisation = one.get("organization")
        if not isinstance(organisation, Mapping) or one.get("state", "active") != "active":
            continue
        login, slug = organisation.get("login"), one.get("slug")
        if not isinstance(login, str):
            continue
        if isinstance(slug, str):
            names.append(f"{login}/{slug}")
        elif "slug" not in one:
            # A name can change hands; a number cannot, and no name has a colon.
            names += [login, f"id:{organisation.get('id')}"]
    return names
