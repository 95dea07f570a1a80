"""The tables and options of a configuration file, with their types.

The default of an option is defined once, in the class that it configures: `Guard`, `Limits`,
`SessionService`, `Passwords` and the authenticators. An omitted option is not passed on.

TOML has no null. An option that is None in Python is `false` in a file.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal, TypeAlias, get_type_hints

import msgspec
from msgspec import UNSET, Struct, UnsetType

from stormdoor.auth.mtls.settings import ForwardedCertificateTable
from stormdoor.config.factor_shape import SecondFactorTable, Secrets
from stormdoor.config.oidc_shape import OidcTable
from stormdoor.core.limits import EndpointLimits, Limits
from stormdoor.settings.secret import SecretTable

__all__ = [
    "ConfigFile",
    "ForbidTable",
    "LimitsTable",
    "LoginTable",
    "MessagesTable",
    "OwnProtocolTable",
    "PasswordsTable",
    "PermitTable",
    "PoliciesTable",
    "ProtectTable",
    "PublicTable",
    "RequireTable",
    "RoleTable",
    "RunTable",
    "SessionsTable",
    "TelemetryTable",
    "TransportSessionTable",
]

Secret: TypeAlias = SecretTable | str
"""A text is also accepted here, so that it is refused later with a helpful message."""

Freshness: TypeAlias = Annotated[
    str,
    msgspec.Meta(extra_json_schema={"pattern": r"^(strict|none|\d+(\.\d*)?|\.\d+)$"}),
]
"""A text that `read_freshness` accepts. The pattern is for the schema: the function has a better message."""

_SET = {hint: hint.__args__[0] for hint in get_type_hints(EndpointLimits).values()}
"""Types of the limits of `EndpointLimits` in a file: None is not written in TOML, but left out."""


def _limits_table(name: str, table: str, limits: type, **hints: Any) -> type[Struct]:
    """Return the table for a dataclass of limits, with one option for each field."""
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


class PublicTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`{ public = "REASON" }`, in place of a permission: see `public`."""

    public: str


class TransportSessionTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[protect.transports."/poll"]`: where the requests of an HTTP transport name their session."""

    session: Literal["none", "json", "query", "path"]
    name: str | UnsetType = UNSET


class MessagesTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[protect.messages]]`: see `MessagePermissions`."""

    path: str
    format: Literal[
        "json", "jupyter", "socketio", "socketio-msgpack", "sockjs", "bokeh", "yjs", "opaque"
    ]
    type: str | UnsetType = UNSET
    permissions: dict[str, str] = {}
    default: str | UnsetType = UNSET
    refused: Literal["drop", "close"] = "drop"
    answer: str | UnsetType = UNSET
    resource: str | UnsetType = UNSET


Declared: TypeAlias = str | PublicTable


class ProtectTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[protect]`: see `Protection`. Handlers are named by the path pattern of their route."""

    permission: Declared | UnsetType = UNSET
    permissions: dict[str, Declared] = {}
    first_message: list[str] = []
    receive_only: list[str] = []
    limits: dict[str, OwnProtocolTable] = {}  # type: ignore[valid-type]
    transports: dict[str, TransportSessionTable] = {}
    pages: str | bool | dict[str, Declared] | UnsetType = UNSET
    insecure_unguarded_pages: bool = False
    messages: list[MessagesTable] = []


class TelemetryTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[telemetry]`: see `stormdoor.otel`. An empty one exports handshakes and metrics."""

    message_ratio: float = 0.0


class RunTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[run]`: options of `stormdoor run`. Everything else that reads the file leaves it out."""

    tls: Literal["self-signed"] | UnsetType = UNSET


class LoginTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[login]`: see `LoginAppearance`; `passwords` is the argument `password_login` of `Guard`."""

    name: str | UnsetType = UNSET
    color: str | UnsetType = UNSET
    notice: str | UnsetType = UNSET
    passwords: bool | UnsetType = UNSET


class ConfigFile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole file: see `Guard`."""

    preset: str | UnsetType = UNSET
    stormdoor_run: bool | UnsetType = UNSET
    store: Secret | UnsetType = UNSET
    production: bool | UnsetType = UNSET
    origins: list[str] | UnsetType = UNSET
    hosts: list[str] | UnsetType = UNSET
    trusted_proxies: list[str] | UnsetType = UNSET
    forwarded_certificate: ForwardedCertificateTable | UnsetType = UNSET
    trail_key: Secret | UnsetType = UNSET
    trail_days: float | bool | UnsetType = UNSET
    store_limit_bytes: int | UnsetType = UNSET
    trail_budget_bytes: int | UnsetType = UNSET
    clock_skew_seconds: float | UnsetType = UNSET
    ticket_seconds: float | UnsetType = UNSET
    hold_seconds: float | UnsetType = UNSET
    freshness: dict[str, Freshness] | UnsetType = UNSET
    secrets_key: Secrets | UnsetType = UNSET
    fast: bool | UnsetType = UNSET
    insecure_allow_plaintext: bool | UnsetType = UNSET
    insecure_allow_missing_origin: bool | UnsetType = UNSET
    insecure_allow_any_host: bool | UnsetType = UNSET
    limits: LimitsTable = msgspec.field(default_factory=LimitsTable)  # type: ignore[valid-type]
    sessions: SessionsTable = SessionsTable()
    passwords: PasswordsTable = PasswordsTable()
    second_factor: SecondFactorTable = SecondFactorTable()
    telemetry: TelemetryTable | UnsetType = UNSET
    authenticators: list[dict[str, Any]] = []
    oidc: OidcTable | list[OidcTable] | UnsetType = UNSET
    login: LoginTable = LoginTable()
    run: RunTable = RunTable()
    policies: PoliciesTable = PoliciesTable()
    protect: ProtectTable = ProtectTable()
