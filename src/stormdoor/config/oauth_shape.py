"""The table for `kind = "oauth"` in a configuration file: see `OAuthAuthenticator`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from stormdoor.config.secret import SecretTable

__all__ = ["IntrospectionTable", "OAuthTable"]

Secret: TypeAlias = SecretTable | str


class IntrospectionTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[authenticators.introspection]`: see `Introspection`.

    Attributes:
        private_key_file: For `private_key_jwt`: a PEM file with the private key.
        private_key_algorithm: Its algorithm.
        private_key_id: Its `kid`.
    """

    client_id: str
    client_secret: Secret | UnsetType = UNSET
    private_key_file: str | None = None
    private_key_algorithm: str = "ES256"
    private_key_id: str | None = None
    method: Literal["client_secret_basic", "client_secret_post", "private_key_jwt"] | UnsetType = (
        UNSET
    )
    endpoint: str | UnsetType = UNSET
    everything: bool | UnsetType = UNSET
    max_seconds: float | UnsetType = UNSET
    negative_seconds: float | UnsetType = UNSET
    recheck_seconds: float | UnsetType = UNSET
    grace_seconds: float | UnsetType = UNSET
    parallel: int | UnsetType = UNSET
    waiting: int | UnsetType = UNSET
    breaker_failures: int | UnsetType = UNSET
    breaker_seconds: float | UnsetType = UNSET
    insecure_missing_audience: bool | UnsetType = UNSET
    insecure_missing_type: bool | UnsetType = UNSET


class OAuthTable(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="oauth", tag_field="kind"
):
    """Access tokens of an OAuth server: see `OAuthAuthenticator`.

    Attributes:
        proofs: Accepted proofs of possession.
        required_proof: Refuse tokens that are not bound to a key in this way.
        ca_file: A PEM file with the authorities for the server's certificate.
    """

    issuer: str
    audience: str | list[str]
    scopes: dict[str, list[str]] | UnsetType = UNSET
    introspection: IntrospectionTable | None = None
    scope_claim: str | bool | UnsetType = UNSET
    roles_claim: str | list[str] | bool | UnsetType = UNSET
    tenant_claim: str | list[str] | bool | UnsetType = UNSET
    attributes_claims: list[str] | UnsetType = UNSET
    principals: Literal["claims", "store"] | UnsetType = UNSET
    clients: list[str] | UnsetType = UNSET
    services: str | UnsetType = UNSET
    required: dict[str, str] | UnsetType = UNSET
    types: list[str | bool] | UnsetType = UNSET
    algorithms: list[str] | UnsetType = UNSET
    leeway: float | UnsetType = UNSET
    max_age: float | bool | UnsetType = UNSET
    jwks_uri: str | UnsetType = UNSET
    refresh_seconds: float | UnsetType = UNSET
    cooldown_seconds: float | UnsetType = UNSET
    max_stale_seconds: float | UnsetType = UNSET
    insecure_outlive_keys: bool | UnsetType = UNSET
    other_issuers: Literal["refuse", "leave"] | UnsetType = UNSET
    proofs: list[Literal["certificate", "dpop"]] = []
    required_proof: Literal["certificate", "dpop"] | None = None
    timeout: float | UnsetType = UNSET
    ca_file: str | None = None
    cache: int | UnsetType = UNSET
