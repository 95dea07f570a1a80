"""The tables and options of a configuration file, with their types.

The default of an option is defined once, in the class that it configures: `Guard`, `Limits`,
`SessionService`, `Passwords` and the authenticators. An omitted option is not passed on.

TOML has no null. An option that is None in Python is `false` in a file.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, TypeAlias, get_type_hints

import msgspec
from msgspec import UNSET, Struct, UnsetType

from stormdoor.config.factor_shape import SecondFactorTable, Secrets
from stormdoor.config.oauth_shape import OAuthTable
from stormdoor.config.oidc_shape import OidcTable
from stormdoor.config.proof_shape import (
    CertificateTable,
    DpopTable,
    ForwardedCertificateTable,
    ProxyTable,
    SignedRequestTable,
)
from stormdoor.config.secret import SecretTable
from stormdoor.core.limits import EndpointLimits, Limits

__all__ = [
    "ApiKeyTable",
    "AuthenticatorTable",
    "ConfigFile",
    "ForbidTable",
    "JwtKeyTable",
    "JwtTable",
    "LimitsTable",
    "OwnProtocolTable",
    "PasswordsTable",
    "PermitTable",
    "PoliciesTable",
    "RequireTable",
    "RoleTable",
    "SessionTable",
    "SessionsTable",
    "TicketTable",
    "options",
]

Secret: TypeAlias = SecretTable | str
"""A text in place of a secret is parsed, so that its refusal has a helpful message."""

_SET = {hint: hint.__args__[0] for hint in get_type_hints(EndpointLimits).values()}
"""A limit that is None in Python, because it is not set, is omitted from the file."""


def _limits_table(name: str, table: str, limits: type, **hints: Any) -> type[Struct]:
    """Make the table of a dataclass of limits. A new limit then needs no line here."""
    found = get_type_hints(limits)
    return msgspec.defstruct(
        name,
        [
            (
                one.name,
                hints.get(one.name, _SET.get(found[one.name], found[one.name])) | UnsetType,
                UNSET,
            )
            for one in dataclasses.fields(limits)
        ],
        namespace={"__doc__": f"`[{table}]`: see `stormdoor.core.limits.{limits.__name__}`."},
        frozen=True,
        forbid_unknown_fields=True,
        module=__name__,
    )


OwnProtocolTable = _limits_table("OwnProtocolTable", "limits.own_protocol", EndpointLimits)
LimitsTable = _limits_table(
    "LimitsTable",
    "limits",
    Limits,
    connection_seconds=float | bool,
    own_protocol=OwnProtocolTable,
)


class SessionsTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[sessions]`: see `SessionService`, and for the last three `CookieSpec`."""

    idle_seconds: float | UnsetType = UNSET
    absolute_seconds: float | UnsetType = UNSET
    max_sessions: int | UnsetType = UNSET
    cookie: str | UnsetType = UNSET
    samesite: str | UnsetType = UNSET
    insecure_plaintext: bool | UnsetType = UNSET


class PasswordsTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[passwords]`: see `Passwords`, and for the last three `Argon2Cost`."""

    min_length: int | UnsetType = UNSET
    max_bytes: int | UnsetType = UNSET
    threads: int | UnsetType = UNSET
    queue: int | UnsetType = UNSET
    memory_kib: int | UnsetType = UNSET
    passes: int | UnsetType = UNSET
    lanes: int | UnsetType = UNSET


class SessionTable(
    Struct, frozen=True, forbid_unknown_fields=True, tag="session", tag_field="kind"
):
    """The session cookie. Its attributes are in `[sessions]`."""


class TicketTable(Struct, frozen=True, forbid_unknown_fields=True, tag="ticket", tag_field="kind"):
    """Single-use tickets for browsers."""


class ApiKeyTable(Struct, frozen=True, forbid_unknown_fields=True, tag="api-key", tag_field="kind"):
    """API keys."""


class JwtKeyTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One key of `keys`: see `JwtKey`.

    Attributes:
        algorithm: Its algorithm.
        kid: Its name in the header of tokens.
        secret: The secret, for `HS…`.
        public_key_file: For all others: a PEM file with the public key.
    """

    algorithm: str
    kid: str | None = None
    secret: Secret | None = None
    public_key_file: str | None = None


class JwtTable(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="jwt", tag_field="kind"
):
    """JSON Web Tokens: see `JwtAuthenticator`."""

    keys: list[JwtKeyTable]
    issuer: str
    audience: str | list[str]
    header: str | UnsetType = UNSET
    insecure_query: str | UnsetType = UNSET
    types: list[str | bool] | UnsetType = UNSET
    leeway: float | UnsetType = UNSET
    max_age: float | bool | UnsetType = UNSET
    single_use: bool | UnsetType = UNSET
    principals: Literal["claims", "store"] | UnsetType = UNSET
    roles_claim: str | bool | UnsetType = UNSET
    tenant_claim: str | bool | UnsetType = UNSET
    scope_claim: str | bool | UnsetType = UNSET
    attributes_claims: list[str] | UnsetType = UNSET
    session_claim: str | bool | UnsetType = UNSET
    certificate_bound: Literal["accepted", "required"] | UnsetType = UNSET
    dpop: DpopTable | UnsetType = UNSET
    cache: int | UnsetType = UNSET


AuthenticatorTable: TypeAlias = (
    SessionTable
    | TicketTable
    | ApiKeyTable
    | JwtTable
    | OAuthTable
    | SignedRequestTable
    | CertificateTable
    | ProxyTable
)


class RoleTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[policies.role]]`: see `role`."""

    name: str
    grants: list[str] = []
    inherits: list[str] = []
    tenant: str | None = None
    across_tenants: bool = False


class RequireTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`require = { ... }` and `unless = { ... }`: see `require`."""

    fresh: str | float | None = None
    strength: int | None = None
    acr: str | None = None


class PermitTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[policies.permit]]`: see `permit`."""

    permissions: list[str]
    roles: list[str] | None = None
    when: str | list[str] | None = None
    require: RequireTable | None = None
    id: str | None = None
    across_tenants: bool = False


class ForbidTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[policies.forbid]]`: see `forbid`."""

    permissions: list[str]
    roles: list[str] | None = None
    when: str | list[str] | None = None
    unless: RequireTable | None = None
    id: str | None = None


class PoliciesTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[policies]`: roles and policies, in their order of evaluation."""

    role: list[RoleTable] = []
    permit: list[PermitTable] = []
    forbid: list[ForbidTable] = []


class ConfigFile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole file: see `Guard`."""

    store: Secret | UnsetType = UNSET
    production: bool | UnsetType = UNSET
    origins: list[str] | UnsetType = UNSET
    hosts: list[str] | UnsetType = UNSET
    trusted_proxies: list[str] | UnsetType = UNSET
    forwarded_certificate: ForwardedCertificateTable | UnsetType = UNSET
    trail_key: Secret | UnsetType = UNSET
    trail_days: float | bool | UnsetType = UNSET
    store_limit_bytes: int | UnsetType = UNSET
    clock_skew_seconds: float | UnsetType = UNSET
    ticket_seconds: float | UnsetType = UNSET
    secrets_key: Secrets | UnsetType = UNSET
    fast: bool | UnsetType = UNSET
    insecure_allow_plaintext: bool | UnsetType = UNSET
    insecure_allow_missing_origin: bool | UnsetType = UNSET
    insecure_allow_any_host: bool | UnsetType = UNSET
    limits: LimitsTable = msgspec.field(default_factory=LimitsTable)  # type: ignore[valid-type]
    sessions: SessionsTable = SessionsTable()
    passwords: PasswordsTable = PasswordsTable()
    second_factor: SecondFactorTable = SecondFactorTable()
    authenticators: list[AuthenticatorTable] = []
    oidc: OidcTable | UnsetType = UNSET
    policies: PoliciesTable = PoliciesTable()


def options(table: Struct, *without: str) -> dict[str, Any]:
    """Return the written options of a table by name, with `false` as None.

    Args:
        table: Part of a file.
        without: Names to omit.
    """
    found: dict[str, Any] = {}
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if value is UNSET or name in without:
            continue
        found[name] = value
    return found
