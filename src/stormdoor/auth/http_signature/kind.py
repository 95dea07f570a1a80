"""The kind `signed-request` of a configuration file."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from stormdoor.auth.http_signature.account_keys import AccountKeys
from stormdoor.auth.http_signature.request_key import RequestKey
from stormdoor.auth.http_signature.signed_request import SignedRequestAuthenticator
from stormdoor.auth.jose.settings import JwtKeyTable, build_key
from stormdoor.auth.kind import Kind, Settings
from stormdoor.core.permission import check_pattern
from stormdoor.core.principal import Principal
from stormdoor.settings.section import Section, options

__all__ = ["KIND", "RequestKeyTable", "SignedRequestSettings"]

Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class RequestKeyTable(JwtKeyTable, frozen=True, kw_only=True):
    """A table in `keys`: see `RequestKey`, and `JwtKey` for its cryptographic key."""

    kid: str
    principal: str
    roles: list[str] | None = None
    tenant: str | None = None
    device_id: str | None = None
    scopes: list[str] | None = None
    issued_at: Moment | None = None
    expires_at: Moment | None = None


class SignedRequestSettings(Settings, frozen=True, kw_only=True):
    """Signed handshakes: see `SignedRequestAuthenticator`."""

    keys: list[RequestKeyTable] = msgspec.field(default_factory=list)
    accounts: str | UnsetType = UNSET
    headers: list[str] | UnsetType = UNSET
    max_age: float | UnsetType = UNSET
    ahead: float | UnsetType = UNSET
    tag: str | UnsetType = UNSET


def _build(settings: SignedRequestSettings, section: Section) -> SignedRequestAuthenticator | None:
    found = options(settings, "keys", "accounts")
    if (settings.accounts is UNSET) == (not settings.keys):
        section.at("keys").wrong(
            "keys stand either here or in accounts; write keys = "
            '[{ algorithm = "EdDSA", kid = "d7", public_key_file = "d7.pem", principal = "d7" }], '
            'or accounts = "request_keys"'
        )
    keys = [
        key
        for position, one in enumerate(settings.keys)
        if (key := _request_key(one, section.at("keys", position))) is not None
    ]
    accounts = settings.accounts
    source = keys if isinstance(accounts, UnsetType) else section.attempt(AccountKeys, accounts)
    return None if source is None else section.make(SignedRequestAuthenticator, source, **found)


def _request_key(table: RequestKeyTable, section: Section) -> RequestKey | None:
    for position, pattern in enumerate(table.scopes or ()):
        section.at("scopes", position).attempt(check_pattern, pattern)
    if table.tenant is not None and table.roles is None:
        section.at("tenant").wrong(
            "without roles, the account of the principal says the tenant, too"
        )
    key = build_key(table, section)
    if key is None:
        return None
    return section.make(
        RequestKey,
        key=key,
        principal=(
            table.principal
            if table.roles is None
            else Principal(table.principal, frozenset(table.roles), table.tenant)
        ),
        device_id=table.device_id,
        scopes=None if table.scopes is None else frozenset(table.scopes),
        issued_at=_seconds(table.issued_at) or 0.0,
        expires_at=_seconds(table.expires_at),
    )


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


KIND = Kind(
    name="signed-request",
    settings=SignedRequestSettings,
    build=_build,
    ambient=False,
    needs_store=True,
    single_use=True,
    renewable=True,
    repeatable=True,
    default_headers=("Signature",),
)
