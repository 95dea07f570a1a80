"""The tables of signed requests, certificates, proxies and bound tokens.

See the named classes for the defaults of the options.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType

from stormdoor.config.secret import SecretTable

__all__ = [
    "CertificateTable",
    "DpopTable",
    "ForwardedCertificateTable",
    "ProxyTable",
    "RequestKeyTable",
    "SignedRequestTable",
    "TrustedProxyTable",
]

Secret: TypeAlias = SecretTable | str
Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class RequestKeyTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One key of `keys`: see `RequestKey`, and `JwtKey` for the key itself."""

    algorithm: str
    kid: str
    principal: str
    secret: Secret | None = None
    public_key_file: str | None = None
    roles: list[str] | None = None
    tenant: str | None = None
    device_id: str | None = None
    scopes: list[str] | None = None
    issued_at: Moment | None = None
    expires_at: Moment | None = None


class SignedRequestTable(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag="signed-request",
    tag_field="kind",
):
    """Signed handshakes: see `SignedRequestAuthenticator`."""

    keys: list[RequestKeyTable] = []
    accounts: str | UnsetType = UNSET
    headers: list[str] | UnsetType = UNSET
    max_age: float | UnsetType = UNSET
    ahead: float | UnsetType = UNSET
    tag: str | UnsetType = UNSET


class CertificateTable(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag="certificate",
    tag_field="kind",
):
    """Client certificates: see `CertificateAuthenticator`."""

    named_by: str | UnsetType = UNSET
    pattern: str | UnsetType = UNSET
    fingerprints: dict[str, str] | UnsetType = UNSET
    roles: list[str] | UnsetType = UNSET
    principals: Literal["certificate", "store"] | UnsetType = UNSET
    clients: Literal["programs", "browsers"] | UnsetType = UNSET


class TrustedProxyTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`proxy`: see `TrustedProxy`."""

    networks: list[str]
    secrets: list[Secret] = []
    secret_header: str | UnsetType = UNSET
    certificates: list[str] | UnsetType = UNSET


class ProxyTable(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="proxy", tag_field="kind"
):
    """The identity from a proxy: see `ProxyIdentityAuthenticator`."""

    proxy: TrustedProxyTable
    convention: str | UnsetType = UNSET
    user_header: str | UnsetType = UNSET
    groups_header: str | UnsetType = UNSET
    groups_as: Literal["commas", "json"] | UnsetType = UNSET
    expires_header: str | UnsetType = UNSET
    roles: dict[str, str] | UnsetType = UNSET
    principals: Literal["header", "store"] | UnsetType = UNSET
    clients: Literal["browsers", "programs"] | UnsetType = UNSET
    max_age: float | UnsetType = UNSET


class ForwardedCertificateTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[forwarded_certificate]`: see `ForwardedCertificate`."""

    proxy: TrustedProxyTable
    format: Literal["rfc9440", "nginx", "envoy"] | UnsetType = UNSET
    header: str | UnsetType = UNSET
    verify_header: str | UnsetType = UNSET


class DpopTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`dpop` of tokens: see `DpopProof`."""

    required: bool | UnsetType = UNSET
    max_age: float | UnsetType = UNSET
    ahead: float | UnsetType = UNSET
    nonce_secrets: list[Secret] = []
    nonce_seconds: float | UnsetType = UNSET
