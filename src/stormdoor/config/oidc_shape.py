"""The table `[oidc]` in a configuration file: see `OpenIdProvider`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from stormdoor.settings.secret import SecretTable

__all__ = ["OidcTable"]

Secret: TypeAlias = SecretTable | str


class OidcTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[oidc]`: see `OpenIdProvider`. The function `account_id` is code, and stays in Python."""

    provider: str | UnsetType = UNSET
    issuer: str | UnsetType = UNSET
    client_id: str
    redirect_uri: str
    client_secret: Secret | UnsetType = UNSET
    client_authentication: Literal["client_secret_basic", "client_secret_post"] | UnsetType = UNSET
    scopes: list[str] | UnsetType = UNSET
    algorithms: list[str] | UnsetType = UNSET
    unknown: Literal["refuse", "create"] | UnsetType = UNSET
    default_roles: list[str] | UnsetType = UNSET
    roles_claim: str | UnsetType = UNSET
    roles: dict[str, list[str]] | UnsetType = UNSET
    follow_roles: bool | UnsetType = UNSET
    allowed_domains: list[str] | UnsetType = UNSET
    allowed_groups: list[str] | UnsetType = UNSET
    groups_claim: str | UnsetType = UNSET
    allowed_roles: list[str] | UnsetType = UNSET
    allowed_tenants: list[str] | UnsetType = UNSET
    tenant_claim: str | UnsetType = UNSET
    trusted_audiences: list[str] | UnsetType = UNSET
    acr_values: list[str] | UnsetType = UNSET
    max_age: float | UnsetType = UNSET
    strengths: dict[str, int] | UnsetType = UNSET
    leeway: float | UnsetType = UNSET
    userinfo: bool | UnsetType = UNSET
    post_logout_redirect_uri: str | UnsetType = UNSET
    front_channel_logout: bool | UnsetType = UNSET
    name: str | UnsetType = UNSET
    label: str | UnsetType = UNSET
