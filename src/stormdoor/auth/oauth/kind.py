"""The kind `oauth` of a configuration file."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import UNSET, Struct, UnsetType, field

from stormdoor.auth import oauth
from stormdoor.auth.dpop.proof import DpopProof
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.auth.jose.settings import token_remarks
from stormdoor.auth.kind import Kind, Remark, Settings
from stormdoor.auth.mtls.certificate import CertificatePossessionProof
from stormdoor.auth.possession import PossessionProof
from stormdoor.errors import ConfigurationError
from stormdoor.settings.secret import SecretTable, reveal
from stormdoor.settings.section import Section, options

if TYPE_CHECKING:
    from stormdoor.auth.oauth import Introspection, OAuthAuthenticator

__all__ = ["KIND", "IntrospectionTable", "OAuthSettings"]


class IntrospectionTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[authenticators.introspection]`: see `Introspection`.

    Attributes:
        private_key_file: For `private_key_jwt`: a PEM file with the private key.
        private_key_algorithm: Its algorithm.
        private_key_id: Its `kid`.
    """

    client_id: str
    client_secret: SecretTable | str | UnsetType = UNSET
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


class OAuthSettings(Settings, frozen=True, kw_only=True):
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
    proofs: list[Literal["certificate", "dpop"]] = field(default_factory=list)
    required_proof: Literal["certificate", "dpop"] | None = None
    timeout: float | UnsetType = UNSET
    ca_file: str | None = None
    cache: int | UnsetType = UNSET


_OR_NOT = ("scope_claim", "roles_claim", "tenant_claim", "max_age")
_KEY = ("private_key_file", "private_key_algorithm", "private_key_id")


def _build(settings: OAuthSettings, section: Section) -> OAuthAuthenticator | None:
    found = options(settings, "introspection", "proofs", "required_proof", "ca_file")
    section.false_is_none(found, *_OR_NOT)
    found.setdefault("scopes", None)
    found["proofs"] = list(_proofs(settings))
    if settings.ca_file is not None:
        path = section.folder / settings.ca_file
        found["tls"] = section.at("ca_file").attempt(_authorities, path)
    if settings.introspection is not None:
        found["introspection"] = _introspection(settings.introspection, section.at("introspection"))
    return section.make(lambda: oauth.OAuthAuthenticator(**found))


def _proofs(settings: OAuthSettings) -> Iterator[PossessionProof]:
    named = dict.fromkeys([*settings.proofs, *filter(None, [settings.required_proof])])
    for name in named:
        required = name == settings.required_proof
        match name:
            case "certificate":
                yield CertificatePossessionProof(required=required)
            case "dpop":
                yield DpopProof(required=required)


def _authorities(path: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None


def _introspection(table: IntrospectionTable, section: Section) -> Introspection | None:
    found = options(table, "client_secret", *_KEY)
    if not isinstance(table.client_secret, UnsetType):
        found["client_secret"] = section.at("client_secret").secret(table.client_secret)
    if table.private_key_file is not None:
        path = section.folder / table.private_key_file
        found["private_key"] = section.at("private_key_file").attempt(_private_key, path, table)
    return section.make(lambda: oauth.Introspection(**found))


def _private_key(path: Path, table: IntrospectionTable) -> JwtKey:
    pem = reveal(SecretTable(file=str(path)), base=path.parent)
    return JwtKey(table.private_key_algorithm, pem, table.private_key_id)


_LONG = {
    "refresh_seconds": (3600.0, "tokens of a key that was dropped count that long"),
    "max_stale_seconds": (
        14_400.0,
        "while the provider is down, tokens of a key that it may have dropped count that long",
    ),
}
_LONG_ANSWERS = {
    "max_seconds": (300.0, "a token that was revoked opens sockets that long"),
    "recheck_seconds": (600.0, "the socket of a token that was revoked stays open that long"),
    "grace_seconds": (600.0, "while the provider is down, a revoked token counts that much longer"),
}


def _remarks(settings: OAuthSettings, _kinds: Collection[str]) -> Iterator[Remark]:
    yield from token_remarks(settings.max_age, settings.leeway)
    if not isinstance(settings.clients, list):
        yield Remark(
            "any-client",
            "note",
            "tokens are accepted from every client of the provider",
            'clients = ["web", "mobile"]',
        )
    types = settings.types
    if isinstance(types, list) and "at+jwt" not in types and not settings.required:
        yield Remark(
            "id-token",
            "warning",
            "an ID token of the provider may have the type that is accepted here",
            'types = ["at+jwt"], or what marks its access tokens: required = { typ = "Bearer" }',
            ("types",),
        )
    if settings.scope_claim is False:
        yield Remark(
            "no-scopes",
            "note",
            "a token has all permissions of its principal, not only those granted to the client",
            'scopes = { "chat:read" = ["chat:connect"] }',
            ("scope_claim",),
        )
    yield from _long(settings, _LONG)
    if settings.introspection is not None:
        for one in _long(settings.introspection, _LONG_ANSWERS):
            yield one._replace(at=("introspection", *one.at))


def _long(table: Struct, most: Mapping[str, tuple[float, str]]) -> Iterator[Remark]:
    for name, (seconds, means) in most.items():
        value = getattr(table, name)
        if isinstance(value, float | int) and value > seconds:
            yield Remark(
                "high-limit",
                "warning",
                f"{name} = {value:g}: {means}",
                f"{name} = {seconds:g}, or less",
                (name,),
            )


KIND = Kind(
    name="oauth",
    settings=OAuthSettings,
    build=_build,
    ambient=False,
    needs_store=lambda settings: settings.principals == "store",
    single_use=False,
    renewable=True,
    repeatable=True,
    default_headers=("Authorization", "Sec-Websocket-Protocol"),
    insecure={
        "insecure_outlive_keys": "a socket stays open although the key of its token was dropped, for "
        "example because it was stolen",
        "insecure_missing_audience": "a token for any other service of the provider is valid here too",
        "insecure_missing_type": "a refresh token opens a socket as an access token does",
    },
    remarks=_remarks,
)
