"""The differences between well-known providers, as data: see `OpenIdProvider.provider`.

A row has facts about a provider, and no code asks for its name. `python -m tests.docs.tables` makes the
table of the documents from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["KNOWN_PROVIDERS", "TENANT", "UNKNOWN_PROVIDER", "KnownProvider", "Logout"]

TENANT = "{tenantid}"
"""The place of the tenant in an issuer that many tenants share, as Microsoft writes it in its metadata."""

Logout = Literal["RP-initiated", "back-channel", "front-channel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProvider:
    """The facts about a provider.

    Attributes:
        label: Its name on the button of the login page.
        issuer: The shape of its issuer. A word in capitals is to be replaced by the operator.
        metadata_tenant: The tenant in the address of the metadata that several tenants share.
        shared_tenants: Names in an issuer that stand for many tenants. No token has such an issuer.
        api: Address of its API about users, if it has no ID tokens (OAuth 2.0 without OpenID).
        scopes: Scopes that its claims need.
        email_scope: The scope for `email`, requested for `allowed_domains`.
        groups_scope: The scope for groups, requested if a rule or a role needs them.
        domain_claim: The claim with the domain of the user's organisation, which the provider has verified;
            None to use the domain of `email` if `email_verified` is true.
        verifies_email: Whether `email_verified` means that the user receives mail at that address.
        groups_claim: The usual claim with groups.
        roles_claim: The usual claim with roles.
        tenant_claim: The claim with the tenant or organisation.
        userinfo: Whether some of these claims are only at its UserInfo endpoint.
        logouts: The logouts that it takes part in (OpenID Connect).
    """

    label: str = ""
    issuer: str = ""
    metadata_tenant: str = ""
    shared_tenants: tuple[str, ...] = ()
    api: str = ""
    scopes: tuple[str, ...] = ()
    email_scope: str = "email"
    groups_scope: str = ""
    domain_claim: str | None = None
    verifies_email: bool = True
    groups_claim: str | None = None
    roles_claim: str | None = None
    tenant_claim: str | None = None
    userinfo: bool = False
    logouts: tuple[Logout, ...] = ()


UNKNOWN_PROVIDER = KnownProvider()

KNOWN_PROVIDERS: Mapping[str, KnownProvider] = {
    # Workspace accounts have `hd`. A private account can have a verified address of any domain.
    "google": KnownProvider(
        label="Google",
        issuer="https://accounts.google.com",
        scopes=("email", "profile"),
        domain_claim="hd",
    ),
    # An administrator of any tenant writes any `email`; no claim says that it was verified.
    "entra": KnownProvider(
        label="Microsoft",
        issuer=f"https://login.microsoftonline.com/{TENANT}/v2.0",
        metadata_tenant="organizations",
        shared_tenants=("common", "organizations", "consumers"),
        scopes=("profile", "email"),
        verifies_email=False,
        groups_claim="groups",
        roles_claim="roles",
        tenant_claim="tid",
        logouts=("RP-initiated", "front-channel"),
    ),
    # OAuth 2.0 and no OpenID: see `github`.
    "github": KnownProvider(
        label="GitHub",
        issuer="https://github.com/login/oauth",
        api="https://api.github.com",
        email_scope="user:email",
        groups_scope="read:org",
        groups_claim="groups",
        roles_claim="groups",
    ),
    "gitlab": KnownProvider(
        label="GitLab",
        issuer="https://gitlab.com",
        scopes=("profile", "email"),
        groups_claim="groups",
        userinfo=True,
    ),
    "okta": KnownProvider(
        label="Okta",
        issuer="https://NAME.okta.com",
        scopes=("profile", "email", "groups"),
        groups_claim="groups",
        userinfo=True,
        logouts=("RP-initiated", "front-channel"),
    ),
    "keycloak": KnownProvider(
        label="Keycloak",
        issuer="https://HOST/realms/REALM",
        scopes=("profile", "email"),
        groups_claim="groups",
        roles_claim="realm_access.roles",
        logouts=("RP-initiated", "back-channel", "front-channel"),
    ),
    "auth0": KnownProvider(
        label="Auth0",
        issuer="https://NAME.auth0.com/",
        scopes=("profile", "email"),
        tenant_claim="org_id",
        logouts=("RP-initiated", "back-channel"),
    ),
}
